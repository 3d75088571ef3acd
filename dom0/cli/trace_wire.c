// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/trace_wire.h"
#include "dispatch/packet.h"
#include "dispatch/wire.h"
#include "introspect/transfer.h"
#include "provenance/event.h"

#include <errno.h>
#include <string.h>
#include <tocsin/trace.h>

/* Text that tocsin_wire_get_text has room for: the rest is cut. */
static void put_text(struct tocsin_wire *w, const char *text, size_t room)
{
	tocsin_wire_text(w, text, room - 1);
}

static uint16_t get_u16(struct tocsin_wire_in *in)
{
	uint32_t value = tocsin_wire_get_u32(in);

	in->bad |= value > UINT16_MAX;
	return (uint16_t)value;
}

static uint32_t get_errno(struct tocsin_wire_in *in)
{
	uint32_t value = tocsin_wire_get_u32(in);

	in->bad |= value > 4095;
	return in->bad ? 0 : value;
}

/* ---- what is asked ---- */

enum { FUNCTION = 1, TIME = 2, UNTIL = 4, LOST = 8, CALL = 16, FLAGS = 32, BYTES = 64, WHY = 128 };

static const unsigned int asks[TRACE_ASK_KINDS] = {
    [TRACE_ASK_BEGIN] = TIME | FLAGS,
    [TRACE_ASK_COLLECTED] = FUNCTION | TIME | WHY,
    [TRACE_ASK_CALL] = FUNCTION | TIME | CALL,
    [TRACE_ASK_LOST] = TIME | UNTIL | LOST | WHY,
    [TRACE_ASK_HARDWARE] = BYTES,
    [TRACE_ASK_PACKET] = TIME | BYTES,
    [TRACE_ASK_COMMIT] = TIME | UNTIL,
    [TRACE_ASK_FLOWS] = TIME,
    [TRACE_ASK_FLUSH] = 0,
    [TRACE_ASK_END] = TIME,
};

static void put_call(struct tocsin_wire *w, const struct tocsin_traced_call *c)
{
	tocsin_wire_u32(w, c->domid);
	tocsin_wire_u32(w, c->vcpu);
	tocsin_wire_u32(w, c->site);
	tocsin_wire_u32(w, c->seq);
	tocsin_wire_u64(w, c->rsp);
	tocsin_wire_u64(w, c->rdi);
	tocsin_wire_u8(w, c->wide);
	tocsin_wire_u8(w, c->cut);
	tocsin_wire_u64(w, c->rsi);
	tocsin_wire_u64(w, c->rdx);
	tocsin_wire_u64(w, c->cr3);
}

static void get_call(struct tocsin_wire_in *in, struct tocsin_traced_call *c)
{
	c->domid = get_u16(in);
	c->vcpu = get_u16(in);
	c->site = tocsin_wire_get_u32(in);
	c->seq = tocsin_wire_get_u32(in);
	c->rsp = tocsin_wire_get_u64(in);
	c->rdi = tocsin_wire_get_u64(in);
	c->wide = tocsin_wire_get_bool(in);
	c->cut = tocsin_wire_get_bool(in);
	c->rsi = tocsin_wire_get_u64(in);
	c->rdx = tocsin_wire_get_u64(in);
	c->cr3 = tocsin_wire_get_u64(in);
}

size_t trace_put_ask(uint8_t *to, const struct trace_ask *a)
{
	struct tocsin_wire w = tocsin_wire_message(to, a->kind);
	unsigned int has = asks[a->kind];

	if (has & FUNCTION)
		tocsin_wire_u32(&w, a->function);
	if (has & TIME)
		tocsin_wire_u64(&w, a->time);
	if (has & UNTIL)
		tocsin_wire_u64(&w, a->until);
	if (has & LOST)
		tocsin_wire_u64(&w, a->lost);
	if (has & CALL)
		put_call(&w, &a->call);
	if (has & FLAGS) {
		tocsin_wire_u8(&w, a->captures);
		tocsin_wire_u8(&w, a->only_hardware);
	}
	if (has & WHY)
		put_text(&w, a->why, sizeof(a->why));
	if (has & BYTES) {
		tocsin_wire_u32(&w, a->link);
		tocsin_wire_blob(&w, a->bytes, a->size < TRACE_PACKET ? a->size : TRACE_PACKET);
	}
	return w.at;
}

/* They come last, and stay where they are. */
static void get_bytes(struct tocsin_wire_in *in, struct trace_ask *a)
{
	a->link = tocsin_wire_get_u32(in);
	a->size = tocsin_wire_get_u32(in);
	a->bytes = in->bytes + in->at;
	if (in->bad || a->size > TRACE_PACKET || a->size != in->size - in->at ||
	    (a->kind == TRACE_ASK_HARDWARE && a->size != 6))
		in->bad = true;
	else
		in->at += a->size;
}

int trace_get_ask(const uint8_t *bytes, size_t size, struct trace_ask *ret)
{
	struct tocsin_wire_in in = {.bytes = bytes, .size = size};
	unsigned int has;

	memset(ret, 0, sizeof(*ret));
	ret->kind = tocsin_wire_get_choice(&in, TRACE_ASK_KINDS);
	in.bad |= !ret->kind;
	has = asks[ret->kind];
	if (has & FUNCTION)
		ret->function = tocsin_wire_get_u32(&in);
	in.bad |= ret->function >= TRACE_FUNCTIONS;
	if (has & TIME)
		ret->time = tocsin_wire_get_u64(&in);
	if (has & UNTIL)
		ret->until = tocsin_wire_get_u64(&in);
	if (has & LOST)
		ret->lost = tocsin_wire_get_u64(&in);
	if (has & CALL)
		get_call(&in, &ret->call);
	if (has & FLAGS) {
		ret->captures = tocsin_wire_get_bool(&in);
		ret->only_hardware = tocsin_wire_get_bool(&in);
	}
	if (has & WHY)
		tocsin_wire_get_text(&in, ret->why, sizeof(ret->why));
	if (has & BYTES)
		get_bytes(&in, ret);
	return tocsin_wire_finish(&in);
}

int trace_answer_kind(const uint8_t *bytes, size_t size)
{
	if (!size || !bytes[0] || bytes[0] >= TRACE_ANSWER_KINDS)
		return -EBADMSG;
	return bytes[0];
}

/* ---- functions ---- */

size_t trace_put_found(uint8_t *to, const struct tocsin_traced *f)
{
	const struct tocsin_function *at = &f->function;
	struct tocsin_wire w = tocsin_wire_message(to, TRACE_ANSWER_FOUND);

	put_text(&w, f->name, TRACE_WHY);
	tocsin_wire_u32(&w, (uint32_t)-f->found);
	if (f->found) {
		put_text(&w, f->why, sizeof(f->why));
		return w.at;
	}
	tocsin_wire_u64(&w, at->va);
	tocsin_wire_u64(&w, at->site);
	tocsin_wire_u64(&w, at->gpa);
	tocsin_wire_u8(&w, at->entry);
	tocsin_wire_u8(&w, at->typed);
	tocsin_wire_u8(&w, (uint8_t)at->count);
	for (unsigned int i = 0; i < at->count; i++) {
		const struct tocsin_parameter *p = &at->parameters[i];

		put_text(&w, p->name, sizeof(p->name));
		put_text(&w, p->target, sizeof(p->target));
		tocsin_wire_u8(&w, p->size);
		tocsin_wire_u8(&w, p->pointer);
		tocsin_wire_u8(&w, p->is_signed);
	}
	return w.at;
}

/* The site is in the kernel's text, at the function's beginning, on one page, where gpa says. */
static bool is_place(const struct tocsin_function *f)
{
	uint64_t on_page = f->site % TOCSIN_PAGE_SIZE;

	return f->site == TOCSIN_SITE_VA((uint32_t)f->site) && (uint32_t)f->site >= 1u << 31 &&
	       (f->site == f->va || f->site == f->va + TOCSIN_ENDBR) &&
	       on_page <= TOCSIN_PAGE_SIZE - TOCSIN_ENTRY_NOP &&
	       f->gpa % TOCSIN_PAGE_SIZE == on_page && f->gpa < 1ull << 52 &&
	       f->entry != TOCSIN_ENTRY_NOTHING;
}

static void get_place(struct tocsin_wire_in *in, struct tocsin_function *f)
{
	f->va = tocsin_wire_get_u64(in);
	f->site = tocsin_wire_get_u64(in);
	f->gpa = tocsin_wire_get_u64(in);
	f->entry = tocsin_wire_get_choice(in, TOCSIN_ENTRY_NOTHING + 1);
	f->typed = tocsin_wire_get_bool(in);
	f->count = tocsin_wire_get_choice(in, TOCSIN_PARAMETERS + 1);
	for (unsigned int i = 0; i < f->count; i++) {
		struct tocsin_parameter *p = &f->parameters[i];

		tocsin_wire_get_text(in, p->name, sizeof(p->name));
		tocsin_wire_get_text(in, p->target, sizeof(p->target));
		p->size = tocsin_wire_get_choice(in, 9);
		p->pointer = tocsin_wire_get_bool(in);
		p->is_signed = tocsin_wire_get_bool(in);
	}
	in->bad |= !is_place(f);
}

int trace_get_found(const uint8_t *bytes, size_t size, char name[TRACE_WHY],
		    struct tocsin_traced *ret)
{
	struct tocsin_wire_in in = tocsin_wire_get_message(bytes, size, TRACE_ANSWER_FOUND);
	uint32_t error;

	memset(ret, 0, sizeof(*ret));
	tocsin_wire_get_text(&in, name, TRACE_WHY);
	ret->name = name;
	error = get_errno(&in);
	ret->found = -(int)error;
	if (error)
		tocsin_wire_get_text(&in, ret->why, sizeof(ret->why));
	else
		get_place(&in, &ret->function);
	return tocsin_wire_finish(&in);
}

/* ---- sockets and files ---- */

static void put_socket(struct tocsin_wire *w, const struct tocsin_socket *s)
{
	tocsin_wire_u64(w, s->sock);
	tocsin_wire_u64(w, s->inode);
	tocsin_wire_u32(w, s->family);
	tocsin_wire_u32(w, s->type);
	tocsin_wire_u32(w, s->protocol);
	tocsin_wire_u8(w, s->state);
	tocsin_wire_u8(w, s->owner);
	tocsin_wire_u32(w, s->uid);
	tocsin_wire_u32(w, s->netns);
	tocsin_wire_u32(w, s->interface);
	tocsin_wire_u8(w, s->busy);
	tocsin_wire_bytes(w, s->local, sizeof(s->local));
	tocsin_wire_bytes(w, s->remote, sizeof(s->remote));
	tocsin_wire_u32(w, s->local_port);
	tocsin_wire_u32(w, s->remote_port);
	tocsin_wire_u32(w, s->receive_queue);
	tocsin_wire_u32(w, s->send_queue);
	tocsin_wire_blob(w, s->name, s->name_size);
	tocsin_wire_u64(w, s->peer);
	tocsin_wire_u32(w, s->port_id);
	tocsin_wire_u32(w, s->groups);
	tocsin_wire_u8(w, s->counted);
	tocsin_wire_u64(w, s->bytes_sent);
	tocsin_wire_u64(w, s->bytes_received);
	tocsin_wire_u64(w, s->idle);
}

static void get_socket(struct tocsin_wire_in *in, struct tocsin_socket *s)
{
	s->sock = tocsin_wire_get_u64(in);
	s->inode = tocsin_wire_get_u64(in);
	s->family = get_u16(in);
	s->type = get_u16(in);
	s->protocol = get_u16(in);
	s->state = tocsin_wire_get_u8(in);
	s->owner = tocsin_wire_get_choice(in, TOCSIN_OWNER_NONE + 1);
	s->uid = tocsin_wire_get_u32(in);
	s->netns = tocsin_wire_get_u32(in);
	s->interface = tocsin_wire_get_u32(in);
	s->busy = tocsin_wire_get_bool(in);
	tocsin_wire_get_bytes(in, s->local, sizeof(s->local));
	tocsin_wire_get_bytes(in, s->remote, sizeof(s->remote));
	s->local_port = get_u16(in);
	s->remote_port = get_u16(in);
	s->receive_queue = tocsin_wire_get_u32(in);
	s->send_queue = tocsin_wire_get_u32(in);
	s->name_size = tocsin_wire_get_blob(in, s->name, sizeof(s->name));
	s->peer = tocsin_wire_get_u64(in);
	s->port_id = tocsin_wire_get_u32(in);
	s->groups = tocsin_wire_get_u32(in);
	s->counted = tocsin_wire_get_bool(in);
	s->bytes_sent = tocsin_wire_get_u64(in);
	s->bytes_received = tocsin_wire_get_u64(in);
	s->idle = tocsin_wire_get_u64(in);
}

/* ---- calls ---- */

static void put_object(struct tocsin_wire *w, const struct tocsin_object *o)
{
	tocsin_wire_u8(w, o->kind);
	tocsin_wire_u32(w, (uint32_t)o->pid);
	tocsin_wire_u32(w, (uint32_t)o->tid);
	tocsin_wire_u64(w, o->start_time);
	tocsin_wire_u32(w, o->uid);
	tocsin_wire_u32(w, o->euid);
	tocsin_wire_u32(w, o->id);
	put_text(w, o->comm, sizeof(o->comm));
	put_text(w, o->text, sizeof(o->text));
	tocsin_wire_file_id(w, &o->file);
	tocsin_wire_u32(w, o->mode);
	if (o->kind == TOCSIN_OBJECT_SOCKET)
		put_socket(w, &o->socket);
}

static void get_object(struct tocsin_wire_in *in, struct tocsin_object *o)
{
	memset(o, 0, sizeof(*o));
	o->kind = tocsin_wire_get_choice(in, TOCSIN_OBJECT_CODE + 1);
	o->pid = (int32_t)tocsin_wire_get_u32(in);
	o->tid = (int32_t)tocsin_wire_get_u32(in);
	o->start_time = tocsin_wire_get_u64(in);
	o->uid = tocsin_wire_get_u32(in);
	o->euid = tocsin_wire_get_u32(in);
	o->id = tocsin_wire_get_u32(in);
	tocsin_wire_get_text(in, o->comm, sizeof(o->comm));
	tocsin_wire_get_text(in, o->text, sizeof(o->text));
	tocsin_wire_get_file_id(in, &o->file);
	o->mode = tocsin_wire_get_u32(in);
	if (o->kind == TOCSIN_OBJECT_SOCKET)
		get_socket(in, &o->socket);
}

size_t trace_put_seen(uint8_t *to, const struct trace_seen *s)
{
	struct tocsin_wire w = tocsin_wire_message(to, TRACE_ANSWER_SEEN);

	tocsin_wire_u8(&w, s->who.found);
	tocsin_wire_u32(&w, (uint32_t)s->who.pid);
	tocsin_wire_u32(&w, (uint32_t)s->who.tid);
	tocsin_wire_u32(&w, s->who.uid);
	tocsin_wire_u32(&w, s->who.euid);
	tocsin_wire_u64(&w, s->who.start_time);
	put_text(&w, s->who.comm, sizeof(s->who.comm));
	tocsin_wire_u64(&w, s->after);
	for (unsigned int i = 0; i < TRACE_ARGUMENTS; i++) {
		tocsin_wire_u8(&w, s->has[i]);
		if (s->has[i])
			put_object(&w, &s->objects[i]);
	}
	return w.at;
}

int trace_get_seen(const uint8_t *bytes, size_t size, struct trace_seen *ret)
{
	struct tocsin_wire_in in = tocsin_wire_get_message(bytes, size, TRACE_ANSWER_SEEN);

	ret->who = (struct tocsin_who){.found = tocsin_wire_get_choice(&in, TOCSIN_WHO_BEFORE + 1)};
	ret->who.pid = (int32_t)tocsin_wire_get_u32(&in);
	ret->who.tid = (int32_t)tocsin_wire_get_u32(&in);
	ret->who.uid = tocsin_wire_get_u32(&in);
	ret->who.euid = tocsin_wire_get_u32(&in);
	ret->who.start_time = tocsin_wire_get_u64(&in);
	tocsin_wire_get_text(&in, ret->who.comm, sizeof(ret->who.comm));
	ret->after = tocsin_wire_get_u64(&in);
	for (unsigned int i = 0; i < TRACE_ARGUMENTS; i++) {
		ret->has[i] = tocsin_wire_get_bool(&in);
		if (ret->has[i])
			get_object(&in, &ret->objects[i]);
	}
	return tocsin_wire_finish(&in);
}

/* ---- events ---- */

#define NAME 128   /* of a process, with its NUL */
#define DETAIL 512 /* the same of what an event says besides */
#define CONTAINER 80

enum { WHO = 1, OTHER = 2, ITS_FILE = 4, TO = 8, SOCKET = 16, RESOLVED = 32 };

struct process_text {
	char comm[NAME], exe[TOCSIN_PATH_SIZE], cmdline[TOCSIN_CMDLINE_SIZE], container[CONTAINER];
};

/* All that an event points at. */
struct event_room {
	struct tocsin_trace_event e;
	struct tocsin_event_process processes[2];
	struct process_text texts[2];
	struct tocsin_trace_file file;
	struct tocsin_socket socket;
	char path[TOCSIN_PATH_SIZE], to[TOCSIN_PATH_SIZE], detail[DETAIL];
};

static void put_process(struct tocsin_wire *w, const struct tocsin_event_process *p)
{
	size_t size = p->cmdline_size < TOCSIN_CMDLINE_SIZE ? p->cmdline_size : TOCSIN_CMDLINE_SIZE;

	tocsin_wire_u32(w, (uint32_t)p->pid);
	tocsin_wire_u64(w, p->start_time);
	tocsin_wire_u32(w, (uint32_t)p->ppid);
	tocsin_wire_u64(w, p->parent_start_time);
	tocsin_wire_u32(w, p->uid);
	tocsin_wire_u32(w, p->euid);
	tocsin_wire_u8(w, p->kernel_thread);
	tocsin_wire_u8(w, p->exe_deleted);
	tocsin_wire_u8(w, p->exe_memfd);
	tocsin_wire_u8(w, p->stdin_socket);
	put_text(w, p->comm, NAME);
	put_text(w, p->exe, TOCSIN_PATH_SIZE);
	tocsin_wire_blob(w, p->cmdline, size);
	put_text(w, p->container, CONTAINER);
	tocsin_wire_u8(w, p->confidence);
}

static const struct tocsin_event_process *
get_process(struct tocsin_wire_in *in, struct tocsin_event_process *p, struct process_text *text)
{
	p->pid = (int32_t)tocsin_wire_get_u32(in);
	p->start_time = tocsin_wire_get_u64(in);
	p->ppid = (int32_t)tocsin_wire_get_u32(in);
	p->parent_start_time = tocsin_wire_get_u64(in);
	p->uid = tocsin_wire_get_u32(in);
	p->euid = tocsin_wire_get_u32(in);
	p->kernel_thread = tocsin_wire_get_bool(in);
	p->exe_deleted = tocsin_wire_get_bool(in);
	p->exe_memfd = tocsin_wire_get_bool(in);
	p->stdin_socket = tocsin_wire_get_bool(in);
	tocsin_wire_get_text(in, text->comm, sizeof(text->comm));
	tocsin_wire_get_text(in, text->exe, sizeof(text->exe));
	p->cmdline_size = tocsin_wire_get_blob(in, text->cmdline, sizeof(text->cmdline));
	tocsin_wire_get_text(in, text->container, sizeof(text->container));
	p->confidence = tocsin_wire_get_choice(in, TOCSIN_CONTRADICTED + 1);
	p->comm = text->comm;
	p->exe = text->exe;
	p->cmdline = text->cmdline;
	p->container = text->container;
	return p;
}

static void put_file(struct tocsin_wire *w, const struct tocsin_trace_file *f)
{
	put_text(w, f->path, TOCSIN_PATH_SIZE);
	tocsin_wire_u32(w, f->mount_ns);
	tocsin_wire_file_id(w, &f->id);
	tocsin_wire_u32(w, f->mode);
	tocsin_wire_u64(w, f->open);
}

static void get_file(struct tocsin_wire_in *in, struct event_room *r)
{
	struct tocsin_trace_file *f = &r->file;

	tocsin_wire_get_text(in, r->path, sizeof(r->path));
	f->path = r->path;
	f->mount_ns = tocsin_wire_get_u32(in);
	tocsin_wire_get_file_id(in, &f->id);
	f->mode = tocsin_wire_get_u32(in);
	f->open = tocsin_wire_get_u64(in);
	r->e.file = f;
}

size_t trace_put_event(uint8_t *to, const struct tocsin_trace_event *e)
{
	struct tocsin_wire w = tocsin_wire_message(to, TRACE_ANSWER_EVENT);

	tocsin_wire_u8(&w, e->kind);
	tocsin_wire_u8(&w, e->source);
	tocsin_wire_u8(&w, (e->who ? WHO : 0) | (e->other ? OTHER : 0) | (e->file ? ITS_FILE : 0) |
			       (e->to ? TO : 0) | (e->socket ? SOCKET : 0) |
			       (e->resolved ? RESOLVED : 0));
	tocsin_wire_u64(&w, e->since);
	tocsin_wire_u64(&w, e->time);
	tocsin_wire_u64(&w, e->boot);
	tocsin_wire_u64(&w, e->value);
	tocsin_wire_u64(&w, e->lost);
	put_text(&w, e->detail, DETAIL);
	if (e->who)
		put_process(&w, e->who);
	if (e->other)
		put_process(&w, e->other);
	if (e->file)
		put_file(&w, e->file);
	if (e->to)
		put_text(&w, e->to, TOCSIN_PATH_SIZE);
	if (e->socket)
		put_socket(&w, e->socket);
	return w.at;
}

static int get_event(struct tocsin_wire_in *in, struct event_room *r)
{
	struct tocsin_trace_event *e = &r->e;
	uint8_t has;

	e->kind = tocsin_wire_get_choice(in, TOCSIN_TRACE_KINDS);
	e->source = tocsin_wire_get_choice(in, TOCSIN_TRACE_BY_WIRE + 1);
	has = tocsin_wire_get_choice(in, 2 * RESOLVED);
	e->resolved = has & RESOLVED;
	e->since = tocsin_wire_get_u64(in);
	e->time = tocsin_wire_get_u64(in);
	e->boot = tocsin_wire_get_u64(in);
	e->value = tocsin_wire_get_u64(in);
	e->lost = tocsin_wire_get_u64(in);
	tocsin_wire_get_text(in, r->detail, sizeof(r->detail));
	e->detail = r->detail;
	if (has & WHO)
		e->who = get_process(in, &r->processes[0], &r->texts[0]);
	if (has & OTHER)
		e->other = get_process(in, &r->processes[1], &r->texts[1]);
	if (has & ITS_FILE)
		get_file(in, r);
	if (has & TO) {
		tocsin_wire_get_text(in, r->to, sizeof(r->to));
		e->to = r->to;
	}
	if (has & SOCKET) {
		get_socket(in, &r->socket);
		e->socket = &r->socket;
	}
	/* Nobody judges there: findings are rules', which read no guest. */
	in->bad |= e->kind == TOCSIN_TRACE_FINDING || e->since > e->time;
	return tocsin_wire_finish(in);
}

int trace_get_event(const uint8_t *bytes, size_t size, const char *guest, uint64_t now,
		    tocsin_trace_take *take, void *context)
{
	struct tocsin_wire_in in = tocsin_wire_get_message(bytes, size, TRACE_ANSWER_EVENT);
	static struct event_room r; /* large */
	int rc;

	r.e = (struct tocsin_trace_event){.guest = guest};
	rc = get_event(&in, &r);
	if (rc)
		return rc;
	/* What came before the latest event counts as late. */
	if (r.e.time > now)
		r.e.time = now;
	if (r.e.since > r.e.time)
		r.e.since = r.e.time;
	rc = take(&r.e, context);
	return rc == -EINVAL ? -EBADMSG : rc;
}

/* ---- counts, and the end of an answer ---- */

_Static_assert(TOCSIN_TRACE_KINDS <= TOCSIN_TRACED_KINDS, "room for all kinds");

size_t trace_put_counts(uint8_t *to, const struct trace_counts *c)
{
	struct tocsin_wire w = tocsin_wire_message(to, TRACE_ANSWER_COUNTS);

	tocsin_wire_u64(&w, c->stats.calls);
	tocsin_wire_u64(&w, c->stats.delay);
	tocsin_wire_u64(&w, c->stats.delay_most);
	for (size_t i = 0; i < TOCSIN_TRACE_KINDS; i++) {
		tocsin_wire_u64(&w, c->stats.events[i]);
		tocsin_wire_u64(&w, c->stats.unresolved[i]);
	}
	tocsin_wire_u64(&w, c->packets);
	tocsin_wire_u64(&w, c->flows);
	tocsin_wire_u64(&w, c->early);
	tocsin_wire_u64(&w, c->untold);
	tocsin_wire_u64(&w, c->names);
	return w.at;
}

int trace_get_counts(const uint8_t *bytes, size_t size, struct trace_counts *ret)
{
	struct tocsin_wire_in in = tocsin_wire_get_message(bytes, size, TRACE_ANSWER_COUNTS);
	struct tocsin_traced_stats *s = &ret->stats;

	s->calls = tocsin_wire_get_u64(&in);
	s->delay = tocsin_wire_get_u64(&in);
	s->delay_most = tocsin_wire_get_u64(&in);
	s->count = TOCSIN_TRACE_KINDS;
	for (size_t i = 0; i < TOCSIN_TRACE_KINDS; i++) {
		s->kinds[i] = tocsin_trace_kind_name((enum tocsin_trace_kind)i);
		s->events[i] = tocsin_wire_get_u64(&in);
		s->unresolved[i] = tocsin_wire_get_u64(&in);
	}
	ret->packets = tocsin_wire_get_u64(&in);
	ret->flows = tocsin_wire_get_u64(&in);
	ret->early = tocsin_wire_get_u64(&in);
	ret->untold = tocsin_wire_get_u64(&in);
	ret->names = tocsin_wire_get_u64(&in);
	return tocsin_wire_finish(&in);
}

size_t trace_put_done(uint8_t *to, const struct trace_done *d)
{
	struct tocsin_wire w = tocsin_wire_message(to, TRACE_ANSWER_DONE);

	tocsin_wire_u32(&w, d->error);
	put_text(&w, d->kept, sizeof(d->kept));
	put_text(&w, d->text, sizeof(d->text));
	return w.at;
}

int trace_get_done(const uint8_t *bytes, size_t size, struct trace_done *ret)
{
	struct tocsin_wire_in in = tocsin_wire_get_message(bytes, size, TRACE_ANSWER_DONE);

	ret->error = get_errno(&in);
	tocsin_wire_get_text(&in, ret->kept, sizeof(ret->kept));
	tocsin_wire_get_text(&in, ret->text, sizeof(ret->text));
	return tocsin_wire_finish(&in);
}
