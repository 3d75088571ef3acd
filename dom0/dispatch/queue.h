/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded first-in first-out queue of events between capture and the jobs. The trace buffers
 * must be emptied at once, while a scan takes its time; what does not fit is counted, not lost in
 * silence.
 */
#ifndef TOCSIN_QUEUE_H
#define TOCSIN_QUEUE_H

#include "capture/capture.h"

struct tocsin_queue {
	struct tocsin_event *events;
	size_t capacity, head, count;
	uint64_t dropped; /* since the last tocsin_queue_take_dropped */
};

/* 0, -EINVAL (capacity 0), -ENOMEM. Free with tocsin_queue_free. */
int tocsin_queue_init(struct tocsin_queue *q, size_t capacity);
void tocsin_queue_free(struct tocsin_queue *q);

/* 0, or -ENOBUFS: full, and the event is counted as dropped. */
int tocsin_queue_push(struct tocsin_queue *q, const struct tocsin_event *event);

/* 0 and the oldest event in ret, or -ENOENT: empty. */
int tocsin_queue_pop(struct tocsin_queue *q, struct tocsin_event *ret);

/* How many were dropped since the last call. */
uint64_t tocsin_queue_take_dropped(struct tocsin_queue *q);

#endif
