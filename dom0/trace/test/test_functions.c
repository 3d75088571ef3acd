// SPDX-License-Identifier: GPL-2.0-or-later
/* Which functions are traced by default, in kernels that have them under different names. */
#include "trace/functions.h"

#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool has(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static void names_of_this_kernel(void **state)
{
	static const uint8_t nop[] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
	static const char *const silent[] = {"security_sk_alloc", "security_inode_alloc",
					     "d_set_d_op", "unhash_mnt", "set_fs_root"};
	const char *names[TOCSIN_TRACE_FUNCTIONS_MAX];
	struct fixture *f = fixture_open(NULL);
	size_t count;

	fixture_symbol(f, "__send_signal", FIXTURE_TEXT);
	fixture_put(f, FIXTURE_TEXT, nop, sizeof(nop));
	fixture_symbol(f, "__x64_sys_process_vm_writev", FIXTURE_TEXT + 0xc0);
	/* There, but not to be traced: the older one is. */
	fixture_symbol(f, "security_file_free", FIXTURE_TEXT + 0x40);
	fixture_symbol(f, "__fput", FIXTURE_TEXT + 0x80);
	fixture_put(f, FIXTURE_TEXT + 0x80, nop, sizeof(nop));
	fixture_ready(f);
	count = tocsin_trace_functions(&f->k, false, names);
	assert_in_range(count, 20, TOCSIN_TRACE_FUNCTIONS_MAX);
	assert_true(has(names, count, "__send_signal"));
	assert_false(has(names, count, "__send_signal_locked"));
	assert_true(has(names, count, "__fput"));
	assert_true(has(names, count, "do_exit")); /* which it lacks */
	for (size_t i = 0; i < count; i++)
		if (!has(silent, sizeof(silent) / sizeof(silent[0]), names[i]))
			assert_non_null(tocsin_trace_function_event(names[i]));
	/* A system call that there is not is not one that goes unseen. */
	assert_false(has(names, count, "__ia32_sys_process_vm_writev"));
	assert_true(has(names, count, "__x64_sys_process_vm_writev"));
	/* Only where memory of closed files is the next one's at once. */
	count = tocsin_trace_functions(&f->k, true, names);
	assert_true(has(names, count, "security_file_permission"));
	assert_false(has(names, count, "stream_open"));
	assert_string_equal(tocsin_trace_function_event("send_signal"), "signal");
	assert_null(tocsin_trace_function_event("memcpy"));
	fixture_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(names_of_this_kernel)};

	return cmocka_run_group_tests_name("functions", tests, NULL, NULL);
}
