// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/trace_graph.h"
#include "base/clock.h"
#include "cli/graph.h"
#include "provenance/event.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GAP_PART 10000000000ull /* nanoseconds after which a gap that lasts is told */

struct missing {
	const char *name; /* NULL: it is recorded */
	uint64_t since;
	char why[120];
};

struct trace_graph {
	tocsin_trace_take *take;
	void *context;
	struct tocsin_traced_events *events;
	char guest[256];
	uint64_t since, boot;
	struct missing missing[TRACE_GRAPH_FUNCTIONS];
};

/* Of what there was, nobody knows since when: it was there at the beginning. */
static int take_standing(const struct tocsin_trace_event *e, void *context)
{
	const struct trace_graph *g = context;
	struct tocsin_trace_event dated = *e;

	dated.time = e->time < g->since ? e->time : g->since;
	dated.since = e->since < dated.time ? e->since : dated.time;
	return g->take(&dated, g->context);
}

static int fill(struct trace_graph *g, struct tocsin_kernel *k, struct tocsin_who_cache *who,
		struct tocsin_error *err)
{
	struct tocsin_traced_settings settings = {.guest = g->guest, .clock = tocsin_realtime};
	const struct guest_options all = {.domain = g->guest};
	int rc = graph_look(k, &all, g->guest, take_standing, g, &settings.boot, err);

	if (rc < 0)
		return rc;
	g->boot = settings.boot;
	rc = tocsin_traced_events_open(k, who, &settings, g->take, g->context, &g->events);
	return rc ? tocsin_error_set(err, rc, "out of memory") : 0;
}

int trace_graph_open(const char *guest, struct tocsin_kernel *k, struct tocsin_who_cache *who,
		     uint64_t since, tocsin_trace_take *take, void *context,
		     struct trace_graph **ret, struct tocsin_error *err)
{
	struct trace_graph *g = calloc(1, sizeof(*g));
	int rc;

	if (!g)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	snprintf(g->guest, sizeof(g->guest), "%s", guest);
	g->since = since;
	g->take = take;
	g->context = context;
	rc = fill(g, k, who, err);
	if (rc) {
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

int trace_graph_end(struct trace_graph *g, uint64_t now, struct tocsin_traced_stats *ret)
{
	int rc = tell_gaps(g, now, 0);

	if (!rc)
		rc = tocsin_traced_events_commit(g->events, UINT64_MAX);
	*ret = tocsin_traced_events_stats(g->events);
	return rc;
}

void trace_graph_close(struct trace_graph *g)
{
	if (!g)
		return;
	tocsin_traced_events_close(g->events);
	free(g);
}
