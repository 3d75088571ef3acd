// SPDX-License-Identifier: GPL-2.0-or-later
/* The threads of one process, each read twice. States: fs/proc/array.c and include/linux/sched.h.
 */
#include "introspect/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 65536
#define RETRIES 4
#define TASK_REPORT 0x7fu
#define TASK_IDLE 0x402u
#define TASK_RTLOCK_WAIT 0x1000u

struct reading {
	struct tocsin_kernel *k;
	const struct tocsin_process_layout *l;
	uint32_t state, exit_state, state_size;
};

static char state_name(uint64_t state, uint32_t exit_state)
{
	uint32_t bits = ((uint32_t)state | exit_state) & TASK_REPORT;
	int index = 0;

	if ((state & TASK_IDLE) == TASK_IDLE)
		return 'I';
	if (state & TASK_RTLOCK_WAIT)
		return 'D';
	for (; bits; bits >>= 1)
		index++;
	return "RSDTtXZP"[index];
}

static int read_once(const struct reading *r, uint64_t task, struct tocsin_thread *t)
{
	uint64_t state = 0;
	uint32_t exit_state;

	memset(t, 0, sizeof(*t));
	t->task = task;
	t->state = '?';
	if (tocsin_kernel_read(r->k, task + r->l->task_pid, &t->tid, 4) ||
	    tocsin_kernel_read(r->k, task + r->l->task_comm, t->comm, TOCSIN_COMM_SIZE) ||
	    tocsin_kernel_read_u64(r->k, task + r->l->start_time, &t->start_time))
		return -EFAULT;
	if (r->state != TOCSIN_NO_MEMBER && r->exit_state != TOCSIN_NO_MEMBER) {
		if (tocsin_kernel_read(r->k, task + r->state, &state, r->state_size) ||
		    tocsin_kernel_read(r->k, task + r->exit_state, &exit_state, 4))
			return -EFAULT;
		t->state = state_name(state, exit_state);
	}
	return t->tid > 0 && tocsin_list_linked(r->k, task + r->l->task_thread_node) ? 0 : -ESRCH;
}

/* A state changes all the time and does not make a row torn. */
static bool same(const struct tocsin_thread *x, const struct tocsin_thread *y)
{
	return x->tid == y->tid && x->start_time == y->start_time &&
	       !memcmp(x->comm, y->comm, sizeof(x->comm));
}

/* -ESRCH: it has ended. */
static int read_row(const struct reading *r, uint64_t task, struct tocsin_thread *ret)
{
	struct tocsin_thread t[2];
	int rc = read_once(r, task, &t[0]);
	bool agree = false;

	for (int i = 1; i <= RETRIES && !rc && !agree; i++) {
		rc = read_once(r, task, &t[i & 1]);
		agree = !rc && same(&t[0], &t[1]);
	}
	*ret = t[0];
	ret->confidence = agree ? TOCSIN_CONSISTENT : TOCSIN_TORN;
	return rc;
}

static void find_layout(struct reading *r)
{
	struct tocsin_btf_member member;

	r->state = r->l->state;
	r->state_size = 4;
	if (!tocsin_btf_member(r->k->btf, "task_struct", "state", &member) &&
	    member.size == 8) /* before 5.14 */
		r->state_size = 8;
	r->exit_state = tocsin_member_or_none(r->k, "task_struct", "exit_state");
}

int tocsin_thread_list(struct tocsin_kernel *k, const struct tocsin_process *p,
		       struct tocsin_thread_list *ret, struct tocsin_error *err)
{
	struct reading r = {.k = k};
	struct tocsin_addresses threads = {0};
	struct tocsin_thread_list list = {0};
	uint64_t signal;
	int rc = tocsin_process_layout(k, &r.l, err);

	if (rc)
		return rc;
	find_layout(&r);
	rc = tocsin_kernel_read_u64(k, p->task + r.l->task_signal, &signal);
	if (!rc)
		rc = tocsin_list_collect(k, signal + r.l->signal_threads, r.l->task_thread_node,
					 THREADS_MAX, &threads);
	list.truncated = rc == -E2BIG;
	if (list.truncated)
		rc = 0;
	list.rows = rc ? NULL : calloc(threads.count + 1, sizeof(*list.rows));
	if (!rc && !list.rows)
		rc = -ENOMEM;
	for (size_t i = 0; i < threads.count && !rc; i++) {
		if (read_row(&r, threads.at[i], &list.rows[list.count]))
			continue;
		list.torn += list.rows[list.count].confidence == TOCSIN_TORN;
		list.count++;
	}
	tocsin_addresses_free(&threads);
	if (!rc && !list.count)
		rc = -ESRCH;
	if (rc) {
		tocsin_thread_list_free(&list);
		return tocsin_error_set(err, rc, "the threads of process %d cannot be listed: %s",
					p->pid, strerror(-rc));
	}
	*ret = list;
	return 0;
}

void tocsin_thread_list_free(struct tocsin_thread_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
