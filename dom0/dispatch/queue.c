/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/queue.h"

#include <errno.h>
#include <stdlib.h>

int tocsin_queue_init(struct tocsin_queue *q, size_t capacity)
{
	struct tocsin_event *events;

	if (!capacity)
		return -EINVAL;
	events = calloc(capacity, sizeof(*events));
	if (!events)
		return -ENOMEM;
	*q = (struct tocsin_queue){.events = events, .capacity = capacity};
	return 0;
}

void tocsin_queue_free(struct tocsin_queue *q)
{
	free(q->events);
	*q = (struct tocsin_queue){0};
}

int tocsin_queue_push(struct tocsin_queue *q, const struct tocsin_event *event)
{
	if (q->count == q->capacity) {
		q->dropped++;
		return -ENOBUFS;
	}
	q->events[(q->head + q->count++) % q->capacity] = *event;
	return 0;
}

int tocsin_queue_pop(struct tocsin_queue *q, struct tocsin_event *ret)
{
	if (!q->count)
		return -ENOENT;
	*ret = q->events[q->head];
	q->head = (q->head + 1) % q->capacity;
	q->count--;
	return 0;
}

uint64_t tocsin_queue_take_dropped(struct tocsin_queue *q)
{
	uint64_t dropped = q->dropped;

	q->dropped = 0;
	return dropped;
}
