/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A job: one accepted trigger becomes a verdict, or an error with its reason. The daemon and a
 * replay run the same jobs. Builds without Xen.
 *
 * Every job ends in exactly one report, so that triggers in and reports out add up.
 */
#ifndef TOCSIN_JOB_H
#define TOCSIN_JOB_H

#include "capture/capture.h"
#include "tocsin.h"
#include "output/output.h"
#include "request/request.h"
#include "scan/scan.h"

/* What all jobs share. Nothing is owned. */
struct tocsin_job_settings {
	struct tocsin_scan_settings scan;
	const struct tocsin_signer *signer; /* NULL: answers carry no signature */
	const struct tocsin_output *output;
	FILE *to;
};

/* A guest as the jobs see it. The kernel is found on the first scan and verified on each. */
struct tocsin_job_guest {
	struct tocsin_memory *memory; /* owned */
	struct tocsin_kernel *kernel; /* owned; NULL until found */
	char name[64];
	uint8_t uuid[16];
};

/*
 * Run one trigger of a guest, write its report and fill its slot. Returns 0 when the report was
 * written, also when it tells of an error in the guest; -EIO when the report itself could not be
 * written; -ENOMEM.
 */
int tocsin_job_run(const struct tocsin_job_settings *settings, struct tocsin_job_guest *guest,
		   const struct tocsin_event *event);

/* Close the guest's kernel and memory. */
void tocsin_job_guest_close(struct tocsin_job_guest *guest);

#endif
