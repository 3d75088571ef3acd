/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Request blocks and the page tables above them from hostile bytes. Input: u64 root, u64 virtual
 * address, u8 levels, u8 change, 6 bytes unused; the rest is guest memory from address 0. An
 * answer may change nothing but cells that held their tokens.
 */
#include "fuzz.h"
#include "request/request.h"

#include <stdlib.h>
#include <string.h>

#define HEAD 24

static void check(int ok)
{
	if (!ok)
		abort();
}

/* Every 16 bytes that differ from what they were held the token of one of the block's cells. */
static void check_changes(const struct tocsin_request *request, const uint8_t *before,
			  const uint8_t *after, size_t size)
{
	uint8_t token[TOCSIN_CELL_SIZE];

	for (size_t at = 0; at < size; at += TOCSIN_CELL_SIZE) {
		size_t n = size - at < TOCSIN_CELL_SIZE ? size - at : TOCSIN_CELL_SIZE;
		int was_token = 0;

		if (!memcmp(before + at, after + at, n))
			continue;
		for (uint32_t cell = 0; cell < TOCSIN_CELLS && n == sizeof(token); cell++) {
			tocsin_request_token(request->nonce, cell, token);
			was_token |= !memcmp(before + at, token, sizeof(token));
		}
		check(was_token);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tocsin_answer answer = {.state = TOCSIN_STATE_DONE, .verdict = TOCSIN_VERDICT_CLEAN};
	struct tocsin_request request;
	struct tocsin_paging paging;
	struct tocsin_memory *m;
	uint8_t *bytes, *before;
	size_t guest = size - HEAD;
	uint64_t va;

	if (size < HEAD || guest > 1u << 20)
		return 0;
	memcpy(&paging.root, data, 8);
	memcpy(&va, data + 8, 8);
	paging.levels = data[16];
	/* 16-byte aligned, as compare-exchange demands */
	bytes = aligned_alloc(16, (guest + 16) & ~(size_t)15);
	before = malloc(guest + 1);
	if (bytes && before) {
		memcpy(bytes, data + HEAD, guest);
		check(tocsin_memory_open_buffer(bytes, guest, &m, NULL) == 0);
		if (!tocsin_request_read(m, paging, va, &request, NULL)) {
			/* What the asker does meanwhile: any byte may change. */
			if (data[17] && guest)
				bytes[data[17] * 31u % guest] ^= data[17];
			memcpy(before, bytes, guest);
			tocsin_request_answer(m, paging, va, &request, &answer, NULL);
			check_changes(&request, before, bytes, guest);
		}
		tocsin_memory_close(m);
	}
	free(bytes);
	free(before);
	return 0;
}
