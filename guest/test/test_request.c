// SPDX-License-Identifier: MIT
/*
 * The request block: tokens against values computed by another implementation (Python's hashlib),
 * the layout byte by byte, and answers written the way dom0 writes them: one 16-byte
 * compare-exchange per cell, cell 0 last, from another thread.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "internal.h"

static const uint8_t nonce[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void tokens(void **state)
{
	static const uint8_t first[16] = {0xfd, 0x2b, 0xbd, 0xf3, 0xdf, 0x06, 0x95, 0xcc,
					  0x32, 0x97, 0xb5, 0xf2, 0xf4, 0xdb, 0x8f, 0x8a};
	static const uint8_t second[16] = {0x10, 0xa3, 0x23, 0x31, 0x36, 0x10, 0x32, 0xbf,
					   0xac, 0xf1, 0xf9, 0xd0, 0x0b, 0x61, 0x41, 0x5d};
	static const uint8_t last[16] = {0xbe, 0xd1, 0x59, 0x34, 0x83, 0xcd, 0x16, 0x39,
					 0x27, 0xbb, 0xc9, 0xd3, 0x66, 0x85, 0xa8, 0x36};
	uint8_t token[16];

	tocsin_token(nonce, 0, token);
	assert_memory_equal(token, first, 16);
	tocsin_token(nonce, 1, token);
	assert_memory_equal(token, second, 16);
	tocsin_token(nonce, 15, token);
	assert_memory_equal(token, last, 16);
}

static void layout(void **state)
{
	static const uint8_t head[16] = {'T', 'C', 'R', 'Q', 1, 0, 0x40, 1, 0, 0, 0, 0, 0x39, 0x30};
	static const uint8_t zero[32];
	struct tocsin_request req;
	const uint8_t *bytes = (const uint8_t *)&req;
	uint8_t token[16];

	memset(&req, 0xff, sizeof(req));
	tocsin_request_fill(&req, 12345, nonce);
	assert_int_equal((uintptr_t)&req % 16, 0);
	assert_memory_equal(bytes, head, 16);
	assert_memory_equal(bytes + 16, nonce, 16);
	assert_memory_equal(bytes + 32, zero, 32);
	for (uint32_t i = 0; i < 16; i++) {
		tocsin_token(nonce, i, token);
		assert_memory_equal(bytes + 64 + 16 * i, token, 16);
	}
}

struct writer {
	struct tocsin_request *req;
	struct tocsin_answer answer;
	unsigned int skip; /* this cell is left alone */
};

/* A lone cmpxchg16b, so that the test needs no libatomic. */
static void write_cell(uint8_t *cell, const uint8_t *token, const uint8_t *bytes)
{
	uint64_t from[2], to[2];
	uint8_t done;

	memcpy(from, token, 16);
	memcpy(to, bytes, 16);
	__asm__ volatile("lock cmpxchg16b %1; sete %0"
			 : "=q"(done), "+m"(*(__uint128_t *)(void *)cell), "+a"(from[0]),
			   "+d"(from[1])
			 : "b"(to[0]), "c"(to[1])
			 : "memory", "cc");
	if (!done)
		memset(cell, 0xee, 16);
}

static void *play_dom0(void *arg)
{
	struct writer *w = arg;
	uint8_t token[16];

	usleep(20000);
	for (unsigned int i = TOCSIN_CELLS; i-- > 0;) {
		if (i == w->skip)
			continue;
		tocsin_token(w->req->nonce, i, token);
		write_cell(w->req->cell[i], token, (uint8_t *)&w->answer + 16 * i);
	}
	return NULL;
}

static int answer_with(struct writer *w, struct tocsin_answer *ret)
{
	struct tocsin_request req;
	pthread_t thread;
	int r;

	tocsin_request_fill(&req, 0, nonce);
	w->req = &req;
	assert_int_equal(pthread_create(&thread, NULL, play_dom0, w), 0);
	r = tocsin_request_wait(&req, 5000, ret);
	pthread_join(thread, NULL);
	return r;
}

static void answer_arrives(void **state)
{
	struct writer w = {.skip = 99,
			   .answer = {.state = TOCSIN_STATE_DONE,
				      .verdict = TOCSIN_VERDICT_MALICIOUS,
				      .score = 97,
				      .findings = 3,
				      .ticket = 7,
				      .pid = 42}};
	struct tocsin_answer got;

	memset(w.answer.text, 'x', sizeof(w.answer.text)); /* unterminated */
	assert_int_equal(answer_with(&w, &got), 0);
	assert_int_equal(got.verdict, TOCSIN_VERDICT_MALICIOUS);
	assert_int_equal(got.score, 97);
	assert_int_equal(got.ticket, 7);
	assert_int_equal(got.pid, 42);
	assert_int_equal(strlen(got.text), TOCSIN_TEXT_SIZE - 1);
}

static void bad_answers(void **state)
{
	struct tocsin_answer got, before;
	struct writer w = {.skip = 5, .answer = {.state = TOCSIN_STATE_DONE, .verdict = 1}};

	memset(&got, 0xa5, sizeof(got));
	before = got;
	assert_int_equal(answer_with(&w, &got), -EPROTO); /* a cell that was never written */
	w.skip = 99;
	w.answer.state = 3;
	assert_int_equal(answer_with(&w, &got), -EPROTO);
	w.answer.state = TOCSIN_STATE_DONE;
	w.answer.verdict = 0;
	assert_int_equal(answer_with(&w, &got), -EPROTO);
	w.answer.verdict = 5;
	assert_int_equal(answer_with(&w, &got), -EPROTO);
	assert_memory_equal(&got, &before, sizeof(got));
	w.answer.state = TOCSIN_STATE_ERROR;
	w.answer.verdict = 0;
	w.answer.error = TOCSIN_REQERR_NO_SUCH_PROCESS;
	assert_int_equal(answer_with(&w, &got), 0);
	assert_int_equal(got.error, TOCSIN_REQERR_NO_SUCH_PROCESS);
}

static void nobody_answers(void **state)
{
	struct tocsin_answer got, before;
	struct tocsin_request req;

	memset(&got, 0xa5, sizeof(got));
	before = got;
	tocsin_request_fill(&req, 0, nonce);
	assert_int_equal(tocsin_request_wait(&req, 30, &got), -ETIMEDOUT);
	assert_memory_equal(&got, &before, sizeof(got));
}

int main(void)
{
	const struct CMUnitTest cases[] = {
	    cmocka_unit_test(tokens),         cmocka_unit_test(layout),
	    cmocka_unit_test(answer_arrives), cmocka_unit_test(bad_answers),
	    cmocka_unit_test(nobody_answers),
	};

	return cmocka_run_group_tests_name("guest-request", cases, NULL, NULL);
}
