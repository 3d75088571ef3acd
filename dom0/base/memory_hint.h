/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For large blocks that will be written whole: have their pages at once, not one fault for each. */
#ifndef TOCSIN_MEMORY_HINT_H
#define TOCSIN_MEMORY_HINT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; before, it does nothing */
#endif

static inline void tocsin_prefault(void *block, size_t size)
{
	uintptr_t first = ((uintptr_t)block + 4095) & ~(uintptr_t)4095;
	uintptr_t end = ((uintptr_t)block + size) & ~(uintptr_t)4095;

	if (block && end > first)
		madvise((void *)first, end - first, MADV_POPULATE_WRITE);
}

#endif
