/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For harnesses of objects in a fixture (dom0/introspect/test/fixture.h): the input says where the
 * image lies, and when it begins to. Records of 16 bytes, little endian:
 *
 *   u16 after   that many accesses of ours, so that a guest changes between two of them
 *   u8  kind    0: the word, 1: the word flipped by it, 2: the address of the object's byte
 *               number `word`, 3: a copy of the word there, 4: the page is no more
 *   u8  unused
 *   u32 at      byte of the objects; from 2^31 on: of the page tables
 *   u64 word
 */
#ifndef TOCSIN_FUZZ_MUTATE_H
#define TOCSIN_FUZZ_MUTATE_H

#include "fixture.h"
#include "fuzz.h"
#include "objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCESSES_MAX (64u << 20) /* of one reading: bounded, whatever the guest says */

/* Says what did not hold, for inlined code has no lines. */
#define check(holds)                                                                               \
	do {                                                                                       \
		if (!(holds)) {                                                                    \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #holds);        \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static inline uint32_t mutate_place(const struct fixture *f, uint32_t at)
{
	if (at >> 31)
		return 0x1000 + (at & INT32_MAX) % (0x7000 - sizeof(uint64_t));
	return FIXTURE_DATA + at % (f->used - FIXTURE_DATA - (uint32_t)sizeof(uint64_t));
}

/* The original with what the input says; the fixture is as fresh. */
static inline void mutate(struct fixture *f, const uint8_t *data, size_t size)
{
	fixture_restore(f);
	for (; size >= 16 && f->change_count < FIXTURE_CHANGES; data += 16, size -= 16) {
		struct fixture_change *c = &f->changes[f->change_count++];
		uint16_t after;
		uint32_t at;
		uint64_t there;

		memcpy(&after, data, sizeof(after));
		memcpy(&at, data + 4, sizeof(at));
		memcpy(&c->word, data + 8, sizeof(c->word));
		c->after = after;
		c->at = mutate_place(f, at);
		c->hole = data[2] % 5 == 4;
		memcpy(&there, f->original + c->at, sizeof(there));
		if (data[2] % 5 == 1)
			c->word ^= there;
		else if (data[2] % 5 == 2)
			c->word = FIXTURE_BASE + mutate_place(f, (uint32_t)c->word & INT32_MAX);
		else if (data[2] % 5 == 3)
			memcpy(&c->word,
			       f->original + mutate_place(f, (uint32_t)c->word & INT32_MAX), 8);
	}
}

static inline void check_accesses(const struct fixture *f)
{
	check(f->accesses < ACCESSES_MAX);
}

#endif
