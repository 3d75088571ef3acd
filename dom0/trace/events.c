// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/events.h"
#include "introspect/file.h"
#include "introspect/object.h"
#include "trace/moment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define DOUBT_TIME 20000000u /* nanoseconds for which who is gone cannot be told surely */
#define LOOK_TIME 5000000u   /* nanoseconds */
#define MODE_BITS 07777u

typedef int take_kind(struct trace_moment *m);

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
	trace_protocols_find(ev);
	trace_uses_open(ev);
	ev->sink = (struct trace_sink){
	    .guest = settings->guest, .boot = settings->boot, .take = take, .context = context};
	*ret = ev;
	return 0;
}

void tocsin_traced_events_close(struct tocsin_traced_events *ev)
{
	if (ev) {
		trace_queue_clear(&ev->queue);
		trace_uses_close(ev);
	}
	free(ev);
}

struct trace_pending *trace_begin(const struct trace_moment *m)
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
	p->who_resolved = p->resolved;
	p->told = trace_uses_told(m->ev, m->time);
	return p;
}

int trace_add(struct trace_moment *m, struct trace_pending *p)
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
static int add_plain(struct trace_moment *m, uint64_t value)
{
	struct trace_pending *p = trace_begin(m);

	if (!p)
		return -ENOMEM;
	p->value = value;
	return trace_add(m, p);
}

uint64_t trace_argument(const struct trace_moment *m, unsigned int i)
{
	return i < TOCSIN_TRACE_RECORDED && (!i || m->call->wide) ? m->args[i] : 0;
}

static uint64_t value_of(const struct trace_moment *m)
{
	return m->row->value == TOCSIN_TRACE_NO_VALUE ? 0 : trace_argument(m, m->row->value);
}

bool trace_read_object(struct trace_moment *m, const char *type, uint64_t va)
{
	uint64_t task = m->who.found == TOCSIN_WHO_NOW ? m->who.task : 0;

	return va && !tocsin_object_read(m->ev->k, type, va, task, &m->ev->object);
}

/* ---- processes ---- */

static int take_created(struct trace_moment *m)
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
	p = trace_begin(m);
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
	return trace_add(m, p);
}

static int take_exited(struct trace_moment *m)
{
	/* Of threads, the one that is the process says so. */
	if (m->who.found && m->who.tid != m->who.pid)
		return 0;
	return add_plain(m, value_of(m) & 0xffff);
}

static int take_credentials(struct trace_moment *m)
{
	const struct tocsin_object *o = &m->ev->object;
	struct trace_pending *p;
	uint32_t before = m->who.euid;

	if (m->who.found && trace_read_object(m, "cred", m->va)) {
		if (o->uid == m->who.uid && o->euid == m->who.euid)
			return 0;
		tocsin_who_credentials(m->ev->who, m->call->rsp, o->uid, o->euid);
		m->who.uid = o->uid;
		m->who.euid = o->euid;
	} else {
		m->who.uid = m->who.euid = before = UINT32_MAX;
	}
	p = trace_begin(m);
	if (!p)
		return -ENOMEM;
	p->value = before;
	p->resolved = p->resolved && before != UINT32_MAX;
	return trace_add(m, p);
}

/* A process that something is done to. */
static int take_other(struct trace_moment *m)
{
	const struct tocsin_object *o = &m->ev->object;
	struct trace_pending *p;
	bool known = trace_read_object(m, "task_struct", m->va);

	/* What the kernel and children tell, and what a process does to itself, leads nowhere. */
	if (m->row->kind == TOCSIN_TRACE_SIGNAL &&
	    (!m->who.found || value_of(m) == SIGCHLD || (known && o->pid == m->who.pid)))
		return 0;
	p = trace_begin(m);
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
	return trace_add(m, p);
}

/* ---- files ---- */

static uint32_t hash_of(const char *text)
{
	return (uint32_t)XXH3_64bits(text, strlen(text));
}

/* What was read is of a dentry whose file is known, or is now. */
static void recall_name(struct tocsin_traced_events *ev, struct tocsin_object *o)
{
	struct known_name *n = &ev->names[trace_slot(o->dentry, TRACE_FILES)];
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

void trace_set_file(struct trace_pending *p, const struct tocsin_object *o)
{
	p->has_file = true;
	p->path = strdup(o->text);
	p->inode = o->inode;
	p->file.id = o->file;
	p->file.id.deleted = o->file.memfd || (p->kind == TOCSIN_TRACE_UNLINKED && !o->links);
	p->file.mode = o->mode;
	p->open_mode = o->open_mode;
}

/* A file that the event has, read by its struct file or dentry. */
static struct trace_pending *begin_file(struct trace_moment *m)
{
	struct trace_pending *p = trace_begin(m);
	bool is_file = !strcmp(m->row->object, "file");

	if (!p)
		return NULL;
	p->has_file = true;
	p->key = m->va;
	if (is_file)
		p->file.open = m->va;
	if (!trace_read_object(m, m->row->object, m->va)) {
		trace_pending_unresolve(p);
		return p;
	}
	recall_name(m->ev, &m->ev->object);
	trace_set_file(p, &m->ev->object);
	return p;
}

/* An event without anything but who and a file. */
static int add_file(struct trace_moment *m)
{
	struct trace_pending *p = begin_file(m);

	return p ? trace_add(m, p) : -ENOMEM;
}

/* Files without a name are made on a mount of their own, so what lies there now is of another file
 * system if the inode is another's. */
static bool is_on_mount(const struct trace_moment *m, uint64_t mnt)
{
	const struct tocsin_process_layout *l;
	uint64_t sb, own;

	return !tocsin_process_layout(m->ev->k, &l, NULL) &&
	       !tocsin_kernel_read_u64(m->ev->k, mnt + l->vfsmount_sb, &sb) &&
	       !tocsin_kernel_read_u64(m->ev->k, m->va + l->inode_sb, &own) && sb == own;
}

/* What memfd_create and its like make: to be read and written. Pipes and sockets are none. */
static int take_nameless(struct trace_moment *m)
{
	const struct tocsin_object *o = &m->ev->object;
	struct trace_pending *p;
	uint64_t name;

	if (!is_on_mount(m, trace_argument(m, 1)) ||
	    tocsin_object_last_name(m->ev->k, m->va, &name) ||
	    !trace_read_object(m, "dentry", name) || o->inode != m->va || !S_ISREG(o->mode))
		return 0;
	p = trace_begin(m);
	if (!p)
		return -ENOMEM;
	trace_set_file(p, o);
	p->resolved = p->resolved && m->ev->inodes_told;
	p->open_mode = TOCSIN_OPEN_READ | TOCSIN_OPEN_WRITE | TOCSIN_OPEN_CREATED;
	return trace_add(m, p);
}

static int take_opened(struct trace_moment *m)
{
	struct trace_pending *p;

	if (!strcmp(m->row->object, "inode"))
		return take_nameless(m);
	trace_queue_reused(&m->ev->queue, m->va, m->time);
	p = begin_file(m);
	if (p && trace_file_opened(m->ev, p)) {
		trace_pending_free(p);
		p = NULL;
	}
	return p ? trace_add(m, p) : -ENOMEM;
}

static int take_released(struct trace_moment *m)
{
	struct trace_pending *p = trace_begin(m);

	if (!p)
		return -ENOMEM;
	trace_file_closed(m);
	p->has_file = true;
	p->file.open = m->va;
	p->has_who = m->who.found;
	p->resolved = true;
	return trace_add(m, p);
}

static int take_renamed(struct trace_moment *m)
{
	struct trace_pending *p = begin_file(m);

	if (!p)
		return -ENOMEM;
	/* What is read is the name that it has since; the one before is known from before. */
	if (p->file.id.inode) {
		p->to = p->path;
		p->path = NULL;
	}
	return trace_add(m, p);
}

static int take_linked(struct trace_moment *m)
{
	struct trace_pending *p = begin_file(m);
	uint64_t name;
	bool symbolic = trace_argument(m, 0) != m->va;

	if (!p)
		return -ENOMEM;
	p->value = symbolic;
	if (symbolic && p->path)
		p->to = strdup(p->path);
	else if (m->ev->object.inode && p->file.id.inode &&
		 !tocsin_object_last_name(m->ev->k, m->ev->object.inode, &name) && name != m->va &&
		 trace_read_object(m, "dentry", name) &&
		 m->ev->object.file.inode == p->file.id.inode)
		p->to = strdup(m->ev->object.text);
	if (!p->to)
		p->resolved = false;
	return trace_add(m, p);
}

/* The call that says what is done, and the one that says to which file. */
static int take_mode(struct trace_moment *m)
{
	struct trace_pending *p;

	if (m->row->part != TOCSIN_TRACE_COMPLETES) {
		p = trace_begin(m);
		if (!p)
			return -ENOMEM;
		p->has_file = p->incomplete = true;
		p->value = value_of(m) & MODE_BITS;
		return trace_add(m, p);
	}
	p = trace_queue_incomplete(&m->ev->queue, m->row->kind,
				   tocsin_who_stack(m->ev->who, m->call->rsp));
	if (!p)
		return 0; /* times or size */
	p->incomplete = false;
	if (!trace_read_object(m, "dentry", m->va)) {
		trace_pending_unresolve(p);
		return 0;
	}
	recall_name(m->ev, &m->ev->object);
	trace_set_file(p, &m->ev->object);
	p->read = m->now;
	trace_queue_changed(&m->ev->queue, p);
	p->value = p->file.mode; /* as it is since */
	return 0;
}

/* What is done at once, and by the name. */
static int take_truncated(struct trace_moment *m)
{
	struct trace_pending *p = begin_file(m);

	if (!p)
		return -ENOMEM;
	p->value = 1;
	return trace_add(m, p);
}

static int take_mapped(struct trace_moment *m)
{
	int rc = m->va && value_of(m) & PROT_EXEC ? add_file(m) : 0;

	return rc || !m->va ? rc : trace_map_file(m);
}

/* ---- a program, and what it has open when it begins ---- */

static bool is_connected(const struct tocsin_socket *s)
{
	return (s->family == AF_INET || s->family == AF_INET6) && s->remote_port;
}

static int inherit(struct trace_moment *m, const struct tocsin_file *f)
{
	unsigned int told = trace_uses_told(m->ev, m->time);
	struct trace_pending *p;
	static const uint32_t modes[] = {TOCSIN_OPEN_READ, TOCSIN_OPEN_WRITE,
					 TOCSIN_OPEN_READ | TOCSIN_OPEN_WRITE, 0};

	if (f->is_socket ? !is_connected(&f->socket) && !f->socket.peer
			 : !S_ISREG(f->mode) && !S_ISFIFO(f->mode))
		return 0;
	if (f->is_socket ? (told & TRACE_USE_SOCKETS) == TRACE_USE_SOCKETS : told & TRACE_USE_FILES)
		return 0;
	p = trace_begin(m);
	if (!p)
		return -ENOMEM;
	p->key = f->file;
	p->resolved = p->resolved && f->confidence == TOCSIN_CONSISTENT;
	if (f->is_socket) {
		p->has_socket = true;
		p->socket = f->socket;
		p->both_ways = !f->socket.peer;
		p->kind = f->socket.peer ? TOCSIN_TRACE_SHARED : TOCSIN_TRACE_SENT;
		p->value = f->socket.peer ? 3 : 0;
		return trace_add(m, p);
	}
	p->inherited = p->has_file = true;
	p->path = strdup(f->path);
	p->file.id = f->id;
	p->file.mode = f->mode;
	p->file.open = f->file;
	p->open_mode = modes[f->flags & 3];
	return trace_add(m, p);
}

/* As it is now, a moment after. */
static int take_inherited(struct trace_moment *m)
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

static int take_executed(struct trace_moment *m)
{
	int rc, object = tocsin_trace_function_object(m->row, m->function);

	/* Memory is given back, and with it the program in it. */
	if (object >= 0 && (!object || m->call->wide) && !m->va)
		return 0;
	rc = add_file(m);
	if (rc || m->who.found != TOCSIN_WHO_NOW ||
	    trace_uses_told(m->ev, m->time) == (TRACE_USE_FILES | TRACE_USE_SOCKETS))
		return rc;
	return take_inherited(m);
}

/* ---- the kernel ---- */

static int take_code(struct trace_moment *m)
{
	struct trace_pending *p = trace_begin(m);
	bool known = trace_read_object(m, m->row->object, m->va);

	if (!p)
		return -ENOMEM;
	p->resolved = p->resolved && known;
	p->value = known ? m->ev->object.id : 0;
	if (known)
		snprintf(p->detail, sizeof(p->detail), "%.100s", m->ev->object.text);
	else
		snprintf(p->detail, sizeof(p->detail), "(unresolved: call %" PRIu32 ")", p->number);
	return trace_add(m, p);
}

/* ---- all ---- */

static take_kind *const takes[TOCSIN_TRACE_KINDS] = {
    [TOCSIN_TRACE_CREATED] = take_created,
    [TOCSIN_TRACE_EXECUTED] = take_executed,
    [TOCSIN_TRACE_EXITED] = take_exited,
    [TOCSIN_TRACE_CREDENTIALS] = take_credentials,
    [TOCSIN_TRACE_SIGNAL] = take_other,
    [TOCSIN_TRACE_PTRACE] = take_other,
    [TOCSIN_TRACE_OPENED] = take_opened,
    [TOCSIN_TRACE_RELEASED] = take_released,
    [TOCSIN_TRACE_RENAMED] = take_renamed,
    [TOCSIN_TRACE_LINKED] = take_linked,
    [TOCSIN_TRACE_UNLINKED] = add_file,
    [TOCSIN_TRACE_MODE] = take_mode,
    [TOCSIN_TRACE_MAPPED] = take_mapped,
    [TOCSIN_TRACE_MODULE] = take_code,
    [TOCSIN_TRACE_BPF] = take_code,
    [TOCSIN_TRACE_BOUND] = trace_take_socket,
    [TOCSIN_TRACE_LISTENING] = trace_take_socket,
    [TOCSIN_TRACE_ACCEPTED] = trace_take_socket,
    [TOCSIN_TRACE_CONNECTED] = trace_take_socket,
    [TOCSIN_TRACE_CLOSED] = trace_take_closed,
    [TOCSIN_TRACE_READ] = trace_take_file_use,
    [TOCSIN_TRACE_WRITTEN] = take_truncated,
    [TOCSIN_TRACE_SHARED] = trace_take_splice,
    [TOCSIN_TRACE_SENT] = trace_take_socket_use,
    [TOCSIN_TRACE_RECEIVED] = trace_take_socket_use,
};

/* ---- what is no event of its own ---- */

static struct trace_use *use_of(const struct trace_moment *m)
{
	uint64_t stack = tocsin_who_stack(m->ev->who, m->call->rsp);

	return &m->ev->opens[trace_slot(stack, TRACE_ENDS)];
}

static int take_use(struct trace_moment *m)
{
	*use_of(m) = (struct trace_use){.stack = tocsin_who_stack(m->ev->who, m->call->rsp),
					.flags = (uint32_t)value_of(m)};
	return 0;
}

/* As the kernel makes a file's mode of the flags of open; that it is executed is a flag of its own.
 */
static uint32_t mode_of(uint32_t flags)
{
	uint32_t mode = flags & TOCSIN_OPEN_EXEC;

	if (flags & O_PATH)
		return TOCSIN_OPEN_PATH;
	if ((flags & O_ACCMODE) != O_WRONLY)
		mode |= TOCSIN_OPEN_READ;
	return flags & O_ACCMODE ? mode | TOCSIN_OPEN_WRITE : mode;
}

/* (&file->f_ra, inode->i_mapping): both members, so it is known of which file and inode. What the
 * inode says is of then if nothing was made of it meanwhile. */
static int take_identity(struct trace_moment *m)
{
	const struct tocsin_object_layout *l = m->ev->k->object;
	const struct tocsin_object *o = &m->ev->object;
	struct trace_use *use = use_of(m);
	uint64_t inode, host, name;
	struct trace_pending *p;

	if (!l || l->file_ahead == TOCSIN_NO_MEMBER || l->inode_data == TOCSIN_NO_MEMBER ||
	    l->mapping_host == TOCSIN_NO_MEMBER || !m->va)
		return 0;
	inode = m->va - l->inode_data;
	p = trace_queue_opened(&m->ev->queue, m->args[0] - l->file_ahead,
			       tocsin_who_stack(m->ev->who, m->call->rsp));
	if (!p || use->stack != p->stack)
		return 0;
	use->stack = 0; /* of this open */
	if (p->carried_path || tocsin_kernel_read_u64(m->ev->k, m->va + l->mapping_host, &host) ||
	    host != inode || tocsin_object_last_name(m->ev->k, inode, &name) ||
	    !trace_read_object(m, "dentry", name) || o->inode != inode)
		return 0;
	p->carried_path = strdup(o->text);
	p->carried_id = o->file;
	p->carried_mode = o->mode;
	p->carried_open = mode_of(use->flags);
	p->carried_sure = m->ev->inodes_told;
	p->inode = inode;
	p->read = m->now;
	trace_queue_changed(&m->ev->queue, p);
	/* Its memory was another's already when it was read. */
	if (!p->file.id.inode || p->file.id.inode != o->file.inode)
		trace_pending_unresolve(p);
	return trace_file_opened(m->ev, p);
}

static int take_part(struct trace_moment *m)
{
	if (m->row->part == TOCSIN_TRACE_USE)
		return take_use(m);
	if (m->row->part == TOCSIN_TRACE_IDENTITY)
		return take_identity(m);
	if (m->row->part == TOCSIN_TRACE_ADDRESSES)
		return trace_take_ends(m);
	if (m->row->part == TOCSIN_TRACE_JOINED) {
		trace_socket_joined(m, m->va, trace_argument(m, 1));
		return 0;
	}
	if (m->row->part == TOCSIN_TRACE_BEGINS)
		return 0;
	if (m->row->kind == TOCSIN_TRACE_CONNECTED) {
		trace_take_made(m);
		trace_sock_made(m);
		return 0;
	}
	trace_queue_reused(&m->ev->queue, m->va, m->time);
	m->ev->inodes_told = true;
	return 0;
}

static int take_whole(struct trace_moment *m)
{
	struct tocsin_traced_events *ev = m->ev;

	if (m->now - ev->looked > LOOK_TIME || m->time > ev->looked)
		ev->looked = m->now;
	tocsin_who_find(ev->who, m->call->rsp, (int64_t)ev->looked, ev->looked - m->time, &m->who);
	if (m->row->kind != TOCSIN_TRACE_CONNECTED)
		trace_ends_forget(m);
	return takes[m->row->kind](m);
}

int tocsin_traced_events_call(struct tocsin_traced_events *ev, const char *name,
			      const struct tocsin_function *f,
			      const struct tocsin_traced_call *call, uint64_t time, uint64_t now)
{
	struct trace_moment m = {.ev = ev,
				 .row = tocsin_trace_function_row(name),
				 .function = f,
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
		m.va = trace_argument(&m, (unsigned int)object);
	if (m.row->part != TOCSIN_TRACE_WHOLE && m.row->part != TOCSIN_TRACE_COMPLETES &&
	    m.row->part != TOCSIN_TRACE_FIRST)
		return take_part(&m);
	return take_whole(&m);
}

static int add_gap(struct tocsin_traced_events *ev, uint64_t since, uint64_t until, uint64_t lost,
		   const char *name, const char *why)
{
	struct trace_pending *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->kind = TOCSIN_TRACE_GAP;
	p->since = since < until ? since : until;
	p->time = p->read = until;
	p->lost = lost;
	p->resolved = true;
	snprintf(p->detail, sizeof(p->detail), "%s%s%s", name, name[0] ? ": " : "", why);
	return trace_queue_add(&ev->queue, p);
}

static void doubt_inodes(struct tocsin_traced_events *ev, uint64_t since)
{
	ev->inodes_told = false;
	trace_queue_doubt(&ev->queue, true, since);
}

void tocsin_traced_events_stopped(struct tocsin_traced_events *ev, const char *name, uint64_t since)
{
	const struct tocsin_trace_row *row = tocsin_trace_function_row(name);

	if (!row)
		return;
	trace_uses_stopped(ev, name, since);
	if (row->kind == TOCSIN_TRACE_CREATED)
		tocsin_who_doubt(ev->who);
	if (row->part == TOCSIN_TRACE_USE)
		memset(ev->opens, 0, sizeof(ev->opens));
	if (row->part == TOCSIN_TRACE_MADE && row->kind == TOCSIN_TRACE_OPENED)
		doubt_inodes(ev, since);
	else if (row->part == TOCSIN_TRACE_MADE)
		trace_sockets_doubt(ev, since);
}

void tocsin_traced_events_began(struct tocsin_traced_events *ev, const char *name, uint64_t since)
{
	trace_uses_began(ev, name, since);
}

int tocsin_traced_events_missing(struct tocsin_traced_events *ev, const char *name, uint64_t since,
				 uint64_t until, const char *why)
{
	return add_gap(ev, since, until, 0, name, why);
}

int tocsin_traced_events_gap(struct tocsin_traced_events *ev, uint64_t since, uint64_t until,
			     uint64_t lost, const char *why)
{
	tocsin_who_doubt(ev->who);
	trace_uses_doubt(ev);
	trace_sockets_doubt(ev, since);
	doubt_inodes(ev, since);
	memset(ev->opens, 0, sizeof(ev->opens));
	memset(ev->ends, 0, sizeof(ev->ends));
	return add_gap(ev, since, until, lost, "", why);
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
