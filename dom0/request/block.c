/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The request block in guest memory. Everything here is hostile and may change at any moment: the
 * block is copied once and judged as the copy, and an answer is written only where the page
 * tables, walked afresh, still let the guest's own user write, and only over bytes that are still
 * the token. So dom0 never does to a page what the asker could not have done itself, and never
 * touches a frame that has changed hands.
 */
#include "request/request.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <sodium.h>

_Static_assert(TOCSIN_PAGE_SIZE % TOCSIN_CELL_SIZE == 0, "a cell never crosses a page");

void tocsin_request_token(const uint8_t nonce[TOCSIN_NONCE_SIZE], uint32_t cell, uint8_t ret[16])
{
	const uint8_t number[4] = {cell, cell >> 8, cell >> 16, cell >> 24};
	uint8_t hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const uint8_t *)TOCSIN_TOKEN_LABEL,
				  sizeof(TOCSIN_TOKEN_LABEL) - 1);
	crypto_hash_sha256_update(&state, nonce, TOCSIN_NONCE_SIZE);
	crypto_hash_sha256_update(&state, number, sizeof(number));
	crypto_hash_sha256_final(&state, hash);
	memcpy(ret, hash, 16);
}

/* The lower canonical half, the whole block in it. */
static int check_place(struct tocsin_paging paging, uint64_t va, struct tocsin_error *err)
{
	uint64_t top = (uint64_t)1 << (paging.levels == 5 ? 56 : 47);

	if (va % TOCSIN_REQUEST_ALIGN)
		return tocsin_error_at(err, -EINVAL, va, "request block is not 16-byte aligned");
	if (va >= top || top - va < sizeof(struct tocsin_request))
		return tocsin_error_at(err, -EINVAL, va, "request block is not in the user half");
	return 0;
}

/* Where va is now, if the guest's user may write there. */
static int walk_writable(struct tocsin_memory *m, struct tocsin_paging paging, uint64_t va,
			 uint64_t *gpa, struct tocsin_error *err)
{
	struct tocsin_mapping map;
	int rc = tocsin_walk(m, paging, va, &map);

	if (rc == -ENODEV)
		return tocsin_error_at(err, rc, va, "the guest is gone");
	if (rc)
		return tocsin_error_at(err, -EFAULT, va, "request block is not mapped");
	if (!map.user)
		return tocsin_error_at(err, -EFAULT, va, "request block is not user-accessible");
	if (!map.writable)
		return tocsin_error_at(err, -EFAULT, va, "request block is read-only");
	*gpa = map.gpa;
	return 0;
}

static int copy_in(struct tocsin_memory *m, struct tocsin_paging paging, uint64_t va,
		   struct tocsin_request *ret, struct tocsin_error *err)
{
	size_t done = 0, n;
	uint64_t gpa = 0;
	int rc;

	while (done < sizeof(*ret)) {
		n = TOCSIN_PAGE_SIZE - (va + done) % TOCSIN_PAGE_SIZE;
		if (n > sizeof(*ret) - done)
			n = sizeof(*ret) - done;
		rc = walk_writable(m, paging, va + done, &gpa, err);
		if (rc)
			return rc;
		rc = tocsin_memory_read(m, gpa, (uint8_t *)ret + done, n);
		if (rc)
			return tocsin_error_at(err, rc == -ENODEV ? rc : -EFAULT, va + done,
					       "request block cannot be read");
		done += n;
	}
	return 0;
}

static int check_header(const struct tocsin_request *r, uint64_t va, struct tocsin_error *err)
{
	if (r->magic != TOCSIN_REQUEST_MAGIC)
		return tocsin_error_at(err, -EINVAL, va, "no request block here: magic %#x",
				       r->magic);
	if (r->version != TOCSIN_REQUEST_VERSION)
		return tocsin_error_at(err, -EINVAL, va, "request block of unknown version %u",
				       r->version);
	if (r->size != sizeof(*r))
		return tocsin_error_at(err, -EINVAL, va, "request block says it has %u bytes",
				       r->size);
	if (r->flags & ~TOCSIN_REQUEST_FLAGS_KNOWN)
		return tocsin_error_at(err, -EINVAL, va, "request block has unknown flags %#x",
				       r->flags);
	if (!sodium_is_zero(r->reserved, sizeof(r->reserved)))
		return tocsin_error_at(err, -EINVAL, va, "reserved bytes are not zero");
	return 0;
}

int tocsin_request_read(struct tocsin_memory *m, struct tocsin_paging paging, uint64_t va,
			struct tocsin_request *ret, struct tocsin_error *err)
{
	struct tocsin_request copy;
	uint8_t token[TOCSIN_CELL_SIZE];
	uint32_t i;
	int rc;

	rc = check_place(paging, va, err);
	if (!rc)
		rc = copy_in(m, paging, va, &copy, err);
	if (!rc)
		rc = check_header(&copy, va, err);
	if (rc)
		return rc;
	for (i = 0; i < TOCSIN_CELLS; i++) {
		tocsin_request_token(copy.nonce, i, token);
		if (memcmp(copy.cell[i], token, sizeof(token)))
			return tocsin_error_at(err, -EINVAL, va, "cell %u does not hold its token",
					       i);
	}
	*ret = copy;
	return 0;
}

static int write_cell(struct tocsin_memory *m, struct tocsin_paging paging, uint64_t va,
		      const struct tocsin_request *request, const struct tocsin_answer *answer,
		      uint32_t i, struct tocsin_error *err)
{
	uint64_t at = va + offsetof(struct tocsin_request, cell) + (uint64_t)i * TOCSIN_CELL_SIZE;
	uint64_t gpa = 0;
	int rc;

	rc = walk_writable(m, paging, at, &gpa, err);
	if (rc)
		return rc;
	rc = tocsin_memory_cas16(m, gpa, request->cell[i],
				 (const uint8_t *)answer + (size_t)i * TOCSIN_CELL_SIZE);
	if (rc == -EAGAIN)
		return tocsin_error_at(err, rc, at, "cell %u no longer holds its token", i);
	if (rc)
		return tocsin_error_at(err, rc, at, "cell %u cannot be written", i);
	return 0;
}

int tocsin_request_answer(struct tocsin_memory *m, struct tocsin_paging paging, uint64_t va,
			  const struct tocsin_request *request, const struct tocsin_answer *answer,
			  struct tocsin_error *err)
{
	struct tocsin_request now;
	uint32_t i;
	int rc;

	tocsin_memory_flush(m); /* frames may have been ballooned out since the block was read */
	rc = check_place(paging, va, err);
	/* The whole block once more first, so that memory known to have changed gets no byte. The
	 * compare-exchange below closes what is left of the race. */
	if (!rc)
		rc = copy_in(m, paging, va, &now, err);
	if (rc)
		return rc;
	if (memcmp(&now, request, sizeof(now)))
		return tocsin_error_at(err, -EAGAIN, va, "request block changed since it was read");
	for (i = TOCSIN_CELLS; i-- > 0;) {
		rc = write_cell(m, paging, va, request, answer, i, err);
		if (rc)
			return rc;
	}
	return 0;
}
