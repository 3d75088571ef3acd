/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where could a string of compiled rules be? Of each string libyara looks for an atom, a piece of
 * at most four bytes, and verifies what lies around it. Memory without any atom therefore holds no
 * match, and need not be given to libyara, which looks at one byte after the other; finding atoms
 * alone is several times as fast. Private to dom0/scan.
 */
#ifndef TOCSIN_SIEVE_H
#define TOCSIN_SIEVE_H

#include <stddef.h>
#include <stdint.h>
#include <yara.h>

/* Windows that lie no further apart are one: libyara takes longer to begin than to go on. */
#define TOCSIN_WINDOW_GAP 256u

/* Bytes [start, end) of a piece of memory. */
struct tocsin_window {
	uint32_t start, end;
};

struct tocsin_sieve;

/*
 * The sieve of these rules, which must outlive it. *ret is NULL where none is worth it: a string
 * has an atom of one byte or none. 0 or -ENOMEM. Any number of threads may use it at once.
 */
int tocsin_sieve_make(YR_RULES *rules, struct tocsin_sieve **ret);
void tocsin_sieve_free(struct tocsin_sieve *s);

/*
 * Windows over data, ascending and apart: scanning them one by one, each as a block of its own,
 * finds what scanning all of it does. ret has room for size / TOCSIN_WINDOW_GAP + 1. Returns how
 * many; one that is everything where most of it would be in windows.
 */
size_t tocsin_sieve_windows(const struct tocsin_sieve *s, const uint8_t *data, size_t size,
			    struct tocsin_window *ret);

#endif
