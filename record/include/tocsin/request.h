/* SPDX-License-Identifier: MIT */
/*
 * The request block: a struct in the memory of the process that rings, and the only guest memory
 * that dom0 ever writes. The asker fills the header and one token per cell, rings with the
 * block's virtual address in RDX, and polls cell 0 until it no longer holds its token.
 *
 * Why tokens: dom0 writes each 16-byte cell only by a compare-exchange from the cell's token. When
 * the frame has changed hands meanwhile, the new owner's bytes are not the token and nothing is
 * written. The token is a cryptographic hash of the nonce and the cell's number, so that nobody
 * can choose a nonce whose token equals bytes (zeroes, a page-table entry) that the frame's next
 * owner is likely to hold.
 *
 * Freestanding.
 */
#ifndef TOCSIN_REQUEST_H
#define TOCSIN_REQUEST_H

#include <stdint.h>

#define TOCSIN_REQUEST_MAGIC 0x51524354u /* "TCRQ" in memory */
#define TOCSIN_REQUEST_VERSION 1u
#define TOCSIN_REQUEST_ALIGN 16u
#define TOCSIN_CELL_SIZE 16u
#define TOCSIN_CELLS 16u
#define TOCSIN_NONCE_SIZE 16u
#define TOCSIN_SIGNATURE_SIZE 64u /* Ed25519 */
#define TOCSIN_TEXT_SIZE 112u     /* UTF-8, NUL-padded, always NUL-terminated */

/* The token of cell n is the first 16 bytes of
 * SHA-256(TOCSIN_TOKEN_LABEL without its NUL | nonce, 16 bytes | n as little-endian u32). */
#define TOCSIN_TOKEN_LABEL "tocsin-cell-v1"

/* The signature is Ed25519 over TOCSIN_SIGN_LABEL without its NUL | struct tocsin_signed. */
#define TOCSIN_SIGN_LABEL "tocsin-verdict-v1"

/* Flags. Unknown bits are an error, so that a later version can give them a meaning. */
#define TOCSIN_REQUEST_FLAGS_KNOWN 0u

/* cell state */
#define TOCSIN_STATE_DONE 1u  /* verdict holds */
#define TOCSIN_STATE_ERROR 2u /* error and text say why there is no verdict */

/* verdicts */
#define TOCSIN_VERDICT_NONE 0u
#define TOCSIN_VERDICT_CLEAN 1u
#define TOCSIN_VERDICT_SUSPICIOUS 2u
#define TOCSIN_VERDICT_MALICIOUS 3u
#define TOCSIN_VERDICT_INCONCLUSIVE 4u

/* errors in the slot */
#define TOCSIN_REQERR_NONE 0u
#define TOCSIN_REQERR_NO_SUCH_PROCESS 1u /* target PID not found in the asker's PID namespace */
#define TOCSIN_REQERR_NOT_PERMITTED 2u   /* the asker may not name this target */
#define TOCSIN_REQERR_INTERNAL 3u        /* introspection failed; text says at which step */

/* What dom0 writes: 16 cells. Cell 0 is written last. */
struct tocsin_answer {
	/* cell 0 */
	uint32_t state;
	uint32_t verdict;
	uint32_t score; /* 0..100 */
	uint32_t findings;
	/* cell 1 */
	uint64_t time;   /* of the verdict: nanoseconds since the epoch, dom0's clock */
	uint32_t ticket; /* the trigger that asked */
	uint32_t error;
	/* cell 2: the target's identity */
	uint64_t start_time; /* task start, nanoseconds since the guest's boot */
	uint32_t pid;        /* thread group id in the asker's PID namespace */
	uint32_t uid;        /* real user id, initial user namespace */
	/* cells 3..6 */
	uint8_t signature[TOCSIN_SIGNATURE_SIZE];
	/* cells 7..13 */
	char text[TOCSIN_TEXT_SIZE];
	/* cells 14, 15: the domain that was inspected, so that the signature can be checked */
	uint8_t domain_uuid[16];
	uint8_t key_id[16]; /* first 16 bytes of SHA-256 of the public key */
};

struct tocsin_request {
	uint32_t magic;
	uint16_t version;
	uint16_t size; /* sizeof(struct tocsin_request) */
	uint32_t flags;
	uint32_t target_pid; /* SCAN: in the asker's PID namespace; 0: the asker itself */
	uint8_t nonce[TOCSIN_NONCE_SIZE];
	uint8_t reserved[32]; /* zero */
	union {
		uint8_t cell[TOCSIN_CELLS][TOCSIN_CELL_SIZE];
		struct tocsin_answer answer;
	};
} __attribute__((aligned(TOCSIN_REQUEST_ALIGN)));

/* What the signature covers, after TOCSIN_SIGN_LABEL. */
struct tocsin_signed {
	uint8_t nonce[TOCSIN_NONCE_SIZE];
	uint8_t domain_uuid[16];
	uint64_t time;
	uint64_t start_time;
	uint32_t ticket;
	uint32_t pid;
	uint32_t uid;
	uint32_t state;
	uint32_t verdict;
	uint32_t score;
	uint32_t findings;
	uint32_t error;
} __attribute__((packed));

#define TOCSIN_SIGN_LABEL_SIZE (sizeof(TOCSIN_SIGN_LABEL) - 1)
#define TOCSIN_SIGN_SIZE (TOCSIN_SIGN_LABEL_SIZE + sizeof(struct tocsin_signed))

/* All that the signature of an answer covers, label included. */
static inline void tocsin_sign_message(const uint8_t nonce[TOCSIN_NONCE_SIZE],
				       const struct tocsin_answer *a, uint8_t ret[TOCSIN_SIGN_SIZE])
{
	struct tocsin_signed s = {
	    .time = a->time,
	    .start_time = a->start_time,
	    .ticket = a->ticket,
	    .pid = a->pid,
	    .uid = a->uid,
	    .state = a->state,
	    .verdict = a->verdict,
	    .score = a->score,
	    .findings = a->findings,
	    .error = a->error,
	};

	__builtin_memcpy(s.nonce, nonce, sizeof(s.nonce));
	__builtin_memcpy(s.domain_uuid, a->domain_uuid, sizeof(s.domain_uuid));
	__builtin_memcpy(ret, TOCSIN_SIGN_LABEL, TOCSIN_SIGN_LABEL_SIZE);
	__builtin_memcpy(ret + TOCSIN_SIGN_LABEL_SIZE, &s, sizeof(s));
}

_Static_assert(sizeof(struct tocsin_answer) == TOCSIN_CELLS * TOCSIN_CELL_SIZE,
	       "the answer fills the cells");
_Static_assert(sizeof(struct tocsin_request) == 64 + TOCSIN_CELLS * TOCSIN_CELL_SIZE,
	       "header of 64 bytes, then the cells");
_Static_assert(sizeof(struct tocsin_signed) == 80, "no padding");

#endif
