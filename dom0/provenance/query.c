// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Time-respecting search. Going forward, each node has the earliest time at which something gets to
 * it; going back, the latest at which something that leaves it still matters. Nodes are settled in
 * the order of these times from a heap; with a bound on depth in rounds, one for each edge more.
 */
#include "provenance/query.h"

#include "base/error.h"
#include "base/room.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MOST_NODES 100000u

struct search {
	const struct tocsin_provenance *g;
	const struct tocsin_trace_question *q;
	uint64_t until, max_nodes;
	uint32_t *step_of; /* by node; NONE: not reached */
	uint8_t *skips;    /* by node: 0 not asked yet, 1 no, 2 yes */
	struct tocsin_trace_answer a;
	uint32_t room;
	uint32_t *heap; /* steps */
	uint32_t *at;   /* by step: where in the heap; NONE: settled, or not in it */
	uint32_t heap_count;
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* When what is at one end at time gets to the other; false: never. */
static bool pass(const struct search *s, const struct tocsin_trace_edge *e, uint64_t time,
		 uint64_t *ret)
{
	uint64_t leaves = most(e->leaves, s->q->since), arrived = least(e->arrived, s->until);

	if (s->q->forward) {
		time = most(time, leaves);
		if (time > e->left)
			return false;
		time = most(time, e->arrives);
		if (time > arrived)
			return false;
	} else {
		time = least(time, arrived);
		if (time < e->arrives)
			return false;
		time = least(time, e->left);
		if (time < leaves)
			return false;
	}
	*ret = time;
	return true;
}

static bool sooner(const struct search *s, uint64_t a, uint64_t b)
{
	return s->q->forward ? a < b : a > b;
}

static bool before(const struct search *s, uint32_t x, uint32_t y)
{
	const struct tocsin_trace_step *a = &s->a.steps[x], *b = &s->a.steps[y];

	return a->time != b->time ? sooner(s, a->time, b->time) : x < y;
}

static void place(struct search *s, uint32_t step, uint32_t i)
{
	s->heap[i] = step;
	s->at[step] = i;
}

static void rise(struct search *s, uint32_t step, uint32_t i)
{
	while (i && before(s, step, s->heap[(i - 1) / 2])) {
		place(s, s->heap[(i - 1) / 2], i);
		i = (i - 1) / 2;
	}
	place(s, step, i);
}

static uint32_t take_first(struct search *s)
{
	uint32_t first = s->heap[0], step = s->heap[--s->heap_count], i = 0, child;

	while ((child = 2 * i + 1) < s->heap_count) {
		if (child + 1 < s->heap_count && before(s, s->heap[child + 1], s->heap[child]))
			child++;
		if (!before(s, s->heap[child], step))
			break;
		place(s, s->heap[child], i);
		i = child;
	}
	if (s->heap_count)
		place(s, step, i);
	s->at[first] = TOCSIN_TRACE_NONE;
	return first;
}

static int make_room(struct search *s)
{
	uint32_t room = s->room ? s->room * 2 : 256;
	void *steps, *heap, *at;

	if (s->a.count < s->room)
		return 0;
	steps = reallocarray(s->a.steps, room, sizeof(*s->a.steps));
	if (steps)
		s->a.steps = steps;
	heap = reallocarray(s->heap, room, sizeof(*s->heap));
	if (heap)
		s->heap = heap;
	at = reallocarray(s->at, room, sizeof(*s->at));
	if (at)
		s->at = at;
	if (!steps || !heap || !at)
		return -ENOMEM;
	s->room = room;
	return 0;
}

static bool skipped(struct search *s, uint32_t node)
{
	if (!s->q->skip)
		return false;
	if (!s->skips[node])
		s->skips[node] = s->q->skip(s->g, node, s->q->context) ? 2 : 1;
	return s->skips[node] == 2;
}

/* The node is reached, or reached at a better time. */
static int reach(struct search *s, struct tocsin_trace_step step)
{
	uint32_t i = s->step_of[step.node];
	int rc;

	if (i != TOCSIN_TRACE_NONE) {
		if (!sooner(s, step.time, s->a.steps[i].time))
			return 0;
		if (step.parent == TOCSIN_TRACE_NONE)
			step.parent = i;
		s->a.steps[i] = step;
		if (s->at[i] == TOCSIN_TRACE_NONE)
			s->at[i] = s->heap_count++;
		rise(s, i, s->at[i]);
		return 0;
	}
	if (s->a.count >= s->max_nodes) {
		s->a.truncated = true;
		return 0;
	}
	rc = make_room(s);
	if (rc)
		return rc;
	i = s->a.count++;
	if (step.parent == TOCSIN_TRACE_NONE)
		step.parent = i;
	s->a.steps[i] = step;
	s->step_of[step.node] = i;
	rise(s, i, s->heap_count++);
	return 0;
}

/* Nobody asks a host what it knows, unless it was asked for. */
static bool is_end(const struct search *s, const struct tocsin_trace_step *step)
{
	return step->by != TOCSIN_TRACE_NONE &&
	       tocsin_provenance_node(s->g, step->node)->kind == TOCSIN_TRACE_HOST;
}

static int relax(struct search *s, uint32_t i, uint64_t time)
{
	struct tocsin_trace_step from = s->a.steps[i];
	bool in = !s->q->forward;
	int rc = 0;

	if (is_end(s, &from))
		return 0;
	for (uint32_t edge = tocsin_provenance_next(s->g, from.node, in, TOCSIN_TRACE_NONE);
	     edge != TOCSIN_TRACE_NONE && !rc;
	     edge = tocsin_provenance_next(s->g, from.node, in, edge)) {
		const struct tocsin_trace_edge *e = tocsin_provenance_edge(s->g, edge);
		struct tocsin_trace_step to = {
		    .node = in ? e->from : e->to, .by = edge, .parent = i, .depth = from.depth + 1};

		if (e->from != e->to && pass(s, e, time, &to.time) && !skipped(s, to.node))
			rc = reach(s, to);
	}
	return rc;
}

static int search_all(struct search *s)
{
	int rc = 0;

	while (s->heap_count && !rc) {
		uint32_t i = take_first(s);

		rc = relax(s, i, s->a.steps[i].time);
	}
	return rc;
}

/* One edge more in each round, from what the round before reached, at the times it had then. */
static int search_deep(struct search *s)
{
	struct {
		uint32_t step;
		uint64_t time;
	} *round = NULL;
	uint32_t count;
	int rc = 0;

	for (uint32_t depth = 0; depth < s->q->depth && s->heap_count && !rc; depth++) {
		void *more = reallocarray(round, s->heap_count, sizeof(*round));

		if (!more) {
			rc = -ENOMEM;
			break;
		}
		round = more;
		for (count = 0; s->heap_count; count++) {
			round[count].step = take_first(s);
			round[count].time = s->a.steps[round[count].step].time;
		}
		for (uint32_t i = 0; i < count && !rc; i++)
			rc = relax(s, round[i].step, round[i].time);
	}
	free(round);
	return rc;
}

struct edge_time {
	uint64_t time;
	uint32_t edge;
};

static int by_time(const void *a, const void *b)
{
	const struct edge_time *x = a, *y = b;

	return x->time != y->time ? (x->time > y->time) - (x->time < y->time)
				  : (x->edge > y->edge) - (x->edge < y->edge);
}

/* What is between the nodes that were reached, and matters. */
static int collect(struct search *s)
{
	struct edge_time *rows = NULL;
	size_t count = 0, room = 0;
	bool in = !s->q->forward;

	for (uint32_t i = 0; i < s->a.count; i++) {
		const struct tocsin_trace_step *step = &s->a.steps[i];

		for (uint32_t edge =
			 tocsin_provenance_next(s->g, step->node, in, TOCSIN_TRACE_NONE);
		     edge != TOCSIN_TRACE_NONE;
		     edge = tocsin_provenance_next(s->g, step->node, in, edge)) {
			const struct tocsin_trace_edge *e = tocsin_provenance_edge(s->g, edge);
			uint64_t time;

			if (s->step_of[in ? e->from : e->to] == TOCSIN_TRACE_NONE ||
			    !pass(s, e, step->time, &time) || (is_end(s, step) && e->from != e->to))
				continue;
			if (!TOCSIN_ROOM(rows, room, count)) {
				free(rows);
				return -ENOMEM;
			}
			rows[count++] = (struct edge_time){e->leaves, edge};
			s->a.unsure |= (e->flags & TOCSIN_TRACE_UNSURE) != 0;
			s->a.sampled |= (e->flags & TOCSIN_TRACE_SAMPLED) != 0;
			s->a.traced |= !(e->flags & TOCSIN_TRACE_SAMPLED);
		}
	}
	s->a.edges = calloc(count + 1, sizeof(*s->a.edges));
	if (s->a.edges && count)
		qsort(rows, count, sizeof(*rows), by_time);
	for (size_t i = 0; i < count && s->a.edges; i++)
		s->a.edges[i] = rows[i].edge;
	s->a.edge_count = (uint32_t)count;
	free(rows);
	return s->a.edges ? 0 : -ENOMEM;
}

/*
 * Did a gap lie in the time that the answer is about? That is as long as what was asked for was
 * there: what was lost then may have led to it, or come from it, whatever else is known.
 */
static bool crosses_gap(struct search *s)
{
	uint64_t first = TOCSIN_TRACE_FOREVER, last = 0;
	const struct tocsin_trace_gap *gap;

	for (uint32_t i = 0; i < s->a.count && s->a.steps[i].by == TOCSIN_TRACE_NONE; i++) {
		const struct tocsin_trace_node *n =
		    tocsin_provenance_node(s->g, s->a.steps[i].node);

		first = least(first, n->flags & TOCSIN_TRACE_BORN ? n->first : 0);
		last = most(last, n->flags & TOCSIN_TRACE_DEAD ? n->last : s->until);
	}
	first = s->q->forward ? most(first, s->q->since) : s->q->since;
	last = s->q->forward ? s->until : least(last, s->until);
	s->a.since = first;
	s->a.until = last;
	for (uint32_t i = 0; (gap = tocsin_provenance_gap(s->g, i)); i++)
		if (gap->since <= last && gap->until >= first)
			return true;
	return false;
}

static int begin(struct search *s, const uint32_t *from, size_t count)
{
	uint32_t nodes = tocsin_provenance_nodes(s->g);
	int rc = 0;

	s->step_of = malloc((nodes + 1u) * sizeof(*s->step_of));
	s->skips = calloc(nodes + 1u, 1);
	if (!s->step_of || !s->skips)
		return -ENOMEM;
	memset(s->step_of, 0xff, (nodes + 1u) * sizeof(*s->step_of));
	for (size_t i = 0; i < count && !rc; i++) {
		if (from[i] >= nodes)
			return -EINVAL;
		rc = reach(
		    s, (struct tocsin_trace_step){.node = from[i],
						  .by = TOCSIN_TRACE_NONE,
						  .parent = TOCSIN_TRACE_NONE,
						  .time = s->q->forward ? s->q->since : s->until});
	}
	return rc;
}

int tocsin_trace_ask(const struct tocsin_provenance *g, const struct tocsin_trace_question *q,
		     const uint32_t *from, size_t count, struct tocsin_trace_answer *ret)
{
	struct search s = {.g = g,
			   .q = q,
			   .until = q->until ? q->until : TOCSIN_TRACE_FOREVER,
			   .max_nodes = q->max_nodes ? q->max_nodes : MOST_NODES};
	int rc = begin(&s, from, count);

	if (!rc)
		rc = q->depth ? search_deep(&s) : search_all(&s);
	if (!rc)
		rc = collect(&s);
	if (!rc) {
		s.a.gaps = crosses_gap(&s);
		*ret = s.a;
	} else {
		tocsin_trace_answer_free(&s.a);
	}
	free(s.step_of);
	free(s.skips);
	free(s.heap);
	free(s.at);
	return rc;
}

void tocsin_trace_answer_free(struct tocsin_trace_answer *a)
{
	free(a->steps);
	free(a->edges);
	*a = (struct tocsin_trace_answer){0};
}

/* ---- what a person means ---- */

struct meant {
	const char *what;
	uint64_t number;
	size_t size;
};

typedef bool is_meant(const struct tocsin_provenance *g, const struct tocsin_trace_node *n,
		      const struct meant *m);

static bool is_pid(const struct tocsin_provenance *g, const struct tocsin_trace_node *n,
		   const struct meant *m)
{
	return n->kind == TOCSIN_TRACE_PROCESS && n->id == m->number;
}

static bool is_comm(const struct tocsin_provenance *g, const struct tocsin_trace_node *n,
		    const struct meant *m)
{
	return n->kind == TOCSIN_TRACE_PROCESS &&
	       !strcmp(tocsin_provenance_text(g, n->name, NULL), m->what);
}

/* A path, or its last parts. */
static bool is_path(const char *path, const struct meant *m)
{
	size_t size = strlen(path);

	if (size < m->size || strcmp(path + size - m->size, m->what) != 0)
		return false;
	return size == m->size || (m->what[0] != '/' && path[size - m->size - 1] == '/');
}

static bool is_file(const struct tocsin_provenance *g, const struct tocsin_trace_node *n,
		    const struct meant *m)
{
	return n->kind == TOCSIN_TRACE_FILE &&
	       (is_path(tocsin_provenance_text(g, n->name, NULL), m) ||
		(n->more && is_path(tocsin_provenance_text(g, n->more, NULL), m)));
}

/* One of the words of a socket's name is it. */
static bool is_socket(const struct tocsin_provenance *g, const struct tocsin_trace_node *n,
		      const struct meant *m)
{
	const char *name = tocsin_provenance_text(g, n->name, NULL), *at = name;

	if (n->kind != TOCSIN_TRACE_SOCKET || !m->size)
		return false;
	if (!strcmp(name, m->what))
		return true;
	while ((at = strstr(at, m->what))) {
		if ((at == name || at[-1] == ' ') && (!at[m->size] || at[m->size] == ' '))
			return true;
		at++;
	}
	return false;
}

static bool is_host(const struct tocsin_provenance *g, const struct tocsin_trace_node *n,
		    const struct meant *m)
{
	return n->kind == TOCSIN_TRACE_HOST &&
	       (!strcmp(tocsin_provenance_text(g, n->name, NULL), m->what) ||
		(n->more && !strcmp(tocsin_provenance_text(g, n->more, NULL), m->what)));
}

static bool is_finding(const struct tocsin_provenance *g, const struct tocsin_trace_node *n,
		       const struct meant *m)
{
	return n->kind == TOCSIN_TRACE_FOUND &&
	       (!m->size || !strcmp(tocsin_provenance_text(g, n->name, NULL), m->what));
}

static bool is_module(const struct tocsin_provenance *g, const struct tocsin_trace_node *n,
		      const struct meant *m)
{
	return n->kind == TOCSIN_TRACE_KERNEL &&
	       !strcmp(tocsin_provenance_text(g, n->name, NULL), m->what);
}

static const struct {
	const char *prefix;
	is_meant *fits;
} words[] = {
    {"pid:", is_pid},       {"comm:", is_comm},       {"file:", is_file},     {"host:", is_host},
    {"socket:", is_socket}, {"finding:", is_finding}, {"module:", is_module},
};

/* Is it a number, and which? */
static bool is_number(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

static bool is_address(const char *text)
{
	uint8_t address[16];

	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static is_meant *understand(const char *what, struct meant *ret)
{
	is_meant *fits = NULL;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !fits; i++)
		if (!strncmp(what, words[i].prefix, strlen(words[i].prefix))) {
			fits = words[i].fits;
			what += strlen(words[i].prefix);
		}
	if (!fits && what[0] == '/')
		fits = is_file;
	if (!fits && is_number(what, &ret->number))
		fits = is_pid;
	if (!fits && is_address(what))
		fits = is_host;
	if (!fits && strchr(what, ':'))
		fits = is_socket;
	if (!fits)
		fits = is_comm;
	if (fits == is_pid && !is_number(what, &ret->number))
		return NULL;
	ret->what = what;
	ret->size = strlen(what);
	return fits;
}

/* A temporary file that folded away has no node; who wrote and read it is known. */
static bool say_folded(const struct tocsin_provenance *g, const struct meant *m,
		       struct tocsin_error *err)
{
	for (uint32_t i = 0; i < tocsin_provenance_edges(g); i++) {
		const struct tocsin_trace_edge *e = tocsin_provenance_edge(g, i);

		if (!e || !(e->flags & TOCSIN_TRACE_FOLDED) || !e->label ||
		    !is_path(tocsin_provenance_text(g, e->label, NULL), m))
			continue;
		tocsin_error_set(
		    err, -ENOENT,
		    "'%s' was a temporary file, of which only is kept that what pid:%" PRIu64
		    " wrote pid:%" PRIu64 " read: ask from one of them",
		    m->what, tocsin_provenance_node(g, e->from)->id,
		    tocsin_provenance_node(g, e->to)->id);
		return true;
	}
	return false;
}

int tocsin_trace_find(const struct tocsin_provenance *g, const char *what, uint32_t **ret,
		      size_t *count, struct tocsin_error *err)
{
	uint32_t nodes = tocsin_provenance_nodes(g), *found = NULL;
	size_t n = 0, room = 0;
	bool led = false; /* from one of them, or to it */
	struct meant m = {0};
	is_meant *fits = understand(what, &m);

	if (!fits)
		return tocsin_error_set(err, -EINVAL, "'%s' is no PID", what);
	for (uint32_t i = 0; i < nodes; i++) {
		if (!fits(g, tocsin_provenance_node(g, i), &m))
			continue;
		if (!TOCSIN_ROOM(found, room, n)) {
			free(found);
			return tocsin_error_set(err, -ENOMEM, "no memory");
		}
		found[n++] = i;
		led = led ||
		      tocsin_provenance_next(g, i, true, TOCSIN_TRACE_NONE) != TOCSIN_TRACE_NONE ||
		      tocsin_provenance_next(g, i, false, TOCSIN_TRACE_NONE) != TOCSIN_TRACE_NONE;
	}
	if (fits == is_file && !led && say_folded(g, &m, err)) {
		free(found);
		return -ENOENT;
	}
	if (!n)
		return tocsin_error_set(err, -ENOENT, "nothing in the graph is '%s'", what);
	*ret = found;
	*count = n;
	return 0;
}
