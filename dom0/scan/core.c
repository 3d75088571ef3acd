/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is there of a process's memory is known only when it was read, so the file is: a page for
 * the ELF header, the pages as they come, the notes, the program headers. The header is written
 * last.
 */
#include "scan/core.h"
#include "base/room.h"
#include "scan/blocks.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#define SEGMENTS_MAX 65000u    /* what an ELF header can count */
#define NAMES_MAX (256u << 10) /* bytes of names in the note of files */

struct core {
	const struct tocsin_scan_target *t;
	int fd;
	uint64_t at; /* in the file */
	Elf64_Phdr *segments;
	size_t count, room;
	struct tocsin_core_stats stats;
};

static int put(struct core *c, const void *bytes, size_t size)
{
	const char *from = bytes;

	while (size) {
		ssize_t n = write(c->fd, from, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		from += n;
		size -= (size_t)n;
		c->at += (size_t)n;
	}
	return 0;
}

static int fill_to(struct core *c, uint64_t alignment)
{
	static const char zeros[TOCSIN_PAGE_SIZE];

	return put(c, zeros, (size_t)(-c->at & (alignment - 1)));
}

static Elf64_Phdr *add_segment(struct core *c)
{
	if (!TOCSIN_ROOM(c->segments, c->room, c->count))
		return NULL;
	c->segments[c->count] = (Elf64_Phdr){0};
	return &c->segments[c->count++];
}

/* ---- memory ---- */

/* Of [va, va + size), which lies in one mapping. */
static int put_memory(struct core *c, const struct tocsin_vma *v, uint64_t va, const uint8_t *bytes,
		      size_t size)
{
	Elf64_Phdr *last = c->count ? &c->segments[c->count - 1] : NULL;
	uint32_t flags = (v->read ? PF_R : 0u) | (v->write ? PF_W : 0u) | (v->exec ? PF_X : 0u);

	if (!last || last->p_vaddr + last->p_memsz != va || va == v->start) {
		if (c->count == SEGMENTS_MAX) {
			c->stats.truncated = true;
			return 0;
		}
		last = add_segment(c);
		if (!last)
			return -ENOMEM;
		*last = (Elf64_Phdr){.p_type = PT_LOAD,
				     .p_flags = flags,
				     .p_offset = c->at,
				     .p_vaddr = va,
				     .p_align = TOCSIN_PAGE_SIZE};
	}
	last->p_filesz += size;
	last->p_memsz += size;
	c->stats.bytes += size;
	return put(c, bytes, size);
}

static int put_pages(struct core *c, struct tocsin_blocks *b, struct tocsin_block *own)
{
	const struct tocsin_vma *v = c->t->vmas->rows;
	const struct tocsin_vma *end = v + c->t->vmas->count;
	uint64_t done = 0; /* addresses below it are written */
	int rc = 0;

	while (!rc && tocsin_blocks_next(b, own)) {
		/* A block may begin with the last page of the one before. */
		size_t skip = own->base < done ? (size_t)(done - own->base) : 0;

		while (v < end && v->end <= own->base)
			v++;
		if (skip >= own->size || v == end)
			continue;
		rc = put_memory(c, v, own->base + skip, own->data + skip, own->size - skip);
		done = own->base + own->size;
	}
	return rc ? rc : b->error;
}

static int put_all_memory(struct core *c)
{
	const struct tocsin_vma_list *vmas = c->t->vmas;
	struct tocsin_block_range *ranges = calloc(vmas->count + 1, sizeof(*ranges));
	struct tocsin_block *own = calloc(1, sizeof(*own));
	struct tocsin_blocks b;
	uint64_t end = 0;
	size_t n = 0;
	int rc = -ENOMEM;

	for (size_t i = 0; ranges && i < vmas->count; i++) {
		const struct tocsin_vma *v = &vmas->rows[i];

		if (v->start < end || v->end <= v->start)
			continue; /* a torn list: what overlaps is in the file once */
		ranges[n++] = (struct tocsin_block_range){v->start, v->end, v->special};
		end = v->end;
	}
	if (own)
		own->bytes = malloc(TOCSIN_BLOCK_SIZE);
	if (ranges && own && own->bytes) {
		tocsin_blocks_begin(&b, c->t, ranges, n);
		rc = put_pages(c, &b, own);
		c->stats.truncated |= b.truncated;
		c->stats.torn = b.torn;
		pthread_mutex_destroy(&b.lock);
	}
	if (own)
		free(own->bytes);
	free(own);
	free(ranges);
	return rc;
}

/* ---- notes ---- */

static int put_note(struct core *c, uint32_t type, const void *bytes, size_t size)
{
	static const char name[8] = "CORE";
	const Elf64_Nhdr head = {.n_namesz = 5, .n_descsz = (uint32_t)size, .n_type = type};
	int rc = put(c, &head, sizeof(head));

	rc = rc ? rc : put(c, name, sizeof(name));
	rc = rc ? rc : put(c, bytes, size);
	return rc ? rc : fill_to(c, 4);
}

static int put_process(struct core *c)
{
	const struct tocsin_process *p = c->t->process;
	struct elf_prpsinfo info = {.pr_sname = '?',
				    .pr_uid = p->uid,
				    .pr_gid = p->gid,
				    .pr_pid = p->pid,
				    .pr_ppid = p->ppid};

	memcpy(info.pr_fname, p->comm, strnlen(p->comm, sizeof(info.pr_fname) - 1));
	for (size_t i = 0; i < p->cmdline_size && i < sizeof(info.pr_psargs) - 1; i++)
		info.pr_psargs[i] = p->cmdline[i] ? p->cmdline[i] : ' ';
	return put_note(c, NT_PRPSINFO, &info, sizeof(info));
}

/* Which file is mapped where: count, page size, start, end and page of each, then the names. */
static int put_files(struct core *c)
{
	const struct tocsin_vma_list *vmas = c->t->vmas;
	uint64_t *words = calloc(2 + 3 * vmas->count, sizeof(*words));
	size_t n = 0, names = 0, size;
	char *note;
	int rc;

	if (!words)
		return -ENOMEM;
	for (size_t i = 0; i < vmas->count; i++) {
		const struct tocsin_vma *v = &vmas->rows[i];

		if (!v->has_file || names + strlen(v->path) + 1 > NAMES_MAX)
			continue;
		memcpy(&words[2 + 3 * n++], (uint64_t[]){v->start, v->end, v->pgoff}, 24);
		names += strlen(v->path) + 1;
	}
	words[0] = n;
	words[1] = TOCSIN_PAGE_SIZE;
	size = (2 + 3 * n) * sizeof(*words);
	note = malloc(size + names);
	if (note) {
		char *to = note + size;

		memcpy(note, words, size);
		for (size_t i = 0, used = 0; i < vmas->count && used < n; i++) {
			const struct tocsin_vma *v = &vmas->rows[i];

			if (words[2 + 3 * used] != v->start || !v->has_file)
				continue;
			to = stpcpy(to, v->path) + 1;
			used++;
		}
		rc = put_note(c, NT_FILE, note, (size_t)(to - note));
	} else {
		rc = -ENOMEM;
	}
	free(note);
	free(words);
	return rc;
}

/* ---- the file ---- */

static int put_header(struct core *c)
{
	Elf64_Ehdr h = {
	    .e_type = ET_CORE,
	    .e_machine = EM_X86_64,
	    .e_version = EV_CURRENT,
	    .e_phoff = c->at,
	    .e_ehsize = sizeof(h),
	    .e_phentsize = sizeof(Elf64_Phdr),
	    .e_phnum = (uint16_t)c->count,
	};
	int rc = put(c, c->segments, c->count * sizeof(*c->segments));

	memcpy(h.e_ident,
	       (const uint8_t[]){ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				 EV_CURRENT},
	       7);
	if (!rc && lseek(c->fd, 0, SEEK_SET) < 0)
		rc = -errno;
	return rc ? rc : put(c, &h, sizeof(h));
}

static int write_core(struct core *c)
{
	static const char page[TOCSIN_PAGE_SIZE];
	uint64_t notes;
	Elf64_Phdr *note;
	int rc = put(c, page, sizeof(page));

	rc = rc ? rc : put_all_memory(c);
	c->stats.segments = c->count;
	notes = c->at;
	rc = rc ? rc : put_process(c);
	rc = rc ? rc : put_files(c);
	if (rc)
		return rc;
	note = add_segment(c);
	if (!note)
		return -ENOMEM;
	note->p_type = PT_NOTE;
	note->p_offset = notes;
	note->p_filesz = c->at - notes;
	note->p_align = 4;
	rc = fill_to(c, 8);
	return rc ? rc : put_header(c);
}

int tocsin_core_write(const struct tocsin_scan_target *target, int fd,
		      struct tocsin_core_stats *stats, struct tocsin_error *err)
{
	struct core c = {.t = target, .fd = fd};
	int rc = write_core(&c);

	free(c.segments);
	if (rc)
		return tocsin_error_set(err, rc, "cannot write the memory of process %d: %s",
					target->process->pid, strerror(-rc));
	*stats = c.stats;
	return 0;
}
