/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The running hypervisor, and the payloads of its live patching. Built with Xen only.
 *
 * Xen knows a payload by a name and holds it in one of two states: checked (uploaded, relocated,
 * not in effect) and applied. Applying and reverting are asynchronous in Xen; here they return
 * when they are done or have failed.
 */
#ifndef TOCSIN_HOST_LIVEPATCH_H
#define TOCSIN_HOST_LIVEPATCH_H

#include "base/error.h"
#include "host/build_id.h"

#include <stdbool.h>
#include <stddef.h>

/* The one name under which Tocsin's payload is uploaded. */
#define TOCSIN_LIVEPATCH_NAME "tocsin"

#define TOCSIN_PAYLOAD_MAX (2u << 20) /* bytes: what Xen takes */

struct tocsin_livepatch;

struct tocsin_hypervisor {
	char version[32]; /* as in "4.17.7" */
	char build_id[TOCSIN_BUILD_ID_TEXT];
	bool altp2m; /* booted with altp2m on its command line: views are possible */
};

struct tocsin_payload {
	char name[128];
	bool applied;
	int code; /* of the last operation: 0 or a negative errno */
};

int tocsin_livepatch_open(struct tocsin_livepatch **ret, struct tocsin_error *err);
void tocsin_livepatch_close(struct tocsin_livepatch *l);

int tocsin_livepatch_hypervisor(struct tocsin_livepatch *l, struct tocsin_hypervisor *ret,
				struct tocsin_error *err);

/* All payloads that Xen holds; free(ret). -EOPNOTSUPP: this Xen was built without live patching. */
int tocsin_livepatch_list(struct tocsin_livepatch *l, struct tocsin_payload **ret, size_t *count,
			  struct tocsin_error *err);

/* The state of one. -ENOENT, with err untouched: Xen holds none of that name. */
int tocsin_livepatch_get(struct tocsin_livepatch *l, const char *name, struct tocsin_payload *ret,
			 struct tocsin_error *err);

/* Each waits up to five seconds and tries again while Xen is busy with something that passes. What
 * is there already is no error. On failure Xen's state is as before. */
int tocsin_livepatch_upload(struct tocsin_livepatch *l, const char *name, const void *payload,
			    size_t size, struct tocsin_error *err);
int tocsin_livepatch_apply(struct tocsin_livepatch *l, const char *name, struct tocsin_error *err);
int tocsin_livepatch_revert(struct tocsin_livepatch *l, const char *name, struct tocsin_error *err);
int tocsin_livepatch_unload(struct tocsin_livepatch *l, const char *name, struct tocsin_error *err);

#endif
