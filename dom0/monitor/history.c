// SPDX-License-Identifier: GPL-2.0-or-later
/* Histories are opened and closed here; every row is checked when it is read (history_read.c). */
#include "monitor/history_db.h"

#include <errno.h>
#include <stdlib.h>

#define LEAST_BYTES (1u << 20)
#define LONGEST_VALUE (1 << 20)

static const char *const schema[] = {
    "CREATE TABLE text (id INTEGER PRIMARY KEY, last INTEGER NOT NULL, "
    "bytes BLOB NOT NULL UNIQUE)",
    "CREATE INDEX text_last ON text (last)",
    "CREATE TABLE guest (id INTEGER PRIMARY KEY, last INTEGER NOT NULL, name INTEGER NOT NULL, "
    "boot INTEGER NOT NULL)",
    "CREATE TABLE process (id INTEGER PRIMARY KEY, last INTEGER NOT NULL, guest INTEGER NOT NULL, "
    "pid INTEGER NOT NULL, start_time INTEGER NOT NULL, ppid INTEGER NOT NULL, "
    "parent_start_time INTEGER, uid INTEGER NOT NULL, euid INTEGER NOT NULL, "
    "flags INTEGER NOT NULL, comm INTEGER NOT NULL, exe INTEGER NOT NULL, "
    "cmdline INTEGER NOT NULL, container INTEGER NOT NULL, confidence INTEGER NOT NULL)",
    "CREATE INDEX process_last ON process (last)",
    "CREATE INDEX process_identity ON process (guest, pid, start_time)",
    "CREATE TABLE socket (id INTEGER PRIMARY KEY, last INTEGER NOT NULL, guest INTEGER NOT NULL, "
    "number INTEGER NOT NULL, seen INTEGER NOT NULL, direction INTEGER NOT NULL, "
    "sock INTEGER NOT NULL, inode INTEGER NOT NULL, family INTEGER NOT NULL, "
    "type INTEGER NOT NULL, protocol INTEGER NOT NULL, owner INTEGER NOT NULL, "
    "uid INTEGER NOT NULL, netns INTEGER NOT NULL, interface INTEGER NOT NULL, local BLOB, "
    "remote BLOB, local_port INTEGER NOT NULL, remote_port INTEGER NOT NULL, name BLOB, "
    "peer INTEGER NOT NULL, port_id INTEGER NOT NULL, groups INTEGER NOT NULL)",
    "CREATE INDEX socket_last ON socket (last)",
    "CREATE INDEX socket_identity ON socket (guest, number)",
    "CREATE TABLE event (time INTEGER NOT NULL, seq INTEGER NOT NULL, ago INTEGER, "
    "kind INTEGER NOT NULL, initial INTEGER NOT NULL, guest INTEGER NOT NULL, process INTEGER, "
    "other INTEGER, socket INTEGER, fd INTEGER, detail BLOB, state INTEGER, "
    "receive_queue INTEGER, send_queue INTEGER, sent INTEGER, received INTEGER, idle INTEGER, "
    "confidence INTEGER, PRIMARY KEY (time, seq)) WITHOUT ROWID",
    "CREATE TABLE finding (time INTEGER NOT NULL, seq INTEGER NOT NULL, scanner BLOB NOT NULL, "
    "rule BLOB NOT NULL, severity INTEGER NOT NULL, certainty INTEGER NOT NULL, "
    "technique BLOB NOT NULL, first INTEGER NOT NULL, beyond INTEGER NOT NULL, "
    "evidence BLOB NOT NULL, code BLOB NOT NULL, what BLOB NOT NULL, why BLOB NOT NULL, "
    "PRIMARY KEY (time, seq)) WITHOUT ROWID",
    "CREATE TABLE account (time INTEGER NOT NULL, seq INTEGER NOT NULL, samples INTEGER NOT NULL, "
    "failed INTEGER NOT NULL, period INTEGER NOT NULL, longest INTEGER NOT NULL, "
    "cost INTEGER NOT NULL, processes INTEGER NOT NULL, sockets INTEGER NOT NULL, "
    "started INTEGER NOT NULL, forks INTEGER, connected INTEGER NOT NULL, opens INTEGER, "
    "strangers INTEGER NOT NULL, torn INTEGER NOT NULL, PRIMARY KEY (time, seq)) WITHOUT ROWID",
};

static const struct tocsin_store_form form = {.what = "history",
					      .application = HISTORY_APPLICATION_ID,
					      .version = HISTORY_VERSION,
					      .schema = schema,
					      .count = sizeof(schema) / sizeof(schema[0]),
					      .longest = LONGEST_VALUE};

int tocsin_history_failed(struct tocsin_history *h, int code, struct tocsin_error *err)
{
	return tocsin_store_failed(&h->store, code, err);
}

sqlite3_stmt *tocsin_history_statement(struct tocsin_history *h, enum history_statement s,
				       struct tocsin_error *err)
{
	int rc;

	if (h->statements[s]) {
		sqlite3_reset(h->statements[s]);
		return h->statements[s];
	}
	rc = sqlite3_prepare_v3(h->store.db, tocsin_history_sql(s), -1, SQLITE_PREPARE_PERSISTENT,
				&h->statements[s], NULL);
	if (rc != SQLITE_OK) {
		tocsin_history_failed(h, rc, err);
		return NULL;
	}
	return h->statements[s];
}

int tocsin_history_run(struct tocsin_history *h, sqlite3_stmt *s, struct tocsin_error *err)
{
	int rc = sqlite3_step(s);

	if (rc == SQLITE_DONE || rc == SQLITE_ROW)
		rc = sqlite3_reset(s);
	if (rc == SQLITE_OK)
		return 0;
	rc = tocsin_history_failed(h, rc, err);
	sqlite3_reset(s);
	return rc;
}

int tocsin_history_do(struct tocsin_history *h, enum history_statement s, struct tocsin_error *err)
{
	sqlite3_stmt *q = tocsin_history_statement(h, s, err);

	return q ? tocsin_history_run(h, q, err) : err->code;
}

void tocsin_history_bind_bytes(sqlite3_stmt *s, int at, const void *bytes, size_t size)
{
	sqlite3_bind_blob64(s, at, size ? bytes : "", size, SQLITE_STATIC);
}

int tocsin_history_number(struct tocsin_history *h, enum history_statement s, int64_t *ret,
			  struct tocsin_error *err)
{
	sqlite3_stmt *q = tocsin_history_statement(h, s, err);
	int rc;

	if (!q)
		return err->code;
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(q, 0);
	else if (rc == SQLITE_DONE)
		*ret = 0;
	else
		rc = tocsin_history_failed(h, rc, err);
	sqlite3_reset(q);
	return rc < 0 ? rc : 0;
}

int tocsin_history_used(struct tocsin_history *h, uint64_t *ret, struct tocsin_error *err)
{
	int64_t pages = 0, unused = 0, size = 0;
	int rc = tocsin_history_number(h, S_PAGES, &pages, err);

	if (!rc)
		rc = tocsin_history_number(h, S_FREE_PAGES, &unused, err);
	if (!rc)
		rc = tocsin_history_number(h, S_PAGE_SIZE, &size, err);
	if (!rc)
		*ret = (uint64_t)(pages - unused) * (uint64_t)size;
	return rc;
}

int tocsin_history_open(const char *path, const struct tocsin_history_settings *settings,
			struct tocsin_history **ret, struct tocsin_error *err)
{
	struct tocsin_history *h;
	int rc;

	if (settings && settings->max_bytes && settings->max_bytes < LEAST_BYTES)
		return tocsin_error_set(err, -EINVAL, "%s: a history takes at least %u bytes", path,
					LEAST_BYTES);
	h = calloc(1, sizeof(*h));
	if (!h)
		return tocsin_error_set(err, -ENOMEM, "no memory for the history");
	if (settings)
		h->settings = *settings;
	rc = tocsin_store_open(&form, path, settings != NULL, &h->store, err);
	if (rc) {
		free(h);
		return rc;
	}
	*ret = h;
	return 0;
}

void tocsin_history_close(struct tocsin_history *h)
{
	if (!h)
		return;
	if (h->store.writable)
		tocsin_history_flush(h, NULL);
	for (size_t i = 0; i < S_COUNT; i++)
		sqlite3_finalize(h->statements[i]);
	tocsin_store_close(&h->store);
	free(h);
}

int tocsin_history_extent(struct tocsin_history *h, struct tocsin_history_extent *ret,
			  struct tocsin_error *err)
{
	struct tocsin_error own = {0};
	uint64_t bytes = 0;
	sqlite3_stmt *s;
	int rc = tocsin_history_flush(h, &own);

	if (!rc)
		rc = tocsin_history_used(h, &bytes, &own);
	s = rc ? NULL : tocsin_history_statement(h, S_EXTENT, &own);
	if (s) {
		rc = sqlite3_step(s);
		if (rc == SQLITE_ROW)
			*ret = (struct tocsin_history_extent){
			    .first = (uint64_t)sqlite3_column_int64(s, 0),
			    .last = (uint64_t)sqlite3_column_int64(s, 1),
			    .events = (uint64_t)sqlite3_column_int64(s, 2),
			    .processes = (uint64_t)sqlite3_column_int64(s, 3),
			    .sockets = (uint64_t)sqlite3_column_int64(s, 4),
			    .bytes = bytes};
		else
			tocsin_history_failed(h, rc, &own);
		sqlite3_reset(s);
	}
	return own.code ? tocsin_error_set(err, own.code, "%s", own.message) : 0;
}
