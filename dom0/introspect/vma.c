// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The address space of a process: its VMAs, with their files.
 *
 * From 6.1 on they hang in a maple tree (include/linux/maple_tree.h of the kernel), before that in
 * a sorted list; which of the two a kernel has, its BTF says. The process changes its address
 * space while we read: all of it is read until two readings agree, a few times at most. What
 * differs between the last two stays in the list, marked torn.
 */
#include "base/room.h"
#include "introspect/process.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define VMAS_MAX 131072 /* twice the kernel's default of vm.max_map_count */
#define RETRIES 10
#define NODE_SIZE 256 /* and its alignment */
#define SLOTS_MAX 31
#define DEPTH_MAX 16
#define VMA_BYTES_MAX 1024

/* include/linux/mm.h; the same on every kernel there is BTF for */
#define VM_READ 0x1u
#define VM_WRITE 0x2u
#define VM_EXEC 0x4u
#define VM_MAYWRITE 0x20u
#define VM_MAYSHARE 0x80u

/* How one kind of tree node is laid out. */
struct node_layout {
	uint32_t pivot, slot, slots; /* there is one pivot less than slots */
};

struct vma_layout {
	uint32_t start, end, flags, file, pgoff, mm, ops;
	uint32_t size;
	bool tree;
	uint32_t root; /* in mm_struct: the tree's, or the first of the list */
	uint32_t next; /* list: in vm_area_struct */
	uint32_t leaf; /* node type of leaves */
	struct node_layout range, arange;
	uint32_t range_type, arange_type;
	uint64_t special_ops; /* 0: unknown */
};

/* One reading. Paths lie in a pool, as offsets, until the rows have their final place. */
struct reading {
	struct tocsin_kernel *k;
	const struct tocsin_process_layout *l;
	const struct vma_layout *v;
	uint64_t mm, fs;
	struct tocsin_vma *rows;
	size_t *path; /* of each row: offset in the pool */
	size_t count, room, path_room;
	char *pool;
	size_t pool_size, pool_room;
	uint64_t last_file; /* its identity and path are those of the row before */
	bool truncated;
};

static int member(struct tocsin_kernel *k, const char *type, const char *path, uint32_t *ret,
		  uint64_t *size)
{
	struct tocsin_btf_member m;
	int rc = tocsin_btf_member(k->btf, type, path, &m);

	if (!rc && (m.offset > UINT16_MAX || m.bit_size))
		rc = -EINVAL;
	if (rc)
		return rc;
	*ret = (uint32_t)m.offset;
	if (size)
		*size = m.size;
	return 0;
}

static int node_layout(struct tocsin_kernel *k, const char *type, struct node_layout *ret)
{
	uint64_t pivots = 0, slots = 0;
	int rc = member(k, type, "pivot", &ret->pivot, &pivots);

	if (!rc)
		rc = member(k, type, "slot", &ret->slot, &slots);
	if (!rc && (slots % 8 || slots / 8 < 2 || slots / 8 > SLOTS_MAX || pivots + 8 != slots ||
		    ret->pivot + pivots > NODE_SIZE || ret->slot + slots > NODE_SIZE))
		rc = -EINVAL;
	ret->slots = (uint32_t)(slots / 8);
	return rc;
}

static int node_type(struct tocsin_kernel *k, const char *name, uint32_t *ret)
{
	int64_t value;
	int rc = tocsin_btf_enumerator(k->btf, name, &value);

	if (!rc && (value < 0 || value > 15))
		rc = -EINVAL;
	if (!rc)
		*ret = (uint32_t)value;
	return rc;
}

static int tree_layout(struct tocsin_kernel *k, struct vma_layout *v)
{
	int rc = node_layout(k, "maple_range_64", &v->range);

	if (!rc)
		rc = node_layout(k, "maple_arange_64", &v->arange);
	if (!rc)
		rc = node_type(k, "maple_leaf_64", &v->leaf);
	if (!rc)
		rc = node_type(k, "maple_range_64", &v->range_type);
	if (!rc)
		rc = node_type(k, "maple_arange_64", &v->arange_type);
	return rc;
}

static const struct {
	const char *path;
	size_t field;
} vma_members[] = {
    {"vm_start", offsetof(struct vma_layout, start)},
    {"vm_end", offsetof(struct vma_layout, end)},
    {"vm_flags", offsetof(struct vma_layout, flags)},
    {"vm_file", offsetof(struct vma_layout, file)},
    {"vm_pgoff", offsetof(struct vma_layout, pgoff)},
    {"vm_mm", offsetof(struct vma_layout, mm)},
    {"vm_ops", offsetof(struct vma_layout, ops)},
};

static int vma_layout(struct tocsin_kernel *k, struct vma_layout *v, struct tocsin_error *err)
{
	static const char type[] = "vm_area_struct";
	uint64_t size = 0;
	int rc = tocsin_btf_sizeof(k->btf, type, &size);

	memset(v, 0, sizeof(*v));
	if (!rc && (size < 64 || size > VMA_BYTES_MAX))
		rc = -EINVAL;
	v->size = (uint32_t)size;
	for (size_t i = 0; i < sizeof(vma_members) / sizeof(vma_members[0]) && !rc; i++) {
		uint32_t *offset = (uint32_t *)((char *)v + vma_members[i].field);

		rc = member(k, type, vma_members[i].path, offset, NULL);
		if (!rc && *offset > v->size - 8)
			rc = -EINVAL;
	}
	if (rc)
		return tocsin_error_set(err, rc, "the kernel's vm_area_struct has no known layout");
	v->tree = !member(k, "mm_struct", "mm_mt.ma_root", &v->root, NULL);
	if (v->tree)
		rc = tree_layout(k, v);
	else if (!(rc = member(k, "mm_struct", "mmap", &v->root, NULL)))
		rc = member(k, type, "vm_next", &v->next, NULL);
	if (rc)
		return tocsin_error_set(err, rc,
					"the kernel keeps VMAs neither in a maple tree "
					"nor in a list that is known");
	if (tocsin_kernel_symbol(k, "special_mapping_vmops", &v->special_ops))
		v->special_ops = 0;
	return 0;
}

static int grow(struct reading *r)
{
	return TOCSIN_ROOM(r->rows, r->room, r->count) &&
		       TOCSIN_ROOM(r->path, r->path_room, r->count)
		   ? 0
		   : -ENOMEM;
}

/* Append text to the pool; *ret is where. */
static int keep(struct reading *r, const char *text, size_t *ret)
{
	size_t size = strlen(text) + 1;

	if (r->pool_room - r->pool_size < size) {
		size_t room = (r->pool_room + size) * 2;
		char *pool = realloc(r->pool, room);

		if (!pool)
			return -ENOMEM;
		r->pool = pool;
		r->pool_room = room;
	}
	memcpy(r->pool + r->pool_size, text, size);
	*ret = r->pool_size;
	r->pool_size += size;
	return 0;
}

/* Who is behind the row that is being added. -ENOMEM, or a reading that failed. */
static int read_file(struct reading *r, uint64_t file, struct tocsin_vma *row, size_t *path)
{
	char text[TOCSIN_PATH_SIZE];
	int rc;

	if (file == r->last_file && r->count) {
		row->file = r->rows[r->count - 1].file;
		*path = r->path[r->count - 1];
		return 0;
	}
	rc = tocsin_file_identity(r->k, r->l, file, &row->file);
	if (!rc)
		rc = tocsin_file_path(r->k, r->l, file, r->fs, text);
	return rc ? rc : keep(r, text, path);
}

static uint64_t word(const uint8_t *bytes, uint32_t at)
{
	uint64_t value;

	memcpy(&value, bytes + at, sizeof(value));
	return value;
}

/*
 * Add the VMA at va. 0; -EAGAIN: it is none, or one of another address space; -E2BIG; -ENOMEM.
 * A file that cannot be read makes a torn row, not a lost one.
 */
static int add(struct reading *r, uint64_t va, struct tocsin_vma **ret)
{
	const struct vma_layout *v = r->v;
	uint8_t bytes[VMA_BYTES_MAX];
	struct tocsin_vma row = {.confidence = TOCSIN_CONSISTENT};
	uint64_t flags, file;
	size_t path = 0;
	int rc = 0;

	if (r->count == VMAS_MAX)
		return -E2BIG;
	if (grow(r))
		return -ENOMEM;
	if (tocsin_kernel_read(r->k, va, bytes, v->size) || word(bytes, v->mm) != r->mm)
		return -EAGAIN;
	row.start = word(bytes, v->start);
	row.end = word(bytes, v->end);
	if (row.start >= row.end || (row.start | row.end) % TOCSIN_PAGE_SIZE ||
	    (r->count && row.start < r->rows[r->count - 1].end))
		return -EAGAIN;
	flags = word(bytes, v->flags);
	row.read = flags & VM_READ;
	row.write = flags & VM_WRITE;
	row.exec = flags & VM_EXEC;
	row.shared = flags & VM_MAYSHARE;
	row.may_write = flags & VM_MAYWRITE;
	row.pgoff = word(bytes, v->pgoff);
	row.special = v->special_ops && word(bytes, v->ops) == v->special_ops;
	file = word(bytes, v->file);
	row.has_file = file;
	row.file_va = file;
	if (file)
		rc = read_file(r, file, &row, &path);
	if (rc == -ENOMEM)
		return rc;
	if (rc) {
		row.confidence = TOCSIN_TORN;
		path = 0;
		file = 0;
	}
	r->last_file = file;
	r->path[r->count] = path;
	r->rows[r->count] = row;
	*ret = &r->rows[r->count++];
	return 0;
}

/* xa_is_node(): an internal entry that is a pointer. Only the root is tagged like that. */
static bool is_root(uint64_t entry)
{
	return (entry & 3) == 2 && entry > 4096;
}

static bool is_child(uint64_t entry)
{
	return !(entry & 3) && entry > 4096;
}

static int add_slot(struct reading *r, uint64_t entry, uint64_t min, uint64_t max)
{
	struct tocsin_vma *row;
	int rc;

	if (!entry)
		return 0;
	if (entry & 3)
		return -EAGAIN;
	rc = add(r, entry, &row);
	/* The tree and the VMA are not changed at one stroke. */
	if (!rc && (row->start != min || row->end - 1 != max))
		row->confidence = TOCSIN_TORN;
	return rc;
}

static int walk_node(struct reading *r, uint64_t enode, uint64_t min, uint64_t max, int depth)
{
	uint64_t node = enode & ~(uint64_t)(NODE_SIZE - 1);
	uint32_t type = enode >> 3 & 15;
	const struct node_layout *layout = &r->v->range;
	uint8_t bytes[NODE_SIZE];
	bool leaf = type == r->v->leaf;

	if (depth == DEPTH_MAX || tocsin_kernel_read(r->k, node, bytes, sizeof(bytes)))
		return -EAGAIN;
	if (type == r->v->arange_type)
		layout = &r->v->arange;
	else if (!leaf && type != r->v->range_type)
		return -EAGAIN;
	/* ma_dead_node(): replaced, and its own parent since. */
	if ((word(bytes, 0) & ~(uint64_t)(NODE_SIZE - 1)) == node)
		return -EAGAIN;
	for (uint32_t i = 0; i < layout->slots; i++) {
		uint64_t entry = word(bytes, layout->slot + 8 * i), end = max;
		int rc;

		/* A pivot of 0 after the first: the slot goes up to the node's own end. */
		if (i + 1 < layout->slots && (word(bytes, layout->pivot + 8 * i) || !i))
			end = word(bytes, layout->pivot + 8 * i);
		if (end < min || end > max)
			return -EAGAIN;
		if (leaf)
			rc = add_slot(r, entry, min, end);
		else
			rc = is_child(entry) ? walk_node(r, entry, min, end, depth + 1) : -EAGAIN;
		if (rc || end == max)
			return rc;
		min = end + 1;
	}
	return -EAGAIN;
}

static int walk_tree(struct reading *r, uint64_t root)
{
	if (!root)
		return 0;
	return is_root(root) ? walk_node(r, root, 0, UINT64_MAX, 0) : -EAGAIN;
}

/* The order of the addresses, which add() demands, makes a cycle impossible. */
static int walk_list(struct reading *r, uint64_t va)
{
	struct tocsin_vma *row;

	while (va) {
		int rc = add(r, va, &row);

		if (!rc && tocsin_kernel_read_u64(r->k, va + r->v->next, &va))
			rc = -EAGAIN;
		if (rc)
			return rc;
	}
	return 0;
}

static int read_once(struct reading *r)
{
	size_t empty;
	uint64_t root;
	int rc;

	r->count = r->pool_size = 0;
	r->last_file = 0;
	r->truncated = false;
	rc = keep(r, "", &empty);
	if (!rc && tocsin_kernel_read_u64(r->k, r->mm + r->v->root, &root))
		rc = -EAGAIN;
	if (!rc)
		rc = r->v->tree ? walk_tree(r, root) : walk_list(r, root);
	if (rc == -E2BIG) {
		r->truncated = true;
		rc = 0;
	}
	return rc;
}

static bool same_row(const struct reading *a, size_t i, const struct reading *b, size_t j)
{
	const struct tocsin_vma *x = &a->rows[i], *y = &b->rows[j];

	return x->start == y->start && x->end == y->end && x->pgoff == y->pgoff &&
	       x->read == y->read && x->write == y->write && x->exec == y->exec &&
	       x->shared == y->shared && x->may_write == y->may_write &&
	       x->has_file == y->has_file && x->file_va == y->file_va && x->special == y->special &&
	       x->file.inode == y->file.inode && x->file.dev_major == y->file.dev_major &&
	       x->file.dev_minor == y->file.dev_minor && x->file.deleted == y->file.deleted &&
	       x->file.memfd == y->file.memfd &&
	       !strcmp(a->pool + a->path[i], b->pool + b->path[j]);
}

/* Mark the rows of now that are not in before; return how many rows of now are torn. */
static size_t mark_torn(struct reading *now, const struct reading *before)
{
	size_t torn = 0, j = 0;

	for (size_t i = 0; i < now->count; i++) {
		while (j < before->count && before->rows[j].start < now->rows[i].start)
			j++;
		if (j == before->count || !same_row(now, i, before, j))
			now->rows[i].confidence = TOCSIN_TORN;
		torn += now->rows[i].confidence == TOCSIN_TORN;
	}
	return torn;
}

/* Rows and paths in one block, which is what the caller frees. */
static int hand_over(const struct reading *r, size_t torn, struct tocsin_vma_list *ret)
{
	size_t rows = r->count * sizeof(*r->rows);
	char *block = malloc(rows + r->pool_size), *pool = block + rows;

	if (!block)
		return -ENOMEM;
	memcpy(pool, r->pool, r->pool_size);
	*ret = (struct tocsin_vma_list){.rows = (struct tocsin_vma *)(void *)block,
					.count = r->count,
					.torn = torn,
					.truncated = r->truncated};
	for (size_t i = 0; i < r->count; i++) {
		ret->rows[i] = r->rows[i];
		ret->rows[i].path = pool + r->path[i];
	}
	return 0;
}

static int read_until_same(struct reading r[2], struct tocsin_vma_list *ret)
{
	int rc = read_once(&r[0]), again = rc, now = 0;
	size_t torn = 1; /* only a reading that equals the one before it is known to be whole */

	for (int i = 0; i < RETRIES && torn && rc != -ENOMEM; i++) {
		tocsin_kernel_wait(r->k, i);
		now = !now;
		again = read_once(&r[now]);
		torn = 1;
		if (!rc && !again) {
			torn = mark_torn(&r[now], &r[!now]);
			if (r[now].count != r[!now].count && !torn)
				torn = 1; /* a row is gone */
		}
		rc = again;
	}
	return rc ? rc : hand_over(&r[now], torn, ret);
}

int tocsin_vma_list(struct tocsin_kernel *k, const struct tocsin_process *p,
		    struct tocsin_vma_list *ret, struct tocsin_error *err)
{
	struct reading r[2] = {{.k = k, .mm = p->mm}};
	const struct tocsin_process_layout *l;
	struct vma_layout v;
	uint64_t mm;
	int rc = tocsin_process_layout(k, &l, err);

	if (!rc)
		rc = vma_layout(k, &v, err);
	if (rc)
		return rc;
	if (!p->mm) {
		memset(ret, 0, sizeof(*ret));
		return 0;
	}
	if (tocsin_kernel_read_u64(k, p->task + l->task_mm, &mm) || mm != p->mm ||
	    tocsin_kernel_read_u64(k, p->task + l->task_fs, &r[0].fs))
		return tocsin_error_set(err, -ESRCH,
					"process %d has ended or begun another program", p->pid);
	r[0].l = l;
	r[0].v = &v;
	r[1] = r[0];
	rc = read_until_same(r, ret);
	for (int i = 0; i < 2; i++) {
		free(r[i].rows);
		free(r[i].path);
		free(r[i].pool);
	}
	if (rc)
		return tocsin_error_set(err, rc, "the VMAs of process %d cannot be read whole: %s",
					p->pid, strerror(-rc));
	return 0;
}

void tocsin_vma_list_free(struct tocsin_vma_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
