/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Executable memory that no file accounts for. Code comes from files; code that was written at run
 * time is either a runtime's compiler at work or somebody's injection. Where an installed runtime
 * of that kind runs, the same fact weighs less.
 *
 * A library that was loaded by hand lies in anonymous memory as it would in a file's mappings: with
 * its ELF header, or, where that was wiped out, still with its program headers, or with the dynamic
 * section, which it needs to work (System V ABI, chapters 4 and 5). Those are looked for in the
 * anonymous mappings that touch an executable one.
 */
#include "scan/scanners.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GROUP_PAGES 2048 /* of one mapping that are searched for a dynamic section */
#define HEADERS 16       /* program headers that are looked at */

/* Anonymous; what is shared between processes without a name is a file of this name. */
static bool is_anonymous(const struct tocsin_vma *v)
{
	return !v->special &&
	       (!v->has_file || (v->file.deleted && !strncmp(v->path, "/dev/zero", 9)));
}

static void scan_vma(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
		     const struct tocsin_vma *v, bool jit)
{
	uint64_t kib = (v->end - v->start) / 1024;
	struct tocsin_finding *f;

	if (v->write) {
		f = tocsin_scan_add_at(t, findings, "memory.writable-executable", v);
		if (f)
			tocsin_scan_disassemble(f, v->start);
		if (f && jit)
			f->severity = TOCSIN_SEVERITY_LOW;
		if (f)
			snprintf(f->what, sizeof(f->what),
				 "%" PRIu64 " KiB are writable and executable at once (%.120s)%s",
				 kib, v->has_file ? v->path : "anonymous",
				 jit ? ", as the runtime in this process needs" : "");
	} else if (is_anonymous(v)) {
		f = tocsin_scan_add_at(t, findings, "memory.anonymous-executable", v);
		if (f)
			tocsin_scan_disassemble(f, v->start);
		if (f && jit)
			f->severity = TOCSIN_SEVERITY_INFO;
		if (f)
			snprintf(f->what, sizeof(f->what),
				 "%" PRIu64 " KiB of code belong to no file%s", kib,
				 jit ? ", as the runtime in this process needs" : "");
	}
}

/* ---- ELF in anonymous memory ---- */

static bool is_elf(const uint8_t *page)
{
	return !memcmp(page, ELFMAG, SELFMAG) &&
	       (page[EI_CLASS] == ELFCLASS64 || page[EI_CLASS] == ELFCLASS32) &&
	       page[EI_DATA] == ELFDATA2LSB && page[EI_VERSION] == EV_CURRENT;
}

/* One entry of a table of program headers, of either class. */
struct program_header {
	uint32_t type, flags;
	uint64_t offset, va, file_size, size, align;
};

static struct program_header program_header(const uint8_t *page, size_t i, bool small)
{
	struct program_header ret;
	Elf64_Phdr h;
	Elf32_Phdr s;

	if (small) {
		memcpy(&s, page + sizeof(Elf32_Ehdr) + i * sizeof(s), sizeof(s));
		ret = (struct program_header){s.p_type,   s.p_flags, s.p_offset, s.p_vaddr,
					      s.p_filesz, s.p_memsz, s.p_align};
	} else {
		memcpy(&h, page + sizeof(Elf64_Ehdr) + i * sizeof(h), sizeof(h));
		ret = (struct program_header){h.p_type,   h.p_flags, h.p_offset, h.p_vaddr,
					      h.p_filesz, h.p_memsz, h.p_align};
	}
	return ret;
}

/* Program headers where they usually lie, right behind an ELF header that is no longer there. */
static bool has_program_headers(const uint8_t *page, bool small)
{
	unsigned int loads = 0, executable = 0;

	for (size_t i = 0; i < HEADERS; i++) {
		struct program_header h = program_header(page, i, small);

		if (h.flags & ~(uint32_t)(PF_R | PF_W | PF_X) || h.file_size > h.size)
			break;
		if (h.type != PT_LOAD)
			continue;
		if (h.align < TOCSIN_PAGE_SIZE || h.align & (h.align - 1) ||
		    (h.va - h.offset) % TOCSIN_PAGE_SIZE || !h.size)
			break;
		loads++;
		executable += (h.flags & PF_X) != 0;
	}
	return loads >= 2 && executable;
}

struct dynamic {
	uint64_t tag, value;
};

static struct dynamic dynamic(const uint8_t *at, size_t i, bool small)
{
	Elf64_Dyn d;
	Elf32_Dyn s;

	if (small) {
		memcpy(&s, at + i * sizeof(s), sizeof(s));
		return (struct dynamic){(uint32_t)s.d_tag, s.d_un.d_val};
	}
	memcpy(&d, at + i * sizeof(d), sizeof(d));
	return (struct dynamic){(uint64_t)d.d_tag, d.d_un.d_val};
}

/*
 * The tables without which nothing is linked, in one dynamic section: names, symbols, sizes. Two
 * words of 4 bytes are more often alike than two of 8, so that there must be a hash table as well.
 */
static bool is_dynamic_section(const uint8_t *at, size_t size, bool small)
{
	const size_t n = size / (small ? sizeof(Elf32_Dyn) : sizeof(Elf64_Dyn));
	const uint64_t symbol_size = small ? sizeof(Elf32_Sym) : sizeof(Elf64_Sym);
	const unsigned int none = small ? 0 : 16;
	unsigned int seen = none;

	for (size_t i = 0; i < n && seen != 31; i++) {
		struct dynamic d = dynamic(at, i, small);

		if (d.tag > 64 && (d.tag < 0x60000000 || d.tag > UINT32_MAX))
			seen = none; /* a section is one run of tags */
		if (d.tag == DT_NULL && small)
			seen = none; /* and ends so */
		if (d.tag == DT_STRTAB && d.value)
			seen |= 1;
		if (d.tag == DT_SYMTAB && d.value)
			seen |= 2;
		if (d.tag == DT_SYMENT && d.value == symbol_size)
			seen |= 4;
		if (d.tag == DT_STRSZ && d.value)
			seen |= 8;
		if ((d.tag == DT_HASH || d.tag == DT_GNU_HASH) && d.value)
			seen |= 16;
	}
	return seen == 31;
}

/* A section is aligned to half of an entry. */
static bool has_dynamic_section(const uint8_t *page)
{
	for (int small = 0; small < 2; small++) {
		size_t half = small ? sizeof(Elf32_Addr) : sizeof(Elf64_Addr);

		if (is_dynamic_section(page, TOCSIN_PAGE_SIZE, small) ||
		    is_dynamic_section(page + half, TOCSIN_PAGE_SIZE - half, small))
			return true;
	}
	return false;
}

static void state_elf(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
		      const struct tocsin_vma *v, uint64_t va, const char *rule, const char *sign,
		      bool jit)
{
	struct tocsin_finding *f = tocsin_scan_add(findings, rule);

	if (!f)
		return;
	if (jit) /* it may have made one for a debugger */
		f->severity = TOCSIN_SEVERITY_MEDIUM;
	f->start = va;
	f->end = v->end;
	tocsin_scan_evidence(t, f, va);
	snprintf(f->what, sizeof(f->what), "%s in %" PRIu64 " KiB of memory that belong to no file",
		 sign, (v->end - v->start) / 1024);
}

/* One mapping of a group. True: it was found to be part of an ELF file. */
static bool scan_for_elf(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
			 const struct tocsin_vma *v, bool jit)
{
	uint8_t page[TOCSIN_PAGE_SIZE];
	uint64_t va = v->start;

	if (!tocsin_process_read(t->kernel, t->process, va, page, sizeof(page), NULL)) {
		if (is_elf(page)) {
			state_elf(t, findings, v, va, "memory.injected-elf",
				  "there is an ELF header", jit);
			return true;
		}
		if (has_program_headers(page, false) || has_program_headers(page, true)) {
			state_elf(t, findings, v, va, "memory.headless-elf",
				  "there are program headers without an ELF header", jit);
			return true;
		}
	}
	for (size_t i = 0; i < GROUP_PAGES && va < v->end; i++, va += sizeof(page)) {
		if (tocsin_process_read(t->kernel, t->process, va, page, sizeof(page), NULL) ||
		    !has_dynamic_section(page))
			continue;
		state_elf(t, findings, v, va, "memory.headless-elf",
			  "there is a dynamic section without an ELF header", jit);
		return true;
	}
	return false;
}

/* Mappings [first, end) touch each other and are anonymous; one is executable. */
static void scan_group(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
		       size_t first, size_t end, bool jit)
{
	for (size_t i = first; i < end; i++)
		if (scan_for_elf(t, findings, &t->vmas->rows[i], jit))
			return;
}

static void scan_groups(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
			bool jit)
{
	const struct tocsin_vma *rows = t->vmas->rows;
	size_t count = t->vmas->count, end;

	for (size_t first = 0; first < count; first = end) {
		bool executable = false;

		end = first;
		while (end < count && rows[end].confidence != TOCSIN_TORN &&
		       is_anonymous(&rows[end]) &&
		       (end == first || rows[end].start == rows[end - 1].end))
			executable |= rows[end++].exec;
		if (executable)
			scan_group(t, findings, first, end, jit);
		end += end == first;
	}
}

int tocsin_scan_memory(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
		       struct tocsin_error *err)
{
	bool jit = tocsin_scan_is_jit(t->vmas);
	size_t i;

	for (i = 0; i < t->vmas->count; i++) {
		const struct tocsin_vma *v = &t->vmas->rows[i];

		if (v->confidence != TOCSIN_TORN && v->exec && !v->special)
			scan_vma(t, findings, v, jit);
	}
	scan_groups(t, findings, jit);
	return 0;
}
