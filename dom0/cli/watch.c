// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin watch: the processes and connections of guests, sampled from outside until it is ended.
 * A guest that cannot be read any more ends, or is waited for (--stay); the others go on.
 */
#include "base/clock.h"
#include "cli/command.h"
#include "cli/watch_guest.h"

#include "base/error.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REOPEN_SECONDS 1
#define SECOND 1000000000ull

static uint64_t monotonic(void)
{
	return tocsin_clock(CLOCK_MONOTONIC);
}

/* Of this thread. A guest can have a sample wait for what does not hold still: that is no cost. */
static uint64_t processor_time(void)
{
	return tocsin_clock(CLOCK_THREAD_CPUTIME_ID);
}

static struct timespec timespec_of(uint64_t time)
{
	return (struct timespec){.tv_sec = (time_t)(time / SECOND),
				 .tv_nsec = (long)(time % SECOND)};
}

/*
 * Until then, or until it rings, which is heeded from soonest on (0: never, because it cannot be
 * sampled), or the watch ends: false.
 */
static bool rest(struct watch_guest *g, uint64_t until, uint64_t soonest)
{
	struct watch *w = g->watch;
	bool goes_on;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		bool rings = soonest && g->ring_count;
		struct timespec t = timespec_of(rings && soonest < until ? soonest : until);
		uint64_t now = monotonic();

		if (w->ending || now >= until || (rings && now >= soonest))
			break;
		pthread_cond_timedwait(&g->wake, &w->lock, &t);
	}
	if (!soonest) /* of a life that is over, or of a guest that cannot be read */
		g->ring_count = 0;
	goes_on = !w->ending;
	pthread_mutex_unlock(&w->lock);
	return goes_on;
}

/* The rings that made it sample now, as events. */
static int state_rings(struct watch_guest *g, struct tocsin_monitor *m)
{
	struct watch_ring rings[WATCH_RINGS_MAX];
	size_t count;
	int rc = 0;

	pthread_mutex_lock(&g->watch->lock);
	count = g->ring_count;
	memcpy(rings, g->rings, count * sizeof(*rings));
	g->ring_count = 0;
	pthread_mutex_unlock(&g->watch->lock);
	for (size_t i = 0; i < count && !rc; i++)
		rc = tocsin_monitor_ring(m, rings[i].pid, rings[i].operation);
	return rc;
}

/* Sample until it ends. 0: the watch ends; -ESTALE, -ENODEV: the guest does. */
static int sample_on(struct watch_guest *g, struct tocsin_monitor *m, struct tocsin_error *err)
{
	const struct watch_options *o = g->watch->options;
	struct tocsin_pace pace = o->pace;
	uint64_t account = monotonic() + o->accounts, failed = 0;

	for (;;) {
		uint64_t began = monotonic(), used = processor_time();
		size_t events;
		int rc;

		tocsin_error_clear(err);
		rc = tocsin_monitor_sample(m, &events, err);
		if (rc == -ENODEV || rc == -ESTALE || rc == -EPIPE || rc == -ENOMEM)
			return rc;
		if (rc && !failed++)
			watch_sink_say(g->watch->sink, "%s: a sample failed: %s",
				       watch_guest_name(g->name), err->message);
		failed = rc ? failed : 0;
		g->read |= !rc;
		rc = state_rings(g, m);
		if (!rc && monotonic() >= account) {
			rc = tocsin_monitor_account(m);
			account += o->accounts;
		}
		if (rc)
			return rc;
		watch_view_update(g, m);
		watch_sink_rest(g->watch->sink);
		tocsin_pace_step(&pace, events, processor_time() - used);
		if (!rest(g, began + pace.period, began + pace.affordable))
			return 0;
	}
}

static int watch_kernel(struct watch_guest *g, struct tocsin_kernel *k, struct tocsin_error *err)
{
	struct tocsin_monitor_source source;
	struct watch_entry *entry = watch_sink_enter(g->watch->sink);
	struct tocsin_monitor *m;
	int rc, end;

	if (!entry)
		return tocsin_error_set(err, -ENOMEM, "no memory");
	tocsin_monitor_source_kernel(k, &source);
	rc = tocsin_monitor_open(watch_guest_name(g->name), &source, k, watch_sink_take, entry, &m,
				 err);
	if (!rc) {
		rc = sample_on(g, m, err);
		end = tocsin_monitor_account(m);
		if (!end)
			end = tocsin_monitor_end(m, rc ? err->message : "the watch ends");
		rc = rc ? rc : end;
		watch_view_update(g, NULL);
		tocsin_monitor_close(m);
	}
	watch_sink_leave(entry);
	return rc;
}

/* Once, however often it is opened in vain. */
static void say_waiting(void *guest, const char *text)
{
	struct watch_guest *g = guest;

	if (!g->waited)
		watch_sink_say(g->watch->sink, "%s", text);
	g->waited = true;
}

/* One life of the guest: open it, watch it, let it go. */
static int watch_once(struct watch_guest *g, struct tocsin_error *err)
{
	struct tocsin_memory *memory;
	struct tocsin_kernel *k;
	int rc = guest_open(g->name, say_waiting, g, &memory, &k, err);

	if (rc)
		return rc;
	g->waited = false;
	rc = watch_kernel(g, k, err);
	tocsin_kernel_close(k);
	tocsin_memory_close(memory);
	return rc;
}

/* Why it is not watched. What goes wrong with a socket names it already. */
static void say_why(const struct watch_guest *g, int rc, const struct tocsin_error *err)
{
	const char *name = watch_guest_name(g->name),
		   *why = err->code ? err->message : strerror(-rc);
	bool named = g->name->qemu && strstr(why, name);

	watch_sink_say(g->watch->sink, "%s%s%s%s", named ? "" : name, named ? "" : ": ", why,
		       g->watch->options->stay ? "; waiting for it" : "");
}

static void *watch_guest(void *argument)
{
	struct watch_guest *g = argument;
	struct watch *w = g->watch;
	bool told = false;

	for (;;) {
		struct tocsin_error err = {0};
		int rc = watch_once(g, &err);

		if (!rc || rc == -EPIPE) {
			g->rc = rc;
			break;
		}
		if (!told || rc == -ENODEV || rc == -ESTALE)
			say_why(g, rc, &err);
		told = true;
		if (!w->options->stay) {
			g->rc = rc;
			break;
		}
		if (!rest(g, monotonic() + REOPEN_SECONDS * SECOND, 0))
			break;
	}
	pthread_mutex_lock(&w->lock);
	if (g->rc == -EPIPE || !w->running) /* 0: it is to end already */
		w->running = 0;
	else
		w->running--;
	pthread_cond_signal(&w->done);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void end_all(struct watch *w)
{
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	for (size_t i = 0; i < w->options->count; i++)
		pthread_cond_signal(&w->guests[i].wake);
	pthread_mutex_unlock(&w->lock);
}

static void watched_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGHUP);
}

/* Signals come to one thread, which waits for them. */
static void *wait_for_signal(void *argument)
{
	struct watch *w = argument;
	sigset_t signals;
	int signal;

	watched_signals(&signals);
	sigwait(&signals, &signal);
	pthread_mutex_lock(&w->lock);
	w->running = 0;
	pthread_cond_signal(&w->done);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Until time is up, a signal comes, or no guest is left. */
static void wait_for_end(struct watch *w)
{
	uint64_t until = w->options->seconds ? monotonic() + w->options->seconds : 0;
	struct timespec t = timespec_of(until);
	int rc = 0;

	pthread_mutex_lock(&w->lock);
	while (w->running && rc != ETIMEDOUT)
		rc = until ? pthread_cond_timedwait(&w->done, &w->lock, &t)
			   : pthread_cond_wait(&w->done, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

static void init_conditions(struct watch *w)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->done, &attributes);
	for (size_t i = 0; i < w->options->count; i++) {
		w->guests[i].watch = w;
		w->guests[i].name = &w->options->guests[i];
		pthread_cond_init(&w->guests[i].wake, &attributes);
	}
	pthread_condattr_destroy(&attributes);
}

static int start_threads(struct watch *w, struct tocsin_error *err)
{
	int rc;

	w->running = w->options->count; /* from here on the threads count down */
	rc = pthread_create(&w->signals, NULL, wait_for_signal, w);
	w->waits = !rc;
	if (!rc && w->options->rings) {
		rc = watch_rings_start(w, err);
		if (rc)
			return rc;
	}
	for (size_t i = 0; i < w->options->count && !rc; i++) {
		rc = pthread_create(&w->guests[i].thread, NULL, watch_guest, &w->guests[i]);
		w->guests[i].started = !rc;
	}
	return rc ? tocsin_error_set(err, -rc, "no thread: %s", strerror(rc)) : 0;
}

static void join_threads(struct watch *w)
{
	end_all(w);
	for (size_t i = 0; i < w->options->count; i++)
		if (w->guests[i].started)
			pthread_join(w->guests[i].thread, NULL);
	watch_rings_stop(w);
	if (w->waits) {
		pthread_kill(w->signals, SIGTERM); /* it waits for one */
		pthread_join(w->signals, NULL);
	}
}

/* Did a guest end otherwise than by its own end? The reason has been said. */
static bool has_failed(const struct watch *w)
{
	for (size_t i = 0; i < w->options->count; i++) {
		int rc = w->guests[i].rc;

		if ((rc && rc != -ENODEV && rc != -ESTALE) || !w->guests[i].read)
			return true;
	}
	return false;
}

/* 1: a guest could not be watched. */
static int run(struct watch *w, struct tocsin_error *err)
{
	sigset_t signals;
	int rc;

	watched_signals(&signals);
	sigaddset(&signals, SIGPIPE);
	if (w->options->view) { /* the screen's thread takes them */
		sigaddset(&signals, SIGWINCH);
		sigaddset(&signals, SIGTSTP);
	}
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	init_conditions(w);
	rc = start_threads(w, err);
	if (!rc && w->options->view)
		rc = watch_view_run(w, err);
	else if (!rc)
		wait_for_end(w);
	join_threads(w);
	watch_view_close(w);
	return rc ? rc : has_failed(w);
}

/*
 * Each sample takes as much memory as the one before, and gives it back. It is not given back to
 * the system: to have it mapped anew took a third of a sample's time.
 */
static void keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

int command_watch(int argc, char **argv)
{
	struct watch_options *o = calloc(1, sizeof(*o));
	struct watch *w = calloc(1, sizeof(*w));
	struct tocsin_error err = {0};
	int rc = o && w ? watch_options_parse(argc, argv, o) : EXIT_FAILED, worst;

	if (rc) {
		free(o);
		free(w);
		return rc;
	}
	w->options = o;
	keep_memory();
	rc = o->view ? watch_view_check(&err) : 0;
	if (!rc)
		rc = watch_sink_open(w, &w->sink, &err);
	if (!rc) {
		rc = run(w, &err);
		worst = watch_sink_close(w->sink, &err);
		rc = rc < 0 ? rc : rc ? EXIT_FAILED : worst;
	}
	if (err.code)
		fprintf(stderr, "tocsin watch: %s\n", err.message);
	free(o);
	free(w);
	return rc < 0 ? EXIT_FAILED : rc;
}
