// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Provenance: events in any order, and a store that somebody changed. What is made of either is
 * asked, and told in every form. Input: u8 what, then the bytes of one of 0: events, three bytes
 * each (provenance/test/random_events.h) 1: a segment, before it is compressed 2: events as text
 */
#include "fuzz.h"
#include "output/provenance.h"
#include "provenance/query.h"
#include "provenance/script.h"
#include "provenance/segment.h"
#include "provenance/test/random_events.h"

#include <stdlib.h>
#include <zstd.h>

static FILE *nowhere;

static void check(int ok)
{
	if (!ok)
		abort();
}

static void ask_all(const struct tocsin_provenance *g)
{
	for (int way = 0; way < 4; way++) {
		struct tocsin_trace_question q = {
		    .forward = way & 1, .depth = way & 2, .max_nodes = 200};

		for (uint32_t node = 0; node < tocsin_provenance_nodes(g) && node < 12; node++) {
			struct tocsin_trace_answer a;
			struct tocsin_told told = {.graph = g, .question = &q, .answer = &a};

			check(!tocsin_trace_ask(g, &q, &node, 1, &a));
			for (const struct tocsin_provenance_output *o = tocsin_provenance_outputs;
			     o->name; o++)
				if (strcmp(o->name, "svg") != 0)
					check(!o->write(nowhere, &told));
			told.all = true;
			check(!tocsin_provenance_outputs[0].write(nowhere, &told));
			tocsin_trace_answer_free(&a);
		}
	}
}

/* What was built can be written, and read again. */
static void pass_through(const struct tocsin_provenance *g)
{
	struct tocsin_provenance *again = tocsin_provenance_new(NULL), *next;
	size_t size;
	void *bytes;

	check(again && !trace_segment_encode(g, 0, &bytes, &size));
	check(!trace_segment_decode(bytes, size, again, NULL));
	free(bytes);
	next = trace_segment_next(g, g->counts.last);
	check(next != NULL);
	tocsin_provenance_free(next);
	tocsin_provenance_free(again);
}

#define COMPARED 64u /* nodes */

/* The nodes that are reached, by their numbers. */
static void reach(const struct tocsin_provenance *g, uint32_t node, uint64_t time, bool forward,
		  bool ret[2 * COMPARED])
{
	struct tocsin_trace_question q = {
	    .forward = forward, .since = forward ? time : 0, .until = forward ? 0 : time};
	struct tocsin_trace_answer a;

	check(!tocsin_trace_ask(g, &q, &node, 1, &a));
	for (uint32_t i = 0; i < a.count; i++)
		ret[a.steps[i].node] = true;
	tocsin_trace_answer_free(&a);
}

static bool is_gone(const struct tocsin_provenance *g, uint32_t node)
{
	return g->nodes[node].kind == TOCSIN_TRACE_FILE && !g->states[node].edges &&
	       (g->nodes[node].flags & TOCSIN_TRACE_DEAD);
}

/* Reduced or not, the answers are the same: nodes were made in the same order, but for start-ups.
 */
static void compare(const struct tocsin_provenance *plain, const struct tocsin_provenance *reduced,
		    const uint32_t as[COMPARED], uint32_t from, uint64_t time)
{
	for (int forward = 0; forward < 2; forward++) {
		bool x[2 * COMPARED] = {false}, y[2 * COMPARED] = {false};
		bool loose = random_within_startup(reduced, as[from], time);

		reach(plain, from, time, forward, x);
		reach(reduced, as[from], time, forward, y);
		for (uint32_t i = 0; i < plain->node_count; i++)
			check(is_gone(reduced, as[i]) || x[i] == y[as[i]] || (loose && y[as[i]]));
	}
}

static void compare_all(const struct tocsin_provenance *plain,
			const struct tocsin_provenance *reduced, uint64_t until)
{
	uint32_t as[COMPARED], count = 0;

	if (plain->node_count > COMPARED || reduced->node_count > 2 * COMPARED)
		return;
	for (uint32_t i = 0; i < reduced->node_count; i++)
		if (reduced->nodes[i].kind != TOCSIN_TRACE_STARTUP)
			as[count++] = i;
	check(count == plain->node_count);
	for (uint32_t from = 0; from < count; from++)
		for (uint64_t time = 9; time < until + 2 && !is_gone(reduced, as[from]);
		     time += 1 + until / 40)
			compare(plain, reduced, as, from, time);
}

static void build(const uint8_t *data, size_t size, struct tocsin_provenance *g)
{
	const struct tocsin_provenance_settings settings = {.plain = true};
	struct tocsin_provenance *plain = tocsin_provenance_new(&settings);
	struct random_world w = {.time = 10};

	check(plain != NULL);
	for (; size >= 3; data += 3, size -= 3) {
		const struct tocsin_trace_event *e = random_event(&w, data);

		check(!tocsin_provenance_take(e, g) && !tocsin_provenance_take(e, plain));
	}
	tocsin_provenance_settle(g);
	compare_all(plain, g, w.time);
	tocsin_provenance_free(plain);
	pass_through(g);
}

static void read_segment(const uint8_t *data, size_t size, struct tocsin_provenance *g)
{
	size_t bound = ZSTD_compressBound(size);
	uint8_t *bytes = malloc(bound);

	check(bytes != NULL);
	trace_segment_decode(data, size, g, NULL); /* which it is not */
	trace_segment_decode(bytes, ZSTD_compress(bytes, bound, data, size, 1), g, NULL);
	free(bytes);
}

static void read_script(const uint8_t *data, size_t size, struct tocsin_provenance *g)
{
	struct tocsin_error err = {0};
	FILE *from = size ? fmemopen((void *)data, size, "r") : NULL;

	if (!from)
		return;
	tocsin_trace_script(from, tocsin_provenance_take, g, &err);
	fclose(from);
	pass_through(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct tocsin_provenance_settings settings = {.max_nodes = 400, .max_edges = 2000};
	struct tocsin_provenance *g = tocsin_provenance_new(&settings);

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	check(g && nowhere);
	if (size && size < 1000 && !data[0])
		build(data + 1, size - 1, g);
	else if (size && data[0] == 1)
		read_segment(data + 1, size - 1, g);
	else if (size && data[0] == 2)
		read_script(data + 1, size - 1, g);
	ask_all(g);
	tocsin_provenance_free(g);
	return 0;
}
