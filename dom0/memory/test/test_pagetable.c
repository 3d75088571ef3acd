/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables built by hand in 4 MiB of memory. Each test starts from the same tables:
 *
 *   0x1000 PML4, 0x2000 PDPT, 0x3000 PD, 0x4000 PT, 0x5000 PML5 (its slot 0 is the PML4)
 */
#include "memory/pagetable.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE (4u << 20)
#define PML4 0x1000
#define PDPT 0x2000
#define PD 0x3000
#define PT 0x4000
#define PML5 0x5000

#define TABLE 0x7 /* present, writable, user */
#define LARGE 0x80
#define DIRTY 0x40
#define XD (1ull << 63)

struct fixture {
	uint8_t *bytes;
	struct tocsin_memory *m;
};

static const struct tocsin_paging four = {.root = PML4, .levels = 4};
static const struct tocsin_paging five = {.root = PML5, .levels = 5};

static void put(struct fixture *f, uint64_t table, unsigned int slot, uint64_t entry)
{
	memcpy(f->bytes + table + slot * 8, &entry, 8);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->bytes = calloc(1, SIZE);
	assert_non_null(f->bytes);
	put(f, PML5, 0, PML4 | TABLE);
	put(f, PML4, 0, PDPT | TABLE);
	put(f, PDPT, 0, PD | TABLE);
	put(f, PD, 0, PT | TABLE);
	*state = f;
	return tocsin_memory_open_buffer(f->bytes, SIZE, &f->m, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tocsin_memory_close(f->m);
	free(f->bytes);
	free(f);
	return 0;
}

static void test_4k(void **state)
{
	struct fixture *f = *state;
	struct tocsin_mapping map;

	put(f, PT, 5, 0x9000 | TABLE | DIRTY);
	assert_int_equal(tocsin_walk(f->m, four, 0x5123, &map), 0);
	assert_int_equal(map.gpa, 0x9123);
	assert_int_equal(map.page_size, 4096);
	assert_true(map.user && map.writable && map.executable && map.dirty);
	assert_int_equal(f->m->stats.reads, 4);
	/* The low bits of CR3 (PCID) are not address. */
	assert_int_equal(tocsin_walk(f->m, (struct tocsin_paging){PML4 | 0xabc, 4}, 0x5123, &map),
			 0);
	/* In a 4 KiB leaf bit 7 is PAT, not size. */
	put(f, PT, 5, 0x9000 | TABLE | LARGE);
	assert_int_equal(tocsin_walk(f->m, four, 0x5fff, &map), 0);
	assert_int_equal(map.gpa, 0x9fff);
	assert_false(map.dirty);
}

static void test_five_levels(void **state)
{
	struct fixture *f = *state;
	struct tocsin_mapping map;

	put(f, PT, 5, 0x9000 | TABLE);
	assert_int_equal(tocsin_walk(f->m, five, 0x5123, &map), 0);
	assert_int_equal(map.gpa, 0x9123);
	assert_int_equal(f->m->stats.reads, 5);
	/* Canonical with 57 bits, not with 48. */
	put(f, PML5, 0x101, PML4 | TABLE);
	assert_int_equal(tocsin_walk(f->m, five, 0xff01000000005123, &map), 0);
	assert_int_equal(tocsin_walk(f->m, four, 0xff01000000005123, &map), -EINVAL);
	assert_int_equal(tocsin_walk(f->m, five, 0xfe01000000005123, &map), -EINVAL);
	assert_int_equal(tocsin_walk(f->m, five, 0x0100000000000000, &map), -EINVAL);
	assert_int_equal(tocsin_walk(f->m, (struct tocsin_paging){PML4, 3}, 0, &map), -EINVAL);
	assert_int_equal(tocsin_walk(f->m, (struct tocsin_paging){PML4, 6}, 0, &map), -EINVAL);
}

static void test_large(void **state)
{
	struct fixture *f = *state;
	struct tocsin_mapping map;

	/* Bit 12 of a large leaf is PAT. */
	put(f, PD, 1, 0x200000 | 0x1000 | TABLE | LARGE | DIRTY);
	assert_int_equal(tocsin_walk(f->m, four, 0x200000 + 0x12345, &map), 0);
	assert_int_equal(map.gpa, 0x212345);
	assert_int_equal(map.page_size, 2u << 20);
	assert_true(map.dirty);
	put(f, PDPT, 1, 0x80000000 | TABLE | LARGE);
	assert_int_equal(tocsin_walk(f->m, four, 0x40000000 + 0x3fffffff, &map), 0);
	assert_int_equal(map.gpa, 0x80000000 + 0x3fffffffull);
	assert_int_equal(map.page_size, 1u << 30);
	assert_false(map.dirty);
}

static void test_reserved(void **state)
{
	struct fixture *f = *state;
	struct tocsin_mapping map = {.gpa = 0x77};

	put(f, PD, 1, 0x202000 | TABLE | LARGE);
	assert_int_equal(tocsin_walk(f->m, four, 0x200000, &map), -EINVAL);
	put(f, PDPT, 1, 0x200000 | TABLE | LARGE);
	assert_int_equal(tocsin_walk(f->m, four, 0x40000000, &map), -EINVAL);
	put(f, PML4, 0, PDPT | TABLE | LARGE);
	assert_int_equal(tocsin_walk(f->m, four, 0, &map), -EINVAL);
	put(f, PML4, 0, PDPT | TABLE);
	put(f, PML5, 0, PML4 | TABLE | LARGE);
	assert_int_equal(tocsin_walk(f->m, five, 0, &map), -EINVAL);
	assert_int_equal(map.gpa, 0x77); /* untouched on failure */
}

static void test_not_present(void **state)
{
	struct fixture *f = *state;
	struct tocsin_mapping map;

	put(f, PT, 5, 0x9000 | 0x6);
	assert_int_equal(tocsin_walk(f->m, four, 0x5000, &map), -EFAULT);
	assert_int_equal(tocsin_walk(f->m, four, 0x200000, &map), -EFAULT);
	assert_int_equal(tocsin_walk(f->m, four, 0x40000000, &map), -EFAULT);
	assert_int_equal(tocsin_walk(f->m, four, 0x8000000000, &map), -EFAULT);
	/* A table beyond the memory there is. */
	put(f, PD, 1, 0x000ffffffffff000 | TABLE);
	assert_int_equal(tocsin_walk(f->m, four, 0x200000, &map), -EFAULT);
	put(f, PD, 1, SIZE | TABLE);
	assert_int_equal(tocsin_walk(f->m, four, 0x200000, &map), -EFAULT);
}

static void test_not_canonical(void **state)
{
	struct fixture *f = *state;
	struct tocsin_mapping map;

	put(f, PML4, 256, PDPT | TABLE);
	put(f, PT, 0, 0x9000 | TABLE);
	assert_int_equal(tocsin_walk(f->m, four, 0xffff800000000010, &map), 0);
	assert_int_equal(map.gpa, 0x9010);
	assert_int_equal(tocsin_walk(f->m, four, 0x0000800000000010, &map), -EINVAL);
	assert_int_equal(tocsin_walk(f->m, four, 0x8000000000000010, &map), -EINVAL);
	assert_int_equal(f->m->stats.reads, 4);
}

/* Rights are what every level grants; one that forbids is enough. */
static void test_rights(void **state)
{
	static const uint64_t tables[] = {PML4, PDPT, PD, PT};
	static const uint64_t next[] = {PDPT, PD, PT, 0x9000};
	struct fixture *f = *state;
	struct tocsin_mapping map;

	put(f, PT, 0, 0x9000 | TABLE);
	for (int i = 0; i < 4; i++) {
		put(f, tables[i], 0, next[i] | 0x3);
		assert_int_equal(tocsin_walk(f->m, four, 0, &map), 0);
		assert_true(!map.user && map.writable && map.executable);
		put(f, tables[i], 0, next[i] | 0x5);
		assert_int_equal(tocsin_walk(f->m, four, 0, &map), 0);
		assert_true(map.user && !map.writable && map.executable);
		put(f, tables[i], 0, next[i] | TABLE | XD);
		assert_int_equal(tocsin_walk(f->m, four, 0, &map), 0);
		assert_true(map.user && map.writable && !map.executable);
		put(f, tables[i], 0, next[i] | TABLE);
	}
}

/* A table that points at itself ends at the last level, after four reads. */
static void test_loop(void **state)
{
	struct fixture *f = *state;
	struct tocsin_mapping map;

	put(f, PML4, 0, PML4 | TABLE);
	assert_int_equal(tocsin_walk(f->m, four, 0x18, &map), 0);
	assert_int_equal(map.gpa, PML4 + 0x18);
	assert_int_equal(map.page_size, 4096);
	assert_int_equal(f->m->stats.reads, 4);
}

static void test_read_va(void **state)
{
	struct fixture *f = *state;
	uint8_t got[3 * 4096];
	size_t done = 99;

	/* Adjacent pages, frames in reverse; the third is missing. */
	put(f, PT, 0, 0xb000 | TABLE);
	put(f, PT, 1, 0xa000 | TABLE);
	memset(f->bytes + 0xb000, 0xbb, 4096);
	memset(f->bytes + 0xa000, 0xaa, 4096);
	assert_int_equal(tocsin_read_va(f->m, four, 0xff0, got, 32, &done), 0);
	assert_int_equal(done, 32);
	for (int i = 0; i < 32; i++)
		assert_int_equal(got[i], i < 16 ? 0xbb : 0xaa);
	assert_int_equal(tocsin_read_va(f->m, four, 0x10, got, sizeof(got), &done), -EFAULT);
	assert_int_equal(done, 0x2000 - 0x10);
	assert_int_equal(tocsin_read_va(f->m, four, 0x2000, got, 1, NULL), -EFAULT);
	assert_int_equal(tocsin_read_va(f->m, four, 0, got, 0, &done), 0);
	assert_int_equal(done, 0);
	/* Off the end of the address space, and out of its canonical half. */
	assert_int_equal(tocsin_read_va(f->m, four, UINT64_MAX - 3, got, 8, &done), -EINVAL);
	assert_int_equal(done, 0);
	put(f, PML4, 255, PDPT | TABLE);
	put(f, PDPT, 511, PD | TABLE);
	put(f, PD, 511, PT | TABLE);
	put(f, PT, 511, 0xa000 | TABLE);
	assert_int_equal(tocsin_read_va(f->m, four, 0x00007ffffffffffc, got, 8, &done), -EINVAL);
	assert_int_equal(done, 4);
}

/* The memory ends inside a 2 MiB page: all that is there is read, to the last frame. */
static void test_large_with_hole(void **state)
{
	struct fixture *f = *state;
	uint8_t *got = malloc(2u << 20);
	size_t done;

	put(f, PD, 1, 0x200000 | TABLE | LARGE);
	memset(f->bytes + 0x200000, 0x5a, 0x200000);
	assert_int_equal(tocsin_read_va(f->m, four, 0x200000, got, 2u << 20, &done), 0);
	assert_memory_equal(got, f->bytes + 0x200000, 0x200000);
	assert_int_equal(done, 2u << 20);
	f->m->ranges[0].size = 0x203000;
	assert_int_equal(tocsin_read_va(f->m, four, 0x200800, got, 0x8000, &done), -EFAULT);
	assert_int_equal(done, 0x2800);
	free(got);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    with_fixture(test_4k),          with_fixture(test_five_levels),
	    with_fixture(test_large),       with_fixture(test_reserved),
	    with_fixture(test_not_present), with_fixture(test_not_canonical),
	    with_fixture(test_rights),      with_fixture(test_loop),
	    with_fixture(test_read_va),     with_fixture(test_large_with_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
