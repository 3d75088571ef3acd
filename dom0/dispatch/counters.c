/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/counters.h"

#include <stddef.h>

static const struct {
	const char *name, *reason;
} places[TOCSIN_LOST_PLACES] = {
    [TOCSIN_LOST_BUFFER] = {"buffer", "the trace buffer was full"},
    [TOCSIN_LOST_TICKETS] = {"tickets", "rung, but no record of it came"},
    [TOCSIN_LOST_STALE] = {"stale", "rung before tocsind was there"},
    [TOCSIN_LOST_MALFORMED] = {"malformed", "unreadable stream"},
    [TOCSIN_LOST_QUEUE] = {"queue", "the daemon's queue was full"},
    [TOCSIN_LOST_STOPPED] = {"stopped", "tocsind was stopped before it treated them"},
    [TOCSIN_LOST_REPORTS] = {"reports", "the log could not be written"},
};

static const struct {
	const char *name;
	size_t at;
} counters[] = {
#define X(member)                                                                                  \
	{                                                                                          \
#member, offsetof(struct tocsin_tally, member)                                     \
	}
    X(accepted),
    X(rings),
    X(verdicts),
    X(errors),
    X(inconclusive),
    X(refused),
    X(answered),
    X(coalesced),
    X(retried),
    {"lost_buffer", offsetof(struct tocsin_tally, lost[TOCSIN_LOST_BUFFER])},
    {"lost_tickets", offsetof(struct tocsin_tally, lost[TOCSIN_LOST_TICKETS])},
    {"lost_stale", offsetof(struct tocsin_tally, lost[TOCSIN_LOST_STALE])},
    {"lost_malformed", offsetof(struct tocsin_tally, lost[TOCSIN_LOST_MALFORMED])},
    {"lost_queue", offsetof(struct tocsin_tally, lost[TOCSIN_LOST_QUEUE])},
    {"lost_stopped", offsetof(struct tocsin_tally, lost[TOCSIN_LOST_STOPPED])},
    {"lost_reports", offsetof(struct tocsin_tally, lost[TOCSIN_LOST_REPORTS])},
    X(workers_started),
    X(workers_died),
    X(workers_hung),
    X(writers_started),
    X(brokers_started),
#undef X
};

_Static_assert(sizeof(counters) / sizeof(counters[0]) * sizeof(uint64_t) ==
		   sizeof(struct tocsin_tally),
	       "every counter has its name");

const char *tocsin_lost_name(enum tocsin_lost place)
{
	return (unsigned int)place < TOCSIN_LOST_PLACES ? places[place].name : "unknown";
}

const char *tocsin_lost_reason(enum tocsin_lost place)
{
	return (unsigned int)place < TOCSIN_LOST_PLACES ? places[place].reason : "unknown";
}

uint64_t *tocsin_counter(struct tocsin_tally *c, unsigned int i, const char **name)
{
	if (i >= sizeof(counters) / sizeof(counters[0]))
		return NULL;
	*name = counters[i].name;
	return (uint64_t *)((char *)c + counters[i].at);
}
