// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An answer as W3C PROV-JSON (https://www.w3.org/Submission/prov-json/): processes are activities,
 * users are agents, all else is an entity. What has no end yet has none here.
 */
#include "output/build.h"
#include "output/trace_view.h"

#include <time.h>

struct prov {
	const struct tocsin_told *told;
	struct builder top, entities, activities, agents;
	struct builder used, generated, informed, derived, associated;
	bool bad;
};

/* Members of a document that stay empty are left out. */
static struct builder section(struct prov *p)
{
	struct builder b = {json_object_new_object(), &p->bad};

	p->bad |= !b.o;
	return b;
}

static void finish_section(struct prov *p, const char *name, struct builder b)
{
	if (b.o && json_object_object_length(b.o))
		put(p->top, name, b.o);
	else
		json_object_put(b.o);
}

static void put_time(struct builder b, const char *key, uint64_t time)
{
	time_t seconds = (time_t)(time / 1000000000u);
	char text[64], all[96];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(text, sizeof(text), "%FT%T", &tm))
		return;
	snprintf(all, sizeof(all), "%s.%09uZ", text, (unsigned int)(time % 1000000000u));
	put(b, key, json_object_new_string(all));
}

static void node_id(char ret[32], uint32_t node)
{
	snprintf(ret, 32, "tocsin:n%" PRIu32, node);
}

static void put_ref(struct builder b, const char *key, uint32_t node)
{
	char id[32];

	node_id(id, node);
	put(b, key, json_object_new_string(id));
}

static void put_label(struct builder b, const struct tocsin_provenance *g, uint32_t node)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (to)
		trace_describe(to, g, node);
	if (!to || fclose(to))
		*b.bad = true;
	else
		put(b, "prov:label", json_object_new_string_len(text, (int)size));
	free(text);
}

static void put_known(struct builder b, const struct tocsin_provenance *g, const char *key,
		      uint32_t text)
{
	if (text)
		put_text(b, key, tocsin_provenance_text(g, text, NULL));
}

/* Whose rights are not known is of no agent. */
static void add_agent(struct prov *p, uint32_t node, const struct tocsin_trace_node *n)
{
	char agent[32], id[48];
	struct builder b;

	if (n->euid == UINT32_MAX)
		return;
	snprintf(agent, sizeof(agent), "tocsin:uid%" PRIu32, n->euid);
	if (!json_object_object_get_ex(p->agents.o, agent, NULL))
		put_u64(open_object(p->agents, agent), "tocsin:uid", n->euid);
	snprintf(id, sizeof(id), "_:a%" PRIu32, node);
	b = open_object(p->associated, id);
	put_ref(b, "prov:activity", node);
	put(b, "prov:agent", json_object_new_string(agent));
}

static void add_node(struct prov *p, uint32_t node)
{
	const struct tocsin_provenance *g = p->told->graph;
	const struct tocsin_trace_node *n = tocsin_provenance_node(g, node);
	bool process = n->kind == TOCSIN_TRACE_PROCESS;
	struct builder b;
	char id[32];

	node_id(id, node);
	b = open_object(process ? p->activities : p->entities, id);
	put_text(b, "prov:type", tocsin_trace_node_name((enum tocsin_trace_node_kind)n->kind));
	put_label(b, g, node);
	put_known(b, g, "tocsin:guest", n->guest);
	put_known(b, g, n->kind == TOCSIN_TRACE_FILE ? "tocsin:path" : "tocsin:name", n->name);
	if (n->flags & TOCSIN_TRACE_UNSURE)
		put_bool(b, "tocsin:unsure", true);
	if (n->kind == TOCSIN_TRACE_FILE && n->id)
		put_u64(b, "tocsin:inode", n->id);
	if (n->mount_ns)
		put_u64(b, "tocsin:mount_namespace", n->mount_ns);
	if (!process)
		return;
	if (n->boot && n->part)
		put_time(b, "prov:startTime", n->boot + n->part);
	if (n->flags & TOCSIN_TRACE_DEAD)
		put_time(b, "prov:endTime", n->last);
	put_u64(b, "tocsin:pid", n->id);
	put_u64(b, "tocsin:start_time", n->part);
	put_known(b, g, "tocsin:exe", n->more);
	put_known(b, g, "tocsin:container", n->container);
	add_agent(p, node, n);
}

static void add_edge(struct prov *p, uint32_t edge)
{
	const struct tocsin_provenance *g = p->told->graph;
	const struct tocsin_trace_edge *e = tocsin_provenance_edge(g, edge);
	bool from = tocsin_provenance_node(g, e->from)->kind == TOCSIN_TRACE_PROCESS;
	bool to = tocsin_provenance_node(g, e->to)->kind == TOCSIN_TRACE_PROCESS;
	bool standing = e->flags & TOCSIN_TRACE_STANDING;
	struct builder b;
	char id[32];

	if (e->from == e->to)
		return;
	snprintf(id, sizeof(id), "_:e%" PRIu32, edge);
	b = open_object(to ? from ? p->informed : p->used : from ? p->generated : p->derived, id);
	put_ref(b,
		to     ? from ? "prov:informed" : "prov:activity"
		: from ? "prov:entity"
		       : "prov:generatedEntity",
		e->to);
	put_ref(b,
		to     ? from ? "prov:informant" : "prov:entity"
		: from ? "prov:activity"
		       : "prov:usedEntity",
		e->from);
	if (from != to && !standing) /* the others have no such attribute */
		put_time(b, "prov:time", e->leaves);
	put_text(b, "prov:type", tocsin_trace_kind_name((enum tocsin_trace_kind)e->kind));
	if (!standing)
		put_time(b, "tocsin:first", e->leaves);
	if (e->arrived != TOCSIN_TRACE_FOREVER)
		put_time(b, "tocsin:last", e->arrived);
	put_u64(b, "tocsin:count", e->count);
	if (e->bytes)
		put_u64(b, "tocsin:bytes", e->bytes);
	put_known(b, g, "tocsin:label", e->label);
	if (e->flags & TOCSIN_TRACE_UNSURE)
		put_bool(b, "tocsin:unsure", true);
}

int tocsin_trace_prov(FILE *to, const struct tocsin_told *told)
{
	struct prov p = {.told = told};

	p.top = section(&p);
	p.entities = section(&p);
	p.activities = section(&p);
	p.agents = section(&p);
	p.used = section(&p);
	p.generated = section(&p);
	p.informed = section(&p);
	p.derived = section(&p);
	p.associated = section(&p);
	put_text(open_object(p.top, "prefix"), "tocsin", "urn:tocsin:");
	for (uint32_t i = 0; i < told->answer->count; i++)
		add_node(&p, told->answer->steps[i].node);
	for (uint32_t i = 0; i < told->answer->edge_count; i++)
		add_edge(&p, told->answer->edges[i]);
	finish_section(&p, "entity", p.entities);
	finish_section(&p, "activity", p.activities);
	finish_section(&p, "agent", p.agents);
	finish_section(&p, "used", p.used);
	finish_section(&p, "wasGeneratedBy", p.generated);
	finish_section(&p, "wasInformedBy", p.informed);
	finish_section(&p, "wasDerivedFrom", p.derived);
	finish_section(&p, "wasAssociatedWith", p.associated);
	return write_line(to, p.top);
}
