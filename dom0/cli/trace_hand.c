// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/trace_hand.h"
#include "base/clock.h"
#include "cli/trace_call.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

void trace_hand_clocks(struct trace_hand *s)
{
	s->now_ns = (int64_t)tocsin_realtime();
	s->now_tsc = __rdtsc();
}

/* Both are known when we began and now. */
uint64_t trace_hand_time(const struct trace_hand *s, uint64_t tsc)
{
	double spent = (double)(s->now_ns - s->begun_ns),
	       ticks = (double)(s->now_tsc - s->begun_tsc);

	if (!tsc || tsc > s->now_tsc || spent <= 0 || ticks <= 0)
		return (uint64_t)s->now_ns;
	return (uint64_t)(s->now_ns - (int64_t)((double)(s->now_tsc - tsc) * spent / ticks));
}

struct tocsin_trace_line trace_hand_line(const struct trace_hand *s, uint64_t tsc)
{
	return (struct tocsin_trace_line){
	    .domain = s->d.name, .domid = s->d.domid, .time = trace_hand_time(s, tsc), .tsc = tsc};
}

/* ---- calls ---- */

int trace_hand_sync(struct trace_hand *s)
{
	int rc = trace_link_sync(s->link);

	s->handed_count = s->seen_count = 0;
	return rc;
}

int trace_hand_ask(struct trace_hand *s, const struct trace_ask *a)
{
	uint64_t time = a->until > a->time ? a->until : a->time;

	if (time > s->latest_ns)
		s->latest_ns = time;
	return trace_link_ask(s->link, a);
}

int trace_hand_seen(void *context, const struct trace_seen *seen)
{
	struct trace_hand *s = context;
	const struct handed *h = &s->handed[s->seen_count++];
	const struct tocsin_trace_line line = {
	    .domain = s->d.name, .domid = s->d.domid, .time = h->time, .tsc = h->tsc};

	return trace_call_print(stdout, &line, h->f, &h->call, seen);
}

/* To be printed when it has been looked at. */
static int remember(struct trace_hand *s, const struct handed *h)
{
	const struct trace_ask flush = {.kind = TRACE_ASK_FLUSH};
	int rc = s->handed_count == TRACE_HAND_CALLS ? trace_hand_sync(s) : 0;

	if (!rc && s->flush)
		rc = trace_link_ask(s->link, &flush);
	s->flush = false;
	if (!rc)
		s->handed[s->handed_count++] = *h;
	return rc;
}

static uint32_t number_of(const struct trace_hand *s, const struct tocsin_traced *f)
{
	size_t count;

	return (uint32_t)(f - tocsin_tracer_list(s->tracer, &count));
}

static int hand_on(struct trace_hand *s, const struct tocsin_event *e)
{
	const struct handed h = {.f = tocsin_tracer_find(s->tracer, e->call.site),
				 .call = e->call,
				 .tsc = e->tsc,
				 .time = trace_hand_time(s, e->tsc)};
	struct trace_ask ask = {.kind = TRACE_ASK_CALL, .time = h.time, .call = e->call};
	int rc;

	if (!h.f) /* of an earlier tracing of this domain */
		return 0;
	if (!s->calls || (int32_t)(e->call.seq - s->first) < 0)
		s->first = e->call.seq;
	if (!s->calls || (int32_t)(e->call.seq - s->last) > 0)
		s->last = e->call.seq;
	s->calls++;
	ask.function = number_of(s, h.f);
	rc = s->store ? 0 : remember(s, &h);
	return rc ? rc : trace_hand_ask(s, &ask);
}

int trace_hand_release(struct trace_hand *s)
{
	if (!s->holds)
		return 0;
	s->holds = false;
	return hand_on(s, &s->held);
}

/*
 * Who called last may not have gone on since: the processor was taken from it there, perhaps for
 * us. Then what its function makes of its arguments is not there yet. So the last call waits until
 * the next look.
 */
static int take_call(struct trace_hand *s, const struct tocsin_event *e)
{
	int rc = trace_hand_release(s);

	if (rc || !s->store)
		return rc ? rc : hand_on(s, e);
	s->held = *e;
	s->holds = true;
	return 0;
}

/* ---- what else is told ---- */

static int print_gap(struct trace_hand *s, const struct tocsin_event *e)
{
	struct tocsin_trace_line line = trace_hand_line(s, e->tsc);
	int rc = trace_hand_sync(s);

	if (!rc)
		rc = tocsin_trace_gap_json(stdout, &line, e->gap.vcpu,
					   e->gap.access & TOCSIN_GAP_WRITE ? "write" : "read",
					   e->gap.gfn, e->gap.rip);
	tocsin_tracer_gap(s->tracer, &e->gap, e->tsc, tocsin_clock_ms());
	return rc;
}

static int tell_loss(struct trace_hand *s, const struct tocsin_trace_line *line, uint64_t lost,
		     const char *what)
{
	struct trace_ask ask = {.kind = TRACE_ASK_LOST,
				.time = s->complete_ns,
				.until = (uint64_t)s->now_ns,
				.lost = lost};
	int rc = trace_hand_sync(s);

	if (!rc)
		rc = tocsin_trace_loss_json(stdout, line, lost, what);
	tocsin_tracer_forget(s->tracer);
	if (rc || !s->store)
		return rc;
	snprintf(ask.why, sizeof(ask.why), "%s", what);
	return trace_hand_ask(s, &ask);
}

static int print_loss(struct trace_hand *s, const struct tocsin_event *e)
{
	struct tocsin_trace_line line = trace_hand_line(s, e->tsc);
	uint64_t lost = e->kind == TOCSIN_EVENT_LOST ? e->count : 1;
	const char *what = e->what ? e->what : "the trace buffer was full";

	return tell_loss(s, &line, lost, what);
}

/* Records of since the last ones may be missing; how many tells the count of calls. */
int trace_hand_gap(void *context, const char *why)
{
	struct trace_hand *s = context;
	struct tocsin_trace_line line = trace_hand_line(s, 0);

	return tell_loss(s, &line, 0, why);
}

int trace_hand_event(void *context, const struct tocsin_event *e)
{
	struct trace_hand *s = context;
	int rc;

	if (e->tsc > s->now_tsc)
		trace_hand_clocks(s);
	if (e->kind == TOCSIN_EVENT_CALL)
		return e->call.domid == s->d.domid ? take_call(s, e) : 0;
	rc = trace_hand_release(s);
	if (rc)
		return rc;
	switch (e->kind) {
	case TOCSIN_EVENT_GAP:
		return e->gap.domid == s->d.domid ? print_gap(s, e) : 0;
	case TOCSIN_EVENT_TRIGGER: /* tocsind would have answered it */
		s->unanswered++;
		return 0;
	case TOCSIN_EVENT_LOST:
	case TOCSIN_EVENT_MALFORMED:
		return print_loss(s, e);
	default:
		return 0;
	}
}

int trace_hand_collected(struct trace_hand *s, const struct tocsin_traced *f, uint64_t time)
{
	struct trace_ask ask = {
	    .kind = TRACE_ASK_COLLECTED, .function = number_of(s, f), .time = time};

	if (!f->collected)
		snprintf(ask.why, sizeof(ask.why), "%s", f->why[0] ? f->why : "unknown");
	return trace_hand_ask(s, &ask);
}

void trace_hand_change(void *context, const struct tocsin_traced *f, uint64_t tsc)
{
	struct trace_hand *s = context;
	struct tocsin_trace_line line;

	trace_hand_clocks(s);
	line = trace_hand_line(s, tsc);
	if (trace_hand_sync(s) ||
	    tocsin_trace_function_json(stdout, &line, f->name, f->collected, f->why))
		s->failed = -EIO;
	if (s->store && trace_hand_collected(s, f, line.time))
		s->failed = -EIO;
}

/* What the reader states, of calls and of packets. */
int trace_hand_stated(const struct tocsin_trace_event *e, void *context)
{
	struct trace_hand *s = context;
	const char *why;
	uint64_t lost;
	int rc = 0;

	if (trace_store_lost_packets(e, &lost, &why))
		rc = trace_hand_lost_packets(s, lost, why);
	return rc ? rc : trace_store_take(e, s->store);
}

uint64_t trace_hand_missing(const struct trace_hand *s)
{
	uint64_t counted = s->calls ? (uint64_t)(s->last - s->first) + 1 : 0;

	return counted > s->calls ? counted - s->calls : 0;
}
