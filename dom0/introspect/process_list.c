// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All processes, from two views: the task list, which everybody walks, and the table of PIDs, by
 * which the kernel itself finds them. A rootkit takes a process off one of them; it can hardly take
 * it off both and keep it running. A process that begins or ends between the two looks is in one
 * only as well, so whoever is missed is looked for again before it is called hidden.
 */
#include "introspect/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct building {
	struct tocsin_kernel *k;
	const struct tocsin_process_layout *l;
	struct tocsin_process_list list;
	size_t room;
};

/* A row for the task; not one that has gone, unless it hides. */
static int add(struct building *b, uint64_t task, bool hidden)
{
	struct tocsin_process *row;
	int rc;

	if (b->list.count == b->room) {
		size_t room = b->room ? b->room * 2 : 64;
		void *rows = reallocarray(b->list.rows, room, sizeof(*b->list.rows));

		if (!rows)
			return -ENOMEM;
		b->list.rows = rows;
		b->room = room;
	}
	row = &b->list.rows[b->list.count];
	rc = tocsin_process_read_row(b->k, b->l, task, row);
	if (rc || (row->confidence == TOCSIN_CONTRADICTED && !hidden))
		return rc;
	if (hidden)
		row->confidence = TOCSIN_CONTRADICTED;
	b->list.torn += row->confidence == TOCSIN_TORN;
	b->list.contradicted += row->confidence == TOCSIN_CONTRADICTED;
	b->list.count++;
	return 0;
}

static bool is_linked(const struct building *b, uint64_t task)
{
	return tocsin_list_linked(b->k, task + b->l->task_tasks);
}

/* Does its PID still lead to it? */
static bool has_pid(const struct building *b, uint64_t task)
{
	uint64_t pid, node;

	return !tocsin_kernel_read_u64(b->k, task + b->l->task_thread_pid, &pid) && pid &&
	       !tocsin_kernel_read_u64(b->k, pid + b->l->pid_tasks, &node) &&
	       node == task + b->l->task_links;
}

/* Those that only the table of PIDs has, and those that it lacks. */
static int compare(struct building *b, const struct tocsin_addresses *listed,
		   const struct tocsin_addresses *by_pid)
{
	struct tocsin_addresses again = {0};
	int rc = 0;

	for (size_t i = 0; i < by_pid->count && !rc; i++) {
		uint64_t task = by_pid->at[i];

		if (tocsin_addresses_has(listed, task))
			continue;
		if (is_linked(b, task)) /* begun meanwhile */
			rc = add(b, task, false);
		else if (has_pid(b, task) && !is_linked(b, task))
			rc = add(b, task, true);
	}
	for (size_t i = 0; i < b->list.count && !rc; i++) {
		struct tocsin_process *row = &b->list.rows[i];

		if (tocsin_addresses_has(by_pid, row->task))
			continue;
		if (!again.count) {
			rc = tocsin_task_collect_pids(b->k, b->l, &again);
			tocsin_addresses_sort(&again);
		}
		if (rc || tocsin_addresses_has(&again, row->task) || !is_linked(b, row->task))
			continue;
		b->list.torn -= row->confidence == TOCSIN_TORN;
		b->list.contradicted += row->confidence != TOCSIN_CONTRADICTED;
		row->confidence = TOCSIN_CONTRADICTED;
	}
	tocsin_addresses_free(&again);
	return rc == -EAGAIN || rc == -EFAULT || rc == -E2BIG ? 0 : rc;
}

int tocsin_process_list(struct tocsin_kernel *k, struct tocsin_process_list *ret,
			struct tocsin_error *err)
{
	struct tocsin_addresses listed = {0}, by_pid = {0};
	struct building b = {.k = k};
	int rc = tocsin_process_layout(k, &b.l, err), other;

	if (rc)
		return rc;
	rc = tocsin_task_collect(k, b.l, &listed);
	b.list.truncated = rc == -E2BIG;
	if (b.list.truncated)
		rc = 0;
	if (rc)
		tocsin_error_at(err, rc, b.l->init_task, "the task list breaks off");
	other = rc ? rc : tocsin_task_collect_pids(k, b.l, &by_pid);
	for (size_t i = 0; i < listed.count && !rc; i++)
		rc = add(&b, listed.at[i], false);
	tocsin_addresses_sort(&listed);
	tocsin_addresses_sort(&by_pid);
	b.list.one_view = other != 0;
	if (!rc && !other && !b.list.truncated)
		rc = compare(&b, &listed, &by_pid);
	if (!rc && !b.list.count)
		rc = tocsin_error_set(err, -EINVAL, "the task list has no process, not even init");
	tocsin_addresses_free(&listed);
	tocsin_addresses_free(&by_pid);
	if (rc) {
		tocsin_process_list_free(&b.list);
		return tocsin_error_set(err, rc, "cannot list the processes");
	}
	*ret = b.list;
	return 0;
}

void tocsin_process_list_free(struct tocsin_process_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
