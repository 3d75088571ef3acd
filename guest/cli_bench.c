// SPDX-License-Identifier: MIT
/*
 * What a ring costs, in ticks of the TSC: a ping as the domain answers it now (accepted, or
 * refused: they are counted apart, since a refusal takes a shorter way through the hypervisor),
 * beside CPUID, the cheapest exit that every guest can make; and how long a scan of this process
 * takes from VMFUNC to the verdict. The figures of ping include only the
 * instruction, not the library's SIGILL guard: availability is established first, then VMFUNC is
 * executed bare.
 */
#include "cli.h"

#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

#define DEFAULT_COUNT 1000u
#define MAX_COUNT 1000000u
#define SCANS 3u
#define SCAN_TIMEOUT_MS 60000u

struct series {
	const char *name;
	uint64_t *ticks;
	unsigned long count;
};

static uint64_t tick(void)
{
	uint64_t t;

	_mm_lfence();
	t = __rdtsc();
	_mm_lfence();
	return t;
}

static void one_ping(struct series *accepted, struct series *refused)
{
	uint32_t status = TOCSIN_OK;
	unsigned long rdx = 0;
	uint64_t start = tick(), spent;

	__asm__ volatile(".byte 0x0f, 0x01, 0xd4"
			 : "+a"(status), "+d"(rdx)
			 : "c"(TOCSIN_ECX(TOCSIN_OP_PING))
			 : "memory", "cc");
	spent = tick() - start;
	if (status == TOCSIN_OK)
		accepted->ticks[accepted->count++] = spent;
	else
		refused->ticks[refused->count++] = spent;
}

static void one_cpuid(struct series *s)
{
	uint32_t a, b, c, d;
	uint64_t start = tick();

	__cpuid(0, a, b, c, d);
	s->ticks[s->count++] = tick() - start;
}

/* 0, or why there is no verdict. */
static int one_scan(struct series *s)
{
	struct tocsin_answer answer;
	uint64_t start = tick();
	int r = tocsin_scan_self(SCAN_TIMEOUT_MS, &answer, NULL);

	if (!r)
		s->ticks[s->count++] = tick() - start;
	return r;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void print_series(const struct cli *cli, struct series *s)
{
	unsigned long long min, median;

	if (!s->count) {
		if (!cli->json)
			printf("%s: none\n", s->name);
		return;
	}
	qsort(s->ticks, s->count, sizeof(*s->ticks), compare);
	min = s->ticks[0];
	median = s->ticks[s->count / 2];
	printf(cli->json
		   ? "{\"at\":\"bench\",\"what\":\"%s\",\"n\":%lu,\"min\":%llu,\"median\":%llu}\n"
		   : "%s: n %lu, min %llu, median %llu ticks\n",
	       s->name, s->count, min, median);
}

int cli_bench(const struct cli *cli, int argc, char **argv)
{
	struct series s[] = {{.name = "accepted ping"},
			     {.name = "refused ping"},
			     {.name = "cpuid"},
			     {.name = "scan"}};
	unsigned long n = DEFAULT_COUNT;
	uint64_t *ticks;
	int r;

	if (argc > 2 || (argc == 2 && cli_number(argv[1], 1, MAX_COUNT, &n)))
		return cli_usage_error("bench takes a count from 1 to %u", MAX_COUNT);
	ticks = calloc(3 * n + SCANS, sizeof(*ticks));
	if (!ticks)
		return cli_report_error(cli, "bench", -ENOMEM);
	for (int i = 0; i < 4; i++)
		s[i].ticks = ticks + (size_t)i * n;
	for (unsigned long i = 0; i < n; i++)
		one_cpuid(&s[2]);
	print_series(cli, &s[2]);
	fflush(stdout);
	r = tocsin_ping(NULL);
	if (cli_exit_of_error(r) != CLI_REFUSED && r) {
		free(ticks);
		return cli_report_error(cli, "bench", r);
	}
	for (unsigned long i = 0; i < n; i++)
		one_ping(&s[0], &s[1]);
	print_series(cli, &s[0]);
	print_series(cli, &s[1]);
	while (s[0].count && s[3].count < SCANS)
		if (one_scan(&s[3]))
			break;
	print_series(cli, &s[3]);
	free(ticks);
	return s[0].count ? CLI_CLEAN : CLI_REFUSED;
}
