/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded queue of events between capture and the jobs. The trace buffers must be emptied at
 * once, while a scan takes its time. Domains take turns, so that one that rings without pause
 * delays the others by one job each and can fill no more than its own share; within a domain the
 * first in is the first out. What does not fit is counted, not lost in silence.
 */
#ifndef TOCSIN_QUEUE_H
#define TOCSIN_QUEUE_H

#include "capture/capture.h"

struct tocsin_lane;

struct tocsin_queue {
	struct tocsin_lane *turn; /* a circle of the domains that have events; NULL: empty */
	size_t count;
	size_t capacity, share; /* of all domains together, and of one */
	uint64_t dropped;       /* since the last tocsin_queue_take_dropped */
};

/* 0, or -EINVAL: a bound is 0. Free with tocsin_queue_free. */
int tocsin_queue_init(struct tocsin_queue *q, size_t capacity, size_t share);
void tocsin_queue_free(struct tocsin_queue *q);

/* 0, or -ENOBUFS: full, or out of memory, and the event is counted as dropped. */
int tocsin_queue_push(struct tocsin_queue *q, const struct tocsin_event *event);

/* 0 and, in ret, the oldest event of the domain whose turn it is, or -ENOENT: empty. */
int tocsin_queue_pop(struct tocsin_queue *q, struct tocsin_event *ret);

/* How many were dropped since the last call. */
uint64_t tocsin_queue_take_dropped(struct tocsin_queue *q);

#endif
