/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dump as guest memory: a raw image, where a file offset is the address, or an ELF64 core whose
 * PT_LOAD segments name guest physical ranges (QEMU's dump-guest-memory, virsh dump
 * --memory-only). The file is mapped, not read: dumps are as large as guests.
 *
 * Dumps come from strangers. Every header is checked against the size of the file before it is
 * used, the number of segments is capped, and segments that overlap in guest memory are refused:
 * two truths for one address would make any finding meaningless. The file must not shrink while
 * it is open (a mapped page beyond its end raises SIGBUS); a dump is a finished file.
 *
 * Sources: the ELF-64 object file format; e_phnum's escape PN_XNUM: elf(5); the note "QEMU" and
 * its CPU state: struct QEMUCPUState in QEMU's target/i386/arch_dump.c.
 */
#include "memory/memory.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENT_MAX 65536u
#define NOTES_MAX (16u << 20) /* of one segment: a few KiB for each processor */

/*
 * QEMUCPUState: u32 version and size, 18 u64 registers (rax to r15, rip, rflags), 10 segments of
 * 24 bytes (cs to ss, ldt, tr, gdt, idt), then cr[5].
 */
#define QEMU_STATE_VERSION 1u
#define QEMU_STATE_CR3 (8 + 18 * 8 + 10 * 24 + 3 * 8)

struct segment {
	uint64_t gpa;
	uint64_t size;
	uint64_t offset;
};

struct dump_source {
	struct tocsin_memory head;
	const uint8_t *file;
	size_t file_size;
	struct segment *segments; /* ascending, disjoint, within the file: as the ranges */
	size_t segment_count;
};

/* The segment that holds gpa; the dispatch has made sure that there is one. */
static const struct segment *find_segment(const struct dump_source *s, uint64_t gpa)
{
	size_t low = 0, high = s->segment_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct segment *seg = &s->segments[mid];

		if (gpa < seg->gpa)
			high = mid;
		else if (gpa - seg->gpa >= seg->size)
			low = mid + 1;
		else
			return seg;
	}
	return NULL;
}

static int dump_read(struct tocsin_memory *m, uint64_t gpa, void *buf, size_t size)
{
	struct dump_source *s = (struct dump_source *)m;
	uint8_t *to = buf;

	while (size > 0) {
		const struct segment *seg = find_segment(s, gpa);
		uint64_t part;

		if (!seg)
			return -EFAULT;
		part = seg->size - (gpa - seg->gpa);
		if (part > size)
			part = size;
		memcpy(to, s->file + seg->offset + (gpa - seg->gpa), part);
		to += part;
		gpa += part;
		size -= part;
	}
	return 0;
}

static void dump_close(struct tocsin_memory *m)
{
	struct dump_source *s = (struct dump_source *)m;

	if (s->file)
		munmap((void *)s->file, s->file_size);
	free(s->segments);
	free(s->head.ranges);
	free(s);
}

static const struct tocsin_memory_ops dump_ops = {
    .read = dump_read,
    .close = dump_close,
};

/* Is [offset, offset + size) inside the file? */
static bool in_file(const struct dump_source *s, uint64_t offset, uint64_t size)
{
	return offset <= s->file_size && size <= s->file_size - offset;
}

static int compare_segments(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return (x->gpa > y->gpa) - (x->gpa < y->gpa);
}

/* The first processor's CR3, from the first QEMU note that has one. */
static void find_cr3(struct dump_source *s, uint64_t offset, uint64_t size)
{
	while (s->head.cr3_hint == 0 && size >= sizeof(Elf64_Nhdr)) {
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
				memcpy(&s->head.cr3_hint, note + name + QEMU_STATE_CR3, 8);
		}
		offset += all;
		size -= all;
	}
}

static int add_segment(struct dump_source *s, const Elf64_Phdr *p, struct tocsin_error *err)
{
	if (p->p_type == PT_NOTE) {
		if (!in_file(s, p->p_offset, p->p_filesz))
			return tocsin_error_set(err, -EINVAL,
						"a note segment lies outside the file");
		if (p->p_filesz <= NOTES_MAX)
			find_cr3(s, p->p_offset, p->p_filesz);
		return 0;
	}
	if (p->p_type != PT_LOAD || p->p_filesz == 0)
		return 0;
	if (!in_file(s, p->p_offset, p->p_filesz))
		return tocsin_error_at(err, -EINVAL, p->p_paddr,
				       "a segment lies outside the file (truncated dump?)");
	if (p->p_filesz > p->p_memsz || p->p_filesz - 1 > UINT64_MAX - p->p_paddr)
		return tocsin_error_at(err, -EINVAL, p->p_paddr, "a segment's size makes no sense");
	s->segments[s->segment_count++] = (struct segment){
	    .gpa = p->p_paddr,
	    .size = p->p_filesz,
	    .offset = p->p_offset,
	};
	return 0;
}

/* Checked number of program headers, also where it does not fit e_phnum. */
static int count_headers(const struct dump_source *s, const Elf64_Ehdr *e, uint32_t *ret,
			 struct tocsin_error *err)
{
	uint32_t count = e->e_phnum;
	Elf64_Shdr first;

	if (count == PN_XNUM) {
		if (e->e_shentsize != sizeof(first) || !in_file(s, e->e_shoff, sizeof(first)))
			return tocsin_error_set(err, -EINVAL,
						"the first section header is missing");
		memcpy(&first, s->file + e->e_shoff, sizeof(first));
		count = first.sh_info;
	}
	if (count == 0 || count > SEGMENT_MAX)
		return tocsin_error_set(err, -EINVAL, "%u program headers: none, or too many",
					count);
	if (e->e_phentsize != sizeof(Elf64_Phdr) ||
	    !in_file(s, e->e_phoff, (uint64_t)count * sizeof(Elf64_Phdr)))
		return tocsin_error_set(err, -EINVAL, "the program headers lie outside the file");
	*ret = count;
	return 0;
}

/* Sort the segments, refuse overlaps, publish them as the ranges. */
static int publish(struct dump_source *s, struct tocsin_error *err)
{
	if (s->segment_count == 0)
		return tocsin_error_set(err, -EINVAL, "the dump holds no memory");
	qsort(s->segments, s->segment_count, sizeof(*s->segments), compare_segments);
	s->head.ranges = calloc(s->segment_count, sizeof(*s->head.ranges));
	if (!s->head.ranges)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < s->segment_count; i++) {
		const struct segment *seg = &s->segments[i];

		if (i > 0 && seg->gpa - seg[-1].gpa < seg[-1].size)
			return tocsin_error_at(err, -EINVAL, seg->gpa, "two segments overlap");
		s->head.ranges[i].start = seg->gpa;
		s->head.ranges[i].size = seg->size;
	}
	s->head.range_count = s->segment_count;
	return 0;
}

static int parse_elf(struct dump_source *s, struct tocsin_error *err)
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
	rc = count_headers(s, &e, &count, err);
	if (rc < 0)
		return rc;
	s->segments = calloc(count, sizeof(*s->segments));
	if (!s->segments)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < count && rc == 0; i++) {
		Elf64_Phdr p;

		memcpy(&p, s->file + e.e_phoff + (uint64_t)i * sizeof(p), sizeof(p));
		rc = add_segment(s, &p, err);
	}
	return rc < 0 ? rc : publish(s, err);
}

static int parse_raw(struct dump_source *s, struct tocsin_error *err)
{
	s->segments = calloc(1, sizeof(*s->segments));
	if (!s->segments)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	s->segments[0].size = s->file_size;
	s->segment_count = 1;
	return publish(s, err);
}

/* A regular file that is not empty, mapped for reading. */
static int map_file(struct dump_source *s, const char *path, struct tocsin_error *err)
{
	struct stat st;
	void *file;
	int fd, rc;

	/* Not blocking: a FIFO must not hang the opening. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return tocsin_error_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0) {
		rc = tocsin_error_set(err, -errno, "cannot stat %s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		rc = tocsin_error_set(err, -EINVAL, "%s is not a file with contents", path);
	} else {
		file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		rc = file == MAP_FAILED
			 ? tocsin_error_set(err, -errno, "cannot map %s: %s", path, strerror(errno))
			 : 0;
		if (rc == 0) {
			s->file = file;
			s->file_size = (size_t)st.st_size;
		}
	}
	close(fd);
	return rc;
}

int tocsin_memory_open_dump(const char *path, struct tocsin_memory **ret, struct tocsin_error *err)
{
	struct dump_source *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	s->head.ops = &dump_ops;
	rc = map_file(s, path, err);
	if (rc == 0 && s->file_size >= SELFMAG && memcmp(s->file, ELFMAG, SELFMAG) == 0)
		rc = parse_elf(s, err);
	else if (rc == 0)
		rc = parse_raw(s, err);
	if (rc < 0) {
		dump_close(&s->head);
		return rc;
	}
	*ret = &s->head;
	return 0;
}
