/* SPDX-License-Identifier: MIT */
/* What the library's files and its tests share; hidden in the shared library. */
#ifndef TOCSIN_GUEST_INTERNAL_H
#define TOCSIN_GUEST_INTERNAL_H

#include <tocsin/guest.h>

#define TOCSIN_EXPORT __attribute__((visibility("default")))

/* The token of one cell (record/include/tocsin/request.h). */
void tocsin_token(const uint8_t nonce[TOCSIN_NONCE_SIZE], uint32_t cell,
		  uint8_t ret[TOCSIN_CELL_SIZE]);

/* Fill a request block: header, the given nonce, one token per cell. */
void tocsin_request_fill(struct tocsin_request *req, uint32_t pid,
			 const uint8_t nonce[TOCSIN_NONCE_SIZE]);

/* The answer if it is there: 0, -EAGAIN (cell 0 still holds its token), or -EPROTO. */
int tocsin_request_take(struct tocsin_request *req, struct tocsin_answer *ret);

/* The monotonic clock, in nanoseconds. */
uint64_t tocsin_now_ns(void);

/*
 * Call take until it returns something else than -EAGAIN, which is returned, or so many
 * milliseconds have gone by: -ETIMEDOUT.
 */
int tocsin_poll(int (*take)(void *context, struct tocsin_answer *ret), void *context,
		unsigned int timeout_ms, struct tocsin_answer *ret);

/* Poll cell 0. 0, -ETIMEDOUT or -EPROTO (unknown state or verdict, or a cell never written). */
int tocsin_request_wait(struct tocsin_request *req, unsigned int timeout_ms,
			struct tocsin_answer *ret);

/* The negative errno for what EAX holds after VMFUNC. */
int tocsin_eax_to_errno(uint32_t eax);

/* Execute VMFUNC with any ECX. 0 (*eax and *rdx hold what came back) or -EOPNOTSUPP on #UD. */
int tocsin_vmfunc(uint32_t ecx, unsigned long *rdx, uint32_t *eax);

#endif
