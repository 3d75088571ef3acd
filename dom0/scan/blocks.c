/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scan/blocks.h"

#include <errno.h>
#include <string.h>

#define STRETCH 32           /* pages: copying less costs little */
#define WALKS_MAX (4u << 20) /* page lookups: 16 GiB of 4 KiB pages */

void tocsin_blocks_begin(struct tocsin_blocks *b, const struct tocsin_scan_target *t,
			 const struct tocsin_block_range *ranges, size_t count)
{
	memset(b, 0, sizeof(*b));
	b->t = t;
	b->memory = tocsin_kernel_memory(t->kernel);
	b->ranges = ranges;
	b->count = count;
	pthread_mutex_init(&b->lock, NULL);
}

void tocsin_blocks_again(struct tocsin_blocks *b)
{
	b->range = 0;
	b->va = 0;
	b->full = b->cut = false;
}

static bool out_of_bounds(struct tocsin_blocks *b)
{
	size_t max = b->t->limits.max_bytes;

	if (b->walks < WALKS_MAX && (!max || b->bytes < max))
		return false;
	b->truncated = true;
	return true;
}

/* Is the page at va there, and where? What is not absence ends everything. */
static bool present(struct tocsin_blocks *b, uint64_t va, uint64_t *gpa)
{
	struct tocsin_mapping map;
	int rc = tocsin_process_walk(b->t->kernel, b->t->process, va, &map);

	b->walks++;
	if (rc && rc != -EFAULT)
		b->error = rc;
	if (rc)
		return false;
	*gpa = map.gpa;
	b->large_va = va & ~(map.page_size - 1);
	b->large_gpa = map.gpa - (va - b->large_va);
	b->large_size = map.page_size;
	return true;
}

/* The same, if it was not found out just now. */
static bool look_up(struct tocsin_blocks *b, uint64_t va, uint64_t *gpa)
{
	if (va - b->large_va >= b->large_size)
		return present(b, va, gpa);
	b->walks++;
	*gpa = b->large_gpa + (va - b->large_va);
	return true;
}

/* Does the page that comes next lie elsewhere than behind a stretch that is long enough to end? */
static bool is_far(const struct tocsin_blocks *b, const struct tocsin_block *own)
{
	return b->in_place && own->pages >= STRETCH &&
	       own->gpa[own->pages] != own->gpa[own->pages - 1] + TOCSIN_PAGE_SIZE &&
	       own->gpa[own->pages - 1] - own->gpa[0] ==
		   (own->pages - 1) * (uint64_t)TOCSIN_PAGE_SIZE;
}

/* The next run of present pages in r, from b->va on. */
static bool take_run(struct tocsin_blocks *b, const struct tocsin_block_range *r,
		     struct tocsin_block *own)
{
	bool seam = b->cut && b->va > r->start && b->va < r->end;
	unsigned int room = seam ? 2 : TOCSIN_BLOCK_PAGES;

	if (seam || (b->full && b->va > r->start && b->va < r->end))
		b->va -= TOCSIN_PAGE_SIZE;
	b->cut = false;
	own->pages = own->next = 0;
	own->special = r->special;
	while (b->va < r->end && own->pages < room && !b->error && !out_of_bounds(b)) {
		uint64_t va = b->va;

		b->va += TOCSIN_PAGE_SIZE;
		if (!look_up(b, va, &own->gpa[own->pages])) {
			if (own->pages)
				break;
			continue;
		}
		if (!seam && is_far(b, own)) {
			b->va = va;
			b->cut = true;
			break;
		}
		if (!own->pages) {
			own->start = va;
			own->again = va < b->seen;
		}
		if (va >= b->seen) {
			b->present++;
			b->seen = va + TOCSIN_PAGE_SIZE;
		}
		b->bytes += TOCSIN_PAGE_SIZE;
		own->pages++;
	}
	b->full = own->pages == TOCSIN_BLOCK_PAGES;
	if (seam && own->pages == room) /* the next begins with the second of the two */
		b->va -= TOCSIN_PAGE_SIZE;
	return own->pages;
}

static bool take(struct tocsin_blocks *b, struct tocsin_block *own)
{
	for (; b->range < b->count; b->range++, b->va = 0, b->full = b->cut = false) {
		const struct tocsin_block_range *r = &b->ranges[b->range];

		if (b->va < r->start)
			b->va = r->start;
		if (take_run(b, r, own))
			return true;
		if (b->error || b->va < r->end)
			return false; /* a bound, which has been noted */
	}
	return false;
}

/* A page was there and could not be read: is it still there? */
static void note_failure(struct tocsin_blocks *b, const struct tocsin_block *own, uint64_t va,
			 int rc)
{
	uint64_t gpa;

	pthread_mutex_lock(&b->lock);
	if (rc != -EFAULT)
		b->error = rc;
	else if (!present(b, va, &gpa))
		b->torn++; /* it went away between the two */
	else if (!own->special)
		b->unreadable = true;
	pthread_mutex_unlock(&b->lock);
}

/* Do all pages of the run lie in a row in this process's memory? Then that is the block. */
static bool is_in_place(struct tocsin_blocks *b, struct tocsin_block *own)
{
	size_t size = own->pages * (size_t)TOCSIN_PAGE_SIZE;
	uint64_t room = 0;

	if (own->next || own->gpa[own->pages - 1] - own->gpa[0] != size - TOCSIN_PAGE_SIZE)
		return false;
	for (unsigned int i = 1; i < own->pages; i++)
		if (own->gpa[i] != own->gpa[i - 1] + TOCSIN_PAGE_SIZE)
			return false;
	own->data = tocsin_memory_map(b->memory, own->gpa[0], &room);
	if (!own->data || room < size)
		return false;
	own->next = own->pages;
	own->base = own->start;
	own->size = size;
	__atomic_fetch_add(&b->read, own->pages - own->again, __ATOMIC_RELAXED);
	return true;
}

/* Read the rest of the run, up to a page that cannot be read. False: there is no rest. */
static bool fill(struct tocsin_blocks *b, struct tocsin_block *own)
{
	uint64_t read = 0;

	own->size = 0;
	if (b->in_place && is_in_place(b, own))
		return true;
	own->data = own->bytes;
	while (own->next < own->pages) {
		unsigned int i = own->next++;
		uint64_t va = own->start + (uint64_t)i * TOCSIN_PAGE_SIZE;
		int rc = tocsin_memory_read(b->memory, own->gpa[i], own->bytes + own->size,
					    TOCSIN_PAGE_SIZE);

		if (rc)
			note_failure(b, own, va, rc);
		if (rc && (own->size || rc != -EFAULT))
			break;
		if (rc)
			continue;
		if (!own->size)
			own->base = va;
		own->size += TOCSIN_PAGE_SIZE;
		read += i || !own->again;
	}
	__atomic_fetch_add(&b->read, read, __ATOMIC_RELAXED);
	return own->size;
}

bool tocsin_blocks_next(struct tocsin_blocks *b, struct tocsin_block *own)
{
	bool more = true;

	while (more) {
		if (own->next < own->pages && fill(b, own))
			return true;
		pthread_mutex_lock(&b->lock);
		more = !b->error && take(b, own);
		pthread_mutex_unlock(&b->lock);
	}
	return false;
}
