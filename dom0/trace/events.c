// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/events.h"
#include "introspect/file.h"
#include "introspect/object.h"
#include "trace/pending.h"
#include "trace/table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define NAMES 4096u /* dentries whose files are remembered */
#define SOCKETS 1024u
#define DOUBT_TIME 20000000u /* nanoseconds for which who is gone cannot be told surely */
#define LOOK_TIME 5000000u   /* nanoseconds */
#define MODE_BITS 07777u

/* An inode's number is gone from its dentry as soon as that was unlinked. */
struct known_name {
	uint64_t dentry, inode;
	struct tocsin_file_id id;
	uint32_t mode, hash;
};

struct known_socket {
	uint64_t va; /* of struct socket */
	struct tocsin_socket socket;
};

struct tocsin_traced_events {
	struct tocsin_kernel *k;
	struct tocsin_who_cache *who;
	struct trace_queue queue;
	struct trace_sink sink;
	uint64_t calls, delay, delay_most; /* in nanoseconds: of all together, the most */
	uint64_t looked; /* the time that who is asked with: the guest's clock is read for each */
	uint64_t doubt;  /* when it last was not known who was made */
	struct tocsin_object object; /* the one that was read last */
	struct known_name names[NAMES];
	struct known_socket sockets[SOCKETS];
};

/* A call, while it is taken. */
struct moment {
	struct tocsin_traced_events *ev;
	const struct tocsin_trace_row *row;
	const struct tocsin_traced_call *call;
	uint64_t args[TOCSIN_TRACE_RECORDED];
	uint64_t va; /* of the row's object; 0: it was not recorded */
	uint64_t time, now;
	struct tocsin_who who;
};

typedef int take_kind(struct moment *m);

int tocsin_traced_events_open(struct tocsin_kernel *k, struct tocsin_who_cache *who,
			      const struct tocsin_traced_settings *settings,
			      tocsin_trace_take *take, void *context,
			      struct tocsin_traced_events **ret)
{
	struct tocsin_traced_events *ev = calloc(1, sizeof(*ev));

	if (!ev)
		return -ENOMEM;
	ev->k = k;
	ev->who = who;
	ev->sink = (struct trace_sink){
	    .guest = settings->guest, .boot = settings->boot, .take = take, .context = context};
	*ret = ev;
	return 0;
}

void tocsin_traced_events_close(struct tocsin_traced_events *ev)
{
	if (ev)
		trace_queue_clear(&ev->queue);
	free(ev);
}

static struct trace_pending *begin(const struct moment *m)
{
	struct trace_pending *p = calloc(1, sizeof(*p));
	const struct tocsin_who *who = &m->who;

	if (!p)
		return NULL;
	p->kind = m->row->kind;
	p->time = p->since = m->time;
	p->read = m->now;
	p->number = m->call->seq;
	p->stack = tocsin_who_stack(m->ev->who, m->call->rsp);
	p->resolved = who->found == TOCSIN_WHO_NOW || who->found == TOCSIN_WHO_BEFORE;
	p->has_who = true;
	/* Nobody known: one for each stack, which is in no other's place. */
	p->who =
	    (struct tocsin_event_process){.pid = who->pid,
					  .start_time = p->resolved ? who->start_time : p->stack,
					  .uid = p->resolved ? who->uid : UINT32_MAX,
					  .euid = p->resolved ? who->euid : UINT32_MAX};
	memcpy(p->who_comm, who->comm, sizeof(p->who_comm));
	if (m->ev->doubt && m->time - m->ev->doubt < DOUBT_TIME)
		p->resolved = false;
	return p;
}

static int add(struct moment *m, struct trace_pending *p)
{
	struct tocsin_traced_events *ev = m->ev;

	/* More than a guest makes between two readings: what comes first goes without proof. */
	if (ev->queue.count >= TRACE_PENDING_MAX) {
		int rc = trace_queue_commit(&ev->queue, ev->queue.rows[TRACE_PENDING_MAX / 2]->time,
					    &ev->sink);

		if (rc) {
			trace_pending_free(p);
			return rc;
		}
	}
	return trace_queue_add(&ev->queue, p);
}

/* An event without anything but who. */
static int add_plain(struct moment *m, uint64_t value)
{
	struct trace_pending *p = begin(m);

	if (!p)
		return -ENOMEM;
	p->value = value;
	return add(m, p);
}

static uint64_t argument(const struct moment *m, unsigned int i)
{
	return i < TOCSIN_TRACE_RECORDED && (!i || m->call->wide) ? m->args[i] : 0;
}

static uint64_t value_of(const struct moment *m)
{
	return m->row->value == TOCSIN_TRACE_NO_VALUE ? 0 : argument(m, m->row->value);
}

static bool read_object(struct moment *m, const char *type, uint64_t va)
{
	uint64_t task = m->who.found == TOCSIN_WHO_NOW ? m->who.task : 0;

	return va && !tocsin_object_read(m->ev->k, type, va, task, &m->ev->object);
}

/* ---- processes ---- */

static int take_created(struct moment *m)
{
	struct tocsin_who child;
	bool known;
	struct trace_pending *p;

	trace_queue_reused(&m->ev->queue, m->va, m->time);
	known = tocsin_who_made(m->ev->who, m->va, m->who.found ? &m->who : NULL,
				(int64_t)m->ev->looked, m->ev->looked - m->time, &child);
	if (!known)
		m->ev->doubt = m->time;
	else if (child.tid != child.pid)
		return 0;
	p = begin(m);
	if (!p)
		return -ENOMEM;
	p->has_other = true;
	p->key = m->va;
	if (known) {
		p->other = (struct tocsin_event_process){.pid = child.pid,
							 .start_time = child.start_time,
							 .ppid = m->who.pid,
							 .parent_start_time = m->who.start_time,
							 .uid = child.uid,
							 .euid = child.euid};
		memcpy(p->other_comm, child.comm, sizeof(p->other_comm));
	} else {
		trace_pending_unresolve(p);
	}
	return add(m, p);
}

static int take_exited(struct moment *m)
{
	/* Of threads, the one that is the process says so. */
	if (m->who.found && m->who.tid != m->who.pid)
		return 0;
	return add_plain(m, value_of(m) & 0xffff);
}

static int take_credentials(struct moment *m)
{
	const struct tocsin_object *o = &m->ev->object;
	struct trace_pending *p;
	uint32_t before = m->who.euid;

	if (m->who.found && read_object(m, "cred", m->va)) {
		if (o->uid == m->who.uid && o->euid == m->who.euid)
			return 0;
		tocsin_who_credentials(m->ev->who, m->call->rsp, o->uid, o->euid);
		m->who.uid = o->uid;
		m->who.euid = o->euid;
	} else {
		m->who.uid = m->who.euid = before = UINT32_MAX;
	}
	p = begin(m);
	if (!p)
		return -ENOMEM;
	p->value = before;
	p->resolved = p->resolved && before != UINT32_MAX;
	return add(m, p);
}

/* A process that something is done to. */
static int take_other(struct moment *m)
{
	const struct tocsin_object *o = &m->ev->object;
	struct trace_pending *p;
	bool known = read_object(m, "task_struct", m->va);

	/* What the kernel and children tell, and what a process does to itself, leads nowhere. */
	if (m->row->kind == TOCSIN_TRACE_SIGNAL &&
	    (!m->who.found || value_of(m) == SIGCHLD || (known && o->pid == m->who.pid)))
		return 0;
	p = begin(m);
	if (!p)
		return -ENOMEM;
	p->has_other = true;
	p->value = value_of(m) & UINT32_MAX;
	p->key = m->va;
	if (known) {
		p->other = (struct tocsin_event_process){
		    .pid = o->pid,
		    .start_time = o->pid == o->tid ? o->start_time : o->leader_start,
		    .uid = o->uid,
		    .euid = o->euid};
		memcpy(p->other_comm, o->comm, sizeof(p->other_comm));
	} else {
		trace_pending_unresolve(p);
	}
	return add(m, p);
}

/* ---- files ---- */

static uint32_t hash_of(const char *text)
{
	uint32_t hash = 2166136261u;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 16777619u;
	return hash;
}

static uint64_t slot_of(uint64_t va, uint64_t slots)
{
	return (va * 0x9e3779b97f4a7c15ull >> 32) % slots;
}

/* What was read is of a dentry whose file is known, or is now. */
static void recall_name(struct tocsin_traced_events *ev, struct tocsin_object *o)
{
	struct known_name *n = &ev->names[slot_of(o->dentry, NAMES)];
	uint32_t links = ev->k->object ? ev->k->object->inode_links : TOCSIN_NO_MEMBER;
	uint32_t left = UINT32_MAX;

	if (o->file.inode) {
		*n = (struct known_name){.dentry = o->dentry,
					 .inode = o->inode,
					 .id = o->file,
					 .mode = o->mode,
					 .hash = hash_of(o->text)};
	} else if (n->dentry == o->dentry && n->hash == hash_of(o->text)) {
		o->file = n->id;
		o->mode = n->mode;
		/* The inode is gone, or has other names. */
		if (links == TOCSIN_NO_MEMBER ||
		    tocsin_kernel_read(ev->k, n->inode + links, &left, sizeof(left)))
			left = UINT32_MAX;
		o->links = left;
	}
}

static void set_file(struct trace_pending *p, const struct tocsin_object *o)
{
	p->has_file = true;
	p->path = strdup(o->text);
	p->file.id = o->file;
	p->file.id.deleted = o->file.memfd || (p->kind == TOCSIN_TRACE_UNLINKED && !o->links);
	p->file.mode = o->mode;
	p->open_mode = o->open_mode;
}

/* A file that the event has, read by its struct file or dentry. */
static struct trace_pending *begin_file(struct moment *m)
{
	struct trace_pending *p = begin(m);
	bool is_file = !strcmp(m->row->object, "file");

	if (!p)
		return NULL;
	p->has_file = true;
	p->key = m->va;
	if (is_file)
		p->file.open = m->va;
	if (!read_object(m, m->row->object, m->va)) {
		trace_pending_unresolve(p);
		return p;
	}
	recall_name(m->ev, &m->ev->object);
	set_file(p, &m->ev->object);
	return p;
}

/* An event without anything but who and a file. */
static int add_file(struct moment *m)
{
	struct trace_pending *p = begin_file(m);

	return p ? add(m, p) : -ENOMEM;
}

static int take_opened(struct moment *m)
{
	trace_queue_reused(&m->ev->queue, m->va, m->time);
	return add_file(m);
}

static int take_released(struct moment *m)
{
	struct trace_pending *p = begin(m);

	if (!p)
		return -ENOMEM;
	p->has_file = true;
	p->file.open = m->va;
	p->has_who = m->who.found;
	p->resolved = true;
	return add(m, p);
}

static int take_renamed(struct moment *m)
{
	struct trace_pending *p = begin_file(m);

	if (!p)
		return -ENOMEM;
	/* What is read is the name that it has since; the one before is known from before. */
	if (p->file.id.inode) {
		p->to = p->path;
		p->path = NULL;
	}
	return add(m, p);
}

static int take_linked(struct moment *m)
{
	struct trace_pending *p = begin_file(m);
	uint64_t name;
	bool symbolic = argument(m, 0) != m->va;

	if (!p)
		return -ENOMEM;
	p->value = symbolic;
	if (symbolic && p->path)
		p->to = strdup(p->path);
	else if (m->ev->object.inode && p->file.id.inode &&
		 !tocsin_object_last_name(m->ev->k, m->ev->object.inode, &name) && name != m->va &&
		 read_object(m, "dentry", name) && m->ev->object.file.inode == p->file.id.inode)
		p->to = strdup(m->ev->object.text);
	if (!p->to)
		p->resolved = false;
	return add(m, p);
}

/* The call that says what is done, and the one that says to which file. */
static int take_mode(struct moment *m)
{
	struct trace_pending *p;

	if (!m->row->completes) {
		p = begin(m);
		if (!p)
			return -ENOMEM;
		p->has_file = p->incomplete = true;
		p->value = value_of(m) & MODE_BITS;
		return add(m, p);
	}
	p = trace_queue_incomplete(&m->ev->queue, m->row->kind,
				   tocsin_who_stack(m->ev->who, m->call->rsp));
	if (!p)
		return 0; /* times or size */
	p->incomplete = false;
	if (!read_object(m, "dentry", m->va)) {
		trace_pending_unresolve(p);
		return 0;
	}
	recall_name(m->ev, &m->ev->object);
	set_file(p, &m->ev->object);
	p->value = p->file.mode; /* as it is since */
	return 0;
}

static int take_mapped(struct moment *m)
{
	return m->va && value_of(m) & PROT_EXEC ? add_file(m) : 0;
}

/* ---- a program, and what it has open when it begins ---- */

static bool is_connected(const struct tocsin_socket *s)
{
	return (s->family == AF_INET || s->family == AF_INET6) && s->remote_port;
}

static int inherit(struct moment *m, const struct tocsin_file *f)
{
	struct trace_pending *p;
	static const uint32_t modes[] = {TOCSIN_OPEN_READ, TOCSIN_OPEN_WRITE,
					 TOCSIN_OPEN_READ | TOCSIN_OPEN_WRITE, 0};

	if (f->is_socket ? !is_connected(&f->socket) && !f->socket.peer
			 : !S_ISREG(f->mode) && !S_ISFIFO(f->mode))
		return 0;
	p = begin(m);
	if (!p)
		return -ENOMEM;
	p->key = f->file;
	p->resolved = p->resolved && f->confidence == TOCSIN_CONSISTENT;
	if (f->is_socket) {
		p->has_socket = true;
		p->socket = f->socket;
		/* Both ways: nobody sees which is used. */
		p->kind = f->socket.peer ? TOCSIN_TRACE_SHARED : TOCSIN_TRACE_SENT;
		p->value = f->socket.peer ? 3 : 0;
		return add(m, p);
	}
	p->inherited = p->has_file = true;
	p->path = strdup(f->path);
	p->file.id = f->id;
	p->file.mode = f->mode;
	p->file.open = f->file;
	p->open_mode = modes[f->flags & 3];
	return add(m, p);
}

/* As it is now, a moment after. */
static int take_inherited(struct moment *m)
{
	const struct tocsin_process_layout *l;
	struct tocsin_process *process = calloc(1, sizeof(*process));
	struct tocsin_file_list list;
	int rc;

	if (!process)
		return -ENOMEM;
	rc = tocsin_process_layout(m->ev->k, &l, NULL);
	process->task = m->who.task;
	if (!rc)
		rc = tocsin_kernel_read_u64(m->ev->k, m->who.task + l->task_mm, &process->mm);
	if (!rc)
		rc = tocsin_file_list(m->ev->k, process, &list, NULL);
	free(process);
	if (rc)
		return rc == -ENOMEM ? rc : 0;
	for (size_t i = 0; i < list.count && !rc; i++)
		rc = inherit(m, &list.rows[i]);
	tocsin_file_list_free(&list);
	return rc;
}

static int take_executed(struct moment *m)
{
	int rc;

	if (!m->va && m->call->wide) /* memory is given back, and with it the program in it */
		return 0;
	rc = add_file(m);
	return rc || m->who.found != TOCSIN_WHO_NOW ? rc : take_inherited(m);
}

/* ---- the kernel ---- */

static int take_code(struct moment *m)
{
	struct trace_pending *p = begin(m);
	bool known = read_object(m, m->row->object, m->va);

	if (!p)
		return -ENOMEM;
	p->resolved = p->resolved && known;
	p->value = known ? m->ev->object.id : 0;
	if (known)
		snprintf(p->detail, sizeof(p->detail), "%.100s", m->ev->object.text);
	else
		snprintf(p->detail, sizeof(p->detail), "(unresolved: call %" PRIu32 ")", p->number);
	return add(m, p);
}

/* ---- sockets ---- */

/* A socket that is gone leaves its addresses behind for a while. */
static bool read_remains(struct moment *m, uint64_t sk, struct tocsin_socket *ret)
{
	struct tocsin_socket s = {.sock = sk};
	const struct tocsin_file_layout *f;
	struct tocsin_kernel *k = m->ev->k;
	uint16_t port = 0, local = 0;
	uint32_t sport = k->object ? k->object->sock_port : TOCSIN_NO_MEMBER;
	bool datagram;

	if (!sk || tocsin_file_layout(k, &f, NULL) ||
	    tocsin_kernel_read(k, sk + f->sk_family, &s.family, sizeof(s.family)) ||
	    tocsin_kernel_read(k, sk + f->sk_dport, &port, sizeof(port)) || s.family != AF_INET ||
	    !port || tocsin_kernel_read(k, sk + f->sk_daddr, s.remote, 4) ||
	    tocsin_kernel_read(k, sk + f->sk_saddr, s.local, 4))
		return false;
	if (sport != TOCSIN_NO_MEMBER && tocsin_kernel_read(k, sk + sport, &local, sizeof(local)))
		return false;
	/* The function says which it is: its type may be gone sooner than the addresses. */
	datagram = strstr(m->row->names[0], "datagram") != NULL;
	s.type = datagram ? SOCK_DGRAM : SOCK_STREAM;
	s.protocol = datagram ? IPPROTO_UDP : IPPROTO_TCP;
	s.remote_port = ntohs(port);
	s.local_port = ntohs(local);
	*ret = s;
	return true;
}

/* VA of the struct socket that the process knows it by. */
static uint64_t outer_of(struct moment *m)
{
	const struct tocsin_file_layout *f;
	uint64_t ret = 0;

	if (!strcmp(m->row->object, "socket"))
		return m->va;
	if (m->row->kind == TOCSIN_TRACE_ACCEPTED)
		return argument(m, 1);
	if (tocsin_file_layout(m->ev->k, &f, NULL) ||
	    tocsin_kernel_read_u64(m->ev->k, m->va + f->sk_socket, &ret))
		return 0;
	return ret;
}

static void remember(struct moment *m, uint64_t va, const struct tocsin_socket *s)
{
	if (va)
		m->ev->sockets[slot_of(va, SOCKETS)] =
		    (struct known_socket){.va = va, .socket = *s};
}

static int take_socket(struct moment *m)
{
	bool known = read_object(m, m->row->object, m->va);
	struct tocsin_socket *s = &m->ev->object.socket;
	bool far = m->row->kind == TOCSIN_TRACE_CONNECTED || m->row->kind == TOCSIN_TRACE_ACCEPTED;
	struct trace_pending *p;
	bool remains = false;

	/* Also UNIX sockets and those of other families are grafted. */
	if (known && s->family != AF_INET && s->family != AF_INET6)
		return 0;
	if (far && known && !s->remote_port)
		known = false;
	if (far && !known && !strcmp(m->row->object, "sock"))
		known = remains = read_remains(m, m->va, s);
	p = begin(m);
	if (!p)
		return -ENOMEM;
	p->has_socket = true;
	/* Connected once more, or another one: what was read of it before was not of then. */
	if (m->row->kind == TOCSIN_TRACE_CONNECTED)
		trace_queue_reused(&m->ev->queue, m->va, m->time);
	p->key = m->va;
	if (known) {
		p->socket = *s;
		p->resolved = p->resolved && !remains;
		remember(m, outer_of(m), s);
	} else {
		trace_pending_unresolve(p);
	}
	return add(m, p);
}

static int take_closed(struct moment *m)
{
	struct known_socket *s = &m->ev->sockets[slot_of(m->va, SOCKETS)];
	struct tocsin_socket last;
	struct trace_pending *p;

	if (!m->va || s->va != m->va)
		return 0;
	p = begin(m);
	if (!p)
		return -ENOMEM;
	p->has_socket = true;
	p->socket = s->socket;
	p->has_who = m->who.found;
	if (!tocsin_socket_at(m->ev->k, s->socket.sock, &last, NULL) && last.counted &&
	    last.remote_port == s->socket.remote_port &&
	    !memcmp(last.remote, s->socket.remote, sizeof(last.remote))) {
		p->socket.counted = true;
		p->socket.bytes_sent = last.bytes_sent;
		p->socket.bytes_received = last.bytes_received;
	}
	*s = (struct known_socket){0};
	return add(m, p);
}

/* ---- all ---- */

static take_kind *const takes[TOCSIN_TRACE_KINDS] = {
    [TOCSIN_TRACE_CREATED] = take_created,  [TOCSIN_TRACE_EXECUTED] = take_executed,
    [TOCSIN_TRACE_EXITED] = take_exited,    [TOCSIN_TRACE_CREDENTIALS] = take_credentials,
    [TOCSIN_TRACE_SIGNAL] = take_other,     [TOCSIN_TRACE_PTRACE] = take_other,
    [TOCSIN_TRACE_OPENED] = take_opened,    [TOCSIN_TRACE_RELEASED] = take_released,
    [TOCSIN_TRACE_RENAMED] = take_renamed,  [TOCSIN_TRACE_LINKED] = take_linked,
    [TOCSIN_TRACE_UNLINKED] = add_file,     [TOCSIN_TRACE_MODE] = take_mode,
    [TOCSIN_TRACE_MAPPED] = take_mapped,    [TOCSIN_TRACE_MODULE] = take_code,
    [TOCSIN_TRACE_BPF] = take_code,         [TOCSIN_TRACE_BOUND] = take_socket,
    [TOCSIN_TRACE_LISTENING] = take_socket, [TOCSIN_TRACE_ACCEPTED] = take_socket,
    [TOCSIN_TRACE_CONNECTED] = take_socket, [TOCSIN_TRACE_CLOSED] = take_closed,
};

int tocsin_traced_events_call(struct tocsin_traced_events *ev, const char *name,
			      const struct tocsin_function *f,
			      const struct tocsin_traced_call *call, uint64_t time, uint64_t now)
{
	struct moment m = {.ev = ev,
			   .row = tocsin_trace_function_row(name),
			   .call = call,
			   .args = {call->rdi, call->rsi, call->rdx},
			   .time = time < now ? time : now,
			   .now = now};
	int object;

	ev->calls++;
	ev->delay += now > time ? now - time : 0;
	if (now > time && now - time > ev->delay_most)
		ev->delay_most = now - time;
	if (!m.row || !takes[m.row->kind])
		return 0;
	object = tocsin_trace_function_object(m.row, f);
	if (m.row->object && object >= 0)
		m.va = argument(&m, (unsigned int)object);
	if (now - ev->looked > LOOK_TIME || m.time > ev->looked)
		ev->looked = now;
	tocsin_who_find(ev->who, call->rsp, (int64_t)ev->looked, ev->looked - m.time, &m.who);
	return takes[m.row->kind](&m);
}

int tocsin_traced_events_gap(struct tocsin_traced_events *ev, uint64_t since, uint64_t until,
			     uint64_t lost, const char *why)
{
	struct trace_pending *p = calloc(1, sizeof(*p));

	tocsin_who_doubt(ev->who);
	if (!p)
		return -ENOMEM;
	p->kind = TOCSIN_TRACE_GAP;
	p->since = since < until ? since : until;
	p->time = p->read = until;
	p->lost = lost;
	p->resolved = true;
	snprintf(p->detail, sizeof(p->detail), "%s", why);
	return trace_queue_add(&ev->queue, p);
}

int tocsin_traced_events_commit(struct tocsin_traced_events *ev, uint64_t before)
{
	return trace_queue_commit(&ev->queue, before, &ev->sink);
}

_Static_assert((int)TOCSIN_TRACE_KINDS <= TOCSIN_TRACED_KINDS, "room for all");

struct tocsin_traced_stats tocsin_traced_events_stats(const struct tocsin_traced_events *ev)
{
	struct tocsin_traced_stats s = {.calls = ev->calls,
					.delay = ev->calls ? ev->delay / ev->calls : 0,
					.delay_most = ev->delay_most,
					.count = TOCSIN_TRACE_KINDS};

	for (size_t i = 0; i < s.count; i++) {
		s.kinds[i] = tocsin_trace_kind_name((enum tocsin_trace_kind)i);
		s.events[i] = ev->sink.events[i];
		s.unresolved[i] = ev->sink.unresolved[i];
	}
	return s;
}
