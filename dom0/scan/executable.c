/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs and code without a file on disk. Deleting one's own file, or never having had one
 * (memfd), hides a program from everything that looks at files. An upgrade of a package also
 * leaves deleted files mapped, so that alone weighs little.
 */
#include "scan/scanners.h"

#include <stdio.h>

static void scan_program(const struct tocsin_process *p, struct tocsin_findings *findings)
{
	struct tocsin_finding *f;

	if (p->exe_id.memfd) {
		f = tocsin_findings_add(findings, "executable", "executable.memfd",
					TOCSIN_SEVERITY_HIGH);
		if (!f)
			return;
		snprintf(f->what, sizeof(f->what), "the program was started from memory (%.160s)",
			 p->exe);
		snprintf(f->why, sizeof(f->why),
			 "A program that never was a file cannot be found by looking at files");
	} else if (p->exe_id.deleted) {
		f = tocsin_findings_add(findings, "executable", "executable.deleted",
					TOCSIN_SEVERITY_MEDIUM);
		if (!f)
			return;
		snprintf(f->what, sizeof(f->what), "the program's file was deleted (%.160s)",
			 p->exe);
		snprintf(f->why, sizeof(f->why),
			 "Malware deletes its file to hide; an upgrade of the package does it too");
	}
}

/* The mapping of the program itself is scan_program's matter. */
static bool is_program(const struct tocsin_process *p, const struct tocsin_vma *v)
{
	return v->file.inode == p->exe_id.inode && v->file.dev_major == p->exe_id.dev_major &&
	       v->file.dev_minor == p->exe_id.dev_minor;
}

static void scan_mapping(const struct tocsin_scan_target *t, const struct tocsin_vma *v, bool jit,
			 struct tocsin_findings *findings)
{
	bool memfd = v->file.memfd;
	struct tocsin_finding *f;

	f = tocsin_findings_add(findings, "executable",
				memfd ? "executable.memfd-code" : "executable.deleted-code",
				memfd && !jit ? TOCSIN_SEVERITY_HIGH : TOCSIN_SEVERITY_LOW);
	if (!f)
		return;
	f->start = v->start;
	f->end = v->end;
	tocsin_scan_evidence(t, f, v->start);
	snprintf(f->what, sizeof(f->what), "code is mapped from %s (%.160s)",
		 memfd ? "a file that exists in memory only" : "a deleted file", v->path);
	snprintf(f->why, sizeof(f->why), "%s",
		 memfd ? "Code that never was a file cannot be found by looking at files"
		       : "What was loaded can no longer be looked at; an upgrade does this too");
}

int tocsin_scan_executable(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
			   struct tocsin_error *err)
{
	bool jit = tocsin_scan_is_jit(t->vmas);
	size_t i;

	scan_program(t->process, findings);
	for (i = 0; i < t->vmas->count; i++) {
		const struct tocsin_vma *v = &t->vmas->rows[i];

		if (v->confidence == TOCSIN_TORN || !v->exec || !v->has_file || v->special ||
		    is_program(t->process, v))
			continue;
		if (v->file.memfd || v->file.deleted)
			scan_mapping(t, v, jit, findings);
	}
	return 0;
}
