/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to dom0/output: JSON objects, built whole and written whole. */
#ifndef TOCSIN_OUTPUT_BUILD_H
#define TOCSIN_OUTPUT_BUILD_H

#include "output/formats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

/* An object under construction; bad is set when memory ran out and stays set. */
struct builder {
	struct json_object *o;
	bool *bad;
};

static inline void put(struct builder b, const char *key, struct json_object *value)
{
	if (!value || !b.o || json_object_object_add(b.o, key, value)) {
		json_object_put(value);
		*b.bad = true;
	}
}

static inline void put_u64(struct builder b, const char *key, uint64_t value)
{
	put(b, key, json_object_new_uint64(value));
}

static inline void put_bool(struct builder b, const char *key, bool value)
{
	put(b, key, json_object_new_boolean(value));
}

static inline void put_hex(struct builder b, const char *key, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	put(b, key, json_object_new_string(text));
}

static inline struct json_object *bytes_text(const char *bytes, size_t size)
{
	char *text = malloc(size * 4 + 1);
	struct json_object *o;

	if (!text)
		return NULL;
	o = json_object_new_string_len(text,
				       (int)tocsin_output_clean(bytes, size, text, size * 4 + 1));
	free(text);
	return o;
}

static inline void put_text(struct builder b, const char *key, const char *text)
{
	put(b, key, bytes_text(text, strlen(text)));
}

static inline void put_bytes(struct builder b, const char *key, const uint8_t *bytes, size_t size)
{
	char text[2 * 64 + 1] = "";
	size_t i;

	for (i = 0; i < size && i < 64; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	put(b, key, json_object_new_string(text));
}

/* A member that is an object itself. */
static inline struct builder open_object(struct builder b, const char *key)
{
	struct builder child = {json_object_new_object(), b.bad};
	struct json_object *keep = child.o;

	put(b, key, child.o);
	if (*b.bad)
		keep = NULL; /* it may be freed */
	child.o = keep;
	return child;
}

/* Add a row to an array. */
static inline void append(struct json_object *array, struct json_object *row, bool *bad)
{
	if (!array || !row || json_object_array_add(array, row)) {
		json_object_put(row);
		*bad = true;
	}
}

/* Write and free b's object. */
static inline int write_line(FILE *to, struct builder b)
{
	const char *line = NULL;
	int rc = 0;

	if (!*b.bad)
		line = json_object_to_json_string_ext(b.o, JSON_C_TO_STRING_PLAIN |
							       JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!line)
		rc = -ENOMEM;
	else if (fprintf(to, "%s\n", line) < 0 || fflush(to))
		rc = errno ? -errno : -EIO;
	json_object_put(b.o);
	return rc;
}

/* Rows of introspection, as members of a report too (json_guest.c). */
void tocsin_json_identity(struct builder b, const struct tocsin_process *p);
/* "cmdline": the arguments, which are bytes with a NUL after each. */
void tocsin_json_arguments(struct builder b, const char *bytes, size_t size);
void tocsin_json_socket(struct builder b, const struct tocsin_socket *s);

/* A finding as an object (json.c); NULL, or bad set: no memory. */
struct json_object *tocsin_json_finding(const struct tocsin_finding *f, bool *bad);

/* Parts of all OCSF events (event_ocsf.c). code: what Tocsin calls it. */
void tocsin_ocsf_metadata(struct builder top, const char *code, bool container);
void tocsin_ocsf_device(struct builder top, const char *guest);

#endif
