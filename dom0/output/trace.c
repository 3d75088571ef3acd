// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of functions and parameters come from the guest: they are cleaned like all its text. */
#include "output/trace.h"
#include "output/build.h"

static struct builder begin(const struct tocsin_trace_line *l, const char *kind, bool *bad)
{
	struct builder b = {json_object_new_object(), bad}, domain;

	*bad = !b.o;
	put_u64(b, "schema", 1);
	put_text(b, "kind", kind);
	put_u64(b, "time", l->time);
	if (l->tsc)
		put_u64(b, "tsc", l->tsc);
	domain = open_object(b, "domain");
	put_u64(domain, "id", l->domid);
	put_text(domain, "name", l->domain);
	return b;
}

static int end(FILE *to, struct builder b)
{
	const char *text = *b.bad
			       ? NULL
			       : json_object_to_json_string_ext(
				     b.o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	int rc = 0;

	if (!text)
		rc = -ENOMEM;
	else if (fputs(text, to) < 0 || putc('\n', to) < 0)
		rc = -EIO;
	json_object_put(b.o);
	return rc;
}

static void put_argument(struct builder b, const struct tocsin_trace_argument *a, unsigned int i)
{
	unsigned int unused = a->size && a->size < 8 ? 64 - 8 * a->size : 0;
	char name[4 * 64 + 1];

	snprintf(name, sizeof(name), "argument%u", i);
	if (a->name && a->name[0])
		tocsin_output_clean(a->name, strnlen(a->name, 64), name, sizeof(name));
	if (a->pointer || !a->size)
		put_hex(b, name, a->value);
	else if (a->is_signed)
		put(b, name, json_object_new_int64((int64_t)(a->value << unused) >> unused));
	else
		put_u64(b, name, a->value << unused >> unused);
}

static void put_object(struct builder top, const struct tocsin_trace_argument *a)
{
	const struct tocsin_object *o = a->object;
	char name[4 * 64 + 1];
	struct builder b;

	tocsin_output_clean(a->name, strnlen(a->name, 64), name, sizeof(name));
	b = open_object(top, name);
	switch (o->kind) {
	case TOCSIN_OBJECT_PROCESS:
		put_u64(b, "pid", (uint32_t)o->pid);
		put_u64(b, "tid", (uint32_t)o->tid);
		put_u64(b, "start_time", o->start_time);
		put_text(b, "comm", o->comm);
		break;
	case TOCSIN_OBJECT_NAME:
		put_text(b, "name", o->text);
		break;
	case TOCSIN_OBJECT_FILE:
		put_text(b, "path", o->text);
		put_u64(b, "inode", o->file.inode);
		put_u64(b, "dev_major", o->file.dev_major);
		put_u64(b, "dev_minor", o->file.dev_minor);
		put_u64(b, "mode", o->mode);
		put_bool(b, "deleted", o->file.deleted);
		put_bool(b, "memfd", o->file.memfd);
		break;
	case TOCSIN_OBJECT_SOCKET:
		tocsin_json_socket(b, &o->socket);
		break;
	case TOCSIN_OBJECT_CREDENTIALS:
		put_u64(b, "uid", o->uid);
		put_u64(b, "euid", o->euid);
		break;
	case TOCSIN_OBJECT_CODE:
		put_text(b, "name", o->text);
		if (o->id)
			put_u64(b, "id", o->id);
		break;
	case TOCSIN_OBJECT_NONE:
		break;
	}
}

static void put_objects(struct builder top, const struct tocsin_trace_call_line *c)
{
	bool any = false;
	struct builder b;

	for (unsigned int i = 0; i < c->argument_count && i < TOCSIN_TRACE_ARGUMENTS; i++)
		any = any || c->arguments[i].object;
	if (!any)
		return;
	b = open_object(top, "objects");
	for (unsigned int i = 0; i < c->argument_count && i < TOCSIN_TRACE_ARGUMENTS; i++)
		if (c->arguments[i].object)
			put_object(b, &c->arguments[i]);
	put_u64(top, "objects_after", c->after);
}

static void put_who(struct builder top, const struct tocsin_trace_call_line *c)
{
	struct builder b = open_object(top, "process");

	put_text(b, "found", c->found);
	if (!strcmp(c->found, "unknown"))
		return;
	put_u64(b, "pid", (uint32_t)c->pid);
	put_u64(b, "tid", (uint32_t)c->tid);
	put_u64(b, "start_time", c->start_time);
	put_u64(b, "uid", c->uid);
	put_text(b, "comm", c->comm);
}

int tocsin_trace_call_json(FILE *to, const struct tocsin_trace_line *l,
			   const struct tocsin_trace_call_line *c)
{
	bool bad;
	struct builder b = begin(l, "call", &bad), arguments;

	put_u64(b, "vcpu", c->vcpu);
	put_u64(b, "seq", c->seq);
	put_text(b, "function", c->function);
	if (c->event)
		put_text(b, "event", c->event);
	put_who(b, c);
	arguments = open_object(b, "arguments");
	for (unsigned int i = 0; i < c->argument_count && i < TOCSIN_TRACE_ARGUMENTS; i++)
		put_argument(arguments, &c->arguments[i], i);
	put_objects(b, c);
	if (c->cut)
		put_bool(b, "cut", true);
	return end(to, b);
}

int tocsin_trace_function_json(FILE *to, const struct tocsin_trace_line *l, const char *function,
			       bool collected, const char *why)
{
	bool bad;
	struct builder b = begin(l, "function", &bad);

	put_text(b, "function", function);
	put_bool(b, "collected", collected);
	if (why[0])
		put_text(b, "reason", why);
	return end(to, b);
}

int tocsin_trace_capture_json(FILE *to, const struct tocsin_trace_line *l, const char *interface,
			      bool captured, const char *why)
{
	bool bad;
	struct builder b = begin(l, "capture", &bad);

	if (interface[0])
		put_text(b, "interface", interface);
	put_bool(b, "captured", captured);
	if (why[0])
		put_text(b, "reason", why);
	return end(to, b);
}

int tocsin_trace_gap_json(FILE *to, const struct tocsin_trace_line *l, uint16_t vcpu,
			  const char *access, uint64_t frame, uint64_t rip)
{
	bool bad;
	struct builder b = begin(l, "gap", &bad);

	put_u64(b, "vcpu", vcpu);
	put_text(b, "access", access);
	put_hex(b, "frame", frame);
	put_hex(b, "rip", rip);
	return end(to, b);
}

int tocsin_trace_loss_json(FILE *to, const struct tocsin_trace_line *l, uint64_t lost,
			   const char *what)
{
	bool bad;
	struct builder b = begin(l, "loss", &bad);

	put_u64(b, "lost", lost);
	put_text(b, "reason", what);
	return end(to, b);
}

int tocsin_trace_state_json(FILE *to, const struct tocsin_trace_line *l,
			    const struct tocsin_trace_state_line *s)
{
	bool bad;
	struct builder b = begin(l, "trace", &bad);

	put_text(b, "state", s->on ? "on" : "off");
	put_u64(b, "functions", s->functions);
	put_u64(b, "calls", s->calls);
	put_u64(b, "missing", s->missing);
	if (s->unanswered)
		put_u64(b, "unanswered", s->unanswered);
	if (s->records)
		put_text(b, "records", s->records);
	if (s->warning[0])
		put_text(b, "warning", s->warning);
	return end(to, b);
}

static void put_counts(struct builder top, const char *name, const char *const *kinds,
		       const uint64_t *counts, size_t count)
{
	struct builder b = open_object(top, name);

	for (size_t i = 0; i < count; i++)
		if (counts[i])
			put_u64(b, kinds[i], counts[i]);
}

int tocsin_trace_graph_json(FILE *to, const struct tocsin_trace_line *l,
			    const struct tocsin_trace_graph_line *g)
{
	bool bad;
	struct builder b = begin(l, "graph", &bad), capture;

	put_counts(b, "events", g->kinds, g->events, g->count);
	put_counts(b, "unresolved", g->kinds, g->unresolved, g->count);
	put_u64(b, "delay", g->delay);
	put_u64(b, "delay_most", g->delay_most);
	if (g->captured) {
		capture = open_object(b, "capture");
		put_u64(capture, "packets", g->packets);
		put_u64(capture, "dropped", g->dropped);
		put_u64(capture, "flows", g->flows);
		put_u64(capture, "early", g->early);
		put_u64(capture, "untold", g->untold);
		put_u64(capture, "names", g->names);
	}
	return end(to, b);
}
