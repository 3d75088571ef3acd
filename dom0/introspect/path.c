// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files: from struct file to a path and an identity, as d_path() in the kernel goes, but over
 * memory that changes meanwhile and may lie: every step is counted, names are bounded, and a
 * chain that does not end is an error.
 */
#include "introspect/object.h"
#include "introspect/process.h"

#include <errno.h>
#include <string.h>

#define STEPS_MAX 512 /* components and mounts of one path */
#define NAME_MAX_BYTES 255
#define MINOR_BITS 20 /* the kernel's own dev_t */

static int read_u64(struct tocsin_kernel *k, uint64_t va, uint64_t *ret)
{
	return tocsin_kernel_read_u64(k, va, ret);
}

/* Put "/name" before *at. */
static int prepend(struct tocsin_kernel *k, const struct tocsin_process_layout *l, uint64_t dentry,
		   char *path, size_t *at)
{
	uint64_t name;
	uint32_t len;
	int rc = read_u64(k, dentry + l->dentry_name, &name);

	if (!rc)
		rc = tocsin_kernel_read(k, dentry + l->dentry_len, &len, sizeof(len));
	if (rc)
		return rc;
	if (!len || len > NAME_MAX_BYTES)
		return -EINVAL;
	if (*at < len + 1)
		return -ENAMETOOLONG;
	rc = tocsin_kernel_read(k, name, path + *at - len, len);
	if (rc)
		return rc;
	if (memchr(path + *at - len, 0, len))
		return -EINVAL;
	*at -= len + 1;
	path[*at] = '/';
	return 0;
}

static void add_place(struct tocsin_places *through, uint64_t va)
{
	if (!through)
		return;
	if (through->count < TOCSIN_PLACES)
		through->va[through->count++] = va;
	else
		through->more = true;
}

/* A name that nobody has any more, and whose text has memory of its own, as long ones have. */
static bool is_gone(struct tocsin_kernel *k, const struct tocsin_process_layout *l, uint64_t dentry)
{
	const struct tocsin_object_layout *o = k->object;
	uint64_t name;
	int32_t count;

	return o && o->dentry_count != TOCSIN_NO_MEMBER &&
	       !tocsin_kernel_read(k, dentry + o->dentry_count, &count, sizeof(count)) &&
	       count < 0 && !read_u64(k, dentry + l->dentry_name, &name) &&
	       (o->dentry_short == TOCSIN_NO_MEMBER || name != dentry + o->dentry_short) &&
	       (o->dentry_shorter == TOCSIN_NO_MEMBER || name != dentry + o->dentry_shorter);
}

static void add_name(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
		     struct tocsin_places *through, uint64_t dentry)
{
	add_place(through, dentry);
	if (through && is_gone(k, l, dentry))
		through->gone = true;
}

int tocsin_dentry_path(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
		       uint64_t dentry, uint64_t mnt, uint64_t fs, char ret[TOCSIN_PATH_SIZE],
		       struct tocsin_places *through)
{
	uint64_t root_dentry = 0, root_mnt = 0, mnt_root, parent;
	char path[TOCSIN_PATH_SIZE];
	size_t at = sizeof(path) - 1;
	int steps, rc;

	path[at] = 0;
	if (fs && (read_u64(k, fs + l->fs_root_dentry, &root_dentry) ||
		   read_u64(k, fs + l->fs_root_mnt, &root_mnt)))
		return -EFAULT;
	if (fs)
		add_place(through, fs);
	for (steps = 0; steps < STEPS_MAX; steps++) {
		if (dentry == root_dentry && mnt == root_mnt)
			break;
		if (read_u64(k, mnt + l->vfsmount_root, &mnt_root) ||
		    read_u64(k, dentry + l->dentry_parent, &parent))
			return -EFAULT;
		if (dentry == mnt_root) {
			uint64_t mount = mnt - l->mount_mnt, up, point;

			add_place(through, mount);
			if (read_u64(k, mount + l->mount_parent, &up) ||
			    read_u64(k, mount + l->mount_point, &point))
				return -EFAULT;
			if (up == mount)
				break;
			dentry = point;
			mnt = up + l->mount_mnt;
			continue;
		}
		add_name(k, l, through, dentry);
		rc = prepend(k, l, dentry, path, &at);
		if (rc)
			return rc;
		if (parent == dentry) /* not in a tree: memfd and its like */
			break;
		dentry = parent;
	}
	if (steps == STEPS_MAX)
		return -ELOOP;
	if (!path[at])
		path[--at] = '/';
	memcpy(ret, path + at, sizeof(path) - at);
	return 0;
}

int tocsin_file_path(struct tocsin_kernel *k, const struct tocsin_process_layout *l, uint64_t file,
		     uint64_t fs, char ret[TOCSIN_PATH_SIZE])
{
	uint64_t dentry, mnt;

	if (read_u64(k, file + l->file_dentry, &dentry) || read_u64(k, file + l->file_mnt, &mnt))
		return -EFAULT;
	return tocsin_dentry_path(k, l, dentry, mnt, fs, ret, NULL);
}

int tocsin_file_identity(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			 uint64_t file, struct tocsin_file_id *ret)
{
	struct tocsin_file_id id = {0};
	uint64_t dentry, inode, sb, hashed, parent;
	char name[7] = "";
	uint64_t text;
	uint32_t dev;

	if (read_u64(k, file + l->file_dentry, &dentry) ||
	    read_u64(k, dentry + l->dentry_inode, &inode) ||
	    read_u64(k, dentry + l->dentry_hashed, &hashed) ||
	    read_u64(k, dentry + l->dentry_parent, &parent) ||
	    read_u64(k, inode + l->inode_ino, &id.inode) || read_u64(k, inode + l->inode_sb, &sb) ||
	    tocsin_kernel_read(k, sb + l->sb_dev, &dev, sizeof(dev)))
		return -EFAULT;
	id.dev_major = dev >> MINOR_BITS;
	id.dev_minor = dev & ((1u << MINOR_BITS) - 1);
	/* d_unlinked(): not in the hash, and not a root. */
	id.deleted = !hashed && parent != dentry;
	if (l->shm_sb && sb == l->shm_sb) {
		if (read_u64(k, dentry + l->dentry_name, &text) ||
		    tocsin_kernel_read(k, text, name, sizeof(name) - 1))
			return -EFAULT;
		id.memfd = !strcmp(name, "memfd:");
		id.deleted = true; /* this mount has no directory: nothing in it has a link */
	}
	*ret = id;
	return 0;
}
