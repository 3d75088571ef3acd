/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The BTF reader on a blob built here, on every truncation and every single-byte change of it.
 * With a file as its argument (for example /sys/kernel/btf/vmlinux) the program instead opens
 * that and prints where some members lie; with TOCSIN_WRITE=FILE in the environment it writes the
 * blob built here, which is how the fuzzing corpus was made.
 */
#include "introspect/btf.h"

#include "blob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

static int build(void **state)
{
	uint32_t u32_type, u64_type, sched, entity, flags, inner, numbers, old, task;

	start();
	u32_type = type("unsigned int", 1, 0, 0, 4);
	add(32);
	u64_type = type("u64", 1, 0, 0, 8);
	add(64);
	old = type("unsigned int", 1, 0, 0, 4); /* 3 bits at bit 5: an old bitfield */
	add(5 << 16 | 3);
	sched = type("sched_entity", 4, 2, 0, 24);
	member("load", u64_type, 0);
	member("vruntime", u64_type, 128);
	entity = type("", 10, 0, 0, sched);
	entity = type("entity_t", 8, 0, 0, entity);
	flags = type("", 4, 2, 1, 4); /* bitfields: width in the top 8 bits */
	member("in_execve", u32_type, 1 << 24 | 9);
	member("wide", u32_type, 12 << 24 | 13);
	inner = type("", 5, 2, 0, 8);
	member("raw", u64_type, 0);
	member("", flags, 0);
	numbers = array(u32_type, u32_type, 4);
	numbers = array(numbers, u32_type, 3);
	task = type("task_struct", 4, 7, 0, 112);
	member("pid", u32_type, 0);
	member("old", old, 32);
	member("se", entity, 64);
	member("", inner, 256);
	member("parent", task + 1, 320);
	member("table", numbers, 384);
	member("tail", task + 2, 896);
	assert_int_equal(type("", 2, 0, 0, task), task + 1);
	assert_int_equal(array(u64_type, u32_type, 0), task + 2);
	type("state", 6, 2, 1, 4);
	add(text("RUNNING"));
	add(0);
	add(text("DEAD"));
	add(-7);
	type("mask", 19, 1, 0, 8);
	add(text("TOP"));
	add(1);
	add(0x80000000);
	seal();
	return 0;
}

static struct tocsin_btf *opened(void)
{
	struct tocsin_error err = {0};
	struct tocsin_btf *btf = NULL;

	if (tocsin_btf_open(b.bytes, b.size, &btf, &err))
		fail_msg("%s", err.message);
	return btf;
}

static void members_are_where_they_were_put(void **state)
{
	static const struct {
		const char *path;
		uint64_t offset, size;
		uint32_t bit_offset, bit_size;
	} want[] = {
	    {"pid", 0, 4, 0, 0},          {"old", 4, 4, 5, 3},          {"se", 8, 24, 0, 0},
	    {"se.vruntime", 24, 8, 0, 0}, {"raw", 32, 8, 0, 0},         {"in_execve", 33, 4, 1, 1},
	    {"wide", 33, 4, 5, 12},       {"parent", 40, 8, 0, 0},      {"table", 48, 48, 0, 0},
	    {"table[2]", 80, 16, 0, 0},   {"table[2][3]", 92, 4, 0, 0}, {"tail", 112, 0, 0, 0},
	    {"tail[5]", 152, 8, 0, 0},
	};
	struct tocsin_btf *btf = opened();
	struct tocsin_btf_member m;
	uint64_t size;

	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		assert_int_equal(tocsin_btf_member(btf, "task_struct", want[i].path, &m), 0);
		assert_int_equal(m.offset, want[i].offset);
		assert_int_equal(m.size, want[i].size);
		assert_int_equal(m.bit_offset, want[i].bit_offset);
		assert_int_equal(m.bit_size, want[i].bit_size);
	}
	assert_int_equal(tocsin_btf_sizeof(btf, "task_struct", &size), 0);
	assert_int_equal(size, 112);
	assert_int_equal(tocsin_btf_sizeof(btf, "entity_t", &size), 0);
	assert_int_equal(size, 24);
	assert_int_equal(tocsin_btf_types(btf), b.count);
	tocsin_btf_close(btf);
}

static void what_is_missing_says_so(void **state)
{
	static const char *const malformed[] = {"",
						".",
						"se.",
						"se..vruntime",
						"pid.x",
						"table[",
						"table[x]",
						"table[3]",
						"table[1]x",
						"pid[0]",
						"table[99999999999999999999]",
						"parent.pid",
						"tail[4294967295][0]"};
	struct tocsin_btf_member m = {.offset = 77};
	struct tocsin_btf *btf = opened();
	uint64_t size = 77;

	assert_int_equal(tocsin_btf_member(btf, "task_struct", "nothing", &m), -ENOENT);
	assert_int_equal(tocsin_btf_member(btf, "task_struct", "pi", &m), -ENOENT);
	assert_int_equal(tocsin_btf_member(btf, "task_struct", "se.pid", &m), -ENOENT);
	assert_int_equal(tocsin_btf_member(btf, "task", "pid", &m), -ENOENT);
	assert_int_equal(tocsin_btf_sizeof(btf, "task", &size), -ENOENT);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++)
		assert_int_equal(tocsin_btf_member(btf, "task_struct", malformed[i], &m), -EINVAL);
	assert_int_equal(m.offset, 77);
	assert_int_equal(size, 77);
	tocsin_btf_close(btf);
}

static void enumerators(void **state)
{
	struct tocsin_btf *btf = opened();
	int64_t v;

	assert_int_equal(tocsin_btf_enumerator(btf, "DEAD", &v), 0);
	assert_int_equal(v, -7);
	assert_int_equal(tocsin_btf_enumerator(btf, "TOP", &v), 0);
	assert_true(v == INT64_MIN + 1);
	assert_int_equal(tocsin_btf_enumerator(btf, "ALIVE", &v), -ENOENT);
	tocsin_btf_close(btf);
}

/* int probe(const struct task_struct *task, const char *name, enum state how, mode_t mode, signed
 * char small, struct task_struct whole, ...) and void quiet(void), in a blob of their own. */
static void functions(void **state)
{
	uint32_t signed_char, mode, name, how, whole, task, proto, none, id;
	struct tocsin_btf_parameter p;
	struct tocsin_btf *btf;

	start();
	signed_char = type("signed char", 1, 0, 0, 1);
	add(1 << 24 | 8);
	mode = type("unsigned short", 1, 0, 0, 2);
	add(16);
	mode = type("mode_t", 8, 0, 0, mode);
	name = type("", 2, 0, 0, type("", 10, 0, 0, signed_char));
	how = type("state", 6, 0, 1, 4);
	whole = type("task_struct", 4, 0, 0, 24);
	task = type("", 2, 0, 0, type("", 10, 0, 0, whole));
	proto = type("", 13, 7, 0, signed_char);
	add(text("task"));
	add(task);
	add(text("name"));
	add(name);
	add(text("how"));
	add(how);
	add(text("mode"));
	add(mode);
	add(0);
	add(signed_char);
	add(text("whole"));
	add(whole);
	add(0); /* the dots */
	add(0);
	type("probe", 12, 0, 0, proto);
	none = type("", 13, 0, 0, 0);
	type("quiet", 12, 1, 0, none);
	seal();
	btf = opened();

	assert_int_equal(tocsin_btf_function(btf, "probe", &id), 0);
	assert_int_equal(id, proto);
	assert_int_equal(tocsin_btf_parameter(btf, id, 0, &p), 0);
	assert_string_equal(p.target, "task_struct");
	assert_int_equal(tocsin_btf_parameter(btf, id, 1, &p), 0);
	assert_string_equal(p.name, "name");
	assert_string_equal(p.target, "");
	assert_true(p.pointer && p.size == 8);
	assert_int_equal(tocsin_btf_parameter(btf, id, 2, &p), 0);
	assert_true(!p.pointer && p.is_signed && p.size == 4);
	assert_int_equal(tocsin_btf_parameter(btf, id, 3, &p), 0);
	assert_true(!p.is_signed && p.size == 2);
	assert_int_equal(tocsin_btf_parameter(btf, id, 4, &p), 0);
	assert_string_equal(p.name, "");
	assert_true(p.is_signed && p.size == 1);
	assert_int_equal(tocsin_btf_parameter(btf, id, 5, &p), 0);
	assert_true(!p.pointer && p.size == 0);
	assert_int_equal(tocsin_btf_parameter(btf, id, 6, &p), -ENOENT);
	assert_int_equal(tocsin_btf_parameter(btf, id, UINT32_MAX, &p), -ENOENT);
	assert_int_equal(tocsin_btf_function(btf, "quiet", &id), 0);
	assert_int_equal(tocsin_btf_parameter(btf, id, 0, &p), -ENOENT);
	assert_int_equal(tocsin_btf_function(btf, "task_struct", &id), -ENOENT);
	assert_int_equal(tocsin_btf_parameter(btf, whole, 0, &p), -EINVAL);
	assert_int_equal(tocsin_btf_parameter(btf, 0, 0, &p), -EINVAL);
	assert_int_equal(tocsin_btf_parameter(btf, 9999, 0, &p), -EINVAL);
	tocsin_btf_close(btf);
}

static void truncations_are_refused(void **state)
{
	for (size_t n = 0; n < b.size; n++) {
		struct tocsin_btf *btf = (void *)1;
		uint8_t *tight = malloc(n + 1);

		assert_non_null(tight);
		memcpy(tight, b.bytes, n);
		assert_int_equal(tocsin_btf_open(tight, n, &btf, NULL), -EINVAL);
		assert_ptr_equal(btf, (void *)1);
		free(tight);
	}
}

static void refused(size_t at, uint32_t value)
{
	struct tocsin_btf *btf = NULL;
	struct tocsin_error err = {0};
	uint8_t saved[4];

	memcpy(saved, b.bytes + at, 4);
	put32(b.bytes + at, value);
	assert_int_equal(tocsin_btf_open(b.bytes, b.size, &btf, &err), -EINVAL);
	assert_null(btf);
	assert_true(err.message[0]);
	memcpy(b.bytes + at, saved, 4);
}

static void lies_are_refused(void **state)
{
	refused(0, 0x0001eb9e);          /* magic */
	refused(0, 0x0002eb9f);          /* version */
	refused(4, 20);                  /* header shorter than it is */
	refused(4, UINT32_MAX);          /* header longer than everything */
	refused(8, 2);                   /* misaligned types */
	refused(12, UINT32_MAX);         /* types past the end */
	refused(12, b.types_size - 4);   /* types end inside a record */
	refused(16, 0);                  /* strings over types */
	refused(20, 0);                  /* no strings */
	refused(20, b.strings_size - 1); /* strings without an end */
	refused(24, b.strings_size);     /* a name past the strings */
	refused(28, 31u << 24);          /* an unknown kind */
	refused(28, 2u << 24);           /* INT as PTR: the next record is out of step */
	refused(28, 4u << 24 | 0xffff);  /* more members than bytes */
}

/* Types that refer to themselves or fan out without end are answered, with an error. */
static void circles_end(void **state)
{
	struct tocsin_btf_member m;
	struct tocsin_btf *btf;
	uint64_t size;

	start();
	type("loop", 8, 0, 0, 1);
	type("self", 4, 2, 0, 8);
	member("", 2, 0);
	member("", 2, 0);
	type("holder", 4, 1, 0, 8);
	member("x", 1, 0);
	array(5, 5, 7);
	array(4, 4, 7);
	type("arrays", 4, 1, 0, 8);
	member("x", 4, 0);
	seal();
	btf = opened();
	assert_int_equal(tocsin_btf_sizeof(btf, "loop", &size), -ELOOP);
	assert_int_equal(tocsin_btf_member(btf, "self", "x", &m), -ELOOP);
	assert_int_equal(tocsin_btf_member(btf, "holder", "x", &m), -ELOOP);
	assert_true(tocsin_btf_member(btf, "arrays", "x", &m) < 0);
	tocsin_btf_close(btf);
}

/* A member that would reach past its structure is no answer. */
static void members_stay_inside(void **state)
{
	struct tocsin_btf_member m;
	struct tocsin_btf *btf;

	start();
	type("u64", 1, 0, 0, 8);
	add(64);
	type("small", 4, 1, 0, 8);
	member("x", 1, 32);
	seal();
	btf = opened();
	assert_int_equal(tocsin_btf_member(btf, "small", "x", &m), -EINVAL);
	tocsin_btf_close(btf);
}

/* Every value of every byte: opens or not, but answers and stays inside its memory. */
static void any_byte_may_change(void **state)
{
	size_t accepted = 0, rejected = 0;

	for (size_t at = 0; at < b.size; at++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			struct tocsin_btf_member m;
			struct tocsin_btf *btf;

			b.bytes[at] ^= 1u << bit;
			if (!tocsin_btf_open(b.bytes, b.size, &btf, NULL)) {
				accepted++;
				tocsin_btf_member(btf, "task_struct", "se.vruntime", &m);
				tocsin_btf_member(btf, "task_struct", "table[2][3]", &m);
				tocsin_btf_close(btf);
			} else {
				rejected++;
			}
			b.bytes[at] ^= 1u << bit;
		}
	}
	assert_true(accepted && rejected);
}

static int show_file(const char *path)
{
	static const char *const asked[][2] = {
	    {"task_struct", "se.vruntime"}, {"task_struct", "pid"},
	    {"task_struct", "in_execve"},   {"mm_struct", "pgd"},
	    {"mm_struct", "mm_mt.ma_root"}, {"pid", "numbers[1].nr"},
	    {"vm_area_struct", "vm_next"}};
	struct tocsin_error err = {0};
	struct tocsin_btf_member m;
	struct tocsin_btf *btf;
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = malloc(64u << 20);
	size_t size;

	if (!f || !bytes) {
		perror(path);
		return 99;
	}
	size = fread(bytes, 1, 64u << 20, f);
	fclose(f);
	if (tocsin_btf_open(bytes, size, &btf, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	printf("%zu types\n", tocsin_btf_types(btf));
	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		int rc = tocsin_btf_member(btf, asked[i][0], asked[i][1], &m);

		printf("%s.%s: ", asked[i][0], asked[i][1]);
		if (rc)
			printf("%s\n", strerror(-rc));
		else
			printf("byte %llu bit %u, %llu bytes, %u bits\n",
			       (unsigned long long)m.offset, m.bit_offset,
			       (unsigned long long)m.size, m.bit_size);
	}
	tocsin_btf_close(btf);
	free(bytes);
	return 0;
}

static int write_blob(const char *path)
{
	FILE *f = fopen(path, "wb");

	build(NULL);
	if (!f || fwrite(b.bytes, 1, b.size, f) != b.size || fclose(f)) {
		perror(path);
		return 99;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test_setup(members_are_where_they_were_put, build),
	    cmocka_unit_test_setup(what_is_missing_says_so, build),
	    cmocka_unit_test_setup(enumerators, build),
	    cmocka_unit_test(functions),
	    cmocka_unit_test_setup(truncations_are_refused, build),
	    cmocka_unit_test_setup(lies_are_refused, build),
	    cmocka_unit_test(circles_end),
	    cmocka_unit_test(members_stay_inside),
	    cmocka_unit_test_setup(any_byte_may_change, build),
	};

	if (getenv("TOCSIN_WRITE"))
		return write_blob(getenv("TOCSIN_WRITE"));
	if (argc == 2)
		return show_file(argv[1]);
	return cmocka_run_group_tests(all, NULL, NULL);
}
