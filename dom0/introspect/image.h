/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel image in guest memory: where it is, and its bytes, in place where the source allows.
 *
 * x86-64 Linux maps itself through one table, level3_kernel_pgt, whose only two entries are 510
 * (the image) and 511 (the fixmap). That shape finds the image with or without a CR3, whatever
 * KASLR did, and is checked against the image's own symbols later.
 */
#ifndef TOCSIN_IMAGE_H
#define TOCSIN_IMAGE_H

#include "memory/memory.h"

#include <stdbool.h>

#define TOCSIN_IMAGE_MAX (256u << 20)

struct tocsin_image {
	uint64_t level3; /* gpa of level3_kernel_pgt */
	uint64_t text_pa, text_va;
	const uint8_t *bytes; /* from _text; pages that could not be read are zero */
	size_t size;
	size_t text_size; /* bytes at its beginning that are mapped executable, 0: all of it, as at
			     boot */
	size_t from;      /* what lies before it was not fetched, and is zero in a copy */
	uint8_t *copy;    /* bytes, or NULL: they lie in the guest's memory and may change */
	size_t holes;     /* pages that could not be read */
};

/* Locate; cr3: 0 to try the source's hint, then to search all of m. -ENOENT: none. */
int tocsin_image_open(struct tocsin_memory *m, uint64_t cr3, struct tocsin_image *ret,
		      struct tocsin_error *err);

/*
 * Its bytes behind its text, where its tables are, as a copy if it must or if the source has no
 * other. -ENOMEM. Freed with tocsin_image_free.
 */
int tocsin_image_fetch(struct tocsin_memory *m, struct tocsin_image *image, bool copy);

/* The text too: a kernel that was not found without it. */
void tocsin_image_fetch_text(struct tocsin_memory *m, struct tocsin_image *image);
void tocsin_image_free(struct tocsin_image *image);

/* The gpa of level3_kernel_pgt as cr3's tables have it; levels (may be NULL): 4 or 5. */
int tocsin_image_level3(struct tocsin_memory *m, uint64_t cr3, uint64_t *ret, int *levels);

/* Where level3 says the image is; size is what is mapped, at most TOCSIN_IMAGE_MAX. */
int tocsin_image_locate(struct tocsin_memory *m, uint64_t level3, struct tocsin_image *ret);

#endif
