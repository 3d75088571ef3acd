// SPDX-License-Identifier: GPL-2.0-or-later
/* Database files of ours are opened, checked and closed here. */
#include "store/store.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MILLISECONDS 5000 /* to open it; what is written does not wait so long */
#define BUSY_EVENT_MILLISECONDS 100

int tocsin_store_failed(struct tocsin_store *h, int code, struct tocsin_error *err)
{
	int system = sqlite3_system_errno(h->db), rc = -EIO;

	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return tocsin_error_set(err, -ENOMEM, "no memory for the %s", h->form->what);
	case SQLITE_FULL:
		rc = -ENOSPC;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return tocsin_error_set(err, -EBUSY, "somebody else writes to the %s",
					h->form->what);
	case SQLITE_READONLY:
		rc = -EROFS;
		break;
	case SQLITE_NOTADB:
		return tocsin_error_set(err, -EPROTO, "not a %s: no SQLite database",
					h->form->what);
	case SQLITE_CORRUPT:
		return tocsin_error_set(err, -EPROTO, "the %s is damaged: %s", h->form->what,
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

int tocsin_store_execute(struct tocsin_store *h, const char *sql, struct tocsin_error *err)
{
	int rc = sqlite3_exec(h->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : tocsin_store_failed(h, rc, err);
}

/* The one number that sql returns. */
int tocsin_store_ask(struct tocsin_store *h, const char *sql, int64_t *ret,
		     struct tocsin_error *err)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(h->db, sql, -1, &s, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	rc = rc == SQLITE_ROW ? 0 : tocsin_store_failed(h, rc, err);
	sqlite3_finalize(s);
	return rc;
}

static int create(struct tocsin_store *h, struct tocsin_error *err)
{
	char identity[96];
	int rc = tocsin_store_execute(h, "PRAGMA auto_vacuum = INCREMENTAL; BEGIN IMMEDIATE", err);

	for (size_t i = 0; i < h->form->count && !rc; i++)
		rc = tocsin_store_execute(h, h->form->schema[i], err);
	snprintf(identity, sizeof(identity), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		 h->form->application, h->form->version);
	if (!rc)
		rc = tocsin_store_execute(h, identity, err);
	if (!rc)
		rc = tocsin_store_execute(h, "COMMIT", err);
	return rc;
}

/* Exactly our tables: no trigger, no view, no expression of somebody else's. */
static int check_schema(struct tocsin_store *h, struct tocsin_error *err)
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
		if (!sql || found >= h->form->count || strcmp(sql, h->form->schema[found]) != 0) {
			rc = SQLITE_CORRUPT;
			break;
		}
		found++;
	}
	sqlite3_finalize(s);
	if (rc == SQLITE_DONE && found == h->form->count)
		return 0;
	if (rc == SQLITE_DONE || rc == SQLITE_CORRUPT)
		return tocsin_error_set(err, -EPROTO,
					"the %s is damaged: its tables are not "
					"those of a %s",
					h->form->what, h->form->what);
	return tocsin_store_failed(h, rc, err);
}

/* Is it ours, or empty? */
static int check(struct tocsin_store *h, bool *empty, struct tocsin_error *err)
{
	int64_t application = 0, version = 0, tables = 0;
	int rc = tocsin_store_ask(h, "PRAGMA application_id", &application, err);

	if (!rc)
		rc = tocsin_store_ask(h, "PRAGMA user_version", &version, err);
	if (!rc)
		rc = tocsin_store_ask(h, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (rc)
		return rc;
	*empty = !application && !version && !tables;
	if (*empty)
		return 0;
	if (application != h->form->application)
		return tocsin_error_set(err, -EPROTO, "not a %s: a database of another program",
					h->form->what);
	if (version != h->form->version)
		return tocsin_error_set(err, -EPROTO,
					"a %s of version %" PRId64 ", and this program knows "
					"version %d",
					h->form->what, version, h->form->version);
	return check_schema(h, err);
}

static int configure(struct tocsin_store *h, struct tocsin_error *err)
{
	sqlite3 *db = h->db;

	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, BUSY_MILLISECONDS);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, h->form->longest);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	return tocsin_store_execute(h, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0", err);
}

static int connect_to(struct tocsin_store *h, const char *path, int flags, bool immutable,
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
		return tocsin_error_set(err, -ENOMEM, "no memory for the %s", h->form->what);
	rc = sqlite3_open_v2(name, &h->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
	sqlite3_free(name);
	if (!h->db)
		return tocsin_error_set(err, -ENOMEM, "no memory for the %s", h->form->what);
	if (rc != SQLITE_OK)
		return tocsin_store_failed(h, rc, err);
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
static bool lies_still(struct tocsin_store *h, const char *path)
{
	sqlite3_file *file = NULL;
	uint8_t header[20];

	return sqlite3_file_control(h->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK &&
	       file && file->pMethods &&
	       file->pMethods->xRead(file, header, sizeof(header), 0) == SQLITE_OK &&
	       header[18] == 2 && !beside(path, "-wal", 0) && !beside(path, "-shm", -1);
}

static int open_reader(struct tocsin_store *h, const char *path, struct tocsin_error *err)
{
	bool empty = false;
	struct stat st;
	int rc;

	if (stat(path, &st) || access(path, R_OK))
		return tocsin_error_set(err, -errno, "%s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return tocsin_error_set(err, -EISDIR, "it is a folder; a %s is a file",
					h->form->what);
	if (!S_ISREG(st.st_mode))
		return tocsin_error_set(err, -EINVAL, "it is not a file");
	rc = connect_to(h, path, SQLITE_OPEN_READONLY, false, err);
	if (!rc && lies_still(h, path)) {
		sqlite3_close(h->db);
		h->db = NULL;
		rc = connect_to(h, path, SQLITE_OPEN_READONLY, true, err);
	}
	if (!rc)
		rc = check(h, &empty, err);
	if (!rc && empty)
		rc = tocsin_error_set(err, -EPROTO, "not a %s: an empty file", h->form->what);
	return rc;
}

/*
 * Make the file if need be, and claim it. One program writes to it: two would wait for each other
 * at every event. The claim is kept until the database is closed, because closing any descriptor of
 * the file gives up SQLite's locks.
 */
static int claim(struct tocsin_store *h, const char *path, struct tocsin_error *err)
{
	struct stat st;

	/* what a guest does is nobody else's business */
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

static int open_writer(struct tocsin_store *h, const char *path, struct tocsin_error *err)
{
	bool empty = false;
	int rc = claim(h, path, err);

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
		rc = tocsin_store_execute(
		    h,
		    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; "
		    "PRAGMA journal_size_limit = 4194304; "
		    "SELECT count(*) FROM sqlite_schema", /* makes the log's index */
		    err);
	if (!rc)
		sqlite3_busy_timeout(h->db, BUSY_EVENT_MILLISECONDS);
	return rc;
}

int tocsin_store_open(const struct tocsin_store_form *form, const char *path, bool write,
		      struct tocsin_store *ret, struct tocsin_error *err)
{
	struct tocsin_store h = {.form = form, .claim = -1};
	struct tocsin_error own = {0};
	int rc = write ? open_writer(&h, path, &own) : open_reader(&h, path, &own);

	if (!rc) {
		*ret = h;
		return 0;
	}
	sqlite3_close(h.db);
	if (h.claim >= 0)
		close(h.claim);
	return tocsin_error_set(err, rc, "%s: %s", path, own.message);
}

void tocsin_store_close(struct tocsin_store *h)
{
	if (h->writable) {
		/* without a log, who reads it later has nothing to make; a reader may prevent it */
		sqlite3_busy_timeout(h->db, 0);
		sqlite3_exec(h->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
		sqlite3_exec(h->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	}
	sqlite3_close(h->db);
	if (h->claim >= 0)
		close(h->claim);
	*h = (struct tocsin_store){0};
}
