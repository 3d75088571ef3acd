/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain whose memory is a file, behind libxenforeignmemory's functions, which fake_domain.c
 * brings: what is linked with it maps this domain and no other. A frame may go away and come back
 * as another page; whoever has mapped the page that went still sees that one, as on Xen.
 */
#ifndef TOCSIN_MEMORY_TEST_FAKE_DOMAIN_H
#define TOCSIN_MEMORY_TEST_FAKE_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_DOMID 7
#define FAKE_ABSENT UINT32_MAX

struct fake_domain {
	uint64_t frames; /* one more than the last */
	uint64_t present;
	uint32_t *page; /* [gfn]: its page in the file, or FAKE_ABSENT */
	uint32_t pages; /* in the file */
	int fd;
	bool dying;       /* all mapping fails with ESRCH */
	bool dying_pages; /* the same, said of each page */
	bool opened, restricted, refuse_restrict;
	bool any_handle; /* also map through a handle that is not tied to the domain */
	unsigned int mapped_pages, mapped_peak, maps, writable_maps;
};

extern struct fake_domain fake;

/* No frame is there at first. */
void fake_domain_make(uint64_t frames);
void fake_domain_end(void);

/* Frames [first, first + count) get new pages, each with its own number in its first 8 bytes. */
void fake_domain_give(uint64_t first, uint64_t count);
void fake_domain_take(uint64_t first, uint64_t count);

/* Where the page of a frame is; valid until the next call. */
uint8_t *fake_domain_at(uint64_t gfn);

#endif
