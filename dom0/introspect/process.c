// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One process, read twice: a guest runs while it is read. A row is read until two readings in a row
 * are the same, a few times at most; a row that never is, is marked torn.
 */
#include "introspect/process.h"

#include "introspect/list.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define RETRIES 6
#define PID_LEVELS 32

const char *tocsin_confidence_name(enum tocsin_confidence c)
{
	static const char *const names[] = {"consistent", "torn", "contradicted"};

	return (unsigned int)c < 3 ? names[c] : "unknown";
}

static const struct {
	const char *type, *path;
	size_t field;
} members[] = {
#define X(type, path, name) {type, path, offsetof(struct tocsin_process_layout, name)},
    TOCSIN_LAYOUT(X)
#undef X
};

static int member_offset(struct tocsin_kernel *k, const char *type, const char *path, uint32_t *ret)
{
	struct tocsin_btf_member member;
	int rc = tocsin_btf_member(k->btf, type, path, &member);

	if (!rc && (member.offset > UINT16_MAX || member.bit_size))
		rc = -EINVAL;
	if (!rc)
		*ret = (uint32_t)member.offset;
	return rc;
}

uint32_t tocsin_member_or_none(const struct tocsin_kernel *k, const char *type, const char *path)
{
	struct tocsin_btf_member member;

	if (tocsin_btf_member(k->btf, type, path, &member) || member.offset > UINT16_MAX ||
	    member.bit_size)
		return TOCSIN_NO_MEMBER;
	return (uint32_t)member.offset;
}

void tocsin_process_layout_resolve(struct tocsin_kernel *k)
{
	struct tocsin_process_layout *l = calloc(1, sizeof(*l));
	struct tocsin_error *err = &k->process_error;
	uint64_t va, size, mnt;
	int rc = 0;

	if (!l) {
		tocsin_error_set(err, -ENOMEM, "no memory for the layout of processes");
		return;
	}
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		rc = member_offset(k, members[i].type, members[i].path,
				   (uint32_t *)((char *)l + members[i].field));
		if (rc) {
			tocsin_error_set(err, rc, "the kernel has no usable %s.%s", members[i].type,
					 members[i].path);
			goto out;
		}
	}
	if (member_offset(k, "task_struct", "start_boottime", &l->start_time))
		rc = member_offset(k, "task_struct", "real_start_time", &l->start_time);
	if (!rc)
		rc = tocsin_btf_sizeof(k->btf, "upid", &size);
	if (!rc && (!size || size > 256))
		rc = -EINVAL;
	if (!rc)
		rc = tocsin_kernel_symbol(k, "init_task", &l->init_task);
	if (!rc)
		rc = tocsin_kernel_symbol(k, "init_user_ns", &l->init_user_ns);
	if (rc) {
		tocsin_error_set(err, rc, "the kernel's processes have no known layout");
		goto out;
	}
	l->upid_size = (uint32_t)size;
	l->leader = tocsin_member_or_none(k, "task_struct", "group_leader");
	l->state = tocsin_member_or_none(k, "task_struct", "__state");
	if (l->state == TOCSIN_NO_MEMBER) /* before 5.14 */
		l->state = tocsin_member_or_none(k, "task_struct", "state");
	l->exec_id = tocsin_member_or_none(k, "task_struct", "self_exec_id");
	if (member_offset(k, "pid", "tasks[1]", &l->pid_tasks) ||
	    member_offset(k, "task_struct", "pid_links[1]", &l->task_links) ||
	    member_offset(k, "pid_namespace", "idr.idr_rt", &l->pid_ns_idr) ||
	    tocsin_kernel_symbol(k, "init_pid_ns", &l->init_pid_ns))
		l->pid_tasks = TOCSIN_NO_MEMBER;
	if (!tocsin_kernel_symbol(k, "shm_mnt", &va) && !tocsin_kernel_read_u64(k, va, &mnt) &&
	    tocsin_kernel_read_u64(k, mnt + l->vfsmount_sb, &l->shm_sb))
		l->shm_sb = 0;
	k->process = l;
	return;
out:
	free(l);
}

int tocsin_process_layout(struct tocsin_kernel *k, const struct tocsin_process_layout **ret,
			  struct tocsin_error *err)
{
	if (!k->process)
		return tocsin_error_set(err, k->process_error.code, "%s", k->process_error.message);
	*ret = k->process;
	return 0;
}

static int read_u32(struct tocsin_kernel *k, uint64_t va, void *ret)
{
	return tocsin_kernel_read(k, va, ret, 4);
}

static int read_credentials(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			    uint64_t task, struct tocsin_process *p)
{
	uint64_t cred, ns;

	if (tocsin_kernel_read_u64(k, task + l->task_cred, &cred) ||
	    read_u32(k, cred + l->cred_uid, &p->uid) || read_u32(k, cred + l->cred_gid, &p->gid) ||
	    read_u32(k, cred + l->cred_suid, &p->suid) ||
	    read_u32(k, cred + l->cred_euid, &p->euid) ||
	    read_u32(k, cred + l->cred_egid, &p->egid) ||
	    read_u32(k, cred + l->cred_fsuid, &p->fsuid) ||
	    tocsin_kernel_read_u64(k, cred + l->cred_cap, &p->cap_effective) ||
	    tocsin_kernel_read_u64(k, cred + l->cred_user_ns, &ns))
		return -EFAULT;
	p->cred = cred;
	p->user_ns_initial = ns == l->init_user_ns;
	return 0;
}

int tocsin_process_pid_in(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			  uint64_t task, uint64_t ns, int32_t *ret, uint64_t *own_ns)
{
	uint64_t pid, at, found;
	uint32_t level;

	if (tocsin_kernel_read_u64(k, task + l->task_thread_pid, &pid) ||
	    read_u32(k, pid + l->pid_level, &level))
		return -EFAULT;
	if (level > PID_LEVELS)
		return -EINVAL;
	for (uint32_t i = ns ? 0 : level; i <= level; i++) {
		at = pid + l->pid_numbers + (uint64_t)i * l->upid_size;
		if (tocsin_kernel_read_u64(k, at + l->upid_ns, &found))
			return -EFAULT;
		if (ns && found != ns)
			continue;
		if (own_ns)
			*own_ns = found;
		return read_u32(k, at + l->upid_nr, ret);
	}
	return -ESRCH;
}

static int read_mode(struct tocsin_kernel *k, const struct tocsin_process_layout *l, uint64_t file,
		     uint32_t *ret)
{
	uint64_t dentry, inode;
	uint16_t mode;

	if (tocsin_kernel_read_u64(k, file + l->file_dentry, &dentry) ||
	    tocsin_kernel_read_u64(k, dentry + l->dentry_inode, &inode) ||
	    tocsin_kernel_read(k, inode + l->inode_mode, &mode, sizeof(mode)))
		return -EFAULT;
	*ret = mode;
	return 0;
}

/* What belongs to the address space: page table, executable, arguments. */
static int read_mm(struct tocsin_kernel *k, const struct tocsin_process_layout *l, uint64_t task,
		   struct tocsin_process *p)
{
	struct tocsin_mapping mapping;
	uint64_t pgd, exe, fs, start, end;
	size_t done = 0;
	int rc;

	if (tocsin_kernel_read_u64(k, p->mm + l->mm_pgd, &pgd) ||
	    tocsin_kernel_read_u64(k, p->mm + l->mm_exe, &exe) ||
	    tocsin_kernel_read_u64(k, p->mm + l->mm_arg_start, &start) ||
	    tocsin_kernel_read_u64(k, p->mm + l->mm_arg_end, &end) ||
	    tocsin_kernel_read_u64(k, task + l->task_fs, &fs))
		return -EFAULT;
	rc = tocsin_walk(k->m, k->paging, pgd, &mapping);
	if (rc)
		return rc;
	if (mapping.gpa % TOCSIN_PAGE_SIZE)
		return -EINVAL;
	p->pgd = mapping.gpa;
	if (exe) {
		rc = tocsin_file_identity(k, l, exe, &p->exe_id);
		if (!rc)
			rc = tocsin_file_path(k, l, exe, fs, p->exe);
		if (!rc)
			rc = read_mode(k, l, exe, &p->exe_mode);
		if (rc)
			return rc;
	}
	if (end > start) {
		p->cmdline_truncated = end - start > sizeof(p->cmdline);
		p->cmdline_size = p->cmdline_truncated ? sizeof(p->cmdline) : end - start;
		rc = tocsin_process_read(k, p, start, p->cmdline, p->cmdline_size, &done);
		if (rc == -EFAULT) { /* paged out: what there is, and said so */
			memset(p->cmdline + done, 0, sizeof(p->cmdline) - done);
			p->cmdline_size = done;
			p->cmdline_truncated = true;
			rc = 0;
		}
	}
	return rc;
}

static int read_once(struct tocsin_kernel *k, const struct tocsin_process_layout *l, uint64_t task,
		     struct tocsin_process *p)
{
	uint64_t parent;
	int rc;

	memset(p, 0, sizeof(*p));
	p->task = task;
	if (read_u32(k, task + l->task_tgid, &p->pid) ||
	    tocsin_kernel_read(k, task + l->task_comm, p->comm, TOCSIN_COMM_SIZE) ||
	    tocsin_kernel_read_u64(k, task + l->start_time, &p->start_time) ||
	    tocsin_kernel_read_u64(k, task + l->task_mm, &p->mm) ||
	    tocsin_kernel_read_u64(k, task + l->task_parent, &parent) ||
	    read_u32(k, parent + l->task_tgid, &p->ppid))
		return -EFAULT;
	p->tid = p->pid;
	/* A leader that is not on the list has exited: what is left there means nothing. */
	if (p->pid <= 0 || !tocsin_list_linked(k, task + l->task_tasks))
		p->confidence = TOCSIN_CONTRADICTED;
	rc = tocsin_process_pid_in(k, l, task, 0, &p->ns_pid, NULL);
	if (!rc)
		rc = read_credentials(k, l, task, p);
	if (!rc && p->mm)
		rc = read_mm(k, l, task, p);
	return rc;
}

int tocsin_process_read_row(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			    uint64_t task, struct tocsin_process *ret)
{
	struct tocsin_process *rows = malloc(2 * sizeof(*rows));
	enum tocsin_confidence confidence = TOCSIN_TORN;
	int rc, again, last = 0;

	if (!rows)
		return -ENOMEM;
	rc = read_once(k, l, task, &rows[0]);
	for (int i = 0; i < RETRIES && confidence == TOCSIN_TORN; i++) {
		tocsin_kernel_wait(k, i);
		again = read_once(k, l, task, &rows[!last]);
		if (!rc && !again && !memcmp(&rows[0], &rows[1], sizeof(*rows)))
			confidence = rows[last].confidence;
		rc = again;
		last = !last;
	}
	*ret = rows[last];
	ret->confidence = confidence;
	free(rows);
	return 0;
}
