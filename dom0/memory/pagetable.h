/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-64 page-table walk, 4 and 5 levels (Intel SDM volume 3, chapter 4). A walk takes a bounded
 * number of reads; tables are hostile, so it checks reserved bits and never follows an address
 * out of the source.
 */
#ifndef TOCSIN_PAGETABLE_H
#define TOCSIN_PAGETABLE_H

#include "memory/memory.h"

#include <stdbool.h>

struct tocsin_paging {
	uint64_t root; /* gpa of the top table */
	int levels;    /* 4 or 5 */
};

struct tocsin_mapping {
	uint64_t gpa;       /* of the byte asked for */
	uint64_t page_size; /* 4 KiB, 2 MiB or 1 GiB */
	bool user;          /* user-accessible at every level */
	bool writable;      /* writable at every level */
	bool executable;    /* no XD bit at any level */
	bool dirty;         /* D of the leaf */
};

/* 0; -EFAULT: not present or a table in a hole; -EINVAL: not canonical or reserved bits set. */
int tocsin_walk(struct tocsin_memory *m, struct tocsin_paging paging, uint64_t va,
		struct tocsin_mapping *ret);

/* Pages of 4 KiB; a large page counts as all that it covers. */
struct tocsin_page_counts {
	uint64_t present, dirty, large;
	uint64_t out;     /* not present, but not nothing: swapped out, or on the move */
	uint64_t guarded; /* there, but nobody may touch them: PROT_NONE, as Linux marks it */
};

/*
 * Count the pages of [start, end), both page-aligned and in one half of the address space. Tables
 * that cannot be read count as nothing. -E2BIG: more tables than a process may need, ret holds what
 * was counted; -EINVAL.
 */
int tocsin_count_pages(struct tocsin_memory *m, struct tocsin_paging paging, uint64_t start,
		       uint64_t end, struct tocsin_page_counts *ret);

/*
 * Read size bytes of virtual memory. Returns 0 and *done = size, or the error of the first page
 * that could not be read with *done = the bytes before it (done may be NULL).
 */
int tocsin_read_va(struct tocsin_memory *m, struct tocsin_paging paging, uint64_t va, void *buf,
		   size_t size, size_t *done);

#endif
