// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One process: by the CR3 that an event carries, or by the number that another process knows it
 * by; and whether that other process may name it at all. All from the guest's own objects: what a
 * guest program says about itself is only ever a key to look up.
 */
#include "introspect/process.h"

#include <errno.h>
#include <stdlib.h>

#define CR3_ADDRESS 0x000ffffffffff000ull
#define CR3_USER_HALF 0x1000ull
#define PF_KTHREAD 0x200000u /* include/linux/sched.h */

struct search {
	const struct tocsin_process_layout *l;
	uint64_t pgd[2]; /* by CR3: candidates; the second is 0 without isolation */
	uint64_t ns;     /* by number: in this namespace */
	int32_t pid;
	uint64_t task; /* the leader that was found */
	int32_t tid;
};

static int match_cr3(struct tocsin_kernel *k, uint64_t task, void *context)
{
	struct search *s = context;
	struct tocsin_mapping mapping;
	uint64_t mm, pgd;
	uint32_t flags;

	/* A kernel thread may borrow a process's memory; it is not that process. */
	if (tocsin_kernel_read(k, task + s->l->task_flags, &flags, sizeof(flags)) ||
	    flags & PF_KTHREAD)
		return 0;
	/* A task that goes away meanwhile is not the one that runs on this CR3. */
	if (tocsin_kernel_read_u64(k, task + s->l->task_mm, &mm) || !mm ||
	    tocsin_kernel_read_u64(k, mm + s->l->mm_pgd, &pgd) ||
	    tocsin_walk(k->m, k->paging, pgd, &mapping))
		return 0;
	if (mapping.gpa != s->pgd[0] && (!s->pgd[1] || mapping.gpa != s->pgd[1]))
		return 0;
	s->task = task;
	return 1;
}

static int read_found(struct tocsin_kernel *k, const struct search *s, struct tocsin_process *ret,
		      struct tocsin_error *err)
{
	struct tocsin_process *p = malloc(sizeof(*p));
	int rc = p ? tocsin_process_read_row(k, s->l, s->task, p) : -ENOMEM;

	if (rc)
		tocsin_error_set(err, rc, "no memory for a process");
	else
		*ret = *p;
	free(p);
	return rc;
}

int tocsin_process_by_cr3(struct tocsin_kernel *k, uint64_t cr3, struct tocsin_process *ret,
			  struct tocsin_error *err)
{
	struct search s = {0};
	int rc = tocsin_process_layout(k, &s.l, err);

	if (rc)
		return rc;
	s.pgd[0] = cr3 & CR3_ADDRESS;
	if (k->info.pti)
		s.pgd[1] = s.pgd[0] & ~CR3_USER_HALF;
	rc = tocsin_process_each(k, s.l, match_cr3, &s, err);
	if (!rc)
		return tocsin_error_at(err, -ESRCH, cr3, "no process has this CR3");
	if (rc < 0)
		return tocsin_error_at(err, rc, cr3, "cannot look for the process of this CR3");
	rc = read_found(k, &s, ret, err);
	if (!rc && ret->pgd != s.pgd[0] && (!s.pgd[1] || ret->pgd != s.pgd[1]))
		rc = tocsin_error_at(err, -ESRCH, cr3, "its process began another program");
	return rc;
}

static int match_thread(struct tocsin_kernel *k, uint64_t task, void *context)
{
	struct search *s = context;
	int32_t pid;

	if (tocsin_process_pid_in(k, s->l, task, s->ns, &pid, NULL) || pid != s->pid)
		return 0;
	if (tocsin_kernel_read(k, task + s->l->task_pid, &s->tid, sizeof(s->tid)))
		return -EFAULT;
	return 1;
}

static int match_group(struct tocsin_kernel *k, uint64_t task, void *context)
{
	struct search *s = context;
	int rc = tocsin_process_each_thread(k, s->l, task, match_thread, s);

	if (rc == 1)
		s->task = task;
	/* A group that is being torn down has no list any more, and no number to be known by. */
	return rc == -EFAULT || rc == -EAGAIN ? 0 : rc;
}

int tocsin_process_by_pid(struct tocsin_kernel *k, const struct tocsin_process *asker, int32_t pid,
			  struct tocsin_process *ret, struct tocsin_error *err)
{
	struct search s = {.pid = pid};
	int32_t unused;
	int rc = tocsin_process_layout(k, &s.l, err);

	if (rc)
		return rc;
	rc = tocsin_process_pid_in(k, s.l, asker ? asker->task : s.l->init_task, 0, &unused, &s.ns);
	if (rc)
		return tocsin_error_set(err, rc, "cannot read the PID namespace of the asker");
	rc = tocsin_process_each(k, s.l, match_group, &s, err);
	if (!rc)
		return tocsin_error_set(err, -ESRCH, "no process %d", pid);
	if (rc < 0)
		return tocsin_error_set(err, rc, "cannot look for process %d", pid);
	rc = read_found(k, &s, ret, err);
	if (!rc)
		ret->tid = s.tid;
	return rc;
}

int tocsin_process_may_name(struct tocsin_kernel *k, const struct tocsin_process *asker,
			    const struct tocsin_process *target)
{
	/* A row that was never read whole gives no right, and says nothing against it either. */
	if (asker->confidence != TOCSIN_CONSISTENT || target->confidence != TOCSIN_CONSISTENT)
		return -EAGAIN;
	if (asker->user_ns_initial && asker->euid == 0)
		return 0;
	if (asker->uid == target->uid && asker->uid == target->euid && asker->uid == target->suid &&
	    asker->uid == asker->euid && asker->uid == asker->suid)
		return 0;
	return -EPERM;
}

int tocsin_process_read(struct tocsin_kernel *k, const struct tocsin_process *p, uint64_t va,
			void *buf, size_t size, size_t *done)
{
	struct tocsin_paging paging = {.root = p->pgd, .levels = k->paging.levels};

	if (done)
		*done = 0;
	if (!p->pgd || va >> 63 || size > (1ull << 63) - va)
		return -EFAULT; /* the kernel's half is not the process's memory */
	return tocsin_read_va(k->m, paging, va, buf, size, done);
}

int tocsin_process_walk(struct tocsin_kernel *k, const struct tocsin_process *p, uint64_t va,
			struct tocsin_mapping *ret)
{
	struct tocsin_paging paging = {.root = p->pgd, .levels = k->paging.levels};

	if (!p->pgd || va >> 63)
		return -EFAULT;
	return tocsin_walk(k->m, paging, va, ret);
}

int tocsin_process_pages(struct tocsin_kernel *k, const struct tocsin_process *p, uint64_t start,
			 uint64_t end, struct tocsin_page_counts *ret)
{
	struct tocsin_paging paging = {.root = p->pgd, .levels = k->paging.levels};

	if (!p->pgd || end > 1ull << 63)
		return -EFAULT;
	return tocsin_count_pages(k->m, paging, start, end, ret);
}
