/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A job: one accepted trigger becomes an outcome: a verdict, or an error with its reason. It runs
 * in a worker (worker.h), reads one guest, and writes nothing but the asker's slot. Builds without
 * Xen.
 */
#ifndef TOCSIN_JOB_H
#define TOCSIN_JOB_H

#include "capture/capture.h"
#include "output/output.h"
#include "request/request.h"
#include "scan/scan.h"
#include "tocsin.h"

#define TOCSIN_REASON_SIZE 256u

/* What a job came to. Large: on the heap. */
struct tocsin_outcome {
	enum tocsin_report_kind kind; /* VERDICT or ERROR */
	bool has_asker, has_target;
	bool has_request; /* answer is to be signed over nonce, and written */
	bool coalesced;   /* told from a scan just before */
	struct tocsin_process asker, target;
	struct tocsin_findings findings; /* these two of a VERDICT alone */
	struct tocsin_verdict verdict;
	uint8_t nonce[TOCSIN_NONCE_SIZE];
	struct tocsin_answer answer; /* without signature, time, ticket and domain */
	uint64_t bytes_read, pages_mapped, duration;
	char reason[TOCSIN_REASON_SIZE]; /* of an ERROR */
};

struct tocsin_kernel_store;

/* A guest as the jobs see it. */
struct tocsin_job_guest {
	struct tocsin_memory *memory;      /* owned */
	struct tocsin_kernel *kernel;      /* owned; NULL until found */
	struct tocsin_kernel_store *store; /* where its kernels are kept, or NULL */
	/* Makes kernel hold the guest's kernel as it is now; a CR3 may help to find it. */
	int (*find_kernel)(struct tocsin_job_guest *g, uint64_t cr3, struct tocsin_error *err);
};

struct tocsin_job_settings {
	struct tocsin_scan_settings scan;
	uint64_t
	    coalesce; /* nanoseconds that the scan of a program serves others who ask; 0: none */
};

/* A request block that is to be answered. */
struct tocsin_slot {
	struct tocsin_paging paging; /* the asker's */
	uint64_t va;
	struct tocsin_request request; /* as it was read */
};

/* Runs jobs of one guest, one at a time. */
struct tocsin_jobs;
int tocsin_jobs_new(const struct tocsin_job_settings *settings, struct tocsin_job_guest *guest,
		    struct tocsin_jobs **ret);
void tocsin_jobs_free(struct tocsin_jobs *j);

/* Called before each scan, which may take long, and not where another scan serves. */
void tocsin_jobs_before_scan(struct tocsin_jobs *j, void (*fn)(void *context), void *context);

/* Scanners that are left out from now on; a bit for each of tocsin_scanners. */
void tocsin_jobs_leave_out(struct tocsin_jobs *j, uint32_t without);

/*
 * Treat a trigger of an operation that scans. Owned by j and valid until the next call.
 *
 * give_up: nothing is looked at but the request block, by the CR3 alone, and the outcome is an
 * inconclusive verdict: for a trigger over which workers died.
 */
const struct tocsin_outcome *tocsin_jobs_run(struct tocsin_jobs *j,
					     const struct tocsin_record *record, bool give_up);

/* The slot of the job run last, if its outcome has a request; until the next call. */
const struct tocsin_slot *tocsin_jobs_slot(const struct tocsin_jobs *j);

/* Fill a slot of these jobs, with its answer now whole. As tocsin_request_answer. */
int tocsin_jobs_answer(struct tocsin_jobs *j, const struct tocsin_slot *slot,
		       const struct tocsin_answer *answer, struct tocsin_error *err);

/* Does the operation look into the guest? */
bool tocsin_job_scans(const struct tocsin_record *record);

#endif
