// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events become nodes and edges. Which way an edge leads is the way that information takes; what an
 * event lacks makes no edge, and what is not sure makes an unsure one.
 */
#include "provenance/build.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/stat.h>

struct moment {
	struct tocsin_provenance *g;
	const struct tocsin_trace_event *e;
	uint32_t guest, who; /* NONE: nobody */
	uint8_t flags;
};

typedef int take_kind(struct moment *m);

static void later(uint64_t *at, uint64_t time)
{
	if (time > *at)
		*at = time;
}

/* Text that is known takes the place of what was. */
static int describe(struct tocsin_provenance *g, const char *text, uint32_t *ret)
{
	return text && text[0] ? trace_text(g, text, strlen(text), ret) : 0;
}

static int find_process(struct moment *m, const struct tocsin_event_process *p, uint8_t flags,
			uint32_t *ret)
{
	struct tocsin_trace_node n = {.kind = TOCSIN_TRACE_PROCESS,
				      .flags = flags,
				      .severity = -1,
				      .guest = m->guest,
				      .boot = m->e->boot,
				      .id = (uint32_t)p->pid,
				      .part = p->start_time,
				      .uid = p->uid,
				      .euid = p->euid,
				      .first = m->e->since};
	struct tocsin_provenance *g = m->g;
	struct tocsin_trace_node *at;
	int rc = 0;

	*ret = trace_node_find(g, &n);
	if (*ret == TOCSIN_TRACE_NONE)
		rc = trace_node_add(g, &n, ret);
	if (rc)
		return rc;
	at = &g->nodes[*ret];
	if (p->uid != UINT32_MAX) { /* it could be read */
		at->uid = p->uid;
		at->euid = p->euid;
	}
	later(&at->last, m->e->time);
	rc = describe(g, p->comm, &at->name);
	if (!rc)
		rc = describe(g, p->exe, &at->more);
	return rc ? rc : describe(g, p->container, &at->container);
}

static int find_file(struct moment *m, const struct tocsin_trace_file *f, bool made, uint32_t *ret)
{
	struct tocsin_trace_node n = {
	    .kind = TOCSIN_TRACE_FILE,
	    .severity = -1,
	    .guest = m->guest,
	    .boot = f->id.dev_major ? 0 : m->e->boot, /* what is on a disk is there again */
	    .id = f->id.inode,
	    .part = f->id.inode ? (uint64_t)f->id.dev_major << 32 | f->id.dev_minor : f->mount_ns,
	    .mode = f->mode,
	    .mount_ns = f->path[0] ? f->mount_ns : 0,
	    .first = m->e->since};
	struct tocsin_provenance *g = m->g;
	struct trace_state *s;
	int rc = describe(g, f->path, &n.name);

	if (rc)
		return rc;
	if (!f->id.inode)
		n.key = n.name;
	*ret = trace_node_find(g, &n);
	if (*ret != TOCSIN_TRACE_NONE) {
		s = &g->states[*ret];
		if (made || ((g->nodes[*ret].flags & TOCSIN_TRACE_DEAD) && !f->id.deleted &&
			     !s->open_in && !s->open_out && !s->handles))
			*ret = TOCSIN_TRACE_NONE; /* its number, or its name, is used again */
		else if ((g->nodes[*ret].flags & TOCSIN_TRACE_DEAD) && !s->edges)
			g->nodes[*ret].flags |= TOCSIN_TRACE_UNSURE; /* it was folded away */
	}
	if (*ret == TOCSIN_TRACE_NONE) {
		n.flags = made ? TOCSIN_TRACE_BORN : 0;
		if (!f->id.inode && !n.name)
			n.flags |= TOCSIN_TRACE_UNSURE;
		rc = trace_node_add(g, &n, ret);
		if (rc)
			return rc;
	}
	if (n.name)
		trace_set_path(&g->nodes[*ret], n.name, n.mount_ns);
	if (f->mode)
		g->nodes[*ret].mode = f->mode;
	later(&g->nodes[*ret].last, m->e->time);
	return 0;
}

/* What nothing goes through, whoever reads and writes it. A file may have such a name, too. */
static bool is_void(const struct tocsin_trace_file *f)
{
	static const char *const names[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random",
					    "/dev/urandom"};

	if (f->mode && !S_ISCHR(f->mode))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(f->path, names[i]))
			return true;
	return false;
}

static struct tocsin_trace_edge edge_of(const struct moment *m, uint32_t from, uint32_t to)
{
	const struct tocsin_trace_event *e = m->e;

	return (struct tocsin_trace_edge){.from = from,
					  .to = to,
					  .kind = (uint8_t)e->kind,
					  .flags = m->flags,
					  .leaves = e->since,
					  .left = e->time,
					  .arrives = e->since,
					  .arrived = e->time,
					  .count = 1};
}

static int join(struct moment *m, uint32_t from, uint32_t to)
{
	struct tocsin_trace_edge edge = edge_of(m, from, to);

	return trace_reduce_add(m->g, &edge);
}

static int join_labelled(struct moment *m, uint32_t from, uint32_t to, const char *label,
			 uint64_t value)
{
	struct tocsin_trace_edge edge = edge_of(m, from, to);
	int rc = describe(m->g, label, &edge.label);

	edge.value = value;
	return rc ? rc : trace_reduce_add(m->g, &edge);
}

/* The same number in two guests is not the same open file. */
static uint64_t open_of(const struct moment *m, uint64_t open)
{
	return open ? trace_mix(trace_mix(open, trace_text_digest(m->g, m->guest)), m->e->boot) | 1
		    : 0;
}

/* From the beginning of the event on. open 0: until one of the two ends. */
static int join_lasting(struct moment *m, uint32_t from, uint32_t to, uint64_t open)
{
	struct tocsin_trace_edge edge = edge_of(m, from, to);

	edge.flags |= TOCSIN_TRACE_OPEN;
	edge.left = edge.arrived = TOCSIN_TRACE_FOREVER;
	edge.open = open_of(m, open);
	return trace_reduce_add(m->g, &edge);
}

static void mark(struct moment *m, uint32_t file)
{
	m->g->nodes[file].flags |= TOCSIN_TRACE_MARKED;
}

/* ---- processes ---- */

static int take_created(struct moment *m)
{
	uint32_t child;
	int rc = find_process(m, m->e->other, TOCSIN_TRACE_BORN, &child);

	return rc ? rc : join(m, m->who, child);
}

static int take_executed(struct moment *m)
{
	uint32_t file;
	int rc = trace_startup_end(m->g, m->who);

	if (!rc && m->e->file) {
		rc = find_file(m, m->e->file, false, &file);
		if (rc)
			return rc;
		mark(m, file);
		rc = join_labelled(m, file, m->who, m->e->who->comm, 0);
	}
	return rc ? rc : trace_startup_begin(m->g, m->who, m->e->since);
}

static int take_exited(struct moment *m)
{
	int rc = trace_node_end(m->g, m->who, TOCSIN_TRACE_OPEN, m->e->time);

	m->g->nodes[m->who].flags |= TOCSIN_TRACE_DEAD;
	return rc ? rc : trace_startup_end(m->g, m->who);
}

static int take_credentials(struct moment *m)
{
	return join_labelled(m, m->who, m->who, "", m->e->who->euid);
}

static int take_signal(struct moment *m)
{
	uint32_t other;
	int rc = find_process(m, m->e->other, 0, &other);

	return rc ? rc : join_labelled(m, m->who, other, "", m->e->value);
}

static bool only_looks(uint64_t request)
{
	return request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA ||
	       request == PTRACE_PEEKUSER || request == PTRACE_GETREGS ||
	       request == PTRACE_GETFPREGS || request == PTRACE_GETREGSET;
}

static int take_ptrace(struct moment *m)
{
	uint32_t other;
	int rc = find_process(m, m->e->other, 0, &other);

	if (rc)
		return rc;
	return only_looks(m->e->value) ? join_labelled(m, other, m->who, "", m->e->value)
				       : join_labelled(m, m->who, other, "", m->e->value);
}

/* ---- files ---- */

static int take_opened(struct moment *m)
{
	const struct tocsin_trace_file *f = m->e->file;
	bool made = m->e->value & O_CREAT, fresh;
	struct tocsin_trace_edge handle;
	uint32_t file, edge;
	int rc = is_void(f) ? -EALREADY : find_file(m, f, made, &file);

	if (rc)
		return rc == -EALREADY ? 0 : rc;
	fresh = m->g->nodes[file].flags & TOCSIN_TRACE_BORN;
	if (made || (m->e->value & O_TRUNC))
		rc = join(m, m->who, file);
	if (rc || !fresh)
		return rc;
	handle = edge_of(m, file, file);
	handle.flags |= TOCSIN_TRACE_OPEN;
	handle.left = handle.arrived = TOCSIN_TRACE_FOREVER;
	handle.open = open_of(m, f->open);
	return trace_edge_add(m->g, &handle, &edge);
}

static int take_read(struct moment *m)
{
	uint32_t file;
	int rc = is_void(m->e->file) ? -EALREADY : find_file(m, m->e->file, false, &file);

	if (rc)
		return rc == -EALREADY ? 0 : rc;
	return join_lasting(m, file, m->who, m->e->file->open);
}

static int take_written(struct moment *m)
{
	uint32_t file;
	int rc = is_void(m->e->file) ? -EALREADY : find_file(m, m->e->file, false, &file);

	if (rc)
		return rc == -EALREADY ? 0 : rc;
	return m->e->value == 1 ? join(m, m->who, file)
				: join_lasting(m, m->who, file, m->e->file->open);
}

static int take_released(struct moment *m)
{
	return trace_open_end(m->g, open_of(m, m->e->file->open), m->e->time);
}

/* A file that is known by its path alone is another node under another path. */
static int rename_path(struct moment *m, uint32_t file)
{
	struct tocsin_trace_file to = *m->e->file;
	uint32_t other;
	int rc;

	to.path = m->e->to;
	rc = find_file(m, &to, true, &other);
	if (!rc)
		mark(m, other);
	if (!rc)
		rc = join(m, file, other);
	return rc ? rc : join_labelled(m, m->who, other, m->e->to, 0);
}

static int take_renamed(struct moment *m)
{
	uint32_t file, path = 0;
	int rc = find_file(m, m->e->file, false, &file);

	if (rc)
		return rc;
	mark(m, file);
	rc = join_labelled(m, m->who, file, m->e->to, 0);
	if (rc || !m->e->to)
		return rc;
	if (!m->e->file->id.inode)
		return rename_path(m, file);
	rc = describe(m->g, m->e->to, &path);
	if (!rc && path && m->e->kind == TOCSIN_TRACE_RENAMED)
		trace_set_path(&m->g->nodes[file], path, m->e->file->mount_ns);
	return rc;
}

static int take_unlinked(struct moment *m)
{
	uint32_t file;
	int rc = find_file(m, m->e->file, false, &file);

	if (!rc)
		rc = join(m, m->who, file);
	if (rc || (m->e->file->id.inode && !m->e->file->id.deleted))
		return rc;
	m->g->nodes[file].flags |= TOCSIN_TRACE_DEAD;
	return trace_reduce_dead(m->g, file);
}

static int take_mode(struct moment *m)
{
	uint32_t file;
	int rc = find_file(m, m->e->file, false, &file);

	if (rc)
		return rc;
	mark(m, file);
	m->g->nodes[file].mode = (uint32_t)m->e->value;
	return join_labelled(m, m->who, file, "", m->e->value);
}

static int take_mapped(struct moment *m)
{
	uint32_t file;
	int rc = find_file(m, m->e->file, false, &file);

	if (rc)
		return rc;
	mark(m, file);
	return join(m, file, m->who);
}

/* ---- the kernel ---- */

static int take_module(struct moment *m)
{
	struct tocsin_trace_node n = {.kind = TOCSIN_TRACE_KERNEL,
				      .severity = -1,
				      .guest = m->guest,
				      .boot = m->e->boot,
				      .id = m->e->kind == TOCSIN_TRACE_BPF ? m->e->value + 1 : 0,
				      .first = m->e->since};
	char name[128];
	uint32_t node, file;
	int rc;

	snprintf(name, sizeof(name), "%s%.64s", m->e->kind == TOCSIN_TRACE_BPF ? "bpf " : "",
		 m->e->detail);
	rc = describe(m->g, name, &n.key);
	n.name = n.key;
	node = rc ? TOCSIN_TRACE_NONE : trace_node_find(m->g, &n);
	if (!rc && node == TOCSIN_TRACE_NONE)
		rc = trace_node_add(m->g, &n, &node);
	if (!rc)
		rc = join(m, m->who, node);
	if (rc || !m->e->file)
		return rc;
	rc = find_file(m, m->e->file, false, &file);
	if (rc)
		return rc;
	mark(m, file);
	return join(m, file, node);
}

/* ---- between processes, and sockets ---- */

static int take_shared(struct moment *m)
{
	uint64_t open = m->e->file ? m->e->file->open : 0;
	uint32_t other;
	int rc;

	if (m->e->other) {
		rc = find_process(m, m->e->other, 0, &other);
		return rc ? rc : join_lasting(m, m->who, other, open);
	}
	rc = m->e->file ? find_file(m, m->e->file, false, &other)
			: trace_find_socket(m->g, m->e, m->guest, false, &other);
	if (!rc && m->e->file)
		mark(m, other);
	if (!rc && (m->e->value & 1))
		rc = join_lasting(m, m->who, other, open);
	if (!rc && (m->e->value & 2))
		rc = join_lasting(m, other, m->who, open);
	return rc;
}

static int take_bound(struct moment *m)
{
	uint32_t socket;
	int rc = trace_find_socket(m->g, m->e, m->guest, true, &socket);

	return rc ? rc : join(m, m->who, socket);
}

/* The socket and the host beyond it, NONE if that is nobody else. */
static int find_ends(struct moment *m, bool begins, uint32_t *socket, uint32_t *host)
{
	int rc = trace_find_socket(m->g, m->e, m->guest, begins, socket);

	*host = TOCSIN_TRACE_NONE;
	if (rc)
		return rc;
	later(&m->g->nodes[*socket].last, m->e->time);
	if (!(m->g->nodes[*socket].flags & TOCSIN_TRACE_ALONE))
		rc = trace_find_host(m->g, m->e, host);
	return rc;
}

static int take_connected(struct moment *m)
{
	uint32_t socket, host;
	int rc = find_ends(m, true, &socket, &host);

	if (!rc)
		rc = join(m, m->who, socket);
	return rc || host == TOCSIN_TRACE_NONE ? rc : join(m, socket, host);
}

static int take_accepted(struct moment *m)
{
	uint32_t socket, host;
	int rc = find_ends(m, true, &socket, &host);

	if (!rc && host != TOCSIN_TRACE_NONE)
		rc = join(m, host, socket);
	return rc ? rc : join(m, socket, m->who);
}

/* What was captured lasts as long as that says; the flow of it leads on to the host. */
static int take_captured(struct moment *m)
{
	uint32_t socket;
	int rc = trace_find_socket(m->g, m->e, m->guest, false, &socket);

	if (rc)
		return rc;
	return m->e->kind == TOCSIN_TRACE_SENT ? join(m, m->who, socket) : join(m, socket, m->who);
}

static int take_sent(struct moment *m)
{
	uint32_t socket, host;
	int rc;

	if (m->e->source == TOCSIN_TRACE_BY_WIRE)
		return take_captured(m);
	rc = find_ends(m, false, &socket, &host);
	if (!rc)
		rc = join_lasting(m, m->who, socket, 0);
	return rc || host == TOCSIN_TRACE_NONE ? rc : join_lasting(m, socket, host, 0);
}

static int take_received(struct moment *m)
{
	uint32_t socket, host;
	int rc;

	if (m->e->source == TOCSIN_TRACE_BY_WIRE)
		return take_captured(m);
	rc = find_ends(m, false, &socket, &host);
	if (!rc && host != TOCSIN_TRACE_NONE)
		rc = join_lasting(m, host, socket, 0);
	return rc ? rc : join_lasting(m, socket, m->who, 0);
}

/* Add what was counted to the edges that it went over. */
static void count_bytes(struct moment *m, uint32_t socket)
{
	struct tocsin_provenance *g = m->g;
	const struct tocsin_socket *s = m->e->socket;

	for (int in = 0; s->counted && in < 2; in++)
		for (uint32_t i = tocsin_provenance_next(g, socket, in, TOCSIN_TRACE_NONE);
		     i != TOCSIN_TRACE_NONE; i = tocsin_provenance_next(g, socket, in, i)) {
			struct tocsin_trace_edge *e = &g->edges[i];

			if ((e->flags & TOCSIN_TRACE_OPEN) && e->kind == TOCSIN_TRACE_SENT)
				e->bytes += s->bytes_sent;
			if ((e->flags & TOCSIN_TRACE_OPEN) && e->kind == TOCSIN_TRACE_RECEIVED)
				e->bytes += s->bytes_received;
		}
}

/* What is not sure ends only what is not sure. */
static int take_closed(struct moment *m)
{
	bool sure = m->e->resolved || m->e->source != TOCSIN_TRACE_BY_HOOK;
	const struct trace_state *s;
	uint32_t socket;
	int rc = trace_find_socket(m->g, m->e, m->guest, false, &socket);

	if (rc)
		return rc;
	count_bytes(m, socket);
	later(&m->g->nodes[socket].last, m->e->time);
	rc = trace_node_end(m->g, socket, TOCSIN_TRACE_OPEN | (sure ? 0 : TOCSIN_TRACE_UNSURE),
			    m->e->time);
	s = &m->g->states[socket];
	if (!s->open_in && !s->open_out)
		m->g->nodes[socket].flags |= TOCSIN_TRACE_DEAD;
	return rc;
}

/* ---- from outside ---- */

static int take_flow(struct moment *m)
{
	const struct tocsin_socket *s = m->e->socket;
	struct tocsin_trace_edge edge;
	uint32_t socket, host;
	int rc = find_ends(m, false, &socket, &host);

	if (rc || host == TOCSIN_TRACE_NONE)
		return rc;
	if (s->bytes_received) {
		edge = edge_of(m, host, socket);
		edge.bytes = s->bytes_received;
		rc = trace_reduce_add(m->g, &edge);
	}
	if (!rc && s->bytes_sent) {
		edge = edge_of(m, socket, host);
		edge.bytes = s->bytes_sent;
		rc = trace_reduce_add(m->g, &edge);
	}
	return rc;
}

static int take_name(struct moment *m)
{
	uint32_t host;
	int rc = trace_find_host(m->g, m->e, &host);

	return rc || host == TOCSIN_TRACE_NONE
		   ? rc
		   : describe(m->g, m->e->detail, &m->g->nodes[host].more);
}

/* ---- the rest ---- */

static int find_about(struct moment *m, uint32_t about, uint32_t found)
{
	struct tocsin_trace_node *n = &m->g->nodes[about];
	int severity = (int)m->e->finding->severity;

	if (severity > n->severity)
		n->severity = (int8_t)severity;
	return join(m, about, found);
}

static int take_finding(struct moment *m)
{
	const struct tocsin_finding *f = m->e->finding;
	struct tocsin_trace_node n = {.kind = TOCSIN_TRACE_FOUND,
				      .flags = TOCSIN_TRACE_BORN,
				      .severity = (int8_t)f->severity,
				      .guest = m->guest,
				      .boot = m->e->boot,
				      .id = m->e->time,
				      .first = m->e->since,
				      .last = m->e->time};
	uint32_t found, file;
	int rc = describe(m->g, f->rule, &n.key);

	n.name = n.key;
	if (!rc)
		rc = describe(m->g, f->what, &n.more);
	if (!rc)
		rc = trace_node_add(m->g, &n, &found);
	if (!rc && m->who != TOCSIN_TRACE_NONE)
		rc = find_about(m, m->who, found);
	if (rc || !m->e->file)
		return rc;
	rc = find_file(m, m->e->file, false, &file);
	return rc ? rc : find_about(m, file, found);
}

static int take_gap(struct moment *m)
{
	struct tocsin_trace_gap gap = {
	    .since = m->e->since, .until = m->e->time, .lost = m->e->lost, .guest = m->guest};
	int rc = describe(m->g, m->e->detail, &gap.why);

	return rc ? rc : trace_gap_add(m->g, &gap);
}

enum { WHO = 1, OTHER = 2, FILE_ = 4, SOCKET = 8, FINDING = 16 };

static const struct {
	take_kind *take;
	unsigned int needs;
} kinds[TOCSIN_TRACE_KINDS] = {
    [TOCSIN_TRACE_CREATED] = {take_created, WHO | OTHER},
    [TOCSIN_TRACE_EXECUTED] = {take_executed, WHO},
    [TOCSIN_TRACE_EXITED] = {take_exited, WHO},
    [TOCSIN_TRACE_CREDENTIALS] = {take_credentials, WHO},
    [TOCSIN_TRACE_SIGNAL] = {take_signal, WHO | OTHER},
    [TOCSIN_TRACE_PTRACE] = {take_ptrace, WHO | OTHER},
    [TOCSIN_TRACE_OPENED] = {take_opened, WHO | FILE_},
    [TOCSIN_TRACE_READ] = {take_read, WHO | FILE_},
    [TOCSIN_TRACE_WRITTEN] = {take_written, WHO | FILE_},
    [TOCSIN_TRACE_RELEASED] = {take_released, FILE_},
    [TOCSIN_TRACE_RENAMED] = {take_renamed, WHO | FILE_},
    [TOCSIN_TRACE_LINKED] = {take_renamed, WHO | FILE_},
    [TOCSIN_TRACE_UNLINKED] = {take_unlinked, WHO | FILE_},
    [TOCSIN_TRACE_MODE] = {take_mode, WHO | FILE_},
    [TOCSIN_TRACE_MAPPED] = {take_mapped, WHO | FILE_},
    [TOCSIN_TRACE_MODULE] = {take_module, WHO},
    [TOCSIN_TRACE_BPF] = {take_module, WHO},
    [TOCSIN_TRACE_SHARED] = {take_shared, WHO},
    [TOCSIN_TRACE_BOUND] = {take_bound, WHO | SOCKET},
    [TOCSIN_TRACE_LISTENING] = {take_bound, WHO | SOCKET},
    [TOCSIN_TRACE_ACCEPTED] = {take_accepted, WHO | SOCKET},
    [TOCSIN_TRACE_CONNECTED] = {take_connected, WHO | SOCKET},
    [TOCSIN_TRACE_SENT] = {take_sent, WHO | SOCKET},
    [TOCSIN_TRACE_RECEIVED] = {take_received, WHO | SOCKET},
    [TOCSIN_TRACE_CLOSED] = {take_closed, SOCKET},
    [TOCSIN_TRACE_FLOW] = {take_flow, SOCKET},
    [TOCSIN_TRACE_NAME] = {take_name, SOCKET},
    [TOCSIN_TRACE_FINDING] = {take_finding, FINDING},
    [TOCSIN_TRACE_GAP] = {take_gap, 0},
};

static bool has(const struct tocsin_trace_event *e, unsigned int needs)
{
	if (e->kind == TOCSIN_TRACE_SHARED && !e->other && !e->file && !e->socket)
		return false;
	return (!(needs & WHO) || e->who) && (!(needs & OTHER) || e->other) &&
	       (!(needs & FILE_) || e->file) && (!(needs & SOCKET) || e->socket) &&
	       (!(needs & FINDING) || e->finding) && e->since <= e->time;
}

int tocsin_provenance_take(const struct tocsin_trace_event *e, void *graph)
{
	struct tocsin_provenance *g = graph;
	struct moment m = {.g = g, .e = e, .who = TOCSIN_TRACE_NONE};
	bool wire = e->source == TOCSIN_TRACE_BY_WIRE;
	/* what is captured is told when it is over, and of a connection that is there already */
	bool late = !wire && (e->time < g->counts.last || (g->settled && e->since < g->settled));
	int rc;

	if ((unsigned int)e->kind >= TOCSIN_TRACE_KINDS || !has(e, kinds[e->kind].needs))
		return -EINVAL;
	g->counts.events++;
	g->counts.late += late;
	if (!g->counts.first || e->since < g->counts.first)
		g->counts.first = e->since;
	later(&g->counts.last, e->time);
	if (late || !e->resolved)
		m.flags |= TOCSIN_TRACE_UNSURE;
	if (e->source == TOCSIN_TRACE_BY_SAMPLE)
		m.flags |= TOCSIN_TRACE_SAMPLED;
	else if (wire)
		m.flags |= TOCSIN_TRACE_WIRED;
	rc = trace_text(g, e->guest, strlen(e->guest), &m.guest);
	if (!rc && e->who)
		rc = find_process(&m, e->who, 0, &m.who);
	return rc ? rc : kinds[e->kind].take(&m);
}

void tocsin_provenance_settle(struct tocsin_provenance *g)
{
	while (g->startup_count && !trace_startup_end(g, g->startups[0].process))
		continue;
}
