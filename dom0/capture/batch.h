/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside capture/: events of several CPUs, collected from their decoders and handed on in order. */
#ifndef TOCSIN_BATCH_H
#define TOCSIN_BATCH_H

#include "capture/capture.h"

struct tocsin_batch {
	struct tocsin_event *events;
	size_t count, room;
};

/* A tocsin_event_fn, whose context is the batch. -ENOMEM. */
int tocsin_batch_add(void *batch, const struct tocsin_event *event);

/* All of them, in the order of the TSC; then it is empty. How many, or what fn returned below 0. */
int tocsin_batch_deliver(struct tocsin_batch *b, tocsin_event_fn fn, void *context);

void tocsin_batch_free(struct tocsin_batch *b);

#endif
