/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers and text in a buffer, written and read. What does not fit sets a flag and nothing else
 * happens from there on, so that one look at the end is enough.
 */
#ifndef TOCSIN_WIRE_H
#define TOCSIN_WIRE_H

#include "tocsin.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tocsin_wire {
	uint8_t *bytes;
	size_t size, at;
	bool full;
};

/* A message of this kind, into TOCSIN_MESSAGE_MAX bytes. */
struct tocsin_wire tocsin_wire_message(uint8_t *to, uint8_t kind);

void tocsin_wire_bytes(struct tocsin_wire *w, const void *bytes, size_t size);
void tocsin_wire_u8(struct tocsin_wire *w, uint8_t value);
void tocsin_wire_u32(struct tocsin_wire *w, uint32_t value);
void tocsin_wire_u64(struct tocsin_wire *w, uint64_t value);
/* Up to a NUL or size; with its length before it, as has a blob, whatever is in it. */
void tocsin_wire_text(struct tocsin_wire *w, const char *text, size_t size);
void tocsin_wire_blob(struct tocsin_wire *w, const void *bytes, size_t size);
void tocsin_wire_file_id(struct tocsin_wire *w, const struct tocsin_file_id *id);
/* Overwrite a u64 and the u32 behind it, which were written at `at`. */
void tocsin_wire_patch(struct tocsin_wire *w, size_t at, uint64_t first, uint32_t second);

struct tocsin_wire_in {
	const uint8_t *bytes;
	size_t size, at;
	bool bad;
};

/* A message of this kind; else it is bad. */
struct tocsin_wire_in tocsin_wire_get_message(const uint8_t *bytes, size_t size, uint8_t kind);
/* 0: everything was read, and nothing is left; -EBADMSG. */
int tocsin_wire_finish(const struct tocsin_wire_in *in);

/* 0 once something was bad. */
void tocsin_wire_get_bytes(struct tocsin_wire_in *in, void *to, size_t size);
uint8_t tocsin_wire_get_u8(struct tocsin_wire_in *in);
uint32_t tocsin_wire_get_u32(struct tocsin_wire_in *in);
uint64_t tocsin_wire_get_u64(struct tocsin_wire_in *in);
bool tocsin_wire_get_bool(struct tocsin_wire_in *in);
/* One byte below count. */
uint8_t tocsin_wire_get_choice(struct tocsin_wire_in *in, unsigned int count);
/* NUL-terminated; without a NUL inside, and short enough for size. */
void tocsin_wire_get_text(struct tocsin_wire_in *in, char *to, size_t size);
/* At most size; returns how many. */
size_t tocsin_wire_get_blob(struct tocsin_wire_in *in, void *to, size_t size);
void tocsin_wire_get_file_id(struct tocsin_wire_in *in, struct tocsin_file_id *id);

#endif
