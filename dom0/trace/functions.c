// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of what is traced. A function is in it if what its arguments lead to is still there
 * some milliseconds after the call, when it is read: objects that are freed late, after a grace
 * period of RCU (tasks, files, dentries, inodes, credentials) or that stay, and nothing on a stack.
 */
#include "trace/functions.h"
#include "trace/table.h"

#include <errno.h>
#include <string.h>

#define NONE TOCSIN_TRACE_NO_VALUE
#define WHOLE TOCSIN_TRACE_WHOLE

/* Sources: Linux, by the history of each. */
static const struct tocsin_trace_row table[] = {
    {TOCSIN_TRACE_CREATED, "task_struct", NONE, WHOLE, {"wake_up_new_task"}},
    {TOCSIN_TRACE_EXECUTED, "file", NONE, WHOLE, {"set_mm_exe_file"}},
    {TOCSIN_TRACE_EXITED, NULL, 0, WHOLE, {"do_exit"}},
    {TOCSIN_TRACE_CREDENTIALS, "cred", NONE, WHOLE, {"commit_creds"}},
    {TOCSIN_TRACE_SIGNAL,
     "task_struct",
     0,
     WHOLE,
     {"__send_signal_locked", "__send_signal", "send_signal"}},
    {TOCSIN_TRACE_PTRACE, "task_struct", 1, WHOLE, {"ptrace_attach"}},
    {TOCSIN_TRACE_PTRACE, "task_struct", NONE, TOCSIN_TRACE_ASKED, {"security_ptrace_traceme"}},
    {TOCSIN_TRACE_OPENED, "file", NONE, WHOLE, {"vfs_open"}},
    /* Since 6.7 the memory of a file that is closed is another's at once (get_file_rcu became a
     * function then), so what it is for and its inode are taken from what calls carry. */
    {TOCSIN_TRACE_OPENED, NULL, 0, TOCSIN_TRACE_USE, {"alloc_empty_file"}},
    {TOCSIN_TRACE_OPENED, "address_space", NONE, TOCSIN_TRACE_IDENTITY, {"file_ra_state_init"}},
    /* Files without a name: of them, those in memory. */
    {TOCSIN_TRACE_OPENED, "inode", NONE, WHOLE, {"alloc_file_pseudo"}},
    {TOCSIN_TRACE_RELEASED, "file", NONE, WHOLE, {"security_file_free", "__fput"}},
    {TOCSIN_TRACE_RENAMED, "dentry", NONE, WHOLE, {"d_move"}},
    {TOCSIN_TRACE_RENAMED, "dentry", NONE, WHOLE, {"d_exchange"}},
    {TOCSIN_TRACE_LINKED, "dentry", NONE, WHOLE, {"security_inode_link", "vfs_link"}},
    {TOCSIN_TRACE_LINKED, "dentry", NONE, WHOLE, {"vfs_symlink"}},
    {TOCSIN_TRACE_UNLINKED, "dentry", NONE, WHOLE, {"vfs_unlink"}},
    /* Their paths are on a stack; what they do goes through the third. */
    {TOCSIN_TRACE_MODE, NULL, 1, WHOLE, {"chmod_common"}},
    {TOCSIN_TRACE_MODE, NULL, NONE, WHOLE, {"chown_common"}},
    {TOCSIN_TRACE_MODE, "dentry", NONE, TOCSIN_TRACE_COMPLETES, {"notify_change"}},
    {TOCSIN_TRACE_MAPPED, "file", 1, WHOLE, {"security_mmap_file"}},
    {TOCSIN_TRACE_MODULE, "module", NONE, WHOLE, {"do_init_module"}},
    /* Whether bpf_prog_new_fd is called where programs are loaded, the compiler decides. */
    {TOCSIN_TRACE_BPF, "bpf_prog", NONE, WHOLE, {"bpf_prog_kallsyms_add"}},
    {TOCSIN_TRACE_BOUND, "socket", NONE, WHOLE, {"inet_bind"}},
    {TOCSIN_TRACE_BOUND, "socket", NONE, WHOLE, {"inet6_bind"}},
    {TOCSIN_TRACE_LISTENING, "socket", NONE, WHOLE, {"inet_listen"}},
    {TOCSIN_TRACE_ACCEPTED, "sock", NONE, WHOLE, {"security_sock_graft"}},
    /* Each choice of a connection's port, which comes before it. */
    {TOCSIN_TRACE_CONNECTED, NULL, NONE, TOCSIN_TRACE_ADDRESSES, {"secure_ipv4_port_ephemeral"}},
    {TOCSIN_TRACE_CONNECTED, NULL, NONE, TOCSIN_TRACE_ADDRESSES, {"secure_ipv6_port_ephemeral"}},
    {TOCSIN_TRACE_CONNECTED, "sock", NONE, TOCSIN_TRACE_MADE, {"security_sk_alloc"}},
    {TOCSIN_TRACE_CONNECTED, "sock", NONE, WHOLE, {"tcp_connect"}},
    {TOCSIN_TRACE_CONNECTED, "sock", NONE, WHOLE, {"__ip4_datagram_connect"}},
    {TOCSIN_TRACE_CONNECTED, "sock", NONE, WHOLE, {"__ip6_datagram_connect"}},
    {TOCSIN_TRACE_CLOSED, "sock", NONE, WHOLE, {"tcp_close"}},
    {TOCSIN_TRACE_CLOSED, "sock", NONE, WHOLE, {"sk_common_release"}},
    {TOCSIN_TRACE_OPENED, "inode", NONE, TOCSIN_TRACE_MADE, {"security_inode_alloc"}},
    /* Each name that is made; a mount that is taken away, or elsewhere; another root. */
    {TOCSIN_TRACE_RENAMED, "dentry", NONE, TOCSIN_TRACE_MADE, {"d_set_d_op"}},
    {TOCSIN_TRACE_RENAMED,
     "mount",
     NONE,
     TOCSIN_TRACE_CUTS,
     {"unhash_mnt", "umount_mnt", "umount_tree"}},
    {TOCSIN_TRACE_RENAMED, "fs_struct", NONE, TOCSIN_TRACE_CUTS, {"set_fs_root"}},
    /* What gets at a process's memory; before it, in a system call, which way. */
    {TOCSIN_TRACE_PTRACE, "task_struct", 1, TOCSIN_TRACE_MEMORY, {"mm_access"}},
    {TOCSIN_TRACE_PTRACE, NULL, NONE, TOCSIN_TRACE_READS, {"__x64_sys_process_vm_readv"}},
    {TOCSIN_TRACE_PTRACE, NULL, NONE, TOCSIN_TRACE_READS, {"__ia32_sys_process_vm_readv"}},
    {TOCSIN_TRACE_PTRACE, NULL, NONE, TOCSIN_TRACE_WRITES, {"__x64_sys_process_vm_writev"}},
    {TOCSIN_TRACE_PTRACE, NULL, NONE, TOCSIN_TRACE_WRITES, {"__ia32_sys_process_vm_writev"}},
    {TOCSIN_TRACE_WRITTEN, "dentry", NONE, WHOLE, {"do_truncate"}},
    /* Who uses what. All that is read and written goes through the first, but what is mapped, and
     * the side of a splice that is a pipe: the second says so. */
    {TOCSIN_TRACE_READ, "file", 1, TOCSIN_TRACE_FIRST, {"security_file_permission"}},
    {TOCSIN_TRACE_SHARED, "file", 1, TOCSIN_TRACE_FIRST, {"get_pipe_info"}},
    {TOCSIN_TRACE_SENT, "socket", NONE, TOCSIN_TRACE_FIRST, {"security_socket_sendmsg"}},
    {TOCSIN_TRACE_RECEIVED, "socket", NONE, TOCSIN_TRACE_FIRST, {"security_socket_recvmsg"}},
    {TOCSIN_TRACE_CONNECTED, "socket", NONE, TOCSIN_TRACE_JOINED, {"sock_init_data"}},
    /* Since 6.7, as above: of an end of a pipe, which is opened by no name, its inode. */
    {TOCSIN_TRACE_SHARED, "file", NONE, TOCSIN_TRACE_STREAM, {"stream_open"}},
    {TOCSIN_TRACE_CREATED, NULL, NONE, TOCSIN_TRACE_BEGINS, {"schedule_tail"}},
};

#define ROWS (sizeof(table) / sizeof(table[0]))
_Static_assert(ROWS <= TOCSIN_TRACE_FUNCTIONS_MAX && ROWS <= 64, "room for all");

static const char *name_in(struct tocsin_kernel *k, const char *const names[TOCSIN_TRACE_NAMES])
{
	struct tocsin_function f;

	for (size_t i = 0; i < TOCSIN_TRACE_NAMES && names[i] && names[1]; i++)
		if (!tocsin_function_find(k, names[i], &f, NULL) && f.entry != TOCSIN_ENTRY_NOTHING)
			return names[i];
	return names[0];
}

size_t tocsin_trace_functions(struct tocsin_kernel *k, bool uses,
			      const char *ret[TOCSIN_TRACE_FUNCTIONS_MAX])
{
	uint64_t va;
	bool at_once = !tocsin_kernel_symbol(k, "get_file_rcu", &va);
	size_t count = 0;

	for (size_t i = 0; i < ROWS; i++) {
		enum tocsin_trace_part part = table[i].part;

		if (!at_once && (part == TOCSIN_TRACE_USE || part == TOCSIN_TRACE_IDENTITY ||
				 part == TOCSIN_TRACE_STREAM))
			continue;
		if (!uses && part >= TOCSIN_TRACE_FIRST)
			continue;
		/* Not each kernel has all system calls. */
		if ((part == TOCSIN_TRACE_READS || part == TOCSIN_TRACE_WRITES) &&
		    tocsin_kernel_symbol(k, table[i].names[0], &va))
			continue;
		ret[count++] = name_in(k, table[i].names);
	}
	return count;
}

const struct tocsin_trace_row *tocsin_trace_function_row(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		for (size_t n = 0; n < TOCSIN_TRACE_NAMES && table[i].names[n]; n++)
			if (!strcmp(table[i].names[n], name))
				return &table[i];
	return NULL;
}

uint64_t tocsin_trace_paths(const struct tocsin_trace_row *row)
{
	bool tells = row->kind == TOCSIN_TRACE_RENAMED;

	return tells ? 1ull << (row - table) : 0;
}

const char *tocsin_trace_function_name(const char *name)
{
	const struct tocsin_trace_row *row = tocsin_trace_function_row(name);
	size_t n = 0;

	while (row && strcmp(row->names[n], name) != 0)
		n++;
	return row ? row->names[n] : NULL;
}

const char *tocsin_trace_function_event(const char *name)
{
	const struct tocsin_trace_row *row = tocsin_trace_function_row(name);

	return row && row->part < TOCSIN_TRACE_USE ? tocsin_trace_kind_name(row->kind) : NULL;
}

int tocsin_trace_function_object(const struct tocsin_trace_row *row,
				 const struct tocsin_function *f)
{
	for (unsigned int i = 0; row->object && i < f->count && i < TOCSIN_TRACE_RECORDED; i++)
		if (f->parameters[i].pointer && !strcmp(f->parameters[i].target, row->object))
			return (int)i;
	return -ENOTSUP;
}
