// SPDX-License-Identifier: GPL-2.0-or-later
/* The arguments of tocsin graph. */
#include "base/clock.h"
#include "cli/graph.h"
#include "cli/when.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int parse_number(const char *text, uint64_t most, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return *text < '0' || *text > '9' || *end || errno || *ret > most || !*ret ? -EINVAL : 0;
}

static int parse_time(const char *text, uint64_t *ret)
{
	return when_parse(text, tocsin_realtime(), ret);
}

static int parse_back(const char *text, struct graph_options *o)
{
	o->back = text;
	return o->forward ? -EINVAL : 0;
}

static int parse_forward(const char *text, struct graph_options *o)
{
	o->forward = text;
	return o->back ? -EINVAL : 0;
}

static int parse_depth(const char *text, struct graph_options *o)
{
	uint64_t value;
	int rc = parse_number(text, 1000000, &value);

	o->depth = (uint32_t)value;
	return rc;
}

static int parse_since(const char *text, struct graph_options *o)
{
	return parse_time(text, &o->since);
}

static int parse_until(const char *text, struct graph_options *o)
{
	return parse_time(text, &o->until);
}

static int parse_nodes(const char *text, struct graph_options *o)
{
	return parse_number(text, 10000000, &o->nodes);
}

static int parse_not(const char *text, struct graph_options *o)
{
	if (o->not_count == GRAPH_NOT_MAX)
		return -EINVAL;
	o->without[o->not_count++] = text;
	return 0;
}

static int parse_pcap(const char *text, struct graph_options *o)
{
	o->pcap = text;
	return 0;
}

static int parse_format(const char *text, struct graph_options *o)
{
	o->output = tocsin_provenance_output_find(text);
	return o->output ? 0 : -EINVAL;
}

#define FROM                                                                                       \
	"a PID, /a/path, ADDRESS:PORT, or one of pid: comm: file: socket: host: finding: module: " \
	"with what follows; either --back or --forward"

static const struct option {
	const char *name;
	int (*parse)(const char *text, struct graph_options *o);
	const char *takes;
} valued[] = {
    {"--back", parse_back, FROM},
    {"--forward", parse_forward, FROM},
    {"--depth", parse_depth, "a number, 1 to 1000000"},
    {"--since", parse_since, WHEN_TAKES},
    {"--until", parse_until, WHEN_TAKES},
    {"--not", parse_not, "a pattern of names, paths or addresses, at most 64 times"},
    {"--pcap", parse_pcap, "a file of captured packets"},
    {"--nodes", parse_nodes, "a number, 1 to 10000000"},
    {"--format", parse_format, "tree, dot, svg, graphml, prov or ocsf"},
};

/* How many arguments it took; a negative errno: stderr says why. */
static int parse_option(char **argv, struct graph_options *o)
{
	const char **guest = guest_option(argv[0], &o->guest);

	if (guest && !argv[1]) {
		fprintf(stderr, "tocsin graph: %s needs a value\n", argv[0]);
		return -EINVAL;
	}
	if (guest) {
		*guest = argv[1];
		return 2;
	}
	if (!strcmp(argv[0], "--all") || !strcmp(argv[0], "--count")) {
		*(argv[0][2] == 'a' ? &o->all : &o->count) = true;
		return 1;
	}
	for (size_t i = 0; i < sizeof(valued) / sizeof(valued[0]); i++) {
		if (strcmp(argv[0], valued[i].name) != 0)
			continue;
		if (argv[1] && !valued[i].parse(argv[1], o))
			return 2;
		fprintf(stderr, "tocsin graph: %s takes %s\n", argv[0], valued[i].takes);
		return -EINVAL;
	}
	if (argv[0][0] == '-' || o->file) {
		fprintf(stderr, "tocsin graph: unexpected argument '%s'\n", argv[0]);
		return -EINVAL;
	}
	o->file = argv[0];
	return 1;
}

/* What would be passed over in silence. */
static int check(const struct graph_options *o, const struct graph_options *none)
{
	bool asked = o->back || o->forward;

	if (!asked && (o->all || o->count || o->depth || o->nodes || o->not_count ||
		       o->output != none->output)) {
		fputs("tocsin graph: without --back or --forward nothing is asked\n", stderr);
		return -EINVAL;
	}
	if (o->until && o->since > o->until) {
		fputs("tocsin graph: --since is after --until\n", stderr);
		return -EINVAL;
	}
	return 0;
}

int graph_options_parse(int argc, char **argv, struct graph_options *ret)
{
	const struct graph_options none = *ret;
	int took;

	for (int i = 1; i < argc; i += took) {
		took = parse_option(argv + i, ret);
		if (took < 0)
			return took;
	}
	if (!!ret->file + !!ret->guest.domain + !!ret->guest.qemu + !!ret->guest.dump == 1)
		return check(ret, &none);
	fputs("tocsin graph: of what? One of FILE, -d DOMAIN, --qemu SOCKET, --dump FILE\n",
	      stderr);
	return -EINVAL;
}
