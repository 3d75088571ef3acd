/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside cli/: tocsin graph. */
#ifndef TOCSIN_CLI_GRAPH_H
#define TOCSIN_CLI_GRAPH_H

#include "cli/guest.h"
#include "output/provenance.h"

#define GRAPH_NOT_MAX 64

struct graph_options {
	const char *file; /* or a guest */
	struct guest_options guest;
	const char *back, *forward; /* at most one */
	uint64_t since, until, nodes;
	uint32_t depth;
	const char *without[GRAPH_NOT_MAX]; /* --not */
	const char *pcap;                   /* NULL: none */
	size_t not_count;
	const struct tocsin_provenance_output *output;
	bool all, count;
};

/* 0, or -EINVAL with the reason on stderr. ret->output is what it is unless --format says more. */
int graph_options_parse(int argc, char **argv, struct graph_options *ret);

/* The graph that the options name, freed by the caller. 0; 1: part of a guest could not be read; a
 * negative errno. */
int graph_load(const struct graph_options *o, struct tocsin_provenance **ret,
	       struct tocsin_error *err);

/*
 * State what is in a guest now, as samples: its processes, their connections and open files. guest:
 * its name in the graph. Returns as graph_load; boot: as events of this guest have it.
 */
int graph_look(struct tocsin_kernel *k, const struct guest_options *o, const char *guest,
	       tocsin_trace_take *take, void *context, uint64_t *boot, struct tocsin_error *err);

#endif
