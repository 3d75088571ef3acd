/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside introspect/: where the members of open files and sockets are. */
#ifndef TOCSIN_INTROSPECT_FILE_H
#define TOCSIN_INTROSPECT_FILE_H

#include "introspect/process.h"

/* As TOCSIN_LAYOUT. */
#define TOCSIN_FILE_LAYOUT(X)                                                                      \
	X("task_struct", "files", task_files)                                                      \
	X("files_struct", "fdt", files_fdt)                                                        \
	X("fdtable", "max_fds", fdt_max)                                                           \
	X("fdtable", "fd", fdt_fd)                                                                 \
	X("file", "f_flags", file_flags)                                                           \
	X("file", "f_pos", file_position)                                                          \
	X("file", "f_inode", file_inode)                                                           \
	X("inode", "i_mode", inode_mode)                                                           \
	X("super_block", "s_magic", sb_magic)                                                      \
	X("socket_alloc", "socket", alloc_socket)                                                  \
	X("socket_alloc", "vfs_inode", alloc_inode)                                                \
	X("socket", "sk", socket_sk)                                                               \
	X("sock", "sk_socket", sk_socket)                                                          \
	X("sock", "sk_type", sk_type)                                                              \
	X("sock", "sk_protocol", sk_protocol)                                                      \
	X("sock", "__sk_common.skc_family", sk_family)                                             \
	X("sock", "__sk_common.skc_state", sk_state)                                               \
	X("sock", "__sk_common.skc_net", sk_net)                                                   \
	X("sock", "__sk_common.skc_daddr", sk_daddr)                                               \
	X("sock", "__sk_common.skc_rcv_saddr", sk_saddr)                                           \
	X("sock", "__sk_common.skc_dport", sk_dport)                                               \
	X("sock", "__sk_common.skc_num", sk_num)                                                   \
	X("sock", "sk_backlog.rmem_alloc", sk_rmem)                                                \
	X("sock", "sk_wmem_alloc", sk_wmem)                                                        \
	X("sock", "sk_ack_backlog", sk_ack_backlog)                                                \
	X("sock", "sk_max_ack_backlog", sk_max_ack_backlog)                                        \
	X("tcp_sock", "rcv_nxt", tcp_rcv_nxt)                                                      \
	X("tcp_sock", "copied_seq", tcp_copied_seq)                                                \
	X("tcp_sock", "write_seq", tcp_write_seq)                                                  \
	X("tcp_sock", "snd_una", tcp_snd_una)                                                      \
	X("net", "ns.inum", net_inum)

/*
 * The tables in which the protocols themselves keep sockets; also without a file. Only with all of
 * them is a table walked.
 */
#define TOCSIN_TCP_LAYOUT(X)                                                                       \
	X("sock", "__sk_common.skc_nulls_node", sk_node)                                           \
	X("inet_hashinfo", "ehash", tcp_ehash)                                                     \
	X("inet_hashinfo", "ehash_mask", tcp_ehash_mask)                                           \
	X("inet_hashinfo", "lhash2", tcp_lhash)                                                    \
	X("inet_hashinfo", "lhash2_mask", tcp_lhash_mask)                                          \
	X("inet_ehash_bucket", "chain", tcp_ehash_chain)                                           \
	X("inet_listen_hashbucket", "nulls_head", tcp_lhash_chain)
#define TOCSIN_UDP_LAYOUT(X)                                                                       \
	X("udp_table", "hash", udp_hash)                                                           \
	X("udp_table", "mask", udp_mask)                                                           \
	X("udp_hslot", "head", udp_chain)

/* Members of what a kernel may be built without; TOCSIN_NO_MEMBER where it is. */
#define TOCSIN_FILE_LAYOUT_OPTIONAL(X)                                                             \
	X("sock", "__sk_common.skc_v6_daddr", sk_daddr6)                                           \
	X("sock", "__sk_common.skc_v6_rcv_saddr", sk_saddr6)                                       \
	X("udp_sock", "forward_deficit", udp_deficit)                                              \
	X("unix_sock", "addr", unix_addr)                                                          \
	X("unix_sock", "peer", unix_peer)                                                          \
	X("unix_address", "len", unix_address_len)                                                 \
	X("unix_address", "name", unix_address_name)

struct tocsin_file_layout {
#define X(type, path, name) uint32_t name;
	TOCSIN_FILE_LAYOUT(X)
	TOCSIN_FILE_LAYOUT_OPTIONAL(X)
	TOCSIN_TCP_LAYOUT(X)
	TOCSIN_UDP_LAYOUT(X)
#undef X
};

/* As their namesakes in process.h. */
void tocsin_file_layout_resolve(struct tocsin_kernel *k);
int tocsin_file_layout(struct tocsin_kernel *k, const struct tocsin_file_layout **ret,
		       struct tocsin_error *err);

/*
 * The socket at VA sock. -EFAULT, or -EAGAIN: it is not one, or no more. Not its inode.
 * tocsin_socket_read_common: what even a socket in TIME_WAIT has: state, addresses, namespace.
 */
int tocsin_socket_read_common(struct tocsin_kernel *k, const struct tocsin_file_layout *f,
			      uint64_t sock, struct tocsin_socket *ret);
int tocsin_socket_read(struct tocsin_kernel *k, const struct tocsin_file_layout *f, uint64_t sock,
		       struct tocsin_socket *ret);

/* But for the queues, which move all the time. */
bool tocsin_socket_same(const struct tocsin_socket *x, const struct tocsin_socket *y);

#endif
