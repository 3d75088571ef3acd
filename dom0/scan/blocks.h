/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process's memory as blocks of present pages, for one reader or several at once; private to
 * dom0/scan. Whoever asks next gets the next run of pages, so readers of any speed share the work.
 *
 * No match is seen across the seam of two blocks. So a block that follows a full one begins with
 * that one's last page: matches of up to a page and a byte are found wherever they lie. Bytes that
 * need not be copied make blocks that end where their stretch of memory does; then the two pages at
 * the seam are a block of their own.
 */
#ifndef TOCSIN_BLOCKS_H
#define TOCSIN_BLOCKS_H

#include "scan/scan.h"

#include <pthread.h>

#define TOCSIN_BLOCK_PAGES 256u
#define TOCSIN_BLOCK_SIZE (TOCSIN_BLOCK_PAGES * TOCSIN_PAGE_SIZE)

struct tocsin_block_range {
	uint64_t start, end; /* page-aligned */
	bool special;        /* the kernel's own: pages that cannot be read mean nothing */
};

/* What readers share. */
struct tocsin_blocks {
	const struct tocsin_scan_target *t;
	struct tocsin_memory *memory;
	const struct tocsin_block_range *ranges; /* ascending, apart */
	size_t count;
	pthread_mutex_t lock; /* of what follows */
	size_t range;         /* the one that is walked */
	uint64_t va;          /* next address in it */
	bool in_place;        /* bytes may be given where they lie, though they may change there */
	bool full;            /* the last run that was taken was, in this range */
	bool cut;             /* or it ends where the pages of one stretch of memory do */
	uint64_t seen;        /* pages below have been counted */
	uint64_t walks;       /* page lookups so far */
	/* the large page that was looked up last, which has many of these: */
	uint64_t large_va, large_size, large_gpa;
	size_t bytes; /* given out so far */
	uint64_t present, read, torn;
	bool truncated;  /* a bound was reached */
	bool unreadable; /* a page that is there could not be read */
	int error;       /* the guest is gone, or the like: everybody stops */
};

/* What one reader has. */
struct tocsin_block {
	uint8_t *bytes;      /* TOCSIN_BLOCK_SIZE, the reader's own */
	const uint8_t *data; /* of the block: there, or in the guest's memory */
	uint64_t base;
	size_t size;
	/* the run that it is taken from */
	uint64_t start;
	unsigned int pages, next;
	bool again; /* its first page was in the block before */
	bool special;
	uint64_t gpa[TOCSIN_BLOCK_PAGES];
};

void tocsin_blocks_begin(struct tocsin_blocks *b, const struct tocsin_scan_target *t,
			 const struct tocsin_block_range *ranges, size_t count);

/* Begin with the first range once more; the counts stay. For one reader. */
void tocsin_blocks_again(struct tocsin_blocks *b);

/* The next block into own. False: there is no more, or a bound or an error, which b has. */
bool tocsin_blocks_next(struct tocsin_blocks *b, struct tocsin_block *own);

#endif
