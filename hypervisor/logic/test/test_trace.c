/* SPDX-License-Identifier: GPL-2.0-only */
/* The decision at a VMLAUNCH exit: what is a site, who may meet it, and what is recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

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

/* How many records; -1: not ours. */
static int decide(struct tocsin_trace *trace, const struct tocsin_trace_call *call,
		  struct tocsin_trace_records *records)
{
	return tocsin_trace_decide(trace, call, records) ? (int)records->count : -1;
}

static int meet(struct tocsin_trace *trace, uint32_t site)
{
	struct tocsin_trace_records records;
	struct tocsin_trace_call call = at(site);

	return decide(trace, &call, &records);
}

static void nothing_is_traced_at_first(void **unused)
{
	static struct tocsin_trace trace;

	assert_int_equal(meet(&trace, SITE), -1);
	assert_int_equal(meet(&trace, 0), -1);
	assert_int_equal(trace.seq, 0);
	assert_int_equal(tocsin_trace_get(&trace), 0);
}

static void a_call_is_recorded(void **unused)
{
	static struct tocsin_trace trace;
	struct tocsin_trace_call call = at(SITE);
	struct tocsin_trace_records r;

	assert_int_equal(add(&trace, TOCSIN_TRACE_SITE, SITE), 0);
	assert_int_equal(decide(&trace, &call, &r), 1);
	assert_int_equal(r.call.domid, 7);
	assert_int_equal(r.call.vcpu, 300);
	assert_int_equal(r.call.site, SITE);
	assert_true(r.call.rsp == call.rsp && r.call.rdi == call.rdi);
	assert_int_equal(r.call.seq, 1);
	/* The same site asks for more; it stays one site. */
	assert_int_equal(add(&trace, TOCSIN_TRACE_WIDE, SITE), 0);
	assert_int_equal(tocsin_trace_get(&trace), 1);
	assert_int_equal(decide(&trace, &call, &r), 2);
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
		assert_int_equal(decide(&trace, &call, &r), -1);
	call.cpl = 0;
	call.rip = SITE; /* the same low half in user memory */
	assert_int_equal(decide(&trace, &call, &r), -1);
	call.rip = 0xfffffffe00000000ull | SITE;
	assert_int_equal(decide(&trace, &call, &r), -1);
	for (int i = -5; i <= 5; i++)
		assert_int_equal(meet(&trace, SITE + (uint32_t)i), i == 0 ? 1 : -1);
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

		assert_int_equal(meet(&trace, site), is ? 1 + (int)(i % 2) : -1);
	}
	/* Where all want the same slot. */
	assert_int_equal(tocsin_trace_set(&trace, 0), 0);
	assert_int_equal(tocsin_trace_get(&trace), 0);
	assert_int_equal(meet(&trace, 0x80000000u), -1);
}

static void what_cannot_be_is_refused(void **unused)
{
	static struct tocsin_trace trace;

	assert_int_equal(add(&trace, TOCSIN_TRACE_SITE, 0x7ffffff0u), -EINVAL);
	assert_int_equal(add(&trace, TOCSIN_TRACE_SITE, 0x80000ffcu), -EINVAL); /* crosses a page */
	assert_int_equal(add(&trace, TOCSIN_TRACE_SITE, 0x80000ffbu), 0);
	assert_int_equal(tocsin_trace_set(&trace, 1), -EINVAL);
	assert_int_equal(add(&trace, 5, SITE), -EINVAL);
	assert_int_equal(add(&trace, TOCSIN_TRACE_FORGET, SITE), -EINVAL);
	assert_int_equal(add(&trace, TOCSIN_TRACE_VIEW | TOCSIN_TRACE_ONCE, 5), -EINVAL);
	assert_int_equal(add(&trace, TOCSIN_TRACE_SITE | 0x4000, SITE), -EINVAL);
	assert_int_equal(add(&trace, TOCSIN_TRACE_SITE | TOCSIN_TRACE_ONCE, SITE), -ENOMEM);
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
	assert_int_equal(decide(&trace, &call, &r), 1);
	assert_true(r.call.seq == UINT32_MAX);
	assert_int_equal(decide(&trace, &call, &r), 1);
	assert_int_equal(r.call.seq, 0);
	/* Forgotten sites do not make the count begin anew. */
	tocsin_trace_set(&trace, 0);
	add(&trace, TOCSIN_TRACE_SITE, SITE);
	assert_int_equal(decide(&trace, &call, &r), 1);
	assert_int_equal(r.call.seq, 1);
}

/* ---- what is recorded once ---- */

#define READS 0x81000010u  /* once for each RDI and RSI */
#define SENDS 0x81000020u  /* once for each RDI */
#define GETS 0x81000060u   /* the same */
#define FREES 0x81000030u  /* RDI ends */
#define OPENS 0x81000040u  /* RSI ends */
#define BEGINS 0x81000050u /* a thread begins */

static void once_sites(struct tocsin_trace *trace)
{
	memset(trace->filter, 0, sizeof(*trace->filter));
	assert_int_equal(
	    add(trace, TOCSIN_TRACE_WIDE | TOCSIN_TRACE_ONCE | TOCSIN_TRACE_ONCE_RSI, READS), 0);
	assert_int_equal(add(trace, TOCSIN_TRACE_SITE | TOCSIN_TRACE_ONCE, SENDS), 0);
	assert_int_equal(add(trace, TOCSIN_TRACE_SITE | TOCSIN_TRACE_ONCE, GETS), 0);
	assert_int_equal(add(trace, TOCSIN_TRACE_SITE | TOCSIN_TRACE_ENDS_RDI, FREES), 0);
	assert_int_equal(add(trace, TOCSIN_TRACE_WIDE | TOCSIN_TRACE_ENDS_RSI, OPENS), 0);
	assert_int_equal(
	    add(trace, TOCSIN_TRACE_SITE | TOCSIN_TRACE_THREAD | TOCSIN_TRACE_SILENT, BEGINS), 0);
}

static int called(struct tocsin_trace *trace, uint32_t site, uint64_t rdi, uint64_t rsi,
		  uint64_t stack)
{
	struct tocsin_trace_records records;
	struct tocsin_trace_call call = at(site);

	call.rdi = rdi;
	call.rsi = rsi;
	call.rsp = stack + 0x1238;
	return decide(trace, &call, &records);
}

static void only_the_first_is_recorded(void **unused)
{
	static struct tocsin_trace_filter filter;
	static struct tocsin_trace trace = {.filter = &filter};
	const uint64_t f = 0xffff888001234500ull, g = f + 0x100, a = 0xffffc90000120000ull,
		       b = a + 0x4000;

	once_sites(&trace);
	assert_int_equal(called(&trace, READS, f, 4, a), 2);
	assert_int_equal(called(&trace, READS, f, 4, a), 0);
	assert_int_equal(called(&trace, READS, f, 4ull | 7ull << 32, a + 0x2000), 0);
	assert_int_equal(trace.seq, 1); /* what is not recorded does not count */
	/* Another argument, another file, another thread, another function. */
	assert_int_equal(called(&trace, READS, f, 2, a), 2);
	assert_int_equal(called(&trace, READS, g, 4, a), 2);
	assert_int_equal(called(&trace, READS, f, 4, b), 2);
	assert_int_equal(called(&trace, SENDS, f, 4, a), 1);
	assert_int_equal(called(&trace, SENDS, f, 5, a), 0);
	assert_int_equal(called(&trace, GETS, f, 5, a), 1);
	/* The memory is another's. */
	assert_int_equal(called(&trace, FREES, f, 0, b), 1);
	assert_int_equal(called(&trace, READS, f, 4, a), 2);
	assert_int_equal(called(&trace, READS, f, 4, b), 2);
	assert_int_equal(called(&trace, OPENS, 1, f, b), 2);
	assert_int_equal(called(&trace, READS, f, 4, a), 2);
	assert_int_equal(called(&trace, READS, g, 4, a), 0);
	/* The stack is. */
	assert_int_equal(called(&trace, BEGINS, 1, 2, a), 0);
	assert_int_equal(called(&trace, READS, g, 4, a), 2);
	assert_int_equal(called(&trace, READS, g, 4, a), 0);
	assert_int_equal(called(&trace, READS, f, 4, b), 2); /* since f ended */
	assert_int_equal(called(&trace, READS, f, 4, b), 0);
	/* All is forgotten, by command and with the sites. */
	assert_int_equal(add(&trace, TOCSIN_TRACE_FORGET, 0), 0);
	assert_int_equal(called(&trace, READS, f, 4, b), 2);
	assert_int_equal(tocsin_trace_set(&trace, 0), 0);
	assert_int_equal(called(&trace, READS, f, 4, b), -1);
	assert_int_equal(
	    add(&trace, TOCSIN_TRACE_SITE | TOCSIN_TRACE_ONCE | TOCSIN_TRACE_ONCE_RSI, READS), 0);
	assert_int_equal(called(&trace, READS, f, 4, b), 1);
}

/* What a guest may have: few enough that everything meets everything. */
#define FILES 700u
#define STACKS 60u

/* The oracle: for each site, argument, file and thread, whether it was called since either began.
 */
static bool oracle[2][2][FILES][STACKS];

static void no_longer(unsigned int file, unsigned int stack)
{
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int n = 0; n < (file < FILES ? STACKS : FILES); n++)
			oracle[i & 1][i >> 1][file < FILES ? file : n][file < FILES ? n : stack] =
			    false;
}

/* One call by chance; counts those that are recorded again, and asserts that no first one is not.
 */
static void step(struct tocsin_trace *trace, unsigned int *seed, unsigned int files,
		 unsigned int counts[2])
{
	unsigned int what = (unsigned int)rand_r(seed) % 1000, file = rand_r(seed) % files;
	unsigned int stack = (unsigned int)rand_r(seed) % STACKS, site, arg;
	uint64_t f = 0xffff888100000000ull + file * 0x100ull,
		 s = 0xffffc90000000000ull + stack * 0x8000ull;
	int records;

	if (what < 10) {
		called(trace, what & 1 ? FREES : OPENS, what & 1 ? f : 1, what & 1 ? 1 : f, s);
		no_longer(file, 0);
	} else if (what < 15) {
		called(trace, BEGINS, f, 1, s);
		no_longer(FILES, stack);
	} else if (what == 15 && rand_r(seed) % 20 == 0) {
		add(trace, TOCSIN_TRACE_FORGET, 0);
		memset(oracle, 0, sizeof(oracle));
	} else {
		site = rand_r(seed) & 1;
		arg = site ? 0 : rand_r(seed) & 1;
		records = called(trace, site ? SENDS : READS, f, arg ? 2 : 4, s);
		assert_in_range(records, 0, 2);
		if (!oracle[site][arg][file][stack])
			assert_true(records > 0);
		counts[0] += oracle[site][arg][file][stack];
		counts[1] += oracle[site][arg][file][stack] && records;
		oracle[site][arg][file][stack] = true;
	}
}

static void no_first_one_is_missed(void **unused)
{
	static struct tocsin_trace_filter filter;
	static struct tocsin_trace trace = {.filter = &filter};

	/* As many as it remembers, and many more, which overwrite each other. */
	for (unsigned int files = 20; files <= FILES; files += FILES - 20) {
		unsigned int seed = files, counts[2] = {0};

		memset(oracle, 0, sizeof(oracle));
		once_sites(&trace);
		for (unsigned int i = 0; i < 1500000; i++)
			step(&trace, &seed, files, counts);
		print_message("# %u files: of %u repetitions %u were recorded\n", files, counts[0],
			      counts[1]);
		assert_true(counts[0] > 50000);
		if (files == 20)
			assert_true(counts[1] < counts[0] / 4);
	}
}

#define CPUS 4
#define OWN 64u /* files of each CPU, which it ends; all use the others */

static struct tocsin_trace shared;

struct cpu {
	pthread_t thread;
	unsigned int number, missed;
};

static uint64_t file_of(unsigned int cpu, unsigned int i)
{
	return 0xffff888200000000ull + (i < OWN ? cpu * OWN + i : CPUS * OWN + i) * 0x40ull;
}

/* A CPU runs one thread after another, each on its own stack. */
static void *run_cpu(void *context)
{
	struct cpu *cpu = context;
	unsigned int seed = cpu->number + 1;
	uint64_t stack = 0xffffc90001000000ull + cpu->number * 0x4000ull;
	static _Thread_local bool known[4 * OWN];

	for (unsigned int i = 0; i < 400000; i++) {
		unsigned int what = (unsigned int)rand_r(&seed) % 500;
		unsigned int n = (unsigned int)rand_r(&seed) % (4 * OWN);
		uint64_t f = file_of(cpu->number, n);

		if (!what) {
			called(&shared, BEGINS, 0, 0, stack);
			memset(known, 0, sizeof(known));
		} else if (what < 20 && n < OWN) {
			called(&shared, FREES, f, 0, stack);
			known[n] = false;
		} else {
			cpu->missed += called(&shared, SENDS, f, 0, stack) != 1 && !known[n];
			known[n] = true;
		}
	}
	return NULL;
}

static void nor_where_cpus_meet(void **unused)
{
	static struct tocsin_trace_filter filter;
	struct cpu cpus[CPUS];

	shared.filter = &filter;
	once_sites(&shared);
	for (unsigned int i = 0; i < CPUS; i++) {
		cpus[i] = (struct cpu){.number = i};
		assert_int_equal(pthread_create(&cpus[i].thread, NULL, run_cpu, &cpus[i]), 0);
	}
	for (unsigned int i = 0; i < CPUS; i++) {
		pthread_join(cpus[i].thread, NULL);
		assert_int_equal(cpus[i].missed, 0);
	}
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
	    cmocka_unit_test(only_the_first_is_recorded),
	    cmocka_unit_test(no_first_one_is_missed),
	    cmocka_unit_test(nor_where_cpus_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
