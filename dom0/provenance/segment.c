// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A segment is a version, the counts of texts, nodes, edges and gaps, and their columns: each
 * member of all rows together, as numbers of 7 bits a byte, which zstd then makes small. Edges are
 * in the order in which they begin, so that their times are small differences.
 *
 * Only what has an edge is written, and only texts that are named.
 */
#include "provenance/segment.h"

#include "base/error.h"

#include <stddef.h>
#include <zstd.h>

#define VERSION 2u
#define NEWER_NODE_COLUMNS 2u /* that version 1 has not */
#define LEVEL 9
#define MOST_RAW (64u << 20)
#define MOST_ROWS (4u << 20)

/* ---- columns ---- */

enum how {
	PLAIN,
	TEXT,  /* a number among the segment's texts */
	NODE,  /* among its nodes */
	DELTA, /* from the row before */
	AFTER, /* of a time: from the member before it, and 1; 0: for ever */
};

struct column {
	uint16_t offset;
	uint8_t size, how;
};

#define COLUMN(type, member, how)                                                                  \
	{                                                                                          \
		offsetof(struct type, member), sizeof(((struct type *)0)->member), how             \
	}

static const struct column node_columns[] = {
    COLUMN(tocsin_trace_node, kind, PLAIN),     COLUMN(tocsin_trace_node, flags, PLAIN),
    COLUMN(tocsin_trace_node, severity, PLAIN), COLUMN(tocsin_trace_node, guest, TEXT),
    COLUMN(tocsin_trace_node, boot, DELTA),     COLUMN(tocsin_trace_node, id, DELTA),
    COLUMN(tocsin_trace_node, part, DELTA),     COLUMN(tocsin_trace_node, key, TEXT),
    COLUMN(tocsin_trace_node, name, TEXT),      COLUMN(tocsin_trace_node, more, TEXT),
    COLUMN(tocsin_trace_node, container, TEXT), COLUMN(tocsin_trace_node, uid, PLAIN),
    COLUMN(tocsin_trace_node, euid, PLAIN),     COLUMN(tocsin_trace_node, mode, PLAIN),
    COLUMN(tocsin_trace_node, first, DELTA),    COLUMN(tocsin_trace_node, last, DELTA),
    COLUMN(tocsin_trace_node, mount_ns, PLAIN), COLUMN(tocsin_trace_node, more_ns, PLAIN),
};

static const struct column edge_columns[] = {
    COLUMN(tocsin_trace_edge, kind, PLAIN),    COLUMN(tocsin_trace_edge, flags, PLAIN),
    COLUMN(tocsin_trace_edge, from, NODE),     COLUMN(tocsin_trace_edge, to, NODE),
    COLUMN(tocsin_trace_edge, label, TEXT),    COLUMN(tocsin_trace_edge, value, PLAIN),
    COLUMN(tocsin_trace_edge, leaves, DELTA),  COLUMN(tocsin_trace_edge, left, AFTER),
    COLUMN(tocsin_trace_edge, arrives, AFTER), COLUMN(tocsin_trace_edge, arrived, AFTER),
    COLUMN(tocsin_trace_edge, count, PLAIN),   COLUMN(tocsin_trace_edge, bytes, PLAIN),
};

static const struct column gap_columns[] = {
    COLUMN(tocsin_trace_gap, since, DELTA), COLUMN(tocsin_trace_gap, until, AFTER),
    COLUMN(tocsin_trace_gap, lost, PLAIN),  COLUMN(tocsin_trace_gap, guest, TEXT),
    COLUMN(tocsin_trace_gap, why, TEXT),
};

#define COLUMNS(c) c, sizeof(c) / sizeof((c)[0])

static uint64_t get_member(const void *row, const struct column *c)
{
	const uint8_t *at = (const uint8_t *)row + c->offset;
	uint64_t wide;
	uint32_t word;

	if (c->size == 1)
		return *at;
	if (c->size == 4) {
		memcpy(&word, at, 4);
		return word;
	}
	memcpy(&wide, at, 8);
	return wide;
}

/* false: it does not fit. */
static bool set_member(void *row, const struct column *c, uint64_t value)
{
	uint8_t *at = (uint8_t *)row + c->offset;
	uint32_t word = (uint32_t)value;

	if (c->size == 1)
		*at = (uint8_t)value;
	else if (c->size == 4)
		memcpy(at, &word, 4);
	else
		memcpy(at, &value, 8);
	return c->size == 8 || value < 1ull << 8 * c->size;
}

/* What an AFTER column counts from: of `arrives` it is `leaves`, of `arrived` and `left` what
 * begins. */
static uint64_t base_of(const void *row, const struct column *c)
{
	const struct tocsin_trace_edge *e = row;

	if (c->offset == offsetof(struct tocsin_trace_edge, arrived) && c[-1].how == AFTER)
		return e->arrives;
	return get_member(row,
			  c->offset == offsetof(struct tocsin_trace_edge, arrives) ? c - 2 : c - 1);
}

/* ---- writing ---- */

struct writer {
	const struct tocsin_provenance *g;
	uint8_t *bytes;
	size_t count, room;
	bool failed;
	uint32_t *text_as, *node_as; /* numbers in the segment; NONE: not in it */
	uint32_t *texts, *nodes, *edges;
	uint32_t text_count, node_count, edge_count;
};

static void put(struct writer *w, uint64_t value)
{
	if (w->room - w->count < 10) {
		size_t room = w->room ? w->room * 2 : 65536;
		void *bytes = room > MOST_RAW ? NULL : realloc(w->bytes, room);

		if (!bytes) {
			w->failed = true;
			return;
		}
		w->bytes = bytes;
		w->room = room;
	}
	for (; value >= 0x80; value >>= 7)
		w->bytes[w->count++] = (uint8_t)(value | 0x80);
	w->bytes[w->count++] = (uint8_t)value;
}

static uint64_t zigzag(uint64_t difference)
{
	return difference << 1 ^ (uint64_t) - (int64_t)(difference >> 63);
}

static void put_rows(struct writer *w, const struct column *columns, size_t count, const void *rows,
		     size_t row_size, const uint32_t *chosen, uint32_t chosen_count)
{
	for (const struct column *c = columns; c < columns + count; c++) {
		uint64_t before = 0;

		for (uint32_t i = 0; i < chosen_count; i++) {
			const void *row = (const char *)rows + row_size * (chosen ? chosen[i] : i);
			uint64_t value = get_member(row, c);

			if (c->how == TEXT)
				put(w, w->text_as[value]);
			else if (c->how == NODE)
				put(w, w->node_as[value]);
			else if (c->how == DELTA)
				put(w, zigzag(value - before));
			else if (c->how == AFTER)
				put(w, value == TOCSIN_TRACE_FOREVER ? 0
								     : value - base_of(row, c) + 1);
			else
				put(w, value);
			before = value;
		}
	}
}

static void use_text(struct writer *w, uint32_t text)
{
	if (w->text_as[text] != TOCSIN_TRACE_NONE)
		return;
	w->text_as[text] = w->text_count;
	w->texts[w->text_count++] = text;
}

static void use_node(struct writer *w, uint32_t node)
{
	const struct tocsin_trace_node *n = &w->g->nodes[node];

	if (w->node_as[node] != TOCSIN_TRACE_NONE)
		return;
	w->node_as[node] = 0;
	use_text(w, n->guest);
	use_text(w, n->key);
	use_text(w, n->name);
	use_text(w, n->more);
	use_text(w, n->container);
}

static int by_beginning(const void *a, const void *b, void *graph)
{
	const struct tocsin_provenance *g = graph;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	uint64_t s = g->edges[x].leaves, t = g->edges[y].leaves;

	return s != t ? (s > t) - (s < t) : (x > y) - (x < y);
}

static bool choose(struct writer *w)
{
	const struct tocsin_provenance *g = w->g;

	w->text_as = malloc((g->text_count + 1u) * sizeof(uint32_t));
	w->node_as = malloc((g->node_count + 1u) * sizeof(uint32_t));
	w->texts = calloc(g->text_count + 1u, sizeof(uint32_t));
	w->nodes = calloc(g->node_count + 1u, sizeof(uint32_t));
	w->edges = calloc(g->edge_count + 1u, sizeof(uint32_t));
	if (!w->text_as || !w->node_as || !w->texts || !w->nodes || !w->edges)
		return false;
	memset(w->text_as, 0xff, (g->text_count + 1u) * sizeof(uint32_t));
	memset(w->node_as, 0xff, (g->node_count + 1u) * sizeof(uint32_t));
	use_text(w, 0);
	for (uint32_t i = 0; i < g->edge_count; i++) {
		/* that a file is open is nobody's concern but the builder's */
		if (g->links[i].gone ||
		    (g->edges[i].from == g->edges[i].to && g->edges[i].kind == TOCSIN_TRACE_OPENED))
			continue;
		w->edges[w->edge_count++] = i;
		use_node(w, g->edges[i].from);
		use_node(w, g->edges[i].to);
		use_text(w, g->edges[i].label);
	}
	for (uint32_t i = 0; i < g->node_count; i++) /* in the order in which they began */
		if (w->node_as[i] != TOCSIN_TRACE_NONE) {
			w->node_as[i] = w->node_count;
			w->nodes[w->node_count++] = i;
		}
	for (uint32_t i = 0; i < g->gap_count; i++) {
		use_text(w, g->gaps[i].guest);
		use_text(w, g->gaps[i].why);
	}
	qsort_r(w->edges, w->edge_count, sizeof(*w->edges), by_beginning, (void *)g);
	return true;
}

static void write_texts(struct writer *w)
{
	for (uint32_t i = 0; i < w->text_count; i++)
		put(w, w->g->texts[w->texts[i]].size);
	for (uint32_t i = 0; i < w->text_count; i++) {
		const struct trace_text *t = &w->g->texts[w->texts[i]];

		for (uint32_t k = 0; k < t->size; k++) {
			put(w, 0); /* room for a byte */
			if (w->failed)
				return;
			w->bytes[w->count - 1] = (uint8_t)w->g->bytes[t->at + k];
		}
	}
}

/* A copy of the edges, those that last ended. */
static struct tocsin_trace_edge *end_edges(const struct tocsin_provenance *g, uint64_t ended)
{
	struct tocsin_trace_edge *edges = calloc(g->edge_count + 1u, sizeof(*edges));

	if (!edges)
		return NULL;
	if (g->edge_count)
		memcpy(edges, g->edges, g->edge_count * sizeof(*edges));
	for (uint32_t i = 0; i < g->edge_count && ended; i++)
		if (edges[i].flags & TOCSIN_TRACE_OPEN) {
			edges[i].flags &= (uint8_t)~TOCSIN_TRACE_OPEN;
			edges[i].left = edges[i].arrived =
			    ended > edges[i].leaves ? ended : edges[i].leaves;
		}
	return edges;
}

/* With a checksum: a damaged segment is not told as if it were true. */
static int compress(const struct writer *w, void **ret, size_t *size)
{
	size_t bound = ZSTD_compressBound(w->count), got;
	ZSTD_CCtx *c = ZSTD_createCCtx();
	void *bytes = malloc(bound);
	bool made = false;

	if (c && bytes &&
	    !ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, LEVEL)) &&
	    !ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1))) {
		got = ZSTD_compress2(c, bytes, bound, w->bytes, w->count);
		made = !ZSTD_isError(got);
	}
	ZSTD_freeCCtx(c);
	if (!made) {
		free(bytes);
		return -ENOMEM;
	}
	*ret = bytes;
	*size = got;
	return 0;
}

int trace_segment_encode(const struct tocsin_provenance *g, uint64_t ended, void **ret,
			 size_t *size)
{
	struct writer w = {.g = g};
	struct tocsin_trace_edge *edges = end_edges(g, ended);
	int rc = -ENOMEM;

	if (edges && choose(&w)) {
		put(&w, VERSION);
		put(&w, w.text_count);
		put(&w, w.node_count);
		put(&w, w.edge_count);
		put(&w, g->gap_count);
		write_texts(&w);
		put_rows(&w, COLUMNS(node_columns), g->nodes, sizeof(*g->nodes), w.nodes,
			 w.node_count);
		put_rows(&w, COLUMNS(edge_columns), edges, sizeof(*edges), w.edges, w.edge_count);
		put_rows(&w, COLUMNS(gap_columns), g->gaps, sizeof(*g->gaps), NULL, g->gap_count);
		rc = w.failed ? -ENOMEM : compress(&w, ret, size);
	}
	free(edges);
	free(w.bytes);
	free(w.text_as);
	free(w.node_as);
	free(w.texts);
	free(w.nodes);
	free(w.edges);
	return rc;
}

/* ---- reading ---- */

struct reader {
	const uint8_t *at, *end;
	uint32_t *texts; /* their numbers in the graph */
	uint32_t text_count, node_count, edge_count, gap_count;
	size_t node_columns;
	bool bad;
};

static uint64_t get(struct reader *r)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64 && r->at < r->end; shift += 7) {
		uint8_t byte = *r->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	r->bad = true;
	return 0;
}

/* A number of rows: each takes a byte at least. */
static uint32_t get_count(struct reader *r)
{
	uint64_t value = get(r);

	if (value > MOST_ROWS || value > (uint64_t)(r->end - r->at))
		r->bad = true;
	return r->bad ? 0 : (uint32_t)value;
}

static void get_rows(struct reader *r, const struct column *columns, size_t count, void *rows,
		     size_t row_size, uint32_t row_count)
{
	for (const struct column *c = columns; c < columns + count && !r->bad; c++) {
		uint64_t before = 0, value;

		for (uint32_t i = 0; i < row_count && !r->bad; i++) {
			void *row = (char *)rows + row_size * i;

			value = get(r);
			if (c->how == TEXT && value >= r->text_count)
				r->bad = true;
			else if (c->how == TEXT)
				value = r->texts[value];
			else if (c->how == NODE && value >= r->node_count)
				r->bad = true;
			else if (c->how == DELTA)
				value = before + (value >> 1 ^ (uint64_t) - (int64_t)(value & 1));
			else if (c->how == AFTER)
				value = value ? base_of(row, c) + value - 1 : TOCSIN_TRACE_FOREVER;
			if (!r->bad && !set_member(row, c, value))
				r->bad = true;
			before = value;
		}
	}
}

static int read_texts(struct reader *r, struct tocsin_provenance *g)
{
	uint64_t *sizes = calloc(r->text_count + 1u, sizeof(*sizes));
	int rc = 0;

	if (!sizes)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->text_count; i++)
		sizes[i] = get(r);
	for (uint32_t i = 0; i < r->text_count && !r->bad && !rc; i++) {
		if (sizes[i] > (uint64_t)(r->end - r->at)) {
			r->bad = true;
			break;
		}
		rc = trace_text(g, (const char *)r->at, sizes[i], &r->texts[i]);
		r->at += sizes[i];
	}
	free(sizes);
	return rc;
}

static bool is_node(const struct tocsin_trace_node *n)
{
	return n->kind < TOCSIN_TRACE_NODE_KINDS && n->severity >= -1 &&
	       n->severity <= (int)TOCSIN_SEVERITY_CRITICAL &&
	       !(n->flags & ~(TOCSIN_TRACE_NODE_FLAGS | TRACE_CARRIED));
}

static bool is_edge(const struct tocsin_trace_edge *e)
{
	bool open = e->flags & (TOCSIN_TRACE_OPEN | TOCSIN_TRACE_STANDING);

	return e->kind < TOCSIN_TRACE_KINDS && !(e->flags & ~TOCSIN_TRACE_EDGE_FLAGS) && e->count &&
	       e->leaves <= e->left && e->arrives <= e->arrived && e->leaves <= e->arrives &&
	       e->left <= e->arrived && (!open || e->left == TOCSIN_TRACE_FOREVER);
}

/* What it was called until this segment, and in it. */
static void place_paths(struct tocsin_trace_node *old, const struct tocsin_trace_node *n)
{
	if (!old->more && n->more_ns != n->mount_ns && n->more)
		trace_set_path(old, n->more, n->more_ns);
	if (n->name)
		trace_set_path(old, n->name, n->mount_ns);
}

/* Which node of the graph a segment's is. */
static int place_node(struct tocsin_provenance *g, const struct tocsin_trace_node *from,
		      uint32_t *ret)
{
	struct tocsin_trace_node n = *from, *old;
	bool carried = n.flags & TRACE_CARRIED, born, dead;

	n.flags &= TOCSIN_TRACE_NODE_FLAGS;
	*ret = n.kind == TOCSIN_TRACE_STARTUP || n.kind == TOCSIN_TRACE_FOUND
		   ? TOCSIN_TRACE_NONE
		   : trace_node_find(g, &n);
	if (*ret == TOCSIN_TRACE_NONE)
		return trace_node_add(g, &n, ret);
	old = &g->nodes[*ret];
	born = n.flags & TOCSIN_TRACE_BORN;
	dead = old->flags & TOCSIN_TRACE_DEAD;
	if ((n.kind == TOCSIN_TRACE_FILE && (born || (dead && !carried))) ||
	    (n.kind == TOCSIN_TRACE_SOCKET && born && dead))
		return trace_node_add(g, &n, ret); /* the same number, or name, again */
	old->flags |= n.flags;
	if (n.kind == TOCSIN_TRACE_FILE) {
		place_paths(old, &n);
	} else {
		old->more = n.more ? n.more : old->more;
		old->name = n.name ? n.name : old->name;
	}
	old->container = n.container ? n.container : old->container;
	if (n.uid != UINT32_MAX) {
		old->uid = n.uid;
		old->euid = n.euid;
	}
	old->mode = n.mode ? n.mode : old->mode;
	old->severity = n.severity > old->severity ? n.severity : old->severity;
	old->first = n.first < old->first ? n.first : old->first;
	old->last = n.last > old->last ? n.last : old->last;
	return 0;
}

static int read_nodes(struct reader *r, struct tocsin_provenance *g, uint32_t *as)
{
	struct tocsin_trace_node *nodes = calloc(r->node_count + 1u, sizeof(*nodes));
	int rc = 0;

	if (!nodes)
		return -ENOMEM;
	get_rows(r, node_columns, r->node_columns, nodes, sizeof(*nodes), r->node_count);
	for (uint32_t i = 0; i < r->node_count && !r->bad && !rc; i++) {
		r->bad = !is_node(&nodes[i]);
		if (!r->bad)
			rc = place_node(g, &nodes[i], &as[i]);
	}
	free(nodes);
	return rc;
}

static void later(uint64_t *at, uint64_t time)
{
	if (time > *at)
		*at = time;
}

static int read_edges(struct reader *r, struct tocsin_provenance *g, const uint32_t *as)
{
	struct tocsin_trace_edge *edges = calloc(r->edge_count + 1u, sizeof(*edges));
	uint32_t edge;
	int rc = 0;

	if (!edges)
		return -ENOMEM;
	get_rows(r, COLUMNS(edge_columns), edges, sizeof(*edges), r->edge_count);
	for (uint32_t i = 0; i < r->edge_count && !r->bad && !rc; i++) {
		struct tocsin_trace_edge *e = &edges[i];

		r->bad = !is_edge(e);
		if (r->bad)
			break;
		e->from = as[e->from];
		e->to = as[e->to];
		rc = trace_edge_add(g, e, &edge);
		g->counts.events += e->count;
		if (e->flags & TOCSIN_TRACE_STANDING)
			continue;
		if (!g->counts.first || e->leaves < g->counts.first)
			g->counts.first = e->leaves;
		later(&g->counts.last, e->flags & TOCSIN_TRACE_OPEN ? e->arrives : e->arrived);
	}
	free(edges);
	return rc;
}

static int read_gaps(struct reader *r, struct tocsin_provenance *g)
{
	struct tocsin_trace_gap *gaps = calloc(r->gap_count + 1u, sizeof(*gaps));
	int rc = 0;

	if (!gaps)
		return -ENOMEM;
	get_rows(r, COLUMNS(gap_columns), gaps, sizeof(*gaps), r->gap_count);
	for (uint32_t i = 0; i < r->gap_count && !r->bad && !rc; i++) {
		r->bad = gaps[i].since > gaps[i].until;
		if (!r->bad)
			rc = trace_gap_add(g, &gaps[i]);
	}
	free(gaps);
	return rc;
}

static int read_all(struct reader *r, struct tocsin_provenance *g)
{
	uint64_t version = get(r);
	uint32_t *as;
	int rc;

	if (version != VERSION && version != VERSION - 1)
		r->bad = true;
	r->node_columns = sizeof(node_columns) / sizeof(node_columns[0]) -
			  (version < VERSION ? NEWER_NODE_COLUMNS : 0);
	r->text_count = get_count(r);
	r->node_count = get_count(r);
	r->edge_count = get_count(r);
	r->gap_count = get_count(r);
	if (r->bad)
		return -EPROTO;
	r->texts = calloc(r->text_count + 1u, sizeof(*r->texts));
	as = calloc(r->node_count + 1u, sizeof(*as));
	rc = r->texts && as ? read_texts(r, g) : -ENOMEM;
	if (!rc)
		rc = read_nodes(r, g, as);
	if (!rc)
		rc = read_edges(r, g, as);
	if (!rc)
		rc = read_gaps(r, g);
	if (!rc && (r->bad || r->at != r->end))
		rc = -EPROTO;
	free(as);
	free(r->texts);
	return rc;
}

int trace_segment_decode(const void *bytes, size_t size, struct tocsin_provenance *g,
			 struct tocsin_error *err)
{
	unsigned long long raw = ZSTD_getFrameContentSize(bytes, size);
	struct reader r = {0};
	uint8_t *plain;
	int rc = -EPROTO;

	if (raw > MOST_RAW) /* what is no size at all, too */
		return tocsin_error_set(err, -EPROTO, "the graph is damaged: a part is no segment");
	plain = malloc(raw + 1);
	if (!plain)
		return tocsin_error_set(err, -ENOMEM, "no memory for a part of the graph");
	if (ZSTD_decompress(plain, raw, bytes, size) == raw) {
		r.at = plain;
		r.end = plain + raw;
		rc = read_all(&r, g);
	}
	free(plain);
	if (rc == -EPROTO)
		return tocsin_error_set(err, rc, "the graph is damaged: a part makes no sense");
	if (rc == -E2BIG)
		return tocsin_error_set(err, rc,
					"the graph is too large: ask for a shorter time of it");
	return rc ? tocsin_error_set(err, rc, "no memory for a part of the graph") : 0;
}

/* ---- going on ---- */

static int carry_text(const struct tocsin_provenance *from, struct tocsin_provenance *to,
		      uint32_t *text)
{
	const struct trace_text *t = &from->texts[*text];

	return trace_text(to, from->bytes + t->at, t->size, text);
}

static int carry_node(const struct tocsin_provenance *from, struct tocsin_provenance *to,
		      uint32_t node, uint32_t *ret)
{
	struct tocsin_trace_node n = from->nodes[node];
	int rc = carry_text(from, to, &n.guest);

	n.flags = (uint8_t)((n.flags & ~TOCSIN_TRACE_BORN) | TRACE_CARRIED);
	if (!rc)
		rc = carry_text(from, to, &n.key);
	if (!rc)
		rc = carry_text(from, to, &n.name);
	if (!rc)
		rc = carry_text(from, to, &n.more);
	if (!rc)
		rc = carry_text(from, to, &n.container);
	if (rc)
		return rc;
	*ret = trace_node_find(to, &n);
	return *ret == TOCSIN_TRACE_NONE ? trace_node_add(to, &n, ret) : 0;
}

struct tocsin_provenance *trace_segment_next(const struct tocsin_provenance *g, uint64_t time)
{
	struct tocsin_provenance *next = tocsin_provenance_new(&g->settings);
	int rc = next ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < g->edge_count && !rc; i++) {
		struct tocsin_trace_edge e = g->edges[i];

		if (g->links[i].gone || !(e.flags & TOCSIN_TRACE_OPEN) || e.from == e.to)
			continue;
		e.leaves = e.arrives = time;
		e.count = 1;
		e.bytes = 0;
		rc = carry_text(g, next, &e.label);
		if (!rc)
			rc = carry_node(g, next, g->edges[i].from, &e.from);
		if (!rc)
			rc = carry_node(g, next, g->edges[i].to, &e.to);
		if (!rc)
			rc = trace_reduce_add(next, &e);
	}
	if (rc) {
		tocsin_provenance_free(next);
		return NULL;
	}
	next->counts.first = next->counts.last = time;
	next->barrier = g->barrier;
	return next;
}
