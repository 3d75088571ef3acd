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

/* 0; -EFAULT: not present or a table in a hole; -EINVAL: not canonical or reserved bits set. */
int tocsin_walk(struct tocsin_memory *m, struct tocsin_paging paging, uint64_t va,
		struct tocsin_mapping *ret);

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

/* Executable memory, [start, end), all of it writable or none. Nonzero ends the search. */
typedef int (*tocsin_executable_visit)(uint64_t start, uint64_t end, bool writable, void *context);

/*
 * The supervisor's executable pages in the upper half of the address space, in ascending order, as
 * few ranges as there can be. Tables that cannot be read count as nothing. -E2BIG: more tables than
 * a kernel may need; else what visit returned.
 */
int tocsin_walk_executable(struct tocsin_memory *m, struct tocsin_paging paging,
			   tocsin_executable_visit visit, void *context);

#endif
