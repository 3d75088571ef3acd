/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to a graph: what could have led to this, what could this have led to. A step is taken
 * only if the times of its edge and of the steps before allow it. What is beyond a host is not
 * asked: all who talk to one name server would be each other's cause.
 */
#ifndef TOCSIN_PROVENANCE_QUERY_H
#define TOCSIN_PROVENANCE_QUERY_H

#include "provenance/graph.h"

struct tocsin_trace_question {
	bool forward;          /* else back */
	uint64_t since, until; /* nothing before, nothing after; until 0: no bound */
	uint32_t depth;        /* edges from where it begins, at most; 0: no bound */
	uint64_t max_nodes;    /* 0: 100,000 */
	/* Nodes that are not gone to; NULL: all are. Called once for each at most. */
	bool (*skip)(const struct tocsin_provenance *g, uint32_t node, void *context);
	void *context;
};

struct tocsin_trace_step {
	uint32_t node;
	uint32_t
	    by; /* the edge that it was reached by first; TOCSIN_TRACE_NONE: it was asked for */
	uint32_t parent; /* the step at that edge's other end; its own number: none */
	uint32_t depth;
	uint64_t time; /* back: the latest at which it matters; forward: the earliest */
};

struct tocsin_trace_answer {
	struct tocsin_trace_step *steps; /* those that were asked for first, then in the order of
					    reaching */
	uint32_t count;
	uint32_t *edges; /* all that matter between them, by `leaves` */
	uint32_t edge_count;
	bool truncated;        /* max_nodes */
	bool gaps;             /* some events that could matter were lost: */
	uint64_t since, until; /* what lies in this time matters */
	bool unsure;           /* an edge of it is */
	bool sampled;          /* an edge of it is of samples; */
	bool traced;           /* one is not */
};

/*
 * from: where to begin, count numbers of nodes. Freed with tocsin_trace_answer_free. -ENOMEM;
 * -EINVAL: no such node.
 */
int tocsin_trace_ask(const struct tocsin_provenance *g, const struct tocsin_trace_question *q,
		     const uint32_t *from, size_t count, struct tocsin_trace_answer *ret);
void tocsin_trace_answer_free(struct tocsin_trace_answer *a);

/*
 * The nodes that a person means: "PID" or "pid:PID", "/path" or "file:PATH" (its end is enough),
 * "ADDRESS:PORT" or "socket:ADDRESS:PORT" of either end of a connection, "ADDRESS" or
 * "host:ADDRESS", "finding:RULE", "module:NAME", "NAME" (of a process) or "comm:NAME". ret is freed
 * by the caller. -ENOENT: nothing fits; err says what was looked for.
 */
int tocsin_trace_find(const struct tocsin_provenance *g, const char *what, uint32_t **ret,
		      size_t *count, struct tocsin_error *err);

#endif
