/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernels kept of one guest, opened for a process that will open nothing any more. It reads
 * them through descriptors, and writes at most one more, which somebody else gives its name.
 *
 * A guest has a folder of its own. What a process keeps that reads hostile bytes is to be trusted
 * no more than they are, and must not reach the process that reads another guest.
 */
#ifndef TOCSIN_INTROSPECT_STORE_H
#define TOCSIN_INTROSPECT_STORE_H

#include "tocsin.h"

#define TOCSIN_STORE_FILES 2u
#define TOCSIN_STORE_NAME 96u
#define TOCSIN_STORE_BYTES (64u << 20) /* a file has no more */

struct tocsin_kernel_store {
	struct {
		char name[TOCSIN_STORE_NAME];
		int fd; /* -1: none */
		size_t size;
	} files[TOCSIN_STORE_FILES];
	int to;                       /* the file to write; -1: none, or it is written */
	char kept[TOCSIN_STORE_NAME]; /* what it is to be called; "": nothing was kept */
};

/*
 * Open those of a folder, which is made if need be (its parent must exist), and a file to write, of
 * the name ".new.PID" of this process. Whatever cannot be opened is left out: it costs time alone.
 */
void tocsin_kernel_store_open(struct tocsin_kernel_store *s, const char *folder);
void tocsin_kernel_store_close(struct tocsin_kernel_store *s);

/*
 * Give the file that process pid wrote its name; "": it wrote none, and its file goes. More than
 * TOCSIN_STORE_FILES: the oldest goes. -EINVAL: no name of a kernel.
 */
int tocsin_kernel_store_commit(const char *folder, int pid, const char *name);

/* As tocsin_kernel_open_cached. */
int tocsin_kernel_open_stored(struct tocsin_memory *m, uint64_t cr3,
			      struct tocsin_kernel_store *store, struct tocsin_kernel **ret,
			      struct tocsin_error *err);

#endif
