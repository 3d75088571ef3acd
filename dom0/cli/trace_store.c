// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/trace_store.h"
#include "provenance/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_BYTES (256u << 20)           /* of the file; then the oldest goes */
#define MAX_AGE (30 * 86400000000000ull) /* nanoseconds */

struct trace_store {
	struct tocsin_trace_store *file;
	char guest[256];
	uint64_t boot;
	uint64_t last;             /* time of what was in the file before; 0: nothing */
	int unwritten;             /* why it cannot be written now; 0: it can */
	uint64_t lost, lost_since; /* events that could not be kept meanwhile */
};

/* The folder of graphs, and the one above it. */
static int make_folders(struct tocsin_error *err)
{
	char folder[] = TOCSIN_TRACE_FOLDER;
	char *end = strrchr(folder, '/');

	*end = 0;
	if (mkdir(folder, 0755) && errno != EEXIST)
		return tocsin_error_set(err, -errno, "cannot make %s: %s", folder, strerror(errno));
	*end = '/';
	if (mkdir(folder, 0700) && errno != EEXIST)
		return tocsin_error_set(err, -errno, "cannot make %s: %s", folder, strerror(errno));
	return 0;
}

static int open_file(const char *path, const char *guest, struct tocsin_trace_store **ret,
		     struct tocsin_error *err)
{
	static const struct tocsin_trace_store_settings settings = {.max_age = MAX_AGE,
								    .max_bytes = MAX_BYTES};
	char own[TOCSIN_TRACE_PATH];
	int rc;

	if (path)
		return tocsin_trace_store_open(path, &settings, ret, err);
	if (!tocsin_trace_store_path(guest, own))
		return tocsin_error_set(err, -EINVAL,
					"a domain named '%s' has no file of its own: --graph-file",
					guest);
	rc = make_folders(err);
	return rc ? rc : tocsin_trace_store_open(own, &settings, ret, err);
}

int trace_store_open(const char *path, const char *guest, struct trace_store **ret,
		     struct tocsin_error *err)
{
	struct trace_store *s = calloc(1, sizeof(*s));
	struct tocsin_trace_store_extent before = {0};
	int rc;

	if (!s)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	snprintf(s->guest, sizeof(s->guest), "%s", guest);
	rc = open_file(path, guest, &s->file, err);
	if (!rc)
		rc = tocsin_trace_store_extent(s->file, &before, err);
	if (rc) {
		tocsin_trace_store_close(s->file);
		free(s);
		return rc;
	}
	s->last = before.last;
	*ret = s;
	return 0;
}

int trace_store_close(struct trace_store *s, struct tocsin_error *err)
{
	int rc;

	if (!s)
		return 0;
	rc = tocsin_trace_store_flush(s->file, err);
	tocsin_trace_store_close(s->file);
	free(s);
	return rc;
}

static bool may_pass(int rc)
{
	return rc == -ENOSPC || rc == -EDQUOT || rc == -EBUSY;
}

static void tell_unwritten(struct trace_store *s, int rc)
{
	if (rc == s->unwritten)
		return;
	if (rc)
		fprintf(stderr,
			"tocsin trace on: the graph cannot be written: %s; it is tried again\n",
			strerror(-rc));
	else
		fputs("tocsin trace on: the graph is written again\n", stderr);
	s->unwritten = rc;
}

static struct tocsin_trace_event event_of(const struct trace_store *s,
					  const struct trace_store_gap *gap)
{
	return (struct tocsin_trace_event){
	    .kind = TOCSIN_TRACE_GAP,
	    .source = gap->wire ? TOCSIN_TRACE_BY_WIRE : TOCSIN_TRACE_BY_HOOK,
	    .since = gap->since < gap->until ? gap->since : gap->until,
	    .time = gap->until,
	    .guest = s->guest,
	    .boot = s->boot,
	    .lost = gap->lost,
	    .detail = gap->why,
	    .resolved = true};
}

/* What was not kept, now that there is room for that. */
static void tell_lost(struct trace_store *s, uint64_t now)
{
	const struct trace_store_gap gap = {.since = s->lost_since,
					    .until = now > s->lost_since ? now : s->lost_since,
					    .lost = s->lost,
					    .why = "the graph could not be written"};
	const struct tocsin_trace_event e = event_of(s, &gap);
	int rc = tocsin_trace_store_take(&e, s->file);

	if (!rc || may_pass(rc))
		s->lost = 0;
}

int trace_store_take(const struct tocsin_trace_event *e, void *store)
{
	struct trace_store *s = store;
	int rc;

	s->boot = e->boot;
	if (s->lost)
		tell_lost(s, e->time);
	rc = tocsin_trace_store_take(e, s->file);
	if (rc == -ENOBUFS) {
		s->lost_since = s->lost ? s->lost_since : e->since;
		s->lost++;
		return 0;
	}
	if (rc && !may_pass(rc))
		return rc;
	if (rc || tocsin_trace_store_is_written(s->file))
		tell_unwritten(s, rc);
	return 0;
}

int trace_store_gap(struct trace_store *s, const struct trace_store_gap *gap)
{
	const struct tocsin_trace_event e = event_of(s, gap);

	return trace_store_take(&e, s);
}

int trace_store_absence(struct trace_store *s, uint64_t until)
{
	const struct trace_store_gap gap = {
	    .since = s->last, .until = until, .why = "the guest was not traced"};

	return s->last && s->last < until ? trace_store_gap(s, &gap) : 0;
}

bool trace_store_lost_packets(const struct tocsin_trace_event *e, uint64_t *lost, const char **why)
{
	*lost = e->lost;
	*why = e->detail;
	return e->kind == TOCSIN_TRACE_GAP && e->source == TOCSIN_TRACE_BY_WIRE;
}
