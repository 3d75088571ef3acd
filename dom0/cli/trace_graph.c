// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From tracing to the file of a graph. What was there when tracing began is stated first; calls
 * that were made while it was being looked at come after it, so the look is dated to the beginning.
 */
#include "cli/trace_graph.h"
#include "cli/graph.h"
#include "provenance/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define MAX_BYTES (256u << 20)           /* of the file; then the oldest goes */
#define GAP_PART 10000000000ull          /* nanoseconds after which a gap that lasts is told */
#define MAX_AGE (30 * 86400000000000ull) /* nanoseconds */

struct missing {
	const char *name; /* NULL: it is recorded */
	uint64_t since;
	char why[120];
};

struct trace_graph {
	struct tocsin_trace_store *store;
	struct tocsin_traced_events *events;
	char guest[256];
	uint64_t since, boot;
	int unwritten;             /* why it cannot be written now; 0: it can */
	uint64_t lost, lost_since; /* events that could not be kept meanwhile */
	struct missing missing[TRACE_GRAPH_FUNCTIONS];
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

static int open_store(const char *path, const char *guest, struct tocsin_trace_store **ret,
		      struct tocsin_error *err)
{
	static const struct tocsin_trace_store_settings settings = {.max_age = MAX_AGE,
								    .max_bytes = MAX_BYTES};
	char own[512];
	int rc;

	if (path)
		return tocsin_trace_store_open(path, &settings, ret, err);
	if (!guest[0] || guest[0] == '.' || strchr(guest, '/'))
		return tocsin_error_set(err, -EINVAL,
					"a domain named '%s' has no file of its own: --graph-file",
					guest);
	rc = make_folders(err);
	if (rc)
		return rc;
	snprintf(own, sizeof(own), TOCSIN_TRACE_FOLDER "/%s", guest);
	return tocsin_trace_store_open(own, &settings, ret, err);
}

/* Of what there was, nobody knows since when: it was there at the beginning. */
static int take_standing(const struct tocsin_trace_event *e, void *context)
{
	const struct trace_graph *g = context;
	struct tocsin_trace_event dated = *e;

	dated.time = e->time < g->since ? e->time : g->since;
	dated.since = e->since < dated.time ? e->since : dated.time;
	return tocsin_trace_store_take(&dated, g->store);
}

static struct tocsin_trace_event gap_of(const struct trace_graph *g, uint64_t since, uint64_t until,
					uint64_t lost, const char *why)
{
	return (struct tocsin_trace_event){.kind = TOCSIN_TRACE_GAP,
					   .since = since,
					   .time = until,
					   .guest = g->guest,
					   .boot = g->boot,
					   .lost = lost,
					   .detail = why,
					   .resolved = true};
}

static bool may_pass(int rc)
{
	return rc == -ENOSPC || rc == -EDQUOT || rc == -EBUSY;
}

static void tell_unwritten(struct trace_graph *g, int rc)
{
	if (rc == g->unwritten)
		return;
	if (rc)
		fprintf(stderr,
			"tocsin trace on: the graph cannot be written: %s; it is tried again\n",
			strerror(-rc));
	else
		fputs("tocsin trace on: the graph is written again\n", stderr);
	g->unwritten = rc;
}

/* A disk that is full for a while does not end the tracing. */
static int take(const struct tocsin_trace_event *e, void *graph)
{
	struct trace_graph *g = graph;
	struct tocsin_trace_event gap;
	int rc;

	if (g->lost) {
		gap = gap_of(g, g->lost_since, e->time > g->lost_since ? e->time : g->lost_since,
			     g->lost, "the graph could not be written");
		rc = tocsin_trace_store_take(&gap, g->store);
		if (!rc || may_pass(rc))
			g->lost = 0;
	}
	rc = tocsin_trace_store_take(e, g->store);
	if (rc == -ENOBUFS) {
		g->lost_since = g->lost ? g->lost_since : e->since;
		g->lost++;
		return 0;
	}
	if (rc && !may_pass(rc))
		return rc;
	if (rc || tocsin_trace_store_is_written(g->store))
		tell_unwritten(g, rc);
	return 0;
}

/* Since the last event of a graph that goes on nobody knows what happened. */
static int tell_absence(struct trace_graph *g, uint64_t last)
{
	const struct tocsin_trace_event e =
	    gap_of(g, last, g->since, 0, "the guest was not traced");

	return last && last < g->since ? tocsin_trace_store_take(&e, g->store) : 0;
}

static uint64_t realtime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static int fill(struct trace_graph *g, const char *path, struct tocsin_kernel *k,
		struct tocsin_who_cache *who, struct tocsin_error *err)
{
	struct tocsin_traced_settings settings = {.guest = g->guest, .clock = realtime};
	const struct guest_options all = {.domain = g->guest};
	struct tocsin_trace_store_extent before = {0};
	int rc = open_store(path, g->guest, &g->store, err);

	if (!rc)
		rc = tocsin_trace_store_extent(g->store, &before, err);
	if (!rc)
		rc = graph_look(k, &all, g->guest, take_standing, g, &settings.boot, err);
	if (rc < 0)
		return rc;
	g->boot = settings.boot;
	rc = tell_absence(g, before.last);
	if (rc)
		return tocsin_error_set(err, rc, "cannot write the graph: %s", strerror(-rc));
	rc = tocsin_traced_events_open(k, who, &settings, take, g, &g->events);
	return rc ? tocsin_error_set(err, rc, "out of memory") : 0;
}

int trace_graph_open(const char *path, const char *guest, struct tocsin_kernel *k,
		     struct tocsin_who_cache *who, uint64_t since, struct trace_graph **ret,
		     struct tocsin_error *err)
{
	struct trace_graph *g = calloc(1, sizeof(*g));
	int rc;

	if (!g)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	snprintf(g->guest, sizeof(g->guest), "%s", guest);
	g->since = since;
	rc = fill(g, path, k, who, err);
	if (rc) {
		tocsin_trace_store_close(g->store);
		free(g);
		return rc;
	}
	*ret = g;
	return 0;
}

struct tocsin_traced_events *trace_graph_events(struct trace_graph *g)
{
	return g->events;
}

int trace_graph_wire(const struct tocsin_trace_event *e, void *graph)
{
	const struct trace_graph *g = graph;

	return tocsin_traced_events_wire(e, g->events);
}

uint64_t trace_graph_boot(const struct trace_graph *g)
{
	return g->boot;
}

static int tell_gap(struct trace_graph *g, struct missing *m, uint64_t until)
{
	return tocsin_traced_events_missing(g->events, m->name, m->since, until, m->why);
}

int trace_graph_collected(struct trace_graph *g, size_t function, const char *name, const char *why,
			  uint64_t time)
{
	struct missing *m = &g->missing[function];
	int rc = 0;

	if (why)
		tocsin_traced_events_stopped(g->events, name, time);
	else
		tocsin_traced_events_started(g->events, name, time);
	if (m->name)
		rc = tell_gap(g, m, time);
	*m = (struct missing){.name = why ? name : NULL, .since = time};
	snprintf(m->why, sizeof(m->why), "%s", why ? why : "");
	return rc;
}

static int tell_gaps(struct trace_graph *g, uint64_t now, uint64_t least)
{
	int rc = 0;

	for (size_t i = 0; i < TRACE_GRAPH_FUNCTIONS && !rc; i++) {
		struct missing *m = &g->missing[i];

		if (!m->name || now < m->since + least)
			continue;
		rc = tell_gap(g, m, now);
		m->since = now;
	}
	return rc;
}

int trace_graph_commit(struct trace_graph *g, uint64_t before, uint64_t now)
{
	int rc = tell_gaps(g, now, GAP_PART);

	return rc ? rc : tocsin_traced_events_commit(g->events, before);
}

int trace_graph_close(struct trace_graph *g, uint64_t now, struct tocsin_traced_stats *ret,
		      struct tocsin_error *err)
{
	int rc = 0;

	if (!g)
		return 0;
	rc = tell_gaps(g, now, 0);
	if (!rc)
		rc = tocsin_traced_events_commit(g->events, UINT64_MAX);
	if (!rc)
		rc = tocsin_trace_store_flush(g->store, err);
	*ret = tocsin_traced_events_stats(g->events);
	tocsin_traced_events_close(g->events);
	tocsin_trace_store_close(g->store);
	free(g);
	return rc;
}
