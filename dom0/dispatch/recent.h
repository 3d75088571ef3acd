/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scans of a moment ago. Who asks about a program that was scanned just before is told the same: a
 * program that rings in a loop costs one scan for each window, and each of its rings is answered.
 */
#ifndef TOCSIN_RECENT_H
#define TOCSIN_RECENT_H

#include "tocsin.h"
#include "verdict/verdict.h"

#define TOCSIN_RECENT_ROWS 8u

struct tocsin_recent_row {
	uint64_t at; /* when its scan ended, by the monotonic clock; 0: none */
	uint64_t task, mm, pgd, start_time;
	uint32_t uid, euid; /* what findings say may depend on them */
	uint64_t cap_effective;
	char exe[TOCSIN_PATH_SIZE];
	struct tocsin_verdict verdict;
	/* The findings, without the room for more. */
	struct tocsin_finding *rows;
	size_t count, dropped;
	uint64_t pages_present, pages_read, pages_torn, unknown;
	bool truncated;
	char unreadable[256];
};

struct tocsin_recent {
	uint64_t window; /* nanoseconds; 0: nothing is kept */
	struct tocsin_recent_row *rows;
};

/* Keep what a scan found. No memory: it is not kept. */
void tocsin_recent_keep(struct tocsin_recent *r, const struct tocsin_process *p, uint64_t now,
			const struct tocsin_findings *findings,
			const struct tocsin_verdict *verdict);

/* Was this very program scanned in the window before now? Then what was found. */
bool tocsin_recent_find(struct tocsin_recent *r, const struct tocsin_process *p, uint64_t now,
			struct tocsin_findings *findings, struct tocsin_verdict *verdict);

void tocsin_recent_clear(struct tocsin_recent *r);

#endif
