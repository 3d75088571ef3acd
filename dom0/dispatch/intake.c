/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way in. VIRQ_TBUF wakes the capture thread; a hypervisor that does not raise it at once is
 * covered by polling, whose period doubles from POLL_MIN_MS to POLL_MAX_MS while nothing comes.
 */
#include "dispatch/broker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <x86intrin.h>

#define POLL_MIN_MS 5
#define POLL_MAX_MS 200
#define INBOX_MIN 256u
#define GIVEN_MS 5000 /* in which who has the buffers must see that we want them, and give them */
#define GIVE_LOOK_MS 20

/* ---- the capture thread ---- */

static bool make_room(struct tocsin_broker *b)
{
	size_t room = b->inbox_room ? 2 * b->inbox_room : INBOX_MIN;
	void *more;

	if (b->inbox_count < b->inbox_room)
		return true;
	if (b->inbox_room >= b->s->capacity)
		return false;
	more = reallocarray(b->inbox, room, sizeof(*b->inbox));
	if (!more)
		return false;
	b->inbox = more;
	b->inbox_room = room;
	return true;
}

/* Losses need no room: that there is none must not hide them. */
static int on_event(void *context, const struct tocsin_event *event)
{
	struct tocsin_broker *b = context;

	/* Traced calls are other people's, and there may be a million of them in a second. */
	if (event->kind == TOCSIN_EVENT_CALL || event->kind == TOCSIN_EVENT_GAP)
		return 0;
	b->news = true;
	pthread_mutex_lock(&b->lock);
	if (event->kind == TOCSIN_EVENT_LOST)
		b->inbox_lost[TOCSIN_LOST_BUFFER] += event->count;
	else if (event->kind == TOCSIN_EVENT_MALFORMED)
		b->inbox_lost[TOCSIN_LOST_MALFORMED]++;
	else if (event->kind == TOCSIN_EVENT_TRIGGER && make_room(b))
		b->inbox[b->inbox_count++] = *event;
	else if (event->kind == TOCSIN_EVENT_TRIGGER)
		b->inbox_lost[TOCSIN_LOST_QUEUE]++;
	pthread_mutex_unlock(&b->lock);
	return 0;
}

static void fail(struct tocsin_broker *b, int rc, const struct tocsin_error *err)
{
	fprintf(stderr, "tocsind: trace buffers: %s\n", err->code ? err->message : strerror(-rc));
	pthread_mutex_lock(&b->lock);
	b->capture_failed = rc;
	pthread_mutex_unlock(&b->lock);
	b->news = true;
}

static void *capture(void *context)
{
	struct tocsin_broker *b = context;
	struct pollfd fds[] = {{.fd = b->backend->capture_fd(b->backend), .events = POLLIN},
			       {.fd = b->quit, .events = POLLIN}};
	struct tocsin_error err = {0};
	int timeout = POLL_MIN_MS, count = 0, period = 0;

	while (!fds[1].revents && count >= 0) {
		uint64_t tsc;

		if (poll(fds, 2, period && period < timeout ? period : timeout) < 0 &&
		    errno != EINTR) {
			count = -errno;
		} else {
			tsc = __rdtsc();
			count = b->backend->drain(b->backend, &err);
			period = tocsin_taps_drained(b, tsc);
		}
		if (count)
			timeout = POLL_MIN_MS;
		else if (timeout < POLL_MAX_MS)
			timeout = timeout * 2 < POLL_MAX_MS ? timeout * 2 : POLL_MAX_MS;
		if (count < 0)
			fail(b, count, &err);
		if (b->news)
			eventfd_write(b->queued.fd, 1);
		b->news = false;
	}
	return NULL;
}

static void on_queued(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events)
{
	eventfd_t ignored;

	eventfd_read(w->fd, &ignored);
	tocsin_intake_take(b);
}

/* A `tocsin trace on` that has taken the buffers itself looks at our door, and gives them back; as
 * soon as it can, if it waits for who reads what it writes. */
static int open_buffers(struct tocsin_broker *b, struct tocsin_error *err)
{
	int rc = b->backend->open(b->backend, on_event, tocsin_taps_raw, b, err);

	for (int waited = 0; rc == -EBUSY && waited < GIVEN_MS; waited += GIVE_LOOK_MS) {
		b->backend->close(b->backend);
		poll(NULL, 0, GIVE_LOOK_MS);
		*err = (struct tocsin_error){0};
		rc = b->backend->open(b->backend, on_event, tocsin_taps_raw, b, err);
	}
	return rc;
}

int tocsin_intake_start(struct tocsin_broker *b, bool keep, struct tocsin_error *err)
{
	size_t stale = 0;
	int rc;

	b->queued = (struct tocsin_watch){on_queued, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	b->quit = eventfd(0, EFD_CLOEXEC);
	if (b->queued.fd < 0 || b->quit < 0)
		return tocsin_error_set(err, -errno, "cannot create an eventfd: %s",
					strerror(errno));
	rc = tocsin_broker_watch(b, &b->queued, EPOLLIN);
	if (!rc)
		rc = open_buffers(b, err);
	if (!rc && !keep) {
		/* What an earlier consumer left names processes that may be long gone. */
		rc = b->backend->drain(b->backend, err);
		stale = b->inbox_count;
		b->inbox_count = 0;
	}
	if (rc >= 0)
		rc = -pthread_create(&b->thread, NULL, capture, b);
	if (rc)
		return tocsin_error_set(err, rc, "cannot start to capture: %s", strerror(-rc));
	b->capturing = true;
	if (stale)
		tocsin_intake_lost(b, NULL, TOCSIN_LOST_STALE, stale);
	return 0;
}

void tocsin_intake_stop(struct tocsin_broker *b)
{
	if (!b->capturing)
		return;
	eventfd_write(b->quit, 1);
	pthread_join(b->thread, NULL);
	b->backend->drain(b->backend, NULL);
	b->capturing = false;
}

/* ---- losses ---- */

void tocsin_intake_lost(struct tocsin_broker *b, struct tocsin_guest *g, enum tocsin_lost place,
			uint64_t count)
{
	b->counters->lost[place] += count;
	if (g)
		g->counters.lost[place] += count;
	b->lost_untold[place] += count;
}

/* Tickets that are still missing a second later will not come: their records were lost. */
static void settle_tickets(struct tocsin_broker *b, struct tocsin_guest *g)
{
	char reason[TOCSIN_REASON_SIZE];

	if (g->missing && g->missing == g->missing_before) {
		b->counters->lost[TOCSIN_LOST_TICKETS] += g->missing;
		g->counters.lost[TOCSIN_LOST_TICKETS] += g->missing;
		snprintf(reason, sizeof(reason), "%s of domain %u (%s)",
			 tocsin_lost_reason(TOCSIN_LOST_TICKETS), g->domain.domid, g->domain.name);
		tocsin_report_loss(b, g->missing, reason);
		g->missing = 0;
	}
	g->missing_before = g->missing;
}

void tocsin_intake_tick(struct tocsin_broker *b)
{
	for (struct tocsin_guest *g = b->guests; g; g = g->next)
		settle_tickets(b, g);
	for (size_t i = 0; i < TOCSIN_LOST_PLACES; i++) {
		uint64_t count = b->lost_untold[i];

		b->lost_untold[i] = 0;
		if (count)
			tocsin_report_loss(b, count, tocsin_lost_reason(i));
	}
}

/* ---- triggers ---- */

/* Records of two processors may come in another order than they were made in. */
static void see_ticket(struct tocsin_guest *g, uint32_t ticket)
{
	int32_t ahead = (int32_t)(ticket - g->last_ticket);

	if (!g->has_ticket) {
		g->has_ticket = true;
	} else if (ahead <= 0) {
		g->missing -= g->missing && ahead;
		return;
	} else {
		g->missing += (uint32_t)ahead - 1;
	}
	g->last_ticket = ticket;
	g->dirty = true;
}

static struct tocsin_todo *new_task(struct tocsin_broker *b, const struct tocsin_event *event)
{
	struct tocsin_todo *task = calloc(1, sizeof(*task));

	if (!task)
		return NULL;
	task->id = b->next_id++;
	task->event = *event;
	task->kind = tocsin_job_scans(&event->record) ? TOCSIN_REPORT_ERROR : TOCSIN_REPORT_RING;
	b->waiting++;
	return task;
}

static void wait_in_lane(struct tocsin_guest *g, struct tocsin_todo *task)
{
	tocsin_todos_append(&g->lane, task);
	if (!g->fresh && !task->stored)
		g->fresh = task;
}

static void accept(struct tocsin_broker *b, const struct tocsin_event *event)
{
	struct tocsin_error err = {0};
	struct tocsin_guest *g = tocsin_guest_find(b, event->record.domid, &err);
	struct tocsin_todo *task = NULL;

	b->counters->accepted++;
	if (g) {
		g->counters.accepted++;
		see_ticket(g, event->record.seq);
	}
	if (b->waiting < b->s->capacity && (!g || g->lane.count < b->s->share))
		task = new_task(b, event);
	if (!task)
		tocsin_intake_lost(b, g, TOCSIN_LOST_QUEUE, 1);
	else if (g)
		wait_in_lane(g, task);
	else
		tocsin_report_refused(b, NULL, task, err.message);
}

void tocsin_intake_take(struct tocsin_broker *b)
{
	uint64_t lost[TOCSIN_LOST_PLACES];
	struct tocsin_event *events;
	size_t count, room;
	int failed;

	pthread_mutex_lock(&b->lock);
	events = b->inbox;
	room = b->inbox_room;
	count = b->inbox_count;
	failed = b->capture_failed;
	memcpy(lost, b->inbox_lost, sizeof(lost));
	memset(b->inbox_lost, 0, sizeof(b->inbox_lost));
	b->inbox = b->taken;
	b->inbox_room = b->taken_room;
	b->inbox_count = 0;
	pthread_mutex_unlock(&b->lock);
	b->taken = events;
	b->taken_room = room;
	for (size_t i = 0; i < count; i++)
		accept(b, &events[i]);
	b->counters->accepted += lost[TOCSIN_LOST_QUEUE];
	for (size_t i = 0; i < TOCSIN_LOST_PLACES; i++)
		tocsin_intake_lost(b, NULL, i, lost[i]);
	if (failed) {
		b->failed = true;
		b->stop_at = b->now;
	}
}

/* ---- the state ---- */

static void store_task(struct tocsin_broker *b, const struct tocsin_guest *g,
		       struct tocsin_todo *task)
{
	struct tocsin_daemon_state_pending p = {
	    .id = task->id, .attempts = task->attempts, .event = task->event};

	memcpy(p.uuid, g->domain.uuid, sizeof(p.uuid));
	tocsin_broker_state(b, tocsin_daemon_state_add(b->state, &p));
	task->stored = true;
}

/* What has come is made to last at once; what has ended may be forgotten by a crash, and done
 * again. */
void tocsin_intake_store(struct tocsin_broker *b, bool force)
{
	bool came = force;

	if (!b->state)
		return;
	for (struct tocsin_guest *g = b->guests; g; g = g->next) {
		for (struct tocsin_todo *t = g->sent.first; t; t = t->next)
			if (!t->stored)
				store_task(b, g, t);
		for (struct tocsin_todo *t = g->fresh; t; t = t->next)
			if (!t->stored)
				store_task(b, g, t);
		came |= g->fresh || g->dirty;
		g->fresh = NULL;
		if (g->dirty && g->has_ticket)
			tocsin_broker_state(b, tocsin_daemon_state_ticket(b->state, g->domain.uuid,
									  g->domain.domid,
									  g->last_ticket));
		g->dirty = false;
	}
	if (!came && b->now < b->commit_at)
		return;
	b->commit_at = b->now + TOCSIN_COMMIT_PERIOD;
	tocsin_broker_state(b, tocsin_daemon_state_commit(b->state, b->counters, force));
}

static void restore_task(void *context, const struct tocsin_daemon_state_pending *p)
{
	struct tocsin_broker *b = context;
	struct tocsin_error err = {0};
	struct tocsin_guest *g = tocsin_guest_find(b, p->event.record.domid, &err);
	struct tocsin_todo *task = new_task(b, &p->event);

	if (!task)
		return; /* it stays in the state, for the next broker */
	task->id = p->id;
	task->attempts = p->attempts;
	task->alone = p->attempts > 0;
	task->stored = true;
	if (p->id >= b->next_id)
		b->next_id = p->id + 1;
	if (g && !memcmp(g->domain.uuid, p->uuid, sizeof(p->uuid)))
		wait_in_lane(g, task);
	else
		tocsin_report_refused(b, NULL, task,
				      g ? "the guest is gone; another has its number now"
					: err.message);
}

/* Where the guest's tickets stood, if it is still the same domain. */
static void restore_guest(void *context, const struct tocsin_daemon_state_guest *row)
{
	struct tocsin_broker *b = context;
	struct tocsin_guest *g;

	tocsin_switches_know(b, row);
	if (!row->domid || !row->has_ticket)
		return;
	g = tocsin_guest_find(b, row->domid, NULL);
	if (!g || memcmp(g->domain.uuid, row->uuid, sizeof(row->uuid)))
		return;
	g->has_ticket = true;
	g->last_ticket = row->last_ticket;
}

void tocsin_intake_restore(struct tocsin_broker *b)
{
	tocsin_broker_state(b, tocsin_daemon_state_guests(b->state, restore_guest, b));
	tocsin_broker_state(b, tocsin_daemon_state_pendings(b->state, restore_task, b));
}
