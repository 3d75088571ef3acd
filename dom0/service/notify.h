/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a service of type "notify" tells its systemd; without one, nothing happens. See
 * sd_notify(3). */
#ifndef TOCSIN_SERVICE_NOTIFY_H
#define TOCSIN_SERVICE_NOTIFY_H

#include <stdint.h>

/* Tell NOTIFY_SOCKET of the environment: "READY=1", "WATCHDOG=1", lines. 0: told, or nobody is
 * there; else a negative errno. Never blocks. */
int tocsin_notify(const char *state);

/* Microseconds within which "WATCHDOG=1" is to come each time; 0: nobody waits for it. */
uint64_t tocsin_notify_watchdog(void);

#endif
