/* SPDX-License-Identifier: GPL-2.0-only */
/* The stand-in for ../../../cpu.h: the test decides what the VMCS holds. */
#ifndef TOCSIN_LIVEPATCH_CPU_H
#define TOCSIN_LIVEPATCH_CPU_H

unsigned long vmread(unsigned long field);
void vmwrite(unsigned long field, unsigned long value);
char *stack_end(void);
unsigned long irq_save(void);
void irq_restore(unsigned long flags);

#endif
