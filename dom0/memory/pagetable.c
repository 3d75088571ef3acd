/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processor's own walk, made from outside: one 8-byte read per level, never more than five,
 * whatever the tables say. A table that points at itself is legal (and used by some kernels as a
 * window onto the tables), so a loop is not an error: the walk simply ends at the last level.
 *
 * Nothing is remembered between walks, so every answer is what the tables said just now. Bits 51
 * to 12 of an entry are taken as the address; one beyond the guest's RAM is a hole when it is
 * read, which is what the guest's own processor would make of it too (a reserved-bit fault).
 */
#include "memory/pagetable.h"

#include <errno.h>
#include <string.h>

#define PTE_PRESENT 0x001ull
#define PTE_WRITABLE 0x002ull
#define PTE_USER 0x004ull
#define PTE_DIRTY 0x040ull
#define PTE_GLOBAL 0x100ull
#define PTE_LARGE 0x080ull /* page size; in a 4 KiB leaf the same bit is PAT */
#define PTE_NO_EXECUTE (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull
#define LARGE_PAT 0x1000ull /* bit 12 of a large leaf is PAT, not address */

#define TABLES_MAX (1u << 18) /* of 512 GiB in single pages */

#define LEVEL_4K 1
#define LEVEL_1G 3

static unsigned int level_shift(int level)
{
	return TOCSIN_PAGE_SHIFT + 9 * (unsigned int)(level - 1);
}

/* Are all bits above the top one that the tables translate a copy of it? */
static bool is_canonical(uint64_t va, int levels)
{
	unsigned int top = level_shift(levels + 1) - 1;
	uint64_t high = va >> top;

	return high == 0 || high == UINT64_MAX >> top;
}

/* Bits that must be zero at this level (SDM volume 3, tables 4-14 to 4-20). */
static uint64_t reserved_bits(int level, bool large)
{
	if (!large)
		return level > LEVEL_1G ? PTE_LARGE : 0;
	return ((1ull << level_shift(level)) - 1) & PTE_ADDRESS & ~LARGE_PAT;
}

int tocsin_walk(struct tocsin_memory *m, struct tocsin_paging paging, uint64_t va,
		struct tocsin_mapping *ret)
{
	struct tocsin_mapping found = {.user = true, .writable = true, .executable = true};
	uint64_t table = paging.root & PTE_ADDRESS;

	if ((paging.levels != 4 && paging.levels != 5) || !is_canonical(va, paging.levels))
		return -EINVAL;
	for (int level = paging.levels;; level--) {
		unsigned int shift = level_shift(level);
		uint64_t entry, offset = (1ull << shift) - 1;
		bool large;
		int rc;

		rc = tocsin_memory_read(m, table + (va >> shift & 511) * 8, &entry, sizeof(entry));
		if (rc < 0)
			return rc;
		if (!(entry & PTE_PRESENT))
			return -EFAULT;
		large = level > LEVEL_4K && level <= LEVEL_1G && (entry & PTE_LARGE);
		if (entry & reserved_bits(level, large))
			return -EINVAL;
		found.user &= !!(entry & PTE_USER);
		found.writable &= !!(entry & PTE_WRITABLE);
		found.executable &= !(entry & PTE_NO_EXECUTE);
		if (level == LEVEL_4K || large) {
			found.gpa = (entry & PTE_ADDRESS & ~offset) | (va & offset);
			found.page_size = offset + 1;
			found.dirty = entry & PTE_DIRTY;
			*ret = found;
			return 0;
		}
		table = entry & PTE_ADDRESS;
	}
}

int tocsin_read_va(struct tocsin_memory *m, struct tocsin_paging paging, uint64_t va, void *buf,
		   size_t size, size_t *done)
{
	size_t got = 0;
	int rc = 0;

	if (size > 0 && size - 1 > UINT64_MAX - va)
		rc = -EINVAL;
	while (rc == 0 && got < size) {
		struct tocsin_mapping map;
		uint64_t left;
		size_t part = size - got;

		rc = tocsin_walk(m, paging, va + got, &map);
		if (rc < 0)
			break;
		left = map.page_size - (map.gpa & (map.page_size - 1));
		if (part > left)
			part = (size_t)left;
		/* One bad 4 KiB frame of a large page must not take the good ones with it. */
		left = TOCSIN_PAGE_SIZE - (map.gpa & (TOCSIN_PAGE_SIZE - 1));
		rc = tocsin_memory_read(m, map.gpa, (uint8_t *)buf + got, part);
		if (rc == -EFAULT && part > left) {
			part = (size_t)left;
			rc = tocsin_memory_read(m, map.gpa, (uint8_t *)buf + got, part);
		}
		if (rc == 0)
			got += part;
	}
	if (done)
		*done = got;
	return rc;
}

struct counting {
	struct tocsin_memory *m;
	struct tocsin_page_counts *counts;
	uint32_t tables; /* that may still be read */
};

/* Linux: a page that nobody may touch has no P, but G (_PAGE_PROTNONE); a swapped one has not. */
static void count_leaf(struct counting *c, uint64_t entry, uint64_t pages)
{
	if (entry & PTE_PRESENT) {
		c->counts->present += pages;
		c->counts->dirty += entry & PTE_DIRTY ? pages : 0;
		c->counts->large += pages > 1 ? pages : 0;
	} else if (entry & PTE_GLOBAL) {
		c->counts->guarded += pages;
	} else if (entry) {
		c->counts->out += pages;
	}
}

/* The part [first, last] of what the table at gpa covers, in bytes from its start. */
static int count_table(struct counting *c, uint64_t gpa, int level, uint64_t first, uint64_t last)
{
	unsigned int shift = level_shift(level);
	uint64_t entries[512];
	uint64_t low = first >> shift, high = last >> shift;

	if (!c->tables--) {
		c->tables = 0;
		return -E2BIG;
	}
	if (tocsin_memory_read(c->m, gpa + low * 8, entries + low, (high - low + 1) * 8))
		return 0;
	for (uint64_t i = low; i <= high; i++) {
		uint64_t entry = entries[i], size = 1ull << shift;
		uint64_t from = i == low ? first & (size - 1) : 0;
		uint64_t to = i == high ? last & (size - 1) : size - 1;
		bool large = level > LEVEL_4K && level <= LEVEL_1G && (entry & PTE_LARGE);
		int rc;

		if (level == LEVEL_4K || large || !(entry & PTE_PRESENT)) {
			if (entry)
				count_leaf(c, entry, ((to - from) >> TOCSIN_PAGE_SHIFT) + 1);
			continue;
		}
		rc = count_table(c, entry & PTE_ADDRESS, level - 1, from, to);
		if (rc)
			return rc;
	}
	return 0;
}

int tocsin_count_pages(struct tocsin_memory *m, struct tocsin_paging paging, uint64_t start,
		       uint64_t end, struct tocsin_page_counts *ret)
{
	struct tocsin_page_counts counts = {0};
	struct counting c = {.m = m, .counts = &counts, .tables = TABLES_MAX};
	uint64_t mask;
	int rc;

	if ((paging.levels != 4 && paging.levels != 5) || start >= end ||
	    (start | end) % TOCSIN_PAGE_SIZE || !is_canonical(start, paging.levels) ||
	    !is_canonical(end - 1, paging.levels) || (start ^ (end - 1)) >> 63)
		return -EINVAL;
	mask = (1ull << level_shift(paging.levels + 1)) - 1;
	rc = count_table(&c, paging.root & PTE_ADDRESS, paging.levels, start & mask,
			 (end - 1) & mask);
	*ret = counts;
	return rc;
}

struct executable {
	struct tocsin_memory *m;
	tocsin_executable_visit visit;
	void *context;
	uint64_t start, end; /* the range that is being put together; start = end: none */
	bool writable;
	uint32_t tables; /* that may still be read */
};

static int hand_over(struct executable *x)
{
	return x->start == x->end ? 0 : x->visit(x->start, x->end, x->writable, x->context);
}

static int add_executable(struct executable *x, uint64_t va, uint64_t size, bool writable)
{
	int rc = 0;

	if (x->start == x->end || x->end != va || x->writable != writable) {
		rc = hand_over(x);
		x->start = va;
		x->writable = writable;
	}
	x->end = va + size;
	return rc;
}

/* The table at gpa, of which entry 0 maps va, below entries with these rights. */
static int walk_table(struct executable *x, uint64_t gpa, int level, uint64_t va, bool writable)
{
	unsigned int shift = level_shift(level);
	uint64_t entries[512];
	int rc = 0;

	if (!x->tables--) {
		x->tables = 0;
		return -E2BIG;
	}
	if (tocsin_memory_read(x->m, gpa, entries, sizeof(entries)))
		return 0;
	for (uint64_t i = 0; i < 512 && !rc; i++) {
		uint64_t entry = entries[i], at = va + (i << shift);
		bool large = level > LEVEL_4K && level <= LEVEL_1G && (entry & PTE_LARGE);
		bool write = writable && (entry & PTE_WRITABLE);

		if (!(entry & PTE_PRESENT) || (entry & PTE_NO_EXECUTE) ||
		    (entry & reserved_bits(level, large)))
			continue;
		if (level == LEVEL_4K || large)
			rc = entry & PTE_USER ? 0 : add_executable(x, at, 1ull << shift, write);
		else
			rc = walk_table(x, entry & PTE_ADDRESS, level - 1, at, write);
	}
	return rc;
}

int tocsin_walk_executable(struct tocsin_memory *m, struct tocsin_paging paging,
			   tocsin_executable_visit visit, void *context)
{
	struct executable x = {.m = m, .visit = visit, .context = context, .tables = TABLES_MAX};
	unsigned int shift = level_shift(paging.levels);
	uint64_t entries[512], top = -1ull << (shift + 8);
	int rc = 0;

	if ((paging.levels != 4 && paging.levels != 5) ||
	    tocsin_memory_read(m, paging.root & PTE_ADDRESS, entries, sizeof(entries)))
		return -EFAULT;
	for (uint64_t i = 256; i < 512 && !rc; i++)
		if ((entries[i] & PTE_PRESENT) && !(entries[i] & PTE_NO_EXECUTE))
			rc = walk_table(&x, entries[i] & PTE_ADDRESS, paging.levels - 1,
					top + ((i - 256) << shift), entries[i] & PTE_WRITABLE);
	return rc ? rc : hand_over(&x);
}
