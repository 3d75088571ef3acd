// SPDX-License-Identifier: GPL-2.0-or-later
/* A graph in a file: kept in segments, read again, bounded, damaged. */
#include "asked.h"
#include "provenance/script.h"
#include "provenance/segment.h"
#include "provenance/store.h"

#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

static int keep_script(const char *script, struct tocsin_trace_store *store)
{
	FILE *from = fmemopen((void *)script, strlen(script), "r");
	int rc = tocsin_trace_script(from, tocsin_trace_store_take, store, NULL);

	fclose(from);
	return rc;
}

/* A number that was used again is another file also when the first is in another segment. */
static void test_segments(void **unused)
{
	const struct tocsin_trace_store_settings settings = {.edges = 1};
	const struct tocsin_provenance_settings few = {.max_nodes = 2};
	struct tocsin_error err = {0};
	char folder[] = "/tmp/tocsin-test-XXXXXX", path[64];
	struct tocsin_trace_store_extent extent;
	struct tocsin_trace_store *store;
	struct tocsin_provenance *g;
	struct stat st;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/graph", folder);
	assert_int_equal(tocsin_trace_store_open(path, NULL, &store, NULL), -ENOENT);
	assert_int_equal(tocsin_trace_store_open(path, &settings, &store, NULL), 0);
	assert_int_equal(keep_script("1 written who=1:a file=/f ino=7 open=1\n"
				     "2 released file=/f ino=7 open=1\n"
				     "3 unlinked who=1:a file=/f ino=7 deleted\n"
				     "4 written who=2:b file=/g ino=7 open=2\n"
				     "5 signal who=2:b other=9:x value=1\n"
				     "6 read who=3:c file=/g ino=7 open=3\n"
				     "7 gap since=6.5 lost=0 detail=why\n",
				     store),
			 0);
	tocsin_trace_store_close(store);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* another writer goes on, with what it sees itself */
	assert_int_equal(tocsin_trace_store_open(path, &settings, &store, NULL), 0);
	assert_int_equal(keep_script("8 renamed who=3:c file=/g ino=7 to=/h\n"
				     "9 read who=4:d file=/h ino=7 open=4\n",
				     store),
			 0);
	tocsin_trace_store_close(store);
	assert_int_equal(tocsin_trace_store_open(path, NULL, &store, NULL), 0);
	assert_int_equal(tocsin_trace_store_extent(store, &extent, NULL), 0);
	assert_true(extent.segments >= 4 && extent.last == 9000000000);
	assert_int_equal(tocsin_trace_store_load(store, 0, 0, NULL, &g, NULL), 0);
	assert_string_equal(back(g, "4"), "d /h c b");
	assert_int_equal(tocsin_provenance_gap(g, 0)->since, 6500000000);
	tocsin_provenance_free(g);
	assert_int_equal(tocsin_trace_store_load(store, 8500000000, 0, NULL, &g, NULL), 0);
	assert_true(tocsin_provenance_nodes(g) < 5);
	tocsin_provenance_free(g);
	assert_int_equal(tocsin_trace_store_load(store, 0, 0, &few, &g, &err), -E2BIG);
	assert_string_equal(err.message, "the graph is too large: ask for a shorter time of it");
	tocsin_trace_store_close(store);
	unlink(path);
	rmdir(folder);
}

/* A file that is called otherwise in another namespace, over the bounds of segments. */
static void test_namespaces_in_segments(void **unused)
{
	const struct tocsin_trace_store_settings settings = {.edges = 1};
	char folder[] = "/tmp/tocsin-test-XXXXXX", path[64];
	const struct tocsin_trace_node *n = NULL;
	struct tocsin_trace_store *store;
	struct tocsin_provenance *g;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/graph", folder);
	assert_int_equal(tocsin_trace_store_open(path, &settings, &store, NULL), 0);
	assert_int_equal(keep_script("1 written who=1:a file=/srv/x ino=7 open=1\n"
				     "2 signal who=2:b other=9:x value=1\n"
				     "3 read who=2:b file=/x ino=7 open=2 ns=4026532201\n"
				     "4 signal who=2:b other=9:x value=1\n",
				     store),
			 0);
	assert_int_equal(tocsin_trace_store_load(store, 0, 0, NULL, &g, NULL), 0);
	for (uint32_t i = 0; i < tocsin_provenance_nodes(g); i++)
		if (tocsin_provenance_node(g, i)->id == 7) {
			assert_null(n);
			n = tocsin_provenance_node(g, i);
		}
	assert_non_null(n);
	assert_string_equal(tocsin_provenance_text(g, n->name, NULL), "/x");
	assert_string_equal(tocsin_provenance_text(g, n->more, NULL), "/srv/x");
	assert_int_equal(n->mount_ns, 4026532201u);
	assert_int_equal(n->more_ns, 0);
	tocsin_provenance_free(g);
	tocsin_trace_store_close(store);
	unlink(path);
	rmdir(folder);
}

/* As graphs were kept before paths had namespaces: a process wrote /f. */
static void test_an_older_segment(void **unused)
{
	static const uint8_t plain[] =
	    /* version, counts of texts, nodes, edges and gaps; texts, by size */
	    "\1\4\2\1\0\0\5\2\2guest/fsh"
	    /* nodes: kind, flags, severity, guest, boot, id, part, key, name, more, container */
	    "\1\0\0\0\xff\1\xff\1\1\1\2\0\x0e\2\x10\0\0\0\2\3\0\0\0\0"
	    /* uid, euid, mode, first, last */
	    "\0\0\0\0\xa4\x83\2\0\x14\0\x14\0"
	    /* edges */
	    "\x8\0\1\0\0\0\x14\3\1\3\1\0";
	struct tocsin_provenance *g = tocsin_provenance_new(NULL);
	uint8_t packed[256];
	size_t size = ZSTD_compress(packed, sizeof(packed), plain, sizeof(plain) - 1, 1);

	assert_non_null(g);
	assert_false(ZSTD_isError(size));
	assert_int_equal(trace_segment_decode(packed, size, g, NULL), 0);
	assert_string_equal(back(g, "sh"), "sh");
	assert_string_equal(back(g, "/f"), "/f sh");
	assert_int_equal(tocsin_provenance_node(g, 0)->mount_ns, 0);
	tocsin_provenance_free(g);
}

/* Change a byte of a segment, or (at its end) take the rest of it away. */
static size_t damage(const char *path, int segment, size_t at, bool cut)
{
	sqlite3 *db;
	sqlite3_stmt *q;
	uint8_t bytes[4096];
	size_t size;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(db, "SELECT bytes FROM segment WHERE id = ?", -1, &q, NULL),
	    SQLITE_OK);
	sqlite3_bind_int(q, 1, segment);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	size = (size_t)sqlite3_column_bytes(q, 0);
	assert_true(size <= sizeof(bytes) && at < size);
	memcpy(bytes, sqlite3_column_blob(q, 0), size);
	sqlite3_finalize(q);
	bytes[at] ^= 0xff;
	assert_int_equal(
	    sqlite3_prepare_v2(db, "UPDATE segment SET bytes = ? WHERE id = ?", -1, &q, NULL),
	    SQLITE_OK);
	sqlite3_bind_blob(q, 1, bytes, (int)(cut ? at : size), SQLITE_STATIC);
	sqlite3_bind_int(q, 2, segment);
	assert_int_equal(sqlite3_step(q), SQLITE_DONE);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return size;
}

/* One that is damaged, whatever is wrong with it, costs its own time only. */
static void test_a_damaged_segment(void **unused)
{
	const struct tocsin_trace_store_settings settings = {.edges = 1};
	char folder[] = "/tmp/tocsin-test-XXXXXX", path[64];
	struct tocsin_trace_store *store;
	struct tocsin_provenance *g;
	struct tocsin_error err = {0};
	size_t size = 1;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/graph", folder);
	assert_int_equal(tocsin_trace_store_open(path, &settings, &store, NULL), 0);
	assert_int_equal(keep_script("1 signal who=1:a other=2:b value=1\n"
				     "2 signal who=2:b other=3:c value=1\n"
				     "3 signal who=3:c other=4:d value=1\n",
				     store),
			 0);
	tocsin_trace_store_close(store);
	for (size_t at = 0; at <= size; at++) {
		size = damage(path, 2, at % size, at == size);
		assert_int_equal(tocsin_trace_store_open(path, NULL, &store, NULL), 0);
		assert_int_equal(tocsin_trace_store_load(store, 0, 0, NULL, &g, NULL), 0);
		assert_string_equal(back(g, "4"), "d c");
		assert_non_null(tocsin_provenance_gap(g, 0));
		assert_int_equal(tocsin_provenance_gap(g, 0)->since, 1000000000);
		assert_int_equal(tocsin_provenance_gap(g, 0)->until, 2000000000);
		assert_null(tocsin_provenance_gap(g, 1));
		tocsin_provenance_free(g);
		tocsin_trace_store_close(store);
		if (at < size) /* as it was */
			damage(path, 2, at, false);
	}
	damage(path, 1, 0, false);
	damage(path, 3, 0, false);
	assert_int_equal(tocsin_trace_store_open(path, NULL, &store, NULL), 0);
	assert_int_equal(tocsin_trace_store_load(store, 0, 0, NULL, &g, &err), -EPROTO);
	assert_string_equal(err.message, "the graph is damaged: a part is no segment");
	tocsin_trace_store_close(store);
	unlink(path);
	rmdir(folder);
}

/* As a guest makes them that changes its own text all the time. */
static void test_very_many_gaps(void **unused)
{
	const struct tocsin_trace_store_settings settings = {0};
	char folder[] = "/tmp/tocsin-test-XXXXXX", path[64], why[] = "a";
	struct tocsin_trace_event e = {
	    .kind = TOCSIN_TRACE_GAP, .guest = "g", .detail = why, .resolved = true};
	struct tocsin_trace_store *store;
	struct tocsin_trace_gap const *gap;
	struct tocsin_provenance *g;
	uint32_t count = 0;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/graph", folder);
	assert_int_equal(tocsin_trace_store_open(path, &settings, &store, NULL), 0);
	for (uint64_t i = 1; i <= 100000; i++) {
		why[0] = (char)('a' + i % 2);
		e.since = e.time = i * 10;
		assert_int_equal(tocsin_trace_store_take(&e, store), 0);
	}
	tocsin_trace_store_close(store);
	assert_int_equal(tocsin_trace_store_open(path, NULL, &store, NULL), 0);
	assert_int_equal(tocsin_trace_store_load(store, 0, 0, NULL, &g, NULL), 0);
	while (tocsin_provenance_gap(g, count))
		count++;
	gap = tocsin_provenance_gap(g, count - 1);
	assert_int_equal(count, 65536);
	assert_true(gap->since <= 655360 && gap->until == 1000000);
	tocsin_provenance_free(g);
	tocsin_trace_store_close(store);
	unlink(path);
	rmdir(folder);
}

static void say(sqlite3 *db, const char *sql)
{
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* As on a disk that is full for a while: what comes is kept, as much as there is room for. */
static void test_what_cannot_be_written(void **unused)
{
	const struct tocsin_trace_store_settings settings = {.edges = 4};
	char folder[] = "/tmp/tocsin-test-XXXXXX", path[64], line[160];
	struct tocsin_trace_store *store;
	struct tocsin_provenance *g;
	sqlite3 *other;
	int taken = 0, rc;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/graph", folder);
	assert_int_equal(tocsin_trace_store_open(path, &settings, &store, NULL), 0);
	assert_int_equal(keep_script("1 created who=1:init other=2:a\n", store), 0);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	say(other, "BEGIN IMMEDIATE");
	for (rc = 0; rc != -ENOBUFS && taken < 1000; taken++) {
		snprintf(line, sizeof(line), "%d signal who=%d:a other=%d:b value=1\n", taken + 2,
			 taken + 2, taken + 3);
		rc = keep_script(line, store);
		assert_true(!rc || rc == -EBUSY || rc == -ENOBUFS);
		assert_true(rc != -EBUSY || !tocsin_trace_store_is_written(store));
	}
	assert_int_equal(taken, 16 * 4);
	assert_int_equal(tocsin_trace_store_flush(store, NULL), -EBUSY);
	say(other, "ROLLBACK");
	assert_int_equal(tocsin_trace_store_flush(store, NULL), 0);
	assert_true(tocsin_trace_store_is_written(store));
	assert_int_equal(keep_script("100 signal who=64:a other=65:b value=1\n", store), 0);
	sqlite3_close(other);
	tocsin_trace_store_close(store);
	assert_int_equal(tocsin_trace_store_open(path, NULL, &store, NULL), 0);
	assert_int_equal(tocsin_trace_store_load(store, 0, 0, NULL, &g, NULL), 0);
	assert_int_equal(tocsin_provenance_nodes(g), 65);
	tocsin_provenance_free(g);
	tocsin_trace_store_close(store);
	unlink(path);
	rmdir(folder);
}

static void test_what_goes(void **unused)
{
	const struct tocsin_trace_store_settings settings = {.max_age = 1600000000000, .edges = 64},
						 small = {.max_bytes = 1 << 20, .edges = 4096};
	char folder[] = "/tmp/tocsin-test-XXXXXX", path[64], line[160];
	struct tocsin_trace_store_extent extent;
	struct tocsin_trace_store *store;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/graph", folder);
	assert_int_equal(tocsin_trace_store_open(path, &settings, &store, NULL), 0);
	for (int i = 1; i <= 4000; i++) {
		snprintf(line, sizeof(line), "%d created who=%d other=%d\n", i, i, i + 1);
		assert_int_equal(keep_script(line, store), 0);
	}
	assert_int_equal(tocsin_trace_store_extent(store, &extent, NULL), 0);
	assert_true(extent.first > 2000000000000 && extent.first < 2400000000000);
	assert_int_equal(extent.last, 4000000000000);
	tocsin_trace_store_close(store);
	unlink(path);
	assert_int_equal(tocsin_trace_store_open(path, &small, &store, NULL), 0);
	for (int i = 1; i <= 120000; i++) {
		snprintf(line, sizeof(line), "%d.%d created who=%d@%u other=%d@%u\n", i,
			 i * 7919 % 9973, i, i * 2654435761u, i + 1, i * 2246822519u);
		assert_int_equal(keep_script(line, store), 0);
	}
	assert_int_equal(tocsin_trace_store_extent(store, &extent, NULL), 0);
	assert_true(extent.bytes <= (1 << 20) + (256 << 10) && extent.bytes > 1 << 19);
	tocsin_trace_store_close(store);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_namespaces_in_segments),
	    cmocka_unit_test(test_an_older_segment),
	    cmocka_unit_test(test_segments),
	    cmocka_unit_test(test_a_damaged_segment),
	    cmocka_unit_test(test_very_many_gaps),
	    cmocka_unit_test(test_what_cannot_be_written),
	    cmocka_unit_test(test_what_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
