/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory in mapped pieces: kept sorted, found by bisection, read by memcpy. */
#include "memory/mapped.h"
#include "base/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENTS_MAX (1u << 20) /* a dump of 4 GiB in single pages */

int tocsin_mapped_add(struct tocsin_mapped *m, uint64_t gpa, uint64_t size, const uint8_t *bytes,
		      struct tocsin_error *err)
{
	struct tocsin_segment *last = m->count ? &m->segments[m->count - 1] : NULL;

	if (!size)
		return 0;
	if (size - 1 > UINT64_MAX - gpa)
		return tocsin_error_at(err, -EINVAL, gpa, "a segment's size makes no sense");
	if (last && gpa > last->gpa && gpa - last->gpa == last->size &&
	    bytes == last->bytes + last->size) {
		last->size += size;
		return 0;
	}
	if (m->count == SEGMENTS_MAX)
		return tocsin_error_set(err, -E2BIG, "more than %u segments", SEGMENTS_MAX);
	if (!TOCSIN_ROOM(m->segments, m->room, m->count))
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	m->segments[m->count++] = (struct tocsin_segment){gpa, size, bytes};
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct tocsin_segment *x = a, *y = b;

	return (x->gpa > y->gpa) - (x->gpa < y->gpa);
}

int tocsin_mapped_publish(struct tocsin_mapped *m, struct tocsin_error *err)
{
	if (!m->count)
		return tocsin_error_set(err, -EINVAL, "there is no memory in it");
	qsort(m->segments, m->count, sizeof(*m->segments), compare);
	m->head.ranges = calloc(m->count, sizeof(*m->head.ranges));
	if (!m->head.ranges)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < m->count; i++) {
		const struct tocsin_segment *s = &m->segments[i];

		if (i && s->gpa - s[-1].gpa < s[-1].size)
			return tocsin_error_at(err, -EINVAL, s->gpa, "two segments overlap");
		m->head.ranges[i] = (struct tocsin_memory_range){s->gpa, s->size};
		if (s->size > m->head.largest.size) {
			m->head.largest.gpa = s->gpa;
			m->head.largest.size = s->size;
			m->head.largest.bytes = s->bytes;
		}
	}
	m->head.range_count = m->count;
	return 0;
}

/* The segment that holds gpa, or NULL. */
static const struct tocsin_segment *find(const struct tocsin_mapped *m, uint64_t gpa)
{
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct tocsin_segment *s = &m->segments[mid];

		if (gpa < s->gpa)
			high = mid;
		else if (gpa - s->gpa >= s->size)
			low = mid + 1;
		else
			return s;
	}
	return NULL;
}

const uint8_t *tocsin_mapped_map(struct tocsin_memory *memory, uint64_t gpa, uint64_t *size)
{
	const struct tocsin_segment *s = find((struct tocsin_mapped *)memory, gpa);

	if (!s)
		return NULL;
	*size = s->size - (gpa - s->gpa);
	return s->bytes + (gpa - s->gpa);
}

int tocsin_mapped_read(struct tocsin_memory *memory, uint64_t gpa, void *buf, size_t size)
{
	struct tocsin_mapped *m = (struct tocsin_mapped *)memory;
	uint8_t *to = buf;

	while (size > 0) {
		const struct tocsin_segment *s = find(m, gpa);
		uint64_t part;

		if (!s)
			return -EFAULT;
		part = s->size - (gpa - s->gpa);
		if (part > size)
			part = size;
		memcpy(to, s->bytes + (gpa - s->gpa), part);
		to += part;
		gpa += part;
		size -= part;
	}
	return 0;
}

void tocsin_mapped_release(struct tocsin_mapped *m)
{
	free(m->segments);
	free(m->head.ranges);
}
