/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A worker: the process that reads one guest. It opens the guest through a handle that reaches no
 * other, gives up everything else (sandbox.h), and then treats what the broker sends, in order.
 */
#ifndef TOCSIN_WORKER_H
#define TOCSIN_WORKER_H

#include "dispatch/backend.h"

/* Jobs that a worker is sent before it answered the first. */
#define TOCSIN_WORKER_DEPTH 16u

struct tocsin_worker_settings {
	struct tocsin_job_settings job;
	const char
	    *cache; /* a folder; each guest's kernels are in one of its own there; NULL: none */
	uint64_t memory;  /* bytes that a worker may have for itself; 0: no bound */
	bool keep_stderr; /* of tests: what goes wrong in it is seen */
};

/* Does not return. socket is closed when the broker is gone or wants it to end. */
_Noreturn void tocsin_worker_run(struct tocsin_backend *b, const struct tocsin_worker_settings *s,
				 uint32_t domid, const uint8_t uuid[16], int socket);

/* Of struct tocsin_job_guest: the guest's own kernel, by what it shows. */
int tocsin_worker_find_kernel(struct tocsin_job_guest *g, uint64_t cr3, struct tocsin_error *err);

#endif
