// SPDX-License-Identifier: GPL-2.0-or-later
#include "introspect/object.h"
#include "introspect/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIDS_MAX (1 << 22)

static int read_task(struct tocsin_kernel *k, uint64_t va, uint64_t task, struct tocsin_object *o)
{
	const struct tocsin_process_layout *l;
	int rc = tocsin_process_layout(k, &l, NULL);

	if (rc)
		return -ENOTSUP;
	o->kind = TOCSIN_OBJECT_PROCESS;
	if (tocsin_kernel_read(k, va + l->task_tgid, &o->pid, sizeof(o->pid)) ||
	    tocsin_kernel_read(k, va + l->task_pid, &o->tid, sizeof(o->tid)) ||
	    tocsin_kernel_read(k, va + l->start_time, &o->start_time, sizeof(o->start_time)) ||
	    tocsin_kernel_read(k, va + l->task_comm, o->comm, TOCSIN_COMM_SIZE))
		return -EFAULT;
	return o->pid > 0 && o->pid <= PIDS_MAX && o->tid > 0 && o->tid <= PIDS_MAX ? 0 : -ESRCH;
}

static int read_name(struct tocsin_kernel *k, uint64_t va, uint64_t task, struct tocsin_object *o)
{
	uint32_t member = tocsin_member_or_none(k, "filename", "name");
	uint64_t name;

	if (member == TOCSIN_NO_MEMBER)
		return -ENOTSUP;
	o->kind = TOCSIN_OBJECT_NAME;
	if (tocsin_kernel_read_u64(k, va + member, &name))
		return -EFAULT;
	/* Up to its end, a page at most being read in vain. */
	for (size_t n = 0; n < sizeof(o->text) - 1;) {
		size_t part = TOCSIN_PAGE_SIZE - (name + n) % TOCSIN_PAGE_SIZE;

		if (part > sizeof(o->text) - 1 - n)
			part = sizeof(o->text) - 1 - n;
		if (tocsin_kernel_read(k, name + n, o->text + n, part))
			return -EFAULT;
		if (memchr(o->text + n, 0, part))
			break;
		n += part;
	}
	memset(o->text + strlen(o->text), 0, sizeof(o->text) - strlen(o->text));
	return 0;
}

static int read_file(struct tocsin_kernel *k, uint64_t va, uint64_t task, struct tocsin_object *o)
{
	const struct tocsin_process_layout *l;
	uint64_t fs = 0, dentry, inode;
	uint16_t mode;
	int rc = tocsin_process_layout(k, &l, NULL);

	if (rc)
		return -ENOTSUP;
	o->kind = TOCSIN_OBJECT_FILE;
	if (task && tocsin_kernel_read_u64(k, task + l->task_fs, &fs))
		fs = 0;
	rc = tocsin_file_identity(k, l, va, &o->file);
	if (!rc)
		rc = tocsin_file_path(k, l, va, fs, o->text);
	if (rc)
		return rc;
	memset(o->text + strlen(o->text), 0, sizeof(o->text) - strlen(o->text));
	if (tocsin_kernel_read_u64(k, va + l->file_dentry, &dentry) ||
	    tocsin_kernel_read_u64(k, dentry + l->dentry_inode, &inode) ||
	    tocsin_kernel_read(k, inode + l->inode_mode, &mode, sizeof(mode)))
		return -EFAULT;
	o->mode = mode;
	return 0;
}

static int read_sock(struct tocsin_kernel *k, uint64_t va, uint64_t task, struct tocsin_object *o)
{
	struct tocsin_socket_reader r;
	bool still; /* it is read twice anyway */

	if (tocsin_socket_reader_open(k, &r, NULL))
		return -ENOTSUP;
	o->kind = TOCSIN_OBJECT_SOCKET;
	return tocsin_socket_read(&r, va, &o->socket, &still);
}

static int read_socket(struct tocsin_kernel *k, uint64_t va, uint64_t task, struct tocsin_object *o)
{
	uint32_t member = tocsin_member_or_none(k, "socket", "sk");
	uint64_t sock;

	if (member == TOCSIN_NO_MEMBER)
		return -ENOTSUP;
	if (tocsin_kernel_read_u64(k, va + member, &sock))
		return -EFAULT;
	return sock ? read_sock(k, sock, task, o) : -ESRCH;
}

static const struct {
	const char *type;
	int (*read)(struct tocsin_kernel *k, uint64_t va, uint64_t task, struct tocsin_object *o);
} readers[] = {
    {"task_struct", read_task}, {"filename", read_name}, {"file", read_file},
    {"socket", read_socket},    {"sock", read_sock},
};

static bool same(const struct tocsin_object *a, const struct tocsin_object *b)
{
	return a->kind == TOCSIN_OBJECT_SOCKET ? tocsin_socket_same(&a->socket, &b->socket)
					       : !memcmp(a, b, sizeof(*a));
}

int tocsin_object_read(struct tocsin_kernel *k, const char *type, uint64_t va, uint64_t task,
		       struct tocsin_object *ret)
{
	struct tocsin_object *o;
	int rc = -ENOTSUP;

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (strcmp(readers[i].type, type))
			continue;
		o = calloc(2, sizeof(*o));
		if (!o)
			return -ENOMEM;
		rc = readers[i].read(k, va, task, &o[0]);
		if (!rc)
			rc = readers[i].read(k, va, task, &o[1]);
		if (!rc && !same(&o[0], &o[1]))
			rc = -EAGAIN;
		if (!rc)
			*ret = o[0];
		free(o);
		break;
	}
	return rc;
}
