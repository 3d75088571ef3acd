/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hidden processes, processes under another's control, and names that lie. A process names itself
 * as it likes: its comm with prctl, its arguments by writing to its stack. Only its page-table root
 * and its file are not for it to choose, and the kernel's own threads have neither.
 */
#include "scan/scanners.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Threads that every kernel has, by how their names begin. */
static const char *const kernel_threads[] = {
    "kthreadd",  "kworker/",     "ksoftirqd/", "migration/", "rcu_",       "kswapd",  "kcompactd",
    "kdevtmpfs", "kauditd",      "khungtaskd", "oom_reaper", "khugepaged", "kblockd", "watchdogd",
    "cpuhp/",    "idle_inject/", "ksmd",       "kthrotld",   "jbd2/",      "irq/",
};

static bool is_kernel_thread_name(const char *name)
{
	return tocsin_scan_begins_with(name, kernel_threads,
				       sizeof(kernel_threads) / sizeof(kernel_threads[0]));
}

static void scan_kernel_name(const struct tocsin_process *p, const char *first,
			     struct tocsin_findings *findings)
{
	const char *base = strrchr(p->exe, '/');
	bool by_comm = is_kernel_thread_name(p->comm) &&
		       !(base && !strncmp(base + 1, p->comm, strlen(p->comm)));
	bool by_argument = first[0] == '[' && is_kernel_thread_name(first + 1);
	struct tocsin_finding *f;

	if (!by_comm && !by_argument)
		return;
	f = tocsin_scan_add(findings, "process.kernel-thread-name");
	if (f)
		snprintf(f->what, sizeof(f->what), "it calls itself %.40s and runs %.160s",
			 by_comm ? p->comm : first, p->exe);
}

int tocsin_scan_name(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
		     struct tocsin_error *err)
{
	const struct tocsin_process *p = t->process;
	char first[128] = "";
	struct tocsin_finding *f;

	if (p->confidence == TOCSIN_TORN)
		return 0;
	if (p->confidence == TOCSIN_CONTRADICTED) {
		f = tocsin_scan_add(findings, "process.hidden");
		if (f)
			snprintf(f->what, sizeof(f->what),
				 "the task list and the table of PIDs disagree on process %" PRId32,
				 p->pid);
	}
	if (t->details && t->details->confidence == TOCSIN_CONSISTENT && t->details->tracer) {
		f = tocsin_scan_add(findings, "process.traced");
		if (f)
			snprintf(f->what, sizeof(f->what), "process %" PRId32 " traces it",
				 t->details->tracer);
	}
	if (!p->mm)
		return 0;
	snprintf(first, sizeof(first), "%.*s", (int)p->cmdline_size, p->cmdline);
	scan_kernel_name(p, first, findings);
	if (first[0] == '/' && p->exe[0] && strcmp(first, p->exe) &&
	    tocsin_scan_is_installed(first) && !tocsin_scan_is_installed(p->exe)) {
		f = tocsin_scan_add(findings, "process.spoofed-name");
		if (f)
			snprintf(f->what, sizeof(f->what), "it calls itself %.100s and runs %.120s",
				 first, p->exe);
	}
	return 0;
}
