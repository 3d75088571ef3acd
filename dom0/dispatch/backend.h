/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What tocsind stands on: triggers, domains, and the memory of guests. Xen (backend_xen.c), or made
 * up, for tests (test/sim.c). One struct for all processes: each uses its part after the fork.
 */
#ifndef TOCSIN_BACKEND_H
#define TOCSIN_BACKEND_H

#include "dispatch/job.h"
#include "host/host.h"

struct tocsin_backend {
	/* ---- in the broker ---- */

	/* Open all that follows. fn and raw are called from drain. Closed also after a failure. */
	int (*open)(struct tocsin_backend *b, tocsin_event_fn fn, tocsin_raw_fn *raw, void *context,
		    struct tocsin_error *err);
	void (*close)(struct tocsin_backend *b);

	/* Triggers: readable when there are some; take all there are. In a thread of its own. */
	int (*capture_fd)(struct tocsin_backend *b);
	int (*drain)(struct tocsin_backend *b, struct tocsin_error *err);
	/* As tocsin_capture_set_mask; at any time. */
	int (*set_mask)(struct tocsin_backend *b, uint32_t mask, struct tocsin_error *err);

	/* Readable when domains came or went: then take it. -1: none, or not now. */
	int (*watch_fd)(struct tocsin_backend *b);
	void (*take_watch)(struct tocsin_backend *b);
	/* Once a second: whatever broke (xenstored restarted) is opened again. */
	void (*mend)(struct tocsin_backend *b);

	/* As tocsin_host_domain, tocsin_host_list, tocsin_host_set_rate. */
	int (*domain)(struct tocsin_backend *b, uint32_t domid, struct tocsin_domain *ret,
		      struct tocsin_error *err);
	int (*list)(struct tocsin_backend *b, struct tocsin_domain **ret, size_t *count,
		    struct tocsin_error *err);
	int (*set_rate)(struct tocsin_backend *b, uint32_t domid, uint32_t rate,
			struct tocsin_error *err);

	/* ---- in a worker, while it still has its privileges ---- */

	/* The guest, through what reaches no other; no descriptor is left but what that takes. */
	int (*open_guest)(struct tocsin_backend *b, uint32_t domid, const uint8_t uuid[16],
			  struct tocsin_job_guest *ret, struct tocsin_error *err);

	void *context;
};

#endif
