// SPDX-License-Identifier: GPL-2.0-or-later
/* Processes, what is done to them, what they begin with, and code that the kernel takes in. */
#include "introspect/file.h"
#include "introspect/object.h"
#include "trace/moment.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Of mm_access: it is not only looked at, and who wants that is a system call of its own, not the
 * opening of a file of /proc. */
#define MODE_ATTACH 0x02u
#define MODE_REAL 0x10u

/* An event without anything but who. */
static int add_plain(struct trace_moment *m, uint64_t value)
{
	struct trace_pending *p = trace_begin(m);

	p->value = value;
	return trace_add(m, p);
}

int trace_take_created(struct trace_moment *m)
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

int trace_take_exited(struct trace_moment *m)
{
	int rc;

	/* Of threads, the one that is the process says so. */
	if (m->who.found && m->who.tid != m->who.pid)
		return 0;
	rc = trace_sockets_end(m);
	return rc ? rc : add_plain(m, trace_value(m) & 0xffff);
}

int trace_take_credentials(struct trace_moment *m)
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
	p->value = before;
	p->resolved = p->resolved && before != UINT32_MAX;
	return trace_add(m, p);
}

/* ---- what is done to others ---- */

/* To the process that was read last, or to one that could not be. */
static int add_other(struct trace_moment *m, bool known, uint64_t value, bool sure)
{
	const struct tocsin_object *o = &m->ev->object;
	struct trace_pending *p = trace_begin(m);

	p->has_other = true;
	p->value = value;
	p->key = m->va;
	p->resolved = p->resolved && sure;
	p->reversed = m->row->part == TOCSIN_TRACE_ASKED;
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

static struct trace_way *way_of(const struct trace_moment *m)
{
	uint64_t stack = tocsin_who_stack(m->ev->who, m->call->rsp);

	return &m->ev->ways[trace_slot(stack, TRACE_ENDS)];
}

void trace_take_way(struct trace_moment *m)
{
	*way_of(m) =
	    (struct trace_way){.stack = tocsin_who_stack(m->ev->who, m->call->rsp),
			       .open_mode = m->row->part == TOCSIN_TRACE_WRITES ? TOCSIN_OPEN_WRITE
										: TOCSIN_OPEN_READ};
}

/* TOCSIN_OPEN_READ and _WRITE; 0: not known. */
static uint32_t recall_way(const struct trace_moment *m, uint64_t mode)
{
	struct trace_way *way = way_of(m);
	uint32_t ret =
	    way->stack == tocsin_who_stack(m->ev->who, m->call->rsp) ? way->open_mode : 0;

	if (!(mode & MODE_REAL))
		return trace_open_mode(m);
	way->stack = 0;
	return ret;
}

/* Who gets at the memory of another: by process_vm_readv or process_vm_writev, or it has opened
 * /proc/PID/mem, which is then used as it is open for. */
static int take_memory(struct trace_moment *m, bool known)
{
	uint64_t mode = trace_value(m);
	uint32_t way;
	int rc = 0;

	if (!(mode & MODE_ATTACH) || (known && m->who.found && m->ev->object.pid == m->who.pid))
		return 0;
	way = recall_way(m, mode);
	if (way != TOCSIN_OPEN_READ)
		rc = add_other(m, known, PTRACE_POKEDATA, way);
	return rc || way == TOCSIN_OPEN_WRITE ? rc : add_other(m, known, PTRACE_PEEKDATA, way);
}

int trace_take_other(struct trace_moment *m)
{
	bool known = trace_read_object(m, "task_struct", m->va);

	if (m->row->part == TOCSIN_TRACE_MEMORY)
		return take_memory(m, known);
	/* What the kernel and children tell, and what a process does to itself, leads nowhere. */
	if (m->row->kind == TOCSIN_TRACE_SIGNAL && (!m->who.found || trace_value(m) == SIGCHLD ||
						    (known && m->ev->object.pid == m->who.pid)))
		return 0;
	return add_other(m, known, trace_value(m) & UINT32_MAX, true);
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
	p->file.mount_ns = trace_namespace(m, tocsin_file_namespace(m->ev->k, f->file));
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

int trace_take_executed(struct trace_moment *m)
{
	int rc, object = tocsin_trace_function_object(m->row, m->function);

	/* Memory is given back, and with it the program in it. */
	if (object >= 0 && (!object || m->call->wide) && !m->va)
		return 0;
	rc = trace_add_file(m);
	if (rc || m->who.found != TOCSIN_WHO_NOW ||
	    trace_uses_told(m->ev, m->time) == (TRACE_USE_FILES | TRACE_USE_SOCKETS))
		return rc;
	return take_inherited(m);
}

/* ---- the kernel ---- */

int trace_take_code(struct trace_moment *m)
{
	struct trace_pending *p = trace_begin(m);
	bool known = trace_read_object(m, m->row->object, m->va);

	p->resolved = p->resolved && known;
	p->value = known ? m->ev->object.id : 0;
	if (known)
		snprintf(p->detail, sizeof(p->detail), "%.100s", m->ev->object.text);
	else
		snprintf(p->detail, sizeof(p->detail), "(unresolved: call %" PRIu32 ")", p->number);
	return trace_add(m, p);
}
