/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF64 cores: PT_LOAD segments that name guest physical ranges (QEMU's dump-guest-memory, virsh
 * dump --memory-only), or the sections of xl dump-core, which name a frame for every page.
 *
 * Every header is checked against the size of the file before it is used, and their number is
 * capped.
 *
 * Sources: the ELF-64 object file format; e_phnum's escape PN_XNUM: elf(5); the note "QEMU" and
 * its CPU state: struct QEMUCPUState in QEMU's target/i386/arch_dump.c; Xen's
 * docs/misc/dump-core-format.txt.
 */
#include "memory/dump.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define SEGMENT_MAX 65536u
#define NOTES_MAX (16u << 20) /* of one segment: a few KiB for each processor */

/*
 * QEMUCPUState: u32 version and size, 18 u64 registers (rax to r15, rip, rflags), 10 segments of
 * 24 bytes (cs to ss, ldt, tr, gdt, idt), then cr[5].
 */
#define QEMU_STATE_VERSION 1u
#define QEMU_STATE_CR3 (8 + 18 * 8 + 10 * 24 + 3 * 8)

/* The first processor's CR3, from the first QEMU note that has one. */
static void find_cr3(struct tocsin_dump *s, uint64_t offset, uint64_t size)
{
	while (s->mapped.head.cr3_hint == 0 && size >= sizeof(Elf64_Nhdr)) {
		const uint8_t *note = s->file + offset;
		uint64_t name, desc, all;
		uint32_t version;
		Elf64_Nhdr h;

		memcpy(&h, note, sizeof(h));
		name = ((uint64_t)h.n_namesz + 3) & ~3ull;
		desc = ((uint64_t)h.n_descsz + 3) & ~3ull;
		all = sizeof(h) + name + desc;
		if (all > size)
			return;
		note += sizeof(h);
		if (h.n_namesz == 5 && memcmp(note, "QEMU", 5) == 0 &&
		    h.n_descsz >= QEMU_STATE_CR3 + 8) {
			memcpy(&version, note + name, sizeof(version));
			if (version == QEMU_STATE_VERSION)
				memcpy(&s->mapped.head.cr3_hint, note + name + QEMU_STATE_CR3, 8);
		}
		offset += all;
		size -= all;
	}
}

static int add_segment(struct tocsin_dump *s, const Elf64_Phdr *p, struct tocsin_error *err)
{
	if (p->p_type == PT_NOTE) {
		if (!tocsin_dump_holds(s, p->p_offset, p->p_filesz))
			return tocsin_error_set(err, -EINVAL,
						"a note segment lies outside the file");
		if (p->p_filesz <= NOTES_MAX)
			find_cr3(s, p->p_offset, p->p_filesz);
		return 0;
	}
	if (p->p_type != PT_LOAD || p->p_filesz == 0)
		return 0;
	if (!tocsin_dump_holds(s, p->p_offset, p->p_filesz))
		return tocsin_error_at(err, -EINVAL, p->p_paddr,
				       "a segment lies outside the file (truncated dump?)");
	if (p->p_filesz > p->p_memsz)
		return tocsin_error_at(err, -EINVAL, p->p_paddr, "a segment's size makes no sense");
	return tocsin_mapped_add(&s->mapped, p->p_paddr, p->p_filesz, s->file + p->p_offset, err);
}

/* Checked number of program headers, also where it does not fit e_phnum. */
static int count_headers(const struct tocsin_dump *s, const Elf64_Ehdr *e, uint32_t *ret,
			 struct tocsin_error *err)
{
	uint32_t count = e->e_phnum;
	Elf64_Shdr first;

	if (count == PN_XNUM) {
		if (e->e_shentsize != sizeof(first) ||
		    !tocsin_dump_holds(s, e->e_shoff, sizeof(first)))
			return tocsin_error_set(err, -EINVAL,
						"the first section header is missing");
		memcpy(&first, s->file + e->e_shoff, sizeof(first));
		count = first.sh_info;
	}
	if (count == 0 || count > SEGMENT_MAX)
		return tocsin_error_set(err, -EINVAL, "%u program headers: none, or too many",
					count);
	if (e->e_phentsize != sizeof(Elf64_Phdr) ||
	    !tocsin_dump_holds(s, e->e_phoff, (uint64_t)count * sizeof(Elf64_Phdr)))
		return tocsin_error_set(err, -EINVAL, "the program headers lie outside the file");
	*ret = count;
	return 0;
}

/* The section of this name, checked to lie in the file and to be plain contents. */
static int find_section(const struct tocsin_dump *s, const Elf64_Ehdr *e, const Elf64_Shdr *names,
			const char *name, Elf64_Shdr *ret)
{
	size_t length = strlen(name) + 1;

	for (uint32_t i = 0; i < e->e_shnum; i++) {
		Elf64_Shdr h;

		memcpy(&h, s->file + e->e_shoff + (uint64_t)i * sizeof(h), sizeof(h));
		if (h.sh_type == SHT_NOBITS || !tocsin_dump_holds(s, h.sh_offset, h.sh_size) ||
		    h.sh_name > names->sh_size || length > names->sh_size - h.sh_name ||
		    memcmp(s->file + names->sh_offset + h.sh_name, name, length))
			continue;
		*ret = h;
		return 0;
	}
	return -ENOENT;
}

/* Page i of the section .xen_pages is guest frame i of .xen_pfn. */
static int add_pages(struct tocsin_dump *s, const Elf64_Shdr *pages, const Elf64_Shdr *frames,
		     struct tocsin_error *err)
{
	uint64_t count = pages->sh_size / TOCSIN_PAGE_SIZE;
	int rc = 0;

	if (count != frames->sh_size / 8)
		return tocsin_error_set(err, -EINVAL,
					"the dump has %" PRIu64 " pages, but names %" PRIu64, count,
					frames->sh_size / 8);
	for (uint64_t i = 0; i < count && !rc; i++) {
		uint64_t pfn;

		memcpy(&pfn, s->file + frames->sh_offset + i * 8, sizeof(pfn));
		if (pfn == UINT64_MAX)
			continue;
		if (pfn > UINT64_MAX >> TOCSIN_PAGE_SHIFT)
			return tocsin_error_at(err, -EINVAL, pfn, "a frame number makes no sense");
		rc = tocsin_mapped_add(&s->mapped, pfn << TOCSIN_PAGE_SHIFT, TOCSIN_PAGE_SIZE,
				       s->file + pages->sh_offset + i * TOCSIN_PAGE_SIZE, err);
	}
	return rc;
}

/* xl dump-core: sections only. A PV guest's has .xen_p2m instead, and is not ours to read. */
static int parse_xen(struct tocsin_dump *s, const Elf64_Ehdr *e, struct tocsin_error *err)
{
	Elf64_Shdr names, pages, frames;

	if (e->e_shentsize != sizeof(names) || e->e_shstrndx >= e->e_shnum ||
	    !tocsin_dump_holds(s, e->e_shoff, (uint64_t)e->e_shnum * sizeof(names)))
		return tocsin_error_set(err, -EINVAL, "the section headers lie outside the file");
	memcpy(&names, s->file + e->e_shoff + (uint64_t)e->e_shstrndx * sizeof(names),
	       sizeof(names));
	if (!tocsin_dump_holds(s, names.sh_offset, names.sh_size))
		return tocsin_error_set(err, -EINVAL, "the sections' names lie outside the file");
	if (find_section(s, e, &names, ".xen_pages", &pages) ||
	    find_section(s, e, &names, ".xen_pfn", &frames))
		return tocsin_error_set(err, -EINVAL,
					"no program headers, and no .xen_pages with .xen_pfn "
					"(truncated, or not the dump of an HVM or PVH guest?)");
	return add_pages(s, &pages, &frames, err);
}

int tocsin_dump_parse_elf(struct tocsin_dump *s, struct tocsin_error *err)
{
	uint32_t count = 0;
	Elf64_Ehdr e;
	int rc;

	if (s->file_size < sizeof(e))
		return tocsin_error_set(err, -EINVAL, "the ELF header is cut short");
	memcpy(&e, s->file, sizeof(e));
	if (e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_ident[EI_DATA] != ELFDATA2LSB ||
	    e.e_machine != EM_X86_64 || e.e_type != ET_CORE)
		return tocsin_error_set(err, -EINVAL, "an ELF file, but not an x86-64 core");
	if (!e.e_phnum && e.e_shnum)
		return parse_xen(s, &e, err);
	rc = count_headers(s, &e, &count, err);
	for (uint32_t i = 0; i < count && rc == 0; i++) {
		Elf64_Phdr p;

		memcpy(&p, s->file + e.e_phoff + (uint64_t)i * sizeof(p), sizeof(p));
		rc = add_segment(s, &p, err);
	}
	return rc;
}
