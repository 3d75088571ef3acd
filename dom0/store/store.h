/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A database file of ours. It is hostile like all else that is read: it has to have exactly the
 * tables of its form, so that nothing in it is executed; its rows are for its reader to check. It
 * is its owner's only.
 *
 * One writer, any number of readers at the same time: while it is written to there is a write-ahead
 * log beside it, which is gone when its writer has closed it. A reader makes nothing beside it.
 */
#ifndef TOCSIN_STORE_H
#define TOCSIN_STORE_H

#include "tocsin.h"

#include <sqlite3.h>

struct tocsin_store_form {
	const char *what; /* in what is said: "history" */
	int application, version;
	const char *const *schema; /* statements that make it */
	size_t count;
	int longest; /* bytes of a value */
};

struct tocsin_store {
	const struct tocsin_store_form *form;
	sqlite3 *db;
	bool writable;
	int claim; /* a descriptor of the file that says who writes to it; -1 */
};

/*
 * write: it is created if need be; else -ENOENT if it is not there. -EPROTO: it is not of this
 * form, of a later version, or damaged. -EBUSY: somebody writes to it. Closed by the caller, when
 * its statements are finalized.
 */
int tocsin_store_open(const struct tocsin_store_form *form, const char *path, bool write,
		      struct tocsin_store *ret, struct tocsin_error *err);
void tocsin_store_close(struct tocsin_store *h);

/* What SQLite's code means as a negative errno, with its message. err may be NULL, as below. */
int tocsin_store_failed(struct tocsin_store *h, int code, struct tocsin_error *err);

/* Statements without parameters and rows. */
int tocsin_store_execute(struct tocsin_store *h, const char *sql, struct tocsin_error *err);

/* The one number that sql returns. */
int tocsin_store_ask(struct tocsin_store *h, const char *sql, int64_t *ret,
		     struct tocsin_error *err);

#endif
