/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/guests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct entry *next;
	uint32_t domid;
	struct tocsin_job_guest guest;
};

struct tocsin_guests {
	struct tocsin_host *host;
	struct entry *entries;
};

int tocsin_guests_new(struct tocsin_host *host, struct tocsin_guests **ret)
{
	struct tocsin_guests *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->host = host;
	*ret = g;
	return 0;
}

static void remove_entry(struct entry **link)
{
	struct entry *e = *link;

	*link = e->next;
	tocsin_job_guest_close(&e->guest);
	free(e);
}

void tocsin_guests_free(struct tocsin_guests *g)
{
	if (!g)
		return;
	while (g->entries)
		remove_entry(&g->entries);
	free(g);
}

static bool lives(struct tocsin_guests *g, const struct entry *e)
{
	struct tocsin_domain domain;

	return !tocsin_host_domain(g->host, e->domid, &domain, NULL) && !domain.dying &&
	       !memcmp(domain.uuid, e->guest.uuid, sizeof(domain.uuid));
}

void tocsin_guests_release(struct tocsin_guests *g)
{
	for (struct entry **link = &g->entries; *link;) {
		if (lives(g, *link))
			link = &(*link)->next;
		else
			remove_entry(link);
	}
}

static int open_entry(struct tocsin_guests *g, uint32_t domid, struct entry **ret,
		      struct tocsin_error *err)
{
	struct tocsin_domain domain;
	struct entry *e;
	int rc = tocsin_host_domain(g->host, domid, &domain, err);

	if (rc)
		return rc;
	if (domain.dying)
		return tocsin_error_set(err, -ESRCH, "domain %u is being destroyed", domid);
	e = calloc(1, sizeof(*e));
	if (!e)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	rc = tocsin_memory_open_xen(domid, &e->guest.memory, err);
	if (rc) {
		free(e);
		return rc;
	}
	e->domid = domid;
	snprintf(e->guest.name, sizeof(e->guest.name), "%s", domain.name);
	memcpy(e->guest.uuid, domain.uuid, sizeof(e->guest.uuid));
	e->next = g->entries;
	g->entries = e;
	*ret = e;
	return 0;
}

int tocsin_guests_get(struct tocsin_guests *g, uint32_t domid, struct tocsin_job_guest **ret,
		      struct tocsin_error *err)
{
	struct entry *e = NULL;
	int rc;

	tocsin_guests_release(g);
	for (e = g->entries; e && e->domid != domid; e = e->next)
		;
	rc = e ? 0 : open_entry(g, domid, &e, err);
	if (!rc)
		*ret = &e->guest;
	return rc;
}
