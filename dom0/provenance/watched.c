// SPDX-License-Identifier: GPL-2.0-or-later
/* A watch's events, and open files, in terms of provenance. */
#include "provenance/watched.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static struct tocsin_trace_event begin(const struct tocsin_event *e, enum tocsin_trace_kind kind)
{
	return (struct tocsin_trace_event){
	    .kind = kind,
	    .source = TOCSIN_TRACE_BY_SAMPLE,
	    /* of what was there nobody knows since when: it matters from now on */
	    .since = e->since && e->since < e->time ? e->since : e->time,
	    .time = e->time,
	    .guest = e->guest,
	    .boot = e->boot,
	    .who = e->process,
	    .detail = "",
	    .resolved = !e->process || e->process->confidence == TOCSIN_CONSISTENT};
}

static int hand_on(const struct tocsin_trace_watched *w, const struct tocsin_trace_event *t)
{
	return w->take(t, w->context);
}

static int state_executed(const struct tocsin_trace_watched *w, const struct tocsin_event *e)
{
	struct tocsin_trace_event t = begin(e, TOCSIN_TRACE_EXECUTED);
	struct tocsin_trace_file file = {
	    .path = e->process->exe,
	    .id = {.deleted = e->process->exe_deleted, .memfd = e->process->exe_memfd}};

	if (!e->process->exe[0])
		return 0;
	t.file = &file;
	return hand_on(w, &t);
}

static int state_started(const struct tocsin_trace_watched *w, const struct tocsin_event *e)
{
	struct tocsin_trace_event t = begin(e, TOCSIN_TRACE_CREATED);
	struct tocsin_event_process parent = {.pid = e->process->ppid,
					      .start_time = e->process->parent_start_time,
					      .uid = UINT32_MAX,
					      .euid = UINT32_MAX,
					      .comm = "",
					      .exe = "",
					      .cmdline = "",
					      .container = ""};
	int rc = 0;

	t.other = e->process;
	t.who = e->other;
	if (!t.who && parent.pid && parent.start_time)
		t.who = &parent;
	if (t.who)
		rc = hand_on(w, &t);
	return rc ? rc : state_executed(w, e);
}

static bool on_network(const struct tocsin_socket *s)
{
	return s->family == AF_INET || s->family == AF_INET6;
}

/* Who holds a socket may read from it, and write to it. */
static int state_held(const struct tocsin_trace_watched *w, const struct tocsin_event *e)
{
	struct tocsin_trace_event t = begin(e, TOCSIN_TRACE_RECEIVED);
	int rc;

	t.socket = &e->socket->socket;
	if (!on_network(t.socket)) {
		t.kind = TOCSIN_TRACE_SHARED;
		t.value = 3;
		return hand_on(w, &t);
	}
	rc = hand_on(w, &t);
	t.kind = TOCSIN_TRACE_SENT;
	return rc ? rc : hand_on(w, &t);
}

static int state_socket(const struct tocsin_trace_watched *w, const struct tocsin_event *e)
{
	struct tocsin_trace_event t =
	    begin(e, e->kind == TOCSIN_EVENT_LISTENING  ? TOCSIN_TRACE_LISTENING
		     : e->kind == TOCSIN_EVENT_ACCEPTED ? TOCSIN_TRACE_ACCEPTED
							: TOCSIN_TRACE_CONNECTED);
	bool listens = e->kind == TOCSIN_EVENT_LISTENING;
	int rc = 0;

	t.socket = &e->socket->socket;
	if (!on_network(t.socket) || listens)
		t.kind = listens ? TOCSIN_TRACE_LISTENING : TOCSIN_TRACE_BOUND;
	if (e->process)
		rc = hand_on(w, &t);
	return rc || listens || !e->process ? rc : state_held(w, e);
}

static int state_closed(const struct tocsin_trace_watched *w, const struct tocsin_event *e)
{
	struct tocsin_trace_event t = begin(e, TOCSIN_TRACE_CLOSED);

	t.socket = &e->socket->socket;
	return hand_on(w, &t);
}

static int state_account(const struct tocsin_trace_watched *w, const struct tocsin_event *e)
{
	struct tocsin_trace_event t = begin(e, TOCSIN_TRACE_GAP);
	const struct tocsin_event_account *a = e->account;
	uint64_t length = a->period * a->samples;

	if (a->forks_known && a->forks > a->started)
		t.lost += a->forks - a->started;
	if (a->opens_known && a->opens > a->connected)
		t.lost += a->opens - a->connected;
	if (!t.lost && !a->failed)
		return 0;
	t.who = NULL;
	t.since = length < e->time ? e->time - length : e->time;
	t.detail = t.lost ? "processes and connections lived for less than a sample"
			  : "samples could not be taken";
	return hand_on(w, &t);
}

int tocsin_trace_watch(const struct tocsin_event *e, void *watched)
{
	const struct tocsin_trace_watched *w = watched;
	struct tocsin_trace_event t;

	switch (e->kind) {
	case TOCSIN_EVENT_STARTED:
		return e->process ? state_started(w, e) : 0;
	case TOCSIN_EVENT_EXECUTED:
		return e->process ? state_executed(w, e) : 0;
	case TOCSIN_EVENT_EXITED:
		t = begin(e, TOCSIN_TRACE_EXITED);
		return e->process ? hand_on(w, &t) : 0;
	case TOCSIN_EVENT_OPENED:
	case TOCSIN_EVENT_ACCEPTED:
	case TOCSIN_EVENT_LISTENING:
		return e->socket ? state_socket(w, e) : 0;
	case TOCSIN_EVENT_HELD:
		return e->socket && e->process ? state_held(w, e) : 0;
	case TOCSIN_EVENT_CLOSED:
		return e->socket ? state_closed(w, e) : 0;
	case TOCSIN_EVENT_FINDING:
		t = begin(e, TOCSIN_TRACE_FINDING);
		t.finding = e->finding;
		return e->finding ? hand_on(w, &t) : 0;
	case TOCSIN_EVENT_ACCOUNT:
		return e->account ? state_account(w, e) : 0;
	default:
		return 0;
	}
}

int tocsin_trace_open_file(const struct tocsin_trace_watched *w, const char *guest, uint64_t boot,
			   uint64_t time, const struct tocsin_process *p,
			   const struct tocsin_file *f, uint32_t mount_ns)
{
	struct tocsin_event_process who = {.pid = p->pid,
					   .start_time = p->start_time,
					   .uid = p->uid,
					   .euid = p->euid,
					   .comm = p->comm,
					   .exe = p->exe,
					   .cmdline = "",
					   .container = ""};
	struct tocsin_trace_file file = {.path = f->path ? f->path : "",
					 .mount_ns = mount_ns,
					 .id = f->id,
					 .mode = f->mode,
					 .open = f->file};
	struct tocsin_trace_event t = {.source = TOCSIN_TRACE_BY_SAMPLE,
				       .since = time,
				       .time = time,
				       .guest = guest,
				       .boot = boot,
				       .who = &who,
				       .file = &file,
				       .detail = "",
				       .resolved = f->confidence == TOCSIN_CONSISTENT};
	unsigned int way = f->flags & O_ACCMODE;
	int rc = 0;

	if (f->is_socket || !(S_ISREG(f->mode) || S_ISFIFO(f->mode)))
		return 0;
	t.kind = S_ISFIFO(f->mode) ? TOCSIN_TRACE_SHARED : TOCSIN_TRACE_READ;
	t.value = 2;
	if (way != O_WRONLY)
		rc = w->take(&t, w->context);
	t.kind = S_ISFIFO(f->mode) ? TOCSIN_TRACE_SHARED : TOCSIN_TRACE_WRITTEN;
	t.value = 1;
	return rc || way == O_RDONLY ? rc : w->take(&t, w->context);
}
