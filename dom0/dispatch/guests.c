/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests and their workers. A worker gets a packet of tasks, and the next when it has told of all
 * of them, along with the answers that it is to write.
 *
 * It is hostile: it may say anything at any time. What it says is taken only if it is what can come
 * next: the outcome of the first task that it has not told of, or whether the first slot was
 * written that it was to write. Else it is killed, as is one that says nothing for too long, and
 * the task is given to another worker once; after that it is given up, and a third worker tries to
 * say so in the slot.
 */
#include "base/clock.h"
#include "dispatch/broker.h"
#include "dispatch/child.h"
#include "dispatch/kernels.h"
#include "dispatch/pulse.h"

#include "introspect/store.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define START_SECONDS 30                /* for a worker to be ready */
#define WRITE_SECONDS 10                /* for it to fill a slot */
#define LOOK_PERIOD (TOCSIN_SECOND / 4) /* whether a worker sleeps */
#define PUMP_MAX 512                    /* tasks in a turn */
#define ATTEMPTS_MAX 3                  /* two, and one to give up */

static uint8_t buffer[TOCSIN_MESSAGE_MAX];
static struct tocsin_packet incoming, outgoing;
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

/* To where they came from, ahead of all others. */
static void put_back(struct tocsin_guest *g, struct tocsin_todos *t)
{
	if (!t->first)
		return;
	t->last->next = g->lane.first;
	if (g->lane.last)
		t->last = g->lane.last;
	t->count += g->lane.count;
	g->lane = *t;
	g->fresh = g->lane.first; /* some may not be in the state yet */
	*t = (struct tocsin_todos){0};
}

/* The first one that its worker has not told of. */
static struct tocsin_todo *first_untold(const struct tocsin_guest *g)
{
	struct tocsin_todo *task = g->sent.first;

	while (task && task->told)
		task = task->next;
	return task;
}

/* ---- workers ---- */

static void kill_worker(struct tocsin_broker *b, struct tocsin_guest *g)
{
	char folder[256];

	tocsin_broker_unwatch(b, &g->watch);
	if (g->pidfd >= 0) {
		tocsin_child_end(g->pidfd);
		/* What it began to write of a kernel is nobody's now. */
		if (b->s->worker.cache && tocsin_kernels_folder(b->s->worker.cache, g->domain.uuid,
								folder, sizeof(folder)))
			tocsin_kernel_store_commit(folder, (int)g->pid, "");
	}
	g->pidfd = -1;
	g->pid = 0;
	g->worker = TOCSIN_WORKER_NONE;
	g->outdated = g->kept = g->hung = false;
	g->deadline = g->asleep = 0;
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
	} else {
		tocsin_child_end(pidfd);
	}
}

/* What the worker died or hung over. */
static void note_attempt(struct tocsin_broker *b, struct tocsin_guest *g, struct tocsin_todo *task)
{
	task->alone = true;
	task->attempts++;
	if (task->attempts == 1) {
		b->counters->retried++;
		g->counters.retried++;
	}
	if (task->stored)
		tocsin_broker_state(
		    b, tocsin_daemon_state_attempt(b->state, task->id, task->attempts));
}

/*
 * What it was sent goes back to where it was. It was at the first one that it had not told of, or
 * at one that it would have told of in the same packet: so each is tried alone. What it has told is
 * kept, for those whose answer it was to write and perhaps has.
 */
static void worker_lost(struct tocsin_broker *b, struct tocsin_guest *g, const char *why)
{
	struct tocsin_todo *task = first_untold(g);
	bool began = g->worker == TOCSIN_WORKER_READY;

	fprintf(stderr, "tocsind: the worker of domain %u (%s) %s\n", g->domain.domid,
		g->domain.name, why);
	kill_worker(b, g);
	if (!task)
		task = g->sent.first;
	if (!task && !began)
		task = g->lane.first;
	if (task)
		note_attempt(b, g, task);
	for (task = g->sent.first; task; task = task->next) {
		task->written_before |= task->unwritten;
		task->told = task->unwritten = false;
		task->alone = true;
	}
	put_back(g, &g->sent);
	if (g->lane.first && g->lane.first->attempts >= ATTEMPTS_MAX)
		tocsin_report_given_up(b, g, take_from_lane(g));
}

static void worker_died(struct tocsin_broker *b, struct tocsin_guest *g, const char *why)
{
	b->counters->workers_died++;
	g->counters.workers_died++;
	worker_lost(b, g, why);
}

static void worker_hung(struct tocsin_broker *b, struct tocsin_guest *g, const char *why)
{
	b->counters->workers_hung++;
	g->counters.workers_hung++;
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

static bool must_say_something(const struct tocsin_guest *g)
{
	return g->worker == TOCSIN_WORKER_READY && g->sent.first && g->pid;
}

/* For the next thing that it must say, from now on. */
static void set_deadline(struct tocsin_broker *b, struct tocsin_guest *g)
{
	const struct tocsin_todo *last = g->sent.last;
	uint64_t seconds = last && last->told ? WRITE_SECONDS : b->s->job_seconds;

	g->used = b->now;
	g->deadline = last ? b->now + seconds * TOCSIN_SECOND : 0;
	g->look_at = b->now + LOOK_PERIOD;
	g->asleep = 0;
}

/* ---- what workers say ---- */

static void end_if_idle(struct tocsin_broker *b, struct tocsin_guest *g)
{
	bool idle = g->worker == TOCSIN_WORKER_READY && !g->sent.first;

	if (idle && (g->outdated || (!g->lane.first && b->s->idle_seconds &&
				     b->now - g->used > b->s->idle_seconds * TOCSIN_SECOND)))
		kill_worker(b, g);
}

/* The first one that it was sent, and those after it that have waited for nothing else. */
static void complete(struct tocsin_broker *b, struct tocsin_guest *g, bool answered,
		     const char *slot_error)
{
	tocsin_report_task(b, g, tocsin_todos_take(&g->sent), answered, slot_error, NULL);
	while (g->sent.first && g->sent.first->told && !g->sent.first->unwritten)
		tocsin_report_task(b, g, tocsin_todos_take(&g->sent), false, NULL, NULL);
}

/* Of an answer the worker says what was found; who, when and over what is not its to say. */
static bool add_answer(struct tocsin_broker *b, struct tocsin_guest *g,
		       const struct tocsin_todo *task)
{
	struct tocsin_msg_answer m = {.id = task->id, .answer = outcome.answer};

	m.answer.time = tocsin_realtime();
	m.answer.ticket = task->event.record.seq;
	memcpy(m.answer.domain_uuid, g->domain.uuid, sizeof(m.answer.domain_uuid));
	tocsin_signer_sign(b->signer, outcome.nonce, &m.answer);
	return tocsin_packet_add(&outgoing, buffer, tocsin_msg_put_answer(buffer, &m));
}

static bool keep_outcome(struct tocsin_todo *task, const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size);

	if (!copy)
		return false;
	memcpy(copy, bytes, size);
	free(task->outcome);
	task->outcome = copy;
	task->outcome_size = size;
	task->kind = outcome.kind;
	task->coalesced = outcome.coalesced;
	task->verdict = outcome.kind == TOCSIN_REPORT_VERDICT ? outcome.verdict.verdict : 0;
	return true;
}

static bool take_result(struct tocsin_broker *b, struct tocsin_guest *g, const uint8_t *bytes,
			size_t size)
{
	struct tocsin_todo *task = first_untold(g);
	bool gone;
	size_t at;
	uint64_t id;

	if (!task || tocsin_msg_get_result(bytes, size, &id, &outcome, &at) || id != task->id)
		return false;
	/* The block is no request any more: what was told before is the outcome. */
	gone = task->written_before && !outcome.has_request;
	if (!gone && !keep_outcome(task, bytes + at, size - at))
		return false;
	task->told = true;
	task->unwritten = outcome.has_request;
	if (task->unwritten)
		return add_answer(b, g, task);
	if (task == g->sent.first)
		complete(b, g, false,
			 gone ? "a worker died as it wrote the answer, and may have done so"
			      : NULL);
	return true;
}

/*
 * The file of its guest's kernel is whole; each worker has one. The next worker maps it; this one
 * has the same in memory of its own, and makes room for that.
 */
static bool take_kernel(struct tocsin_broker *b, struct tocsin_guest *g, const char *name)
{
	char folder[256];
	int rc;

	if (!g->pid || g->worker != TOCSIN_WORKER_READY || g->kept || !b->s->worker.cache ||
	    !tocsin_kernels_folder(b->s->worker.cache, g->domain.uuid, folder, sizeof(folder)))
		return false;
	g->kept = true;
	rc = tocsin_kernel_store_commit(folder, (int)g->pid, name);
	g->outdated |= !rc;
	return rc != -EINVAL;
}

static bool take_note(struct tocsin_broker *b, struct tocsin_guest *g, int kind,
		      const uint8_t *bytes, size_t size)
{
	struct tocsin_todo *task = g->sent.first;
	struct tocsin_msg_note m;

	if (tocsin_msg_get_note(bytes, size, &m))
		return false;
	if (kind == TOCSIN_MSG_READY && g->worker == TOCSIN_WORKER_STARTING) {
		if (m.text[0])
			worker_failed(b, g, m.text);
		else
			g->worker = TOCSIN_WORKER_READY;
		return true;
	}
	if (kind == TOCSIN_MSG_WRITTEN && task && task->unwritten && m.id == task->id) {
		complete(b, g, !m.text[0], m.text[0] ? m.text : NULL);
		return true;
	}
	g->hung |= kind == TOCSIN_MSG_HUNG;
	return g->hung || (kind == TOCSIN_MSG_KEPT && take_kernel(b, g, m.text));
}

/* All that it says at once; false: something of it must not be. */
static bool take_packet(struct tocsin_broker *b, struct tocsin_guest *g)
{
	const uint8_t *bytes;
	size_t size;
	int rc;

	while ((rc = tocsin_packet_next(&incoming, &bytes, &size)) > 0 && g->watch.fd >= 0) {
		int kind = tocsin_msg_kind(bytes, size);

		if (kind == TOCSIN_MSG_RESULT ? !take_result(b, g, bytes, size)
					      : kind < 0 || !take_note(b, g, kind, bytes, size))
			return false;
		/* What is no step towards an outcome wins it no time. */
		if (kind != TOCSIN_MSG_KEPT)
			set_deadline(b, g);
	}
	return rc >= 0;
}

static void converse(struct tocsin_broker *b, struct tocsin_guest *g);

static void on_worker(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events)
{
	struct tocsin_guest *g = (struct tocsin_guest *)w;
	ssize_t n = tocsin_packet_receive(&incoming, w->fd, MSG_DONTWAIT);

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
	outgoing.size = 0;
	if (n < 0 || !take_packet(b, g)) {
		worker_died(b, g, "said what it must not, and was killed");
		return;
	}
	if (w->fd < 0)
		return;
	if (g->hung) {
		worker_hung(b, g, "spun without a look into its guest, and ended");
		return;
	}
	converse(b, g);
	end_if_idle(b, g);
}

/* ---- giving them work ---- */

static void add_job(struct tocsin_broker *b, struct tocsin_guest *g, struct tocsin_todos *going)
{
	struct tocsin_todo *task = take_from_lane(g);
	struct tocsin_msg_job m = {.id = task->id,
				   .give_up = task->attempts >= 2,
				   .without = tocsin_policy_without(b, &g->domain),
				   .record = task->event.record};

	/* So few and so small that there is room. */
	tocsin_packet_add(&outgoing, buffer, tocsin_msg_put_job(buffer, &m));
	tocsin_todos_append(going, task);
}

/* The next one is a scan, and can be begun with those that are going. */
static bool can_begin(struct tocsin_broker *b, const struct tocsin_guest *g,
		      const struct tocsin_todos *going)
{
	const struct tocsin_todo *task = g->lane.first;

	if (!task || task->kind == TOCSIN_REPORT_RING || tocsin_reports_full(b))
		return false;
	if (g->sent.count + going->count >= TOCSIN_WORKER_DEPTH)
		return false;
	/* What is tried again is tried alone, so that it is plain what a worker died of. */
	return !task->alone || (!g->sent.first && !going->first);
}

/* Send what is to be sent: answers, and tasks if it has told of all that it has. */
static void converse(struct tocsin_broker *b, struct tocsin_guest *g)
{
	struct tocsin_todos going = {0};
	int rc;

	if (g->worker == TOCSIN_WORKER_READY && !g->outdated &&
	    (!g->sent.last || (g->sent.last->told && !g->sent.last->alone)))
		while (can_begin(b, g, &going) && (!going.first || !going.first->alone))
			add_job(b, g, &going);
	if (!outgoing.size)
		return;
	rc = tocsin_packet_send(&outgoing, g->watch.fd, MSG_DONTWAIT);
	if (rc)
		put_back(g, &going);
	if (rc == -EAGAIN && !g->sent.first)
		return;
	if (rc) {
		worker_died(b, g, rc == -EAGAIN ? "does not listen, and was killed" : "died");
		return;
	}
	if (!going.first)
		return;
	while (going.first)
		tocsin_todos_append(&g->sent, tocsin_todos_take(&going));
	set_deadline(b, g);
}

/* Begin what can be begun of a guest at once; how many tasks. */
static size_t pump_one(struct tocsin_broker *b, struct tocsin_guest *g)
{
	size_t before = g->lane.count;

	while (g->lane.first && g->lane.first->kind == TOCSIN_REPORT_RING && !g->gone &&
	       before - g->lane.count < TOCSIN_WORKER_DEPTH && !tocsin_reports_full(b))
		tocsin_report_task(b, g, take_from_lane(g), false, NULL, NULL);
	/* What needs no worker and is left is for the next turn. */
	if (!g->lane.first || g->lane.first->kind == TOCSIN_REPORT_RING || g->gone ||
	    tocsin_reports_full(b))
		return before - g->lane.count;
	if (g->worker == TOCSIN_WORKER_NONE && b->now >= g->restart_at)
		start_worker(b, g);
	outgoing.size = 0;
	converse(b, g);
	return before > g->lane.count ? before - g->lane.count : 0;
}

void tocsin_guests_pump(struct tocsin_broker *b)
{
	struct tocsin_guest *g, *last = NULL;
	size_t done = 0;

	if (!b->turn)
		b->turn = b->guests;
	g = b->turn;
	while (g && g != last && done < PUMP_MAX) {
		struct tocsin_guest *next = g->next ? g->next : b->guests;
		size_t begun = pump_one(b, g);

		done += begun;
		if (begun) {
			last = NULL;
		} else if (!last) {
			last = g; /* until it is come to again, without anybody in between */
		}
		g = next;
	}
	b->turn = g;
	b->more = done >= PUMP_MAX;
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
			if (!now.name[0]) /* xenstored is not there */
				memcpy(now.name, g->domain.name, sizeof(now.name));
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

static bool has_said_something(const struct tocsin_guest *g)
{
	struct pollfd p = {.fd = g->watch.fd, .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

/* It has all that it was sent, has said nothing that is still unread, and none of its threads was
 * awake for two periods: nobody will ever wake it. */
static bool sleeps_for_ever(struct tocsin_broker *b, struct tocsin_guest *g)
{
	uint64_t switches;

	if (!must_say_something(g) || b->now < g->look_at)
		return false;
	g->look_at = b->now + LOOK_PERIOD;
	if (!tocsin_pulse_sleeps((pid_t)g->pid, &switches) || has_said_something(g)) {
		g->asleep = 0;
		return false;
	}
	if (!g->asleep || switches != g->switches) {
		g->asleep = b->now;
		g->switches = switches;
		return false;
	}
	return b->now - g->asleep >= 2 * LOOK_PERIOD;
}

void tocsin_guests_tick(struct tocsin_broker *b)
{
	for (struct tocsin_guest *g = b->guests; g; g = g->next) {
		if (g->deadline && b->now >= g->deadline)
			worker_hung(b, g, "took too long, and was killed");
		else if (sleeps_for_ever(b, g))
			worker_hung(b, g, "slept over its work, and was killed");
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
		if (must_say_something(g) && g->look_at < least)
			least = g->look_at;
		if (g->worker == TOCSIN_WORKER_NONE && g->lane.first && !tocsin_reports_full(b) &&
		    g->restart_at < least)
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
