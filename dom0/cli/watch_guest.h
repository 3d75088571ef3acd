/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside cli/: the threads of tocsin watch, and who wakes them. */
#ifndef TOCSIN_CLI_WATCH_GUEST_H
#define TOCSIN_CLI_WATCH_GUEST_H

#include "cli/watch.h"

#define WATCH_RINGS_MAX 64

/* What tocsind's log says of a trigger. */
struct watch_ring {
	int32_t pid; /* 0: not known */
	char operation[16];
};

struct watch_snapshot; /* of the live view */

struct watch_guest {
	struct watch *watch;
	const struct guest_options *name;
	pthread_t thread;
	bool started;
	int rc; /* how it ended */
	pthread_cond_t wake;
	/* under the watch's lock */
	struct watch_ring rings[WATCH_RINGS_MAX]; /* more are dropped: one sample serves them all */
	size_t ring_count;
	struct watch_snapshot *snapshot;
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
	struct watch_guest guests[WATCH_GUESTS_MAX];
};

/* Follow tocsind's log from its end on: each trigger wakes its domain's thread. */
int watch_rings_start(struct watch *w, struct tocsin_error *err);
void watch_rings_stop(struct watch *w);

/* Hand what is known now to the live view, if there is one; NULL: the guest is gone. */
void watch_view_update(struct watch_guest *g, const struct tocsin_monitor *m);

/* Draw and obey keys until the watch ends. */
void watch_view_run(struct watch *w);

#endif
