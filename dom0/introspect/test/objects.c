// SPDX-License-Identifier: GPL-2.0-or-later
/* Processes and what hangs on them; sockets and code are in objects_kernel.c. */
#include "objects.h"

#include <stdlib.h>
#include <string.h>

#define SET(type, object, path, value) fixture_set(f, type, object, path, value)
#define AT(type, object, path) ((object) + fixture_offset(f, type, path))

const struct change made_traced[] = {{"task_struct", "stack", "stack"},
				     {"task_struct", "thread.sp", "thread.sp"},
				     {"thread_union", "stack", "stack:16384"},
				     {"socket", "sk", "sk"},
				     {"file", "f_mode", "f_mode:4"},
				     {"file", "f_ra", "f_ra:32"},
				     {"inode", "i_data", "i_data:address_space"},
				     {"address_space", "host", "host"},
				     {"inode", "i_nlink", "i_nlink:4"},
				     {"inode", "i_dentry.first", "i_dentry.first"},
				     {"dentry", "d_u.d_alias", "d_u.d_alias:16"},
				     {"dentry", "d_sb", "d_sb"},
				     {"dentry", "d_lockref.count", "d_lockref.count:4"},
				     {"dentry", "d_iname", "d_iname:32"},
				     {"super_block", "s_mounts", "s_mounts:16"},
				     {"mount", "mnt_instance", "mnt_instance:16"},
				     {"mount", "mnt_ns", "mnt_ns"},
				     {"sock", "__sk_common.skc_prot", "__sk_common.skc_prot"},
				     {"inet_sock", "inet_sport", "inet_sport:2"},
				     {0}};

static uint64_t user_ns, pid_ns, pids, init_task, task_mm, task_fs, root_dentry, root_mount,
    root_sb;

static uint64_t make_dentry(struct fixture *f, uint64_t parent, const char *name, uint64_t sb)
{
	uint64_t dentry = fixture_new(f, "dentry"), inode = fixture_new(f, "inode");

	SET("dentry", dentry, "d_parent", parent ? parent : dentry);
	SET("dentry", dentry, "d_name.name", fixture_text(f, name));
	SET("dentry", dentry, "d_name.len", strlen(name));
	SET("dentry", dentry, "d_inode", inode);
	SET("dentry", dentry, "d_hash.pprev", dentry);
	SET("inode", inode, "i_ino", 4000 + (inode & 0xfff));
	SET("inode", inode, "i_sb", sb);
	SET("inode", inode, "i_mode", 0100644);
	return dentry;
}

static uint64_t make_sb(struct fixture *f, const char *type, const char *subtype, uint32_t dev)
{
	uint64_t sb = fixture_new(f, "super_block"), kind = fixture_new(f, "file_system_type");

	SET("file_system_type", kind, "name", fixture_text(f, type));
	SET("super_block", sb, "s_type", kind);
	SET("super_block", sb, "s_dev", dev);
	SET("super_block", sb, "s_magic", 0xef53);
	if (subtype)
		SET("super_block", sb, "s_subtype", fixture_text(f, subtype));
	return sb;
}

static uint64_t make_mount(struct fixture *f, uint64_t parent, uint64_t point, uint64_t sb,
			   const char *source, uint32_t id)
{
	uint64_t mount = fixture_new(f, "mount"), mnt = AT("mount", mount, "mnt");
	uint64_t root = make_dentry(f, 0, "/", sb);

	SET("mount", mount, "mnt_id", id);
	SET("mount", mount, "mnt_parent", parent ? parent : mount);
	SET("mount", mount, "mnt_mountpoint", parent ? point : root);
	SET("mount", mount, "mnt_devname", fixture_text(f, source));
	SET("vfsmount", mnt, "mnt_root", root);
	SET("vfsmount", mnt, "mnt_sb", sb);
	fixture_link(f, AT("mount", mount, "mnt_mounts"), 0);
	if (parent)
		fixture_link(f, AT("mount", parent, "mnt_mounts"), AT("mount", mount, "mnt_child"));
	return mount;
}

static uint64_t make_task(struct fixture *f, uint32_t pid, uint32_t tgid, const char *comm,
			  uint64_t signal)
{
	static uint64_t leader; /* of the threads that are made next */
	static const char *const states[] = {"__state", "state"};
	const char *start =
	    fixture_has(f, "task_struct", "start_boottime") ? "start_boottime" : "real_start_time";
	uint64_t task = fixture_new(f, "task_struct"), number = fixture_new(f, "pid");
	uint64_t cred = fixture_new(f, "cred"), user = fixture_new(f, "user_struct");

	SET("task_struct", task, "pid", pid);
	SET("task_struct", task, "tgid", tgid);
	fixture_set_text(f, "task_struct", task, "comm", comm);
	SET("task_struct", task, start, MADE_START + (pid - tgid) * 1000000000ull);
	for (size_t i = 0; i < 2; i++) /* sleeping; uninterruptible */
		if (fixture_has(f, "task_struct", states[i]))
			SET("task_struct", task, states[i], pid == tgid ? 1 : 2);
	SET("task_struct", task, "real_parent", init_task ? init_task : task);
	SET("task_struct", task, "parent", init_task ? init_task : task);
	SET("task_struct", task, "real_cred", cred);
	SET("task_struct", task, "signal", signal);
	SET("task_struct", task, "thread_pid", number);
	SET("task_struct", task, "mm", task_mm);
	SET("task_struct", task, "fs", task_fs);
	SET("cred", cred, "uid", 1000);
	SET("cred", cred, "user_ns", user_ns);
	SET("cred", cred, "user", user);
	SET("cred", cred, "cap_permitted", 0x3000);
	SET("user_struct", user, "uid", 1000);
	SET("pid", number, "numbers[0].nr", pid);
	SET("pid", number, "numbers[0].ns", pid_ns);
	if (pid == tgid)
		leader = task;
	SET("task_struct", task, "group_leader", leader);
	if (pid)
		SET("pid", number, "tasks[0]", AT("task_struct", task, "pid_links[0]"));
	if (pid == tgid)
		SET("pid", number, "tasks[1]", AT("task_struct", task, "pid_links[1]"));
	if (pid)
		fixture_word(f, AT("xa_node", pids, "slots") + pid % 64 * 8, number);
	fixture_link(f, AT("signal_struct", signal, "thread_head"),
		     AT("task_struct", task, "thread_node"));
	return task;
}

static void make_root(struct fixture *f)
{
	root_sb = make_sb(f, "ext4", NULL, 8 << 20 | 1);
	root_mount = make_mount(f, 0, 0, root_sb, "/dev/sda1", 21);
	memcpy(&root_dentry,
	       f->bytes +
		   (AT("vfsmount", AT("mount", root_mount, "mnt"), "mnt_root") - FIXTURE_BASE),
	       sizeof(root_dentry));
	task_fs = fixture_new(f, "fs_struct");
	SET("fs_struct", task_fs, "root.dentry", root_dentry);
	SET("fs_struct", task_fs, "root.mnt", AT("mount", root_mount, "mnt"));
	SET("fs_struct", task_fs, "pwd.dentry", make_dentry(f, root_dentry, "home", root_sb));
	SET("fs_struct", task_fs, "pwd.mnt", AT("mount", root_mount, "mnt"));
}

struct tocsin_process make_process(struct fixture *f)
{
	uint64_t signal = fixture_new(f, "signal_struct"), task;

	user_ns = fixture_new(f, "user_namespace");
	pid_ns = fixture_new(f, "pid_namespace");
	pids = fixture_new(f, "xa_node"); /* one node is enough for those who read all of it */
	SET("xarray", AT("pid_namespace", pid_ns, "idr.idr_rt"), "xa_head", pids | 2);
	SET("user_namespace", user_ns, "ns.inum", 0xeffffffd);
	SET("pid_namespace", pid_ns, "ns.inum", 0xeffffffc);
	init_task = task_mm = task_fs = 0;
	init_task = make_task(f, 0, 0, "swapper/0", fixture_new(f, "signal_struct"));
	make_root(f);
	task_mm = fixture_new(f, "mm_struct");
	SET("mm_struct", task_mm, "pgd", FIXTURE_ROOT);
	SET("mm_struct", task_mm, "arg_start", FIXTURE_USER);
	SET("mm_struct", task_mm, "arg_end", FIXTURE_USER + 10);
	fixture_put(f, FIXTURE_BASE + FIXTURE_USER_AT, "worker\0-v\0HOME=/root\0A=b", 25);
	task = make_task(f, MADE_PID, MADE_PID, "worker", signal);
	fixture_link(f, AT("task_struct", init_task, "tasks"), AT("task_struct", task, "tasks"));
	make_task(f, MADE_PID + 1, MADE_PID, "helper", signal);
	fixture_symbol(f, "init_task", init_task);
	fixture_symbol(f, "init_user_ns", user_ns);
	fixture_symbol(f, "init_pid_ns", pid_ns);
	return (struct tocsin_process){.task = task,
				       .pid = MADE_PID,
				       .tid = MADE_PID,
				       .mm = task_mm,
				       .pgd = FIXTURE_ROOT - FIXTURE_BASE};
}

static uint64_t make_node(struct fixture *f, uint64_t parent, const char *name)
{
	uint64_t node = fixture_new(f, "kernfs_node");

	SET("kernfs_node", node, "name", fixture_text(f, name));
	SET("kernfs_node", node, fixture_has(f, "kernfs_node", "parent") ? "parent" : "__parent",
	    parent);
	return node;
}

static uint64_t proxy_of(struct fixture *f, const struct tocsin_process *p)
{
	uint64_t proxy = fixture_new(f, "nsproxy");

	SET("task_struct", p->task, "nsproxy", proxy);
	return proxy;
}

void make_details(struct fixture *f, const struct tocsin_process *p)
{
	uint64_t proxy = proxy_of(f, p), set = fixture_new(f, "css_set"), uts;
	uint64_t cgroup = fixture_new(f, "cgroup"), css = fixture_new(f, "cgroup_subsys_state");
	uint64_t root = fixture_new(f, "cgroup"), signal, group = fixture_new(f, "pid");

	uts = fixture_new(f, "uts_namespace");
	SET("uts_namespace", uts, "ns.inum", 0xeffffffe);
	SET("nsproxy", proxy, "uts_ns", uts);
	memcpy(&signal, f->bytes + (AT("task_struct", p->task, "signal") - FIXTURE_BASE), 8);
	SET("signal_struct", signal, "nr_threads", 2);
	SET("signal_struct", signal, "pids[2]", group);
	SET("pid", group, "numbers[0].nr", 650);
	SET("cgroup", cgroup, "kn",
	    make_node(f, make_node(f, make_node(f, 0, ""), "system.slice"), "worker.service"));
	SET("cgroup", root, "kn", make_node(f, 0, ""));
	SET("cgroup_subsys_state", css, "cgroup", cgroup);
	SET("css_set", set, "dfl_cgrp", root);
	SET("css_set", set, "subsys[2]", css);
	SET("task_struct", p->task, "cgroups", set);
	SET("task_struct", p->task, "seccomp.mode", 2);
	SET("task_struct", p->task, "ptrace", 1);
	SET("mm_struct", p->mm, "env_start", FIXTURE_USER + 10);
	SET("mm_struct", p->mm, "env_end", FIXTURE_USER + 25);
}

void make_mounts(struct fixture *f, const struct tocsin_process *p)
{
	uint64_t proxy = proxy_of(f, p), ns = fixture_new(f, "mnt_namespace"), srv, data;

	SET("nsproxy", proxy, "mnt_ns", ns);
	SET("mnt_namespace", ns, "root", root_mount);
	make_mount(f, root_mount, make_dentry(f, root_dentry, "proc", root_sb),
		   make_sb(f, "proc", NULL, 5), "proc", 22);
	srv = make_dentry(f, root_dentry, "srv", root_sb);
	data = make_mount(f, root_mount, make_dentry(f, srv, "data", root_sb),
			  make_sb(f, "fuse", "sshfs", 6), "host:/data", 23);
	SET("vfsmount", AT("mount", data, "mnt"), "mnt_flags", 0x43); /* ro, nosuid, nodev */
}

static uint64_t make_file(struct fixture *f, uint64_t dentry)
{
	uint64_t file = fixture_new(f, "file"), inode;

	memcpy(&inode, f->bytes + (AT("dentry", dentry, "d_inode") - FIXTURE_BASE), 8);
	SET("file", file, "f_path.dentry", dentry);
	SET("file", file, "f_path.mnt", AT("mount", root_mount, "mnt"));
	SET("file", file, "f_inode", inode);
	return file;
}

static uint64_t make_vma(struct fixture *f, uint64_t start, uint64_t end, uint64_t file)
{
	uint64_t vma = fixture_new(f, "vm_area_struct");

	SET("vm_area_struct", vma, "vm_start", start);
	SET("vm_area_struct", vma, "vm_end", end);
	SET("vm_area_struct", vma, "vm_mm", task_mm);
	SET("vm_area_struct", vma, "vm_flags", 0x75);
	SET("vm_area_struct", vma, "vm_file", file);
	return vma;
}

void make_vmas(struct fixture *f, const struct tocsin_process *p)
{
	uint64_t file = make_file(f, make_dentry(f, root_dentry, "program", root_sb));
	uint64_t first = make_vma(f, 0x400000, 0x402000, file);
	uint64_t second = make_vma(f, 0x600000, 0x601000, 0), node;
	static const uint64_t pivots[] = {0x3fffff, 0x401fff, 0x5fffff, 0x600fff, UINT64_MAX};

	if (fixture_has(f, "mm_struct", "mmap")) {
		SET("mm_struct", p->mm, "mmap", first);
		SET("vm_area_struct", first, "vm_next", second);
		return;
	}
	node = (fixture_room(f, 512) + 255) & ~255ull;
	SET("maple_range_64", node, "parent", 1);
	fixture_put(f, AT("maple_range_64", node, "pivot"), pivots, sizeof(pivots));
	SET("maple_range_64", node, "slot[1]", first);
	SET("maple_range_64", node, "slot[3]", second);
	SET("mm_struct", p->mm, "mm_mt.ma_root", node | 1 << 3 | 2); /* a leaf */
}

void make_files(struct fixture *f, const struct tocsin_process *p, uint64_t net)
{
	uint64_t files = fixture_new(f, "files_struct"), table = fixture_new(f, "fdtable");
	uint64_t array = fixture_room(f, 8 * 8), alloc = fixture_new(f, "socket_alloc");
	uint64_t file = make_file(f, make_dentry(f, root_dentry, "log", root_sb));
	uint64_t socket = AT("socket_alloc", alloc, "socket"), sock = fixture_new(f, "udp_sock");
	uint64_t inode = AT("socket_alloc", alloc, "vfs_inode"), opened = fixture_new(f, "file");
	uint64_t sb = make_sb(f, "sockfs", NULL, 9), dentry = make_dentry(f, 0, "", sb);

	SET("super_block", sb, "s_magic", 0x534f434b);
	SET("inode", inode, "i_mode", 0140777);
	SET("inode", inode, "i_sb", sb);
	SET("inode", inode, "i_ino", 4711);
	SET("dentry", dentry, "d_inode", inode);
	SET("file", opened, "f_path.dentry", dentry);
	SET("file", opened, "f_inode", inode);
	SET("socket", socket, "sk", sock);
	SET("socket", socket, "file", opened);
	SET("sock", sock, "sk_socket", socket);
	SET("sock", sock, "sk_type", 2);
	SET("sock", sock, "sk_protocol", 17);
	SET("sock", sock, "__sk_common.skc_family", 2);
	SET("sock", sock, "__sk_common.skc_state", 7);
	SET("sock", sock, "__sk_common.skc_refcnt", 1);
	SET("sock", sock, "__sk_common.skc_net", net);
	fixture_word(f, array, file);
	fixture_word(f, array + 3 * 8, opened);
	SET("fdtable", table, "max_fds", 8);
	SET("fdtable", table, "fd", array);
	SET("files_struct", files, "fdt", table);
	SET("task_struct", p->task, "files", files);
}

struct made_opened make_opened(struct fixture *f, const struct tocsin_process *p)
{
	struct made_opened ret = {0};
	struct tocsin_file_list list;
	uint64_t mounts, mnt;

	if (tocsin_file_list(&f->k, p, &list, NULL))
		abort();
	for (size_t i = 0; i < list.count; i++)
		if (list.rows[i].is_socket)
			ret.sock = list.rows[i].socket.sock;
		else
			ret.file = list.rows[i].file;
	tocsin_file_list_free(&list);
	ret.dentry = fixture_get(f, "file", ret.file, "f_path.dentry");
	ret.inode = fixture_get(f, "file", ret.file, "f_inode");
	ret.sb = fixture_get(f, "inode", ret.inode, "i_sb");
	ret.socket = fixture_get(f, "sock", ret.sock, "sk_socket");
	mnt = fixture_get(f, "file", ret.file, "f_path.mnt");
	mounts = AT("super_block", ret.sb, "s_mounts");
	SET("dentry", ret.dentry, "d_sb", ret.sb);
	SET("inode", ret.inode, "i_nlink", 1);
	SET("vfsmount", mnt, "mnt_sb", ret.sb);
	fixture_link(f, mounts, 0);
	fixture_link(f, mounts,
		     mnt - fixture_offset(f, "mount", "mnt") +
			 fixture_offset(f, "mount", "mnt_instance"));
	return ret;
}

struct tocsin_vma make_copies(struct fixture *f)
{
	uint64_t file = make_file(f, make_dentry(f, root_dentry, "program", root_sb)), pages;
	uint64_t mapping = fixture_new(f, "address_space"), base = fixture_room(f, 8), size, node;

	pages = fixture_room(f, 0);
	for (uint32_t i = 0; i < FIXTURE_SIZE / TOCSIN_PAGE_SIZE; i++)
		fixture_new(f, "page");
	tocsin_btf_sizeof(f->k.btf, "page", &size);
	node = fixture_new(f, "xa_node");
	fixture_word(f, base, pages);
	fixture_symbol(f, "vmemmap_base", base);
	SET("file", file, "f_mapping", mapping);
	SET("xarray", AT("address_space", mapping, "i_pages"), "xa_head", node | 2);
	for (uint32_t i = 0; i < 4; i++) { /* the process's, and those that the cache has */
		uint64_t own = pages + (FIXTURE_USER_AT / TOCSIN_PAGE_SIZE + i) * size;
		uint64_t cached = i == 2 ? pages + 0x20 * size : own;

		SET("page", own, "mapping", i == 2 ? base | 1 : mapping); /* one is anonymous */
		SET(fixture_has(f, "page", "index") ? "page" : "folio", cached, "index", i);
		fixture_word(f, AT("xa_node", node, "slots") + i * 8, cached);
	}
	return (struct tocsin_vma){.start = FIXTURE_USER,
				   .end = FIXTURE_USER + 4 * TOCSIN_PAGE_SIZE,
				   .exec = true,
				   .has_file = true,
				   .file_va = file};
}

struct tocsin_process make_caller(struct fixture *f)
{
	struct tocsin_process p = make_process(f);
	uint64_t proxy = fixture_new(f, "nsproxy"), ns = fixture_new(f, "mnt_namespace");

	make_system(f);
	make_files(f, &p, make_net(f));
	SET("mnt_namespace", ns, "ns.inum", MADE_FIRST_NS);
	SET("nsproxy", proxy, "mnt_ns", ns);
	SET("task_struct", init_task, "nsproxy", proxy);
	if (fixture_has(f, "mount", "mnt_ns"))
		SET("mount", root_mount, "mnt_ns", ns);
	SET("task_struct", p.task, "stack", MADE_STACK);
	return p;
}
