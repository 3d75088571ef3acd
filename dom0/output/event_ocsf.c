// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events of a watch for a SIEM, one object of the Open Cybersecurity Schema Framework (OCSF) on one
 * line each: Process Activity, Network Activity with the host profile, Detection Finding. What is
 * neither (the watch itself, its account, rings, UNIX and netlink sockets) is left out.
 *
 * OCSF counts milliseconds. What it has no attribute for is in "unmapped" under the names that the
 * JSON lines use.
 */
#include "output/build.h"
#include "output/event_formats.h"

#define OCSF_VERSION "1.5.0"
#define ACTIVITY_OTHER 99

enum { CLASS_NONE = 0, CLASS_PROCESS = 1007, CLASS_FINDING = 2004, CLASS_NETWORK = 4001 };

struct activity {
	unsigned int class, id;
	const char *name;
};

static const char *class_name(unsigned int class)
{
	return class == CLASS_PROCESS   ? "Process Activity"
	       : class == CLASS_FINDING ? "Detection Finding"
					: "Network Activity";
}

static const char *category_name(unsigned int class)
{
	return class == CLASS_PROCESS   ? "System Activity"
	       : class == CLASS_FINDING ? "Findings"
					: "Network Activity";
}

static const struct activity activities[TOCSIN_EVENT_KINDS] = {
    [TOCSIN_EVENT_STARTED] = {CLASS_PROCESS, 1, "Launch"},
    [TOCSIN_EVENT_EXECUTED] = {CLASS_PROCESS, 1, "Launch"},
    [TOCSIN_EVENT_EXITED] = {CLASS_PROCESS, 2, "Terminate"},
    [TOCSIN_EVENT_OPENED] = {CLASS_NETWORK, 1, "Open"},
    [TOCSIN_EVENT_ACCEPTED] = {CLASS_NETWORK, 1, "Open"},
    [TOCSIN_EVENT_CLOSED] = {CLASS_NETWORK, 2, "Close"},
    [TOCSIN_EVENT_LISTENING] = {CLASS_NETWORK, 7, "Listen"},
    [TOCSIN_EVENT_UNLISTENED] = {CLASS_NETWORK, ACTIVITY_OTHER, "Listen End"},
    [TOCSIN_EVENT_HELD] = {CLASS_NETWORK, ACTIVITY_OTHER, "Hold"},
    [TOCSIN_EVENT_RELEASED] = {CLASS_NETWORK, ACTIVITY_OTHER, "Release"},
    [TOCSIN_EVENT_FINDING] = {CLASS_FINDING, 1, "Create"},
};

static bool on_network(const struct tocsin_socket *s)
{
	return s->family == AF_INET || s->family == AF_INET6 || s->family == AF_PACKET;
}

/* What happened; class NONE: OCSF has no word for it. */
static struct activity activity_of(const struct tocsin_event *e)
{
	struct activity a = {0};

	if ((unsigned int)e->kind < TOCSIN_EVENT_KINDS)
		a = activities[e->kind];
	if ((a.class == CLASS_PROCESS && !e->process) ||
	    (a.class == CLASS_FINDING && !e->finding) ||
	    (a.class == CLASS_NETWORK && (!e->socket || !on_network(&e->socket->socket))))
		a.class = CLASS_NONE;
	if (e->initial && a.class != CLASS_FINDING) {
		a.id = ACTIVITY_OTHER; /* it was there; nobody saw it happen */
		a.name = "Present";
	}
	return a;
}

static uint64_t milliseconds(uint64_t ns)
{
	return ns / 1000000u;
}

static void put_process_uid(struct builder b, const struct tocsin_event *e, int32_t pid,
			    uint64_t start_time)
{
	char text[96];
	int n = snprintf(text, sizeof(text), "%" PRIu64 "-%" PRId32 "-%" PRIu64, e->boot, pid,
			 start_time);

	put(b, "uid", json_object_new_string_len(text, n));
}

static void put_user(struct builder top, uint32_t uid)
{
	struct builder b = open_object(top, "user");
	char text[16];

	snprintf(text, sizeof(text), "%" PRIu32, uid);
	put(b, "uid", json_object_new_string(text));
}

/* The arguments with spaces between them. */
static void put_command_line(struct builder b, const struct tocsin_event_process *p)
{
	char *line = malloc(p->cmdline_size + 1);
	size_t size = p->cmdline_size;

	if (!line) {
		*b.bad = true;
		return;
	}
	memcpy(line, p->cmdline, size);
	while (size && !line[size - 1])
		size--;
	for (size_t i = 0; i < size; i++)
		if (!line[i])
			line[i] = ' ';
	put(b, "cmd_line", bytes_text(line, size));
	free(line);
}

static void put_process(struct builder top, const char *key, const struct tocsin_event *e,
			const struct tocsin_event_process *p)
{
	struct builder b = open_object(top, key), child;
	const char *slash = strrchr(p->exe, '/');

	put_u64(b, "pid", (uint32_t)p->pid);
	put_process_uid(b, e, p->pid, p->start_time);
	put_text(b, "name", p->comm);
	if (p->cmdline_size)
		put_command_line(b, p);
	if (e->boot)
		put_u64(b, "created_time", milliseconds(e->boot + p->start_time));
	put_user(b, p->euid);
	if (p->exe[0]) {
		child = open_object(b, "file");
		put_text(child, "name", slash && slash[1] ? slash + 1 : p->exe);
		put_text(child, "path", p->exe);
		put_u64(child, "type_id", 1); /* Regular File */
	}
	if (p->container[0])
		put_text(open_object(b, "container"), "uid", p->container);
	if (p->ppid) {
		child = open_object(b, "parent_process");
		put_u64(child, "pid", (uint32_t)p->ppid);
		if (p->parent_start_time)
			put_process_uid(child, e, p->ppid, p->parent_start_time);
	}
}

/* Who did it: for what begins, its parent. */
static void put_actor(struct builder top, const struct tocsin_event *e, unsigned int class)
{
	const struct tocsin_event_process *p = e->process;
	struct builder b;

	if (!p)
		return;
	b = open_object(top, "actor");
	if (class == CLASS_PROCESS && e->kind == TOCSIN_EVENT_STARTED && e->other) {
		put_process(b, "process", e, e->other);
	} else if (class == CLASS_PROCESS && e->kind == TOCSIN_EVENT_STARTED) {
		b = open_object(b, "process");
		put_u64(b, "pid", (uint32_t)p->ppid);
	} else {
		put_process(b, "process", e,
			    e->kind == TOCSIN_EVENT_EXECUTED && e->other ? e->other : p);
	}
}

static void put_endpoint(struct builder top, const char *key, const struct tocsin_event *e,
			 bool remote)
{
	const struct tocsin_socket *s = &e->socket->socket;
	struct builder b = open_object(top, key);
	char text[INET6_ADDRSTRLEN];

	if (tocsin_output_address(s, remote, text))
		put_text(b, "ip", text);
	if (remote ? s->remote_port : s->local_port)
		put_u64(b, "port", remote ? s->remote_port : s->local_port);
	if (remote)
		return;
	put_text(b, "hostname", e->guest);
	if (s->interface) {
		snprintf(text, sizeof(text), "%" PRIu32, s->interface);
		put_text(b, "interface_uid", text);
	}
}

static void put_traffic(struct builder top, const struct tocsin_socket *s)
{
	struct builder b = open_object(top, "traffic");

	put_u64(b, "bytes_in", s->bytes_received);
	put_u64(b, "bytes_out", s->bytes_sent);
	put_u64(b, "bytes", s->bytes_received + s->bytes_sent);
}

/* Who made the connection is its source; without one, who listens is the destination. */
static void put_connection(struct builder top, const struct tocsin_event *e)
{
	const struct tocsin_socket *s = &e->socket->socket;
	enum tocsin_direction d = e->socket->direction;
	bool listens = e->kind == TOCSIN_EVENT_LISTENING || e->kind == TOCSIN_EVENT_UNLISTENED;
	bool in = d == TOCSIN_DIRECTION_IN;
	char text[24];
	struct builder b;

	put_endpoint(top, in || listens ? "dst_endpoint" : "src_endpoint", e, false);
	if (s->remote_port)
		put_endpoint(top, in ? "src_endpoint" : "dst_endpoint", e, true);
	b = open_object(top, "connection_info");
	put_u64(b, "direction_id", in ? 1 : d == TOCSIN_DIRECTION_OUT ? 2 : 0);
	put_text(b, "direction",
		 in                          ? "Inbound"
		 : d == TOCSIN_DIRECTION_OUT ? "Outbound"
					     : "Unknown");
	put_text(b, "protocol_name", tocsin_socket_kind(s));
	if (s->family != AF_PACKET) {
		put_u64(b, "protocol_num", s->protocol);
		put_u64(b, "protocol_ver_id", s->family == AF_INET ? 4 : 6);
	}
	snprintf(text, sizeof(text), "%" PRIu64, e->socket->id);
	put_text(b, "uid", text);
	if (s->counted)
		put_traffic(top, s);
}

static void put_attack(struct builder b, const char *technique)
{
	struct json_object *list = json_object_new_array();
	struct builder row = {json_object_new_object(), b.bad}, child;
	size_t n = strcspn(technique, ".");

	child = open_object(row, "technique");
	put(child, "uid", bytes_text(technique, n));
	if (technique[n])
		put_text(open_object(row, "sub_technique"), "uid", technique);
	append(list, row.o, b.bad);
	put(b, "attacks", list);
}

static void put_evidence(struct builder top, const struct tocsin_event *e)
{
	struct json_object *list;
	struct builder row;

	if (!e->process && !(e->socket && on_network(&e->socket->socket)))
		return;
	list = json_object_new_array();
	row = (struct builder){json_object_new_object(), top.bad};
	put_actor(row, e, CLASS_FINDING);
	if (e->process)
		put_process(row, "process", e, e->process);
	if (e->socket && on_network(&e->socket->socket))
		put_connection(row, e);
	append(list, row.o, top.bad);
	put(top, "evidences", list);
}

static void put_finding(struct builder top, const struct tocsin_event *e)
{
	static const char *const confidences[] = {"Low", "Medium", "High"};
	const struct tocsin_finding *f = e->finding;
	struct builder b = open_object(top, "finding_info"), child;
	char text[sizeof(f->rule) + 64];

	snprintf(text, sizeof(text), "%s-%" PRIu64 "-%" PRId32, f->rule, e->time,
		 e->process ? e->process->pid : 0);
	put_text(b, "uid", text);
	put_text(b, "title", f->what);
	put_text(b, "desc", f->why);
	put_u64(b, "created_time", milliseconds(e->time));
	child = open_object(b, "analytic");
	put_text(child, "name", f->rule);
	put_text(child, "uid", f->rule);
	put_u64(child, "type_id", 1); /* Rule */
	put_text(child, "type", "Rule");
	if (f->technique[0])
		put_attack(b, f->technique);
	put_u64(top, "status_id", 1);
	put_text(top, "status", "New");
	put_bool(top, "is_alert", f->severity >= TOCSIN_SEVERITY_LOW);
	if ((unsigned int)f->certainty <= TOCSIN_CERTAINTY_HIGH) {
		put_u64(top, "confidence_id", (uint64_t)f->certainty + 1);
		put_text(top, "confidence", confidences[f->certainty]);
	}
	put_evidence(top, e);
}

void tocsin_ocsf_metadata(struct builder top, const char *code, bool container)
{
	struct builder b = open_object(top, "metadata"), product;
	struct json_object *profiles = json_object_new_array();

	put_text(b, "version", OCSF_VERSION);
	product = open_object(b, "product");
	put_text(product, "name", "Tocsin");
	put_text(product, "vendor_name", "Tocsin");
	put_text(product, "version", TOCSIN_VERSION);
	put_text(b, "event_code", code);
	append(profiles, json_object_new_string("host"), b.bad);
	if (container)
		append(profiles, json_object_new_string("container"), b.bad);
	put(b, "profiles", profiles);
}

void tocsin_ocsf_device(struct builder top, const char *guest)
{
	struct builder b = open_object(top, "device");

	put_u64(b, "type_id", 6);
	put_text(b, "type", "Virtual");
	put_text(b, "hostname", guest);
	put_text(b, "name", guest);
}

static void put_class(struct builder b, const struct tocsin_event *e, struct activity a)
{
	static const char *const severities[] = {"Informational", "Low", "Medium", "High",
						 "Critical"};
	unsigned int severity = e->finding && a.class == CLASS_FINDING ? e->finding->severity : 0;

	put_u64(b, "class_uid", a.class);
	put_text(b, "class_name", class_name(a.class));
	put_u64(b, "category_uid", a.class / 1000);
	put_text(b, "category_name", category_name(a.class));
	put_u64(b, "activity_id", a.id);
	put_text(b, "activity_name", a.name);
	put_u64(b, "type_uid", a.class * 100 + a.id);
	if (severity >= sizeof(severities) / sizeof(severities[0]))
		severity = 0;
	put_u64(b, "severity_id", severity + 1);
	put_text(b, "severity", severities[severity]);
	put_u64(b, "time", milliseconds(e->time));
	if (e->since) {
		put_u64(b, "start_time", milliseconds(e->since));
		put_u64(b, "end_time", milliseconds(e->time));
	}
}

static int put_message(struct builder b, const struct tocsin_event *e)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	int rc;

	if (!to)
		return -ENOMEM;
	tocsin_event_describe(to, e);
	rc = fclose(to) ? -ENOMEM : 0;
	if (!rc) /* it is clean already */
		put(b, "message", json_object_new_string_len(text, (int)size));
	free(text);
	return rc;
}

static void put_unmapped(struct builder top, const struct tocsin_event *e)
{
	struct builder b = open_object(top, "unmapped");

	put_text(b, "event", tocsin_event_kind_name(e->kind));
	put_bool(b, "initial", e->initial);
	if (e->fd >= 0)
		put_u64(b, "fd", (uint64_t)e->fd);
	if (e->process) {
		put_bool(b, "exe_deleted", e->process->exe_deleted);
		put_bool(b, "exe_memfd", e->process->exe_memfd);
		put_bool(b, "stdin_socket", e->process->stdin_socket);
		put_text(b, "confidence", tocsin_confidence_name(e->process->confidence));
	}
	if (e->socket)
		put_u64(b, "netns", e->socket->socket.netns);
}

int tocsin_event_ocsf(FILE *to, const struct tocsin_event *e)
{
	struct activity a = activity_of(e);
	bool bad = false;
	struct builder b;

	if (a.class == CLASS_NONE)
		return 0;
	b = (struct builder){json_object_new_object(), &bad};
	put_class(b, e, a);
	tocsin_ocsf_metadata(b, tocsin_event_kind_name(e->kind),
			     e->process && e->process->container[0]);
	tocsin_ocsf_device(b, e->guest);
	if (a.class != CLASS_FINDING)
		put_actor(b, e, a.class);
	if (a.class == CLASS_PROCESS)
		put_process(b, "process", e, e->process);
	else if (a.class == CLASS_NETWORK)
		put_connection(b, e);
	else
		put_finding(b, e);
	put_unmapped(b, e);
	if (put_message(b, e))
		bad = true;
	return write_line(to, b);
}
