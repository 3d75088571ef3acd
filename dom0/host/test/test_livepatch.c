// SPDX-License-Identifier: GPL-2.0-or-later
/* livepatch.c over a hypervisor that is slow, busy, refuses, or lies (fake_xen.h). */
#include "fake_xen.h"
#include "host/host.h"
#include "host/livepatch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NAME TOCSIN_LIVEPATCH_NAME

static int setup(void **state)
{
	fake_xen = (struct fake_xen){0};
	return tocsin_livepatch_open((struct tocsin_livepatch **)state, NULL);
}

static int teardown(void **state)
{
	tocsin_livepatch_close(*state);
	return 0;
}

static void no_xen(void **state)
{
	struct tocsin_livepatch *l = NULL;
	struct tocsin_error err = {0};

	fake_xen.no_xen = 1;
	assert_int_equal(tocsin_livepatch_open(&l, &err), -ENOENT);
	assert_null(l);
	assert_non_null(strstr(err.message, "dom0"));
}

static void hypervisor(void **state)
{
	struct tocsin_hypervisor h;

	assert_int_equal(tocsin_livepatch_hypervisor(*state, &h, NULL), 0);
	assert_string_equal(h.version, "4.17.7");
	assert_string_equal(h.build_id, "151b373fd64b321593bf987fd923cd10dabadac4");
	assert_false(h.altp2m);
	fake_xen.altp2m = 1;
	assert_int_equal(tocsin_livepatch_hypervisor(*state, &h, NULL), 0);
	assert_true(h.altp2m);
}

static void whole_life(void **state)
{
	struct tocsin_livepatch *l = *state;
	struct tocsin_payload p = {.code = 77}, *list;
	size_t count = 9;

	assert_int_equal(tocsin_livepatch_get(l, NAME, &p, NULL), -ENOENT);
	assert_int_equal(p.code, 77);
	assert_int_equal(tocsin_livepatch_list(l, &list, &count, NULL), 0);
	assert_int_equal(count, 0);
	fake_xen.polls = 3;
	fake_xen.other = 1;
	assert_int_equal(tocsin_livepatch_upload(l, NAME, fake_build_id, 20, NULL), 0);
	assert_int_equal(tocsin_livepatch_get(l, NAME, &p, NULL), 0);
	assert_false(p.applied);
	assert_int_equal(tocsin_livepatch_apply(l, NAME, NULL), 0);
	assert_int_equal(tocsin_livepatch_apply(l, NAME, NULL), 0);
	assert_int_equal(tocsin_livepatch_list(l, &list, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].name, NAME);
	assert_true(list[0].applied);
	assert_string_equal(list[1].name, "xsa123");
	free(list);
	assert_int_equal(tocsin_livepatch_unload(l, NAME, NULL), -EINVAL);
	fake_xen.other = 0;
	assert_int_equal(tocsin_livepatch_revert(l, NAME, NULL), 0);
	assert_int_equal(tocsin_livepatch_revert(l, NAME, NULL), 0);
	assert_int_equal(tocsin_livepatch_unload(l, NAME, NULL), 0);
	assert_int_equal(tocsin_livepatch_unload(l, NAME, NULL), 0);
	assert_int_equal(tocsin_livepatch_get(l, NAME, &p, NULL), -ENOENT);
}

/* Processors that do not meet in time, some times: Xen says so in the status only. */
static void busy_passes(void **state)
{
	fake_xen.busy = 3;
	fake_xen.polls = 2;
	fake_xen.state = 1;
	assert_int_equal(tocsin_livepatch_apply(*state, NAME, NULL), 0);
	assert_int_equal(fake_xen.state, 2);
	assert_int_equal(fake_xen.busy, 0);
}

static void refused(void **state)
{
	static const struct {
		int code;
		const char *words;
	} cases[] = {{ENODEV, "VM functions"}, {EINVAL, "expects"}, {EPERM, "privileged"}};
	struct tocsin_error err = {0};

	fake_xen.state = 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_xen.apply_errno = cases[i].code;
		tocsin_error_clear(&err);
		assert_int_equal(tocsin_livepatch_apply(*state, NAME, &err), -cases[i].code);
		assert_non_null(strstr(err.message, cases[i].words));
		assert_int_equal(fake_xen.state, 1);
	}
	fake_xen.state = 2;
	fake_xen.rate = 5;
	tocsin_error_clear(&err);
	assert_int_equal(tocsin_livepatch_revert(*state, NAME, &err), -EBUSY);
	assert_non_null(strstr(err.message, "still switched on"));
	assert_int_equal(fake_xen.state, 2);
	fake_xen.state = 0;
	tocsin_error_clear(&err);
	assert_int_equal(tocsin_livepatch_apply(*state, NAME, &err), -ENOENT);
}

static void too_slow(void **state)
{
	struct tocsin_error err = {0};

	fake_xen.state = 1;
	fake_xen.polls = 1000000;
	assert_int_equal(tocsin_livepatch_apply(*state, NAME, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.message, "status"));
}

static void uploads_refused(void **state)
{
	static const struct {
		int code;
		const char *words;
	} cases[] = {{EEXIST, "already"}, {EINVAL, "dmesg"}, {EOPNOTSUPP, "form"}};
	static const char junk[64];
	struct tocsin_error err = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_xen.upload_errno = cases[i].code;
		tocsin_error_clear(&err);
		assert_int_equal(tocsin_livepatch_upload(*state, NAME, junk, 64, &err),
				 -cases[i].code);
		assert_non_null(strstr(err.message, cases[i].words));
	}
	fake_xen.upload_errno = 0;
	assert_int_equal(tocsin_livepatch_upload(*state, NAME, junk, 64, NULL), -EINVAL);
	assert_int_equal(tocsin_livepatch_upload(*state, NAME, junk, 0, NULL), -EFBIG);
	assert_int_equal(tocsin_livepatch_upload(*state, NAME, junk, 3u << 20, NULL), -EFBIG);
}

static void lists_that_fail(void **state)
{
	struct tocsin_payload *list = NULL;
	struct tocsin_error err = {0};
	size_t count = 77;

	fake_xen.no_livepatching = 1;
	assert_int_equal(tocsin_livepatch_list(*state, &list, &count, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.message, "CONFIG_LIVEPATCH"));
	fake_xen.no_livepatching = 0;
	fake_xen.list_errno = EPERM;
	assert_int_equal(tocsin_livepatch_list(*state, &list, &count, NULL), -EPERM);
	fake_xen.list_errno = 0;
	fake_xen.state = 1;
	fake_xen.list_lies = 1;
	assert_int_equal(tocsin_livepatch_list(*state, &list, &count, NULL), -EPROTO);
	assert_null(list);
	assert_int_equal(count, 77);
}

static void perceives(void **state)
{
	struct tocsin_host *h;
	bool yes = true;

	assert_int_equal(tocsin_host_open(&h, NULL), 0);
	assert_int_equal(tocsin_host_perceives(h, &yes, NULL), 0);
	assert_false(yes);
	fake_xen.patched = 1;
	assert_int_equal(tocsin_host_perceives(h, &yes, NULL), 0);
	assert_true(yes);
	fake_xen.patched = 0;
	fake_xen.state = 2;
	yes = false;
	assert_int_equal(tocsin_host_perceives(h, &yes, NULL), 0);
	assert_true(yes);
	tocsin_host_close(h);
}

static void rate_refused(void **state)
{
	struct tocsin_error err = {0};
	struct tocsin_host *h;

	assert_int_equal(tocsin_host_open(&h, NULL), 0);
	assert_int_equal(tocsin_host_set_rate(h, 1, 5, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.message, "tocsin hypervisor install"));
	fake_xen.state = 2;
	tocsin_error_clear(&err);
	fake_xen.rate_errno = EOPNOTSUPP;
	assert_int_equal(tocsin_host_set_rate(h, 1, 5, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.message, "nested"));
	fake_xen.rate_errno = 0;
	assert_int_equal(tocsin_host_set_rate(h, 1, 5, NULL), 0);
	assert_int_equal(fake_xen.rate, 5);
	tocsin_host_close(h);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest list[] = {
	    TEST(no_xen),    TEST(hypervisor),   TEST(whole_life),      TEST(busy_passes),
	    TEST(refused),   TEST(too_slow),     TEST(uploads_refused), TEST(lists_that_fail),
	    TEST(perceives), TEST(rate_refused),
	};

	return cmocka_run_group_tests_name("livepatch", list, NULL, NULL);
}
