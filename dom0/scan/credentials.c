/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rights that the kernel did not give. Whoever writes to a process's struct cred from the inside
 * seldom moves the account on which its resources are counted too, as setuid does (set_user in
 * kernel/sys.c); and whoever gives it the kernel's own credentials, or another process's, makes two
 * share one structure, which fork never does (copy_creds in kernel/cred.c; only threads share).
 */
#include "scan/scanners.h"

#include <inttypes.h>
#include <stdio.h>

#define SETUID 04000

static void scan_raised(const struct tocsin_scan_target *t, struct tocsin_findings *findings)
{
	const struct tocsin_process *p = t->process, *parent = t->parent;
	struct tocsin_finding *f;

	if (!parent || parent->confidence != TOCSIN_CONSISTENT || !parent->mm || !p->exe[0] ||
	    !p->user_ns_initial || !parent->user_ns_initial || p->euid || !parent->euid ||
	    !parent->uid || (p->exe_mode & SETUID))
		return;
	f = tocsin_scan_add(findings, "credentials.raised");
	if (f)
		snprintf(f->what, sizeof(f->what),
			 "it is root, and its parent %" PRId32 " is user %" PRIu32, parent->pid,
			 parent->euid);
}

int tocsin_scan_credentials(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
			    struct tocsin_error *err)
{
	const struct tocsin_process *p = t->process;
	const struct tocsin_process_details *d = t->details;
	struct tocsin_finding *f;

	if (p->confidence == TOCSIN_TORN)
		return 0;
	if (d && d->confidence == TOCSIN_CONSISTENT && d->account_uid != p->uid) {
		f = tocsin_scan_add(findings, "credentials.forged");
		if (f)
			snprintf(f->what, sizeof(f->what),
				 "it is user %" PRIu32 ", and is counted on the account of user "
				 "%" PRIu32,
				 p->uid, d->account_uid);
	}
	if (t->cred_sharer) {
		f = tocsin_scan_add(findings, "credentials.shared");
		if (f)
			snprintf(f->what, sizeof(f->what), "it has the credentials of %s %" PRId32,
				 t->cred_sharer > 0 ? "process" : "the kernel itself, process",
				 t->cred_sharer > 0 ? t->cred_sharer : 0);
	}
	scan_raised(t, findings);
	return 0;
}
