// SPDX-License-Identifier: GPL-2.0-or-later
/* As libxenforeignmemory over Linux's privcmd: errors of pages are negative. */
#include "fake_domain.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xenforeignmemory.h>

#include <cmocka.h>

#define PAGE 4096ul

struct fake_domain fake;

void fake_domain_make(uint64_t frames)
{
	memset(&fake, 0, sizeof(fake));
	fake.frames = frames;
	fake.page = malloc(frames * sizeof(*fake.page));
	assert_non_null(fake.page);
	memset(fake.page, 0xff, frames * sizeof(*fake.page));
	fake.fd = memfd_create("frames", MFD_CLOEXEC);
	assert_true(fake.fd >= 0);
}

void fake_domain_end(void)
{
	close(fake.fd);
	free(fake.page);
}

void fake_domain_give(uint64_t first, uint64_t count)
{
	assert_int_equal(ftruncate(fake.fd, (off_t)((fake.pages + count) * PAGE)), 0);
	for (uint64_t gfn = first; gfn < first + count; gfn++) {
		assert_int_equal(fake.page[gfn], FAKE_ABSENT);
		fake.page[gfn] = fake.pages++;
		fake.present++;
		assert_int_equal(pwrite(fake.fd, &gfn, sizeof(gfn), (off_t)(fake.page[gfn] * PAGE)),
				 sizeof(gfn));
	}
}

void fake_domain_take(uint64_t first, uint64_t count)
{
	for (uint64_t gfn = first; gfn < first + count; gfn++) {
		assert_int_not_equal(fake.page[gfn], FAKE_ABSENT);
		fake.page[gfn] = FAKE_ABSENT;
		fake.present--;
	}
}

uint8_t *fake_domain_at(uint64_t gfn)
{
	static uint8_t *last;

	assert_int_not_equal(fake.page[gfn], FAKE_ABSENT);
	if (last)
		munmap(last, PAGE);
	last = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fake.fd,
		    (off_t)(fake.page[gfn] * PAGE));
	assert_ptr_not_equal(last, MAP_FAILED);
	return last;
}

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *l, unsigned int flags)
{
	assert_false(fake.opened);
	fake.opened = true;
	fake.restricted = false;
	return (xenforeignmemory_handle *)&fake;
}

int xenforeignmemory_close(xenforeignmemory_handle *h)
{
	assert_true(fake.opened);
	fake.opened = false;
	return 0;
}

int xenforeignmemory_restrict(xenforeignmemory_handle *h, domid_t domid)
{
	if (fake.refuse_restrict) {
		errno = ENOTTY;
		return -1;
	}
	assert_int_equal(domid, FAKE_DOMID);
	fake.restricted = true;
	return 0;
}

/* Without room for errors, one page that is missing fails all. */
void *xenforeignmemory_map(xenforeignmemory_handle *h, uint32_t dom, int prot, size_t pages,
			   const xen_pfn_t arr[], int err[])
{
	uint8_t *at;

	assert_true(fake.opened && (fake.restricted || fake.any_handle));
	assert_int_equal(dom, FAKE_DOMID);
	for (size_t i = 0; i < pages && !fake.dying; i++) {
		bool absent = arr[i] >= fake.frames || fake.page[arr[i]] == FAKE_ABSENT;

		if (err)
			err[i] = fake.dying_pages ? -ESRCH : absent ? -EINVAL : 0;
		else if (absent) {
			errno = EINVAL;
			return NULL;
		}
	}
	if (fake.dying) {
		errno = ESRCH;
		return NULL;
	}
	at = mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	for (size_t i = 0; i < pages; i++)
		if (!err || !err[i])
			assert_ptr_not_equal(mmap(at + i * PAGE, PAGE, prot, MAP_SHARED | MAP_FIXED,
						  fake.fd, (off_t)(fake.page[arr[i]] * PAGE)),
					     MAP_FAILED);
	fake.maps++;
	fake.writable_maps += !!(prot & PROT_WRITE);
	fake.mapped_pages += pages;
	if (fake.mapped_pages > fake.mapped_peak)
		fake.mapped_peak = fake.mapped_pages;
	return at;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *h, void *addr, size_t pages)
{
	assert_true(fake.opened);
	assert_true(fake.mapped_pages >= pages);
	fake.mapped_pages -= pages;
	return munmap(addr, pages * PAGE);
}
