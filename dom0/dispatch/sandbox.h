/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a process of tocsind, or of a trace, gives up what it does not need before it sees a byte of
 * a guest: other descriptors, its user, privileges to come, and every system call but a few.
 */
#ifndef TOCSIN_SANDBOX_H
#define TOCSIN_SANDBOX_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Numbers that no distribution gives to users or containers (systemd's table leaves them free): a
 * worker has its own, TOCSIN_UID_WORKERS + domid, so no worker can touch another one either. So has
 * the reader of a guest that is traced.
 */
#define TOCSIN_UID_WRITER 0x70000000u
#define TOCSIN_UID_WORKERS 0x70010000u
#define TOCSIN_UID_READERS 0x70020000u

enum tocsin_sandbox {
	TOCSIN_SANDBOX_WORKER, /* memory, threads, its socket, mappings of foreign pages */
	TOCSIN_SANDBOX_WRITER  /* memory, its socket, its log */
};

struct tocsin_sandbox_limits {
	uint64_t memory;    /* bytes of private memory; 0: no bound */
	uint64_t file_size; /* bytes of a file that it writes; 0: none */
};

/* Standard streams that nothing comes out of. */
void tocsin_sandbox_mute(bool keep_stderr);

/* If memory gets short, better this process than who started it. */
void tocsin_sandbox_offer(void);

/* Close all descriptors but these (in any order), and those of standard streams. */
int tocsin_sandbox_keep(const int *fds, size_t count, struct tocsin_error *err);

/* There is no way back. If the process is not root's, the user stays. */
int tocsin_sandbox_enter(enum tocsin_sandbox kind, uint32_t uid,
			 const struct tocsin_sandbox_limits *limits, struct tocsin_error *err);

#endif
