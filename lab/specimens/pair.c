// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pair: two threads on two vCPUs ring at once.
 *
 * usage: pair N: N pings each, from the same moment on. Prints for each thread
 * "pair cpu=C accepted=A refused=R other=O min=T max=T", and "pair distinct=K": how many different
 * tickets both got together.
 */
#include "specimen.h"

#include "internal.h"
#include <pthread.h>
#include <sched.h>

#define COUNT_MAX 100000u

struct ringer {
	pthread_t thread;
	int cpu;
	unsigned int accepted, refused, other;
	uint32_t *tickets;
};

static pthread_barrier_t barrier;
static unsigned long count;

static void *ring(void *argument)
{
	struct ringer *r = argument;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(r->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("sched_setaffinity");
	pthread_barrier_wait(&barrier);
	for (unsigned long i = 0; i < count; i++) {
		unsigned long rdx = i;
		uint32_t eax = TOCSIN_OK;

		/* Bare: the library's guard for SIGILL would let one thread ring at a time. */
		__asm__ volatile(".byte 0x0f, 0x01, 0xd4"
				 : "+a"(eax), "+d"(rdx)
				 : "c"(TOCSIN_ECX(TOCSIN_OP_PING))
				 : "memory", "cc");
		if (eax == TOCSIN_OK)
			r->tickets[r->accepted++] = (uint32_t)rdx;
		else if (eax == TOCSIN_ERR_RATE_LIMITED)
			r->refused++;
		else
			r->other++;
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct ringer r[2] = {{.cpu = 0}, {.cpu = 1}};
	uint32_t *all;
	size_t n = 0, distinct = 0;

	count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	if (!count || count > COUNT_MAX) {
		fputs("usage: pair N\n", stderr);
		return 2;
	}
	if (tocsin_ping(NULL) == -EOPNOTSUPP) {
		fputs("pair: VMFUNC is not available\n", stderr);
		return 3;
	}
	all = calloc(2 * count, sizeof(*all));
	if (!all || pthread_barrier_init(&barrier, NULL, 2))
		fail("pair");
	for (int i = 0; i < 2; i++) {
		r[i].tickets = calloc(count, sizeof(*all));
		if (!r[i].tickets || pthread_create(&r[i].thread, NULL, ring, &r[i]))
			fail("thread");
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(r[i].thread, NULL);
		printf("pair cpu=%d accepted=%u refused=%u other=%u min=%u max=%u\n", r[i].cpu,
		       r[i].accepted, r[i].refused, r[i].other, r[i].accepted ? r[i].tickets[0] : 0,
		       r[i].accepted ? r[i].tickets[r[i].accepted - 1] : 0);
		memcpy(all + n, r[i].tickets, r[i].accepted * sizeof(*all));
		n += r[i].accepted;
	}
	qsort(all, n, sizeof(*all), compare);
	for (size_t i = 0; i < n; i++)
		distinct += !i || all[i] != all[i - 1];
	printf("pair distinct=%zu\n", distinct);
	return 0;
}
