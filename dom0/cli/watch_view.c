// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The live view of tocsin watch: a screen over the table (watch_table.h), four times a second.
 *
 * A guest's thread copies what it knows only when the screen has asked for it, so what is looked at
 * costs the sampling little, and what is not looked at nothing. The copy changes hands under the
 * watch's lock; after that only the screen's thread has it.
 */
#include "base/clock.h"
#include "cli/watch_guest.h"
#include "cli/watch_screen.h"

#include "base/error.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REFRESH_NANOSECONDS 250000000ull
#define POLL_MILLISECONDS 100

/* ---- from the guests' threads ---- */

void watch_view_update(struct watch_guest *g, const struct tocsin_monitor *m)
{
	struct watch *w = g->watch;
	struct watch_snapshot *snapshot = NULL, *old;
	bool wanted;

	if (!w->options->view)
		return;
	pthread_mutex_lock(&w->lock);
	g->gone = !m;
	wanted = m && g->wanted;
	pthread_mutex_unlock(&w->lock);
	if (wanted)
		snapshot = watch_snapshot_take(m);
	if (!snapshot)
		return; /* without memory for it, the next sample is another chance */
	pthread_mutex_lock(&w->lock);
	old = g->snapshot;
	g->snapshot = snapshot;
	g->wanted = false;
	pthread_mutex_unlock(&w->lock);
	watch_snapshot_free(old);
}

void watch_view_finding(struct watch *w, const struct tocsin_event *e)
{
	pthread_mutex_lock(&w->lock);
	watch_recent_finding(&w->recent, e);
	pthread_mutex_unlock(&w->lock);
}

void watch_view_say(struct watch *w, const char *text)
{
	pthread_mutex_lock(&w->lock);
	watch_recent_say(&w->recent, text);
	pthread_mutex_unlock(&w->lock);
}

void watch_view_close(struct watch *w)
{
	for (size_t i = 0; i < w->options->count; i++) {
		watch_snapshot_free(w->guests[i].snapshot);
		w->guests[i].snapshot = NULL;
	}
}

/* ---- in the screen's thread ---- */

static void take_snapshots(struct watch *w, struct watch_screen *s)
{
	struct watch_snapshot *fresh[WATCH_GUESTS_MAX];

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < s->count; i++) {
		struct watch_guest *g = &w->guests[i];

		fresh[i] = g->snapshot;
		g->snapshot = NULL;
		g->wanted = true;
		s->gone[i] = g->gone;
	}
	s->recent = w->recent;
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < s->count; i++) {
		if (fresh[i])
			watch_snapshot_compare(fresh[i], s->snapshots[i]);
		if (!fresh[i] && !s->gone[i])
			continue;
		/* The rows of before go only with the next filling, which is now. */
		watch_snapshot_free(s->snapshots[i]);
		s->snapshots[i] = s->gone[i] ? NULL : fresh[i];
		if (s->gone[i])
			watch_snapshot_free(fresh[i]);
	}
}

static bool is_over(struct watch *w, uint64_t until)
{
	bool over;

	pthread_mutex_lock(&w->lock);
	over = !w->running;
	pthread_mutex_unlock(&w->lock);
	return over || (until && tocsin_clock(CLOCK_MONOTONIC) >= until);
}

/* Until a key is hit or a while is over. Returns false when the terminal is gone. */
static bool wait_for_key(void)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	int rc = poll(&p, 1, POLL_MILLISECONDS);

	return rc <= 0 || !(p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void show(struct watch *w, struct watch_screen *s)
{
	uint64_t until =
		     w->options->seconds ? tocsin_clock(CLOCK_MONOTONIC) + w->options->seconds : 0,
		 next = 0;

	while (!s->quit && !is_over(w, until)) {
		if (tocsin_clock(CLOCK_MONOTONIC) >= next && !s->paused) {
			take_snapshots(w, s);
			next = tocsin_clock(CLOCK_MONOTONIC) + REFRESH_NANOSECONDS;
			s->stale = s->dirty = true;
		}
		watch_screen_draw(s);
		if (!wait_for_key())
			break;
		watch_screen_obey(s);
	}
}

static void say_what_was_said(struct watch *w)
{
	pthread_mutex_lock(&w->lock);
	for (uint64_t n = WATCH_RECENT_MAX; n--;) {
		const struct watch_message *m = watch_recent_at(&w->recent, n);

		if (m && !m->finding)
			fprintf(stderr, "tocsin watch: %s\n", m->text);
	}
	pthread_mutex_unlock(&w->lock);
}

int watch_view_check(struct tocsin_error *err)
{
	setlocale(LC_CTYPE, "");
	return watch_screen_check(err);
}

int watch_view_run(struct watch *w, struct tocsin_error *err)
{
	struct watch_screen *s = calloc(1, sizeof(*s));
	sigset_t signals;
	int rc;

	if (!s)
		return tocsin_error_set(err, -ENOMEM, "no memory for the view");
	s->count = w->options->count;
	for (size_t i = 0; i < s->count; i++)
		s->names[i] = watch_guest_name(w->guests[i].name);
	/* The terminal's: a thread that reads a guest should not be the one to draw. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGWINCH);
	sigaddset(&signals, SIGTSTP);
	rc = watch_screen_open(s, err);
	if (!rc) {
		pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
		show(w, s);
		pthread_sigmask(SIG_BLOCK, &signals, NULL);
		watch_screen_close(s);
		say_what_was_said(w);
	}
	for (size_t i = 0; i < s->count; i++)
		watch_snapshot_free(s->snapshots[i]);
	free(s);
	return rc;
}
