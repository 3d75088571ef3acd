/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What traced calls lead to, in a made kernel: up to four objects of each type, and which of them
 * each function takes, as kernels have it.
 */
#ifndef TOCSIN_FUZZ_TRACED_WORLD_H
#define TOCSIN_FUZZ_TRACED_WORLD_H

#include "mutate.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define STACK 0xffffc90000100000ull /* of stack i: 16 KiB further for each */

enum type {
	NONE,
	NUMBER,
	TASK,
	OPEN, /* struct file */
	DENTRY,
	INODE,
	CRED,
	MODULE,
	PROGRAM,
	SOCKET,
	SOCK,
	MAPPING,
	AHEAD, /* an open file's read-ahead */
	MOUNT,
	VFSMOUNT,
	ROOT,    /* fs_struct */
	ADDRESS, /* by value, or of a sock's IPv6 address */
	OTHER,
	TYPES
};
#define EACH 4u

static const char *const targets[TYPES] = {
    [TASK] = "task_struct",      [OPEN] = "file",           [DENTRY] = "dentry",
    [INODE] = "inode",           [CRED] = "cred",           [MODULE] = "module",
    [PROGRAM] = "bpf_prog",      [SOCKET] = "socket",       [SOCK] = "sock",
    [MAPPING] = "address_space", [AHEAD] = "file_ra_state", [MOUNT] = "mount",
    [VFSMOUNT] = "vfsmount",     [ROOT] = "fs_struct",      [OTHER] = "other"};

/* New ones come last: inputs have their numbers. */
static const struct signature {
	const char *name;
	uint8_t types[3];
} signatures[] = {
    {"wake_up_new_task", {TASK}},
    {"set_mm_exe_file", {OTHER, OPEN}},
    {"do_exit", {NUMBER}},
    {"commit_creds", {CRED}},
    {"__send_signal_locked", {NUMBER, OTHER, TASK}},
    {"ptrace_attach", {TASK, NUMBER}},
    {"security_ptrace_traceme", {TASK}},
    {"vfs_open", {OTHER, OPEN}},
    {"alloc_empty_file", {NUMBER, CRED}},
    {"file_ra_state_init", {AHEAD, MAPPING}},
    {"alloc_file_pseudo", {INODE, VFSMOUNT}},
    {"security_file_free", {OPEN}},
    {"d_move", {DENTRY, DENTRY}},
    {"d_exchange", {DENTRY, DENTRY}},
    {"security_inode_link", {DENTRY, INODE, DENTRY}},
    {"vfs_link", {DENTRY, OTHER, INODE}},
    {"vfs_symlink", {OTHER, INODE, DENTRY}},
    {"vfs_unlink", {OTHER, INODE, DENTRY}},
    {"chmod_common", {OTHER, NUMBER}},
    {"chown_common", {OTHER}},
    {"notify_change", {OTHER, DENTRY}},
    {"security_mmap_file", {OPEN, NUMBER, NUMBER}},
    {"do_init_module", {MODULE}},
    {"bpf_prog_kallsyms_add", {PROGRAM}},
    {"inet_bind", {SOCKET}},
    {"inet6_bind", {SOCKET}},
    {"inet_listen", {SOCKET}},
    {"security_sock_graft", {SOCK, SOCKET}},
    {"secure_ipv4_port_ephemeral", {ADDRESS, ADDRESS, NUMBER}},
    {"secure_ipv6_port_ephemeral", {ADDRESS, ADDRESS, NUMBER}},
    {"security_sk_alloc", {SOCK, NUMBER}},
    {"tcp_connect", {SOCK}},
    {"__ip4_datagram_connect", {SOCK}},
    {"__ip6_datagram_connect", {SOCK}},
    {"tcp_close", {SOCK}},
    {"sk_common_release", {SOCK}},
    {"security_inode_alloc", {INODE}},
    {"d_set_d_op", {DENTRY}},
    {"unhash_mnt", {MOUNT}},
    {"set_fs_root", {ROOT}},
    {"mm_access", {TASK, NUMBER}},
    {"__x64_sys_process_vm_readv", {OTHER}},
    {"__x64_sys_process_vm_writev", {OTHER}},
    {"do_truncate", {OTHER, DENTRY}},
    {"security_file_permission", {OPEN, NUMBER}},
    {"get_pipe_info", {OPEN, NUMBER}},
    {"security_socket_sendmsg", {SOCKET, OTHER}},
    {"security_socket_recvmsg", {SOCKET, OTHER}},
    {"sock_init_data", {SOCKET, SOCK}},
    {"stream_open", {INODE, OPEN}},
    {"schedule_tail", {TASK}},
};
#define SIGNATURES (sizeof(signatures) / sizeof(signatures[0]))

struct traced_world {
	struct fixture *f;
	uint64_t objects[TYPES][EACH];
};

/* ---- tasks ---- */

static inline void make_tasks(struct traced_world *w, const struct tocsin_process *p)
{
	struct fixture *f = w->f;
	uint64_t child = fixture_new(f, "task_struct"), cred = fixture_new(f, "cred");

	fixture_set(f, "cred", cred, "euid", 33);
	fixture_set(f, "task_struct", child, "pid", 4711);
	fixture_set(f, "task_struct", child, "tgid", 4711);
	fixture_set(f, "task_struct", child, "start_boottime", 6000000000ull);
	fixture_set(f, "task_struct", child, "thread.sp", STACK + 0x4000 + 0x3f00);
	fixture_set(f, "task_struct", child, "fs", fixture_get(f, "task_struct", p->task, "fs"));
	fixture_set(f, "task_struct", child, "real_cred", cred);
	fixture_set_text(f, "task_struct", child, "comm", "child");
	w->objects[TASK][0] = p->task;
	w->objects[TASK][1] = child;
	w->objects[CRED][0] = fixture_get(f, "task_struct", p->task, "real_cred");
	w->objects[CRED][1] = cred;
	w->objects[ROOT][0] = fixture_get(f, "task_struct", p->task, "fs");
}

/* ---- files ---- */

static inline uint64_t make_name(struct fixture *f, const char *text, uint64_t parent, uint64_t sb)
{
	uint64_t name = fixture_new(f, "dentry");

	fixture_set(f, "dentry", name, "d_parent", parent);
	fixture_set(f, "dentry", name, "d_name.name", fixture_text(f, text));
	fixture_set(f, "dentry", name, "d_name.len", strlen(text));
	fixture_set(f, "dentry", name, "d_sb", sb);
	return name;
}

static inline uint64_t make_inode(struct fixture *f, uint32_t mode, uint64_t number, uint64_t sb)
{
	uint64_t inode = fixture_new(f, "inode");

	fixture_set(f, "inode", inode, "i_mode", mode);
	fixture_set(f, "inode", inode, "i_ino", number);
	fixture_set(f, "inode", inode, "i_nlink", 1);
	fixture_set(f, "inode", inode, "i_sb", sb);
	return inode;
}

/* Open file i is name i and inode i. */
static inline void join_file(struct traced_world *w, size_t i, uint64_t mnt)
{
	uint64_t file = w->objects[OPEN][i], dentry = w->objects[DENTRY][i];
	uint64_t inode = w->objects[INODE][i];
	struct fixture *f = w->f;

	fixture_set(f, "dentry", dentry, "d_inode", inode);
	fixture_set(f, "inode", inode, "i_dentry.first",
		    dentry + fixture_offset(f, "dentry", "d_u.d_alias"));
	w->objects[MAPPING][i] = inode + fixture_offset(f, "inode", "i_data");
	fixture_set(f, "address_space", w->objects[MAPPING][i], "host", inode);
	if (!file)
		return;
	fixture_set(f, "file", file, "f_path.dentry", dentry);
	fixture_set(f, "file", file, "f_path.mnt", mnt);
	fixture_set(f, "file", file, "f_inode", inode);
	fixture_set(f, "file", file, "f_mode", 3);
	w->objects[AHEAD][i] = file + fixture_offset(f, "file", "f_ra");
}

/* A file, an end of a pipe, a socket's file, and a symbolic link, which is not opened. */
static inline void make_world_files(struct traced_world *w, const struct made_opened *o)
{
	struct fixture *f = w->f;
	uint64_t pipefs = fixture_new(f, "super_block"), inner = fixture_new(f, "vfsmount");
	uint64_t mnt = fixture_get(f, "file", o->file, "f_path.mnt");
	uint64_t parent = fixture_get(f, "dentry", o->dentry, "d_parent");

	fixture_set(f, "super_block", pipefs, "s_magic", 0x50495045);
	fixture_set(f, "super_block", pipefs, "s_dev", 14);
	w->objects[OPEN][0] = o->file;
	w->objects[OPEN][1] = fixture_new(f, "file");
	w->objects[OPEN][2] = fixture_get(f, "socket", o->socket, "file");
	w->objects[DENTRY][0] = o->dentry;
	w->objects[DENTRY][1] = make_name(f, "", 0, pipefs);
	w->objects[DENTRY][2] = fixture_get(f, "file", w->objects[OPEN][2], "f_path.dentry");
	w->objects[DENTRY][3] = make_name(f, "sym", parent, o->sb);
	w->objects[INODE][0] = o->inode;
	w->objects[INODE][1] = make_inode(f, 0010600, 4712, pipefs);
	w->objects[INODE][2] = fixture_get(f, "file", w->objects[OPEN][2], "f_inode");
	w->objects[INODE][3] = make_inode(f, 0120777, 77, o->sb);
	for (size_t i = 0; i < EACH; i++)
		join_file(w, i, i ? inner : mnt);
	w->objects[VFSMOUNT][0] = mnt;
	w->objects[VFSMOUNT][1] = inner;
	w->objects[MOUNT][0] = mnt - fixture_offset(f, "mount", "mnt");
}

/* ---- sockets ---- */

static inline void make_sock(struct traced_world *w, size_t i, const char *type, uint16_t family,
			     uint64_t protocol)
{
	struct fixture *f = w->f;
	uint64_t sock = w->objects[SOCK][i] ? w->objects[SOCK][i] : fixture_new(f, type);
	uint64_t socket = w->objects[SOCKET][i] ? w->objects[SOCKET][i] : fixture_new(f, "socket");
	uint64_t net = fixture_get(f, "sock", w->objects[SOCK][0] ? w->objects[SOCK][0] : sock,
				   "__sk_common.skc_net");

	w->objects[SOCK][i] = sock;
	w->objects[SOCKET][i] = socket;
	fixture_set(f, "socket", socket, "sk", sock);
	fixture_set(f, "sock", sock, "sk_socket", socket);
	fixture_set(f, "sock", sock, "__sk_common.skc_net", net);
	fixture_set(f, "sock", sock, "__sk_common.skc_refcnt", 1);
	fixture_set(f, "sock", sock, "__sk_common.skc_family", family);
	fixture_set(f, "sock", sock, "__sk_common.skc_prot", protocol);
	fixture_set(f, "sock", sock, "sk_type", i ? SOCK_STREAM : SOCK_DGRAM);
	fixture_set(f, "sock", sock, "sk_protocol", i ? IPPROTO_TCP : IPPROTO_UDP);
}

/* Of UDP without a far end, of TCP with one, the same of IPv6, and one end of two UNIX sockets. */
static inline void make_world_sockets(struct traced_world *w, const struct made_opened *o)
{
	struct fixture *f = w->f;

	w->objects[SOCK][0] = o->sock;
	w->objects[SOCKET][0] = o->socket;
	make_sock(w, 0, "udp_sock", AF_INET, FIXTURE_TEXT + 0x300);
	make_sock(w, 1, "tcp_sock", AF_INET, FIXTURE_TEXT + 0x100);
	make_sock(w, 2, "tcp_sock", AF_INET6, FIXTURE_TEXT + 0x200);
	make_sock(w, 3, "unix_sock", AF_UNIX, 0);
	fixture_set(f, "unix_sock", w->objects[SOCK][3], "peer", w->objects[SOCK][0]);
	for (size_t i = 0; i < 3; i++) {
		uint64_t sock = w->objects[SOCK][i];

		fixture_set(f, "sock", sock, "__sk_common.skc_num", 4000 + i);
		fixture_set(f, "inet_sock", sock, "inet_sport", htons((uint16_t)(4000 + i)));
		if (i)
			fixture_set(f, "sock", sock, "__sk_common.skc_dport", htons(80));
	}
	fixture_set(f, "sock", w->objects[SOCK][1], "__sk_common.skc_rcv_saddr", 0x0500000a);
	fixture_set(f, "sock", w->objects[SOCK][1], "__sk_common.skc_daddr", 0x0900000a);
}

/* at_once: a kernel in which memory of a closed file is another's at once. */
static inline void make_world(struct traced_world *w, bool at_once)
{
	struct fixture *f = w->f = fixture_open(made_traced);
	struct tocsin_process p = make_process(f);
	struct made_opened opened;
	uint64_t shm = fixture_new(f, "vfsmount");

	make_system(f);
	make_files(f, &p, make_net(f));
	fixture_set(f, "task_struct", p.task, "stack", STACK);
	fixture_word(f, FIXTURE_TEXT + 0x400, shm);
	fixture_symbol(f, "shm_mnt", FIXTURE_TEXT + 0x400);
	fixture_symbol(f, "tcp_prot", FIXTURE_TEXT + 0x100);
	fixture_symbol(f, "tcpv6_prot", FIXTURE_TEXT + 0x200);
	fixture_symbol(f, "udp_prot", FIXTURE_TEXT + 0x300);
	fixture_symbol(f, at_once ? "get_file_rcu" : "get_file", FIXTURE_TEXT);
	fixture_symbol(f, "__x64_sys_process_vm_readv", FIXTURE_TEXT);
	fixture_symbol(f, "__x64_sys_process_vm_writev", FIXTURE_TEXT);
	fixture_ready(f);
	opened = make_opened(f, &p);
	make_tasks(w, &p);
	make_world_files(w, &opened);
	make_world_sockets(w, &opened);
	fixture_set(f, "vfsmount", shm, "mnt_sb", opened.sb);
	w->objects[VFSMOUNT][2] = shm;
	w->objects[MODULE][0] = fixture_new(f, "module");
	fixture_set_text(f, "module", w->objects[MODULE][0], "name", "dummy");
	w->objects[PROGRAM][0] = fixture_new(f, "bpf_prog");
	fixture_set(f, "bpf_prog", w->objects[PROGRAM][0], "aux", fixture_new(f, "bpf_prog_aux"));
	w->objects[OTHER][0] = FIXTURE_TEXT;
	memcpy(f->original, f->bytes, sizeof(f->bytes));
}

#endif
