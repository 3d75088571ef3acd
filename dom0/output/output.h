/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon and `tocsin replay` say: one JSON line (docs/schema.md, versioned) or one
 * readable text per report. A report is a ring, a verdict or a loss.
 */
#ifndef TOCSIN_OUTPUT_H
#define TOCSIN_OUTPUT_H

#include "tocsin.h"
#include "verdict/verdict.h"
#include <tocsin/event.h>

#include <stdio.h>

#define TOCSIN_SCHEMA_VERSION 1

enum tocsin_report_kind {
	TOCSIN_REPORT_RING,    /* an accepted trigger (PING, MARK, or every one in a replay) */
	TOCSIN_REPORT_VERDICT, /* a scan and how it was answered */
	TOCSIN_REPORT_ERROR,   /* an accepted trigger that could not become a verdict: reason */
	TOCSIN_REPORT_LOSS     /* records that were lost: lost, reason */
};

struct tocsin_report {
	enum tocsin_report_kind kind;
	uint64_t time; /* nanoseconds since the epoch; 0 in a replay */
	uint64_t tsc;
	uint16_t cpu;
	char domain[64]; /* name, or "" */
	uint8_t domain_uuid[16];
	struct tocsin_record record;
	/* VERDICT; any may be NULL when not known */
	const struct tocsin_process *asker;
	const struct tocsin_process *target;
	const struct tocsin_findings *findings;
	const struct tocsin_verdict *verdict;
	bool answered;          /* the slot in the guest was filled */
	const char *slot_error; /* why not; NULL: none was asked for, or filled */
	bool swept;     /* of a scan of the whole guest: nobody rang, record has the domain */
	bool coalesced; /* told from a scan of the same program just before */
	/* figures */
	uint64_t bytes_read, pages_mapped;
	uint64_t duration; /* nanoseconds from taking the record to the verdict */
	/* ERROR, LOSS */
	const char *reason;
	uint64_t lost;
};

/* One JSON line of kind "process", with what is not NULL. 0, -ENOMEM, or a negative errno of
 * writing. */
int tocsin_output_process_json(FILE *to, const struct tocsin_process *p,
			       const struct tocsin_vma_list *vmas,
			       const struct tocsin_process_details *details,
			       const struct tocsin_thread_list *threads);

/* One JSON line of kind "vma", of kind "mount", of kind "kernel"; as above. */
int tocsin_output_vma_json(FILE *to, const struct tocsin_process *p, const struct tocsin_vma *v,
			   const struct tocsin_page_counts *pages);
int tocsin_output_mount_json(FILE *to, const struct tocsin_mount *m);
int tocsin_output_kernel_json(FILE *to, const struct tocsin_kernel_info *info,
			      const struct tocsin_system *system);

/* One JSON line of kind "file" for an open file of p; as above. */
int tocsin_output_file_json(FILE *to, const struct tocsin_process *p, const struct tocsin_file *f);

/* Who holds a socket; container "": none. */
struct tocsin_output_holder {
	int32_t pid, tid, fd;
	const char *comm, *container;
	bool hides; /* the process */
};

/* A socket, and all who hold it, as struct tocsin_view_row has it. */
struct tocsin_output_socket {
	const struct tocsin_socket *socket;
	enum tocsin_confidence confidence;
	bool in_table, unheld;
	uint64_t peer_inode; /* AF_UNIX; 0: none */
	const struct tocsin_output_holder *holders;
	size_t count;
};

/* One JSON line of kind "socket"; as above. */
int tocsin_output_socket_json(FILE *to, const struct tocsin_output_socket *s);

/* One JSON line of kind "module", or of kind "log" for a record of the log; as above. */
int tocsin_output_module_json(FILE *to, const struct tocsin_module *m);
int tocsin_output_log_json(FILE *to, const struct tocsin_log *log,
			   const struct tocsin_log_record *r);

/*
 * What was found in a process, or in the kernel (p NULL), as one JSON line of kind "scan" or as
 * text: one line, and more for each finding. As above.
 */
int tocsin_output_scan_json(FILE *to, const struct tocsin_process *p,
			    const struct tocsin_findings *findings,
			    const struct tocsin_verdict *verdict);
int tocsin_output_scan_text(FILE *to, const struct tocsin_process *p,
			    const struct tocsin_findings *findings,
			    const struct tocsin_verdict *verdict);

/* "PING", "SCAN_SELF", ... of an overloaded EPTP index; "?" if it has none. */
const char *tocsin_operation_name(uint32_t ecx);

/*
 * Guest bytes to text that neither a terminal nor a JSON reader trips over: control characters,
 * bytes that are not well-formed UTF-8, and backslashes become \xNN. Cut to ret_size (at least 1),
 * never inside a character, always NUL-terminated; returns the length. 4 * size + 1 always fits.
 */
size_t tocsin_output_clean(const char *in, size_t size, char *ret, size_t ret_size);

struct tocsin_output {
	const char *name; /* "json", "text" */
	int (*write)(FILE *to, const struct tocsin_report *report);
};

/* NULL-terminated by name. */
extern const struct tocsin_output tocsin_outputs[];
const struct tocsin_output *tocsin_output_find(const char *name);

#endif
