/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/queue.h"

#include <errno.h>
#include <stdlib.h>

#define NO_DOMAIN 0x10000u /* losses and malformed records belong to none */

struct node {
	struct node *next;
	struct tocsin_event event;
};

/* The events of one domain; there is none without events. */
struct tocsin_lane {
	struct tocsin_lane *next, *previous;
	uint32_t domid;
	size_t count;
	struct node *first, *last;
};

int tocsin_queue_init(struct tocsin_queue *q, size_t capacity, size_t share)
{
	if (!capacity || !share)
		return -EINVAL;
	*q = (struct tocsin_queue){.capacity = capacity, .share = share};
	return 0;
}

void tocsin_queue_free(struct tocsin_queue *q)
{
	struct tocsin_event event;

	while (!tocsin_queue_pop(q, &event))
		;
	*q = (struct tocsin_queue){0};
}

static uint32_t domain_of(const struct tocsin_event *event)
{
	return event->kind == TOCSIN_EVENT_TRIGGER ? event->record.domid : NO_DOMAIN;
}

static struct tocsin_lane *find_lane(struct tocsin_queue *q, uint32_t domid)
{
	struct tocsin_lane *lane = q->turn;

	if (!lane)
		return NULL;
	do {
		if (lane->domid == domid)
			return lane;
		lane = lane->next;
	} while (lane != q->turn);
	return NULL;
}

/* A new lane comes last: just before the one whose turn it is. */
static struct tocsin_lane *add_lane(struct tocsin_queue *q, uint32_t domid)
{
	struct tocsin_lane *lane = calloc(1, sizeof(*lane));

	if (!lane)
		return NULL;
	lane->domid = domid;
	if (!q->turn) {
		lane->next = lane->previous = q->turn = lane;
	} else {
		lane->next = q->turn;
		lane->previous = q->turn->previous;
		lane->previous->next = lane->next->previous = lane;
	}
	return lane;
}

static void remove_lane(struct tocsin_queue *q, struct tocsin_lane *lane)
{
	if (lane->next == lane) {
		q->turn = NULL;
	} else {
		lane->previous->next = lane->next;
		lane->next->previous = lane->previous;
		if (q->turn == lane)
			q->turn = lane->next;
	}
	free(lane);
}

int tocsin_queue_push(struct tocsin_queue *q, const struct tocsin_event *event)
{
	uint32_t domid = domain_of(event);
	struct tocsin_lane *lane = find_lane(q, domid);
	struct node *node = NULL;

	if (q->count < q->capacity && (!lane || lane->count < q->share))
		node = malloc(sizeof(*node));
	if (node && !lane)
		lane = add_lane(q, domid);
	if (!node || !lane) {
		free(node);
		q->dropped++;
		return -ENOBUFS;
	}
	*node = (struct node){.event = *event};
	*(lane->first ? &lane->last->next : &lane->first) = node;
	lane->last = node;
	lane->count++;
	q->count++;
	return 0;
}

int tocsin_queue_pop(struct tocsin_queue *q, struct tocsin_event *ret)
{
	struct tocsin_lane *lane = q->turn;
	struct node *node;

	if (!lane)
		return -ENOENT;
	node = lane->first;
	*ret = node->event;
	lane->first = node->next;
	lane->count--;
	q->count--;
	free(node);
	q->turn = lane->next;
	if (!lane->count)
		remove_lane(q, lane);
	return 0;
}

uint64_t tocsin_queue_take_dropped(struct tocsin_queue *q)
{
	uint64_t dropped = q->dropped;

	q->dropped = 0;
	return dropped;
}
