/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration's policies, applied to the domains that are there. What a policy says of a
 * guest's switch holds: it is set again whenever it is found to be otherwise. A domain that has no
 * name, as it is being made, or xenstored is not there, is left as it is until it has one: which
 * policy is its own is not known.
 */
#include "dispatch/broker.h"

#include <tocsin/request.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE (60 * TOCSIN_SECOND)
#define FIRST_SWEEP (10 * MINUTE) /* of a guest, at the latest, or many begin at once */

static void decide(struct tocsin_broker *b, struct tocsin_known *k)
{
	static const struct tocsin_config none;

	tocsin_config_policy(b->s->config ? b->s->config : &none, k->domain.name, k->domain.uuid,
			     &k->policy);
}

/* The guests' first ones are spread over some time, by what is theirs alone. */
static void plan_first_sweep(struct tocsin_broker *b, struct tocsin_known *k)
{
	uint64_t period = k->policy.schedule * MINUTE;
	uint64_t part = k->domain.uuid[0] << 8 | k->domain.uuid[15];

	k->next_sweep = 0;
	if (!period || !k->domain.hvm)
		return;
	if (period > FIRST_SWEEP)
		period = FIRST_SWEEP;
	k->next_sweep = b->now + period * part / 65536 + 1;
}

struct tocsin_known *tocsin_policy_find(struct tocsin_broker *b, uint32_t domid,
					const uint8_t uuid[16])
{
	struct tocsin_known *k = b->known;

	while (k && (k->domain.domid != domid || memcmp(k->domain.uuid, uuid, 16) != 0))
		k = k->next;
	return k;
}

static struct tocsin_known *add(struct tocsin_broker *b, const struct tocsin_domain *d)
{
	struct tocsin_known *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->domain = *d;
	decide(b, k);
	plan_first_sweep(b, k);
	k->next = b->known;
	b->known = k;
	return k;
}

static void set_switch(struct tocsin_broker *b, struct tocsin_known *k, struct tocsin_domain *d)
{
	uint32_t rate = k->policy.enabled == TOCSIN_SWITCH_ON ? k->policy.rate : 0;
	struct tocsin_error err = {0};

	if (!d->name[0] || k->policy.enabled == TOCSIN_SWITCH_KEEP || !d->hvm || d->dying ||
	    d->rate < 0 || d->rate == rate)
		return;
	if (b->backend->set_rate(b->backend, d->domid, rate, &err)) {
		/* Said once: it is tried at each look. */
		if (k->domain.rate != -2)
			fprintf(stderr, "tocsind: domain %u (%s) cannot be switched: %s\n",
				d->domid, d->name, err.message);
		k->domain.rate = -2;
		return;
	}
	d->rate = rate;
	if (rate)
		fprintf(stderr,
			"tocsind: domain %u (%s) may ring %u times a second, by its policy\n",
			d->domid, d->name, rate);
	else
		fprintf(stderr, "tocsind: domain %u (%s) may not ring, by its policy\n", d->domid,
			d->name);
}

static void look_at(struct tocsin_broker *b, struct tocsin_domain *d)
{
	struct tocsin_known *k = tocsin_policy_find(b, d->domid, d->uuid);
	bool failed;

	if (!k)
		k = add(b, d);
	if (!k)
		return;
	k->seen = true;
	if (!d->name[0])
		memcpy(d->name, k->domain.name, sizeof(d->name));
	if (strcmp(k->domain.name, d->name) != 0) {
		k->domain = *d;
		decide(b, k);
	}
	set_switch(b, k, d);
	failed = k->domain.rate == -2;
	k->domain = *d;
	if (failed && d->rate >= 0)
		k->domain.rate = -2;
}

void tocsin_policy_look(struct tocsin_broker *b, struct tocsin_domain *list, size_t count)
{
	for (struct tocsin_known *k = b->known; k; k = k->next)
		k->seen = false;
	for (size_t i = 0; i < count; i++)
		look_at(b, &list[i]);
	for (struct tocsin_known **at = &b->known; *at;) {
		struct tocsin_known *k = *at;

		if (k->seen) {
			at = &k->next;
			continue;
		}
		*at = k->next;
		free(k);
	}
}

void tocsin_policy_reload(struct tocsin_broker *b)
{
	for (struct tocsin_known *k = b->known; k; k = k->next) {
		uint32_t schedule = k->policy.schedule;

		decide(b, k);
		if (k->policy.schedule != schedule)
			plan_first_sweep(b, k);
	}
}

void tocsin_policy_tick(struct tocsin_broker *b)
{
	for (struct tocsin_known *k = b->known; k; k = k->next) {
		if (!k->next_sweep || b->now < k->next_sweep || k->domain.dying)
			continue;
		/* Too many at once: with the next tick. */
		if (!tocsin_errands_sweep(b, &k->domain, ~k->policy.scans))
			k->next_sweep = b->now + k->policy.schedule * MINUTE;
	}
}

uint32_t tocsin_policy_without(struct tocsin_broker *b, const struct tocsin_domain *d)
{
	struct tocsin_known *k = tocsin_policy_find(b, d->domid, d->uuid);

	return k ? ~k->policy.scans : 0;
}

uint32_t tocsin_policy_actions(struct tocsin_broker *b, const struct tocsin_msg_report *m,
			       uint32_t verdict)
{
	struct tocsin_known *k = tocsin_policy_find(b, m->record.domid, m->uuid);
	struct tocsin_known other = {.domain.domid = m->record.domid};

	if (m->kind == TOCSIN_REPORT_LOSS)
		return TOCSIN_ACTION_LOG | TOCSIN_ACTION_NOTIFY;
	if (m->kind == TOCSIN_REPORT_RING)
		return TOCSIN_ACTION_LOG;
	if (!k) { /* it is gone, or was not looked at yet */
		memcpy(other.domain.name, m->domain, sizeof(other.domain.name));
		memcpy(other.domain.uuid, m->uuid, sizeof(other.domain.uuid));
		k = &other;
		decide(b, k);
	}
	if (m->kind == TOCSIN_REPORT_ERROR || verdict >= TOCSIN_CONFIG_VERDICTS)
		verdict = TOCSIN_VERDICT_NONE;
	return k->policy.actions[verdict];
}

void tocsin_policy_free(struct tocsin_broker *b)
{
	while (b->known) {
		struct tocsin_known *k = b->known;

		b->known = k->next;
		free(k);
	}
}
