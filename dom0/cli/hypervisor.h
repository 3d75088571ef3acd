/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of `tocsin hypervisor` share: the arguments, what runs, the payloads that are
 * kept, the generator. Built with Xen only.
 */
#ifndef TOCSIN_CLI_HYPERVISOR_H
#define TOCSIN_CLI_HYPERVISOR_H

#include "host/host.h"
#include "host/livepatch.h"

#include <stdint.h>

struct hypervisor_options {
	const char *xen, *dbg; /* instead of what is found by build ID */
	const char *payload;   /* made elsewhere */
	const char *keep;      /* a copy of the payload goes here */
	bool dry_run, json, boot;
};

/* hypervisor_state.c: what runs */

enum hypervisor_tocsin {
	HYPERVISOR_NONE,
	HYPERVISOR_PATCHED,
	HYPERVISOR_LIVE,  /* by the live patch */
	HYPERVISOR_SILENT /* the live patch is applied and does not answer */
};

struct hypervisor_state {
	struct tocsin_livepatch *livepatch;
	struct tocsin_host *host;
	struct tocsin_error no_xenstored; /* why not; then domains have no names */
	struct tocsin_hypervisor xen;
	enum hypervisor_tocsin tocsin;
	bool livepatching;
	struct tocsin_payload *payloads;
	size_t payload_count;
	const struct tocsin_payload *ours; /* NULL: not uploaded */
	struct tocsin_domain *domains;
	size_t domain_count;
	char *file;    /* the hypervisor that was booted; NULL: not found */
	char *symbols; /* its xen-syms; NULL: not found */
};

/* Without a hypervisor, or not in dom0: an error. The caller frees ret. */
int hypervisor_survey(const struct hypervisor_options *o, struct hypervisor_state *ret,
		      struct tocsin_error *err);
void hypervisor_state_free(struct hypervisor_state *s);

/* The xen-syms of a build, where the distribution or a build of Xen's source puts it; NULL if there
 * is none. free(ret). */
int hypervisor_find_symbols(const char *build_id, char **ret, struct tocsin_error *err);

bool hypervisor_other_applied(const struct hypervisor_state *s);

/* kept: whether there is a payload for this build, for the next boot. */
void hypervisor_print_text(const struct hypervisor_state *s, bool kept);
void hypervisor_print_json(const struct hypervisor_state *s, bool kept, const char *const *steps,
			   size_t count);

/* hypervisor_store.c: payloads that are kept, one for each build, and where files are */

const char *hypervisor_boot_folder(void);

/* Whether there is one for this build; build_id NULL: any. */
bool hypervisor_is_kept(const char *build_id);
/* Where it is or will be; ".new" and such as suffix. free(ret). Makes the folder. */
int hypervisor_kept_path(const char *build_id, const char *suffix, char **ret,
			 struct tocsin_error *err);
/* All but those whose build is in `builds` (count of them). */
int hypervisor_drop_kept(const char *const *builds, size_t count, struct tocsin_error *err);

/*
 * A mark that stays if the machine dies while a payload is applied, so that no machine dies at
 * each of its boots. It is on the disk when this returns.
 */
int hypervisor_mark(const char *build_id, struct tocsin_error *err);
void hypervisor_unmark(void);
bool hypervisor_is_marked(void);

/* A payload, whose owner must be root or the caller, and which nobody else can write. free(ret). */
int hypervisor_read_payload(const char *path, uint8_t **ret, size_t *size,
			    struct tocsin_error *err);
/* Written whole or not at all. */
int hypervisor_write_file(const char *path, const void *bytes, size_t size,
			  struct tocsin_error *err);

/* hypervisor_generate.c */

/* symbols: xen-syms or xensyms; NULL: the generator tries without. The reason of a failure is the
 * generator's own sentence. */
int hypervisor_generate(const char *xen, const char *symbols, const char *out,
			struct tocsin_error *err);
/* Lints it. -ENOENT: there is no generator on this machine. */
int hypervisor_check(const char *payload, struct tocsin_error *err);

/* Where the symbols of the running hypervisor can be read; NULL: nowhere. */
const char *hypervisor_running_symbols(void);

#endif
