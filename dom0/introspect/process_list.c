// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All processes, from two views: the task list, which everybody walks, and the table of PIDs, by
 * which the kernel itself finds them. A rootkit takes a process off one of them; it can hardly take
 * it off both and keep it running. A process that begins or ends between the two looks is in one
 * only as well, so whoever is missed is looked for again before it is called hidden.
 */
#include "base/room.h"
#include "introspect/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS 16          /* before somebody is said to hide */
#define SUSPECTS_MAX 4096 /* on the list and without a PID */

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

	if (!TOCSIN_ROOM(b->list.rows, b->room, b->list.count))
		return -ENOMEM;
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

static uint32_t read_u32(const struct building *b, uint64_t task, uint32_t member)
{
	uint32_t value;

	return member == TOCSIN_NO_MEMBER ||
		       tocsin_kernel_read(b->k, task + member, &value, sizeof(value))
		   ? 0
		   : value;
}

/*
 * The kernel itself takes one that ends off one view first, and puts one that begins there last; a
 * thread that executes takes the place of its leader, who has ended, in one before the other. All
 * that takes as long as a virtual processor waits for a real one.
 */
static bool is_changing(const struct building *b, uint64_t task)
{
	uint64_t leader;

	return read_u32(b, task, b->l->task_exit_state) ||
	       read_u32(b, task, b->l->state) & TOCSIN_TASK_NEW ||
	       (b->l->leader != TOCSIN_NO_MEMBER &&
		!tocsin_kernel_read_u64(b->k, task + b->l->leader, &leader) && leader != task &&
		read_u32(b, leader, b->l->task_exit_state));
}

/* Is the task in one view only, as far as can be told now? */
static bool is_suspect(const struct building *b, const struct tocsin_addresses *pids, uint64_t task)
{
	return tocsin_addresses_has(pids, task) != is_linked(b, task) && !is_changing(b, task);
}

/*
 * Look at the suspects again, until none is left or it took longer than the guest can have been
 * interrupted between its two views. Those that are left hide.
 */
static int clear_suspects(struct building *b, struct tocsin_addresses *suspects)
{
	struct tocsin_addresses pids = {0};
	int rc = 0;

	for (int i = 0; i < LOOKS && !rc && suspects->count; i++) {
		size_t left = 0;

		tocsin_kernel_wait(b->k, i);
		pids.count = 0;
		rc = tocsin_task_collect_pids(b->k, b->l, &pids);
		tocsin_addresses_sort(&pids);
		for (size_t t = 0; t < suspects->count; t++)
			if (is_suspect(b, &pids, suspects->at[t]))
				suspects->at[left++] = suspects->at[t];
		suspects->count = left;
	}
	tocsin_addresses_free(&pids);
	/* A table that does not hold still says nothing of anybody. */
	if (rc)
		suspects->count = 0;
	return rc == -ENOMEM ? rc : 0;
}

/* Mark the rows of those that hide, and add those that have no row. */
static int expose(struct building *b, const struct tocsin_addresses *hidden)
{
	size_t rows = b->list.count;
	int rc = 0;

	for (size_t i = 0; i < hidden->count && !rc; i++) {
		size_t r = 0;

		while (r < rows && b->list.rows[r].task != hidden->at[i])
			r++;
		if (r == rows) {
			rc = add(b, hidden->at[i], true);
			continue;
		}
		b->list.torn -= b->list.rows[r].confidence == TOCSIN_TORN;
		b->list.rows[r].confidence = TOCSIN_CONTRADICTED;
		b->list.contradicted++;
	}
	return rc;
}

static int compare(struct building *b, const struct tocsin_addresses *listed,
		   const struct tocsin_addresses *by_pid)
{
	struct tocsin_addresses suspects = {0};
	int rc = 0;

	for (size_t i = 0; i < by_pid->count && !rc; i++) {
		uint64_t task = by_pid->at[i];

		if (tocsin_addresses_has(listed, task))
			continue;
		if (is_linked(b, task)) /* begun meanwhile */
			rc = add(b, task, false);
		else if (has_pid(b, task))
			rc = tocsin_addresses_add(&suspects, task);
	}
	for (size_t i = 0; i < listed->count && !rc; i++)
		if (!tocsin_addresses_has(by_pid, listed->at[i]) && suspects.count < SUSPECTS_MAX)
			rc = tocsin_addresses_add(&suspects, listed->at[i]);
	if (!rc)
		rc = clear_suspects(b, &suspects);
	if (!rc)
		rc = expose(b, &suspects);
	tocsin_addresses_free(&suspects);
	return rc;
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
