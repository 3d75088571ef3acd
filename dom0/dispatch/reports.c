/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A report is kept until the writer has told that it is in the log; to a new writer all that are
 * kept are sent again. How much is kept is bounded: what is more than that is counted as lost, and
 * the count is the next report that there is room for.
 */
#include "base/clock.h"
#include "dispatch/broker.h"

#include <tocsin/request.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRIES_MAX 2             /* writers that may die over one report */
#define PACKET_SIZE (32u << 10) /* about; of reports that go together */

static uint8_t buffer[TOCSIN_MESSAGE_MAX], incoming[TOCSIN_MESSAGE_MAX];
static struct tocsin_packet outgoing;

static void on_writer(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events);

bool tocsin_reports_full(const struct tocsin_broker *b)
{
	return b->reports.bytes > b->s->backlog / 2;
}

/* ---- the writer ---- */

void tocsin_reports_start(struct tocsin_broker *b)
{
	struct tocsin_msg_start m = {.domid = TOCSIN_START_WRITER};
	struct tocsin_reports *r = &b->reports;
	int ends[2], rc;

	r->restart_at = b->now + TOCSIN_SECOND / 10;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return;
	rc = tocsin_msg_send(b->supervisor.fd, buffer,
			     tocsin_msg_put_start(buffer, TOCSIN_MSG_START, &m), ends[1], 0);
	close(ends[1]);
	if (rc) {
		close(ends[0]);
		return;
	}
	r->watch = (struct tocsin_watch){on_writer, ends[0]};
	if (tocsin_broker_watch(b, &r->watch, EPOLLIN | EPOLLOUT | EPOLLET)) {
		close(ends[0]);
		r->watch.fd = -1;
		return;
	}
	r->unsent = r->first;
	r->error = 0;
	b->counters->writers_started++;
}

static void drop_first(struct tocsin_broker *b)
{
	struct tocsin_reports *r = &b->reports;
	struct tocsin_pending_report *p = r->first;

	r->first = p->next;
	if (r->unsent == p)
		r->unsent = p->next;
	if (!r->first)
		r->last = NULL;
	r->bytes -= p->size;
	if (p->task) /* it was never sent */
		tocsin_broker_state(b, tocsin_daemon_state_remove(b->state, p->task));
	free(p);
}

static bool is_suspect(const struct tocsin_reports *r, const struct tocsin_pending_report *p)
{
	return p->number <= r->suspect;
}

/*
 * What it had may be in the log or not: it is sent again, but one at a time, as it may have died of
 * any of them. One that kills writers also alone is dropped.
 */
static void writer_gone(struct tocsin_broker *b)
{
	struct tocsin_reports *r = &b->reports;

	tocsin_broker_unwatch(b, &r->watch);
	if (r->first && r->unsent != r->first) {
		if (!is_suspect(r, r->first)) {
			r->suspect = r->unsent ? r->unsent->number - 1 : r->last->number;
		} else if (++r->tries >= TRIES_MAX) {
			tocsin_intake_lost(b, NULL, TOCSIN_LOST_REPORTS, 1);
			drop_first(b);
			r->tries = 0;
		}
	}
	r->unsent = r->first;
	if (b->now >= r->restart_at)
		tocsin_reports_start(b);
}

/*
 * To have the log opened anew, the writer that has the old one gets no more, is waited for until it
 * has written what it got, and is let go. One that cannot write is let go at once.
 */
static void reopen_if_due(struct tocsin_broker *b)
{
	struct tocsin_reports *r = &b->reports;

	if (!r->reopening || (r->first != r->unsent && !r->error && r->watch.fd >= 0))
		return;
	r->reopening = false;
	tocsin_broker_unwatch(b, &r->watch);
	tocsin_reports_start(b);
}

void tocsin_reports_reopen(struct tocsin_broker *b)
{
	b->reports.reopening = true;
	reopen_if_due(b);
}

static void mark_sent(struct tocsin_broker *b, struct tocsin_pending_report *p)
{
	if (p->task)
		tocsin_broker_state(b, tocsin_daemon_state_remove(b->state, p->task));
	p->task = 0;
}

void tocsin_reports_send(struct tocsin_broker *b)
{
	struct tocsin_reports *r = &b->reports;

	while (r->watch.fd >= 0 && r->unsent && !r->reopening) {
		struct tocsin_pending_report *end = r->unsent;
		int rc;

		if (is_suspect(r, r->unsent) && r->unsent != r->first)
			return; /* the one before it is not in the log yet */
		outgoing.size = 0;
		while (end && outgoing.size < PACKET_SIZE &&
		       (end == r->unsent || !is_suspect(r, r->unsent)) &&
		       tocsin_packet_add(&outgoing, end->bytes, end->size))
			end = end->next;
		rc = tocsin_packet_send(&outgoing, r->watch.fd, MSG_DONTWAIT);
		if (rc == -EAGAIN || rc == -ENOBUFS)
			return;
		if (rc) {
			writer_gone(b);
			return;
		}
		for (; r->unsent != end; r->unsent = r->unsent->next)
			mark_sent(b, r->unsent);
	}
}

static void take_note(struct tocsin_broker *b, const struct tocsin_msg_note *m)
{
	struct tocsin_reports *r = &b->reports;

	if (m->error && m->error != r->error)
		fprintf(stderr,
			"tocsind: the log cannot be written: %s; reports are kept until it "
			"can\n",
			strerror((int)m->error));
	else if (!m->error && r->error)
		fprintf(stderr, "tocsind: the log is written again\n");
	r->error = m->error;
	if (m->error)
		return;
	r->tries = 0;
	while (r->first && r->first != r->unsent && r->first->number <= m->id)
		drop_first(b);
}

static void on_writer(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events)
{
	struct tocsin_msg_note m;
	ssize_t n;

	while ((n = tocsin_msg_receive(w->fd, incoming, NULL, MSG_DONTWAIT)) > 0) {
		if (tocsin_msg_kind(incoming, (size_t)n) != TOCSIN_MSG_LOGGED ||
		    tocsin_msg_get_note(incoming, (size_t)n, &m)) {
			n = 0;
			break;
		}
		take_note(b, &m);
	}
	if (n != -EAGAIN)
		writer_gone(b);
	reopen_if_due(b);
}

void tocsin_reports_free(struct tocsin_broker *b)
{
	tocsin_broker_unwatch(b, &b->reports.watch);
	while (b->reports.first)
		drop_first(b);
}

/* ---- reports ---- */

/* Keep the message in `buffer`, which has its number, until it can be sent. */
static void put(struct tocsin_broker *b, size_t size, const struct tocsin_todo *task)
{
	struct tocsin_reports *r = &b->reports;
	struct tocsin_pending_report *p = NULL;

	if (r->bytes + size <= b->s->backlog)
		p = malloc(sizeof(*p) + size);
	if (!p) {
		tocsin_intake_lost(b, NULL, TOCSIN_LOST_REPORTS, 1);
		if (task && task->stored)
			tocsin_broker_state(b, tocsin_daemon_state_remove(b->state, task->id));
		return;
	}
	*p = (struct tocsin_pending_report){
	    .number = r->number, .size = size, .task = task && task->stored ? task->id : 0};
	memcpy(p->bytes, buffer, size);
	*(r->last ? &r->last->next : &r->first) = p;
	r->last = p;
	r->bytes += size;
	if (!r->unsent)
		r->unsent = p;
}

static struct tocsin_msg_report head_of(struct tocsin_broker *b, const struct tocsin_guest *g,
					const struct tocsin_todo *task)
{
	struct tocsin_msg_report m = {.number = ++b->reports.number,
				      .kind = task->kind,
				      .time = tocsin_realtime(),
				      .tsc = task->event.tsc,
				      .cpu = task->event.cpu,
				      .record = task->event.record};

	if (!g)
		return m;
	memcpy(m.domain, g->domain.name, sizeof(m.domain));
	memcpy(m.uuid, g->domain.uuid, sizeof(m.uuid));
	return m;
}

static void set_text(char to[TOCSIN_REASON_SIZE], const char *text)
{
	snprintf(to, TOCSIN_REASON_SIZE, "%s", text ? text : "");
}

static void finish(struct tocsin_broker *b, struct tocsin_todo *task)
{
	b->waiting--;
	free(task->outcome);
	free(task);
}

static void count(struct tocsin_broker *b, struct tocsin_guest *g, size_t at)
{
	++*(uint64_t *)((char *)b->counters + at);
	if (g)
		++*(uint64_t *)((char *)&g->counters + at);
}

#define COUNT(b, g, member) count(b, g, offsetof(struct tocsin_tally, member))

/* What is done with it is the guest's policy. */
static void hand_over(struct tocsin_broker *b, struct tocsin_msg_report *m, uint32_t verdict,
		      const uint8_t *outcome, size_t outcome_size, const struct tocsin_todo *task)
{
	uint32_t actions = tocsin_policy_actions(b, m, verdict);
	size_t size;

	m->actions = (uint8_t)(actions & (TOCSIN_ACTION_LOG | TOCSIN_ACTION_NOTIFY));
	size = tocsin_msg_put_report(buffer, m, outcome, outcome_size);
	tocsin_service_report(b, buffer, size, actions);
	if (m->actions)
		put(b, size, task);
	else if (task && task->stored)
		tocsin_broker_state(b, tocsin_daemon_state_remove(b->state, task->id));
}

void tocsin_report_task(struct tocsin_broker *b, struct tocsin_guest *g, struct tocsin_todo *task,
			bool answered, const char *slot_error, const char *reason)
{
	struct tocsin_msg_report m = head_of(b, g, task);

	m.answered = answered;
	set_text(m.slot_error, slot_error);
	set_text(m.reason, reason);
	if (answered)
		COUNT(b, g, answered);
	if (task->kind == TOCSIN_REPORT_RING)
		COUNT(b, g, rings);
	else if (task->kind == TOCSIN_REPORT_ERROR)
		COUNT(b, g, errors);
	else if (task->attempts >= 2)
		COUNT(b, g, inconclusive);
	else
		COUNT(b, g, verdicts);
	if (task->coalesced)
		COUNT(b, g, coalesced);
	hand_over(b, &m, task->verdict, task->outcome, task->outcome_size, task);
	finish(b, task);
}

void tocsin_report_refused(struct tocsin_broker *b, struct tocsin_guest *g,
			   struct tocsin_todo *task, const char *reason)
{
	struct tocsin_msg_report m;

	task->kind = TOCSIN_REPORT_ERROR;
	m = head_of(b, g, task);
	set_text(m.reason, reason);
	COUNT(b, g, refused);
	hand_over(b, &m, 0, NULL, 0, task);
	finish(b, task);
}

void tocsin_report_given_up(struct tocsin_broker *b, struct tocsin_guest *g,
			    struct tocsin_todo *task)
{
	struct tocsin_msg_report m;

	task->kind = TOCSIN_REPORT_ERROR;
	m = head_of(b, g, task);
	set_text(m.reason, "inconclusive: its workers died or hung, also over answering so");
	COUNT(b, g, inconclusive);
	hand_over(b, &m, 0, NULL, 0, task);
	finish(b, task);
}

void tocsin_report_loss(struct tocsin_broker *b, uint64_t lost, const char *reason)
{
	struct tocsin_msg_report m = {.number = ++b->reports.number,
				      .kind = TOCSIN_REPORT_LOSS,
				      .time = tocsin_realtime(),
				      .lost = lost};

	set_text(m.reason, reason);
	hand_over(b, &m, 0, NULL, 0, NULL);
}

void tocsin_report_swept(struct tocsin_broker *b, const struct tocsin_domain *d,
			 const struct tocsin_outcome *o, const uint8_t *outcome, size_t size)
{
	struct tocsin_msg_report m = {.number = ++b->reports.number,
				      .kind = o->kind,
				      .time = tocsin_realtime(),
				      .record.domid = (uint16_t)d->domid,
				      .swept = true};

	memcpy(m.domain, d->name, sizeof(m.domain));
	memcpy(m.uuid, d->uuid, sizeof(m.uuid));
	hand_over(b, &m, o->kind == TOCSIN_REPORT_VERDICT ? o->verdict.verdict : 0, outcome, size,
		  NULL);
}
