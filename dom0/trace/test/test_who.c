// SPDX-License-Identifier: GPL-2.0-or-later
/* Threads by their stacks, which end, and are had by others then. */
#include "trace/who.h"

#include "objects.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define STACK 0xffffc90000100000ull
#define OTHER 0xffffc90000200000ull
#define SECOND 1000000000ll
#define NOW (50 * SECOND)

static const struct change with_stacks[] = {
    {"task_struct", "stack", "stack"}, {"thread_union", "stack", "stack:16384"}, {0}};

struct scene {
	struct fixture *f;
	struct tocsin_process p;
	struct tocsin_who_cache *c;
};

static int set_up(void **state)
{
	struct scene *s = test_calloc(1, sizeof(*s));

	s->f = fixture_open(with_stacks);
	s->p = make_process(s->f);
	make_system(s->f);
	fixture_ready(s->f);
	fixture_set(s->f, "task_struct", s->p.task, "stack", STACK);
	assert_int_equal(tocsin_who_open(&s->f->k, &s->c, NULL), 0);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	tocsin_who_close(s->c);
	fixture_close(s->f);
	test_free(s);
	return 0;
}

static struct tocsin_who find(struct scene *s, uint64_t rsp, uint64_t age)
{
	struct tocsin_who who;

	tocsin_who_find(s->c, rsp, NOW, age, &who);
	return who;
}

static void a_thread_is_found_by_its_stack(void **state)
{
	struct scene *s = *state;
	struct tocsin_who who = find(s, STACK + 0x3e48, 0);

	assert_int_equal(who.found, TOCSIN_WHO_NOW);
	assert_int_equal(who.pid, MADE_PID);
	assert_int_equal(who.tid, MADE_PID);
	assert_int_equal(who.uid, 1000);
	assert_true(who.start_time == MADE_START);
	assert_string_equal(who.comm, "worker");
	/* Its name is the one that it has now. */
	fixture_set_text(s->f, "task_struct", s->p.task, "comm", "renamed");
	who = find(s, STACK + 0x100, 0);
	assert_string_equal(who.comm, "renamed");
	assert_int_equal(find(s, STACK + 0x4000, 0).found, TOCSIN_WHO_UNKNOWN);
	assert_int_equal(find(s, STACK - 8, 0).found, TOCSIN_WHO_UNKNOWN);
	assert_int_equal(find(s, 0, 0).found, TOCSIN_WHO_UNKNOWN);
}

static void another_thread_of_the_process(void **state)
{
	struct scene *s = *state;
	uint64_t helper = s->p.task, node = fixture_offset(s->f, "task_struct", "thread_node");
	struct tocsin_who who;

	assert_int_equal(tocsin_kernel_read_u64(&s->f->k, helper + node, &helper), 0);
	helper -= node;
	fixture_set(s->f, "task_struct", helper, "stack", OTHER);
	who = find(s, OTHER + 0x1000, 0);
	assert_int_equal(who.found, TOCSIN_WHO_NOW);
	assert_int_equal(who.pid, MADE_PID);
	assert_int_equal(who.tid, MADE_PID + 1);
	assert_true(who.start_time == MADE_START);
	assert_string_equal(who.comm, "worker");
}

static void one_that_ended_is_remembered(void **state)
{
	struct scene *s = *state;
	struct tocsin_who who;

	find(s, STACK, 0);
	fixture_set(s->f, "task_struct", s->p.task, "stack", 0);
	who = find(s, STACK, 0);
	assert_int_equal(who.found, TOCSIN_WHO_BEFORE);
	assert_int_equal(who.pid, MADE_PID);
	/* What was called after it had been seen last may have been by another one. */
	tocsin_who_find(s->c, STACK, NOW + 1000, 999, &who);
	assert_int_equal(who.found, TOCSIN_WHO_UNKNOWN);
	tocsin_who_find(s->c, STACK, NOW + 1000, 1000, &who);
	assert_int_equal(who.found, TOCSIN_WHO_BEFORE);
}

/* Who executes and ends before its calls are read has the name that it had last. */
static void one_that_was_made_and_ended_has_its_last_name(void **state)
{
	struct scene *s = *state;
	struct tocsin_who who;

	assert_true(tocsin_who_made(s->c, s->p.task, NULL, NOW, 0, &who));
	assert_string_equal(who.comm, "worker");
	/* As long as it is there, it is not only remembered: what it has open can be read. */
	assert_int_equal(find(s, STACK + 0x3e48, 0).found, TOCSIN_WHO_NOW);
	fixture_set(s->f, "task_struct", s->p.task, "stack", 0);
	fixture_set_text(s->f, "task_struct", s->p.task, "comm", "renamed");
	who = find(s, STACK + 0x3e48, 0);
	assert_int_equal(who.found, TOCSIN_WHO_BEFORE);
	assert_int_equal(who.pid, MADE_PID);
	assert_string_equal(who.comm, "renamed");
	/* Its memory is another's by now: the name that is known stays. */
	fixture_set(s->f, "task_struct", s->p.task, "start_boottime", MADE_START + SECOND);
	fixture_set_text(s->f, "task_struct", s->p.task, "comm", "another");
	who = find(s, STACK + 0x3e48, 0);
	assert_int_equal(who.found, TOCSIN_WHO_BEFORE);
	assert_string_equal(who.comm, "renamed");
}

/* Each processor has stacks that are no thread's: not all tasks are walked through for each call.
 */
static void stacks_that_are_nobodys(void **state)
{
	struct scene *s = *state;
	struct tocsin_who who;
	uint64_t before;

	assert_true(tocsin_who_made(s->c, s->p.task, NULL, NOW, 0, &who));
	for (uint64_t i = 1; i < 9; i++)
		assert_int_equal(find(s, STACK + i * 0x4000, 0).found, TOCSIN_WHO_UNKNOWN);
	before = s->f->accesses;
	for (uint64_t i = 1; i < 9; i++)
		assert_int_equal(find(s, STACK + i * 0x4000, 0).found, TOCSIN_WHO_UNKNOWN);
	assert_true(s->f->accesses == before);
	/* After a moment somebody may have one. */
	fixture_set(s->f, "task_struct", s->p.task, "stack", STACK + 0x4000);
	tocsin_who_find(s->c, STACK + 0x4000, NOW + 20000000, 0, &who);
	assert_int_equal(who.pid, MADE_PID);
}

/* A task behind the others, whose threads cannot be read. */
static uint64_t add_torn(struct scene *s, uint64_t stack)
{
	uint64_t task = fixture_new(s->f, "task_struct"), idle;

	assert_int_equal(tocsin_kernel_symbol(&s->f->k, "init_task", &idle), 0);
	fixture_set(s->f, "task_struct", task, "stack", stack);
	fixture_set(s->f, "task_struct", task, "signal", 0x1000);
	fixture_set(s->f, "task_struct", task, "real_cred",
		    fixture_get(s->f, "task_struct", s->p.task, "real_cred"));
	fixture_link(s->f, idle + fixture_offset(s->f, "task_struct", "tasks"),
		     task + fixture_offset(s->f, "task_struct", "tasks"));
	return task;
}

/* A search ends, whatever the guest's kernel says. */
static void a_search_ends(void **state)
{
	struct scene *s = *state;

	add_torn(s, STACK + 0x4000);
	for (int i = 0; i < 5; i++)
		add_torn(s, 0);
	add_torn(s, STACK + 0x8000);
	assert_int_equal(find(s, STACK + 0x4000, 0).found, TOCSIN_WHO_NOW);
	assert_int_equal(find(s, STACK + 0x8000, 0).found, TOCSIN_WHO_NOW);
	for (int i = 0; i < 3; i++)
		add_torn(s, 0);
	add_torn(s, STACK + 0xc000);
	assert_int_equal(find(s, STACK + 0xc000, 0).found, TOCSIN_WHO_UNKNOWN);
}

/* The guest has been up for 102 s; the process began when it was up for 5. */
static void what_came_later_did_not_do_it(void **state)
{
	struct scene *s = *state;
	struct tocsin_who who;

	assert_int_equal(find(s, STACK, 98 * SECOND).found, TOCSIN_WHO_UNKNOWN);
	assert_int_equal(find(s, STACK, 96 * SECOND).found, TOCSIN_WHO_NOW);
	/*
	 * 20 s later another thread has the stack, which began 12 s ago. What was called 5 s ago it
	 * did; 25 s ago, when the first was still to be seen, that one; 15 s ago, nobody knows.
	 */
	fixture_set(s->f, "task_struct", s->p.task, "pid", 999);
	fixture_set(s->f, "task_struct", s->p.task, "start_boottime", 110 * SECOND);
	tocsin_who_find(s->c, STACK, NOW + 20 * SECOND, 25 * SECOND, &who);
	assert_int_equal(who.found, TOCSIN_WHO_BEFORE);
	assert_int_equal(who.tid, MADE_PID);
	tocsin_who_find(s->c, STACK, NOW + 20 * SECOND, 15 * SECOND, &who);
	assert_int_equal(who.found, TOCSIN_WHO_UNKNOWN);
	tocsin_who_find(s->c, STACK, NOW + 20 * SECOND, 5 * SECOND, &who);
	assert_int_equal(who.found, TOCSIN_WHO_NOW);
	assert_int_equal(who.tid, 999);
}

static void a_kernel_that_does_not_tell(void **state)
{
	struct fixture *f = fixture_open(NULL);
	struct tocsin_who_cache *c;

	make_process(f);
	fixture_ready(f);
	assert_int_equal(tocsin_who_open(&f->k, &c, NULL), -ENOTSUP);
	fixture_close(f);
}

/* Types without thread_union, as most kernels are: by symbols, by the usual size. */
static void the_size_of_stacks(void **state)
{
	static const struct change without[] = {{"task_struct", "stack", "stack"}, {0}};

	for (int marked = 0; marked < 2; marked++) {
		struct fixture *f = fixture_open(without);
		struct tocsin_process p = make_process(f);
		struct tocsin_who_cache *c;
		struct tocsin_who who;

		if (marked) {
			fixture_symbol(f, "__start_init_task", FIXTURE_BASE + 0x10000);
			fixture_symbol(f, "__end_init_task", FIXTURE_BASE + 0x18000);
		}
		fixture_ready(f);
		fixture_set(f, "task_struct", p.task, "stack", STACK);
		assert_int_equal(tocsin_who_open(&f->k, &c, NULL), 0);
		tocsin_who_find(c, STACK + 0x3ff8, NOW, 0, &who);
		assert_int_equal(who.found, TOCSIN_WHO_NOW);
		tocsin_who_find(c, STACK + 0x4000, NOW, 0, &who);
		assert_int_equal(who.found, marked ? TOCSIN_WHO_NOW : TOCSIN_WHO_UNKNOWN);
		tocsin_who_close(c);
		fixture_close(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_thread_is_found_by_its_stack, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(another_thread_of_the_process, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(one_that_ended_is_remembered, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(one_that_was_made_and_ended_has_its_last_name, set_up,
					    tear_down),
	    cmocka_unit_test_setup_teardown(stacks_that_are_nobodys, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_search_ends, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_came_later_did_not_do_it, set_up, tear_down),
	    cmocka_unit_test(a_kernel_that_does_not_tell),
	    cmocka_unit_test(the_size_of_stacks),
	};

	return cmocka_run_group_tests_name("who", tests, NULL, NULL);
}
