/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of traced functions as events of provenance. Which function is which event says the table
 * of functions.c; what the arguments lead to is read from the guest's memory when the call is
 * taken, some milliseconds after it was made.
 *
 * Meanwhile an object may have gone to somebody else, or a name elsewhere. What makes files, tasks
 * and names of the memory of earlier ones is traced itself, so an event is held back until all
 * calls of before the reading have been taken: if one of them used the object again, the event is
 * kept without it. What could not be resolved is a node of its own, which is never joined with
 * another, and marked.
 *
 * All addresses and bytes are the guest's: each is read through its page tables, bounded, twice.
 */
#ifndef TOCSIN_TRACE_EVENTS_H
#define TOCSIN_TRACE_EVENTS_H

#include "capture/call.h"
#include "introspect/function.h"
#include "trace/who.h"

struct tocsin_traced_events;
struct tocsin_trace_event;

/* As in provenance/event.h, which stands beside capture/capture.h nowhere. */
typedef int tocsin_trace_take(const struct tocsin_trace_event *e, void *context);

struct tocsin_traced_settings {
	const char *guest;       /* must outlive the events */
	uint64_t boot;           /* as in struct tocsin_trace_event */
	uint64_t (*clock)(void); /* the time, as that of calls; NULL: nothing is read later than its
				    call was taken */
};

#define TOCSIN_TRACED_KINDS 32

struct tocsin_traced_stats {
	uint64_t calls;             /* that were taken */
	uint64_t delay, delay_most; /* nanoseconds from call to reading: mean, most */
	size_t count;               /* of kinds of events */
	const char *kinds[TOCSIN_TRACED_KINDS];
	uint64_t events[TOCSIN_TRACED_KINDS];     /* that were handed on */
	uint64_t unresolved[TOCSIN_TRACED_KINDS]; /* of these, with what could not be told */
};

/* The kernel and the cache must outlive it. -ENOMEM. Closed with tocsin_traced_events_close. */
int tocsin_traced_events_open(struct tocsin_kernel *k, struct tocsin_who_cache *who,
			      const struct tocsin_traced_settings *settings,
			      tocsin_trace_take *take, void *context,
			      struct tocsin_traced_events **ret);
/* What is held back is lost: commit it first. NULL is fine. */
void tocsin_traced_events_close(struct tocsin_traced_events *ev);

/*
 * Take a call of the function; those of one CPU in their order. time: when it was made, now: the
 * time, both nanoseconds since the epoch. 0, -ENOMEM, or what take returns.
 */
int tocsin_traced_events_call(struct tocsin_traced_events *ev, const char *name,
			      const struct tocsin_function *f,
			      const struct tocsin_traced_call *call, uint64_t time, uint64_t now);

/* Records of calls were lost (0: not known how many); why is cut at TOCSIN_TRACE_WHY. */
#define TOCSIN_TRACE_WHY 128
int tocsin_traced_events_gap(struct tocsin_traced_events *ev, uint64_t since, uint64_t until,
			     uint64_t lost, const char *why);

/* Calls of this function are not recorded from then on. If they told whose memory is whose, that is
 * not sure any more. */
void tocsin_traced_events_stopped(struct tocsin_traced_events *ev, const char *name,
				  uint64_t since);

/* Calls of this function, which was stopped, are recorded from then on. */
void tocsin_traced_events_started(struct tocsin_traced_events *ev, const char *name,
				  uint64_t since);

/* Of this function, which was stopped, none was recorded in this time; as a gap. */
int tocsin_traced_events_missing(struct tocsin_traced_events *ev, const char *name, uint64_t since,
				 uint64_t until, const char *why);

/* What was captured of the guest's network; a tocsin_trace_take, with the events as context. All
 * that was called before it has been handed on. Who sent and received datagrams through sockets
 * that are not connected is handed on behind it. */
int tocsin_traced_events_wire(const struct tocsin_trace_event *e, void *events);

/* All calls of before this time were taken, and of before the reading of what was made then. Hands
 * on what happened before it; UINT64_MAX: all. As take. */
int tocsin_traced_events_commit(struct tocsin_traced_events *ev, uint64_t before);

struct tocsin_traced_stats tocsin_traced_events_stats(const struct tocsin_traced_events *ev);

#endif
