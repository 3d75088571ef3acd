/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside introspect/: where the members of the kernel's objects are, and paths. */
#ifndef TOCSIN_INTROSPECT_PROCESS_H
#define TOCSIN_INTROSPECT_PROCESS_H

#include "introspect/list.h"

#define TOCSIN_NO_MEMBER UINT32_MAX

/* X(structure, member path, name here): byte offsets, taken from BTF; all are required. */
#define TOCSIN_LAYOUT(X)                                                                           \
	X("task_struct", "tasks", task_tasks)                                                      \
	X("task_struct", "exit_state", task_exit_state)                                            \
	X("task_struct", "flags", task_flags)                                                      \
	X("task_struct", "pid", task_pid)                                                          \
	X("task_struct", "tgid", task_tgid)                                                        \
	X("task_struct", "comm", task_comm)                                                        \
	X("task_struct", "mm", task_mm)                                                            \
	X("task_struct", "real_parent", task_parent)                                               \
	X("task_struct", "real_cred", task_cred)                                                   \
	X("task_struct", "thread_pid", task_thread_pid)                                            \
	X("task_struct", "thread_node", task_thread_node)                                          \
	X("task_struct", "signal", task_signal)                                                    \
	X("task_struct", "fs", task_fs)                                                            \
	X("signal_struct", "thread_head", signal_threads)                                          \
	X("pid", "level", pid_level)                                                               \
	X("pid", "numbers", pid_numbers)                                                           \
	X("upid", "nr", upid_nr)                                                                   \
	X("upid", "ns", upid_ns)                                                                   \
	X("mm_struct", "pgd", mm_pgd)                                                              \
	X("mm_struct", "exe_file", mm_exe)                                                         \
	X("mm_struct", "arg_start", mm_arg_start)                                                  \
	X("mm_struct", "arg_end", mm_arg_end)                                                      \
	X("cred", "uid", cred_uid)                                                                 \
	X("cred", "gid", cred_gid)                                                                 \
	X("cred", "suid", cred_suid)                                                               \
	X("cred", "euid", cred_euid)                                                               \
	X("cred", "egid", cred_egid)                                                               \
	X("cred", "fsuid", cred_fsuid)                                                             \
	X("cred", "cap_effective", cred_cap)                                                       \
	X("cred", "user_ns", cred_user_ns)                                                         \
	X("file", "f_path.dentry", file_dentry)                                                    \
	X("file", "f_path.mnt", file_mnt)                                                          \
	X("fs_struct", "root.dentry", fs_root_dentry)                                              \
	X("fs_struct", "root.mnt", fs_root_mnt)                                                    \
	X("dentry", "d_parent", dentry_parent)                                                     \
	X("dentry", "d_name.name", dentry_name)                                                    \
	X("dentry", "d_name.len", dentry_len)                                                      \
	X("dentry", "d_inode", dentry_inode)                                                       \
	X("dentry", "d_hash.pprev", dentry_hashed)                                                 \
	X("inode", "i_ino", inode_ino)                                                             \
	X("inode", "i_mode", inode_mode)                                                           \
	X("inode", "i_sb", inode_sb)                                                               \
	X("super_block", "s_dev", sb_dev)                                                          \
	X("vfsmount", "mnt_root", vfsmount_root)                                                   \
	X("vfsmount", "mnt_sb", vfsmount_sb)                                                       \
	X("mount", "mnt", mount_mnt)                                                               \
	X("mount", "mnt_parent", mount_parent)                                                     \
	X("mount", "mnt_mountpoint", mount_point)

#define TOCSIN_TASK_NEW 0x800u /* in task_struct.__state: it is being made (7dc603c9028e) */

struct tocsin_process_layout {
#define X(type, path, name) uint32_t name;
	TOCSIN_LAYOUT(X)
#undef X
	uint32_t upid_size;
	uint32_t pid_tasks;  /* pid.tasks[PIDTYPE_TGID]; TOCSIN_NO_MEMBER before 4.19 */
	uint32_t task_links; /* task_struct.pid_links[PIDTYPE_TGID]; the same */
	uint32_t pid_ns_idr; /* pid_namespace.idr; the same */
	uint64_t init_pid_ns;
	uint32_t start_time;    /* start_boottime, or real_start_time before 5.5 */
	uint32_t state, leader; /* task_struct.__state, group_leader; TOCSIN_NO_MEMBER */
	uint32_t exec_id;       /* task_struct.self_exec_id, 64 bits since 5.7; TOCSIN_NO_MEMBER */
	uint64_t init_task, init_user_ns;
	uint64_t shm_sb; /* superblock of memfd's; 0: unknown */
};

/* When the kernel is opened: k->process, or k->process_error with the missing member. */
void tocsin_process_layout_resolve(struct tocsin_kernel *k);

/* k->process, or the error that it was left with. */
int tocsin_process_layout(struct tocsin_kernel *k, const struct tocsin_process_layout **ret,
			  struct tocsin_error *err);

/* Identity of the file at VA file. */
int tocsin_file_identity(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			 uint64_t file, struct tocsin_file_id *ret);

/*
 * Path of the file as a process with this fs_struct's root sees it (fs 0: from the top of its
 * mounts). -ELOOP: does not end; -ENAMETOOLONG: not in TOCSIN_PATH_SIZE.
 */
int tocsin_file_path(struct tocsin_kernel *k, const struct tocsin_process_layout *l, uint64_t file,
		     uint64_t fs, char ret[TOCSIN_PATH_SIZE]);

/*
 * Read the row of one thread group leader, until two readings agree; else marked torn. One that is
 * not on the task list, as when it has exited, is marked contradicted. -ENOMEM.
 */
int tocsin_process_read_row(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			    uint64_t task, struct tocsin_process *ret);

/* The number of task in ns, or in its own namespace if ns is 0. -ESRCH: not visible there. */
int tocsin_process_pid_in(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			  uint64_t task, uint64_t ns, int32_t *ret, uint64_t *own_ns);

struct tocsin_places;

/* As tocsin_file_path, of a dentry in the mount whose vfsmount is at VA mnt. through: what
 * it was read through is added; may be NULL. */
int tocsin_dentry_path(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
		       uint64_t dentry, uint64_t mnt, uint64_t fs, char ret[TOCSIN_PATH_SIZE],
		       struct tocsin_places *through);

/*
 * Offset of a member that a kernel may lack; TOCSIN_NO_MEMBER: it does, or it is a bitfield or
 * beyond 64 KiB.
 */
uint32_t tocsin_member_or_none(const struct tocsin_kernel *k, const char *type, const char *path);

typedef int (*tocsin_task_visit)(struct tocsin_kernel *k, uint64_t task, void *context);

/* The thread group leaders on the task list but the idle task; as tocsin_list_collect. */
int tocsin_task_collect(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			struct tocsin_addresses *ret);

/* The same from the table of PIDs. -ENOTSUP: it has no known layout. */
int tocsin_task_collect_pids(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			     struct tocsin_addresses *ret);

/* Of what tocsin_task_collect finds, until visit returns nonzero, which is returned. */
int tocsin_process_each(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			tocsin_task_visit visit, void *context, struct tocsin_error *err);

/* The same for the threads of the group that task leads. */
int tocsin_process_each_thread(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			       uint64_t task, tocsin_task_visit visit, void *context);

#endif
