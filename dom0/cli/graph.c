// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin graph: what caused what. From a graph that was kept of a traced guest, from the history of
 * a watch, from events as text, or from one look at a guest.
 */
#include "cli/graph.h"
#include "cli/command.h"
#include "cli/fold.h"
#include "cli/when.h"
#include "output/provenance.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DRAWN 2000

static const char *text_of(const struct tocsin_provenance *g, uint32_t text)
{
	return tocsin_provenance_text(g, text, NULL);
}

/* --not: a name, a path, an address that fits one of the patterns. */
static bool is_unwanted(const struct tocsin_provenance *g, uint32_t node, void *options)
{
	const struct tocsin_trace_node *n = tocsin_provenance_node(g, node);
	const struct graph_options *o = options;

	for (size_t i = 0; i < o->not_count; i++)
		if (!fnmatch(o->without[i], text_of(g, n->name), 0) ||
		    (n->more && !fnmatch(o->without[i], text_of(g, n->more), 0)))
			return true;
	return false;
}

static int show_extent(const struct tocsin_provenance *g)
{
	struct tocsin_provenance_counts c;

	tocsin_provenance_counts(g, &c);
	when_print("first", c.first);
	when_print("last", c.last);
	printf("%-10s %" PRIu64 "\n%-10s %" PRIu64 "\n%-10s %" PRIu64 "\n%-10s %" PRIu64 "\n",
	       "events", c.events, "nodes", c.nodes, "edges", c.edges, "gaps", c.gaps);
	return 0;
}

/* Graphviz takes minutes for more, and what it draws nobody can read. */
static int check_drawable(const struct graph_options *o, const struct tocsin_told *told,
			  struct tocsin_error *err)
{
	size_t nodes = 0;
	int rc = 0;

	if (!strcmp(o->output->name, "svg") && !o->nodes)
		rc = tocsin_provenance_told(told, &nodes);
	if (rc)
		return tocsin_error_set(err, rc, "no memory for the answer");
	if (nodes <= MOST_DRAWN)
		return 0;
	return tocsin_error_set(
	    err, -E2BIG,
	    "%zu nodes are too many to be drawn: ask for less by --depth, --since or "
	    "--not, or allow them by --nodes",
	    nodes);
}

static int show_answer(const struct tocsin_provenance *g, const struct graph_options *o,
		       const struct tocsin_trace_question *q, const struct tocsin_trace_answer *a,
		       struct tocsin_error *err)
{
	struct tocsin_told told = {.graph = g, .question = q, .answer = a, .all = o->all};
	size_t nodes = 0;
	int rc = o->count ? 0 : check_drawable(o, &told, err);

	if (rc)
		return rc;
	if (o->count) {
		rc = tocsin_provenance_told(&told, &nodes);
		if (!rc)
			printf("%zu\n", nodes);
	} else {
		if (!strcmp(o->output->name, "tree"))
			fold_lines(0);
		rc = o->output->write(stdout, &told);
	}
	if (!rc && !o->count && !o->output->remarks)
		tocsin_provenance_remarks(stderr, &told);
	if (rc == -ENOENT)
		return tocsin_error_set(err, rc, "there is no dot: SVG is drawn by graphviz");
	if (rc)
		return tocsin_error_set(err, rc, "cannot write: %s", strerror(-rc));
	return a->gaps || a->truncated || a->unsure ? 1 : 0;
}

static int show(const struct tocsin_provenance *g, const struct graph_options *o,
		struct tocsin_error *err)
{
	struct tocsin_trace_question q = {.forward = o->forward != NULL,
					  .since = o->since,
					  .until = o->until,
					  .depth = o->depth,
					  .max_nodes = o->nodes,
					  .skip = o->not_count ? is_unwanted : NULL,
					  .context = (void *)o};
	struct tocsin_error own = {0};
	struct tocsin_trace_answer a;
	uint32_t *from;
	size_t count;
	int rc;

	if (!o->back && !o->forward)
		return show_extent(g);
	rc = tocsin_trace_find(g, o->back ? o->back : o->forward, &from, &count, &own);
	if (rc)
		return tocsin_error_set(err, rc, "%s%s", own.message,
					rc == -ENOENT && (o->since || o->until)
					    ? ", in the time that is asked of"
					    : "");
	rc = tocsin_trace_ask(g, &q, from, count, &a);
	free(from);
	if (rc)
		return tocsin_error_set(err, rc, "cannot search the graph: %s", strerror(-rc));
	rc = show_answer(g, o, &q, &a, err);
	tocsin_trace_answer_free(&a);
	return rc;
}

int command_graph(int argc, char **argv)
{
	struct graph_options o = {.output = tocsin_provenance_output_find("tree")};
	struct tocsin_provenance *g = NULL;
	struct tocsin_error err = {0};
	int rc = graph_options_parse(argc, argv, &o);

	if (rc)
		return EXIT_USAGE;
	rc = graph_load(&o, &g, &err);
	if (rc >= 0)
		rc = show(g, &o, &err) | rc;
	tocsin_provenance_free(g);
	if (rc < 0)
		fprintf(stderr, "tocsin graph: %s\n", err.code ? err.message : strerror(-rc));
	return rc < 0 ? EXIT_FAILED : rc ? EXIT_PARTIAL : EXIT_DONE;
}
