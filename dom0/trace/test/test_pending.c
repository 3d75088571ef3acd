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

static struct expected {
	uint64_t key, inode, time, read;
	bool told, resolved;
} rows[ROWS];
static unsigned int wrong;

static int take(const struct tocsin_trace_event *e, void *context)
{
	struct expected *r = &rows[e->value];

	wrong += r->told || r->resolved != e->resolved;
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
				    .time = time - any(60)};
	p->read = time + any(50);
	assert_int_equal(trace_queue_add(q, p), 0);
	/* It is known later, as what calls carry is. */
	if (any(2)) {
		p->inode = 1 + OBJECTS + any(OBJECTS);
		p->read += any(10);
		trace_queue_changed(q, p);
	}
	rows[i] = (struct expected){
	    .key = p->key, .inode = p->inode, .time = p->time, .read = p->read, .resolved = true};
}

static void expect_reused(uint64_t key, uint64_t time, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct expected *r = &rows[i];

		if (!r->told && (r->key == key || r->inode == key) && r->time < time &&
		    r->read >= time)
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
		uint64_t key = 1 + any(2 * OBJECTS), made;

		add(q, i, time += any(10));
		made = time - any(40);
		trace_queue_reused(q, key, made);
		expect_reused(key, made, i + 1);
		if (!any(30))
			assert_int_equal(trace_queue_commit(q, time - any(300), &sink), 0);
	}
	assert_int_equal(trace_queue_commit(q, UINT64_MAX, &sink), 0);
	for (size_t i = 0; i < ROWS; i++) {
		assert_true(rows[i].told);
		unresolved += !rows[i].resolved;
	}
	assert_int_equal(wrong, 0);
	assert_in_range(unresolved, ROWS / 20, ROWS / 2);
	trace_queue_clear(q);
	free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_right_ones_are_unresolved)};

	return cmocka_run_group_tests_name("pending", tests, NULL, NULL);
}
