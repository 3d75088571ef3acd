/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/state.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APPLICATION_ID 0x54435344 /* "TCSD" */
#define VERSION 1
#define BUSY_MS 2000

enum statement {
	S_BEGIN,
	S_COMMIT,
	S_ROLLBACK,
	S_COUNTER,
	S_SET_COUNTER,
	S_GUESTS,
	S_SWITCH,
	S_TICKET,
	S_PENDINGS,
	S_ADD,
	S_ATTEMPT,
	S_REMOVE,
	S_COUNT
};

static const char *const statements[S_COUNT] = {
    [S_BEGIN] = "BEGIN IMMEDIATE",
    [S_COMMIT] = "COMMIT",
    [S_ROLLBACK] = "ROLLBACK",
    [S_COUNTER] = "SELECT value FROM counter WHERE name = ?1",
    [S_SET_COUNTER] = "INSERT INTO counter (name, value) VALUES (?1, ?2) "
		      "ON CONFLICT (name) DO UPDATE SET value = ?2",
    [S_GUESTS] = "SELECT uuid, domid, rate, ticket FROM guest",
    [S_SWITCH] = "INSERT INTO guest (uuid, domid, rate) VALUES (?1, ?2, ?3) ON CONFLICT (uuid) DO "
		 "UPDATE SET ticket = CASE WHEN domid = ?2 THEN ticket END, domid = ?2, rate = ?3",
    [S_TICKET] = "INSERT INTO guest (uuid, domid, rate, ticket) VALUES (?1, ?2, 0, ?3) "
		 "ON CONFLICT (uuid) DO UPDATE SET domid = ?2, ticket = ?3",
    [S_PENDINGS] = "SELECT id, uuid, attempts, cpu, tsc, record FROM pending ORDER BY id",
    [S_ADD] = "INSERT OR REPLACE INTO pending (id, uuid, attempts, cpu, tsc, record) "
	      "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [S_ATTEMPT] = "UPDATE pending SET attempts = ?2 WHERE id = ?1",
    [S_REMOVE] = "DELETE FROM pending WHERE id = ?1",
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS guest (uuid BLOB PRIMARY KEY, domid INTEGER, rate INTEGER,"
    " ticket INTEGER) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS pending (id INTEGER PRIMARY KEY, uuid BLOB, attempts INTEGER,"
    " cpu INTEGER, tsc INTEGER, record BLOB);"
    "CREATE TABLE IF NOT EXISTS boot (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), id TEXT);";

struct tocsin_daemon_state {
	sqlite3 *db;
	sqlite3_stmt *statements[S_COUNT];
	bool open; /* there is a transaction */
	char error[256];
};

static int to_errno(int code)
{
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_CANTOPEN:
		return -ENOENT;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return -EACCES;
	default:
		return -EIO;
	}
}

/* A transaction in which something failed goes as a whole. */
static int failed(struct tocsin_daemon_state *s, int code)
{
	snprintf(s->error, sizeof(s->error), "%s", sqlite3_errmsg(s->db));
	if (!sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	s->open = false;
	return to_errno(code);
}

static sqlite3_stmt *statement(struct tocsin_daemon_state *s, enum statement i)
{
	if (!s->statements[i] &&
	    sqlite3_prepare_v3(s->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
			       &s->statements[i], NULL) != SQLITE_OK)
		return NULL;
	sqlite3_reset(s->statements[i]);
	return s->statements[i];
}

static int run(struct tocsin_daemon_state *s, sqlite3_stmt *st)
{
	int code = sqlite3_step(st);

	sqlite3_reset(st);
	return code == SQLITE_DONE || code == SQLITE_ROW ? 0 : failed(s, code);
}

/* A statement that changes something, ready to be bound; NULL: failed. */
static sqlite3_stmt *change(struct tocsin_daemon_state *s, enum statement i)
{
	sqlite3_stmt *st;

	if (!s->open) {
		st = statement(s, S_BEGIN);
		if (!st || run(s, st))
			return NULL;
		s->open = true;
	}
	return statement(s, i);
}

/* ---- opening ---- */

static int execute(struct tocsin_daemon_state *s, const char *sql)
{
	int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : failed(s, code);
}

static int64_t pragma(struct tocsin_daemon_state *s, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int64_t value = -1;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		value = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return value;
}

static bool is_whole(struct tocsin_daemon_state *s)
{
	sqlite3_stmt *st = NULL;
	bool whole =
	    sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW &&
	    !strcmp((const char *)sqlite3_column_text(st, 0), "ok");

	sqlite3_finalize(st);
	return whole;
}

/* Another boot of the machine: its domains are other ones. */
static int forget_other_boots(struct tocsin_daemon_state *s)
{
	char id[64] = "";
	sqlite3_stmt *st = NULL;
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	bool same;

	if (f) {
		if (!fgets(id, sizeof(id), f))
			id[0] = '\0';
		fclose(f);
	}
	same = sqlite3_prepare_v2(s->db, "SELECT id FROM boot", -1, &st, NULL) == SQLITE_OK &&
	       sqlite3_step(st) == SQLITE_ROW &&
	       !strcmp((const char *)sqlite3_column_text(st, 0), id);
	sqlite3_finalize(st);
	if (same)
		return 0;
	if (execute(s, "DELETE FROM pending; UPDATE guest SET domid = 0, ticket = NULL;") ||
	    sqlite3_prepare_v2(s->db, "INSERT OR REPLACE INTO boot VALUES (1, ?1)", -1, &st, NULL))
		return failed(s, SQLITE_ERROR);
	sqlite3_bind_text(st, 1, id, -1, SQLITE_STATIC);
	same = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_finalize(st);
	return same ? 0 : failed(s, SQLITE_ERROR);
}

static int set_up(struct tocsin_daemon_state *s)
{
	int64_t id = pragma(s, "PRAGMA application_id"), version = pragma(s, "PRAGMA user_version");
	char marks[80];

	if ((id != 0 && id != APPLICATION_ID) || (id && version != VERSION) || !is_whole(s)) {
		snprintf(s->error, sizeof(s->error), "it is damaged, or no state of this version");
		return -EBADMSG;
	}
	snprintf(marks, sizeof(marks), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
		 APPLICATION_ID, VERSION);
	if (execute(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; "
		       "PRAGMA wal_autocheckpoint = 512;") ||
	    execute(s, schema) || execute(s, marks))
		return -EIO;
	return forget_other_boots(s);
}

static int open_file(const char *path, struct tocsin_daemon_state *s)
{
	int code = sqlite3_open_v2(path, &s->db,
				   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
				       SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
				   NULL);
	int rc;

	if (code != SQLITE_OK)
		return failed(s, code);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	rc = set_up(s);
	if (!rc)
		s->error[0] = '\0';
	return rc;
}

static void close_file(struct tocsin_daemon_state *s)
{
	for (size_t i = 0; i < S_COUNT; i++) {
		sqlite3_finalize(s->statements[i]);
		s->statements[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
	s->open = false;
}

/* Out of the way, with what belongs to it. */
static int set_aside(const char *path)
{
	static const char *const parts[] = {"", "-wal", "-shm"};
	char from[PATH_MAX], to[PATH_MAX];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (snprintf(from, sizeof(from), "%s%s", path, parts[i]) >= (int)sizeof(from) ||
		    snprintf(to, sizeof(to), "%s.damaged%s", path, parts[i]) >= (int)sizeof(to))
			return -ENAMETOOLONG;
		if (rename(from, to) && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int tocsin_daemon_state_open(const char *path, struct tocsin_daemon_state **ret,
			     struct tocsin_error *err)
{
	struct tocsin_daemon_state *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return tocsin_error_set(err, -ENOMEM, "no memory for the state");
	rc = open_file(path, s);
	if (rc == -EBADMSG) {
		close_file(s);
		fprintf(stderr,
			"tocsind: the state %s cannot be used (%s): begun anew; it is kept "
			"as %s.damaged\n",
			path, s->error, path);
		rc = set_aside(path);
		if (!rc)
			rc = open_file(path, s);
	}
	if (rc) {
		tocsin_error_set(err, rc, "cannot open the state %s: %s", path,
				 s->error[0] ? s->error : strerror(-rc));
		tocsin_daemon_state_close(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void tocsin_daemon_state_close(struct tocsin_daemon_state *s)
{
	if (!s)
		return;
	close_file(s);
	free(s);
}

bool tocsin_daemon_state_is_open(const struct tocsin_daemon_state *s)
{
	return s && s->open;
}

const char *tocsin_daemon_state_error(const struct tocsin_daemon_state *s)
{
	return s ? s->error : "";
}

/* ---- reading ---- */

int tocsin_daemon_state_counters(struct tocsin_daemon_state *s, struct tocsin_tally *ret)
{
	uint64_t *value;
	const char *name;

	for (unsigned int i = 0; s && (value = tocsin_counter(ret, i, &name)); i++) {
		sqlite3_stmt *st = statement(s, S_COUNTER);
		int code;

		if (!st)
			return failed(s, SQLITE_ERROR);
		sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
		code = sqlite3_step(st);
		if (code == SQLITE_ROW)
			*value = (uint64_t)sqlite3_column_int64(st, 0);
		else if (code != SQLITE_DONE)
			return failed(s, code);
		sqlite3_reset(st);
	}
	return 0;
}

/* A column of so many bytes; false: it has another size. */
static bool get_blob(sqlite3_stmt *st, int column, void *to, size_t size)
{
	const void *bytes = sqlite3_column_blob(st, column);

	if (!bytes || (size_t)sqlite3_column_bytes(st, column) != size)
		return false;
	memcpy(to, bytes, size);
	return true;
}

int tocsin_daemon_state_guests(struct tocsin_daemon_state *s,
			       void (*each)(void *context,
					    const struct tocsin_daemon_state_guest *g),
			       void *context)
{
	sqlite3_stmt *st = s ? statement(s, S_GUESTS) : NULL;
	int code;

	if (!st)
		return s ? failed(s, SQLITE_ERROR) : 0;
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct tocsin_daemon_state_guest g = {
		    .domid = (uint32_t)sqlite3_column_int64(st, 1),
		    .rate = (uint32_t)sqlite3_column_int64(st, 2),
		    .last_ticket = (uint32_t)sqlite3_column_int64(st, 3),
		    .has_ticket = sqlite3_column_type(st, 3) == SQLITE_INTEGER};

		if (get_blob(st, 0, g.uuid, sizeof(g.uuid)))
			each(context, &g);
	}
	sqlite3_reset(st);
	return code == SQLITE_DONE ? 0 : failed(s, code);
}

int tocsin_daemon_state_pendings(struct tocsin_daemon_state *s,
				 void (*each)(void *context,
					      const struct tocsin_daemon_state_pending *p),
				 void *context)
{
	sqlite3_stmt *st = s ? statement(s, S_PENDINGS) : NULL;
	int code;

	if (!st)
		return s ? failed(s, SQLITE_ERROR) : 0;
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		struct tocsin_daemon_state_pending p = {
		    .id = (uint64_t)sqlite3_column_int64(st, 0),
		    .attempts = (uint8_t)sqlite3_column_int64(st, 2),
		    .event = {.kind = TOCSIN_EVENT_TRIGGER,
			      .cpu = (uint16_t)sqlite3_column_int64(st, 3),
			      .tsc = (uint64_t)sqlite3_column_int64(st, 4)}};

		if (get_blob(st, 1, p.uuid, sizeof(p.uuid)) &&
		    get_blob(st, 5, &p.event.record, sizeof(p.event.record)))
			each(context, &p);
	}
	sqlite3_reset(st);
	return code == SQLITE_DONE ? 0 : failed(s, code);
}

/* ---- writing ---- */

int tocsin_daemon_state_add(struct tocsin_daemon_state *s,
			    const struct tocsin_daemon_state_pending *p)
{
	sqlite3_stmt *st = s ? change(s, S_ADD) : NULL;

	if (!st)
		return s ? failed(s, SQLITE_ERROR) : 0;
	sqlite3_bind_int64(st, 1, (int64_t)p->id);
	sqlite3_bind_blob(st, 2, p->uuid, sizeof(p->uuid), SQLITE_STATIC);
	sqlite3_bind_int(st, 3, p->attempts);
	sqlite3_bind_int(st, 4, p->event.cpu);
	sqlite3_bind_int64(st, 5, (int64_t)p->event.tsc);
	sqlite3_bind_blob(st, 6, &p->event.record, sizeof(p->event.record), SQLITE_STATIC);
	return run(s, st);
}

int tocsin_daemon_state_attempt(struct tocsin_daemon_state *s, uint64_t id, uint8_t attempts)
{
	sqlite3_stmt *st = s ? change(s, S_ATTEMPT) : NULL;

	if (!st)
		return s ? failed(s, SQLITE_ERROR) : 0;
	sqlite3_bind_int64(st, 1, (int64_t)id);
	sqlite3_bind_int(st, 2, attempts);
	return run(s, st);
}

int tocsin_daemon_state_remove(struct tocsin_daemon_state *s, uint64_t id)
{
	sqlite3_stmt *st = s ? change(s, S_REMOVE) : NULL;

	if (!st)
		return s ? failed(s, SQLITE_ERROR) : 0;
	sqlite3_bind_int64(st, 1, (int64_t)id);
	return run(s, st);
}

static int set_guest(struct tocsin_daemon_state *s, enum statement which, const uint8_t uuid[16],
		     uint32_t domid, uint32_t value)
{
	sqlite3_stmt *st = s ? change(s, which) : NULL;

	if (!st)
		return s ? failed(s, SQLITE_ERROR) : 0;
	sqlite3_bind_blob(st, 1, uuid, 16, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, domid);
	sqlite3_bind_int64(st, 3, value);
	return run(s, st);
}

int tocsin_daemon_state_switch(struct tocsin_daemon_state *s, const uint8_t uuid[16],
			       uint32_t domid, uint32_t rate)
{
	return set_guest(s, S_SWITCH, uuid, domid, rate);
}

int tocsin_daemon_state_ticket(struct tocsin_daemon_state *s, const uint8_t uuid[16],
			       uint32_t domid, uint32_t ticket)
{
	return set_guest(s, S_TICKET, uuid, domid, ticket);
}

int tocsin_daemon_state_commit(struct tocsin_daemon_state *s, const struct tocsin_tally *counters,
			       bool force)
{
	struct tocsin_tally copy = *counters;
	uint64_t *value;
	const char *name;
	sqlite3_stmt *st;
	int rc = 0;

	if (!s || (!s->open && !force))
		return 0;
	for (unsigned int i = 0; force && !rc && (value = tocsin_counter(&copy, i, &name)); i++) {
		st = change(s, S_SET_COUNTER);
		if (!st)
			return failed(s, SQLITE_ERROR);
		sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 2, (int64_t)*value);
		rc = run(s, st);
	}
	st = rc ? NULL : statement(s, S_COMMIT);
	if (!st)
		return rc ? rc : failed(s, SQLITE_ERROR);
	rc = run(s, st);
	s->open = false;
	return rc;
}
