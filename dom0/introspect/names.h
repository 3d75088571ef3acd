/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside introspect/: an index of the names in one block of text, from a name to a number. Names
 * come from a guest, so the hash is keyed at random: nobody can make them fall together.
 */
#ifndef TOCSIN_INTROSPECT_NAMES_H
#define TOCSIN_INTROSPECT_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct tocsin_names {
	struct tocsin_names_slot {
		uint32_t hash;
		uint32_t at;     /* where the name begins in the text */
		uint32_t number; /* plus 1; 0: free */
	} * slots;
	uint32_t mask;
	uint64_t seed;
};

/* Room for count names. -ENOMEM. */
int tocsin_names_open(struct tocsin_names *n, uint32_t count);
void tocsin_names_close(struct tocsin_names *n);

#define TOCSIN_NAMES_WAITING 16

/* Filling one: each waits for a few others, until its slot has come from memory. */
struct tocsin_names_adding {
	struct tocsin_names *n;
	struct tocsin_names_slot waiting[TOCSIN_NAMES_WAITING];
	uint32_t count;
};

/*
 * The name of length bytes and a NUL at text + at. Of equal names the first one added counts. The
 * text may move between calls. After the last one, tocsin_names_added.
 */
void tocsin_names_add(struct tocsin_names_adding *a, const char *text, uint32_t at, size_t length,
		      uint32_t number);
void tocsin_names_added(struct tocsin_names_adding *a, const char *text);

/* -ENOENT. text: the block that it was filled from. */
int tocsin_names_find(const struct tocsin_names *n, const char *text, const char *name,
		      uint32_t *ret);

#endif
