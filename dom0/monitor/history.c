// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Histories are opened and closed here. A database file is hostile like all else that is read: it
 * has to have exactly the tables that are made here, so that nothing in it is executed, and every
 * row is checked when it is read (history_read.c).
 */
#include "monitor/history_db.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEAST_BYTES (1u << 20)
#define BUSY_MILLISECONDS 5000 /* to open it; events do not wait so long */
#define BUSY_EVENT_MILLISECONDS 100
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

#define SCHEMA (sizeof(schema) / sizeof(schema[0]))

int tocsin_history_failed(struct tocsin_history *h, int code, struct tocsin_error *err)
{
	int system = sqlite3_system_errno(h->db), rc = -EIO;

	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return tocsin_error_set(err, -ENOMEM, "no memory for the history");
	case SQLITE_FULL:
		rc = -ENOSPC;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return tocsin_error_set(err, -EBUSY, "somebody else writes to the history");
	case SQLITE_READONLY:
		rc = -EROFS;
		break;
	case SQLITE_NOTADB:
		return tocsin_error_set(err, -EPROTO, "not a history: no SQLite database");
	case SQLITE_CORRUPT:
		return tocsin_error_set(err, -EPROTO, "the history is damaged: %s",
					sqlite3_errmsg(h->db));
	case SQLITE_CANTOPEN:
	case SQLITE_IOERR:
		rc = system ? -system : -EIO;
		break;
	default:
		break;
	}
	return tocsin_error_set(err, rc, "%s%s%s", sqlite3_errmsg(h->db), system ? ": " : "",
				system ? strerror(system) : "");
}

sqlite3_stmt *tocsin_history_statement(struct tocsin_history *h, enum history_statement s,
				       struct tocsin_error *err)
{
	int rc;

	if (h->statements[s]) {
		sqlite3_reset(h->statements[s]);
		return h->statements[s];
	}
	rc = sqlite3_prepare_v3(h->db, tocsin_history_sql(s), -1, SQLITE_PREPARE_PERSISTENT,
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

static int execute(struct tocsin_history *h, const char *sql, struct tocsin_error *err)
{
	int rc = sqlite3_exec(h->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : tocsin_history_failed(h, rc, err);
}

/* The one number that sql returns. */
static int ask(struct tocsin_history *h, const char *sql, int64_t *ret, struct tocsin_error *err)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(h->db, sql, -1, &s, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	rc = rc == SQLITE_ROW ? 0 : tocsin_history_failed(h, rc, err);
	sqlite3_finalize(s);
	return rc;
}

static int create(struct tocsin_history *h, struct tocsin_error *err)
{
	char identity[96];
	int rc = execute(h, "PRAGMA auto_vacuum = INCREMENTAL; BEGIN IMMEDIATE", err);

	for (size_t i = 0; i < SCHEMA && !rc; i++)
		rc = execute(h, schema[i], err);
	snprintf(identity, sizeof(identity), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		 HISTORY_APPLICATION_ID, HISTORY_VERSION);
	if (!rc)
		rc = execute(h, identity, err);
	if (!rc)
		rc = execute(h, "COMMIT", err);
	return rc;
}

/* Exactly our tables: no trigger, no view, no expression of somebody else's. */
static int check_schema(struct tocsin_history *h, struct tocsin_error *err)
{
	sqlite3_stmt *s = NULL;
	size_t found = 0;
	int rc = sqlite3_prepare_v2(
	    h->db, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid", -1, &s,
	    NULL);

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		const char *sql;

		rc = sqlite3_step(s);
		if (rc != SQLITE_ROW)
			break;
		sql = (const char *)sqlite3_column_text(s, 0);
		if (!sql || found >= SCHEMA || strcmp(sql, schema[found]) != 0) {
			rc = SQLITE_CORRUPT;
			break;
		}
		found++;
	}
	sqlite3_finalize(s);
	if (rc == SQLITE_DONE && found == SCHEMA)
		return 0;
	if (rc == SQLITE_DONE || rc == SQLITE_CORRUPT)
		return tocsin_error_set(err, -EPROTO,
					"the history is damaged: its tables are not "
					"those of a history");
	return tocsin_history_failed(h, rc, err);
}

/* Is it ours, or empty? */
static int check(struct tocsin_history *h, bool *empty, struct tocsin_error *err)
{
	int64_t application = 0, version = 0, tables = 0;
	int rc = ask(h, "PRAGMA application_id", &application, err);

	if (!rc)
		rc = ask(h, "PRAGMA user_version", &version, err);
	if (!rc)
		rc = ask(h, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (rc)
		return rc;
	*empty = !application && !version && !tables;
	if (*empty)
		return 0;
	if (application != HISTORY_APPLICATION_ID)
		return tocsin_error_set(err, -EPROTO,
					"not a history: a database of another program");
	if (version != HISTORY_VERSION)
		return tocsin_error_set(err, -EPROTO,
					"a history of version %" PRId64 ", and this program knows "
					"version %d",
					version, HISTORY_VERSION);
	return check_schema(h, err);
}

static int configure(struct tocsin_history *h, struct tocsin_error *err)
{
	sqlite3 *db = h->db;

	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, BUSY_MILLISECONDS);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, LONGEST_VALUE);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	return execute(h, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0", err);
}

static int connect_to(struct tocsin_history *h, const char *path, int flags, bool immutable,
		      struct tocsin_error *err)
{
	sqlite3_str *uri = sqlite3_str_new(NULL);
	char *name;
	int rc;

	/* so written, no name means anything but a file */
	sqlite3_str_appendall(uri, path[0] == '/' ? "file://" : "file:./");
	for (const char *c = path; *c; c++)
		sqlite3_str_appendf(uri, strchr("?#%", *c) ? "%%%02x" : "%c", *c);
	if (immutable)
		sqlite3_str_appendall(uri, "?immutable=1");
	name = sqlite3_str_finish(uri);
	if (!name)
		return tocsin_error_set(err, -ENOMEM, "no memory for the history");
	rc = sqlite3_open_v2(name, &h->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
	sqlite3_free(name);
	if (!h->db)
		return tocsin_error_set(err, -ENOMEM, "no memory for the history");
	if (rc != SQLITE_OK)
		return tocsin_history_failed(h, rc, err);
	return configure(h, err);
}

/* Does the file beside path exist, and is it larger than that? */
static bool beside(const char *path, const char *end, off_t size)
{
	char *name = sqlite3_mprintf("%s%s", path, end);
	struct stat st;
	bool there = !name || (!stat(name, &st) && st.st_size > size);

	sqlite3_free(name);
	return there;
}

/*
 * A database that was left in the mode with a write-ahead log, but without one (its writer was not
 * the last to close it, or it was copied): to read it, SQLite would make a log and the log's index.
 * It is read as what it is: a file that nobody writes to. A writer has an index from the beginning.
 */
static bool lies_still(struct tocsin_history *h, const char *path)
{
	sqlite3_file *file = NULL;
	uint8_t header[20];

	return sqlite3_file_control(h->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK &&
	       file && file->pMethods &&
	       file->pMethods->xRead(file, header, sizeof(header), 0) == SQLITE_OK &&
	       header[18] == 2 && !beside(path, "-wal", 0) && !beside(path, "-shm", -1);
}

static int open_reader(struct tocsin_history *h, const char *path, struct tocsin_error *err)
{
	bool empty = false;
	struct stat st;
	int rc;

	if (stat(path, &st) || access(path, R_OK))
		return tocsin_error_set(err, -errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return tocsin_error_set(err, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL, "%s",
					S_ISDIR(st.st_mode) ? "it is a folder; a history is a file"
							    : "it is not a file");
	rc = connect_to(h, path, SQLITE_OPEN_READONLY, false, err);
	if (!rc && lies_still(h, path)) {
		sqlite3_close(h->db);
		h->db = NULL;
		rc = connect_to(h, path, SQLITE_OPEN_READONLY, true, err);
	}
	if (!rc)
		rc = check(h, &empty, err);
	if (!rc && empty)
		rc = tocsin_error_set(err, -EPROTO, "not a history: an empty file");
	return rc;
}

/*
 * Make the file if need be, and claim it. One watch writes to a history: two would wait for each
 * other at every event. The claim is kept until the database is closed, because closing any
 * descriptor of the file gives up SQLite's locks.
 */
static int claim(struct tocsin_history *h, const char *path, struct tocsin_error *err)
{
	struct stat st;

	/* arguments of all processes are nobody else's business */
	h->claim = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (h->claim < 0 && errno == EEXIST)
		h->claim = open(path, O_RDWR | O_CLOEXEC);
	if (h->claim < 0 && errno == ENOENT)
		return tocsin_error_set(err, -ENOENT, "its folder does not exist");
	if (h->claim < 0 && errno == EISDIR)
		return tocsin_error_set(err, -EISDIR, "it is a folder; name a file in it");
	if (h->claim < 0 || fstat(h->claim, &st))
		return tocsin_error_set(err, -errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return tocsin_error_set(err, -EINVAL, "it is not a file");
	if (flock(h->claim, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		return tocsin_error_set(err, -EBUSY, "another watch writes to it");
	return 0; /* where there are no such locks, SQLite's own have to do */
}

static int open_writer(struct tocsin_history *h, const char *path, struct tocsin_error *err)
{
	bool empty = false;
	int rc;

	if (h->settings.max_bytes && h->settings.max_bytes < LEAST_BYTES)
		return tocsin_error_set(err, -EINVAL, "a history takes at least %u bytes",
					LEAST_BYTES);
	rc = claim(h, path, err);
	if (rc)
		return rc;
	h->writable = true;
	rc = connect_to(h, path, SQLITE_OPEN_READWRITE, false, err);
	if (!rc && sqlite3_db_readonly(h->db, "main") == 1)
		rc = tocsin_error_set(err, -EACCES, "%s", strerror(EACCES));
	if (!rc)
		rc = check(h, &empty, err);
	if (!rc && empty)
		rc = create(h, err);
	if (!rc)
		rc = execute(h,
			     "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; "
			     "PRAGMA journal_size_limit = 4194304; "
			     "SELECT count(*) FROM sqlite_schema", /* makes the log's index */
			     err);
	if (!rc)
		sqlite3_busy_timeout(h->db, BUSY_EVENT_MILLISECONDS);
	return rc;
}

int tocsin_history_open(const char *path, const struct tocsin_history_settings *settings,
			struct tocsin_history **ret, struct tocsin_error *err)
{
	struct tocsin_history *h = calloc(1, sizeof(*h));
	struct tocsin_error own = {0};
	int rc;

	if (!h)
		return tocsin_error_set(err, -ENOMEM, "no memory for the history");
	h->claim = -1;
	if (settings)
		h->settings = *settings;
	rc = settings ? open_writer(h, path, &own) : open_reader(h, path, &own);
	if (rc) {
		tocsin_error_set(err, rc, "%s: %s", path, own.message);
		sqlite3_close(h->db);
		if (h->claim >= 0)
			close(h->claim);
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
	if (h->writable)
		tocsin_history_flush(h, NULL);
	for (size_t i = 0; i < S_COUNT; i++)
		sqlite3_finalize(h->statements[i]);
	if (h->writable) {
		/* without a log, who reads it later has nothing to make; a reader may prevent it */
		sqlite3_busy_timeout(h->db, 0);
		sqlite3_exec(h->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
		sqlite3_exec(h->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	}
	sqlite3_close(h->db);
	if (h->claim >= 0)
		close(h->claim);
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
