/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of a traced domain outside the process that traces it: a file in /run, which ends
 * with Xen as the tracing does. The process holds a lock on it as long as it lives, so that others
 * can tell who traces, and that nobody does any more.
 */
#ifndef TOCSIN_TRACE_STATE_H
#define TOCSIN_TRACE_STATE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tocsin_state {
	int fd; /* -1: none */
	uint32_t domid;
	uint8_t uuid[16];
	uint64_t first;   /* gfn of the first frame of ours; kept for the next time */
	uint32_t frames;  /* that exist; 0: none */
	bool altp2m_ours; /* it was switched on for this */
};

#define TOCSIN_STATE_FOLDER "/run/tocsin"

/*
 * Take the lock and read what is there of this very domain (uuid); a file of another is as none.
 * -EBUSY: a process holds it, its pid in *holder (may be NULL).
 */
int tocsin_state_open(const char *folder, uint32_t domid, const uint8_t uuid[16],
		      struct tocsin_state *ret, pid_t *holder, struct tocsin_error *err);

/* The process that traces the domain; 0: none. */
pid_t tocsin_state_holder(const char *folder, uint32_t domid);

int tocsin_state_write(const struct tocsin_state *s);
void tocsin_state_close(struct tocsin_state *s);

#endif
