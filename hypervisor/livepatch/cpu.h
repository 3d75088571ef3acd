/* SPDX-License-Identifier: GPL-2.0-only */
/* What only a CPU in Xen's place can do. The unit tests have a stand-in (test/shim). */
#ifndef TOCSIN_LIVEPATCH_CPU_H
#define TOCSIN_LIVEPATCH_CPU_H

#include <stdint.h>

#include "offsets.h"

static inline unsigned long vmread(unsigned long field)
{
	unsigned long value;

	__asm__ volatile("vmread %1, %0" : "=rm"(value) : "r"(field) : "cc");
	return value;
}

static inline void vmwrite(unsigned long field, unsigned long value)
{
	__asm__ volatile("vmwrite %1, %0" : : "r"(field), "rm"(value) : "cc");
}

/* The end of this CPU's stack, below which Xen keeps what belongs to the CPU. */
static inline char *stack_end(void)
{
	return (char *)((uintptr_t)__builtin_frame_address(0) | XEN_STACK_MASK) + 1;
}

static inline unsigned long irq_save(void)
{
	unsigned long flags;

	__asm__ volatile("pushf\n\tpop %0\n\tcli" : "=r"(flags) : : "memory");
	return flags;
}

static inline void irq_restore(unsigned long flags)
{
	__asm__ volatile("push %0\n\tpopf" : : "r"(flags) : "memory", "cc");
}

#endif
