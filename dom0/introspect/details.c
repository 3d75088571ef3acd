// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What only some want to know of a process, read until two readings agree. Its members are looked
 * up each time: they are many, and few kernels have all of them.
 *
 * The container ID is no thing of the kernel: engines name a container's cgroup after it, 64
 * hexadecimal digits, with or without more around them.
 */
#include "introspect/process.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RETRIES 4
#define DEPTH_MAX 64
#define NAME_MAX_BYTES 255
#define ENVIRONMENT_MAX (64u << 10)
#define SUBSYSTEMS_MAX 32
#define CONTAINER_DIGITS 64

/* X(structure, member path, name here) */
#define LAYOUT(X)                                                                                  \
	X("cred", "cap_inheritable", cap_inheritable)                                              \
	X("cred", "cap_permitted", cap_permitted)                                                  \
	X("cred", "cap_bset", cap_bounding)                                                        \
	X("cred", "cap_ambient", cap_ambient)                                                      \
	X("cred", "user", cred_user)                                                               \
	X("user_struct", "uid", user_uid)                                                          \
	X("task_struct", "atomic_flags", atomic_flags)                                             \
	X("task_struct", "seccomp.mode", seccomp_mode)                                             \
	X("task_struct", "seccomp.filter_count", seccomp_filters)                                  \
	X("task_struct", "ptrace", ptrace)                                                         \
	X("task_struct", "parent", parent)                                                         \
	X("task_struct", "nsproxy", nsproxy)                                                       \
	X("task_struct", "cgroups", cgroups)                                                       \
	X("signal_struct", "nr_threads", nr_threads)                                               \
	X("signal_struct", "pids[2]", pgid)                                                        \
	X("signal_struct", "pids[3]", sid)                                                         \
	X("nsproxy", "mnt_ns", nsproxy_mnt)                                                        \
	X("nsproxy", "uts_ns", nsproxy_uts)                                                        \
	X("nsproxy", "ipc_ns", nsproxy_ipc)                                                        \
	X("nsproxy", "net_ns", nsproxy_net)                                                        \
	X("nsproxy", "cgroup_ns", nsproxy_cgroup)                                                  \
	X("nsproxy", "time_ns", nsproxy_time)                                                      \
	X("mnt_namespace", "ns.inum", mnt_inum)                                                    \
	X("uts_namespace", "ns.inum", uts_inum)                                                    \
	X("ipc_namespace", "ns.inum", ipc_inum)                                                    \
	X("pid_namespace", "ns.inum", pid_inum)                                                    \
	X("net", "ns.inum", net_inum)                                                              \
	X("user_namespace", "ns.inum", user_inum)                                                  \
	X("cgroup_namespace", "ns.inum", cgroup_inum)                                              \
	X("time_namespace", "ns.inum", time_inum)                                                  \
	X("css_set", "dfl_cgrp", css_set_default)                                                  \
	X("css_set", "subsys", css_set_subsystems)                                                 \
	X("cgroup_subsys_state", "cgroup", css_cgroup)                                             \
	X("cgroup", "kn", cgroup_node)                                                             \
	X("kernfs_node", "name", node_name)                                                        \
	X("fs_struct", "pwd.dentry", pwd_dentry)                                                   \
	X("fs_struct", "pwd.mnt", pwd_mnt)                                                         \
	X("mm_struct", "env_start", env_start)                                                     \
	X("mm_struct", "env_end", env_end)

struct layout {
#define X(type, path, name) uint32_t name;
	LAYOUT(X)
#undef X
	uint32_t node_parent;
	uint32_t subsystems; /* how many */
};

struct reading {
	struct tocsin_kernel *k;
	const struct tocsin_process_layout *l;
	const struct tocsin_process *p;
	struct layout at;
};

static void find_layout(struct reading *r)
{
	struct tocsin_btf_member member;

#define X(type, path, name) r->at.name = tocsin_member_or_none(r->k, type, path);
	LAYOUT(X)
#undef X
	r->at.node_parent = tocsin_member_or_none(r->k, "kernfs_node", "parent");
	if (r->at.node_parent == TOCSIN_NO_MEMBER) /* 6.15 on */
		r->at.node_parent = tocsin_member_or_none(r->k, "kernfs_node", "__parent");
	if (!tocsin_btf_member(r->k->btf, "css_set", "subsys", &member))
		r->at.subsystems =
		    member.size / 8 < SUBSYSTEMS_MAX ? member.size / 8 : SUBSYSTEMS_MAX;
}

/* Nothing if the kernel has no such member; -EFAULT if it cannot be read. */
static int take(const struct reading *r, uint64_t object, uint32_t offset, void *to, size_t size)
{
	if (offset == TOCSIN_NO_MEMBER || !object) {
		memset(to, 0, size);
		return 0;
	}
	return tocsin_kernel_read(r->k, object + offset, to, size);
}

static int read_credentials(const struct reading *r, struct tocsin_process_details *d)
{
	uint64_t cred, flags, user;

	if (tocsin_kernel_read_u64(r->k, r->p->task + r->l->task_cred, &cred) ||
	    take(r, cred, r->at.cap_inheritable, &d->cap_inheritable, 8) ||
	    take(r, cred, r->at.cap_permitted, &d->cap_permitted, 8) ||
	    take(r, cred, r->at.cap_bounding, &d->cap_bounding, 8) ||
	    take(r, cred, r->at.cap_ambient, &d->cap_ambient, 8) ||
	    take(r, cred, r->at.cred_user, &user, 8) ||
	    take(r, r->p->task, r->at.atomic_flags, &flags, 8) ||
	    take(r, r->p->task, r->at.seccomp_mode, &d->seccomp, 4) ||
	    take(r, r->p->task, r->at.seccomp_filters, &d->seccomp_filters, 4))
		return -EFAULT;
	d->account_uid = r->p->uid;
	if (user && r->at.user_uid != TOCSIN_NO_MEMBER &&
	    take(r, user, r->at.user_uid, &d->account_uid, 4))
		return -EFAULT;
	d->no_new_privs = flags & 1; /* PFA_NO_NEW_PRIVS, include/linux/sched.h */
	return 0;
}

static int pid_number(const struct reading *r, uint64_t signal, uint32_t member, int32_t *ret)
{
	uint64_t pid;

	if (take(r, signal, member, &pid, 8))
		return -EFAULT;
	if (!pid)
		return 0;
	return tocsin_kernel_read(r->k, pid + r->l->pid_numbers + r->l->upid_nr, ret, 4);
}

static int read_relations(const struct reading *r, struct tocsin_process_details *d)
{
	uint64_t signal, parent;
	uint32_t traced;

	if (tocsin_kernel_read_u64(r->k, r->p->task + r->l->task_signal, &signal) ||
	    take(r, signal, r->at.nr_threads, &d->thread_count, 4) ||
	    pid_number(r, signal, r->at.pgid, &d->pgid) ||
	    pid_number(r, signal, r->at.sid, &d->sid) ||
	    take(r, r->p->task, r->at.ptrace, &traced, 4) ||
	    take(r, r->p->task, r->at.parent, &parent, 8))
		return -EFAULT;
	return traced && parent ? tocsin_kernel_read(r->k, parent + r->l->task_tgid, &d->tracer, 4)
				: 0;
}

static int namespace(const struct reading *r, uint64_t proxy, uint32_t member, uint32_t inum,
		     uint32_t *ret)
{
	uint64_t ns;

	return take(r, proxy, member, &ns, 8) || take(r, ns, inum, ret, 4) ? -EFAULT : 0;
}

static int read_namespaces(const struct reading *r, struct tocsin_namespaces *n)
{
	uint64_t proxy, cred, user, pid;
	int32_t number;

	if (take(r, r->p->task, r->at.nsproxy, &proxy, 8) ||
	    namespace(r, proxy, r->at.nsproxy_mnt, r->at.mnt_inum, &n->mnt) ||
	    namespace(r, proxy, r->at.nsproxy_uts, r->at.uts_inum, &n->uts) ||
	    namespace(r, proxy, r->at.nsproxy_ipc, r->at.ipc_inum, &n->ipc) ||
	    namespace(r, proxy, r->at.nsproxy_net, r->at.net_inum, &n->net) ||
	    namespace(r, proxy, r->at.nsproxy_cgroup, r->at.cgroup_inum, &n->cgroup) ||
	    namespace(r, proxy, r->at.nsproxy_time, r->at.time_inum, &n->time) ||
	    tocsin_kernel_read_u64(r->k, r->p->task + r->l->task_cred, &cred) ||
	    tocsin_kernel_read_u64(r->k, cred + r->l->cred_user_ns, &user) ||
	    take(r, user, r->at.user_inum, &n->user, 4) ||
	    tocsin_process_pid_in(r->k, r->l, r->p->task, 0, &number, &pid) ||
	    take(r, pid, r->at.pid_inum, &n->pid, 4))
		return -EFAULT;
	return 0;
}

/* The path of a cgroup from its hierarchy's root. */
static int cgroup_path(const struct reading *r, uint64_t cgroup, char path[TOCSIN_PATH_SIZE])
{
	char name[NAME_MAX_BYTES + 1], built[TOCSIN_PATH_SIZE];
	size_t at = sizeof(built) - 1;
	uint64_t node, parent, text;

	built[at] = 0;
	if (take(r, cgroup, r->at.cgroup_node, &node, 8))
		return -EFAULT;
	for (int depth = 0; node && depth < DEPTH_MAX; depth++, node = parent) {
		size_t length;

		if (take(r, node, r->at.node_parent, &parent, 8) ||
		    take(r, node, r->at.node_name, &text, 8))
			return -EFAULT;
		if (!parent)
			break;
		memset(name, 0, sizeof(name));
		for (size_t i = 0; i < sizeof(name) - 1; i++) /* may end at a page's end */
			if (tocsin_kernel_read(r->k, text + i, name + i, 1))
				return -EFAULT;
			else if (!name[i])
				break;
		length = strlen(name);
		if (at < length + 1)
			return -ENAMETOOLONG;
		at -= length;
		memcpy(built + at, name, length);
		built[--at] = '/';
	}
	if (!built[at])
		built[--at] = '/';
	memcpy(path, built + at, sizeof(built) - at);
	return 0;
}

static void find_container(const char *cgroup, char ret[CONTAINER_DIGITS + 1])
{
	size_t run = 0;

	for (const char *c = cgroup;; c++) {
		bool digit = isdigit((unsigned char)*c) || (*c >= 'a' && *c <= 'f');

		if (!digit && run == CONTAINER_DIGITS) {
			memcpy(ret, c - CONTAINER_DIGITS, CONTAINER_DIGITS);
			ret[CONTAINER_DIGITS] = 0; /* go on: the innermost counts */
		}
		if (!*c)
			return;
		run = digit ? run + 1 : 0;
	}
}

static int read_cgroup(const struct reading *r, struct tocsin_process_details *d)
{
	uint64_t set, cgroup, css;
	int rc;

	if (take(r, r->p->task, r->at.cgroups, &set, 8) ||
	    take(r, set, r->at.css_set_default, &cgroup, 8))
		return -EFAULT;
	if (!cgroup)
		return 0;
	rc = cgroup_path(r, cgroup, d->cgroup);
	for (uint32_t i = 0; !rc && i < r->at.subsystems && !strcmp(d->cgroup, "/"); i++) {
		if (take(r, set, r->at.css_set_subsystems + i * 8, &css, 8) ||
		    take(r, css, r->at.css_cgroup, &cgroup, 8))
			return -EFAULT;
		if (cgroup)
			rc = cgroup_path(r, cgroup, d->cgroup);
	}
	if (!rc)
		find_container(d->cgroup, d->container);
	return rc;
}

/* A path that cannot be told stays "". */
static int read_paths(const struct reading *r, struct tocsin_process_details *d)
{
	uint64_t fs, dentry, mnt;

	if (tocsin_kernel_read_u64(r->k, r->p->task + r->l->task_fs, &fs))
		return -EFAULT;
	if (!fs)
		return 0;
	if (take(r, fs, r->at.pwd_dentry, &dentry, 8) || take(r, fs, r->at.pwd_mnt, &mnt, 8))
		return -EFAULT;
	if (dentry && mnt && tocsin_dentry_path(r->k, r->l, dentry, mnt, fs, d->cwd, NULL))
		d->cwd[0] = 0;
	if (tocsin_kernel_read_u64(r->k, fs + r->l->fs_root_dentry, &dentry) ||
	    tocsin_kernel_read_u64(r->k, fs + r->l->fs_root_mnt, &mnt))
		return -EFAULT;
	if (tocsin_dentry_path(r->k, r->l, dentry, mnt, 0, d->root, NULL))
		d->root[0] = 0;
	return 0;
}

static int read_once(const struct reading *r, struct tocsin_process_details *d)
{
	int rc;

	memset(d, 0, sizeof(*d));
	rc = read_credentials(r, d);
	if (!rc)
		rc = read_relations(r, d);
	if (!rc)
		rc = read_namespaces(r, &d->namespaces);
	if (!rc)
		rc = read_cgroup(r, d);
	return rc ? rc : read_paths(r, d);
}

/* Once: a process may rewrite it at any time, and that is its own affair. */
static int read_environment(const struct reading *r, struct tocsin_process_details *d)
{
	uint64_t start, end;
	size_t size, done = 0;

	if (!r->p->mm || take(r, r->p->mm, r->at.env_start, &start, 8) ||
	    take(r, r->p->mm, r->at.env_end, &end, 8) || end <= start)
		return 0;
	size = end - start < ENVIRONMENT_MAX ? end - start : ENVIRONMENT_MAX;
	d->environment = calloc(1, size + 1);
	if (!d->environment)
		return -ENOMEM;
	d->environment_truncated =
	    tocsin_process_read(r->k, r->p, start, d->environment, size, &done) ||
	    end - start > ENVIRONMENT_MAX;
	d->environment_size = done;
	return 0;
}

int tocsin_process_details(struct tocsin_kernel *k, const struct tocsin_process *p,
			   struct tocsin_process_details *ret, struct tocsin_error *err)
{
	struct reading r = {.k = k, .p = p};
	struct tocsin_process_details *d;
	int rc = tocsin_process_layout(k, &r.l, err), again, last = 0;
	bool agree = false;

	if (rc)
		return rc;
	d = calloc(2, sizeof(*d));
	if (!d)
		return tocsin_error_set(err, -ENOMEM, "no memory for a process");
	find_layout(&r);
	rc = read_once(&r, &d[0]);
	for (int i = 0; i < RETRIES && !agree; i++) {
		last = !last;
		again = read_once(&r, &d[last]);
		agree = !rc && !again && !memcmp(&d[0], &d[1], sizeof(*d));
		rc = again;
	}
	d[last].confidence = agree ? TOCSIN_CONSISTENT : TOCSIN_TORN;
	if (!rc)
		rc = read_environment(&r, &d[last]);
	if (!rc)
		*ret = d[last];
	free(d);
	return rc ? tocsin_error_set(err, rc, "the details of process %d cannot be read: %s",
				     p->pid, strerror(-rc))
		  : 0;
}

void tocsin_process_details_free(struct tocsin_process_details *d)
{
	free(d->environment);
	memset(d, 0, sizeof(*d));
}
