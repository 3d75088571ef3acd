// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin tree GUEST: the processes below their parents. A guest can make parents that lead nowhere,
 * or in a circle: whoever is reached from no root is a root itself.
 */
#include "cli/command.h"
#include "cli/fold.h"
#include "cli/guest.h"
#include "output/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_SHOWN 40 /* deeper ones are not moved to the right any more */

struct tree {
	const struct tocsin_process_list *list;
	size_t *order; /* row numbers, by parent, then by number */
	size_t *stack; /* of rows that are to be shown */
	int *depth;    /* -1: not shown yet */
};

static int by_parent(const void *a, const void *b, void *context)
{
	const struct tocsin_process *rows = context;
	const struct tocsin_process *x = &rows[*(const size_t *)a], *y = &rows[*(const size_t *)b];

	if (x->ppid != y->ppid)
		return x->ppid < y->ppid ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* The first in order whose parent is not below ppid. */
static size_t first_child(const struct tree *t, int32_t ppid)
{
	size_t low = 0, high = t->list->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->list->rows[t->order[mid]].ppid < ppid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void print_row(const struct tocsin_process *p, int depth)
{
	printf("%7" PRId32 " %6" PRIu32 " %*s%s%s%s%s%s%s\n", p->pid, p->uid,
	       2 * (depth < DEPTH_SHOWN ? depth : DEPTH_SHOWN), "", p->mm ? "" : "[",
	       guest_text(p->comm, strnlen(p->comm, sizeof(p->comm))), p->mm ? "" : "]",
	       *p->exe ? " " : "", guest_text(p->exe, strlen(p->exe)), guest_remark(p->confidence));
}

/* The row and all below it, without recursion: a guest decides how deep it goes. */
static void show_below(struct tree *t, size_t root)
{
	size_t top = 0;

	t->stack[top++] = root;
	t->depth[root] = 0;
	while (top) {
		size_t row = t->stack[--top], first, end;
		const struct tocsin_process *p = &t->list->rows[row];

		print_row(p, t->depth[row]);
		first = first_child(t, p->pid);
		for (end = first;
		     end < t->list->count && t->list->rows[t->order[end]].ppid == p->pid;)
			end++;
		while (end-- > first) {
			size_t child = t->order[end];

			if (t->depth[child] >= 0)
				continue;
			t->depth[child] = t->depth[row] + 1;
			t->stack[top++] = child;
		}
	}
}

static bool has_parent(const struct tree *t, int32_t ppid)
{
	for (size_t i = 0; i < t->list->count; i++)
		if (t->list->rows[i].pid == ppid)
			return true;
	return false;
}

static int show(struct tocsin_kernel *k, const struct guest_options *o, struct tocsin_error *err)
{
	struct tocsin_process_list list;
	struct tree t = {.list = &list};
	int rc = tocsin_process_list(k, &list, err), partial;

	if (rc)
		return rc;
	partial = list.torn || list.contradicted || list.truncated;
	t.order = calloc(list.count, sizeof(*t.order));
	t.stack = calloc(list.count, sizeof(*t.stack));
	t.depth = calloc(list.count, sizeof(*t.depth));
	if (!t.order || !t.stack || !t.depth) {
		rc = tocsin_error_set(err, -ENOMEM, "no memory for %zu processes", list.count);
		goto out;
	}
	for (size_t i = 0; i < list.count; i++) {
		t.order[i] = i;
		t.depth[i] = -1;
	}
	qsort_r(t.order, list.count, sizeof(*t.order), by_parent, list.rows);
	fold_table("NAME PROGRAM", "%7s %6s ", "PID", "UID");
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < list.count; i++)
			if (t.depth[i] < 0 && (pass || !has_parent(&t, list.rows[i].ppid)))
				show_below(&t, i);
out:
	free(t.order);
	free(t.stack);
	free(t.depth);
	tocsin_process_list_free(&list);
	return rc ? rc : partial;
}

int command_tree(int argc, char **argv)
{
	return guest_run(argc, argv, 0, show);
}
