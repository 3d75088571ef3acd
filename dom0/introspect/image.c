// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finding the kernel image by the shape of its page tables.
 *
 * The tables are hostile: every address is read through the memory source, which refuses what is
 * not RAM; the run of 2 MiB entries is capped; and the candidate must map contiguous physical
 * memory. What is found here is a claim, which kernel.c confirms with the image's own symbols.
 */
#include "introspect/image.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES 512
#define PRESENT 1ull
#define LARGE (1ull << 7)
#define NO_EXECUTE (1ull << 63)
#define ADDRESS 0x000ffffffffff000ull
#define MIB2 (2ull << 20)
#define KERNEL_MAP 0xffffffff80000000ull
#define SCAN_CHUNK (1u << 20)
#define LOW_END (1u << 20)

static int entry_at(struct tocsin_memory *m, uint64_t table, unsigned int index, uint64_t *ret)
{
	uint64_t e;
	int rc = tocsin_memory_read(m, table + index * 8ull, &e, sizeof(e));

	if (rc)
		return rc;
	if (!(e & PRESENT) || !(e & ADDRESS))
		return -ENOENT;
	*ret = e;
	return 0;
}

/* Entry i of a table that may lie unaligned in a dump. */
static uint64_t entry_of(const uint8_t *table, int i)
{
	uint64_t e;

	memcpy(&e, table + i * 8, sizeof(e));
	return e;
}

/* level3_kernel_pgt: nothing but two tables at the very end, which is looked at first. */
static bool level3_shape(const void *table)
{
	for (int i = 510; i < ENTRIES; i++) {
		uint64_t e = entry_of(table, i);

		if (!(e & PRESENT) || (e & LARGE) || !(e & ADDRESS))
			return false;
	}
	for (int i = 0; i < 510; i++)
		if (entry_of(table, i))
			return false;
	return (entry_of(table, 510) & ADDRESS) != (entry_of(table, 511) & ADDRESS);
}

/* The physical address that a level-2 entry maps its first byte to. */
static int pmd_base(struct tocsin_memory *m, uint64_t pmd, uint64_t *ret)
{
	uint64_t e;
	int rc;

	if (pmd & LARGE) {
		*ret = pmd & ADDRESS & ~(MIB2 - 1);
		return 0;
	}
	rc = entry_at(m, pmd & ADDRESS, 0, &e);
	if (rc)
		return rc;
	*ret = e & ADDRESS;
	return *ret % MIB2 ? -ENOENT : 0;
}

int tocsin_image_locate(struct tocsin_memory *m, uint64_t level3, struct tocsin_image *ret)
{
	uint64_t t[ENTRIES], pa;
	int first = 0, last, text, rc;

	rc = tocsin_memory_read(m, level3, t, sizeof(t));
	if (rc)
		return rc;
	if (!level3_shape(t))
		return -ENOENT;
	rc = tocsin_memory_read(m, t[510] & ADDRESS, t, sizeof(t));
	if (rc)
		return rc;
	while (first < ENTRIES && !(t[first] & PRESENT))
		first++;
	if (first == ENTRIES)
		return -ENOENT;
	rc = pmd_base(m, t[first], &pa);
	if (rc)
		return rc;
	for (last = first + 1; last < ENTRIES && (t[last] & PRESENT); last++) {
		/* A split entry says nothing cheap: freed init pages leave holes in it. */
		if ((t[last] & LARGE) &&
		    (t[last] & ADDRESS & ~(MIB2 - 1)) != pa + (last - first) * MIB2)
			break;
		if ((last - first) * MIB2 >= TOCSIN_IMAGE_MAX)
			break;
	}
	if (last - first < 2)
		return -ENOENT;
	for (text = first; text < last && !(t[text] & NO_EXECUTE); text++)
		;
	ret->level3 = level3;
	ret->text_pa = pa;
	ret->text_va = KERNEL_MAP + first * MIB2;
	ret->size = (last - first) * MIB2;
	ret->text_size = text < last ? (text - first) * MIB2 : 0;
	return 0;
}

int tocsin_image_level3(struct tocsin_memory *m, uint64_t cr3, uint64_t *ret, int *levels)
{
	/* With page-table isolation bit 12 tells the user half; without it, it is an address. */
	const uint64_t masks[] = {0x1fff, 0xfff};
	struct tocsin_image probe;

	for (int i = 0; i < 2; i++) {
		uint64_t table = cr3 & ADDRESS & ~masks[i];

		for (int level = 4; level <= 5; level++) {
			uint64_t e;

			if (entry_at(m, table, 511, &e) || (e & LARGE))
				break;
			table = e & ADDRESS;
			if (tocsin_image_locate(m, table, &probe))
				continue;
			*ret = table;
			if (levels)
				*levels = level;
			return 0;
		}
	}
	return -ENOENT;
}

/* Does a page inside the candidate's own image point at it? The fixmap's table never does. */
static bool plausible(struct tocsin_memory *m, uint64_t level3, struct tocsin_image *ret)
{
	struct tocsin_image found = {0};

	if (tocsin_image_locate(m, level3, &found))
		return false;
	if (level3 < found.text_pa || level3 - found.text_pa >= found.size)
		return false;
	*ret = found;
	return true;
}

/* The candidate in one stretch of pages that lies in this process; -ENOENT. */
static int search_bytes(struct tocsin_memory *m, uint64_t gpa, const uint8_t *bytes, uint64_t size,
			struct tocsin_image *ret)
{
	for (uint64_t off = 0; off + TOCSIN_PAGE_SIZE <= size; off += TOCSIN_PAGE_SIZE)
		if (level3_shape(bytes + off) && plausible(m, gpa + off, ret))
			return 0;
	return -ENOENT;
}

/* The same in at most SCAN_CHUNK bytes that must be read, by way of chunk. */
static int search_chunk(struct tocsin_memory *m, uint64_t gpa, uint8_t *chunk, uint64_t size,
			struct tocsin_image *ret)
{
	int rc = -ENOENT;

	if (!tocsin_memory_read(m, gpa, chunk, size))
		return search_bytes(m, gpa, chunk, size, ret);
	for (uint64_t off = 0; off < size && rc; off += TOCSIN_PAGE_SIZE)
		if (!tocsin_memory_read(m, gpa + off, chunk, TOCSIN_PAGE_SIZE))
			rc = search_bytes(m, gpa + off, chunk, TOCSIN_PAGE_SIZE, ret);
	return rc;
}

static int search_range(struct tocsin_memory *m, const struct tocsin_memory_range *range,
			uint8_t *chunk, struct tocsin_image *ret)
{
	/* Whole pages: a dump's ranges may begin anywhere. */
	uint64_t skip = -range->start & (TOCSIN_PAGE_SIZE - 1), at = range->start + skip;
	uint64_t left = range->size > skip ? range->size - skip : 0;
	int rc = -ENOENT;

	while (left >= TOCSIN_PAGE_SIZE && rc) {
		uint64_t follow, n;
		const uint8_t *bytes = tocsin_memory_map(m, at, &follow);

		n = bytes ? follow : SCAN_CHUNK;
		n = (n < left ? n : left) & ~(TOCSIN_PAGE_SIZE - 1ull);
		if (!n) { /* a page of two pieces */
			bytes = NULL;
			n = TOCSIN_PAGE_SIZE;
		}
		rc =
		    bytes ? search_bytes(m, at, bytes, n, ret) : search_chunk(m, at, chunk, n, ret);
		at += n;
		left -= n;
	}
	return rc;
}

/*
 * Linux keeps, below 1 MiB, a top page table that processors start with, trampoline_pgd; its last
 * entry is that of every other (setup_real_mode in arch/x86/realmode/init.c). So most kernels are
 * found by a look at 256 pages.
 */
static int search_low(struct tocsin_memory *m, struct tocsin_image *ret)
{
	for (uint64_t table = 0; table < LOW_END; table += TOCSIN_PAGE_SIZE) {
		uint64_t level3;

		if (!tocsin_image_level3(m, table, &level3, NULL) && plausible(m, level3, ret))
			return 0;
	}
	return -ENOENT;
}

static int search(struct tocsin_memory *m, struct tocsin_image *ret)
{
	uint8_t *chunk = malloc(SCAN_CHUNK);
	int rc = -ENOENT;

	if (!chunk)
		return -ENOMEM;
	for (size_t r = 0; r < m->range_count && rc; r++)
		rc = search_range(m, &m->ranges[r], chunk, ret);
	free(chunk);
	return rc;
}

/* A page that could not be read; one that is zeros still is not touched, and takes no memory. */
static void clear_page(uint8_t *page)
{
	if (page[0] || memcmp(page, page + 1, TOCSIN_PAGE_SIZE - 1))
		memset(page, 0, TOCSIN_PAGE_SIZE);
}

static void fetch(struct tocsin_memory *m, struct tocsin_image *image, size_t from, size_t end)
{
	for (size_t off = from; off < end; off += MIB2) {
		if (!tocsin_memory_read(m, image->text_pa + off, image->copy + off, MIB2))
			continue;
		for (size_t o = off; o < off + MIB2; o += TOCSIN_PAGE_SIZE) {
			if (!tocsin_memory_read(m, image->text_pa + o, image->copy + o,
						TOCSIN_PAGE_SIZE))
				continue;
			clear_page(image->copy + o);
			image->holes++;
		}
	}
}

int tocsin_image_fetch(struct tocsin_memory *m, struct tocsin_image *image, bool copy)
{
	uint64_t follow;

	image->from = image->text_size;
	image->bytes = tocsin_memory_map(m, image->text_pa, &follow);
	if (image->bytes && follow >= image->size && !copy)
		return 0;
	image->bytes = image->copy = calloc(1, image->size);
	if (!image->copy)
		return -ENOMEM;
	fetch(m, image, image->from, image->size);
	return 0;
}

void tocsin_image_fetch_text(struct tocsin_memory *m, struct tocsin_image *image)
{
	if (image->copy)
		fetch(m, image, 0, image->from);
	image->from = 0;
}

int tocsin_image_open(struct tocsin_memory *m, uint64_t cr3, struct tocsin_image *ret,
		      struct tocsin_error *err)
{
	struct tocsin_image image = {0};
	uint64_t level3;
	int rc;

	if (cr3) {
		rc = tocsin_image_level3(m, cr3, &level3, NULL);
		if (!rc)
			rc = tocsin_image_locate(m, level3, &image);
		if (rc)
			return tocsin_error_at(err, rc, cr3, "no Linux kernel mapped by this CR3");
	} else if (!m->cr3_hint || tocsin_image_level3(m, m->cr3_hint, &level3, NULL) ||
		   tocsin_image_locate(m, level3, &image)) {
		rc = search_low(m, &image);
		if (rc)
			rc = search(m, &image);
		if (rc)
			return tocsin_error_set(err, rc,
						"no kernel of 64-bit Linux in this memory");
	}
	*ret = image;
	return 0;
}

void tocsin_image_free(struct tocsin_image *image)
{
	free(image->copy);
	image->bytes = image->copy = NULL;
	image->size = 0;
}
