/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the scanners share; private to dom0/scan. */
#ifndef TOCSIN_SCANNERS_H
#define TOCSIN_SCANNERS_H

#include "scan/scan.h"

typedef int tocsin_scan_run(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
			    struct tocsin_error *err);

/* Of a process. */
tocsin_scan_run tocsin_scan_capabilities, tocsin_scan_credentials, tocsin_scan_environment,
    tocsin_scan_executable, tocsin_scan_memory, tocsin_scan_network, tocsin_scan_name,
    tocsin_scan_yara;

/* The catalogue's entry of that name; NULL: none. */
const struct tocsin_scan_rule *tocsin_scan_rule_find(const char *name);

/*
 * State the finding of a rule of the catalogue, with what it says there; the caller adds the facts.
 * NULL: no room.
 */
struct tocsin_finding *tocsin_scan_add(struct tocsin_findings *f, const char *rule);

/* The same for a mapping, with its first bytes. */
struct tocsin_finding *tocsin_scan_add_at(const struct tocsin_scan_target *t,
					  struct tocsin_findings *f, const char *rule,
					  const struct tocsin_vma *v);

/* Say that something essential could not be read. The first reason stays. */
void tocsin_scan_unreadable(struct tocsin_findings *f, const char *scanner, const char *reason);

/* The first bytes at va as evidence, if they are present; without them the finding stands. */
void tocsin_scan_evidence(const struct tocsin_scan_target *t, struct tocsin_finding *f,
			  uint64_t va);

/* Say in code what the evidence, which lies at va, means to a processor; nothing if it is no code.
 */
void tocsin_scan_disassemble(struct tocsin_finding *f, uint64_t va);

/* The same for what the kernel has at va, which becomes the evidence. */
void tocsin_scan_take_code(struct tocsin_kernel *k, struct tocsin_finding *f, uint64_t va);

/* State what leads out of the kernel in the middle of its functions, and of modules'. */
int tocsin_scan_text(struct tocsin_kernel *k, const struct tocsin_code *code,
		     struct tocsin_findings *findings, struct tocsin_error *err);

/* Does an installed runtime that generates code run here? */
bool tocsin_scan_is_jit(const struct tocsin_vma_list *vmas);

/* Does s begin with one of the n texts? */
bool tocsin_scan_begins_with(const char *s, const char *const *list, size_t n);

/* Is it a path in a folder where only root installs? */
bool tocsin_scan_is_installed(const char *path);

/* Is it a path in a folder where anybody may write? */
bool tocsin_scan_is_temporary(const char *path);

#endif
