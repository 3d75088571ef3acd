// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Build IDs from the notes of ELF files.
 *
 * Why it exists: a live patch is for one build of Xen and no other. The hypervisor under /boot is
 * a 32-bit ELF file in gzip, its symbols a 64-bit one, a payload an object file that names in a
 * section of its own what it is for.
 *
 * Invariants: a file is read whole, up to a bound, and each offset is checked against what was
 * read before it is used. A hypervisor has its ID in a segment of notes or in a section of them;
 * the first GNU note of type 3 counts.
 *
 * Sources: elf(5); Xen's docs/misc/livepatch.pandoc for .livepatch.xen_depends.
 */
#include "host/build_id.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define FILE_MAX (64u << 20) /* bytes, unpacked: ten times what a hypervisor has */
#define XEN_DEPENDS ".livepatch.xen_depends"

struct bytes {
	const uint8_t *at;
	size_t size;
};

void tocsin_build_id_text(const uint8_t *id, size_t size, char ret[TOCSIN_BUILD_ID_TEXT])
{
	ret[0] = '\0';
	for (size_t i = 0; i < size && i < TOCSIN_BUILD_ID_MAX; i++)
		snprintf(ret + 2 * i, 3, "%02x", id[i]);
}

static bool copy(struct bytes b, uint64_t offset, void *ret, size_t size)
{
	if (offset > b.size || b.size - offset < size)
		return false;
	memcpy(ret, b.at + offset, size);
	return true;
}

static bool part(struct bytes b, uint64_t offset, uint64_t size, struct bytes *ret)
{
	if (offset > b.size || b.size - offset < size)
		return false;
	*ret = (struct bytes){b.at + offset, size};
	return true;
}

/* The headers of notes are the same in both classes. */
static int find_note(struct bytes notes, char ret[TOCSIN_BUILD_ID_TEXT])
{
	uint64_t offset = 0;
	Elf64_Nhdr h;

	while (copy(notes, offset, &h, sizeof(h))) {
		uint64_t name = offset + sizeof(h);
		uint64_t desc = name + (((uint64_t)h.n_namesz + 3) & ~3ull);
		struct bytes owner, id;

		if (!part(notes, name, h.n_namesz, &owner) || !part(notes, desc, h.n_descsz, &id))
			break;
		if (h.n_type == NT_GNU_BUILD_ID && owner.size == 4 && !memcmp(owner.at, "GNU", 4) &&
		    id.size && id.size <= TOCSIN_BUILD_ID_MAX) {
			tocsin_build_id_text(id.at, id.size, ret);
			return 0;
		}
		offset = desc + (((uint64_t)h.n_descsz + 3) & ~3ull);
	}
	return -ENODATA;
}

/* Program headers of a 32-bit file, as Xen's boot image is. */
static int search_segments(struct bytes file, char ret[TOCSIN_BUILD_ID_TEXT])
{
	Elf32_Ehdr e;
	Elf32_Phdr p;

	if (!copy(file, 0, &e, sizeof(e)) || e.e_phentsize != sizeof(p))
		return -ENODATA;
	for (uint64_t i = 0; i < e.e_phnum; i++) {
		struct bytes notes;

		if (!copy(file, e.e_phoff + i * sizeof(p), &p, sizeof(p)))
			break;
		if (p.p_type == PT_NOTE && part(file, p.p_offset, p.p_filesz, &notes) &&
		    !find_note(notes, ret))
			return 0;
	}
	return -ENODATA;
}

/* Sections of notes of a 64-bit file; name NULL: whatever they are called. */
static int search_sections(struct bytes file, const char *name, char ret[TOCSIN_BUILD_ID_TEXT])
{
	struct bytes names, title, notes;
	Elf64_Shdr s;
	Elf64_Ehdr e;

	if (!copy(file, 0, &e, sizeof(e)) || e.e_shentsize != sizeof(s) ||
	    !copy(file, e.e_shoff + e.e_shstrndx * sizeof(s), &s, sizeof(s)) ||
	    !part(file, s.sh_offset, s.sh_size, &names))
		return -ENODATA;
	for (uint64_t i = 0; i < e.e_shnum; i++) {
		if (!copy(file, e.e_shoff + i * sizeof(s), &s, sizeof(s)))
			break;
		if (name ? !part(names, s.sh_name, strlen(name) + 1, &title) ||
			       memcmp(title.at, name, title.size)
			 : s.sh_type != SHT_NOTE)
			continue;
		if (part(file, s.sh_offset, s.sh_size, &notes) && !find_note(notes, ret))
			return 0;
	}
	return -ENODATA;
}

static int search(struct bytes file, char ret[TOCSIN_BUILD_ID_TEXT])
{
	if (file.size < EI_NIDENT || memcmp(file.at, ELFMAG, SELFMAG))
		return -ENODATA;
	if (file.at[EI_CLASS] == ELFCLASS32)
		return search_segments(file, ret);
	return search_sections(file, NULL, ret);
}

/* gzread() gives a file that is not packed as it is. */
static int read_all(gzFile f, uint8_t **ret, size_t *ret_size)
{
	size_t size = 0, room = 4u << 20;
	uint8_t *bytes = NULL, *grown;
	int n = 1;

	while (n > 0) {
		if (size == FILE_MAX) {
			free(bytes);
			return -EFBIG;
		}
		room = room * 2 > FILE_MAX ? FILE_MAX : room * 2;
		grown = realloc(bytes, room);
		if (!grown) {
			free(bytes);
			return -ENOMEM;
		}
		bytes = grown;
		do {
			n = gzread(f, bytes + size, (unsigned int)(room - size));
			size += n > 0 ? (size_t)n : 0;
		} while (n > 0 && size < room);
	}
	if (n < 0) {
		free(bytes);
		return -EIO;
	}
	*ret = bytes;
	*ret_size = size;
	return 0;
}

int tocsin_build_id_hypervisor(const char *path, char ret[TOCSIN_BUILD_ID_TEXT],
			       struct tocsin_error *err)
{
	uint8_t *bytes = NULL;
	size_t size = 0;
	gzFile f;
	int rc;

	errno = 0;
	f = gzopen(path, "rbe");
	if (!f) {
		rc = errno ? -errno : -ENOMEM;
		return tocsin_error_set(err, rc, "cannot open %s: %s", path, strerror(-rc));
	}
	rc = read_all(f, &bytes, &size);
	gzclose(f);
	if (rc)
		return tocsin_error_set(err, rc, "cannot read %s: %s", path, strerror(-rc));
	rc = search((struct bytes){bytes, size}, ret);
	free(bytes);
	if (rc)
		return tocsin_error_set(err, rc, "%s names no build ID: is it a hypervisor?", path);
	return 0;
}

int tocsin_build_id_payload(const uint8_t *payload, size_t size, char ret[TOCSIN_BUILD_ID_TEXT],
			    struct tocsin_error *err)
{
	struct bytes file = {payload, size};

	if (size < EI_NIDENT || memcmp(payload, ELFMAG, SELFMAG) ||
	    payload[EI_CLASS] != ELFCLASS64 || search_sections(file, XEN_DEPENDS, ret))
		return tocsin_error_set(err, -EINVAL,
					"this is no live patch: it does not say which build of Xen "
					"it is for");
	return 0;
}

/* 0 for what is no hypervisor. */
static int visit(const char *folder, const char *name,
		 int (*fn)(const char *path, const char *build_id, void *context), void *context)
{
	char id[TOCSIN_BUILD_ID_TEXT], *path;
	struct stat st;
	int rc = 0;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return -ENOMEM;
	if (!stat(path, &st) && S_ISREG(st.st_mode) && !tocsin_build_id_hypervisor(path, id, NULL))
		rc = fn(path, id, context);
	free(path);
	return rc;
}

int tocsin_build_id_each(const char *folder, const char *prefix,
			 int (*fn)(const char *path, const char *build_id, void *context),
			 void *context, struct tocsin_error *err)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort), rc = 0;

	if (count < 0) {
		rc = -errno;
		if (rc == -ENOENT)
			return 0;
		return tocsin_error_set(err, rc, "cannot read %s: %s", folder, strerror(-rc));
	}
	for (int i = 0; i < count; i++) {
		if (!rc && !strncmp(entries[i]->d_name, prefix, strlen(prefix)))
			rc = visit(folder, entries[i]->d_name, fn, context);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

struct wanted {
	const char *build_id;
	char *path;
};

static int compare(const char *path, const char *build_id, void *context)
{
	struct wanted *w = context;

	if (strcmp(build_id, w->build_id))
		return 0;
	w->path = strdup(path);
	return w->path ? 1 : -ENOMEM;
}

int tocsin_build_id_find(const char *folder, const char *prefix, const char *build_id, char **ret,
			 struct tocsin_error *err)
{
	struct wanted w = {build_id, NULL};
	int rc = tocsin_build_id_each(folder, prefix, compare, &w, err);

	if (rc < 0)
		return rc;
	if (!w.path)
		return -ENOENT;
	*ret = w.path;
	return 0;
}
