/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside memory/: guest memory that lies mapped in this process, in pieces. Dumps and QEMU guests
 * differ only in how they find the pieces; reading is the same, and copies nothing but what was
 * asked for.
 */
#ifndef TOCSIN_MEMORY_MAPPED_H
#define TOCSIN_MEMORY_MAPPED_H

#include "memory/memory.h"

struct tocsin_segment {
	uint64_t gpa, size;
	const uint8_t *bytes; /* not owned */
};

/* The head of such a source's own struct; zero it and set head.ops. */
struct tocsin_mapped {
	struct tocsin_memory head;
	struct tocsin_segment *segments; /* ascending, disjoint once published: as the ranges */
	size_t count, room;
};

/* Note a piece; one that touches the last is joined to it. -EINVAL: wraps; -E2BIG; -ENOMEM. */
int tocsin_mapped_add(struct tocsin_mapped *m, uint64_t gpa, uint64_t size, const uint8_t *bytes,
		      struct tocsin_error *err);

/*
 * All pieces are there: sort them and publish them as the ranges. -EINVAL: there is none, or two
 * overlap: two truths for one address would make any finding meaningless.
 */
int tocsin_mapped_publish(struct tocsin_mapped *m, struct tocsin_error *err);

/* As tocsin_memory_ops.read and .map. */
int tocsin_mapped_read(struct tocsin_memory *m, uint64_t gpa, void *buf, size_t size);
const uint8_t *tocsin_mapped_map(struct tocsin_memory *m, uint64_t gpa, uint64_t *size);

/* What add and publish allocated, not m itself. */
void tocsin_mapped_release(struct tocsin_mapped *m);

#endif
