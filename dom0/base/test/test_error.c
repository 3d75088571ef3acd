/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

static void first_reason_wins(void **state)
{
	struct tocsin_error err = {0};

	assert_int_equal(tocsin_error_at(&err, -EFAULT, 0x1000, "page %d is a hole", 1), -EFAULT);
	assert_int_equal(tocsin_error_set(&err, -EINVAL, "something else"), -EINVAL);
	assert_int_equal(err.code, -EFAULT);
	assert_int_equal(err.address, 0x1000);
	assert_string_equal(err.message, "page 1 is a hole");
	tocsin_error_clear(&err);
	assert_int_equal(err.code, 0);
	assert_string_equal(err.message, "");
}

static void no_error_struct_is_fine(void **state)
{
	assert_int_equal(tocsin_error_set(NULL, -ENOENT, "nobody reads this"), -ENOENT);
	tocsin_error_clear(NULL);
}

static void a_long_message_is_cut(void **state)
{
	struct tocsin_error err = {0};
	char text[1024];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	tocsin_error_set(&err, -EINVAL, "%s", text);
	assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
}

int main(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(first_reason_wins),
	    cmocka_unit_test(no_error_struct_is_fine),
	    cmocka_unit_test(a_long_message_is_cut),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
