// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The files of histories: old and much goes; readers beside the writer, and a writer that is
 * killed; foreign and damaged files, and full disks.
 */
#include "history_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <sqlite3.h>

#define MINUTES(n) ((n)*60u * (uint64_t)SECOND)

/* Strings that nobody names. */
static int64_t count_texts(void)
{
	sqlite3 *db;
	sqlite3_stmt *s;
	int64_t n;
	char name[160];

	snprintf(name, sizeof(name), "%s", path);
	assert_int_equal(sqlite3_open_v2(name, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM text", -1, &s, NULL), 0);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return n;
}

static void one_writer_at_a_time(void **state)
{
	struct tocsin_history *h = open_history(&unbounded), *second = NULL;

	assert_int_equal(tocsin_history_open(path, &unbounded, &second, &err), -EBUSY);
	assert_non_null(strstr(err.message, "another watch"));
	memset(&err, 0, sizeof(err));
	fill(h, 0, 10);
	tocsin_history_close(h);
	h = open_history(&unbounded);
	assert_int_equal(answers(h, &everything), 10);
	tocsin_history_close(h);
}

/* Somebody keeps the database locked: events are lost, and none of them waits for long. */
static void somebody_elses_lock(void **state)
{
	struct tocsin_history *h = open_history(&unbounded);
	struct tocsin_event e = event_of(TOCSIN_EVENT_OPENED, T0, NULL, NULL);
	sqlite3 *db;
	int rc;

	fill(h, 0, 1);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (int i = 0; i < 100000; i++) /* a tenth of a second each would be three hours */
		assert_int_equal(tocsin_history_add(h, &e, &err), -EBUSY);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	do {
		usleep(20000);
		rc = tocsin_history_add(h, &e, &err);
	} while (rc == -EBUSY);
	assert_int_equal(rc, 0);
	memset(&err, 0, sizeof(err));
	assert_int_equal(tocsin_history_flush(h, &err), 0);
	assert_int_equal(answers(h, &everything), 2);
	tocsin_history_close(h);
}

static void goes_by_age(void **state)
{
	const struct tocsin_history_settings settings = {.max_age = MINUTES(1)};
	struct tocsin_history_extent extent;
	struct tocsin_history *h = open_history(&settings);

	fill(h, 0, 200);
	assert_int_equal(tocsin_history_extent(h, &extent, &err), 0);
	assert_int_equal(extent.first, T0 + 139 * (uint64_t)SECOND);
	assert_int_equal(extent.last, T0 + 199 * (uint64_t)SECOND);
	assert_int_equal(extent.events, 61);
	assert_in_range(extent.processes, 61, 63); /* with the events go who did them */
	assert_in_range(extent.sockets, 61, 63);
	fill(h, 200, 201); /* never further than a 64th of the age behind */
	assert_int_equal(tocsin_history_extent(h, &extent, &err), 0);
	assert_true(extent.last - extent.first <= MINUTES(1) + MINUTES(1) / 64);
	tocsin_history_close(h);
	assert_in_range(count_texts(), extent.processes + 4,
			extent.processes + 5); /* exe; guest, comm, cmdline, "" */
}

/* Who is still named stays, however old. */
static void stays_by_use(void **state)
{
	const struct tocsin_history_settings settings = {.max_age = MINUTES(1)};
	struct tocsin_event_process p = process_of(1, 1, "/sbin/init");
	struct tocsin_event e = event_of(TOCSIN_EVENT_STARTED, T0 - 1, &p, NULL);
	struct tocsin_history *h = open_history(&settings);
	struct tocsin_history_query q = everything;

	add(h, &e);
	fill(h, 0, 50);
	e.time = T0 + 50 * (uint64_t)SECOND;
	add(h, &e);
	fill(h, 51, 100);
	q.pid = 1;
	assert_int_equal(answers(h, &q), 1);
	fill(h, 100, 200);
	assert_int_equal(answers(h, &q), 0);
	tocsin_history_close(h);
}

static void goes_by_size(void **state)
{
	const struct tocsin_history_settings settings = {.max_bytes = 1 << 20};
	struct tocsin_history_extent extent;
	struct tocsin_history *h = open_history(&settings);
	uint64_t most = 0;
	struct stat st;

	for (unsigned int i = 0; i < 20000; i += 1000) {
		fill(h, i, i + 1000);
		assert_int_equal(tocsin_history_extent(h, &extent, &err), 0);
		assert_true(extent.bytes <= settings.max_bytes);
		most = extent.bytes > most ? extent.bytes : most;
	}
	assert_true(most > settings.max_bytes / 2); /* no more goes than has to */
	assert_true(extent.events > 1000 && extent.events < 20000);
	assert_int_equal(extent.last, T0 + 19999 * (uint64_t)SECOND);
	assert_int_equal(answers(h, &everything), extent.events);
	assert_in_range(extent.processes, extent.events, extent.events + 2);
	tocsin_history_close(h);
	assert_int_equal(stat(path, &st), 0);
	assert_true((uint64_t)st.st_size <= settings.max_bytes * 5 / 4);
	assert_int_equal(tocsin_history_open(
			     path, &(struct tocsin_history_settings){.max_bytes = 1000}, &h, &err),
			 -EINVAL);
}

/* A bound that is smaller than before: the file shrinks. */
static void shrinks(void **state)
{
	const struct tocsin_history_settings less = {.max_bytes = 1 << 20};
	struct tocsin_history *h = open_history(&unbounded);
	struct tocsin_history_extent extent;
	struct stat before, after;

	fill(h, 0, 20000);
	tocsin_history_close(h);
	assert_int_equal(stat(path, &before), 0);
	assert_true(before.st_size > 3 << 20);
	h = open_history(&less);
	for (unsigned int i = 0; i < 4; i++)
		fill(h, 20000 + i, 20001 + i);
	assert_int_equal(tocsin_history_extent(h, &extent, &err), 0);
	assert_true(extent.bytes <= less.max_bytes);
	tocsin_history_close(h);
	assert_int_equal(stat(path, &after), 0);
	assert_true(after.st_size < before.st_size / 2);
}

/* Two readers see what is complete while the writer goes on. */
static void readers(void **state)
{
	struct tocsin_history *h = open_history(&unbounded), *a, *b;

	fill(h, 0, 100);
	a = open_history(NULL);
	b = open_history(NULL);
	assert_int_equal(answers(a, &everything), 100);
	fill(h, 100, 200);
	assert_int_equal(answers(a, &everything), 200);
	assert_int_equal(answers(b, &everything), 200);
	assert_int_equal(tocsin_history_add(a, &(struct tocsin_event){0}, &err), -EROFS);
	tocsin_history_close(h); /* before its readers */
	assert_int_equal(answers(b, &everything), 200);
	tocsin_history_close(a);
	tocsin_history_close(b);
	h = open_history(NULL);
	assert_int_equal(answers(h, &everything), 200);
	tocsin_history_close(h);
}

/* A finding is there for readers at once, and what came before it. */
static void urgent(void **state)
{
	struct tocsin_finding f = {.rule = "r"};
	struct tocsin_event e = event_of(TOCSIN_EVENT_STARTED, T0, NULL, NULL);
	struct tocsin_history *h = open_history(&unbounded), *reader = open_history(NULL);

	add(h, &e);
	assert_int_equal(answers(reader, &everything), 0);
	e.kind = TOCSIN_EVENT_FINDING;
	e.finding = &f;
	add(h, &e);
	assert_int_equal(answers(reader, &everything), 2);
	tocsin_history_close(reader);
	tocsin_history_close(h);
}

/* What a reader in a process of its own sees while it is written to: never less, never half. */
static int watch_grow(unsigned int until)
{
	uint64_t seen = 0;

	for (unsigned int i = 0; i < 100000 && seen < until; i++) {
		struct tocsin_history *h;
		size_t n = 0;

		if (tocsin_history_open(path, NULL, &h, NULL))
			return 1;
		if (tocsin_history_each(h, &everything, count, &n, NULL) || n < seen || n % 10)
			return 2;
		seen = n;
		tocsin_history_close(h);
	}
	return seen == until ? 0 : 3;
}

static void readers_beside(void **state)
{
	static struct tocsin_history *h; /* the children have it, too: no leak of theirs */
	pid_t children[2];
	int status;

	h = open_history(&unbounded);
	for (size_t i = 0; i < 2; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (!children[i])
			_exit(watch_grow(1000));
	}
	for (unsigned int i = 0; i < 1000; i += 10)
		fill(h, i, i + 10);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	tocsin_history_close(h);
}

/* A writer that is killed: what it had completed is there, for readers and for the next. */
static void killed(void **state)
{
	struct tocsin_event e = event_of(TOCSIN_EVENT_STARTED, T0, NULL, NULL);
	struct tocsin_history *h;
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		h = open_history(&unbounded);
		fill(h, 0, 100);
		add(h, &e); /* not complete */
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	h = open_history(NULL);
	assert_int_equal(answers(h, &everything), 100);
	tocsin_history_close(h);
	h = open_history(&unbounded);
	fill(h, 100, 110);
	tocsin_history_close(h);
	assert_int_equal(files(false), 1);
	h = open_history(NULL);
	assert_int_equal(answers(h, &everything), 110);
	tocsin_history_close(h);
}

/* Nothing appears beside the file, nor the file itself. */
static void reading_leaves_nothing(void **state)
{
	struct tocsin_history *h = NULL, *reader;
	struct stat st;

	assert_int_equal(tocsin_history_open(path, NULL, &h, &err), -ENOENT);
	assert_non_null(strstr(err.message, "No such file"));
	assert_null(h);
	assert_int_equal(files(false), 0);
	h = open_history(&unbounded);
	fill(h, 0, 10);
	reader = open_history(NULL);
	assert_int_equal(answers(reader, &everything), 10);
	tocsin_history_close(h); /* the reader is there: it stays in the mode with a log */
	tocsin_history_close(reader);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600); /* its owner's only */
	if (files(false) > 1) {                    /* what the reader could not put away */
		char name[160];

		snprintf(name, sizeof(name), "%s-wal", path);
		unlink(name);
		snprintf(name, sizeof(name), "%s-shm", path);
		unlink(name);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(chmod(folder, 0500), 0);
		h = open_history(NULL);
		assert_int_equal(answers(h, &everything), 10);
		assert_int_equal(files(false), 1);
		tocsin_history_close(h);
		assert_int_equal(files(false), 1);
		assert_int_equal(chmod(folder, 0700), 0);
		tocsin_history_close(open_history(&unbounded)); /* puts the mode right */
	}
}

static void write_file(const char *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

static void run_sql(const char *sql)
{
	sqlite3 *db;
	char *why = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(db);
}

static void refused(const char *why)
{
	struct tocsin_history *h;

	for (int i = 0; i < 2; i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(tocsin_history_open(path, i ? &unbounded : NULL, &h, &err),
				 -EPROTO);
		if (!strstr(err.message, why))
			fail_msg("no \"%s\" in \"%s\"", why, err.message);
		assert_non_null(strstr(err.message, path));
	}
}

static void foreign(void **state)
{
	char garbage[5000];

	memset(garbage, 'x', sizeof(garbage));
	write_file(garbage, sizeof(garbage));
	refused("no SQLite database");
	write_file("", 0);
	run_sql("CREATE TABLE a (b)");
	refused("another program");
	write_file("", 0);
	run_sql("PRAGMA user_version = 3");
	refused("another program");
}

static void damaged(void **state)
{
	struct tocsin_history *h = open_history(&unbounded);
	size_t n = 0;

	fill(h, 0, 1000);
	tocsin_history_close(h);
	run_sql("PRAGMA user_version = 2");
	refused("version 2");
	run_sql("PRAGMA user_version = 1; CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM "
		"event; END");
	refused("not those of a history");
	run_sql("DROP TRIGGER t; CREATE VIEW v AS SELECT 1");
	refused("not those of a history");
	run_sql("DROP VIEW v; UPDATE socket SET local = x'00' WHERE id = 500");
	h = open_history(NULL);
	assert_int_equal(tocsin_history_each(h, &everything, count, &n, &err), -EPROTO);
	assert_int_equal(n, 499); /* what came before it is told */
	assert_non_null(strstr(err.message, "damaged"));
	tocsin_history_close(h);
	run_sql("UPDATE event SET process = -1 WHERE time = (SELECT min(time) FROM event)");
	h = open_history(NULL);
	n = 0;
	assert_int_equal(tocsin_history_each(h, &everything, count, &n, &err), -EPROTO);
	assert_int_equal(n, 0); /* there is no such process */
	tocsin_history_close(h);
	run_sql("UPDATE event SET process = 1 WHERE process = -1");
	run_sql("UPDATE socket SET local = x'00000000' WHERE id = 500; DELETE FROM process WHERE "
		"id = 10");
	h = open_history(NULL);
	assert_int_equal(tocsin_history_each(h, &everything, count, &n, NULL), -EPROTO);
	tocsin_history_close(h);
	assert_int_equal(truncate(path, 40000), 0);
	memset(&err, 0, sizeof(err));
	if (tocsin_history_open(path, NULL, &h, &err) == 0) {
		assert_int_equal(tocsin_history_each(h, &everything, count, &n, &err), -EPROTO);
		tocsin_history_close(h);
	}
	assert_non_null(strstr(err.message, "damaged"));
}

/* The disk is full: said, nothing half written, and it goes on when there is room again. */
static void full(void **state)
{
	struct tocsin_event_process p = process_of(1, 1, "/a");
	struct tocsin_event e = event_of(TOCSIN_EVENT_STARTED, T0, &p, NULL);
	struct rlimit was, small;
	struct tocsin_history *h = open_history(&unbounded);
	size_t kept;
	int rc = 0;

	fill(h, 0, 100);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = (struct rlimit){200000, was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (unsigned int i = 0; i < 100000 && !rc; i++) {
		e.time = T0 + MINUTES(60) + i;
		rc = tocsin_history_add(h, &e, &err);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_true(rc == -EFBIG || rc == -ENOSPC || rc == -EIO);
	assert_true(err.message[0] != 0);
	kept = answers(h, &everything);
	assert_true(kept >= 100);
	fill(h, 100, 200);
	assert_int_equal(answers(h, &everything), kept + 100);
	tocsin_history_close(h);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(one_writer_at_a_time),
	    TEST(somebody_elses_lock),
	    TEST(goes_by_age),
	    TEST(stays_by_use),
	    TEST(goes_by_size),
	    TEST(shrinks),
	    TEST(readers),
	    TEST(urgent),
	    TEST(readers_beside),
	    TEST(killed),
	    TEST(reading_leaves_nothing),
	    TEST(foreign),
	    TEST(damaged),
	    TEST(full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
