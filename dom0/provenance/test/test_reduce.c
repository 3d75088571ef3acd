// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reduction changes no answer: random events make one graph that is reduced and one that is not.
 * From every node that stays, at every time, forward and backward, the same nodes that stay are
 * reached. What is reached without reduction is told by a search of the test's own, which looks at
 * all edges until nothing changes.
 *
 * Within a start-up, which counts as one moment, the reduced graph may tell more, never less.
 */
#include "provenance/query.h"
#include "provenance/store.h"
#include "provenance/test/random_events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define GRAPHS 1000u
#define FILES 60u
#define MOST_NODES 128u
#define MOST_EVENTS 90u

struct pair {
	struct tocsin_provenance *plain, *reduced;
	uint32_t as[MOST_NODES]; /* which node of reduced a node of plain is; NONE: it was folded */
	uint32_t nodes;
	uint64_t end;
};

static bool same_key(const struct tocsin_provenance *g, uint32_t a,
		     const struct tocsin_provenance *h, uint32_t b)
{
	const struct tocsin_trace_node *x = tocsin_provenance_node(g, a);
	const struct tocsin_trace_node *y = tocsin_provenance_node(h, b);

	return x->kind == y->kind && x->id == y->id && x->part == y->part &&
	       !strcmp(tocsin_provenance_text(g, x->key, NULL),
		       tocsin_provenance_text(h, y->key, NULL));
}

static bool has_edges(const struct tocsin_provenance *g, uint32_t node)
{
	return tocsin_provenance_next(g, node, true, TOCSIN_TRACE_NONE) != TOCSIN_TRACE_NONE ||
	       tocsin_provenance_next(g, node, false, TOCSIN_TRACE_NONE) != TOCSIN_TRACE_NONE;
}

static bool was_folded(const struct pair *p, uint32_t plain, uint32_t reduced)
{
	const struct tocsin_trace_node *n = tocsin_provenance_node(p->reduced, reduced);
	const uint8_t both = TOCSIN_TRACE_BORN | TOCSIN_TRACE_DEAD;

	return n->kind == TOCSIN_TRACE_FILE && (n->flags & both) == both &&
	       !(n->flags & TOCSIN_TRACE_MARKED) && has_edges(p->plain, plain) &&
	       !has_edges(p->reduced, reduced);
}

/* The n-th node of a key is the n-th of the same key. */
static void pair_nodes(struct pair *p, bool all)
{
	uint32_t reduced_nodes = tocsin_provenance_nodes(p->reduced);

	p->nodes = tocsin_provenance_nodes(p->plain);
	assert_true(p->nodes <= MOST_NODES && reduced_nodes < 2 * MOST_NODES);
	for (uint32_t i = 0; i < p->nodes; i++) {
		uint32_t nth = 0, at = 0;

		for (uint32_t k = 0; k < i; k++)
			nth += same_key(p->plain, k, p->plain, i);
		for (; at < reduced_nodes; at++)
			if (same_key(p->plain, i, p->reduced, at) && !nth--)
				break;
		assert_true(at < reduced_nodes || (!all && !has_edges(p->plain, i)));
		p->as[i] = at == reduced_nodes || was_folded(p, i, at) ? TOCSIN_TRACE_NONE : at;
	}
}

/* All edges, until nothing changes. reached[node]: 0 no, else the time and 1. */
static void look(const struct tocsin_provenance *g, uint32_t from, uint64_t time, bool forward,
		 uint64_t reached[MOST_NODES])
{
	bool changed = true;

	memset(reached, 0, MOST_NODES * sizeof(*reached));
	reached[from] = time + 1;
	while (changed) {
		changed = false;
		for (uint32_t i = 0; i < tocsin_provenance_edges(g); i++) {
			const struct tocsin_trace_edge *e = tocsin_provenance_edge(g, i);
			uint32_t near, far;
			uint64_t at;

			if (!e || e->from == e->to)
				continue;
			near = forward ? e->from : e->to;
			far = forward ? e->to : e->from;
			at = reached[near];

			if (!at-- || (near != from &&
				      tocsin_provenance_node(g, near)->kind == TOCSIN_TRACE_HOST))
				continue;
			/* nothing is composed here: both ends are of one time */
			assert_true(e->leaves == e->arrives && e->left == e->arrived);
			if (forward ? at > e->left : at < e->leaves)
				continue;
			if (forward && at < e->leaves)
				at = e->leaves;
			if (!forward && at > e->left)
				at = e->left;
			if (!reached[far] ||
			    (forward ? at + 1 < reached[far] : at + 1 > reached[far])) {
				reached[far] = at + 1;
				changed = true;
			}
		}
	}
}

static void print_edges(const char *what, const struct tocsin_provenance *g)
{
	for (uint32_t i = 0; i < tocsin_provenance_edges(g); i++) {
		const struct tocsin_trace_edge *e = tocsin_provenance_edge(g, i);

		if (e)
			print_error("%s: %u > %u %s [%ld, %ld] [%ld, %ld] flags %x\n", what,
				    e->from, e->to, tocsin_trace_kind_name(e->kind),
				    (long)e->leaves, (long)e->left, (long)e->arrives,
				    (long)e->arrived, e->flags);
	}
}

static void compare(const struct pair *p, uint32_t from, uint64_t time, bool forward)
{
	struct tocsin_trace_question q = {
	    .forward = forward, .since = forward ? time : 0, .until = forward ? 0 : time};
	struct tocsin_trace_answer a;
	uint64_t reached[MOST_NODES];
	bool found[2 * MOST_NODES] = {false}, loose;

	look(p->plain, from, time, forward, reached);
	loose = random_within_startup(p->reduced, p->as[from], time);
	assert_int_equal(tocsin_trace_ask(p->reduced, &q, &p->as[from], 1, &a), 0);
	for (uint32_t i = 0; i < a.count; i++)
		found[a.steps[i].node] = true;
	for (uint32_t i = 0; i < p->nodes; i++) {
		if (p->as[i] == TOCSIN_TRACE_NONE || (found[p->as[i]] && loose))
			continue;
		if (found[p->as[i]] != (reached[i] != 0)) {
			print_edges("plain", p->plain);
			print_edges("reduced", p->reduced);
			print_error("from %u (%u) at %lu %s: node %u (%u)\n", from, p->as[from],
				    (unsigned long)time, forward ? "forward" : "backward", i,
				    p->as[i]);
		}
		assert_int_equal(found[p->as[i]], reached[i] != 0);
	}
	tocsin_trace_answer_free(&a);
}

static uint64_t state;

static uint32_t number(void)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33);
}

static struct tocsin_provenance *load(struct tocsin_trace_store *store)
{
	struct tocsin_provenance *g;

	assert_int_equal(tocsin_trace_store_load(store, 0, 0, NULL, &g, NULL), 0);
	return g;
}

/* store NULL: the reduced graph stays in memory. */
static void make(struct pair *p, uint64_t seed, struct tocsin_trace_store *store)
{
	struct tocsin_provenance_settings plain = {.plain = true};
	struct random_world w = {.time = 10, .lasting = store != NULL};
	/* some worlds have few kinds of events, so that much repeats */
	uint32_t events, kinds;

	state = seed;
	events = 10 + number() % (MOST_EVENTS - 10);
	kinds = seed % 3 ? 256 : 1 + number() % 30;
	p->plain = tocsin_provenance_new(&plain);
	p->reduced = tocsin_provenance_new(NULL);
	assert_non_null(p->plain);
	assert_non_null(p->reduced);
	for (uint32_t i = 0; i < events; i++) {
		uint8_t bytes[3] = {(uint8_t)(number() % kinds), (uint8_t)number(),
				    (uint8_t)number()};
		const struct tocsin_trace_event *e = random_event(&w, bytes);

		assert_int_equal(tocsin_provenance_take(e, p->plain), 0);
		assert_int_equal(store ? tocsin_trace_store_take(e, store)
				       : tocsin_provenance_take(e, p->reduced),
				 0);
	}
	tocsin_provenance_settle(p->reduced);
	if (store) {
		tocsin_provenance_free(p->reduced);
		p->reduced = load(store);
	}
	p->end = w.time + 2;
	pair_nodes(p, !store);
}

static void compare_all(struct pair *p)
{
	for (uint32_t from = 0; from < p->nodes; from++)
		for (uint64_t time = 9; time <= p->end && p->as[from] != TOCSIN_TRACE_NONE;
		     time += 1 + number() % 3) {
			compare(p, from, time, false);
			compare(p, from, time, true);
		}
}

static void test_same_answers(void **unused)
{
	uint64_t merged = 0, folded = 0, shared = 0, before = 0, after = 0;

	for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
		struct tocsin_provenance_counts counts;
		struct pair p;

		make(&p, seed, NULL);
		compare_all(&p);
		tocsin_provenance_counts(p.plain, &counts);
		before += counts.edges;
		tocsin_provenance_counts(p.reduced, &counts);
		after += counts.edges;
		merged += counts.merged;
		folded += counts.folded;
		shared += counts.shared;
		tocsin_provenance_free(p.plain);
		tocsin_provenance_free(p.reduced);
	}
	print_message(
	    "# %u graphs: %lu edges of %lu are left; %lu merged, %lu folded, %lu shared\n", GRAPHS,
	    (unsigned long)after, (unsigned long)before, (unsigned long)merged,
	    (unsigned long)folded, (unsigned long)shared);
	/* each way of reducing had its say */
	assert_true(merged > 300 && folded > 1000 && shared > 100);
}

/* The same when the graph was in a file, in many segments. */
static void test_same_answers_from_a_file(void **unused)
{
	const struct tocsin_trace_store_settings settings = {.edges = 12};
	char folder[] = "/tmp/tocsin-test-XXXXXX", path[64];
	uint64_t segments = 0;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/graph", folder);
	for (uint64_t seed = 1; seed <= FILES; seed++) {
		struct tocsin_trace_store_extent extent;
		struct tocsin_trace_store *store;
		struct pair p;

		assert_int_equal(tocsin_trace_store_open(path, &settings, &store, NULL), 0);
		make(&p, seed, store);
		compare_all(&p);
		assert_int_equal(tocsin_trace_store_extent(store, &extent, NULL), 0);
		segments += extent.segments;
		tocsin_trace_store_close(store);
		assert_int_equal(unlink(path), 0);
		tocsin_provenance_free(p.plain);
		tocsin_provenance_free(p.reduced);
	}
	assert_int_equal(rmdir(folder), 0);
	assert_true(segments > 3 * FILES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_answers),
					   cmocka_unit_test(test_same_answers_from_a_file)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
