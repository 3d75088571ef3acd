// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/batch.h"

#include <errno.h>
#include <stdlib.h>

#define ROOM_FIRST 256u

int tocsin_batch_add(void *batch, const struct tocsin_event *event)
{
	struct tocsin_batch *b = batch;

	if (b->count == b->room) {
		size_t room = b->room ? 2 * b->room : ROOM_FIRST;
		struct tocsin_event *grown = reallocarray(b->events, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		b->events = grown;
		b->room = room;
	}
	b->events[b->count++] = *event;
	return 0;
}

static int by_tsc(const void *a, const void *b)
{
	const struct tocsin_event *x = a, *y = b;

	return x->tsc < y->tsc ? -1 : x->tsc > y->tsc;
}

int tocsin_batch_deliver(struct tocsin_batch *b, tocsin_event_fn fn, void *context)
{
	size_t count = b->count;
	int rc = 0;

	if (count)
		qsort(b->events, count, sizeof(*b->events), by_tsc);
	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = fn(context, &b->events[i]);
	b->count = 0;
	return rc < 0 ? rc : (int)count;
}

void tocsin_batch_free(struct tocsin_batch *b)
{
	free(b->events);
	*b = (struct tocsin_batch){0};
}
