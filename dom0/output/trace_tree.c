// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An answer as a tree of text: what was asked for, and below each thing what it came from (or went
 * to) first, with the time. What can be got to by several ways is told once; the other ways are in
 * the other outputs.
 */
#include "output/formats.h"
#include "output/trace_view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define DAY (86400ull * 1000000000u)
#define DEEPEST 64u /* levels that are indented; below, the level is a number */

struct tree {
	FILE *to;
	struct trace_view v;
	uint32_t *first, *next; /* by step: its first child, its next sibling */
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

/* The day is told when it is another than that of the line above. */
static void write_when(struct tree *t, const struct tocsin_trace_edge *e)
{
	if (e->flags & TOCSIN_TRACE_STANDING)
		return;
	if (e->leaves / DAY != t->day)
		tocsin_text_day(t->to, e->leaves);
	t->day = e->leaves / DAY;
	tocsin_text_clock(t->to, e->leaves);
	if (e->left != e->leaves && e->left != TOCSIN_TRACE_FOREVER) {
		fputs(" - ", t->to);
		tocsin_text_clock(t->to, e->arrived);
	} else if (e->left != e->leaves) {
		fputs(" -", t->to);
	}
	fputc(' ', t->to);
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

static void write_step(struct tree *t, uint32_t i, uint32_t level)
{
	const struct tocsin_trace_step *s = step_at(t, i);
	const struct tocsin_provenance *g = t->v.told->graph;
	const struct tocsin_trace_edge *e;

	indent(t, level);
	if (s->by != TOCSIN_TRACE_NONE) {
		e = tocsin_provenance_edge(g, s->by);
		write_when(t, e);
		fprintf(t->to, "%s ", trace_verb(g, e, t->v.told->question->forward));
		trace_describe(t->to, g, s->node);
		trace_detail(t->to, g, e);
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
		fputc('\n', t->to);
	}
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

static void write_gaps(const struct tree *t)
{
	const struct tocsin_provenance *g = t->v.told->graph;
	const struct tocsin_trace_gap *gap;
	char text[CLEAN_SIZE];

	if (!t->v.told->answer->gaps)
		return;
	for (uint32_t i = 0; (gap = tocsin_provenance_gap(g, i)); i++) {
		fputs("! ", t->to);
		tocsin_text_time(t->to, gap->since);
		fputs("to ", t->to);
		tocsin_text_time(t->to, gap->until);
		if (gap->lost)
			fprintf(t->to, "%" PRIu64 " events were lost", gap->lost);
		else
			fputs("events were lost, nobody knows how many", t->to);
		fprintf(
		    t->to, ": %s\n",
		    tocsin_text_clean(tocsin_provenance_text(g, gap->why, NULL), CLEAN_SIZE, text));
	}
}

static void write_remarks(const struct tree *t)
{
	const struct tocsin_trace_answer *a = t->v.told->answer;

	write_gaps(t);
	if (a->sampled)
		fputs("! made of samples: what began and ended between two of them is not here\n",
		      t->to);
	if (a->unsure)
		fputs("! some of it could not be resolved, and is told as unsure\n", t->to);
	if (a->truncated)
		fputs("! there is more: ask for less, or allow more nodes\n", t->to);
}

int tocsin_trace_tree(FILE *to, const struct tocsin_told *told)
{
	uint32_t count = told->answer->count;
	struct tree t = {.to = to, .day = UINT64_MAX};
	int rc = trace_view_make(told, &t.v);

	if (rc)
		return rc;
	t.first = malloc((count + 1u) * sizeof(*t.first));
	t.next = malloc((count + 1u) * sizeof(*t.next));
	if (t.first && t.next) {
		errno = 0;
		memset(t.first, 0xff, (count + 1u) * sizeof(*t.first));
		memset(t.next, 0xff, (count + 1u) * sizeof(*t.next));
		link_steps(&t);
		for (uint32_t i = 0; i < count; i++)
			if (step_at(&t, i)->parent == i)
				write_all(&t, i);
		write_remarks(&t);
		rc = fflush(to) || ferror(to) ? errno ? -errno : -EIO : 0;
	} else {
		rc = -ENOMEM;
	}
	free(t.first);
	free(t.next);
	trace_view_free(&t.v);
	return rc;
}
