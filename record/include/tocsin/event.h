/* SPDX-License-Identifier: MIT */
/*
 * The event record: what the hypervisor writes into the Xen trace buffer for an accepted trigger
 * and dom0 reads, live or from a file that xentrace recorded. Seven 32-bit words, the most that a
 * Xen trace record carries, preceded by the record header and the TSC.
 *
 * Freestanding. Little-endian like everything on x86.
 */
#ifndef TOCSIN_EVENT_H
#define TOCSIN_EVENT_H

#ifdef __XEN__
#include <xen/types.h>
#else
#include <stdint.h>
#endif

/* TRC_HVM_HANDLER + 0x30 (xen/include/public/trace.h): event mask of `xentrace -e`. */
#define TOCSIN_TRC_TRIGGER 0x00082030u
#define TOCSIN_RECORD_WORDS 7u

struct tocsin_record {
	uint16_t domid; /* Xen domain id of the caller */
	uint16_t vcpu;  /* virtual CPU that executed VMFUNC */
	uint32_t ecx;   /* the overloaded EPTP index as given */
	uint64_t cr3;   /* guest CR3 as loaded: PCID bits and KPTI's user half included */
	uint64_t rdx;   /* argument; 32 bits from a 32-bit code segment */
	uint32_t seq;   /* ticket: counts accepted triggers of this domain from 1, wraps */
} __attribute__((packed));

_Static_assert(sizeof(struct tocsin_record) == TOCSIN_RECORD_WORDS * 4,
	       "a Xen trace record carries at most 7 words");

#endif
