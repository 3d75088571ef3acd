/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose calls they are: threads by the kernel stacks that they were made on, remembered from call
 * to call and checked each time, since stacks are used again. Kernel threads are told from
 * processes, and what an interrupt did is nobody's.
 */
#ifndef TOCSIN_TRACE_WHO_H
#define TOCSIN_TRACE_WHO_H

#include "introspect/kernel.h"

struct tocsin_who_cache;

enum tocsin_who_found {
	TOCSIN_WHO_UNKNOWN, /* nobody has this stack who had it then: a thread that ended at once,
			       an interrupt, the idle task */
	TOCSIN_WHO_NOW,     /* it has it */
	TOCSIN_WHO_BEFORE   /* it had it, was seen since, and has it no more */
};

/* "unknown", "now", "before" */
const char *tocsin_who_name(enum tocsin_who_found found);

struct tocsin_who {
	enum tocsin_who_found found;
	int32_t pid, tid;
	uint32_t uid, euid;
	uint64_t start_time; /* of the process: nanoseconds since the guest's boot */
	uint64_t task;       /* VA of the thread's task_struct */
	char comm[TOCSIN_COMM_SIZE + 1];
};

/* -ENOTSUP: the kernel's types do not tell where stacks are; -ENOMEM. */
int tocsin_who_open(struct tocsin_kernel *k, struct tocsin_who_cache **ret,
		    struct tocsin_error *err);
void tocsin_who_close(struct tocsin_who_cache *c);

/*
 * Who was on this stack so many nanoseconds ago. now_ns: any clock that goes at the rate of the
 * guest's. Never fails: who cannot be told is unknown.
 */
void tocsin_who_find(struct tocsin_who_cache *c, uint64_t rsp, int64_t now_ns, uint64_t age_ns,
		     struct tocsin_who *ret);

/*
 * A thread was made so many nanoseconds ago, whose task_struct is at VA task: who it is, although
 * it may have ended since. parent: who made it, its credentials being known from before; NULL: not
 * known. Calls must be given in their order, those that make threads among them; then a stack's
 * owner is known from one of these to the next, however short it lived. false: it cannot be told
 * any more; then nobody who is gone is found by his stack until he is seen again.
 */
bool tocsin_who_made(struct tocsin_who_cache *c, uint64_t task, const struct tocsin_who *parent,
		     int64_t now_ns, uint64_t age_ns, struct tocsin_who *ret);

/* Threads may have been made that tocsin_who_made was not told of. */
void tocsin_who_doubt(struct tocsin_who_cache *c);

/* Who has this stack got other credentials. */
void tocsin_who_credentials(struct tocsin_who_cache *c, uint64_t rsp, uint32_t uid, uint32_t euid);

/* The lowest address of the stack that rsp is on. */
uint64_t tocsin_who_stack(const struct tocsin_who_cache *c, uint64_t rsp);

#endif
