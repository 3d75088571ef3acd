// SPDX-License-Identifier: GPL-2.0-or-later
/* Segments in a database: written, kept within bounds, read. */
#include "provenance/store.h"

#include "base/error.h"
#include "provenance/segment.h"
#include "store/store.h"

#include <stdio.h>
#include <time.h>

#define LEAST_BYTES (1u << 20)
#define LONGEST (16 << 20)
#define SEGMENT_EDGES 16384u
#define SEGMENT_GAPS 4096u
#define SEGMENT_BYTES (4u << 20) /* of texts */
#define MOST_WAITING 16u         /* times as much is kept while it cannot be written */

static const char *const schema[] = {
    "CREATE TABLE segment (id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, "
    "events INTEGER NOT NULL, bytes BLOB NOT NULL)",
    "CREATE INDEX segment_last ON segment (last)",
};

static const struct tocsin_store_form form = {.what = "graph",
					      .application = 0x54435047, /* "TCPG" */
					      .version = 1,
					      .schema = schema,
					      .count = sizeof(schema) / sizeof(schema[0]),
					      .longest = LONGEST};

struct tocsin_trace_store {
	struct tocsin_store store;
	struct tocsin_trace_store_settings settings;
	struct tocsin_provenance *g; /* the segment that is being built; NULL: only read */
	int64_t segment;             /* its row; 0: none yet */
	uint64_t written;            /* events of it that are in its row */
	uint64_t newest;
	time_t flushed;
	time_t
	    retry; /* a segment that is full could not be written: not before then; 0: it could */
};

static time_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

bool tocsin_trace_store_path(const char *domain, char path[TOCSIN_TRACE_PATH])
{
	return domain[0] && domain[0] != '.' && !strchr(domain, '/') &&
	       snprintf(path, TOCSIN_TRACE_PATH, TOCSIN_TRACE_FOLDER "/%s", domain) <
		   TOCSIN_TRACE_PATH;
}

int tocsin_trace_store_open(const char *path, const struct tocsin_trace_store_settings *settings,
			    struct tocsin_trace_store **ret, struct tocsin_error *err)
{
	struct tocsin_trace_store *s;
	int rc;

	if (settings && settings->max_bytes && settings->max_bytes < LEAST_BYTES)
		return tocsin_error_set(err, -EINVAL, "%s: a graph takes at least %u bytes", path,
					LEAST_BYTES);
	s = calloc(1, sizeof(*s));
	if (!s)
		return tocsin_error_set(err, -ENOMEM, "no memory for the graph");
	if (settings) {
		s->settings = *settings;
		if (!s->settings.edges)
			s->settings.edges = SEGMENT_EDGES;
		s->g = tocsin_provenance_new(NULL);
		s->flushed = clock_now();
	}
	rc = settings && !s->g ? tocsin_error_set(err, -ENOMEM, "no memory for the graph")
			       : tocsin_store_open(&form, path, settings != NULL, &s->store, err);
	if (rc) {
		tocsin_provenance_free(s->g);
		free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void tocsin_trace_store_close(struct tocsin_trace_store *s)
{
	if (!s)
		return;
	if (s->g)
		tocsin_trace_store_flush(s, NULL);
	tocsin_provenance_free(s->g);
	tocsin_store_close(&s->store);
	free(s);
}

static sqlite3_stmt *prepare(struct tocsin_trace_store *s, const char *sql,
			     struct tocsin_error *err)
{
	sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(s->store.db, sql, -1, &q, NULL);

	if (rc != SQLITE_OK)
		tocsin_store_failed(&s->store, rc, err);
	return q;
}

/* Step one that returns no row, and let it go. */
static int finish(struct tocsin_trace_store *s, sqlite3_stmt *q, struct tocsin_error *err)
{
	int rc = sqlite3_step(q);

	rc = rc == SQLITE_DONE ? 0 : tocsin_store_failed(&s->store, rc, err);
	sqlite3_finalize(q);
	return rc;
}

/* The segment as it is now, or (ended) as it will stay. err is never NULL. */
static int write_segment(struct tocsin_trace_store *s, uint64_t ended, struct tocsin_error *err)
{
	struct tocsin_provenance_counts counts;
	void *bytes = NULL;
	size_t size;
	sqlite3_stmt *q;
	int rc;

	tocsin_provenance_counts(s->g, &counts);
	if ((counts.events == s->written && !ended) || (!counts.edges && !counts.gaps))
		return 0;
	rc = trace_segment_encode(s->g, ended, &bytes, &size);
	if (rc)
		return tocsin_error_set(err, rc, "no memory to write the graph");
	q = prepare(s, "INSERT OR REPLACE INTO segment VALUES (?, ?, ?, ?, ?)", err);
	if (!q) {
		free(bytes);
		return err->code;
	}
	if (s->segment)
		sqlite3_bind_int64(q, 1, s->segment);
	sqlite3_bind_int64(q, 2, (int64_t)counts.first);
	sqlite3_bind_int64(q, 3, (int64_t)counts.last);
	sqlite3_bind_int64(q, 4, (int64_t)counts.events);
	sqlite3_bind_blob64(q, 5, bytes, size, SQLITE_STATIC);
	rc = finish(s, q, err);
	free(bytes);
	if (rc)
		return rc;
	if (!s->segment)
		s->segment = sqlite3_last_insert_rowid(s->store.db);
	s->written = counts.events;
	return 0;
}

static int used(struct tocsin_trace_store *s, uint64_t *ret, struct tocsin_error *err)
{
	int64_t pages = 0, unused = 0, size = 0;
	int rc = tocsin_store_ask(&s->store, "PRAGMA page_count", &pages, err);

	if (!rc)
		rc = tocsin_store_ask(&s->store, "PRAGMA freelist_count", &unused, err);
	if (!rc)
		rc = tocsin_store_ask(&s->store, "PRAGMA page_size", &size, err);
	if (!rc)
		*ret = (uint64_t)(pages - unused) * (uint64_t)size;
	return rc;
}

static int let_go(struct tocsin_trace_store *s, struct tocsin_error *err)
{
	uint64_t bytes = 0, before;
	sqlite3_stmt *q;
	int rc = 0;

	if (s->settings.max_age && s->newest > s->settings.max_age) {
		q = prepare(s, "DELETE FROM segment WHERE last < ?", err);
		if (!q)
			return err->code;
		sqlite3_bind_int64(q, 1, (int64_t)(s->newest - s->settings.max_age));
		rc = finish(s, q, err);
	}
	if (!rc)
		rc = used(s, &bytes, err);
	while (!rc && s->settings.max_bytes && bytes > s->settings.max_bytes) {
		before = bytes;
		rc = tocsin_store_execute(&s->store,
					  "DELETE FROM segment WHERE id = (SELECT min(id) FROM "
					  "segment) AND id < (SELECT max(id) FROM segment)",
					  err);
		if (!rc)
			rc = used(s, &bytes, err);
		if (bytes >= before)
			break; /* one segment is left */
	}
	return rc ? rc : tocsin_store_execute(&s->store, "PRAGMA incremental_vacuum(1024)", err);
}

int tocsin_trace_store_flush(struct tocsin_trace_store *s, struct tocsin_error *err)
{
	struct tocsin_error own = {0};
	int rc = write_segment(s, 0, &own);

	s->flushed = clock_now();
	s->retry = rc ? s->flushed + TOCSIN_TRACE_STORE_DELAY : 0;
	if (!rc)
		rc = let_go(s, &own);
	return rc ? tocsin_error_set(err, rc, "%s", own.message) : 0;
}

/* The segment ends, and another goes on from here. */
static int roll(struct tocsin_trace_store *s, struct tocsin_error *err)
{
	struct tocsin_provenance_counts counts;
	struct tocsin_provenance *next;
	int rc;

	tocsin_provenance_settle(s->g);
	tocsin_provenance_counts(s->g, &counts);
	next = trace_segment_next(s->g, counts.last);
	if (!next)
		return tocsin_error_set(err, -ENOMEM, "no memory for the graph");
	rc = write_segment(s, counts.last, err);
	if (rc) {
		tocsin_provenance_free(next);
		return rc;
	}
	tocsin_provenance_free(s->g);
	s->g = next;
	s->segment = 0;
	s->written = 0;
	return let_go(s, err);
}

static bool is_full(const struct tocsin_trace_store *s, uint64_t time)
{
	uint64_t first = s->g->counts.first, age = s->settings.max_age / 16;

	return s->g->edge_count >= s->settings.edges || s->g->byte_count >= SEGMENT_BYTES ||
	       s->g->gap_count >= SEGMENT_GAPS ||
	       (age && first && time > first && time - first > age);
}

static bool has_room(const struct tocsin_trace_store *s)
{
	return s->g->edge_count / MOST_WAITING < s->settings.edges &&
	       s->g->byte_count / MOST_WAITING < SEGMENT_BYTES / 4;
}

int tocsin_trace_store_take(const struct tocsin_trace_event *e, void *store)
{
	struct tocsin_trace_store *s = store;
	struct tocsin_error err = {0};
	int failed = 0, rc;

	if (is_full(s, e->time) && clock_now() >= s->retry) {
		failed = roll(s, &err);
		s->retry = failed ? clock_now() + TOCSIN_TRACE_STORE_DELAY : 0;
	}
	rc = has_room(s) ? tocsin_provenance_take(e, s->g) : -ENOBUFS;
	if (rc)
		return rc;
	if (e->time > s->newest)
		s->newest = e->time;
	if (e->kind == TOCSIN_TRACE_FINDING || clock_now() - s->flushed >= TOCSIN_TRACE_STORE_DELAY)
		rc = tocsin_trace_store_flush(s, NULL);
	return rc ? rc : failed;
}

bool tocsin_trace_store_is_written(const struct tocsin_trace_store *s)
{
	return !s->retry;
}

/* What a damaged segment had is missing; its row says of when it was. */
static int mark_damaged(struct tocsin_provenance *g, sqlite3_stmt *q)
{
	static const char why[] = "this part of the graph is damaged";
	int64_t first = sqlite3_column_int64(q, 1), last = sqlite3_column_int64(q, 2);
	struct tocsin_trace_gap gap = {.since = first > 0 ? (uint64_t)first : 0};
	int rc = trace_text(g, why, sizeof(why) - 1, &gap.why);

	gap.until = last > first ? (uint64_t)last : gap.since;
	return rc ? rc : trace_gap_add(g, &gap);
}

/* The segments that q selects. What is damaged is left out, unless that is all. */
static int read_segments(struct tocsin_trace_store *s, sqlite3_stmt *q, struct tocsin_provenance *g,
			 struct tocsin_error *err)
{
	int rc = 0, step = 0, good = 0;
	struct tocsin_error bad = {0};

	while (!rc && (step = sqlite3_step(q)) == SQLITE_ROW) {
		struct tocsin_error own = {0};

		rc = trace_segment_decode(sqlite3_column_blob(q, 0),
					  (size_t)sqlite3_column_bytes(q, 0), g, &own);
		good += !rc;
		if (rc == -EPROTO) {
			tocsin_error_set(&bad, rc, "%s", own.message);
			rc = mark_damaged(g, q);
		} else if (rc) {
			tocsin_error_set(err, rc, "%s", own.message);
		}
	}
	if (!rc && step != SQLITE_DONE)
		return tocsin_store_failed(&s->store, step, err);
	return !rc && bad.code && !good ? tocsin_error_set(err, bad.code, "%s", bad.message) : rc;
}

int tocsin_trace_store_load(struct tocsin_trace_store *s, uint64_t since, uint64_t until,
			    const struct tocsin_provenance_settings *settings,
			    struct tocsin_provenance **ret, struct tocsin_error *err)
{
	struct tocsin_error own = {0};
	struct tocsin_provenance *g = tocsin_provenance_new(settings);
	sqlite3_stmt *q = NULL;
	int rc = g ? 0 : tocsin_error_set(&own, -ENOMEM, "no memory for the graph");

	if (!rc && s->g)
		rc = tocsin_trace_store_flush(s, &own);
	if (!rc)
		q = prepare(
		    s,
		    "SELECT bytes, first, last FROM segment WHERE last >= ?1 AND first <= ?2 "
		    "ORDER BY id",
		    &own);
	if (!rc && !q)
		rc = own.code;
	if (q) {
		sqlite3_bind_int64(q, 1, (int64_t)(since & INT64_MAX));
		sqlite3_bind_int64(q, 2, until ? (int64_t)(until & INT64_MAX) : INT64_MAX);
		rc = read_segments(s, q, g, &own);
		sqlite3_finalize(q);
	}
	if (rc) {
		tocsin_provenance_free(g);
		return tocsin_error_set(err, rc, "%s", own.code ? own.message : strerror(-rc));
	}
	*ret = g;
	return 0;
}

int tocsin_trace_store_extent(struct tocsin_trace_store *s, struct tocsin_trace_store_extent *ret,
			      struct tocsin_error *err)
{
	struct tocsin_trace_store_extent all = {0};
	struct tocsin_error own = {0};
	int64_t *const numbers[] = {(int64_t *)&all.first, (int64_t *)&all.last,
				    (int64_t *)&all.events, (int64_t *)&all.segments};
	static const char *const asked[] = {
	    "SELECT ifnull(min(first), 0) FROM segment", "SELECT ifnull(max(last), 0) FROM segment",
	    "SELECT ifnull(total(events), 0) FROM segment", "SELECT count(*) FROM segment"};
	int rc = s->g ? tocsin_trace_store_flush(s, &own) : 0;

	for (size_t i = 0; i < 4 && !rc; i++)
		rc = tocsin_store_ask(&s->store, asked[i], numbers[i], &own);
	if (!rc)
		rc = used(s, &all.bytes, &own);
	if (rc)
		return tocsin_error_set(err, rc, "%s", own.message);
	*ret = all;
	return 0;
}
