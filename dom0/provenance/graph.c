// SPDX-License-Identifier: GPL-2.0-or-later
/* The graph's rows: texts, nodes, edges, and how they are found. */
#include "provenance/internal.h"

#include "base/error.h"

#include <sys/random.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define MOST_NODES (2u << 20)
#define MOST_EDGES (8u << 20)
#define MOST_BYTES (1u << 30) /* of texts */
#define MOST_GAPS 65536u      /* what is more goes into the last */

const char *tocsin_trace_node_name(enum tocsin_trace_node_kind kind)
{
	static const char *const names[] = {"process", "file",    "socket",  "host",
					    "module",  "finding", "start-up"};

	return (unsigned int)kind < TOCSIN_TRACE_NODE_KINDS ? names[kind] : "?";
}

uint64_t trace_mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

/* Guests choose texts: who does not know the seed cannot choose many of one hash. */
static uint32_t text_hash(const struct tocsin_provenance *g, const char *bytes, size_t size)
{
	return (uint32_t)XXH3_64bits_withSeed(bytes, size, g->seed);
}

uint64_t trace_text_digest(const struct tocsin_provenance *g, uint32_t text)
{
	const struct trace_text *t = &g->texts[text];

	return XXH3_64bits(g->bytes + t->at, t->size);
}

/* Room for one more in an array. */
static int grow(void *array, uint32_t count, uint32_t room, size_t size, uint32_t *ret)
{
	uint32_t more = room ? room * 2 : 64;
	void *new, **at = array;

	if (count < room) {
		*ret = room;
		return 0;
	}
	if (more <= room)
		return -E2BIG;
	new = reallocarray(*at, more, size);
	if (!new)
		return -ENOMEM;
	*at = new;
	*ret = more;
	return 0;
}

/* 1: it has become larger, and is empty: all has to be put into it again. */
static int table_reserve(struct trace_table *t, uint32_t count)
{
	uint32_t size = t->size ? t->size * 2 : 256;
	uint32_t *heads;

	if (count < t->size)
		return 0;
	if (size <= t->size)
		return -E2BIG;
	heads = malloc(size * sizeof(*heads));
	if (!heads)
		return -ENOMEM;
	memset(heads, 0xff, size * sizeof(*heads));
	free(t->heads);
	t->heads = heads;
	t->size = size;
	return 1;
}

static uint32_t *bucket(const struct trace_table *t, uint32_t hash)
{
	return &t->heads[hash & (t->size - 1)];
}

struct tocsin_provenance *tocsin_provenance_new(const struct tocsin_provenance_settings *settings)
{
	struct tocsin_provenance *g = calloc(1, sizeof(*g));
	uint32_t empty;

	if (!g)
		return NULL;
	if (settings)
		g->settings = *settings;
	if (!g->settings.max_nodes || g->settings.max_nodes > TOCSIN_TRACE_NONE / 2)
		g->settings.max_nodes = MOST_NODES;
	if (!g->settings.max_edges || g->settings.max_edges > TOCSIN_TRACE_NONE / 2)
		g->settings.max_edges = MOST_EDGES;
	if (getrandom(&g->seed, sizeof(g->seed), 0) != sizeof(g->seed) ||
	    trace_text(g, "", 0, &empty)) {
		tocsin_provenance_free(g);
		return NULL;
	}
	return g;
}

void tocsin_provenance_free(struct tocsin_provenance *g)
{
	if (!g)
		return;
	free(g->bytes);
	free(g->texts);
	free(g->nodes);
	free(g->states);
	free(g->edges);
	free(g->links);
	free(g->gaps);
	free(g->startups);
	free(g->text_table.heads);
	free(g->node_table.heads);
	free(g->alike_table.heads);
	free(g->open_table.heads);
	free(g);
}

uint32_t trace_text_find(const struct tocsin_provenance *g, const char *bytes, size_t size)
{
	uint32_t hash = text_hash(g, bytes, size);
	uint32_t i = g->text_table.size ? *bucket(&g->text_table, hash) : TOCSIN_TRACE_NONE;

	while (i != TOCSIN_TRACE_NONE && (g->texts[i].hash != hash || g->texts[i].size != size ||
					  memcmp(g->bytes + g->texts[i].at, bytes, size) != 0))
		i = g->texts[i].next;
	return i;
}

static void text_put(struct tocsin_provenance *g, uint32_t i)
{
	uint32_t *head = bucket(&g->text_table, g->texts[i].hash);

	g->texts[i].next = *head;
	*head = i;
}

static int text_room(struct tocsin_provenance *g, size_t size)
{
	size_t room = g->byte_room ? g->byte_room : 4096;
	char *bytes;
	int rc;

	if (size >= MOST_BYTES - g->byte_count)
		return -E2BIG;
	while (room - g->byte_count <= size)
		room *= 2;
	if (room != g->byte_room) {
		bytes = realloc(g->bytes, room);
		if (!bytes)
			return -ENOMEM;
		g->bytes = bytes;
		g->byte_room = room;
	}
	rc = table_reserve(&g->text_table, g->text_count);
	for (uint32_t i = 0; rc > 0 && i < g->text_count; i++)
		text_put(g, i);
	return rc < 0
		   ? rc
		   : grow(&g->texts, g->text_count, g->text_room, sizeof(*g->texts), &g->text_room);
}

int trace_text(struct tocsin_provenance *g, const char *bytes, size_t size, uint32_t *ret)
{
	uint32_t i = trace_text_find(g, bytes, size);
	int rc;

	if (i == TOCSIN_TRACE_NONE) {
		rc = text_room(g, size);
		if (rc)
			return rc;
		i = g->text_count++;
		g->texts[i] = (struct trace_text){
		    .at = g->byte_count, .size = (uint32_t)size, .hash = text_hash(g, bytes, size)};
		memcpy(g->bytes + g->byte_count, bytes, size);
		g->bytes[g->byte_count + size] = 0;
		g->byte_count += size + 1;
		text_put(g, i);
	}
	*ret = i;
	return 0;
}

static uint32_t node_hash(const struct tocsin_trace_node *n)
{
	uint64_t hash = trace_mix(n->kind, n->guest);

	hash = trace_mix(hash, n->boot);
	hash = trace_mix(hash, n->id);
	hash = trace_mix(hash, n->part);
	return (uint32_t)trace_mix(hash, n->key);
}

/* The first from i on in its bucket that is the same as key. */
static uint32_t same_node(const struct tocsin_provenance *g, uint32_t i, uint32_t hash,
			  const struct tocsin_trace_node *key)
{
	for (; i != TOCSIN_TRACE_NONE; i = g->states[i].next) {
		const struct tocsin_trace_node *n = &g->nodes[i];

		if (g->states[i].hash == hash && n->kind == key->kind && n->guest == key->guest &&
		    n->boot == key->boot && n->id == key->id && n->part == key->part &&
		    n->key == key->key)
			break;
	}
	return i;
}

uint32_t trace_node_find(const struct tocsin_provenance *g, const struct tocsin_trace_node *key)
{
	uint32_t hash = node_hash(key);

	return same_node(g, g->node_table.size ? *bucket(&g->node_table, hash) : TOCSIN_TRACE_NONE,
			 hash, key);
}

uint32_t trace_node_older(const struct tocsin_provenance *g, uint32_t node)
{
	return same_node(g, g->states[node].next, g->states[node].hash, &g->nodes[node]);
}

static void node_put(struct tocsin_provenance *g, uint32_t i)
{
	uint32_t *head = bucket(&g->node_table, g->states[i].hash);

	g->states[i].next = *head;
	*head = i;
}

int trace_node_add(struct tocsin_provenance *g, const struct tocsin_trace_node *n, uint32_t *ret)
{
	uint32_t i = g->node_count, room = g->node_room;
	int rc = i >= g->settings.max_nodes ? -E2BIG : table_reserve(&g->node_table, i);

	for (uint32_t k = 0; rc > 0 && k < i; k++)
		node_put(g, k);
	if (rc >= 0)
		rc = grow(&g->nodes, i, room, sizeof(*g->nodes), &room);
	if (!rc)
		rc = grow(&g->states, i, g->node_room, sizeof(*g->states), &g->node_room);
	if (rc)
		return rc;
	g->nodes[i] = *n;
	g->states[i] = (struct trace_state){
	    .hash = node_hash(n), .first_out = TOCSIN_TRACE_NONE, .first_in = TOCSIN_TRACE_NONE};
	node_put(g, i);
	g->node_count++;
	g->counts.nodes++;
	*ret = i;
	return 0;
}

/* The first path is kept, or one in another namespace, which takes turns with the last. The same
 * path in several is told of as in one: the first process's, else where it was seen first. */
void trace_set_path(struct tocsin_trace_node *n, uint32_t path, uint32_t mount_ns)
{
	if (n->name == path) {
		n->mount_ns = mount_ns ? n->mount_ns : 0;
		return;
	}
	if (n->name && (!n->more || (n->more == path && n->more_ns != n->mount_ns))) {
		n->more = n->name;
		n->more_ns = n->mount_ns;
	}
	n->name = path;
	n->mount_ns = mount_ns;
}

static void open_put(struct tocsin_provenance *g, uint32_t i)
{
	uint32_t *head;

	if (g->links[i].gone || !(g->edges[i].flags & TOCSIN_TRACE_OPEN) || !g->edges[i].open)
		return;
	head = bucket(&g->open_table, (uint32_t)trace_mix(0, g->edges[i].open));
	g->links[i].next_open = *head;
	*head = i;
}

static int edge_room(struct tocsin_provenance *g)
{
	uint32_t count = g->edge_count, room = g->edge_room;
	int rc = count >= g->settings.max_edges ? -E2BIG : table_reserve(&g->open_table, count);

	for (uint32_t i = 0; rc > 0 && i < count; i++)
		open_put(g, i);
	if (rc >= 0)
		rc = grow(&g->edges, count, room, sizeof(*g->edges), &room);
	return rc ? rc : grow(&g->links, count, g->edge_room, sizeof(*g->links), &g->edge_room);
}

static void later(uint64_t *at, uint64_t time)
{
	if (time > *at)
		*at = time;
}

/* Nothing follows from what one does to oneself, but that it is held. */
static void count_open(struct tocsin_provenance *g, const struct tocsin_trace_edge *e, int more)
{
	if (e->from == e->to) {
		g->states[e->from].handles += (uint32_t)more;
		return;
	}
	g->states[e->from].open_out += (uint32_t)more;
	g->states[e->to].open_in += (uint32_t)more;
}

static void was_active(struct tocsin_provenance *g, const struct tocsin_trace_edge *e)
{
	later(&g->states[e->from].out_until, e->left);
	later(&g->states[e->to].in_until, e->arrived);
}

int trace_edge_add(struct tocsin_provenance *g, const struct tocsin_trace_edge *e, uint32_t *ret)
{
	struct trace_state *from = &g->states[e->from], *to = &g->states[e->to];
	uint32_t i = g->edge_count;
	int rc = edge_room(g);

	if (rc)
		return rc;
	g->edges[i] = *e;
	g->links[i] = (struct trace_link){.next_out = from->first_out, .next_in = to->first_in};
	from->first_out = to->first_in = i;
	from->edges++;
	to->edges++;
	g->edge_count++;
	g->counts.edges++;
	open_put(g, i);
	*ret = i;
	if (e->flags & TOCSIN_TRACE_STANDING)
		return 0; /* what it stands for was active, and was counted then */
	if (e->flags & TOCSIN_TRACE_OPEN)
		count_open(g, e, 1);
	else if (e->from != e->to)
		was_active(g, e);
	return 0;
}

static void open_take(struct tocsin_provenance *g, uint32_t edge)
{
	uint32_t *at;

	if (!g->edges[edge].open)
		return;
	at = bucket(&g->open_table, (uint32_t)trace_mix(0, g->edges[edge].open));
	while (*at != TOCSIN_TRACE_NONE && *at != edge)
		at = &g->links[*at].next_open;
	if (*at == edge)
		*at = g->links[edge].next_open;
}

void trace_edge_end(struct tocsin_provenance *g, uint32_t edge, uint64_t until)
{
	struct tocsin_trace_edge *e = &g->edges[edge];

	if (!(e->flags & TOCSIN_TRACE_OPEN))
		return;
	open_take(g, edge);
	count_open(g, e, -1);
	e->flags &= (uint8_t)~TOCSIN_TRACE_OPEN;
	e->left = e->arrived = until > e->arrives ? until : e->arrives;
	if (e->from != e->to)
		was_active(g, e);
}

void trace_edge_lasts(struct tocsin_provenance *g, uint32_t edge, uint64_t open)
{
	struct tocsin_trace_edge *e = &g->edges[edge];

	e->flags |= TOCSIN_TRACE_OPEN;
	e->left = e->arrived = TOCSIN_TRACE_FOREVER;
	e->open = open;
	open_put(g, edge);
	count_open(g, e, 1);
}

void trace_edge_widen(struct tocsin_provenance *g, uint32_t edge, uint64_t until)
{
	struct tocsin_trace_edge *e = &g->edges[edge];

	later(&e->left, until);
	later(&e->arrived, until);
	if (e->from != e->to)
		was_active(g, e);
}

uint32_t trace_open_find(const struct tocsin_provenance *g, uint64_t open)
{
	uint32_t i = open && g->open_table.size
			 ? *bucket(&g->open_table, (uint32_t)trace_mix(0, open))
			 : TOCSIN_TRACE_NONE;

	while (i != TOCSIN_TRACE_NONE && g->edges[i].open != open)
		i = g->links[i].next_open;
	return i;
}

void trace_edge_drop(struct tocsin_provenance *g, uint32_t edge)
{
	struct tocsin_trace_edge *e = &g->edges[edge];
	struct trace_link *link = &g->links[edge];

	if (link->gone)
		return;
	trace_edge_end(g, edge, e->arrives);
	link->gone = true;
	g->states[e->from].edges--;
	g->states[e->to].edges--;
	g->counts.edges--;
}

int trace_gap_add(struct tocsin_provenance *g, const struct tocsin_trace_gap *gap)
{
	struct tocsin_trace_gap *last = g->gap_count ? &g->gaps[g->gap_count - 1] : NULL;
	int rc;

	later(&g->barrier, gap->until);
	if (last &&
	    (g->gap_count >= MOST_GAPS ||
	     (last->guest == gap->guest && last->why == gap->why && gap->since <= last->until))) {
		last->lost = last->lost && gap->lost ? last->lost + gap->lost : 0;
		last->since = gap->since < last->since ? gap->since : last->since;
		later(&last->until, gap->until);
		return 0;
	}
	rc = grow(&g->gaps, g->gap_count, g->gap_room, sizeof(*g->gaps), &g->gap_room);
	if (rc)
		return rc;
	g->gaps[g->gap_count++] = *gap;
	g->counts.gaps++;
	return 0;
}

/* ---- what others see ---- */

void tocsin_provenance_counts(const struct tocsin_provenance *g,
			      struct tocsin_provenance_counts *ret)
{
	*ret = g->counts;
}

const struct tocsin_trace_node *tocsin_provenance_node(const struct tocsin_provenance *g,
						       uint32_t node)
{
	return node < g->node_count ? &g->nodes[node] : NULL;
}

const struct tocsin_trace_edge *tocsin_provenance_edge(const struct tocsin_provenance *g,
						       uint32_t edge)
{
	return edge < g->edge_count && !g->links[edge].gone ? &g->edges[edge] : NULL;
}

const struct tocsin_trace_gap *tocsin_provenance_gap(const struct tocsin_provenance *g,
						     uint32_t gap)
{
	return gap < g->gap_count ? &g->gaps[gap] : NULL;
}

uint32_t tocsin_provenance_nodes(const struct tocsin_provenance *g)
{
	return g->node_count;
}

uint32_t tocsin_provenance_edges(const struct tocsin_provenance *g)
{
	return g->edge_count;
}

uint32_t tocsin_provenance_next(const struct tocsin_provenance *g, uint32_t node, bool in,
				uint32_t after)
{
	uint32_t i;

	if (after == TOCSIN_TRACE_NONE)
		i = in ? g->states[node].first_in : g->states[node].first_out;
	else
		i = in ? g->links[after].next_in : g->links[after].next_out;
	while (i != TOCSIN_TRACE_NONE && g->links[i].gone)
		i = in ? g->links[i].next_in : g->links[i].next_out;
	return i;
}

const char *tocsin_provenance_text(const struct tocsin_provenance *g, uint32_t text, size_t *size)
{
	if (text >= g->text_count)
		text = 0;
	if (size)
		*size = g->texts[text].size;
	return g->bytes + g->texts[text].at;
}
