/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a graph answers, as one text. Included by one file of each test. */
#ifndef TOCSIN_PROVENANCE_ASKED_H
#define TOCSIN_PROVENANCE_ASKED_H

#include "provenance/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The names of what is reached, in the order of reaching, with spaces between. */
static const char *reach(const struct tocsin_provenance *g, const char *from,
			 const struct tocsin_trace_question *q, struct tocsin_trace_answer *keep)
{
	static char text[1024];
	struct tocsin_trace_answer a;
	uint32_t *nodes;
	size_t count;

	text[0] = 0;
	assert_int_equal(tocsin_trace_find(g, from, &nodes, &count, NULL), 0);
	assert_int_equal(tocsin_trace_ask(g, q, nodes, count, &a), 0);
	free(nodes);
	for (uint32_t i = 0; i < a.count; i++) {
		const struct tocsin_trace_node *n = tocsin_provenance_node(g, a.steps[i].node);

		if (i)
			strcat(text, " ");
		strncat(text, tocsin_provenance_text(g, n->name, NULL), 64);
	}
	if (keep)
		*keep = a;
	else
		tocsin_trace_answer_free(&a);
	return text;
}

static const char *back(const struct tocsin_provenance *g, const char *from)
{
	return reach(g, from, &(struct tocsin_trace_question){0}, NULL);
}

#endif
