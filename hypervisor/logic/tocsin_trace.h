/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracing: what the hypervisor decides when a guest executes VMLAUNCH.
 *
 * Pure as tocsin.h: the sites of a domain are a table, the registers are handed over, the decision
 * is records to emit. A lookup takes a handful of instructions however many sites there are.
 *
 * Invariants:
 * - a domain without sites sees exactly what unmodified Xen shows it, and so does every VMLAUNCH
 *   that is not in ring 0 or not at a site;
 * - what is a site stays one until all are forgotten, so that a CPU that met it is always helped
 *   on, whatever dom0 does meanwhile;
 * - a lookup needs no lock beside tocsin_trace_set: slots change once, from 0, in one store.
 */
#ifndef TOCSIN_LOGIC_TRACE_H
#define TOCSIN_LOGIC_TRACE_H

#ifdef __XEN__
#include <xen/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
#endif

#include <tocsin/trace.h>

#define TOCSIN_TRACE_SLOTS 256u /* a power of two; at most half of them are used */

/* Of one domain. All zero: nothing is traced. */
struct tocsin_trace {
	uint64_t slot[TOCSIN_TRACE_SLOTS]; /* 0, or the value that dom0 wrote */
	uint32_t sites;
	uint32_t view; /* 0: none */
	uint32_t seq;  /* of the last call */
};

struct tocsin_trace_call {
	uint64_t rip, rsp, cr3, rdi, rsi, rdx;
	uint16_t domid, vcpu;
	unsigned int cpl;
};

struct tocsin_trace_records {
	struct tocsin_call_record call;
	struct tocsin_call_more_record more;
};

/* What dom0 wrote. The caller serialises. 0, -EINVAL, -ENOSPC: there are too many sites, or -EBUSY:
 * there is another view. */
int tocsin_trace_set(struct tocsin_trace *trace, uint64_t value);

/* What dom0 reads. */
uint64_t tocsin_trace_get(const struct tocsin_trace *trace);

/*
 * Decide one VMLAUNCH of 64-bit code. 0: not ours, behave as unmodified Xen. 1: emit records->call
 * and resume at rip + TOCSIN_SITE_SIZE; 2: emit records->more behind it.
 */
unsigned int tocsin_trace_decide(struct tocsin_trace *trace, const struct tocsin_trace_call *call,
				 struct tocsin_trace_records *records);

#endif
