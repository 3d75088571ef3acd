/* SPDX-License-Identifier: MIT */
/*
 * Tracing of a guest's kernel functions: what the hypervisor and dom0 agree on.
 *
 * A site is the 5-byte NOP that the compiler leaves at the entry of a kernel function (0f 1f 44 00
 * 00). In the view of a traced domain it begins with VMLAUNCH, which always exits. At a site that
 * dom0 named, in ring 0, the hypervisor records the call and resumes the guest behind the NOP;
 * anywhere else the guest gets #UD, as ever. docs/decisions/0013-tracing-stubs.md says why.
 *
 * Kernel and module text of 64-bit Linux lies in the highest 2 GiB, so that 32 bits name a site.
 *
 * Freestanding. Little-endian.
 */
#ifndef TOCSIN_TRACE_H
#define TOCSIN_TRACE_H

#ifdef __XEN__
#include <xen/types.h>
#else
#include <stdint.h>
#endif

#define TOCSIN_SITE_SIZE 5u
#define TOCSIN_SITE_NOP                                                                            \
	{                                                                                          \
		0x0f, 0x1f, 0x44, 0x00, 0x00                                                       \
	}
#define TOCSIN_SITE_HOOK                                                                           \
	{                                                                                          \
		0x0f, 0x01, 0xc2                                                                   \
	}
#define TOCSIN_SITES_MAX 128u

/* The address of a site in full. */
#define TOCSIN_SITE_VA(site) (0xffffffff00000000ull | (site))

/*
 * What dom0 writes to TOCSIN_HVM_PARAM_TRACE: command << 32 | operand. 0: forget all sites and the
 * view; only when no view holds sites any more, since the guest would get #UD there. Read, the
 * parameter is view << 32 | number of sites.
 */
#define TOCSIN_TRACE_VIEW 1u   /* operand: id of the altp2m view that may hold sites */
#define TOCSIN_TRACE_SITE 2u   /* operand: low half of a site's address; RSP and RDI are recorded */
#define TOCSIN_TRACE_WIDE 3u   /* the same; RSI, RDX and CR3 are recorded as well */
#define TOCSIN_TRACE_FORGET 4u /* operand 0: no call of before counts for TOCSIN_TRACE_ONCE */
#define TOCSIN_TRACE_VALUE(command, operand) ((uint64_t)(command) << 32 | (uint32_t)(operand))

/*
 * With a site. ONCE: a call is recorded only if there was none with the same RDI by the same thread
 * (a kernel stack is 16 KiB and aligned to it), or if that is not known any more. So that this
 * holds, it must be said when memory becomes something else: what a register points at ends or
 * begins at sites of ENDS, and a thread begins on its stack at those of THREAD. Nothing is lost but
 * by a mistake of 2^-61 for each call; what is recorded in vain is seen again.
 */
#define TOCSIN_TRACE_ONCE 0x100u
#define TOCSIN_TRACE_ONCE_RSI 0x200u /* with ONCE: and the same low half of RSI */
#define TOCSIN_TRACE_ENDS_RDI 0x400u
#define TOCSIN_TRACE_ENDS_RSI 0x800u
#define TOCSIN_TRACE_THREAD 0x1000u
#define TOCSIN_TRACE_SILENT 0x2000u /* it is neither recorded nor counted */

/* TRC_HVM_HANDLER + 0x32 and on (xen/include/public/trace.h). */
#define TOCSIN_TRC_CALL 0x00082032u      /* with TSC */
#define TOCSIN_TRC_CALL_MORE 0x00082033u /* without; next after its call in that CPU's buffer */
#define TOCSIN_TRC_GAP 0x00082034u       /* with TSC */

#define TOCSIN_CALL_WIDE 0x8000u /* in vcpu: a TOCSIN_TRC_CALL_MORE follows */

struct tocsin_call_record {
	uint16_t domid;
	uint16_t vcpu; /* | TOCSIN_CALL_WIDE */
	uint32_t site; /* low half of its address */
	uint64_t rsp;  /* on the kernel stack of the calling thread, or of an interrupt */
	uint64_t rdi;
	uint32_t seq; /* counts the calls of this domain from 1, wraps */
} __attribute__((packed));

struct tocsin_call_more_record {
	uint32_t seq; /* of the call */
	uint64_t rsi;
	uint64_t rdx;
	uint64_t cr3; /* guest CR3 as loaded; a kernel thread's is somebody else's */
} __attribute__((packed));

/*
 * The guest read or wrote a frame that the view shows differently. It was given its own frame back,
 * on all its CPUs and before the access: from now on the sites in it are not seen.
 */
struct tocsin_gap_record {
	uint16_t domid;
	uint16_t vcpu;
	uint32_t access; /* TOCSIN_GAP_... */
	uint64_t gfn;
	uint64_t rip; /* of the access */
	uint32_t unused;
} __attribute__((packed));

#define TOCSIN_GAP_READ 1u
#define TOCSIN_GAP_WRITE 2u

_Static_assert(sizeof(struct tocsin_call_record) == 28, "a Xen trace record carries 7 words");
_Static_assert(sizeof(struct tocsin_call_more_record) == 28, "the same");
_Static_assert(sizeof(struct tocsin_gap_record) == 28, "the same");

#endif
