/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests and their workers. A worker is hostile: it may say anything at any time. What it says is
 * taken only if it is what must come next: the outcome of the task that it was sent first, then, if
 * that is to be answered, whether it was. Else it is killed, as is one that says nothing for too
 * long, and the task is given to another worker once; after that it is given up, and a third worker
 * tries to say so in the slot.
 */
#include "dispatch/broker.h"

#include "introspect/store.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define START_SECONDS 30 /* for a worker to be ready */
#define WRITE_SECONDS 10 /* for it to fill a slot */
#define PUMP_MAX 512     /* tasks in a turn */
#define ATTEMPTS_MAX 3   /* two, and one to give up */

static uint8_t buffer[TOCSIN_MESSAGE_MAX], incoming[TOCSIN_MESSAGE_MAX];
static struct tocsin_outcome outcome; /* large */

static void on_worker(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events);

/* ---- tasks ---- */

void tocsin_todos_append(struct tocsin_todos *t, struct tocsin_todo *task)
{
	task->next = NULL;
	*(t->last ? &t->last->next : &t->first) = task;
	t->last = task;
	t->count++;
}

void tocsin_todos_prepend(struct tocsin_todos *t, struct tocsin_todo *task)
{
	task->next = t->first;
	t->first = task;
	if (!t->last)
		t->last = task;
	t->count++;
}

struct tocsin_todo *tocsin_todos_take(struct tocsin_todos *t)
{
	struct tocsin_todo *task = t->first;

	if (!task)
		return NULL;
	t->first = task->next;
	if (!t->first)
		t->last = NULL;
	t->count--;
	task->next = NULL;
	return task;
}

static struct tocsin_todo *take_from_lane(struct tocsin_guest *g)
{
	struct tocsin_todo *task = tocsin_todos_take(&g->lane);

	if (g->fresh == task)
		g->fresh = g->lane.first;
	return task;
}

/* ---- workers ---- */

static void kill_worker(struct tocsin_broker *b, struct tocsin_guest *g)
{
	char folder[256];

	tocsin_broker_unwatch(b, &g->watch);
	if (g->pidfd >= 0) {
		syscall(SYS_pidfd_send_signal, g->pidfd, SIGKILL, NULL, 0);
		close(g->pidfd);
		/* What it began to write of a kernel is nobody's now. */
		if (b->s->worker.cache && tocsin_worker_folder(b->s->worker.cache, g->domain.uuid,
							       folder, sizeof(folder)))
			tocsin_kernel_store_commit(folder, (int)g->pid, "");
	}
	g->pidfd = -1;
	g->pid = 0;
	g->worker = TOCSIN_WORKER_NONE;
	g->outdated = false;
	g->deadline = 0;
}

static void start_worker(struct tocsin_broker *b, struct tocsin_guest *g)
{
	struct tocsin_msg_start m = {.domid = g->domain.domid, .number = ++b->starts};
	int ends[2], rc;

	g->restart_at = b->now + TOCSIN_SECOND / 10;
	memcpy(m.uuid, g->domain.uuid, sizeof(m.uuid));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return;
	rc = tocsin_msg_send(b->supervisor.fd, buffer,
			     tocsin_msg_put_start(buffer, TOCSIN_MSG_START, &m), ends[1], 0);
	close(ends[1]);
	g->watch = (struct tocsin_watch){on_worker, ends[0]};
	if (rc || tocsin_broker_watch(b, &g->watch, EPOLLIN)) {
		close(ends[0]);
		g->watch.fd = -1;
		return;
	}
	g->worker = TOCSIN_WORKER_STARTING;
	g->start = m.number;
	g->deadline = b->now + START_SECONDS * TOCSIN_SECOND;
	b->counters->workers_started++;
	g->counters.workers_started++;
}

/* One that is not wanted any more is ended, even if it does not listen to its socket. */
void tocsin_guests_started(struct tocsin_broker *b, const struct tocsin_msg_start *m, int pidfd)
{
	struct tocsin_guest *g = b->guests;

	while (g && (g->start != m->number || g->worker == TOCSIN_WORKER_NONE))
		g = g->next;
	if (g) {
		g->pidfd = pidfd;
		g->pid = m->pid;
	} else if (pidfd >= 0) {
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		close(pidfd);
	}
}

/* What it was sent goes back to where it was; the first one is what it was doing. */
static void worker_lost(struct tocsin_broker *b, struct tocsin_guest *g, const char *why)
{
	struct tocsin_todos back = g->sent;
	struct tocsin_todo *task, *first;
	bool began = g->worker == TOCSIN_WORKER_READY;

	fprintf(stderr, "tocsind: the worker of domain %u (%s) %s\n", g->domain.domid,
		g->domain.name, why);
	kill_worker(b, g);
	g->sent = (struct tocsin_todos){0};
	first = back.first ? back.first : g->lane.first;
	if (first && (back.first || !began)) {
		first->attempts++;
		if (first->attempts == 1) {
			b->counters->retried++;
			g->counters.retried++;
		}
		if (first->stored)
			tocsin_broker_state(
			    b, tocsin_daemon_state_attempt(b->state, first->id, first->attempts));
	}
	if (back.last) { /* the lane goes behind it */
		back.last->next = g->lane.first;
		if (g->lane.last)
			back.last = g->lane.last;
		back.count += g->lane.count;
		g->lane = back;
	}
	for (task = g->lane.first; task && task->told; task = task->next) {
		free(task->outcome);
		task->outcome = NULL;
		task->outcome_size = 0;
		task->told = false;
	}
	if (g->lane.first && g->lane.first->attempts >= ATTEMPTS_MAX)
		tocsin_report_given_up(b, g, take_from_lane(g));
}

static void worker_died(struct tocsin_broker *b, struct tocsin_guest *g, const char *why)
{
	b->counters->workers_died++;
	g->counters.workers_died++;
	worker_lost(b, g, why);
}

/* It cannot even begin: what waits for it would wait for ever. */
static void worker_failed(struct tocsin_broker *b, struct tocsin_guest *g, const char *why)
{
	struct tocsin_todos lane = g->lane;
	struct tocsin_todo *task;

	kill_worker(b, g);
	g->lane = (struct tocsin_todos){0};
	g->fresh = NULL;
	while ((task = tocsin_todos_take(&lane)))
		tocsin_report_task(b, g, task, false, NULL,
				   task->kind == TOCSIN_REPORT_RING ? NULL : why);
}

/* Does it still have what its first task needs? Else nothing is said by this worker any more. */
static void set_deadline(struct tocsin_broker *b, struct tocsin_guest *g)
{
	g->used = b->now;
	g->deadline = g->sent.first ? b->now + b->s->job_seconds * TOCSIN_SECOND : 0;
}

/* ---- what workers say ---- */

static void end_if_idle(struct tocsin_broker *b, struct tocsin_guest *g)
{
	bool idle = g->worker == TOCSIN_WORKER_READY && !g->sent.first;

	if (idle && (g->outdated || (!g->lane.first && b->s->idle_seconds &&
				     b->now - g->used > b->s->idle_seconds * TOCSIN_SECOND)))
		kill_worker(b, g);
}

static void complete(struct tocsin_broker *b, struct tocsin_guest *g, bool answered,
		     const char *slot_error)
{
	struct tocsin_todo *task = tocsin_todos_take(&g->sent);

	set_deadline(b, g);
	tocsin_report_task(b, g, task, answered, slot_error, NULL);
	end_if_idle(b, g);
}

/* Of an answer the worker says what was found; who, when and over what is not its to say. */
static int send_answer(struct tocsin_broker *b, struct tocsin_guest *g, struct tocsin_todo *task)
{
	struct tocsin_msg_answer m = {.id = task->id, .answer = outcome.answer};

	m.answer.time = tocsin_broker_clock(CLOCK_REALTIME);
	m.answer.ticket = task->event.record.seq;
	memcpy(m.answer.domain_uuid, g->domain.uuid, sizeof(m.answer.domain_uuid));
	tocsin_signer_sign(b->signer, outcome.nonce, &m.answer);
	g->deadline = b->now + WRITE_SECONDS * TOCSIN_SECOND;
	return tocsin_msg_send(g->watch.fd, buffer, tocsin_msg_put_answer(buffer, &m), -1,
			       MSG_DONTWAIT);
}

static bool take_result(struct tocsin_broker *b, struct tocsin_guest *g, size_t size)
{
	struct tocsin_todo *task = g->sent.first;
	size_t at;
	uint64_t id;

	if (!task || task->told || tocsin_msg_get_result(incoming, size, &id, &outcome, &at) ||
	    id != task->id)
		return false;
	task->outcome = malloc(size - at);
	if (!task->outcome)
		return false;
	task->outcome_size = size - at;
	memcpy(task->outcome, incoming + at, size - at);
	task->kind = outcome.kind;
	task->coalesced = outcome.coalesced;
	task->verdict = outcome.kind == TOCSIN_REPORT_VERDICT ? outcome.verdict.verdict : 0;
	if (!outcome.has_request) {
		complete(b, g, false, NULL);
		return true;
	}
	task->told = true;
	return !send_answer(b, g, task);
}

/*
 * The file of its guest's kernel is whole. The next worker maps it; this one has the same in memory
 * of its own, and makes room for that.
 */
static bool take_kernel(struct tocsin_broker *b, struct tocsin_guest *g, const char *name)
{
	char folder[256];
	int rc;

	if (!g->pid || !b->s->worker.cache ||
	    !tocsin_worker_folder(b->s->worker.cache, g->domain.uuid, folder, sizeof(folder)))
		return false;
	rc = tocsin_kernel_store_commit(folder, (int)g->pid, name);
	g->outdated |= !rc;
	return rc != -EINVAL;
}

static bool take_note(struct tocsin_broker *b, struct tocsin_guest *g, int kind, size_t size)
{
	struct tocsin_todo *task = g->sent.first;
	struct tocsin_msg_note m;

	if (tocsin_msg_get_note(incoming, size, &m))
		return false;
	if (kind == TOCSIN_MSG_READY && g->worker == TOCSIN_WORKER_STARTING) {
		if (m.text[0]) {
			worker_failed(b, g, m.text);
			return true;
		}
		g->worker = TOCSIN_WORKER_READY;
		set_deadline(b, g);
		return true;
	}
	if (kind == TOCSIN_MSG_WRITTEN && task && task->told && m.id == task->id) {
		complete(b, g, !m.text[0], m.text[0] ? m.text : NULL);
		return true;
	}
	return kind == TOCSIN_MSG_KEPT && take_kernel(b, g, m.text);
}

static void on_worker(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events)
{
	struct tocsin_guest *g = (struct tocsin_guest *)w;

	while (w->fd >= 0) {
		ssize_t n = tocsin_msg_receive(w->fd, incoming, NULL, MSG_DONTWAIT);
		int kind = n > 0 ? tocsin_msg_kind(incoming, (size_t)n) : 0;
		bool good;

		if (n == -EAGAIN)
			return;
		if (n == 0 && g->outdated && !g->sent.first) {
			kill_worker(b, g);
			return;
		}
		if (n == 0) {
			worker_died(b, g, g->sent.first ? "died over a scan" : "died");
			return;
		}
		good = n > 0 &&
		       (kind == TOCSIN_MSG_RESULT ? take_result(b, g, (size_t)n)
						  : kind > 0 && take_note(b, g, kind, (size_t)n));
		if (!good) {
			worker_died(b, g, "said what it must not, and was killed");
			return;
		}
	}
}

/* ---- giving them work ---- */

static void send_job(struct tocsin_broker *b, struct tocsin_guest *g)
{
	struct tocsin_todo *task = g->lane.first;
	struct tocsin_msg_job m = {.id = task->id,
				   .give_up = task->attempts >= 2,
				   .without = tocsin_policy_without(b, &g->domain),
				   .record = task->event.record};
	int rc =
	    tocsin_msg_send(g->watch.fd, buffer, tocsin_msg_put_job(buffer, &m), -1, MSG_DONTWAIT);

	if (rc == -EAGAIN)
		return;
	if (rc) {
		worker_died(b, g, "died");
		return;
	}
	task = take_from_lane(g);
	tocsin_todos_append(&g->sent, task);
	if (g->sent.count == 1)
		set_deadline(b, g);
}

/* One task of a guest, if it can be begun; false: it cannot, or there is none. */
static bool pump_one(struct tocsin_broker *b, struct tocsin_guest *g)
{
	struct tocsin_todo *task = g->lane.first;
	size_t before = g->lane.count;

	if (!task || g->gone || tocsin_reports_full(b))
		return false;
	if (task->kind == TOCSIN_REPORT_RING) {
		tocsin_report_task(b, g, take_from_lane(g), false, NULL, NULL);
		return true;
	}
	if (g->worker == TOCSIN_WORKER_NONE && b->now >= g->restart_at)
		start_worker(b, g);
	if (g->worker != TOCSIN_WORKER_READY || g->outdated || g->sent.count >= TOCSIN_WORKER_DEPTH)
		return false;
	/* What is tried again is tried alone, so that it is plain what a worker died of. */
	if (g->sent.first && (g->sent.first->attempts || task->attempts))
		return false;
	send_job(b, g);
	return g->lane.count != before;
}

void tocsin_guests_pump(struct tocsin_broker *b)
{
	struct tocsin_guest *g, *last = NULL;
	int left = PUMP_MAX;

	if (!b->turn)
		b->turn = b->guests;
	g = b->turn;
	while (g && g != last && left > 0) {
		struct tocsin_guest *next = g->next ? g->next : b->guests;

		if (pump_one(b, g)) {
			last = NULL;
			left--;
		} else if (!last) {
			last = g; /* until it is come to again, without anybody in between */
		}
		g = next;
	}
	b->turn = g;
}

/* ---- guests ---- */

struct tocsin_guest *tocsin_guest_find(struct tocsin_broker *b, uint32_t domid,
				       struct tocsin_error *err)
{
	struct tocsin_guest *g = b->guests;
	struct tocsin_domain domain;

	while (g && (g->domain.domid != domid || g->gone))
		g = g->next;
	if (g)
		return g;
	if (b->backend->domain(b->backend, domid, &domain, err))
		return NULL;
	if (domain.dying) {
		tocsin_error_set(err, -ESRCH, "domain %u is being destroyed", domid);
		return NULL;
	}
	g = calloc(1, sizeof(*g));
	if (!g) {
		tocsin_error_set(err, -ENOMEM, "no memory for a guest");
		return NULL;
	}
	g->domain = domain;
	g->watch.fd = -1;
	g->pidfd = -1;
	g->next = b->guests;
	b->guests = g;
	return g;
}

static void let_go(struct tocsin_broker *b, struct tocsin_guest *g, const char *why)
{
	struct tocsin_todo *task;

	kill_worker(b, g);
	g->gone = true;
	while ((task = tocsin_todos_take(&g->sent)))
		tocsin_report_refused(b, g, task, why);
	while ((task = take_from_lane(g)))
		tocsin_report_refused(b, g, task, why);
}

void tocsin_guests_refresh(struct tocsin_broker *b)
{
	struct tocsin_domain now;

	for (struct tocsin_guest *g = b->guests; g; g = g->next) {
		struct tocsin_error err = {0};
		int rc = g->gone ? 0 : b->backend->domain(b->backend, g->domain.domid, &now, &err);

		if (g->gone)
			continue;
		if (rc == -ESRCH ||
		    (!rc && (now.dying || memcmp(now.uuid, g->domain.uuid, sizeof(now.uuid))))) {
			let_go(b, g, "the guest is gone");
		} else if (!rc) {
			g->domain = now;
		}
	}
}

void tocsin_guests_bury(struct tocsin_broker *b)
{
	for (struct tocsin_guest **at = &b->guests; *at;) {
		struct tocsin_guest *g = *at;

		if (!g->gone) {
			at = &g->next;
			continue;
		}
		*at = g->next;
		if (b->turn == g)
			b->turn = NULL;
		free(g);
	}
}

void tocsin_guests_tick(struct tocsin_broker *b)
{
	for (struct tocsin_guest *g = b->guests; g; g = g->next) {
		if (g->deadline && b->now >= g->deadline) {
			b->counters->workers_hung++;
			g->counters.workers_hung++;
			worker_lost(b, g, "hung, and was killed");
		}
		end_if_idle(b, g);
	}
}

void tocsin_guests_outdate(struct tocsin_broker *b)
{
	for (struct tocsin_guest *g = b->guests; g; g = g->next) {
		g->outdated = g->worker != TOCSIN_WORKER_NONE;
		end_if_idle(b, g);
	}
}

uint64_t tocsin_guests_deadline(const struct tocsin_broker *b)
{
	uint64_t least = UINT64_MAX;

	for (const struct tocsin_guest *g = b->guests; g; g = g->next) {
		if (g->deadline && g->deadline < least)
			least = g->deadline;
		if (g->worker == TOCSIN_WORKER_NONE && g->lane.first && g->restart_at < least)
			least = g->restart_at;
	}
	return least;
}

void tocsin_guests_free(struct tocsin_broker *b)
{
	for (struct tocsin_guest *g = b->guests; g; g = g->next) {
		struct tocsin_todo *task;

		kill_worker(b, g);
		while ((task = tocsin_todos_take(&g->sent)) ||
		       (task = tocsin_todos_take(&g->lane))) {
			free(task->outcome);
			free(task);
		}
		g->gone = true;
	}
	tocsin_guests_bury(b);
}
