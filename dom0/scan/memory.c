/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Executable memory that no file accounts for. Code comes from files; code that was written at run
 * time is either a runtime's compiler at work or somebody's injection. Where an installed runtime
 * of that kind runs, the same fact weighs less.
 */
#include "scan/scanners.h"

#include <inttypes.h>
#include <stdio.h>

static struct tocsin_finding *add(const struct tocsin_scan_target *t,
				  struct tocsin_findings *findings, const struct tocsin_vma *v,
				  const char *rule, enum tocsin_severity severity)
{
	struct tocsin_finding *f = tocsin_findings_add(findings, "memory", rule, severity);

	if (!f)
		return NULL;
	f->start = v->start;
	f->end = v->end;
	tocsin_scan_evidence(t, f, v->start);
	return f;
}

static void scan_vma(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
		     const struct tocsin_vma *v, bool jit)
{
	uint64_t kib = (v->end - v->start) / 1024;
	struct tocsin_finding *f;

	if (v->write) {
		f = add(t, findings, v, "memory.writable-executable",
			jit ? TOCSIN_SEVERITY_LOW : TOCSIN_SEVERITY_HIGH);
		if (!f)
			return;
		snprintf(f->what, sizeof(f->what),
			 "%" PRIu64 " KiB are writable and executable at once (%s)", kib,
			 v->has_file ? v->path : "anonymous");
		snprintf(f->why, sizeof(f->why),
			 "Memory that can be written and run lets an attacker place code of his "
			 "own%s",
			 jit ? "; the runtime in this process does so too" : "");
	} else if (!v->has_file) {
		f = add(t, findings, v, "memory.anonymous-executable",
			jit ? TOCSIN_SEVERITY_INFO : TOCSIN_SEVERITY_MEDIUM);
		if (!f)
			return;
		snprintf(f->what, sizeof(f->what), "%" PRIu64 " KiB of code belong to no file",
			 kib);
		snprintf(f->why, sizeof(f->why),
			 "Programs are loaded from files; this code was made or brought in at run "
			 "time%s",
			 jit ? ", as the runtime in this process does" : "");
	}
}

int tocsin_scan_memory(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
		       struct tocsin_error *err)
{
	bool jit = tocsin_scan_is_jit(t->vmas);
	size_t i;

	for (i = 0; i < t->vmas->count; i++) {
		const struct tocsin_vma *v = &t->vmas->rows[i];

		if (v->confidence != TOCSIN_TORN && v->exec && !v->special)
			scan_vma(t, findings, v, jit);
	}
	return 0;
}
