// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hostile: ring with request blocks that must not be answered, and see that nothing is written.
 *
 * Each case prints "hostile case=NAME ring=ok|ERROR ticket=N". Then one ordinary scan is asked
 * for; dom0 takes requests in their order, so its answer tells that all the cases are done. After
 * it each case prints "hostile case=NAME changed=N": how many bytes of the case's pages differ
 * from what they held when it was rung (or from what the case itself made of them since).
 */
#include "specimen.h"

#include "internal.h"
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/random.h>

#define PAGE 4096u
#define BLOCK 1024u /* where in the first page a block lies, unless the case wants otherwise */
#define WAIT_MS 120000u

struct scene {
	const char *name;
	uint8_t *pages; /* two, of which the second may be unmapped; NULL: none */
	size_t size;
	uint8_t *copy;
	uint64_t address; /* what is rung with */
	uint32_t op;
};

static struct tocsin_request *block_at(struct scene *s, size_t offset)
{
	struct tocsin_request *block = (struct tocsin_request *)(void *)(s->pages + offset);
	struct tocsin_request made;
	uint8_t nonce[TOCSIN_NONCE_SIZE];

	if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce))
		fail("getrandom");
	tocsin_request_fill(&made, 0, nonce);
	memcpy(block, &made, sizeof(made) < s->size - offset ? sizeof(made) : s->size - offset);
	s->address = (uintptr_t)block;
	return block;
}

static void map_pages(struct scene *s)
{
	s->size = 2 * PAGE;
	s->pages = mmap(NULL, s->size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (s->pages == MAP_FAILED)
		fail("mmap");
	memset(s->pages, 0x5a, s->size);
}

static void unmapped(struct scene *s)
{
	block_at(s, BLOCK);
	munmap(s->pages, s->size);
	s->pages = NULL;
}

static void unaligned(struct scene *s)
{
	block_at(s, BLOCK + 8);
}

static void kernel_address(struct scene *s)
{
	s->address = 0xffffffff81000000;
}

static void non_canonical(struct scene *s)
{
	s->address = 0x8000000000000000;
}

static void read_only(struct scene *s)
{
	block_at(s, BLOCK);
	if (mprotect(s->pages, s->size, PROT_READ))
		fail("mprotect");
}

static void crossing(struct scene *s)
{
	munmap(s->pages + PAGE, PAGE);
	s->size = PAGE;
	block_at(s, PAGE - 160);
}

static void version(struct scene *s)
{
	block_at(s, BLOCK)->version = 2;
}

static void magic(struct scene *s)
{
	block_at(s, BLOCK)->magic ^= 1;
}

static void wrong_size(struct scene *s)
{
	block_at(s, BLOCK)->size = 64;
}

static void flags(struct scene *s)
{
	block_at(s, BLOCK)->flags = 0x80000000;
}

static void reserved(struct scene *s)
{
	block_at(s, BLOCK)->reserved[31] = 1;
}

static void good(struct scene *s)
{
	block_at(s, BLOCK);
}

static void null_block(struct scene *s)
{
	s->op = TOCSIN_OP_SCAN;
	s->address = 0;
}

/* After ringing: the cells hold something else, in the middle of a page that is still there. */
static void overwrite(struct scene *s)
{
	memset(s->pages + BLOCK + 64, 0x11, TOCSIN_CELLS * TOCSIN_CELL_SIZE);
}

/* After ringing: other pages have come to the same address. */
static void remap(struct scene *s)
{
	if (mmap(s->pages, s->size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_FIXED, -1, 0) != s->pages)
		fail("mmap");
}

static const struct {
	const char *name;
	bool has_pages;
	void (*before)(struct scene *s);
	void (*after)(struct scene *s);
} cases[] = {
    {"unmapped", true, unmapped, NULL},      {"unaligned", true, unaligned, NULL},
    {"kernel", false, kernel_address, NULL}, {"non-canonical", false, non_canonical, NULL},
    {"read-only", true, read_only, NULL},    {"crossing", true, crossing, NULL},
    {"version", true, version, NULL},        {"magic", true, magic, NULL},
    {"size", true, wrong_size, NULL},        {"flags", true, flags, NULL},
    {"reserved", true, reserved, NULL},      {"overwritten", true, good, overwrite},
    {"remapped", true, good, remap},         {"null", false, null_block, NULL},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

static int ring(struct scene *s, size_t i)
{
	uint32_t ticket = 0;
	int r;

	s->op = TOCSIN_OP_SCAN_SELF;
	if (cases[i].has_pages)
		map_pages(s);
	cases[i].before(s);
	if (s->pages) {
		s->copy = malloc(s->size);
		if (!s->copy)
			fail("malloc");
		memcpy(s->copy, s->pages, s->size);
	}
	r = tocsin_ring(s->op, s->address, &ticket);
	if (!r && cases[i].after) {
		cases[i].after(s);
		memcpy(s->copy, s->pages, s->size);
	}
	printf("hostile case=%s ring=%s ticket=%u\n", cases[i].name, r ? tocsin_strerror(r) : "ok",
	       ticket);
	return r;
}

int main(void)
{
	struct scene scenes[CASES] = {0};
	struct tocsin_answer answer;
	unsigned int bad = 0;
	int r = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < CASES && r != -EOPNOTSUPP; i++)
		r = ring(&scenes[i], i);
	if (r == -EOPNOTSUPP) {
		fputs("hostile: VMFUNC is not available\n", stderr);
		return 3;
	}
	r = tocsin_scan(999999, WAIT_MS, &answer, NULL);
	printf("hostile case=no-such-pid ring=%s error=%u\n", r ? tocsin_strerror(r) : "ok",
	       r ? 0 : answer.error);
	r = tocsin_scan_self(WAIT_MS, &answer, NULL);
	printf("hostile case=none ring=%s verdict=%s\n", r ? tocsin_strerror(r) : "ok",
	       r ? "none" : tocsin_verdict_name(answer.verdict));
	for (size_t i = 0; i < CASES; i++) {
		unsigned int changed = 0;

		for (size_t b = 0; scenes[i].pages && b < scenes[i].size; b++)
			changed += scenes[i].pages[b] != scenes[i].copy[b];
		printf("hostile case=%s changed=%u\n", cases[i].name, changed);
		bad += changed;
	}
	return bad || r;
}
