/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A worker that hangs is told from one that works for long. One that spins ends itself: after so
 * much of its own processor time without a look into its guest (base/pulse.h has what is excepted),
 * so that a busy host makes no difference. One that sleeps is found by the broker: none of its
 * threads has been awake between two looks, and there is nothing that could wake them.
 */
#ifndef TOCSIN_PULSE_H
#define TOCSIN_PULSE_H

#include "memory/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TOCSIN_PULSE_HUNG_MS 500

/* In a worker, before it gives up its privileges: from now on it ends when it spins, and says
 * TOCSIN_MSG_HUNG first. */
int tocsin_pulse_watch(const struct tocsin_memory *m, int socket);

/* A task begins: what it took until here does not count. */
void tocsin_pulse_begin(void);

/* Do all threads of a process sleep? How often they have been switched from, all together: if that
 * is the same at two times, they have slept all the time between. False also when it cannot be
 * seen. */
bool tocsin_pulse_sleeps(pid_t pid, uint64_t *switches);

#endif
