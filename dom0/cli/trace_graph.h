/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside cli/: what a trace states of its guest, for a graph. What was there when tracing began
 * comes first; calls that were made while it was being looked at come after it, so the look is
 * dated to the beginning.
 */
#ifndef TOCSIN_CLI_TRACE_GRAPH_H
#define TOCSIN_CLI_TRACE_GRAPH_H

#include "capture/call.h"
#include "introspect/function.h"
#include "trace/events.h"

struct trace_graph;

/*
 * State what is in the guest now as of `since` (nanoseconds since the epoch), when its calls began
 * to be recorded, and be ready for these. take gets all events.
 */
int trace_graph_open(const char *guest, struct tocsin_kernel *k, struct tocsin_who_cache *who,
		     uint64_t since, tocsin_trace_take *take, void *context,
		     struct trace_graph **ret, struct tocsin_error *err);

/* What is held back, and what is not recorded until now, is stated. 0, or what take returned. */
int trace_graph_end(struct trace_graph *g, uint64_t now, struct tocsin_traced_stats *ret);
void trace_graph_close(struct trace_graph *g); /* NULL is fine */

struct tocsin_traced_events *trace_graph_events(struct trace_graph *g);

/* What was captured of its network; a tocsin_trace_take, with the graph as context. */
int trace_graph_wire(const struct tocsin_trace_event *e, void *graph);

/* Which of the guest's boots this is, as events have it. */
uint64_t trace_graph_boot(const struct trace_graph *g);

/*
 * Calls of this function (by its number, below TRACE_GRAPH_FUNCTIONS) are recorded from then on, or
 * are not, and why. name stays. What is not recorded becomes a gap when it ends, and from time to
 * time.
 */
#define TRACE_GRAPH_FUNCTIONS 128
int trace_graph_collected(struct trace_graph *g, size_t function, const char *name, const char *why,
			  uint64_t time);

/* All calls of before this time were taken; now: the time. */
int trace_graph_commit(struct trace_graph *g, uint64_t before, uint64_t now);

#endif
