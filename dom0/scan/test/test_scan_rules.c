/* SPDX-License-Identifier: GPL-2.0-or-later */
/* YARA rules over made-up memory: those that are shipped, and what is hard about blocks of it. */
#include "made_up.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MARKER "TOCSIN-TRIAL-STRING!THIS-STANDS-FOR-MALWARE!8d1f6c"

static struct tocsin_rules *rules;

static int load(void **state)
{
	const char *const directories[] = {getenv("TOCSIN_RULES"), NULL};
	struct tocsin_error err = {0};

	return tocsin_rules_load(directories, NULL, NULL, &rules, &err);
}

static int unload(void **state)
{
	tocsin_rules_free(rules);
	return 0;
}

static int made_up_with_rules(void **state)
{
	made_up(state);
	target.rules = rules;
	return 0;
}

static void shipped_rules_load(void **state)
{
	assert_int_equal(tocsin_rules_count(rules), 4);
}

static void nothing_matches_zeroes(void **state)
{
	scan();
	assert_int_equal(findings.count, 0);
	assert_int_equal(findings.pages_present, PAGES);
	assert_int_equal(findings.pages_read, PAGES);
	assert_false(findings.truncated);
	assert_string_equal(findings.unreadable, "");
}

static void marker_is_found(void **state)
{
	uint64_t at = 3 * TOCSIN_PAGE_SIZE - 20; /* across two pages */

	memcpy(ram + at, MARKER, strlen(MARKER));
	absent[0] = absent[5] = true;
	scan();
	assert_int_equal(findings.pages_present, PAGES - 2);
	assert_int_equal(findings.rows[0].start, BASE + at);
	assert_int_equal(findings.rows[0].end, BASE + at + strlen(MARKER));
	assert_memory_equal(findings.rows[0].evidence, MARKER, TOCSIN_EVIDENCE_SIZE);
	memset(&findings, 0, sizeof(findings));
	expect_one("yara.tocsin_test_malicious", TOCSIN_SEVERITY_CRITICAL);
	absent[3] = true;
	scan();
	assert_int_equal(findings.count, 0);
}

/* Wherever it lies around the place where one block of memory ends and the next begins. */
static void marker_across_a_seam_is_found(void **state)
{
	const size_t seam = 1u << 20;

	for (size_t before = 0; before <= strlen(MARKER); before += 10) {
		memset(ram, 0, sizeof(ram));
		memcpy(ram + seam - before, MARKER, strlen(MARKER));
		expect_one("yara.tocsin_test_malicious", TOCSIN_SEVERITY_CRITICAL);
	}
}

/* Where what is next to each other lies apart, and nothing is copied that lies together. */
static void marker_across_stretches_is_found(void **state)
{
	const size_t half = sizeof(ram) / 2, size = strlen(MARKER);

	mapped = halves = true;
	nothing();
	assert_int_equal(findings.pages_present, PAGES);
	assert_int_equal(findings.pages_read, PAGES);
	memset(&findings, 0, sizeof(findings));
	for (size_t before = 0; before <= size; before += 10) {
		memset(ram, 0, sizeof(ram));
		memcpy(ram + sizeof(ram) - before, MARKER, before);
		memcpy(ram, MARKER + before, size - before);
		scan();
		assert_int_equal(findings.count, 1);
		assert_int_equal(findings.rows[0].start, BASE + half - before);
		memset(&findings, 0, sizeof(findings));
	}
}

/* More threads than blocks, and room for them in mappings of which little is there. */
static void many_threads_see_the_same(void **state)
{
	const size_t seam = 1u << 20;

	target.limits.threads = 4;
	rows[0].end = BASE + (64u << 20);
	nothing();
	memset(&findings, 0, sizeof(findings));
	for (size_t before = 0; before <= strlen(MARKER); before += 10) {
		memset(ram, 0, sizeof(ram));
		memcpy(ram + seam - before, MARKER, strlen(MARKER));
		memcpy(ram + 5000, MARKER, strlen(MARKER));
		scan();
		assert_int_equal(findings.pages_present, PAGES);
		assert_int_equal(findings.pages_read, PAGES);
		assert_int_equal(findings.rows[0].start, BASE + 5000);
		memset(&findings, 0, sizeof(findings));
		expect_one("yara.tocsin_test_malicious", TOCSIN_SEVERITY_CRITICAL);
	}
	changes_after_read = 1;
	nothing();
	walk_error = -ENODEV;
	scan();
	assert_non_null(strstr(findings.unreadable, "yara: memory cannot be read"));
}

/* What needs to see several blocks, in whichever way, decides the same with one thread and four. */
static void conditions_over_blocks(void **state)
{
	static const struct {
		const char *rule;
		bool found;
	} cases[] = {
	    {"rule r { strings: $a = \"first part\" $b = \"second part\" condition: $a and $b }",
	     true},
	    {"rule r { strings: $a = \"first part\" condition: #a == 3 }", true},
	    {"rule r { strings: $a = \"first part\" condition: #a == 2 }", false},
	    {"rule r { strings: $a = \"no such part\" condition: not $a }", true},
	    {"rule r { strings: $a = \"first part\" condition: @a[3] > @a[1] + 0x1f0000 }", true},
	    {"rule r { strings: $a = { 66 69 72 73 74 [300-3000000] 73 65 63 6f 6e 64 } "
	     "condition: $a }",
	     true},
	    {"rule r { condition: uint32(0x10000) == 0x73726966 }", true},
	    {"rule r { strings: $a = \"second part\" condition: $a and uint32(0x180000) == 7 }",
	     true},
	    {"rule r { strings: $a = \"zq#xw!\" condition: not $a }", true},
	    {"rule r { condition: true }", true},
	    /* the third is none, which shows only together with the page before */
	    {"rule r { strings: $a = \"first part\" fullword $b = \"second part\" "
	     "condition: #a == 2 and $b }",
	     true},
	};
	char dir[] = "/tmp/tocsin-rules-XXXXXX";
	struct tocsin_rules *some;

	assert_non_null(mkdtemp(dir));
	rows[0].end = BASE + (64u << 20);
	strcpy((char *)ram, "first part");
	strcpy((char *)ram + 0x100ffa, "first part"); /* across the seam, in one block */
	strcpy((char *)ram + 0x200000, "first part");
	strcpy((char *)ram + 0x200800, "second part");
	ram[0x1fffff] = 'x';
	ram[0x170000] = 7; /* nothing else is near */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_rules(dir, cases[i].rule, &some);
		target.rules = some;
		for (unsigned int threads = 1; threads <= 4; threads += 3) {
			target.limits.threads = threads;
			scan();
			if (findings.count != cases[i].found || findings.unreadable[0])
				fail_msg("%u threads: %zu findings, %s: %s", threads,
					 findings.count, findings.unreadable, cases[i].rule);
			memset(&findings, 0, sizeof(findings));
		}
		tocsin_rules_free(some);
	}
	rmdir(dir);
}

/* Memory that consists of matches may not cost more than it may. */
static void matches_are_bounded(void **state)
{
	char dir[] = "/tmp/tocsin-rules-XXXXXX";
	struct tocsin_rules *some;

	assert_non_null(mkdtemp(dir));
	write_rules(dir, "rule r { strings: $a = \"AAAA\" condition: #a > 1 }", &some);
	memset(ram, 'A', sizeof(ram));
	rows[0].end = BASE + (64u << 20);
	target.rules = some;
	target.limits.memory = 1u << 20;
	for (unsigned int threads = 1; threads <= 4; threads += 3) {
		target.limits.threads = threads;
		scan();
		assert_int_equal(findings.count, 1);
		assert_true(findings.truncated);
		assert_true(findings.pages_read < PAGES || threads > 1);
		memset(&findings, 0, sizeof(findings));
	}
	tocsin_rules_free(some);
	rmdir(dir);
}

static void shellcode_is_found(void **state)
{
	static const uint8_t code[] = {0x31, 0xf6, 0x56, 0x48, 0xbb, '/',  'b',  'i',
				       'n',  '/',  '/',  's',  'h',  0x53, 0x54, 0x5f,
				       0x6a, 0x3b, 0x58, 0x99, 0x0f, 0x05};

	memcpy(ram + 100, code, sizeof(code));
	expect_one("yara.shellcode_execve_shell", TOCSIN_SEVERITY_CRITICAL);
}

static void torn_match_is_no_finding(void **state)
{
	memcpy(ram + 10, MARKER, strlen(MARKER));
	changes_after_read = 1;
	scan();
	assert_int_equal(findings.count, 0);
	assert_int_equal(findings.pages_torn, 1);
}

static void bound_on_bytes_truncates(void **state)
{
	memcpy(ram + 4 * TOCSIN_PAGE_SIZE, MARKER, strlen(MARKER));
	target.limits.max_bytes = 2 * TOCSIN_PAGE_SIZE;
	scan();
	assert_int_equal(findings.pages_read, 2);
	assert_true(findings.truncated);
}

/* With one thread and with several, in a sieve's windows and without any. */
static void out_of_time_is_said(void **state)
{
	rows[0].end = BASE + (64u << 20);
	for (unsigned int way = 0; way < 4; way++) {
		if (way & 2)
			memcpy(ram + sizeof(ram) - TOCSIN_PAGE_SIZE, MARKER, strlen(MARKER));
		target.limits.seconds = 2;
		target.limits.threads = way & 1 ? 4 : 1;
		clock_leaps = 1;
		scan();
		clock_leaps = 0;
		assert_int_equal(findings.count, 0);
		assert_true(findings.truncated);
		assert_non_null(strstr(findings.unreadable, "yara: rules took too long"));
		memset(&findings, 0, sizeof(findings));
	}
	target.limits.seconds = 0;
	expect_one("yara.tocsin_test_malicious", TOCSIN_SEVERITY_CRITICAL);
}

static void guest_gone_is_said(void **state)
{
	walk_error = -ENODEV;
	scan();
	assert_int_equal(findings.count, 0);
	assert_non_null(strstr(findings.unreadable, "yara: memory cannot be read"));
}

static void note_complaint(const char *message, void *context)
{
	snprintf(context, 256, "%s", message);
}

/* It is reported with its place, and the others work. */
static void broken_rules_are_left_out(void **state)
{
	char dir[] = "/tmp/tocsin-rules-XXXXXX", path[64], complaint[256] = "";
	const char *const directories[] = {dir, NULL};
	struct tocsin_rules *some = NULL;
	struct tocsin_error err = {0};
	FILE *f;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.yar", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("rule fine { condition: true }\nrule broken { condition: $nothing }\n", f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/b.yar", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("rule marker { strings: $a = \"nine lives\" condition: $a }\n", f);
	fclose(f);
	assert_int_equal(tocsin_rules_load(directories, note_complaint, complaint, &some, &err), 0);
	assert_int_equal(tocsin_rules_count(some), 1);
	assert_int_equal(tocsin_rules_broken(some), 1);
	assert_non_null(strstr(complaint, "a.yar:2: "));
	memcpy(ram + 5000, "nine lives", 10);
	target.rules = some;
	expect_one("yara.marker", TOCSIN_SEVERITY_HIGH);
	tocsin_rules_free(some);
	unlink(path);
	snprintf(path, sizeof(path), "%s/a.yar", dir);
	unlink(path);
	assert_int_equal(tocsin_rules_load(directories, note_complaint, complaint, &some, &err), 0);
	assert_int_equal(tocsin_rules_broken(some), 1);
	assert_non_null(strstr(complaint, "has no file *.yar"));
	tocsin_rules_free(some);
	rmdir(dir);
	assert_int_equal(tocsin_rules_load(directories, NULL, NULL, &some, &err), -ENOENT);
}

#define T(f) cmocka_unit_test_setup(f, made_up)
#define R(f) cmocka_unit_test_setup(f, made_up_with_rules)

int main(void)
{
	const struct CMUnitTest list[] = {
	    R(shipped_rules_load),
	    R(nothing_matches_zeroes),
	    R(marker_is_found),
	    R(marker_across_a_seam_is_found),
	    R(marker_across_stretches_is_found),
	    R(many_threads_see_the_same),
	    T(conditions_over_blocks),
	    T(as_many_as_in_one_piece),
	    T(matches_are_bounded),
	    R(shellcode_is_found),
	    R(torn_match_is_no_finding),
	    R(bound_on_bytes_truncates),
	    R(out_of_time_is_said),
	    R(guest_gone_is_said),
	    T(broken_rules_are_left_out),
	};

	return cmocka_run_group_tests_name("scan_rules", list, load, unload);
}
