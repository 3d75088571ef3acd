/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of sites is open addressing with linear probing. Functions are aligned to 16 bytes, so
 * the low bits of a site tell nothing: a multiplication spreads the others.
 *
 * What is remembered of a call is a digest of all that makes it what it is: site, arguments, stack,
 * and how often what RDI points at ended, a thread began there, and all was forgotten. So nothing
 * has to be looked for to be forgotten. Two that share a count are forgotten together.
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

#define OF_ONCE (TOCSIN_TRACE_ONCE | TOCSIN_TRACE_ONCE_RSI)
#define OF_ENDS (TOCSIN_TRACE_ENDS_RDI | TOCSIN_TRACE_ENDS_RSI | TOCSIN_TRACE_THREAD)
#define OF_SITES (OF_ONCE | OF_ENDS | TOCSIN_TRACE_SILENT)

static bool is_site(uint32_t command)
{
	uint32_t kind = command & ~OF_SITES;

	return kind == TOCSIN_TRACE_SITE || kind == TOCSIN_TRACE_WIDE;
}

bool tocsin_trace_filters(uint64_t value)
{
	uint32_t command = (uint32_t)(value >> 32);

	return is_site(command) && (command & OF_ONCE);
}

static int set_site(struct tocsin_trace *trace, uint64_t value)
{
	uint32_t operand = (uint32_t)value;
	unsigned int i = find(trace, operand);

	/* In the upper 2 GiB, and whole in one page. */
	if (operand < 0x80000000u || (operand & 0xfff) > 0x1000 - TOCSIN_SITE_SIZE)
		return -EINVAL;
	if (tocsin_trace_filters(value) && !trace->filter)
		return -ENOMEM;
	if (!trace->slot[i]) {
		if (trace->sites == TOCSIN_SITES_MAX)
			return -ENOSPC;
		trace->sites++;
	}
	__atomic_store_n(&trace->slot[i], value, __ATOMIC_RELAXED);
	return 0;
}

static void forget(struct tocsin_trace *trace)
{
	if (trace->filter)
		__atomic_add_fetch(&trace->filter->forgotten, 1, __ATOMIC_RELAXED);
}

int tocsin_trace_set(struct tocsin_trace *trace, uint64_t value)
{
	uint32_t operand = (uint32_t)value, command = (uint32_t)(value >> 32);

	if (is_site(command))
		return set_site(trace, value);
	switch (command) {
	case 0:
		if (operand)
			return -EINVAL;
		forget(trace);
		memset(trace->slot, 0, sizeof(trace->slot));
		trace->sites = 0;
		trace->view = 0;
		return 0;
	case TOCSIN_TRACE_VIEW:
		if (trace->view && trace->view != operand)
			return -EBUSY;
		trace->view = operand;
		return 0;
	case TOCSIN_TRACE_FORGET:
		if (operand)
			return -EINVAL;
		forget(trace);
		return 0;
	default:
		return -EINVAL;
	}
}

uint64_t tocsin_trace_get(const struct tocsin_trace *trace)
{
	return (uint64_t)trace->view << 32 | trace->sites;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t *count_of(uint64_t *counts, uint64_t what)
{
	return &counts[what * 0x9e3779b97f4a7c15ull >> 32 & (TOCSIN_TRACE_COUNTS - 1)];
}

static uint64_t *thread_of(struct tocsin_trace_filter *filter, uint64_t rsp)
{
	return count_of(filter->threads, rsp / TOCSIN_TRACE_STACK);
}

static uint64_t digest(struct tocsin_trace_filter *filter, uint32_t command,
		       const struct tocsin_trace_call *call)
{
	uint64_t began = __atomic_load_n(thread_of(filter, call->rsp), __ATOMIC_RELAXED);
	uint64_t ended = __atomic_load_n(count_of(filter->ends, call->rdi), __ATOMIC_RELAXED);
	uint64_t forgotten = __atomic_load_n(&filter->forgotten, __ATOMIC_RELAXED);
	uint32_t rsi = command & TOCSIN_TRACE_ONCE_RSI ? (uint32_t)call->rsi : 0;
	uint64_t ret = mix(call->rdi ^ 0xa0761d6478bd642full,
			   call->rsp / TOCSIN_TRACE_STACK ^ 0xe7037ed1a0b428dbull);

	ret = mix(ret ^ (call->rip << 32 | rsi), began ^ 0x8ebc6af09c88c6e3ull);
	ret = mix(ret ^ ended, forgotten ^ 0x589965cc75374cc3ull);
	return ret ? ret : 1;
}

/* Was there no such call lately? Then this is one. */
static bool is_first(struct tocsin_trace_filter *filter, uint32_t command,
		     const struct tocsin_trace_call *call)
{
	uint64_t seen = digest(filter, command, call);
	uint64_t *bucket = filter->seen[seen >> 32 & (TOCSIN_TRACE_BUCKETS - 1)];
	unsigned int way = seen & (TOCSIN_TRACE_WAYS - 1);

	for (unsigned int i = 0; i < TOCSIN_TRACE_WAYS; i++) {
		uint64_t entry = __atomic_load_n(&bucket[i], __ATOMIC_RELAXED);

		if (entry == seen)
			return false;
		if (!entry)
			way = i;
	}
	__atomic_store_n(&bucket[way], seen, __ATOMIC_RELAXED);
	return true;
}

static void count(uint64_t *at)
{
	__atomic_add_fetch(at, 1, __ATOMIC_RELAXED);
}

/* Is the call to be recorded? */
static bool pass(struct tocsin_trace *trace, uint32_t command, const struct tocsin_trace_call *call)
{
	struct tocsin_trace_filter *filter = trace->filter;

	if (filter && (command & TOCSIN_TRACE_ENDS_RDI))
		count(count_of(filter->ends, call->rdi));
	if (filter && (command & TOCSIN_TRACE_ENDS_RSI))
		count(count_of(filter->ends, call->rsi));
	if (filter && (command & TOCSIN_TRACE_THREAD))
		count(thread_of(filter, call->rsp));
	if (command & TOCSIN_TRACE_SILENT)
		return false;
	return !(command & OF_ONCE) || is_first(filter, command, call);
}

bool tocsin_trace_decide(struct tocsin_trace *trace, const struct tocsin_trace_call *call,
			 struct tocsin_trace_records *records)
{
	uint32_t site = (uint32_t)call->rip, command, seq;
	uint64_t slot;
	bool wide;

	if (call->cpl || call->rip != TOCSIN_SITE_VA(site))
		return false;
	slot = __atomic_load_n(&trace->slot[find(trace, site)], __ATOMIC_RELAXED);
	if (!slot)
		return false;

	records->count = 0;
	command = (uint32_t)(slot >> 32);
	if ((command & OF_SITES) && !pass(trace, command, call))
		return true;
	wide = (command & ~OF_SITES) == TOCSIN_TRACE_WIDE;
	seq = __atomic_add_fetch(&trace->seq, 1, __ATOMIC_RELAXED);
	records->count = wide ? 2 : 1;
	records->call = (struct tocsin_call_record){
	    .domid = call->domid,
	    .vcpu = call->vcpu | (wide ? TOCSIN_CALL_WIDE : 0),
	    .site = site,
	    .rsp = call->rsp,
	    .rdi = call->rdi,
	    .seq = seq,
	};
	if (wide)
		records->more = (struct tocsin_call_more_record){
		    .seq = seq,
		    .rsi = call->rsi,
		    .rdx = call->rdx,
		    .cr3 = call->cr3,
		};
	return true;
}
