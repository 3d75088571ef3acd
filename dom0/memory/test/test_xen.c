/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Xen source against a domain that is a file (fake_domain.h) and a stand-in for libxenctrl.
 * Mappings are counted, so a leaked one fails the test, and none is made through a handle that is
 * not tied to the domain.
 */
#include "fake_domain.h"

#include "memory/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <xenctrl.h>

#include <cmocka.h>

#define FRAMES 8192u
#define HOLE 700u
#define CHUNK 512u /* frames that are mapped at once */

xc_interface *xc_interface_open(xentoollog_logger *l, xentoollog_logger *d, unsigned int flags)
{
	return (xc_interface *)&fake;
}

int xc_interface_close(xc_interface *xch)
{
	return 0;
}

/* As Xen does: the first domain from first_domain on. */
int xc_domain_getinfolist(xc_interface *xch, uint32_t first_domain, unsigned int max,
			  xc_domaininfo_t *info)
{
	memset(info, 0, sizeof(*info));
	info->domain = FAKE_DOMID;
	return first_domain <= FAKE_DOMID && !fake.dying;
}

int xc_domain_maximum_gpfn(xc_interface *xch, uint32_t domid, xen_pfn_t *gpfns)
{
	*gpfns = FRAMES - 1;
	return 0;
}

static int setup(void **state)
{
	fake_domain_make(FRAMES);
	fake_domain_give(0, HOLE);
	fake_domain_give(HOLE + 1, FRAMES - HOLE - 1);
	return tocsin_memory_open_xen(FAKE_DOMID, (struct tocsin_memory **)state, NULL);
}

static int teardown(void **state)
{
	tocsin_memory_close(*state);
	assert_int_equal(fake.mapped_pages, 0);
	assert_false(fake.opened);
	fake_domain_end();
	return 0;
}

/* Each page of the guest begins with its number. */
static void expect_frame(struct tocsin_memory *m, uint64_t gfn)
{
	uint64_t got;

	assert_int_equal(tocsin_memory_read(m, gfn * 4096, &got, 8), 0);
	assert_int_equal(got, gfn);
}

static void expect_hole(struct tocsin_memory *m, uint64_t gfn)
{
	uint64_t got;

	assert_int_equal(tocsin_memory_read(m, gfn * 4096, &got, 8), -EFAULT);
}

/* Many pages in one read. */
static int read_frames(struct tocsin_memory *m, uint64_t gfn, size_t count)
{
	uint8_t *got = malloc(count * 4096);
	int rc = tocsin_memory_read(m, gfn * 4096, got, count * 4096);

	for (size_t i = 0; i < count && !rc; i++) {
		uint64_t number;

		memcpy(&number, got + i * 4096, sizeof(number));
		assert_int_equal(number, gfn + i);
	}
	free(got);
	return rc;
}

static void test_small(void **state)
{
	struct tocsin_memory *m = *state;
	uint32_t got;

	expect_frame(m, 5);
	assert_int_equal(fake.mapped_pages, 1);
	/* Kept, and live: a change in the guest shows without mapping anew. */
	*fake_domain_at(5) = 99;
	assert_int_equal(tocsin_memory_read(m, 5 * 4096, &got, 4), 0);
	assert_int_equal(got, 99);
	assert_int_equal(fake.maps, 1);
	assert_int_equal(m->stats.pages_mapped, 1);
	tocsin_memory_flush(m);
	assert_int_equal(fake.mapped_pages, 0);
	assert_int_equal(tocsin_memory_read(m, 5 * 4096 - 2, &got, 4), 0);
	assert_int_equal(got, 99 << 16);
	assert_int_equal(fake.maps, 3);
}

static void test_chunk(void **state)
{
	struct tocsin_memory *m = *state;
	size_t size = 600 * 4096;
	uint8_t *got = malloc(size);

	/* The first chunk and the head of the second, which has the hole. */
	assert_int_equal(tocsin_memory_read(m, 4096 + 17, got, size), 0);
	for (uint64_t i = 1, gfn; i < 600; i++) {
		memcpy(&gfn, got + i * 4096 - 17, sizeof(gfn));
		assert_int_equal(gfn, i + 1);
	}
	assert_int_equal(fake.maps, 2);
	assert_int_equal(m->stats.pages_mapped, 1023);
	free(got);
}

static void test_hole(void **state)
{
	struct tocsin_memory *m = *state;
	uint8_t got[2];

	expect_hole(m, HOLE);
	assert_int_equal(tocsin_memory_read(m, HOLE * 4096ul - 1, got, 2), -EFAULT);
	assert_int_equal(tocsin_memory_read(m, HOLE * 4096ul - 1, got, 1), 0);
	assert_int_equal(read_frames(m, HOLE - 32, 64), -EFAULT);
	assert_int_equal(read_frames(m, HOLE + 1, 64), 0);
	assert_int_equal(tocsin_memory_read(m, FRAMES * 4096ul - 1, got, 2), -EFAULT);
}

/* Holes at the seams of what is mapped at once: each fails what touches it, and nothing else. */
static void test_holes_in_a_batch(void **state)
{
	static const uint64_t holes[] = {4 * CHUNK, 4 * CHUNK + 100, 5 * CHUNK - 1};
	struct tocsin_memory *m = *state;
	unsigned int maps;

	for (size_t i = 0; i < 3; i++)
		fake_domain_take(holes[i], 1);
	fake_domain_take(6 * CHUNK, CHUNK); /* nothing of it is there */
	assert_int_equal(read_frames(m, 4 * CHUNK + 1, 99), 0);
	maps = fake.maps;
	assert_int_equal(read_frames(m, 4 * CHUNK + 101, CHUNK - 102), 0);
	for (size_t i = 0; i < 3; i++) {
		expect_hole(m, holes[i]);
		assert_int_equal(read_frames(m, holes[i] - 20, 40), -EFAULT);
	}
	assert_int_equal(read_frames(m, 4 * CHUNK, 20), -EFAULT);
	assert_int_equal(read_frames(m, 5 * CHUNK - 20, 20), -EFAULT);
	/* Nothing was mapped again for it: only the chunk before the first hole was new. */
	assert_int_equal(fake.maps, maps + 1);
	assert_int_equal(read_frames(m, 6 * CHUNK + 5, 40), -EFAULT);
	assert_int_equal(read_frames(m, 6 * CHUNK - 40, 80), -EFAULT);
	assert_int_equal(read_frames(m, 6 * CHUNK - 40, 40), 0);
	assert_int_equal(read_frames(m, 7 * CHUNK, 40), 0);
}

/* The guest gives a page back while it is mapped, one by one or in a chunk, and gets another. */
static void balloon(struct tocsin_memory *m, uint64_t gfn, size_t count)
{
	uint64_t got, mark = 0x1111;

	memcpy(fake_domain_at(gfn), &mark, sizeof(mark));
	assert_int_equal(count == 1 ? tocsin_memory_read(m, gfn * 4096, &got, 8)
				    : read_frames(m, gfn + 1, count),
			 0);
	fake_domain_take(gfn, 1);
	/* The page is held, and read as it was, until the epoch ends. */
	assert_int_equal(tocsin_memory_read(m, gfn * 4096, &got, 8), 0);
	assert_int_equal(got, mark);
	tocsin_memory_flush(m);
	assert_int_equal(fake.mapped_pages, 0);
	expect_hole(m, gfn);
	if (count > 1)
		assert_int_equal(read_frames(m, gfn + 1, count), 0);
	/* Another page in its place: a hole in this epoch, the new one's bytes in the next. */
	fake_domain_give(gfn, 1);
	expect_hole(m, gfn);
	tocsin_memory_flush(m);
	expect_frame(m, gfn);
}

static void test_ballooned(void **state)
{
	balloon(*state, 2000, 1);
	tocsin_memory_flush(*state);
	balloon(*state, 5 * CHUNK + 7, 100);
	tocsin_memory_flush(*state);
	balloon(*state, 5 * CHUNK, 100); /* the first of a chunk */
}

/* What a page held is not read when the guest has exchanged it between two epochs. */
static void test_exchanged(void **state)
{
	struct tocsin_memory *m = *state;

	for (uint64_t gfn = 100; gfn < 140; gfn++)
		memset(fake_domain_at(gfn), 0xee, 8);
	assert_int_equal(tocsin_memory_read(m, 100 * 4096, (uint8_t[8]){0}, 8), 0);
	fake_domain_take(100, 40);
	fake_domain_give(100, 40);
	tocsin_memory_flush(m);
	assert_int_equal(read_frames(m, 100, 40), 0);
}

/* More pages than the cache holds: bounded, and what was used last is still there. */
static void test_bounded(void **state)
{
	struct tocsin_memory *m = *state;
	uint32_t got;

	for (uint32_t i = 0; i < FRAMES; i++) {
		if (i == HOLE)
			continue;
		assert_int_equal(tocsin_memory_read(m, i * 4096ul, &got, 4), 0);
		assert_int_equal(got, i);
		assert_int_equal(tocsin_memory_read(m, 0, &got, 4), 0);
	}
	assert_int_equal(fake.maps, FRAMES - 1); /* page 0, used all the time, was never dropped */
	assert_true(fake.mapped_peak <= 4096 + 1);
	assert_int_equal(tocsin_memory_read(m, 4096, &got, 4), 0);
	assert_int_equal(fake.maps, FRAMES); /* page 1 was */
}

static void test_cas16(void **state)
{
	struct tocsin_memory *m = *state;
	uint8_t old[16], new[16];

	memcpy(old, fake_domain_at(1) + 64, 16);
	memset(new, 0x3c, 16);
	assert_int_equal(tocsin_memory_cas16(m, 4096 + 64, new, old), -EAGAIN);
	assert_int_equal(tocsin_memory_cas16(m, 4096 + 64, old, new), 0);
	assert_memory_equal(fake_domain_at(1) + 64, new, 16);
	assert_int_equal(fake.writable_maps, 2);
	assert_int_equal(fake.mapped_pages, 0); /* nothing writable stays */
	assert_int_equal(tocsin_memory_cas16(m, HOLE * 4096ul, old, new), -EFAULT);
	assert_int_equal(tocsin_memory_cas16(m, 4096 + 65, old, new), -EINVAL);
	assert_int_equal(fake.mapped_pages, 0);
	fake.dying = true;
	assert_int_equal(tocsin_memory_cas16(m, 4096 + 64, new, old), -ENODEV);
}

/* Pages and chunks that are mapped hold a dying domain's memory: none is left once that is known.
 */
static void map_some(struct tocsin_memory *m)
{
	expect_frame(m, 5);
	expect_frame(m, 6);
	assert_int_equal(read_frames(m, 2 * CHUNK, 30), 0);
	assert_int_equal(fake.mapped_pages, 2 + CHUNK);
}

static void test_dies(void **state)
{
	struct tocsin_memory *m = *state;
	uint8_t got[100], cell[16] = {0};

	map_some(m);
	fake.dying = true;
	expect_frame(m, 5); /* nobody was asked */
	assert_int_equal(tocsin_memory_read(m, 4096, got, sizeof(got)), -ENODEV);
	assert_int_equal(fake.mapped_pages, 0);
	assert_int_equal(tocsin_memory_read(m, 5 * 4096, got, sizeof(got)), -ENODEV);
	assert_int_equal(read_frames(m, 2 * CHUNK, 30), -ENODEV);
	fake.dying = false;
	map_some(m);
	fake.dying = true;
	assert_int_equal(tocsin_memory_cas16(m, 64, cell, cell), -ENODEV);
	assert_int_equal(fake.mapped_pages, 0);
}

/* In the middle of a batch: mapped as a whole, and each page says that the domain is gone. */
static void test_dies_in_a_batch(void **state)
{
	struct tocsin_memory *m = *state;

	map_some(m);
	fake.dying_pages = true;
	assert_int_equal(read_frames(m, 2 * CHUNK, 2 * CHUNK), -ENODEV);
	assert_int_equal(fake.mapped_pages, 0);
	assert_int_equal(read_frames(m, 5, 1), -ENODEV);
	assert_int_equal(fake.mapped_pages, 0);
}

static void test_open_fails(void **state)
{
	struct tocsin_memory *m = NULL;
	struct tocsin_error err = {0};

	memset(&fake, 0, sizeof(fake));
	assert_int_equal(tocsin_memory_open_xen(0, &m, &err), -EINVAL);
	assert_int_equal(tocsin_memory_open_xen(0x7ff0, &m, NULL), -EINVAL);
	assert_int_equal(tocsin_memory_open_xen(FAKE_DOMID - 1, &m, NULL), -ESRCH);
	assert_int_equal(tocsin_memory_open_xen(FAKE_DOMID + 1, &m, NULL), -ESRCH);
	/* A kernel that cannot tie the handle to one domain: no source at all. */
	fake.refuse_restrict = true;
	assert_int_equal(tocsin_memory_open_xen(FAKE_DOMID, &m, NULL), -ENOTTY);
	fake.refuse_restrict = false;
	assert_false(fake.opened);
	assert_null(m);
}

#define with_domain(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    with_domain(test_small),
	    with_domain(test_chunk),
	    with_domain(test_hole),
	    with_domain(test_holes_in_a_batch),
	    with_domain(test_ballooned),
	    with_domain(test_exchanged),
	    with_domain(test_bounded),
	    with_domain(test_cas16),
	    with_domain(test_dies),
	    with_domain(test_dies_in_a_batch),
	    cmocka_unit_test(test_open_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
