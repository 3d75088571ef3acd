// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/pending.h"
#include "introspect/object.h"
#include "trace/ports.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void trace_pending_clear(struct trace_pending *p)
{
	free(p->path);
	free(p->to);
	free(p->carried_path);
	free(p->places);
	memset(p, 0, sizeof(*p));
}

void trace_pending_free(struct trace_pending *p)
{
	if (p)
		trace_pending_clear(p);
	free(p);
}

/* ---- the latest of each thread ---- */

static struct trace_pending **thread_of(struct trace_pending **of, uint64_t stack)
{
	return &of[trace_slot(stack, TRACE_THREADS)];
}

static void note_latest(struct trace_queue *q, struct trace_pending *p)
{
	if (p->kind == TOCSIN_TRACE_OPENED && p->stack)
		*thread_of(q->opened, p->stack) = p;
	if (p->incomplete)
		*thread_of(q->incomplete, p->stack) = p;
}

static void drop(struct trace_queue *q, struct trace_pending *p)
{
	struct trace_pending **opened = thread_of(q->opened, p->stack);
	struct trace_pending **incomplete = thread_of(q->incomplete, p->stack);

	if (*opened == p)
		*opened = NULL;
	if (*incomplete == p)
		*incomplete = NULL;
	trace_pending_free(p);
}

struct trace_pending *trace_queue_opened(struct trace_queue *q, uint64_t stack)
{
	struct trace_pending *p = *thread_of(q->opened, stack);

	return p && p->stack == stack ? p : NULL;
}

struct trace_pending *trace_queue_incomplete(struct trace_queue *q, enum tocsin_trace_kind kind,
					     uint64_t stack)
{
	struct trace_pending *p = *thread_of(q->incomplete, stack);

	return p && p->stack == stack && p->kind == kind && p->incomplete ? p : NULL;
}

/* ---- the queue ---- */

void trace_queue_clear(struct trace_queue *q)
{
	for (size_t i = 0; i < q->count; i++)
		trace_pending_free(q->rows[i]);
	free(q->rows);
	memset(q, 0, sizeof(*q));
}

static void add_key(struct trace_keys *keys, const struct trace_pending *p)
{
	if (!keys->read || p->time < keys->first)
		keys->first = p->time;
	if (p->read > keys->read)
		keys->read = p->read;
}

static struct trace_keys *keys_of(struct trace_queue *q, uint64_t va)
{
	return &q->keys[trace_slot(va, TRACE_KEYS)];
}

void trace_queue_changed(struct trace_queue *q, const struct trace_pending *p)
{
	if (p->key)
		add_key(keys_of(q, p->key), p);
	if (p->inode)
		add_key(keys_of(q, p->inode), p);
	for (uint32_t i = 0; i < p->place_count; i++)
		add_key(keys_of(q, p->places[i]), p);
}

int trace_queue_add(struct trace_queue *q, struct trace_pending *p)
{
	size_t at = q->count;

	if (q->count == q->room) {
		size_t room = q->room ? q->room * 2 : 256;
		void *rows = reallocarray(q->rows, room, sizeof(struct trace_pending *));

		if (!rows) {
			trace_pending_free(p);
			return -ENOMEM;
		}
		q->rows = rows;
		q->room = room;
	}
	/* Clocks are not that exact: what comes too late was just after. */
	if (p->time < q->committed)
		p->time = q->committed;
	for (; at && q->rows[at - 1]->time > p->time; at--)
		q->rows[at] = q->rows[at - 1];
	q->rows[at] = p;
	q->count++;
	trace_queue_changed(q, p);
	note_latest(q, p);
	return 0;
}

static void name_unresolved(struct trace_pending *p)
{
	char text[80];

	snprintf(text, sizeof(text), "(unresolved: %s, call %" PRIu32 ")",
		 tocsin_trace_kind_name(p->opened ? TOCSIN_TRACE_OPENED : p->kind), p->number);
	free(p->path);
	p->path = strdup(text);
	p->place_count = 0;
	p->file.mount_ns = 0;
	p->file.id = (struct tocsin_file_id){0};
	p->file.mode = 0;
}

/* What calls carried takes the place of what was read. */
static void use_carried(struct trace_pending *p)
{
	free(p->path);
	p->path = p->carried_path;
	p->carried_path = NULL;
	p->file.mount_ns = p->carried_ns;
	p->file.id = p->carried_id;
	p->file.mode = p->carried_mode;
	p->open_mode = p->carried_open;
	p->resolved = p->who_resolved && p->carried_sure;
	p->key = 0; /* whose memory it is does not matter any more */
}

void trace_pending_unresolve(struct trace_pending *p)
{
	if (p->carried_path) {
		use_carried(p);
		return;
	}
	p->resolved = false;
	p->inode = 0;
	if (p->has_file)
		name_unresolved(p);
	if (p->has_other) {
		p->other = (struct tocsin_event_process){
		    .start_time = p->number, .uid = UINT32_MAX, .euid = UINT32_MAX};
		p->other_comm[0] = 0;
	}
	if (p->has_socket && p->carried.family)
		p->socket = p->carried;
	else if (p->has_socket)
		p->socket = (struct tocsin_socket){.sock = p->number};
	p->open_mode = 0;
}

/* It was read from an inode that is another file's. */
static void forget_carried(struct trace_pending *p)
{
	free(p->carried_path);
	p->carried_path = NULL;
}

void trace_pending_lose_paths(struct trace_pending *p)
{
	p->resolved = p->carried_sure = false;
	p->place_count = 0;
	free(p->to);
	p->to = NULL;
	if (p->carried_path)
		p->carried_path[0] = 0;
	if (p->has_file && !p->file.id.inode)
		name_unresolved(p);
	else if (p->path)
		p->path[0] = 0;
}

/* What was taken for the doing of this process, from its beginning (row `from`) until then, was
 * that of one whose memory it got. */
static void disown(struct trace_queue *q, size_t from, const struct tocsin_event_process *process,
		   uint64_t until)
{
	for (size_t i = from + 1; i < q->count && q->rows[i]->time < until; i++) {
		struct trace_pending *p = q->rows[i];

		if (!p->has_who || p->who.pid != process->pid ||
		    p->who.start_time != process->start_time)
			continue;
		p->resolved = false;
		p->who = (struct tocsin_event_process){
		    .start_time = p->stack, .uid = UINT32_MAX, .euid = UINT32_MAX};
		p->who_comm[0] = 0;
	}
}

/* The object of row i is another's. Returns whether the row stays. */
static bool revoke(struct trace_queue *q, size_t i, uint64_t key, uint64_t time)
{
	struct trace_pending *p = q->rows[i];

	if (!p->inherited && !p->twice && (p->kind != TOCSIN_TRACE_CLOSED || p->carried.family)) {
		if (p->kind == TOCSIN_TRACE_CREATED)
			disown(q, i, &p->other, time);
		if (p->inode == key)
			forget_carried(p);
		trace_pending_unresolve(p);
		p->key = 0;
		return true;
	}
	/* It was opened after the program had begun, and is told for itself; or is told twice; or
	 * another socket is not closed. */
	drop(q, p);
	memmove(q->rows + i, q->rows + i + 1, (--q->count - i) * sizeof(q->rows[0]));
	return false;
}

#define KIND(kind) (1u << (kind))
#define ALL (~0u)
#define USES                                                                                       \
	(KIND(TOCSIN_TRACE_READ) | KIND(TOCSIN_TRACE_WRITTEN) | KIND(TOCSIN_TRACE_SHARED) |        \
	 KIND(TOCSIN_TRACE_SENT) | KIND(TOCSIN_TRACE_RECEIVED))

/* The file had another name then, which nothing tells. */
static void leave_out_path(struct trace_pending *p)
{
	p->resolved = p->resolved && !p->to;
	free(p->path);
	free(p->to);
	p->path = p->to = NULL;
	if (p->carried_path)
		p->carried_path[0] = 0;
}

struct change {
	uint64_t va, time;
	unsigned int kinds; /* of the events that it means, as bits */
	bool moved;         /* what is there is the same as before, but elsewhere */
};

static bool is_through(const struct trace_pending *p, uint64_t va)
{
	for (uint32_t i = 0; i < p->place_count; i++)
		if (p->places[i] == va)
			return true;
	return false;
}

/* Returns whether the row stays. */
static bool change_row(struct trace_queue *q, size_t i, const struct change *c)
{
	struct trace_pending *p = q->rows[i];

	if (p->time >= c->time || p->read < c->time || !(c->kinds & KIND(p->kind)))
		return true;
	if (!c->moved && (p->key == c->va || p->inode == c->va))
		return revoke(q, i, c->va, c->time);
	if (!is_through(p, c->va))
		return true;
	if (!c->moved)
		trace_pending_lose_paths(p);
	else if (p->name == c->va && p->file.id.inode)
		leave_out_path(p);
	else
		p->resolved = p->carried_sure = false;
	return true;
}

static bool is_of(const struct trace_pending *p, const struct trace_keys *keys,
		  struct trace_queue *q)
{
	if ((p->key && keys_of(q, p->key) == keys) || (p->inode && keys_of(q, p->inode) == keys))
		return true;
	for (uint32_t i = 0; i < p->place_count; i++)
		if (keys_of(q, p->places[i]) == keys)
			return true;
	return false;
}

/* Only rows that may have this VA are walked through, for one that opens many files does this as
 * often. */
static void change(struct trace_queue *q, const struct change *c)
{
	struct trace_keys *keys = keys_of(q, c->va), left = {0};

	if (!c->va || keys->read < c->time || keys->first >= c->time)
		return;
	for (size_t i = q->count; i-- && q->rows[i]->time >= keys->first;)
		if (change_row(q, i, c) && is_of(q->rows[i], keys, q))
			add_key(&left, q->rows[i]);
	*keys = left;
}

void trace_queue_reused(struct trace_queue *q, uint64_t key, uint64_t time)
{
	change(q, &(struct change){.va = key, .time = time, .kinds = ALL});
}

void trace_queue_closed(struct trace_queue *q, uint64_t key, uint64_t time)
{
	change(q, &(struct change){
		      .va = key, .time = time, .kinds = USES | KIND(TOCSIN_TRACE_OPENED)});
}

void trace_queue_redone(struct trace_queue *q, enum tocsin_trace_kind kind, uint64_t key,
			uint64_t time)
{
	change(q, &(struct change){.va = key, .time = time, .kinds = KIND(kind)});
}

void trace_queue_untold(struct trace_queue *q, unsigned int uses, uint64_t since)
{
	for (size_t i = q->count; i-- && q->rows[i]->time >= since;)
		q->rows[i]->told &= ~uses;
}

void trace_queue_moved(struct trace_queue *q, uint64_t place, uint64_t time)
{
	change(q, &(struct change){.va = place, .time = time, .kinds = ALL, .moved = true});
}

static bool is_doubtful(const struct trace_pending *p, enum trace_doubt what)
{
	switch (what) {
	case TRACE_DOUBT_SOCKETS:
		return p->has_socket;
	case TRACE_DOUBT_INODES:
		return p->inode && !p->key; /* a file that has a key holds by that */
	default:
		return p->place_count;
	}
}

void trace_queue_doubt(struct trace_queue *q, enum trace_doubt what, uint64_t since)
{
	for (size_t i = 0; i < q->count; i++) {
		struct trace_pending *p = q->rows[i];

		if (p->read < since)
			continue;
		if (what == TRACE_DOUBT_PATHS ? p->place_count
					      : what == TRACE_DOUBT_INODES && p->inode)
			p->carried_sure = false;
		if (is_doubtful(p, what))
			p->resolved = false;
	}
}

/* ---- handing on ---- */

static int hand_on(struct trace_sink *to, const struct tocsin_trace_event *e)
{
	to->events[e->kind]++;
	to->unresolved[e->kind] += !e->resolved;
	if (to->ports)
		trace_ports_note(to->ports, e);
	return to->take(e, to->context);
}

/* Where no call tells: what an open file may be used for, it is taken to be used for as long as it
 * is open. */
static int hand_on_use(struct trace_sink *to, const struct trace_pending *p,
		       struct tocsin_trace_event e)
{
	bool fifo = S_ISFIFO(p->file.mode);
	unsigned int mode = p->open_mode;
	int rc = 0;

	if (!fifo && !S_ISREG(p->file.mode) && !S_ISBLK(p->file.mode))
		return 0;
	if (mode & (TOCSIN_OPEN_EXEC | TOCSIN_OPEN_PATH))
		return 0;
	e.kind = fifo ? TOCSIN_TRACE_SHARED : TOCSIN_TRACE_READ;
	e.value = 2;
	if (mode & TOCSIN_OPEN_READ)
		rc = hand_on(to, &e);
	e.kind = fifo ? TOCSIN_TRACE_SHARED : TOCSIN_TRACE_WRITTEN;
	e.value = 1;
	return rc || !(mode & TOCSIN_OPEN_WRITE) ? rc : hand_on(to, &e);
}

static int hand_on_data(struct trace_sink *to, unsigned int told, struct tocsin_trace_event e)
{
	int rc = 0;

	e.kind = TOCSIN_TRACE_SENT;
	if (!(told & TRACE_USE_OUT))
		rc = hand_on(to, &e);
	e.kind = TOCSIN_TRACE_RECEIVED;
	return rc || told & TRACE_USE_IN ? rc : hand_on(to, &e);
}

static int hand_on_pending(struct trace_sink *to, struct trace_pending *p)
{
	struct tocsin_trace_event e = {.kind = p->kind,
				       .since = p->kind == TOCSIN_TRACE_GAP ? p->since : p->time,
				       .time = p->time,
				       .guest = to->guest,
				       .boot = to->boot,
				       .who = p->has_who ? &p->who : NULL,
				       .other = p->has_other ? &p->other : NULL,
				       .file = p->has_file ? &p->file : NULL,
				       .to = p->to,
				       .socket = p->has_socket ? &p->socket : NULL,
				       .value = p->value,
				       .lost = p->lost,
				       .detail = p->detail,
				       .resolved = p->resolved};
	int rc = 0;

	p->who.comm = p->who_comm;
	p->other.comm = p->other_comm;
	p->who.exe = p->who.cmdline = p->who.container = "";
	p->other.exe = p->other.cmdline = p->other.container = "";
	p->file.path = p->path ? p->path : "";
	if (p->reversed) {
		e.who = &p->other;
		e.other = &p->who;
	}
	if (p->kind == TOCSIN_TRACE_EXECUTED && !p->inherited && p->file.id.inode)
		p->who.exe = p->file.path;
	if (p->kind == TOCSIN_TRACE_OPENED && p->open_mode & TOCSIN_OPEN_CREATED)
		e.value |= O_CREAT;
	if (!p->inherited)
		rc = hand_on(to, &e);
	if (!rc && p->has_file && !(p->told & TRACE_USE_FILES) &&
	    (p->inherited || p->kind == TOCSIN_TRACE_OPENED))
		rc = hand_on_use(to, p, e);
	if (!rc && p->has_socket &&
	    (p->kind == TOCSIN_TRACE_CONNECTED || p->kind == TOCSIN_TRACE_ACCEPTED))
		rc = hand_on_data(to, p->told, e);
	if (!rc && p->both_ways) {
		e.kind = TOCSIN_TRACE_RECEIVED;
		rc = hand_on(to, &e);
	}
	return rc;
}

int trace_queue_commit(struct trace_queue *q, uint64_t before, struct trace_sink *to)
{
	size_t n = 0;
	int rc = 0;

	while (n < q->count && q->rows[n]->time < before && !rc) {
		if (q->rows[n]->incomplete)
			trace_pending_unresolve(q->rows[n]);
		q->committed = q->rows[n]->time;
		if (q->rows[n]->silent)
			trace_ports_close(to->ports, q->rows[n]->socket.sock, q->committed);
		else
			rc = hand_on_pending(to, q->rows[n]);
		drop(q, q->rows[n++]);
	}
	if (n)
		memmove(q->rows, q->rows + n, (q->count -= n) * sizeof(q->rows[0]));
	return rc;
}
