/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Xen source against a small stand-in for libxenforeignmemory and libxenctrl: a domain of
 * FRAMES frames, of which some are holes. It counts mappings, so a leaked one fails the test, and
 * it refuses to map through a handle that is not tied to the domain.
 */
#include "memory/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>

#include <cmocka.h>

#define DOMID 7
#define FRAMES 8192u
#define HOLE 700u

static uint8_t *frames; /* a shared file, so that mappings see later changes */
static int frames_fd;
static bool gone, restricted, refuse_restrict, opened;
static unsigned int mapped_pages, mapped_peak, maps, writable_maps;

xc_interface *xc_interface_open(xentoollog_logger *l, xentoollog_logger *d, unsigned int flags)
{
	return (xc_interface *)&frames;
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
	info->domain = DOMID;
	return first_domain <= DOMID && !gone;
}

int xc_domain_maximum_gpfn(xc_interface *xch, uint32_t domid, xen_pfn_t *gpfns)
{
	*gpfns = FRAMES - 1;
	return 0;
}

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *l, unsigned int flags)
{
	assert_false(opened);
	opened = true;
	restricted = false;
	return (xenforeignmemory_handle *)&opened;
}

int xenforeignmemory_close(xenforeignmemory_handle *h)
{
	assert_true(opened);
	opened = false;
	return 0;
}

int xenforeignmemory_restrict(xenforeignmemory_handle *h, domid_t domid)
{
	if (refuse_restrict) {
		errno = ENOTTY;
		return -1;
	}
	assert_int_equal(domid, DOMID);
	restricted = true;
	return 0;
}

void *xenforeignmemory_map(xenforeignmemory_handle *h, uint32_t dom, int prot, size_t pages,
			   const xen_pfn_t arr[], int err[])
{
	uint8_t *at;

	assert_true(opened && restricted);
	assert_int_equal(dom, DOMID);
	if (gone) {
		errno = ESRCH;
		return NULL;
	}
	at = mmap(NULL, pages * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	for (size_t i = 0; i < pages; i++) {
		err[i] = arr[i] >= FRAMES || arr[i] == HOLE ? -EINVAL : 0;
		if (err[i] == 0)
			assert_ptr_not_equal(mmap(at + i * 4096, 4096, prot, MAP_SHARED | MAP_FIXED,
						  frames_fd, (off_t)(arr[i] * 4096)),
					     MAP_FAILED);
	}
	maps++;
	writable_maps += !!(prot & PROT_WRITE);
	mapped_pages += pages;
	if (mapped_pages > mapped_peak)
		mapped_peak = mapped_pages;
	return at;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *h, void *addr, size_t pages)
{
	assert_true(opened);
	assert_true(mapped_pages >= pages);
	mapped_pages -= pages;
	return munmap(addr, pages * 4096);
}

static int setup(void **state)
{
	gone = refuse_restrict = opened = false;
	mapped_pages = mapped_peak = maps = writable_maps = 0;
	frames_fd = memfd_create("frames", MFD_CLOEXEC);
	assert_int_equal(ftruncate(frames_fd, (off_t)FRAMES * 4096), 0);
	frames =
	    mmap(NULL, (size_t)FRAMES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, frames_fd, 0);
	assert_ptr_not_equal(frames, MAP_FAILED);
	for (uint32_t i = 0; i < FRAMES; i++)
		memcpy(frames + i * 4096ul, &i, sizeof(i));
	return tocsin_memory_open_xen(DOMID, (struct tocsin_memory **)state, NULL);
}

static int teardown(void **state)
{
	tocsin_memory_close(*state);
	assert_int_equal(mapped_pages, 0);
	assert_false(opened);
	munmap(frames, (size_t)FRAMES * 4096);
	return close(frames_fd);
}

static void test_small(void **state)
{
	struct tocsin_memory *m = *state;
	uint32_t got;

	assert_int_equal(tocsin_memory_read(m, 5 * 4096, &got, 4), 0);
	assert_int_equal(got, 5);
	assert_int_equal(mapped_pages, 1);
	/* Kept, and live: a change in the guest shows without mapping anew. */
	frames[5 * 4096] = 99;
	assert_int_equal(tocsin_memory_read(m, 5 * 4096, &got, 4), 0);
	assert_int_equal(got, 99);
	assert_int_equal(maps, 1);
	assert_int_equal(m->stats.pages_mapped, 1);
	tocsin_memory_flush(m);
	assert_int_equal(mapped_pages, 0);
	assert_int_equal(tocsin_memory_read(m, 5 * 4096 - 2, &got, 4), 0);
	assert_int_equal(maps, 3);
}

static void test_chunk(void **state)
{
	struct tocsin_memory *m = *state;
	size_t size = 600 * 4096;
	uint8_t *got = malloc(size);

	/* The first chunk and the head of the second, which has the hole. */
	assert_int_equal(tocsin_memory_read(m, 4096 + 17, got, size), 0);
	assert_memory_equal(got, frames + 4096 + 17, size);
	assert_int_equal(maps, 2);
	assert_int_equal(m->stats.pages_mapped, 1023);
	free(got);
}

static void test_hole(void **state)
{
	struct tocsin_memory *m = *state;
	uint8_t got[64 * 4096];

	assert_int_equal(tocsin_memory_read(m, HOLE * 4096ul, got, 1), -EFAULT);
	assert_int_equal(tocsin_memory_read(m, HOLE * 4096ul - 1, got, 2), -EFAULT);
	assert_int_equal(tocsin_memory_read(m, HOLE * 4096ul - 1, got, 1), 0);
	assert_int_equal(tocsin_memory_read(m, (HOLE - 32) * 4096ul, got, sizeof(got)), -EFAULT);
	assert_int_equal(tocsin_memory_read(m, (HOLE + 1) * 4096ul, got, sizeof(got)), 0);
	assert_memory_equal(got, frames + (HOLE + 1) * 4096ul, sizeof(got));
	assert_int_equal(tocsin_memory_read(m, FRAMES * 4096ul - 1, got, 2), -EFAULT);
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
	assert_int_equal(maps, FRAMES - 1); /* page 0, used all the time, was never dropped */
	assert_true(mapped_peak <= 4096 + 1);
	assert_int_equal(tocsin_memory_read(m, 4096, &got, 4), 0);
	assert_int_equal(maps, FRAMES); /* page 1 was */
}

static void test_cas16(void **state)
{
	struct tocsin_memory *m = *state;
	uint8_t old[16], new[16];

	memcpy(old, frames + 4096 + 64, 16);
	memset(new, 0x3c, 16);
	assert_int_equal(tocsin_memory_cas16(m, 4096 + 64, new, old), -EAGAIN);
	assert_int_equal(tocsin_memory_cas16(m, 4096 + 64, old, new), 0);
	assert_memory_equal(frames + 4096 + 64, new, 16);
	assert_int_equal(writable_maps, 2);
	assert_int_equal(mapped_pages, 0); /* nothing writable stays */
	assert_int_equal(tocsin_memory_cas16(m, HOLE * 4096ul, old, new), -EFAULT);
	assert_int_equal(tocsin_memory_cas16(m, 4096 + 65, old, new), -EINVAL);
	assert_int_equal(mapped_pages, 0);
	gone = true;
	assert_int_equal(tocsin_memory_cas16(m, 4096 + 64, new, old), -ENODEV);
}

static void test_gone(void **state)
{
	struct tocsin_memory *m = *state;
	uint8_t got[100];

	gone = true;
	assert_int_equal(tocsin_memory_read(m, 4096, got, sizeof(got)), -ENODEV);
}

static void test_open_fails(void **state)
{
	struct tocsin_memory *m = NULL;
	struct tocsin_error err = {0};

	opened = gone = false;
	assert_int_equal(tocsin_memory_open_xen(0, &m, &err), -EINVAL);
	assert_int_equal(tocsin_memory_open_xen(0x7ff0, &m, NULL), -EINVAL);
	assert_int_equal(tocsin_memory_open_xen(DOMID - 1, &m, NULL), -ESRCH);
	assert_int_equal(tocsin_memory_open_xen(DOMID + 1, &m, NULL), -ESRCH);
	/* A kernel that cannot tie the handle to one domain: no source at all. */
	refuse_restrict = true;
	assert_int_equal(tocsin_memory_open_xen(DOMID, &m, NULL), -ENOTTY);
	refuse_restrict = false;
	assert_false(opened);
	assert_null(m);
}

#define with_domain(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    with_domain(test_small),           with_domain(test_chunk), with_domain(test_hole),
	    with_domain(test_bounded),         with_domain(test_cas16), with_domain(test_gone),
	    cmocka_unit_test(test_open_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
