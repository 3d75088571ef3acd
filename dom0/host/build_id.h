/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Build IDs: which hypervisor a file is, or is for. Needs no Xen. */
#ifndef TOCSIN_HOST_BUILD_ID_H
#define TOCSIN_HOST_BUILD_ID_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define TOCSIN_BUILD_ID_MAX 32u /* bytes; the linker makes 20 */
#define TOCSIN_BUILD_ID_TEXT (2 * TOCSIN_BUILD_ID_MAX + 1)

void tocsin_build_id_text(const uint8_t *id, size_t size, char ret[TOCSIN_BUILD_ID_TEXT]);

/* Of a hypervisor: xen.gz, the same unpacked, or xen-syms. -ENODATA: it names none. */
int tocsin_build_id_hypervisor(const char *path, char ret[TOCSIN_BUILD_ID_TEXT],
			       struct tocsin_error *err);

/* Of the hypervisor that a live-patch payload is for. */
int tocsin_build_id_payload(const uint8_t *payload, size_t size, char ret[TOCSIN_BUILD_ID_TEXT],
			    struct tocsin_error *err);

/*
 * Calls fn for each hypervisor in `folder` whose name begins with `prefix`, in the order of their
 * names, until one call returns not 0, which is returned then. Other files, and a folder that is
 * not there, are passed over.
 */
int tocsin_build_id_each(const char *folder, const char *prefix,
			 int (*fn)(const char *path, const char *build_id, void *context),
			 void *context, struct tocsin_error *err);

/* The first of them that has this build ID; free(ret). -ENOENT, with err untouched: none has. */
int tocsin_build_id_find(const char *folder, const char *prefix, const char *build_id, char **ret,
			 struct tocsin_error *err);

#endif
