// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * flood: ask for scans of itself faster than the domain may, and account for every one.
 *
 * usage: flood RATE SECONDS: RATE attempts a second. Prints
 * "flood attempts=N accepted=A refused=R other=O first=T last=T answered=K clean=C": refused is by
 * the rate limit (EAX 2) alone, first and last are tickets. Exit status 0 when every accepted one
 * was answered.
 */
#include "specimen.h"

#include "internal.h"
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

#define BLOCKS_MAX 4096u
#define WAIT_MS 240000u

struct counts {
	unsigned int attempts, accepted, refused, other, answered, clean;
	uint32_t first, last;
};

static void attempt(struct tocsin_request *blocks, struct counts *c)
{
	struct tocsin_request *block = &blocks[c->accepted];
	uint8_t nonce[TOCSIN_NONCE_SIZE];
	uint32_t ticket;
	int r;

	if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce))
		fail("getrandom");
	tocsin_request_fill(block, 0, nonce);
	r = tocsin_ring(TOCSIN_OP_SCAN_SELF, (uintptr_t)block, &ticket);
	c->attempts++;
	if (r == -EBUSY) {
		c->refused++;
	} else if (r) {
		c->other++;
	} else {
		if (!c->accepted)
			c->first = ticket;
		c->last = ticket;
		c->accepted++;
	}
}

int main(int argc, char **argv)
{
	unsigned long rate = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long total = rate ? rate * strtoul(argv[2], NULL, 10) : 0;
	struct tocsin_answer answer;
	struct counts c = {0};
	struct timespec next;
	struct tocsin_request *blocks;

	if (!total || rate > 100000 || total > BLOCKS_MAX) {
		fputs("usage: flood RATE SECONDS\n", stderr);
		return 2;
	}
	blocks = mmap(NULL, total * sizeof(*blocks), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (blocks == MAP_FAILED)
		fail("mmap");
	clock_gettime(CLOCK_MONOTONIC, &next);
	while (c.attempts < total) {
		attempt(blocks, &c);
		next.tv_nsec += (long)(1000000000u / rate);
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	for (unsigned int i = 0; i < c.accepted; i++) {
		if (tocsin_request_wait(&blocks[i], WAIT_MS, &answer))
			break;
		c.answered++;
		c.clean +=
		    answer.state == TOCSIN_STATE_DONE && answer.verdict == TOCSIN_VERDICT_CLEAN;
	}
	printf("flood attempts=%u accepted=%u refused=%u other=%u first=%u last=%u answered=%u "
	       "clean=%u\n",
	       c.attempts, c.accepted, c.refused, c.other, c.first, c.last, c.answered, c.clean);
	return c.answered == c.accepted ? 0 : 1;
}
