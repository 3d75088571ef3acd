// SPDX-License-Identifier: GPL-2.0-or-later
/* Events of a watch, one JSON object on one line each; docs/schema.md names every member. */
#include "output/build.h"
#include "output/event_formats.h"

static void put_process(struct builder top, const char *key, const struct tocsin_event_process *p)
{
	struct builder b = open_object(top, key);

	put_u64(b, "pid", (uint32_t)p->pid);
	put_u64(b, "start_time", p->start_time);
	put_u64(b, "ppid", (uint32_t)p->ppid);
	if (p->parent_start_time)
		put_u64(b, "parent_start_time", p->parent_start_time);
	put_u64(b, "uid", p->uid);
	put_u64(b, "euid", p->euid);
	put_text(b, "comm", p->comm);
	put_text(b, "exe", p->exe);
	put_bool(b, "exe_deleted", p->exe_deleted);
	put_bool(b, "exe_memfd", p->exe_memfd);
	put_bool(b, "kernel_thread", p->kernel_thread);
	put_bool(b, "stdin_socket", p->stdin_socket);
	tocsin_json_arguments(b, p->cmdline, p->cmdline_size);
	put_text(b, "container", p->container);
	put_text(b, "confidence", tocsin_confidence_name(p->confidence));
}

static void put_socket(struct builder top, const struct tocsin_event_socket *s)
{
	struct builder b = open_object(top, "socket");

	put_u64(b, "id", s->id);
	put_u64(b, "seen", s->seen);
	put_text(b, "direction", tocsin_direction_name(s->direction));
	tocsin_json_socket(b, &s->socket);
	put_text(b, "confidence", tocsin_confidence_name(s->confidence));
}

static void put_account(struct builder top, const struct tocsin_event_account *a)
{
	struct builder b = open_object(top, "account");

	put_u64(b, "samples", a->samples);
	put_u64(b, "failed", a->failed);
	put_u64(b, "period", a->period);
	put_u64(b, "longest", a->longest);
	put_u64(b, "cost", a->cost);
	put_u64(b, "processes", a->processes);
	put_u64(b, "sockets", a->sockets);
	put_u64(b, "started", a->started);
	if (a->forks_known)
		put_u64(b, "forks", a->forks);
	put_u64(b, "connected", a->connected);
	if (a->opens_known)
		put_u64(b, "opens", a->opens);
	put_u64(b, "strangers", a->strangers);
	put_u64(b, "torn", a->torn);
}

int tocsin_event_json(FILE *to, const struct tocsin_event *e)
{
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};

	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "kind", "event");
	put_text(b, "event", tocsin_event_kind_name(e->kind));
	put_u64(b, "since", e->since);
	put_u64(b, "time", e->time);
	put_bool(b, "initial", e->initial);
	put_text(b, "guest", e->guest);
	put_u64(b, "boot", e->boot);
	if (e->process)
		put_process(b, "process", e->process);
	if (e->other)
		put_process(b, "other", e->other);
	if (e->socket)
		put_socket(b, e->socket);
	if (e->fd >= 0)
		put_u64(b, "fd", (uint64_t)e->fd);
	if (e->finding)
		put(b, "finding", tocsin_json_finding(e->finding, &bad));
	if (e->account)
		put_account(b, e->account);
	if (e->detail[0])
		put_text(b, "detail", e->detail);
	return write_line(to, b);
}
