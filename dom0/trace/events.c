// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/events.h"
#include "trace/moment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOUBT_TIME 20000000u /* nanoseconds for which who is gone cannot be told surely */
#define LOOK_TIME 5000000u   /* nanoseconds */

typedef int take_kind(struct trace_moment *m);

int tocsin_traced_events_open(struct tocsin_kernel *k, struct tocsin_who_cache *who,
			      const struct tocsin_traced_settings *settings,
			      tocsin_trace_take *take, void *context,
			      struct tocsin_traced_events **ret)
{
	struct tocsin_traced_events *ev = calloc(1, sizeof(*ev));

	if (!ev)
		return -ENOMEM;
	ev->k = k;
	ev->who = who;
	ev->clock = settings->clock;
	ev->first_ns = tocsin_first_namespace(k);
	trace_protocols_find(ev);
	trace_uses_open(ev);
	ev->sink = (struct trace_sink){.ports = &ev->ports,
				       .guest = settings->guest,
				       .boot = settings->boot,
				       .take = take,
				       .context = context};
	*ret = ev;
	return 0;
}

void tocsin_traced_events_close(struct tocsin_traced_events *ev)
{
	if (ev) {
		trace_queue_clear(&ev->queue);
		trace_uses_close(ev);
	}
	free(ev);
}

uint64_t trace_clock(const struct trace_moment *m)
{
	uint64_t now = m->ev->clock ? m->ev->clock() : m->now;

	return now > m->now ? now : m->now;
}

struct trace_pending *trace_begin(struct trace_moment *m)
{
	struct trace_pending *p = calloc(1, sizeof(*p));
	const struct tocsin_who *who = &m->who;

	if (!p)
		p = &m->ev->spare;
	p->kind = m->row->kind;
	p->time = p->since = m->time;
	p->number = m->call->seq;
	p->stack = tocsin_who_stack(m->ev->who, m->call->rsp);
	p->resolved = who->found == TOCSIN_WHO_NOW || who->found == TOCSIN_WHO_BEFORE;
	p->has_who = true;
	/* Nobody known: one for each stack, which is in no other's place. */
	p->who =
	    (struct tocsin_event_process){.pid = who->pid,
					  .start_time = p->resolved ? who->start_time : p->stack,
					  .uid = p->resolved ? who->uid : UINT32_MAX,
					  .euid = p->resolved ? who->euid : UINT32_MAX};
	memcpy(p->who_comm, who->comm, sizeof(p->who_comm));
	if (m->ev->doubt && m->time - m->ev->doubt < DOUBT_TIME)
		p->resolved = false;
	p->who_resolved = p->resolved;
	p->told = trace_uses_told(m->ev, m->time);
	return p;
}

void trace_drop(struct trace_moment *m, struct trace_pending *p)
{
	if (p == &m->ev->spare)
		trace_pending_clear(p);
	else
		trace_pending_free(p);
}

int trace_add(struct trace_moment *m, struct trace_pending *p)
{
	struct tocsin_traced_events *ev = m->ev;

	if (p == &ev->spare) {
		trace_pending_clear(p);
		return -ENOMEM;
	}
	if (!p->read)
		p->read = trace_clock(m);
	/* More than a guest makes between two readings: what comes first goes without proof. */
	if (ev->queue.count >= TRACE_PENDING_MAX) {
		int rc = trace_queue_commit(&ev->queue, ev->queue.rows[TRACE_PENDING_MAX / 2]->time,
					    &ev->sink);

		if (rc) {
			trace_pending_free(p);
			return rc;
		}
	}
	return trace_queue_add(&ev->queue, p);
}

uint64_t trace_argument(const struct trace_moment *m, unsigned int i)
{
	return i < TOCSIN_TRACE_RECORDED && (!i || m->call->wide) ? m->args[i] : 0;
}

uint64_t trace_value(const struct trace_moment *m)
{
	return m->row->value == TOCSIN_TRACE_NO_VALUE ? 0 : trace_argument(m, m->row->value);
}

bool trace_read_object(struct trace_moment *m, const char *type, uint64_t va)
{
	uint64_t task = m->who.found == TOCSIN_WHO_NOW ? m->who.task : 0;

	return va && !tocsin_object_read(m->ev->k, type, va, task, &m->ev->object);
}

static take_kind *const takes[TOCSIN_TRACE_KINDS] = {
    [TOCSIN_TRACE_CREATED] = trace_take_created,
    [TOCSIN_TRACE_EXECUTED] = trace_take_executed,
    [TOCSIN_TRACE_EXITED] = trace_take_exited,
    [TOCSIN_TRACE_CREDENTIALS] = trace_take_credentials,
    [TOCSIN_TRACE_SIGNAL] = trace_take_other,
    [TOCSIN_TRACE_PTRACE] = trace_take_other,
    [TOCSIN_TRACE_OPENED] = trace_take_opened,
    [TOCSIN_TRACE_RELEASED] = trace_take_released,
    [TOCSIN_TRACE_RENAMED] = trace_take_renamed,
    [TOCSIN_TRACE_LINKED] = trace_take_linked,
    [TOCSIN_TRACE_UNLINKED] = trace_take_unlinked,
    [TOCSIN_TRACE_MODE] = trace_take_mode,
    [TOCSIN_TRACE_MAPPED] = trace_take_mapped,
    [TOCSIN_TRACE_MODULE] = trace_take_code,
    [TOCSIN_TRACE_BPF] = trace_take_code,
    [TOCSIN_TRACE_BOUND] = trace_take_socket,
    [TOCSIN_TRACE_LISTENING] = trace_take_socket,
    [TOCSIN_TRACE_ACCEPTED] = trace_take_socket,
    [TOCSIN_TRACE_CONNECTED] = trace_take_socket,
    [TOCSIN_TRACE_CLOSED] = trace_take_closed,
    [TOCSIN_TRACE_READ] = trace_take_file_use,
    [TOCSIN_TRACE_WRITTEN] = trace_take_truncated,
    [TOCSIN_TRACE_SHARED] = trace_take_splice,
    [TOCSIN_TRACE_SENT] = trace_take_socket_use,
    [TOCSIN_TRACE_RECEIVED] = trace_take_socket_use,
};

static int take_made(struct trace_moment *m)
{
	if (m->row->kind == TOCSIN_TRACE_CONNECTED) {
		trace_sock_made(m);
		return trace_take_made(m);
	}
	if (m->row->kind == TOCSIN_TRACE_RENAMED) {
		trace_take_place(m);
		return 0;
	}
	trace_queue_reused(&m->ev->queue, m->va, m->time);
	m->ev->inodes_told = true;
	trace_take_inode(m);
	return 0;
}

/* What is no event of its own. */
static int take_part(struct trace_moment *m)
{
	switch (m->row->part) {
	case TOCSIN_TRACE_READS:
	case TOCSIN_TRACE_WRITES:
		trace_take_way(m);
		return 0;
	case TOCSIN_TRACE_ADDRESSES:
		return trace_take_ends(m);
	case TOCSIN_TRACE_USE:
		trace_take_use(m);
		return 0;
	case TOCSIN_TRACE_IDENTITY:
		return trace_take_identity(m);
	case TOCSIN_TRACE_CUTS:
		trace_take_place(m);
		return 0;
	case TOCSIN_TRACE_JOINED:
		trace_socket_joined(m, m->va, trace_argument(m, 1));
		return 0;
	case TOCSIN_TRACE_STREAM:
		return trace_take_stream(m);
	case TOCSIN_TRACE_BEGINS:
		return 0;
	default:
		return take_made(m);
	}
}

static bool is_event(enum tocsin_trace_part part)
{
	return part == TOCSIN_TRACE_WHOLE || part == TOCSIN_TRACE_COMPLETES ||
	       part == TOCSIN_TRACE_MEMORY || part == TOCSIN_TRACE_ASKED ||
	       part == TOCSIN_TRACE_FIRST;
}

static int take_whole(struct trace_moment *m)
{
	struct tocsin_traced_events *ev = m->ev;

	if (m->now - ev->looked > LOOK_TIME || m->time > ev->looked)
		ev->looked = m->now;
	tocsin_who_find(ev->who, m->call->rsp, (int64_t)ev->looked, ev->looked - m->time, &m->who);
	if (m->row->kind != TOCSIN_TRACE_CONNECTED)
		trace_ends_forget(m);
	return takes[m->row->kind](m);
}

int tocsin_traced_events_call(struct tocsin_traced_events *ev, const char *name,
			      const struct tocsin_function *f,
			      const struct tocsin_traced_call *call, uint64_t time, uint64_t now)
{
	struct trace_moment m = {.ev = ev,
				 .row = tocsin_trace_function_row(name),
				 .function = f,
				 .call = call,
				 .args = {call->rdi, call->rsi, call->rdx},
				 .time = time < now ? time : now,
				 .now = now};
	int object;

	ev->calls++;
	ev->delay += now > time ? now - time : 0;
	if (now > time && now - time > ev->delay_most)
		ev->delay_most = now - time;
	if (!m.row || !takes[m.row->kind])
		return 0;
	object = tocsin_trace_function_object(m.row, f);
	if (m.row->object && object >= 0)
		m.va = trace_argument(&m, (unsigned int)object);
	return is_event(m.row->part) ? take_whole(&m) : take_part(&m);
}

static int add_gap(struct tocsin_traced_events *ev, uint64_t since, uint64_t until, uint64_t lost,
		   const char *name, const char *why)
{
	struct trace_pending *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->kind = TOCSIN_TRACE_GAP;
	p->since = since < until ? since : until;
	p->time = p->read = until;
	p->lost = lost;
	p->resolved = true;
	snprintf(p->detail, sizeof(p->detail), "%s%s%s", name, name[0] ? ": " : "", why);
	return trace_queue_add(&ev->queue, p);
}

static void doubt_inodes(struct tocsin_traced_events *ev, uint64_t since)
{
	ev->inodes_told = false;
	trace_queue_doubt(&ev->queue, TRACE_DOUBT_INODES, since);
}

/* What carries something of the next call of its thread was not seen. */
static void forget_carried(struct tocsin_traced_events *ev)
{
	memset(ev->opens, 0, sizeof(ev->opens));
	memset(ev->ends, 0, sizeof(ev->ends));
	memset(ev->ways, 0, sizeof(ev->ways));
}

void tocsin_traced_events_stopped(struct tocsin_traced_events *ev, const char *name, uint64_t since)
{
	const struct tocsin_trace_row *row = tocsin_trace_function_row(name);

	if (!row)
		return;
	trace_uses_stopped(ev, name, since);
	if (row->kind == TOCSIN_TRACE_CREATED)
		tocsin_who_doubt(ev->who);
	if (!is_event(row->part) && row->part < TOCSIN_TRACE_MADE)
		forget_carried(ev);
	if (row->part == TOCSIN_TRACE_MADE && row->kind == TOCSIN_TRACE_OPENED)
		doubt_inodes(ev, since);
	if (row->part == TOCSIN_TRACE_MADE && row->kind == TOCSIN_TRACE_CONNECTED)
		trace_sockets_doubt(ev, since);
	if (row->kind == TOCSIN_TRACE_CLOSED)
		trace_ports_doubt(&ev->ports);
	if (tocsin_trace_paths(row)) {
		ev->paths_untold |= tocsin_trace_paths(row);
		trace_queue_doubt(&ev->queue, TRACE_DOUBT_PATHS, since);
	}
}

void tocsin_traced_events_started(struct tocsin_traced_events *ev, const char *name, uint64_t since)
{
	const struct tocsin_trace_row *row = tocsin_trace_function_row(name);

	trace_uses_began(ev, name, since);
	if (!row || !(ev->paths_untold & tocsin_trace_paths(row)))
		return;
	ev->paths_untold &= ~tocsin_trace_paths(row);
	if (since > ev->paths_since)
		ev->paths_since = since;
}

int tocsin_traced_events_missing(struct tocsin_traced_events *ev, const char *name, uint64_t since,
				 uint64_t until, const char *why)
{
	return add_gap(ev, since, until, 0, name, why);
}

int tocsin_traced_events_gap(struct tocsin_traced_events *ev, uint64_t since, uint64_t until,
			     uint64_t lost, const char *why)
{
	tocsin_who_doubt(ev->who);
	trace_uses_doubt(ev);
	trace_sockets_doubt(ev, since);
	doubt_inodes(ev, since);
	trace_queue_doubt(&ev->queue, TRACE_DOUBT_PATHS, since);
	if (until > ev->paths_since)
		ev->paths_since = until;
	forget_carried(ev);
	return add_gap(ev, since, until, lost, "", why);
}

int tocsin_traced_events_wire(const struct tocsin_trace_event *e, void *events)
{
	const struct tocsin_traced_events *ev = events;
	int rc = ev->sink.take(e, ev->sink.context);

	return rc ? rc : trace_ports_join(&ev->ports, e, ev->sink.take, ev->sink.context);
}

int tocsin_traced_events_commit(struct tocsin_traced_events *ev, uint64_t before)
{
	return trace_queue_commit(&ev->queue, before, &ev->sink);
}

_Static_assert((int)TOCSIN_TRACE_KINDS <= TOCSIN_TRACED_KINDS, "room for all");

struct tocsin_traced_stats tocsin_traced_events_stats(const struct tocsin_traced_events *ev)
{
	struct tocsin_traced_stats s = {.calls = ev->calls,
					.delay = ev->calls ? ev->delay / ev->calls : 0,
					.delay_most = ev->delay_most,
					.count = TOCSIN_TRACE_KINDS};

	for (size_t i = 0; i < s.count; i++) {
		s.kinds[i] = tocsin_trace_kind_name((enum tocsin_trace_kind)i);
		s.events[i] = ev->sink.events[i];
		s.unresolved[i] = ev->sink.unresolved[i];
	}
	return s;
}
