// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The open files of a process: its table of file descriptors, read until two readings agree, a few
 * times at most; a row that differs stays, marked torn. Positions and queues move all the time and
 * are not compared.
 *
 * What lies on a file system that has no paths (pipes, sockets, anonymous inodes) is named as
 * /proc/PID/fd names it.
 */
#include "base/room.h"
#include "introspect/socket.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FDS_MAX (1u << 20) /* the kernel's default of fs.nr_open */
#define ROWS_MAX 65536
#define RETRIES 8
#define CHUNK 512

/* include/uapi/linux/magic.h */
#define MAGIC_PIPE 0x50495045u
#define MAGIC_SOCKET 0x534f434bu
#define MAGIC_ANON_INODE 0x09041934u
#define MAGIC_NAMESPACE 0x6e736673u

struct reading {
	struct tocsin_kernel *k;
	const struct tocsin_process_layout *l;
	const struct tocsin_file_layout *f;
	struct tocsin_socket_reader sockets;
	uint64_t task, fs;
	struct tocsin_file *rows;
	char **paths; /* of each row, owned */
	size_t count, room, path_room;
	bool truncated;
};

static const struct {
	const char *type, *path;
	size_t field;
	bool optional;
} members[] = {
#define X(type, path, name) {type, path, offsetof(struct tocsin_file_layout, name), false},
    TOCSIN_FILE_LAYOUT(X)
#undef X
#define X(type, path, name) {type, path, offsetof(struct tocsin_file_layout, name), true},
	TOCSIN_FILE_LAYOUT_OPTIONAL(X) TOCSIN_TCP_LAYOUT(X) TOCSIN_PORT_LAYOUT(X)
	    TOCSIN_UDP_LAYOUT(X) TOCSIN_NETLINK_LAYOUT(X)
#undef X
};

static const struct {
	const char *name;
	size_t field;
} symbols[] = {
#define X(symbol, name) {symbol, offsetof(struct tocsin_file_layout, name)},
    TOCSIN_SOCKET_SYMBOLS(X)
#undef X
};

static uint32_t size_of(const struct tocsin_kernel *k, const char *type)
{
	uint64_t size;

	return tocsin_btf_sizeof(k->btf, type, &size) || size > UINT16_MAX ? 0 : (uint32_t)size;
}

static uint32_t count_of(const struct tocsin_kernel *k, const char *type, const char *member)
{
	struct tocsin_btf_member m;

	return tocsin_btf_member(k->btf, type, member, &m) || m.size > UINT16_MAX
		   ? 0
		   : (uint32_t)m.size / 8;
}

static uint32_t enumerator(const struct tocsin_kernel *k, const char *name)
{
	int64_t value;

	return tocsin_btf_enumerator(k->btf, name, &value) || value < 0 || value > UINT16_MAX
		   ? 0
		   : (uint32_t)value;
}

/* The clocksource that is made of jiffies has the length of one: kernel/time/jiffies.c. */
static uint64_t tick_length(struct tocsin_kernel *k)
{
	uint32_t at[2] = {tocsin_member_or_none(k, "clocksource", "mult"),
			  tocsin_member_or_none(k, "clocksource", "shift")};
	uint32_t mult, shift;
	uint64_t va;

	if (at[0] == TOCSIN_NO_MEMBER || at[1] == TOCSIN_NO_MEMBER ||
	    tocsin_kallsyms_lookup(k->symbols, "clocksource_jiffies", &va) ||
	    tocsin_kernel_read(k, va + at[0], &mult, 4) ||
	    tocsin_kernel_read(k, va + at[1], &shift, 4) || shift > 31)
		return 0;
	return mult >> shift;
}

/* What reading sockets takes beside the members of structures; nothing of it is required. */
static void resolve_sockets(struct tocsin_kernel *k, struct tocsin_file_layout *f)
{
	struct tocsin_btf_member m;
	uint32_t id;
	uint64_t va;

	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
		if (!tocsin_kallsyms_lookup(k->symbols, symbols[i].name, &va))
			memcpy((char *)f + symbols[i].field, &va, sizeof(va));
	f->tcp_ehash_size = size_of(k, "inet_ehash_bucket");
	f->tcp_lhash_size = size_of(k, "inet_listen_hashbucket");
	f->tcp_bhash_size = size_of(k, "inet_bind_hashbucket");
	f->udp_slot_size = size_of(k, "udp_hslot");
	f->nl_table_size = size_of(k, "netlink_table");
	f->raw_count = count_of(k, "raw_hashinfo", "ht");
	f->ping_count = count_of(k, "ping_table", "hash");
	f->dead_flag = enumerator(k, "SOCK_DEAD");
	f->active_opens = enumerator(k, "TCP_MIB_ACTIVEOPENS");
	f->passive_opens = enumerator(k, "TCP_MIB_PASSIVEOPENS");
	f->locked_buckets = !tocsin_btf_find(k->btf, "rhash_lock_head", &id);
	f->sk_kern = TOCSIN_NO_MEMBER;
	if (!tocsin_btf_member(k->btf, "sock", "sk_kern_sock", &m) && m.offset < UINT16_MAX) {
		f->sk_kern = (uint32_t)m.offset;
		f->sk_kern_bit = m.bit_offset;
	}
	f->tick = tick_length(k);
}

void tocsin_file_layout_resolve(struct tocsin_kernel *k)
{
	struct tocsin_file_layout *f = calloc(1, sizeof(*f));
	struct tocsin_error *err = &k->file_error;

	if (!f) {
		tocsin_error_set(err, -ENOMEM, "no memory for the layout of files");
		return;
	}
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct tocsin_btf_member m;
		int rc = tocsin_btf_member(k->btf, members[i].type, members[i].path, &m);
		uint32_t offset = (uint32_t)m.offset;

		if (!rc && (m.offset > UINT16_MAX || m.bit_size))
			rc = -EINVAL;
		if (rc && !members[i].optional) {
			free(f);
			tocsin_error_set(err, rc, "the kernel has no usable %s.%s", members[i].type,
					 members[i].path);
			return;
		}
		if (rc)
			offset = TOCSIN_NO_MEMBER;
		memcpy((char *)f + members[i].field, &offset, sizeof(offset));
	}
	resolve_sockets(k, f);
	k->file = f;
}

int tocsin_file_layout(struct tocsin_kernel *k, const struct tocsin_file_layout **ret,
		       struct tocsin_error *err)
{
	if (!k->file)
		return tocsin_error_set(err, k->file_error.code, "%s", k->file_error.message);
	*ret = k->file;
	return 0;
}

int tocsin_file_pseudo_name(struct tocsin_kernel *k, uint64_t file, uint32_t magic, uint64_t inode,
			    char path[TOCSIN_PATH_SIZE])
{
	const struct tocsin_process_layout *l;
	char name[64] = "";
	uint64_t dentry, text;

	switch (magic) {
	case MAGIC_PIPE:
	case MAGIC_SOCKET:
		snprintf(path, TOCSIN_PATH_SIZE, "%s:[%" PRIu64 "]",
			 magic == MAGIC_PIPE ? "pipe" : "socket", inode);
		return 0;
	case MAGIC_ANON_INODE:
		if (tocsin_process_layout(k, &l, NULL) ||
		    tocsin_kernel_read_u64(k, file + l->file_dentry, &dentry) ||
		    tocsin_kernel_read_u64(k, dentry + l->dentry_name, &text) ||
		    tocsin_kernel_read(k, text, name, sizeof(name) - 1))
			return -EFAULT;
		snprintf(path, TOCSIN_PATH_SIZE, "anon_inode:%s", name);
		return 0;
	case MAGIC_NAMESPACE:
		snprintf(path, TOCSIN_PATH_SIZE, "namespace:[%" PRIu64 "]", inode);
		return 0;
	default:
		return -ENOENT;
	}
}

static int read_socket(struct reading *r, uint64_t inode, struct tocsin_file *row)
{
	uint64_t socket = inode - r->f->alloc_inode + r->f->alloc_socket, sk, back;
	bool still; /* the whole table is read twice */

	if (tocsin_kernel_read_u64(r->k, socket + r->f->socket_sk, &sk))
		return -EFAULT;
	if (!sk)
		return -EAGAIN; /* being closed */
	if (tocsin_kernel_read_u64(r->k, sk + r->f->sk_socket, &back))
		return -EFAULT;
	if (back != socket)
		return -EAGAIN;
	return tocsin_socket_read(&r->sockets, sk, &row->socket, &still);
}

/* The row of one file. A path that cannot be told is "", and no reason to doubt the rest. */
static int read_file(struct reading *r, uint64_t file, struct tocsin_file *row,
		     char path[TOCSIN_PATH_SIZE])
{
	const struct tocsin_file_layout *f = r->f;
	uint64_t inode, sb;
	uint32_t magic;
	uint16_t mode;
	int rc;

	row->file = file;
	if (tocsin_kernel_read(r->k, file + f->file_flags, &row->flags, 4) ||
	    tocsin_kernel_read_u64(r->k, file + f->file_position, &row->position) ||
	    tocsin_kernel_read_u64(r->k, file + f->file_inode, &inode) ||
	    tocsin_kernel_read(r->k, inode + f->inode_mode, &mode, 2) ||
	    tocsin_kernel_read_u64(r->k, inode + r->l->inode_sb, &sb) ||
	    tocsin_kernel_read(r->k, sb + f->sb_magic, &magic, 4))
		return -EFAULT;
	row->mode = mode;
	rc = tocsin_file_identity(r->k, r->l, file, &row->id);
	if (rc)
		return rc;
	rc = tocsin_file_pseudo_name(r->k, file, magic, row->id.inode, path);
	if (rc != -ENOENT) {
		row->id.deleted = false; /* it never had a name */
	} else {
		rc = tocsin_file_path(r->k, r->l, file, r->fs, path);
		if (rc == -ENAMETOOLONG || rc == -ELOOP || rc == -EINVAL) {
			path[0] = 0;
			rc = 0;
		}
	}
	row->is_socket = magic == MAGIC_SOCKET && S_ISSOCK(mode);
	return !rc && row->is_socket ? read_socket(r, inode, row) : rc;
}

static int add(struct reading *r, int32_t fd, uint64_t file)
{
	char path[TOCSIN_PATH_SIZE] = "";
	struct tocsin_file *row;

	if (r->count == ROWS_MAX)
		return -E2BIG;
	if (!TOCSIN_ROOM(r->rows, r->room, r->count) ||
	    !TOCSIN_ROOM(r->paths, r->path_room, r->count))
		return -ENOMEM;
	row = &r->rows[r->count];
	memset(row, 0, sizeof(*row));
	row->fd = fd;
	if (read_file(r, file, row, path))
		row->confidence = TOCSIN_TORN;
	r->paths[r->count] = strdup(path);
	if (!r->paths[r->count])
		return -ENOMEM;
	r->count++;
	return 0;
}

static void clear(struct reading *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->paths[i]);
	r->count = 0;
	r->truncated = false;
}

static int read_table(struct reading *r, uint64_t array, uint32_t max)
{
	uint64_t files[CHUNK];
	int rc = 0;

	for (uint32_t at = 0; at < max && !rc; at += CHUNK) {
		uint32_t n = max - at < CHUNK ? max - at : CHUNK;

		if (tocsin_kernel_read(r->k, array + at * 8ull, files, n * 8ull))
			return -EAGAIN;
		for (uint32_t i = 0; i < n && !rc; i++)
			if (files[i])
				rc = add(r, (int32_t)(at + i), files[i]);
	}
	if (rc == -E2BIG) {
		r->truncated = true;
		rc = 0;
	}
	return rc;
}

static int read_once(struct reading *r)
{
	uint64_t files, table, array;
	uint32_t max;

	clear(r);
	if (tocsin_kernel_read_u64(r->k, r->task + r->f->task_files, &files))
		return -EAGAIN;
	if (!files)
		return -ESRCH; /* it has exited */
	if (tocsin_kernel_read_u64(r->k, files + r->f->files_fdt, &table) ||
	    tocsin_kernel_read(r->k, table + r->f->fdt_max, &max, sizeof(max)) ||
	    tocsin_kernel_read_u64(r->k, table + r->f->fdt_fd, &array) || max > FDS_MAX)
		return -EAGAIN;
	return read_table(r, array, max);
}

static bool same_row(const struct reading *a, size_t i, const struct reading *b, size_t j)
{
	const struct tocsin_file *x = &a->rows[i], *y = &b->rows[j];

	return x->fd == y->fd && x->file == y->file && x->flags == y->flags && x->mode == y->mode &&
	       x->id.inode == y->id.inode && x->id.dev_major == y->id.dev_major &&
	       x->id.dev_minor == y->id.dev_minor && x->id.deleted == y->id.deleted &&
	       x->is_socket == y->is_socket && tocsin_socket_same(&x->socket, &y->socket) &&
	       !strcmp(a->paths[i], b->paths[j]);
}

static size_t mark_torn(struct reading *now, const struct reading *before)
{
	size_t torn = 0, j = 0;

	for (size_t i = 0; i < now->count; i++) {
		while (j < before->count && before->rows[j].fd < now->rows[i].fd)
			j++;
		if (j == before->count || !same_row(now, i, before, j))
			now->rows[i].confidence = TOCSIN_TORN;
		torn += now->rows[i].confidence == TOCSIN_TORN;
	}
	return torn || now->count == before->count ? torn : 1;
}

/* Rows and paths in one block, which is what the caller frees. */
static int hand_over(const struct reading *r, size_t torn, struct tocsin_file_list *ret)
{
	size_t size = r->count * sizeof(*r->rows), at = size;
	char *block;

	for (size_t i = 0; i < r->count; i++)
		size += strlen(r->paths[i]) + 1;
	block = malloc(size ? size : 1);
	if (!block)
		return -ENOMEM;
	*ret = (struct tocsin_file_list){.rows = (struct tocsin_file *)(void *)block,
					 .count = r->count,
					 .torn = torn,
					 .truncated = r->truncated};
	for (size_t i = 0; i < r->count; i++) {
		ret->rows[i] = r->rows[i];
		ret->rows[i].path = strcpy(block + at, r->paths[i]);
		at += strlen(r->paths[i]) + 1;
	}
	return 0;
}

static int read_until_same(struct reading r[2], struct tocsin_file_list *ret)
{
	int rc = read_once(&r[0]), again, now = 0;
	size_t torn = 1;

	for (int i = 0; i < RETRIES && torn && rc != -ENOMEM && rc != -ESRCH; i++) {
		tocsin_kernel_wait(r->k, i);
		now = !now;
		again = read_once(&r[now]);
		torn = rc || again ? 1 : mark_torn(&r[now], &r[!now]);
		rc = again;
	}
	return rc ? rc : hand_over(&r[now], torn, ret);
}

int tocsin_file_list(struct tocsin_kernel *k, const struct tocsin_process *p,
		     struct tocsin_file_list *ret, struct tocsin_error *err)
{
	struct reading r[2] = {{.k = k, .task = p->task}};
	int rc = tocsin_process_layout(k, &r[0].l, err);

	if (!rc)
		rc = tocsin_socket_reader_open(k, &r[0].sockets, err);
	if (rc)
		return rc;
	r[0].f = r[0].sockets.f;
	if (!p->mm) {
		memset(ret, 0, sizeof(*ret));
		return 0;
	}
	if (tocsin_kernel_read_u64(k, p->task + r[0].l->task_fs, &r[0].fs))
		r[0].fs = 0;
	r[1] = r[0];
	rc = read_until_same(r, ret);
	for (int i = 0; i < 2; i++) {
		clear(&r[i]);
		free(r[i].rows);
		free(r[i].paths);
	}
	if (rc)
		return tocsin_error_set(err, rc, "the files of process %d cannot be read: %s",
					p->pid, strerror(-rc));
	return 0;
}

void tocsin_file_list_free(struct tocsin_file_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
