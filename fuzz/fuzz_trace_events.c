/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls as a hostile guest makes them, over an image that lies, to events and on into a graph.
 *
 * Input: u8 how many calls (from 128 on: the kernel is one in which memory of a closed file is
 * another's at once), then these, of 8 bytes each, then mutate.h. A call is
 *
 *   u8 function   of traced_world.h
 *   u8 who        the lowest three bits: whose stack; 8: none
 *   u8 arguments  three. Of an object: bits 0 and 1 which of its type, 4: one of any type instead,
 * 8: none, 16: its address is no canonical one. A number: itself, from 128 on the rest 14 bits
 * higher u8 time       milliseconds since the call before; 128: it is read 50 ms later, else 5 or
 * with the one before u8 bits       1: not wide, 2: commit, 4: a gap, 8: addresses are of IPv6, 16:
 * the function is not recorded any more, 32: it is again, 64: a flow was captured, 128: types are
 * not known u8 lost       how many events; of a flow: bits 0 and 1 whose port, 4: sent, 8: received
 */
#include "traced_world.h"

#include "provenance/graph.h"
#include "trace/events.h"
#include "trace/functions.h"

#define NOW 50000000000ull
#define MS 1000000ull
#define CALLS 127u
#define CALL_ACCESSES (4u << 20) /* whatever the guest says */

struct told {
	struct tocsin_provenance *graph;
	uint64_t last;
};

struct stream {
	struct traced_world *w;
	struct tocsin_traced_events *ev;
	uint64_t time, now;
	uint32_t seq;
};

static int take(const struct tocsin_trace_event *e, void *context)
{
	struct told *t = context;
	bool wire = e->source == TOCSIN_TRACE_BY_WIRE;

	check(e->since <= e->time && e->guest && e->detail);
	check(!e->file || memchr(e->file->path, 0, TOCSIN_PATH_SIZE));
	check(!e->who || memchr(e->who->comm, 0, TOCSIN_COMM_SIZE + 1));
	check(!e->other || memchr(e->other->comm, 0, TOCSIN_COMM_SIZE + 1));
	check(!e->to || memchr(e->to, 0, TOCSIN_PATH_SIZE));
	check(wire || e->time >= t->last);
	if (!wire)
		t->last = e->time;
	check(!tocsin_provenance_take(e, t->graph));
	return 0;
}

static uint64_t object_of(const struct traced_world *w, enum type type, uint8_t which)
{
	if (which & 4)
		type = TASK + which / 32 * 2 % (OTHER - TASK);
	if (which & 8)
		return 0;
	return which & 16 ? 0x1000 : w->objects[type][which % EACH];
}

static uint64_t argument_of(const struct traced_world *w, enum type type, uint8_t which, bool six)
{
	if (type == NUMBER)
		return which < 128 ? which : (uint64_t)(which - 128) << 14;
	if (type == ADDRESS && !six)
		return which * 0x01000000u | 0x0a;
	if (type == ADDRESS)
		return w->objects[SOCK][which % EACH] +
		       fixture_offset(w->f, "sock", "__sk_common.skc_v6_daddr");
	return type ? object_of(w, type, which) : 0;
}

static void type_of(const struct signature *s, bool six, struct tocsin_function *ret)
{
	static const char *const ends[] = {"saddr", "daddr", "dport"};

	for (; ret->count < 3 && s->types[ret->count]; ret->count++) {
		struct tocsin_parameter *p = &ret->parameters[ret->count];
		enum type type = s->types[ret->count];

		p->pointer = type != NUMBER && (type != ADDRESS || six);
		p->size = p->pointer ? 8 : 4;
		if (targets[type])
			snprintf(p->target, sizeof(p->target), "%s", targets[type]);
		if (s->types[0] == ADDRESS) {
			snprintf(p->name, sizeof(p->name), "%s", ends[ret->count]);
			p->size = type == NUMBER ? 2 : p->size;
		}
	}
}

static void capture(struct stream *s, uint8_t which)
{
	struct tocsin_socket socket = {.family = AF_INET,
				       .type = SOCK_DGRAM,
				       .protocol = IPPROTO_UDP,
				       .local = {10, 0, 0, 5},
				       .remote = {10, 0, 0, 9},
				       .local_port = (uint16_t)(4000 + which % 4),
				       .remote_port = 53,
				       .counted = true,
				       .bytes_sent = which & 4,
				       .bytes_received = which & 8};
	struct tocsin_trace_event e = {.kind = TOCSIN_TRACE_FLOW,
				       .source = TOCSIN_TRACE_BY_WIRE,
				       .since = s->time - which / 16 * MS,
				       .time = s->time,
				       .guest = "guest",
				       .detail = "",
				       .socket = &socket,
				       .resolved = true};

	check(!tocsin_traced_events_wire(&e, s->ev));
}

static void call(struct stream *s, const struct signature *of, const uint8_t *data)
{
	bool six = data[6] & 8;
	uint64_t before = s->w->f->accesses;
	struct tocsin_function fn = {.typed = !(data[6] & 128)};
	struct tocsin_traced_call call = {.seq = s->seq++,
					  .rsp = data[1] & 8 ? s->w->objects[SOCK][0]
							     : STACK + (data[1] % 8 << 14) + 0x3000,
					  .rdi = argument_of(s->w, of->types[0], data[2], six),
					  .rsi = argument_of(s->w, of->types[1], data[3], six),
					  .rdx = argument_of(s->w, of->types[2], data[4], six),
					  .wide = !(data[6] & 1)};

	if (fn.typed)
		type_of(of, six, &fn);
	check(!tocsin_traced_events_call(s->ev, of->name, &fn, &call, s->time, s->now));
	check(s->w->f->accesses - before < CALL_ACCESSES);
}

static void step(struct stream *s, const uint8_t *data)
{
	const struct signature *of = &signatures[data[0] % SIGNATURES];
	uint64_t before = s->time;

	s->time += data[5] % 128 * MS;
	if (s->now < s->time + (data[5] & 128 ? 50 : 5) * MS)
		s->now = s->time + (data[5] & 128 ? 50 : 5) * MS;
	call(s, of, data);
	if (data[6] & 4)
		check(!tocsin_traced_events_gap(s->ev, before, s->time, data[7], "lost"));
	if (data[6] & 16)
		tocsin_traced_events_stopped(s->ev, of->name, s->time);
	if (data[6] & 32)
		tocsin_traced_events_started(s->ev, of->name, s->time);
	if (data[6] & 2)
		check(!tocsin_traced_events_commit(s->ev, before));
	if (data[6] & 64)
		capture(s, data[7]);
}

/* All that is traced is called here, too. */
static void check_signatures(struct traced_world *w)
{
	const char *names[TOCSIN_TRACE_FUNCTIONS_MAX];
	size_t count = tocsin_trace_functions(&w->f->k, true, names), known = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t n = 0; n < SIGNATURES; n++)
			known += !strcmp(signatures[n].name, names[i]);
	check(known == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tocsin_traced_settings settings = {.guest = "guest"};
	static struct traced_world worlds[2];
	struct stream s = {.time = NOW - 20000 * MS};
	struct told told = {0};
	struct tocsin_who_cache *who;
	size_t count;

	for (int i = 0; !worlds[1].f; i++) {
		make_world(&worlds[i], i);
		check_signatures(&worlds[i]);
	}
	if (!size)
		return 0;
	s.w = &worlds[data[0] / 128];
	count = data[0] & CALLS;
	if (count > (size - 1) / 8)
		count = (size - 1) / 8;
	mutate(s.w->f, data + 1 + count * 8, size - 1 - count * 8);
	if (tocsin_who_open(&s.w->f->k, &who, NULL))
		return 0;
	told.graph = tocsin_provenance_new(NULL);
	check(told.graph &&
	      !tocsin_traced_events_open(&s.w->f->k, who, &settings, take, &told, &s.ev));
	for (size_t i = 0; i < count; i++)
		step(&s, data + 1 + i * 8);
	check(!tocsin_traced_events_commit(s.ev, UINT64_MAX));
	check(tocsin_traced_events_stats(s.ev).calls == count);
	tocsin_traced_events_close(s.ev);
	tocsin_provenance_free(told.graph);
	tocsin_who_close(who);
	return 0;
}
