/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process with two threads, of which one is taken off this or that list. */
#include "objects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HELPER (MADE_PID + 1)

static uint64_t helper, rq;

static uint64_t word(struct fixture *f, uint64_t va)
{
	uint64_t ret;

	memcpy(&ret, f->bytes + (va - FIXTURE_BASE), sizeof(ret));
	return ret;
}

static void set(struct fixture *f, uint64_t va, uint64_t value)
{
	memcpy(f->bytes + (va - FIXTURE_BASE), &value, sizeof(value));
}

static uint64_t at(struct fixture *f, const char *path)
{
	return helper + fixture_offset(f, "task_struct", path);
}

static int open_with(void **state, const char *queues)
{
	struct fixture *f = fixture_open(NULL);
	struct tocsin_process p = make_process(f);
	uint64_t numbers = fixture_room(f, 8), signal, offsets = fixture_room(f, 8);

	signal = word(f, p.task + fixture_offset(f, "task_struct", "signal"));
	helper = word(f, signal + fixture_offset(f, "signal_struct", "thread_head") + 8) -
		 fixture_offset(f, "task_struct", "thread_node"); /* the last */
	rq = fixture_new(f, "rq");
	fixture_set(f, "rq", rq, "curr", p.task);
	fixture_link(f, rq + fixture_offset(f, "rq", "cfs_tasks"), at(f, "se.group_node"));
	fixture_word(f, numbers, 1);
	fixture_word(f, offsets, 0);
	fixture_symbol(f, queues, rq);
	fixture_symbol(f, "__per_cpu_offset", offsets);
	fixture_symbol(f, "nr_cpu_ids", numbers);
	fixture_ready(f);
	*state = f;
	return 0;
}

static int open_process(void **state)
{
	return open_with(state, "runqueues");
}

static int open_without_queues(void **state)
{
	return open_with(state, "no_such_symbol");
}

static int close_process(void **state)
{
	fixture_close(*state);
	return 0;
}

static void leave_group(struct fixture *f)
{
	uint64_t node = at(f, "thread_node"), next = word(f, node), before = word(f, node + 8);

	set(f, before, next);
	set(f, next + 8, before);
}

static void lose_number(struct fixture *f)
{
	uint64_t number = word(f, at(f, "thread_pid"));

	set(f, number + fixture_offset(f, "pid", "tasks[0]"), 0);
}

/* group, number: what it is still on. */
static void expect(struct fixture *f, bool group, bool number)
{
	struct tocsin_hidden_list list;
	struct tocsin_error err = {0};

	if (tocsin_hidden_list(&f->k, &list, &err))
		fail_msg("%s", err.message);
	assert_false(list.no_queues);
	assert_int_equal(list.count, !(group && number));
	if (list.count) {
		assert_int_equal(list.rows[0].task, helper);
		assert_int_equal(list.rows[0].tid, HELPER);
		assert_int_equal(list.rows[0].pid, MADE_PID);
		assert_string_equal(list.rows[0].comm, "helper");
		assert_int_equal(list.rows[0].in_group, group);
		assert_int_equal(list.rows[0].has_pid, number);
	}
	tocsin_hidden_list_free(&list);
	fixture_restore(f);
}

static void finds_who_hides(void **state)
{
	struct fixture *f = *state;

	expect(f, true, true);
	leave_group(f);
	expect(f, false, true);
	lose_number(f);
	expect(f, true, false);
	leave_group(f);
	lose_number(f);
	expect(f, false, false); /* a processor has it in its queue */
}

static void passes_over_who_comes_or_goes(void **state)
{
	struct fixture *f = *state;

	leave_group(f);
	set(f, at(f, "__state"), 0x800); /* TASK_NEW */
	expect(f, true, true);
	leave_group(f);
	set(f, at(f, "exit_state"), 32);
	expect(f, true, true);
	leave_group(f);
	set(f, at(f, "group_leader"), 0); /* no thread at all */
	expect(f, true, true);
}

/* Whoever is on no list shows in the queues alone; without them that is said. */
static void queues_that_are_not_found(void **state)
{
	struct fixture *f = *state;
	struct tocsin_hidden_list list;
	struct tocsin_error err = {0};

	leave_group(f);
	lose_number(f);
	assert_int_equal(tocsin_hidden_list(&f->k, &list, &err), 0);
	assert_true(list.no_queues);
	assert_int_equal(list.count, 0);
	tocsin_hidden_list_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(finds_who_hides, open_process, close_process),
	    cmocka_unit_test_setup_teardown(passes_over_who_comes_or_goes, open_process,
					    close_process),
	    cmocka_unit_test_setup_teardown(queues_that_are_not_found, open_without_queues,
					    close_process),
	};

	return cmocka_run_group_tests_name("hidden", tests, NULL, NULL);
}
