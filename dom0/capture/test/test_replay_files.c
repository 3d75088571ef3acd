// SPDX-License-Identifier: GPL-2.0-or-later
/* The file reader on the files of make_traces.py, which knows nothing of this code. */
#include "capture/capture.h"
#include <tocsin/trigger.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *folder;

struct seen {
	struct tocsin_event event[16];
	size_t count;
};

static int see(void *context, const struct tocsin_event *event)
{
	struct seen *s = context;

	assert_true(s->count < 16);
	s->event[s->count++] = *event;
	return 0;
}

static int read_fixture(const char *name, struct seen *seen, struct tocsin_capture_stats *stats,
			struct tocsin_error *err)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return tocsin_trace_file_read(path, see, seen, stats, err);
}

static void good(void **state)
{
	struct tocsin_capture_stats stats = {0};
	struct tocsin_error err = {0};
	struct seen s = {.count = 0};

	assert_int_equal(read_fixture("good.trace", &s, &stats, &err), 0);
	assert_int_equal(s.count, 4);
	assert_int_equal(stats.triggers, 4);
	assert_int_equal(stats.foreign, 2);
	assert_int_equal(stats.lost + stats.malformed, 0);
	assert_int_equal(s.event[2].cpu, 1);
	assert_int_equal(s.event[2].tsc, 50);
	assert_int_equal(s.event[2].record.domid, 2);
	assert_int_equal(s.event[2].record.vcpu, 1);
	assert_int_equal(s.event[2].record.ecx, TOCSIN_ECX(TOCSIN_OP_MARK));
	assert_true(s.event[2].record.rdx == 0xfeedfacecafebeef);
	assert_int_equal(s.event[2].record.cr3, 0x80002000);
	assert_int_equal(s.event[2].record.seq, 7);
}

static void lossy(void **state)
{
	struct tocsin_capture_stats stats = {0};
	struct tocsin_error err = {0};
	struct seen s = {.count = 0};

	assert_int_equal(read_fixture("lossy.trace", &s, &stats, &err), 0);
	assert_int_equal(stats.triggers, 4);
	assert_int_equal(stats.lost, 9);
	assert_int_equal(stats.malformed, 1);
	assert_int_equal(s.event[1].kind, TOCSIN_EVENT_LOST);
	assert_int_equal(s.event[3].kind, TOCSIN_EVENT_MALFORMED);
}

static void truncated(void **state)
{
	struct tocsin_capture_stats stats = {0};
	struct tocsin_error err = {0};
	struct seen s = {.count = 0};

	assert_int_equal(read_fixture("truncated.trace", &s, &stats, &err), -EBADMSG);
	assert_int_equal(stats.triggers, 3);
	assert_non_null(strstr(err.message, "truncated"));
}

static void unreadable(void **state)
{
	struct tocsin_capture_stats stats = {0};
	struct tocsin_error err = {0};
	struct seen s = {.count = 0};

	assert_int_equal(read_fixture("garbage.trace", &s, &stats, &err), -EBADMSG);
	assert_int_equal(s.count, 0);
	tocsin_error_clear(&err);
	assert_int_equal(read_fixture("absent.trace", &s, &stats, &err), -ENOENT);
	assert_string_equal(err.message, "cannot be opened: No such file or directory");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest list[] = {
	    cmocka_unit_test(good),
	    cmocka_unit_test(lossy),
	    cmocka_unit_test(truncated),
	    cmocka_unit_test(unreadable),
	};

	if (argc != 2)
		return 99;
	folder = argv[1];
	return cmocka_run_group_tests_name("replay-files", list, NULL, NULL);
}
