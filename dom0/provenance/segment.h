/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside provenance/: a graph as bytes, compressed; its texts, nodes, edges and gaps. */
#ifndef TOCSIN_PROVENANCE_SEGMENT_H
#define TOCSIN_PROVENANCE_SEGMENT_H

#include "provenance/internal.h"

/* What the segment says of nodes that were in the one before it, and had edges that last. */
#define TRACE_CARRIED 32u

/* ended: edges that last end at that time; 0: they last. ret is freed by the caller. -ENOMEM. */
int trace_segment_encode(const struct tocsin_provenance *g, uint64_t ended, void **ret,
			 size_t *size);

/*
 * Add what is in a segment to a graph, whose nodes with the same keys are the same. The bytes are
 * anybody's. -EPROTO: they are no segment; then part of it may be in the graph. -E2BIG, -ENOMEM.
 */
int trace_segment_decode(const void *bytes, size_t size, struct tocsin_provenance *g,
			 struct tocsin_error *err);

/* The graph that goes on after one that ended: its edges that last, from `time` on. NULL: no
 * memory. */
struct tocsin_provenance *trace_segment_next(const struct tocsin_provenance *g, uint64_t time);

#endif
