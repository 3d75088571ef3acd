// SPDX-License-Identifier: GPL-2.0-or-later
/* A graph of relations for other programs: GraphML 1.0, every member of the model as data. */
#include "output/formats.h"
#include "output/graph_model.h"

#include <errno.h>
#include <inttypes.h>

static const struct key {
	const char *name, *of, *type;
} keys[] = {
    {"kind", "node", "string"},
    {"label", "node", "string"},
    {"guest", "node", "string"},
    {"boot", "node", "long"},
    {"pid", "node", "long"},
    {"start_time", "node", "long"},
    {"exe", "node", "string"},
    {"uid", "node", "long"},
    {"container", "node", "string"},
    {"severity", "node", "string"},
    {"finding", "node", "string"},
    {"relation", "edge", "string"},
    {"protocol", "edge", "string"},
    {"port", "edge", "long"},
    {"count", "edge", "long"},
    {"bytes", "edge", "long"},
    {"event", "edge", "string"},
    {"first", "edge", "long"},
    {"last", "edge", "long"},
    {"unsure", "edge", "boolean"},
    {"mount_namespace", "node", "long"},
    {"exe_mount_namespace", "node", "long"},
};

/* Cleaned text has no control characters; XML knows two more that it cannot hold. */
static void write_text(FILE *to, const char *text)
{
	char clean[CLEAN_SIZE];

	for (const char *c = tocsin_text_clean(text, CLEAN_SIZE, clean); *c; c++) {
		if (!strncmp(c, "\xef\xbf\xbe", 3) || !strncmp(c, "\xef\xbf\xbf", 3)) {
			fprintf(to, "\\xef\\xbf\\x%02x", (unsigned char)c[2]);
			c += 2;
		} else if (*c == '&') {
			fputs("&amp;", to);
		} else if (*c == '<') {
			fputs("&lt;", to);
		} else if (*c == '>') {
			fputs("&gt;", to);
		} else {
			fputc(*c, to);
		}
	}
}

static void write_data(FILE *to, const char *key, const char *text)
{
	if (!text[0])
		return;
	fprintf(to, "<data key=\"%s\">", key);
	write_text(to, text);
	fputs("</data>", to);
}

static void write_number(FILE *to, const char *key, uint64_t value)
{
	fprintf(to, "<data key=\"%s\">%" PRIu64 "</data>", key, value);
}

static void write_node(FILE *to, const struct graph_node *n, const struct graph_relations *all)
{
	fprintf(to, "<node id=\"n%zu\">", n->number);
	write_data(to, "kind", tocsin_graph_node_name(n->kind));
	write_data(to, "label", n->name);
	if (n->guest != SIZE_MAX) {
		write_data(to, "guest", all->guests[n->guest].name);
		write_number(to, "boot", all->guests[n->guest].boot);
	}
	if (n->kind == NODE_PROCESS && n->pid) {
		write_number(to, "pid", (uint32_t)n->pid);
		write_number(to, "start_time", n->start_time);
	}
	if (n->known && n->uid != UINT32_MAX)
		write_number(to, "uid", n->uid);
	if (n->mount_ns)
		write_number(to, "mount_namespace", n->mount_ns);
	write_data(to, "exe", n->exe);
	if (n->exe_ns)
		write_number(to, "exe_mount_namespace", n->exe_ns);
	write_data(to, "container", n->container);
	if (n->severity >= 0)
		write_data(to, "severity", tocsin_severity_name((enum tocsin_severity)n->severity));
	write_data(to, "finding", n->finding);
	fputs("</node>\n", to);
}

static void write_edge(FILE *to, const struct graph_edge *e)
{
	fprintf(to, "<edge source=\"n%zu\" target=\"n%zu\">", e->from->number, e->to->number);
	write_data(to, "relation", tocsin_graph_edge_name(e->kind));
	write_data(to, e->kind == EDGE_FLOW ? "event" : "protocol", e->protocol);
	if (e->port)
		write_number(to, "port", e->port);
	if (e->kind == EDGE_CONNECTION) {
		write_number(to, "count", e->count);
		write_number(to, "bytes", e->bytes);
	}
	if (e->kind == EDGE_FLOW) {
		write_number(to, "count", e->count);
		if (e->bytes)
			write_number(to, "bytes", e->bytes);
		write_number(to, "first", e->first);
		if (e->last != UINT64_MAX)
			write_number(to, "last", e->last);
		if (e->unsure)
			write_data(to, "unsure", "true");
	}
	fputs("</edge>\n", to);
}

int tocsin_graph_graphml(FILE *to, const struct graph_relations *all)
{
	errno = 0;
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	      "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n",
	      to);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		fprintf(to, "<key id=\"%s\" for=\"%s\" attr.name=\"%s\" attr.type=\"%s\"/>\n",
			keys[i].name, keys[i].of, keys[i].name, keys[i].type);
	fputs("<graph id=\"tocsin\" edgedefault=\"directed\">\n", to);
	for (size_t i = 0; i < all->node_count; i++)
		write_node(to, all->nodes[i], all);
	for (size_t i = 0; i < all->edge_count; i++)
		write_edge(to, &all->edges[i]);
	fputs("</graph>\n</graphml>\n", to);
	return fflush(to) || ferror(to) ? errno ? -errno : -EIO : 0;
}
