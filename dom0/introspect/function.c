// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Functions of the kernel. A name is looked for among all symbols of the text, since more than one
 * file may have a static function of that name, and tracing the wrong one would be a lie.
 */
#include "introspect/function.h"
#include "introspect/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *tocsin_entry_text(enum tocsin_entry entry)
{
	static const char *const texts[] = {"free", "taken by the guest's own ftrace or BPF",
					    "a breakpoint of the guest's own, or being patched",
					    "taken by a kprobe or live patch of the guest's own",
					    "it cannot be traced"};

	return (size_t)entry < sizeof(texts) / sizeof(texts[0]) ? texts[entry] : "unknown";
}

enum tocsin_entry tocsin_entry_of(const uint8_t bytes[TOCSIN_ENTRY_NOP])
{
	static const uint8_t nop[TOCSIN_ENTRY_NOP] = {0x0f, 0x1f, 0x44, 0x00, 0x00};

	if (!memcmp(bytes, nop, sizeof(nop)))
		return TOCSIN_ENTRY_FREE;
	switch (bytes[0]) {
	case 0xe8:
		return TOCSIN_ENTRY_CALL;
	case 0xcc:
		return TOCSIN_ENTRY_BREAK;
	case 0xe9:
		return TOCSIN_ENTRY_JUMP;
	default:
		return TOCSIN_ENTRY_NOTHING;
	}
}

struct search {
	const char *name;
	uint64_t va;
	unsigned int found;
};

static int visit(const struct tocsin_symbol *s, void *context)
{
	struct search *search = context;

	if (strchr("TtWw", s->type) && !strcmp(s->name, search->name) &&
	    (!search->found || s->address != search->va)) {
		search->va = s->address;
		search->found++;
	}
	return 0;
}

static int read_entry(struct tocsin_kernel *k, struct tocsin_function *f)
{
	uint8_t bytes[TOCSIN_ENDBR + TOCSIN_ENTRY_NOP];
	int rc = tocsin_kernel_read(k, f->va, bytes, sizeof(bytes));
	size_t skip;

	if (rc)
		return rc;
	skip = tocsin_branch_is_endbr(bytes) ? TOCSIN_ENDBR : 0;
	f->site = f->va + skip;
	f->entry = tocsin_entry_of(bytes + skip);
	if (f->site % TOCSIN_PAGE_SIZE > TOCSIN_PAGE_SIZE - TOCSIN_ENTRY_NOP)
		f->entry = TOCSIN_ENTRY_NOTHING;
	return tocsin_kernel_translate(k, f->site, &f->gpa);
}

/* Parameters, as far as the types know them and registers carry them. */
static void read_types(struct tocsin_kernel *k, const char *name, struct tocsin_function *f)
{
	struct tocsin_btf_parameter p;
	uint32_t proto;

	if (tocsin_btf_function(k->btf, name, &proto))
		return;
	f->typed = true;
	while (f->count < TOCSIN_PARAMETERS && !tocsin_btf_parameter(k->btf, proto, f->count, &p)) {
		struct tocsin_parameter *to = &f->parameters[f->count++];

		snprintf(to->name, sizeof(to->name), "%s", p.name);
		snprintf(to->target, sizeof(to->target), "%s", p.target);
		to->size = p.size <= 8 ? (uint8_t)p.size : 0;
		to->pointer = p.pointer;
		to->is_signed = p.is_signed;
	}
}

int tocsin_function_find(struct tocsin_kernel *k, const char *name, struct tocsin_function *ret,
			 struct tocsin_error *err)
{
	struct search search = {.name = name};
	struct tocsin_function f = {0};
	int rc;

	tocsin_kallsyms_iterate(k->symbols, visit, &search);
	if (!search.found)
		return tocsin_error_set(err, -ENOENT, "this kernel has no function %s", name);
	if (search.found > 1)
		return tocsin_error_set(err, -ENOTUNIQ, "this kernel has %u functions %s",
					search.found, name);
	f.va = search.va;
	rc = read_entry(k, &f);
	if (rc)
		return tocsin_error_set(err, rc, "the text of %s cannot be read", name);
	read_types(k, name, &f);
	*ret = f;
	return 0;
}
