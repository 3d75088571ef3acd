// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An answer for a SIEM: one OCSF object a line for each edge of it that OCSF has a class for, in
 * the order of time; each has what its class requires. Pipes, UNIX sockets and what joins two files
 * have no class, and files of start-ups are told for the start-up: these are left out.
 */
#include "output/build.h"
#include "output/trace_view.h"

#include <sys/ptrace.h>
#include <sys/stat.h>

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

static void put_class(struct builder b, const struct activity *a, const struct tocsin_trace_edge *e,
		      int severity)
{
	static const char *const severities[] = {"Informational", "Low", "Medium", "High",
						 "Critical"};
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
	put_u64(b, "severity_id", (uint64_t)severity + 1);
	put_text(b, "severity", severities[severity]);
	put_u64(b, "time", e->leaves / 1000000u);
	put_u64(b, "start_time", e->leaves / 1000000u);
	if (e->arrived != TOCSIN_TRACE_FOREVER)
		put_u64(b, "end_time", e->arrived / 1000000u);
	put_u64(b, "count", e->count);
}

/* As OCSF numbers them; 0: not known. */
static unsigned int file_type(uint32_t mode)
{
	return S_ISREG(mode)    ? 1
	       : S_ISDIR(mode)  ? 2
	       : S_ISCHR(mode)  ? 3
	       : S_ISBLK(mode)  ? 4
	       : S_ISSOCK(mode) ? 5
	       : S_ISFIFO(mode) ? 6
	       : S_ISLNK(mode)  ? 7
				: 0;
}

static struct builder put_path(struct builder top, const char *key, const char *path, uint32_t mode)
{
	const char *slash = strrchr(path, '/');
	struct builder b = open_object(top, key);

	put_text(b, "name", slash && slash[1] ? slash + 1 : path[0] ? path : "unknown");
	if (path[0])
		put_text(b, "path", path);
	put_u64(b, "type_id", file_type(mode));
	return b;
}

static void put_known(struct builder b, const char *key, const struct tocsin_told *t, uint32_t text)
{
	if (text)
		put_text(b, key, text_of(t, text));
}

/* uid and exe: as they were then. */
static void put_process(struct builder top, const struct tocsin_told *t, uint32_t node,
			uint32_t uid, uint32_t exe)
{
	const struct tocsin_trace_node *n = node_of(t, node);
	struct builder b = open_object(top, "process");
	char text[96];

	put_u64(b, "pid", n->id);
	snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64 "-%" PRIu64, n->boot, n->id, n->part);
	put_text(b, "uid", text);
	put_known(b, "name", t, n->name);
	snprintf(text, sizeof(text), "%" PRIu32, uid);
	if (uid != UINT32_MAX)
		put_text(open_object(b, "user"), "uid", text);
	if (exe)
		put_path(b, "file", text_of(t, exe), S_IFREG);
	if (n->container)
		put_text(open_object(b, "container"), "uid", text_of(t, n->container));
}

static void put_whole_process(struct builder top, const struct tocsin_told *t, uint32_t node)
{
	const struct tocsin_trace_node *n = node_of(t, node);

	put_process(top, t, node, n->euid, n->more);
}

static void put_actor(struct builder top, const struct tocsin_told *t, uint32_t node)
{
	put_whole_process(open_object(top, "actor"), t, node);
}

static void put_file(struct builder top, const struct tocsin_told *t, uint32_t node, uint32_t path)
{
	const struct tocsin_trace_node *n = node_of(t, node);
	struct builder b = put_path(top, "file", text_of(t, path), n->mode);
	char text[48];

	if (!n->id)
		return;
	snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64, n->part, n->id);
	put_text(b, "uid", text);
}

/* ---- by class ---- */

/* What a process becomes is stated of itself; who looks into another's memory gets something. */
static void put_processes(struct builder b, const struct tocsin_told *t,
			  const struct tocsin_trace_edge *e, bool looks)
{
	const struct tocsin_trace_node *to = node_of(t, e->to);
	uint32_t actor = looks || e->kind == TOCSIN_TRACE_EXECUTED ? e->to : e->from;

	put_actor(b, t, actor);
	if (looks)
		put_whole_process(b, t, e->from);
	else if (e->kind == TOCSIN_TRACE_EXECUTED)
		put_process(b, t, e->to, to->euid, node_of(t, e->from)->name);
	else if (e->kind == TOCSIN_TRACE_CREDENTIALS)
		put_process(b, t, e->to, (uint32_t)e->value, to->more);
	else
		put_whole_process(b, t, e->to);
}

/* What a file that is renamed was called until then: what it was renamed to before, or first. */
static uint32_t old_path(const struct tocsin_told *t, const struct tocsin_trace_edge *e)
{
	const struct tocsin_trace_node *n = node_of(t, e->to);
	uint32_t ret = n->more ? n->more : n->name, edge = TOCSIN_TRACE_NONE;
	uint64_t latest = 0;

	while ((edge = tocsin_provenance_next(t->graph, e->to, true, edge)) != TOCSIN_TRACE_NONE) {
		const struct tocsin_trace_edge *old = tocsin_provenance_edge(t->graph, edge);

		if (old->kind != TOCSIN_TRACE_RENAMED || !old->label || old->leaves < latest ||
		    old->leaves >= e->leaves)
			continue;
		latest = old->leaves;
		ret = old->label;
	}
	return ret;
}

static void put_files(struct builder b, const struct tocsin_told *t,
		      const struct tocsin_trace_edge *e, uint32_t file)
{
	const struct tocsin_trace_node *n = node_of(t, file);
	bool moved = e->kind == TOCSIN_TRACE_RENAMED || e->kind == TOCSIN_TRACE_LINKED;

	put_file(b, t, file, e->kind == TOCSIN_TRACE_RENAMED ? old_path(t, e) : n->name);
	if (moved && e->label)
		put_path(b, "file_result", text_of(t, e->label), n->mode);
}

/* Of the path that is told of an end that is a file; 0: it is not told of. */
static uint32_t mount_namespace(const struct tocsin_told *t, const struct tocsin_trace_edge *e)
{
	const struct tocsin_trace_node *to = node_of(t, e->to);
	const struct tocsin_trace_node *n =
	    to->kind == TOCSIN_TRACE_FILE ? to : node_of(t, e->from);
	uint32_t path = e->kind == TOCSIN_TRACE_RENAMED ? old_path(t, e) : n->name;

	return n->kind != TOCSIN_TRACE_FILE ? 0
	       : path == n->name            ? n->mount_ns
	       : path == n->more            ? n->more_ns
					    : 0;
}

static void put_module(struct builder top, const struct tocsin_told *t, uint32_t file)
{
	struct builder b = open_object(top, "module");

	put_u64(b, "load_type_id", 4);
	put_text(b, "load_type", "Mapped");
	put_file(b, t, file, node_of(t, file)->name);
}

/* The file that a module was loaded from, or what stands for it. */
static void put_driver(struct builder top, const struct tocsin_told *t, uint32_t module)
{
	struct builder b = open_object(top, "driver");
	uint32_t edge = TOCSIN_TRACE_NONE;

	while ((edge = tocsin_provenance_next(t->graph, module, true, edge)) != TOCSIN_TRACE_NONE) {
		uint32_t from = tocsin_provenance_edge(t->graph, edge)->from;

		if (node_of(t, from)->kind != TOCSIN_TRACE_FILE)
			continue;
		put_file(b, t, from, node_of(t, from)->name);
		return;
	}
	b = open_object(b, "file");
	put_text(b, "name", text_of(t, node_of(t, module)->name));
	put_u64(b, "type_id", 0);
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

static bool on_network(const struct tocsin_told *t, uint32_t socket)
{
	const char *name = text_of(t, node_of(t, socket)->name);

	return !strncmp(name, "tcp ", 4) || !strncmp(name, "udp ", 4);
}

/* Who made a connection: 1 the far end, 2 the guest's, 0 it was not seen. A listener waits. */
static unsigned int direction(const struct tocsin_told *t, uint32_t socket)
{
	unsigned int ret = 0;

	for (int in = 0; in < 2; in++)
		for (uint32_t i = tocsin_provenance_next(t->graph, socket, in, TOCSIN_TRACE_NONE);
		     i != TOCSIN_TRACE_NONE; i = tocsin_provenance_next(t->graph, socket, in, i))
			switch (tocsin_provenance_edge(t->graph, i)->kind) {
			case TOCSIN_TRACE_CONNECTED:
				return 2;
			case TOCSIN_TRACE_ACCEPTED:
			case TOCSIN_TRACE_LISTENING:
				ret = 1;
				break;
			default:
				break;
			}
	return ret;
}

/* A socket's name: "tcp LOCAL > REMOTE", "tcp LOCAL". Who made the connection is its source; of one
 * that was there, who sends. */
static void put_socket(struct builder top, const struct tocsin_told *t,
		       const struct tocsin_trace_edge *e, uint32_t socket)
{
	static const char *const directions[] = {"Unknown", "Inbound", "Outbound"};
	const char *name = text_of(t, node_of(t, socket)->name), *far = strstr(name, " > ");
	size_t kind = strcspn(name, " ");
	const char *near = name + kind + 1;
	unsigned int from = direction(t, socket);
	bool receives = e->from == socket && node_of(t, e->to)->kind != TOCSIN_TRACE_HOST;
	bool in =
	    from == 1 || (!from && (receives || node_of(t, e->from)->kind == TOCSIN_TRACE_HOST));
	struct builder b;

	put_endpoint(top, in ? "dst_endpoint" : "src_endpoint", near,
		     far ? (size_t)(far - near) : strlen(near));
	if (far)
		put_endpoint(top, in ? "src_endpoint" : "dst_endpoint", far + 3, strlen(far + 3));
	b = open_object(top, "connection_info");
	put(b, "protocol_name", bytes_text(name, kind));
	put_u64(b, "direction_id", from);
	put_text(b, "direction", directions[from]);
	if (e->bytes)
		put_u64(open_object(top, "traffic"), "bytes", e->bytes);
}

static void put_finding(struct builder top, const struct tocsin_told *t,
			const struct tocsin_trace_edge *e)
{
	const struct tocsin_trace_node *n = node_of(t, e->to);
	const char *rule = text_of(t, n->name);
	struct builder b = open_object(top, "finding_info"),
		       row = {json_object_new_object(), top.bad};
	struct json_object *list = json_object_new_array();
	char text[128];

	snprintf(text, sizeof(text), "%.90s-%" PRIu64, rule, n->id);
	put_text(b, "uid", text);
	put_text(b, "title", n->more ? text_of(t, n->more) : rule);
	put_u64(b, "created_time", n->id / 1000000u);
	b = open_object(b, "analytic");
	put_text(b, "name", rule);
	put_text(b, "uid", rule);
	put_u64(b, "type_id", 1);
	put_text(b, "type", "Rule");
	if (node_of(t, e->from)->kind == TOCSIN_TRACE_PROCESS)
		put_whole_process(row, t, e->from);
	else
		put_file(row, t, e->from, node_of(t, e->from)->name);
	append(list, row.o, top.bad);
	put(top, "evidences", list);
}

/* The end that is no process, or of two the one that has something done to it. */
static void put_ends(struct builder b, const struct tocsin_told *t,
		     const struct tocsin_trace_edge *e, unsigned int class, bool looks)
{
	bool by = node_of(t, e->from)->kind == TOCSIN_TRACE_PROCESS;
	uint32_t what = by ? e->to : e->from;

	if (class == PROCESS) {
		put_processes(b, t, e, looks);
		return;
	}
	if (class == FOUND) {
		put_finding(b, t, e);
		return;
	}
	if (class != NETWORK || e->kind != TOCSIN_TRACE_FLOW)
		put_actor(b, t, by ? e->from : e->to);
	else if (node_of(t, what)->kind != TOCSIN_TRACE_SOCKET)
		what = e->to;
	if (class == FILES)
		put_files(b, t, e, what);
	else if (class == MODULE)
		put_module(b, t, what);
	else if (class == EXTENSION)
		put_driver(b, t, what);
	else
		put_socket(b, t, e, what);
}

/* Has it what its class needs? A finding is about a file, too; a flow has no process. */
static bool fits(const struct tocsin_told *t, const struct tocsin_trace_edge *e, unsigned int class)
{
	enum tocsin_trace_node_kind from = node_of(t, e->from)->kind, to = node_of(t, e->to)->kind;
	bool process = from == TOCSIN_TRACE_PROCESS || to == TOCSIN_TRACE_PROCESS;

	if (e->flags & TOCSIN_TRACE_STANDING || from == TOCSIN_TRACE_STARTUP)
		return false;
	switch (class) {
	case PROCESS:
		return to == TOCSIN_TRACE_PROCESS;
	case FILES:
	case MODULE:
		return process && (from == TOCSIN_TRACE_FILE || to == TOCSIN_TRACE_FILE);
	case EXTENSION:
		return process && to == TOCSIN_TRACE_KERNEL;
	case NETWORK:
		return (process || e->kind == TOCSIN_TRACE_FLOW) &&
		       ((from == TOCSIN_TRACE_SOCKET && on_network(t, e->from)) ||
			(to == TOCSIN_TRACE_SOCKET && on_network(t, e->to)));
	case FOUND:
		return to == TOCSIN_TRACE_FOUND;
	default:
		return false;
	}
}

/* Which guest; a connection is of none, who holds it is. */
static const char *guest_of(const struct tocsin_told *t, const struct tocsin_trace_edge *e)
{
	uint32_t guest =
	    node_of(t, e->from)->guest ? node_of(t, e->from)->guest : node_of(t, e->to)->guest;

	for (uint32_t i = 0; !guest && i < tocsin_provenance_nodes(t->graph); i++)
		guest = node_of(t, i)->guest;
	return text_of(t, guest);
}

static void put_message(struct builder b, const struct tocsin_told *t,
			const struct tocsin_trace_edge *e)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (to) {
		trace_describe(to, t->graph, e->from);
		fprintf(to, " %s", trace_verb(t->graph, e, true));
		if (e->from != e->to)
			fputc(' ', to);
		if (e->from != e->to)
			trace_describe(to, t->graph, e->to);
		trace_detail(to, t->graph, e);
	}
	if (!to || fclose(to))
		*b.bad = true;
	else
		put(b, "message", json_object_new_string_len(text, (int)size));
	free(text);
}

static int write_edge(FILE *to, const struct tocsin_told *t, const struct tocsin_trace_edge *e)
{
	static const struct activity opens = {PROCESS, 3, "Open"};
	bool looks = e->kind == TOCSIN_TRACE_PTRACE && e->value == PTRACE_PEEKDATA;
	const struct activity *a = looks ? &opens : &activities[e->kind];
	const struct tocsin_trace_node *at = node_of(t, e->to);
	int severity = a->class == FOUND && at->severity > 0 ? at->severity : 0;
	bool bad = false;
	struct builder b, c;

	if (!fits(t, e, a->class))
		return 0;
	b = (struct builder){json_object_new_object(), &bad};
	put_class(b, a, e, severity);
	tocsin_ocsf_metadata(b, tocsin_trace_kind_name((enum tocsin_trace_kind)e->kind),
			     node_of(t, e->from)->container || at->container);
	tocsin_ocsf_device(b, guest_of(t, e));
	put_ends(b, t, e, a->class, looks);
	c = open_object(b, "unmapped");
	put_text(c, "event", tocsin_trace_kind_name((enum tocsin_trace_kind)e->kind));
	put_bool(c, "unsure", e->flags & TOCSIN_TRACE_UNSURE);
	put_bool(c, "sampled", e->flags & TOCSIN_TRACE_SAMPLED);
	if (mount_namespace(t, e))
		put_u64(c, "mount_namespace", mount_namespace(t, e));
	put_message(b, t, e);
	return write_line(to, b);
}

int tocsin_trace_ocsf(FILE *to, const struct tocsin_told *t)
{
	int rc = 0;

	for (uint32_t i = 0; i < t->answer->edge_count && !rc; i++)
		rc = write_edge(to, t, tocsin_provenance_edge(t->graph, t->answer->edges[i]));
	return rc;
}
