/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local API: JSON-RPC 2.0, one object a line, over a UNIX socket (docs/api.md). Root may do
 * everything, members of one group may ask; nobody else is heard. The other end is hostile: lines,
 * connections, and what waits to be read have bounds, and nothing here ever waits for it.
 */
#ifndef TOCSIN_SERVICE_API_H
#define TOCSIN_SERVICE_API_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct json_object;

#define TOCSIN_API_LINE 16384u /* bytes of a request */

struct tocsin_api_method {
	const char *name; /* NULL ends a table */
	bool changes;     /* for root only */
	/*
	 * params: an object, or NULL. 0 and *ret (NULL is null), which goes to the API; or -EINVAL:
	 * the parameters are wrong, or another negative errno, with a reason in err.
	 */
	int (*run)(void *context, struct json_object *params, struct json_object **ret,
		   struct tocsin_error *err);
};

/* ---- one request, a pure function but for the methods ---- */

struct tocsin_api_request {
	const struct tocsin_api_method *methods;
	void *context;
	bool may_change;
	bool subscribed; /* set if the request asked for events */
};

/* The answer to a line, with its newline; free(ret). *ret NULL: none is due. 0 or -ENOMEM. */
int tocsin_api_answer(struct tocsin_api_request *r, const char *line, size_t size, char **ret);

/* ---- the server ---- */

struct tocsin_api;

/*
 * Listen at path, whose folder is there. group: a name, or "": only root. methods and context
 * outlive it. -EADDRINUSE: another one listens there.
 */
int tocsin_api_open(const char *path, const char *group, const struct tocsin_api_method *methods,
		    void *context, struct tocsin_api **ret, struct tocsin_error *err);
void tocsin_api_close(struct tocsin_api *a);

/* Readable when there is something to do: then call tocsin_api_run, which does a bounded part of
 * it. */
int tocsin_api_fd(const struct tocsin_api *a);
void tocsin_api_run(struct tocsin_api *a);

/* Does anybody want events? If not, they need not be made. */
bool tocsin_api_wanted(const struct tocsin_api *a);
/* A JSON object as text, to all who want events; who does not keep up is told how many it missed.
 */
void tocsin_api_event(struct tocsin_api *a, const char *json, size_t size);

/* ---- the client ---- */

struct tocsin_client;

#define TOCSIN_API_SOCKET "/run/tocsin/api.sock"

/* -ENOENT, -ECONNREFUSED: no tocsind listens there. */
int tocsin_client_open(const char *path, struct tocsin_client **ret, struct tocsin_error *err);
void tocsin_client_close(struct tocsin_client *c);

/* params (may be NULL) is taken over. *ret is the result; json_object_put(*ret). */
int tocsin_client_call(struct tocsin_client *c, const char *method, struct json_object *params,
		       struct json_object **ret, struct tocsin_error *err);

/* The next notification, after "subscribe": waits for it. -EPIPE: the daemon is gone. */
int tocsin_client_next(struct tocsin_client *c, struct json_object **ret, struct tocsin_error *err);

#endif
