/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger: all events of a recording, and per domain which tickets are missing. Files hold the
 * CPUs' records in windows, so neither time nor tickets are in file order; both can only be put
 * in order when all events are there.
 */
#ifndef TOCSIN_LEDGER_H
#define TOCSIN_LEDGER_H

#include "capture/capture.h"

struct ledger {
	struct tocsin_event *event;
	size_t count, room;
};

struct ledger_domain {
	uint16_t domid;
	uint64_t triggers;
	uint32_t first, last; /* tickets at the ends of the range seen; first > last: it wrapped */
	uint64_t missing;     /* tickets within the range that no record has */
	uint64_t repeated;    /* records whose ticket another record has */
};

/* A tocsin_event_fn; context is the ledger. -ENOMEM, or -EFBIG beyond 16 million events. */
int ledger_add(void *context, const struct tocsin_event *event);
void ledger_free(struct ledger *l);

/* In TSC order; events of the same TSC stay in file order. -ENOMEM. */
int ledger_sort(struct ledger *l);

/*
 * Account for each domain's tickets, after ledger_sort. A ticket counts from 1 and wraps at 32
 * bits, so tickets are compared by their signed distance from the domain's first in time. What
 * came before the first or after the last is not known to be lost. free(ret). -ENOMEM.
 */
int ledger_domains(const struct ledger *l, struct ledger_domain **ret, size_t *count);

#endif
