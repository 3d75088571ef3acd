// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sockets from the tables by which the protocols find them: those that a process holds, and those
 * that nobody does (TIME_WAIT, half open, not accepted yet, closed with bytes to send).
 *
 * A chain is short and changes quickly: it is read anew, a few times at most, when a back pointer
 * does not fit or when it ends in another chain's end (the kernel's lists carry their number there
 * for its own readers, who do not lock either: include/linux/list_nulls.h). Where that does not
 * help, the chain counts as torn.
 */
#include "introspect/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BUCKETS_MAX (1u << 22)
#define CHAIN_MAX 4096
#define ROWS_MAX (1u << 20)
#define RETRIES 4
#define CHUNK_BYTES 4096
#define NAMESPACES_MAX 4096
#define LISTENING_BASE (1u << 29) /* in the ends of chains of listening sockets, 4.20 to 6.x */
#define STATE_TIME_WAIT 6
#define STATE_NEW_SYN_RECV 12

struct table {
	uint64_t buckets; /* VA */
	uint32_t count, size, chain;
	bool numbered; /* ends of chains carry the number */
	uint16_t type, protocol;
};

struct walk {
	struct tocsin_kernel *k;
	struct tocsin_socket_reader r;
	const struct tocsin_file_layout *f;
	struct tocsin_socket_list list;
	size_t room;
};

static int read_row(struct walk *w, const struct table *t, uint64_t sock, struct tocsin_socket *ret)
{
	struct tocsin_socket s;
	int rc = tocsin_socket_read(&w->r, sock, &s);

	if (!rc && (s.type != t->type || (s.family != AF_INET && s.family != AF_INET6)))
		rc = -EAGAIN; /* not what hangs in this table */
	if (!rc && !s.local_port)
		rc = -ESRCH; /* it has given its port back, and is leaving */
	if (!rc)
		*ret = s;
	return rc;
}

static int add(struct walk *w, const struct table *t, uint64_t sock)
{
	struct tocsin_socket_list *list = &w->list;
	struct tocsin_socket_row row = {.confidence = TOCSIN_TORN};
	struct tocsin_socket again;
	int rc;

	if (list->count == ROWS_MAX)
		return -E2BIG;
	rc = read_row(w, t, sock, &row.socket);
	if (rc)
		return rc == -ESRCH ? 0 : -EAGAIN;
	if (!read_row(w, t, sock, &again) && tocsin_socket_same(&row.socket, &again))
		row.confidence = TOCSIN_CONSISTENT;
	if (list->count == w->room) {
		size_t room = w->room ? w->room * 2 : 64;
		void *rows = reallocarray(list->rows, room, sizeof(*list->rows));

		if (!rows)
			return -ENOMEM;
		list->rows = rows;
		w->room = room;
	}
	list->rows[list->count++] = row;
	return 0;
}

/* Is this the end of chain number i? */
static bool is_end(const struct table *t, uint64_t node, uint32_t i)
{
	if (!t->numbered)
		return !node;
	return node & 1 && (node >> 1 == i || node >> 1 == (uint64_t)LISTENING_BASE + i);
}

static int walk_chain(struct walk *w, const struct table *t, uint32_t i, uint64_t head)
{
	uint64_t at = head, node, back;
	int rc = 0;

	for (int n = 0; n < CHAIN_MAX && !rc; n++) {
		if (tocsin_kernel_read_u64(w->k, at, &node))
			return -EAGAIN;
		if (is_end(t, node, i))
			return 0;
		if (!node || node & 1 || tocsin_kernel_read_u64(w->k, node + 8, &back) ||
		    back != at)
			return -EAGAIN;
		rc = add(w, t, node - w->f->sk_node);
		at = node;
	}
	return rc ? rc : -E2BIG;
}

/* A chain is in the list whole, or, when it does not hold still, counted as torn. */
static int walk_bucket(struct walk *w, const struct table *t, uint32_t i, uint64_t head)
{
	size_t before = w->list.count;
	int rc = -EAGAIN;

	for (int n = 0; n < RETRIES && rc == -EAGAIN; n++) {
		tocsin_kernel_wait(w->k, n);
		w->list.count = before;
		rc = walk_chain(w, t, i, head);
	}
	for (size_t row = before; row < w->list.count; row++) {
		if (rc == -EAGAIN)
			w->list.rows[row].confidence = TOCSIN_TORN;
		w->list.torn += w->list.rows[row].confidence == TOCSIN_TORN;
	}
	if (rc == -EAGAIN) {
		w->list.torn++;
		rc = 0;
	}
	return rc;
}

static int walk_table(struct walk *w, const struct table *t)
{
	uint8_t chunk[CHUNK_BYTES];
	uint32_t per_chunk = CHUNK_BYTES / t->size;
	int rc = 0;

	for (uint32_t first = 0; first < t->count && !rc; first += per_chunk) {
		uint32_t n = t->count - first < per_chunk ? t->count - first : per_chunk;
		uint64_t va = t->buckets + (uint64_t)first * t->size;

		if (tocsin_kernel_read(w->k, va, chunk, (size_t)n * t->size))
			return -EFAULT;
		for (uint32_t i = 0; i < n && !rc; i++) {
			uint64_t node;

			memcpy(&node, chunk + (size_t)i * t->size + t->chain, sizeof(node));
			if (!is_end(t, node, first + i))
				rc = walk_bucket(w, t, first + i,
						 va + (uint64_t)i * t->size + t->chain);
		}
	}
	return rc;
}

/* A table whose address and mask lie at these members of the object at VA owner. */
static int open_table(struct walk *w, uint64_t owner, uint32_t buckets, uint32_t mask,
		      const char *bucket, struct table *t)
{
	uint64_t size;
	uint32_t last;
	int rc = tocsin_btf_sizeof(w->k->btf, bucket, &size);

	if (!rc && (size < t->chain + 8ull || size > 256))
		rc = -EINVAL;
	if (!rc && (tocsin_kernel_read_u64(w->k, owner + buckets, &t->buckets) ||
		    tocsin_kernel_read(w->k, owner + mask, &last, sizeof(last))))
		rc = -EFAULT;
	if (!rc && last >= BUCKETS_MAX)
		rc = -EINVAL;
	if (rc)
		return rc;
	t->size = (uint32_t)size;
	t->count = last + 1;
	return 0;
}

/*
 * The tables of one kind: the one that all network namespaces share, and those that some have for
 * themselves. member: of struct net, a pointer to a table; a kernel without it knows no others.
 */
static int collect_tables(struct walk *w, const char *symbol, const char *member,
			  struct tocsin_addresses *ret)
{
	uint32_t offset = tocsin_member_or_none(w->k, "net", member);
	uint32_t link = tocsin_member_or_none(w->k, "net", "list");
	struct tocsin_addresses nets = {0};
	uint64_t shared, head;
	int rc = tocsin_kernel_symbol(w->k, symbol, &shared);

	if (!rc)
		rc = tocsin_addresses_add(ret, shared);
	if (rc || offset == TOCSIN_NO_MEMBER || link == TOCSIN_NO_MEMBER ||
	    tocsin_kernel_symbol(w->k, "net_namespace_list", &head))
		return rc;
	rc = tocsin_list_collect(w->k, head, link, NAMESPACES_MAX, &nets);
	for (size_t i = 0; i < nets.count && !rc; i++) {
		uint64_t table;

		if (tocsin_kernel_read_u64(w->k, nets.at[i] + offset, &table))
			w->list.torn++; /* it is being taken down */
		else if (table && table != shared)
			rc = tocsin_addresses_add(ret, table);
	}
	tocsin_addresses_free(&nets);
	return rc;
}

static int walk_established(struct walk *w, struct table *t, uint64_t shared)
{
	const struct tocsin_file_layout *f = w->f;
	struct tocsin_addresses infos = {0};
	uint64_t first, other;
	int rc = collect_tables(w, "tcp_hashinfo", "ipv4.tcp_death_row.hashinfo", &infos);

	if (!rc && tocsin_kernel_read_u64(w->k, shared + f->tcp_ehash, &first))
		rc = -EFAULT;
	for (size_t i = 0; i < infos.count && !rc; i++) {
		if (i && (tocsin_kernel_read_u64(w->k, infos.at[i] + f->tcp_ehash, &other) ||
			  other == first))
			continue;
		rc = open_table(w, infos.at[i], f->tcp_ehash, f->tcp_ehash_mask,
				"inet_ehash_bucket", t);
		if (!rc)
			rc = walk_table(w, t);
	}
	tocsin_addresses_free(&infos);
	return rc;
}

static int walk_tcp(struct walk *w)
{
	const struct tocsin_file_layout *f = w->f;
	struct table listening = {.chain = f->tcp_lhash_chain,
				  .numbered = true,
				  .type = SOCK_STREAM,
				  .protocol = IPPROTO_TCP};
	struct table established = listening;
	uint64_t info;
	int rc;

	if (f->sk_node == TOCSIN_NO_MEMBER || f->tcp_ehash == TOCSIN_NO_MEMBER ||
	    f->tcp_ehash_mask == TOCSIN_NO_MEMBER || f->tcp_lhash == TOCSIN_NO_MEMBER ||
	    f->tcp_lhash_mask == TOCSIN_NO_MEMBER || f->tcp_ehash_chain == TOCSIN_NO_MEMBER ||
	    f->tcp_lhash_chain == TOCSIN_NO_MEMBER)
		return -ENOTSUP;
	established.chain = f->tcp_ehash_chain;
	rc = tocsin_kernel_symbol(w->k, "tcp_hashinfo", &info);
	if (!rc)
		rc = open_table(w, info, f->tcp_lhash, f->tcp_lhash_mask, "inet_listen_hashbucket",
				&listening);
	if (!rc)
		rc = walk_table(w, &listening);
	return rc ? rc : walk_established(w, &established, info);
}

static int walk_udp(struct walk *w)
{
	const struct tocsin_file_layout *f = w->f;
	struct table t = {.chain = f->udp_chain, .type = SOCK_DGRAM, .protocol = IPPROTO_UDP};
	struct tocsin_addresses tables = {0};
	int rc;

	if (f->udp_hash == TOCSIN_NO_MEMBER || f->udp_mask == TOCSIN_NO_MEMBER ||
	    f->udp_chain == TOCSIN_NO_MEMBER)
		return -ENOTSUP;
	rc = collect_tables(w, "udp_table", "ipv4.udp_table", &tables);
	for (size_t i = 0; i < tables.count && !rc; i++) {
		rc = open_table(w, tables.at[i], f->udp_hash, f->udp_mask, "udp_hslot", &t);
		if (!rc)
			rc = walk_table(w, &t);
	}
	tocsin_addresses_free(&tables);
	return rc;
}

int tocsin_socket_list(struct tocsin_kernel *k, struct tocsin_socket_list *ret,
		       struct tocsin_error *err)
{
	struct walk w = {.k = k};
	int rc = tocsin_socket_reader_open(k, &w.r, err);

	if (rc)
		return rc;
	w.f = w.r.f;
	w.list.missing =
	    ~((1u << TOCSIN_TABLE_TCP) | (1u << TOCSIN_TABLE_UDP)) & ((1u << TOCSIN_TABLES) - 1);
	rc = walk_tcp(&w);
	if (rc && rc != -E2BIG)
		tocsin_error_set(err, rc, "the table of TCP sockets cannot be read: %s",
				 strerror(-rc));
	if (!rc) {
		rc = walk_udp(&w);
		if (rc && rc != -E2BIG)
			tocsin_error_set(err, rc, "the table of UDP sockets cannot be read: %s",
					 strerror(-rc));
	}
	if (rc == -E2BIG) {
		w.list.truncated = true;
		rc = 0;
	}
	if (rc) {
		tocsin_socket_list_free(&w.list);
		return rc;
	}
	*ret = w.list;
	return 0;
}

void tocsin_socket_list_free(struct tocsin_socket_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
