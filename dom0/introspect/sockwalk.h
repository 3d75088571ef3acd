/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside introspect/: a list of sockets that grows while the protocols' tables are walked. */
#ifndef TOCSIN_INTROSPECT_SOCKWALK_H
#define TOCSIN_INTROSPECT_SOCKWALK_H

#include "introspect/socket.h"

#define TOCSIN_CHUNK_BYTES 4096

struct tocsin_socket_walk {
	struct tocsin_kernel *k;
	struct tocsin_socket_reader r;
	const struct tocsin_file_layout *f;
	struct tocsin_socket_list list;
	size_t room;
	uint64_t steps; /* that may still be taken: a bucket is one, a socket is more */
	bool doubt;     /* a socket of the chain that is walked could not be read */
	bool last;      /* the chain is walked for the last time */
	bool gap;       /* something of the table that is walked is not in the list */
};

/*
 * The socket at VA sock hangs in this table: read it. One that leaves is not added, and one that
 * cannot be read is a doubt. -E2BIG: too many; -ENOMEM.
 */
int tocsin_socket_walk_add(struct tocsin_socket_walk *w, enum tocsin_socket_table table,
			   uint64_t sock);

/* The socket at VA sock will be read soon; and, when that was a while ago, what it points to. */
void tocsin_socket_walk_fetch(struct tocsin_socket_walk *w, uint64_t sock);
void tocsin_socket_walk_fetch_file(struct tocsin_socket_walk *w, uint64_t sock);

/* A part of the table did not hold still: what is in it may not be in the list. */
void tocsin_socket_walk_lose(struct tocsin_socket_walk *w);

/* Take so many steps; -E2BIG: there were enough. */
int tocsin_socket_walk_step(struct tocsin_socket_walk *w, uint64_t steps);

/* One walk along a chain; -EAGAIN: it does not hold still, or leads out of it. */
typedef int tocsin_chain_walk(struct tocsin_socket_walk *w, const void *chain);

/*
 * Walk a chain until it holds still, a few times at most; it is in the list whole, or, where that
 * does not help, as far as it went, and counts as torn.
 */
int tocsin_socket_walk_chain(struct tocsin_socket_walk *w, tocsin_chain_walk *walk,
			     const void *chain);

/*
 * The TCP sockets that have a port, as addresses, in no order: of the tables of ports of these
 * owners (struct inet_hashinfo). A kernel in which they have no known layout has none. -ENOMEM,
 * -E2BIG.
 */
int tocsin_socket_collect_ports(struct tocsin_socket_walk *w, const struct tocsin_addresses *owners,
				struct tocsin_addresses *ret);

/* Add those of them that are not in the list yet. -ENOMEM, -E2BIG. */
int tocsin_socket_add_ports(struct tocsin_socket_walk *w, const struct tocsin_addresses *ports);

/* Those of AF_NETLINK, from the hash tables of each of its protocols. -ENOTSUP; -EFAULT. */
int tocsin_socket_walk_netlink(struct tocsin_socket_walk *w);

/*
 * The network namespaces, each once, ascending: those in the kernel's list and those that processes
 * are in. torn grows where one of them does not hold still.
 */
int tocsin_net_collect(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
		       const struct tocsin_file_layout *f, struct tocsin_addresses *ret,
		       size_t *torn);

#endif
