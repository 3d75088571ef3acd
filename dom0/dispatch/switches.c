/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The switch of a domain lies in the hypervisor, and goes with the domain: a guest that reboots is
 * another domain of the same UUID, switched off. So what it was set to is kept by UUID, and set
 * again when the guest comes back. What is set on the same domain is the operator's word.
 */
#include "base/clock.h"
#include "dispatch/broker.h"
#include "dispatch/kernels.h"

#include <stdlib.h>
#include <string.h>

#define PRUNE_PERIOD (3600 * TOCSIN_SECOND)

struct tocsin_switch {
	struct tocsin_switch *next;
	uint8_t uuid[16];
	uint32_t domid, rate;
};

static struct tocsin_switch *find(struct tocsin_broker *b, const uint8_t uuid[16])
{
	struct tocsin_switch *s = b->switches;

	while (s && memcmp(s->uuid, uuid, sizeof(s->uuid)))
		s = s->next;
	return s;
}

static struct tocsin_switch *add(struct tocsin_broker *b, const uint8_t uuid[16])
{
	struct tocsin_switch *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	memcpy(s->uuid, uuid, sizeof(s->uuid));
	s->next = b->switches;
	b->switches = s;
	return s;
}

void tocsin_switches_know(struct tocsin_broker *b, const struct tocsin_daemon_state_guest *row)
{
	struct tocsin_switch *s = add(b, row->uuid);

	if (!s)
		return;
	s->domid = row->domid;
	s->rate = row->rate;
}

static void switch_on(struct tocsin_broker *b, const struct tocsin_switch *s,
		      struct tocsin_domain *d)
{
	struct tocsin_error err = {0};

	if (b->backend->set_rate(b->backend, d->domid, s->rate, &err)) {
		fprintf(stderr, "tocsind: domain %u (%s) cannot be switched on again: %s\n",
			d->domid, d->name, err.message);
		return;
	}
	d->rate = s->rate;
	fprintf(
	    stderr,
	    "tocsind: domain %u (%s) is switched on again, as before it rebooted: %u a second\n",
	    d->domid, d->name, s->rate);
}

static void look_at(struct tocsin_broker *b, struct tocsin_domain *d)
{
	struct tocsin_switch *s = find(b, d->uuid);

	if (!d->hvm || d->dying || d->rate < 0 || (!s && !d->rate))
		return;
	if (!s)
		s = add(b, d->uuid);
	if (!s || (s->domid == d->domid && s->rate == (uint64_t)d->rate))
		return;
	if (s->domid != d->domid && s->rate && !d->rate)
		switch_on(b, s, d);
	s->domid = d->domid;
	s->rate = (uint32_t)d->rate;
	tocsin_broker_state(b, tocsin_daemon_state_switch(b->state, s->uuid, s->domid, s->rate));
}

static bool is_here(const void *context, const uint8_t uuid[16])
{
	const struct tocsin_known *k = ((const struct tocsin_broker *)context)->known;

	while (k && memcmp(k->domain.uuid, uuid, 16) != 0)
		k = k->next;
	return k != NULL;
}

/* Kernels of guests that are not there any more; only who is there is known just now. */
static void prune_kernels(struct tocsin_broker *b)
{
	if (!b->s->worker.cache || b->now < b->next_prune)
		return;
	b->next_prune = b->now + PRUNE_PERIOD;
	tocsin_kernels_prune(b->s->worker.cache, (time_t)(tocsin_realtime() / TOCSIN_SECOND),
			     is_here, b);
}

void tocsin_switches_look(struct tocsin_broker *b)
{
	struct tocsin_domain *list;
	size_t count;

	if (b->backend->list(b->backend, &list, &count, NULL))
		return;
	tocsin_policy_look(b, list, count);
	prune_kernels(b);
	for (size_t i = 0; i < count; i++)
		look_at(b, &list[i]);
	free(list);
}

void tocsin_switches_free(struct tocsin_broker *b)
{
	while (b->switches) {
		struct tocsin_switch *s = b->switches;

		b->switches = s->next;
		free(s);
	}
}
