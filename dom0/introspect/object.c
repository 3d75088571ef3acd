// SPDX-License-Identifier: GPL-2.0-or-later
#include "introspect/object.h"
#include "introspect/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PIDS_MAX (1 << 22)
#define MINOR_BITS 20 /* the kernel's own dev_t */
#define BPF_NAME 16   /* bytes */

void tocsin_object_layout_resolve(struct tocsin_kernel *k)
{
	struct tocsin_object_layout *l = calloc(1, sizeof(*l));

	if (!l)
		return;
#define X(type, path, name) l->name = tocsin_member_or_none(k, type, path);
	TOCSIN_OBJECT_LAYOUT(X)
#undef X
	k->object = l;
}

static int read_ids(struct tocsin_kernel *k, const struct tocsin_process_layout *l, uint64_t cred,
		    struct tocsin_object *o)
{
	return tocsin_kernel_read(k, cred + l->cred_uid, &o->uid, sizeof(o->uid)) ||
		       tocsin_kernel_read(k, cred + l->cred_euid, &o->euid, sizeof(o->euid))
		   ? -EFAULT
		   : 0;
}

/* What makes no difference to which process it is: as far as it can be read. */
static void read_more_of_task(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			      uint64_t va, struct tocsin_object *o)
{
	uint32_t stack = k->object->task_stack;
	uint32_t saved = k->object->task_saved;
	uint64_t other;

	if (l->leader == TOCSIN_NO_MEMBER || tocsin_kernel_read_u64(k, va + l->leader, &other) ||
	    tocsin_kernel_read_u64(k, other + l->start_time, &o->leader_start))
		o->leader_start = 0;
	if (stack == TOCSIN_NO_MEMBER || tocsin_kernel_read_u64(k, va + stack, &o->stack))
		o->stack = 0;
	/* It is taken away when a thread has ended; where it stopped last remains. */
	if (!o->stack && saved != TOCSIN_NO_MEMBER &&
	    tocsin_kernel_read_u64(k, va + saved, &o->stack))
		o->stack = 0;
	if (tocsin_kernel_read_u64(k, va + l->task_cred, &other) || read_ids(k, l, other, o))
		o->uid = o->euid = UINT32_MAX;
}

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
	read_more_of_task(k, l, va, o);
	return o->pid > 0 && o->pid <= PIDS_MAX && o->tid > 0 && o->tid <= PIDS_MAX ? 0 : -ESRCH;
}

static void clear_rest(char *text, size_t size)
{
	memset(text + strlen(text), 0, size - strlen(text));
}

static int read_name(struct tocsin_kernel *k, uint64_t va, uint64_t task, struct tocsin_object *o)
{
	uint32_t member = k->object->name_name;
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
	clear_rest(o->text, sizeof(o->text));
	return 0;
}

/* Which file it is, of an inode that may be freed: it keeps its number for a while. */
static int read_inode(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
		      struct tocsin_object *o)
{
	uint32_t links = k->object->inode_links;
	uint32_t dev;
	uint64_t sb;
	uint16_t mode;

	if (tocsin_kernel_read_u64(k, o->inode + l->inode_ino, &o->file.inode) ||
	    tocsin_kernel_read_u64(k, o->inode + l->inode_sb, &sb) ||
	    tocsin_kernel_read(k, sb + l->sb_dev, &dev, sizeof(dev)) ||
	    tocsin_kernel_read(k, o->inode + l->inode_mode, &mode, sizeof(mode)))
		return -EFAULT;
	o->file.dev_major = dev >> MINOR_BITS;
	o->file.dev_minor = dev & ((1u << MINOR_BITS) - 1);
	o->mode = mode;
	if (links == TOCSIN_NO_MEMBER ||
	    tocsin_kernel_read(k, o->inode + links, &o->links, sizeof(o->links)))
		o->links = UINT32_MAX;
	return mode & S_IFMT ? 0 : -ESRCH;
}

/* Of a pipe or socket. -ENOENT: it is neither. */
static int read_pseudo_name(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			    const struct tocsin_file_layout *f, uint64_t va,
			    struct tocsin_object *o)
{
	uint32_t magic;
	uint64_t sb;

	if (!S_ISFIFO(o->mode) && !S_ISSOCK(o->mode))
		return -ENOENT;
	if (tocsin_kernel_read_u64(k, o->inode + l->inode_sb, &sb) ||
	    tocsin_kernel_read(k, sb + f->sb_magic, &magic, sizeof(magic)))
		return -EFAULT;
	return tocsin_file_pseudo_name(k, va, magic, o->file.inode, o->text);
}

/* Of the mount whose vfsmount is at VA mnt. What is not mounted any more, or is the kernel's own,
 * is in none, or in one that has no number. */
static uint32_t namespace_of(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
			     uint64_t mnt)
{
	uint32_t member = k->object->mount_ns, number = k->object->ns_number, ret;
	uint64_t ns;

	if (member == TOCSIN_NO_MEMBER || number == TOCSIN_NO_MEMBER ||
	    tocsin_kernel_read_u64(k, mnt - l->mount_mnt + member, &ns) ||
	    tocsin_kernel_read(k, ns + number, &ret, sizeof(ret)))
		return 0;
	return ret;
}

uint32_t tocsin_file_namespace(struct tocsin_kernel *k, uint64_t file)
{
	const struct tocsin_process_layout *l;
	uint64_t mnt;

	if (!k->object || tocsin_process_layout(k, &l, NULL) ||
	    tocsin_kernel_read_u64(k, file + l->file_mnt, &mnt))
		return 0;
	return namespace_of(k, l, mnt);
}

uint32_t tocsin_first_namespace(struct tocsin_kernel *k)
{
	const struct tocsin_process_layout *l;
	uint64_t proxy, ns;
	uint32_t ret;

	if (!k->object || k->object->task_proxy == TOCSIN_NO_MEMBER ||
	    k->object->proxy_ns == TOCSIN_NO_MEMBER || k->object->ns_number == TOCSIN_NO_MEMBER ||
	    tocsin_process_layout(k, &l, NULL) ||
	    tocsin_kernel_read_u64(k, l->init_task + k->object->task_proxy, &proxy) ||
	    tocsin_kernel_read_u64(k, proxy + k->object->proxy_ns, &ns) ||
	    tocsin_kernel_read(k, ns + k->object->ns_number, &ret, sizeof(ret)))
		return 0;
	return ret;
}

static int read_file(struct tocsin_kernel *k, uint64_t va, uint64_t task, struct tocsin_object *o)
{
	uint32_t open_mode = k->object->file_mode;
	const struct tocsin_process_layout *l;
	const struct tocsin_file_layout *f;
	struct tocsin_file_id id;
	uint64_t fs = 0, mnt, own;
	int rc;

	if (tocsin_process_layout(k, &l, NULL) || tocsin_file_layout(k, &f, NULL))
		return -ENOTSUP;
	o->kind = TOCSIN_OBJECT_FILE;
	if (task && tocsin_kernel_read_u64(k, task + l->task_fs, &fs))
		fs = 0;
	if (tocsin_kernel_read_u64(k, va + l->file_dentry, &o->dentry) ||
	    tocsin_kernel_read_u64(k, va + l->file_mnt, &mnt) ||
	    tocsin_kernel_read_u64(k, va + f->file_inode, &o->inode) ||
	    tocsin_kernel_read_u64(k, o->dentry + l->dentry_inode, &own))
		return -EFAULT;
	/* That name is another file's by now. */
	if (own && own != o->inode)
		return -ESRCH;
	if (open_mode != TOCSIN_NO_MEMBER &&
	    tocsin_kernel_read(k, va + open_mode, &o->open_mode, sizeof(o->open_mode)))
		return -EFAULT;
	rc = read_inode(k, l, o);
	/* A name that was unlinked has no inode any more; what was opened by it has. */
	o->file.deleted = true;
	if (!rc && !tocsin_file_identity(k, l, va, &id) && id.inode == o->file.inode)
		o->file = id;
	if (rc)
		return rc;
	rc = read_pseudo_name(k, l, f, va, o);
	if (!rc)
		o->file.deleted = false; /* it never had a name */
	else if (rc == -ENOENT)
		rc = tocsin_dentry_path(k, l, o->dentry, mnt, fs, o->text, &o->places);
	o->mount_ns = namespace_of(k, l, mnt);
	if (!rc)
		clear_rest(o->text, sizeof(o->text));
	return rc;
}

/* What has no name but its inode: a pipe, a socket. It may be freed. */
static int read_nameless(struct tocsin_kernel *k, uint64_t va, uint64_t task,
			 struct tocsin_object *o)
{
	const struct tocsin_process_layout *l;
	const struct tocsin_file_layout *f;
	int rc;

	if (tocsin_process_layout(k, &l, NULL) || tocsin_file_layout(k, &f, NULL))
		return -ENOTSUP;
	o->kind = TOCSIN_OBJECT_FILE;
	o->inode = va;
	rc = read_inode(k, l, o);
	return rc ? rc : read_pseudo_name(k, l, f, 0, o);
}

#define MOUNTS_MAX 64 /* of one file system, that are looked at */

/* Where the file system of a dentry is mounted: in the task's namespace, else anywhere. */
static int find_mount(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
		      uint64_t dentry, uint64_t task, uint64_t *ret)
{
	uint32_t d_sb = k->object->dentry_sb;
	uint32_t s_mounts = k->object->sb_mounts;
	uint32_t link = k->object->mount_link;
	uint32_t mnt_ns = k->object->mount_ns;
	uint32_t proxy_ns = k->object->proxy_ns;
	uint32_t task_proxy = k->object->task_proxy;
	uint64_t sb, head, node, proxy, own = 0, ns, of, found = 0;

	if (d_sb == TOCSIN_NO_MEMBER || s_mounts == TOCSIN_NO_MEMBER || link == TOCSIN_NO_MEMBER ||
	    mnt_ns == TOCSIN_NO_MEMBER)
		return -ENOTSUP;
	if (task && task_proxy != TOCSIN_NO_MEMBER && proxy_ns != TOCSIN_NO_MEMBER &&
	    (tocsin_kernel_read_u64(k, task + task_proxy, &proxy) || !proxy ||
	     tocsin_kernel_read_u64(k, proxy + proxy_ns, &own)))
		own = 0;
	if (tocsin_kernel_read_u64(k, dentry + d_sb, &sb))
		return -EFAULT;
	head = sb + s_mounts;
	if (tocsin_kernel_read_u64(k, head, &node))
		return -EFAULT;
	for (int i = 0; node != head && i < MOUNTS_MAX; i++) {
		uint64_t mnt = node - link + l->mount_mnt;

		if (tocsin_kernel_read_u64(k, node - link + mnt_ns, &ns) ||
		    tocsin_kernel_read_u64(k, mnt + l->vfsmount_sb, &of) ||
		    tocsin_kernel_read_u64(k, node, &node))
			return -EFAULT;
		if (of == sb && (!found || (own && ns == own)))
			found = mnt;
		if (of == sb && ns == own)
			break;
	}
	*ret = found;
	return found ? 0 : -ESRCH;
}

static int read_dentry(struct tocsin_kernel *k, uint64_t va, uint64_t task, struct tocsin_object *o)
{
	const struct tocsin_process_layout *l;
	uint64_t fs = 0, mnt;
	int rc;

	if (tocsin_process_layout(k, &l, NULL))
		return -ENOTSUP;
	o->kind = TOCSIN_OBJECT_FILE;
	o->dentry = va;
	o->links = UINT32_MAX;
	rc = find_mount(k, l, va, task, &mnt);
	if (rc)
		return rc;
	if (task && tocsin_kernel_read_u64(k, task + l->task_fs, &fs))
		fs = 0;
	if (tocsin_kernel_read_u64(k, va + l->dentry_inode, &o->inode))
		return -EFAULT;
	rc = o->inode ? read_inode(k, l, o) : 0;
	o->file.deleted = !o->inode || !o->links;
	if (!rc)
		rc = tocsin_dentry_path(k, l, va, mnt, fs, o->text, &o->places);
	o->mount_ns = namespace_of(k, l, mnt);
	if (!rc)
		clear_rest(o->text, sizeof(o->text));
	return rc;
}

static int read_cred(struct tocsin_kernel *k, uint64_t va, uint64_t task, struct tocsin_object *o)
{
	const struct tocsin_process_layout *l;

	if (tocsin_process_layout(k, &l, NULL))
		return -ENOTSUP;
	o->kind = TOCSIN_OBJECT_CREDENTIALS;
	return read_ids(k, l, va, o);
}

/* A name in place, which may have no end. */
static int read_code_name(struct tocsin_kernel *k, uint64_t at, size_t size,
			  struct tocsin_object *o)
{
	o->kind = TOCSIN_OBJECT_CODE;
	if (tocsin_kernel_read(k, at, o->text, size))
		return -EFAULT;
	clear_rest(o->text, sizeof(o->text));
	return 0;
}

static int read_module(struct tocsin_kernel *k, uint64_t va, uint64_t task, struct tocsin_object *o)
{
	uint32_t name = k->object->module_name;

	return name == TOCSIN_NO_MEMBER ? -ENOTSUP
					: read_code_name(k, va + name, TOCSIN_MODULE_NAME_SIZE, o);
}

static int read_program(struct tocsin_kernel *k, uint64_t va, uint64_t task,
			struct tocsin_object *o)
{
	uint32_t aux = k->object->program_aux;
	uint32_t name = k->object->program_name;
	uint32_t id = k->object->program_id;
	uint64_t at;

	if (aux == TOCSIN_NO_MEMBER || name == TOCSIN_NO_MEMBER || id == TOCSIN_NO_MEMBER)
		return -ENOTSUP;
	if (tocsin_kernel_read_u64(k, va + aux, &at) ||
	    tocsin_kernel_read(k, at + id, &o->id, sizeof(o->id)))
		return -EFAULT;
	return read_code_name(k, at + name, BPF_NAME, o);
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
	uint32_t member = k->object->socket_sk;
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
    {"socket", read_socket},    {"sock", read_sock},     {"dentry", read_dentry},
    {"cred", read_cred},        {"module", read_module}, {"bpf_prog", read_program},
    {"inode", read_nameless},
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

	if (!k->object)
		return rc;
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

int tocsin_object_last_name(struct tocsin_kernel *k, uint64_t inode, uint64_t *dentry)
{
	uint64_t node;

	if (!k->object || k->object->inode_names == TOCSIN_NO_MEMBER ||
	    k->object->dentry_link == TOCSIN_NO_MEMBER)
		return -ENOTSUP;
	if (tocsin_kernel_read_u64(k, inode + k->object->inode_names, &node))
		return -EFAULT;
	if (!node)
		return -ESRCH;
	*dentry = node - k->object->dentry_link;
	return 0;
}
