/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to dom0/output: the edges of an answer that its tree does not show by itself. A tree has
 * one line for each thing, below what it was reached from first. What else happened between the two
 * is a way of that thing; what else leads from a thing to one that stands elsewhere in the tree
 * (the web shell that a server runs was written by that server) is a way to there.
 */
#ifndef TOCSIN_OUTPUT_TRACE_WAYS_H
#define TOCSIN_OUTPUT_TRACE_WAYS_H

#include "output/trace_view.h"

struct trace_way {
	uint32_t step; /* below whose line it is told */
	uint32_t far;  /* the step at the other end; the same: it is where the line above leads */
	uint32_t edge; /* of the graph */
};

struct trace_ways {
	struct trace_way *rows; /* by step, then those to its own line, then by the other step */
	uint32_t *first;        /* by step, and one more: its first row */
};

/* Freed with trace_ways_free. -ENOMEM. */
int trace_ways_find(const struct trace_view *v, struct trace_ways *ret);
void trace_ways_free(struct trace_ways *w);

#endif
