/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the scanners share; private to dom0/scan. */
#ifndef TOCSIN_SCANNERS_H
#define TOCSIN_SCANNERS_H

#include "scan/scan.h"

int tocsin_scan_memory(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
		       struct tocsin_error *err);
int tocsin_scan_executable(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
			   struct tocsin_error *err);
int tocsin_scan_yara(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
		     struct tocsin_error *err);

/* Say that something essential could not be read. The first reason stays. */
void tocsin_scan_unreadable(struct tocsin_findings *f, const char *scanner, const char *reason);

/* The first bytes at va as evidence, if they are present; without them the finding stands. */
void tocsin_scan_evidence(const struct tocsin_scan_target *t, struct tocsin_finding *f,
			  uint64_t va);

/* Does an installed runtime that generates code run here? */
bool tocsin_scan_is_jit(const struct tocsin_vma_list *vmas);

#endif
