// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The first read and write of an open file by a thread, and the first data each way of a socket.
 *
 * Which file it is was mostly read when it was opened. Its path may be another since, so what is
 * there now is read as well and is believed if it is the same file. A file that was not opened by
 * name, as a pipe, is what is read now, unless it turns out that it was closed before.
 *
 * Which struct sock a socket has, the calls say that give it one; that its memory keeps what it was
 * says connection.c. UNIX sockets have no addresses: they are told apart by their memory and by
 * when that became a socket.
 */
#include "introspect/file.h"
#include "trace/moment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* What is about to be done with a file (MAY_... of the kernel). */
#define MAY_WRITE 2u
#define MAY_READ 4u

static const char *const tellers[TRACE_USES] = {
    "security_file_permission", "security_socket_sendmsg", "security_socket_recvmsg"};

void trace_uses_open(struct tocsin_traced_events *ev)
{
	uint64_t va;

	ev->uses.at_once = !tocsin_kernel_symbol(ev->k, "get_file_rcu", &va);
}

/* ---- which calls are recorded ---- */

unsigned int trace_uses_told(const struct tocsin_traced_events *ev, uint64_t time)
{
	unsigned int ret = 0;

	for (unsigned int i = 0; i < TRACE_USES; i++)
		if (time >= ev->uses.began[i] && time < ev->uses.ended[i])
			ret |= 1u << i;
	return ret;
}

void trace_uses_began(struct tocsin_traced_events *ev, const char *name, uint64_t time)
{
	for (unsigned int i = 0; i < TRACE_USES; i++)
		if (!strcmp(name, tellers[i])) {
			ev->uses.began[i] = time;
			ev->uses.ended[i] = UINT64_MAX;
		}
}

static void forget_file(struct trace_open_file *f)
{
	free(f->path);
	free(f->carried_path);
	free(f->places);
	*f = (struct trace_open_file){0};
}

static void forget_files(struct tocsin_traced_events *ev)
{
	ev->uses.files_told = false;
	for (size_t i = 0; i < TRACE_OPEN_FILES; i++)
		forget_file(&ev->uses.files[i]);
}

void trace_uses_stopped(struct tocsin_traced_events *ev, const char *name, uint64_t time)
{
	const struct tocsin_trace_row *row = tocsin_trace_function_row(name);

	for (unsigned int i = 0; i < TRACE_USES; i++)
		if (!strcmp(name, tellers[i])) {
			if (ev->uses.ended[i] > time)
				ev->uses.ended[i] = time;
			trace_queue_untold(&ev->queue, 1u << i, time);
		}
	if (row && (row->kind == TOCSIN_TRACE_OPENED || row->kind == TOCSIN_TRACE_RELEASED))
		forget_files(ev);
	if (row && (row->part == TOCSIN_TRACE_JOINED || row->kind == TOCSIN_TRACE_ACCEPTED))
		memset(ev->uses.joined, 0, sizeof(ev->uses.joined));
}

void trace_uses_doubt(struct tocsin_traced_events *ev)
{
	forget_files(ev);
	memset(ev->uses.joined, 0, sizeof(ev->uses.joined));
}

void trace_uses_close(struct tocsin_traced_events *ev)
{
	forget_files(ev);
}

/* ---- open files ---- */

static struct trace_open_file *file_at(struct tocsin_traced_events *ev, uint64_t va)
{
	return &ev->uses.files[trace_slot(va, TRACE_OPEN_FILES)];
}

static char *copy_of(const char *text, bool *failed)
{
	char *copy = text ? strdup(text) : NULL;

	*failed = *failed || (text && !copy);
	return copy;
}

static uint64_t *copy_places(const uint64_t *places, uint32_t count, bool *failed)
{
	uint64_t *copy = count ? calloc(count, sizeof(*copy)) : NULL;

	if (copy)
		memcpy(copy, places, count * sizeof(*copy));
	*failed = *failed || (count && !copy);
	return copy;
}

int trace_file_opened(struct tocsin_traced_events *ev, const struct trace_pending *p)
{
	struct trace_open_file *f = file_at(ev, p->file.open);
	bool failed = false;

	forget_file(f);
	/* Only as long as it is seen that it is closed, and if anybody asks. */
	if (!ev->uses.files_told || !ev->uses.began[0])
		return 0;
	*f = (struct trace_open_file){.va = p->file.open,
				      .read = p->read,
				      .key = p->key,
				      .inode = p->inode,
				      .number = p->number,
				      .opened = p->opened || p->kind == TOCSIN_TRACE_OPENED,
				      .sure = p->who_resolved ? p->resolved : p->file.id.inode != 0,
				      .path = copy_of(p->path, &failed),
				      .carried_path = copy_of(p->carried_path, &failed),
				      .places = copy_places(p->places, p->place_count, &failed),
				      .place_count = p->place_count,
				      .name = p->name,
				      .id = p->file.id,
				      .carried_id = p->carried_id,
				      .mode = p->file.mode,
				      .carried_mode = p->carried_mode,
				      .mount_ns = p->file.mount_ns,
				      .carried_ns = p->carried_ns,
				      .carried_sure = p->carried_sure};
	if (failed)
		forget_file(f);
	return failed ? -ENOMEM : 0;
}

/* (inode, file), both by value. A FIFO that has a name is opened by that, and is none of these. */
int trace_take_stream(struct trace_moment *m)
{
	const struct tocsin_object *o = &m->ev->object;
	struct trace_pending end = {.kind = TOCSIN_TRACE_SHARED,
				    .number = m->call->seq,
				    .inode = trace_argument(m, 0),
				    .resolved = m->ev->inodes_told,
				    .who_resolved = true};

	if (!m->va || !trace_read_object(m, "inode", end.inode))
		return 0;
	/* What the file at this place was before has ended. */
	trace_queue_reused(&m->ev->queue, m->va, m->time);
	if (!S_ISFIFO(o->mode))
		return 0;
	end.file.open = m->va;
	end.file.id = o->file;
	end.file.mode = o->mode;
	end.path = (char *)o->text;
	end.read = trace_clock(m);
	return trace_file_opened(m->ev, &end);
}

void trace_file_closed(struct trace_moment *m)
{
	struct trace_open_file *f = file_at(m->ev, m->va);

	m->ev->uses.files_told = true;
	if (m->ev->uses.at_once)
		trace_queue_closed(&m->ev->queue, m->va, m->time);
	if (f->va == m->va)
		forget_file(f);
}

static int recall_file(const struct trace_open_file *f, struct trace_pending *p)
{
	bool failed = false;

	p->read = f->read;
	p->key = f->key;
	p->inode = f->inode;
	p->number = f->number;
	p->opened = f->opened;
	p->resolved = p->who_resolved && f->sure;
	p->path = copy_of(f->path, &failed);
	p->carried_path = copy_of(f->carried_path, &failed);
	p->places = copy_places(f->places, f->place_count, &failed);
	p->place_count = p->places ? f->place_count : 0;
	p->name = f->name;
	p->file.id = f->id;
	p->file.mode = f->mode;
	p->carried_id = f->carried_id;
	p->carried_mode = f->carried_mode;
	p->file.mount_ns = f->mount_ns;
	p->carried_ns = f->carried_ns;
	p->carried_sure = f->carried_sure;
	return failed ? -ENOMEM : 0;
}

static bool is_same(const struct tocsin_file_id *a, const struct tocsin_file_id *b)
{
	return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

static int read_file(struct trace_moment *m)
{
	uint64_t task = m->who.found == TOCSIN_WHO_NOW ? m->who.task : 0;

	return tocsin_object_read(m->ev->k, "file", m->va, task, &m->ev->object);
}

/* An open file that the event has, which is used; there: whether it could be read just now. -ESRCH:
 * it is no file that anything goes through (epoll, timers, ...). */
static int set_open_file(struct trace_moment *m, struct trace_pending *p, int there)
{
	const struct trace_open_file *f = file_at(m->ev, m->va);
	const struct tocsin_object *o = &m->ev->object;
	char *path;
	int rc = 0;

	p->has_file = true;
	p->file.open = p->key = m->va;
	if (f->va != m->va) {
		if (there == -ESRCH)
			return there;
		if (there) {
			trace_pending_unresolve(p);
			return 0;
		}
		trace_set_file(m, p);
		p->file.id = o->file; /* also that it has no name any more */
		p->read = trace_clock(m);
		return trace_file_opened(m->ev, p);
	}
	rc = recall_file(f, p);
	if (rc || there || !is_same(&o->file, &f->id))
		return rc;
	p->file.id = o->file;
	if (p->path && !strcmp(p->path, o->text))
		return 0;
	/* It has another name since: that holds if it was so when it was used. */
	path = strdup(o->text);
	if (!path)
		return -ENOMEM;
	free(p->path);
	p->path = path;
	p->file.mount_ns = trace_namespace(m, o->mount_ns);
	p->name = o->dentry;
	p->read = trace_clock(m);
	p->place_count = 0;
	trace_add_places(m, p, &o->places);
	return 0;
}

static int use_file(struct trace_moment *m, enum tocsin_trace_kind kind, int there)
{
	struct trace_pending *p = trace_begin(m);
	int rc;

	p->kind = kind;
	rc = set_open_file(m, p, there);
	if (!rc && S_ISFIFO(p->file.mode)) {
		p->kind = TOCSIN_TRACE_SHARED;
		p->value = kind == TOCSIN_TRACE_READ ? 2 : 1;
	}
	if (!rc && (!p->file.mode || S_ISREG(p->file.mode) || S_ISBLK(p->file.mode) ||
		    S_ISFIFO(p->file.mode)))
		return trace_add(m, p);
	trace_drop(m, p);
	return rc == -ESRCH ? 0 : rc;
}

int trace_map_file(struct trace_moment *m)
{
	uint64_t protection = trace_argument(m, 1), flags = trace_argument(m, 2);
	int rc = 0, there;

	if (!(trace_uses_told(m->ev, m->time) & TRACE_USE_FILES))
		return 0;
	there = read_file(m);
	if (!(protection & PROT_EXEC)) /* that is told for itself */
		rc = use_file(m, TOCSIN_TRACE_READ, there);
	if (!rc && protection & PROT_WRITE && flags & MAP_SHARED)
		rc = use_file(m, TOCSIN_TRACE_WRITTEN, there);
	return rc;
}

/* ---- sockets ---- */

void trace_socket_joined(struct trace_moment *m, uint64_t socket, uint64_t sk)
{
	size_t slot = trace_slot(socket, TRACE_JOINED);

	if (!socket)
		return;
	trace_queue_reused(&m->ev->queue, socket, m->time);
	m->ev->uses.joined[slot].socket = socket;
	m->ev->uses.joined[slot].sk = sk;
}

/* Where a UNIX socket is in the table, or would be. */
static size_t unix_slot(const struct trace_uses *u, uint64_t sk)
{
	size_t i = trace_slot(sk, TRACE_UNIX);

	while (u->unixes[i].sk && u->unixes[i].sk != sk)
		i = (i + 1) & (TRACE_UNIX - 1);
	return i;
}

void trace_sock_made(struct trace_moment *m)
{
	struct trace_uses *u = &m->ev->uses;
	size_t i;

	if (!m->va || (uint32_t)trace_argument(m, 1) != AF_UNIX)
		return;
	if (u->unix_count > TRACE_UNIX / 4 * 3) {
		memset(u->unixes, 0, sizeof(u->unixes));
		u->unix_count = 0;
	}
	i = unix_slot(u, m->va);
	u->unix_count += !u->unixes[i].sk;
	u->unixes[i].sk = m->va;
	u->unixes[i].number = m->call->seq;
}

/* Kernel addresses begin with the same 16 bits. */
static uint64_t name_unix(const struct trace_uses *u, uint64_t sk)
{
	size_t i = unix_slot(u, sk);

	return u->unixes[i].sk && sk ? (sk & ~0ull >> 16) | (uint64_t)u->unixes[i].number << 48
				     : sk;
}

/* 0: it has none any more. */
static uint64_t sock_of(struct trace_moment *m, uint64_t socket, struct trace_pending *p)
{
	const struct trace_uses *u = &m->ev->uses;
	size_t slot = trace_slot(socket, TRACE_JOINED);
	uint64_t sk;

	if (u->joined[slot].socket == socket && socket)
		return u->joined[slot].sk;
	p->inode = socket;
	if (!m->ev->k->object || m->ev->k->object->socket_sk == TOCSIN_NO_MEMBER ||
	    tocsin_kernel_read_u64(m->ev->k, socket + m->ev->k->object->socket_sk, &sk))
		return 0;
	return sk;
}

/* Streams are one for both ends. What comes as datagrams may come from many, so it is what is sent
 * to one that is one: the socket that takes it, as far as it is known. */
static void set_unix(struct trace_moment *m, struct trace_pending *p, bool in)
{
	struct tocsin_socket *s = &p->socket;

	p->kind = TOCSIN_TRACE_SHARED;
	p->value = in ? 2 : 1;
	if (s->type == SOCK_DGRAM) {
		if (!in && s->peer) {
			s->sock = s->peer;
			s->name_size = 0;
		}
		s->peer = 0;
	} else if (!s->peer) {
		p->resolved = false; /* to whom is not known any more */
	}
	s->sock = name_unix(&m->ev->uses, s->sock);
	s->peer = name_unix(&m->ev->uses, s->peer);
}

/* via: the VA of its struct file, if it is known by that; 0: it is not. */
static int use_socket(struct trace_moment *m, uint64_t socket, bool in, uint64_t via)
{
	struct trace_pending *p = trace_begin(m);
	uint16_t family;
	int rc;

	p->kind = in ? TOCSIN_TRACE_RECEIVED : TOCSIN_TRACE_SENT;
	rc = trace_set_socket(m, sock_of(m, socket, p), p);
	family = p->socket.family;
	if (via) {
		p->twice = true;
		p->inode = via;
	}
	if (p->inode)
		p->read = trace_clock(m); /* whose struct sock that is */
	if (family == AF_UNIX)
		set_unix(m, p, in);
	if (!rc &&
	    (family == AF_UNIX || family == AF_INET || family == AF_INET6 || (!family && !via)))
		return trace_add(m, p);
	trace_drop(m, p);
	return rc;
}

int trace_take_socket_use(struct trace_moment *m)
{
	return use_socket(m, m->va, m->row->kind == TOCSIN_TRACE_RECEIVED, 0);
}

/* What is read from a socket or written to it is told for itself, but not what another file gives
 * to it at once. */
static int use_socket_file(struct trace_moment *m, bool in)
{
	const struct tocsin_file_layout *l;

	if (tocsin_file_layout(m->ev->k, &l, NULL))
		return 0;
	return use_socket(m, m->ev->object.inode - l->alloc_inode + l->alloc_socket, in, m->va);
}

/* Bits MAY_READ and MAY_WRITE. */
static int use_ways(struct trace_moment *m, uint64_t mask, int there)
{
	int rc = mask & MAY_READ ? use_file(m, TOCSIN_TRACE_READ, there) : 0;

	return rc || !(mask & MAY_WRITE) ? rc : use_file(m, TOCSIN_TRACE_WRITTEN, there);
}

int trace_take_file_use(struct trace_moment *m)
{
	uint64_t mask = trace_argument(m, 1) & (MAY_READ | MAY_WRITE);
	bool known = file_at(m->ev, m->va)->va == m->va;
	int there;

	if (!mask)
		return 0;
	there = read_file(m);
	if (!known && !there && S_ISSOCK(m->ev->object.mode))
		return use_socket_file(m, mask & MAY_READ);
	return use_ways(m, mask, there);
}

/* Asked of all that may be a pipe, before something is spliced, teed or sent: what it is open for
 * says which way. Also asked for other reasons. */
int trace_take_splice(struct trace_moment *m)
{
	const struct tocsin_object *o = &m->ev->object;

	if (!(trace_argument(m, 1) & 1) || read_file(m) || !S_ISFIFO(o->mode))
		return 0;
	return use_ways(m,
			(o->open_mode & TOCSIN_OPEN_READ ? MAY_READ : 0) |
			    (o->open_mode & TOCSIN_OPEN_WRITE ? MAY_WRITE : 0),
			0);
}
