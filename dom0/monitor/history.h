/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was watched, kept in an SQLite database, so that it can be asked for later. Processes and
 * sockets are rows of their own, told once; an event refers to them. What is older than max_age, or
 * does not fit in max_bytes, goes, the oldest first; rows that no event refers to any more go with
 * it, or when it comes to the next second.
 *
 * One writer, any number of readers at the same time: while it is written to there is a write-ahead
 * log beside it, of a few MiB, which is gone when its writer has closed it. The file is its owner's
 * only. A history is for one thread at a time. Text is stored as it came from the guest: bytes.
 */
#ifndef TOCSIN_MONITOR_HISTORY_H
#define TOCSIN_MONITOR_HISTORY_H

#include "monitor/event.h"

struct tocsin_history;

struct tocsin_history_settings {
	uint64_t max_age; /* nanoseconds before the latest event, kept within a 64th; 0: no bound */
	uint64_t max_bytes; /* of the database's pages in use, at least 1 MiB; 0: no bound */
};

/*
 * settings: with them it is created if need be, and written to; NULL: only read, and -ENOENT if it
 * is not there; nothing is made beside it. -EPROTO: no history of ours, of a later version, or
 * damaged. Closed by the caller.
 */
int tocsin_history_open(const char *path, const struct tocsin_history_settings *settings,
			struct tocsin_history **ret, struct tocsin_error *err);
void tocsin_history_close(struct tocsin_history *h); /* NULL is no error; flushes */

/*
 * Events are gathered in one transaction, which ends with an event when there are many, a second
 * has passed, or it is a finding, an account or an end; flush ends it without. -EIO, -ENOSPC, ...:
 * what was gathered is lost; the next event begins anew.
 */
int tocsin_history_add(struct tocsin_history *h, const struct tocsin_event *e,
		       struct tocsin_error *err);
/* End the transaction if there is one, and let go what is too old or too much. */
int tocsin_history_flush(struct tocsin_history *h, struct tocsin_error *err);

/* NULL, 0, KINDS: not asked for. */
struct tocsin_history_query {
	uint64_t since, until; /* nanoseconds since the epoch: event.time is in [since, until) */
	const char *guest;
	enum tocsin_event_kind kind; /* TOCSIN_EVENT_KINDS: all */
	int32_t pid;                 /* of process or other */
	const char *comm;            /* process: equal */
	uint16_t port;               /* local or remote */
	const char *address;         /* local or remote, as text */
	uint64_t limit;              /* the latest so many; 0: all */
};

/*
 * Each event that answers the query, by time, as all of them were when it began. take returns
 * nonzero to stop, which is returned; it may not use h. An event is take's for the time of the
 * call. -EINVAL: address is none.
 */
int tocsin_history_each(struct tocsin_history *h, const struct tocsin_history_query *q,
			tocsin_event_take *take, void *context, struct tocsin_error *err);

struct tocsin_history_extent {
	uint64_t first, last; /* times of events; 0: there is none */
	uint64_t events, processes, sockets, bytes;
};

int tocsin_history_extent(struct tocsin_history *h, struct tocsin_history_extent *ret,
			  struct tocsin_error *err);

#endif
