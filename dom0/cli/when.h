/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times as people write them in arguments. */
#ifndef TOCSIN_CLI_WHEN_H
#define TOCSIN_CLI_WHEN_H

#include <stdint.h>

/*
 * Nanoseconds since the epoch of "10m" (seconds, minutes, hours, days, weeks before now), of
 * "2026-01-31T12:00:00Z" (RFC 3339: a fraction, an offset, or the date alone, which is UTC), or of
 * "1700000000" (seconds since the epoch). -EINVAL: none of these, or before the epoch.
 */
int when_parse(const char *text, uint64_t now, uint64_t *ret);

/* What it takes, for whoever wrote something else. */
#define WHEN_TAKES                                                                                 \
	"90s, 10m, 2h, 7d or 1w (ago), 2026-01-31, 2026-01-31T12:00:00Z, seconds since 1970"

/* A line: the name, and such a time in UTC, to the second; 0: "-". */
void when_print(const char *name, uint64_t time);

#endif
