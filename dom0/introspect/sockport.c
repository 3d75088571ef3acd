// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP's table of ports: who has which, whatever state it is in. Sockets that are bound and no more
 * are only there, and a socket that is connected or listens and is taken off the tables of those
 * is still there.
 *
 * A port of a busy server has thousands of sockets in one chain that changes all the time. Where a
 * step fails, the walk goes back to the last socket that is still on it, as lists are walked.
 */
#include "introspect/sockwalk.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define BUCKETS_MAX (1u << 20)
#define FAILURES_MAX 64
#define SOCKETS_MAX (1u << 20)

/* Is the node still on its chain? The head of one always is. */
static bool is_linked(struct tocsin_socket_walk *w, uint64_t node, uint64_t head)
{
	uint64_t back, forth;

	return node == head || (!tocsin_kernel_read_u64(w->k, node + 8, &back) &&
				!tocsin_kernel_read_u64(w->k, back, &forth) && forth == node);
}

/*
 * The node after `at`, 0 at the end; -EAGAIN: they do not fit together. Since each points back at
 * who points at it, a chain can only go round by its head.
 */
static int next_node(struct tocsin_socket_walk *w, uint64_t at, uint64_t head, uint64_t *ret)
{
	uint64_t back;

	if (tocsin_kernel_read_u64(w->k, at, ret))
		return -EAGAIN;
	if (!*ret)
		return is_linked(w, at, head) ? 0 : -EAGAIN;
	return *ret == head || tocsin_kernel_read_u64(w->k, *ret + 8, &back) || back != at ? -EAGAIN
											   : 0;
}

/* The objects of a chain, whose nodes lie `offset` bytes into them. */
static int collect_chain(struct tocsin_socket_walk *w, uint64_t head, uint32_t offset,
			 struct tocsin_addresses *ret)
{
	size_t first = ret->count;
	uint64_t at = head, node;
	int rc, failures = 0;

	for (;;) {
		if (tocsin_socket_walk_step(w, 1) || ret->count == SOCKETS_MAX)
			return -E2BIG;
		if (next_node(w, at, head, &node)) {
			if (++failures == FAILURES_MAX)
				break;
			tocsin_kernel_wait(w->k, failures < 8 ? failures : 0);
			while (!is_linked(w, at, head)) {
				ret->count--;
				at = ret->count > first ? ret->at[ret->count - 1] + offset : head;
			}
			continue;
		}
		if (!node)
			return 0;
		rc = tocsin_addresses_add(ret, node - offset);
		if (rc)
			return rc;
		at = node;
	}
	w->list.torn++;
	return 0;
}

/* The owners of a port; since 6.8 they are sorted by address as well. */
static int collect_owners(struct tocsin_socket_walk *w, uint64_t port, struct tocsin_addresses *ret)
{
	const struct tocsin_file_layout *f = w->f;
	struct tocsin_addresses addresses = {0};
	int rc;

	if (f->port_owners != TOCSIN_NO_MEMBER)
		return collect_chain(w, port + f->port_owners, f->sk_bind_node, ret);
	rc = collect_chain(w, port + f->port_addresses, f->port_address_node, &addresses);
	for (size_t i = 0; i < addresses.count && !rc; i++)
		rc = collect_chain(w, addresses.at[i] + f->port_address_owners, f->sk_bind_node,
				   ret);
	tocsin_addresses_free(&addresses);
	return rc;
}

static int collect_bucket(struct tocsin_socket_walk *w, uint64_t head, struct tocsin_addresses *ret)
{
	struct tocsin_addresses ports = {0};
	int rc = collect_chain(w, head, w->f->port_node, &ports);

	for (size_t i = 0; i < ports.count && !rc; i++)
		rc = collect_owners(w, ports.at[i], ret);
	tocsin_addresses_free(&ports);
	return rc;
}

static int collect_table(struct tocsin_socket_walk *w, uint64_t owner, struct tocsin_addresses *ret)
{
	const struct tocsin_file_layout *f = w->f;
	uint8_t chunk[TOCSIN_CHUNK_BYTES];
	uint32_t count, many = TOCSIN_CHUNK_BYTES / f->tcp_bhash_size;
	uint64_t buckets, node;
	int rc = 0;

	if (tocsin_kernel_read_u64(w->k, owner + f->tcp_bhash, &buckets) ||
	    tocsin_kernel_read(w->k, owner + f->tcp_bhash_count, &count, sizeof(count)) ||
	    count > BUCKETS_MAX)
		return -EAGAIN;
	for (uint32_t first = 0; first < count && !rc; first += many) {
		uint32_t n = count - first < many ? count - first : many;
		uint64_t va = buckets + (uint64_t)first * f->tcp_bhash_size + f->tcp_bhash_chain;

		rc = tocsin_socket_walk_step(w, n);
		if (!rc && tocsin_kernel_read(w->k, va - f->tcp_bhash_chain, chunk,
					      (size_t)n * f->tcp_bhash_size))
			return -EAGAIN;
		for (uint32_t i = 0; i < n && !rc; i++) {
			memcpy(&node, chunk + (size_t)i * f->tcp_bhash_size + f->tcp_bhash_chain,
			       8);
			if (node)
				rc = collect_bucket(w, va + (uint64_t)i * f->tcp_bhash_size, ret);
		}
	}
	return rc;
}

static bool is_known(const struct tocsin_file_layout *f)
{
	const uint32_t needed[] = {f->tcp_bhash, f->tcp_bhash_count, f->tcp_bhash_chain,
				   f->port_node, f->sk_bind_node};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (needed[i] == TOCSIN_NO_MEMBER)
			return false;
	if (f->tcp_bhash_size < f->tcp_bhash_chain + 8ull || f->tcp_bhash_size > 256)
		return false;
	return f->port_owners != TOCSIN_NO_MEMBER ||
	       (f->port_addresses != TOCSIN_NO_MEMBER && f->port_address_node != TOCSIN_NO_MEMBER &&
		f->port_address_owners != TOCSIN_NO_MEMBER);
}

int tocsin_socket_collect_ports(struct tocsin_socket_walk *w, const struct tocsin_addresses *owners,
				struct tocsin_addresses *ret)
{
	int rc = 0;

	for (size_t i = 0; i < owners->count && !rc && is_known(w->f); i++) {
		rc = collect_table(w, owners->at[i], ret);
		if (rc == -EAGAIN) {
			w->list.torn++;
			rc = 0;
		}
	}
	return rc;
}

int tocsin_socket_add_ports(struct tocsin_socket_walk *w, const struct tocsin_addresses *ports)
{
	struct tocsin_addresses listed = {0};
	int rc = 0;

	for (size_t i = 0; i < w->list.count && !rc; i++)
		rc = tocsin_addresses_add(&listed, w->list.rows[i].socket.sock);
	tocsin_addresses_sort(&listed);
	for (size_t i = 0; i < ports->count && !rc; i++) {
		size_t count = w->list.count;

		if (tocsin_addresses_has(&listed, ports->at[i]))
			continue;
		w->doubt = false;
		rc = tocsin_socket_walk_add(w, TOCSIN_TABLES, ports->at[i]);
		w->list.torn += w->doubt;
		if (w->list.count > count) {
			w->list.rows[count].port_only = true;
			w->list.torn += w->list.rows[count].confidence == TOCSIN_TORN;
		}
	}
	tocsin_addresses_free(&listed);
	return rc;
}
