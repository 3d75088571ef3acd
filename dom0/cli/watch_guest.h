/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside cli/: the threads of tocsin watch, and who wakes them. */
#ifndef TOCSIN_CLI_WATCH_GUEST_H
#define TOCSIN_CLI_WATCH_GUEST_H

#include "cli/watch.h"
#include "cli/watch_recent.h"

#define WATCH_RINGS_MAX 64

/* What tocsind's log says of a trigger. */
struct watch_ring {
	int32_t pid; /* 0: not known */
	char operation[16];
};

struct watch_snapshot;

struct watch_guest {
	struct watch *watch;
	const struct guest_options *name;
	pthread_t thread;
	bool started;
	int rc;      /* how it ended */
	bool read;   /* a sample at least was taken */
	bool waited; /* that it is waited for was said */
	pthread_cond_t wake;
	/* under the watch's lock */
	struct watch_ring rings[WATCH_RINGS_MAX]; /* more are dropped: one sample serves them all */
	size_t ring_count;
	struct watch_snapshot *snapshot; /* the live view takes it from here */
	bool wanted;                     /* by the live view: another snapshot */
	bool gone;
};

struct watch {
	const struct watch_options *options;
	struct watch_sink *sink;
	pthread_t signals, reader; /* reader: of tocsind's log */
	bool waits, reads;         /* these threads are there */
	int log;
	pthread_mutex_t lock; /* of what follows, and the guests' parts */
	pthread_cond_t done;
	size_t running; /* guests that are watched; 0: it is time to end */
	bool ending;
	struct watch_recent recent; /* for the live view */
	struct watch_guest guests[WATCH_GUESTS_MAX];
};

/* Follow tocsind's log from its end on: each trigger wakes its domain's thread. */
int watch_rings_start(struct watch *w, struct tocsin_error *err);
void watch_rings_stop(struct watch *w);

/* ---- the live view ---- */

/* Can this terminal show it? Before there are threads: it sets the locale's characters. -ENOTTY. */
int watch_view_check(struct tocsin_error *err);

/* Hand what is known now to the live view, if there is one; NULL: the guest is gone. */
void watch_view_update(struct watch_guest *g, const struct tocsin_monitor *m);

/* A finding, or something else that is to be told; from any thread, not under the watch's lock. */
void watch_view_finding(struct watch *w, const struct tocsin_event *e);
void watch_view_say(struct watch *w, const char *text);

/*
 * Draw and obey keys until the watch ends, its time is up, or the user has it end. SIGWINCH and
 * SIGTSTP should be blocked in all other threads. What was said is on stderr afterwards.
 */
int watch_view_run(struct watch *w, struct tocsin_error *err);

/* Free what the guests' threads, which have ended, handed over. */
void watch_view_close(struct watch *w);

#endif
