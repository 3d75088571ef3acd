/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A blob of BTF, built type by type: start(), the types in the order of their ids, seal(). */
#ifndef TOCSIN_INTROSPECT_TEST_BLOB_H
#define TOCSIN_INTROSPECT_TEST_BLOB_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static struct blob {
	uint8_t types[65536];
	char strings[16384];
	size_t types_size, strings_size;
	uint32_t count;
	uint8_t bytes[24 + 65536 + 16384];
	size_t size;
} b;

static inline void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = v >> (8 * i);
}

static inline void add(uint32_t v)
{
	put32(b.types + b.types_size, v);
	b.types_size += 4;
}

static inline uint32_t text(const char *s)
{
	uint32_t at = b.strings_size;

	if (!*s)
		return 0;
	strcpy(b.strings + at, s);
	b.strings_size += strlen(s) + 1;
	return at;
}

static inline uint32_t type(const char *name, uint32_t kind, uint32_t vlen, uint32_t flag,
			    uint32_t word)
{
	add(text(name));
	add(flag << 31 | kind << 24 | vlen);
	add(word);
	return ++b.count;
}

static inline void member(const char *name, uint32_t id, uint32_t bits)
{
	add(text(name));
	add(id);
	add(bits);
}

static inline uint32_t array(uint32_t of, uint32_t index, uint32_t n)
{
	uint32_t id = type("", 3, 0, 0, 0);

	member("", 0, 0);
	put32(b.types + b.types_size - 12, of);
	put32(b.types + b.types_size - 8, index);
	put32(b.types + b.types_size - 4, n);
	return id;
}

static inline void seal(void)
{
	const uint8_t head[] = {0x9f, 0xeb, 1, 0, 24, 0, 0, 0};

	memcpy(b.bytes, head, sizeof(head));
	put32(b.bytes + 8, 0);
	put32(b.bytes + 12, b.types_size);
	put32(b.bytes + 16, b.types_size);
	put32(b.bytes + 20, b.strings_size);
	memcpy(b.bytes + 24, b.types, b.types_size);
	memcpy(b.bytes + 24 + b.types_size, b.strings, b.strings_size);
	b.size = 24 + b.types_size + b.strings_size;
}

static inline void start(void)
{
	memset(&b, 0, sizeof(b));
	b.strings_size = 1;
}

#endif
