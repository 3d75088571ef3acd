/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The relations that all forms of a graph write; private to dom0/output. */
#ifndef TOCSIN_GRAPH_MODEL_H
#define TOCSIN_GRAPH_MODEL_H

#include "output/graph.h"

/* of relations, then of provenance as well */
enum graph_node_kind {
	NODE_PROCESS,
	NODE_LISTENER,
	NODE_ENDPOINT,
	NODE_FILE,
	NODE_SOCKET,
	NODE_KERNEL,
	NODE_FINDING,
	NODE_GROUP /* of things that are told as one */
};
/* EDGE_FLOW: of provenance, from where information came */
enum graph_edge_kind { EDGE_PARENT, EDGE_CONNECTION, EDGE_LISTENS, EDGE_HANDED, EDGE_FLOW };

struct graph_guest {
	char *name;
	uint64_t boot;
};

/* A process is told by its guest, pid and start_time, others by name too. Text is not clean. */
struct graph_node {
	enum graph_node_kind kind;
	size_t guest; /* index; SIZE_MAX of endpoints: none */
	int32_t pid;  /* 0: of connections that nobody is known to hold */
	uint64_t start_time;
	char *name; /* comm; of others what they listen on, or their address */
	char *exe, *container;
	uint32_t uid;
	uint32_t mount_ns, exe_ns; /* mount namespaces of a file's paths; 0: not told of */
	bool known;                /* it was described, not only named as a parent */
	int severity;              /* of the worst finding; -1: none */
	char *finding;
	bool asked;    /* the graph is an answer about it */
	size_t number; /* in the order of writing */
};

struct graph_edge {
	enum graph_edge_kind kind;
	struct graph_node *from, *to;
	const char *protocol; /* "tcp", ...; "" of EDGE_PARENT */
	uint16_t port;        /* of the side that was connected to, or listens; 0: none */
	uint64_t count, bytes;
	/* of EDGE_FLOW, whose protocol says what happened; last UINT64_MAX: it lasts */
	uint64_t first, last;
	bool unsure;
};

struct graph_relations {
	struct graph_guest *guests;
	struct graph_node **nodes; /* by guest, then kind, pid, ... */
	struct graph_edge *edges;  /* by their ends */
	size_t guest_count, node_count, edge_count;
	bool down;           /* a story, which begins at the top: else who talks to whom */
	const char *remarks; /* lines below the picture, clean; NULL: none */
};

/* All that was added, in a fixed order; it is the graph's. -ENOMEM, -E2BIG. */
int tocsin_graph_relate(struct tocsin_graph *g, struct graph_relations *ret);

/* "process", "listener", "endpoint", ...; "parent", "connection", "listens", "handed", "flow" */
const char *tocsin_graph_node_name(enum graph_node_kind kind);
const char *tocsin_graph_edge_name(enum graph_edge_kind kind);

/* Nodes of one guest have to stand together. 0, or a negative errno of writing. */
int tocsin_graph_dot(FILE *to, const struct graph_relations *all);
int tocsin_graph_graphml(FILE *to, const struct graph_relations *all);

#endif
