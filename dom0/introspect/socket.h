/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside introspect/: one socket, read by its address. */
#ifndef TOCSIN_INTROSPECT_SOCKET_H
#define TOCSIN_INTROSPECT_SOCKET_H

#include "introspect/file.h"

struct tocsin_socket_reader {
	struct tocsin_kernel *k;
	const struct tocsin_process_layout *l;
	const struct tocsin_file_layout *f;
	uint32_t common, whole; /* bytes of a struct sock that are taken: of any, of a full one */
	uint32_t now;           /* jiffies */
};

/* -ENOTSUP: the kernel's types have no known layout. */
int tocsin_socket_reader_open(struct tocsin_kernel *k, struct tocsin_socket_reader *ret,
			      struct tocsin_error *err);

/*
 * The socket at VA sock, one reading of it. still: it was meanwhile what it is, so that another
 * reading would be the same; else only another one can tell. -EFAULT; -EAGAIN: it is none, or is
 * being changed; -ESRCH: it is freed, or about to be.
 */
int tocsin_socket_read(const struct tocsin_socket_reader *r, uint64_t sock,
		       struct tocsin_socket *ret, bool *still);

/* But for queues, bytes and times, which move all the time. */
bool tocsin_socket_same(const struct tocsin_socket *x, const struct tocsin_socket *y);

#endif
