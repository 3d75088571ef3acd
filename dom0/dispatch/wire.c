/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/wire.h"
#include "dispatch/packet.h"

#include <errno.h>
#include <string.h>

struct tocsin_wire tocsin_wire_message(uint8_t *to, uint8_t kind)
{
	struct tocsin_wire w = {.bytes = to, .size = TOCSIN_MESSAGE_MAX};

	tocsin_wire_u8(&w, kind);
	return w;
}

struct tocsin_wire_in tocsin_wire_get_message(const uint8_t *bytes, size_t size, uint8_t kind)
{
	struct tocsin_wire_in in = {.bytes = bytes, .size = size};

	in.bad = size > TOCSIN_MESSAGE_MAX || tocsin_wire_get_u8(&in) != kind;
	return in;
}

int tocsin_wire_finish(const struct tocsin_wire_in *in)
{
	return in->bad || in->at != in->size ? -EBADMSG : 0;
}

void tocsin_wire_bytes(struct tocsin_wire *w, const void *bytes, size_t size)
{
	if (w->full || size > w->size - w->at) {
		w->full = true;
		return;
	}
	if (size)
		memcpy(w->bytes + w->at, bytes, size);
	w->at += size;
}

void tocsin_wire_u8(struct tocsin_wire *w, uint8_t value)
{
	tocsin_wire_bytes(w, &value, sizeof(value));
}

void tocsin_wire_u32(struct tocsin_wire *w, uint32_t value)
{
	tocsin_wire_bytes(w, &value, sizeof(value)); /* x86: little-endian as it is */
}

void tocsin_wire_u64(struct tocsin_wire *w, uint64_t value)
{
	tocsin_wire_bytes(w, &value, sizeof(value));
}

void tocsin_wire_blob(struct tocsin_wire *w, const void *bytes, size_t size)
{
	tocsin_wire_u32(w, (uint32_t)size);
	tocsin_wire_bytes(w, bytes, size);
}

void tocsin_wire_text(struct tocsin_wire *w, const char *text, size_t size)
{
	tocsin_wire_blob(w, text, strnlen(text, size));
}

void tocsin_wire_patch(struct tocsin_wire *w, size_t at, uint64_t first, uint32_t second)
{
	if (w->full)
		return;
	memcpy(w->bytes + at, &first, sizeof(first));
	memcpy(w->bytes + at + sizeof(first), &second, sizeof(second));
}

void tocsin_wire_get_bytes(struct tocsin_wire_in *in, void *to, size_t size)
{
	if (in->bad || size > in->size - in->at) {
		in->bad = true;
		memset(to, 0, size);
		return;
	}
	if (size)
		memcpy(to, in->bytes + in->at, size);
	in->at += size;
}

uint8_t tocsin_wire_get_u8(struct tocsin_wire_in *in)
{
	uint8_t value;

	tocsin_wire_get_bytes(in, &value, sizeof(value));
	return value;
}

uint32_t tocsin_wire_get_u32(struct tocsin_wire_in *in)
{
	uint32_t value;

	tocsin_wire_get_bytes(in, &value, sizeof(value));
	return value;
}

uint64_t tocsin_wire_get_u64(struct tocsin_wire_in *in)
{
	uint64_t value;

	tocsin_wire_get_bytes(in, &value, sizeof(value));
	return value;
}

uint8_t tocsin_wire_get_choice(struct tocsin_wire_in *in, unsigned int count)
{
	uint8_t value = tocsin_wire_get_u8(in);

	if (value < count)
		return value;
	in->bad = true;
	return 0;
}

bool tocsin_wire_get_bool(struct tocsin_wire_in *in)
{
	return tocsin_wire_get_choice(in, 2);
}

size_t tocsin_wire_get_blob(struct tocsin_wire_in *in, void *to, size_t size)
{
	uint32_t length = tocsin_wire_get_u32(in);

	if (length > size) {
		in->bad = true;
		return 0;
	}
	tocsin_wire_get_bytes(in, to, length);
	return in->bad ? 0 : length;
}

void tocsin_wire_get_text(struct tocsin_wire_in *in, char *to, size_t size)
{
	size_t length = tocsin_wire_get_blob(in, to, size - 1);

	to[length] = '\0';
	if (strlen(to) != length)
		in->bad = true;
}

void tocsin_wire_file_id(struct tocsin_wire *w, const struct tocsin_file_id *id)
{
	tocsin_wire_u64(w, id->inode);
	tocsin_wire_u32(w, id->dev_major);
	tocsin_wire_u32(w, id->dev_minor);
	tocsin_wire_u8(w, id->deleted);
	tocsin_wire_u8(w, id->memfd);
}

void tocsin_wire_get_file_id(struct tocsin_wire_in *in, struct tocsin_file_id *id)
{
	id->inode = tocsin_wire_get_u64(in);
	id->dev_major = tocsin_wire_get_u32(in);
	id->dev_minor = tocsin_wire_get_u32(in);
	id->deleted = tocsin_wire_get_bool(in);
	id->memfd = tocsin_wire_get_bool(in);
}
