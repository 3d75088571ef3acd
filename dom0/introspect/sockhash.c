// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sockets from the tables by which the protocols find them: those that a process holds, and those
 * that nobody does (TIME_WAIT, half open, not accepted yet, closed with bytes to send).
 *
 * Most are arrays of chains. A node points back to who points at it, so that a chain that runs into
 * other memory ends there, and can only go round by its head; one that ends in another chain's end
 * is recognised where ends carry their number, as the kernel's own readers do, who do not lock
 * either (include/linux/list_nulls.h).
 *
 * A table that all network namespaces share must be there, or TCP and UDP cannot be told at all;
 * one of a namespace that is just taken down counts as torn.
 */
#include "introspect/sockwalk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BUCKETS_MAX (1u << 22)
#define AHEAD 8 /* sockets that are on their way while one is read */
#define STEPS_MAX (1u << 25)
#define TRUSTED_MAX 16  /* nodes that do not point back, and are changing */
#define UNIX_CHAINS 512 /* UNIX_HASH_SIZE, twice that before 5.18: include/net/af_unix.h */
#define LISTENING_BASE (1u << 29) /* in the ends of chains of listening sockets, 4.20 to 6.x */

/* How a chain ends: with 0, with its number, or as either of them, which differs by version. */
enum ends { ENDS_NULL, ENDS_NUMBERED, ENDS_EITHER };

struct table {
	enum tocsin_socket_table which;
	enum ends ends;
	uint32_t size, chain; /* of a bucket; where in it its chain begins */
	uint64_t buckets;     /* VA */
	uint32_t count;
};

struct chain {
	const struct table *t;
	uint32_t number;
	uint64_t head;        /* VA */
	const uint8_t *place; /* where the head lies in this process; NULL: it has to be read */
};

/* All tables of one kind: the addresses of their structures, and of the buckets walked already. */
struct kind {
	struct table t;
	uint32_t buckets, mask; /* members of the structure */
	struct tocsin_addresses walked;
};

static bool is_end(const struct table *t, uint64_t node, uint32_t i)
{
	if (!node)
		return t->ends != ENDS_NUMBERED;
	return t->ends != ENDS_NULL && node & 1 &&
	       (node >> 1 == i || node >> 1 == (uint64_t)LISTENING_BASE + i);
}

/* Tables lie where translations are not remembered. */
static int read_head(const struct tocsin_socket_walk *w, const struct chain *c, uint64_t *ret)
{
	if (!c->place)
		return tocsin_kernel_read_u64(w->k, c->head, ret);
	*ret = __atomic_load_n((const uint64_t *)(const void *)c->place, __ATOMIC_RELAXED);
	return 0;
}

/*
 * What takes another's place comes to the head before that one goes (a connection's TIME_WAIT,
 * inet_twsk_hashdance): a walk that was past the head and not yet there would meet neither. So a
 * walk counts only if the head is at its end what it was.
 *
 * A virtual processor may be stopped for long between the two writes of a change. Such a chain is
 * whole for those who walk it forward, as the kernel's readers do: the last try trusts its number.
 */
static int walk_chain(struct tocsin_socket_walk *w, const void *context)
{
	const struct chain *c = context;
	uint64_t at = c->head, first, node, back, next;
	int rc = 0, trust = w->last && c->t->ends == ENDS_NUMBERED ? TRUSTED_MAX : 0;

	if (read_head(w, c, &first))
		return -EAGAIN;
	for (node = first; !rc;) {
		if (is_end(c->t, node, c->number))
			return read_head(w, c, &node) || node != first ? -EAGAIN : 0;
		if (!node || node & 1 || node == c->head ||
		    tocsin_kernel_read_u64(w->k, node + 8, &back) || (back != at && trust-- <= 0))
			return -EAGAIN;
		if (!tocsin_kernel_read_u64(w->k, node, &next) && !is_end(c->t, next, c->number))
			tocsin_socket_walk_fetch(w, next - w->f->sk_node);
		rc = tocsin_socket_walk_add(w, c->t->which, node - w->f->sk_node);
		at = node;
		if (tocsin_kernel_read_u64(w->k, at, &node))
			return -EAGAIN;
	}
	return rc;
}

/* The chains of a part of the table that are not empty. Each socket is fetched before its turn. */
static int walk_chains(struct tocsin_socket_walk *w, const struct chain *chains,
		       const uint64_t *nodes, uint32_t count)
{
	int rc = 0;

	for (uint32_t i = 0; i < count && i < AHEAD; i++)
		tocsin_socket_walk_fetch(w, nodes[i] - w->f->sk_node);
	for (uint32_t i = 0; i < count && !rc; i++) {
		if (i + AHEAD < count)
			tocsin_socket_walk_fetch(w, nodes[i + AHEAD] - w->f->sk_node);
		if (i + AHEAD / 2 < count)
			tocsin_socket_walk_fetch_file(w, nodes[i + AHEAD / 2] - w->f->sk_node);
		rc = tocsin_socket_walk_chain(w, walk_chain, &chains[i]);
	}
	return rc;
}

static int walk_table(struct tocsin_socket_walk *w, const struct table *t)
{
	uint8_t chunk[TOCSIN_CHUNK_BYTES];
	struct chain chains[TOCSIN_CHUNK_BYTES / 8];
	uint64_t nodes[TOCSIN_CHUNK_BYTES / 8];
	uint32_t per_chunk = TOCSIN_CHUNK_BYTES / t->size;
	int rc = 0;

	for (uint32_t first = 0; first < t->count && !rc; first += per_chunk) {
		uint32_t n = t->count - first < per_chunk ? t->count - first : per_chunk;
		uint64_t va = t->buckets + (uint64_t)first * t->size;
		const uint8_t *place = tocsin_kernel_peek(w->k, va, (size_t)n * t->size);
		uint32_t full = 0;

		rc = tocsin_socket_walk_step(w, n);
		if (!rc && tocsin_kernel_read(w->k, va, chunk, (size_t)n * t->size))
			return -EFAULT;
		for (uint32_t i = 0; i < n; i++) {
			size_t at = (size_t)i * t->size + t->chain;

			memcpy(&nodes[full], chunk + at, 8);
			chains[full] =
			    (struct chain){t, first + i, va + at, place ? place + at : NULL};
			full += !is_end(t, nodes[full], first + i);
		}
		if (!rc)
			rc = walk_chains(w, chains, nodes, full);
	}
	return rc;
}

/* The table that the structure at VA owner describes, unless it was walked already. */
static int walk_owner(struct tocsin_socket_walk *w, struct kind *kind, uint64_t owner)
{
	struct table *t = &kind->t;
	uint32_t last;
	int rc;

	if (tocsin_kernel_read_u64(w->k, owner + kind->buckets, &t->buckets) ||
	    tocsin_kernel_read(w->k, owner + kind->mask, &last, sizeof(last)))
		return -EFAULT;
	if (last >= BUCKETS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < kind->walked.count; i++)
		if (kind->walked.at[i] == t->buckets)
			return 0;
	t->count = last + 1;
	rc = tocsin_addresses_add(&kind->walked, t->buckets);
	return rc ? rc : walk_table(w, t);
}

/*
 * The tables of one kind: the one that all network namespaces share, and those that some have for
 * themselves. member: of struct net, a pointer to the structure; a kernel without it has no others.
 */
static int walk_kind(struct tocsin_socket_walk *w, struct kind *kind, uint64_t shared,
		     const struct tocsin_addresses *nets, uint32_t member)
{
	int rc = walk_owner(w, kind, shared);

	for (size_t i = 0; i < nets->count && !rc && member != TOCSIN_NO_MEMBER; i++) {
		uint64_t owner;

		if (tocsin_kernel_read_u64(w->k, nets->at[i] + member, &owner))
			rc = -EFAULT;
		else if (owner && owner != shared)
			rc = walk_owner(w, kind, owner);
		if (rc == -EFAULT || rc == -EINVAL) {
			tocsin_socket_walk_lose(w);
			rc = 0;
		}
	}
	tocsin_addresses_free(&kind->walked);
	return rc;
}

/* The table of ports is each namespace's own where that of connections is. */
static int collect_ports(struct tocsin_socket_walk *w, const struct tocsin_addresses *nets,
			 struct tocsin_addresses *ret)
{
	struct tocsin_addresses owners = {0};
	uint64_t owner;
	int rc = tocsin_addresses_add(&owners, w->f->at_tcp);

	for (size_t i = 0; i < nets->count && !rc && w->f->net_tcp != TOCSIN_NO_MEMBER; i++)
		if (!tocsin_kernel_read_u64(w->k, nets->at[i] + w->f->net_tcp, &owner) && owner &&
		    owner != w->f->at_tcp)
			rc = tocsin_addresses_add(&owners, owner);
	if (!rc)
		rc = tocsin_socket_collect_ports(w, &owners, ret);
	tocsin_addresses_free(&owners);
	return rc;
}

static int walk_tcp(struct tocsin_socket_walk *w, const struct tocsin_addresses *nets)
{
	const struct tocsin_file_layout *f = w->f;
	struct kind listening = {.t = {.which = TOCSIN_TABLE_TCP,
				       .ends = ENDS_NUMBERED,
				       .size = f->tcp_lhash_size,
				       .chain = f->tcp_lhash_chain},
				 .buckets = f->tcp_lhash,
				 .mask = f->tcp_lhash_mask};
	struct kind established = {.t = {.which = TOCSIN_TABLE_TCP,
					 .ends = ENDS_NUMBERED,
					 .size = f->tcp_ehash_size,
					 .chain = f->tcp_ehash_chain},
				   .buckets = f->tcp_ehash,
				   .mask = f->tcp_ehash_mask};
	struct tocsin_addresses ports = {0};
	int rc;

	if (!f->at_tcp || f->tcp_ehash == TOCSIN_NO_MEMBER ||
	    f->tcp_ehash_mask == TOCSIN_NO_MEMBER || f->tcp_lhash == TOCSIN_NO_MEMBER ||
	    f->tcp_lhash_mask == TOCSIN_NO_MEMBER || f->tcp_ehash_chain == TOCSIN_NO_MEMBER ||
	    f->tcp_lhash_chain == TOCSIN_NO_MEMBER ||
	    f->tcp_lhash_size < f->tcp_lhash_chain + 8ull || f->tcp_lhash_size > 256 ||
	    f->tcp_ehash_size < f->tcp_ehash_chain + 8ull || f->tcp_ehash_size > 256)
		return -ENOTSUP;
	/* Ports first: what begins meanwhile is then in the other tables, at least. */
	rc = collect_ports(w, nets, &ports);
	if (!rc)
		rc = walk_kind(w, &listening, f->at_tcp, nets, f->net_tcp);
	if (!rc)
		rc = walk_kind(w, &established, f->at_tcp, nets, f->net_tcp);
	if (!rc)
		rc = tocsin_socket_add_ports(w, &ports);
	tocsin_addresses_free(&ports);
	return rc;
}

static int walk_udp(struct tocsin_socket_walk *w, const struct tocsin_addresses *nets)
{
	const struct tocsin_file_layout *f = w->f;
	struct kind kind = {.t = {.which = TOCSIN_TABLE_UDP,
				  .ends = ENDS_NULL,
				  .size = f->udp_slot_size,
				  .chain = f->udp_chain},
			    .buckets = f->udp_hash,
			    .mask = f->udp_mask};
	struct kind lite = kind;
	const struct tocsin_addresses none = {0};
	int rc;

	if (!f->at_udp || f->udp_hash == TOCSIN_NO_MEMBER || f->udp_mask == TOCSIN_NO_MEMBER ||
	    f->udp_chain == TOCSIN_NO_MEMBER || f->udp_slot_size < f->udp_chain + 8ull ||
	    f->udp_slot_size > 256)
		return -ENOTSUP;
	rc = walk_kind(w, &kind, f->at_udp, nets, f->net_udp);
	if (!rc && f->at_udplite)
		rc = walk_kind(w, &lite, f->at_udplite, &none, TOCSIN_NO_MEMBER);
	return rc;
}

/* An array of chains that is part of a structure of the kernel's own. */
static int walk_array(struct tocsin_socket_walk *w, enum tocsin_socket_table which, uint64_t at,
		      uint32_t chains, uint32_t count)
{
	struct table t = {
	    .which = which, .ends = ENDS_EITHER, .size = 8, .buckets = at + chains, .count = count};

	return !at || !count || chains == TOCSIN_NO_MEMBER ? -ENOTSUP : walk_table(w, &t);
}

static int walk_raw(struct tocsin_socket_walk *w, const struct tocsin_addresses *nets)
{
	const struct tocsin_file_layout *f = w->f;
	int rc = walk_array(w, TOCSIN_TABLE_RAW, f->at_raw, f->raw_chains, f->raw_count);

	if (!rc && f->at_raw6)
		rc = walk_array(w, TOCSIN_TABLE_RAW, f->at_raw6, f->raw_chains, f->raw_count);
	return rc;
}

static int walk_ping(struct tocsin_socket_walk *w, const struct tocsin_addresses *nets)
{
	const struct tocsin_file_layout *f = w->f;

	return walk_array(w, TOCSIN_TABLE_PING, f->at_ping, f->ping_chains, f->ping_count);
}

/* Each namespace's own chains: count of them, at the member itself, or where it points to. */
static int walk_nets(struct tocsin_socket_walk *w, enum tocsin_socket_table which,
		     const struct tocsin_addresses *nets, uint32_t member, bool pointer,
		     uint32_t count)
{
	struct table t = {.which = which, .ends = ENDS_NULL, .size = 8, .count = count};
	int rc = 0;

	if (!nets->count || member == TOCSIN_NO_MEMBER)
		return -ENOTSUP;
	for (size_t i = 0; i < nets->count && !rc; i++) {
		t.buckets = nets->at[i] + member;
		if (pointer && tocsin_kernel_read_u64(w->k, t.buckets, &t.buckets))
			rc = -EFAULT;
		if (!rc && t.buckets)
			rc = walk_table(w, &t);
		if (rc == -EFAULT) {
			tocsin_socket_walk_lose(w);
			rc = 0;
		}
	}
	return rc;
}

static int walk_unix(struct tocsin_socket_walk *w, const struct tocsin_addresses *nets)
{
	const struct tocsin_file_layout *f = w->f;

	if (f->at_unix)
		return walk_array(w, TOCSIN_TABLE_UNIX, f->at_unix, 0, UNIX_CHAINS);
	return walk_nets(w, TOCSIN_TABLE_UNIX, nets, f->net_unix, true, UNIX_CHAINS);
}

static int walk_netlink(struct tocsin_socket_walk *w, const struct tocsin_addresses *nets)
{
	return tocsin_socket_walk_netlink(w);
}

static int walk_packet(struct tocsin_socket_walk *w, const struct tocsin_addresses *nets)
{
	return walk_nets(w, TOCSIN_TABLE_PACKET, nets, w->f->net_packet, false, 1);
}

static const struct {
	int (*walk)(struct tocsin_socket_walk *w, const struct tocsin_addresses *nets);
	bool needed;
} tables[TOCSIN_TABLES] = {
    [TOCSIN_TABLE_TCP] = {walk_tcp, true}, [TOCSIN_TABLE_UDP] = {walk_udp, true},
    [TOCSIN_TABLE_RAW] = {walk_raw},       [TOCSIN_TABLE_PING] = {walk_ping},
    [TOCSIN_TABLE_UNIX] = {walk_unix},     [TOCSIN_TABLE_NETLINK] = {walk_netlink},
    [TOCSIN_TABLE_PACKET] = {walk_packet},
};

static int walk_tables(struct tocsin_socket_walk *w, const struct tocsin_addresses *nets,
		       struct tocsin_error *err)
{
	for (unsigned int i = 0; i < TOCSIN_TABLES; i++) {
		int rc;

		w->gap = false;
		rc = tables[i].walk(w, nets);
		if (rc == -ENOMEM || rc == -E2BIG)
			return rc;
		if (rc && tables[i].needed)
			return tocsin_error_set(err, rc,
						"the table of %s sockets cannot be read: %s",
						tocsin_socket_table_name(i), strerror(-rc));
		if (rc)
			w->list.missing |= 1u << i;
		if (rc && rc != -ENOTSUP)
			tocsin_socket_walk_lose(w);
		w->list.gaps |= (uint32_t)w->gap << i;
	}
	return 0;
}

struct key {
	uint64_t sock;
	uint32_t row;
};

static int compare(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->sock != y->sock)
		return x->sock < y->sock ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

/* By address; of a socket that was met twice, because it moved, what was read last. */
static int sort(struct tocsin_socket_list *list)
{
	struct key *keys = calloc(list->count + 1, sizeof(*keys));
	struct tocsin_socket_row *rows = reallocarray(NULL, list->count + 1, sizeof(*rows));
	size_t kept = 0;

	if (!keys || !rows) {
		free(keys);
		free(rows);
		return -ENOMEM;
	}
	for (size_t i = 0; i < list->count; i++)
		keys[i] = (struct key){list->rows[i].socket.sock, (uint32_t)i};
	qsort(keys, list->count, sizeof(*keys), compare);
	for (size_t i = 0; i < list->count; i++) {
		const struct tocsin_socket_row *row = &list->rows[keys[i].row];

		if (i + 1 < list->count && keys[i + 1].sock == keys[i].sock)
			list->torn -= row->confidence == TOCSIN_TORN;
		else
			rows[kept++] = *row;
	}
	free(keys);
	free(list->rows);
	list->rows = rows;
	list->count = kept;
	return 0;
}

int tocsin_socket_list(struct tocsin_kernel *k, struct tocsin_socket_list *ret,
		       struct tocsin_error *err)
{
	struct tocsin_socket_walk w = {.k = k, .steps = STEPS_MAX};
	struct tocsin_addresses nets = {0};
	int rc = tocsin_socket_reader_open(k, &w.r, err);

	if (rc)
		return rc;
	w.f = w.r.f;
	if (w.f->sk_node == TOCSIN_NO_MEMBER)
		return tocsin_error_set(err, -ENOTSUP,
					"the tables of sockets have no known layout");
	rc = tocsin_net_collect(k, w.r.l, w.f, &nets, &w.list.torn);
	if (w.list.torn) /* a namespace may be missing, and all its tables */
		w.list.gaps = UINT32_MAX;
	if (!rc)
		rc = walk_tables(&w, &nets, err);
	tocsin_addresses_free(&nets);
	w.list.truncated = rc == -E2BIG;
	if (!rc || rc == -E2BIG)
		rc = sort(&w.list);
	if (rc == -ENOMEM)
		tocsin_error_set(err, rc, "no memory for sockets");
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
