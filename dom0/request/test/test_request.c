/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A request block in a small guest of 16 pages with real page tables. Whatever is wrong, the
 * answer is an error and not one byte of the guest's memory differs afterwards.
 */
#include "request/request.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define PAGES 16
#define P 1ull
#define W 2ull
#define U 4ull
#define NX (1ull << 63)

/* Pages 1..4 are the tables, 5 and 6 the two user pages, side by side in virtual memory. */
#define BASE 0x400000ull
#define BLOCK (BASE + 0x40)
#define CROSSING (BASE + 0x1000 - 0x80)

static _Alignas(4096) uint8_t ram[PAGES * TOCSIN_PAGE_SIZE], before[sizeof(ram)];
static const struct tocsin_paging paging = {.root = 0x1000, .levels = 4};
static struct tocsin_memory *m;
static struct tocsin_request request, untouched;
static struct tocsin_error err;
static struct tocsin_answer answer;

static uint64_t *entry(unsigned int page, unsigned int i)
{
	return (uint64_t *)(ram + page * TOCSIN_PAGE_SIZE) + i;
}

static void fill(struct tocsin_request *r, uint8_t seed)
{
	uint32_t i;

	memset(r, 0, sizeof(*r));
	r->magic = TOCSIN_REQUEST_MAGIC;
	r->version = TOCSIN_REQUEST_VERSION;
	r->size = sizeof(*r);
	memset(r->nonce, seed, sizeof(r->nonce));
	for (i = 0; i < TOCSIN_CELLS; i++)
		tocsin_request_token(r->nonce, i, r->cell[i]);
}

/* User virtual BASE + off is at 0x5000 + off. */
static struct tocsin_request *block_at(uint64_t va)
{
	return (struct tocsin_request *)(ram + 0x5000 + (va - BASE));
}

static int setup(void **state)
{
	memset(ram, 0, sizeof(ram));
	*entry(1, 0) = 0x2000 | P | W | U;
	*entry(1, 511) = 0x2000 | P | W | U;
	*entry(2, 0) = 0x3000 | P | W | U;
	*entry(3, 2) = 0x4000 | P | W | U;
	*entry(4, 0) = 0x5000 | P | W | U | NX;
	*entry(4, 1) = 0x6000 | P | W | U | NX;
	fill(block_at(BLOCK), 7);
	fill(&request, 7);
	memset(&untouched, 0x5a, sizeof(untouched));
	memset(&answer, 0xa5, sizeof(answer));
	answer.state = TOCSIN_STATE_DONE;
	tocsin_error_clear(&err);
	return tocsin_memory_open_buffer(ram, sizeof(ram), &m, &err);
}

static int teardown(void **state)
{
	tocsin_memory_close(m);
	return 0;
}

static void snapshot(void)
{
	memcpy(before, ram, sizeof(ram));
}

/* Reading fails with code, says why, and leaves its output and the guest as they were. */
static void read_fails(uint64_t va, int code)
{
	struct tocsin_request r = untouched;

	snapshot();
	assert_int_equal(tocsin_request_read(m, paging, va, &r, &err), code);
	assert_int_equal(err.code, code);
	assert_true(err.message[0]);
	assert_memory_equal(&r, &untouched, sizeof(r));
	assert_memory_equal(ram, before, sizeof(ram));
	tocsin_error_clear(&err);
}

static void answer_fails(uint64_t va, int code)
{
	snapshot();
	assert_int_equal(tocsin_request_answer(m, paging, va, &request, &answer, &err), code);
	assert_int_equal(err.code, code);
	assert_memory_equal(ram, before, sizeof(ram));
	tocsin_error_clear(&err);
}

static void both_fail(uint64_t va, int code)
{
	read_fails(va, code);
	answer_fails(va, code);
}

static void read_and_answer(uint64_t va)
{
	struct tocsin_request r;
	struct tocsin_request want;

	fill(block_at(va), 7);
	assert_int_equal(tocsin_request_read(m, paging, va, &r, &err), 0);
	assert_memory_equal(&r, &request, sizeof(r));
	snapshot();
	assert_int_equal(tocsin_request_answer(m, paging, va, &r, &answer, &err), 0);
	want = request;
	want.answer = answer;
	memcpy(before + 0x5000 + (va - BASE), &want, sizeof(want));
	assert_memory_equal(ram, before, sizeof(ram)); /* the slot, and nothing but the slot */
}

static void answers(void **state)
{
	read_and_answer(BLOCK);
}

static void answers_across_pages(void **state)
{
	read_and_answer(CROSSING);
}

static void answers_where_the_pages_now_are(void **state)
{
	struct tocsin_request r;

	assert_int_equal(tocsin_request_read(m, paging, BLOCK, &r, &err), 0);
	memcpy(ram + 0x9000, ram + 0x5000, 0x1000); /* the guest migrated the page */
	memset(ram + 0x5000, 0, 0x1000);
	*entry(4, 0) = 0x9000 | P | W | U;
	assert_int_equal(tocsin_request_answer(m, paging, BLOCK, &r, &answer, &err), 0);
	assert_memory_equal(ram + 0x9000 + 0x40 + 64, &answer, sizeof(answer));
	for (size_t i = 0; i < 0x1000; i++)
		assert_int_equal(ram[0x5000 + i], 0);
}

static void answered_once(void **state)
{
	assert_int_equal(tocsin_request_answer(m, paging, BLOCK, &request, &answer, &err), 0);
	answer_fails(BLOCK, -EAGAIN);
	read_fails(BLOCK, -EINVAL);
}

static void unmapped(void **state)
{
	both_fail(BASE + 0x2000, -EFAULT);
	both_fail(0, -EFAULT);
	*entry(3, 2) = 0;
	both_fail(BLOCK, -EFAULT);
}

static void table_outside_memory(void **state)
{
	*entry(2, 0) = 0x7ffffff000ull | P | W | U;
	both_fail(BLOCK, -EFAULT);
}

static void frame_outside_memory(void **state)
{
	*entry(4, 0) = 0x7ffffff000ull | P | W | U;
	both_fail(BLOCK, -EFAULT);
}

static void unaligned(void **state)
{
	both_fail(BLOCK + 8, -EINVAL);
	both_fail(BLOCK + 1, -EINVAL);
}

static void kernel_address(void **state)
{
	both_fail(0xffffff8000400040ull, -EINVAL); /* mapped, user bits set: still refused */
	both_fail(0x800000000000ull, -EINVAL);
	both_fail(0x7fffffffff00ull, -EINVAL); /* its end would not be in the user half */
	both_fail(~0ull - 15, -EINVAL);
}

static void read_only_at_any_level(void **state)
{
	uint64_t *levels[] = {entry(1, 0), entry(2, 0), entry(3, 2), entry(4, 0)};

	for (size_t i = 0; i < 4; i++) {
		*levels[i] &= ~W;
		both_fail(BLOCK, -EFAULT);
		*levels[i] |= W;
	}
}

static void supervisor_at_any_level(void **state)
{
	uint64_t *levels[] = {entry(1, 0), entry(2, 0), entry(3, 2), entry(4, 0)};

	for (size_t i = 0; i < 4; i++) {
		*levels[i] &= ~U;
		both_fail(BLOCK, -EFAULT);
		*levels[i] |= U;
	}
}

static void crosses_into_bad_page(void **state)
{
	fill(block_at(CROSSING), 7);
	*entry(4, 1) = 0;
	both_fail(CROSSING, -EFAULT);
	*entry(4, 1) = 0x6000 | P | U; /* read-only */
	both_fail(CROSSING, -EFAULT);
	*entry(4, 1) = 0x6000 | P | W; /* supervisor */
	both_fail(CROSSING, -EFAULT);
}

static void wrong_header(void **state)
{
	struct tocsin_request *r = block_at(BLOCK);

	r->magic ^= 1;
	read_fails(BLOCK, -EINVAL);
	answer_fails(BLOCK, -EAGAIN);
	fill(r, 7);
	r->version++;
	read_fails(BLOCK, -EINVAL);
	answer_fails(BLOCK, -EAGAIN);
	fill(r, 7);
	r->size--;
	read_fails(BLOCK, -EINVAL);
	fill(r, 7);
	r->flags = 1u << 31;
	read_fails(BLOCK, -EINVAL);
	fill(r, 7);
	r->reserved[31] = 1;
	read_fails(BLOCK, -EINVAL);
}

static void wrong_token_in_any_cell(void **state)
{
	struct tocsin_request *r = block_at(BLOCK);

	for (uint32_t i = 0; i < TOCSIN_CELLS; i++) {
		fill(r, 7);
		r->cell[i][15] ^= 0x80;
		read_fails(BLOCK, -EINVAL);
		answer_fails(BLOCK, -EAGAIN);
	}
}

static void changed_after_ringing(void **state)
{
	fill(block_at(BLOCK), 8); /* a valid block, but another question */
	answer_fails(BLOCK, -EAGAIN);
	fill(block_at(BLOCK), 7);
	block_at(BLOCK)->target_pid = 1;
	answer_fails(BLOCK, -EAGAIN);
}

static void frame_reused(void **state)
{
	memset(ram + 0x5000, 0, 0x1000);
	answer_fails(BLOCK, -EAGAIN);
	memset(ram + 0x5000, 0xcc, 0x1000);
	answer_fails(BLOCK, -EAGAIN);
	*entry(4, 0) = 0; /* unmapped by its owner, bytes still there */
	fill(block_at(BLOCK), 7);
	answer_fails(BLOCK, -EFAULT);
}

/* A source whose guest changes a cell at the n-th write: the race that only cas16 closes. */
static const struct tocsin_memory_ops *real_ops;
static int writes_before_change;

static int racing_cas16(struct tocsin_memory *mem, uint64_t gpa, const uint8_t expected[16],
			const uint8_t desired[16])
{
	if (writes_before_change-- == 0)
		memset(ram + 0x5000, 0xee, 0x1000); /* the frame has a new owner */
	return real_ops->cas16(mem, gpa, expected, desired);
}

static void frame_reused_between_writes(void **state)
{
	struct tocsin_memory_ops racing = *m->ops;
	int rc;

	real_ops = m->ops;
	racing.cas16 = racing_cas16;
	for (int n = 0; n < (int)TOCSIN_CELLS; n++) {
		fill(block_at(BLOCK), 7);
		writes_before_change = n;
		m->ops = &racing;
		rc = tocsin_request_answer(m, paging, BLOCK, &request, &answer, &err);
		m->ops = real_ops;
		assert_int_equal(rc, -EAGAIN);
		for (size_t i = 0; i < 0x1000; i++)
			assert_int_equal(ram[0x5000 + i], 0xee);
		tocsin_error_clear(&err);
	}
}

/* SHA-256("tocsin-cell-v1" | sixteen zero bytes | 01 00 00 00), by another implementation. */
static void token_is_the_documented_one(void **state)
{
	static const uint8_t nonce[TOCSIN_NONCE_SIZE];
	static const uint8_t want[16] = {0xb8, 0x06, 0xf9, 0x77, 0xdd, 0x74, 0xc1, 0x50,
					 0x5d, 0x1b, 0x48, 0xf8, 0x4b, 0x0f, 0xeb, 0xa6};
	uint8_t token[16];

	tocsin_request_token(nonce, 1, token);
	assert_memory_equal(token, want, sizeof(want));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest list[] = {
	    T(answers),
	    T(answers_across_pages),
	    T(answers_where_the_pages_now_are),
	    T(answered_once),
	    T(unmapped),
	    T(table_outside_memory),
	    T(frame_outside_memory),
	    T(unaligned),
	    T(kernel_address),
	    T(read_only_at_any_level),
	    T(supervisor_at_any_level),
	    T(crosses_into_bad_page),
	    T(wrong_header),
	    T(wrong_token_in_any_cell),
	    T(changed_after_ringing),
	    T(frame_reused),
	    T(frame_reused_between_writes),
	    T(token_is_the_documented_one),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}
