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
	X("file", "f_op", file_operations)                                                         \
	X("inode", "i_mode", inode_mode)                                                           \
	X("super_block", "s_magic", sb_magic)                                                      \
	X("socket_alloc", "socket", alloc_socket)                                                  \
	X("socket_alloc", "vfs_inode", alloc_inode)                                                \
	X("socket", "sk", socket_sk)                                                               \
	X("socket", "file", socket_file)                                                           \
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
/* The ports that are taken, each with who has it; by the second form since 6.8. */
#define TOCSIN_PORT_LAYOUT(X)                                                                      \
	X("inet_hashinfo", "bhash", tcp_bhash)                                                     \
	X("inet_hashinfo", "bhash_size", tcp_bhash_count)                                          \
	X("inet_bind_hashbucket", "chain", tcp_bhash_chain)                                        \
	X("inet_bind_bucket", "node", port_node)                                                   \
	X("inet_bind_bucket", "owners", port_owners)                                               \
	X("inet_bind_bucket", "bhash2", port_addresses)                                            \
	X("inet_bind2_bucket", "bhash_node", port_address_node)                                    \
	X("inet_bind2_bucket", "owners", port_address_owners)                                      \
	X("sock", "__sk_common.skc_bind_node", sk_bind_node)
#define TOCSIN_UDP_LAYOUT(X)                                                                       \
	X("udp_table", "hash", udp_hash)                                                           \
	X("udp_table", "mask", udp_mask)                                                           \
	X("udp_hslot", "head", udp_chain)
#define TOCSIN_NETLINK_LAYOUT(X)                                                                   \
	X("netlink_table", "hash", nl_hash)                                                        \
	X("rhashtable", "tbl", rht_table)                                                          \
	X("bucket_table", "size", rht_size)                                                        \
	X("bucket_table", "nest", rht_nest)                                                        \
	X("bucket_table", "future_tbl", rht_future)                                                \
	X("bucket_table", "buckets", rht_buckets)                                                  \
	X("netlink_sock", "node", netlink_node)

/* Members of what a kernel may be built without; TOCSIN_NO_MEMBER where it is. */
#define TOCSIN_FILE_LAYOUT_OPTIONAL(X)                                                             \
	X("file", "f_count", file_count)                                                           \
	X("sock", "__sk_common.skc_v6_daddr", sk_daddr6)                                           \
	X("sock", "__sk_common.skc_v6_rcv_saddr", sk_saddr6)                                       \
	X("sock", "__sk_common.skc_refcnt", sk_refcnt)                                             \
	X("sock", "__sk_common.skc_bound_dev_if", sk_interface)                                    \
	X("sock", "sk_flags", sk_flags)                                                            \
	X("sock", "sk_uid", sk_uid)                                                                \
	X("sock", "sk_lock.owned", sk_owned)                                                       \
	X("sock", "sk_lock.slock.rlock.raw_lock.val.counter", sk_spin)                             \
	X("sock", "sk_lock.slock.lock.owner", sk_spin_rt)                                          \
	X("udp_sock", "forward_deficit", udp_deficit)                                              \
	X("tcp_sock", "bytes_sent", tcp_bytes_sent)                                                \
	X("tcp_sock", "bytes_received", tcp_bytes_received)                                        \
	X("tcp_sock", "lsndtime", tcp_sent_at)                                                     \
	X("inet_connection_sock", "icsk_ack.lrcvtime", tcp_received_at)                            \
	X("inet_timewait_sock", "tw_timer.expires", tw_expires)                                    \
	X("inet_timewait_sock", "tw_substate", tw_substate)                                        \
	X("netlink_sock", "portid", netlink_port)                                                  \
	X("netlink_sock", "groups", netlink_groups)                                                \
	X("netlink_sock", "bound", netlink_bound)                                                  \
	X("packet_sock", "ifindex", packet_interface)                                              \
	X("packet_sock", "num", packet_protocol)                                                   \
	X("task_struct", "nsproxy", task_nsproxy)                                                  \
	X("nsproxy", "net_ns", nsproxy_net)                                                        \
	X("net", "list", net_list)                                                                 \
	X("net", "unx.table.buckets", net_unix)                                                    \
	X("net", "packet.sklist", net_packet)                                                      \
	X("net", "ipv4.tcp_death_row.hashinfo", net_tcp)                                           \
	X("net", "ipv4.udp_table", net_udp)                                                        \
	X("net", "mib.tcp_statistics", net_tcp_mib)                                                \
	X("raw_hashinfo", "ht", raw_chains)                                                        \
	X("ping_table", "hash", ping_chains)                                                       \
	X("unix_sock", "addr", unix_addr)                                                          \
	X("unix_sock", "peer", unix_peer)                                                          \
	X("unix_address", "len", unix_address_len)                                                 \
	X("unix_address", "name", unix_address_name)

/* X(symbol, name here): VA, or 0 where the kernel has none. */
#define TOCSIN_SOCKET_SYMBOLS(X)                                                                   \
	X("socket_file_ops", at_operations)                                                        \
	X("jiffies", at_jiffies)                                                                   \
	X("net_namespace_list", at_nets)                                                           \
	X("tcp_hashinfo", at_tcp)                                                                  \
	X("udp_table", at_udp)                                                                     \
	X("udplite_table", at_udplite)                                                             \
	X("raw_v4_hashinfo", at_raw)                                                               \
	X("raw_v6_hashinfo", at_raw6)                                                              \
	X("ping_table", at_ping)                                                                   \
	X("unix_socket_table", at_unix)                                                            \
	X("nl_table", at_netlink)                                                                  \
	X("total_forks", at_forks)                                                                 \
	X("__per_cpu_offset", at_cpu_offsets)                                                      \
	X("nr_cpu_ids", at_cpu_count)                                                              \
	X("__cpu_possible_mask", at_cpus)

struct tocsin_file_layout {
#define X(type, path, name) uint32_t name;
	TOCSIN_FILE_LAYOUT(X)
	TOCSIN_FILE_LAYOUT_OPTIONAL(X)
	TOCSIN_TCP_LAYOUT(X)
	TOCSIN_PORT_LAYOUT(X)
	TOCSIN_UDP_LAYOUT(X)
	TOCSIN_NETLINK_LAYOUT(X)
#undef X
#define X(symbol, name) uint64_t name;
	TOCSIN_SOCKET_SYMBOLS(X)
#undef X
	/* sizes in bytes; 0: there is no such type */
	uint32_t tcp_ehash_size, tcp_lhash_size, tcp_bhash_size, udp_slot_size, nl_table_size;
	uint32_t raw_count, ping_count;       /* chains */
	uint32_t dead_flag;                   /* number of SOCK_DEAD in sk_flags */
	uint32_t sk_kern, sk_kern_bit;        /* byte and bit of sk_kern_sock */
	uint32_t active_opens, passive_opens; /* numbers in struct tcp_mib; 0: not known */
	bool locked_buckets; /* of rhashtables: bit 0 is a lock, and ends name their bucket */
	uint64_t tick;       /* nanoseconds of a jiffy; 0: not known */
};

/* As their namesakes in process.h. */
void tocsin_file_layout_resolve(struct tocsin_kernel *k);
int tocsin_file_layout(struct tocsin_kernel *k, const struct tocsin_file_layout **ret,
		       struct tocsin_error *err);

/* The name of what has no path, as its file system makes it up. -ENOENT: it has one. */
int tocsin_file_pseudo_name(struct tocsin_kernel *k, uint64_t file, uint32_t magic, uint64_t inode,
			    char path[TOCSIN_PATH_SIZE]);

#endif
