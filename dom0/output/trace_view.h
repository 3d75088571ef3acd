/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to dom0/output: an answer as it is told, some of its nodes as one. */
#ifndef TOCSIN_OUTPUT_TRACE_VIEW_H
#define TOCSIN_OUTPUT_TRACE_VIEW_H

#include "output/provenance.h"

enum trace_group_kind { GROUP_FILES, GROUP_CONNECTIONS };

struct trace_group {
	enum trace_group_kind kind;
	uint32_t step; /* of the process that they belong to */
	uint32_t count, hosts;
	uint32_t examples[3]; /* steps */
	uint64_t first, last; /* of the edges */
};

#define TRACE_UNTOLD (TOCSIN_TRACE_NONE - 1)

/* Rows are steps of the answer. */
struct trace_view {
	const struct tocsin_told *told;
	/* by step: its group; TOCSIN_TRACE_NONE: it is told singly; TRACE_UNTOLD: not at all, it is
	 * the program of processes that are told, and nobody wrote it */
	uint32_t *group_of;
	uint32_t *groups_at[2]; /* by step and kind: the group that belongs to it, or NONE */
	struct trace_group *groups;
	uint32_t group_count, rows; /* told singly */
	uint32_t *step_of;          /* by node; TOCSIN_TRACE_NONE: not in the answer */
};

/* Freed with trace_view_free. -ENOMEM. */
int trace_view_make(const struct tocsin_told *t, struct trace_view *ret);
void trace_view_free(struct trace_view *v);

/* What a node is, on one line, clean; the same in short; and a group. */
void trace_describe(FILE *to, const struct tocsin_provenance *g, uint32_t node);
void trace_name(FILE *to, const struct tocsin_provenance *g, uint32_t node);
void trace_describe_group(FILE *to, const struct trace_view *v, const struct trace_group *group);

/* What happened, from the end that information left to the other ("wrote"), or back ("written by").
 */
const char *trace_verb(const struct tocsin_provenance *g, const struct tocsin_trace_edge *e,
		       bool forward);
/* How much of a verb is said if no name follows: "written" of "written by". */
int trace_verb_alone(const char *verb);
/* More of it: " mode 755", " to /tmp/x", " 12 times", "". */
void trace_detail(FILE *to, const struct tocsin_provenance *g, const struct tocsin_trace_edge *e);

/* ", sampled", unless all of the answer is. */
void trace_source(FILE *to, const struct tocsin_told *t, const struct tocsin_trace_edge *e);

int tocsin_trace_tree(FILE *to, const struct tocsin_told *t);
int tocsin_trace_dot(FILE *to, const struct tocsin_told *t);
int tocsin_trace_svg(FILE *to, const struct tocsin_told *t);
int tocsin_trace_graphml(FILE *to, const struct tocsin_told *t);
int tocsin_trace_prov(FILE *to, const struct tocsin_told *t);
int tocsin_trace_ocsf(FILE *to, const struct tocsin_told *t);

#endif
