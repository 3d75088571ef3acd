/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside monitor/: the database of a history.
 *
 * event is what happened, in the order of time, small: it refers to rows of guest, process and
 * socket, which are told once for each form that they were seen in, and those to text, which holds
 * every string once. finding and account are the rest of an event of their kind, under its key.
 *
 * A row's last is the time of the latest event that refers to it, itself or by another row, in
 * steps of about a second. Events go the oldest first, so a row whose last is older than the oldest
 * event is referred to by none: nothing needs counting, and what goes is found by an index.
 *
 * 64-bit numbers are kept as SQLite's, which are signed: the same bits. 0 in places where it means
 * "not known" is NULL, which takes no room.
 */
#ifndef TOCSIN_MONITOR_HISTORY_DB_H
#define TOCSIN_MONITOR_HISTORY_DB_H

#include "base/error.h"
#include "monitor/history.h"
#include "store/store.h"

#define HISTORY_APPLICATION_ID 0x54435348 /* "TCSH" */
#define HISTORY_VERSION 1

/* Nanoseconds as rows keep them in last. */
#define HISTORY_LAST(time) ((time) >> 30)

/* A statement is prepared when it is first used, and kept. */
enum history_statement {
	/* writing */
	S_BEGIN,
	S_COMMIT,
	S_ROLLBACK,
	S_TEXT_FIND,
	S_TEXT_ADD,
	S_TEXT_LAST,
	S_GUEST_FIND,
	S_GUEST_ADD,
	S_GUEST_LAST,
	S_PROCESS_FIND,
	S_PROCESS_ADD,
	S_PROCESS_LAST,
	S_SOCKET_FIND,
	S_SOCKET_ADD,
	S_SOCKET_LAST,
	S_EVENT_SEQUENCE,
	S_EVENT_ADD,
	S_FINDING_ADD,
	S_ACCOUNT_ADD,
	/* letting go */
	S_FIRST_TIME,
	S_NTH_TIME,
	S_EVENT_DELETE,
	S_FINDING_DELETE,
	S_ACCOUNT_DELETE,
	S_PROCESS_DELETE,
	S_SOCKET_DELETE,
	S_GUEST_DELETE,
	S_TEXT_DELETE,
	S_PAGES,
	S_FREE_PAGES,
	S_PAGE_SIZE,
	/* reading */
	S_SNAPSHOT,
	S_GUEST,
	S_PROCESS,
	S_OTHER, /* the same as PROCESS: both rows are in use at a time */
	S_SOCKET,
	S_FINDING,
	S_ACCOUNT,
	S_EXTENT,
	S_COUNT
};

struct tocsin_history {
	struct tocsin_store store;
	sqlite3_stmt *statements[S_COUNT];
	struct tocsin_history_settings settings;
	uint64_t retry;      /* when somebody else's lock is tried again, of the monotonic clock */
	bool open;           /* there is a transaction of ours */
	unsigned int events; /* in it */
	uint64_t began;      /* nanoseconds of the monotonic clock */
	uint64_t newest;     /* the latest time of an event added here */
	uint64_t time;       /* of the last event added; its number among those of that time */
	int64_t sequence;
};

/* err is never NULL inside; what is called from outside has one of its own. */

/* The text of a statement. */
const char *tocsin_history_sql(enum history_statement s);

/* The statement, reset and ready to be bound; NULL: err says why. */
sqlite3_stmt *tocsin_history_statement(struct tocsin_history *h, enum history_statement s,
				       struct tocsin_error *err);

/* What SQLite's code means as a negative errno, with its message. */
int tocsin_history_failed(struct tocsin_history *h, int code, struct tocsin_error *err);

/* Step a statement that returns no row. */
int tocsin_history_run(struct tocsin_history *h, sqlite3_stmt *s, struct tocsin_error *err);

/* The same of one without parameters. */
int tocsin_history_do(struct tocsin_history *h, enum history_statement s, struct tocsin_error *err);

/* bytes outlive the step. Bytes of size 0 are not NULL. */
void tocsin_history_bind_bytes(sqlite3_stmt *s, int at, const void *bytes, size_t size);

/* A statement without parameters that returns one number. */
int tocsin_history_number(struct tocsin_history *h, enum history_statement s, int64_t *ret,
			  struct tocsin_error *err);

/* Bytes of the pages that are in use. */
int tocsin_history_used(struct tocsin_history *h, uint64_t *ret, struct tocsin_error *err);

#endif
