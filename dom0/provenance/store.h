/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A graph in a file: an SQLite database of segments, each a graph of its own time in few bytes
 * (segment.h). What is older than max_age, or does not fit in max_bytes, goes, the oldest first.
 *
 * One writer, any number of readers at the same time. The segment that is being built is written
 * anew within TOCSIN_TRACE_STORE_DELAY of an event that is taken after it, and at once with a
 * finding; what came later is lost when the writer dies. One store is for one thread at a time.
 */
#ifndef TOCSIN_PROVENANCE_STORE_H
#define TOCSIN_PROVENANCE_STORE_H

#include "provenance/graph.h"

/* A domain's graph is the file of its name in this folder. */
#define TOCSIN_TRACE_FOLDER "/var/lib/tocsin/graphs"
#define TOCSIN_TRACE_PATH 512

/* Its path, there or not; false: one of this name has none. */
bool tocsin_trace_store_path(const char *domain, char path[TOCSIN_TRACE_PATH]);

#define TOCSIN_TRACE_STORE_DELAY 5 /* seconds */

struct tocsin_trace_store;

struct tocsin_trace_store_settings {
	uint64_t max_age;   /* nanoseconds before the latest event, within a 16th; 0: no bound */
	uint64_t max_bytes; /* of the database's pages in use, at least 1 MiB; 0: no bound */
	uint32_t edges;     /* of a segment; 0: 16384. More are smaller, and longer in memory */
};

/*
 * settings: with them it is created if need be, and written to; NULL: only read, and -ENOENT if it
 * is not there; nothing is made beside it. -EPROTO: no graph of ours, of a later version, or
 * damaged.
 */
int tocsin_trace_store_open(const char *path, const struct tocsin_trace_store_settings *settings,
			    struct tocsin_trace_store **ret, struct tocsin_error *err);
void tocsin_trace_store_close(struct tocsin_trace_store *s); /* NULL is no error; flushes */

/*
 * Take an event; a tocsin_trace_take, with the store as context. As tocsin_provenance_take, and
 * -EIO, -ENOSPC, -EBUSY, ...: it is in memory, and what is there could not be written to the file,
 * which is tried again from time to time. -ENOBUFS: so much waits for that that it was not taken.
 */
int tocsin_trace_store_take(const struct tocsin_trace_event *e, void *store);
/* Did the last attempt to write succeed? */
bool tocsin_trace_store_is_written(const struct tocsin_trace_store *s);
int tocsin_trace_store_flush(struct tocsin_trace_store *s, struct tocsin_error *err);

/* All that is of [since, until] (0: no bound), as one graph, freed by the caller; settings of it
 * may be NULL. A segment that is damaged is a gap; -EPROTO: all are. -E2BIG: more than they allow.
 */
int tocsin_trace_store_load(struct tocsin_trace_store *s, uint64_t since, uint64_t until,
			    const struct tocsin_provenance_settings *settings,
			    struct tocsin_provenance **ret, struct tocsin_error *err);

struct tocsin_trace_store_extent {
	uint64_t first, last; /* times of events; 0: there is none */
	uint64_t events, segments, bytes;
};

int tocsin_trace_store_extent(struct tocsin_trace_store *s, struct tocsin_trace_store_extent *ret,
			      struct tocsin_error *err);

#endif
