// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The mounts of a namespace: from its topmost mount down by the lists of children, each row read
 * until two readings agree. How a namespace itself keeps its mounts differs between kernels; their
 * tree does not.
 */
#include "base/room.h"
#include "introspect/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MOUNTS_MAX 32768
#define CHILDREN_MAX 8192
#define RETRIES 4
#define SB_RDONLY 1u /* include/linux/fs.h */
/* include/linux/mount.h */
#define MNT_NOSUID 0x01u
#define MNT_NODEV 0x02u
#define MNT_NOEXEC 0x04u
#define MNT_READONLY 0x40u

/* X(structure, member path, name here); all are required. */
#define LAYOUT(X)                                                                                  \
	X("task_struct", "nsproxy", nsproxy)                                                       \
	X("nsproxy", "mnt_ns", mnt_ns)                                                             \
	X("mnt_namespace", "root", root)                                                           \
	X("mount", "mnt_id", id)                                                                   \
	X("mount", "mnt_devname", source)                                                          \
	X("mount", "mnt_mounts", children)                                                         \
	X("mount", "mnt_child", child)                                                             \
	X("vfsmount", "mnt_flags", flags)                                                          \
	X("super_block", "s_type", type)                                                           \
	X("super_block", "s_flags", sb_flags)                                                      \
	X("file_system_type", "name", type_name)

struct reading {
	struct tocsin_kernel *k;
	const struct tocsin_process_layout *l;
#define X(type, path, name) uint32_t name;
	LAYOUT(X)
#undef X
	uint32_t subtype; /* or TOCSIN_NO_MEMBER */
	struct tocsin_mount *rows;
	char **paths; /* of each row, owned */
	size_t count, room, path_room, torn;
	bool truncated;
};

static int find_layout(struct reading *r, struct tocsin_error *err)
{
#define X(type, path, name)                                                                        \
	r->name = tocsin_member_or_none(r->k, type, path);                                         \
	if (r->name == TOCSIN_NO_MEMBER)                                                           \
		return tocsin_error_set(err, -ENOTSUP, "the kernel has no usable %s.%s", type,     \
					path);
	LAYOUT(X)
#undef X
	r->subtype = tocsin_member_or_none(r->k, "super_block", "s_subtype");
	return 0;
}

/* A string of the kernel, cut short if need be. */
static int read_text(const struct reading *r, uint64_t at, char *to, size_t size)
{
	memset(to, 0, size);
	for (size_t i = 0; at && i < size - 1; i++) {
		if (tocsin_kernel_read(r->k, at + i, to + i, 1))
			return -EFAULT;
		if (!to[i])
			break;
	}
	return 0;
}

static int read_type(const struct reading *r, uint64_t sb, struct tocsin_mount *row)
{
	uint64_t type, name, sub = 0;
	size_t length;

	if (tocsin_kernel_read_u64(r->k, sb + r->type, &type) ||
	    tocsin_kernel_read_u64(r->k, type + r->type_name, &name) ||
	    read_text(r, name, row->type, sizeof(row->type)) ||
	    (r->subtype != TOCSIN_NO_MEMBER && tocsin_kernel_read_u64(r->k, sb + r->subtype, &sub)))
		return -EFAULT;
	length = strlen(row->type);
	if (!sub || length > sizeof(row->type) - 2)
		return 0;
	row->type[length] = '.';
	return read_text(r, sub, row->type + length + 1, sizeof(row->type) - length - 1);
}

static int read_once(const struct reading *r, uint64_t mount, struct tocsin_mount *row,
		     char path[TOCSIN_PATH_SIZE])
{
	uint64_t mnt = mount + r->l->mount_mnt, sb, root, parent, source, sb_flags;
	uint32_t flags, dev;
	int rc;

	memset(row, 0, sizeof(*row));
	memset(path, 0, TOCSIN_PATH_SIZE);
	row->mount = mount;
	if (tocsin_kernel_read(r->k, mount + r->id, &row->id, 4) ||
	    tocsin_kernel_read_u64(r->k, mount + r->l->mount_parent, &parent) ||
	    tocsin_kernel_read(r->k, parent + r->id, &row->parent_id, 4) ||
	    tocsin_kernel_read_u64(r->k, mount + r->source, &source) ||
	    read_text(r, source, row->source, sizeof(row->source)) ||
	    tocsin_kernel_read(r->k, mnt + r->flags, &flags, 4) ||
	    tocsin_kernel_read_u64(r->k, mnt + r->l->vfsmount_sb, &sb) ||
	    tocsin_kernel_read_u64(r->k, mnt + r->l->vfsmount_root, &root) ||
	    tocsin_kernel_read_u64(r->k, sb + r->sb_flags, &sb_flags) ||
	    tocsin_kernel_read(r->k, sb + r->l->sb_dev, &dev, 4) || read_type(r, sb, row))
		return -EFAULT;
	row->dev_major = dev >> 20;
	row->dev_minor = dev & 0xfffff;
	row->read_only = (flags & MNT_READONLY) || (sb_flags & SB_RDONLY);
	row->no_suid = flags & MNT_NOSUID;
	row->no_dev = flags & MNT_NODEV;
	row->no_exec = flags & MNT_NOEXEC;
	rc = tocsin_dentry_path(r->k, r->l, root, mnt, 0, path, NULL);
	if (rc == -ENAMETOOLONG || rc == -ELOOP || rc == -EINVAL) {
		path[0] = 0;
		rc = 0;
	}
	return rc;
}

static int grow(struct reading *r)
{
	return TOCSIN_ROOM(r->rows, r->room, r->count) &&
		       TOCSIN_ROOM(r->paths, r->path_room, r->count)
		   ? 0
		   : -ENOMEM;
}

static int add(struct reading *r, uint64_t mount)
{
	struct tocsin_mount row[2];
	char path[2][TOCSIN_PATH_SIZE];
	int rc = read_once(r, mount, &row[0], path[0]), again, last = 0;
	bool agree = false;

	for (int i = 0; i < RETRIES && !agree; i++) {
		last = !last;
		again = read_once(r, mount, &row[last], path[last]);
		agree = !rc && !again && !memcmp(&row[0], &row[1], sizeof(row[0])) &&
			!strcmp(path[0], path[1]);
		rc = again;
	}
	rc = grow(r);
	if (rc)
		return rc;
	row[last].confidence = agree ? TOCSIN_CONSISTENT : TOCSIN_TORN;
	r->torn += !agree;
	r->rows[r->count] = row[last];
	r->paths[r->count] = strdup(path[last]);
	return r->paths[r->count++] ? 0 : -ENOMEM;
}

/* All below the mounts that are already in rows, breadth first: no recursion to run away. */
static int walk(struct reading *r, uint64_t root)
{
	int rc = add(r, root);

	for (size_t i = 0; i < r->count && !rc; i++) {
		struct tocsin_addresses children = {0};

		rc = tocsin_list_collect(r->k, r->rows[i].mount + r->children, r->child,
					 CHILDREN_MAX, &children);
		if (rc == -EAGAIN || rc == -EFAULT) { /* it went while it was looked at */
			r->torn++;
			rc = 0;
		} else if (rc == -E2BIG) {
			r->truncated = true;
			rc = 0;
		}
		for (size_t c = 0; c < children.count && !rc; c++) {
			if (r->count == MOUNTS_MAX) {
				r->truncated = true;
				break;
			}
			rc = add(r, children.at[c]);
		}
		tocsin_addresses_free(&children);
	}
	return rc;
}

/* Rows and paths in one block, which is what the caller frees. */
static int hand_over(const struct reading *r, struct tocsin_mount_list *ret)
{
	size_t size = r->count * sizeof(*r->rows), at = size;
	char *block;

	for (size_t i = 0; i < r->count; i++)
		size += strlen(r->paths[i]) + 1;
	block = malloc(size);
	if (!block)
		return -ENOMEM;
	*ret = (struct tocsin_mount_list){.rows = (struct tocsin_mount *)(void *)block,
					  .count = r->count,
					  .torn = r->torn,
					  .truncated = r->truncated};
	for (size_t i = 0; i < r->count; i++) {
		ret->rows[i] = r->rows[i];
		ret->rows[i].path = strcpy(block + at, r->paths[i]);
		at += strlen(r->paths[i]) + 1;
	}
	return 0;
}

int tocsin_mount_list(struct tocsin_kernel *k, const struct tocsin_process *p,
		      struct tocsin_mount_list *ret, struct tocsin_error *err)
{
	struct reading r = {.k = k};
	uint64_t proxy, ns, root;
	int rc = tocsin_process_layout(k, &r.l, err);

	if (!rc)
		rc = find_layout(&r, err);
	if (rc)
		return rc;
	if (tocsin_kernel_read_u64(k, p->task + r.nsproxy, &proxy))
		rc = -EFAULT;
	else if (!proxy)
		rc = -ESRCH; /* it has exited */
	else if (tocsin_kernel_read_u64(k, proxy + r.mnt_ns, &ns) ||
		 tocsin_kernel_read_u64(k, ns + r.root, &root))
		rc = -EFAULT;
	if (!rc)
		rc = walk(&r, root);
	if (!rc)
		rc = hand_over(&r, ret);
	for (size_t i = 0; i < r.count; i++)
		free(r.paths[i]);
	free(r.rows);
	free(r.paths);
	return rc ? tocsin_error_set(err, rc, "the mounts of process %d cannot be read: %s", p->pid,
				     strerror(-rc))
		  : 0;
}

void tocsin_mount_list_free(struct tocsin_mount_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
