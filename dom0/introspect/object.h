/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside introspect/, and for who traces: what a pointer of the kernel leads to, by the name of the
 * type that it points to.
 */
#ifndef TOCSIN_INTROSPECT_OBJECT_H
#define TOCSIN_INTROSPECT_OBJECT_H

#include "introspect/kernel.h"

enum tocsin_object_kind {
	TOCSIN_OBJECT_NONE,
	TOCSIN_OBJECT_PROCESS, /* task_struct: pid, tid, start_time (of the thread), comm */
	TOCSIN_OBJECT_NAME,    /* filename: text, as it was given to a system call */
	TOCSIN_OBJECT_FILE,    /* file: text is its path, file which it is, mode */
	TOCSIN_OBJECT_SOCKET   /* socket, sock: socket */
};

struct tocsin_object {
	enum tocsin_object_kind kind;
	int32_t pid, tid;
	uint64_t start_time; /* nanoseconds since boot */
	char comm[TOCSIN_COMM_SIZE + 1];
	char text[TOCSIN_PATH_SIZE];
	struct tocsin_file_id file;
	uint32_t mode;
	struct tocsin_socket socket;
};

/*
 * Read what lies at va, twice: -EAGAIN if it does not hold still. It may be another object of its
 * kind than was there some time ago: whoever says when says so. task: a path is as this task's root
 * sees it; 0: from the top of its mounts. -ENOTSUP: not one of the types above, or in no known
 * layout; -EFAULT, -ESRCH: there is none.
 */
int tocsin_object_read(struct tocsin_kernel *k, const char *type, uint64_t va, uint64_t task,
		       struct tocsin_object *ret);

#endif
