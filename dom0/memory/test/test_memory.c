/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bounds, counters and the compare-exchange, on a source made of the test's own bytes. */
#include "memory/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static _Alignas(16) uint8_t bytes[2 * TOCSIN_PAGE_SIZE];

static struct tocsin_memory *open_bytes(void)
{
	struct tocsin_memory *m = NULL;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	assert_int_equal(tocsin_memory_open_buffer(bytes, sizeof(bytes), &m, NULL), 0);
	return m;
}

static void test_read(void **state)
{
	struct tocsin_memory *m = open_bytes();
	uint8_t got[64];

	assert_int_equal(tocsin_memory_read(m, TOCSIN_PAGE_SIZE - 10, got, sizeof(got)), 0);
	assert_memory_equal(got, bytes + TOCSIN_PAGE_SIZE - 10, sizeof(got));
	assert_int_equal(tocsin_memory_read(m, 0, got, 0), 0);
	assert_int_equal(m->stats.reads, 1);
	assert_int_equal(m->stats.bytes_read, sizeof(got));
	tocsin_memory_flush(m);
	tocsin_memory_close(m);
	tocsin_memory_close(NULL);
}

static void test_bounds(void **state)
{
	struct tocsin_memory *m = open_bytes();
	uint8_t got[64];

	assert_int_equal(tocsin_memory_read(m, sizeof(bytes) - 64, got, 64), 0);
	assert_int_equal(tocsin_memory_read(m, sizeof(bytes) - 63, got, 64), -EFAULT);
	assert_int_equal(tocsin_memory_read(m, sizeof(bytes), got, 1), -EFAULT);
	assert_int_equal(tocsin_memory_read(m, UINT64_MAX, got, 1), -EFAULT);
	assert_int_equal(tocsin_memory_read(m, UINT64_MAX, got, 2), -EINVAL);
	assert_int_equal(tocsin_memory_read(m, 8, got, SIZE_MAX), -EINVAL);
	assert_int_equal(m->stats.reads, 1);
	assert_int_equal(m->stats.bytes_read, 64);
	tocsin_memory_close(m);
}

/* Two ranges that touch read as one; a gap is a hole. */
static void test_ranges(void **state)
{
	struct tocsin_memory *m = open_bytes();
	struct tocsin_memory_range *own = m->ranges;
	struct tocsin_memory_range split[3] = {
	    {.start = 0x100, .size = 0x100},
	    {.start = 0x200, .size = 0x100},
	    {.start = 0x400, .size = 0x100},
	};
	uint8_t got[0x300];

	m->ranges = split;
	m->range_count = 3;
	assert_int_equal(tocsin_memory_read(m, 0x100, got, 0x200), 0);
	assert_memory_equal(got, bytes + 0x100, 0x200);
	assert_int_equal(tocsin_memory_read(m, 0xff, got, 2), -EFAULT);
	assert_int_equal(tocsin_memory_read(m, 0x2ff, got, 2), -EFAULT);
	assert_int_equal(tocsin_memory_read(m, 0x200, got, 0x201), -EFAULT);
	assert_int_equal(tocsin_memory_read(m, 0x4ff, got, 1), 0);
	assert_int_equal(tocsin_memory_read(m, 0x500, got, 1), -EFAULT);
	m->ranges = own;
	m->range_count = 1;
	tocsin_memory_close(m);
}

static void test_cas16(void **state)
{
	struct tocsin_memory *m = open_bytes();
	uint8_t old[16], new[16], wrong[16], before[sizeof(bytes)];

	memcpy(before, bytes, sizeof(bytes));
	memcpy(old, bytes + 32, 16);
	memset(new, 0xa5, 16);
	for (int i = 0; i < 16; i++) {
		memcpy(wrong, old, 16);
		wrong[i] ^= 1;
		assert_int_equal(tocsin_memory_cas16(m, 32, wrong, new), -EAGAIN);
	}
	assert_int_equal(tocsin_memory_cas16(m, 40, old, new), -EINVAL);
	assert_int_equal(tocsin_memory_cas16(m, sizeof(bytes), old, new), -EFAULT);
	assert_memory_equal(bytes, before, sizeof(bytes));
	assert_int_equal(tocsin_memory_cas16(m, 32, old, new), 0);
	memcpy(before + 32, new, 16);
	assert_memory_equal(bytes, before, sizeof(bytes));
	assert_int_equal(tocsin_memory_cas16(m, 32, old, new), -EAGAIN);
	tocsin_memory_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_read),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_ranges),
	    cmocka_unit_test(test_cas16),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
