/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who began whom, and who talks to whom, out of events of watches over any number of guests, as a
 * graph for Graphviz (DOT) or for other programs (GraphML).
 *
 * Nodes are processes, listeners, and the far ends of connections that lead out of what is watched:
 * an address and port that was connected to, or an address that connected. Where both ends of a
 * connection are watched (local and remote of one are remote and local of the other, at one time)
 * the edge leads from process to process. Kernel threads without any of it are left out.
 *
 * The same events give the same text. It has a bound, for a graph of many thousand nodes helps
 * nobody: -E2BIG.
 */
#ifndef TOCSIN_OUTPUT_GRAPH_H
#define TOCSIN_OUTPUT_GRAPH_H

#include "monitor/event.h"

#include <stdio.h>

#define TOCSIN_GRAPH_NODES 5000u
#define TOCSIN_GRAPH_CONNECTIONS 100u /* for each node that it may have */

struct tocsin_graph;

/* max_nodes: 0 is TOCSIN_GRAPH_NODES. NULL: no memory. Freed by the caller. */
struct tocsin_graph *tocsin_graph_new(size_t max_nodes);
void tocsin_graph_free(struct tocsin_graph *g);

/* 0, -ENOMEM, or -E2BIG: it would have more nodes, or too many connections for them. */
int tocsin_graph_add(struct tocsin_graph *g, const struct tocsin_event *e);

struct tocsin_graph_output {
	const char *name; /* "dot", "graphml" */
	/* 0, -ENOMEM, -E2BIG as above, or a negative errno of writing. No more can be added then.
	 */
	int (*write)(FILE *to, struct tocsin_graph *g);
};

/* NULL-terminated by name. */
extern const struct tocsin_graph_output tocsin_graph_outputs[];
const struct tocsin_graph_output *tocsin_graph_output_find(const char *name);

#endif
