/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside cli/: the graph that tracing fills. */
#ifndef TOCSIN_CLI_TRACE_GRAPH_H
#define TOCSIN_CLI_TRACE_GRAPH_H

#include "capture/call.h"
#include "introspect/function.h"
#include "trace/events.h"

struct trace_graph;

/*
 * Open the graph, and state what is in the guest now as of `since` (nanoseconds since the epoch),
 * when its calls began to be recorded. path NULL: the guest's own, which tocsin graph -d looks at.
 */
int trace_graph_open(const char *path, const char *guest, struct tocsin_kernel *k,
		     struct tocsin_who_cache *who, uint64_t since, struct trace_graph **ret,
		     struct tocsin_error *err);

/* Commits and writes all, with what is not recorded until now; NULL is fine. 0 or a negative errno:
 * what is not in the file. */
int trace_graph_close(struct trace_graph *g, uint64_t now, struct tocsin_traced_stats *ret,
		      struct tocsin_error *err);

struct tocsin_traced_events *trace_graph_events(struct trace_graph *g);

/* What was captured of its network; a tocsin_trace_take, with the graph as context. boot: which of
 * its boots that is. */
int trace_graph_wire(const struct tocsin_trace_event *e, void *graph);
uint64_t trace_graph_boot(const struct trace_graph *g);

/*
 * Calls of this function (by its number, below TRACE_GRAPH_FUNCTIONS) are recorded from then on, or
 * are not, and why. What is not recorded becomes a gap when it ends, and from time to time.
 */
#define TRACE_GRAPH_FUNCTIONS 128
int trace_graph_collected(struct trace_graph *g, size_t function, const char *name, const char *why,
			  uint64_t time);

/* All calls of before this time were taken; now: the time. */
int trace_graph_commit(struct trace_graph *g, uint64_t before, uint64_t now);

#endif
