/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dump as guest memory: a raw image, where a file offset is the address; a LiME file, a row of
 * ranges; or an ELF core (elf.c). The file is mapped, not read: dumps are as large as guests.
 *
 * Dumps come from strangers: nothing is believed before it was checked against the size of the
 * file. The file must not shrink while it is open (a mapped page beyond its end raises SIGBUS); a
 * dump is a finished file.
 *
 * LiME's format: doc/README.md of its project; struct lime_mem_range_header in src/lime.h.
 */
#include "memory/dump.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIME_MAGIC 0x4c694d45u

struct lime_header {
	uint32_t magic, version;
	uint64_t first, last; /* addresses, both in the range */
	uint8_t reserved[8];
};

static void dump_close(struct tocsin_memory *m)
{
	struct tocsin_dump *s = (struct tocsin_dump *)m;

	if (s->file)
		munmap((void *)s->file, s->file_size);
	tocsin_mapped_release(&s->mapped);
	free(s);
}

static const struct tocsin_memory_ops dump_ops = {
    .read = tocsin_mapped_read,
    .map = tocsin_mapped_map,
    .close = dump_close,
};

static bool is_lime(const struct tocsin_dump *s)
{
	const uint32_t magic = LIME_MAGIC;

	return s->file_size >= sizeof(struct lime_header) &&
	       memcmp(s->file, &magic, sizeof(magic)) == 0;
}

static int parse_lime(struct tocsin_dump *s, struct tocsin_error *err)
{
	uint64_t at = 0;
	int rc = 0;

	while (!rc && at < s->file_size) {
		struct lime_header h;

		if (!tocsin_dump_holds(s, at, sizeof(h)))
			return tocsin_error_at(err, -EINVAL, at, "a LiME header is cut short");
		memcpy(&h, s->file + at, sizeof(h));
		at += sizeof(h);
		if (h.magic != LIME_MAGIC || h.version != 1 || h.last < h.first ||
		    h.last - h.first == UINT64_MAX)
			return tocsin_error_at(err, -EINVAL, at - sizeof(h),
					       "no LiME header of version 1 (compressed?)");
		if (!tocsin_dump_holds(s, at, h.last - h.first + 1))
			return tocsin_error_at(err, -EINVAL, h.first,
					       "a range lies outside the file (truncated dump?)");
		rc =
		    tocsin_mapped_add(&s->mapped, h.first, h.last - h.first + 1, s->file + at, err);
		at += h.last - h.first + 1;
	}
	return rc;
}

static int parse(struct tocsin_dump *s, struct tocsin_error *err)
{
	int rc;

	if (s->file_size >= SELFMAG && memcmp(s->file, ELFMAG, SELFMAG) == 0)
		rc = tocsin_dump_parse_elf(s, err);
	else if (is_lime(s))
		rc = parse_lime(s, err);
	else
		rc = tocsin_mapped_add(&s->mapped, 0, s->file_size, s->file, err);
	return rc ? rc : tocsin_mapped_publish(&s->mapped, err);
}

/* A regular file that is not empty, mapped for reading. */
static int map_file(struct tocsin_dump *s, const char *path, struct tocsin_error *err)
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
	struct tocsin_dump *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	s->mapped.head.ops = &dump_ops;
	rc = map_file(s, path, err);
	if (rc == 0)
		rc = parse(s, err);
	if (rc < 0) {
		dump_close(&s->mapped.head);
		return rc;
	}
	*ret = &s->mapped.head;
	return 0;
}
