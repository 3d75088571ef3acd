// SPDX-License-Identifier: GPL-2.0-or-later
#include "output/trace_ways.h"

#include <errno.h>
#include <stdlib.h>

static enum tocsin_trace_node_kind kind_of(const struct trace_view *v, uint32_t step)
{
	const struct tocsin_told *t = v->told;

	return tocsin_provenance_node(t->graph, t->answer->steps[step].node)->kind;
}

/* An address is in the name of its connections; answers over a connection say nothing new. */
static bool says_something(const struct trace_view *v, uint32_t near, uint32_t far)
{
	enum tocsin_trace_node_kind a = kind_of(v, near), b = kind_of(v, far);

	if (a == TOCSIN_TRACE_HOST || b == TOCSIN_TRACE_HOST)
		return false;
	return (a != TOCSIN_TRACE_SOCKET && b != TOCSIN_TRACE_SOCKET) ||
	       v->told->answer->steps[near].parent != far;
}

static bool find(const struct trace_view *v, uint32_t number, struct trace_way *ret)
{
	const struct tocsin_trace_answer *a = v->told->answer;
	const struct tocsin_trace_edge *e =
	    tocsin_provenance_edge(v->told->graph, a->edges[number]);
	bool forward = v->told->question->forward;
	uint32_t near = v->step_of[forward ? e->from : e->to];
	uint32_t far = v->step_of[forward ? e->to : e->from];

	if (near == far || a->steps[far].by == a->edges[number] ||
	    v->group_of[near] != TOCSIN_TRACE_NONE || v->group_of[far] != TOCSIN_TRACE_NONE ||
	    !says_something(v, near, far))
		return false;
	*ret = (struct trace_way){near, far, number};
	if (a->steps[far].parent == near && a->steps[far].by != TOCSIN_TRACE_NONE)
		ret->step = far;
	return true;
}

static int by_step(const void *a, const void *b)
{
	const struct trace_way *x = a, *y = b;
	bool other_x = x->far != x->step, other_y = y->far != y->step;

	if (x->step != y->step)
		return x->step < y->step ? -1 : 1;
	if (other_x != other_y)
		return other_x - other_y;
	if (x->far != y->far)
		return x->far < y->far ? -1 : 1;
	return (x->edge > y->edge) - (x->edge < y->edge);
}

int trace_ways_find(const struct trace_view *v, struct trace_ways *ret)
{
	const struct tocsin_trace_answer *a = v->told->answer;
	struct trace_ways w = {calloc(a->edge_count + 1u, sizeof(*w.rows)),
			       calloc(a->count + 1u, sizeof(*w.first))};
	uint32_t count = 0, step = 0;

	if (!w.rows || !w.first) {
		trace_ways_free(&w);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < a->edge_count; i++)
		count += find(v, i, &w.rows[count]);
	qsort(w.rows, count, sizeof(*w.rows), by_step);
	for (uint32_t i = 0; i < count; i++)
		while (step <= w.rows[i].step)
			w.first[step++] = i;
	while (step <= a->count)
		w.first[step++] = count;
	for (uint32_t i = 0; i < count; i++) /* sorted by time, which the answer's order is */
		w.rows[i].edge = a->edges[w.rows[i].edge];
	*ret = w;
	return 0;
}

void trace_ways_free(struct trace_ways *w)
{
	free(w->rows);
	free(w->first);
	*w = (struct trace_ways){0};
}
