/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers of a provenance graph (provenance/query.h) for people and programs: a tree of text, a
 * graph for Graphviz (DOT, or SVG drawn by it) or other programs (GraphML), W3C PROV-JSON, OCSF
 * events.
 *
 * Going back, what explains little is told as one: files that nobody wrote, by who read them; and
 * connections during which nobody did anything that matters. `all` tells them
 * singly; PROV-JSON and OCSF always do.
 */
#ifndef TOCSIN_OUTPUT_PROVENANCE_H
#define TOCSIN_OUTPUT_PROVENANCE_H

#include "provenance/query.h"

#include <stdio.h>

struct tocsin_told {
	const struct tocsin_provenance *graph;
	const struct tocsin_trace_question *question;
	const struct tocsin_trace_answer *answer;
	bool all;
};

struct tocsin_provenance_output {
	const char *name; /* "tree", "dot", "svg", "graphml", "prov", "ocsf" */
	bool remarks;     /* they are in what is written */
	/* 0, -ENOMEM, a negative errno of writing; svg: -ENOENT, there is no Graphviz; -EIO, it
	 * failed. */
	int (*write)(FILE *to, const struct tocsin_told *t);
};

/* NULL-terminated by name. */
extern const struct tocsin_provenance_output tocsin_provenance_outputs[];
const struct tocsin_provenance_output *tocsin_provenance_output_find(const char *name);

/* What the answer lacks, a line each that begins with "!": losses, samples, what is unsure or not
 * told. A tree, DOT and SVG have it in them. */
void tocsin_provenance_remarks(FILE *to, const struct tocsin_told *t);

/* How many nodes an answer is told as, groups being one. -ENOMEM. */
int tocsin_provenance_told(const struct tocsin_told *t, size_t *ret);

#endif
