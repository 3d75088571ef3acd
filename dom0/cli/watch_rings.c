// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's own rings: tocsind writes each trigger as a JSON line (docs/schema.md), and each line
 * makes the watch sample that guest at once. So a program can have itself seen, however short it
 * lives. A log that is rotated is followed to its new file.
 */
#include "cli/watch_guest.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#define LINE_MAX_BYTES (1u << 20)
#define POLL_NANOSECONDS 20000000

static const char *text_of(struct json_object *o, const char *object, const char *member)
{
	struct json_object *inner;

	if (object && (!json_object_object_get_ex(o, object, &o) ||
		       !json_object_is_type(o, json_type_object)))
		return NULL;
	return json_object_object_get_ex(o, member, &inner) &&
		       json_object_is_type(inner, json_type_string)
		   ? json_object_get_string(inner)
		   : NULL;
}

static int32_t asker_of(struct json_object *o)
{
	struct json_object *inner;

	if (!json_object_object_get_ex(o, "asker", &inner) ||
	    !json_object_is_type(inner, json_type_object) ||
	    !json_object_object_get_ex(inner, "pid", &inner))
		return 0;
	return json_object_get_int(inner);
}

static void wake(struct watch *w, const char *domain, const struct watch_ring *ring)
{
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->options->count; i++) {
		struct watch_guest *g = &w->guests[i];

		if (!g->name->domain || strcmp(g->name->domain, domain) != 0)
			continue;
		if (g->ring_count < WATCH_RINGS_MAX)
			g->rings[g->ring_count++] = *ring;
		pthread_cond_signal(&g->wake);
	}
	pthread_mutex_unlock(&w->lock);
}

/* A line of another kind, or one that makes no sense, wakes nobody. */
static void take_line(struct watch *w, const char *line)
{
	struct json_object *o = json_tokener_parse(line);
	struct watch_ring ring = {0};
	const char *domain, *operation;

	if (!o || !json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		return;
	}
	domain = text_of(o, "domain", "name");
	operation = text_of(o, "trigger", "operation");
	if (domain && operation) {
		snprintf(ring.operation, sizeof(ring.operation), "%s", operation);
		ring.pid = asker_of(o);
		wake(w, domain, &ring);
	}
	json_object_put(o);
}

/* Has another file the log's name, because the old one was moved away? One that was emptied is read
 * from its beginning. */
static bool has_moved(struct watch *w)
{
	struct stat now, then;

	if (stat(w->options->rings, &now) || fstat(w->log, &then))
		return false;
	if (now.st_ino != then.st_ino || now.st_dev != then.st_dev)
		return true;
	if (now.st_size < lseek(w->log, 0, SEEK_CUR))
		lseek(w->log, 0, SEEK_SET);
	return false;
}

static void reopen(struct watch *w)
{
	int fd = open(w->options->rings, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	close(w->log);
	w->log = fd;
}

static void take_lines(struct watch *w, char *buffer, size_t *fill)
{
	char *line = buffer, *end;

	buffer[*fill] = 0;
	while ((end = memchr(line, '\n', *fill - (size_t)(line - buffer)))) {
		*end = 0;
		take_line(w, line);
		line = end + 1;
	}
	*fill -= (size_t)(line - buffer);
	memmove(buffer, line, *fill);
	if (*fill == LINE_MAX_BYTES)
		*fill = 0; /* no line of tocsind's is so long */
}

static void *follow(void *argument)
{
	struct watch *w = argument;
	char *buffer = malloc(LINE_MAX_BYTES + 1);
	size_t fill = 0;
	bool ending = !buffer, moved = false, told = false;

	while (!ending) {
		ssize_t n = read(w->log, buffer + fill, LINE_MAX_BYTES - fill);

		if (n > 0) {
			fill += (size_t)n;
			take_lines(w, buffer, &fill);
		} else {
			if (n < 0 && !told)
				watch_sink_say(w->sink, "%s: %s; rings are not seen",
					       w->options->rings, strerror(errno));
			told |= n < 0;
			if (moved) /* and read to its end since */
				reopen(w);
			moved = has_moved(w);
			nanosleep(&(struct timespec){.tv_nsec = POLL_NANOSECONDS}, NULL);
		}
		pthread_mutex_lock(&w->lock);
		ending = w->ending;
		pthread_mutex_unlock(&w->lock);
	}
	free(buffer);
	return NULL;
}

int watch_rings_start(struct watch *w, struct tocsin_error *err)
{
	const char *path = w->options->rings;
	int rc;

	w->log = open(path, O_RDONLY | O_CLOEXEC);
	if (w->log < 0)
		return tocsin_error_set(err, -errno, "%s: %s", path, strerror(errno));
	lseek(w->log, 0, SEEK_END);
	rc = pthread_create(&w->reader, NULL, follow, w);
	w->reads = !rc;
	if (!rc)
		return 0;
	close(w->log);
	return tocsin_error_set(err, -rc, "no thread to read %s: %s", path, strerror(rc));
}

void watch_rings_stop(struct watch *w)
{
	if (!w->reads)
		return;
	pthread_join(w->reader, NULL);
	close(w->log);
	w->reads = false;
}
