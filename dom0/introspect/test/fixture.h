/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel made for a test: types (types.h), symbols, and memory into which objects are put by the
 * names of their members. It is read by the real code, layouts from BTF included.
 *
 * VA = FIXTURE_BASE + gpa, through page tables that lie in the memory as well. What is put there is
 * kept as the guest's original; fixture_restore() brings it back after a run changed it. Mistakes
 * of a test (no such member, no room) abort.
 */
#ifndef TOCSIN_INTROSPECT_TEST_FIXTURE_H
#define TOCSIN_INTROSPECT_TEST_FIXTURE_H

#include "introspect/file.h"
#include "memory/memory.h"
#include "types.h"

#define FIXTURE_BASE 0xffffffff81000000ull
#define FIXTURE_SIZE (256u << 10)
#define FIXTURE_ROOT (FIXTURE_BASE + 0x1000) /* VA of the top page table */
#define FIXTURE_USER 0x400000u               /* VA of what FIXTURE_USER_AT is to a process */
#define FIXTURE_USER_AT 0x3c000u             /* gpa; four pages */
#define FIXTURE_TEXT (FIXTURE_BASE + 0x8000) /* VA; two pages, the only ones executable */
#define FIXTURE_DATA 0xa000u                 /* gpa of the first object */
#define FIXTURE_SYMBOLS 128
#define FIXTURE_CHANGES 64

/* The guest does something to its memory between two of our accesses. */
struct fixture_change {
	uint32_t after; /* accesses */
	uint32_t at;    /* gpa */
	uint64_t word;
	bool hole; /* the page of `at` is no more */
};

struct fixture {
	struct tocsin_memory memory; /* first: it is the source */
	struct tocsin_memory_range range;
	struct tocsin_kernel k;
	uint8_t bytes[FIXTURE_SIZE], original[FIXTURE_SIZE];
	bool hole[FIXTURE_SIZE / TOCSIN_PAGE_SIZE];
	uint32_t used; /* objects end here, as a gpa */
	struct {
		char name[64];
		uint64_t va;
	} symbols[FIXTURE_SYMBOLS];
	size_t symbol_count;
	struct fixture_change changes[FIXTURE_CHANGES];
	size_t change_count;
	uint32_t accesses;
};

/* changes: as make_types. Closed with fixture_close. */
struct fixture *fixture_open(const struct change *changes);
void fixture_close(struct fixture *f);

/* Zeroed memory; VA. With the size of a type, or of so many bytes. */
uint64_t fixture_new(struct fixture *f, const char *type);
uint64_t fixture_room(struct fixture *f, size_t size);
uint64_t fixture_text(struct fixture *f, const char *text);

bool fixture_has(const struct fixture *f, const char *type, const char *path);
uint64_t fixture_offset(const struct fixture *f, const char *type, const char *path);
void fixture_put(struct fixture *f, uint64_t va, const void *bytes, size_t size);
void fixture_word(struct fixture *f, uint64_t va, uint64_t word);

/* A number of at most 8 bytes, and as many as the member has. */
void fixture_set(struct fixture *f, const char *type, uint64_t va, const char *path,
		 uint64_t value);
/* A member of 8 bytes. */
uint64_t fixture_get(const struct fixture *f, const char *type, uint64_t va, const char *path);
void fixture_set_text(struct fixture *f, const char *type, uint64_t va, const char *path,
		      const char *text);

/* Append the list_head at VA node to the list whose head is at VA head; 0: it is made empty. */
void fixture_link(struct fixture *f, uint64_t head, uint64_t node);

void fixture_symbol(struct fixture *f, const char *name, uint64_t va);

/* All is there: symbols can be looked up, layouts are resolved, the original is taken. */
void fixture_ready(struct fixture *f);

/* As fixture_ready left it, without changes to come, and nothing remembered. */
void fixture_restore(struct fixture *f);

#endif
