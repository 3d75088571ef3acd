/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scanners: one file each and one line in the table of scan.c. A scanner sees one process of one
 * kernel, read without a pause, and states findings. A torn read never makes a finding.
 */
#ifndef TOCSIN_SCAN_H
#define TOCSIN_SCAN_H

#include "base/error.h"
#include "tocsin.h"
#include "verdict/verdict.h"

struct tocsin_rules; /* compiled YARA rules */

struct tocsin_scan_target {
	struct tocsin_kernel *kernel;
	const struct tocsin_process *process;
	const struct tocsin_vma_list *vmas;
	const struct tocsin_rules *rules; /* NULL: no rules are scanned */
	size_t max_bytes;                 /* of guest memory to read for rules; 0: no bound */
};

struct tocsin_scanner {
	const char *name;
	const char *summary;
	int (*run)(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
		   struct tocsin_error *err);
};

/* NULL-terminated by name. */
extern const struct tocsin_scanner tocsin_scanners[];

/* Run every scanner. A scanner that fails leaves its reason in findings->unreadable; the others
 * still run. Returns 0. */
int tocsin_scan(const struct tocsin_scan_target *t, struct tocsin_findings *findings);

/*
 * Compile every *.yar and *.yara file of the directories (a NULL-terminated list, sorted by name
 * in each). A file that does not compile fails the whole with file, line and reason in err.
 */
int tocsin_rules_load(const char *const *directories, struct tocsin_rules **ret,
		      struct tocsin_error *err);
void tocsin_rules_free(struct tocsin_rules *rules);
size_t tocsin_rules_count(const struct tocsin_rules *rules);

#endif
