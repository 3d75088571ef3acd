/* SPDX-License-Identifier: GPL-2.0-only */
/* The decision at a VMLAUNCH exit: what is a site, who may meet it, and what is recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "../tocsin_trace.h"

#define SITE 0x81234560u

static struct tocsin_trace_call at(uint32_t site)
{
	return (struct tocsin_trace_call){
	    .rip = TOCSIN_SITE_VA(site),
	    .rsp = 0xffffc90000123e48ull,
	    .cr3 = 0x8000000123456802ull,
	    .rdi = 0xffff888001234000ull,
	    .rsi = 2,
	    .rdx = 3,
	    .domid = 7,
	    .vcpu = 300,
	};
}

static int add(struct tocsin_trace *trace, uint32_t command, uint32_t site)
{
	return tocsin_trace_set(trace, TOCSIN_TRACE_VALUE(command, site));
}

static unsigned int meet(struct tocsin_trace *trace, uint32_t site)
{
	struct tocsin_trace_records records;
	struct tocsin_trace_call call = at(site);

	return tocsin_trace_decide(trace, &call, &records);
}

static void nothing_is_traced_at_first(void **unused)
{
	static struct tocsin_trace trace;

	assert_int_equal(meet(&trace, SITE), 0);
	assert_int_equal(meet(&trace, 0), 0);
	assert_int_equal(trace.seq, 0);
	assert_int_equal(tocsin_trace_get(&trace), 0);
}

static void a_call_is_recorded(void **unused)
{
	static struct tocsin_trace trace;
	struct tocsin_trace_call call = at(SITE);
	struct tocsin_trace_records r;

	assert_int_equal(add(&trace, TOCSIN_TRACE_SITE, SITE), 0);
	assert_int_equal(tocsin_trace_decide(&trace, &call, &r), 1);
	assert_int_equal(r.call.domid, 7);
	assert_int_equal(r.call.vcpu, 300);
	assert_int_equal(r.call.site, SITE);
	assert_true(r.call.rsp == call.rsp && r.call.rdi == call.rdi);
	assert_int_equal(r.call.seq, 1);
	/* The same site asks for more; it stays one site. */
	assert_int_equal(add(&trace, TOCSIN_TRACE_WIDE, SITE), 0);
	assert_int_equal(tocsin_trace_get(&trace), 1);
	assert_int_equal(tocsin_trace_decide(&trace, &call, &r), 2);
	assert_int_equal(r.call.vcpu, 300 | TOCSIN_CALL_WIDE);
	assert_int_equal(r.call.seq, 2);
	assert_int_equal(r.more.seq, 2);
	assert_true(r.more.rsi == 2 && r.more.rdx == 3 && r.more.cr3 == call.cr3);
}

static void only_ring_0_at_the_very_address(void **unused)
{
	static struct tocsin_trace trace;
	struct tocsin_trace_call call = at(SITE);
	struct tocsin_trace_records r;

	assert_int_equal(add(&trace, TOCSIN_TRACE_SITE, SITE), 0);
	for (call.cpl = 1; call.cpl <= 3; call.cpl++)
		assert_int_equal(tocsin_trace_decide(&trace, &call, &r), 0);
	call.cpl = 0;
	call.rip = SITE; /* the same low half in user memory */
	assert_int_equal(tocsin_trace_decide(&trace, &call, &r), 0);
	call.rip = 0xfffffffe00000000ull | SITE;
	assert_int_equal(tocsin_trace_decide(&trace, &call, &r), 0);
	for (int i = -5; i <= 5; i++)
		assert_int_equal(meet(&trace, SITE + (uint32_t)i), i == 0);
	assert_int_equal(trace.seq, 1);
}

static void sites_are_found_among_many(void **unused)
{
	static struct tocsin_trace trace;
	uint32_t site;

	for (uint32_t i = 0; i < TOCSIN_SITES_MAX; i++)
		assert_int_equal(add(&trace, i % 2 ? TOCSIN_TRACE_WIDE : TOCSIN_TRACE_SITE,
				     0x80000000u + i * 0x130),
				 0);
	assert_int_equal(add(&trace, TOCSIN_TRACE_SITE, 0xc0000000u), -ENOSPC);
	assert_int_equal(add(&trace, TOCSIN_TRACE_SITE, 0x80000000u), 0);
	assert_int_equal(tocsin_trace_get(&trace), TOCSIN_SITES_MAX);
	for (site = 0x80000000u; site < 0x80000000u + 2 * TOCSIN_SITES_MAX * 0x130; site += 0x10) {
		uint32_t i = (site - 0x80000000u) / 0x130;
		bool is = (site - 0x80000000u) % 0x130 == 0 && i < TOCSIN_SITES_MAX;

		assert_int_equal(meet(&trace, site), is ? 1 + i % 2 : 0);
	}
	/* Where all want the same slot. */
	assert_int_equal(tocsin_trace_set(&trace, 0), 0);
	assert_int_equal(tocsin_trace_get(&trace), 0);
	assert_int_equal(meet(&trace, 0x80000000u), 0);
}

static void what_cannot_be_is_refused(void **unused)
{
	static struct tocsin_trace trace;

	assert_int_equal(add(&trace, TOCSIN_TRACE_SITE, 0x7ffffff0u), -EINVAL);
	assert_int_equal(add(&trace, TOCSIN_TRACE_SITE, 0x80000ffcu), -EINVAL); /* crosses a page */
	assert_int_equal(add(&trace, TOCSIN_TRACE_SITE, 0x80000ffbu), 0);
	assert_int_equal(tocsin_trace_set(&trace, 1), -EINVAL);
	assert_int_equal(add(&trace, 4, SITE), -EINVAL);
	assert_int_equal(tocsin_trace_set(&trace, ~0ull), -EINVAL);
	assert_int_equal(add(&trace, TOCSIN_TRACE_VIEW, 5), 0);
	assert_int_equal(add(&trace, TOCSIN_TRACE_VIEW, 5), 0);
	assert_int_equal(add(&trace, TOCSIN_TRACE_VIEW, 6), -EBUSY);
	assert_int_equal(add(&trace, TOCSIN_TRACE_VIEW, 0), -EBUSY);
	assert_true(tocsin_trace_get(&trace) == (5ull << 32 | 1));
	assert_int_equal(tocsin_trace_set(&trace, 0), 0);
	assert_int_equal(tocsin_trace_get(&trace), 0);
}

static void calls_are_counted_on_and_on(void **unused)
{
	static struct tocsin_trace trace = {.seq = UINT32_MAX - 1};
	struct tocsin_trace_call call = at(SITE);
	struct tocsin_trace_records r;

	add(&trace, TOCSIN_TRACE_SITE, SITE);
	assert_int_equal(tocsin_trace_decide(&trace, &call, &r), 1);
	assert_true(r.call.seq == UINT32_MAX);
	assert_int_equal(tocsin_trace_decide(&trace, &call, &r), 1);
	assert_int_equal(r.call.seq, 0);
	/* Forgotten sites do not make the count begin anew. */
	tocsin_trace_set(&trace, 0);
	add(&trace, TOCSIN_TRACE_SITE, SITE);
	assert_int_equal(tocsin_trace_decide(&trace, &call, &r), 1);
	assert_int_equal(r.call.seq, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_traced_at_first),
	    cmocka_unit_test(a_call_is_recorded),
	    cmocka_unit_test(only_ring_0_at_the_very_address),
	    cmocka_unit_test(sites_are_found_among_many),
	    cmocka_unit_test(what_cannot_be_is_refused),
	    cmocka_unit_test(calls_are_counted_on_and_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
