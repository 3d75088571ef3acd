/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scanners: one file each and one line in the table of scan.c. A scanner sees one process of one
 * kernel, or the kernel itself, read without a pause, and states findings, each of a rule in the
 * catalogue. A torn read never makes a finding.
 */
#ifndef TOCSIN_SCAN_H
#define TOCSIN_SCAN_H

#include "base/error.h"
#include "tocsin.h"
#include "verdict/verdict.h"

struct tocsin_rules; /* compiled YARA rules */

/* Of scanning one process with rules; 0 is the default of each. */
struct tocsin_scan_limits {
	size_t max_bytes;     /* of guest memory to read; default: no bound */
	size_t memory;        /* bytes for matches, about; default: 256 MiB */
	unsigned int seconds; /* default: 60 */
	unsigned int threads; /* for a large process; default: 1 */
};

/* How many processors this process may use; for limits.threads. */
unsigned int tocsin_scan_processors(void);

struct tocsin_scan_target {
	struct tocsin_kernel *kernel;
	const struct tocsin_process *process;
	const struct tocsin_vma_list *vmas;
	const struct tocsin_process_details *details; /* NULL: not read */
	const struct tocsin_file_list *files;         /* NULL: not read */
	const struct tocsin_process *parent;          /* NULL: not known */
	int32_t cred_sharer;                          /* as in the subject */
	const struct tocsin_rules *rules;             /* NULL: no rules are scanned */
	struct tocsin_scan_limits limits;
	uint32_t without; /* a bit for each of tocsin_scanners that is not to run */
};

struct tocsin_scanner {
	const char *name;
	const char *summary;
	int (*run)(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
		   struct tocsin_error *err);
};

/* NULL-terminated by name. */
extern const struct tocsin_scanner tocsin_scanners[];

/* What a scanner can state, in full; NULL-terminated by name. */
struct tocsin_scan_rule {
	const char *name; /* "memory.injected-elf": the scanner's name, and the rule's */
	enum tocsin_severity severity;
	enum tocsin_certainty certainty;
	const char *technique;
	const char *why;
};

extern const struct tocsin_scan_rule tocsin_scan_rules[];

/* Run every scanner. A scanner that fails leaves its reason in findings->unreadable; the others
 * still run. Returns 0. */
int tocsin_scan(const struct tocsin_scan_target *t, struct tocsin_findings *findings);

/* The kernel itself; what cannot be read stands in the findings. */
void tocsin_scan_kernel(struct tocsin_kernel *k, struct tocsin_findings *findings);

struct tocsin_scan_settings {
	const struct tocsin_rules *rules; /* NULL: none */
	struct tocsin_scan_limits limits;
	uint32_t without; /* a bit for each of tocsin_scanners that is not to run */
};

/* A process, and what others have to do with it. */
struct tocsin_scan_subject {
	const struct tocsin_process *process;
	const struct tocsin_process *parent; /* NULL: not known */
	int32_t cred_sharer; /* pid of another with the same struct cred; 0: nobody known; -1: the
				kernel */
};

/*
 * Read what the scanners look at of a process, and run them. Fails if its address space cannot be
 * read at all; what else cannot stands in the findings.
 */
int tocsin_scan_process(struct tocsin_kernel *k, const struct tocsin_scan_subject *subject,
			const struct tocsin_scan_settings *settings,
			struct tocsin_findings *findings, struct tocsin_error *err);

/* Told of each file that is left out: "FILE:LINE: why". */
typedef void tocsin_rules_complain(const char *message, void *context);

/*
 * Compile every *.yar and *.yara file of the directories (a NULL-terminated list, sorted by name
 * in each). A file that does not compile is left out, and complain (NULL: nobody) told, as it is of
 * a folder without any. Fails if a directory cannot be listed. The result may be scanned with by
 * any number of threads.
 */
int tocsin_rules_load(const char *const *directories, tocsin_rules_complain *complain,
		      void *context, struct tocsin_rules **ret, struct tocsin_error *err);

/* How many files were left out, and folders had none. */
size_t tocsin_rules_broken(const struct tocsin_rules *rules);
void tocsin_rules_free(struct tocsin_rules *rules);
size_t tocsin_rules_count(const struct tocsin_rules *rules);

#endif
