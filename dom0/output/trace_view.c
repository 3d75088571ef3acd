// SPDX-License-Identifier: GPL-2.0-or-later
/* What of an answer is told singly, and words for all of it. */
#include "output/trace_view.h"

#include "output/formats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/ptrace.h>

const struct tocsin_provenance_output tocsin_provenance_outputs[] = {
    {"tree", true, tocsin_trace_tree},
    {"dot", true, tocsin_trace_dot},
    {"svg", true, tocsin_trace_svg},
    {"graphml", false, tocsin_trace_graphml},
    {"prov", false, tocsin_trace_prov},
    {"ocsf", false, tocsin_trace_ocsf},
    {NULL, false, NULL},
};

const struct tocsin_provenance_output *tocsin_provenance_output_find(const char *name)
{
	const struct tocsin_provenance_output *o = tocsin_provenance_outputs;

	while (o->name && strcmp(o->name, name) != 0)
		o++;
	return o->name ? o : NULL;
}

static const struct tocsin_trace_node *node_of(const struct trace_view *v, uint32_t step)
{
	return tocsin_provenance_node(v->told->graph, v->told->answer->steps[step].node);
}

static const struct tocsin_trace_edge *edge_at(const struct trace_view *v, uint32_t i)
{
	return tocsin_provenance_edge(v->told->graph, v->told->answer->edges[i]);
}

/* Marks of a step, from the edges of the answer. */
enum {
	WRITTEN = 1, /* something goes into it that is more than a start-up's file */
	HELD = 2,    /* of a socket: it was there when something was done */
	TOLD = 4,    /* of a host: a connection to it is told */
	USED = 8     /* of a file: by others than processes that it is the program of */
};

/* When something that matters was done, in order. */
struct deeds {
	uint64_t *times;
	uint32_t count;
};

/* Answers to who connects are no deeds, unless it was they that were asked for. */
static bool is_deed(const struct trace_view *v, uint32_t i)
{
	const struct tocsin_trace_edge *e = edge_at(v, i);
	uint32_t from = v->step_of[e->from];

	return e->from != e->to && node_of(v, from)->kind == TOCSIN_TRACE_PROCESS &&
	       (node_of(v, v->step_of[e->to])->kind != TOCSIN_TRACE_SOCKET ||
		v->told->answer->steps[from].by == v->told->answer->edges[i]);
}

/* Of what lasts its beginning: the edges come in the order of it. */
static bool find_deeds(const struct trace_view *v, struct deeds *d)
{
	const struct tocsin_trace_answer *a = v->told->answer;

	d->times = calloc(a->edge_count + 1u, sizeof(*d->times));
	for (uint32_t i = 0; d->times && i < a->edge_count; i++)
		if (is_deed(v, i))
			d->times[d->count++] = edge_at(v, i)->leaves;
	return d->times != NULL;
}

/* Was something done, by whomever, while e was? */
static bool overlaps(const struct trace_view *v, const struct deeds *d,
		     const struct tocsin_trace_edge *e)
{
	uint32_t low = 0, high = d->count;

	if (v->told->answer->steps[v->step_of[e->to]].by == TOCSIN_TRACE_NONE)
		return true;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (d->times[middle] < e->leaves)
			low = middle + 1;
		else
			high = middle;
	}
	return low < d->count && d->times[low] <= e->arrived;
}

/* Is this file what that process runs? Then the process is told with its name. */
static bool is_program(const struct trace_view *v, uint32_t file, uint32_t process)
{
	const struct tocsin_trace_node *f = node_of(v, file), *p = node_of(v, process);

	return p->kind == TOCSIN_TRACE_PROCESS && p->more &&
	       (p->more == f->name || p->more == f->more);
}

static void mark(const struct trace_view *v, const struct deeds *d, uint8_t *marks)
{
	const struct tocsin_trace_answer *a = v->told->answer;

	for (uint32_t i = 0; i < a->edge_count; i++) {
		const struct tocsin_trace_edge *e = edge_at(v, i);
		uint32_t from = v->step_of[e->from], to = v->step_of[e->to];
		enum tocsin_trace_node_kind far = node_of(v, from)->kind,
					    kind = node_of(v, to)->kind;

		if (far == TOCSIN_TRACE_FILE && !is_program(v, from, to))
			marks[from] |= USED;
		if (from == to || kind == TOCSIN_TRACE_STARTUP)
			continue;
		/* what is sent over a connection says nothing of what came over it */
		if (kind != TOCSIN_TRACE_SOCKET ||
		    (far != TOCSIN_TRACE_HOST && a->steps[from].parent == to))
			marks[to] |= WRITTEN;
		if (far == TOCSIN_TRACE_SOCKET && overlaps(v, d, e))
			marks[from] |= HELD;
	}
	/* a start-up whose files nobody wrote is no more than they are */
	for (uint32_t i = 0; i < a->edge_count; i++) {
		const struct tocsin_trace_edge *e = edge_at(v, i);

		if (node_of(v, v->step_of[e->to])->kind == TOCSIN_TRACE_STARTUP &&
		    (marks[v->step_of[e->from]] & WRITTEN))
			marks[v->step_of[e->to]] |= WRITTEN;
	}
}

static bool is_grouped(const struct trace_view *v, uint32_t step, const uint8_t *marks,
		       enum trace_group_kind *ret)
{
	const struct tocsin_trace_step *s = &v->told->answer->steps[step];

	if (s->by == TOCSIN_TRACE_NONE || (marks[step] & (WRITTEN | HELD)) ||
	    node_of(v, step)->severity >= 0)
		return false;
	switch (node_of(v, step)->kind) {
	case TOCSIN_TRACE_FILE:
	case TOCSIN_TRACE_STARTUP:
		*ret = GROUP_FILES;
		return true;
	case TOCSIN_TRACE_SOCKET:
		*ret = GROUP_CONNECTIONS;
		return true;
	default:
		return false;
	}
}

/* The process at the end of the way from a step, or the step that is told in place of it. */
static uint32_t owner_of(const struct trace_view *v, uint32_t step)
{
	const struct tocsin_trace_step *steps = v->told->answer->steps;

	while (steps[step].parent != step && node_of(v, step)->kind != TOCSIN_TRACE_PROCESS)
		step = steps[step].parent;
	return step;
}

static const struct tocsin_trace_edge *way_to(const struct trace_view *v, uint32_t step)
{
	return tocsin_provenance_edge(v->told->graph, v->told->answer->steps[step].by);
}

/* What was read says more than what was run. */
static void add_example(const struct trace_view *v, struct trace_group *group, uint32_t step)
{
	if (group->count < 3) {
		group->examples[group->count] = step;
		return;
	}
	for (int i = 0; i < 3 && way_to(v, step)->kind == TOCSIN_TRACE_READ; i++)
		if (way_to(v, group->examples[i])->kind != TOCSIN_TRACE_READ) {
			group->examples[i] = step;
			return;
		}
}

static void add_to_group(struct trace_view *v, uint32_t step, enum trace_group_kind kind)
{
	const struct tocsin_trace_step *s = &v->told->answer->steps[step];
	const struct tocsin_trace_edge *e = way_to(v, step);
	uint32_t owner = owner_of(v, s->parent), *at = &v->groups_at[kind][owner];
	struct trace_group *group;

	if (*at == TOCSIN_TRACE_NONE) {
		*at = v->group_count++;
		v->groups[*at] =
		    (struct trace_group){.kind = kind, .step = owner, .first = UINT64_MAX};
	}
	group = &v->groups[*at];
	v->group_of[step] = *at;
	if (node_of(v, step)->kind == TOCSIN_TRACE_STARTUP)
		return;
	add_example(v, group, step);
	group->count++;
	if (!(e->flags & TOCSIN_TRACE_STANDING) && e->leaves < group->first)
		group->first = e->leaves;
	if (!(e->flags & TOCSIN_TRACE_STANDING) && e->leaves > group->last)
		group->last = e->leaves;
}

/* A host is told if a connection to it is; else it goes with one of them. */
static void group_hosts(struct trace_view *v, uint8_t *marks)
{
	const struct tocsin_trace_answer *a = v->told->answer;

	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < a->edge_count; i++) {
			const struct tocsin_trace_edge *e = edge_at(v, i);
			uint32_t host = v->step_of[e->from];
			uint32_t group = v->group_of[v->step_of[e->to]];

			if (node_of(v, host)->kind != TOCSIN_TRACE_HOST)
				continue;
			if (!round &&
			    (group == TOCSIN_TRACE_NONE || a->steps[host].by == TOCSIN_TRACE_NONE))
				marks[host] |= TOLD;
			if (round && !(marks[host] & TOLD) &&
			    v->group_of[host] == TOCSIN_TRACE_NONE) {
				v->group_of[host] = group;
				v->groups[group].hosts++;
			}
		}
}

static int make_groups(struct trace_view *v)
{
	const struct tocsin_trace_answer *a = v->told->answer;
	uint8_t *marks = calloc(a->count + 1u, 1);
	enum trace_group_kind kind;
	struct deeds d = {0};
	int rc = -ENOMEM;

	if (marks && find_deeds(v, &d)) {
		mark(v, &d, marks);
		for (uint32_t i = 0; i < a->count; i++) {
			if (!is_grouped(v, i, marks, &kind))
				continue;
			if (node_of(v, i)->kind == TOCSIN_TRACE_FILE && !(marks[i] & USED))
				v->group_of[i] = TRACE_UNTOLD;
			else
				add_to_group(v, i, kind);
		}
		group_hosts(v, marks);
		rc = 0;
	}
	free(d.times);
	free(marks);
	return rc;
}

static uint32_t *none(size_t count)
{
	uint32_t *rows = malloc((count + 1) * sizeof(*rows));

	if (rows)
		memset(rows, 0xff, (count + 1) * sizeof(*rows));
	return rows;
}

int trace_view_make(const struct tocsin_told *t, struct trace_view *ret)
{
	uint32_t steps = t->answer->count;
	struct trace_view v = {.told = t,
			       .group_of = none(steps),
			       .step_of = none(tocsin_provenance_nodes(t->graph)),
			       .groups_at = {none(steps), none(steps)},
			       .groups = calloc(2u * steps + 1u, sizeof(*v.groups))};
	int rc =
	    v.group_of && v.step_of && v.groups_at[0] && v.groups_at[1] && v.groups ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < steps && !rc; i++)
		v.step_of[t->answer->steps[i].node] = i;
	if (!rc && !t->all && !t->question->forward)
		rc = make_groups(&v);
	if (rc) {
		trace_view_free(&v);
		return rc;
	}
	for (uint32_t i = 0; i < steps; i++)
		v.rows += v.group_of[i] == TOCSIN_TRACE_NONE;
	*ret = v;
	return 0;
}

void trace_view_free(struct trace_view *v)
{
	free(v->group_of);
	free(v->groups_at[0]);
	free(v->groups_at[1]);
	free(v->groups);
	free(v->step_of);
	*v = (struct trace_view){0};
}

int tocsin_provenance_told(const struct tocsin_told *t, size_t *ret)
{
	struct trace_view v;
	int rc = trace_view_make(t, &v);

	if (rc)
		return rc;
	*ret = v.rows + v.group_count;
	trace_view_free(&v);
	return 0;
}

/* ---- words ---- */

static const char *clean(const struct tocsin_provenance *g, uint32_t text, char ret[CLEAN_SIZE])
{
	return tocsin_text_clean(tocsin_provenance_text(g, text, NULL), TOCSIN_PATH_SIZE, ret);
}

/* Of which the name may not be known. */
static void name_process(FILE *to, const struct tocsin_provenance *g,
			 const struct tocsin_trace_node *n)
{
	char text[CLEAN_SIZE];

	fprintf(to, "process %" PRIu64, n->id);
	if (n->name)
		fprintf(to, " %s", clean(g, n->name, text));
}

void trace_name(FILE *to, const struct tocsin_provenance *g, uint32_t node)
{
	const struct tocsin_trace_node *n = tocsin_provenance_node(g, node);

	if (n->kind == TOCSIN_TRACE_PROCESS)
		name_process(to, g, n);
	else
		trace_describe(to, g, node);
}

/* A path in the first process's namespace is told without it. */
static void describe_paths(FILE *to, const struct tocsin_provenance *g,
			   const struct tocsin_trace_node *n)
{
	char text[CLEAN_SIZE];

	fputs(n->name ? clean(g, n->name, text) : "file without a path", to);
	if (!n->name && n->id)
		fprintf(to, " (inode %" PRIu64 ")", n->id);
	if (n->mount_ns)
		fprintf(to, " (mount namespace %" PRIu32 ")", n->mount_ns);
	if (!n->more)
		return;
	fprintf(to, " (%s %s", n->more_ns == n->mount_ns ? "was" : "also", clean(g, n->more, text));
	if (n->more_ns != n->mount_ns && n->more_ns)
		fprintf(to, ", mount namespace %" PRIu32, n->more_ns);
	fputc(')', to);
}

void trace_describe(FILE *to, const struct tocsin_provenance *g, uint32_t node)
{
	const struct tocsin_trace_node *n = tocsin_provenance_node(g, node);
	char text[CLEAN_SIZE];

	if (n->kind == TOCSIN_TRACE_PROCESS) {
		name_process(to, g, n);
		if (n->uid != UINT32_MAX)
			fprintf(to, " (uid %" PRIu32, n->uid);
		if (n->uid != UINT32_MAX && n->euid != n->uid)
			fprintf(to, ", acts as %" PRIu32, n->euid);
		if (n->uid != UINT32_MAX)
			fputc(')', to);
	} else if (n->kind == TOCSIN_TRACE_FILE) {
		describe_paths(to, g, n);
	} else {
		fprintf(to, "%s %s", tocsin_trace_node_name((enum tocsin_trace_node_kind)n->kind),
			clean(g, n->name, text));
	}
	if (n->more && n->kind != TOCSIN_TRACE_FILE)
		fprintf(to, n->kind == TOCSIN_TRACE_FOUND ? ": %s" : " %s",
			clean(g, n->more, text));
	if (n->container)
		fprintf(to, " in container %.12s", clean(g, n->container, text));
	if (n->flags & TOCSIN_TRACE_UNSURE)
		fputs(" (unsure)", to);
}

void trace_describe_group(FILE *to, const struct trace_view *v, const struct trace_group *group)
{
	uint32_t shown = group->count < 3 ? group->count : 3;

	if (group->kind == GROUP_FILES)
		fprintf(to, "%" PRIu32 " file%s that nobody is known to have written", group->count,
			group->count == 1 ? "" : "s");
	else
		fprintf(to, "%" PRIu32 " connection%s that %s over by then", group->count,
			group->count == 1 ? "" : "s", group->count == 1 ? "was" : "were");
	for (uint32_t i = 0; i < shown; i++) {
		fputs(i ? ", " : ": ", to);
		trace_describe(to, v->told->graph, v->told->answer->steps[group->examples[i]].node);
	}
	if (group->count > shown)
		fputs(", ...", to);
}

/* Of each kind: forward, and back. An end that is no process speaks of itself. */
static const char *const verbs[TOCSIN_TRACE_KINDS][2] = {
    [TOCSIN_TRACE_CREATED] = {"started", "started by"},
    [TOCSIN_TRACE_EXECUTED] = {"was executed by", "executed"},
    [TOCSIN_TRACE_CREDENTIALS] = {"became", "became"},
    [TOCSIN_TRACE_SIGNAL] = {"signalled", "signalled by"},
    [TOCSIN_TRACE_PTRACE] = {"traced", "traced by"},
    [TOCSIN_TRACE_OPENED] = {"made", "made by"},
    [TOCSIN_TRACE_READ] = {"was read by", "read"},
    [TOCSIN_TRACE_WRITTEN] = {"wrote", "written by"},
    [TOCSIN_TRACE_RENAMED] = {"renamed", "renamed by"},
    [TOCSIN_TRACE_LINKED] = {"linked", "linked by"},
    [TOCSIN_TRACE_UNLINKED] = {"removed", "removed by"},
    [TOCSIN_TRACE_MODE] = {"changed the mode of", "mode changed by"},
    [TOCSIN_TRACE_MAPPED] = {"was mapped by", "mapped"},
    [TOCSIN_TRACE_MODULE] = {"loaded", "loaded by"},
    [TOCSIN_TRACE_BPF] = {"loaded", "loaded by"},
    [TOCSIN_TRACE_SHARED] = {"handed data to", "got data from"},
    [TOCSIN_TRACE_BOUND] = {"bound", "bound by"},
    [TOCSIN_TRACE_LISTENING] = {"listened on", "listened on by"},
    [TOCSIN_TRACE_ACCEPTED] = {"was accepted by", "accepted"},
    [TOCSIN_TRACE_CONNECTED] = {"connected", "connected by"},
    [TOCSIN_TRACE_SENT] = {"sent over", "sent by"},
    [TOCSIN_TRACE_RECEIVED] = {"brought data to", "received over"},
    [TOCSIN_TRACE_FLOW] = {"on the wire to", "on the wire from"},
    [TOCSIN_TRACE_FINDING] = {"is found as", "found in"},
};

const char *trace_verb(const struct tocsin_provenance *g, const struct tocsin_trace_edge *e,
		       bool forward)
{
	enum tocsin_trace_node_kind from = tocsin_provenance_node(g, e->from)->kind;
	enum tocsin_trace_node_kind to = tocsin_provenance_node(g, e->to)->kind;
	const char *verb = verbs[e->kind][!forward];

	if ((from == TOCSIN_TRACE_HOST || to == TOCSIN_TRACE_HOST) && e->kind != TOCSIN_TRACE_FLOW)
		return forward ? "to" : "from";
	if (from == TOCSIN_TRACE_STARTUP && !forward)
		return "began with";
	if (to == TOCSIN_TRACE_STARTUP)
		return forward ? "is part of" : "has";
	if (from == TOCSIN_TRACE_FILE && to == TOCSIN_TRACE_FILE)
		return forward ? "became" : "was";
	if (from == TOCSIN_TRACE_FILE && to == TOCSIN_TRACE_KERNEL)
		return forward ? "was loaded as" : "loaded from";
	if (e->kind == TOCSIN_TRACE_PTRACE && e->value == PTRACE_PEEKDATA)
		return forward ? "was looked at by" : "looked at";
	return verb ? verb : tocsin_trace_kind_name((enum tocsin_trace_kind)e->kind);
}

int trace_verb_alone(const char *verb)
{
	static const char *const ends[] = {" by", " over", " from", " to", " of", " on"};
	size_t size = strlen(verb);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t end = strlen(ends[i]);

		if (size > end && !strcmp(verb + size - end, ends[i]))
			return (int)(size - end);
	}
	return (int)size;
}

/* Of a program: what its process was called then, if that is another name than since. */
static void as_name(FILE *to, const struct tocsin_provenance *g, const struct tocsin_trace_edge *e)
{
	char text[CLEAN_SIZE];

	if (e->label != tocsin_provenance_node(g, e->to)->name)
		fprintf(to, " (as %s)", clean(g, e->label, text));
}

void trace_detail(FILE *to, const struct tocsin_provenance *g, const struct tocsin_trace_edge *e)
{
	char text[CLEAN_SIZE];

	if (e->kind == TOCSIN_TRACE_MODE)
		fprintf(to, " to %04" PRIo64, e->value & 07777);
	if (e->kind == TOCSIN_TRACE_CREDENTIALS)
		fprintf(to, " uid %" PRIu64, e->value);
	if (e->kind == TOCSIN_TRACE_SIGNAL)
		fprintf(to, " (signal %" PRIu64 ")", e->value);
	if (e->label && (e->flags & TOCSIN_TRACE_FOLDED))
		fprintf(to, " through %s, which is gone", clean(g, e->label, text));
	else if (e->label && e->kind == TOCSIN_TRACE_EXECUTED)
		as_name(to, g, e);
	else if (e->label)
		fprintf(to, " to %s", clean(g, e->label, text));
	if (e->count > 1)
		fprintf(to, ", %" PRIu64 " times", e->count);
	if (e->bytes)
		fprintf(to, ", %" PRIu64 " bytes", e->bytes);
	if (e->flags & TOCSIN_TRACE_UNSURE)
		fputs(", unsure", to);
}

void trace_source(FILE *to, const struct tocsin_told *t, const struct tocsin_trace_edge *e)
{
	if (t->answer->traced && (e->flags & TOCSIN_TRACE_SAMPLED))
		fputs(", sampled", to);
}
