// SPDX-License-Identifier: GPL-2.0-or-later
/* The symbols are kallsyms' own structure, filled directly: what decodes tables has its own tests.
 */
#include "introspect/kallsyms.c"

#include "fixture.h"
#include "introspect/object.h"

#include <stdio.h>

#define PRESENT 7ull /* writable, and user's */
#define SUPERVISOR 3ull
#define NO_EXECUTE (1ull << 63)
#define POOL_SIZE (FIXTURE_SYMBOLS * 64)

static void demand(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fixture: %s\n", what);
	abort();
}

/* ---- the source ---- */

static void go_on(struct fixture *f)
{
	f->accesses++;
	for (size_t i = 0; i < f->change_count; i++) {
		struct fixture_change *c = &f->changes[i];

		if (c->after >= f->accesses)
			continue;
		if (c->hole)
			f->hole[c->at / TOCSIN_PAGE_SIZE] = true;
		else
			memcpy(f->bytes + c->at, &c->word, sizeof(c->word));
		*c = f->changes[--f->change_count];
		i--;
	}
}

static int fixture_read(struct tocsin_memory *m, uint64_t gpa, void *buf, size_t size)
{
	struct fixture *f = (struct fixture *)m;

	go_on(f);
	for (uint64_t page = gpa / TOCSIN_PAGE_SIZE; page <= (gpa + size - 1) / TOCSIN_PAGE_SIZE;
	     page++)
		if (f->hole[page])
			return -EFAULT;
	memcpy(buf, f->bytes + gpa, size);
	return 0;
}

static const uint8_t *fixture_map(struct tocsin_memory *m, uint64_t gpa, uint64_t *size)
{
	struct fixture *f = (struct fixture *)m;

	go_on(f);
	if (gpa >= FIXTURE_SIZE || f->hole[gpa / TOCSIN_PAGE_SIZE])
		return NULL;
	*size = TOCSIN_PAGE_SIZE - gpa % TOCSIN_PAGE_SIZE;
	return f->bytes + gpa;
}

static void fixture_free(struct tocsin_memory *m)
{
	free(m);
}

static const struct tocsin_memory_ops ops = {
    .read = fixture_read,
    .map = fixture_map,
    .close = fixture_free,
};

/* ---- memory and objects ---- */

static void table_entry(struct fixture *f, uint32_t table, uint32_t index, uint64_t entry)
{
	memcpy(f->bytes + table + index * 8, &entry, sizeof(entry));
}

static void make_page_tables(struct fixture *f)
{
	uint32_t text = (uint32_t)(FIXTURE_TEXT - FIXTURE_BASE) / TOCSIN_PAGE_SIZE;

	table_entry(f, 0x1000, 511, 0x2000 | SUPERVISOR);
	table_entry(f, 0x2000, 510, 0x3000 | SUPERVISOR);
	table_entry(f, 0x3000, 8, 0x4000 | SUPERVISOR);
	for (uint32_t i = 1; i < FIXTURE_SIZE / TOCSIN_PAGE_SIZE; i++)
		table_entry(f, 0x4000, i,
			    i * TOCSIN_PAGE_SIZE | SUPERVISOR | (i - text < 2 ? 0 : NO_EXECUTE));
	table_entry(f, 0x1000, 0, 0x5000 | PRESENT);
	table_entry(f, 0x5000, 0, 0x6000 | PRESENT);
	table_entry(f, 0x6000, FIXTURE_USER >> 21, 0x7000 | PRESENT);
	for (uint32_t i = 0; i < 4; i++)
		table_entry(f, 0x7000, (FIXTURE_USER >> 12 & 511) + i,
			    (FIXTURE_USER_AT + i * TOCSIN_PAGE_SIZE) | PRESENT);
}

struct fixture *fixture_open(const struct change *changes)
{
	struct fixture *f = calloc(1, sizeof(*f));

	demand(f, "no memory");
	f->memory.ops = &ops;
	f->range.size = FIXTURE_SIZE;
	f->memory.ranges = &f->range;
	f->memory.range_count = 1;
	f->used = FIXTURE_DATA;
	f->k.m = &f->memory;
	f->k.paging = (struct tocsin_paging){.root = 0x1000, .levels = 4};
	f->k.info.text_va = FIXTURE_BASE;
	f->k.info.levels = 4;
	f->k.btf = make_types(changes);
	make_page_tables(f);
	return f;
}

void fixture_close(struct fixture *f)
{
	tocsin_btf_close(f->k.btf);
	tocsin_kallsyms_close(f->k.symbols);
	free(f->k.process);
	free(f->k.file);
	free(f->k.object);
	tocsin_memory_close(&f->memory);
}

uint64_t fixture_room(struct fixture *f, size_t size)
{
	uint64_t va = FIXTURE_BASE + f->used;

	f->used += (size + 15) & ~15ul;
	demand(f->used <= FIXTURE_USER_AT, "no room");
	return va;
}

uint64_t fixture_new(struct fixture *f, const char *type)
{
	uint64_t size;

	demand(!tocsin_btf_sizeof(f->k.btf, type, &size), type);
	return fixture_room(f, size);
}

uint64_t fixture_text(struct fixture *f, const char *text)
{
	uint64_t va = fixture_room(f, strlen(text) + 1);

	fixture_put(f, va, text, strlen(text) + 1);
	return va;
}

void fixture_put(struct fixture *f, uint64_t va, const void *bytes, size_t size)
{
	demand(va >= FIXTURE_BASE && va - FIXTURE_BASE <= FIXTURE_SIZE - size, "no such address");
	memcpy(f->bytes + (va - FIXTURE_BASE), bytes, size);
}

void fixture_word(struct fixture *f, uint64_t va, uint64_t word)
{
	fixture_put(f, va, &word, sizeof(word));
}

static struct tocsin_btf_member member_of(const struct fixture *f, const char *type,
					  const char *path)
{
	struct tocsin_btf_member m;

	demand(!tocsin_btf_member(f->k.btf, type, path, &m), path);
	return m;
}

bool fixture_has(const struct fixture *f, const char *type, const char *path)
{
	struct tocsin_btf_member m;

	return !tocsin_btf_member(f->k.btf, type, path, &m);
}

uint64_t fixture_offset(const struct fixture *f, const char *type, const char *path)
{
	return member_of(f, type, path).offset;
}

void fixture_set(struct fixture *f, const char *type, uint64_t va, const char *path, uint64_t value)
{
	struct tocsin_btf_member m = member_of(f, type, path);
	size_t size = m.size < sizeof(value) ? m.size : sizeof(value);

	if (m.bit_size) {
		value = (value & ((1u << m.bit_size) - 1)) << m.bit_offset;
		value |= f->bytes[va - FIXTURE_BASE + m.offset];
	}
	fixture_put(f, va + m.offset, &value, size);
}

uint64_t fixture_get(const struct fixture *f, const char *type, uint64_t va, const char *path)
{
	uint64_t ret;

	memcpy(&ret, f->bytes + (va - FIXTURE_BASE) + fixture_offset(f, type, path), sizeof(ret));
	return ret;
}

void fixture_set_text(struct fixture *f, const char *type, uint64_t va, const char *path,
		      const char *text)
{
	struct tocsin_btf_member m = member_of(f, type, path);

	demand(strlen(text) <= m.size, text);
	fixture_put(f, va + m.offset, text, strlen(text));
}

void fixture_link(struct fixture *f, uint64_t head, uint64_t node)
{
	uint64_t last;

	memcpy(&last, f->bytes + (head - FIXTURE_BASE) + 8, sizeof(last));
	if (!last)
		last = head;
	if (!node) {
		fixture_word(f, head, head);
		fixture_word(f, head + 8, head);
		return;
	}
	fixture_word(f, last, node);
	fixture_word(f, node, head);
	fixture_word(f, node + 8, last);
	fixture_word(f, head + 8, node);
}

/* ---- symbols ---- */

void fixture_symbol(struct fixture *f, const char *name, uint64_t va)
{
	size_t i = f->symbol_count;

	demand(f->symbol_count++ < FIXTURE_SYMBOLS, "too many symbols");
	for (; i && f->symbols[i - 1].va > va; i--)
		f->symbols[i] = f->symbols[i - 1];
	snprintf(f->symbols[i].name, sizeof(f->symbols[i].name), "%s", name);
	f->symbols[i].va = va;
}

static void make_symbols(struct fixture *f)
{
	struct tocsin_kallsyms *ks = calloc(1, sizeof(*ks));
	uint32_t at = 0;
	struct tocsin_names_adding adding = {0};

	demand(ks && (ks->pool = calloc(1, POOL_SIZE)), "no memory");
	ks->base = FIXTURE_BASE;
	ks->count = (uint32_t)f->symbol_count;
	ks->name = calloc(FIXTURE_SYMBOLS, sizeof(*ks->name));
	ks->type = calloc(FIXTURE_SYMBOLS, sizeof(*ks->type));
	ks->offset = calloc(FIXTURE_SYMBOLS, sizeof(*ks->offset));
	demand(ks->name && ks->type && ks->offset &&
		   !tocsin_names_open(&ks->names, FIXTURE_SYMBOLS),
	       "no memory");
	adding.n = &ks->names;
	for (uint32_t i = 0; i < ks->count; i++) {
		size_t length = strlen(f->symbols[i].name);
		uint64_t va = f->symbols[i].va;

		memcpy(ks->pool + at, f->symbols[i].name, length + 1);
		ks->name[i] = at;
		ks->type[i] = va - FIXTURE_TEXT < 2 * TOCSIN_PAGE_SIZE ? 'T' : 'D';
		ks->offset[i] =
		    va < FIXTURE_BASE ? (int32_t)va : (int32_t)(-1 - (va - FIXTURE_BASE));
		tocsin_names_add(&adding, ks->pool, at, length, i);
		at += (uint32_t)length + 1;
	}
	tocsin_names_added(&adding, ks->pool);
	f->k.symbols = ks;
}

void fixture_ready(struct fixture *f)
{
	make_symbols(f);
	tocsin_process_layout_resolve(&f->k);
	tocsin_file_layout_resolve(&f->k);
	tocsin_object_layout_resolve(&f->k);
	memcpy(f->original, f->bytes, sizeof(f->bytes));
	fixture_restore(f);
}

void fixture_restore(struct fixture *f)
{
	memcpy(f->bytes, f->original, sizeof(f->bytes));
	memset(f->hole, 0, sizeof(f->hole));
	f->change_count = 0;
	f->accesses = 0;
	tocsin_memory_flush(&f->memory);
}
