// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/batch.h"
#include "base/room.h"

#include <errno.h>
#include <stdlib.h>

int tocsin_batch_add(void *batch, const struct tocsin_event *event)
{
	struct tocsin_batch *b = batch;
	if (!TOCSIN_ROOM(b->events, b->room, b->count))
		return -ENOMEM;
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
