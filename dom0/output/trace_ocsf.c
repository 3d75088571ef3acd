// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An answer for a SIEM: one OCSF object a line for each edge of it that OCSF has a class for, in
 * the order of time. Start-ups' files are told for the start-up.
 */
#include "output/build.h"
#include "output/trace_view.h"

struct activity {
	unsigned int class, id;
	const char *name;
};

enum {
	PROCESS = 1007,
	FILES = 1001,
	EXTENSION = 1002,
	MODULE = 1005,
	NETWORK = 4001,
	FOUND = 2004
};

static const struct {
	unsigned int class;
	const char *name, *category;
} classes[] = {
    {PROCESS, "Process Activity", "System Activity"},
    {FILES, "File System Activity", "System Activity"},
    {EXTENSION, "Kernel Extension Activity", "System Activity"},
    {MODULE, "Module Activity", "System Activity"},
    {NETWORK, "Network Activity", "Network Activity"},
    {FOUND, "Detection Finding", "Findings"},
};

static const struct activity activities[TOCSIN_TRACE_KINDS] = {
    [TOCSIN_TRACE_CREATED] = {PROCESS, 1, "Launch"},
    [TOCSIN_TRACE_EXECUTED] = {PROCESS, 1, "Launch"},
    [TOCSIN_TRACE_CREDENTIALS] = {PROCESS, 5, "Set User ID"},
    [TOCSIN_TRACE_SIGNAL] = {PROCESS, 99, "Signal"},
    [TOCSIN_TRACE_PTRACE] = {PROCESS, 4, "Inject"},
    [TOCSIN_TRACE_OPENED] = {FILES, 1, "Create"},
    [TOCSIN_TRACE_READ] = {FILES, 2, "Read"},
    [TOCSIN_TRACE_WRITTEN] = {FILES, 3, "Update"},
    [TOCSIN_TRACE_RENAMED] = {FILES, 5, "Rename"},
    [TOCSIN_TRACE_LINKED] = {FILES, 99, "Link"},
    [TOCSIN_TRACE_UNLINKED] = {FILES, 4, "Delete"},
    [TOCSIN_TRACE_MODE] = {FILES, 6, "Set Attributes"},
    [TOCSIN_TRACE_MAPPED] = {MODULE, 1, "Load"},
    [TOCSIN_TRACE_MODULE] = {EXTENSION, 1, "Load"},
    [TOCSIN_TRACE_BPF] = {EXTENSION, 1, "Load"},
    [TOCSIN_TRACE_LISTENING] = {NETWORK, 7, "Listen"},
    [TOCSIN_TRACE_ACCEPTED] = {NETWORK, 1, "Open"},
    [TOCSIN_TRACE_CONNECTED] = {NETWORK, 1, "Open"},
    [TOCSIN_TRACE_SENT] = {NETWORK, 6, "Traffic"},
    [TOCSIN_TRACE_RECEIVED] = {NETWORK, 6, "Traffic"},
    [TOCSIN_TRACE_FLOW] = {NETWORK, 6, "Traffic"},
    [TOCSIN_TRACE_FINDING] = {FOUND, 1, "Create"},
};

static const struct tocsin_trace_node *node_of(const struct tocsin_told *t, uint32_t node)
{
	return tocsin_provenance_node(t->graph, node);
}

static const char *text_of(const struct tocsin_told *t, uint32_t text)
{
	return tocsin_provenance_text(t->graph, text, NULL);
}

static void put_class(struct builder b, const struct activity *a, const struct tocsin_trace_edge *e)
{
	size_t i = 0;

	while (classes[i].class != a->class)
		i++;
	put_u64(b, "class_uid", a->class);
	put_text(b, "class_name", classes[i].name);
	put_u64(b, "category_uid", a->class / 1000);
	put_text(b, "category_name", classes[i].category);
	put_u64(b, "activity_id", a->id);
	put_text(b, "activity_name", a->name);
	put_u64(b, "type_uid", a->class * 100 + a->id);
	put_u64(b, "severity_id", 1);
	put_text(b, "severity", "Informational");
	put_u64(b, "time", e->leaves / 1000000u);
	put_u64(b, "start_time", e->leaves / 1000000u);
	if (e->arrived != TOCSIN_TRACE_FOREVER)
		put_u64(b, "end_time", e->arrived / 1000000u);
	put_u64(b, "count", e->count);
}

static void put_process(struct builder top, const char *key, const struct tocsin_told *t,
			uint32_t node)
{
	const struct tocsin_trace_node *n = node_of(t, node);
	struct builder b = open_object(top, key);
	char text[96];

	put_u64(b, "pid", n->id);
	snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64 "-%" PRIu64, n->boot, n->id, n->part);
	put_text(b, "uid", text);
	put_text(b, "name", text_of(t, n->name));
	snprintf(text, sizeof(text), "%" PRIu32, n->euid);
	put_text(open_object(b, "user"), "uid", text);
	if (n->more)
		put_text(open_object(b, "file"), "path", text_of(t, n->more));
	if (n->container)
		put_text(open_object(b, "container"), "uid", text_of(t, n->container));
}

static void put_file(struct builder top, const char *key, const struct tocsin_told *t,
		     uint32_t node)
{
	const struct tocsin_trace_node *n = node_of(t, node);
	const char *path = text_of(t, n->name), *slash = strrchr(path, '/');
	struct builder b = open_object(top, key);
	char text[48];

	put_text(b, "name", slash && slash[1] ? slash + 1 : path);
	put_text(b, "path", path);
	put_u64(b, "type_id", 0);
	if (!n->id)
		return;
	snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64, n->part, n->id);
	put_text(b, "uid", text);
}

/* "ADDRESS:PORT", "[ADDRESS]:PORT", or an address. */
static void put_endpoint(struct builder top, const char *key, const char *text, size_t size)
{
	struct builder b = open_object(top, key);
	char ip[64], *colon;

	if (size >= sizeof(ip))
		return;
	memcpy(ip, text, size);
	ip[size] = 0;
	colon = strrchr(ip, ':');
	if (colon && (ip[0] == '[' || colon == strchr(ip, ':'))) {
		put_u64(b, "port", strtoul(colon + 1, NULL, 10));
		*colon = 0;
	}
	if (ip[0] == '[')
		ip[strcspn(ip, "]")] = 0;
	put_text(b, "ip", ip[0] == '[' ? ip + 1 : ip);
}

/* A socket's name: "tcp LOCAL > REMOTE", "tcp LOCAL". */
static void put_socket(struct builder top, const struct tocsin_told *t, uint32_t node, bool in)
{
	const char *name = text_of(t, node_of(t, node)->name), *far = strstr(name, " > ");
	size_t kind = strcspn(name, " ");
	const char *near = name[kind] ? name + kind + 1 : name + kind;
	struct builder b;

	if (strncmp(name, "tcp", 3) != 0 && strncmp(name, "udp", 3) != 0)
		return;
	put_endpoint(top, in ? "dst_endpoint" : "src_endpoint", near,
		     far ? (size_t)(far - near) : strlen(near));
	if (far)
		put_endpoint(top, in ? "src_endpoint" : "dst_endpoint", far + 3, strlen(far + 3));
	b = open_object(top, "connection_info");
	put(b, "protocol_name", bytes_text(name, kind));
	put_u64(b, "direction_id", in ? 1 : 2);
}

static void put_finding(struct builder top, const struct tocsin_told *t, uint32_t node)
{
	const struct tocsin_trace_node *n = node_of(t, node);
	struct builder b = open_object(top, "finding_info");
	char text[96];

	snprintf(text, sizeof(text), "%s-%" PRIu64, "finding", n->id);
	put_text(b, "uid", text);
	put_text(b, "title", text_of(t, n->more ? n->more : n->name));
	put_text(open_object(b, "analytic"), "name", text_of(t, n->name));
}

static void put_end(struct builder b, const struct tocsin_told *t, uint32_t node, bool from,
		    unsigned int class)
{
	switch (node_of(t, node)->kind) {
	case TOCSIN_TRACE_PROCESS:
		if (class == PROCESS && !from)
			put_process(b, "process", t, node);
		else
			put_process(open_object(b, "actor"), "process", t, node);
		break;
	case TOCSIN_TRACE_FILE:
		put_file(class == MODULE ? open_object(b, "module") : b, "file", t, node);
		break;
	case TOCSIN_TRACE_SOCKET:
		put_socket(b, t, node, from);
		break;
	case TOCSIN_TRACE_KERNEL:
		put_text(open_object(b, "driver"), "name", text_of(t, node_of(t, node)->name));
		break;
	case TOCSIN_TRACE_FOUND:
		put_finding(b, t, node);
		break;
	default:
		break;
	}
}

static int write_edge(FILE *to, const struct tocsin_told *t, const struct tocsin_trace_edge *e)
{
	const struct activity *a = &activities[e->kind];
	const struct tocsin_trace_node *from = node_of(t, e->from), *at = node_of(t, e->to);
	const struct tocsin_trace_node *who = from->kind == TOCSIN_TRACE_PROCESS ? from : at;
	bool bad = false;
	struct builder b, c;

	/* one end of each is a process, but of what was seen on the wire */
	if (!a->class || e->flags & TOCSIN_TRACE_STANDING ||
	    (who->kind != TOCSIN_TRACE_PROCESS && e->kind != TOCSIN_TRACE_FLOW) ||
	    from->kind == TOCSIN_TRACE_STARTUP)
		return 0;
	b = (struct builder){json_object_new_object(), &bad};
	put_class(b, a, e);
	tocsin_ocsf_metadata(b, tocsin_trace_kind_name((enum tocsin_trace_kind)e->kind),
			     who->container != 0);
	tocsin_ocsf_device(b, text_of(t, who->guest));
	put_end(b, t, e->from, true, a->class);
	if (e->to != e->from)
		put_end(b, t, e->to, false, a->class);
	if (e->kind == TOCSIN_TRACE_RENAMED && e->label)
		put_text(open_object(b, "file_result"), "path", text_of(t, e->label));
	if (e->bytes)
		put_u64(open_object(b, "traffic"), "bytes", e->bytes);
	c = open_object(b, "unmapped");
	put_text(c, "event", tocsin_trace_kind_name((enum tocsin_trace_kind)e->kind));
	put_bool(c, "unsure", e->flags & TOCSIN_TRACE_UNSURE);
	put_bool(c, "sampled", e->flags & TOCSIN_TRACE_SAMPLED);
	return write_line(to, b);
}

int tocsin_trace_ocsf(FILE *to, const struct tocsin_told *t)
{
	int rc = 0;

	for (uint32_t i = 0; i < t->answer->edge_count && !rc; i++)
		rc = write_edge(to, t, tocsin_provenance_edge(t->graph, t->answer->edges[i]));
	return rc;
}
