/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guests that tocsind holds open, by domid. A mapping of a dead domain keeps it as a zombie,
 * so guests that are gone or dying are closed as soon as xenstore says that some domain was
 * released, and before every job.
 */
#ifndef TOCSIN_GUESTS_H
#define TOCSIN_GUESTS_H

#include "dispatch/job.h"
#include "host/host.h"

struct tocsin_guests;

int tocsin_guests_new(struct tocsin_host *host, struct tocsin_guests **ret);
void tocsin_guests_free(struct tocsin_guests *g);

/* The guest, opened if it was not. Owned by g, valid until the next call. -ESRCH: gone. */
int tocsin_guests_get(struct tocsin_guests *g, uint32_t domid, struct tocsin_job_guest **ret,
		      struct tocsin_error *err);

/* Close those that are gone, dying, or another domain under a reused domid. */
void tocsin_guests_release(struct tocsin_guests *g);

#endif
