/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest physical memory, one interface for every source: a live Xen guest, a live QEMU guest, a
 * dump, a fixture. Reading never pauses the guest; what is read may change under the reader.
 * The bytes are hostile.
 *
 * Addresses are guest physical (gpa), sizes are bytes.
 */
#ifndef TOCSIN_MEMORY_H
#define TOCSIN_MEMORY_H

#include "base/error.h"
#include "tocsin.h"

/* A range that may hold RAM. Single pages inside may still be holes (ballooned, not dumped). */
struct tocsin_memory_range {
	uint64_t start;
	uint64_t size;
};

/* Of one thread they are exact; of several, about right. */
struct tocsin_memory_stats {
	uint64_t bytes_read; /* asked for and delivered; not what was mapped */
	uint64_t reads;
	uint64_t pages_mapped; /* mapped afresh: the expensive part on Xen */
};

struct tocsin_memory_ops {
	/* All of size or -EFAULT (a hole), -ENODEV (the guest is gone). May cross pages. */
	int (*read)(struct tocsin_memory *m, uint64_t gpa, void *buf, size_t size);
	/* Compare-exchange of 16 aligned bytes: 0 written, -EAGAIN not the expected bytes,
	 * -EROFS the source cannot be written, else as read. NULL: -EROFS. */
	int (*cas16)(struct tocsin_memory *m, uint64_t gpa, const uint8_t expected[16],
		     const uint8_t desired[16]);
	/* Where the byte at gpa lies in this process, until close, and how many follow it there;
	 * NULL: a hole. The whole op NULL: the source's memory does not stay mapped. */
	const uint8_t *(*map)(struct tocsin_memory *m, uint64_t gpa, uint64_t *size);
	/* Drop cached mappings; NULL: nothing to drop. */
	void (*flush)(struct tocsin_memory *m);
	void (*close)(struct tocsin_memory *m);
};

/* The head of every source's own struct. */
struct tocsin_memory {
	const struct tocsin_memory_ops *ops;
	struct tocsin_memory_stats stats;
	struct tocsin_memory_range *ranges; /* ascending, disjoint; owned by the source */
	size_t range_count;
	uint64_t cr3_hint; /* a CR3 that the source knows (QMP, dump notes), or 0 */
	uint64_t epoch;    /* counts the flushes; atomic */
	/* The largest piece that lies in this process until close; size 0: there is none. */
	struct {
		uint64_t gpa, size;
		const uint8_t *bytes;
	} largest;
	bool live; /* the guest runs: what does not hold still now may do so later */
};

/* gpa must be 16-byte aligned, else -EINVAL. */
int tocsin_memory_cas16(struct tocsin_memory *m, uint64_t gpa, const uint8_t expected[16],
			const uint8_t desired[16]);

#endif
