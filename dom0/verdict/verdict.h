/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Findings and verdicts. A scanner states findings; the verdict is a pure function of them and of
 * what could not be read. Nothing here touches a guest.
 */
#ifndef TOCSIN_VERDICT_H
#define TOCSIN_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOCSIN_EVIDENCE_SIZE 32
#define TOCSIN_FINDINGS_MAX 256

enum tocsin_severity {
	TOCSIN_SEVERITY_INFO,
	TOCSIN_SEVERITY_LOW,
	TOCSIN_SEVERITY_MEDIUM,
	TOCSIN_SEVERITY_HIGH,
	TOCSIN_SEVERITY_CRITICAL
};

/* How sure it is that the fact means what the finding says, and not something ordinary. */
enum tocsin_certainty { TOCSIN_CERTAINTY_LOW, TOCSIN_CERTAINTY_MEDIUM, TOCSIN_CERTAINTY_HIGH };

struct tocsin_finding {
	char scanner[16]; /* its name in the table of scanners */
	char rule[64];    /* what was found, a stable identifier: "memory.injected-elf" */
	enum tocsin_severity severity;
	enum tocsin_certainty certainty;
	char technique[16];                     /* of MITRE ATT&CK: "T1055.008", or "" */
	uint64_t start, end;                    /* guest virtual range; 0, 0: none */
	uint8_t evidence[TOCSIN_EVIDENCE_SIZE]; /* the first bytes at the place */
	size_t evidence_size;
	char code[192]; /* the evidence disassembled, if it is code: "push rbp; mov rbp, rsp" */
	char what[256]; /* one sentence with the facts */
	char why[256];  /* one sentence for a non-specialist: why it matters */
};

/* Findings of one scan. More than TOCSIN_FINDINGS_MAX are counted, not kept. */
struct tocsin_findings {
	struct tocsin_finding rows[TOCSIN_FINDINGS_MAX];
	size_t count;
	size_t dropped;
	/* what the scan could not see, for "inconclusive" */
	uint64_t pages_present, pages_read, pages_torn;
	uint64_t unknown;     /* parts of a kernel that it lacks, or has in no known layout */
	bool truncated;       /* a bound was hit */
	char unreadable[256]; /* why something essential could not be read; "": nothing */
};

/* Append; returns the new row (high certainty, no more than what is given) or NULL when full. */
struct tocsin_finding *tocsin_findings_add(struct tocsin_findings *f, const char *scanner,
					   const char *rule, enum tocsin_severity severity);

struct tocsin_verdict {
	uint32_t verdict; /* TOCSIN_VERDICT_*, tocsin/request.h */
	uint32_t score;   /* 0..100 */
	char text[112];   /* one line for the asker */
};

/* Pure: the same findings give the same verdict. The weights are one table in verdict.c. */
void tocsin_verdict_decide(const struct tocsin_findings *f, struct tocsin_verdict *ret);

/* "clean", "suspicious", "malicious", "inconclusive", "none" */
const char *tocsin_verdict_name(uint32_t verdict);
const char *tocsin_severity_name(enum tocsin_severity s);
const char *tocsin_certainty_name(enum tocsin_certainty c);

#endif
