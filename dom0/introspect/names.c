// SPDX-License-Identifier: GPL-2.0-or-later
/* Open addressing, at most three quarters full, so that a search ends after a few slots. */
#include "introspect/names.h"

#include "base/memory_hint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MIX 0x9e3779b97f4a7c15ull

static uint32_t hash(uint64_t seed, const char *name, size_t length)
{
	uint64_t h = seed ^ length * MIX, word;

	for (; length >= sizeof(word); name += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, name, sizeof(word));
		h = (h ^ word) * MIX;
		h ^= h >> 29;
	}
	word = 0;
	for (size_t i = 0; i < length; i++)
		word = word << 8 | (uint8_t)name[i];
	h = (h ^ word) * (seed | 1);
	return (uint32_t)(h >> 32 ^ h);
}

int tocsin_names_open(struct tocsin_names *n, uint32_t count)
{
	uint32_t size = 16;

	while (size / 4 * 3 < count)
		size *= 2;
	n->slots = calloc(size, sizeof(*n->slots));
	if (!n->slots)
		return -ENOMEM;
	tocsin_prefault(n->slots, size * sizeof(*n->slots));
	n->mask = size - 1;
	if (getrandom(&n->seed, sizeof(n->seed), GRND_NONBLOCK) != sizeof(n->seed))
		n->seed = (uint64_t)(uintptr_t)n->slots * MIX; /* early at boot: what ASLR gives */
	return 0;
}

void tocsin_names_close(struct tocsin_names *n)
{
	free(n->slots);
}

static void insert(struct tocsin_names *n, const char *text, const struct tocsin_names_slot *s)
{
	uint32_t i = s->hash & n->mask;

	for (; n->slots[i].number; i = (i + 1) & n->mask)
		if (n->slots[i].hash == s->hash && !strcmp(text + n->slots[i].at, text + s->at))
			return;
	n->slots[i] = *s;
}

void tocsin_names_add(struct tocsin_names_adding *a, const char *text, uint32_t at, size_t length,
		      uint32_t number)
{
	uint32_t h = hash(a->n->seed, text + at, length);
	struct tocsin_names_slot *s = &a->waiting[a->count++ % TOCSIN_NAMES_WAITING];

	if (s->number)
		insert(a->n, text, s);
	*s = (struct tocsin_names_slot){h, at, number + 1};
	__builtin_prefetch(&a->n->slots[h & a->n->mask], 1);
}

void tocsin_names_added(struct tocsin_names_adding *a, const char *text)
{
	for (int i = 0; i < TOCSIN_NAMES_WAITING; i++) {
		struct tocsin_names_slot *s = &a->waiting[a->count++ % TOCSIN_NAMES_WAITING];

		if (s->number)
			insert(a->n, text, s);
		s->number = 0;
	}
}

int tocsin_names_find(const struct tocsin_names *n, const char *text, const char *name,
		      uint32_t *ret)
{
	uint32_t h = hash(n->seed, name, strlen(name)), i = h & n->mask;

	for (; n->slots[i].number; i = (i + 1) & n->mask) {
		if (n->slots[i].hash != h || strcmp(text + n->slots[i].at, name))
			continue;
		*ret = n->slots[i].number - 1;
		return 0;
	}
	return -ENOENT;
}
