// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loaded modules, from three views: the list that /proc/modules walks, the folder of sysfs, and the
 * tree by which the kernel finds the module of an address (mod_tree, kernel/module/tree_lookup.c).
 * What is in one of them and not in the first two, and does not just come or go, hides: its row is
 * contradicted. Not every kernel has the tree.
 *
 * All views are read together until two readings agree, a few times at most; what still differs is
 * torn.
 */
#include "base/room.h"
#include "introspect/kernel.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MODULES_MAX 4096
#define KOBJECTS_MAX 65536
#define RETRIES 8
#define MEMORIES_MAX 32
#define NODES_MAX (8 * MODULES_MAX) /* of the tree: one for each memory of a module */
#define DEPTH_MAX 64

const char *tocsin_module_state_name(uint32_t state)
{
	static const char *const names[] = {"live", "coming", "going", "unformed"};

	return state < 4 ? names[state] : "unknown";
}

struct layout {
	uint32_t list, name, state, refcount, taints;
	uint32_t kset_list, kobject_entry, wrapper_kobject, wrapper_module;
	uint32_t core_base, core_size, text_size; /* of the only memory, or of memory 0 */
	uint32_t init_base, init_size; /* of the text that is freed after loading; both 0: none */
	uint32_t memories, stride;     /* how many memories, and bytes from one to the next */
	uint32_t text;                 /* which of them is the text */
	uint64_t tree;                 /* VA of the pointer to the tree's root; 0: there is none */
	uint32_t node, owner, left, right; /* in struct mod_tree_node, and in struct rb_node */
};

struct reading {
	struct tocsin_kernel *k;
	const struct layout *l;
	struct tocsin_module *rows;
	size_t count, room;
	bool truncated;
};

static int member(struct tocsin_kernel *k, const char *type, const char *path, uint32_t *ret)
{
	struct tocsin_btf_member m;
	int rc = tocsin_btf_member(k->btf, type, path, &m);

	if (!rc && (m.offset > UINT16_MAX || m.bit_size))
		rc = -EINVAL;
	if (!rc)
		*ret = (uint32_t)m.offset;
	return rc;
}

/* module.mem[] since 6.4 (ac3b43283923), module.core_layout since 4.5, module_core before. */
static int memory_layout(struct tocsin_kernel *k, struct layout *l)
{
	struct tocsin_btf_member mem, first;
	int64_t text = 0, init = 0;
	int rc;

	l->memories = 1;
	if (!member(k, "module", "core_layout.base", &l->core_base)) {
		if (member(k, "module", "init_layout.base", &l->init_base) ||
		    member(k, "module", "init_layout.text_size", &l->init_size))
			l->init_base = l->init_size = 0;
		rc = member(k, "module", "core_layout.size", &l->core_size);
		return rc ? rc : member(k, "module", "core_layout.text_size", &l->text_size);
	}
	if (!member(k, "module", "module_core", &l->core_base)) {
		rc = member(k, "module", "core_size", &l->core_size);
		return rc ? rc : member(k, "module", "core_text_size", &l->text_size);
	}
	rc = tocsin_btf_member(k->btf, "module", "mem", &mem);
	if (!rc)
		rc = tocsin_btf_member(k->btf, "module", "mem[0]", &first);
	if (!rc)
		rc = tocsin_btf_enumerator(k->btf, "MOD_TEXT", &text);
	if (!rc)
		rc = member(k, "module", "mem[0].base", &l->core_base);
	if (!rc)
		rc = member(k, "module", "mem[0].size", &l->core_size);
	if (rc)
		return rc;
	if (!first.size || mem.size / first.size > MEMORIES_MAX || text < 0 ||
	    (uint64_t)text >= mem.size / first.size)
		return -EINVAL;
	l->memories = (uint32_t)(mem.size / first.size);
	l->stride = (uint32_t)first.size;
	l->text = (uint32_t)text;
	l->text_size = l->core_size;
	if (!tocsin_btf_enumerator(k->btf, "MOD_INIT_TEXT", &init) && init >= 0 &&
	    (uint64_t)init < l->memories) {
		l->init_base = l->core_base + (uint32_t)init * l->stride;
		l->init_size = l->core_size + (uint32_t)init * l->stride;
	}
	return 0;
}

/* One of the two trees; while one changes, the other is whole (include/linux/rbtree_latch.h). */
static void find_tree(struct tocsin_kernel *k, struct layout *l)
{
	uint32_t root;

	if (tocsin_kernel_symbol(k, "mod_tree", &l->tree) ||
	    member(k, "mod_tree_root", "root.tree[0].rb_node", &root) ||
	    member(k, "mod_tree_node", "node.node[0]", &l->node) ||
	    member(k, "mod_tree_node", "mod", &l->owner) ||
	    member(k, "rb_node", "rb_left", &l->left) ||
	    member(k, "rb_node", "rb_right", &l->right))
		l->tree = 0;
	else
		l->tree += root;
}

static int find_layout(struct tocsin_kernel *k, struct layout *l, struct tocsin_error *err)
{
	const struct {
		const char *type, *path;
		uint32_t *to;
	} members[] = {
	    {"module", "list", &l->list},
	    {"module", "name", &l->name},
	    {"module", "state", &l->state},
	    {"module", "refcnt", &l->refcount},
	    {"module", "taints", &l->taints},
	    {"kset", "list", &l->kset_list},
	    {"kobject", "entry", &l->kobject_entry},
	    {"module_kobject", "kobj", &l->wrapper_kobject},
	    {"module_kobject", "mod", &l->wrapper_module},
	};
	int rc;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		rc = member(k, members[i].type, members[i].path, members[i].to);
		if (rc)
			return tocsin_error_set(err, rc, "the kernel has no usable %s.%s",
						members[i].type, members[i].path);
	}
	find_tree(k, l);
	rc = memory_layout(k, l);
	return rc ? tocsin_error_set(err, rc, "the memory of modules has no known layout") : 0;
}

static int read_module(struct reading *r, uint64_t module, struct tocsin_module *m)
{
	const struct layout *l = r->l;
	uint32_t size, state, text, init = 0;

	m->module = module;
	if (tocsin_kernel_read(r->k, module + l->name, m->name, sizeof(m->name) - 1) ||
	    tocsin_kernel_read(r->k, module + l->state, &state, 4) ||
	    tocsin_kernel_read(r->k, module + l->refcount, &m->references, 4) ||
	    tocsin_kernel_read_u64(r->k, module + l->taints, &m->taints) ||
	    tocsin_kernel_read_u64(r->k, module + l->core_base + (uint64_t)l->text * l->stride,
				   &m->base))
		return -EFAULT;
	if (state > TOCSIN_MODULE_UNFORMED || !m->name[0])
		return -EAGAIN;
	if (tocsin_kernel_read(r->k, module + l->text_size + (uint64_t)l->text * l->stride, &text,
			       4))
		return -EFAULT;
	m->text_size = text;
	if (l->init_base && (tocsin_kernel_read_u64(r->k, module + l->init_base, &m->init_base) ||
			     tocsin_kernel_read(r->k, module + l->init_size, &init, 4)))
		return -EFAULT;
	m->init_size = init;
	m->state = state;
	/* The module itself counts one (MODULE_REF_BASE). */
	m->references = (int32_t)((uint32_t)m->references - 1);
	for (uint32_t i = 0; i < l->memories; i++) {
		if (tocsin_kernel_read(r->k, module + l->core_size + (uint64_t)i * l->stride, &size,
				       4))
			return -EFAULT;
		m->size += size;
	}
	memset(m->name + strlen(m->name), 0, sizeof(m->name) - strlen(m->name));
	return 0;
}

/* The row of this module, made if there is none yet. */
static int find_row(struct reading *r, uint64_t module, struct tocsin_module **ret)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->rows[i].module == module) {
			*ret = &r->rows[i];
			return 0;
		}
	if (r->count == MODULES_MAX)
		return -E2BIG;
	if (!TOCSIN_ROOM(r->rows, r->room, r->count))
		return -ENOMEM;
	*ret = &r->rows[r->count];
	memset(*ret, 0, sizeof(**ret));
	if (read_module(r, module, *ret))
		return -EAGAIN;
	r->count++;
	return 0;
}

static int add_listed(struct reading *r, uint64_t node)
{
	struct tocsin_module *m;
	int rc = find_row(r, node - r->l->list, &m);

	if (!rc)
		m->in_list = true;
	return rc;
}

static int add_kobject(struct reading *r, uint64_t node)
{
	uint64_t wrapper = node - r->l->kobject_entry - r->l->wrapper_kobject, module;
	struct tocsin_module *m;
	int rc;

	if (tocsin_kernel_read_u64(r->k, wrapper + r->l->wrapper_module, &module))
		return -EAGAIN;
	if (!module) /* built in */
		return 0;
	rc = find_row(r, module, &m);
	if (!rc)
		m->in_sysfs = true;
	return rc;
}

/* What is no module is passed over: the tree only adds to the other views. */
static int add_owner(struct reading *r, uint64_t node)
{
	struct tocsin_module *m;
	uint64_t module;
	int rc;

	if (tocsin_kernel_read_u64(r->k, node - r->l->node + r->l->owner, &module))
		return 0;
	rc = find_row(r, module, &m);
	if (!rc)
		m->in_tree = true;
	return rc == -EAGAIN ? 0 : rc;
}

static int walk_tree(struct reading *r)
{
	uint64_t rest[2 * DEPTH_MAX], node, left, right;
	size_t count = 0, seen = 0;
	int rc = 0;

	if (!r->l->tree || tocsin_kernel_read_u64(r->k, r->l->tree, &rest[0]))
		return 0;
	for (count = 1; count && !rc; seen++) {
		node = rest[--count];
		if (!node || tocsin_kernel_read_u64(r->k, node + r->l->left, &left) ||
		    tocsin_kernel_read_u64(r->k, node + r->l->right, &right))
			continue;
		if (seen == NODES_MAX || count + 2 > 2 * DEPTH_MAX)
			return -E2BIG;
		rest[count++] = right;
		rest[count++] = left;
		rc = add_owner(r, node);
	}
	return rc;
}

static int walk(struct reading *r, uint64_t head, size_t bound,
		int (*each)(struct reading *r, uint64_t node))
{
	uint64_t at = head, node, back;
	int rc = 0;

	for (size_t n = 0; n < bound && !rc; n++) {
		if (tocsin_kernel_read_u64(r->k, at, &node) ||
		    tocsin_kernel_read_u64(r->k, node + 8, &back) || back != at)
			return -EAGAIN;
		if (node == head)
			return 0;
		rc = each(r, node);
		at = node;
	}
	return rc ? rc : -E2BIG;
}

static int read_once(struct reading *r, uint64_t modules, uint64_t kset)
{
	int rc;

	r->count = 0;
	r->truncated = false;
	rc = walk(r, modules, MODULES_MAX, add_listed);
	if (!rc)
		rc = walk(r, kset + r->l->kset_list, KOBJECTS_MAX, add_kobject);
	if (!rc)
		rc = walk_tree(r);
	if (rc == -E2BIG) {
		r->truncated = true;
		rc = 0;
	}
	return rc;
}

static size_t mark_torn(struct reading *now, const struct reading *before)
{
	size_t torn = 0;

	for (size_t i = 0; i < now->count; i++) {
		const struct tocsin_module *x = &now->rows[i], *y = &before->rows[i];

		/* How often it is in use may change at any time. */
		if (i >= before->count || x->module != y->module || strcmp(x->name, y->name) ||
		    x->base != y->base || x->size != y->size || x->state != y->state ||
		    x->in_list != y->in_list || x->in_sysfs != y->in_sysfs ||
		    x->in_tree != y->in_tree) {
			now->rows[i].confidence = TOCSIN_TORN;
			torn++;
		}
	}
	return torn || now->count == before->count ? torn : 1;
}

/* Live, and not in both views that all have. */
static void mark_hidden(struct tocsin_module_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct tocsin_module *m = &list->rows[i];

		if (m->confidence == TOCSIN_CONSISTENT && m->state == TOCSIN_MODULE_LIVE &&
		    !(m->in_list && m->in_sysfs)) {
			m->confidence = TOCSIN_CONTRADICTED;
			list->contradicted++;
		}
	}
}

static int read_until_same(struct reading r[2], uint64_t modules, uint64_t kset,
			   struct tocsin_module_list *ret)
{
	int rc = read_once(&r[0], modules, kset), again, now = 0;
	size_t torn = 1;

	for (int i = 0; i < RETRIES && torn && rc != -ENOMEM; i++) {
		tocsin_kernel_wait(r->k, i);
		now = !now;
		again = read_once(&r[now], modules, kset);
		torn = rc || again ? 1 : mark_torn(&r[now], &r[!now]);
		rc = again;
	}
	if (rc)
		return rc;
	*ret = (struct tocsin_module_list){.rows = r[now].rows,
					   .count = r[now].count,
					   .torn = torn,
					   .truncated = r[now].truncated};
	r[now].rows = NULL;
	mark_hidden(ret);
	return 0;
}

int tocsin_module_list(struct tocsin_kernel *k, struct tocsin_module_list *ret,
		       struct tocsin_error *err)
{
	struct layout l = {0};
	struct reading r[2] = {{.k = k, .l = &l}, {.k = k, .l = &l}};
	uint64_t modules, pointer, kset;
	int rc = tocsin_kernel_symbol(k, "modules", &modules);

	if (rc)
		return tocsin_error_set(err, -ENOTSUP, "this kernel has no modules");
	rc = find_layout(k, &l, err);
	if (rc)
		return rc;
	rc = tocsin_kernel_symbol(k, "module_kset", &pointer);
	if (!rc)
		rc = tocsin_kernel_read_u64(k, pointer, &kset);
	if (rc)
		return tocsin_error_set(err, rc, "the modules in sysfs cannot be found");
	rc = read_until_same(r, modules, kset, ret);
	free(r[0].rows);
	free(r[1].rows);
	if (rc)
		return tocsin_error_at(err, rc, modules, "the list of modules breaks off: %s",
				       strerror(-rc));
	return 0;
}

void tocsin_module_list_free(struct tocsin_module_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
