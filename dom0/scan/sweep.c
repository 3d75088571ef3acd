/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scan/sweep.h"

#include <tocsin/request.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_pid(const void *a, const void *b)
{
	const struct tocsin_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

const struct tocsin_process *tocsin_sweep_find(const struct tocsin_sweep *s, int32_t pid)
{
	struct tocsin_process key = {.pid = pid};

	return bsearch(&key, s->list.rows, s->list.count, sizeof(key), by_pid);
}

/* Which process has which struct cred, by the address of that. */
struct tocsin_sweep_holder {
	uint64_t cred, task;
	int32_t pid;
	bool program; /* not a thread of the kernel */
};

static int by_cred(const void *a, const void *b)
{
	const struct tocsin_sweep_holder *x = a, *y = b;

	if (x->cred != y->cred)
		return x->cred < y->cred ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int find_holders(struct tocsin_sweep *s)
{
	s->holders = calloc(s->list.count + 1, sizeof(*s->holders));
	if (!s->holders)
		return -ENOMEM;
	for (size_t i = 0; i < s->list.count; i++) {
		const struct tocsin_process *p = &s->list.rows[i];

		if (p->confidence != TOCSIN_TORN && p->cred)
			s->holders[s->holder_count++] =
			    (struct tocsin_sweep_holder){p->cred, p->task, p->pid, p->mm != 0};
	}
	qsort(s->holders, s->holder_count, sizeof(*s->holders), by_cred);
	return 0;
}

/* Another process with the same struct cred. */
static int32_t cred_sharer(const struct tocsin_sweep *s, const struct tocsin_process *p)
{
	struct tocsin_sweep_holder key = {p->cred, p->task, p->pid, false};
	const struct tocsin_sweep_holder *at, *end = s->holders + s->holder_count;
	uint64_t kernels;

	if (p->confidence == TOCSIN_TORN || !p->cred)
		return 0;
	if (!tocsin_kernel_symbol(s->kernel, "init_cred", &kernels) && p->cred == kernels && p->mm)
		return -1;
	at = bsearch(&key, s->holders, s->holder_count, sizeof(key), by_cred);
	if (!at)
		return 0;
	while (at > s->holders && at[-1].cred == p->cred)
		at--;
	for (; at < end && at->cred == p->cred; at++)
		if (at->task != p->task && (p->mm || at->program))
			return at->pid;
	return 0;
}

/* Is it gone, or another program, by now? Then what could not be read of it says nothing. */
static bool has_ended(const struct tocsin_sweep *s, const struct tocsin_process *p)
{
	struct tocsin_process *now = malloc(sizeof(*now));
	struct tocsin_error err = {0};
	int rc = now ? tocsin_process_by_pid(s->kernel, NULL, p->pid, now, &err) : 0;
	bool ended = rc == -ESRCH || (now && !rc && (now->task != p->task || now->mm != p->mm));

	free(now);
	return ended && p->confidence != TOCSIN_CONTRADICTED;
}

int tocsin_sweep_process(const struct tocsin_sweep *s, const struct tocsin_process *p,
			 struct tocsin_findings *findings, struct tocsin_verdict *verdict)
{
	struct tocsin_scan_subject subject = {.process = p,
					      .parent = tocsin_sweep_find(s, p->ppid),
					      .cred_sharer = cred_sharer(s, p)};
	struct tocsin_error err = {0};
	int rc;

	memset(findings, 0, sizeof(*findings));
	rc = tocsin_scan_process(s->kernel, &subject, &s->settings, findings, &err);
	if (rc == -ENOMEM || rc == -ENODEV)
		return rc;
	if (rc && !findings->unreadable[0])
		snprintf(findings->unreadable, sizeof(findings->unreadable), "%s",
			 err.code ? err.message : strerror(-rc));
	tocsin_verdict_decide(findings, verdict);
	return verdict->verdict == TOCSIN_VERDICT_INCONCLUSIVE && has_ended(s, p);
}

int tocsin_sweep_open(struct tocsin_sweep *ret, struct tocsin_kernel *kernel,
		      const struct tocsin_scan_settings *settings, struct tocsin_error *err)
{
	struct tocsin_sweep s = {.kernel = kernel, .settings = *settings};
	int rc = tocsin_process_list(kernel, &s.list, err);

	if (rc)
		return rc;
	qsort(s.list.rows, s.list.count, sizeof(*s.list.rows), by_pid);
	rc = find_holders(&s);
	if (rc) {
		tocsin_process_list_free(&s.list);
		return tocsin_error_set(err, rc, "out of memory");
	}
	*ret = s;
	return 0;
}

void tocsin_sweep_close(struct tocsin_sweep *s)
{
	free(s->holders);
	tocsin_process_list_free(&s->list);
	*s = (struct tocsin_sweep){0};
}
