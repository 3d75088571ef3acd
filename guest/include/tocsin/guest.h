/* SPDX-License-Identifier: MIT */
/*
 * libtocsin-guest: ask the hypervisor's side for a verdict on a process of this guest, from ring 3,
 * with no driver and no privilege. Needs nothing but libc.
 *
 * Every function returns 0 or a negative errno and leaves its outputs untouched on failure:
 *
 *	-EOPNOTSUPP	VMFUNC raised #UD: see tocsin_unavailable_reason()
 *	-ENOTCONN	EAX 1: nothing in dom0 takes the records
 *	-EBUSY		EAX 2: this domain's rate limit; try again later
 *	-ENOSYS		EAX 3: the hypervisor does not know this operation or ABI version
 *	-EPERM		EAX 4: the caller may not ring
 *	-EPROTO		an answer that the ABI does not allow
 *	-ETIMEDOUT	accepted, but no answer came in time
 *
 * or what mmap() or getrandom() failed with. All functions may be called from several threads.
 * While VMFUNC executes, the process's SIGILL action is replaced; it is put back before the
 * function returns, and an illegal instruction elsewhere meanwhile reaches the program's own
 * action. A program that itself changes the SIGILL action in another thread at that moment may
 * find its change undone.
 */
#ifndef TOCSIN_GUEST_H
#define TOCSIN_GUEST_H

#include <stddef.h>
#include <stdint.h>

#include <tocsin/request.h>
#include <tocsin/trigger.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Execute VMFUNC with operation op (TOCSIN_OP_*) and RDX = arg. On acceptance *ret_ticket (may be
 * NULL) is the trigger's number in this domain. */
int tocsin_ring(uint32_t op, uint64_t arg, uint32_t *ret_ticket);

/* Is anyone listening? */
int tocsin_ping(uint32_t *ret_ticket);

/* Scan the calling process, or process pid (> 0, in the caller's PID namespace), and wait for the
 * answer for up to timeout_ms milliseconds. *ret is a copy that the caller owns; ret->state says
 * whether the verdict holds (TOCSIN_STATE_DONE) or error and text say why there is none
 * (TOCSIN_STATE_ERROR). The text is NUL-terminated, but its bytes are not checked further. The
 * signature is not checked here. nonce, if not NULL, receives the 16 bytes that the
 * signature covers. */
int tocsin_scan_self(unsigned int timeout_ms, struct tocsin_answer *ret,
		     uint8_t nonce[TOCSIN_NONCE_SIZE]);
int tocsin_scan(uint32_t pid, unsigned int timeout_ms, struct tocsin_answer *ret,
		uint8_t nonce[TOCSIN_NONCE_SIZE]);

/*
 * The same without waiting: ring, go on, and look for the answer later, from any thread, but one at
 * a time. pid 0: the calling process itself. tocsin_ask_poll waits for up to timeout_ms (0: just
 * looks) and returns -ETIMEDOUT while there is no answer; the answer can be had once or often.
 * tocsin_ask_end, which NULL is fine for, gives the block back; an answer that comes later is lost.
 * After fork only the parent may use an ask.
 */
struct tocsin_ask;
int tocsin_ask_begin(uint32_t pid, struct tocsin_ask **ret);
int tocsin_ask_poll(struct tocsin_ask *ask, unsigned int timeout_ms, struct tocsin_answer *ret,
		    uint8_t nonce[TOCSIN_NONCE_SIZE]);
void tocsin_ask_end(struct tocsin_ask *ask);

/* What a negative errno of this library means; a static string. */
const char *tocsin_strerror(int error);

/* After -EOPNOTSUPP: why VMFUNC is probably not available, judged from CPUID. Writes at most size
 * bytes, NUL included, to buf and returns buf. */
const char *tocsin_unavailable_reason(char *buf, size_t size);

/* "clean", "suspicious", ... for TOCSIN_VERDICT_*; "unknown" for other values. */
const char *tocsin_verdict_name(uint32_t verdict);

#ifdef __cplusplus
}
#endif

#endif
