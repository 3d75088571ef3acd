/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the scanners look at of one process, read once. */
#include "scan/scanners.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int tocsin_scan_process(struct tocsin_kernel *k, const struct tocsin_scan_subject *subject,
			const struct tocsin_scan_settings *settings,
			struct tocsin_findings *findings, struct tocsin_error *err)
{
	const struct tocsin_process *p = subject->process;
	struct tocsin_process_details details;
	struct tocsin_vma_list vmas = {0};
	struct tocsin_file_list files;
	struct tocsin_scan_target t = {
	    .kernel = k,
	    .process = p,
	    .parent = subject->parent,
	    .cred_sharer = subject->cred_sharer,
	    .vmas = &vmas,
	    .rules = settings->rules,
	    .limits = settings->limits,
	    .without = settings->without,
	};
	struct tocsin_error why = {0};
	int rc = p->mm ? tocsin_vma_list(k, p, &vmas, err) : 0;

	if (rc)
		return rc;
	if (!tocsin_process_details(k, p, &details, &why))
		t.details = &details;
	else
		tocsin_scan_unreadable(findings, "details", why.message);
	if (!tocsin_file_list(k, p, &files, &why))
		t.files = &files;
	else
		tocsin_scan_unreadable(findings, "files", why.message);
	if (p->confidence == TOCSIN_TORN)
		tocsin_scan_unreadable(findings, "scan", "the process changed while it was read");
	rc = tocsin_scan(&t, findings);
	if (t.files)
		tocsin_file_list_free(&files);
	if (t.details)
		tocsin_process_details_free(&details);
	tocsin_vma_list_free(&vmas);
	return rc;
}
