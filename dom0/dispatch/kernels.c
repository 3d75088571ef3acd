/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/kernels.h"
#include "base/room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UUID_TEXT 32u

struct folder {
	char name[UUID_TEXT + 1];
	time_t used; /* each worker makes a file in it */
};

struct folders {
	struct folder *rows;
	size_t count, room;
};

bool tocsin_kernels_folder(const char *cache, const uint8_t uuid[16], char *ret, size_t size)
{
	char hex[33];

	for (size_t i = 0; i < 16; i++)
		snprintf(hex + 2 * i, 3, "%02x", uuid[i]);
	return snprintf(ret, size, "%s/%s", cache, hex) < (int)size;
}

/* As tocsin_kernels_folder names them. */
static bool parse_name(const char *name, uint8_t uuid[16])
{
	if (strlen(name) != UUID_TEXT || strspn(name, "0123456789abcdef") != UUID_TEXT)
		return false;
	for (size_t i = 0; i < 16; i++)
		if (sscanf(name + 2 * i, "%2hhx", &uuid[i]) != 1)
			return false;
	return true;
}

static bool add(struct folders *f, const char *name, time_t used)
{
	if (!TOCSIN_ROOM(f->rows, f->room, f->count))
		return false;
	memcpy(f->rows[f->count].name, name, UUID_TEXT + 1);
	f->rows[f->count++].used = used;
	return true;
}

static int by_use(const void *a, const void *b)
{
	const struct folder *l = a, *r = b;

	return l->used < r->used ? 1 : l->used > r->used ? -1 : strcmp(l->name, r->name);
}

/* A link in its place is not followed, and no folder in it is removed: there is none of ours. */
static bool remove_folder(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
	return !unlinkat(parent, name, AT_REMOVEDIR);
}

int tocsin_kernels_prune(const char *cache, time_t now,
			 bool (*is_here)(const void *context, const uint8_t uuid[16]),
			 const void *context)
{
	time_t least = now - (time_t)TOCSIN_KERNELS_DAYS * 24 * 3600;
	struct folders f = {0};
	DIR *dir = opendir(cache);
	struct dirent *e;
	uint8_t uuid[16];
	struct stat st;
	int removed = 0;

	if (!dir)
		return -errno;
	while ((e = readdir(dir)))
		if (parse_name(e->d_name, uuid) && !is_here(context, uuid) &&
		    !fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
		    S_ISDIR(st.st_mode) && !add(&f, e->d_name, st.st_mtime))
			break; /* no memory: those that were seen, and the rest another time */
	if (f.count)
		qsort(f.rows, f.count, sizeof(*f.rows), by_use);
	for (size_t i = 0; i < f.count; i++)
		if (i >= TOCSIN_KERNELS_KEPT || f.rows[i].used < least)
			removed += remove_folder(dirfd(dir), f.rows[i].name);
	closedir(dir);
	free(f.rows);
	return removed;
}
