/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/api.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <json-c/json.h>

#define LINE_MAX_BYTES (32u << 20)
#define PATIENCE_MS 10000

struct tocsin_client {
	int fd;
	char *in;
	size_t size, room;
};

int tocsin_client_open(const char *path, struct tocsin_client **ret, struct tocsin_error *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct tocsin_client *c;
	int fd, rc;

	if (strlen(path) >= sizeof(to.sun_path))
		return tocsin_error_set(err, -ENAMETOOLONG, "%s: the path is too long", path);
	strcpy(to.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return tocsin_error_set(err, -errno, "cannot make a socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to))) {
		rc = -errno;
		close(fd);
		return tocsin_error_set(
		    err, rc, "cannot reach tocsind at %s: %s%s", path, strerror(-rc),
		    rc == -ENOENT || rc == -ECONNREFUSED
			? " (is it running, with api.socket in its configuration?)"
		    : rc == -EACCES ? " (run as root, or as a member of its api.group)"
				    : "");
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	}
	c->fd = fd;
	*ret = c;
	return 0;
}

void tocsin_client_close(struct tocsin_client *c)
{
	if (!c)
		return;
	close(c->fd);
	free(c->in);
	free(c);
}

static int receive(struct tocsin_client *c, int timeout)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	char *grown;
	ssize_t n;

	if (c->size == c->room) {
		if (c->room >= LINE_MAX_BYTES)
			return -EMSGSIZE;
		grown = realloc(c->in, c->room ? 2 * c->room : 4096);
		if (!grown)
			return -ENOMEM;
		c->in = grown;
		c->room = c->room ? 2 * c->room : 4096;
	}
	n = poll(&p, 1, timeout);
	if (n <= 0)
		return n ? -errno : -ETIMEDOUT;
	n = read(c->fd, c->in + c->size, c->room - c->size);
	if (n <= 0)
		return n ? -errno : -EPIPE;
	c->size += (size_t)n;
	return 0;
}

/* The next line as an object. */
static int next(struct tocsin_client *c, int timeout, struct json_object **ret,
		struct tocsin_error *err)
{
	struct json_object *o;
	char *end;
	int rc = 0;

	while (!(end = c->size ? memchr(c->in, '\n', c->size) : NULL) && (!rc || rc == -EINTR))
		rc = receive(c, timeout);
	if (!end)
		return tocsin_error_set(err, rc, "no answer from tocsind: %s",
					rc == -EPIPE ? "it closed the connection" : strerror(-rc));
	*end = '\0';
	o = json_tokener_parse(c->in);
	c->size -= (size_t)(end + 1 - c->in);
	memmove(c->in, end + 1, c->size);
	if (!json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		return tocsin_error_set(err, -EBADMSG, "what answers is no tocsind");
	}
	*ret = o;
	return 0;
}

static int send_request(struct tocsin_client *c, const char *method, struct json_object *params,
			struct tocsin_error *err)
{
	struct json_object *o = json_object_new_object();
	const char *text;
	size_t done = 0, size;
	char *line;
	ssize_t n;
	int rc = 0;

	json_object_object_add(o, "jsonrpc", json_object_new_string("2.0"));
	json_object_object_add(o, "id", json_object_new_int(1));
	json_object_object_add(o, "method", json_object_new_string(method));
	if (params)
		json_object_object_add(o, "params", params);
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	if (!text || asprintf(&line, "%s\n", text) < 0) {
		json_object_put(o);
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	}
	json_object_put(o);
	size = strlen(line);
	while (!rc && done < size) {
		n = send(c->fd, line + done, size - done, MSG_NOSIGNAL);
		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			rc = -errno;
	}
	free(line);
	/* Who was turned away finds the reason in what can still be read. */
	return rc && rc != -EPIPE
		   ? tocsin_error_set(err, rc, "cannot ask tocsind: %s", strerror(-rc))
		   : 0;
}

int tocsin_client_call(struct tocsin_client *c, const char *method, struct json_object *params,
		       struct json_object **ret, struct tocsin_error *err)
{
	struct json_object *o = NULL, *e = NULL, *message = NULL;
	int rc = send_request(c, method, params, err);

	if (rc)
		return rc;
	do {
		json_object_put(o); /* an event that came before */
		o = NULL;
		rc = next(c, PATIENCE_MS, &o, err);
	} while (!rc && json_object_object_get_ex(o, "method", NULL));
	if (rc)
		return rc;
	if (json_object_object_get_ex(o, "error", &e)) {
		if (!json_object_object_get_ex(e, "message", &message))
			message = NULL;
		rc = tocsin_error_set(err, -EREMOTEIO, "tocsind: %s",
				      message ? json_object_get_string(message) : "refused");
	} else {
		json_object_object_get_ex(o, "result", &e);
		*ret = json_object_get(e);
	}
	json_object_put(o);
	return rc;
}

int tocsin_client_next(struct tocsin_client *c, struct json_object **ret, struct tocsin_error *err)
{
	return next(c, -1, ret, err);
}
