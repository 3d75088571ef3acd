// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A list of sockets that grows while tables are walked: what holds for every table, whatever its
 * chains are made of.
 *
 * A chain is short and changes quickly, and its objects may be freed and used anew for others of
 * their kind: a chain is read anew, a few times at most, when it does not fit together. All steps
 * of all tables together are bounded, so that a guest that lies costs no more than a full one.
 */
#include "introspect/sockwalk.h"

#include "base/room.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ROWS_MAX (1u << 20)
#define RETRIES 4
/* What costs more than a look at a bucket; where all is wrong it ends the sooner. */
#define SOCKET_STEPS 32
#define RETRY_STEPS 64
#define STATE_CLOSE 7

static bool is_internet(const struct tocsin_socket *s)
{
	return s->family == AF_INET || s->family == AF_INET6;
}

/* TOCSIN_TABLES: that of TCP's ports, in which any state will do. */
static bool belongs(enum tocsin_socket_table table, const struct tocsin_socket *s)
{
	if (table == TOCSIN_TABLES)
		return is_internet(s) && s->type == SOCK_STREAM && s->protocol == IPPROTO_TCP &&
		       s->local_port;
	if (table == TOCSIN_TABLE_NETLINK) /* the kernel's own have the number 0 */
		return s->family == AF_NETLINK;
	return tocsin_socket_table_of(s) == table;
}

/* Has it just given back what it was found by? */
static bool leaves(enum tocsin_socket_table table, const struct tocsin_socket *s)
{
	if (!is_internet(s) || (tocsin_socket_in_table(s) && s->local_port))
		return false;
	return table == TOCSIN_TABLE_TCP || table == TOCSIN_TABLES
		   ? s->type == SOCK_STREAM && s->state == STATE_CLOSE
		   : s->type == SOCK_DGRAM && !s->local_port;
}

static int read_row(struct tocsin_socket_walk *w, enum tocsin_socket_table table, uint64_t sock,
		    struct tocsin_socket *ret, bool *still)
{
	int rc = tocsin_socket_read(&w->r, sock, ret, still);

	if (!rc && !belongs(table, ret))
		rc = leaves(table, ret) ? -ESRCH : -EAGAIN;
	return rc;
}

int tocsin_socket_walk_add(struct tocsin_socket_walk *w, enum tocsin_socket_table table,
			   uint64_t sock)
{
	struct tocsin_socket_list *list = &w->list;
	struct tocsin_socket_row *row;
	struct tocsin_socket again;
	bool still;
	int rc;

	if (list->count == ROWS_MAX || tocsin_socket_walk_step(w, SOCKET_STEPS))
		return -E2BIG;
	if (!TOCSIN_ROOM(list->rows, w->room, list->count))
		return -ENOMEM;
	row = &list->rows[list->count];
	rc = read_row(w, table, sock, &row->socket, &still);
	if (rc) {
		w->doubt |= rc != -ESRCH;
		return 0;
	}
	row->port_only = false;
	if (!still &&
	    (read_row(w, table, sock, &again, &still) || !tocsin_socket_same(&row->socket, &again)))
		row->confidence = TOCSIN_TORN;
	else
		row->confidence = TOCSIN_CONSISTENT;
	list->count++;
	return 0;
}

void tocsin_socket_walk_fetch(struct tocsin_socket_walk *w, uint64_t sock)
{
	tocsin_kernel_prefetch(w->k, sock, w->r.whole);
}

void tocsin_socket_walk_fetch_file(struct tocsin_socket_walk *w, uint64_t sock)
{
	const struct tocsin_file_layout *f = w->f;
	uint64_t socket;

	if (tocsin_kernel_read_u64(w->k, sock + f->sk_socket, &socket) || !socket)
		return;
	tocsin_kernel_prefetch(w->k, socket, 64);
	tocsin_kernel_prefetch(w->k, socket - f->alloc_socket + f->alloc_inode + w->r.l->inode_ino,
			       8);
}

void tocsin_socket_walk_lose(struct tocsin_socket_walk *w)
{
	w->list.torn++;
	w->gap = true;
}

int tocsin_socket_walk_step(struct tocsin_socket_walk *w, uint64_t steps)
{
	if (w->steps < steps)
		return -E2BIG;
	w->steps -= steps;
	return 0;
}

int tocsin_socket_walk_chain(struct tocsin_socket_walk *w, tocsin_chain_walk *walk,
			     const void *chain)
{
	size_t before = w->list.count;
	int rc = -EAGAIN;

	for (int n = 0; n < RETRIES && (rc == -EAGAIN || (!rc && w->doubt)); n++) {
		tocsin_kernel_wait(w->k, n);
		w->list.count = before;
		w->doubt = false;
		w->last = n == RETRIES - 1;
		rc = n ? tocsin_socket_walk_step(w, RETRY_STEPS) : 0;
		if (!rc)
			rc = walk(w, chain);
	}
	for (size_t row = before; row < w->list.count; row++) {
		if (rc == -EAGAIN)
			w->list.rows[row].confidence = TOCSIN_TORN;
		w->list.torn += w->list.rows[row].confidence == TOCSIN_TORN;
	}
	if (rc == -EAGAIN || (!rc && w->doubt))
		tocsin_socket_walk_lose(w);
	return rc == -EAGAIN ? 0 : rc;
}
