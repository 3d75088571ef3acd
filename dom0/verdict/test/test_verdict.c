/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verdict's rule, one case for each branch and for its bounds. */
#include "verdict/verdict.h"

#include <tocsin/request.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct tocsin_findings f;
static struct tocsin_verdict v;

static int reset(void **state)
{
	memset(&f, 0, sizeof(f));
	memset(&v, 0xff, sizeof(v));
	return 0;
}

static void expect(uint32_t verdict, uint32_t score, const char *text)
{
	tocsin_verdict_decide(&f, &v);
	assert_int_equal(v.verdict, verdict);
	assert_int_equal(v.score, score);
	assert_string_equal(v.text, text);
}

static void nothing_is_clean(void **state)
{
	size_t i;

	expect(TOCSIN_VERDICT_CLEAN, 0, "clean");
	for (i = 5; i < sizeof(v.text); i++) /* padded: it goes into guest memory */
		assert_int_equal(v.text[i], 0);
}

static void severities_weigh(void **state)
{
	tocsin_findings_add(&f, "a", "x.info", TOCSIN_SEVERITY_INFO);
	expect(TOCSIN_VERDICT_CLEAN, 0, "clean");
	tocsin_findings_add(&f, "a", "x.medium", TOCSIN_SEVERITY_MEDIUM);
	expect(TOCSIN_VERDICT_CLEAN, 20, "clean");
	tocsin_findings_add(&f, "a", "x.high", TOCSIN_SEVERITY_HIGH);
	expect(TOCSIN_VERDICT_SUSPICIOUS, 60, "suspicious: x.high");
	tocsin_findings_add(&f, "a", "x.critical", TOCSIN_SEVERITY_CRITICAL);
	expect(TOCSIN_VERDICT_MALICIOUS, 100, "malicious: x.critical");
}

static void one_critical_is_malicious(void **state)
{
	tocsin_findings_add(&f, "a", "x", TOCSIN_SEVERITY_CRITICAL);
	expect(TOCSIN_VERDICT_MALICIOUS, 80, "malicious: x");
}

static void repeats_do_not_add_up(void **state)
{
	int i;

	for (i = 0; i < 200; i++)
		tocsin_findings_add(&f, "a", "x", TOCSIN_SEVERITY_LOW);
	expect(TOCSIN_VERDICT_CLEAN, 10, "clean");
}

static void unreadable_is_inconclusive_unless_malicious(void **state)
{
	strcpy(f.unreadable, "the task's mm\n is in a hole");
	expect(TOCSIN_VERDICT_INCONCLUSIVE, 0, "inconclusive: the task's mm? is in a hole");
	tocsin_findings_add(&f, "a", "x", TOCSIN_SEVERITY_HIGH);
	expect(TOCSIN_VERDICT_INCONCLUSIVE, 40, "inconclusive: the task's mm? is in a hole");
	tocsin_findings_add(&f, "a", "x", TOCSIN_SEVERITY_HIGH);
	expect(TOCSIN_VERDICT_MALICIOUS, 80, "malicious: x");
}

static void truncated_is_never_clean(void **state)
{
	f.truncated = true;
	tocsin_verdict_decide(&f, &v);
	assert_int_equal(v.verdict, TOCSIN_VERDICT_INCONCLUSIVE);
	tocsin_findings_add(&f, "a", "x", TOCSIN_SEVERITY_HIGH);
	expect(TOCSIN_VERDICT_SUSPICIOUS, 40, "suspicious: x");
}

static void long_reason_is_cut_and_terminated(void **state)
{
	memset(f.unreadable, 'r', sizeof(f.unreadable) - 1);
	tocsin_verdict_decide(&f, &v);
	assert_int_equal(strnlen(v.text, sizeof(v.text)), sizeof(v.text) - 1);
}

static void full_is_counted(void **state)
{
	char rule[80];
	size_t i;

	for (i = 0; i < TOCSIN_FINDINGS_MAX; i++) {
		memset(rule, 'x', sizeof(rule));
		snprintf(rule + 70, 10, "%zu", i);
		assert_non_null(tocsin_findings_add(&f, "a", rule, TOCSIN_SEVERITY_INFO));
	}
	assert_int_equal(strlen(f.rows[3].rule), sizeof(f.rows[3].rule) - 1);
	assert_null(tocsin_findings_add(&f, "a", "one", TOCSIN_SEVERITY_CRITICAL));
	assert_int_equal(f.count, TOCSIN_FINDINGS_MAX);
	assert_int_equal(f.dropped, 1);
	tocsin_verdict_decide(&f, &v);
	assert_int_equal(v.verdict, TOCSIN_VERDICT_INCONCLUSIVE);
}

static void names(void **state)
{
	assert_string_equal(tocsin_verdict_name(TOCSIN_VERDICT_INCONCLUSIVE), "inconclusive");
	assert_string_equal(tocsin_verdict_name(99), "none");
	assert_string_equal(tocsin_severity_name(TOCSIN_SEVERITY_HIGH), "high");
	assert_string_equal(tocsin_severity_name((enum tocsin_severity)99), "unknown");
}

int main(void)
{
	const struct CMUnitTest list[] = {
	    cmocka_unit_test_setup(nothing_is_clean, reset),
	    cmocka_unit_test_setup(severities_weigh, reset),
	    cmocka_unit_test_setup(one_critical_is_malicious, reset),
	    cmocka_unit_test_setup(repeats_do_not_add_up, reset),
	    cmocka_unit_test_setup(unreadable_is_inconclusive_unless_malicious, reset),
	    cmocka_unit_test_setup(truncated_is_never_clean, reset),
	    cmocka_unit_test_setup(long_reason_is_cut_and_terminated, reset),
	    cmocka_unit_test_setup(full_is_counted, reset),
	    cmocka_unit_test_setup(names, reset),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}
