/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel with sockets, made up in memory: one in each table and more on demand, for the harness
 * and the unit tests to break. VA = gpa. Members lie where the layout made here puts them, 16 bytes
 * apart in the order in which the engine names them; the code that reads them is the real one.
 */
#ifndef TOCSIN_FUZZ_SOCKET_WORLD_H
#define TOCSIN_FUZZ_SOCKET_WORLD_H

#include "introspect/socket.h"
#include "memory/memory.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define WORLD_SIZE (32u << 20)
#define WORLD_DATA 0x10000u
#define WORLD_TYPES 64
#define WORLD_MEMBER 16u
#define WORLD_CHAINS 16u
#define WORLD_UNIX_CHAINS 512u
#define WORLD_FDS 32768u
#define WORLD_OPERATIONS 0x77770000u

struct world {
	struct tocsin_kernel k;
	struct tocsin_process_layout p;
	struct tocsin_file_layout f;
	struct {
		const char *type;
		uint32_t size;
	} types[WORLD_TYPES];
	uint8_t *bytes;
	uint64_t used; /* VA of the next object */
	uint64_t net, task, fds, sb;
	uint32_t fd_count;
	uint64_t ehash, lhash, bhash, udp, raw, raw6, ping, unixes, netlink,
	    packets; /* VA of chains */
	uint64_t inodes;
};

static inline uint32_t world_place(struct world *w, const char *type)
{
	size_t length = strlen(type), i = 0;

	if (length > 5 && !strcmp(type + length - 5, "_sock"))
		type = "sock"; /* the beginning of each of them */
	while (w->types[i].type && strcmp(w->types[i].type, type))
		i++;
	w->types[i].type = type;
	w->types[i].size += WORLD_MEMBER;
	return w->types[i].size - WORLD_MEMBER;
}

static inline void world_layout(struct world *w)
{
#define X(type, path, name) w->p.name = world_place(w, type);
	TOCSIN_LAYOUT(X)
#undef X
#define X(type, path, name) w->f.name = world_place(w, type);
	TOCSIN_FILE_LAYOUT(X)
	TOCSIN_FILE_LAYOUT_OPTIONAL(X)
	TOCSIN_TCP_LAYOUT(X)
	TOCSIN_PORT_LAYOUT(X)
	TOCSIN_UDP_LAYOUT(X)
	TOCSIN_NETLINK_LAYOUT(X)
#undef X
	w->p.pid_tasks = w->p.task_links = w->p.pid_ns_idr = TOCSIN_NO_MEMBER;
	w->f.alloc_inode = 64;
	w->f.tcp_ehash_size = w->f.raw_count = w->f.ping_count = 8;
	w->f.raw_count = w->f.ping_count = WORLD_CHAINS;
	w->f.port_owners = TOCSIN_NO_MEMBER; /* as since 6.8 */
	w->f.tcp_bhash_size = w->f.tcp_lhash_size = w->f.udp_slot_size = w->f.nl_table_size =
	    WORLD_MEMBER;
	w->f.sk_kern = TOCSIN_NO_MEMBER;
	w->f.locked_buckets = true;
	w->k.process = &w->p;
	w->k.file = &w->f;
}

static inline uint64_t *world_at(struct world *w, uint64_t va)
{
	return (uint64_t *)(void *)(w->bytes + va);
}

static inline uint64_t world_new(struct world *w, uint64_t size)
{
	uint64_t va = w->used;

	w->used += (size + 63) & ~63ull;
	return w->used <= WORLD_SIZE ? va : (abort(), 0);
}

static inline void world_put(struct world *w, uint64_t va, uint32_t member, const void *value,
			     size_t size)
{
	memcpy(w->bytes + va + member, value, size);
}

static inline void world_put_u64(struct world *w, uint64_t va, uint32_t member, uint64_t value)
{
	world_put(w, va, member, &value, sizeof(value));
}

static inline void world_put_u32(struct world *w, uint64_t va, uint32_t member, uint32_t value)
{
	world_put(w, va, member, &value, sizeof(value));
}

static inline void world_put_u16(struct world *w, uint64_t va, uint32_t member, uint16_t value)
{
	world_put(w, va, member, &value, sizeof(value));
}

/* An array of empty chains; numbered: their ends carry their number. */
static inline uint64_t world_chains(struct world *w, uint32_t count, uint32_t size, bool numbered)
{
	uint64_t va = world_new(w, (uint64_t)count * size);

	for (uint32_t i = 0; i < count && numbered; i++)
		*world_at(w, va + (uint64_t)i * size) = (uint64_t)i << 1 | 1;
	return va;
}

static inline void world_net_tables(struct world *w, uint64_t net)
{
	w->unixes = world_chains(w, WORLD_UNIX_CHAINS, 8, false);
	world_put_u64(w, net, w->f.net_unix, w->unixes);
	w->packets = net + w->f.net_packet;
}

static inline uint64_t world_new_net(struct world *w, uint32_t number)
{
	uint64_t net = world_new(w, 512);

	world_put_u32(w, net, w->f.net_inum, number);
	world_net_tables(w, net);
	return net;
}

/* A table of netlink sockets: a bucket_table with room for count chains. */
static inline uint64_t world_netlink_table(struct world *w, uint32_t count)
{
	uint64_t table = world_new(w, w->f.rht_buckets + count * 8ull);

	world_put_u32(w, table, w->f.rht_size, count);
	return table;
}

static inline void world_tables(struct world *w)
{
	struct tocsin_file_layout *f = &w->f;

	f->at_tcp = world_new(w, 256);
	w->ehash = world_chains(w, WORLD_CHAINS, f->tcp_ehash_size, true);
	w->lhash = world_chains(w, WORLD_CHAINS, f->tcp_lhash_size, true);
	world_put_u64(w, f->at_tcp, f->tcp_ehash, w->ehash);
	world_put_u32(w, f->at_tcp, f->tcp_ehash_mask, WORLD_CHAINS - 1);
	world_put_u64(w, f->at_tcp, f->tcp_lhash, w->lhash);
	world_put_u32(w, f->at_tcp, f->tcp_lhash_mask, WORLD_CHAINS - 1);
	w->bhash = world_chains(w, WORLD_CHAINS, f->tcp_bhash_size, false);
	world_put_u64(w, f->at_tcp, f->tcp_bhash, w->bhash);
	world_put_u32(w, f->at_tcp, f->tcp_bhash_count, WORLD_CHAINS);
	f->at_udp = world_new(w, 256);
	w->udp = world_chains(w, WORLD_CHAINS, f->udp_slot_size, false);
	world_put_u64(w, f->at_udp, f->udp_hash, w->udp);
	world_put_u32(w, f->at_udp, f->udp_mask, WORLD_CHAINS - 1);
	w->raw = f->at_raw = world_chains(w, WORLD_CHAINS, 8, false);
	w->raw6 = f->at_raw6 = world_chains(w, WORLD_CHAINS, 8, true);
	w->ping = f->at_ping = world_chains(w, WORLD_CHAINS, 8, true);
	f->raw_chains = f->ping_chains = 0;
	f->at_netlink = world_new(w, 8);
	w->netlink = world_new(w, 32 * WORLD_MEMBER);
	*world_at(w, f->at_netlink) = w->netlink;
	w->netlink = world_netlink_table(w, 4);
	world_put_u64(w, *world_at(w, f->at_netlink), f->nl_hash + f->rht_table, w->netlink);
	w->netlink += f->rht_buckets;
	f->at_nets = world_new(w, 64);
	w->net = world_new_net(w, 1);
	*world_at(w, f->at_nets) = *world_at(w, f->at_nets + 8) = w->net + f->net_list;
	*world_at(w, w->net + f->net_list) = *world_at(w, w->net + f->net_list + 8) = f->at_nets;
}

/* The one process there is: pid 7, with room for many files. */
static inline void world_process(struct world *w)
{
	uint64_t signal = world_new(w, 256), files = world_new(w, 64), table = world_new(w, 64);
	uint64_t proxy = world_new(w, 64), init;

	w->p.init_task = init = world_new(w, 1024);
	w->task = world_new(w, 1024);
	w->fds = world_new(w, WORLD_FDS * 8);
	for (int i = 0; i < 2; i++) { /* a ring of two, forward and back */
		*world_at(w, init + w->p.task_tasks + 8u * i) = w->task + w->p.task_tasks;
		*world_at(w, w->task + w->p.task_tasks + 8u * i) = init + w->p.task_tasks;
		*world_at(w, w->task + w->p.task_thread_node + 8u * i) =
		    signal + w->p.signal_threads;
		*world_at(w, signal + w->p.signal_threads + 8u * i) =
		    w->task + w->p.task_thread_node;
	}
	world_put_u32(w, w->task, w->p.task_pid, 7);
	world_put_u32(w, w->task, w->p.task_tgid, 7);
	world_put_u64(w, w->task, w->p.task_signal, signal);
	world_put_u64(w, w->task, w->f.task_files, files);
	world_put_u64(w, w->task, w->f.task_nsproxy, proxy);
	world_put_u64(w, proxy, w->f.nsproxy_net, w->net);
	world_put_u64(w, files, w->f.files_fdt, table);
	world_put_u32(w, table, w->f.fdt_max, WORLD_FDS);
	world_put_u64(w, table, w->f.fdt_fd, w->fds);
}

/* Freed with world_end. */
static inline void world_begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->bytes = calloc(1, WORLD_SIZE);
	if (!w->bytes)
		abort();
	*world_at(w, 0x1000) = 0x2003; /* present, writable; then large pages */
	*world_at(w, 0x2000) = 0x3003;
	for (uint64_t i = 0; i < WORLD_SIZE >> 21; i++)
		*world_at(w, 0x3000 + i * 8) = i << 21 | 0x83;
	w->used = WORLD_DATA;
	w->k.paging = (struct tocsin_paging){.root = 0x1000, .levels = 4};
	if (tocsin_memory_open_buffer(w->bytes, WORLD_SIZE, &w->k.m, NULL))
		abort();
	world_layout(w);
	world_tables(w);
	world_process(w);
}

static inline void world_end(struct world *w)
{
	tocsin_memory_close(w->k.m);
	free(w->bytes);
}

/* A socket with a file that the process has open; in no table yet. */
static inline uint64_t world_sock(struct world *w, uint16_t family, uint16_t type,
				  uint16_t protocol, uint8_t state, uint16_t port)
{
	const struct tocsin_file_layout *f = &w->f;
	uint64_t sock = world_new(w, 1024), alloc = world_new(w, 256), file = world_new(w, 128);
	uint64_t inode = alloc + f->alloc_inode;

	world_put_u64(w, sock, f->sk_socket, alloc + f->alloc_socket);
	world_put_u16(w, sock, f->sk_family, family);
	world_put_u16(w, sock, f->sk_type, type);
	world_put_u16(w, sock, f->sk_protocol, protocol);
	world_put(w, sock, f->sk_state, &state, 1);
	world_put_u64(w, sock, f->sk_net, w->net);
	world_put_u16(w, sock, f->sk_num, port);
	world_put_u32(w, sock, f->sk_refcnt, 1);
	world_put_u32(w, sock, f->netlink_port, port);
	world_put_u16(w, sock, f->netlink_bound, 1);
	world_put_u64(w, alloc, f->alloc_socket + f->socket_sk, sock);
	world_put_u64(w, alloc, f->alloc_socket + f->socket_file, file);
	world_put_u64(w, inode, w->p.inode_ino, ++w->inodes);
	world_put_u16(w, inode, f->inode_mode, S_IFSOCK | 0777);
	world_put_u64(w, file, f->file_inode, inode);
	world_put_u64(w, file, f->file_count, 1);
	world_put_u64(w, file, f->file_operations, WORLD_OPERATIONS);
	w->f.at_operations = WORLD_OPERATIONS;
	if (w->fd_count < WORLD_FDS)
		*world_at(w, w->fds + 8ull * w->fd_count++) = file;
	return sock;
}

static inline void world_hang_node(struct world *w, uint64_t node, uint64_t head)
{
	uint64_t next = *world_at(w, head);

	*world_at(w, node) = next;
	*world_at(w, node + 8) = head;
	if (next && !(next & 1))
		*world_at(w, next + 8) = node;
	*world_at(w, head) = node;
}

/* Hang it at the beginning of the chain whose head is at VA head. */
static inline void world_hang(struct world *w, uint64_t sock, uint64_t head)
{
	world_hang_node(w, sock + w->f.sk_node, head);
}

/* A port, in the chain whose head is at VA head: where the chain of its owners begins. */
static inline uint64_t world_port(struct world *w, uint64_t head)
{
	uint64_t port = world_new(w, 128), address = world_new(w, 128);

	world_hang_node(w, port + w->f.port_node, head);
	if (w->f.port_owners != TOCSIN_NO_MEMBER)
		return port + w->f.port_owners;
	world_hang_node(w, address + w->f.port_address_node, port + w->f.port_addresses);
	return address + w->f.port_address_owners;
}

/* The same in a chain of netlink's; locked: while its writer is there. */
static inline void world_hang_netlink(struct world *w, uint64_t sock, uint64_t bucket, bool locked)
{
	uint64_t node = sock + w->f.netlink_node, next = *world_at(w, bucket) & ~1ull;

	*world_at(w, node) = next ? next : bucket | 1;
	*world_at(w, bucket) = node | locked;
}

/* One socket of each kind in its table: 9 of them. */
static inline void world_fill(struct world *w)
{
	uint64_t sock;

	world_hang(w, world_sock(w, AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_LISTEN, 80),
		   w->lhash + 5ull * w->f.tcp_lhash_size);
	sock = world_sock(w, AF_INET6, SOCK_STREAM, IPPROTO_TCP, TCP_ESTABLISHED, 81);
	world_hang(w, sock, w->ehash + 8 * 3);
	world_hang_node(w, sock + w->f.sk_bind_node,
			world_port(w, w->bhash + 9ull * w->f.tcp_bhash_size));
	world_hang(w, world_sock(w, AF_INET, SOCK_DGRAM, IPPROTO_UDP, TCP_CLOSE, 53),
		   w->udp + 7ull * w->f.udp_slot_size);
	world_hang(w, world_sock(w, AF_INET, SOCK_RAW, IPPROTO_ICMP, TCP_CLOSE, 1), w->raw + 8);
	world_hang(w, world_sock(w, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, TCP_CLOSE, 58),
		   w->raw6 + 8 * 10);
	world_hang(w, world_sock(w, AF_INET, SOCK_DGRAM, IPPROTO_ICMP, TCP_CLOSE, 4711),
		   w->ping + 8 * 2);
	world_hang(w, world_sock(w, AF_UNIX, SOCK_STREAM, 0, TCP_LISTEN, 0), w->unixes + 8 * 100);
	world_hang(w, world_sock(w, AF_PACKET, SOCK_RAW, 0, TCP_CLOSE, 0), w->packets);
	world_hang_netlink(w, world_sock(w, AF_NETLINK, SOCK_RAW, 0, TCP_CLOSE, 99), w->netlink + 8,
			   false);
}

#endif
