/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small QMP client: one JSON object a line, one command at a time, events skipped. QEMU is the
 * operator's, but an answer is bounded all the same, in bytes and in time.
 */
#include "memory/qmp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_BYTES (8u << 20)
#define TIMEOUT_SECONDS 5
#define EVENTS_MAX 1000 /* between a command and its answer */

struct tocsin_qmp {
	int fd;
	char *line; /* what was read and not yet used */
	size_t size, room;
};

static int receive(struct tocsin_qmp *q, int flags)
{
	ssize_t got;

	if (q->size == q->room) {
		size_t room = q->room ? q->room * 2 : 65536;
		char *more = room > LINE_MAX_BYTES ? NULL : realloc(q->line, room);

		if (!more)
			return room > LINE_MAX_BYTES ? -EPROTO : -ENOMEM;
		q->line = more;
		q->room = room;
	}
	do {
		got = recv(q->fd, q->line + q->size, q->room - q->size, flags);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN && !flags ? -ETIMEDOUT : -errno;
	if (!got)
		return -ENODEV;
	q->size += (size_t)got;
	return 0;
}

/* The next object, events included. */
static int next(struct tocsin_qmp *q, struct json_object **ret)
{
	struct json_tokener *tokener;
	struct json_object *o;
	size_t seen = 0;
	char *end;
	int rc;

	while (!(end = q->size > seen ? memchr(q->line + seen, '\n', q->size - seen) : NULL)) {
		seen = q->size;
		rc = receive(q, 0);
		if (rc)
			return rc;
	}
	tokener = json_tokener_new();
	if (!tokener)
		return -ENOMEM;
	o = json_tokener_parse_ex(tokener, q->line, (int)(end - q->line));
	json_tokener_free(tokener);
	q->size -= (size_t)(end + 1 - q->line);
	memmove(q->line, end + 1, q->size);
	if (!json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		return -EPROTO;
	}
	*ret = o;
	return 0;
}

static int submit(struct tocsin_qmp *q, const char *command, struct json_object *arguments)
{
	struct json_object *o = json_object_new_object(), *name = json_object_new_string(command);
	const char *text;
	size_t left;
	int rc = 0;

	json_object_object_add(o, "execute", name);
	if (arguments)
		json_object_object_add(o, "arguments", arguments);
	text = o && name ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN) : NULL;
	left = text ? strlen(text) : 0;
	if (!text)
		rc = -ENOMEM;
	while (!rc && left) {
		ssize_t done = send(q->fd, text, left, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			rc = errno == EPIPE ? -ENODEV : -errno;
		else
			text += done, left -= (size_t)done;
	}
	json_object_put(o);
	if (!rc && send(q->fd, "\n", 1, MSG_NOSIGNAL) != 1)
		rc = -ENODEV;
	return rc;
}

/* What an answer says of a failure. */
static int failed(const char *command, struct json_object *error, struct tocsin_error *err)
{
	struct json_object *text;

	if (!json_object_object_get_ex(error, "desc", &text))
		text = NULL;
	return tocsin_error_set(err, -EPROTO, "QEMU refuses %s: %s", command,
				text ? json_object_get_string(text) : "it does not say why");
}

int tocsin_qmp_execute(struct tocsin_qmp *q, const char *command, struct json_object *arguments,
		       struct json_object **ret, struct tocsin_error *err)
{
	struct json_object *o, *part;
	int rc = submit(q, command, arguments);

	for (int i = 0; i < EVENTS_MAX && !rc; i++) {
		rc = next(q, &o);
		if (rc)
			break;
		if (json_object_object_get_ex(o, "return", &part)) {
			*ret = json_object_get(part);
			json_object_put(o);
			return 0;
		}
		if (json_object_object_get_ex(o, "error", &part)) {
			rc = failed(command, part, err);
			json_object_put(o);
			return rc;
		}
		json_object_put(o);
	}
	if (!rc)
		rc = -EPROTO;
	return tocsin_error_set(err, rc, "QEMU does not answer %s: %s", command, strerror(-rc));
}

static int greet(struct tocsin_qmp *q, const char *path, struct tocsin_error *err)
{
	struct json_object *o = NULL, *part;
	int rc = next(q, &o);

	if (rc == -ETIMEDOUT)
		return tocsin_error_set(err, rc,
					"%s does not answer: a QEMU monitor serves one client at a "
					"time; give QEMU another one: -qmp unix:PATH,server=on,"
					"wait=off",
					path);
	if (!rc && !json_object_object_get_ex(o, "QMP", &part))
		rc = -EPROTO;
	json_object_put(o);
	if (rc)
		return tocsin_error_set(err, rc, "%s is not a QMP socket of QEMU: %s", path,
					strerror(-rc));
	rc = tocsin_qmp_execute(q, "qmp_capabilities", NULL, &o, err);
	if (!rc)
		json_object_put(o);
	return rc;
}

int tocsin_qmp_open(const char *path, struct tocsin_qmp **ret, struct tocsin_error *err)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct tocsin_qmp *q;
	int rc;

	if (strlen(path) >= sizeof(address.sun_path))
		return tocsin_error_set(err, -ENAMETOOLONG, "%s: too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	q = calloc(1, sizeof(*q));
	if (!q)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	q->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (q->fd < 0 || setsockopt(q->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    setsockopt(q->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) ||
	    connect(q->fd, (struct sockaddr *)&address, sizeof(address)))
		rc = tocsin_error_set(err, -errno, "cannot connect to %s: %s", path,
				      strerror(errno));
	else
		rc = greet(q, path, err);
	if (rc) {
		tocsin_qmp_close(q);
		return rc;
	}
	*ret = q;
	return 0;
}

void tocsin_qmp_close(struct tocsin_qmp *q)
{
	if (!q)
		return;
	if (q->fd >= 0)
		close(q->fd);
	free(q->line);
	free(q);
}

pid_t tocsin_qmp_peer(const struct tocsin_qmp *q)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(q->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) ? 0 : peer.pid;
}

int tocsin_qmp_drain(struct tocsin_qmp *q)
{
	int rc;

	do {
		q->size = 0; /* nothing is waited for: these can only be events */
		rc = receive(q, MSG_DONTWAIT);
	} while (!rc);
	return rc == -EAGAIN ? 0 : -ENODEV;
}
