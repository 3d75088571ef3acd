/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside cli/: the hand, the process of a trace that is root. It takes the records, looks after the
 * guest's pages of text, captures packets, prints, and keeps the graph. It reads nothing of the
 * guest but these pages, as bytes, and looks into no packet: that the reader does (trace_reader.h),
 * which can do nothing else. What was taken is handed on in its order, and answered (trace_link.h).
 *
 * trace_on.c begins and ends it; trace_hand.c has what comes of records, trace_network.c of
 * packets.
 */
#ifndef TOCSIN_CLI_TRACE_HAND_H
#define TOCSIN_CLI_TRACE_HAND_H

#include "cli/domain.h"
#include "cli/trace_capture.h"
#include "cli/trace_link.h"
#include "cli/trace_options.h"
#include "cli/trace_reader.h"
#include "cli/trace_records.h"
#include "cli/trace_store.h"
#include "output/trace.h"
#include "trace/tracer.h"

#define TRACE_HAND_CALLS 256 /* that are handed on at once to be printed */

/* A call that the reader looks at. */
struct handed {
	const struct tocsin_traced *f;
	struct tocsin_traced_call call;
	uint64_t tsc, time;
};

struct trace_hand {
	const struct trace_options *options;
	struct tocsin_domain d;
	struct trace_reader_settings reader;
	char cache[256];
	struct trace_link *link;
	struct tocsin_traced found[TRACE_FUNCTIONS];
	size_t found_count;
	struct tocsin_state state;
	struct tocsin_tracer *tracer;
	struct trace_records *records; /* NULL: nobody wants them */
	uint64_t begun_tsc;
	int64_t begun_ns; /* realtime; the same of now, when records were last taken */
	uint64_t now_tsc;
	int64_t now_ns;
	uint32_t first, last; /* seq of calls, once calls is not 0 */
	uint64_t calls;
	uint64_t unanswered;       /* triggers that were in the buffers, of any domain */
	int failed;                /* the output is gone */
	struct trace_store *store; /* NULL: no graph */
	struct trace_capture *capture;
	int64_t flushed_ns;   /* when mappings of memory were forgotten */
	bool flush;           /* they are to be, before the next call */
	uint64_t complete;    /* all records of before this TSC have been taken; */
	uint64_t complete_ns; /* that is of before this time */
	uint64_t taken_ns;    /* the same, of some time before: */
	uint64_t read_tsc;    /* and what these led to had been read then */
	uint64_t latest_ns;   /* time of what was handed on for the graph */
	uint64_t proven_ns;   /* what is of before has been proven, */
	int64_t asked_ns;     /* the last time then */
	bool holds;
	struct tocsin_event held; /* the latest call */
	struct handed handed[TRACE_HAND_CALLS];
	size_t handed_count, seen_count;
};

/* ---- time ---- */

#define TRACE_SECOND 1000000000ll

void trace_hand_clocks(struct trace_hand *s);

/* The wall clock when the counter was tsc; 0: now. And what all lines begin with. */
uint64_t trace_hand_time(const struct trace_hand *s, uint64_t tsc);
struct tocsin_trace_line trace_hand_line(const struct trace_hand *s, uint64_t tsc);

/* ---- what is handed on; 0, or what ends the trace ---- */

/* All that was handed on has been read, and printed or kept: what is said next comes after it. */
int trace_hand_sync(struct trace_hand *s);

/* For the graph, which has it when it is proven. */
int trace_hand_ask(struct trace_hand *s, const struct trace_ask *a);

/* The call that was held back. */
int trace_hand_release(struct trace_hand *s);

/* Which function is, or is not, recorded from then on. */
int trace_hand_collected(struct trace_hand *s, const struct tocsin_traced *f, uint64_t time);

/* What records, tracer and reader say; context is the hand. */
int trace_hand_event(void *context, const struct tocsin_event *e);
int trace_hand_gap(void *context, const char *why);
void trace_hand_change(void *context, const struct tocsin_traced *f, uint64_t tsc);
int trace_hand_seen(void *context, const struct trace_seen *seen);
int trace_hand_stated(const struct tocsin_trace_event *e, void *context);

/* Calls that the hypervisor counted and nobody got. */
uint64_t trace_hand_missing(const struct trace_hand *s);

/* ---- the guest's network ---- */

/* From now on; the packets wait until there is a graph, and trace_hand_packets. */
int trace_hand_capture(struct trace_hand *s, struct tocsin_error *err);
void trace_hand_packets(struct trace_hand *s);
int trace_hand_lost_packets(struct trace_hand *s, uint64_t lost, const char *why);

#endif
