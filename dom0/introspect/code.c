// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whose code is where: the kernel's own text, modules, and what the kernel itself makes at run
 * time, by its own books: BPF's programs and trampolines (pack_list and bpf_kallsyms), trampolines
 * of ftrace (ftrace_ops_list), instructions that kprobes moved (kprobe_insn_slots), thunks against
 * speculation (its_pages), and what other processors start with. The page tables, which cannot lie,
 * are held against that: executable memory that nobody accounts for was made by somebody who hides.
 */
#include "base/room.h"
#include "introspect/process.h"
#include "introspect/transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RANGES_MAX 4096
#define STEPS_MAX 65536      /* from one owner of code to the next */
#define PACK_SIZE (2u << 20) /* of BPF's programs, at most: BPF_PROG_PACK_SIZE */
#define OPS_MAX 1024

struct tocsin_code {
	struct tocsin_kernel *k;
	uint64_t text, text_end, image_end;
	struct tocsin_module_list modules;
	struct tocsin_code_range *ranges; /* sorted by start; what the kernel made */
	size_t count, room;
};

const char *tocsin_code_kind_name(enum tocsin_code_kind kind)
{
	static const char *const names[] = {"unknown", "kernel", "module", "hidden module",
					    "bpf",     "ftrace", "kprobe"};

	return (size_t)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

static int add_range(struct tocsin_code *c, enum tocsin_code_kind kind, uint64_t start,
		     uint64_t end, const char *name)
{
	struct tocsin_code_range *r;

	if (start >= end || end - start > 1u << 30 || c->count == RANGES_MAX)
		return 0; /* what is not added counts as unaccounted for */
	if (!TOCSIN_ROOM(c->ranges, c->room, c->count))
		return -ENOMEM;
	r = &c->ranges[c->count++];
	memset(r, 0, sizeof(*r));
	r->start = start;
	r->end = end;
	r->place.kind = kind;
	strncpy(r->place.name, name, sizeof(r->place.name) - 1);
	return 0;
}

/* The objects on the list whose head is the symbol, at most some; none if the kernel has none. */
static int collect(struct tocsin_code *c, const char *symbol, const char *head_type,
		   const char *head_path, const char *type, const char *node,
		   struct tocsin_addresses *ret)
{
	uint32_t in_head = 0, in_node = tocsin_member_or_none(c->k, type, node);
	uint64_t head;
	int rc;

	if (head_type)
		in_head = tocsin_member_or_none(c->k, head_type, head_path);
	if (in_node == TOCSIN_NO_MEMBER || in_head == TOCSIN_NO_MEMBER ||
	    tocsin_kernel_symbol(c->k, symbol, &head))
		return 0;
	rc = tocsin_list_collect(c->k, head + in_head, in_node, RANGES_MAX, ret);
	return rc == -ENOMEM ? rc : 0;
}

static int read_bpf(struct tocsin_code *c)
{
	uint32_t start = tocsin_member_or_none(c->k, "bpf_ksym", "start");
	uint32_t end = tocsin_member_or_none(c->k, "bpf_ksym", "end");
	uint32_t name = tocsin_member_or_none(c->k, "bpf_ksym", "name");
	uint32_t pack = tocsin_member_or_none(c->k, "bpf_prog_pack", "ptr");
	struct tocsin_addresses found = {0};
	char text[64];
	uint64_t from, to;
	int rc = collect(c, "bpf_kallsyms", NULL, NULL, "bpf_ksym", "lnode", &found);

	if (start == TOCSIN_NO_MEMBER || end == TOCSIN_NO_MEMBER || name == TOCSIN_NO_MEMBER)
		found.count = 0;
	for (size_t i = 0; i < found.count && !rc; i++) {
		if (tocsin_kernel_read_u64(c->k, found.at[i] + start, &from) ||
		    tocsin_kernel_read_u64(c->k, found.at[i] + end, &to) ||
		    tocsin_kernel_read(c->k, found.at[i] + name, text, sizeof(text) - 1))
			continue;
		text[sizeof(text) - 1] = '\0';
		rc = add_range(c, TOCSIN_CODE_BPF, from, to, text);
	}
	found.count = 0;
	if (!rc && pack != TOCSIN_NO_MEMBER)
		rc = collect(c, "pack_list", NULL, NULL, "bpf_prog_pack", "list", &found);
	for (size_t i = 0; i < found.count && !rc; i++)
		if (!tocsin_kernel_read_u64(c->k, found.at[i] + pack, &from) &&
		    from % TOCSIN_PAGE_SIZE == 0)
			rc = add_range(c, TOCSIN_CODE_BPF, from, from + PACK_SIZE, "");
	tocsin_addresses_free(&found);
	return rc;
}

struct trampolines {
	uint32_t next, start, size;
};

/* The trampoline of one user of ftrace. -EFAULT: it cannot be read. */
static int add_trampoline(struct tocsin_code *c, const struct trampolines *l, uint64_t ops)
{
	uint64_t start, size;

	if (tocsin_kernel_read_u64(c->k, ops + l->start, &start) ||
	    tocsin_kernel_read_u64(c->k, ops + l->size, &size))
		return -EFAULT;
	if (!start || !size || size > 1u << 20)
		return 0;
	return add_range(c, TOCSIN_CODE_FTRACE, start, start + size, "");
}

/*
 * Who uses ftrace now is on a list of its own kind, which ends with ftrace_list_end; who used it
 * before and has kept the trampoline is on another (kernel/trace/ftrace.c).
 */
static int read_ftrace(struct tocsin_code *c)
{
	struct trampolines l = {
	    .next = tocsin_member_or_none(c->k, "ftrace_ops", "next"),
	    .start = tocsin_member_or_none(c->k, "ftrace_ops", "trampoline"),
	    .size = tocsin_member_or_none(c->k, "ftrace_ops", "trampoline_size"),
	};
	struct tocsin_addresses kept = {0};
	uint64_t ops, end;
	int rc;

	if (l.next == TOCSIN_NO_MEMBER || l.start == TOCSIN_NO_MEMBER ||
	    l.size == TOCSIN_NO_MEMBER || tocsin_kernel_symbol(c->k, "ftrace_ops_list", &ops) ||
	    tocsin_kernel_symbol(c->k, "ftrace_list_end", &end) ||
	    tocsin_kernel_read_u64(c->k, ops, &ops))
		return 0;
	rc = collect(c, "ftrace_ops_trampoline_list", NULL, NULL, "ftrace_ops", "list", &kept);
	for (size_t i = 0; i < kept.count && rc != -ENOMEM; i++)
		rc = add_trampoline(c, &l, kept.at[i]);
	for (int i = 0; i < OPS_MAX && ops && ops != end && rc != -ENOMEM; i++) {
		rc = add_trampoline(c, &l, ops);
		if (tocsin_kernel_read_u64(c->k, ops + l.next, &ops))
			break;
	}
	tocsin_addresses_free(&kept);
	return rc == -ENOMEM ? rc : 0;
}

static int read_kprobes(struct tocsin_code *c, const char *cache)
{
	uint32_t insns = tocsin_member_or_none(c->k, "kprobe_insn_page", "insns");
	struct tocsin_addresses found = {0};
	uint64_t at;
	int rc;

	if (insns == TOCSIN_NO_MEMBER)
		return 0;
	rc = collect(c, cache, "kprobe_insn_cache", "pages", "kprobe_insn_page", "list", &found);
	for (size_t i = 0; i < found.count && !rc; i++)
		if (!tocsin_kernel_read_u64(c->k, found.at[i] + insns, &at))
			rc = add_range(c, TOCSIN_CODE_KPROBE, at, at + TOCSIN_PAGE_SIZE, "");
	tocsin_addresses_free(&found);
	return rc;
}

/* Thunks against speculation, where the processor needs them: arch/x86/kernel/alternative.c. */
static int read_thunks(struct tocsin_code *c)
{
	uint32_t pages = tocsin_member_or_none(c->k, "its_array", "pages");
	uint32_t number = tocsin_member_or_none(c->k, "its_array", "num");
	uint64_t array, at, page;
	uint32_t count;
	int rc = 0;

	if (pages == TOCSIN_NO_MEMBER || number == TOCSIN_NO_MEMBER ||
	    tocsin_kernel_symbol(c->k, "its_pages", &array) ||
	    tocsin_kernel_read_u64(c->k, array + pages, &at) ||
	    tocsin_kernel_read(c->k, array + number, &count, sizeof(count)) || count > 1024)
		return 0;
	for (uint32_t i = 0; i < count && !rc; i++)
		if (!tocsin_kernel_read_u64(c->k, at + i * 8ull, &page))
			rc = add_range(c, TOCSIN_CODE_KERNEL, page, page + TOCSIN_PAGE_SIZE,
				       "its_thunk");
	return rc;
}

/* What other processors start with, below 1 MiB: arch/x86/realmode/init.c. */
static int read_real_mode(struct tocsin_code *c)
{
	uint64_t header, start, end;

	if (tocsin_kernel_symbol(c->k, "real_mode_header", &header) ||
	    tocsin_kernel_symbol(c->k, "real_mode_blob", &start) ||
	    tocsin_kernel_symbol(c->k, "real_mode_blob_end", &end) ||
	    tocsin_kernel_read_u64(c->k, header, &header) || !header)
		return 0;
	return add_range(c, TOCSIN_CODE_KERNEL, header, header + (end - start), "real_mode_blob");
}

static int by_start(const void *a, const void *b)
{
	const struct tocsin_code_range *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->end > y->end) - (x->end < y->end);
}

static int read_all(struct tocsin_code *c, struct tocsin_error *err)
{
	int rc;

	if (tocsin_kernel_symbol(c->k, "_stext", &c->text) ||
	    tocsin_kernel_symbol(c->k, "_etext", &c->text_end))
		return tocsin_error_set(err, -ENOTSUP, "the kernel does not say where its text is");
	if (tocsin_kernel_symbol(c->k, "_end", &c->image_end))
		c->image_end = c->text_end;
	rc = tocsin_module_list(c->k, &c->modules, err);
	if (rc == -ENOTSUP)
		rc = 0; /* a kernel without modules */
	if (!rc)
		rc = read_bpf(c);
	if (!rc)
		rc = read_ftrace(c);
	if (!rc)
		rc = read_kprobes(c, "kprobe_insn_slots");
	if (!rc)
		rc = read_kprobes(c, "kprobe_optinsn_slots");
	if (!rc)
		rc = read_thunks(c);
	if (!rc)
		rc = read_real_mode(c);
	if (c->count)
		qsort(c->ranges, c->count, sizeof(*c->ranges), by_start);
	return rc ? tocsin_error_set(err, rc, "who has code in the kernel cannot be read") : 0;
}

int tocsin_code_open(struct tocsin_kernel *k, struct tocsin_code **ret, struct tocsin_error *err)
{
	struct tocsin_code *c = calloc(1, sizeof(*c));
	int rc = c ? 0 : -ENOMEM;

	if (rc)
		return tocsin_error_set(err, rc, "no memory");
	c->k = k;
	rc = read_all(c, err);
	if (rc) {
		tocsin_code_close(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void tocsin_code_close(struct tocsin_code *c)
{
	if (!c)
		return;
	tocsin_module_list_free(&c->modules);
	free(c->ranges);
	free(c);
}

const struct tocsin_module_list *tocsin_code_modules(const struct tocsin_code *c)
{
	return &c->modules;
}

static uint64_t page_up(uint64_t size)
{
	return (size + TOCSIN_PAGE_SIZE - 1) & -(uint64_t)TOCSIN_PAGE_SIZE;
}

static const struct tocsin_module *module_at(const struct tocsin_code *c, uint64_t va)
{
	for (size_t i = 0; i < c->modules.count; i++) {
		const struct tocsin_module *m = &c->modules.rows[i];

		if ((va >= m->base && va - m->base < page_up(m->text_size)) ||
		    (m->init_base && va >= m->init_base &&
		     va - m->init_base < page_up(m->init_size)))
			return m;
	}
	return NULL;
}

/* The range that starts last at or before va and has it; they may lie in each other. */
static const struct tocsin_code_range *range_at(const struct tocsin_code *c, uint64_t va)
{
	const struct tocsin_code_range *found = NULL;

	for (size_t i = 0; i < c->count && c->ranges[i].start <= va; i++)
		if (va < c->ranges[i].end)
			found = &c->ranges[i];
	return found;
}

void tocsin_code_at(const struct tocsin_code *c, uint64_t va, struct tocsin_code_place *ret)
{
	const struct tocsin_code_range *r;
	const struct tocsin_module *m;
	struct tocsin_symbol s;

	memset(ret, 0, sizeof(*ret));
	if (va >= c->text && va < c->text_end) {
		ret->kind = TOCSIN_CODE_KERNEL;
		if (!tocsin_kallsyms_at(c->k->symbols, va, &s)) {
			strncpy(ret->name, s.name, sizeof(ret->name) - 1);
			ret->offset = va - s.address;
		}
		return;
	}
	m = module_at(c, va);
	if (m) {
		ret->kind = m->confidence == TOCSIN_CONTRADICTED ? TOCSIN_CODE_HIDDEN_MODULE
								 : TOCSIN_CODE_MODULE;
		strncpy(ret->name, m->name, sizeof(ret->name) - 1);
		ret->offset = va - m->base;
		return;
	}
	r = range_at(c, va);
	if (r) {
		*ret = r->place;
		ret->offset = va - r->start;
	}
}

/* ---- what nobody accounts for ---- */

struct strays {
	const struct tocsin_code *c;
	struct tocsin_code_range *rows;
	size_t size, count;
	uint32_t steps; /* that may still be taken */
};

static int add_stray(struct strays *s, uint64_t start, uint64_t end, bool writable)
{
	struct tocsin_code_range *r;

	if (s->count == s->size)
		return -E2BIG;
	r = &s->rows[s->count++];
	memset(r, 0, sizeof(*r));
	r->start = start;
	r->end = end;
	r->writable = writable;
	tocsin_code_at(s->c, start, &r->place);
	return 0;
}

/*
 * Is the page at va accounted for? Then *end is where that ends; else where the next that is
 * accounted for begins, or UINT64_MAX.
 */
static bool accounted(const struct tocsin_code *c, uint64_t va, uint64_t *end)
{
	uint64_t next = UINT64_MAX, reach = 0;
	uint64_t image = c->text & -(uint64_t)(2u << 20); /* its gaps belong to it as well */

#define HAS(from, to)                                                                              \
	do {                                                                                       \
		uint64_t from_ = (from) & -(uint64_t)TOCSIN_PAGE_SIZE, to_ = page_up(to);          \
		if (va >= from_ && va < to_ && to_ > reach)                                        \
			reach = to_;                                                               \
		if (from_ > va && from_ < next)                                                    \
			next = from_;                                                              \
	} while (0)
	HAS(image, c->image_end);
	for (size_t i = 0; i < c->modules.count; i++) {
		const struct tocsin_module *m = &c->modules.rows[i];

		HAS(m->base, m->base + m->text_size);
		if (m->init_base)
			HAS(m->init_base, m->init_base + m->init_size);
	}
	for (size_t i = 0; i < c->count; i++)
		HAS(c->ranges[i].start, c->ranges[i].end);
#undef HAS
	*end = reach ? reach : next;
	return reach;
}

static int visit_executable(uint64_t start, uint64_t end, bool writable, void *context)
{
	struct strays *s = context;
	uint64_t next;
	int rc = 0;

	if (writable)
		return add_stray(s, start, end, true);
	for (uint64_t va = start; va < end && !rc; va = next) {
		if (!s->steps--)
			return -E2BIG;
		if (!accounted(s->c, va, &next))
			rc = add_stray(s, va, next < end ? next : end, false);
	}
	return rc;
}

int tocsin_code_strays(const struct tocsin_code *c, struct tocsin_code_range *ret, size_t size,
		       size_t *count, struct tocsin_error *err)
{
	struct strays s = {.c = c, .rows = ret, .size = size, .steps = STEPS_MAX};
	int rc = tocsin_walk_executable(c->k->m, c->k->paging, visit_executable, &s);

	if (rc && rc != -E2BIG)
		return tocsin_error_set(err, rc, "the kernel's page tables cannot be read");
	*count = s.count;
	return rc ? tocsin_error_set(err, rc, "there is more of it than %zu ranges", size) : 0;
}
