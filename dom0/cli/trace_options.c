// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/trace_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cut in place. */
static int parse_names(const char *text, struct trace_options *o)
{
	char *save = NULL;

	o->named = strdup(text);
	if (!o->named)
		return -ENOMEM;
	for (char *name = strtok_r(o->named, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		if (o->count == TRACE_NAMES_MAX) {
			fprintf(stderr, "tocsin trace on: at most %d functions\n", TRACE_NAMES_MAX);
			return -E2BIG;
		}
		o->names[o->count++] = name;
	}
	if (!o->count)
		fputs("tocsin trace on: which functions?\n", stderr);
	return o->count ? 0 : -EINVAL;
}

static int parse_uses(const char *text, struct trace_options *o)
{
	o->uses = !strcmp(text, "first");
	o->uses_given = true;
	if (o->uses || !strcmp(text, "open"))
		return 0;
	fputs("tocsin trace on: --uses is first or open\n", stderr);
	return -EINVAL;
}

/* An option that has a value, and stands last. */
static bool lacks_value(const char *option)
{
	static const char *const valued[] = {"--graph-file", "--capture", "--uses", "--functions",
					     "--for"};

	for (size_t i = 0; i < sizeof(valued) / sizeof(valued[0]); i++)
		if (!strcmp(option, valued[i]))
			return true;
	return false;
}

int trace_options_parse(int argc, char **argv, struct trace_options *o)
{
	for (int i = 1; i < argc; i++) {
		char *rest = "";

		if (i + 1 == argc && lacks_value(argv[i])) {
			fprintf(stderr, "tocsin trace on: %s needs a value\n", argv[i]);
			return -EINVAL;
		}
		if (!strcmp(argv[i], "--no-events")) {
			o->no_events = true;
		} else if (!strcmp(argv[i], "--graph")) {
			o->graph = true;
		} else if (!strcmp(argv[i], "--graph-file")) {
			o->graph = true;
			o->graph_file = argv[++i];
		} else if (!strcmp(argv[i], "--no-capture")) {
			o->no_capture = true;
		} else if (!strcmp(argv[i], "--capture")) {
			o->interface = argv[++i];
		} else if (!strcmp(argv[i], "--uses")) {
			if (parse_uses(argv[++i], o))
				return -EINVAL;
		} else if (!strcmp(argv[i], "--functions") && !o->named) {
			if (parse_names(argv[++i], o))
				return -EINVAL;
		} else if (!strcmp(argv[i], "--for")) {
			o->seconds = strtol(argv[++i], &rest, 10);
			if (*rest || o->seconds < 1 || o->seconds > INT32_MAX) {
				fputs("tocsin trace on: --for needs a number of seconds\n", stderr);
				return -EINVAL;
			}
		} else if (argv[i][0] == '-' || o->domain) {
			fprintf(stderr, "tocsin trace on: unexpected argument '%s'\n", argv[i]);
			return -EINVAL;
		} else {
			o->domain = argv[i];
		}
	}
	if (!o->uses_given)
		o->uses = o->graph && !o->named;
	if (!o->domain)
		fputs("tocsin trace on: which domain?\n", stderr);
	if (o->graph && o->no_events) {
		fputs("tocsin trace on: a graph is made of events\n", stderr);
		return -EINVAL;
	}
	if (o->interface && (!o->graph || o->no_capture)) {
		fputs("tocsin trace on: what is captured goes into a graph\n", stderr);
		return -EINVAL;
	}
	return o->domain ? 0 : -EINVAL;
}

void trace_options_free(struct trace_options *o)
{
	free(o->named);
	o->named = NULL;
}
