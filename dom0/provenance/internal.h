/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside provenance/: the graph as it is built. */
#ifndef TOCSIN_PROVENANCE_INTERNAL_H
#define TOCSIN_PROVENANCE_INTERNAL_H

#include "provenance/graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of rows by a hash; rows of one bucket are chained in a row's own link. */
struct trace_table {
	uint32_t *heads;
	uint32_t size; /* a power of two, or 0 */
};

struct trace_text {
	size_t at;
	uint32_t size, next;
	uint32_t hash;
};

/* What reduction knows of a node (reduce.c). */
struct trace_state {
	uint32_t hash, next;          /* in the table of nodes */
	uint32_t first_out, first_in; /* edges */
	uint32_t open_out, open_in;   /* how many of them last still */
	uint32_t handles;             /* of a file that may be temporary: how often it is open */
	uint64_t out_until, in_until; /* the latest time at which one that has ended was active */
	uint32_t edges;               /* in and out, those that are there */
	/* of a process that starts: its reads since the first, at startup_since; 0: it does not */
	uint64_t startup_since;
	uint32_t startup; /* index in g->startups, if startup_since */
};

struct trace_link {
	uint32_t next_out, next_in;
	uint32_t hash, next; /* among edges alike */
	uint32_t next_open;  /* among those of one open file */
	bool gone, alike;    /* alike: in the table of edges alike */
};

#define TRACE_STARTUP_EDGES 64u
#define TRACE_STARTUP_LEAST 3u
#define TRACE_STARTUP_TIME 1000000000u /* nanoseconds */

struct trace_startup {
	uint32_t process;
	uint32_t count;
	uint32_t edges[TRACE_STARTUP_EDGES];
};

struct tocsin_provenance {
	struct tocsin_provenance_settings settings;
	uint64_t seed; /* of the texts' hashes */
	char *bytes;   /* of texts */
	size_t byte_count, byte_room;
	struct trace_text *texts;
	uint32_t text_count, text_room;
	struct tocsin_trace_node *nodes;
	struct trace_state *states;
	uint32_t node_count, node_room;
	struct tocsin_trace_edge *edges;
	struct trace_link *links;
	uint32_t edge_count, edge_room;
	struct tocsin_trace_gap *gaps;
	uint32_t gap_count, gap_room;
	struct trace_startup *startups;
	uint32_t startup_count, startup_room;
	struct trace_table text_table, node_table, alike_table, open_table;
	uint64_t settled; /* until then edges were merged as if nothing came later */
	uint64_t barrier; /* no merging across it: the end of the last gap */
	struct tocsin_provenance_counts counts;
};

/* ---- graph.c ---- */

/* The number of a text, added if need be; ret untouched on failure. */
int trace_text(struct tocsin_provenance *g, const char *bytes, size_t size, uint32_t *ret);

/* Is there a text? TOCSIN_TRACE_NONE: no. */
uint32_t trace_text_find(const struct tocsin_provenance *g, const char *bytes, size_t size);

/* The latest node with key's kind, guest, boot, id, part and key; TOCSIN_TRACE_NONE: none. */
uint32_t trace_node_find(const struct tocsin_provenance *g, const struct tocsin_trace_node *key);
/* The one of the same that came before it. */
uint32_t trace_node_older(const struct tocsin_provenance *g, uint32_t node);
/* A node more, which hides those before it from trace_node_find. */
int trace_node_add(struct tocsin_provenance *g, const struct tocsin_trace_node *n, uint32_t *ret);

/* A file was seen under this path. */
void trace_set_path(struct tocsin_trace_node *n, uint32_t path, uint32_t mount_ns);

/* An edge more, in its ends' lists; no reduction. */
int trace_edge_add(struct tocsin_provenance *g, const struct tocsin_trace_edge *e, uint32_t *ret);
/* Take an edge out. */
void trace_edge_drop(struct tocsin_provenance *g, uint32_t edge);
/* It lasts no longer than until. */
void trace_edge_end(struct tocsin_provenance *g, uint32_t edge, uint64_t until);
/* One that was over lasts on, until open ends. */
void trace_edge_lasts(struct tocsin_provenance *g, uint32_t edge, uint64_t open);
/* One that is over was so later. */
void trace_edge_widen(struct tocsin_provenance *g, uint32_t edge, uint64_t until);
/* One of the edges that end with open; TOCSIN_TRACE_NONE: none. */
uint32_t trace_open_find(const struct tocsin_provenance *g, uint64_t open);

int trace_gap_add(struct tocsin_provenance *g, const struct tocsin_trace_gap *gap);

uint64_t trace_mix(uint64_t hash, uint64_t value);
/* The same in each graph. */
uint64_t trace_text_digest(const struct tocsin_provenance *g, uint32_t text);

/* ---- reduce.c ---- */

/* Add an edge, or let one that is there stand for it too. */
int trace_reduce_add(struct tocsin_provenance *g, const struct tocsin_trace_edge *e);
/* The node is dead, or one of its edges ended: fold it away if it may be. 0 or -ENOMEM, -E2BIG. */
int trace_reduce_dead(struct tocsin_provenance *g, uint32_t node);
/* A process begins to start; its start-up is over. */
int trace_startup_begin(struct tocsin_provenance *g, uint32_t process, uint64_t time);
int trace_startup_end(struct tocsin_provenance *g, uint32_t process);
/* All of the edges that end with an open file do. */
int trace_open_end(struct tocsin_provenance *g, uint64_t open, uint64_t until);
/* Those of a process or a socket that have all these flags, of which TOCSIN_TRACE_OPEN is one. */
int trace_node_end(struct tocsin_provenance *g, uint32_t node, uint8_t flags, uint64_t until);

#endif
