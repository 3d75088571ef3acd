/* SPDX-License-Identifier: MIT */
/*
 * Ring in another process: a traced one that is stopped is made to execute VMFUNC itself, with a
 * request block in its own memory, and is then put back where it was. So the hypervisor sees the
 * process in its own address space.
 *
 * What it needs in the process is placed once after each exec: a page of this program's own file,
 * with the two instructions, and a page for the block. Both are mappings of their own; nothing of
 * the process's is changed for good.
 */
#ifndef TOCSIN_GUEST_REMOTE_H
#define TOCSIN_GUEST_REMOTE_H

#include <tocsin/guest.h>

#include <stdbool.h>
#include <sys/types.h>
#include <sys/user.h>

/* Where in a process; all 0: not placed. */
struct remote_place {
	uint64_t code;  /* of the page with the instructions */
	uint64_t block; /* of the request block */
};

/* A stopped thread that is being used. Signals wait meanwhile. */
struct remote {
	pid_t tid;
	bool stopped; /* SIGSTOP, which cannot wait, came for it: to be delivered when it goes on */
};

/*
 * Place what is needed into the thread's process. It must be stopped at the exit of a system call
 * and be the only one of its process, as after exec. 0, -ESRCH (it ended), or another negative
 * errno.
 */
int remote_place(struct remote *r, struct remote_place *ret);

/*
 * Have the thread ring, scan its process, and wait for the answer, with the thread stopped. It must
 * be stopped at the entry or exit of a system call, or before one that seccomp handed over; it is
 * left there with regs as its registers. As tocsin_scan_self; -ESRCH: it ended.
 */
int remote_ring(struct remote *r, const struct remote_place *place,
		const struct user_regs_struct *regs, unsigned int timeout_ms,
		struct tocsin_answer *ret, uint8_t nonce[TOCSIN_NONCE_SIZE]);

/* Wait for the answer in the block of another process; as tocsin_request_wait. */
int remote_wait(pid_t tid, uint64_t block, unsigned int timeout_ms, struct tocsin_answer *ret);

#endif
