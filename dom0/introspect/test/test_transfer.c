/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What leads out of the text of a kernel that was made for it: one page of text, and one more that
 * is executable and nobody's. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define TEXT FIXTURE_TEXT
#define OUTSIDE (FIXTURE_TEXT + TOCSIN_PAGE_SIZE + 0x100)
#define FIRST (TEXT + 0x100)
#define SECOND (TEXT + 0x200)

static struct tocsin_transfer_list list;
static uint64_t table, probe; /* of kprobes, and one that is not in it yet */

static int open_text(void **state)
{
	struct fixture *f = fixture_open(NULL);
	uint8_t nops[TOCSIN_PAGE_SIZE];

	memset(nops, 0x90, sizeof(nops));
	fixture_put(f, TEXT, nops, sizeof(nops));
	fixture_symbol(f, "_stext", TEXT);
	fixture_symbol(f, "_etext", TEXT + TOCSIN_PAGE_SIZE);
	fixture_symbol(f, "_end", TEXT + TOCSIN_PAGE_SIZE);
	fixture_symbol(f, "first", FIRST);
	fixture_symbol(f, "second", SECOND);
	table = fixture_room(f, 64 * sizeof(table));
	probe = fixture_new(f, "kprobe");
	fixture_set(f, "kprobe", probe, "addr", FIRST + 0x40);
	fixture_symbol(f, "kprobe_table", table);
	fixture_ready(f);
	*state = f;
	return 0;
}

static int close_text(void **state)
{
	tocsin_transfer_list_free(&list);
	fixture_close(*state);
	return 0;
}

static void put_near(struct fixture *f, uint8_t opcode, uint64_t at, uint64_t target)
{
	int32_t distance = (int32_t)(target - (at + 5));
	uint8_t bytes[5] = {opcode};

	memcpy(bytes + 1, &distance, sizeof(distance));
	memcpy(f->bytes + (at - FIXTURE_BASE), bytes, sizeof(bytes));
}

static void put(struct fixture *f, uint64_t at, const char *bytes, size_t size)
{
	memcpy(f->bytes + (at - FIXTURE_BASE), bytes, size);
}

#define PUT(f, at, text) put(f, at, text, sizeof(text) - 1)

static void read_list(struct fixture *f)
{
	struct tocsin_error err = {0};
	struct tocsin_code *code;

	tocsin_transfer_list_free(&list);
	assert_int_equal(tocsin_code_open(&f->k, &code, &err), 0);
	if (tocsin_transfer_list(&f->k, code, &list, &err))
		fail_msg("%s", err.message);
	tocsin_code_close(code);
	assert_int_equal(list.bytes, TOCSIN_PAGE_SIZE);
	assert_int_equal(list.unreadable, 0);
}

static void expect(struct fixture *f, enum tocsin_transfer_kind kind, uint64_t at, uint64_t target)
{
	read_list(f);
	assert_false(list.truncated);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.rows[0].kind, kind);
	assert_int_equal(list.rows[0].at, at);
	assert_int_equal(list.rows[0].target, target);
	assert_int_equal(list.rows[0].function, at < SECOND ? FIRST : SECOND);
	fixture_restore(f);
}

static void expect_nothing(struct fixture *f)
{
	read_list(f);
	assert_false(list.truncated);
	assert_int_equal(list.count, 0);
	fixture_restore(f);
}

static void leads_out(void **state)
{
	struct fixture *f = *state;

	expect_nothing(f);
	put_near(f, 0xe8, FIRST + 0x10, OUTSIDE);
	expect(f, TOCSIN_TRANSFER_CALL, FIRST + 0x10, OUTSIDE);
	put_near(f, 0xe9, SECOND + 0x80, OUTSIDE);
	expect(f, TOCSIN_TRANSFER_JUMP, SECOND + 0x80, OUTSIDE);
	PUT(f, FIRST + 0x10, "\x48\xc7\xc0\x00\x91\x00\x81\xff\xe0"); /* mov $OUTSIDE, %rax; jmp */
	expect(f, TOCSIN_TRANSFER_JUMP, FIRST + 0x10, OUTSIDE);
	PUT(f, FIRST + 0x10, "\x68\x00\x91\x00\x81\xc3"); /* push; ret */
	expect(f, TOCSIN_TRANSFER_JUMP, FIRST + 0x10, OUTSIDE);
	PUT(f, FIRST + 0x10, "\xff\x25\x00\x00\x00\x00\x00\x91\x00\x81\xff\xff\xff\xff");
	expect(f, TOCSIN_TRANSFER_JUMP, FIRST + 0x10, OUTSIDE);
}

static void is_as_it_may_be(void **state)
{
	struct fixture *f = *state;

	put_near(f, 0xe8, FIRST + 0x10, SECOND); /* within the text */
	expect_nothing(f);
	put_near(f, 0xe8, FIRST + 0x10, OUTSIDE + 0x100000); /* nothing can be executed there */
	expect_nothing(f);
	put_near(f, 0xe8, FIRST, OUTSIDE); /* the list of hooks has these */
	expect_nothing(f);
	PUT(f, FIRST, "\xf3\x0f\x1e\xfa");
	put_near(f, 0xe8, FIRST + 4, OUTSIDE);
	expect_nothing(f);
	put_near(f, 0xe8, FIRST + 4, OUTSIDE); /* but for that */
	expect(f, TOCSIN_TRANSFER_CALL, FIRST + 4, OUTSIDE);
}

static void breakpoints(void **state)
{
	struct fixture *f = *state;

	PUT(f, FIRST + 0x40, "\xcc");
	expect(f, TOCSIN_TRANSFER_BREAKPOINT, FIRST + 0x40, 0);
	PUT(f, FIRST + 0x40, "\xc3\xcc"); /* behind a return */
	expect_nothing(f);
	PUT(f, FIRST + 0x40, "\xff\xe0\xcc"); /* behind jmp *%rax */
	expect_nothing(f);
	PUT(f, FIRST + 0x40, "\xe8\x01\x00\x00\x00\xcc"); /* passed over by a call */
	expect_nothing(f);
	PUT(f, SECOND - 3, "\xcc\xcc\xcc"); /* between functions */
	expect_nothing(f);
}

static void put_word(struct fixture *f, uint64_t at, uint64_t word)
{
	memcpy(f->bytes + (at - FIXTURE_BASE), &word, sizeof(word));
}

/* Where a chain of them does not come to its end, a breakpoint may be one's. */
static void breakpoints_of_kprobes(void **state)
{
	struct fixture *f = *state;
	uint64_t node = probe + fixture_offset(f, "kprobe", "hlist");

	PUT(f, FIRST + 0x40, "\xcc");
	put_word(f, table + 7 * 8, node);
	expect_nothing(f);
	for (int loop = 0; loop < 2; loop++) {
		PUT(f, SECOND + 0x40, "\xcc");
		put_near(f, 0xe8, SECOND + 0x80, OUTSIDE);
		put_word(f, table + 7 * 8, node);
		put_word(f, node, loop ? node : FIXTURE_BASE + FIXTURE_SIZE);
		read_list(f);
		assert_true(list.truncated);
		assert_int_equal(list.count, 1);
		assert_int_equal(list.rows[0].kind, TOCSIN_TRANSFER_CALL);
		fixture_restore(f);
	}
}

/* Being patched just then: it is gone when it is looked at again. */
static void changes_meanwhile(void **state)
{
	struct fixture *f = *state;
	uint64_t word = 0x9090909090909090ull;

	for (uint32_t after = 1; after < 200; after++) {
		PUT(f, FIRST + 0x40, "\xcc");
		f->changes[0] = (struct fixture_change){
		    .after = after, .at = (uint32_t)(FIRST + 0x40 - FIXTURE_BASE), .word = word};
		f->change_count = 1;
		read_list(f);
		if (list.torn) {
			assert_int_equal(list.count, 0);
			fixture_restore(f);
			return;
		}
		fixture_restore(f);
	}
	fail_msg("no reading was torn");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(leads_out, open_text, close_text),
	    cmocka_unit_test_setup_teardown(is_as_it_may_be, open_text, close_text),
	    cmocka_unit_test_setup_teardown(breakpoints, open_text, close_text),
	    cmocka_unit_test_setup_teardown(breakpoints_of_kprobes, open_text, close_text),
	    cmocka_unit_test_setup_teardown(changes_meanwhile, open_text, close_text),
	};

	return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
