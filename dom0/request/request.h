/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Request blocks: read one from the asker's memory, sign an answer, and fill the slot. This is
 * the only code that writes guest memory; tocsin/request.h has the protocol and its reasons.
 */
#ifndef TOCSIN_DOM0_REQUEST_H
#define TOCSIN_DOM0_REQUEST_H

#include "memory/pagetable.h"
#include <tocsin/request.h>

/*
 * Read and check the block at va in the address space of paging. -EINVAL: not 16-byte aligned, not
 * in the user half, wrong magic, version, size or flags, cells that do not hold their tokens;
 * -EFAULT: not mapped, or not user-accessible and writable at every level. The message says which.
 */
int tocsin_request_read(struct tocsin_memory *m, struct tocsin_paging paging, uint64_t va,
			struct tocsin_request *ret, struct tocsin_error *err);

/*
 * Write answer into the slot of the block at va that tocsin_request_read read request from, which
 * saw that its cells hold their tokens. Walks afresh for
 * every cell and writes it by compare-exchange from its token, the state cell last and only when
 * all others were written. -EAGAIN: a cell no longer held its token (changed or reused memory);
 * -EFAULT as above. The state cell is untouched on failure.
 */
int tocsin_request_answer(struct tocsin_memory *m, struct tocsin_paging paging, uint64_t va,
			  const struct tocsin_request *request, const struct tocsin_answer *answer,
			  struct tocsin_error *err);

/* The token of a cell: 16 bytes in ret. */
void tocsin_request_token(const uint8_t nonce[TOCSIN_NONCE_SIZE], uint32_t cell, uint8_t ret[16]);

/* Where tocsind keeps its key unless told otherwise. */
#define TOCSIN_KEY_FOLDER "/var/lib/tocsin"
#define TOCSIN_KEY_FILE TOCSIN_KEY_FOLDER "/ed25519.key"

struct tocsin_signer;

/* Load the Ed25519 key from path, or make one there (mode 0600) if the file does not exist; the
 * public key goes beside it as path.pub (hexadecimal, mode 0644). */
int tocsin_signer_open(const char *path, struct tocsin_signer **ret, struct tocsin_error *err);
void tocsin_signer_close(struct tocsin_signer *s);

/* Fill answer->signature and key_id over nonce and the answer's other members. */
void tocsin_signer_sign(const struct tocsin_signer *s, const uint8_t nonce[TOCSIN_NONCE_SIZE],
			struct tocsin_answer *answer);

/* 0, or -EBADMSG: not this key's signature over these values. */
int tocsin_signature_verify(const uint8_t public_key[32], const uint8_t nonce[TOCSIN_NONCE_SIZE],
			    const struct tocsin_answer *answer);

#endif
