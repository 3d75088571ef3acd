/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What caused what: a graph whose edges lead where information went. A read leads from the file to
 * the process, a write from the process to the file, a fork from parent to child.
 *
 * An edge has times. Information leaves `from` within [leaves, left] and gets to `to` within
 * [arrives, arrived], not before it left. Of nearly all edges both are the same: an instant, or the
 * time that a file was open from the first read on. A path of edges counts only if it respects the
 * times: what a process read after it wrote a file is no cause of the file.
 *
 * Once added, edges are reduced so that no question's answer changes; docs/decisions/0014 has the
 * argument. What is left out of this: nodes of files that were temporary, which fold away.
 *
 * Memory is bounded: -E2BIG. One graph is for one thread at a time.
 */
#ifndef TOCSIN_PROVENANCE_GRAPH_H
#define TOCSIN_PROVENANCE_GRAPH_H

#include "provenance/event.h"

#define TOCSIN_TRACE_NONE UINT32_MAX
#define TOCSIN_TRACE_FOREVER UINT64_MAX

enum tocsin_trace_node_kind {
	TOCSIN_TRACE_PROCESS,
	TOCSIN_TRACE_FILE,    /* also directories, devices, pipes, shared memory */
	TOCSIN_TRACE_SOCKET,  /* a connection, whose ends share it; a listener; a UNIX socket */
	TOCSIN_TRACE_HOST,    /* the far end of connections: what it knows is not asked */
	TOCSIN_TRACE_KERNEL,  /* a module, a BPF program */
	TOCSIN_TRACE_FOUND,   /* a finding */
	TOCSIN_TRACE_STARTUP, /* files that are read together when a program starts */
	TOCSIN_TRACE_NODE_KINDS
};

/* "process", "file", "socket", "host", "module", "finding", "start-up" */
const char *tocsin_trace_node_name(enum tocsin_trace_node_kind kind);

enum {
	TOCSIN_TRACE_BORN = 1, /* it began within what was seen */
	TOCSIN_TRACE_DEAD = 2, /* exited, closed, no link left */
	TOCSIN_TRACE_UNSURE = 4,
	TOCSIN_TRACE_MARKED = 8, /* more than contents was done to a file: it stays */
	TOCSIN_TRACE_ALONE = 16, /* a socket both of whose ends are in the guest, or nobody's */
	TOCSIN_TRACE_NODE_FLAGS = 31,
	/* of edges, UNSURE too */
	TOCSIN_TRACE_OPEN = 1,     /* it lasts still: left, arrived are FOREVER */
	TOCSIN_TRACE_STANDING = 2, /* of a start-up's files: at any time */
	TOCSIN_TRACE_FOLDED = 8,   /* through a temporary file, which label names */
	TOCSIN_TRACE_SAMPLED = 16,
	TOCSIN_TRACE_WIRED = 32,
	TOCSIN_TRACE_EDGE_FLAGS = 63
};

/* Texts are numbers of the graph's dictionary; 0 is "". */
struct tocsin_trace_node {
	uint8_t kind, flags;
	int8_t severity; /* of the worst finding; -1: none */
	uint32_t guest;  /* text; 0 of what is in no guest */
	uint64_t boot;
	/* process: pid, start_time; file: inode, device (major << 32 | minor), or 0, mount
	 * namespace; finding: time, 0; start-up: digest of its files */
	uint64_t id, part;
	uint32_t key;  /* what else tells it apart: path, addresses, name */
	uint32_t name; /* comm, path, addresses, ...; as last seen */
	uint32_t more; /* exe; a file's first path, if it has another, or one in another mount
			namespace; a host's name; what a finding says */
	uint32_t container;
	uint32_t uid, euid, mode;
	/* of a file's name, and of more: the mount namespace that it is the path in; 0: that of the
	 * guest's first process */
	uint32_t mount_ns, more_ns;
	uint64_t first, last; /* times of events */
};

struct tocsin_trace_edge {
	uint32_t from, to;
	uint8_t kind, flags; /* enum tocsin_trace_kind */
	uint32_t label;      /* a new path, a temporary file, ... */
	uint64_t value;
	uint64_t leaves, left, arrives, arrived;
	uint64_t count, bytes; /* events that it stands for; 0 bytes: not counted */
	uint64_t open;         /* what ends it; 0: who exits */
};

/* A time in which something may be missing. */
struct tocsin_trace_gap {
	uint64_t since, until, lost;
	uint32_t guest, why; /* texts */
};

struct tocsin_provenance;

struct tocsin_provenance_settings {
	uint64_t max_nodes, max_edges; /* 0: 2 and 8 million, in 1 GiB */
	bool plain;                    /* nothing is reduced */
};

/* settings NULL: all 0. NULL: no memory. Freed by the caller. */
struct tocsin_provenance *tocsin_provenance_new(const struct tocsin_provenance_settings *settings);
void tocsin_provenance_free(struct tocsin_provenance *g);

/*
 * Take one event; a tocsin_trace_take, with the graph as context. What comes later than an event of
 * a later time is taken, counted, and its edges are unsure. -EINVAL: the event lacks what its kind
 * needs; -E2BIG; -ENOMEM. Then nothing of it is in the graph, or part of it.
 */
int tocsin_provenance_take(const struct tocsin_trace_event *e, void *graph);

/* End the start-ups that are going on, so that all that can be reduced is. */
void tocsin_provenance_settle(struct tocsin_provenance *g);

struct tocsin_provenance_counts {
	uint64_t events, late, nodes, edges, gaps;
	uint64_t first, last; /* times; 0: no event */
	/* edges that went: into another, with a temporary file, into a start-up */
	uint64_t merged, folded, shared;
};
void tocsin_provenance_counts(const struct tocsin_provenance *g,
			      struct tocsin_provenance_counts *ret);

/* Nodes and edges by number, gaps; NULL: there is no such, or it is gone (edges that were merged).
 */
const struct tocsin_trace_node *tocsin_provenance_node(const struct tocsin_provenance *g,
						       uint32_t node);
const struct tocsin_trace_edge *tocsin_provenance_edge(const struct tocsin_provenance *g,
						       uint32_t edge);
const struct tocsin_trace_gap *tocsin_provenance_gap(const struct tocsin_provenance *g,
						     uint32_t gap);
uint32_t tocsin_provenance_nodes(const struct tocsin_provenance *g); /* numbers are below */
uint32_t tocsin_provenance_edges(const struct tocsin_provenance *g);

/* The edges out of a node, or into it: the first, then the one after; TOCSIN_TRACE_NONE: no more.
 */
uint32_t tocsin_provenance_next(const struct tocsin_provenance *g, uint32_t node, bool in,
				uint32_t after);

/* A text of the dictionary; it may hold NULs, and has one more at its end. size NULL: not asked. */
const char *tocsin_provenance_text(const struct tocsin_provenance *g, uint32_t text, size_t *size);

#endif
