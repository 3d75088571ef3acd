/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of a live QEMU or KVM guest: the file or memfd that backs it, mapped here too.
 * Reading it does not involve QEMU, let alone the guest. The monitor is asked once, when the
 * source is opened: which backends there are, where each lies in guest physical memory (with the
 * PCI hole, and what was moved above 4 GiB), and for the first processor's CR3, a hint.
 *
 * The backend must be shared: -object memory-backend-memfd,id=ram,size=4G,share=on -machine
 * memory-backend=ram, or memory-backend-file,...,mem-path=PATH. libvirt: <memoryBacking> with
 * <source type='memfd'/> and <access mode='shared'/>.
 *
 * The connection is kept, because its end tells that QEMU is gone: from the next flush on, reads
 * fail instead of showing what a dead guest left behind. Layouts that change later (hotplugged
 * memory) need a new source.
 *
 * Sources: QEMU's docs/interop/qmp-spec.txt; the flat view as mtree_print_flatview() in
 * softmmu/memory.c prints it; names of unlinked files: file_ram_open() in softmmu/physmem.c.
 */
#include "memory/mapped.h"
#include "memory/qmp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKENDS_MAX 64
#define ID_SIZE 128

struct backend {
	char id[ID_SIZE];
	uint8_t *bytes;
	uint64_t size;
};

struct qemu_source {
	struct tocsin_mapped mapped;
	struct tocsin_qmp *qmp;
	struct backend backends[BACKENDS_MAX];
	size_t count;
	pthread_mutex_t lock; /* of the monitor, once the source is open */
	bool gone;
};

static bool is_gone(const struct qemu_source *s)
{
	return __atomic_load_n(&s->gone, __ATOMIC_RELAXED);
}

static int qemu_read(struct tocsin_memory *m, uint64_t gpa, void *buf, size_t size)
{
	struct qemu_source *s = (struct qemu_source *)m;

	return is_gone(s) ? -ENODEV : tocsin_mapped_read(m, gpa, buf, size);
}

static const uint8_t *qemu_map(struct tocsin_memory *m, uint64_t gpa, uint64_t *size)
{
	return is_gone((struct qemu_source *)m) ? NULL : tocsin_mapped_map(m, gpa, size);
}

static void qemu_flush(struct tocsin_memory *m)
{
	struct qemu_source *s = (struct qemu_source *)m;

	pthread_mutex_lock(&s->lock);
	if (!s->gone && tocsin_qmp_drain(s->qmp))
		__atomic_store_n(&s->gone, true, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&s->lock);
}

static void qemu_close(struct tocsin_memory *m)
{
	struct qemu_source *s = (struct qemu_source *)m;

	for (size_t i = 0; i < s->count; i++)
		if (s->backends[i].bytes)
			munmap(s->backends[i].bytes, s->backends[i].size);
	tocsin_qmp_close(s->qmp);
	pthread_mutex_destroy(&s->lock);
	tocsin_mapped_release(&s->mapped);
	free(s);
}

static const struct tocsin_memory_ops qemu_ops = {
    .read = qemu_read,
    .map = qemu_map,
    .flush = qemu_flush,
    .close = qemu_close,
};

/* A property of an object of the guest's; NULL: it has none. To be put. */
static struct json_object *property(struct qemu_source *s, const char *id, const char *name)
{
	struct json_object *arguments = json_object_new_object(), *value = NULL;
	char path[ID_SIZE + 16];

	snprintf(path, sizeof(path), "/objects/%s", id);
	json_object_object_add(arguments, "path", json_object_new_string(path));
	json_object_object_add(arguments, "property", json_object_new_string(name));
	if (tocsin_qmp_execute(s->qmp, "qom-get", arguments, &value, NULL))
		return NULL;
	return value;
}

/* Open what QEMU's process has open under such a name: unlinked files have no other way in. */
static int open_of_process(pid_t pid, const char *name, uint64_t size, int *ret)
{
	char folder[64], path[320], target[512];
	struct dirent *entry;
	int found = -1, rc = -ENOENT;
	DIR *dir;

	snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
	dir = opendir(folder);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		struct stat st;
		ssize_t n;

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = 0;
		if (!strstr(target, name) || stat(path, &st) || (uint64_t)st.st_size != size)
			continue;
		if (found >= 0) { /* which of them? */
			close(found);
			found = -1;
			rc = -EEXIST;
			break;
		}
		found = open(path, O_RDONLY | O_CLOEXEC);
		rc = found < 0 ? -errno : 0;
	}
	closedir(dir);
	if (!rc)
		*ret = found;
	return rc;
}

static int open_backend(struct qemu_source *s, const struct backend *b, int *ret,
			struct tocsin_error *err)
{
	struct json_object *value = property(s, b->id, "mem-path");
	const char *path = value ? json_object_get_string(value) : NULL;
	char name[ID_SIZE + 32] = "/memfd:memory-backend-memfd";
	struct stat st;
	int fd = -1, rc = 0;

	if (path && (stat(path, &st) || !S_ISDIR(st.st_mode))) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		rc = fd < 0 ? -errno : 0;
	} else {
		if (path) /* hugetlbfs and its like: an unlinked file in that folder */
			snprintf(name, sizeof(name), "/qemu_back_mem.%s.", b->id);
		rc = open_of_process(tocsin_qmp_peer(s->qmp), name, b->size, &fd);
	}
	if (rc == -EEXIST)
		tocsin_error_set(err, rc,
				 "QEMU has several memfds of %" PRIu64
				 " bytes: give the memory backends different sizes, or files",
				 b->size);
	else if (rc)
		tocsin_error_set(err, rc, "cannot open %s, which backs the guest's memory '%s': %s",
				 path ? path : "the memfd of QEMU's process", b->id, strerror(-rc));
	else
		*ret = fd;
	json_object_put(value);
	return rc;
}

static int map_backend(struct qemu_source *s, struct backend *b, struct tocsin_error *err)
{
	struct stat st;
	void *bytes;
	int fd, rc = open_backend(s, b, &fd, err);

	if (rc)
		return rc;
	if (fstat(fd, &st) || (uint64_t)st.st_size < b->size) {
		close(fd);
		return tocsin_error_set(err, -EINVAL, "the file behind '%s' is too small", b->id);
	}
	bytes = mmap(NULL, b->size, PROT_READ, MAP_SHARED, fd, 0);
	rc = bytes == MAP_FAILED ? tocsin_error_set(err, -errno, "cannot map the memory '%s': %s",
						    b->id, strerror(errno))
				 : 0;
	close(fd);
	if (!rc)
		b->bytes = bytes;
	return rc;
}

static int is_private(const char *id, struct tocsin_error *err)
{
	return tocsin_error_set(err, -EACCES,
				"the guest's memory %s is private to QEMU: start it with -object "
				"memory-backend-memfd,id=ram,size=SIZE,share=on "
				"-machine memory-backend=ram",
				id);
}

/* One object of query-memdev's answer. */
static int add_backend(struct qemu_source *s, struct json_object *row, struct tocsin_error *err)
{
	struct backend *b = &s->backends[s->count];
	struct json_object *id, *size, *share, *offset;
	uint64_t skipped;

	if (!json_object_object_get_ex(row, "id", &id) ||
	    !json_object_object_get_ex(row, "size", &size) ||
	    strlen(json_object_get_string(id)) >= sizeof(b->id) || s->count == BACKENDS_MAX - 1)
		return 0; /* without an id it cannot be asked about */
	memcpy(b->id, json_object_get_string(id), strlen(json_object_get_string(id)) + 1);
	b->size = json_object_get_uint64(size);
	if (!b->size || b->size > SIZE_MAX / 2)
		return tocsin_error_set(err, -EINVAL, "'%s' has no sensible size", b->id);
	share = property(s, b->id, "share");
	if (!json_object_get_boolean(share)) {
		json_object_put(share);
		return is_private(b->id, err);
	}
	json_object_put(share);
	offset = property(s, b->id, "offset");
	skipped = offset ? json_object_get_uint64(offset) : 0;
	json_object_put(offset);
	if (skipped)
		return tocsin_error_set(err, -ENOTSUP, "'%s' begins inside its file: not supported",
					b->id);
	s->count++;
	return map_backend(s, b, err);
}

static int find_backends(struct qemu_source *s, struct tocsin_error *err)
{
	struct json_object *list;
	int rc = tocsin_qmp_execute(s->qmp, "query-memdev", NULL, &list, err);

	if (rc)
		return rc;
	if (json_object_is_type(list, json_type_array))
		for (size_t i = 0; i < json_object_array_length(list) && !rc; i++)
			rc = add_backend(s, json_object_array_get_idx(list, i), err);
	json_object_put(list);
	if (!rc && !s->count)
		rc = is_private("", err);
	return rc;
}

/* What the monitor for people prints; to be freed. */
static int monitor(struct qemu_source *s, const char *line, char **ret, struct tocsin_error *err)
{
	struct json_object *arguments = json_object_new_object(), *answer;
	int rc;

	json_object_object_add(arguments, "command-line", json_object_new_string(line));
	rc = tocsin_qmp_execute(s->qmp, "human-monitor-command", arguments, &answer, err);
	if (rc)
		return rc;
	*ret = strdup(json_object_get_string(answer));
	json_object_put(answer);
	return *ret ? 0 : tocsin_error_set(err, -ENOMEM, "out of memory");
}

/* "  FIRST-LAST (prio N, ram): NAME @OFFSET": memory, if NAME is one of the backends. */
static int add_line(struct qemu_source *s, const char *line, struct tocsin_error *err)
{
	uint64_t first, last, offset = 0;
	char kind[16], name[ID_SIZE + 16];
	const char *id;
	int used = 0;

	if (sscanf(line, " %" SCNx64 "-%" SCNx64 " (prio %*d, %15[a-z/]): %143s @%" SCNx64 "%n",
		   &first, &last, kind, name, &offset, &used) < 4 ||
	    (strcmp(kind, "ram") && strcmp(kind, "rom")) || last < first)
		return 0;
	id = strncmp(name, "/objects/", 9) ? name : name + 9;
	for (size_t i = 0; i < s->count; i++) {
		const struct backend *b = &s->backends[i];

		if (strcmp(b->id, id))
			continue;
		if (offset > b->size || last - first >= b->size - offset)
			return tocsin_error_at(err, -EPROTO, first,
					       "QEMU's layout leaves the memory '%s'", id);
		return tocsin_mapped_add(&s->mapped, first, last - first + 1, b->bytes + offset,
					 err);
	}
	return 0;
}

static int find_layout(struct qemu_source *s, struct tocsin_error *err)
{
	char *text = NULL, *rest, *line;
	bool here = false;
	int rc = monitor(s, "info mtree -f", &text, err);

	rest = text;
	while (!rc && (line = strsep(&rest, "\n"))) {
		line[strcspn(line, "\r")] = 0;
		if (!strncmp(line, "FlatView", 8) && s->mapped.count)
			break;
		if (!strncmp(line, "FlatView", 8))
			here = false;
		else if (!strcmp(line, " AS \"memory\", root: system"))
			here = true;
		else if (here)
			rc = add_line(s, line, err);
	}
	free(text);
	return rc ? rc : tocsin_mapped_publish(&s->mapped, err);
}

/* Not needed to find a kernel; it makes it a matter of a few reads. */
static void find_cr3(struct qemu_source *s)
{
	char *text = NULL, *at;

	if (monitor(s, "info registers", &text, NULL))
		return;
	at = strstr(text, " CR3=");
	if (at)
		s->mapped.head.cr3_hint = strtoull(at + 5, NULL, 16);
	free(text);
}

int tocsin_memory_open_qemu(const char *path, struct tocsin_memory **ret, struct tocsin_error *err)
{
	struct qemu_source *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	s->mapped.head.ops = &qemu_ops;
	s->mapped.head.live = true;
	pthread_mutex_init(&s->lock, NULL);
	rc = tocsin_qmp_open(path, &s->qmp, err);
	if (!rc)
		rc = find_backends(s, err);
	if (!rc)
		rc = find_layout(s, err);
	if (rc) {
		qemu_close(&s->mapped.head);
		return rc;
	}
	find_cr3(s);
	*ret = &s->mapped.head;
	return 0;
}
