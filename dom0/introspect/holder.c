// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who holds which socket: the tables of file descriptors of all processes, of which just so much
 * is read as tells sockets from other files, and which socket it is. Nothing of the socket itself
 * is read but its way back.
 *
 * A descriptor counts if, after it led to a socket, the way back leads to its file, its slot in
 * the table still has that file, and the process still has that table. What does not hold still is
 * looked at again, and after some times counted as torn.
 */
#include "introspect/file.h"

#include "base/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FDS_MAX (1u << 20) /* the kernel's default of fs.nr_open */
#define ROWS_MAX (1u << 22)
#define RETRIES 6
#define CHUNK 512
#define AHEAD 16                 /* files that are on their way while one is read */
#define MAGIC_SOCKET 0x534f434bu /* include/uapi/linux/magic.h */

struct walk {
	struct tocsin_kernel *k;
	const struct tocsin_process_layout *l;
	const struct tocsin_file_layout *f;
	struct tocsin_holder_list list;
	size_t room;
	/* of the process and the table that are looked at */
	uint64_t task, files;
	int32_t pid, tid;
};

/* A table of files as it is now. */
struct table {
	uint64_t fdt, array;
	uint32_t max;
};

/* A socket behind a file; sock 0: it is none. */
struct found {
	uint64_t sock, inode;
};

static int add(struct walk *w, const struct found *s, uint32_t fd)
{
	struct tocsin_holder_list *list = &w->list;

	if (list->count == ROWS_MAX)
		return -E2BIG;
	if (!TOCSIN_ROOM(list->rows, w->room, list->count))
		return -ENOMEM;
	list->rows[list->count++] = (struct tocsin_holder){.sock = s->sock,
							   .inode = s->inode,
							   .task = w->task,
							   .pid = w->pid,
							   .tid = w->tid,
							   .fd = (int32_t)fd};
	return 0;
}

/*
 * Is the inode a socket's? Its file's functions tell at once, but somebody may have put others
 * there.
 */
static int is_socket(struct walk *w, uint64_t file, uint64_t inode, bool *ret)
{
	uint64_t operations, sb;
	uint32_t magic;
	uint16_t mode;

	*ret = true;
	if (tocsin_kernel_read_u64(w->k, file + w->f->file_operations, &operations))
		return -EAGAIN;
	if (operations && operations == w->f->at_operations)
		return 0;
	if (tocsin_kernel_read(w->k, inode + w->f->inode_mode, &mode, sizeof(mode)))
		return -EAGAIN;
	*ret = S_ISSOCK(mode);
	if (!*ret)
		return 0;
	if (tocsin_kernel_read_u64(w->k, inode + w->l->inode_sb, &sb) ||
	    tocsin_kernel_read(w->k, sb + w->f->sb_magic, &magic, sizeof(magic)))
		return -EAGAIN;
	*ret = magic == MAGIC_SOCKET;
	return 0;
}

/* The socket of the file. -EAGAIN: it does not hold still. */
static int read_file(struct walk *w, uint64_t file, struct found *ret)
{
	const struct tocsin_file_layout *f = w->f;
	uint64_t inode, socket, sock, back;
	bool yes;

	if (tocsin_kernel_read_u64(w->k, file + f->file_inode, &inode) || !inode ||
	    is_socket(w, file, inode, &yes))
		return -EAGAIN;
	ret->sock = 0;
	if (!yes)
		return 0;
	socket = inode - f->alloc_inode + f->alloc_socket;
	if (tocsin_kernel_read_u64(w->k, socket + f->socket_file, &back) || back != file ||
	    tocsin_kernel_read_u64(w->k, socket + f->socket_sk, &sock) || !sock ||
	    tocsin_kernel_read_u64(w->k, sock + f->sk_socket, &back) || back != socket ||
	    tocsin_kernel_read_u64(w->k, inode + w->l->inode_ino, &ret->inode))
		return -EAGAIN;
	ret->sock = sock;
	return 0;
}

static bool is_same_table(const struct table *a, const struct table *b)
{
	return a->fdt == b->fdt && a->array == b->array && a->max == b->max;
}

/* It has other files now: shared no more, or another program's. -ESRCH: or it is another process.
 */
static int take_files(struct walk *w, uint64_t files)
{
	int32_t pid, tid;

	if (tocsin_kernel_read(w->k, w->task + w->l->task_tgid, &pid, sizeof(pid)) ||
	    tocsin_kernel_read(w->k, w->task + w->l->task_pid, &tid, sizeof(tid)))
		return -EAGAIN;
	if (pid != w->pid || tid != w->tid)
		return -ESRCH;
	w->files = files;
	return -EAGAIN;
}

/* -ESRCH: the process has given its files up. */
static int read_table(struct walk *w, struct table *t)
{
	uint64_t files;

	if (tocsin_kernel_read_u64(w->k, w->task + w->f->task_files, &files))
		return -EAGAIN;
	if (files != w->files)
		return files ? take_files(w, files) : -ESRCH;
	if (tocsin_kernel_read_u64(w->k, files + w->f->files_fdt, &t->fdt) ||
	    tocsin_kernel_read(w->k, t->fdt + w->f->fdt_max, &t->max, sizeof(t->max)) ||
	    tocsin_kernel_read_u64(w->k, t->fdt + w->f->fdt_fd, &t->array) || t->max > FDS_MAX)
		return -EAGAIN;
	return 0;
}

/* One descriptor again, from the beginning. */
static int look_again(struct walk *w, uint32_t fd)
{
	int rc = -EAGAIN;

	for (int i = 0; i < RETRIES && rc == -EAGAIN; i++) {
		uint64_t file, again;
		struct found found;
		struct table t;

		tocsin_kernel_wait(w->k, i);
		rc = read_table(w, &t);
		if (rc)
			continue;
		if (fd >= t.max)
			return 0;
		if (tocsin_kernel_read_u64(w->k, t.array + fd * 8ull, &file))
			rc = -EAGAIN;
		else if (!file)
			return 0;
		if (!rc)
			rc = read_file(w, file, &found);
		if (!rc &&
		    (tocsin_kernel_read_u64(w->k, t.array + fd * 8ull, &again) || again != file))
			rc = -EAGAIN;
		if (!rc && found.sock)
			return add(w, &found, fd);
	}
	w->list.torn += rc == -EAGAIN;
	return rc == -EAGAIN || rc == -ESRCH ? 0 : rc;
}

/*
 * What is read of file i soon, fetched a step at a time: the file, when that has come its inode and
 * its socket, when these have come what the socket points to.
 */
static void fetch(struct walk *w, const uint64_t *files, uint32_t i, uint32_t n)
{
	const struct tocsin_file_layout *f = w->f;
	const uint32_t steps[] = {i + AHEAD, i + AHEAD / 2, i + AHEAD / 4};
	uint64_t inode, sock;

	if (steps[0] < n && files[steps[0]])
		tocsin_kernel_prefetch(w->k, files[steps[0]] + f->file_inode, 64);
	if (steps[1] < n && files[steps[1]] &&
	    !tocsin_kernel_read_u64(w->k, files[steps[1]] + f->file_inode, &inode) && inode) {
		tocsin_kernel_prefetch(w->k, inode + w->l->inode_ino, 8);
		tocsin_kernel_prefetch(w->k, inode - f->alloc_inode + f->alloc_socket, 64);
	}
	if (steps[2] < n && files[steps[2]] &&
	    !tocsin_kernel_read_u64(w->k, files[steps[2]] + f->file_inode, &inode) && inode &&
	    !tocsin_kernel_read_u64(w->k, inode - f->alloc_inode + f->alloc_socket + f->socket_sk,
				    &sock) &&
	    sock)
		tocsin_kernel_prefetch(w->k, sock + f->sk_socket, 8);
}

static int walk_chunk(struct walk *w, uint64_t array, uint32_t first, uint32_t n)
{
	uint64_t files[CHUNK], again[CHUNK];
	struct found found[CHUNK];
	uint8_t doubt[CHUNK] = {0};
	bool any = false;
	int rc = 0;

	if (tocsin_kernel_read(w->k, array + first * 8ull, files, n * 8ull))
		return -EAGAIN;
	for (uint32_t i = 0; i < n; i++) {
		fetch(w, files, i, n);
		if (!files[i])
			continue;
		doubt[i] = read_file(w, files[i], &found[i]) != 0;
		any |= doubt[i] || found[i].sock;
	}
	if (!any)
		return 0;
	if (tocsin_kernel_read(w->k, array + first * 8ull, again, n * 8ull))
		return -EAGAIN;
	for (uint32_t i = 0; i < n && !rc; i++) {
		if (!files[i])
			continue;
		if (doubt[i] || again[i] != files[i])
			rc = look_again(w, first + i);
		else if (found[i].sock)
			rc = add(w, &found[i], first + i);
	}
	return rc;
}

/* A table is taken whole, or, if it does not hold still, counted as torn. */
static int walk_files(struct walk *w)
{
	size_t before = w->list.count, torn = w->list.torn;
	int rc = -EAGAIN;

	for (int i = 0; i < RETRIES && rc == -EAGAIN; i++) {
		struct table t, now;

		tocsin_kernel_wait(w->k, i);
		w->list.count = before;
		w->list.torn = torn;
		rc = read_table(w, &t);
		for (uint32_t at = 0; !rc && at < t.max; at += CHUNK)
			rc = walk_chunk(w, t.array, at, t.max - at < CHUNK ? t.max - at : CHUNK);
		if (!rc)
			rc = read_table(w, &now);
		if (!rc && !is_same_table(&t, &now))
			rc = -EAGAIN;
	}
	if (rc == -ESRCH) {
		w->list.count = before;
		w->list.torn = torn;
		rc = 0;
	}
	w->list.torn += rc == -EAGAIN;
	return rc == -EAGAIN ? 0 : rc;
}

/* A thread with a table that none of its group before it has. */
static int visit_thread(struct tocsin_kernel *k, uint64_t task, void *context)
{
	struct walk *w = context;
	uint64_t leaders = w->files;
	int rc;

	if (tocsin_kernel_read_u64(k, task + w->f->task_files, &w->files) || !w->files ||
	    w->files == leaders || tocsin_kernel_read(k, task + w->l->task_pid, &w->tid, 4)) {
		w->files = leaders;
		return 0;
	}
	w->task = task;
	rc = walk_files(w);
	w->files = leaders;
	return rc;
}

static int visit(struct walk *w, uint64_t task)
{
	uint64_t next, node = task + w->l->task_thread_node, signal;
	int rc = 0;

	w->task = task;
	w->files = 0;
	if (tocsin_kernel_read(w->k, task + w->l->task_tgid, &w->pid, 4) || w->pid <= 0 ||
	    tocsin_kernel_read_u64(w->k, task + w->f->task_files, &w->files))
		return 0; /* it has gone */
	w->tid = w->pid;
	if (w->files)
		rc = walk_files(w);
	if (rc || tocsin_kernel_read_u64(w->k, task + w->l->task_signal, &signal) ||
	    tocsin_kernel_read_u64(w->k, node, &next) || next == signal + w->l->signal_threads)
		return rc;
	rc = tocsin_process_each_thread(w->k, w->l, task, visit_thread, w);
	if (rc != -EAGAIN && rc != -EFAULT)
		return rc;
	w->list.torn++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct tocsin_holder *x = a, *y = b;

	if (x->sock != y->sock)
		return x->sock < y->sock ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return (x->fd > y->fd) - (x->fd < y->fd);
}

/* The thread groups of both views, each once. */
static int collect(struct walk *w, struct tocsin_addresses *ret)
{
	int rc = tocsin_task_collect(w->k, w->l, ret), other;

	if (rc && rc != -E2BIG)
		return rc;
	w->list.truncated = rc == -E2BIG;
	other = tocsin_task_collect_pids(w->k, w->l, ret);
	if (other == -ENOMEM)
		return other;
	tocsin_addresses_unique(ret);
	return 0;
}

int tocsin_holder_list(struct tocsin_kernel *k, struct tocsin_holder_list *ret,
		       struct tocsin_error *err)
{
	struct tocsin_addresses tasks = {0};
	struct walk w = {.k = k};
	int rc = tocsin_process_layout(k, &w.l, err);

	if (!rc)
		rc = tocsin_file_layout(k, &w.f, err);
	if (rc)
		return rc;
	rc = collect(&w, &tasks);
	if (rc)
		tocsin_error_at(err, rc, w.l->init_task, "the task list breaks off");
	for (size_t i = 0; i < tasks.count && !rc; i++)
		rc = visit(&w, tasks.at[i]);
	tocsin_addresses_free(&tasks);
	if (rc == -E2BIG) {
		w.list.truncated = true;
		rc = 0;
	}
	if (rc) {
		tocsin_holder_list_free(&w.list);
		return tocsin_error_set(err, rc, "the open files cannot be listed: %s",
					strerror(-rc));
	}
	if (w.list.count)
		qsort(w.list.rows, w.list.count, sizeof(*w.list.rows), compare);
	*ret = w.list;
	return 0;
}

void tocsin_holder_list_free(struct tocsin_holder_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
