/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What became of every trigger, in numbers. The log, the metrics and the state that survives a
 * restart read these; only the broker writes them.
 *
 * For all guests, and for each alone (a guest's lost[] has what can be told of it):
 *
 *   accepted = rings + verdicts + errors + inconclusive + refused + lost[QUEUE] + lost[STOPPED]
 *            + what is pending
 *
 * lost[BUFFER], lost[TICKETS], lost[STALE] and lost[MALFORMED] never came so far as to be
 * accepted; lost[REPORTS] are triggers that were treated, but whose report the log never got.
 */
#ifndef TOCSIN_COUNTERS_H
#define TOCSIN_COUNTERS_H

#include <stdint.h>

/* Where something was lost. */
enum tocsin_lost {
	TOCSIN_LOST_BUFFER,  /* Xen's trace buffer was full: records of all kinds, of all guests */
	TOCSIN_LOST_TICKETS, /* numbers of triggers that a guest rang and that never came */
	TOCSIN_LOST_STALE,   /* rung before tocsind was there */
	TOCSIN_LOST_MALFORMED, /* records that cannot be */
	TOCSIN_LOST_QUEUE,     /* more were waiting than there is room for */
	TOCSIN_LOST_STOPPED,   /* still waiting when tocsind was stopped */
	TOCSIN_LOST_REPORTS,   /* the log could not be written for too long */
	TOCSIN_LOST_PLACES
};

struct tocsin_tally {
	uint64_t accepted;     /* triggers that were taken from the trace buffers */
	uint64_t rings;        /* PING, MARK: reported, nothing to scan */
	uint64_t verdicts;     /* scans that came to a verdict of their own */
	uint64_t errors;       /* could not become a verdict; the report says why */
	uint64_t inconclusive; /* given up, as the worker died or hung over it twice */
	uint64_t refused;      /* not treated: the guest is gone, or may not ring */
	uint64_t answered;     /* request blocks that were filled; of verdicts to inconclusive */
	uint64_t coalesced;    /* of verdicts: told from a scan of the same program just before */
	uint64_t retried;      /* given to a second worker, as the first died or hung */
	uint64_t lost[TOCSIN_LOST_PLACES];
	/* What went wrong around them; 0 for a single guest where it makes no sense. */
	uint64_t workers_started, workers_died, workers_hung, writers_started, brokers_started;
};

/* One word, for metrics and logs: "buffer", "tickets", ... */
const char *tocsin_lost_name(enum tocsin_lost place);

/* A sentence for a report: "the trace buffer was full", ... */
const char *tocsin_lost_reason(enum tocsin_lost place);

/*
 * Each number by name, in a fixed order: for whoever writes or reads them all. Returns the i-th, or
 * NULL after the last; name is static.
 */
uint64_t *tocsin_counter(struct tocsin_tally *c, unsigned int i, const char **name);

#endif
