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
#define PTE_LARGE 0x080ull /* page size; in a 4 KiB leaf the same bit is PAT */
#define PTE_NO_EXECUTE (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull
#define LARGE_PAT 0x1000ull /* bit 12 of a large leaf is PAT, not address */

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
