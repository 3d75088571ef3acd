/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/broker.h"
#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 64
#define STOP_SECONDS 3 /* for what is running to end */
#define LOG_SECONDS 2  /* for reports to get into the log */
#define LOOK_SECONDS 5 /* between two looks at all domains */

static uint8_t buffer[TOCSIN_MESSAGE_MAX];

int tocsin_broker_watch(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = w};

	return epoll_ctl(b->epoll, EPOLL_CTL_ADD, w->fd, &e) ? -errno : 0;
}

void tocsin_broker_unwatch(struct tocsin_broker *b, struct tocsin_watch *w)
{
	if (w->fd < 0)
		return;
	epoll_ctl(b->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	close(w->fd);
	w->fd = -1;
}

void tocsin_broker_state(struct tocsin_broker *b, int rc)
{
	if (rc && !b->state_failed)
		fprintf(stderr,
			"tocsind: the state cannot be written: %s; triggers are treated all "
			"the same, but what is pending would not survive now\n",
			tocsin_daemon_state_error(b->state));
	b->state_failed = rc != 0;
}

/* ---- the supervisor, signals, domains ---- */

static void on_supervisor(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events)
{
	struct tocsin_msg_start m;
	int fd;
	ssize_t n;

	while ((n = tocsin_msg_receive(w->fd, buffer, &fd, MSG_DONTWAIT)) > 0) {
		int kind = tocsin_msg_kind(buffer, (size_t)n);

		if (kind == TOCSIN_MSG_STARTED && !tocsin_msg_get_start(buffer, (size_t)n, &m) &&
		    m.domid != TOCSIN_START_WRITER) {
			if (m.errand)
				tocsin_errands_started(b, &m, fd);
			else
				tocsin_guests_started(b, &m, fd);
			continue;
		}
		if (kind == TOCSIN_MSG_RELOADED) {
			tocsin_service_reload(b);
			tocsin_guests_outdate(b);
			tocsin_reports_reopen(b);
		}
		if (fd >= 0)
			close(fd);
	}
	if (n == 0) { /* nobody is there who could start a worker */
		b->failed = true;
		b->stop_at = b->now;
	}
}

static void on_signal(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events)
{
	struct signalfd_siginfo info;

	if (read(w->fd, &info, sizeof(info)) == sizeof(info) && !b->stop_at)
		b->stop_at = b->now + STOP_SECONDS * TOCSIN_SECOND;
}

static void on_domains(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events)
{
	b->backend->take_watch(b->backend);
	tocsin_guests_refresh(b);
	tocsin_switches_look(b);
}

/* The watch of domains is another descriptor after xenstored was restarted, or none for a while. */
static void mend(struct tocsin_broker *b)
{
	int fd;

	b->backend->mend(b->backend);
	fd = b->backend->watch_fd(b->backend);
	if (fd == b->domains.fd)
		return;
	/* The old one is closed already, and so not watched any more. */
	b->domains = (struct tocsin_watch){on_domains, fd};
	if (fd >= 0)
		tocsin_broker_watch(b, &b->domains, EPOLLIN);
}

static void tick(struct tocsin_broker *b)
{
	b->next_tick = b->now + TOCSIN_SECOND;
	mend(b);
	tocsin_guests_refresh(b);
	tocsin_guests_tick(b);
	tocsin_intake_tick(b);
	if (b->reports.watch.fd < 0)
		tocsin_reports_start(b);
	if (b->now >= b->next_look) {
		b->next_look = b->now + LOOK_SECONDS * TOCSIN_SECOND;
		tocsin_switches_look(b);
	}
	tocsin_errands_tick(b);
	tocsin_policy_tick(b);
	tocsin_service_tick(b);
	tocsin_intake_store(b, true);
}

/* ---- the loop ---- */

static int timeout_of(const struct tocsin_broker *b)
{
	uint64_t until = b->more ? b->now : tocsin_guests_deadline(b);

	if (b->next_tick < until)
		until = b->next_tick;
	if (b->reports.watch.fd < 0 && b->reports.restart_at < until)
		until = b->reports.restart_at;
	if (tocsin_daemon_state_is_open(b->state) && b->commit_at < until)
		until = b->commit_at;
	if (b->stop_at && b->stop_at < until)
		until = b->stop_at;
	return until <= b->now ? 0 : (int)((until - b->now + 999999) / 1000000);
}

/* One turn: what happened, what is due, what can be begun; then all of it is made to last. */
static void turn(struct tocsin_broker *b, int timeout)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(b->epoll, events, EVENTS_MAX, timeout);

	b->now = tocsin_clock(CLOCK_MONOTONIC);
	for (int i = 0; i < n; i++) {
		struct tocsin_watch *w = events[i].data.ptr;

		if (w->fd >= 0)
			w->ready(b, w, events[i].events);
	}
	if (b->now >= tocsin_guests_deadline(b))
		tocsin_guests_tick(b);
	if (b->now >= b->next_tick)
		tick(b);
	if (b->reports.watch.fd < 0 && b->now >= b->reports.restart_at)
		tocsin_reports_start(b);
	tocsin_guests_pump(b);
	tocsin_reports_send(b);
	tocsin_intake_store(b, false);
	tocsin_guests_bury(b);
}

static void loop(struct tocsin_broker *b)
{
	while (!b->stop_at)
		turn(b, timeout_of(b));
	tocsin_intake_stop(b);
	tocsin_taps_free(b); /* who reads sees at once that nothing comes any more */
	tocsin_intake_take(b);
	while (b->waiting && b->now < b->stop_at)
		turn(b, timeout_of(b));
}

/* What was taken and will not be treated is a loss that is said. */
static void end(struct tocsin_broker *b)
{
	uint64_t until = b->now + LOG_SECONDS * TOCSIN_SECOND;

	for (struct tocsin_guest *g = b->guests; g; g = g->next) {
		size_t left = g->lane.count + g->sent.count;

		if (left)
			tocsin_intake_lost(b, g, TOCSIN_LOST_STOPPED, left);
		for (struct tocsin_todo *t = g->sent.first; t; t = t->next)
			tocsin_broker_state(b, tocsin_daemon_state_remove(b->state, t->id));
		for (struct tocsin_todo *t = g->lane.first; t; t = t->next)
			tocsin_broker_state(b, tocsin_daemon_state_remove(b->state, t->id));
	}
	tocsin_guests_free(b);
	tocsin_intake_tick(b);
	b->stop_at = until;
	while (b->reports.first && b->now < until)
		turn(b, timeout_of(b));
	for (struct tocsin_pending_report *p = b->reports.first; p; p = p->next)
		b->counters->lost[TOCSIN_LOST_REPORTS]++;
	tocsin_broker_state(b, tocsin_daemon_state_commit(b->state, b->counters, true));
}

static uint64_t since(const struct tocsin_broker *b, size_t at)
{
	const struct tocsin_shared *shared = b->s->shared;

	return *(const uint64_t *)((const char *)&shared->now + at) -
	       *(const uint64_t *)((const char *)&shared->before + at);
}

#define SINCE(b, member) since(b, offsetof(struct tocsin_tally, member))

/* The account of this run. What was lost is triggers; records of the buffer are of all kinds. */
static void say_sum(const struct tocsin_broker *b)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < TOCSIN_LOST_PLACES; i++)
		lost += since(b, offsetof(struct tocsin_tally, lost) + i * sizeof(uint64_t));
	fprintf(stderr, "tocsind: %lu triggers taken, %lu reported, %lu records lost\n",
		(unsigned long)SINCE(b, accepted),
		(unsigned long)(SINCE(b, rings) + SINCE(b, verdicts) + SINCE(b, errors) +
				SINCE(b, inconclusive) + SINCE(b, refused)),
		(unsigned long)lost);
}

/* ---- beginning ---- */

static int open_signals(struct tocsin_broker *b)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	b->signals = (struct tocsin_watch){on_signal, signalfd(-1, &set, SFD_CLOEXEC)};
	return b->signals.fd < 0 ? -errno : tocsin_broker_watch(b, &b->signals, EPOLLIN);
}

static int open_state(struct tocsin_broker *b, struct tocsin_error *err)
{
	struct tocsin_shared *shared = b->s->shared;
	int rc;

	if (!b->s->state)
		return 0;
	rc = tocsin_daemon_state_open(b->s->state, &b->state, err);
	if (rc)
		return rc;
	/* What is in shared memory is newer than what an earlier broker wrote. */
	if (!shared->loaded)
		rc = tocsin_daemon_state_counters(b->state, &shared->now);
	if (rc)
		return tocsin_error_set(err, rc, "cannot read the state %s: %s", b->s->state,
					tocsin_daemon_state_error(b->state));
	return 0;
}

static int open_all(struct tocsin_broker *b, struct tocsin_error *err)
{
	struct tocsin_shared *shared = b->s->shared;
	int rc;

	b->epoll = epoll_create1(EPOLL_CLOEXEC);
	rc = b->epoll < 0 ? -errno : open_signals(b);
	if (!rc)
		rc = tocsin_broker_watch(b, &b->supervisor, EPOLLIN);
	if (!rc)
		rc = tocsin_signer_open(b->s->key, &b->signer, err);
	if (!rc)
		rc = open_state(b, err);
	if (rc)
		return rc;
	if (!shared->loaded)
		shared->before = shared->now;
	shared->loaded = true;
	b->counters->brokers_started++;
	/* Who has the buffers for want of a broker sees that there is one. */
	tocsin_taps_start(b);
	/* The buffers hold what was rung while no broker was there: it is not old yet. */
	rc = tocsin_intake_start(b, b->again, err);
	if (rc)
		return rc;
	tocsin_service_open(b);
	tocsin_reports_start(b);
	tocsin_intake_restore(b);
	mend(b);
	return 0;
}

static void close_all(struct tocsin_broker *b)
{
	tocsin_intake_stop(b);
	tocsin_taps_free(b);
	b->backend->close(b->backend);
	tocsin_guests_free(b);
	tocsin_reports_free(b);
	tocsin_switches_free(b);
	tocsin_errands_free(b);
	tocsin_policy_free(b);
	tocsin_service_free(b);
	tocsin_signer_close(b->signer);
	tocsin_daemon_state_close(b->state);
	tocsin_broker_unwatch(b, &b->supervisor);
	tocsin_broker_unwatch(b, &b->signals);
	tocsin_broker_unwatch(b, &b->queued);
	if (b->epoll >= 0)
		close(b->epoll);
	if (b->quit >= 0)
		close(b->quit);
	free(b->inbox);
	free(b->taken);
}

int tocsin_broker_run(struct tocsin_daemon_settings *s, int supervisor, bool again)
{
	struct tocsin_broker b = {.s = s,
				  .backend = s->backend,
				  .counters = &s->shared->now,
				  .epoll = -1,
				  .supervisor = {on_supervisor, supervisor},
				  .signals.fd = -1,
				  .queued.fd = -1,
				  .domains.fd = -1,
				  .reports.watch.fd = -1,
				  .tap_door.fd = -1,
				  .quit = -1,
				  .next_id = 1,
				  .again = again,
				  .now = tocsin_clock(CLOCK_MONOTONIC),
				  .lock = PTHREAD_MUTEX_INITIALIZER};
	struct tocsin_error err = {0};
	int rc = open_all(&b, &err);

	if (rc) {
		fprintf(stderr, "tocsind: %s\n", err.code ? err.message : strerror(-rc));
	} else {
		tocsin_msg_send(supervisor, (uint8_t[]){TOCSIN_MSG_LISTENING}, 1, -1, 0);
		fprintf(stderr, "tocsind: %s\n", again ? "listening again" : "listening");
		tocsin_service_ready(&b);
		loop(&b);
		end(&b);
		say_sum(&b);
	}
	close_all(&b);
	return rc || b.failed ? 1 : 0;
}
