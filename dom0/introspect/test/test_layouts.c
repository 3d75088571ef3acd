// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Objects as older kernels lay them out, read by the code that reads those of current ones: a
 * fixture is made in each layout, and the rows must be the same. Which layout it is, BTF alone
 * says.
 */
#include "objects.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* start_boottime was real_start_time until 5.5; __state was a long, state, until 5.14. */
static const struct change old_start[] = {{"task_struct", "start_boottime", "real_start_time"},
					  {0}};
static const struct change old_state[] = {{"task_struct", "__state", "state"}, {0}};
static const struct change no_start[] = {{"task_struct", "start_boottime", NULL}, {0}};
static const struct change no_state[] = {{"task_struct", "__state", NULL}, {0}};

static void expect_process(const struct change *changes, char leader, char thread)
{
	struct fixture *f = fixture_open(changes);
	struct tocsin_process p = make_process(f);
	struct tocsin_process_list processes;
	struct tocsin_thread_list threads;
	struct tocsin_task_list tasks;

	fixture_ready(f);
	assert_int_equal(tocsin_process_list(&f->k, &processes, NULL), 0);
	assert_int_equal(processes.count, 1);
	assert_int_equal(processes.rows[0].confidence, TOCSIN_CONSISTENT);
	assert_int_equal(processes.rows[0].start_time, MADE_START);
	assert_memory_equal(processes.rows[0].cmdline, "worker\0-v", 10);
	assert_int_equal(tocsin_task_list(&f->k, &tasks, NULL), 0);
	assert_int_equal(tasks.count, 1);
	assert_int_equal(tasks.rows[0].start_time, MADE_START);
	assert_int_equal(tocsin_thread_list(&f->k, &p, &threads, NULL), 0);
	assert_int_equal(threads.count, 2);
	assert_int_equal(threads.torn, 0);
	assert_int_equal(threads.rows[0].tid, MADE_PID);
	assert_int_equal(threads.rows[0].state, leader);
	assert_string_equal(threads.rows[1].comm, "helper");
	assert_int_equal(threads.rows[1].start_time, MADE_START + 1000000000);
	assert_int_equal(threads.rows[1].state, thread);
	tocsin_process_list_free(&processes);
	tocsin_task_list_free(&tasks);
	tocsin_thread_list_free(&threads);
	fixture_close(f);
}

static void test_tasks(void **state)
{
	expect_process(NULL, 'S', 'D');
	expect_process(old_start, 'S', 'D');
	expect_process(old_state, 'S', 'D');
}

/* One that is in one view only hides, unless it is just being made, or ends. */
static void test_hiding(void **state)
{
	static const struct {
		const char *member;
		uint32_t value;
		size_t contradicted;
	} cases[] = {{"__state", 1, 1}, {"__state", 0x800, 0}, {"exit_state", 32, 0}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f = fixture_open(NULL);
		struct tocsin_process p = make_process(f);
		struct tocsin_process_list list;
		uint64_t number;

		memcpy(&number,
		       f->bytes +
			   (p.task + fixture_offset(f, "task_struct", "thread_pid") - FIXTURE_BASE),
		       sizeof(number));
		fixture_set(f, "task_struct", p.task, cases[i].member, cases[i].value);
		fixture_set(f, "pid", number, "tasks[1]", 0);
		fixture_ready(f);
		assert_int_equal(tocsin_process_list(&f->k, &list, NULL), 0);
		assert_int_equal(list.count, 1);
		assert_int_equal(list.contradicted, cases[i].contradicted);
		tocsin_process_list_free(&list);
		fixture_close(f);
	}
}

/* What a kernel has in neither way is said to be unknown, and not read as zero. */
static void test_unknown(void **state)
{
	struct fixture *f = fixture_open(no_start);
	struct tocsin_error err = {0};
	struct tocsin_process_list list;
	struct tocsin_thread_list threads;
	struct tocsin_process p = {.task = FIXTURE_BASE + FIXTURE_DATA};

	fixture_ready(f);
	assert_true(tocsin_process_list(&f->k, &list, &err) < 0);
	assert_true(tocsin_thread_list(&f->k, &p, &threads, NULL) < 0);
	assert_true(err.message[0]);
	fixture_close(f);
	f = fixture_open(no_state);
	p = make_process(f);
	fixture_ready(f);
	assert_int_equal(tocsin_thread_list(&f->k, &p, &threads, NULL), 0);
	assert_int_equal(threads.rows[0].state, '?');
	tocsin_thread_list_free(&threads);
	fixture_close(f);
}

/* ---- the log ---- */

static const struct change no_log[] = {{"printk_ringbuffer", "desc_ring.descs", NULL}, {0}};

static struct fixture *open_log(const struct change *changes)
{
	struct fixture *f = fixture_open(changes);

	make_process(f);
	make_log(f);
	fixture_ready(f);
	return f;
}

static void expect_row(const struct tocsin_log *log, size_t i, uint64_t seq, const char *text,
		       uint8_t level, uint8_t facility)
{
	assert_true(i < log->count);
	assert_int_equal(log->rows[i].seq, seq);
	assert_int_equal(log->rows[i].time, (seq - 39) * 1000);
	assert_int_equal(log->rows[i].level, level);
	assert_int_equal(log->rows[i].facility, facility);
	assert_int_equal(log->rows[i].size, strlen(text));
	assert_memory_equal(log->text + log->rows[i].text, text, strlen(text));
}

static void test_log(void **state)
{
	const struct change *const layouts[] = {NULL, made_records};
	struct tocsin_log log;

	for (int i = 0; i < 2; i++) {
		struct fixture *f = open_log(layouts[i]);

		assert_int_equal(tocsin_log_read(&f->k, &log, NULL), 0);
		assert_int_equal(log.count, 3);
		assert_int_equal(log.torn, 0);
		expect_row(&log, 0, 40, "first", 6, 0);
		expect_row(&log, 1, 41, "second line", 3, 1);
		expect_row(&log, 2, 42, "", 4, 0);
		tocsin_log_free(&log);
		fixture_close(f);
	}
}

static uint64_t symbol(struct fixture *f, const char *name)
{
	uint64_t va;

	assert_int_equal(tocsin_kernel_symbol(&f->k, name, &va), 0);
	return va - FIXTURE_BASE;
}

/*
 * The guest writes over its oldest record while that is read: whenever it does, the text of no
 * record is another's, and what is missing is counted.
 */
static void test_log_overwritten(void **state)
{
	struct fixture *f = open_log(made_records);
	uint64_t buffer;
	struct tocsin_log log;

	memcpy(&buffer, f->bytes + symbol(f, "log_buf"), sizeof(buffer));
	for (uint32_t after = 0; after < 600; after++) {
		uint32_t gap = 1 + after % 23;

		fixture_restore(f);
		/* Number and place of the first, as the kernel moves them, then its text. */
		f->changes[0] = (struct fixture_change){
		    .after = after, .at = symbol(f, "log_first_idx"), .word = 0};
		memcpy((char *)&f->changes[0].word + 4, f->bytes + symbol(f, "log_first_idx") + 4,
		       4);
		f->changes[1] = (struct fixture_change){
		    .after = after + gap, .at = symbol(f, "log_first_seq"), .word = 41};
		f->changes[2] =
		    (struct fixture_change){.after = after + gap + 1,
					    .at = (uint32_t)(buffer - FIXTURE_BASE) + 64 + 16,
					    .word = 0x2121212121212121};
		f->change_count = 3;
		assert_int_equal(tocsin_log_read(&f->k, &log, NULL), 0);
		assert_true(log.count == 3 || log.count == 2);
		for (size_t i = 0; i < log.count; i++)
			if (log.rows[i].seq == 40)
				expect_row(&log, i, 40, "first", 6, 0);
		expect_row(&log, log.count - 2, 41, "second line", 3, 1);
		expect_row(&log, log.count - 1, 42, "", 4, 0);
		tocsin_log_free(&log);
	}
	fixture_close(f);
}

/* What is nonsense in the middle ends the log there, and that is said. */
static void test_log_broken(void **state)
{
	static const uint64_t heads[] = {0, 1 << 0 | 200 << 16, 15, 200, 0xffffffff};
	struct fixture *f = open_log(made_records);
	uint64_t buffer;
	struct tocsin_log log;

	memcpy(&buffer, f->bytes + symbol(f, "log_buf"), sizeof(buffer));
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		fixture_restore(f);
		/* len and text_len of the second record, which is at the beginning */
		memcpy(f->bytes + (buffer - FIXTURE_BASE) + 8, &heads[i], 4);
		assert_int_equal(tocsin_log_read(&f->k, &log, NULL), 0);
		assert_int_equal(log.count, 1);
		assert_true(log.torn > 0);
		tocsin_log_free(&log);
	}
	/* Nothing at all: an error, not an empty log. */
	fixture_restore(f);
	memset(f->bytes + symbol(f, "log_first_idx"), 0xff, 4);
	assert_int_equal(tocsin_log_read(&f->k, &log, NULL), -EINVAL);
	fixture_restore(f);
	memset(f->bytes + symbol(f, "log_buf_len"), 0xff, 4);
	assert_int_equal(tocsin_log_read(&f->k, &log, NULL), -EINVAL);
	fixture_restore(f);
	f->bytes[symbol(f, "log_first_seq")]--; /* one more than there are: none is made up */
	assert_int_equal(tocsin_log_read(&f->k, &log, NULL), -EAGAIN);
	fixture_restore(f);
	memset(f->bytes + symbol(f, "log_next_seq"), 0xff, 8);
	assert_int_equal(tocsin_log_read(&f->k, &log, NULL), -EAGAIN);
	memset(f->bytes + symbol(f, "log_next_idx"), 0xff, 4); /* 2^64 records, nowhere: bounded */
	assert_int_equal(tocsin_log_read(&f->k, &log, NULL), 0);
	assert_true(log.count <= 128 / 16 + 1);
	tocsin_log_free(&log);
	fixture_close(f);
	f = fixture_open(no_log);
	make_process(f);
	fixture_ready(f);
	assert_int_equal(tocsin_log_read(&f->k, &log, NULL), -ENOTSUP);
	fixture_close(f);
}

/* ---- modules ---- */

static const struct change module_core[] = {
    /* before */
    {"module", "mem", "module_core"},
    {"module", "", "core_size:4"},
    {"module", "", "core_text_size:4"},
    {0},
};
static const struct change no_memory[] = {{"module", "mem", NULL}, {0}};

static void test_modules(void **state)
{
	const struct change *const layouts[] = {NULL, made_core_layout, module_core};
	struct tocsin_module_list list;
	struct tocsin_error err = {0};
	struct fixture *f;

	for (int i = 0; i < 3; i++) {
		f = fixture_open(layouts[i]);
		make_process(f);
		make_modules(f);
		fixture_ready(f);
		assert_int_equal(tocsin_module_list(&f->k, &list, NULL), 0);
		assert_int_equal(list.count, 2);
		assert_int_equal(list.torn, 0);
		assert_string_equal(list.rows[0].name, "alpha");
		assert_int_equal(list.rows[0].base, MADE_MODULE);
		assert_int_equal(list.rows[0].text_size, 0x2000);
		assert_int_equal(list.rows[0].size, 0x3000);
		assert_int_equal(list.rows[0].references, 0);
		assert_int_equal(list.rows[0].confidence, TOCSIN_CONSISTENT);
		assert_string_equal(list.rows[1].name, "beta");
		assert_int_equal(list.rows[1].confidence, TOCSIN_CONTRADICTED);
		tocsin_module_list_free(&list);
		fixture_close(f);
	}
	f = fixture_open(no_memory);
	fixture_symbol(f, "modules", FIXTURE_BASE);
	make_process(f);
	fixture_ready(f);
	assert_true(tocsin_module_list(&f->k, &list, &err) < 0);
	assert_true(err.message[0]);
	fixture_close(f);
}

/* A reference count that no kernel has is a number like any other. */
static void test_references(void **state)
{
	struct fixture *f = fixture_open(NULL);
	struct tocsin_module_list list;
	uint64_t module;

	make_process(f);
	make_modules(f);
	fixture_ready(f);
	assert_int_equal(tocsin_module_list(&f->k, &list, NULL), 0);
	module = list.rows[0].module;
	tocsin_module_list_free(&list);
	fixture_set(f, "module", module, "refcnt", 1u << 31);
	assert_int_equal(tocsin_module_list(&f->k, &list, NULL), 0);
	assert_int_equal(list.rows[0].references, INT32_MAX);
	tocsin_module_list_free(&list);
	fixture_close(f);
}

/* ---- VMAs ---- */

static const struct change vma_list[] = {
    /* before 6.1 */
    {"mm_struct", "mm_mt.ma_root", "mmap"},
    {"vm_area_struct", "", "vm_next"},
    {"vm_area_struct", "", "vm_prev"},
    {0},
};
static const struct change no_vmas[] = {{"mm_struct", "mm_mt.ma_root", NULL}, {0}};

static void test_vmas(void **state)
{
	const struct change *const layouts[] = {NULL, vma_list};
	struct tocsin_vma_list list;
	struct tocsin_process p;
	struct fixture *f;

	for (int i = 0; i < 2; i++) {
		f = fixture_open(layouts[i]);
		p = make_process(f);
		make_vmas(f, &p);
		fixture_ready(f);
		assert_int_equal(tocsin_vma_list(&f->k, &p, &list, NULL), 0);
		assert_int_equal(list.count, 2);
		assert_int_equal(list.torn, 0);
		assert_int_equal(list.rows[0].start, 0x400000);
		assert_int_equal(list.rows[0].end, 0x402000);
		assert_string_equal(list.rows[0].path, "/program");
		assert_int_equal(list.rows[1].start, 0x600000);
		assert_false(list.rows[1].has_file);
		tocsin_vma_list_free(&list);
		fixture_close(f);
	}
	f = fixture_open(no_vmas);
	p = make_process(f);
	fixture_ready(f);
	assert_true(tocsin_vma_list(&f->k, &p, &list, NULL) < 0);
	fixture_close(f);
}

/* ---- pages ---- */

static const struct change folio_index[] = {
    /* newer ones have no page.index */
    {"page", "index", "__folio_index"},
    {"folio", "", "flags"},
    {"folio", "", "mapping"},
    {"folio", "", "index"},
    {0},
};

static void test_copies(void **state)
{
	const struct change *const layouts[] = {NULL, folio_index};
	struct tocsin_copy_list list;

	for (int i = 0; i < 2; i++) {
		struct fixture *f = fixture_open(layouts[i]);
		struct tocsin_process p = make_process(f);
		struct tocsin_vma vma = make_copies(f);

		fixture_ready(f);
		assert_int_equal(tocsin_copy_list(&f->k, &p, &vma, &list, NULL), 0);
		assert_int_equal(list.count, 1);
		assert_int_equal(list.torn, 0);
		assert_int_equal(list.rows[0].va, FIXTURE_USER + 2 * TOCSIN_PAGE_SIZE);
		assert_int_equal(list.rows[0].gpa, FIXTURE_USER_AT + 2 * TOCSIN_PAGE_SIZE);
		assert_int_equal(list.rows[0].cached, 0x20 * TOCSIN_PAGE_SIZE);
		tocsin_copy_list_free(&list);
		fixture_close(f);
	}
}

/* ---- what else differs ---- */

static const struct change node_parent[] = {{"kernfs_node", "parent", "__parent"}, {0}}; /* 6.15 */

static void test_details(void **state)
{
	const struct change *const layouts[] = {NULL, node_parent};
	static struct tocsin_process_details d;

	for (int i = 0; i < 2; i++) {
		struct fixture *f = fixture_open(layouts[i]);
		struct tocsin_process p = make_process(f);

		make_details(f, &p);
		fixture_ready(f);
		assert_int_equal(tocsin_process_details(&f->k, &p, &d, NULL), 0);
		assert_int_equal(d.confidence, TOCSIN_CONSISTENT);
		assert_string_equal(d.cgroup, "/system.slice/worker.service");
		assert_string_equal(d.cwd, "/home");
		assert_int_equal(d.pgid, 650);
		assert_int_equal(d.seccomp, 2);
		assert_int_equal(d.thread_count, 2);
		assert_memory_equal(d.environment, "HOME=/root\0A=b", 15);
		tocsin_process_details_free(&d);
		fixture_close(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tasks),      cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_log),        cmocka_unit_test(test_log_overwritten),
	    cmocka_unit_test(test_log_broken), cmocka_unit_test(test_modules),
	    cmocka_unit_test(test_references), cmocka_unit_test(test_vmas),
	    cmocka_unit_test(test_details),    cmocka_unit_test(test_copies),
	    cmocka_unit_test(test_hiding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
