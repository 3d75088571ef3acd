// SPDX-License-Identifier: GPL-2.0-or-later
/* Linked lists that change, lie and loop; the index of names; translations and their epochs. */
#include "../../../fuzz/kernel.h"
#include "introspect/list.h"
#include "introspect/names.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HEAD DATA
#define NODE(i) (DATA + 0x100u * ((i) + 1))
#define OFFSET 0x10

static uint64_t words[0x8000 / 8];
static struct tocsin_kernel k;

static void put(uint64_t va, uint64_t word)
{
	words[(va - DATA) / 8] = word;
}

/* A ring of n nodes behind the head. */
static void make_ring(int n)
{
	memset(words, 0, sizeof(words));
	for (int i = 0; i <= n; i++) {
		uint64_t node = i ? NODE(i - 1) : HEAD;
		uint64_t next = i < n ? NODE(i) : HEAD;

		put(node, next);
		put(next + 8, node);
	}
}

static int collect(size_t bound, struct tocsin_addresses *ret)
{
	int rc;

	memset(&k, 0, sizeof(k));
	k.paging = (struct tocsin_paging){.root = 0x1000, .levels = 4};
	assert_true(fuzz_memory(&k, (uint8_t *)words, sizeof(words)));
	memset(ret, 0, sizeof(*ret));
	rc = tocsin_list_collect(&k, HEAD, OFFSET, bound, ret);
	tocsin_memory_close(k.m);
	return rc;
}

static void test_all(void **state)
{
	struct tocsin_addresses found;

	make_ring(5);
	assert_int_equal(collect(10, &found), 0);
	assert_int_equal(found.count, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(found.at[i], NODE(i) - OFFSET);
	tocsin_addresses_sort(&found);
	assert_true(tocsin_addresses_has(&found, NODE(3) - OFFSET));
	assert_false(tocsin_addresses_has(&found, NODE(3)));
	tocsin_addresses_free(&found);
	make_ring(0);
	assert_int_equal(collect(10, &found), 0);
	assert_int_equal(found.count, 0);
}

static void test_bound(void **state)
{
	struct tocsin_addresses found;

	make_ring(5);
	assert_int_equal(collect(3, &found), -E2BIG);
	assert_int_equal(found.count, 3);
	tocsin_addresses_free(&found);
}

/* A ring that never comes back to its head, whose links all agree. */
static void test_another_ring(void **state)
{
	struct tocsin_addresses found;

	make_ring(5);
	put(NODE(4), NODE(1));
	put(NODE(1) + 8, NODE(4));
	assert_true(collect(100, &found) < 0);
	tocsin_addresses_free(&found);
}

static void test_broken(void **state)
{
	const uint64_t wrong[] = {0, NODE(2), 1ull << 63, UINT64_MAX, 0x40, HEAD};
	struct tocsin_addresses found;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make_ring(5);
		put(NODE(2), wrong[i]);
		assert_true(collect(100, &found) < 0);
		tocsin_addresses_free(&found);
		make_ring(5);
		put(NODE(2) + 8, wrong[i]);
		assert_true(collect(100, &found) < 0);
		tocsin_addresses_free(&found);
	}
}

static void test_linked(void **state)
{
	make_ring(3);
	memset(&k, 0, sizeof(k));
	k.paging = (struct tocsin_paging){.root = 0x1000, .levels = 4};
	put(NODE(7), NODE(1));
	put(NODE(7) + 8, NODE(2));
	assert_true(fuzz_memory(&k, (uint8_t *)words, sizeof(words)));
	assert_true(tocsin_list_linked(&k, NODE(1)));
	assert_false(tocsin_list_linked(&k, NODE(7))); /* it points there, nobody points back */
	assert_false(tocsin_list_linked(&k, NODE(9))); /* zeros, as of memory that was freed */
	tocsin_memory_close(k.m);
}

static void test_names(void **state)
{
	static const char text[] = "one\0two\0one\0three\0";
	struct tocsin_names n = {0};
	struct tocsin_names_adding adding = {.n = &n};
	uint32_t found = 77;

	assert_int_equal(tocsin_names_open(&n, 4), 0);
	tocsin_names_add(&adding, text, 0, 3, 10);
	tocsin_names_add(&adding, text, 4, 3, 20);
	tocsin_names_add(&adding, text, 8, 3, 30);
	tocsin_names_add(&adding, text, 12, 5, 0);
	tocsin_names_added(&adding, text);
	assert_int_equal(tocsin_names_find(&n, text, "one", &found), 0);
	assert_int_equal(found, 10); /* the first counts */
	assert_int_equal(tocsin_names_find(&n, text, "three", &found), 0);
	assert_int_equal(found, 0);
	assert_int_equal(tocsin_names_find(&n, text, "on", &found), -ENOENT);
	assert_int_equal(tocsin_names_find(&n, text, "", &found), -ENOENT);
	assert_int_equal(found, 0);
	tocsin_names_close(&n);
}

/* What is remembered of the direct map is forgotten with the epoch, and only then. */
static void test_epochs(void **state)
{
	uint64_t *table, *page, gpa, value;
	uint64_t follow;

	make_ring(0);
	memset(&k, 0, sizeof(k));
	k.paging = (struct tocsin_paging){.root = 0x1000, .levels = 4};
	assert_true(fuzz_memory(&k, (uint8_t *)words, sizeof(words)));
	k.direct_map = 0;
	k.direct_map_size = 0x20000;
	table = (uint64_t *)(void *)tocsin_memory_map(k.m, 0x4000, &follow);
	page = (uint64_t *)(void *)tocsin_memory_map(k.m, 0x9000, &follow);
	*page = 42;
	assert_int_equal(tocsin_kernel_translate(&k, 0x9008, &gpa), 0);
	assert_int_equal(gpa, 0x9008);
	table[9] = 0xa000 | 3;
	assert_int_equal(tocsin_kernel_read_u64(&k, 0x9000, &value), 0);
	assert_int_equal(value, 42);
	tocsin_memory_flush(k.m);
	assert_int_equal(tocsin_kernel_translate(&k, 0x9008, &gpa), 0);
	assert_int_equal(gpa, 0xa008);
	table[9] = 0;
	tocsin_memory_flush(k.m);
	assert_int_equal(tocsin_kernel_translate(&k, 0x9008, &gpa), -EFAULT);
	/* Elsewhere nothing is remembered at all. */
	assert_int_equal(tocsin_kernel_translate(&k, 0x21000, &gpa), 0);
	table[0x21] = 0;
	assert_int_equal(tocsin_kernel_translate(&k, 0x21000, &gpa), -EFAULT);
	tocsin_memory_close(k.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all),          cmocka_unit_test(test_bound),
	    cmocka_unit_test(test_another_ring), cmocka_unit_test(test_broken),
	    cmocka_unit_test(test_linked),       cmocka_unit_test(test_names),
	    cmocka_unit_test(test_epochs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
