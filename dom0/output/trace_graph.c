// SPDX-License-Identifier: GPL-2.0-or-later
/* An answer as the model that DOT and GraphML are written from, and SVG as Graphviz draws it. */
#include "output/graph_model.h"
#include "output/trace_view.h"

#include <errno.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct model {
	struct trace_view v;
	bool picture; /* what happened between two is one edge */
	struct graph_relations all;
	struct graph_node *nodes; /* steps, then groups */
	char **texts;             /* of groups and labels, to be freed */
	size_t text_count;
	size_t *told_at;  /* edges that others go into, and 1, hashed by their ends; 0: free */
	size_t told_room; /* a power of two, more than there are edges */
};

static enum graph_node_kind kind_of(const struct tocsin_trace_node *n)
{
	static const enum graph_node_kind kinds[TOCSIN_TRACE_NODE_KINDS] = {
	    [TOCSIN_TRACE_PROCESS] = NODE_PROCESS, [TOCSIN_TRACE_FILE] = NODE_FILE,
	    [TOCSIN_TRACE_SOCKET] = NODE_SOCKET,   [TOCSIN_TRACE_HOST] = NODE_ENDPOINT,
	    [TOCSIN_TRACE_KERNEL] = NODE_KERNEL,   [TOCSIN_TRACE_FOUND] = NODE_FINDING,
	    [TOCSIN_TRACE_STARTUP] = NODE_GROUP};

	return kinds[n->kind];
}

static int find_guest(struct model *m, const struct tocsin_trace_node *n, size_t *ret)
{
	const char *name = tocsin_provenance_text(m->v.told->graph, n->guest, NULL);
	struct graph_guest *more;

	if (!n->guest) {
		*ret = SIZE_MAX;
		return 0;
	}
	for (*ret = 0; *ret < m->all.guest_count; (*ret)++)
		if (!strcmp(m->all.guests[*ret].name, name)) {
			if (!m->all.guests[*ret].boot)
				m->all.guests[*ret].boot = n->boot;
			return 0;
		}
	more = reallocarray(m->all.guests, m->all.guest_count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	m->all.guests = more;
	more[m->all.guest_count++] = (struct graph_guest){(char *)name, n->boot};
	return 0;
}

/* A text that is written by a function, kept until the model is gone. NULL: no memory. */
static char *keep(struct model *m, char *text)
{
	if (text)
		m->texts[m->text_count++] = text;
	return text;
}

static char *text_of(const struct model *m, uint32_t text)
{
	return (char *)tocsin_provenance_text(m->v.told->graph, text, NULL);
}

static int add_step(struct model *m, uint32_t i)
{
	const struct tocsin_trace_node *n =
	    tocsin_provenance_node(m->v.told->graph, m->v.told->answer->steps[i].node);
	struct graph_node *node = &m->nodes[i];
	bool process = n->kind == TOCSIN_TRACE_PROCESS;

	*node = (struct graph_node){.kind = kind_of(n),
				    .pid = process ? (int32_t)n->id : 0,
				    .start_time = process ? n->part : 0,
				    .name = text_of(m, n->name),
				    .exe = text_of(m, n->more),
				    .container = text_of(m, n->container),
				    .uid = n->euid,
				    .mount_ns = n->mount_ns,
				    .exe_ns = n->more_ns,
				    .known = process,
				    .severity = n->severity,
				    .finding = (char *)"",
				    .asked = m->v.told->answer->steps[i].by == TOCSIN_TRACE_NONE};
	return find_guest(m, n, &node->guest);
}

static int add_group(struct model *m, uint32_t i)
{
	const struct trace_group *group = &m->v.groups[i];
	struct graph_node *node = &m->nodes[m->v.told->answer->count + i];
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return -ENOMEM;
	trace_describe_group(to, &m->v, group);
	if (fclose(to) || !keep(m, text))
		return -ENOMEM;
	*node = (struct graph_node){.kind = NODE_GROUP,
				    .guest = m->nodes[group->step].guest,
				    .name = text,
				    .exe = (char *)"",
				    .container = (char *)"",
				    .severity = -1,
				    .finding = (char *)""};
	return 0;
}

/* NULL: it is not told. */
static struct graph_node *shown(struct model *m, uint32_t node)
{
	uint32_t step = m->v.step_of[node], group = m->v.group_of[step];

	if (group == TRACE_UNTOLD)
		return NULL;
	return &m->nodes[group == TOCSIN_TRACE_NONE ? step : m->v.told->answer->count + group];
}

/* Where the edge between these two is, or will be. */
static size_t *find_told(struct model *m, const struct graph_node *from,
			 const struct graph_node *to)
{
	uint64_t ends = (uint64_t)(from - m->nodes) << 32 | (uint32_t)(to - m->nodes);
	size_t at = ends * 0x9e3779b97f4a7c15ull >> 32 & (m->told_room - 1);

	for (; m->told_at[at]; at = (at + 1) & (m->told_room - 1)) {
		const struct graph_edge *e = &m->all.edges[m->told_at[at] - 1];

		if (e->from == from && e->to == to)
			break;
	}
	return &m->told_at[at];
}

/* What happened, in words; in a picture no name follows. NULL: no memory. */
static char *event_of(const struct model *m, const struct tocsin_trace_edge *e)
{
	const struct tocsin_provenance *g = m->v.told->graph;
	const char *verb = trace_verb(g, e, true);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "%.*s", m->picture ? trace_verb_alone(verb) : (int)strlen(verb), verb);
	trace_detail(out, g, e);
	trace_source(out, m->v.told, e);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

/* Of what went to a host or came from it: what was captured, if that is known, which has it all. */
static int merge_captured(struct model *m, struct graph_edge *edge,
			  const struct tocsin_trace_edge *e, char *event)
{
	if (!event)
		return -ENOMEM;
	if (e->kind != TOCSIN_TRACE_FLOW &&
	    strncmp(event, edge->protocol, strlen(edge->protocol)) != 0) {
		free(event);
		return 0;
	}
	edge->protocol = keep(m, event);
	return 0;
}

/* The edge has this in it as well. Of groups the first says what it is. */
static int merge(struct model *m, struct graph_edge *edge, const struct tocsin_trace_edge *e)
{
	bool group = edge->from->kind == NODE_GROUP || edge->to->kind == NODE_GROUP;
	char *event = group ? NULL : event_of(m, e), *both = NULL;

	edge->count += e->count;
	edge->bytes += e->bytes;
	edge->unsure &= (e->flags & TOCSIN_TRACE_UNSURE) != 0;
	if (e->arrived > edge->last)
		edge->last = e->arrived;
	if (group)
		return 0;
	if (edge->from->kind == NODE_ENDPOINT || edge->to->kind == NODE_ENDPOINT)
		return merge_captured(m, edge, e, event);
	if (event && strstr(edge->protocol, event)) {
		free(event);
		return 0;
	}
	if (event && !strncmp(event, edge->protocol, strlen(edge->protocol)))
		both = strdup(event); /* the same, and more of it */
	else if (event && asprintf(&both, "%s, %s", edge->protocol, event) < 0)
		both = NULL;
	free(event);
	if (!keep(m, both))
		return -ENOMEM;
	edge->protocol = both;
	return 0;
}

static int add_edge(struct model *m, const struct tocsin_trace_edge *e)
{
	const struct tocsin_provenance *g = m->v.told->graph;
	struct graph_node *from = shown(m, e->from), *to = shown(m, e->to);
	bool standing = e->flags & TOCSIN_TRACE_STANDING;
	size_t *told;
	char *text;

	if (!from || !to || (from == to && e->kind != TOCSIN_TRACE_CREDENTIALS))
		return 0;
	if (m->picture || from->kind == NODE_GROUP || to->kind == NODE_GROUP) {
		told = find_told(m, from, to);
		if (*told)
			return merge(m, &m->all.edges[*told - 1], e);
		*told = m->all.edge_count + 1;
	}
	text = event_of(m, e);
	if (!keep(m, text))
		return -ENOMEM;
	m->all.edges[m->all.edge_count++] = (struct graph_edge){
	    .kind = EDGE_FLOW,
	    .from = from,
	    .to = to,
	    .protocol = text,
	    .count = e->count,
	    .bytes = e->bytes,
	    .first = standing ? tocsin_provenance_node(g, e->to)->first : e->leaves,
	    .last = e->arrived,
	    .unsure = e->flags & TOCSIN_TRACE_UNSURE};
	return 0;
}

/* Those of one guest together, in the order of reaching. */
static int by_guest(const void *a, const void *b)
{
	const struct graph_node *x = *(struct graph_node *const *)a;
	const struct graph_node *y = *(struct graph_node *const *)b;

	return x->guest != y->guest ? (x->guest > y->guest) - (x->guest < y->guest)
				    : (x > y) - (x < y);
}

static void free_model(struct model *m)
{
	for (size_t i = 0; i < m->text_count; i++)
		free(m->texts[i]);
	free(m->texts);
	free(m->told_at);
	free(m->nodes);
	free(m->all.nodes);
	free(m->all.edges);
	free(m->all.guests);
	trace_view_free(&m->v);
}

static int make_model(const struct tocsin_told *t, struct model *m)
{
	uint32_t count = t->answer->count;
	int rc = trace_view_make(t, &m->v);

	if (rc)
		return rc;
	m->nodes = calloc(count + m->v.group_count + 1u, sizeof(*m->nodes));
	m->all.nodes = calloc(count + m->v.group_count + 1u, sizeof(*m->all.nodes));
	m->all.edges = calloc(t->answer->edge_count + 1u, sizeof(*m->all.edges));
	m->texts = calloc(t->answer->edge_count + m->v.group_count + 2u, sizeof(*m->texts));
	for (m->told_room = 2; m->told_room <= t->answer->edge_count;)
		m->told_room *= 2;
	m->told_at = calloc(m->told_room, sizeof(*m->told_at));
	if (!m->told_at || !m->nodes || !m->all.nodes || !m->all.edges || !m->texts)
		return -ENOMEM;
	for (uint32_t i = 0; i < count && !rc; i++) {
		rc = add_step(m, i);
		if (m->v.group_of[i] == TOCSIN_TRACE_NONE)
			m->all.nodes[m->all.node_count++] = &m->nodes[i];
	}
	for (uint32_t i = 0; i < m->v.group_count && !rc; i++) {
		rc = add_group(m, i);
		m->all.nodes[m->all.node_count++] = &m->nodes[count + i];
	}
	for (uint32_t i = 0; i < t->answer->edge_count && !rc; i++)
		rc = add_edge(m, tocsin_provenance_edge(t->graph, t->answer->edges[i]));
	qsort(m->all.nodes, m->all.node_count, sizeof(*m->all.nodes), by_guest);
	for (size_t i = 0; i < m->all.node_count; i++)
		m->all.nodes[i]->number = i;
	return rc;
}

static int add_remarks(struct model *m)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return -ENOMEM;
	tocsin_provenance_remarks(to, m->v.told);
	if (fclose(to) || !keep(m, text))
		return -ENOMEM;
	m->all.remarks = text;
	return 0;
}

int tocsin_trace_dot(FILE *to, const struct tocsin_told *t)
{
	struct model m = {.picture = true, .all = {.down = true}};
	int rc = make_model(t, &m);

	if (!rc)
		rc = add_remarks(&m);
	if (!rc)
		rc = tocsin_graph_dot(to, &m.all);
	free_model(&m);
	return rc;
}

int tocsin_trace_graphml(FILE *to, const struct tocsin_told *t)
{
	struct model m = {0};
	int rc = make_model(t, &m);

	if (!rc)
		rc = tocsin_graph_graphml(to, &m.all);
	free_model(&m);
	return rc;
}

/* dot -Tsvg, which reads what is in `in` and writes to `to`. */
static int draw(FILE *in, FILE *to)
{
	char *const arguments[] = {(char *)"dot", (char *)"-Tsvg", NULL};
	posix_spawn_file_actions_t actions;
	int rc, status = 0;
	pid_t pid;

	if (fflush(in) || fflush(to) || lseek(fileno(in), 0, SEEK_SET) < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fileno(in), 0);
	posix_spawn_file_actions_adddup2(&actions, fileno(to), 1);
	rc = posix_spawnp(&pid, "dot", &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		return -rc;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status ? -EIO : 0;
}

int tocsin_trace_svg(FILE *to, const struct tocsin_told *t)
{
	FILE *in = tmpfile();
	int rc = in ? tocsin_trace_dot(in, t) : -errno;

	if (!rc)
		rc = draw(in, to);
	if (in)
		fclose(in);
	return rc;
}
