/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One request, as https://www.jsonrpc.org/specification has it; batches are not taken. */
#include "service/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define DEPTH 8
#define ID_MAX 128

enum code {
	NOT_JSON = -32700,
	NO_REQUEST = -32600,
	NO_METHOD = -32601,
	WRONG_PARAMETERS = -32602,
	FAILED = -32000,
	NOT_PERMITTED = -32001
};

/* An answer under construction. */
struct answer {
	struct json_object *id;     /* of the request's; NULL is null */
	struct json_object *result; /* owned */
	int code;                   /* 0: the result holds */
	char message[sizeof(((struct tocsin_error *)0)->message)];
};

static int refuse(struct answer *a, enum code code, const char *message)
{
	a->code = code;
	snprintf(a->message, sizeof(a->message), "%s", message);
	return code;
}

/* The whole line is one value, or NULL. */
static struct json_object *parse(const char *line, size_t size)
{
	struct json_tokener *t = json_tokener_new_ex(DEPTH);
	struct json_object *o = NULL;

	if (!t)
		return NULL;
	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	if (size <= TOCSIN_API_LINE && !memchr(line, 0, size))
		o = json_tokener_parse_ex(t, line, (int)size);
	if (o && (json_tokener_get_error(t) != json_tokener_success ||
		  json_tokener_get_parse_end(t) != size)) {
		json_object_put(o);
		o = NULL;
	}
	json_tokener_free(t);
	return o;
}

static bool is_id(struct json_object *id)
{
	return !id || json_object_is_type(id, json_type_int) ||
	       (json_object_is_type(id, json_type_string) &&
		json_object_get_string_len(id) <= ID_MAX);
}

/* What the request names, if it is one. */
static int check(struct json_object *request, struct answer *a, const char **method,
		 struct json_object **params)
{
	struct json_object *version, *name, *id = NULL;

	*params = NULL;
	if (!json_object_is_type(request, json_type_object))
		return refuse(a, NO_REQUEST, "a request is one object");
	json_object_object_get_ex(request, "id", &id);
	if (!is_id(id))
		return refuse(a, NO_REQUEST, "an id is a whole number or a short text");
	a->id = id;
	if (!json_object_object_get_ex(request, "jsonrpc", &version) ||
	    !json_object_is_type(version, json_type_string) ||
	    strcmp(json_object_get_string(version), "2.0") != 0)
		return refuse(a, NO_REQUEST, "jsonrpc is not \"2.0\"");
	if (!json_object_object_get_ex(request, "method", &name) ||
	    !json_object_is_type(name, json_type_string))
		return refuse(a, NO_REQUEST, "there is no method");
	*method = json_object_get_string(name);
	if (json_object_object_get_ex(request, "params", params) &&
	    !json_object_is_type(*params, json_type_object))
		return refuse(a, WRONG_PARAMETERS, "params is no object");
	return 0;
}

static void perform(struct tocsin_api_request *r, const char *name, struct json_object *params,
		    struct answer *a)
{
	const struct tocsin_api_method *m = r->methods;
	struct tocsin_error err = {0};
	int rc;

	if (!strcmp(name, "subscribe")) {
		r->subscribed = true;
		a->result = json_object_new_boolean(1);
		return;
	}
	while (m->name && strcmp(m->name, name) != 0)
		m++;
	if (!m->name) {
		refuse(a, NO_METHOD, "there is no such method");
		return;
	}
	if (m->changes && !r->may_change) {
		refuse(a, NOT_PERMITTED, "only root may");
		return;
	}
	rc = m->run(r->context, params, &a->result, &err);
	if (rc)
		refuse(a, rc == -EINVAL ? WRONG_PARAMETERS : FAILED,
		       err.code ? err.message : strerror(-rc));
}

/* value is taken over, also on failure. */
static void put(struct json_object *o, const char *name, struct json_object *value, bool *bad)
{
	if (json_object_object_add(o, name, value)) {
		json_object_put(value);
		*bad = true;
	}
}

static int print(struct answer *a, char **ret)
{
	struct json_object *o = json_object_new_object(), *e;
	const char *text = NULL;
	bool bad = !o;
	char *line;

	if (o) {
		put(o, "jsonrpc", json_object_new_string("2.0"), &bad);
		put(o, "id", json_object_get(a->id), &bad);
	}
	if (o && a->code) {
		e = json_object_new_object();
		put(e, "code", json_object_new_int(a->code), &bad);
		put(e, "message", json_object_new_string(a->message), &bad);
		put(o, "error", e, &bad);
	} else if (o) {
		put(o, "result", json_object_get(a->result), &bad);
	}
	if (!bad)
		text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
							     JSON_C_TO_STRING_NOSLASHESCAPE);
	line = text ? malloc(strlen(text) + 2) : NULL;
	if (line)
		sprintf(line, "%s\n", text);
	json_object_put(o);
	*ret = line;
	return line ? 0 : -ENOMEM;
}

int tocsin_api_answer(struct tocsin_api_request *r, const char *line, size_t size, char **ret)
{
	struct json_object *request = parse(line, size), *params;
	struct answer a = {0};
	const char *method = NULL;
	bool due;
	int rc = 0;

	if (!request)
		refuse(&a, NOT_JSON, "the line is no JSON");
	else if (!check(request, &a, &method, &params))
		perform(r, method, params, &a);
	/* Without an id it is a notification: nobody waits for what comes of it. */
	due = !method || json_object_object_get_ex(request, "id", NULL) || a.code == NO_REQUEST;
	*ret = NULL;
	if (due)
		rc = print(&a, ret);
	json_object_put(a.result);
	json_object_put(request);
	return rc;
}
