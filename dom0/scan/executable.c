/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs and code that are not what their files hold: that have no file on disk any more, or
 * never had one (memfd), which hides them from everything that looks at files; whose file is not
 * what runs; and whose code was changed in memory. An upgrade of a package also leaves deleted
 * files mapped, so that alone weighs little.
 */
#include "scan/scanners.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BREAKPOINT 0xcc    /* int3 */
#define BREAKPOINTS_MAX 64 /* in one page, without another change */

static bool same_file(const struct tocsin_file_id *a, const struct tocsin_file_id *b)
{
	return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

static void scan_program(const struct tocsin_process *p, struct tocsin_findings *findings)
{
	struct tocsin_finding *f;

	if (p->exe_id.memfd) {
		f = tocsin_scan_add(findings, "executable.memfd");
		if (f)
			snprintf(f->what, sizeof(f->what),
				 "the program was started from memory (%.160s)", p->exe);
	} else if (p->exe_id.deleted) {
		f = tocsin_scan_add(findings, "executable.deleted");
		if (f)
			snprintf(f->what, sizeof(f->what),
				 "the program's file was deleted (%.160s)", p->exe);
	} else if (tocsin_scan_is_temporary(p->exe)) {
		f = tocsin_scan_add(findings, "executable.temporary-place");
		if (f)
			snprintf(f->what, sizeof(f->what), "the program is %.200s", p->exe);
	}
}

/*
 * Is code of the program's own file mapped? Where overlayfs lies between, the mapping is of the
 * file below, on another device, under the same name.
 */
static bool is_program(const struct tocsin_process *p, const struct tocsin_vma *v)
{
	const char *a = strrchr(p->exe, '/'), *b = strrchr(v->path, '/');

	return v->exec && v->has_file &&
	       (same_file(&v->file, &p->exe_id) || (a && b && !strcmp(a, b)));
}

static void scan_presence(const struct tocsin_scan_target *t, struct tocsin_findings *findings)
{
	const struct tocsin_process *p = t->process;
	struct tocsin_finding *f;

	if (!p->exe[0] || !t->vmas->count || t->vmas->torn || t->vmas->truncated ||
	    p->confidence == TOCSIN_TORN)
		return;
	for (size_t i = 0; i < t->vmas->count; i++)
		if (is_program(p, &t->vmas->rows[i]))
			return;
	f = tocsin_scan_add(findings, "executable.not-mapped");
	if (f)
		snprintf(f->what, sizeof(f->what), "no code of %.200s is mapped", p->exe);
}

static void scan_mapping(const struct tocsin_scan_target *t, const struct tocsin_vma *v, bool jit,
			 struct tocsin_findings *findings)
{
	bool memfd = v->file.memfd;
	struct tocsin_finding *f;

	f = tocsin_scan_add_at(t, findings,
			       memfd             ? "executable.memfd-code"
			       : v->file.deleted ? "executable.deleted-code"
						 : "executable.temporary-place",
			       v);
	if (!f)
		return;
	if (memfd && jit)
		f->severity = TOCSIN_SEVERITY_LOW;
	snprintf(f->what, sizeof(f->what), "code is mapped from %s%.160s",
		 memfd             ? "a file that exists in memory only: "
		 : v->file.deleted ? "a deleted file: "
				   : "",
		 v->path);
}

/* ---- code that was changed in memory ---- */

struct difference {
	size_t first;       /* offset in the page */
	size_t bytes, runs; /* that differ */
	bool breakpoints;   /* nothing but single bytes of int3 */
};

static void compare_pages(const uint8_t *now, const uint8_t *file, struct difference *d)
{
	memset(d, 0, sizeof(*d));
	d->breakpoints = true;
	for (size_t i = 0; i < TOCSIN_PAGE_SIZE; i++) {
		if (now[i] == file[i])
			continue;
		if (!d->bytes)
			d->first = i;
		d->runs += !i || now[i - 1] == file[i - 1];
		d->bytes++;
		d->breakpoints &= now[i] == BREAKPOINT;
	}
	d->breakpoints &= d->bytes == d->runs && d->bytes <= BREAKPOINTS_MAX;
}

static void scan_copy(const struct tocsin_scan_target *t, const struct tocsin_vma *v,
		      const struct tocsin_copy *copy, struct tocsin_findings *findings)
{
	struct tocsin_memory *m = tocsin_kernel_memory(t->kernel);
	uint8_t now[TOCSIN_PAGE_SIZE], file[TOCSIN_PAGE_SIZE], again[TOCSIN_PAGE_SIZE];
	struct difference d = {.bytes = 0};
	struct tocsin_finding *f;

	if (tocsin_memory_read(m, copy->gpa, now, sizeof(now)))
		return;
	if (copy->cached) {
		if (tocsin_memory_read(m, copy->cached, file, sizeof(file)) ||
		    tocsin_memory_read(m, copy->gpa, again, sizeof(again)) ||
		    memcmp(now, again, sizeof(now))) {
			findings->pages_torn++;
			return;
		}
		compare_pages(now, file, &d);
		if (!d.bytes)
			return;
	}
	f = tocsin_scan_add(findings, d.bytes && d.breakpoints ? "executable.breakpoint"
							       : "executable.modified");
	if (!f)
		return;
	f->start = copy->va + d.first;
	f->end = copy->va + TOCSIN_PAGE_SIZE;
	f->evidence_size = TOCSIN_PAGE_SIZE - d.first < sizeof(f->evidence)
			       ? TOCSIN_PAGE_SIZE - d.first
			       : sizeof(f->evidence);
	memcpy(f->evidence, now + d.first, f->evidence_size);
	tocsin_scan_disassemble(f, f->start);
	if (d.bytes) {
		snprintf(f->what, sizeof(f->what),
			 "%zu bytes in %zu places of a page are not as in %.160s", d.bytes, d.runs,
			 v->path);
	} else {
		f->certainty = TOCSIN_CERTAINTY_LOW;
		snprintf(f->what, sizeof(f->what),
			 "a page of code was written to (its file's page is not in memory): %.140s",
			 v->path);
	}
}

static int scan_copies(const struct tocsin_scan_target *t, const struct tocsin_vma *v,
		       struct tocsin_findings *findings, struct tocsin_error *err)
{
	struct tocsin_copy_list copies;
	int rc = tocsin_copy_list(t->kernel, t->process, v, &copies, err);

	if (rc)
		return rc;
	findings->pages_torn += copies.torn;
	findings->truncated |= copies.truncated;
	for (size_t i = 0; i < copies.count; i++)
		scan_copy(t, v, &copies.rows[i], findings);
	tocsin_copy_list_free(&copies);
	return 0;
}

int tocsin_scan_executable(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
			   struct tocsin_error *err)
{
	bool jit = tocsin_scan_is_jit(t->vmas);
	int rc = 0;

	scan_program(t->process, findings);
	scan_presence(t, findings);
	for (size_t i = 0; i < t->vmas->count && !rc; i++) {
		const struct tocsin_vma *v = &t->vmas->rows[i];

		if (v->confidence == TOCSIN_TORN || !v->exec || !v->has_file || v->special)
			continue;
		/* The mapping of the program itself is scan_program's matter. */
		if (!is_program(t->process, v) &&
		    (v->file.memfd || v->file.deleted || tocsin_scan_is_temporary(v->path)))
			scan_mapping(t, v, jit, findings);
		if (!v->write)
			rc = scan_copies(t, v, findings, err);
	}
	return rc;
}
