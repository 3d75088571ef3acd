/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way into every source: it refuses what no source could answer (a range that wraps around or
 * leaves the RAM the source named), so that a source's own read sees sane arguments only, and it
 * keeps the count of what was delivered. A partly read buffer is never reported as a success.
 */
#include "memory/memory.h"

#include <errno.h>
#include <stdbool.h>

/* The first range that ends above gpa, by bisection; range_count if there is none. */
static size_t find_range(const struct tocsin_memory *m, uint64_t gpa)
{
	size_t low = 0, high = m->range_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct tocsin_memory_range *r = &m->ranges[mid];

		if (gpa >= r->start && gpa - r->start >= r->size)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Is every byte inside the ranges? Ranges that touch count as one. */
static bool is_covered(const struct tocsin_memory *m, uint64_t gpa, uint64_t size)
{
	for (size_t i = find_range(m, gpa); i < m->range_count; i++) {
		const struct tocsin_memory_range *r = &m->ranges[i];
		uint64_t left;

		if (gpa < r->start)
			return false;
		left = r->size - (gpa - r->start);
		if (size <= left)
			return true;
		gpa += left;
		size -= left;
	}
	return false;
}

static int check(const struct tocsin_memory *m, uint64_t gpa, uint64_t size)
{
	if (size - 1 > UINT64_MAX - gpa)
		return -EINVAL;
	return is_covered(m, gpa, size) ? 0 : -EFAULT;
}

/* Whole values, but no locked addition, which would cost more than a small read. */
static void count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

int tocsin_memory_read(struct tocsin_memory *m, uint64_t gpa, void *buf, size_t size)
{
	int rc;

	if (size == 0)
		return 0;
	rc = check(m, gpa, size);
	if (rc == 0)
		rc = m->ops->read(m, gpa, buf, size);
	if (rc < 0)
		return rc;
	count(&m->stats.reads, 1);
	count(&m->stats.bytes_read, size);
	return 0;
}

const uint8_t *tocsin_memory_map(struct tocsin_memory *m, uint64_t gpa, uint64_t *size)
{
	return m->ops->map ? m->ops->map(m, gpa, size) : NULL;
}

int tocsin_memory_cas16(struct tocsin_memory *m, uint64_t gpa, const uint8_t expected[16],
			const uint8_t desired[16])
{
	int rc;

	if (gpa % 16 != 0)
		return -EINVAL;
	if (!m->ops->cas16)
		return -EROFS;
	rc = check(m, gpa, 16);
	return rc < 0 ? rc : m->ops->cas16(m, gpa, expected, desired);
}

void tocsin_memory_flush(struct tocsin_memory *m)
{
	if (m->ops->flush)
		m->ops->flush(m);
	__atomic_add_fetch(&m->epoch, 1, __ATOMIC_RELEASE);
}

void tocsin_memory_close(struct tocsin_memory *m)
{
	if (m)
		m->ops->close(m);
}
