// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/trace_reader.h"
#include "base/clock.h"
#include "cli/trace_graph.h"
#include "cli/trace_wire.h"
#include "dispatch/kernels.h"
#include "dispatch/packet.h"
#include "dispatch/sandbox.h"
#include "memory/memory.h"
#include "provenance/flow.h"
#include "trace/functions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MEMORY (1ull << 30) /* of its own, in bytes */

_Static_assert(TRACE_GRAPH_FUNCTIONS >= TRACE_FUNCTIONS, "gaps of all of them");
_Static_assert(TOCSIN_TRACE_FUNCTIONS_MAX <= TRACE_FUNCTIONS, "those by default");

struct reader {
	const struct trace_reader_settings *s;
	int socket;
	struct tocsin_memory *memory;
	struct tocsin_kernel_store store;
	struct tocsin_kernel *kernel;
	struct tocsin_who_cache *who;
	struct tocsin_traced functions[TRACE_FUNCTIONS];
	size_t count;
	struct trace_graph *graph;        /* NULL: none, or not begun */
	struct tocsin_trace_flows *flows; /* NULL: nothing is captured */
};

static struct tocsin_packet in, out;
static uint8_t message[TOCSIN_MESSAGE_MAX];
static struct trace_seen seen; /* large */

/* The hand is gone, or does not want it any more. */
static _Noreturn void end(void)
{
	_exit(0);
}

static void flush(struct reader *r)
{
	if (tocsin_packet_send(&out, r->socket, 0))
		end();
}

/* Answer what is in `message`, with the next packet. */
static void say(struct reader *r, size_t size)
{
	if (tocsin_packet_say(&out, r->socket, message, size))
		end();
}

static void say_done(struct reader *r, int rc, const struct tocsin_error *err)
{
	struct trace_done done = {.error = (uint32_t)-rc};

	snprintf(done.kept, sizeof(done.kept), "%s", r->store.kept);
	snprintf(done.text, sizeof(done.text), "%s", rc ? err->message : "");
	say(r, trace_put_done(message, &done));
	flush(r);
	if (rc)
		end();
	r->store.kept[0] = '\0';
}

static int take_event(const struct tocsin_trace_event *e, void *context)
{
	say(context, trace_put_event(message, e));
	return 0;
}

/* ---- what it is asked ---- */

static int begin_graph(struct reader *r, const struct trace_ask *a, struct tocsin_error *err)
{
	struct tocsin_trace_flow_settings flows = {
	    .guest = r->s->guest, .live = true, .only_hardware = a->only_hardware};
	int rc = trace_graph_open(r->s->guest, r->kernel, r->who, a->time, take_event, r, &r->graph,
				  err);

	if (rc || !a->captures)
		return rc;
	flows.boot = trace_graph_boot(r->graph);
	r->flows = tocsin_trace_flows_new(&flows, trace_graph_wire, r->graph);
	return r->flows ? 0 : tocsin_error_set(err, -ENOMEM, "no memory for flows");
}

/* What the arguments lead to now, a little after the call. */
static void read_objects(struct reader *r, const struct tocsin_function *f,
			 const struct tocsin_traced_call *c)
{
	const uint64_t values[TRACE_ARGUMENTS] = {c->rdi, c->rsi, c->rdx};
	unsigned int known = c->wide ? TRACE_ARGUMENTS : 1;
	uint64_t task = seen.who.found == TOCSIN_WHO_NOW ? seen.who.task : 0;

	for (unsigned int i = 0; i < TRACE_ARGUMENTS; i++) {
		const char *type = f->parameters[i].target;

		seen.has[i] =
		    f->typed && i < f->count && i < known && type[0] &&
		    !tocsin_object_read(r->kernel, type, values[i], task, &seen.objects[i]);
	}
}

static int look_at_call(struct reader *r, const struct trace_ask *a)
{
	const struct tocsin_traced *f = &r->functions[a->function];
	uint64_t now = tocsin_realtime();

	if (r->graph)
		return tocsin_traced_events_call(trace_graph_events(r->graph), f->name,
						 &f->function, &a->call, a->time, now);
	seen.after = a->time < now ? now - a->time : 0;
	tocsin_who_find(r->who, a->call.rsp, (int64_t)now, seen.after, &seen.who);
	read_objects(r, &f->function, &a->call);
	say(r, trace_put_seen(message, &seen));
	return 0;
}

static int end_graph(struct reader *r, uint64_t now)
{
	struct tocsin_trace_flow_counts flows = {0};
	struct trace_counts counts = {0};
	int rc = r->flows ? tocsin_trace_flows_end(r->flows) : 0;

	if (!rc)
		rc = trace_graph_end(r->graph, now, &counts.stats);
	if (r->flows)
		tocsin_trace_flows_counts(r->flows, &flows);
	counts.packets = flows.packets;
	counts.flows = flows.flows;
	counts.early = flows.early;
	counts.untold = flows.untold;
	counts.names = flows.names;
	say(r, trace_put_counts(message, &counts));
	return rc;
}

static int treat_captured(struct reader *r, const struct trace_ask *a)
{
	if (!r->flows)
		return -EPROTO;
	if (a->kind == TRACE_ASK_PACKET)
		return tocsin_trace_flows_packet(r->flows, a->time, (int)a->link, a->bytes,
						 a->size);
	if (a->kind == TRACE_ASK_FLOWS)
		return tocsin_trace_flows_tell(r->flows, a->time);
	tocsin_trace_flows_hardware(r->flows, a->bytes);
	return 0;
}

static int treat_for_graph(struct reader *r, const struct trace_ask *a)
{
	const char *why = a->why[0] ? a->why : NULL;

	if (!r->graph)
		return -EPROTO;
	switch (a->kind) {
	case TRACE_ASK_COLLECTED:
		return trace_graph_collected(r->graph, a->function, r->functions[a->function].name,
					     why, a->time);
	case TRACE_ASK_LOST:
		return tocsin_traced_events_gap(trace_graph_events(r->graph), a->time, a->until,
						a->lost, a->why);
	case TRACE_ASK_COMMIT:
		return trace_graph_commit(r->graph, a->time, a->until);
	case TRACE_ASK_END:
		return end_graph(r, a->time);
	default:
		return treat_captured(r, a);
	}
}

static int treat(struct reader *r, const struct trace_ask *a, struct tocsin_error *err)
{
	if (a->function >= r->count)
		return -EPROTO;
	switch (a->kind) {
	case TRACE_ASK_FLUSH:
		tocsin_memory_flush(r->memory);
		return 0;
	case TRACE_ASK_CALL:
		return look_at_call(r, a);
	case TRACE_ASK_BEGIN:
		return r->graph || !r->s->graph ? -EPROTO : begin_graph(r, a, err);
	default:
		return treat_for_graph(r, a);
	}
}

static _Noreturn void answer(struct reader *r)
{
	struct tocsin_error err = {0};
	struct trace_ask ask;
	const uint8_t *bytes;
	size_t size;
	int rc;

	for (;;) {
		if (tocsin_packet_receive(&in, r->socket, 0) <= 0)
			end();
		while ((rc = tocsin_packet_next(&in, &bytes, &size)) > 0) {
			rc = trace_get_ask(bytes, size, &ask);
			if (!rc)
				rc = treat(r, &ask, &err);
			if (rc)
				break;
		}
		say_done(r, rc, &err);
	}
}

/* ---- beginning ---- */

static int find_kernel(struct reader *r, struct tocsin_error *err)
{
	const char *defaults[TOCSIN_TRACE_FUNCTIONS_MAX], *const *names = r->s->names;
	int rc = r->s->find(r->memory, 0, &r->store, &r->kernel, err);

	if (!rc)
		rc = tocsin_who_open(r->kernel, &r->who, err);
	if (rc)
		return rc;
	r->count = r->s->count;
	if (!r->count) {
		r->count = tocsin_trace_functions(r->kernel, r->s->uses, defaults);
		names = defaults;
	}
	for (size_t i = 0; i < r->count; i++) {
		tocsin_traced_find(r->kernel, names[i], &r->functions[i]);
		say(r, trace_put_found(message, &r->functions[i]));
	}
	return 0;
}

static int confine(struct reader *r, struct tocsin_error *err)
{
	const struct tocsin_sandbox_limits limits = {.memory = MEMORY,
						     .file_size = TOCSIN_STORE_BYTES};
	const struct trace_reader_settings *s = r->s;
	char folder[256], name[16];
	int rc;

	snprintf(name, sizeof(name), "tocsin-r-%" PRIu32, s->domid);
	prctl(PR_SET_NAME, name);
	tocsin_sandbox_mute(s->keep_stderr);
	rc = tocsin_sandbox_keep(&r->socket, 1, err);
	if (rc)
		return rc;
	tocsin_sandbox_offer();
	rc = s->open(s->domid, &r->memory, err);
	if (rc)
		return rc;
	if (s->cache && tocsin_kernels_folder(s->cache, s->uuid, folder, sizeof(folder)))
		tocsin_kernel_store_open(&r->store, folder);
	return tocsin_sandbox_enter(TOCSIN_SANDBOX_WORKER, TOCSIN_UID_READERS + s->domid, &limits,
				    err);
}

void trace_reader_run(const struct trace_reader_settings *s, int socket)
{
	static struct reader r; /* large */
	struct tocsin_error err = {0};
	int rc;

	r = (struct reader){.s = s, .socket = socket, .store.to = -1};
	rc = confine(&r, &err);
	if (!rc)
		rc = find_kernel(&r, &err);
	say_done(&r, rc, &err);
	answer(&r);
}
