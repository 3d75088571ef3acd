/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes of the caller as guest memory: what tests and fuzzers hand in goes the very way that the
 * memory of a live guest goes.
 */
#include "memory/cas16.h"
#include "memory/memory.h"

#include <errno.h>
#include <stdlib.h>

struct buffer_source {
	struct tocsin_memory head;
	struct tocsin_memory_range range;
	uint8_t *bytes;
};

static int buffer_read(struct tocsin_memory *m, uint64_t gpa, void *buf, size_t size)
{
	struct buffer_source *s = (struct buffer_source *)m;

	memcpy(buf, s->bytes + gpa, size);
	return 0;
}

static const uint8_t *buffer_map(struct tocsin_memory *m, uint64_t gpa, uint64_t *size)
{
	struct buffer_source *s = (struct buffer_source *)m;

	if (gpa >= s->range.size)
		return NULL;
	*size = s->range.size - gpa;
	return s->bytes + gpa;
}

static int buffer_cas16(struct tocsin_memory *m, uint64_t gpa, const uint8_t expected[16],
			const uint8_t desired[16])
{
	struct buffer_source *s = (struct buffer_source *)m;
	uint8_t *cell = s->bytes + gpa;

	/* The caller's bytes need not be aligned; the instruction's operand must be. */
	if ((uintptr_t)cell % 16 == 0)
		return tocsin_cas16(cell, expected, desired) ? 0 : -EAGAIN;
	if (memcmp(cell, expected, 16) != 0)
		return -EAGAIN;
	memcpy(cell, desired, 16);
	return 0;
}

static void buffer_close(struct tocsin_memory *m)
{
	free(m);
}

static const struct tocsin_memory_ops buffer_ops = {
    .read = buffer_read,
    .map = buffer_map,
    .cas16 = buffer_cas16,
    .close = buffer_close,
};

int tocsin_memory_open_buffer(void *bytes, size_t size, struct tocsin_memory **ret,
			      struct tocsin_error *err)
{
	struct buffer_source *s;

	if (!bytes && size > 0)
		return tocsin_error_set(err, -EINVAL, "no bytes were given");
	s = calloc(1, sizeof(*s));
	if (!s)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	s->head.ops = &buffer_ops;
	s->range = (struct tocsin_memory_range){.start = 0, .size = size};
	s->head.ranges = &s->range;
	s->head.range_count = size > 0 ? 1 : 0;
	s->bytes = bytes;
	*ret = &s->head;
	return 0;
}
