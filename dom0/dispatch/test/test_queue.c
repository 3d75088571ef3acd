/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

static struct tocsin_event of_domain(uint16_t domid, uint32_t seq)
{
	return (struct tocsin_event){
	    .kind = TOCSIN_EVENT_TRIGGER, .record.domid = domid, .record.seq = seq};
}

static struct tocsin_event numbered(uint32_t seq)
{
	return of_domain(1, seq);
}

static void the_order_of_a_domain_is_kept(void **state)
{
	struct tocsin_event event;
	struct tocsin_queue q;
	uint32_t in = 0, out = 0;

	assert_int_equal(tocsin_queue_init(&q, 3, 3), 0);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 2; i++) {
			event = numbered(in++);
			assert_int_equal(tocsin_queue_push(&q, &event), 0);
		}
		for (int i = 0; i < 2; i++) {
			assert_int_equal(tocsin_queue_pop(&q, &event), 0);
			assert_int_equal(event.record.seq, out++);
		}
	}
	assert_int_equal(tocsin_queue_pop(&q, &event), -ENOENT);
	tocsin_queue_free(&q);
}

static void overflow_is_counted_and_the_oldest_stay(void **state)
{
	struct tocsin_event event;
	struct tocsin_queue q;

	assert_int_equal(tocsin_queue_init(&q, 2, 2), 0);
	for (uint32_t i = 0; i < 5; i++) {
		event = numbered(i);
		assert_int_equal(tocsin_queue_push(&q, &event), i < 2 ? 0 : -ENOBUFS);
	}
	assert_int_equal(tocsin_queue_take_dropped(&q), 3);
	assert_int_equal(tocsin_queue_take_dropped(&q), 0);
	assert_int_equal(tocsin_queue_pop(&q, &event), 0);
	assert_int_equal(event.record.seq, 0);
	tocsin_queue_free(&q);
}

static void no_capacity_is_refused(void **state)
{
	struct tocsin_queue q = {0};

	assert_int_equal(tocsin_queue_init(&q, 0, 1), -EINVAL);
	assert_int_equal(tocsin_queue_init(&q, 1, 0), -EINVAL);
}

/* Domain 1 floods: domains 2 and 3 wait for one event of it each, and it fills its share alone. */
static void domains_take_turns(void **state)
{
	static const uint16_t expected[] = {1, 2, 3, 1, 2, 1, 1};
	struct tocsin_event event;
	struct tocsin_queue q;

	assert_int_equal(tocsin_queue_init(&q, 8, 4), 0);
	for (uint32_t i = 0; i < 6; i++) {
		event = of_domain(1, i);
		assert_int_equal(tocsin_queue_push(&q, &event), i < 4 ? 0 : -ENOBUFS);
	}
	for (uint32_t i = 0; i < 2; i++) {
		event = of_domain(2, i);
		assert_int_equal(tocsin_queue_push(&q, &event), 0);
	}
	event = of_domain(3, 0);
	assert_int_equal(tocsin_queue_push(&q, &event), 0);
	assert_int_equal(tocsin_queue_take_dropped(&q), 2);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(tocsin_queue_pop(&q, &event), 0);
		assert_int_equal(event.record.domid, expected[i]);
	}
	assert_int_equal(tocsin_queue_pop(&q, &event), -ENOENT);
	tocsin_queue_free(&q);
}

/* A domain that comes back after it had no events waits behind those that have some. */
static void a_domain_that_comes_back_is_last(void **state)
{
	struct tocsin_event event = of_domain(1, 0);
	struct tocsin_queue q;

	assert_int_equal(tocsin_queue_init(&q, 8, 8), 0);
	assert_int_equal(tocsin_queue_push(&q, &event), 0);
	event = of_domain(2, 0);
	assert_int_equal(tocsin_queue_push(&q, &event), 0);
	assert_int_equal(tocsin_queue_push(&q, &event), 0);
	assert_int_equal(tocsin_queue_pop(&q, &event), 0);
	assert_int_equal(event.record.domid, 1);
	assert_int_equal(tocsin_queue_push(&q, &event), 0);
	assert_int_equal(tocsin_queue_pop(&q, &event), 0);
	assert_int_equal(event.record.domid, 2);
	assert_int_equal(tocsin_queue_pop(&q, &event), 0);
	assert_int_equal(event.record.domid, 1);
	tocsin_queue_free(&q);
	assert_int_equal(q.count, 0);
}

int main(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(the_order_of_a_domain_is_kept),
	    cmocka_unit_test(overflow_is_counted_and_the_oldest_stay),
	    cmocka_unit_test(no_capacity_is_refused),
	    cmocka_unit_test(domains_take_turns),
	    cmocka_unit_test(a_domain_that_comes_back_is_last),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
