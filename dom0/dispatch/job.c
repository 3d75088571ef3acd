/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/job.h"
#include "base/clock.h"
#include "dispatch/recent.h"

#include <tocsin/trigger.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* For so long what was seen of page tables serves the jobs that follow. */
#define FRESH_NS 1000000u

struct tocsin_jobs {
	const struct tocsin_job_settings *settings;
	struct tocsin_job_guest *guest;
	struct tocsin_recent recent;
	uint32_t without;
	uint64_t flushed; /* when the memory was looked at anew */
	void (*before_scan)(void *context);
	void *context;
	/* Of the job that runs, or ran last. */
	const struct tocsin_record *record;
	struct tocsin_slot slot;
	uint32_t request_error; /* TOCSIN_REQERR_* */
	struct tocsin_error error;
	struct tocsin_outcome out;
};

/* Guests move their pages; but jobs that come together need not all find the same page anew. */
static void look_anew(struct tocsin_jobs *j, uint64_t now)
{
	if (j->flushed && now - j->flushed < FRESH_NS)
		return;
	tocsin_memory_flush(j->guest->memory);
	j->flushed = now;
}

static int fail(struct tocsin_jobs *j, uint32_t request_error, int code)
{
	j->request_error = request_error;
	return code;
}

static int find_asker(struct tocsin_jobs *j)
{
	struct tocsin_job_guest *g = j->guest;
	int rc = g->find_kernel(g, j->record->cr3, &j->error);

	if (!rc)
		rc = tocsin_process_by_cr3(g->kernel, j->record->cr3, &j->out.asker, &j->error);
	if (rc)
		return fail(j, TOCSIN_REQERR_INTERNAL, rc);
	j->out.has_asker = true;
	j->slot.paging =
	    (struct tocsin_paging){j->out.asker.pgd, tocsin_kernel_info(g->kernel)->levels};
	return 0;
}

static int read_request(struct tocsin_jobs *j)
{
	int rc;

	if (!j->record->rdx && TOCSIN_ECX_OP(j->record->ecx) == TOCSIN_OP_SCAN_SELF)
		return 0;
	rc = tocsin_request_read(j->guest->memory, j->slot.paging, j->slot.va, &j->slot.request,
				 &j->error);
	j->out.has_request = !rc;
	return rc;
}

/* Does it ask for another process than the asker? */
static bool names_target(const struct tocsin_jobs *j)
{
	return TOCSIN_ECX_OP(j->record->ecx) == TOCSIN_OP_SCAN && j->slot.request.target_pid;
}

static int find_target(struct tocsin_jobs *j)
{
	struct tocsin_kernel *k = j->guest->kernel;
	struct tocsin_process *asker = &j->out.asker, *target = &j->out.target;
	int rc;

	if (!names_target(j)) {
		*target = *asker;
		j->out.has_target = true;
		return 0;
	}
	rc =
	    tocsin_process_by_pid(k, asker, (int32_t)j->slot.request.target_pid, target, &j->error);
	if (rc)
		return fail(
		    j, rc == -ESRCH ? TOCSIN_REQERR_NO_SUCH_PROCESS : TOCSIN_REQERR_INTERNAL, rc);
	rc = tocsin_process_may_name(k, asker, target);
	if (rc == -EPERM)
		/* An asker learns no more of others' processes than that it may not name them. */
		return fail(j, TOCSIN_REQERR_NOT_PERMITTED,
			    tocsin_error_set(&j->error, rc,
					     "user %u may not name process %d of user %u",
					     asker->uid, target->pid, target->uid));
	if (rc)
		return fail(j, TOCSIN_REQERR_INTERNAL, rc);
	j->out.has_target = true;
	return 0;
}

/* Is it still the program that the scan began with? Else what was read says nothing of it. */
static int check_target(struct tocsin_jobs *j)
{
	const struct tocsin_process *target = &j->out.target;
	struct tocsin_process *now = malloc(sizeof(*now));
	struct tocsin_error err = {0};
	int rc = now ? 0 : -ENOMEM;

	if (!rc)
		rc = tocsin_process_by_pid(j->guest->kernel, NULL, target->pid, now, &err);
	if (!rc && (now->task != target->task || now->mm != target->mm || now->pgd != target->pgd ||
		    now->start_time != target->start_time))
		rc = -ESRCH;
	free(now);
	if (rc)
		return tocsin_error_set(&j->error, rc,
					"process %d ended or began another program meanwhile",
					target->pid);
	return 0;
}

static int scan_target(struct tocsin_jobs *j)
{
	struct tocsin_kernel *k = j->guest->kernel;
	struct tocsin_process *target = &j->out.target, *parent = malloc(sizeof(*parent));
	struct tocsin_scan_subject subject = {.process = target};
	struct tocsin_scan_settings scan = j->settings->scan;
	int rc;

	scan.without = j->without;
	if (!parent)
		return fail(j, TOCSIN_REQERR_INTERNAL, -ENOMEM);
	if (!target->mm || !target->pgd) {
		free(parent);
		return fail(j, TOCSIN_REQERR_INTERNAL,
			    tocsin_error_set(&j->error, -ESRCH,
					     "process %d has no memory: it is the kernel's, or "
					     "its first thread has ended",
					     target->pid));
	}
	if (target->ppid && !tocsin_process_by_pid(k, NULL, target->ppid, parent, NULL))
		subject.parent = parent;
	rc = tocsin_scan_process(k, &subject, &scan, &j->out.findings, &j->error);
	free(parent);
	if (!rc)
		rc = check_target(j);
	if (rc)
		return fail(j, TOCSIN_REQERR_INTERNAL, rc);
	tocsin_verdict_decide(&j->out.findings, &j->out.verdict);
	tocsin_recent_keep(&j->recent, target, tocsin_clock(CLOCK_MONOTONIC), &j->out.findings,
			   &j->out.verdict);
	return 0;
}

static int perform(struct tocsin_jobs *j, uint64_t start)
{
	int rc = find_asker(j);

	if (!rc)
		rc = read_request(j);
	if (!rc)
		rc = find_target(j);
	if (rc)
		return rc;
	j->out.coalesced = tocsin_recent_find(&j->recent, &j->out.target, start, &j->out.findings,
					      &j->out.verdict);
	if (j->out.coalesced)
		return 0;
	if (j->before_scan)
		j->before_scan(j->context);
	look_anew(j, tocsin_clock(CLOCK_MONOTONIC));
	return scan_target(j);
}

/* What the slot says of an error: never more about other users' processes than the asker knows. */
static const char *public_reason(uint32_t request_error)
{
	switch (request_error) {
	case TOCSIN_REQERR_NO_SUCH_PROCESS:
		return "no such process";
	case TOCSIN_REQERR_NOT_PERMITTED:
		return "not permitted: only a process of your own user";
	default:
		return "the scan failed; the reason is in dom0's log";
	}
}

/* What the slot is to say, as far as it is known here. */
static void compose_answer(struct tocsin_jobs *j)
{
	const struct tocsin_outcome *o = &j->out;
	struct tocsin_answer *a = &j->out.answer;
	bool done = o->kind == TOCSIN_REPORT_VERDICT;
	const char *text = done ? o->verdict.text : public_reason(j->request_error);

	*a = (struct tocsin_answer){.state = done ? TOCSIN_STATE_DONE : TOCSIN_STATE_ERROR,
				    .error = done ? TOCSIN_REQERR_NONE : j->request_error};
	if (done) {
		a->verdict = o->verdict.verdict;
		a->score = o->verdict.score;
		a->findings = (uint32_t)(o->findings.count + o->findings.dropped);
	}
	if (done && o->has_target) {
		a->start_time = o->target.start_time;
		a->pid = names_target(j) ? j->slot.request.target_pid : (uint32_t)o->target.ns_pid;
		a->uid = o->target.uid;
	}
	snprintf(a->text, sizeof(a->text), "%s", text);
}

static void reset(struct tocsin_jobs *j, const struct tocsin_record *record)
{
	struct tocsin_outcome *o = &j->out;

	/* Rows beyond count are never looked at: they need not be wiped, and are many. */
	o->has_asker = o->has_target = o->has_request = o->coalesced = false;
	memset(&o->findings.count, 0,
	       sizeof(o->findings) - offsetof(struct tocsin_findings, count));
	memset(&o->verdict, 0, sizeof(o->verdict));
	o->bytes_read = o->pages_mapped = 0;
	o->reason[0] = '\0';
	j->record = record;
	j->slot.va = record->rdx;
	j->request_error = TOCSIN_REQERR_INTERNAL;
	tocsin_error_clear(&j->error);
}

/*
 * The block by the CR3 alone, whatever the kernel is: its tokens tell whether it is one. The half
 * that a process has of its own is the same in both of its page tables.
 */
static void read_blindly(struct tocsin_jobs *j)
{
	static const int levels[] = {4, 5};
	struct tocsin_slot *s = &j->slot;

	if (TOCSIN_ECX_OP(j->record->ecx) == TOCSIN_OP_SCAN_SELF && !s->va)
		return;
	for (size_t i = 0; i < 2 && !j->out.has_request; i++) {
		s->paging =
		    (struct tocsin_paging){j->record->cr3 & 0x000ffffffffff000ull, levels[i]};
		j->out.has_request =
		    !tocsin_request_read(j->guest->memory, s->paging, s->va, &s->request, NULL);
	}
}

static int give_up_on(struct tocsin_jobs *j)
{
	static const char why[] = "inconclusive: the scan was given up twice";

	read_blindly(j);
	j->out.verdict.verdict = TOCSIN_VERDICT_INCONCLUSIVE;
	snprintf(j->out.verdict.text, sizeof(j->out.verdict.text), "%s", why);
	snprintf(j->out.findings.unreadable, sizeof(j->out.findings.unreadable), "%s",
		 "two workers died or hung over it");
	return 0;
}

const struct tocsin_outcome *tocsin_jobs_run(struct tocsin_jobs *j,
					     const struct tocsin_record *record, bool give_up)
{
	struct tocsin_memory *m = j->guest->memory;
	struct tocsin_memory_stats before = m->stats;
	struct tocsin_outcome *o = &j->out;
	uint64_t start = tocsin_clock(CLOCK_MONOTONIC);
	int rc;

	reset(j, record);
	look_anew(j, start);
	rc = give_up ? give_up_on(j) : perform(j, start);
	o->kind = rc ? TOCSIN_REPORT_ERROR : TOCSIN_REPORT_VERDICT;
	if (rc)
		snprintf(o->reason, sizeof(o->reason), "%s",
			 j->error.code ? j->error.message : strerror(-rc));
	if (o->has_request) {
		memcpy(o->nonce, j->slot.request.nonce, sizeof(o->nonce));
		compose_answer(j);
	}
	o->duration = tocsin_clock(CLOCK_MONOTONIC) - start;
	o->bytes_read = m->stats.bytes_read - before.bytes_read;
	o->pages_mapped = m->stats.pages_mapped - before.pages_mapped;
	return o;
}

const struct tocsin_slot *tocsin_jobs_slot(const struct tocsin_jobs *j)
{
	return &j->slot;
}

int tocsin_jobs_answer(struct tocsin_jobs *j, const struct tocsin_slot *slot,
		       const struct tocsin_answer *answer, struct tocsin_error *err)
{
	return tocsin_request_answer(j->guest->memory, slot->paging, slot->va, &slot->request,
				     answer, err);
}

void tocsin_jobs_before_scan(struct tocsin_jobs *j, void (*fn)(void *context), void *context)
{
	j->before_scan = fn;
	j->context = context;
}

int tocsin_jobs_new(const struct tocsin_job_settings *settings, struct tocsin_job_guest *guest,
		    struct tocsin_jobs **ret)
{
	struct tocsin_jobs *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->settings = settings;
	j->guest = guest;
	j->recent.window = settings->coalesce;
	*ret = j;
	return 0;
}

void tocsin_jobs_leave_out(struct tocsin_jobs *j, uint32_t without)
{
	j->without = without;
}

void tocsin_jobs_free(struct tocsin_jobs *j)
{
	if (!j)
		return;
	tocsin_recent_clear(&j->recent);
	free(j);
}

bool tocsin_job_scans(const struct tocsin_record *record)
{
	uint32_t op = TOCSIN_ECX_OP(record->ecx);

	return op == TOCSIN_OP_SCAN_SELF || op == TOCSIN_OP_SCAN;
}
