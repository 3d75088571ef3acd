// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sockets of AF_NETLINK: for each of its protocols a table that grows and shrinks while it is used
 * (include/linux/rhashtable.h). While it moves there are two of them, and a chain that is walked
 * may go over into one of the other; its end says which one it is of.
 */
#include "introspect/sockwalk.h"

#include <errno.h>
#include <string.h>

#define PROTOCOLS 32 /* MAX_LINKS, include/uapi/linux/netlink.h */
#define TABLES_MAX 4 /* of one protocol at a time */
#define BUCKETS_MAX (1u << 20)

struct chain {
	uint64_t bucket; /* VA */
};

/* Is this the end of the chain that begins at bucket? */
static bool is_end(const struct tocsin_file_layout *f, uint64_t node, uint64_t bucket)
{
	return f->locked_buckets ? node == (bucket | 1) : node & 1;
}

static int walk_chain(struct tocsin_socket_walk *w, const void *context)
{
	const struct chain *c = context;
	const struct tocsin_file_layout *f = w->f;
	uint64_t node, mark, steps = 0, limit = 2;
	int rc = 0;

	if (tocsin_kernel_read_u64(w->k, c->bucket, &node))
		return -EAGAIN;
	if (f->locked_buckets) {
		node &= ~1ull;
		node = node ? node : c->bucket | 1;
	}
	for (mark = node; !rc && !is_end(f, node, c->bucket);) {
		if (!node || node & 1)
			return -EAGAIN;
		rc = tocsin_socket_walk_add(w, TOCSIN_TABLE_NETLINK, node - f->netlink_node);
		if (!rc && (tocsin_kernel_read_u64(w->k, node, &node) || node == mark))
			return -EAGAIN; /* it leads nowhere, or in a circle */
		if (++steps == limit) {
			mark = node;
			limit *= 2;
		}
	}
	return rc;
}

static int walk_buckets(struct tocsin_socket_walk *w, uint64_t buckets, uint32_t count)
{
	uint64_t chunk[TOCSIN_CHUNK_BYTES / 8];
	const uint32_t many = TOCSIN_CHUNK_BYTES / 8;
	int rc = 0;

	for (uint32_t first = 0; first < count && !rc; first += many) {
		uint32_t n = count - first < many ? count - first : many;

		rc = tocsin_socket_walk_step(w, n);
		if (!rc && tocsin_kernel_read(w->k, buckets + first * 8ull, chunk, n * 8ull))
			return -EFAULT;
		for (uint32_t i = 0; i < n && !rc; i++) {
			struct chain c = {.bucket = buckets + (first + i) * 8ull};

			if (chunk[i] & ~1ull && !is_end(w->f, chunk[i], c.bucket))
				rc = tocsin_socket_walk_chain(w, walk_chain, &c);
		}
	}
	return rc;
}

/* The table of a protocol, and those that it is moving to. */
static int walk_protocol(struct tocsin_socket_walk *w, uint64_t hash)
{
	const struct tocsin_file_layout *f = w->f;
	uint64_t table;
	int rc = 0;

	if (tocsin_kernel_read_u64(w->k, hash + f->rht_table, &table))
		return -EFAULT;
	for (int i = 0; i < TABLES_MAX && table && !rc; i++) {
		uint32_t size, nest;

		if (tocsin_kernel_read(w->k, table + f->rht_size, &size, sizeof(size)) ||
		    tocsin_kernel_read(w->k, table + f->rht_nest, &nest, sizeof(nest)))
			return -EFAULT;
		if (nest || size > BUCKETS_MAX) /* for want of memory it is in pieces: not known */
			return -EAGAIN;
		rc = walk_buckets(w, table + f->rht_buckets, size);
		if (!rc && tocsin_kernel_read_u64(w->k, table + f->rht_future, &table))
			rc = -EFAULT;
	}
	return rc;
}

int tocsin_socket_walk_netlink(struct tocsin_socket_walk *w)
{
	const struct tocsin_file_layout *f = w->f;
	const uint32_t needed[] = {f->nl_hash,    f->rht_table,   f->rht_size,    f->rht_nest,
				   f->rht_future, f->rht_buckets, f->netlink_node};
	uint64_t tables;
	int rc = 0;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (needed[i] == TOCSIN_NO_MEMBER)
			return -ENOTSUP;
	if (!f->at_netlink || !f->nl_table_size)
		return -ENOTSUP;
	if (tocsin_kernel_read_u64(w->k, f->at_netlink, &tables) || !tables)
		return -EFAULT;
	for (uint32_t i = 0; i < PROTOCOLS && !rc; i++) {
		rc = walk_protocol(w, tables + (uint64_t)i * f->nl_table_size + f->nl_hash);
		if (rc == -EFAULT || rc == -EAGAIN) {
			tocsin_socket_walk_lose(w);
			rc = 0;
		}
	}
	return rc;
}
