/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside cli/: the arguments of tocsin trace on. */
#ifndef TOCSIN_CLI_TRACE_OPTIONS_H
#define TOCSIN_CLI_TRACE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_NAMES_MAX 128

struct trace_options {
	const char *domain;
	const char *names[TRACE_NAMES_MAX];
	size_t count;
	char *named;     /* what --functions gave, cut into names */
	int64_t seconds; /* 0: until it is ended */
	bool no_events;
	bool no_capture;
	const char *interface;  /* that is captured; NULL: the guest's */
	bool graph;             /* events go into a graph, calls are not printed */
	const char *graph_file; /* NULL: the guest's own */
	bool uses;              /* who reads, writes, sends and receives is told by calls */
	bool uses_given;
};

/* 0, or a negative errno with the reason on stderr; *ret is 0 before, and freed either way. */
int trace_options_parse(int argc, char **argv, struct trace_options *ret);
void trace_options_free(struct trace_options *o);

#endif
