// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Payloads that are kept from one boot to the next: BUILD-ID.livepatch, in a folder of root's.
 *
 * Why it exists: what is loaded into a hypervisor must be nobody else's to write, and a machine
 * that a payload brings down must come up again without it.
 *
 * Invariants: a file appears under its name only when it is whole. The folder is made with mode
 * 0700. What is read from it is checked to be a plain file of root's (or of who runs this) that
 * nobody else can write.
 */
#include "cli/hypervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE "/var/lib/tocsin/livepatch"
#define ENDING ".livepatch"
#define MARK "applying"

static const char *store(void)
{
	const char *folder = getenv("TOCSIN_LIVEPATCH_STORE");

	return folder ? folder : STORE;
}

const char *hypervisor_boot_folder(void)
{
	const char *folder = getenv("TOCSIN_BOOT");

	return folder ? folder : "/boot";
}

/* The folder and those above it. */
static int make_store(struct tocsin_error *err)
{
	char *path = strdup(store());
	int rc = path ? 0 : -ENOMEM;

	for (char *slash = path; !rc && slash; *slash = '/') {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			rc = -errno;
		if (!slash)
			break;
	}
	free(path);
	if (rc)
		return tocsin_error_set(err, rc, "cannot make %s: %s", store(), strerror(-rc));
	return 0;
}

static int join(const char *name, const char *ending, const char *suffix, char **ret,
		struct tocsin_error *err)
{
	if (asprintf(ret, "%s/%s%s%s", store(), name, ending, suffix) < 0)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	return 0;
}

int hypervisor_kept_path(const char *build_id, const char *suffix, char **ret,
			 struct tocsin_error *err)
{
	int rc = make_store(err);

	return rc ? rc : join(build_id, ENDING, suffix, ret, err);
}

/* The build of a kept payload by its name, or false. */
static bool kept_build(const char *name, char build[TOCSIN_BUILD_ID_TEXT])
{
	size_t size = strlen(name), ending = strlen(ENDING);

	if (size <= ending || size - ending >= TOCSIN_BUILD_ID_TEXT ||
	    strcmp(name + size - ending, ENDING) ||
	    strspn(name, "0123456789abcdef") != size - ending)
		return false;
	snprintf(build, TOCSIN_BUILD_ID_TEXT, "%.*s", (int)(size - ending), name);
	return true;
}

bool hypervisor_is_kept(const char *build_id)
{
	char build[TOCSIN_BUILD_ID_TEXT];
	const struct dirent *entry;
	DIR *dir = opendir(store());
	bool found = false;

	while (dir && !found && (entry = readdir(dir)))
		found = kept_build(entry->d_name, build) && (!build_id || !strcmp(build, build_id));
	if (dir)
		closedir(dir);
	return found;
}

static bool among(const char *build, const char *const *builds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(build, builds[i]))
			return true;
	return false;
}

int hypervisor_drop_kept(const char *const *builds, size_t count, struct tocsin_error *err)
{
	char build[TOCSIN_BUILD_ID_TEXT];
	const struct dirent *entry;
	DIR *dir = opendir(store());
	int rc = 0;

	if (!dir)
		return errno == ENOENT ? 0
				       : tocsin_error_set(err, -errno, "cannot read %s: %s",
							  store(), strerror(errno));
	while (!rc && (entry = readdir(dir))) {
		if (!kept_build(entry->d_name, build) || among(build, builds, count))
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0))
			rc = tocsin_error_set(err, -errno, "cannot remove %s/%s: %s", store(),
					      entry->d_name, strerror(errno));
	}
	closedir(dir);
	return rc;
}

static int sync_folder(void)
{
	int fd = open(store(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

int hypervisor_mark(const char *build_id, struct tocsin_error *err)
{
	char *path;
	int rc = make_store(err);

	if (!rc)
		rc = join(MARK, "", "", &path, err);
	if (rc)
		return rc;
	rc = hypervisor_write_file(path, build_id, strlen(build_id), err);
	free(path);
	if (!rc && sync_folder())
		rc = tocsin_error_set(err, -EIO, "cannot write %s to the disk", store());
	return rc;
}

void hypervisor_unmark(void)
{
	char *path;

	if (join(MARK, "", "", &path, NULL))
		return;
	unlink(path);
	free(path);
	sync_folder();
}

bool hypervisor_is_marked(void)
{
	char *path;
	bool marked;

	if (join(MARK, "", "", &path, NULL))
		return true;
	marked = !access(path, F_OK);
	free(path);
	return marked;
}

static int check_owner(const char *path, const struct stat *st, struct tocsin_error *err)
{
	if (!S_ISREG(st->st_mode))
		return tocsin_error_set(err, -EINVAL, "%s is not a plain file", path);
	if ((st->st_uid && st->st_uid != geteuid()) || st->st_mode & (S_IWGRP | S_IWOTH))
		return tocsin_error_set(err, -EPERM,
					"%s is not loaded into the hypervisor: others than root "
					"can write it",
					path);
	if (st->st_size <= 0 || st->st_size > (off_t)TOCSIN_PAYLOAD_MAX)
		return tocsin_error_set(err, -EFBIG, "%s has not the size of a live patch", path);
	return 0;
}

/* The file may grow or shrink meanwhile: then it is not what was looked at. */
static int read_exactly(int fd, uint8_t *bytes, size_t size)
{
	size_t have = 0;
	ssize_t n;

	while (have < size && (n = read(fd, bytes + have, size - have)) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		have += n > 0 ? (size_t)n : 0;
	}
	return have == size ? 0 : -EIO;
}

int hypervisor_read_payload(const char *path, uint8_t **ret, size_t *size, struct tocsin_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), rc;
	uint8_t *bytes = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return tocsin_error_set(err, rc, "cannot open %s: %s", path, strerror(-rc));
	}
	rc = check_owner(path, &st, err);
	if (!rc) {
		bytes = malloc((size_t)st.st_size);
		rc = bytes ? read_exactly(fd, bytes, (size_t)st.st_size) : -ENOMEM;
		if (rc)
			tocsin_error_set(err, rc, "cannot read %s: %s", path, strerror(-rc));
	}
	close(fd);
	if (rc) {
		free(bytes);
		return rc;
	}
	*ret = bytes;
	*size = (size_t)st.st_size;
	return 0;
}

int hypervisor_write_file(const char *path, const void *bytes, size_t size,
			  struct tocsin_error *err)
{
	char *part;
	FILE *f;
	int rc = 0;

	if (asprintf(&part, "%s.part", path) < 0)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	f = fopen(part, "we");
	if (!f)
		rc = -errno;
	else if (fchmod(fileno(f), 0600) || fwrite(bytes, 1, size, f) != size || fflush(f) ||
		 fsync(fileno(f)))
		rc = errno ? -errno : -EIO;
	if (f && fclose(f) && !rc)
		rc = -errno;
	if (!rc && rename(part, path))
		rc = -errno;
	if (rc) {
		unlink(part);
		tocsin_error_set(err, rc, "cannot write %s: %s", path, strerror(-rc));
	}
	free(part);
	return rc;
}
