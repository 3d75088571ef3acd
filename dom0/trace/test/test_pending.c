// SPDX-License-Identifier: GPL-2.0-or-later
/* Which events are told as they were read, beside a search through all of them. */
#include "trace/pending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 2000u
#define OBJECTS 10u
#define PLACES 3u /* of a row, the first its own name */

static struct expected {
	uint64_t key, inode, time, read, places[PLACES];
	bool told, resolved, pathless;
} rows[ROWS];
static unsigned int wrong;

static int take(const struct tocsin_trace_event *e, void *context)
{
	struct expected *r = &rows[e->value];

	wrong += r->told || r->resolved != e->resolved ||
		 (r->resolved && r->pathless != !e->file->path[0]);
	r->told = true;
	return 0;
}

static uint64_t any(unsigned int below)
{
	return (uint64_t)rand() % below;
}

static void add(struct trace_queue *q, uint64_t i, uint64_t time)
{
	struct trace_pending *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	*p = (struct trace_pending){.kind = TOCSIN_TRACE_OPENED,
				    .value = i,
				    .key = any(3) ? 1 + any(OBJECTS) : 0,
				    .resolved = true,
				    .has_file = true,
				    .path = strdup("/path"),
				    .file.id.inode = 1,
				    .time = time - any(60)};
	p->read = time + any(50);
	if (any(2)) {
		p->places = calloc(PLACES, sizeof(*p->places));
		assert_non_null(p->places);
		p->place_count = PLACES;
		for (size_t n = 0; n < PLACES; n++)
			p->places[n] = 1 + 2 * OBJECTS + any(OBJECTS);
		p->name = p->places[0];
	}
	assert_int_equal(trace_queue_add(q, p), 0);
	/* It is known later, as what calls carry is. */
	if (any(2)) {
		p->inode = 1 + OBJECTS + any(OBJECTS);
		p->read += any(10);
		trace_queue_changed(q, p);
	}
	rows[i] = (struct expected){
	    .key = p->key, .inode = p->inode, .time = p->time, .read = p->read, .resolved = true};
	if (p->place_count)
		memcpy(rows[i].places, p->places, sizeof(rows[i].places));
}

static bool is_in(const struct expected *r, uint64_t va)
{
	for (size_t i = 0; i < PLACES; i++)
		if (r->places[i] == va)
			return true;
	return false;
}

static void expect_reused(uint64_t key, uint64_t time, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct expected *r = &rows[i];

		if (!r->told && (r->key == key || r->inode == key || is_in(r, key)) &&
		    r->time < time && r->read >= time)
			r->resolved = false;
	}
}

/* What had another name is told without it; what is below one that had is unsure. */
static void expect_moved(uint64_t place, uint64_t time, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct expected *r = &rows[i];

		if (r->told || !is_in(r, place) || r->time >= time || r->read < time)
			continue;
		if (r->places[0] == place)
			r->pathless = true;
		else
			r->resolved = false;
	}
}

static void the_right_ones_are_unresolved(void **state)
{
	struct trace_queue *q = calloc(1, sizeof(*q));
	struct trace_sink sink = {.take = take};
	unsigned int unresolved = 0;
	uint64_t time = 1000;

	assert_non_null(q);
	srand(1);
	for (size_t i = 0; i < ROWS; i++) {
		uint64_t key = 1 + any(3 * OBJECTS), made;

		add(q, i, time += any(10));
		made = time - any(40);
		trace_queue_reused(q, key, made);
		expect_reused(key, made, i + 1);
		key = 1 + 2 * OBJECTS + any(OBJECTS);
		made = time - any(40);
		trace_queue_moved(q, key, made);
		expect_moved(key, made, i + 1);
		if (!any(30))
			assert_int_equal(trace_queue_commit(q, time - any(300), &sink), 0);
	}
	assert_int_equal(trace_queue_commit(q, UINT64_MAX, &sink), 0);
	for (size_t i = 0; i < ROWS; i++) {
		assert_true(rows[i].told);
		unresolved += !rows[i].resolved;
	}
	assert_int_equal(wrong, 0);
	assert_in_range(unresolved, ROWS / 20, ROWS * 3 / 4);
	trace_queue_clear(q);
	free(q);
}

static struct trace_pending *add_of(struct trace_queue *q, uint64_t stack, uint64_t time,
				    bool incomplete)
{
	struct trace_pending *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->kind = incomplete ? TOCSIN_TRACE_MODE : TOCSIN_TRACE_OPENED;
	p->stack = stack;
	p->time = p->read = time;
	p->incomplete = incomplete;
	assert_int_equal(trace_queue_add(q, p), 0);
	return p;
}

/* The latest of a thread is found without a search, until it is handed on. */
static void the_latest_of_a_thread(void **state)
{
	struct trace_queue *q = calloc(1, sizeof(*q));
	struct trace_sink sink = {.take = take};
	struct trace_pending *opened, *mode;
	uint64_t stack = 0xffffc90000100000ull, other = stack + 0x4000;

	assert_non_null(q);
	while (trace_slot(other, TRACE_THREADS) != trace_slot(stack, TRACE_THREADS))
		other += 0x4000;
	add_of(q, stack, 1, false);
	opened = add_of(q, stack, 3, false);
	mode = add_of(q, stack, 4, true);
	assert_ptr_equal(trace_queue_opened(q, stack), opened);
	assert_ptr_equal(trace_queue_incomplete(q, TOCSIN_TRACE_MODE, stack), mode);
	assert_null(trace_queue_opened(q, other));
	assert_null(trace_queue_incomplete(q, TOCSIN_TRACE_MODE, other));
	assert_null(trace_queue_incomplete(q, TOCSIN_TRACE_SIGNAL, stack));
	mode->incomplete = false;
	assert_null(trace_queue_incomplete(q, TOCSIN_TRACE_MODE, stack));
	/* Another one takes its place. */
	add_of(q, other, 5, false);
	assert_null(trace_queue_opened(q, stack));
	assert_non_null(trace_queue_opened(q, other));
	memset(rows, 0, sizeof(rows));
	assert_int_equal(trace_queue_commit(q, 5, &sink), 0);
	assert_non_null(trace_queue_opened(q, other));
	assert_int_equal(trace_queue_commit(q, 6, &sink), 0);
	assert_null(trace_queue_opened(q, other));
	trace_queue_clear(q);
	free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_right_ones_are_unresolved),
					   cmocka_unit_test(the_latest_of_a_thread)};

	return cmocka_run_group_tests_name("pending", tests, NULL, NULL);
}
