/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/recent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_of(const struct tocsin_recent_row *row, const struct tocsin_process *p)
{
	return row->at && row->task == p->task && row->mm == p->mm && row->pgd == p->pgd &&
	       row->start_time == p->start_time && row->uid == p->uid && row->euid == p->euid &&
	       row->cap_effective == p->cap_effective && !strcmp(row->exe, p->exe);
}

static void clear_row(struct tocsin_recent_row *row)
{
	free(row->rows);
	row->rows = NULL;
	row->at = 0;
}

/* Its own row, else the oldest. */
static struct tocsin_recent_row *choose(struct tocsin_recent *r, const struct tocsin_process *p)
{
	struct tocsin_recent_row *oldest = r->rows;

	for (size_t i = 0; i < TOCSIN_RECENT_ROWS; i++) {
		if (is_of(&r->rows[i], p))
			return &r->rows[i];
		if (r->rows[i].at < oldest->at)
			oldest = &r->rows[i];
	}
	return oldest;
}

void tocsin_recent_keep(struct tocsin_recent *r, const struct tocsin_process *p, uint64_t now,
			const struct tocsin_findings *f, const struct tocsin_verdict *verdict)
{
	struct tocsin_recent_row *row;

	if (!r->window)
		return;
	if (!r->rows)
		r->rows = calloc(TOCSIN_RECENT_ROWS, sizeof(*r->rows));
	if (!r->rows)
		return;
	row = choose(r, p);
	clear_row(row);
	if (f->count) {
		row->rows = calloc(f->count, sizeof(*row->rows));
		if (!row->rows)
			return;
		memcpy(row->rows, f->rows, f->count * sizeof(*row->rows));
	}
	row->at = now;
	row->task = p->task;
	row->mm = p->mm;
	row->pgd = p->pgd;
	row->start_time = p->start_time;
	row->uid = p->uid;
	row->euid = p->euid;
	row->cap_effective = p->cap_effective;
	memcpy(row->exe, p->exe, sizeof(row->exe));
	row->verdict = *verdict;
	row->count = f->count;
	row->dropped = f->dropped;
	row->pages_present = f->pages_present;
	row->pages_read = f->pages_read;
	row->pages_torn = f->pages_torn;
	row->unknown = f->unknown;
	row->truncated = f->truncated;
	memcpy(row->unreadable, f->unreadable, sizeof(row->unreadable));
}

bool tocsin_recent_find(struct tocsin_recent *r, const struct tocsin_process *p, uint64_t now,
			struct tocsin_findings *f, struct tocsin_verdict *verdict)
{
	const struct tocsin_recent_row *row = NULL;

	for (size_t i = 0; r->rows && i < TOCSIN_RECENT_ROWS && !row; i++)
		if (is_of(&r->rows[i], p) && now - r->rows[i].at < r->window)
			row = &r->rows[i];
	if (!row)
		return false;
	if (row->count)
		memcpy(f->rows, row->rows, row->count * sizeof(*row->rows));
	f->count = row->count;
	f->dropped = row->dropped;
	f->pages_present = row->pages_present;
	f->pages_read = row->pages_read;
	f->pages_torn = row->pages_torn;
	f->unknown = row->unknown;
	f->truncated = row->truncated;
	memcpy(f->unreadable, row->unreadable, sizeof(f->unreadable));
	*verdict = row->verdict;
	return true;
}

void tocsin_recent_clear(struct tocsin_recent *r)
{
	for (size_t i = 0; r->rows && i < TOCSIN_RECENT_ROWS; i++)
		clear_row(&r->rows[i]);
	free(r->rows);
	r->rows = NULL;
}
