// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A file's name is where the build ID lies in the image, and the build ID: so one read of the guest
 * tells whether the file may be its. Then the checksum tells that the file is whole, and the tables
 * in the guest are compared with the bytes that the file was made from.
 *
 * The folder must be the user's own and writable for nobody else. Files are written under another
 * name and renamed, so that a reader sees a whole one or none.
 */
#include "introspect/cache.h"

#include "introspect/image.h"
#include "introspect/kernel.h"
#include "introspect/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define MAGIC "tocsin2"
#define RAW 2
#define PARTS (TOCSIN_KALLSYMS_PARTS + TOCSIN_BTF_PARTS + RAW)
#define FILES_MAX 1024 /* looked at in a folder */
#define FILES_KEPT 32  /* about 11 MB each */
#define ID_MAX 32
#define ALIGN 64

struct header {
	char magic[8];
	uint64_t checksum; /* of all that follows it */
	uint64_t btf_at;   /* in the image */
	struct {
		uint64_t at, size; /* in the file */
	} parts[PARTS];
};

struct guest {
	struct tocsin_memory *m;
	uint64_t text_pa, size;
};

/* Does the image in the guest have these bytes at `at`? */
static bool same(uint64_t at, const void *bytes, size_t size, void *context)
{
	const struct guest *g = context;
	uint8_t page[TOCSIN_PAGE_SIZE];
	const uint8_t *expected = bytes;

	if (at > g->size || size > g->size - at)
		return false;
	while (size) {
		uint64_t gpa = g->text_pa + at, follow;
		const uint8_t *place = tocsin_memory_map(g->m, gpa, &follow);
		size_t n = size;

		if (place && n > follow)
			n = follow;
		if (!place && n > sizeof(page))
			n = sizeof(page);
		if (!place && tocsin_memory_read(g->m, gpa, page, n))
			return false;
		if (memcmp(place ? place : page, expected, n))
			return false;
		at += n;
		expected += n;
		size -= n;
	}
	return true;
}

const char *tocsin_kernel_cache_folder(char *buf, size_t size)
{
	const char *said = getenv("TOCSIN_KERNEL_CACHE"), *home = getenv("HOME");
	const char *cache = getenv("XDG_CACHE_HOME");
	int n = -1;

	if (said)
		n = snprintf(buf, size, "%s", said);
	else if (geteuid() == 0)
		n = snprintf(buf, size, "/var/cache/tocsin");
	else if (cache && *cache)
		n = snprintf(buf, size, "%s/tocsin-kernels", cache);
	else if (home && *home)
		n = snprintf(buf, size, "%s/.cache/tocsin-kernels", home);
	return n > 0 && (size_t)n < size ? buf : NULL;
}

static int open_folder(const char *folder)
{
	struct stat st;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && (fstat(fd, &st) || st.st_uid != geteuid() || (st.st_mode & 022))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* "OFFSET-ID", in hexadecimal. */
static bool parse_name(const char *name, uint64_t *at, uint8_t id[ID_MAX], size_t *size)
{
	char *end;

	*at = strtoull(name, &end, 16);
	if (end == name || *end++ != '-')
		return false;
	for (*size = 0; *end; end += 2, ++*size)
		if (*size == ID_MAX || sscanf(end, "%2hhx", &id[*size]) != 1 || !end[1])
			return false;
	return *size > 0;
}

/* Its size, or -EINVAL: not a file of this user, or none that could be a kernel's. */
static ssize_t file_size(int fd)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct header) ||
	    st.st_size > TOCSIN_STORE_BYTES || st.st_uid != geteuid())
		return -EINVAL;
	return st.st_size;
}

/* Map a file that may be this kernel's, and see whether it is whole. */
static int map_file(int fd, size_t size, struct tocsin_part *ret)
{
	const struct header *h;
	void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);

	if (bytes == MAP_FAILED)
		return -ENOMEM;
	*ret = (struct tocsin_part){bytes, size};
	h = bytes;
	if (memcmp(h->magic, MAGIC, sizeof(h->magic)) ||
	    XXH3_64bits(&h->btf_at, ret->size - offsetof(struct header, btf_at)) != h->checksum)
		return -EINVAL;
	for (int i = 0; i < PARTS; i++)
		if (h->parts[i].at > ret->size || h->parts[i].size > ret->size - h->parts[i].at)
			return -EINVAL;
	return 0;
}

void tocsin_cache_unmap(struct tocsin_part *cache)
{
	if (cache->bytes)
		munmap((void *)cache->bytes, cache->size);
	memset(cache, 0, sizeof(*cache));
}

/* Take the mapped file for the kernel, if its tables are the guest's. */
static int take(struct tocsin_kernel *k, const struct tocsin_part *file, struct guest *g,
		uint64_t text_va)
{
	const struct header *h = file->bytes;
	struct tocsin_part parts[PARTS];
	const struct tocsin_part *btf = parts + TOCSIN_KALLSYMS_PARTS,
				 *raw = btf + TOCSIN_BTF_PARTS;
	int rc;

	for (int i = 0; i < PARTS; i++)
		parts[i] = (struct tocsin_part){(const char *)file->bytes + h->parts[i].at,
						h->parts[i].size};
	rc = tocsin_kallsyms_from_parts(parts, text_va, &k->symbols);
	if (!rc)
		rc = tocsin_btf_from_parts(btf, &k->btf);
	if (!rc && (!tocsin_kallsyms_matches(parts, raw, text_va, same, g) ||
		    !same(h->btf_at, btf[1].bytes, btf[1].size, g)))
		rc = -ESTALE;
	if (rc) {
		tocsin_kallsyms_close(k->symbols);
		tocsin_btf_close(k->btf);
		k->symbols = NULL;
		k->btf = NULL;
	}
	return rc;
}

/* Is it this guest's kernel that lies in a file? */
static int try_file(struct tocsin_kernel *k, int fd, size_t size, struct guest *g, uint64_t text_va)
{
	struct tocsin_part file = {0};
	int rc = map_file(fd, size, &file);

	if (!rc)
		rc = take(k, &file, g, text_va);
	if (rc) {
		tocsin_cache_unmap(&file);
		return rc;
	}
	/* All of it was read to get here, and little will be again. */
	madvise((void *)file.bytes, file.size, MADV_DONTNEED);
	k->cache = file;
	return 0;
}

/* May the file of this name be the guest's kernel? One read of the guest. */
static bool may_be(const char *name, struct guest *g)
{
	uint8_t id[ID_MAX];
	size_t id_size;
	uint64_t at;

	return parse_name(name, &at, id, &id_size) && same(at, id, id_size, g);
}

static int load_from_folder(struct tocsin_kernel *k, const char *folder, struct guest *g,
			    uint64_t text_va)
{
	int fd = open_folder(folder), files = 0, rc = -ENOENT;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return -ENOENT;
	}
	while (rc && files++ < FILES_MAX && (e = readdir(dir))) {
		ssize_t size;

		if (!may_be(e->d_name, g))
			continue;
		fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0)
			continue;
		size = file_size(fd);
		rc = size < 0 ? (int)size : try_file(k, fd, (size_t)size, g, text_va);
		close(fd);
		if (!rc) /* the oldest are removed first */
			utimensat(dirfd(dir), e->d_name, NULL, 0);
	}
	closedir(dir);
	return rc;
}

int tocsin_cache_load(struct tocsin_kernel *k, const struct tocsin_cache *cache, uint64_t text_pa,
		      uint64_t text_va, uint64_t size)
{
	struct guest g = {k->m, text_pa, size};
	const struct tocsin_kernel_store *s = cache->store;
	int rc = -ENOENT;

	if (cache->folder)
		return load_from_folder(k, cache->folder, &g, text_va);
	for (size_t i = 0; s && i < TOCSIN_STORE_FILES && rc; i++)
		if (s->files[i].fd >= 0 && may_be(s->files[i].name, &g))
			rc = try_file(k, s->files[i].fd, s->files[i].size, &g, text_va);
	return rc;
}

static int write_all(int fd, const void *bytes, size_t size)
{
	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		bytes = (const char *)bytes + n;
		size -= (size_t)n;
	}
	return 0;
}

/* The whole file in memory; to be freed. NULL: no memory. */
static uint8_t *compose(const struct tocsin_part parts[PARTS], uint64_t btf_at, size_t *size)
{
	struct header h = {.magic = MAGIC, .btf_at = btf_at};
	uint64_t at = (sizeof(h) + ALIGN - 1) / ALIGN * ALIGN;
	uint8_t *bytes;

	for (int i = 0; i < PARTS; i++) {
		h.parts[i].at = at;
		h.parts[i].size = parts[i].size;
		at = (at + parts[i].size + ALIGN - 1) / ALIGN * ALIGN;
	}
	bytes = calloc(1, at);
	if (!bytes)
		return NULL;
	for (int i = 0; i < PARTS; i++)
		memcpy(bytes + h.parts[i].at, parts[i].bytes, parts[i].size);
	memcpy(bytes, &h, sizeof(h));
	h.checksum = XXH3_64bits(bytes + offsetof(struct header, btf_at),
				 at - offsetof(struct header, btf_at));
	memcpy(bytes, &h, sizeof(h));
	*size = at;
	return bytes;
}

/* Make room for one more file: a guest may show many kernels, a disk holds only so many. */
static void remove_oldest(int folder, int keep)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char oldest[ID_MAX * 2 + 32] = "";
	struct timespec least = {0};
	struct dirent *e;
	int files = 0;

	while (dir && (e = readdir(dir))) {
		uint8_t id[ID_MAX];
		struct stat st;
		uint64_t at;
		size_t size;

		if (!parse_name(e->d_name, &at, id, &size) || strlen(e->d_name) >= sizeof(oldest) ||
		    fstatat(folder, e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (files++ &&
		    (st.st_mtim.tv_sec > least.tv_sec ||
		     (st.st_mtim.tv_sec == least.tv_sec && st.st_mtim.tv_nsec >= least.tv_nsec)))
			continue;
		least = st.st_mtim;
		snprintf(oldest, sizeof(oldest), "%s", e->d_name);
	}
	if (files >= keep)
		unlinkat(folder, oldest, 0);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

static void write_file(const char *folder, const char *name, const uint8_t *bytes, size_t size)
{
	char part[ID_MAX * 2 + 64];
	int dir, fd, rc;

	mkdir(folder, 0700);
	dir = open_folder(folder);
	if (dir < 0)
		return;
	remove_oldest(dir, FILES_KEPT);
	snprintf(part, sizeof(part), ".%s.%ld", name, (long)getpid());
	fd = openat(dir, part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0) {
		rc = write_all(fd, bytes, size);
		if (close(fd) || rc || renameat(dir, part, dir, name))
			unlinkat(dir, part, 0);
	}
	close(dir);
}

/* It is written where it was opened; whoever opened it gives it its name. */
static void write_stored(struct tocsin_kernel_store *s, const char *name, const uint8_t *bytes,
			 size_t size)
{
	if (s->to >= 0 && size <= TOCSIN_STORE_BYTES && !write_all(s->to, bytes, size))
		snprintf(s->kept, sizeof(s->kept), "%s", name);
	if (s->to >= 0)
		close(s->to);
	s->to = -1;
}

void tocsin_cache_save(const struct tocsin_kernel *k, const struct tocsin_cache *cache,
		       const struct tocsin_image *image)
{
	struct tocsin_part parts[PARTS], *btf = parts + TOCSIN_KALLSYMS_PARTS;
	struct tocsin_part *kept = btf + TOCSIN_BTF_PARTS;
	char name[ID_MAX * 2 + 32];
	uint64_t raw[4];
	const uint8_t *blob;
	size_t size;
	uint8_t *bytes;

	if (!image->copy || !k->info.build_id_size || tocsin_kallsyms_parts(k->symbols, parts, raw))
		return;
	if (tocsin_btf_parts(k->btf, btf)) {
		free((void *)parts[0].bytes);
		return;
	}
	for (int i = 0; i < RAW; i++)
		kept[i] = (struct tocsin_part){image->bytes + raw[2 * i], raw[2 * i + 1]};
	size =
	    (size_t)snprintf(name, sizeof(name), "%" PRIx64 "-", k->build_id_va - image->text_va);
	for (size_t i = 0; i < k->info.build_id_size; i++)
		snprintf(name + size + 2 * i, 3, "%02x", k->info.build_id[i]);
	blob = memmem(image->bytes + image->from, image->size - image->from, btf[1].bytes,
		      btf[1].size);
	bytes = blob ? compose(parts, blob - image->bytes, &size) : NULL;
	if (bytes && cache->store)
		write_stored(cache->store, name, bytes, size);
	else if (bytes)
		write_file(cache->folder, name, bytes, size);
	free(bytes);
	free((void *)parts[0].bytes);
	free((void *)btf[0].bytes);
}

/* ---- one guest's folder, opened ---- */

void tocsin_kernel_store_open(struct tocsin_kernel_store *s, const char *folder)
{
	char name[32];
	struct dirent *e;
	size_t n = 0;
	DIR *dir;
	int fd;

	*s = (struct tocsin_kernel_store){.to = -1};
	for (size_t i = 0; i < TOCSIN_STORE_FILES; i++)
		s->files[i].fd = -1;
	mkdir(folder, 0700);
	fd = open_folder(folder);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (n < TOCSIN_STORE_FILES && (e = readdir(dir))) {
		uint8_t id[ID_MAX];
		size_t id_size, length = strlen(e->d_name);
		uint64_t at;
		ssize_t size;

		if (length >= TOCSIN_STORE_NAME || !parse_name(e->d_name, &at, id, &id_size))
			continue;
		fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		size = fd < 0 ? -1 : file_size(fd);
		if (size < 0) {
			if (fd >= 0)
				close(fd);
			continue;
		}
		memcpy(s->files[n].name, e->d_name, length + 1);
		s->files[n].size = (size_t)size;
		s->files[n++].fd = fd;
	}
	snprintf(name, sizeof(name), ".new.%ld", (long)getpid());
	unlinkat(dirfd(dir), name, 0);
	s->to =
	    openat(dirfd(dir), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	closedir(dir);
}

void tocsin_kernel_store_close(struct tocsin_kernel_store *s)
{
	for (size_t i = 0; i < TOCSIN_STORE_FILES; i++)
		if (s->files[i].fd >= 0)
			close(s->files[i].fd);
	if (s->to >= 0)
		close(s->to);
	*s = (struct tocsin_kernel_store){.to = -1};
}

int tocsin_kernel_store_commit(const char *folder, int pid, const char *name)
{
	char from[32];
	uint8_t id[ID_MAX];
	size_t size;
	uint64_t at;
	int dir = open_folder(folder), rc = 0;

	if (dir < 0)
		return -ENOENT;
	snprintf(from, sizeof(from), ".new.%d", pid);
	if (*name && (strlen(name) >= TOCSIN_STORE_NAME || !parse_name(name, &at, id, &size)))
		rc = -EINVAL;
	if (!rc && *name) {
		remove_oldest(dir, TOCSIN_STORE_FILES);
		rc = renameat(dir, from, dir, name) ? -errno : 0;
	}
	if (rc || !*name)
		unlinkat(dir, from, 0);
	close(dir);
	return rc;
}
