/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one atomic write that dom0 makes into a guest: 16 bytes at once (LOCK CMPXCHG16B), only if
 * they still hold what is expected. The guest's processors take part in the same lock, so a frame
 * that changes hands at that very moment is either seen changed or written before.
 */
#ifndef TOCSIN_MEMORY_CAS16_H
#define TOCSIN_MEMORY_CAS16_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* cell must be 16-byte aligned and mapped writable. */
static inline bool tocsin_cas16(void *cell, const uint8_t expected[16], const uint8_t desired[16])
{
	uint64_t old[2], new[2];
	bool done;

	memcpy(old, expected, sizeof(old));
	memcpy(new, desired, sizeof(new));
	__asm__ volatile("lock cmpxchg16b %1"
			 : "=@ccz"(done), "+m"(*(volatile unsigned __int128 *)cell), "+a"(old[0]),
			   "+d"(old[1])
			 : "b"(new[0]), "c"(new[1])
			 : "memory");
	return done;
}

#endif
