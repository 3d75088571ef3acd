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
 * - a lookup needs no lock beside tocsin_trace_set: slots change once, from 0, in one store;
 * - the first call at a site of TOCSIN_TRACE_ONCE is recorded. What is remembered of a call is one
 *   word: two CPUs may overwrite what the other remembers, which is recorded once more then. What
 *   ends is not in use on any CPU, so no call with it is being remembered just then.
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

#define TOCSIN_TRACE_SLOTS 256u    /* a power of two; at most half of them are used */
#define TOCSIN_TRACE_BUCKETS 1024u /* a power of two, as the next two */
#define TOCSIN_TRACE_WAYS 8u       /* a bucket is a cache line */
#define TOCSIN_TRACE_COUNTS 4096u
#define TOCSIN_TRACE_STACK 16384u /* bytes */

/* The calls that were recorded lately. All zero: none. */
struct tocsin_trace_filter {
	uint64_t seen[TOCSIN_TRACE_BUCKETS][TOCSIN_TRACE_WAYS]; /* digests; 0: free */
	uint64_t ends[TOCSIN_TRACE_COUNTS];                     /* by pointer */
	uint64_t threads[TOCSIN_TRACE_COUNTS];                  /* that began, by stack */
	uint64_t forgotten;                                     /* how often all were */
};

/* Of one domain. All zero: nothing is traced. */
struct tocsin_trace {
	uint64_t slot[TOCSIN_TRACE_SLOTS]; /* 0, or the value that dom0 wrote */
	uint32_t sites;
	uint32_t view; /* 0: none */
	uint32_t seq;  /* of the last call */
	/* Before the first site of TOCSIN_TRACE_ONCE; then it stays. The caller's. */
	struct tocsin_trace_filter *filter;
};

struct tocsin_trace_call {
	uint64_t rip, rsp, cr3, rdi, rsi, rdx;
	uint16_t domid, vcpu;
	unsigned int cpl;
};

struct tocsin_trace_records {
	unsigned int count; /* 0; 1: call; 2: more behind it */
	struct tocsin_call_record call;
	struct tocsin_call_more_record more;
};

/* Does what dom0 writes take a filter? */
bool tocsin_trace_filters(uint64_t value);

/* What dom0 wrote. The caller serialises. 0, -EINVAL, -ENOSPC: there are too many sites, -EBUSY:
 * there is another view, or -ENOMEM: there is no filter. */
int tocsin_trace_set(struct tocsin_trace *trace, uint64_t value);

/* What dom0 reads. */
uint64_t tocsin_trace_get(const struct tocsin_trace *trace);

/*
 * Decide one VMLAUNCH of 64-bit code. false: not ours, behave as unmodified Xen. true: emit the
 * records and resume at rip + TOCSIN_SITE_SIZE.
 */
bool tocsin_trace_decide(struct tocsin_trace *trace, const struct tocsin_trace_call *call,
			 struct tocsin_trace_records *records);

#endif
