/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside introspect/, and for who traces: what a pointer of the kernel leads to, by the name of the
 * type that it points to.
 */
#ifndef TOCSIN_INTROSPECT_OBJECT_H
#define TOCSIN_INTROSPECT_OBJECT_H

#include "introspect/kernel.h"

enum tocsin_object_kind {
	TOCSIN_OBJECT_NONE,
	TOCSIN_OBJECT_PROCESS, /* task_struct: pid, tid, start_time (of the thread), comm, stack,
				  leader_start, uid, euid */
	TOCSIN_OBJECT_NAME,    /* filename: text, as it was given to a system call */
	TOCSIN_OBJECT_FILE,    /* file, dentry: text is its path, file which it is (inode 0: a name
				  without a file), mode, links, dentry, inode, places; of file:
				  open_mode. Of inode: of a pipe or socket alone, text "pipe:[7]"
				  and the like, file, mode, links, inode. mount_ns */
	TOCSIN_OBJECT_SOCKET,  /* socket, sock: socket */
	TOCSIN_OBJECT_CREDENTIALS, /* cred: uid, euid */
	TOCSIN_OBJECT_CODE         /* module, bpf_prog: text is its name, of a program also id */
};

/* FMODE_... of the kernel in open_mode. */
#define TOCSIN_OPEN_READ 0x1u
#define TOCSIN_OPEN_WRITE 0x2u
#define TOCSIN_OPEN_EXEC 0x20u
#define TOCSIN_OPEN_PATH 0x4000u
#define TOCSIN_OPEN_CREATED 0x100000u

/* X(structure, member path, name here): byte offsets; TOCSIN_NO_MEMBER where a kernel has none. */
#define TOCSIN_OBJECT_LAYOUT(X)                                                                    \
	X("task_struct", "stack", task_stack)                                                      \
	X("task_struct", "thread.sp", task_saved)                                                  \
	X("task_struct", "nsproxy", task_proxy)                                                    \
	X("nsproxy", "mnt_ns", proxy_ns)                                                           \
	X("filename", "name", name_name)                                                           \
	X("file", "f_mode", file_mode)                                                             \
	X("file", "f_ra", file_ahead)                                                              \
	X("inode", "i_data", inode_data)                                                           \
	X("address_space", "host", mapping_host)                                                   \
	X("inode", "i_nlink", inode_links)                                                         \
	X("inode", "i_dentry.first", inode_names)                                                  \
	X("dentry", "d_u.d_alias", dentry_link)                                                    \
	X("dentry", "d_sb", dentry_sb)                                                             \
	X("dentry", "d_lockref.count", dentry_count)                                               \
	X("dentry", "d_iname", dentry_short)                                                       \
	X("dentry", "d_shortname", dentry_shorter)                                                 \
	X("super_block", "s_mounts", sb_mounts)                                                    \
	X("mount", "mnt_instance", mount_link)                                                     \
	X("mount", "mnt_ns", mount_ns)                                                             \
	X("mnt_namespace", "ns.inum", ns_number)                                                   \
	X("module", "name", module_name)                                                           \
	X("bpf_prog", "aux", program_aux)                                                          \
	X("bpf_prog_aux", "name", program_name)                                                    \
	X("bpf_prog_aux", "id", program_id)                                                        \
	X("socket", "sk", socket_sk)                                                               \
	X("sock", "__sk_common.skc_prot", sock_protocol)                                           \
	X("inet_sock", "inet_sport", sock_port)

struct tocsin_object_layout {
#define X(type, path, name) uint32_t name;
	TOCSIN_OBJECT_LAYOUT(X)
#undef X
};

/* When the kernel is opened: k->object, NULL if there is no memory. */
void tocsin_object_layout_resolve(struct tocsin_kernel *k);

/* VAs of what a path was read through: struct dentry, struct mount, and the task's fs_struct. */
#define TOCSIN_PLACES 64
struct tocsin_places {
	uint32_t count;
	bool more; /* there were more than have room */
	bool gone; /* a name's text may have gone before the name itself is another's */
	uint64_t va[TOCSIN_PLACES];
};

struct tocsin_object {
	enum tocsin_object_kind kind;
	int32_t pid, tid;
	uint64_t start_time;   /* nanoseconds since boot */
	uint64_t leader_start; /* of the thread group's leader; 0: not known */
	uint64_t stack;     /* an address on its kernel stack, also if it has ended; 0: not known */
	uint32_t uid, euid; /* UINT32_MAX: not known */
	uint32_t id;
	char comm[TOCSIN_COMM_SIZE + 1];
	char text[TOCSIN_PATH_SIZE];
	struct tocsin_file_id file;
	uint32_t mode;
	uint32_t links;         /* UINT32_MAX: not known */
	uint32_t open_mode;     /* TOCSIN_OPEN_... */
	uint32_t mount_ns;      /* inode number of the mount namespace that the path is in; 0: not
				   known, or it is in none: of what is mounted nowhere */
	uint64_t dentry, inode; /* VAs */
	struct tocsin_places places;
	struct tocsin_socket socket;
};

/*
 * Read what lies at va, twice: -EAGAIN if it does not hold still. It may be another object of its
 * kind than was there some time ago: whoever says when says so. task: a path is as this task's root
 * sees it; 0: from the top of its mounts. -ENOTSUP: not one of the types above, or in no known
 * layout; -EFAULT, -ESRCH: there is none.
 */
int tocsin_object_read(struct tocsin_kernel *k, const char *type, uint64_t va, uint64_t task,
		       struct tocsin_object *ret);

/* Inode numbers of mount namespaces: of the one that an open file's path is in, and of the one that
 * the kernel began with, which is the first process's. 0: not known, or none. */
uint32_t tocsin_file_namespace(struct tocsin_kernel *k, uint64_t file);
uint32_t tocsin_first_namespace(struct tocsin_kernel *k);

/* The dentry that was the last to get the inode, by which a new link is known. 0 or -errno. */
int tocsin_object_last_name(struct tocsin_kernel *k, uint64_t inode, uint64_t *dentry);

#endif
