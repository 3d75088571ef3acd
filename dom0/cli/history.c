// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin history FILE: what tocsin watch --history kept, asked for by time, guest, process or
 * connection, in one of the forms of events, or as a graph.
 */
#include "monitor/history.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/fold.h"
#include "cli/guest.h"
#include "cli/when.h"
#include "output/event.h"
#include "output/graph.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
	const char *file;
	struct tocsin_history_query query;
	const struct tocsin_event_output *output;
	const struct tocsin_graph_output *graph; /* in place of output */
	uint64_t nodes;
	bool stat, json;
	bool found; /* an event was written */
	uint64_t now;
};

static int parse_number(const char *text, uint64_t most, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return *text < '0' || *text > '9' || *end || errno || *ret > most || !*ret ? -EINVAL : 0;
}

static int parse_kind(const char *text, struct options *o)
{
	o->query.kind = tocsin_event_kind_find(text);
	return o->query.kind == TOCSIN_EVENT_KINDS ? -EINVAL : 0;
}

static int parse_format(const char *text, struct options *o)
{
	o->output = tocsin_event_output_find(text);
	o->graph = tocsin_graph_output_find(text);
	return o->output || o->graph ? 0 : -EINVAL;
}

static int parse_pid(const char *text, struct options *o)
{
	uint64_t value;
	int rc = parse_number(text, INT32_MAX, &value);

	o->query.pid = (int32_t)value;
	return rc;
}

static int parse_port(const char *text, struct options *o)
{
	uint64_t value;
	int rc = parse_number(text, UINT16_MAX, &value);

	o->query.port = (uint16_t)value;
	return rc;
}

static int parse_since(const char *text, struct options *o)
{
	return when_parse(text, o->now, &o->query.since);
}

static int parse_until(const char *text, struct options *o)
{
	return when_parse(text, o->now, &o->query.until);
}

static int parse_guest(const char *text, struct options *o)
{
	o->query.guest = text;
	return 0;
}

static int parse_comm(const char *text, struct options *o)
{
	o->query.comm = text;
	return 0;
}

static int parse_address(const char *text, struct options *o)
{
	o->query.address = text;
	return 0;
}

static int parse_limit(const char *text, struct options *o)
{
	return parse_number(text, INT64_MAX, &o->query.limit);
}

static int parse_nodes(const char *text, struct options *o)
{
	return parse_number(text, 10000000, &o->nodes);
}

static const struct option {
	const char *name;
	int (*parse)(const char *text, struct options *o);
	const char *takes;
} valued[] = {
    {"--since", parse_since, WHEN_TAKES},
    {"--until", parse_until, WHEN_TAKES},
    {"--guest", parse_guest, "a guest's name"},
    {"--kind", parse_kind, NULL},
    {"--pid", parse_pid, "the number of a process"},
    {"--comm", parse_comm, "a process's name"},
    {"--port", parse_port, "a port, 1 to 65535"},
    {"--address", parse_address, "an address of IPv4 or IPv6"},
    {"--limit", parse_limit, "a number, from 1"},
    {"--format", parse_format, "text, json, ocsf, dot or graphml"},
    {"--nodes", parse_nodes, "a number, 1 to 10000000"},
};

static void complain(const struct option *option, const char *value)
{
	if (value)
		fprintf(stderr, "tocsin history: %s does not take '%s', but", option->name, value);
	else
		fprintf(stderr, "tocsin history: %s needs a value:", option->name);
	if (option->takes)
		fprintf(stderr, " %s", option->takes);
	else
		for (unsigned int k = 0; k < TOCSIN_EVENT_KINDS; k++)
			fprintf(stderr, " %s", tocsin_event_kind_name(k));
	fputc('\n', stderr);
}

/* How many arguments it took; a negative errno: stderr says why. */
static int parse_option(char **argv, struct options *o)
{
	if (!strcmp(argv[0], "--json")) {
		o->json = true;
		return parse_format("json", o) ? -EINVAL : 1;
	}
	if (!strcmp(argv[0], "--stat")) {
		o->stat = true;
		return 1;
	}
	for (size_t i = 0; i < sizeof(valued) / sizeof(valued[0]); i++) {
		if (strcmp(argv[0], valued[i].name) != 0)
			continue;
		if (argv[1] && !valued[i].parse(argv[1], o))
			return 2;
		complain(&valued[i], argv[1]);
		return -EINVAL;
	}
	if (argv[0][0] == '-' || o->file) {
		fprintf(stderr, "tocsin history: unexpected argument '%s'\n", argv[0]);
		return -EINVAL;
	}
	o->file = argv[0];
	return 1;
}

static int parse(int argc, char **argv, struct options *o)
{
	int took;

	for (int i = 1; i < argc; i += took) {
		took = parse_option(argv + i, o);
		if (took < 0)
			return took;
	}
	if (o->file)
		return 0;
	fputs("tocsin history: which file?\n", stderr);
	return -EINVAL;
}

static int show_extent(struct tocsin_history *h, bool json, struct tocsin_error *err)
{
	struct tocsin_history_extent e;
	int rc = tocsin_history_extent(h, &e, err);

	if (rc)
		return rc;
	if (json) {
		printf("{\"schema\":1,\"kind\":\"history\",\"first\":%" PRIu64 ",\"last\":%" PRIu64
		       ",\"events\":%" PRIu64 ",\"processes\":%" PRIu64 ",\"sockets\":%" PRIu64
		       ",\"bytes\":%" PRIu64 "}\n",
		       e.first, e.last, e.events, e.processes, e.sockets, e.bytes);
		return 0;
	}
	when_print("first", e.first);
	when_print("last", e.last);
	printf("%-10s %" PRIu64 "\n%-10s %" PRIu64 "\n%-10s %" PRIu64 "\n%-10s %" PRIu64 "\n",
	       "events", e.events, "processes", e.processes, "sockets", e.sockets, "bytes",
	       e.bytes);
	return 0;
}

static int write_event(const struct tocsin_event *e, void *context)
{
	struct options *o = context;

	o->found = true;
	return o->output->write(stdout, e);
}

/* A person who sees nothing might have mistyped. */
static int tell_nothing(struct tocsin_history *h, const struct options *o, struct tocsin_error *err)
{
	struct tocsin_history_extent e;
	int rc = tocsin_history_extent(h, &e, err);

	if (!rc)
		fprintf(stderr, "tocsin history: none of the %" PRIu64 " events in %s fits\n",
			e.events, o->file);
	return rc;
}

static int show_events(struct tocsin_history *h, struct options *o, struct tocsin_error *err)
{
	bool text = !strcmp(o->output->name, "text");
	int rc;

	if (text)
		fold_lines(0);
	rc = tocsin_history_each(h, &o->query, write_event, o, err);
	if (!rc && !o->found && text)
		rc = tell_nothing(h, o, err);
	return rc;
}

static int add_to_graph(const struct tocsin_event *e, void *context)
{
	return tocsin_graph_add(context, e);
}

static int show_graph(struct tocsin_history *h, const struct options *o, struct tocsin_error *err)
{
	struct tocsin_graph *graph = tocsin_graph_new(o->nodes);
	int rc;

	if (!graph)
		return -ENOMEM;
	rc = tocsin_history_each(h, &o->query, add_to_graph, graph, err);
	if (!rc)
		rc = o->graph->write(stdout, graph);
	tocsin_graph_free(graph);
	if (rc == -E2BIG)
		return tocsin_error_set(err, rc,
					"the graph has more than %" PRIu64 " nodes, or too many "
					"connections for them: ask for less, or raise --nodes",
					o->nodes ? o->nodes : TOCSIN_GRAPH_NODES);
	return rc;
}

static int show(struct options *o, struct tocsin_error *err)
{
	struct tocsin_history *h;
	int rc = tocsin_history_open(o->file, NULL, &h, err);

	if (rc)
		return rc;
	if (o->stat)
		rc = show_extent(h, o->json, err);
	else if (o->graph)
		rc = show_graph(h, o, err);
	else
		rc = show_events(h, o, err);
	tocsin_history_close(h);
	return rc;
}

int command_history(int argc, char **argv)
{
	struct options o = {.query = {.kind = TOCSIN_EVENT_KINDS}};
	struct tocsin_error err = {0};
	int rc;

	o.now = tocsin_realtime();
	o.output = tocsin_event_output_find("text");
	if (parse(argc, argv, &o))
		return EXIT_USAGE;
	rc = show(&o, &err);
	if (!rc)
		return EXIT_DONE;
	fprintf(stderr, "tocsin history: %s\n", err.code ? err.message : strerror(-rc));
	return EXIT_FAILED;
}
