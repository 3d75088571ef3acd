/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All processes of a guest, one after the other, and what each has to do with the others: its
 * parent, and who else has its credentials.
 */
#ifndef TOCSIN_SWEEP_H
#define TOCSIN_SWEEP_H

#include "scan/scan.h"

struct tocsin_sweep_holder;

/* Read by any number of threads at once, once it is open. */
struct tocsin_sweep {
	struct tocsin_kernel *kernel;
	struct tocsin_scan_settings settings;
	struct tocsin_process_list list;     /* by pid */
	struct tocsin_sweep_holder *holders; /* of struct cred, sorted by it */
	size_t holder_count;
};

/* Lists the processes. kernel and the rules of the settings outlive it. */
int tocsin_sweep_open(struct tocsin_sweep *ret, struct tocsin_kernel *kernel,
		      const struct tocsin_scan_settings *settings, struct tocsin_error *err);
void tocsin_sweep_close(struct tocsin_sweep *s);

const struct tocsin_process *tocsin_sweep_find(const struct tocsin_sweep *s, int32_t pid);

/*
 * Scan p, which is one of the list, and decide. What cannot be read stands in the findings. 0; 1:
 * it is gone, or another program, by now, so that what could not be read of it says nothing;
 * -ENOMEM, -ENODEV: give up.
 */
int tocsin_sweep_process(const struct tocsin_sweep *s, const struct tocsin_process *p,
			 struct tocsin_findings *findings, struct tocsin_verdict *verdict);

#endif
