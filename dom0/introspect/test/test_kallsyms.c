/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kallsyms reader on images built here in each order and encoding: a round trip is exact, and
 * truncations and lies are refused. With TOCSIN_WRITE=FOLDER in the environment the program
 * writes the images instead, which is how the fuzzing corpus was made.
 */
#include "introspect/kallsyms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#define BASE 0xffffffff9a000000ull
#define N 4800
#define SAME 1100 /* symbols from number 1000 on at one address, as Debian's 5.10 has them */
#define PERCPU_N 5
#define LEAD 4096

enum { FIRST = 0, LAST = 1, PLACE = 2, ADDRESSES = 3 };

static const struct layout {
	const char *name;
	int order;
	bool percpu, long_names, wide;
	int sequences; /* 0: none, 1: before the tokens, 2: at the end */
} layouts[] = {
    {"first-4.6", FIRST, true, false, true, 0},
    {"first-4.20", FIRST, true, false, false, 0},
    {"first-6.2", FIRST, true, true, false, 1},
    {"last-6.4", LAST, true, true, false, 2},
    {"last-6.15", LAST, false, true, false, 2},
    {"place-7.0", PLACE, false, true, false, 2},
    {"first-plain", FIRST, false, true, false, 0},
    {"addresses-4.5", ADDRESSES, true, false, true, 0},
};
#define LAYOUTS (sizeof(layouts) / sizeof(*layouts))

static uint8_t image[1 << 17];
static size_t size, names_at, offsets_at, markers_at, index_at, count_at;
static uint16_t token_at[256];

static void put(uint64_t v, int bytes)
{
	for (; bytes; bytes--, v >>= 8)
		image[size++] = v;
}

static void align(void)
{
	while (size % 8)
		image[size++] = 0;
}

static void symbol(const struct layout *l, unsigned int i, char *name, uint64_t *address)
{
	if (l->percpu && i < PERCPU_N) {
		sprintf(name, "Acpu_area_%u", i);
		*address = i * 64;
	} else if (!i) {
		strcpy(name, "T_text");
		*address = BASE;
	} else {
		sprintf(name, "%csys_call_%u", i % 2 ? 'T' : 'd', i);
		if (i >= 1000 && i < 1000 + SAME)
			i = 1000;
		*address = BASE + (i / 2) * 16;
	}
	/* One name whose compressed length needs two bytes. */
	if (i == 300 && l->long_names)
		memset(name + strlen(name), 'x', 200);
}

static void put_offsets(const struct layout *l)
{
	char name[512];
	uint64_t a;

	align();
	offsets_at = size;
	for (unsigned int i = 0; i < N; i++) {
		memset(name, 0, sizeof(name));
		symbol(l, i, name, &a);
		if (l->order == ADDRESSES)
			put(a, 8);
		else if (l->order == PLACE)
			put(a - (BASE + size), 4);
		else if (l->percpu)
			put(i < PERCPU_N ? a : BASE - 1 - a, 4);
		else
			put(a - BASE, 4);
	}
	align();
	if (l->order != PLACE && l->order != ADDRESSES)
		put(BASE, 8);
}

static void put_names(const struct layout *l)
{
	uint64_t markers[(N + 255) / 256], a;
	char name[512];

	align();
	count_at = size;
	put(N, l->wide ? 8 : 4);
	align();
	names_at = size;
	for (unsigned int i = 0; i < N; i++) {
		char packed[512], *to = packed, *from = name;

		if (i % 256 == 0)
			markers[i / 256] = size - names_at;
		memset(name, 0, sizeof(name));
		symbol(l, i, name, &a);
		while (*from) {
			bool common = !strncmp(from, "sys_call_", 9);

			*to++ = common ? 1 : *from;
			from += common ? 9 : 1;
		}
		if (to - packed >= 0x80)
			put(((to - packed) & 0x7f) | 0x80, 1);
		put(to - packed >= 0x80 ? (to - packed) >> 7 : to - packed, 1);
		memcpy(image + size, packed, to - packed);
		size += to - packed;
	}
	align();
	markers_at = size;
	for (unsigned int i = 0; i < (N + 255) / 256; i++)
		put(markers[i], l->wide ? 8 : 4);
}

static void put_sequences(void)
{
	for (unsigned int i = 0; i < N; i++)
		put((i * 37) % N, 3);
}

static void put_tokens(void)
{
	size_t start;

	align();
	start = size;
	for (int i = 0; i < 256; i++) {
		token_at[i] = size - start;
		if (i > ' ' && i < 127)
			put(i, 1);
		else if (i == 1)
			size += sprintf((char *)image + size, "sys_call_");
		else
			size += sprintf((char *)image + size, "un_%d", i);
		put(0, 1);
	}
	align();
	index_at = size;
	for (int i = 0; i < 256; i++)
		put(token_at[i], 2);
}

static void build(const struct layout *l)
{
	memset(image, 0, sizeof(image));
	memset(image, 0xcc, LEAD);
	size = LEAD;
	if (l->order == FIRST || l->order == ADDRESSES)
		put_offsets(l);
	put_names(l);
	if (l->sequences == 1)
		put_sequences();
	put_tokens();
	if (l->order != FIRST && l->order != ADDRESSES)
		put_offsets(l);
	if (l->sequences == 2)
		put_sequences();
}

static int count_visits(const struct tocsin_symbol *s, void *context)
{
	return ++*(int *)context == 10 ? 42 : 0;
}

static void round_trip(const struct layout *l, struct tocsin_kallsyms *ks)
{
	const struct tocsin_kallsyms_info *info = tocsin_kallsyms_info(ks);
	struct tocsin_symbol s;
	char name[512];
	uint64_t want, got;
	int visits = 0;

	assert_int_equal(tocsin_kallsyms_count(ks), N);
	assert_int_equal(info->order, l->order);
	assert_int_equal(info->percpu, l->percpu);
	assert_int_equal(info->names, names_at);
	assert_int_equal(info->offsets, offsets_at);
	for (unsigned int i = 0; i < N; i++) {
		memset(name, 0, sizeof(name));
		symbol(l, i, name, &want);
		assert_int_equal(tocsin_kallsyms_get(ks, i, &s), 0);
		assert_string_equal(s.name, name + 1);
		assert_int_equal(s.type, name[0]);
		assert_true(s.address == want);
		assert_int_equal(tocsin_kallsyms_lookup(ks, name + 1, &got), 0);
		assert_true(got == want);
	}
	got = 77;
	assert_int_equal(tocsin_kallsyms_get(ks, N, &s), -ENOENT);
	assert_int_equal(tocsin_kallsyms_lookup(ks, "sys_call", &got), -ENOENT);
	assert_int_equal(got, 77);
	assert_int_equal(tocsin_kallsyms_iterate(ks, count_visits, &visits), 42);
	assert_int_equal(visits, 10);
}

/* The function that an address is in: the last of the text at or before it. */
static void addresses_have_functions(void **state)
{
	struct tocsin_kallsyms *ks = NULL;
	struct tocsin_symbol s;

	build(&layouts[2]);
	assert_int_equal(tocsin_kallsyms_open(image, size, 0, BASE, &ks, NULL), 0);
	assert_int_equal(tocsin_kallsyms_at(ks, BASE + 40 * 16 + 5, &s), 0);
	assert_string_equal(s.name, "sys_call_81"); /* 80 is data at the same address */
	assert_int_equal(s.address, BASE + 40 * 16);
	assert_int_equal(tocsin_kallsyms_at(ks, BASE - 1, &s), -ENOENT);
	assert_int_equal(tocsin_kallsyms_at(ks, UINT64_MAX, &s), -ENOENT);
	tocsin_kallsyms_close(ks);
}

static void every_layout_round_trips(void **state)
{
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct tocsin_kallsyms *ks = NULL;
		struct tocsin_error err = {0};

		build(&layouts[i]);
		if (tocsin_kallsyms_open(image, size, 0, BASE, &ks, &err))
			fail_msg("%s: %s", layouts[i].name, err.message);
		round_trip(&layouts[i], ks);
		tocsin_kallsyms_close(ks);
	}
}

/* Up to the last byte that is needed, a shorter image is refused, and not read past its end. */
static void truncations_are_refused(void **state)
{
	for (size_t i = 0; i < LAYOUTS; i++) {
		size_t needed;

		build(&layouts[i]);
		needed = layouts[i].order == FIRST ? index_at + 512 : offsets_at + N * 4;
		if (layouts[i].order == LAST)
			needed += 8;
		for (size_t n = 0; n < needed; n += n < LEAD ? 97 : 13) {
			struct tocsin_kallsyms *ks = (void *)1;
			uint8_t *tight = malloc(n + !n);

			assert_non_null(tight);
			memcpy(tight, image, n);
			assert_true(tocsin_kallsyms_open(tight, n, 0, BASE, &ks, NULL) < 0);
			assert_ptr_equal(ks, (void *)1);
			free(tight);
		}
	}
}

static void refused(size_t at, uint8_t value, int code)
{
	struct tocsin_kallsyms *ks = NULL;
	struct tocsin_error err = {0};
	uint8_t saved = image[at];

	assert_int_not_equal(saved, value);
	image[at] = value;
	assert_int_equal(tocsin_kallsyms_open(image, size, 0, BASE, &ks, &err), code);
	assert_null(ks);
	assert_true(err.message[0]);
	image[at] = saved;
}

static void lies_are_refused(void **state)
{
	for (size_t i = 0; i < LAYOUTS; i++) {
		build(&layouts[i]);
		refused(index_at + 100, image[index_at + 100] ^ 1, -ENOENT);
		refused(count_at, image[count_at] ^ 1, -EINVAL); /* one symbol more or less */
		refused(count_at + 3, 0x7f, -EINVAL);            /* two thousand million */
		refused(names_at, 0, -EINVAL);                   /* an empty name */
		refused(names_at, image[names_at] + 1, -EINVAL); /* out of step */
		refused(markers_at + (layouts[i].wide ? 8 : 4), 0, -EINVAL);
		refused(offsets_at + 4 * 350 + 3, 0x55, -EINVAL); /* far away */
		refused(offsets_at + 4 * 350 + 1, image[offsets_at + 4 * 350 + 1] ^ 0x80, -EINVAL);
	}
}

/* Zeros where the offsets should be (a page that could not be read) are not addresses. */
static void zeroed_offsets_are_refused(void **state)
{
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct tocsin_kallsyms *ks = NULL;

		build(&layouts[i]);
		memset(image + offsets_at, 0, N * 4);
		assert_int_equal(tocsin_kallsyms_open(image, size, 0, BASE, &ks, NULL), -EINVAL);
	}
}

/* The table does not depend on where the image was cut out, but its base must be the true one. */
static void a_wrong_base_is_refused(void **state)
{
	struct tocsin_kallsyms *ks = NULL;

	for (size_t i = 0; i < LAYOUTS; i++) {
		if (layouts[i].order == PLACE)
			continue; /* relative to itself: its tables do not say the base */
		build(&layouts[i]);
		assert_int_equal(tocsin_kallsyms_open(image, size, 0, BASE + 0x200000, &ks, NULL),
				 -EINVAL);
	}
	assert_int_equal(tocsin_kallsyms_open(image, 0, 0, BASE, &ks, NULL), -ENOENT);
}

static int write_images(const char *folder)
{
	for (size_t i = 0; i < LAYOUTS; i++) {
		char path[4096];
		FILE *f;

		build(&layouts[i]);
		snprintf(path, sizeof(path), "%s/%s", folder, layouts[i].name);
		f = fopen(path, "wb");
		if (!f || fwrite(image, 1, size, f) != size || fclose(f)) {
			perror(path);
			return 99;
		}
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(every_layout_round_trips),
	    cmocka_unit_test(addresses_have_functions),
	    cmocka_unit_test(truncations_are_refused),
	    cmocka_unit_test(lies_are_refused),
	    cmocka_unit_test(zeroed_offsets_are_refused),
	    cmocka_unit_test(a_wrong_base_is_refused),
	};

	if (getenv("TOCSIN_WRITE"))
		return write_images(getenv("TOCSIN_WRITE"));
	return cmocka_run_group_tests(all, NULL, NULL);
}
