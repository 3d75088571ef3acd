/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of sites is open addressing with linear probing. Functions are aligned to 16 bytes, so
 * the low bits of a site tell nothing: a multiplication spreads the others.
 */
#include "tocsin_trace.h"

#ifdef __XEN__
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/string.h>
#else
#include <errno.h>
#include <string.h>
#endif

static unsigned int first_slot(uint32_t site)
{
	return site * 0x9e3779b1u >> 24 & (TOCSIN_TRACE_SLOTS - 1);
}

/* The slot of a site, or the empty one where it would be. Ends: half of the slots are empty. */
static unsigned int find(const struct tocsin_trace *trace, uint32_t site)
{
	unsigned int i = first_slot(site);
	uint64_t slot;

	while ((slot = __atomic_load_n(&trace->slot[i], __ATOMIC_RELAXED)) &&
	       (uint32_t)slot != site)
		i = (i + 1) & (TOCSIN_TRACE_SLOTS - 1);
	return i;
}

static int set_site(struct tocsin_trace *trace, uint64_t value)
{
	unsigned int i = find(trace, (uint32_t)value);

	if (!trace->slot[i]) {
		if (trace->sites == TOCSIN_SITES_MAX)
			return -ENOSPC;
		trace->sites++;
	}
	__atomic_store_n(&trace->slot[i], value, __ATOMIC_RELAXED);
	return 0;
}

int tocsin_trace_set(struct tocsin_trace *trace, uint64_t value)
{
	uint32_t operand = (uint32_t)value;

	switch (value >> 32) {
	case 0:
		if (operand)
			return -EINVAL;
		memset(trace->slot, 0, sizeof(trace->slot));
		trace->sites = 0;
		trace->view = 0;
		return 0;
	case TOCSIN_TRACE_VIEW:
		if (trace->view && trace->view != operand)
			return -EBUSY;
		trace->view = operand;
		return 0;
	case TOCSIN_TRACE_SITE:
	case TOCSIN_TRACE_WIDE:
		/* In the upper 2 GiB, and whole in one page. */
		if (operand < 0x80000000u || (operand & 0xfff) > 0x1000 - TOCSIN_SITE_SIZE)
			return -EINVAL;
		return set_site(trace, value);
	default:
		return -EINVAL;
	}
}

uint64_t tocsin_trace_get(const struct tocsin_trace *trace)
{
	return (uint64_t)trace->view << 32 | trace->sites;
}

unsigned int tocsin_trace_decide(struct tocsin_trace *trace, const struct tocsin_trace_call *call,
				 struct tocsin_trace_records *records)
{
	uint32_t site = (uint32_t)call->rip, seq;
	uint64_t slot;
	bool wide;

	if (call->cpl || call->rip != TOCSIN_SITE_VA(site))
		return 0;
	slot = __atomic_load_n(&trace->slot[find(trace, site)], __ATOMIC_RELAXED);
	if (!slot)
		return 0;

	wide = slot >> 32 == TOCSIN_TRACE_WIDE;
	seq = __atomic_add_fetch(&trace->seq, 1, __ATOMIC_RELAXED);
	records->call = (struct tocsin_call_record){
	    .domid = call->domid,
	    .vcpu = call->vcpu | (wide ? TOCSIN_CALL_WIDE : 0),
	    .site = site,
	    .rsp = call->rsp,
	    .rdi = call->rdi,
	    .seq = seq,
	};
	if (!wide)
		return 1;
	records->more = (struct tocsin_call_more_record){
	    .seq = seq,
	    .rsi = call->rsi,
	    .rdx = call->rdx,
	    .cr3 = call->cr3,
	};
	return 2;
}
