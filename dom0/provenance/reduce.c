// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reduction while the graph grows. Each step is such that from every node that stays, at every
 * time, the same nodes are reached as before it, forward and backward; docs/decisions/0014 has the
 * argument, test_reduce.c the proof by comparison.
 *
 * - An edge that repeats another is one with it, if between the two nothing came to where it leaves
 *   from, and nothing went on from where it gets to.
 * - A file that was made and removed, and was contents only, gives way to edges from who wrote it
 * to who read it.
 * - What a program reads when it starts, before anything goes out from it, is one edge from a node
 *   that stands for these files, for all who read the same.
 *
 * What makes each of them right is known in constant time: until when a node's edges were active.
 */
#include "provenance/internal.h"

static uint32_t alike_hash(const struct tocsin_trace_edge *e)
{
	uint64_t hash = trace_mix(trace_mix(1, e->from), e->to);

	hash = trace_mix(hash, e->kind);
	hash = trace_mix(hash, e->label);
	return (uint32_t)trace_mix(hash, e->value);
}

static bool alike(const struct tocsin_trace_edge *x, const struct tocsin_trace_edge *y)
{
	const uint8_t matter = TOCSIN_TRACE_UNSURE | TOCSIN_TRACE_SAMPLED | TOCSIN_TRACE_WIRED;

	return x->from == y->from && x->to == y->to && x->kind == y->kind && x->label == y->label &&
	       x->value == y->value && !((x->flags ^ y->flags) & matter);
}

static uint32_t *alike_head(struct tocsin_provenance *g, uint32_t hash)
{
	return &g->alike_table.heads[hash & (g->alike_table.size - 1)];
}

static void alike_put(struct tocsin_provenance *g, uint32_t edge)
{
	uint32_t *head = alike_head(g, g->links[edge].hash);

	g->links[edge].next = *head;
	g->links[edge].alike = true;
	*head = edge;
}

/* Edges that went, or that another like them came after, leave the table when it grows. */
static int alike_reserve(struct tocsin_provenance *g)
{
	uint32_t size = g->alike_table.size ? g->alike_table.size * 2 : 256, *heads;

	if (g->edge_count < g->alike_table.size)
		return 0;
	heads = malloc(size * sizeof(*heads));
	if (!heads)
		return -ENOMEM;
	memset(heads, 0xff, size * sizeof(*heads));
	free(g->alike_table.heads);
	g->alike_table = (struct trace_table){heads, size};
	for (uint32_t i = 0; i < g->edge_count; i++)
		if (g->links[i].alike && !g->links[i].gone)
			alike_put(g, i);
	return 0;
}

static void alike_take(struct tocsin_provenance *g, uint32_t edge)
{
	uint32_t *at = alike_head(g, g->links[edge].hash);

	while (*at != TOCSIN_TRACE_NONE && *at != edge)
		at = &g->links[*at].next;
	if (*at == edge)
		*at = g->links[edge].next;
	g->links[edge].alike = false;
}

/* The last edge of which e may be a repetition. */
static uint32_t find_alike(struct tocsin_provenance *g, const struct tocsin_trace_edge *e,
			   uint32_t hash)
{
	uint32_t i = g->alike_table.size ? *alike_head(g, hash) : TOCSIN_TRACE_NONE;

	while (i != TOCSIN_TRACE_NONE &&
	       (g->links[i].gone || g->links[i].hash != hash || !alike(&g->edges[i], e)))
		i = g->links[i].next;
	return i;
}

/* May old, which came first, and e be one? Both are of the same time at both ends. */
static bool may_merge(const struct tocsin_provenance *g, const struct tocsin_trace_edge *old,
		      const struct tocsin_trace_edge *e)
{
	const struct trace_state *from = &g->states[e->from], *to = &g->states[e->to];

	if (e->leaves < old->leaves)
		return false;
	if (old->flags & TOCSIN_TRACE_OPEN) /* what it says, old says already */
		return !(e->flags & TOCSIN_TRACE_OPEN) || e->open == old->open || !e->open;
	if (e->leaves <= old->left)
		return true;
	return old->left >= g->barrier && !from->open_in && !to->open_out &&
	       from->in_until <= old->left && to->out_until <= old->left;
}

static void merge(struct tocsin_provenance *g, uint32_t into, const struct tocsin_trace_edge *e)
{
	struct tocsin_trace_edge *old = &g->edges[into];

	old->count += e->count;
	old->bytes += e->bytes;
	g->counts.merged++;
	if (old->flags & TOCSIN_TRACE_OPEN)
		return;
	if (e->leaves > old->left && e->leaves > g->settled)
		g->settled = e->leaves;
	if (e->flags & TOCSIN_TRACE_OPEN)
		trace_edge_lasts(g, into, e->open);
	else
		trace_edge_widen(g, into, e->left);
}

/* A read of a program that starts is remembered; what goes out from a process ends its start. */
static int note_startup(struct tocsin_provenance *g, const struct tocsin_trace_edge *e,
			uint32_t edge)
{
	struct trace_state *to = &g->states[e->to];
	struct trace_startup *s;

	if (!to->startup_since || g->nodes[e->from].kind != TOCSIN_TRACE_FILE ||
	    (e->kind != TOCSIN_TRACE_READ && e->kind != TOCSIN_TRACE_MAPPED) ||
	    (e->flags & (TOCSIN_TRACE_UNSURE | TOCSIN_TRACE_SAMPLED)))
		return 0;
	s = &g->startups[to->startup];
	if (s->count < TRACE_STARTUP_EDGES)
		s->edges[s->count++] = edge;
	return s->count < TRACE_STARTUP_EDGES ? 0 : trace_startup_end(g, e->to);
}

int trace_reduce_add(struct tocsin_provenance *g, const struct tocsin_trace_edge *e)
{
	uint32_t hash = alike_hash(e), at, edge;
	int rc = 0;

	if (g->settings.plain)
		return trace_edge_add(g, e, &edge);
	if (g->states[e->from].startup_since && e->from != e->to)
		rc = trace_startup_end(g, e->from);
	if (!rc && g->states[e->to].startup_since &&
	    e->arrives > g->states[e->to].startup_since + TRACE_STARTUP_TIME)
		rc = trace_startup_end(g, e->to);
	if (rc)
		return rc;
	at = find_alike(g, e, hash);
	if (at != TOCSIN_TRACE_NONE && may_merge(g, &g->edges[at], e)) {
		merge(g, at, e);
		return 0;
	}
	rc = alike_reserve(g);
	if (!rc)
		rc = trace_edge_add(g, e, &edge);
	if (rc)
		return rc;
	if (at != TOCSIN_TRACE_NONE)
		alike_take(g, at);
	g->links[edge].hash = hash;
	alike_put(g, edge);
	return note_startup(g, e, edge);
}

/* ---- temporary files ---- */

static bool is_temporary(const struct tocsin_provenance *g, uint32_t node)
{
	const struct tocsin_trace_node *n = &g->nodes[node];
	const struct trace_state *s = &g->states[node];

	return n->kind == TOCSIN_TRACE_FILE && (n->flags & TOCSIN_TRACE_BORN) &&
	       (n->flags & TOCSIN_TRACE_DEAD) && n->severity < 0 &&
	       !(n->flags & (TOCSIN_TRACE_MARKED | TOCSIN_TRACE_UNSURE)) && !s->open_in &&
	       !s->open_out && !s->handles && s->edges;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The edge that in and then out are together; false: out was over before in arrived. */
static bool compose(const struct tocsin_provenance *g, const struct tocsin_trace_edge *in,
		    const struct tocsin_trace_edge *out, struct tocsin_trace_edge *ret)
{
	if (in->arrives > out->left)
		return false;
	*ret = (struct tocsin_trace_edge){
	    .from = in->from,
	    .to = out->to,
	    .kind = TOCSIN_TRACE_SHARED,
	    .flags = TOCSIN_TRACE_FOLDED | (uint8_t)((in->flags | out->flags) &
						     (TOCSIN_TRACE_UNSURE | TOCSIN_TRACE_SAMPLED)),
	    .label = g->nodes[in->to].name,
	    .leaves = in->leaves,
	    .left = least(least(in->left, in->arrived), least(out->left, out->arrived)),
	    .arrives = most(in->arrives, most(out->leaves, out->arrives)),
	    .arrived = out->arrived,
	    .count = in->count + out->count};
	return true;
}

#define FOLD_MOST 64u /* edges of a file that is folded */

/* The edges of node, in or out, but those to itself; more than FOLD_MOST: FOLD_MOST + 1. */
static size_t edges_of(const struct tocsin_provenance *g, uint32_t node, bool in,
		       uint32_t ret[FOLD_MOST])
{
	size_t count = 0;

	for (uint32_t i = tocsin_provenance_next(g, node, in, TOCSIN_TRACE_NONE);
	     i != TOCSIN_TRACE_NONE; i = tocsin_provenance_next(g, node, in, i)) {
		if (g->edges[i].from == g->edges[i].to)
			continue;
		if (count == FOLD_MOST)
			return FOLD_MOST + 1;
		ret[count++] = i;
	}
	return count;
}

int trace_reduce_dead(struct tocsin_provenance *g, uint32_t node)
{
	uint32_t ins[FOLD_MOST], outs[FOLD_MOST], edge;
	struct tocsin_trace_edge *all;
	size_t in_count, out_count, count = 0;
	int rc = 0;

	if (g->settings.plain || !is_temporary(g, node))
		return 0;
	in_count = edges_of(g, node, true, ins);
	out_count = edges_of(g, node, false, outs);
	if (in_count > FOLD_MOST || out_count > FOLD_MOST)
		return 0;
	all = calloc(in_count + out_count + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < in_count; i++)
		for (size_t k = 0; k < out_count; k++) {
			if (g->edges[ins[i]].from == g->edges[outs[k]].to)
				continue;
			if (count > in_count + out_count)
				goto out; /* it would be no less */
			count += compose(g, &g->edges[ins[i]], &g->edges[outs[k]], &all[count]);
		}
	if (count > in_count + out_count)
		goto out;
	for (size_t i = 0; i < count && !rc; i++)
		rc = trace_edge_add(g, &all[i], &edge);
	for (size_t i = 0; i < in_count && !rc; i++)
		trace_edge_drop(g, ins[i]);
	for (size_t i = 0; i < out_count && !rc; i++)
		trace_edge_drop(g, outs[i]);
	g->counts.folded += in_count + out_count - count;
out:
	free(all);
	return rc;
}

/* ---- start-ups ---- */

int trace_startup_begin(struct tocsin_provenance *g, uint32_t process, uint64_t time)
{
	struct trace_state *s = &g->states[process];
	uint32_t room = g->startup_room;

	if (g->settings.plain || s->startup_since)
		return 0;
	if (g->startup_count == room) {
		void *more = reallocarray(g->startups, room ? room * 2 : 16, sizeof(*g->startups));

		if (!more)
			return -ENOMEM;
		g->startups = more;
		g->startup_room = room ? room * 2 : 16;
	}
	s->startup = g->startup_count++;
	s->startup_since = time ? time : 1;
	g->startups[s->startup] = (struct trace_startup){.process = process};
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/*
 * Which of the edges can be one: those that were over before now, whose file got nothing since the
 * first of them began. Returns how many; they come first, by their file's number.
 */
static uint32_t choose(struct tocsin_provenance *g, struct trace_startup *s, uint64_t *since,
		       uint64_t *until)
{
	uint64_t rows[TRACE_STARTUP_EDGES];
	uint32_t count = 0;

	*since = TOCSIN_TRACE_FOREVER;
	*until = 0;
	for (uint32_t i = 0; i < s->count; i++) {
		const struct tocsin_trace_edge *e = &g->edges[s->edges[i]];

		if (!g->links[s->edges[i]].gone)
			*since = least(*since, e->leaves);
	}
	for (uint32_t i = 0; i < s->count; i++) {
		const struct tocsin_trace_edge *e = &g->edges[s->edges[i]];
		const struct trace_state *file = &g->states[e->from];

		if (g->links[s->edges[i]].gone || (e->flags & TOCSIN_TRACE_OPEN) || file->open_in ||
		    file->in_until > *since || *since < g->barrier ||
		    e->left > *since + TRACE_STARTUP_TIME || e->left >= g->counts.last ||
		    (g->nodes[e->from].flags & (TOCSIN_TRACE_DEAD | TOCSIN_TRACE_UNSURE)))
			continue;
		rows[count++] = (uint64_t)e->from << 32 | s->edges[i];
		*until = most(*until, e->left);
	}
	qsort(rows, count, sizeof(*rows), by_number);
	for (uint32_t i = 0; i < count; i++)
		s->edges[i] = (uint32_t)rows[i];
	return count;
}

/* The node for these files, which leads to the process; made if there is none. */
static int find_startup(struct tocsin_provenance *g, const struct trace_startup *s, uint32_t count,
			uint32_t *ret)
{
	const struct tocsin_trace_node *p = &g->nodes[s->process];
	struct tocsin_trace_node n = {.kind = TOCSIN_TRACE_STARTUP,
				      .guest = p->guest,
				      .boot = p->boot,
				      .severity = -1,
				      .name = p->name,
				      .first = g->edges[s->edges[0]].leaves};
	struct tocsin_trace_edge e = {.kind = TOCSIN_TRACE_READ,
				      .flags = TOCSIN_TRACE_STANDING,
				      .left = TOCSIN_TRACE_FOREVER,
				      .arrived = TOCSIN_TRACE_FOREVER,
				      .count = 1};
	uint32_t edge, last = TOCSIN_TRACE_NONE;
	int rc;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t file = g->edges[s->edges[i]].from;

		if (file == last)
			continue;
		last = file;
		n.id = trace_mix(n.id, file + 1u);
		n.part = trace_mix(n.part + 1, ~(uint64_t)file);
	}
	*ret = trace_node_find(g, &n);
	if (*ret != TOCSIN_TRACE_NONE)
		return 0;
	rc = trace_node_add(g, &n, ret);
	last = TOCSIN_TRACE_NONE;
	for (uint32_t i = 0; i < count && !rc; i++) {
		e.from = g->edges[s->edges[i]].from;
		e.to = *ret;
		if (e.from != last)
			rc = trace_edge_add(g, &e, &edge);
		last = e.from;
	}
	return rc;
}

static int share(struct tocsin_provenance *g, struct trace_startup *s)
{
	struct tocsin_trace_edge e = {.kind = TOCSIN_TRACE_READ, .to = s->process};
	uint32_t count = choose(g, s, &e.leaves, &e.left), edge;
	int rc;

	if (count < TRACE_STARTUP_LEAST || g->states[s->process].open_out ||
	    g->states[s->process].out_until >= e.leaves)
		return 0;
	e.arrives = e.leaves;
	e.arrived = e.left;
	e.count = count;
	rc = find_startup(g, s, count, &e.from);
	if (!rc)
		rc = trace_edge_add(g, &e, &edge);
	for (uint32_t i = 0; i < count && !rc; i++) {
		if (g->links[s->edges[i]].alike)
			alike_take(g, s->edges[i]);
		trace_edge_drop(g, s->edges[i]);
	}
	g->counts.shared += rc ? 0 : count - 1;
	if (!rc && e.left > g->settled)
		g->settled = e.left;
	return rc;
}

int trace_startup_end(struct tocsin_provenance *g, uint32_t process)
{
	struct trace_state *state = &g->states[process];
	struct trace_startup s;
	uint32_t last;

	if (!state->startup_since)
		return 0;
	s = g->startups[state->startup];
	last = g->startups[--g->startup_count].process;
	g->startups[state->startup] = g->startups[g->startup_count];
	g->states[last].startup = state->startup;
	state->startup_since = 0;
	return share(g, &s);
}

/* ---- what ends ---- */

int trace_open_end(struct tocsin_provenance *g, uint64_t open, uint64_t until)
{
	uint32_t i, file;
	int rc = 0;

	while (!rc && (i = trace_open_find(g, open)) != TOCSIN_TRACE_NONE) {
		trace_edge_end(g, i, until);
		file = g->nodes[g->edges[i].from].kind == TOCSIN_TRACE_FILE ? g->edges[i].from
									    : g->edges[i].to;
		if (g->edges[i].from == g->edges[i].to)
			trace_edge_drop(g, i); /* a handle only */
		rc = trace_reduce_dead(g, file);
	}
	return rc;
}

int trace_node_end(struct tocsin_provenance *g, uint32_t node, uint8_t flags, uint64_t until)
{
	struct trace_state *s = &g->states[node];
	uint32_t i, next, other;
	int rc = 0;

	for (int in = 0; in < 2; in++)
		for (i = tocsin_provenance_next(g, node, in, TOCSIN_TRACE_NONE);
		     i != TOCSIN_TRACE_NONE && (s->open_in || s->open_out) && !rc; i = next) {
			next = tocsin_provenance_next(g, node, in, i);
			if ((g->edges[i].flags & flags) != flags)
				continue;
			trace_edge_end(g, i, until);
			other = in ? g->edges[i].from : g->edges[i].to;
			rc = trace_reduce_dead(g, other);
			s = &g->states[node];
		}
	return rc;
}
