// SPDX-License-Identifier: GPL-2.0-or-later
/* The ledger of a recording; see ledger.h. */
#include "cli/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LEDGER_MAX ((size_t)1 << 24)

int ledger_add(void *context, const struct tocsin_event *event)
{
	struct ledger *l = context;

	if (event->kind == TOCSIN_EVENT_CALL || event->kind == TOCSIN_EVENT_GAP)
		return 0;
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 1024;
		struct tocsin_event *grown;

		if (room > LEDGER_MAX)
			return -EFBIG;
		grown = reallocarray(l->event, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		l->event = grown;
		l->room = room;
	}
	l->event[l->count++] = *event;
	return 0;
}

void ledger_free(struct ledger *l)
{
	free(l->event);
	*l = (struct ledger){0};
}

struct place {
	uint64_t tsc;
	size_t index;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->tsc != y->tsc)
		return x->tsc < y->tsc ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

int ledger_sort(struct ledger *l)
{
	struct tocsin_event *sorted;
	struct place *place;

	if (!l->count)
		return 0;
	sorted = calloc(l->count, sizeof(*sorted));
	place = calloc(l->count, sizeof(*place));
	if (!sorted || !place) {
		free(sorted);
		free(place);
		return -ENOMEM;
	}
	for (size_t i = 0; i < l->count; i++)
		place[i] = (struct place){l->event[i].tsc, i};
	qsort(place, l->count, sizeof(*place), compare_places);
	for (size_t i = 0; i < l->count; i++)
		sorted[i] = l->event[place[i].index];
	free(place);
	free(l->event);
	l->event = sorted;
	l->room = l->count;
	return 0;
}

/* A ticket as its distance from the domain's first in time. */
struct ticket {
	uint16_t domid;
	int32_t distance;
	uint32_t seq;
};

static int compare_tickets(const void *a, const void *b)
{
	const struct ticket *x = a, *y = b;

	if (x->domid != y->domid)
		return x->domid < y->domid ? -1 : 1;
	return x->distance < y->distance ? -1 : x->distance > y->distance;
}

/* All triggers' tickets, sorted by domain and distance. */
static int tickets(const struct ledger *l, struct ticket **ret, size_t *count)
{
	uint32_t *first = calloc(UINT16_MAX + 1, sizeof(*first));
	bool *seen = calloc(UINT16_MAX + 1, sizeof(*seen));
	struct ticket *t = calloc(l->count ? l->count : 1, sizeof(*t));
	size_t n = 0;

	if (!first || !seen || !t) {
		free(first);
		free(seen);
		free(t);
		return -ENOMEM;
	}
	for (size_t i = 0; i < l->count; i++) {
		const struct tocsin_record *r = &l->event[i].record;

		if (l->event[i].kind != TOCSIN_EVENT_TRIGGER)
			continue;
		if (!seen[r->domid]) {
			seen[r->domid] = true;
			first[r->domid] = r->seq;
		}
		t[n++] = (struct ticket){r->domid, (int32_t)(r->seq - first[r->domid]), r->seq};
	}
	qsort(t, n, sizeof(*t), compare_tickets);
	free(first);
	free(seen);
	*ret = t;
	*count = n;
	return 0;
}

int ledger_domains(const struct ledger *l, struct ledger_domain **ret, size_t *count)
{
	struct ledger_domain *d;
	struct ticket *t;
	size_t n, domains = 0;
	int rc = tickets(l, &t, &n);

	if (rc)
		return rc;
	for (size_t i = 0; i < n; i++)
		domains += i == 0 || t[i].domid != t[i - 1].domid;
	d = calloc(domains ? domains : 1, sizeof(*d));
	if (!d) {
		free(t);
		return -ENOMEM;
	}
	*count = domains;
	*ret = d;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || t[i].domid != t[i - 1].domid) {
			d += i != 0;
			d->domid = t[i].domid;
			d->first = t[i].seq;
		} else if (t[i].distance == t[i - 1].distance) {
			d->repeated++;
		} else {
			d->missing += (uint64_t)((int64_t)t[i].distance - t[i - 1].distance - 1);
		}
		d->last = t[i].seq;
		d->triggers++;
	}
	free(t);
	return 0;
}
