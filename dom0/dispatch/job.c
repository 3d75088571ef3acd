/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/job.h"

#include <tocsin/trigger.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* All that one job holds: large, so it lives on the heap. */
struct job {
	const struct tocsin_job_settings *settings;
	struct tocsin_job_guest *guest;
	const struct tocsin_record *record;
	struct tocsin_paging paging; /* the asker's */
	struct tocsin_request request;
	bool has_request;
	struct tocsin_process asker, target;
	bool has_asker, has_target;
	struct tocsin_findings findings;
	struct tocsin_verdict verdict;
	uint32_t request_error; /* TOCSIN_REQERR_* */
	struct tocsin_error error;
	struct tocsin_error slot_error;
	struct tocsin_report report;
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int fail(struct job *j, uint32_t request_error, int code)
{
	j->request_error = request_error;
	return code;
}

static int find_kernel(struct job *j)
{
	struct tocsin_job_guest *g = j->guest;
	char folder[PATH_MAX];

	/* Not by the event's CR3: its process may be gone, and the frame in other hands. */
	if (g->kernel && tocsin_kernel_verify(g->kernel, 0)) {
		tocsin_kernel_close(g->kernel);
		g->kernel = NULL;
	}
	if (g->kernel)
		return 0;
	return tocsin_kernel_open_cached(g->memory, j->record->cr3,
					 tocsin_kernel_cache_folder(folder, sizeof(folder)),
					 &g->kernel, &j->error);
}

static int find_asker(struct job *j)
{
	int rc = find_kernel(j);

	if (!rc)
		rc = tocsin_process_by_cr3(j->guest->kernel, j->record->cr3, &j->asker, &j->error);
	if (rc)
		return fail(j, TOCSIN_REQERR_INTERNAL, rc);
	j->has_asker = true;
	j->paging =
	    (struct tocsin_paging){j->asker.pgd, tocsin_kernel_info(j->guest->kernel)->levels};
	return 0;
}

static int read_request(struct job *j)
{
	int rc;

	if (!j->record->rdx && TOCSIN_ECX_OP(j->record->ecx) == TOCSIN_OP_SCAN_SELF)
		return 0;
	rc = tocsin_request_read(j->guest->memory, j->paging, j->record->rdx, &j->request,
				 &j->error);
	j->has_request = !rc;
	return rc;
}

static int find_target(struct job *j)
{
	struct tocsin_kernel *k = j->guest->kernel;
	int rc;

	if (TOCSIN_ECX_OP(j->record->ecx) == TOCSIN_OP_SCAN_SELF || !j->request.target_pid) {
		j->target = j->asker;
		j->has_target = true;
		return 0;
	}
	rc = tocsin_process_by_pid(k, &j->asker, (int32_t)j->request.target_pid, &j->target,
				   &j->error);
	if (rc)
		return fail(
		    j, rc == -ESRCH ? TOCSIN_REQERR_NO_SUCH_PROCESS : TOCSIN_REQERR_INTERNAL, rc);
	rc = tocsin_process_may_name(k, &j->asker, &j->target);
	if (rc == -EPERM)
		/* An asker learns no more of others' processes than that it may not name them. */
		return fail(j, TOCSIN_REQERR_NOT_PERMITTED,
			    tocsin_error_set(&j->error, rc,
					     "user %u may not name process %d of user %u",
					     j->asker.uid, j->target.pid, j->target.uid));
	if (rc)
		return fail(j, TOCSIN_REQERR_INTERNAL, rc);
	j->has_target = true;
	return 0;
}

/* Is it still the program that the scan began with? Else what was read says nothing of it. */
static int check_target(struct job *j)
{
	struct tocsin_process *now = malloc(sizeof(*now));
	struct tocsin_error err = {0};
	int rc = now ? 0 : -ENOMEM;

	if (!rc)
		rc = tocsin_process_by_pid(j->guest->kernel, NULL, j->target.pid, now, &err);
	if (!rc && (now->task != j->target.task || now->mm != j->target.mm ||
		    now->pgd != j->target.pgd || now->start_time != j->target.start_time))
		rc = -ESRCH;
	free(now);
	if (rc)
		return tocsin_error_set(&j->error, rc,
					"process %d ended or began another program meanwhile",
					j->target.pid);
	return 0;
}

static int scan_target(struct job *j)
{
	struct tocsin_kernel *k = j->guest->kernel;
	struct tocsin_process *parent = malloc(sizeof(*parent));
	struct tocsin_scan_subject subject = {.process = &j->target};
	int rc;

	if (!parent)
		return fail(j, TOCSIN_REQERR_INTERNAL, -ENOMEM);
	if (!j->target.mm || !j->target.pgd) {
		free(parent);
		return fail(j, TOCSIN_REQERR_INTERNAL,
			    tocsin_error_set(&j->error, -ESRCH,
					     "process %d has no memory: it is the kernel's, or "
					     "its first thread has ended",
					     j->target.pid));
	}
	if (j->target.ppid && !tocsin_process_by_pid(k, NULL, j->target.ppid, parent, NULL))
		subject.parent = parent;
	rc = tocsin_scan_process(k, &subject, &j->settings->scan, &j->findings, &j->error);
	free(parent);
	if (!rc)
		rc = check_target(j);
	if (rc)
		return fail(j, TOCSIN_REQERR_INTERNAL, rc);
	tocsin_verdict_decide(&j->findings, &j->verdict);
	return 0;
}

static int perform(struct job *j)
{
	int rc = find_asker(j);

	if (!rc)
		rc = read_request(j);
	if (!rc)
		rc = find_target(j);
	if (!rc)
		rc = scan_target(j);
	return rc;
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

static void fill_slot(struct job *j, int outcome)
{
	struct tocsin_answer answer = {
	    .state = outcome ? TOCSIN_STATE_ERROR : TOCSIN_STATE_DONE,
	    .time = j->report.time,
	    .ticket = j->record->seq,
	    .error = j->request_error,
	};
	const char *text = outcome ? public_reason(j->request_error) : j->verdict.text;

	if (!outcome) {
		answer.verdict = j->verdict.verdict;
		answer.score = j->verdict.score;
		answer.findings = (uint32_t)(j->findings.count + j->findings.dropped);
		answer.start_time = j->target.start_time;
		answer.pid =
		    TOCSIN_ECX_OP(j->record->ecx) == TOCSIN_OP_SCAN && j->request.target_pid
			? j->request.target_pid
			: (uint32_t)j->target.ns_pid;
		answer.uid = j->target.uid;
	}
	snprintf(answer.text, sizeof(answer.text), "%s", text);
	memcpy(answer.domain_uuid, j->guest->uuid, sizeof(answer.domain_uuid));
	if (j->settings->signer)
		tocsin_signer_sign(j->settings->signer, j->request.nonce, &answer);
	j->report.answered = !tocsin_request_answer(j->guest->memory, j->paging, j->record->rdx,
						    &j->request, &answer, &j->slot_error);
	if (!j->report.answered)
		j->report.slot_error = j->slot_error.message;
}

static void run_scan(struct job *j)
{
	struct tocsin_memory_stats before = j->guest->memory->stats;
	uint64_t start = now_ns(CLOCK_MONOTONIC);
	int outcome;

	tocsin_memory_flush(j->guest->memory);
	outcome = perform(j);
	j->report.kind = outcome ? TOCSIN_REPORT_ERROR : TOCSIN_REPORT_VERDICT;
	if (outcome)
		j->report.reason = j->error.code ? j->error.message : strerror(-outcome);
	if (j->has_request)
		fill_slot(j, outcome);
	j->report.asker = j->has_asker ? &j->asker : NULL;
	j->report.target = j->has_target ? &j->target : NULL;
	if (!outcome) {
		j->report.findings = &j->findings;
		j->report.verdict = &j->verdict;
	}
	j->report.duration = now_ns(CLOCK_MONOTONIC) - start;
	j->report.bytes_read = j->guest->memory->stats.bytes_read - before.bytes_read;
	j->report.pages_mapped = j->guest->memory->stats.pages_mapped - before.pages_mapped;
}

int tocsin_job_run(const struct tocsin_job_settings *settings, struct tocsin_job_guest *guest,
		   const struct tocsin_event *event)
{
	struct job *j = calloc(1, sizeof(*j));
	uint32_t op = TOCSIN_ECX_OP(event->record.ecx);
	int rc;

	if (!j)
		return -ENOMEM;
	j->settings = settings;
	j->guest = guest;
	j->record = &event->record;
	j->report.kind = TOCSIN_REPORT_RING;
	j->report.time = now_ns(CLOCK_REALTIME);
	j->report.tsc = event->tsc;
	j->report.cpu = event->cpu;
	j->report.record = event->record;
	memcpy(j->report.domain, guest->name, sizeof(j->report.domain));
	memcpy(j->report.domain_uuid, guest->uuid, sizeof(j->report.domain_uuid));
	if (op == TOCSIN_OP_SCAN_SELF || op == TOCSIN_OP_SCAN)
		run_scan(j);
	rc = settings->output->write(settings->to, &j->report);
	free(j);
	return rc ? -EIO : 0;
}

void tocsin_job_guest_close(struct tocsin_job_guest *guest)
{
	tocsin_kernel_close(guest->kernel);
	tocsin_memory_close(guest->memory);
	guest->kernel = NULL;
	guest->memory = NULL;
}
