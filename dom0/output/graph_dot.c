// SPDX-License-Identifier: GPL-2.0-or-later
/* A graph of relations for Graphviz: a box around each guest, findings as colours. */
#include "output/formats.h"
#include "output/graph_model.h"

#include <errno.h>
#include <inttypes.h>

/* Guest text between quotes of DOT; cleaning makes a backslash of what is not. */
static void write_text(FILE *to, const char *text)
{
	char clean[CLEAN_SIZE];

	for (const char *c = tocsin_text_clean(text, CLEAN_SIZE, clean); *c; c++) {
		if (*c == '"' || *c == '\\')
			fputc('\\', to);
		fputc(*c, to);
	}
}

static const char *colour(int severity)
{
	static const char *const colours[] = {"lightyellow", "khaki", "orange", "tomato", "red"};

	return severity < 0 ? "white"
	       : (size_t)severity < sizeof(colours) / sizeof(colours[0])
		   ? colours[severity]
		   : colours[TOCSIN_SEVERITY_CRITICAL];
}

static void write_process(FILE *to, const struct graph_node *n)
{
	if (!n->pid)
		write_text(to, n->name);
	else if (n->known)
		write_text(to, n->name[0] ? n->name : "?");
	if (n->pid)
		fprintf(to, "%s%" PRId32, n->known ? "\\n" : "", n->pid);
	if (n->known && n->uid != UINT32_MAX)
		fprintf(to, " uid %" PRIu32, n->uid);
	if (n->exe[0]) {
		fputs("\\n", to);
		write_text(to, n->exe);
	}
	if (n->container[0]) {
		fputs("\\ncontainer ", to);
		write_text(to, n->container);
	}
}

/* Of a story, hosts are where it begins and ends. */
static void write_node(FILE *to, const struct graph_node *n, bool story)
{
	static const char *const shapes[] = {"box",     "cds",       "ellipse", "note",
					     "hexagon", "component", "octagon", "folder"};

	fprintf(to, "    n%zu [shape=%s, label=\"", n->number, shapes[n->kind]);
	if (n->kind == NODE_PROCESS)
		write_process(to, n);
	else
		write_text(to, n->name);
	if (n->mount_ns)
		fprintf(to, "\\nmount namespace %" PRIu32, n->mount_ns);
	if (n->finding[0]) {
		fputs("\\n! ", to);
		write_text(to, n->finding);
	}
	fprintf(to, "\", fillcolor=%s%s];\n",
		story && n->kind == NODE_ENDPOINT ? "lightblue" : colour(n->severity),
		n->asked ? ", penwidth=3" : "");
}

static void write_edge(FILE *to, const struct graph_edge *e)
{
	static const char *const styles[] = {"style=dashed, color=gray50", "color=blue",
					     "style=dotted, arrowhead=none", "color=purple",
					     "color=black"};

	fprintf(to, "  n%zu -> n%zu [%s", e->from->number, e->to->number, styles[e->kind]);
	if (e->kind == EDGE_CONNECTION) {
		fprintf(to, ", label=\"%s", e->protocol);
		if (e->port)
			fprintf(to, " %u", e->port);
		if (e->count > 1)
			fprintf(to, " x%" PRIu64, e->count);
		fputc('"', to);
	} else if (e->kind == EDGE_HANDED) {
		fprintf(to, ", label=\"handed %s\"", e->protocol);
	} else if (e->kind == EDGE_FLOW) {
		fputs(", label=\"", to);
		write_text(to, e->protocol);
		fputs("\\n", to);
		tocsin_text_clock(to, e->first);
		fputs(e->unsure ? "\", style=dashed" : "\"", to);
	}
	fputs("];\n", to);
}

/* Lines, each at the left. */
static void write_remarks(FILE *to, const char *remarks)
{
	fputs("  labelloc=b; labeljust=l;\n  label=\"", to);
	for (const char *c = remarks; *c; c++) {
		if (*c == '\n') {
			fputs("\\l", to);
			continue;
		}
		if (*c == '"' || *c == '\\')
			fputc('\\', to);
		fputc(*c, to);
	}
	fputs("\";\n", to);
}

int tocsin_graph_dot(FILE *to, const struct graph_relations *all)
{
	size_t box = SIZE_MAX;

	errno = 0;
	fprintf(to,
		"digraph tocsin {\n  rankdir=%s; fontname=\"sans\";\n"
		"  node [style=filled, fontname=\"sans\"];\n"
		"  edge [fontname=\"sans\", fontsize=10];\n",
		all->down ? "TB" : "LR");
	for (size_t i = 0; i < all->node_count; i++) {
		const struct graph_node *n = all->nodes[i];

		if (n->guest != box && box != SIZE_MAX)
			fputs("  }\n", to);
		if (n->guest != box && n->guest != SIZE_MAX) {
			fprintf(to, "  subgraph cluster_%zu {\n    label=\"", n->guest);
			write_text(to, all->guests[n->guest].name);
			fputs("\";\n", to);
		}
		box = n->guest;
		write_node(to, n, all->down);
	}
	if (box != SIZE_MAX)
		fputs("  }\n", to);
	for (size_t i = 0; i < all->edge_count; i++)
		write_edge(to, &all->edges[i]);
	if (all->remarks && all->remarks[0]) /* after the boxes, which would have it too */
		write_remarks(to, all->remarks);
	fputs("}\n", to);
	return fflush(to) || ferror(to) ? errno ? -errno : -EIO : 0;
}
