/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

static struct tocsin_event numbered(uint32_t seq)
{
	return (struct tocsin_event){.kind = TOCSIN_EVENT_TRIGGER, .record.seq = seq};
}

static void order_is_kept_across_the_wrap(void **state)
{
	struct tocsin_event event;
	struct tocsin_queue q;
	uint32_t in = 0, out = 0;

	assert_int_equal(tocsin_queue_init(&q, 3), 0);
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

	assert_int_equal(tocsin_queue_init(&q, 2), 0);
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

	assert_int_equal(tocsin_queue_init(&q, 0), -EINVAL);
	assert_null(q.events);
}

int main(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(order_is_kept_across_the_wrap),
	    cmocka_unit_test(overflow_is_counted_and_the_oldest_stay),
	    cmocka_unit_test(no_capacity_is_refused),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
