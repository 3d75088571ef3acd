// SPDX-License-Identifier: GPL-2.0-or-later
/* The image's page tables, made by hand in an 8 MiB memory: found, and refused when they lie. */
#include "introspect/image.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE (8u << 20)
#define TEXT 0x200000ull
#define LEVEL3 (TEXT + 0x1000)
#define LEVEL2 (TEXT + 0x2000)
#define TOP (TEXT + 0x4000)
#define FIXMAP (TEXT + 0x3000)
#define LEVEL4 (TEXT + 0x6000)
#define TABLE 0x67ull
#define LARGE 0x1e1ull
#define NO_EXECUTE (1ull << 63)

static uint8_t *bytes;
static struct tocsin_memory *m;

static void entry(uint64_t table, unsigned int index, uint64_t value)
{
	memcpy(bytes + table + index * 8ull, &value, 8);
}

static int setup(void **state)
{
	struct tocsin_error err = {0};

	bytes = calloc(1, SIZE);
	if (!bytes)
		return -1;
	entry(TOP, 511, LEVEL3 | TABLE);
	entry(LEVEL3, 510, LEVEL2 | TABLE);
	entry(LEVEL3, 511, FIXMAP | TABLE);
	entry(LEVEL2, 7, TEXT | LARGE);
	entry(LEVEL2, 8, (TEXT + 0x200000) | LARGE);
	strcpy((char *)bytes + TEXT + 0x300000, "inside");
	return tocsin_memory_open_buffer(bytes, SIZE, &m, &err);
}

static int teardown(void **state)
{
	tocsin_memory_close(m);
	free(bytes);
	return 0;
}

static void check(uint64_t cr3)
{
	struct tocsin_image image = {0};
	struct tocsin_error err = {0};

	assert_int_equal(tocsin_image_open(m, cr3, &image, &err), 0);
	assert_int_equal(tocsin_image_fetch(m, &image, cr3 != 0), 0);
	assert_true(!image.copy == !cr3);
	assert_int_equal(image.level3, LEVEL3);
	assert_int_equal(image.text_pa, TEXT);
	assert_int_equal(image.text_va, 0xffffffff80e00000ull);
	assert_int_equal(image.size, 0x400000);
	assert_int_equal(image.holes, 0);
	assert_string_equal((char *)image.bytes + 0x300000, "inside");
	tocsin_image_free(&image);
}

static void test_found(void **state)
{
	check(0);
	check(TOP);
	check(TOP | 0x805);  /* PCID */
	check(TOP | 0x1805); /* and the user half */
}

/* What is mapped executable is left out until it is asked for. */
static void test_text(void **state)
{
	struct tocsin_image image = {0};
	struct tocsin_error err = {0};

	entry(LEVEL2, 8, (TEXT + 0x200000) | LARGE | NO_EXECUTE);
	strcpy((char *)bytes + TEXT + 0x100000, "text");
	assert_int_equal(tocsin_image_open(m, TOP, &image, &err), 0);
	assert_int_equal(image.text_size, 0x200000);
	assert_int_equal(tocsin_image_fetch(m, &image, true), 0);
	assert_int_equal(image.from, 0x200000);
	assert_string_equal((char *)image.bytes + 0x300000, "inside");
	assert_string_equal((char *)image.bytes + 0x100000, "");
	tocsin_image_fetch_text(m, &image);
	assert_int_equal(image.from, 0);
	assert_string_equal((char *)image.bytes + 0x100000, "text");
	tocsin_image_free(&image);
}

static void test_five_levels(void **state)
{
	uint64_t level3;
	int levels = 0;

	assert_int_equal(tocsin_image_level3(m, TOP, &level3, &levels), 0);
	assert_int_equal(levels, 4);
	entry(TOP, 511, LEVEL4 | TABLE);
	entry(LEVEL4, 511, LEVEL3 | TABLE);
	assert_int_equal(tocsin_image_level3(m, TOP, &level3, &levels), 0);
	assert_int_equal(level3, LEVEL3);
	assert_int_equal(levels, 5);
	check(TOP);
}

static void refused(void)
{
	struct tocsin_image image = {.size = 77};
	struct tocsin_error err = {0};

	assert_int_equal(tocsin_image_open(m, 0, &image, &err), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_int_equal(image.size, 77);
}

static void test_third_entry(void **state)
{
	entry(LEVEL3, 3, TABLE | LEVEL2);
	refused();
}

static void test_outside_its_image(void **state)
{
	entry(LEVEL2, 7, 0x600000 | LARGE);
	entry(LEVEL2, 8, 0x800000 | LARGE);
	refused();
}

static void test_not_contiguous(void **state)
{
	entry(LEVEL2, 8, 0x600000 | LARGE);
	refused();
}

static void test_beyond_memory(void **state)
{
	entry(LEVEL3, 510, 0x7ffffffff000ull | TABLE);
	refused();
	entry(TOP, 511, 0x7ffffffff000ull | TABLE);
	struct tocsin_image image = {0};
	struct tocsin_error err = {0};

	assert_true(tocsin_image_open(m, TOP, &image, &err) < 0);
	assert_true(tocsin_image_open(m, ~0ull, &image, &err) < 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_found),
	    TEST(test_text),
	    TEST(test_five_levels),
	    TEST(test_third_entry),
	    TEST(test_outside_its_image),
	    TEST(test_not_contiguous),
	    TEST(test_beyond_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
