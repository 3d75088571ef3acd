/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/recent.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#define WINDOW 1000u

static struct tocsin_findings found, told;
static struct tocsin_verdict verdict, told_verdict;

static struct tocsin_process program(uint64_t task)
{
	return (struct tocsin_process){
	    .task = task, .mm = task + 1, .pgd = task + 2, .start_time = 5, .exe = "/bin/x"};
}

static int set_up(void **state)
{
	memset(&found, 0, sizeof(found));
	memset(&told, 0, sizeof(told));
	tocsin_findings_add(&found, "memory", "memory.x", TOCSIN_SEVERITY_HIGH);
	found.pages_read = 12;
	found.truncated = true;
	strcpy(found.unreadable, "a page");
	verdict = (struct tocsin_verdict){.verdict = 2, .score = 40};
	return 0;
}

static void what_was_found_is_told_again(void **state)
{
	struct tocsin_recent r = {.window = WINDOW};
	struct tocsin_process p = program(100);

	assert_false(tocsin_recent_find(&r, &p, 5000, &told, &told_verdict));
	tocsin_recent_keep(&r, &p, 5000, &found, &verdict);
	assert_true(tocsin_recent_find(&r, &p, 5000 + WINDOW - 1, &told, &told_verdict));
	assert_int_equal(told.count, 1);
	assert_string_equal(told.rows[0].rule, "memory.x");
	assert_int_equal(told.pages_read, 12);
	assert_true(told.truncated);
	assert_string_equal(told.unreadable, "a page");
	assert_int_equal(told_verdict.score, 40);
	tocsin_recent_clear(&r);
}

static void it_does_not_last(void **state)
{
	struct tocsin_recent r = {.window = WINDOW};
	struct tocsin_process p = program(100);

	tocsin_recent_keep(&r, &p, 5000, &found, &verdict);
	assert_false(tocsin_recent_find(&r, &p, 5000 + WINDOW, &told, &told_verdict));
	tocsin_recent_clear(&r);
}

/* The same task with another program, other rights, or later: nobody is told what is not his. */
static void another_program_is_not_the_same(void **state)
{
	struct tocsin_recent r = {.window = WINDOW};
	struct tocsin_process p = program(100), other[8];

	tocsin_recent_keep(&r, &p, 5000, &found, &verdict);
	for (size_t i = 0; i < 8; i++)
		other[i] = p;
	other[0].task++;
	other[1].mm++;
	other[2].pgd++;
	other[3].start_time++;
	other[4].uid++;
	other[5].euid++;
	other[6].cap_effective++;
	strcpy(other[7].exe, "/bin/y");
	for (size_t i = 0; i < 8; i++)
		assert_false(tocsin_recent_find(&r, &other[i], 5001, &told, &told_verdict));
	assert_true(tocsin_recent_find(&r, &p, 5001, &told, &told_verdict));
	tocsin_recent_clear(&r);
}

static void the_oldest_go(void **state)
{
	struct tocsin_recent r = {.window = WINDOW};
	struct tocsin_process p;

	for (uint64_t i = 0; i <= TOCSIN_RECENT_ROWS; i++) {
		p = program(100 * (i + 1));
		tocsin_recent_keep(&r, &p, 5000 + i, &found, &verdict);
	}
	p = program(100);
	assert_false(tocsin_recent_find(&r, &p, 5010, &told, &told_verdict));
	p = program(200);
	assert_true(tocsin_recent_find(&r, &p, 5010, &told, &told_verdict));
	tocsin_recent_clear(&r);
}

static void without_a_window_nothing_is_kept(void **state)
{
	struct tocsin_recent r = {0};
	struct tocsin_process p = program(100);

	tocsin_recent_keep(&r, &p, 5000, &found, &verdict);
	assert_null(r.rows);
	assert_false(tocsin_recent_find(&r, &p, 5000, &told, &told_verdict));
}

int main(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test_setup(what_was_found_is_told_again, set_up),
	    cmocka_unit_test_setup(it_does_not_last, set_up),
	    cmocka_unit_test_setup(another_program_is_not_the_same, set_up),
	    cmocka_unit_test_setup(the_oldest_go, set_up),
	    cmocka_unit_test_setup(without_a_window_nothing_is_kept, set_up),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
