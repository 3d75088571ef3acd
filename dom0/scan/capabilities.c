/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rights like root's without being root. Services are given some of them on purpose, so that
 * alone weighs little.
 */
#include "scan/scanners.h"

#include <linux/capability.h>

#include <inttypes.h>
#include <stdio.h>

static const struct {
	unsigned int bit;
	const char *name;
} dangerous[] = {
    {CAP_SYS_MODULE, "CAP_SYS_MODULE"}, {CAP_SYS_RAWIO, "CAP_SYS_RAWIO"},
    {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"}, {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
    {CAP_SETUID, "CAP_SETUID"},         {CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"},
};

int tocsin_scan_capabilities(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
			     struct tocsin_error *err)
{
	const struct tocsin_process *p = t->process;
	struct tocsin_finding *f = NULL;
	size_t i, n = 0;

	if (p->confidence == TOCSIN_TORN || !p->mm || !p->euid || !p->user_ns_initial)
		return 0;
	for (i = 0; i < sizeof(dangerous) / sizeof(dangerous[0]); i++) {
		if (!(p->cap_effective >> dangerous[i].bit & 1))
			continue;
		if (!f)
			f = tocsin_scan_add(findings, "capabilities.dangerous");
		if (!f)
			return 0;
		if (!n)
			n = (size_t)snprintf(f->what, sizeof(f->what), "user %" PRIu32 " has",
					     p->euid);
		if (n < sizeof(f->what))
			n += (size_t)snprintf(f->what + n, sizeof(f->what) - n, " %s",
					      dangerous[i].name);
	}
	return 0;
}
