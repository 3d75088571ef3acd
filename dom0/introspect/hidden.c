// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Threads that hide. Three views of them are compared: the lists of threads that processes have,
 * which /proc walks; the table of PIDs, by which the kernel finds them; and what processors run or
 * have in their queues, off which nobody can take a thread that is to run. Whoever is in one of
 * them only is looked at again, as threads begin and end meanwhile.
 *
 * Whole processes off the task list are tocsin_process_list's: the leader of a group is left out
 * here unless neither list nor table has it.
 */
#include "introspect/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS 16 /* before a thread is said to hide */
#define THREADS_MAX (1u << 18)
#define RUNNING_MAX 4096 /* in one queue */
#define PROCESSORS_MAX 1024
#define ROWS_MAX 256

struct views {
	struct tocsin_kernel *k;
	const struct tocsin_process_layout *l;
	uint32_t pid_tasks, task_links; /* of PIDTYPE_PID */
	struct tocsin_addresses groups; /* threads on the lists of their processes */
	struct tocsin_addresses pids;   /* that a PID leads to */
	struct tocsin_addresses queues; /* that run, or wait to */
	bool truncated, no_queues;
};

static void free_views(struct views *v)
{
	tocsin_addresses_free(&v->groups);
	tocsin_addresses_free(&v->pids);
	tocsin_addresses_free(&v->queues);
}

static int find_layout(struct views *v)
{
	v->pid_tasks = tocsin_member_or_none(v->k, "pid", "tasks[0]");
	v->task_links = tocsin_member_or_none(v->k, "task_struct", "pid_links[0]");
	return v->l->state == TOCSIN_NO_MEMBER || v->pid_tasks == TOCSIN_NO_MEMBER ||
		       v->task_links == TOCSIN_NO_MEMBER || v->l->leader == TOCSIN_NO_MEMBER ||
		       v->l->pid_tasks == TOCSIN_NO_MEMBER
		   ? -ENOTSUP
		   : 0;
}

static int take_thread(struct tocsin_kernel *k, uint64_t task, void *context)
{
	struct views *v = context;

	if (v->groups.count >= THREADS_MAX) {
		v->truncated = true;
		return -E2BIG;
	}
	return tocsin_addresses_add(&v->groups, task);
}

/* The threads of all processes, of those off the task list too. */
static int take_groups(struct views *v)
{
	struct tocsin_addresses leaders = {0};
	int rc = tocsin_task_collect(v->k, v->l, &leaders);
	uint64_t before = 0;

	if (!rc)
		rc = tocsin_task_collect_pids(v->k, v->l, &leaders);
	tocsin_addresses_sort(&leaders);
	for (size_t i = 0; i < leaders.count && !rc; i++) {
		if (leaders.at[i] == before)
			continue;
		before = leaders.at[i];
		/* One that is ending has no list any more. */
		rc = tocsin_process_each_thread(v->k, v->l, before, take_thread, v);
		if (rc == -EAGAIN || rc == -EFAULT)
			rc = 0;
	}
	tocsin_addresses_free(&leaders);
	return rc;
}

static int take_pids(struct views *v)
{
	struct tocsin_addresses pids = {0};
	int rc =
	    tocsin_xarray_collect(v->k, v->l->init_pid_ns + v->l->pid_ns_idr, THREADS_MAX, &pids);
	uint64_t node;

	for (size_t i = 0; i < pids.count && !rc; i++)
		if (!tocsin_kernel_read_u64(v->k, pids.at[i] + v->pid_tasks, &node) && node)
			rc = tocsin_addresses_add(&v->pids, node - v->task_links);
	tocsin_addresses_free(&pids);
	return rc;
}

struct queue_layout {
	uint32_t current, list, node;
};

/* What one processor runs and has waiting: struct rq, kernel/sched/sched.h. */
static int take_queue(struct views *v, const struct queue_layout *l, uint64_t rq)
{
	uint64_t task;
	int rc = 0;

	if (!tocsin_kernel_read_u64(v->k, rq + l->current, &task))
		rc = tocsin_addresses_add(&v->queues, task);
	if (!rc && l->list != TOCSIN_NO_MEMBER && l->node != TOCSIN_NO_MEMBER)
		rc = tocsin_list_collect(v->k, rq + l->list, l->node, RUNNING_MAX, &v->queues);
	return rc == -ENOMEM ? rc : 0; /* queues hardly hold still, and say what they can */
}

static int take_queues(struct views *v)
{
	struct queue_layout l = {
	    .current = tocsin_member_or_none(v->k, "rq", "curr"),
	    .list = tocsin_member_or_none(v->k, "rq", "cfs_tasks"),
	    .node = tocsin_member_or_none(v->k, "task_struct", "se.group_node"),
	};
	uint64_t offsets, queue, at;
	uint32_t processors;
	int rc = 0;

	if (l.current == TOCSIN_NO_MEMBER || tocsin_kernel_symbol(v->k, "runqueues", &queue) ||
	    tocsin_kernel_symbol(v->k, "__per_cpu_offset", &offsets) ||
	    tocsin_kernel_symbol(v->k, "nr_cpu_ids", &at) ||
	    tocsin_kernel_read(v->k, at, &processors, sizeof(processors))) {
		v->no_queues = true;
		return 0;
	}
	v->no_queues |= l.list == TOCSIN_NO_MEMBER || l.node == TOCSIN_NO_MEMBER;
	if (processors > PROCESSORS_MAX) {
		v->truncated = true;
		processors = PROCESSORS_MAX;
	}
	for (uint32_t i = 0; i < processors && !rc; i++)
		if (!tocsin_kernel_read_u64(v->k, offsets + i * 8ull, &at))
			rc = take_queue(v, &l, at + queue);
	return rc;
}

static int take_views(struct views *v)
{
	int rc;

	v->groups.count = v->pids.count = v->queues.count = 0;
	rc = take_queues(v);
	if (!rc)
		rc = take_groups(v);
	if (!rc)
		rc = take_pids(v);
	tocsin_addresses_sort(&v->groups);
	tocsin_addresses_sort(&v->pids);
	return rc;
}

/* Read the thread, and in which views it is. False: it is none, or comes or goes. */
static bool look(const struct views *v, uint64_t task, struct tocsin_hidden_thread *ret)
{
	struct tocsin_hidden_thread t = {.task = task};
	uint64_t leader;
	uint32_t ending, state;
	int32_t pid;

	if (tocsin_kernel_read(v->k, task + v->l->task_pid, &t.tid, 4) ||
	    tocsin_kernel_read(v->k, task + v->l->task_tgid, &t.pid, 4) ||
	    tocsin_kernel_read(v->k, task + v->l->task_comm, t.comm, TOCSIN_COMM_SIZE) ||
	    tocsin_kernel_read(v->k, task + v->l->task_exit_state, &ending, 4) ||
	    tocsin_kernel_read(v->k, task + v->l->state, &state, 4) ||
	    tocsin_kernel_read_u64(v->k, task + v->l->leader, &leader) ||
	    tocsin_kernel_read(v->k, leader + v->l->task_tgid, &pid, 4) || pid != t.pid)
		return false;
	/* The idle threads of processors have no number. */
	if (ending || state & TOCSIN_TASK_NEW || t.tid <= 0 || t.pid <= 0)
		return false;
	t.in_group = tocsin_addresses_has(&v->groups, task);
	t.has_pid = tocsin_addresses_has(&v->pids, task);
	if (t.in_group == t.has_pid ? t.in_group : t.tid == t.pid)
		return false;
	*ret = t;
	return true;
}

/* Whoever of a is not in b. */
static int take_missing(const struct tocsin_addresses *a, const struct tocsin_addresses *b,
			struct tocsin_addresses *ret)
{
	int rc = 0;

	for (size_t i = 0; i < a->count && !rc; i++)
		if (!tocsin_addresses_has(b, a->at[i]))
			rc = tocsin_addresses_add(ret, a->at[i]);
	return rc;
}

static int find_suspects(struct views *v, struct tocsin_addresses *ret)
{
	struct tocsin_hidden_thread unused;
	size_t left = 0;
	int rc = take_views(v);

	if (!rc)
		rc = take_missing(&v->pids, &v->groups, ret);
	if (!rc)
		rc = take_missing(&v->groups, &v->pids, ret);
	if (!rc)
		rc = take_missing(&v->queues, &v->groups, ret);
	tocsin_addresses_sort(ret);
	for (size_t i = 0; i < ret->count; i++)
		if (look(v, ret->at[i], &unused) && (!left || ret->at[left - 1] != ret->at[i]))
			ret->at[left++] = ret->at[i];
	ret->count = left;
	return rc;
}

/* Drop whoever is in all views by now, or was never seen whole. */
static int clear_suspects(struct views *v, struct tocsin_addresses *suspects)
{
	struct tocsin_hidden_thread unused;
	int rc = 0;

	for (int i = 0; i < LOOKS && suspects->count && !rc; i++) {
		size_t left = 0;

		tocsin_kernel_wait(v->k, i);
		rc = take_views(v);
		for (size_t t = 0; t < suspects->count; t++)
			if (look(v, suspects->at[t], &unused))
				suspects->at[left++] = suspects->at[t];
		suspects->count = left;
	}
	return rc;
}

static int list_hidden(struct views *v, struct tocsin_hidden_list *list)
{
	struct tocsin_addresses suspects = {0};
	int rc = find_suspects(v, &suspects);

	if (!rc)
		rc = clear_suspects(v, &suspects);
	if (!rc && suspects.count) {
		list->rows = calloc(suspects.count < ROWS_MAX ? suspects.count : ROWS_MAX,
				    sizeof(*list->rows));
		rc = list->rows ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < suspects.count && !rc; i++) {
		if (list->count == ROWS_MAX) {
			list->truncated = true;
			break;
		}
		list->count += look(v, suspects.at[i], &list->rows[list->count]);
	}
	list->truncated |= v->truncated;
	list->no_queues = v->no_queues;
	tocsin_addresses_free(&suspects);
	return rc;
}

int tocsin_hidden_list(struct tocsin_kernel *k, struct tocsin_hidden_list *ret,
		       struct tocsin_error *err)
{
	struct views v = {.k = k};
	struct tocsin_hidden_list list = {0};
	int rc = tocsin_process_layout(k, &v.l, err);

	if (rc)
		return rc;
	rc = find_layout(&v);
	if (rc)
		return tocsin_error_set(err, rc, "the table of PIDs has no known layout");
	rc = list_hidden(&v, &list);
	free_views(&v);
	if (rc) {
		tocsin_hidden_list_free(&list);
		return tocsin_error_set(err, rc, "the threads cannot be compared");
	}
	*ret = list;
	return 0;
}

void tocsin_hidden_list_free(struct tocsin_hidden_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
