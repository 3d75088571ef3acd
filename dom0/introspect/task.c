// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which tasks there are, from the kernel's two views of them, and all of them at a glance: the
 * members of a task_struct that are asked for lie close to each other, so they are taken in place,
 * twice, with one translation.
 */
#include "introspect/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES_MAX 65536
#define THREADS_MAX 65536
#define RETRIES 4
#define BLOCK_MAX 4096

struct glance {
	struct tocsin_kernel *k;
	const struct tocsin_process_layout *l;
	uint32_t first, size; /* of the part of a task_struct that is read */
};

static void widen(uint32_t offset, uint32_t size, uint32_t *first, uint32_t *last)
{
	*first = offset < *first ? offset : *first;
	*last = offset + size > *last ? offset + size : *last;
}

static int open_glance(struct tocsin_kernel *k, struct glance *g, struct tocsin_error *err)
{
	uint32_t first = UINT32_MAX, last = 0;
	int rc = tocsin_process_layout(k, &g->l, err);

	if (rc)
		return rc;
	g->k = k;
	widen(g->l->task_tasks, 16, &first, &last);
	widen(g->l->task_tgid, 4, &first, &last);
	widen(g->l->task_mm, 8, &first, &last);
	widen(g->l->start_time, 8, &first, &last);
	widen(g->l->task_comm, TOCSIN_COMM_SIZE, &first, &last);
	if (g->l->exec_id != TOCSIN_NO_MEMBER)
		widen(g->l->exec_id, 4, &first, &last);
	if (last - first > BLOCK_MAX)
		return tocsin_error_set(err, -EINVAL, "task_struct is too large");
	g->first = first;
	g->size = last - first;
	return 0;
}

int tocsin_task_collect(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			struct tocsin_addresses *ret)
{
	return tocsin_list_collect(k, l->init_task + l->task_tasks, l->task_tasks, PROCESSES_MAX,
				   ret);
}

int tocsin_task_collect_pids(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			     struct tocsin_addresses *ret)
{
	struct tocsin_addresses pids = {0};
	int rc = -ENOTSUP;

	if (l->pid_tasks != TOCSIN_NO_MEMBER)
		rc = tocsin_xarray_collect(k, l->init_pid_ns + l->pid_ns_idr, PROCESSES_MAX * 2,
					   &pids);
	for (size_t i = 0; i < pids.count && !rc; i++) {
		uint64_t node;

		/* Not every PID is a process's: those of threads and sessions have no leader. */
		if (!tocsin_kernel_read_u64(k, pids.at[i] + l->pid_tasks, &node) && node)
			rc = tocsin_addresses_add(ret, node - l->task_links);
	}
	tocsin_addresses_free(&pids);
	return rc;
}

int tocsin_process_each(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			tocsin_task_visit visit, void *context, struct tocsin_error *err)
{
	struct tocsin_addresses tasks = {0};
	int rc = tocsin_task_collect(k, l, &tasks), end = rc == -E2BIG ? rc : 0;

	if (rc == -E2BIG)
		rc = 0;
	if (rc)
		tocsin_error_at(err, rc, l->init_task, "the task list breaks off");
	for (size_t i = 0; i < tasks.count && !rc; i++)
		rc = visit(k, tasks.at[i], context);
	tocsin_addresses_free(&tasks);
	return rc ? rc : end;
}

int tocsin_process_each_thread(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			       uint64_t task, tocsin_task_visit visit, void *context)
{
	struct tocsin_addresses threads = {0};
	uint64_t signal;
	int rc = tocsin_kernel_read_u64(k, task + l->task_signal, &signal);

	if (!rc)
		rc = tocsin_list_collect(k, signal + l->signal_threads, l->task_thread_node,
					 THREADS_MAX, &threads);
	for (size_t i = 0; i < threads.count && !rc; i++)
		rc = visit(k, threads.at[i], context);
	tocsin_addresses_free(&threads);
	return rc;
}

static void take(const struct glance *g, const uint8_t *block, struct tocsin_task *t)
{
	memcpy(&t->pid, block + g->l->task_tgid - g->first, 4);
	memcpy(&t->mm, block + g->l->task_mm - g->first, 8);
	memcpy(&t->start_time, block + g->l->start_time - g->first, 8);
	memcpy(t->comm, block + g->l->task_comm - g->first, TOCSIN_COMM_SIZE);
	if (g->l->exec_id != TOCSIN_NO_MEMBER)
		memcpy(&t->exec_id, block + g->l->exec_id - g->first, 4);
}

static bool same(const struct tocsin_task *x, const struct tocsin_task *y)
{
	return x->pid == y->pid && x->mm == y->mm && x->start_time == y->start_time &&
	       x->exec_id == y->exec_id && !memcmp(x->comm, y->comm, TOCSIN_COMM_SIZE);
}

/* One task. -ESRCH: it is not on the list any more. */
static int look(const struct glance *g, uint64_t task, struct tocsin_task *ret)
{
	const uint8_t *place = tocsin_kernel_peek(g->k, task + g->first, g->size);
	struct tocsin_task t[2] = {{.task = task}, {.task = task}};
	uint8_t copy[BLOCK_MAX];
	bool agree = false;

	for (int i = 0; i <= RETRIES && !agree; i++) {
		if (!place && tocsin_kernel_read(g->k, task + g->first, copy, g->size))
			return -ESRCH;
		take(g, place ? place : copy, &t[i & 1]);
		__atomic_signal_fence(__ATOMIC_SEQ_CST); /* read again, not remembered */
		agree = i && same(&t[0], &t[1]);
	}
	t[0].confidence = agree ? TOCSIN_CONSISTENT : TOCSIN_TORN;
	*ret = t[0];
	return t[0].pid > 0 && tocsin_list_linked(g->k, task + g->l->task_tasks) ? 0 : -ESRCH;
}

int tocsin_task_list(struct tocsin_kernel *k, struct tocsin_task_list *ret,
		     struct tocsin_error *err)
{
	struct tocsin_addresses tasks = {0};
	struct tocsin_task_list list = {0};
	struct glance g;
	int rc = open_glance(k, &g, err);

	if (rc)
		return rc;
	rc = tocsin_task_collect(k, g.l, &tasks);
	list.truncated = rc == -E2BIG;
	if (list.truncated)
		rc = 0;
	if (!rc) {
		list.rows = calloc(tasks.count + 1, sizeof(*list.rows));
		rc = list.rows ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < tasks.count && !rc; i++) {
		if (look(&g, tasks.at[i], &list.rows[list.count]))
			continue;
		list.torn += list.rows[list.count].confidence == TOCSIN_TORN;
		list.count++;
	}
	tocsin_addresses_free(&tasks);
	if (rc)
		return tocsin_error_at(err, rc, g.l->init_task, "the task list breaks off");
	*ret = list;
	return 0;
}

void tocsin_task_list_free(struct tocsin_task_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
