// SPDX-License-Identifier: MIT
/*
 * The request block's life: fill, ring, poll, wipe, unmap.
 *
 * The block gets a page of its own, for three reasons. A late answer must find no token, so the
 * cells are wiped before the page is given back. fork() would write-protect the page and dom0
 * refuses to write where the process could not, so the page stays out of children
 * (MADV_DONTFORK). And the page must be present when dom0 reads it: it is written to before the
 * ring and locked if the limits allow.
 */
#include "internal.h"
#include "sha256.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define POLL_FIRST_NS 20000L /* doubles up to */
#define POLL_MAX_NS 5000000L

void tocsin_token(const uint8_t nonce[TOCSIN_NONCE_SIZE], uint32_t cell,
		  uint8_t ret[TOCSIN_CELL_SIZE])
{
	enum { LABEL = sizeof(TOCSIN_TOKEN_LABEL) - 1 };
	uint8_t input[LABEL + TOCSIN_NONCE_SIZE + 4], digest[SHA256_SIZE];

	memcpy(input, TOCSIN_TOKEN_LABEL, LABEL);
	memcpy(input + LABEL, nonce, TOCSIN_NONCE_SIZE);
	for (int i = 0; i < 4; i++)
		input[LABEL + TOCSIN_NONCE_SIZE + i] = (uint8_t)(cell >> (8 * i));
	tocsin_sha256(input, sizeof(input), digest);
	memcpy(ret, digest, TOCSIN_CELL_SIZE);
}

void tocsin_request_fill(struct tocsin_request *req, uint32_t pid,
			 const uint8_t nonce[TOCSIN_NONCE_SIZE])
{
	memset(req, 0, sizeof(*req));
	req->magic = TOCSIN_REQUEST_MAGIC;
	req->version = TOCSIN_REQUEST_VERSION;
	req->size = sizeof(*req);
	req->target_pid = pid;
	memcpy(req->nonce, nonce, TOCSIN_NONCE_SIZE);
	for (uint32_t i = 0; i < TOCSIN_CELLS; i++)
		tocsin_token(nonce, i, req->cell[i]);
}

uint64_t tocsin_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The cell changes by one 16-byte compare-exchange, so one changed half is proof enough. */
static int cell_written(struct tocsin_request *req, uint32_t cell)
{
	const uint64_t *half = (const uint64_t *)(const void *)req->cell[cell];
	uint8_t token[TOCSIN_CELL_SIZE];
	uint64_t expected[2], seen[2];

	tocsin_token(req->nonce, cell, token);
	memcpy(expected, token, sizeof(expected));
	__atomic_load(&half[0], &seen[0], __ATOMIC_ACQUIRE);
	__atomic_load(&half[1], &seen[1], __ATOMIC_ACQUIRE);
	return seen[0] != expected[0] || seen[1] != expected[1];
}

static int take_answer(struct tocsin_request *req, struct tocsin_answer *ret)
{
	struct tocsin_answer answer;

	for (uint32_t i = 0; i < TOCSIN_CELLS; i++)
		if (!cell_written(req, i))
			return -EPROTO;
	memcpy(&answer, &req->answer, sizeof(answer));
	if (answer.state != TOCSIN_STATE_DONE && answer.state != TOCSIN_STATE_ERROR)
		return -EPROTO;
	if (answer.state == TOCSIN_STATE_DONE &&
	    (answer.verdict < TOCSIN_VERDICT_CLEAN || answer.verdict > TOCSIN_VERDICT_INCONCLUSIVE))
		return -EPROTO;
	answer.text[TOCSIN_TEXT_SIZE - 1] = '\0';
	*ret = answer;
	return 0;
}

int tocsin_request_take(struct tocsin_request *req, struct tocsin_answer *ret)
{
	return cell_written(req, 0) ? take_answer(req, ret) : -EAGAIN;
}

int tocsin_poll(int (*take)(void *context, struct tocsin_answer *ret), void *context,
		unsigned int timeout_ms, struct tocsin_answer *ret)
{
	uint64_t deadline = tocsin_now_ns() + (uint64_t)timeout_ms * 1000000u;
	struct timespec pause = {.tv_nsec = POLL_FIRST_NS};

	for (;;) {
		int r = take(context, ret);

		if (r != -EAGAIN)
			return r;
		if (tocsin_now_ns() >= deadline)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < POLL_MAX_NS)
			pause.tv_nsec *= 2;
	}
}

static int take_own(void *context, struct tocsin_answer *ret)
{
	return tocsin_request_take(context, ret);
}

int tocsin_request_wait(struct tocsin_request *req, unsigned int timeout_ms,
			struct tocsin_answer *ret)
{
	return tocsin_poll(take_own, req, timeout_ms, ret);
}

static int random_nonce(uint8_t nonce[TOCSIN_NONCE_SIZE])
{
	ssize_t n;

	do
		n = getrandom(nonce, TOCSIN_NONCE_SIZE, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == TOCSIN_NONCE_SIZE ? 0 : -EIO;
}

struct tocsin_ask {
	struct tocsin_request *block; /* a page of its own */
	size_t size;
	uint8_t nonce[TOCSIN_NONCE_SIZE];
};

/* Fill a block and ring. */
static int begin(struct tocsin_ask *a, uint32_t op, uint32_t pid)
{
	int r = random_nonce(a->nonce);

	if (r)
		return r;
	a->size = (size_t)sysconf(_SC_PAGESIZE);
	a->block = mmap(NULL, a->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (a->block == MAP_FAILED)
		return -errno;
	madvise(a->block, a->size, MADV_DONTFORK);
	mlock(a->block, a->size); /* best effort: RLIMIT_MEMLOCK may be 0 */
	tocsin_request_fill(a->block, pid, a->nonce);
	r = tocsin_ring(op, (uintptr_t)a->block, NULL);
	if (r)
		munmap(a->block, a->size);
	return r;
}

static int poll_answer(struct tocsin_ask *a, unsigned int timeout_ms, struct tocsin_answer *ret,
		       uint8_t nonce[TOCSIN_NONCE_SIZE])
{
	int r = tocsin_request_wait(a->block, timeout_ms, ret);

	if (!r && nonce)
		memcpy(nonce, a->nonce, sizeof(a->nonce));
	return r;
}

static void end(struct tocsin_ask *a)
{
	explicit_bzero(a->block, sizeof(*a->block));
	munmap(a->block, a->size);
}

static int ask(uint32_t op, uint32_t pid, unsigned int timeout_ms, struct tocsin_answer *ret,
	       uint8_t nonce[TOCSIN_NONCE_SIZE])
{
	struct tocsin_ask a;
	int r = begin(&a, op, pid);

	if (r)
		return r;
	r = poll_answer(&a, timeout_ms, ret, nonce);
	end(&a);
	return r;
}

TOCSIN_EXPORT int tocsin_ask_begin(uint32_t pid, struct tocsin_ask **ret)
{
	struct tocsin_ask *a = malloc(sizeof(*a));
	int r = a ? begin(a, pid ? TOCSIN_OP_SCAN : TOCSIN_OP_SCAN_SELF, pid) : -ENOMEM;

	if (r) {
		free(a);
		return r;
	}
	*ret = a;
	return 0;
}

TOCSIN_EXPORT int tocsin_ask_poll(struct tocsin_ask *a, unsigned int timeout_ms,
				  struct tocsin_answer *ret, uint8_t nonce[TOCSIN_NONCE_SIZE])
{
	return poll_answer(a, timeout_ms, ret, nonce);
}

TOCSIN_EXPORT void tocsin_ask_end(struct tocsin_ask *a)
{
	if (!a)
		return;
	end(a);
	free(a);
}

TOCSIN_EXPORT int tocsin_scan_self(unsigned int timeout_ms, struct tocsin_answer *ret,
				   uint8_t nonce[TOCSIN_NONCE_SIZE])
{
	return ask(TOCSIN_OP_SCAN_SELF, 0, timeout_ms, ret, nonce);
}

TOCSIN_EXPORT int tocsin_scan(uint32_t pid, unsigned int timeout_ms, struct tocsin_answer *ret,
			      uint8_t nonce[TOCSIN_NONCE_SIZE])
{
	if (!pid)
		return -EINVAL;
	return ask(TOCSIN_OP_SCAN, pid, timeout_ms, ret, nonce);
}

TOCSIN_EXPORT const char *tocsin_verdict_name(uint32_t verdict)
{
	static const char *const name[] = {"none", "clean", "suspicious", "malicious",
					   "inconclusive"};

	return verdict < sizeof(name) / sizeof(name[0]) ? name[verdict] : "unknown";
}
