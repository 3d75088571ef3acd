// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An answer as a tree of text: what was asked for, and below each thing what it came from (or went
 * to) first, with the time. What can be got to by several ways has one line; the other ways are
 * told in short where they lead from.
 */
#include "output/formats.h"
#include "output/trace_ways.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define DAY (86400ull * 1000000000u)
#define DEEPEST 64u /* levels that are indented; below, the level is a number */
#define MOST_WAYS 4 /* other ways of one thing, unless all are told */

struct tree {
	FILE *to;
	struct trace_view v;
	struct trace_ways ways;
	uint32_t *line;         /* by step: the edge that its line tells; NONE */
	uint32_t *first, *next; /* by step: its first child, its next sibling */
	bool *told;             /* by step: its line is written */
	uint64_t day;           /* since the epoch, of the time that was written last */
};

static const struct tocsin_trace_step *step_at(const struct tree *t, uint32_t i)
{
	return &t->v.told->answer->steps[i];
}

static void indent(const struct tree *t, uint32_t level)
{
	if (level > DEEPEST)
		fprintf(t->to, "%*s[%" PRIu32 "] ", (int)(2 * DEEPEST), "", level);
	else
		fprintf(t->to, "%*s", (int)(2 * level), "");
}

/* From when to when, "-" and no more: it lasts. The day is told when it is another than that of the
 * line above. */
static void write_span(struct tree *t, uint64_t since, uint64_t until)
{
	if (since / DAY != t->day)
		tocsin_text_day(t->to, since);
	t->day = since / DAY;
	tocsin_text_clock(t->to, since);
	if (until == TOCSIN_TRACE_FOREVER) {
		fputs(" -", t->to);
	} else if (until != since) {
		fputs(" - ", t->to);
		tocsin_text_clock(t->to, until);
	}
	fputc(' ', t->to);
}

static uint64_t end_of(const struct tocsin_trace_edge *e)
{
	return e->left == TOCSIN_TRACE_FOREVER ? e->left
	       : e->left == e->leaves          ? e->left
					       : e->arrived;
}

static void write_when(struct tree *t, const struct tocsin_trace_edge *e)
{
	if (!(e->flags & TOCSIN_TRACE_STANDING))
		write_span(t, e->leaves, end_of(e));
}

/* Of a connection: what was captured of it, whichever way it was got to. */
static void write_captured(struct tree *t, uint32_t node)
{
	const struct tocsin_provenance *g = t->v.told->graph;
	bool captured = false, held = false;
	uint64_t bytes[2] = {0};

	for (int in = 0; in < 2; in++)
		for (uint32_t k = tocsin_provenance_next(g, node, in, TOCSIN_TRACE_NONE);
		     k != TOCSIN_TRACE_NONE; k = tocsin_provenance_next(g, node, in, k)) {
			const struct tocsin_trace_edge *e = tocsin_provenance_edge(g, k);
			const struct tocsin_trace_node *other =
			    tocsin_provenance_node(g, in ? e->from : e->to);

			if (e->kind == TOCSIN_TRACE_FLOW) {
				captured = true;
				bytes[in] += e->bytes;
			}
			held |= other->kind == TOCSIN_TRACE_PROCESS;
		}
	if (captured)
		fprintf(t->to, " (on the wire %" PRIu64 " bytes sent, %" PRIu64 " received%s)",
			bytes[0], bytes[1], held ? "" : "; no process was seen to hold it");
}

static const struct tocsin_trace_edge *edge_at(const struct tree *t, uint32_t edge)
{
	return tocsin_provenance_edge(t->v.told->graph, edge);
}

/* How much it says of two things. */
static int weight(const struct tocsin_trace_edge *e)
{
	switch (e->kind) {
	case TOCSIN_TRACE_EXECUTED:
	case TOCSIN_TRACE_PTRACE:
		return 3;
	case TOCSIN_TRACE_WRITTEN:
	case TOCSIN_TRACE_SENT:
	case TOCSIN_TRACE_RECEIVED:
		return 2;
	case TOCSIN_TRACE_OPENED:
	case TOCSIN_TRACE_BOUND:
	case TOCSIN_TRACE_CONNECTED:
	case TOCSIN_TRACE_ACCEPTED:
		return 0;
	default:
		return 1;
	}
}

/* The line of a step tells how it was reached, unless what else happened there says more. */
static void choose_line(struct tree *t, uint32_t i)
{
	for (uint32_t k = t->ways.first[i]; k < t->ways.first[i + 1]; k++) {
		uint32_t edge = t->ways.rows[k].edge;

		if (t->ways.rows[k].far != i ||
		    weight(edge_at(t, edge)) <= weight(edge_at(t, t->line[i])))
			continue;
		t->ways.rows[k].edge = t->line[i];
		t->line[i] = edge;
	}
}

/* Who writes what it made, or sends over what it connected, is told by that; whose child uses a
 * connection accepted it. */
static bool goes_without_saying(const struct tree *t, const struct trace_way *w)
{
	const struct tocsin_trace_edge *e = edge_at(t, w->edge), *line;

	if (w->far != w->step)
		return e->kind == TOCSIN_TRACE_ACCEPTED;
	line = edge_at(t, t->line[w->step]);
	if (e->kind == TOCSIN_TRACE_OPENED)
		return line->kind == TOCSIN_TRACE_WRITTEN;
	if (weight(e) == 0)
		return line->kind == TOCSIN_TRACE_SENT || line->kind == TOCSIN_TRACE_RECEIVED;
	return e->flags & line->flags & TOCSIN_TRACE_FOLDED && e->label == line->label;
}

static void settle_ways(struct tree *t)
{
	uint32_t count = t->v.told->answer->count, kept = 0;

	for (uint32_t i = 0, k = 0; i < count; i++) {
		uint32_t end = t->ways.first[i + 1];

		choose_line(t, i);
		t->ways.first[i] = kept;
		for (; k < end; k++)
			if (!goes_without_saying(t, &t->ways.rows[k]))
				t->ways.rows[kept++] = t->ways.rows[k];
	}
	t->ways.first[count] = kept;
}

static void write_step(struct tree *t, uint32_t i, uint32_t level)
{
	const struct tocsin_trace_step *s = step_at(t, i);
	const struct tocsin_provenance *g = t->v.told->graph;
	const struct tocsin_trace_edge *e;

	indent(t, level);
	if (s->by != TOCSIN_TRACE_NONE) {
		e = edge_at(t, t->line[i]);
		write_when(t, e);
		fprintf(t->to, "%s ", trace_verb(g, e, t->v.told->question->forward));
		trace_describe(t->to, g, s->node);
		trace_detail(t->to, g, e);
		trace_source(t->to, t->v.told, e);
	} else {
		trace_describe(t->to, g, s->node);
	}
	if (tocsin_provenance_node(g, s->node)->kind == TOCSIN_TRACE_SOCKET)
		write_captured(t, s->node);
	fputc('\n', t->to);
}

/* What became of a process by itself: what rights it took. */
static void write_changes(struct tree *t, uint32_t i, uint32_t level)
{
	const struct tocsin_provenance *g = t->v.told->graph;
	const struct tocsin_trace_step *s = step_at(t, i);
	bool forward = t->v.told->question->forward;

	for (uint32_t k = tocsin_provenance_next(g, s->node, false, TOCSIN_TRACE_NONE);
	     k != TOCSIN_TRACE_NONE; k = tocsin_provenance_next(g, s->node, false, k)) {
		const struct tocsin_trace_edge *e = tocsin_provenance_edge(g, k);

		if (e->to != s->node || e->kind != TOCSIN_TRACE_CREDENTIALS ||
		    (forward ? e->left < s->time : e->leaves > s->time))
			continue;
		indent(t, level + 1);
		write_when(t, e);
		fputs("became", t->to);
		trace_detail(t->to, g, e);
		trace_source(t->to, t->v.told, e);
		fputc('\n', t->to);
	}
}

static void write_way_span(struct tree *t, const struct trace_way *w, const struct trace_way *end)
{
	uint64_t since = TOCSIN_TRACE_FOREVER, until = 0;

	for (; w < end; w++) {
		const struct tocsin_trace_edge *e = edge_at(t, w->edge);

		if (e->flags & TOCSIN_TRACE_STANDING)
			continue;
		since = e->leaves < since ? e->leaves : since;
		until = end_of(e) > until ? end_of(e) : until;
	}
	if (since != TOCSIN_TRACE_FOREVER)
		write_span(t, since, until);
}

static void write_verbs(struct tree *t, const struct trace_way *w, const struct trace_way *end,
			bool named)
{
	const struct tocsin_provenance *g = t->v.told->graph;
	bool forward = t->v.told->question->forward;
	const char *last = NULL;

	for (; w < end; w++) {
		const struct tocsin_trace_edge *e = edge_at(t, w->edge);
		const char *verb = trace_verb(g, e, forward);

		if (verb != last)
			fprintf(t->to, "%s%.*s", last ? ", " : "",
				w + 1 < end || !named ? trace_verb_alone(verb) : (int)strlen(verb),
				verb);
		if (!named)
			trace_detail(t->to, g, e);
		last = verb;
	}
}

/* What happened as well between a step and the one of its line, or another, in [w, end). */
static void write_way(struct tree *t, const struct trace_way *w, const struct trace_way *end,
		      uint32_t level)
{
	bool named = w->far != w->step;

	indent(t, level + 1);
	fputs("also ", t->to);
	write_way_span(t, w, end);
	write_verbs(t, w, end, named);
	if (named) {
		fputc(' ', t->to);
		trace_name(t->to, t->v.told->graph, step_at(t, w->far)->node);
		fputs(t->told[w->far] ? ", told above" : ", told below", t->to);
	}
	fputc('\n', t->to);
}

static void write_ways(struct tree *t, uint32_t i, uint32_t level)
{
	const struct trace_way *w = t->ways.rows + t->ways.first[i], *next;
	const struct trace_way *end = t->ways.rows + t->ways.first[i + 1];
	uint32_t rest = 0;

	for (int count = 0; w < end; w = next) {
		for (next = w; next < end && next->far == w->far; next++)
			continue;
		if (w->far != i && count++ >= MOST_WAYS && !t->v.told->all)
			rest++;
		else
			write_way(t, w, next, level);
	}
	if (!rest)
		return;
	indent(t, level + 1);
	fprintf(t->to, "also %" PRIu32 " more way%s to what is told elsewhere\n", rest,
		rest == 1 ? "" : "s");
}

static void write_groups(const struct tree *t, uint32_t i, uint32_t level)
{
	for (int kind = 0; kind < 2; kind++) {
		uint32_t group = t->v.groups_at[kind][i];

		if (group == TOCSIN_TRACE_NONE || !t->v.groups[group].count)
			continue;
		indent(t, level + 1);
		fputs("also ", t->to);
		trace_describe_group(t->to, &t->v, &t->v.groups[group]);
		fputc('\n', t->to);
	}
}

/* Depth first, without recursion: a chain of causes may be as long as the graph. */
static void write_all(struct tree *t, uint32_t root)
{
	uint32_t i = root, level = 0;

	while (i != TOCSIN_TRACE_NONE) {
		write_step(t, i, level);
		t->told[i] = true;
		write_ways(t, i, level);
		write_changes(t, i, level);
		write_groups(t, i, level);
		if (t->first[i] != TOCSIN_TRACE_NONE) {
			i = t->first[i];
			level++;
			continue;
		}
		while (i != root && t->next[i] == TOCSIN_TRACE_NONE) {
			i = step_at(t, i)->parent;
			level--;
		}
		i = i == root ? TOCSIN_TRACE_NONE : t->next[i];
	}
}

/* Children in the order of reaching: the last that is put first comes first. */
static void link_steps(struct tree *t)
{
	for (uint32_t i = t->v.told->answer->count; i-- > 0;) {
		const struct tocsin_trace_step *s = step_at(t, i);

		if (s->parent == i || t->v.group_of[i] != TOCSIN_TRACE_NONE)
			continue;
		t->next[i] = t->first[s->parent];
		t->first[s->parent] = i;
	}
}

static void free_tree(struct tree *t)
{
	free(t->first);
	free(t->next);
	free(t->told);
	free(t->line);
	trace_ways_free(&t->ways);
	trace_view_free(&t->v);
}

static int make_tree(const struct tocsin_told *told, struct tree *t)
{
	size_t count = told->answer->count + 1u;
	int rc = trace_view_make(told, &t->v);

	if (!rc)
		rc = trace_ways_find(&t->v, &t->ways);
	if (rc)
		return rc;
	t->told = calloc(count, sizeof(*t->told));
	t->first = malloc(count * sizeof(*t->first));
	t->next = malloc(count * sizeof(*t->next));
	t->line = malloc(count * sizeof(*t->line));
	if (!t->told || !t->first || !t->next || !t->line)
		return -ENOMEM;
	for (uint32_t i = 0; i < told->answer->count; i++)
		t->line[i] = step_at(t, i)->by;
	if (!told->all)
		settle_ways(t);
	memset(t->first, 0xff, count * sizeof(*t->first));
	memset(t->next, 0xff, count * sizeof(*t->next));
	link_steps(t);
	return 0;
}

int tocsin_trace_tree(FILE *to, const struct tocsin_told *told)
{
	struct tree t = {.to = to, .day = UINT64_MAX};
	int rc = make_tree(told, &t);

	if (!rc) {
		errno = 0;
		for (uint32_t i = 0; i < told->answer->count; i++)
			if (step_at(&t, i)->parent == i)
				write_all(&t, i);
		tocsin_provenance_remarks(to, told);
		rc = fflush(to) || ferror(to) ? errno ? -errno : -EIO : 0;
	}
	free_tree(&t);
	return rc;
}
