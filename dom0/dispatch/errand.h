/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An errand: a process that is started for one task and ends with it, beside the guest's worker, so
 * that no trigger waits for it. As a worker it reads one guest, and has given up everything else
 * before it does (sandbox.h).
 *
 * A sweep scans all processes and the kernel; what is not clean is a RESULT each. A dump writes one
 * process's memory to a file that was opened before. DONE is the last message of both.
 */
#ifndef TOCSIN_ERRAND_H
#define TOCSIN_ERRAND_H

#include "dispatch/message.h"
#include "dispatch/supervisor.h"

/* Does not return. */
_Noreturn void tocsin_errand_run(const struct tocsin_daemon_settings *s,
				 const struct tocsin_msg_start *m, int socket);

/* The file of a dump; false: the name does not fit. */
bool tocsin_errand_file(const struct tocsin_config *c, const struct tocsin_msg_start *m, char *ret,
			size_t size);

#endif
