/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reports read back: JSON by a parser, text by comparison, hostile bytes in both. */
#include "output/formats.h"

#include <tocsin/request.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

static struct tocsin_report r;
static struct tocsin_process process;
static struct tocsin_findings findings;
static struct tocsin_verdict verdict;
static char *out;
static size_t out_size;

static int setup(void **state)
{
	struct tocsin_finding *f;

	memset(&r, 0, sizeof(r));
	memset(&process, 0, sizeof(process));
	memset(&findings, 0, sizeof(findings));
	r.kind = TOCSIN_REPORT_VERDICT;
	r.time = 1700000000123456789u;
	strcpy(r.domain, "guest");
	r.domain_uuid[0] = 0xab;
	r.record.domid = 7;
	r.record.seq = 42;
	r.record.cr3 = 0xffffffffffffffffu;
	process.pid = 100;
	process.uid = 1000;
	strcpy(process.comm, "ev\x1b[2J\"il");
	strcpy(process.exe, "/tmp/\xff\xc3\xa4");
	memcpy(process.cmdline, "a\0\0b c", 6);
	process.cmdline_size = 6;
	f = tocsin_findings_add(&findings, "memory", "memory.test", TOCSIN_SEVERITY_HIGH);
	f->start = 0x7f0000000000;
	f->end = 0x7f0000001000;
	memcpy(f->evidence, "\x90\xcc", 2);
	f->evidence_size = 2;
	strcpy(f->what, "a page");
	strcpy(f->why, "because");
	tocsin_verdict_decide(&findings, &verdict);
	r.asker = r.target = &process;
	r.findings = &findings;
	r.verdict = &verdict;
	r.duration = 5000;
	return 0;
}

static int teardown(void **state)
{
	free(out);
	out = NULL;
	return 0;
}

static void render(const char *format)
{
	FILE *to = open_memstream(&out, &out_size);

	assert_non_null(to);
	assert_int_equal(tocsin_output_find(format)->write(to, &r), 0);
	fclose(to);
}

/* The member at a path such as "domain/name", as text. */
static const char *member(struct json_object *o, const char *key)
{
	char name[64];
	size_t n = strcspn(key, "/");

	snprintf(name, sizeof(name), "%.*s", (int)n, key);
	assert_true(json_object_object_get_ex(o, name, &o));
	return key[n] ? member(o, key + n + 1) : json_object_get_string(o);
}

static struct json_object *parse(void)
{
	struct json_object *o;

	assert_ptr_equal(strchr(out, '\n'), out + out_size - 1); /* one line */
	o = json_tokener_parse(out);
	assert_non_null(o);
	return o;
}

static void json_verdict(void **state)
{
	struct json_object *o, *list, *f;

	render("json");
	o = parse();
	assert_string_equal(member(o, "schema"), "1");
	assert_string_equal(member(o, "kind"), "verdict");
	assert_string_equal(member(o, "time"), "1700000000123456789");
	assert_string_equal(member(o, "domain/id"), "7");
	assert_string_equal(member(o, "domain/uuid"), "ab000000-0000-0000-0000-000000000000");
	assert_string_equal(member(o, "trigger/cr3"), "0xffffffffffffffff");
	assert_string_equal(member(o, "trigger/ticket"), "42");
	assert_string_equal(member(o, "target/comm"), "ev\\x1b[2J\"il");
	assert_string_equal(member(o, "target/exe"), "/tmp/\\xff\xc3\xa4");
	assert_string_equal(member(o, "target/cmdline"), "[ \"a\", \"\", \"b c\" ]");
	assert_string_equal(member(o, "verdict/name"), "suspicious");
	assert_string_equal(member(o, "verdict/score"), "40");
	assert_string_equal(member(o, "answered"), "false");
	assert_string_equal(member(o, "figures/duration_ns"), "5000");
	assert_true(json_object_object_get_ex(o, "findings", &list));
	assert_int_equal(json_object_array_length(list), 1);
	f = json_object_array_get_idx(list, 0);
	assert_string_equal(member(f, "rule"), "memory.test");
	assert_string_equal(member(f, "severity"), "high");
	assert_string_equal(member(f, "start"), "0x7f0000000000");
	assert_string_equal(member(f, "evidence"), "90cc");
	json_object_put(o);
}

static void json_loss(void **state)
{
	struct json_object *o, *none;

	r.kind = TOCSIN_REPORT_LOSS;
	r.lost = 9;
	r.reason = "ring full";
	render("json");
	o = parse();
	assert_string_equal(member(o, "kind"), "loss");
	assert_string_equal(member(o, "lost"), "9");
	assert_string_equal(member(o, "reason"), "ring full");
	assert_false(json_object_object_get_ex(o, "trigger", &none));
	assert_false(json_object_object_get_ex(o, "verdict", &none));
	json_object_put(o);
}

static void json_unknown_process(void **state)
{
	struct json_object *o, *none;

	r.kind = TOCSIN_REPORT_ERROR;
	r.asker = r.target = NULL;
	r.findings = NULL;
	r.verdict = NULL;
	r.reason = "no such process";
	render("json");
	o = parse();
	assert_string_equal(member(o, "reason"), "no such process");
	assert_false(json_object_object_get_ex(o, "target", &none));
	assert_false(json_object_object_get_ex(o, "findings", &none));
	json_object_put(o);
}

static void text_verdict(void **state)
{
	render("text");
	assert_string_equal(out,
			    "2023-11-14T22:13:20.123Z verdict domain 7 (guest) ticket 42 process "
			    "100 (ev\\x1b[2J\"il, uid 1000) /tmp/\\xff\xc3\xa4: suspicious: "
			    "memory.test (score 40), not answered, 5 us\n"
			    "  high memory.test at 0x7f0000000000-0x7f0000001000: a page\n"
			    "    because\n");
}

static void text_loss(void **state)
{
	r.kind = TOCSIN_REPORT_LOSS;
	r.findings = NULL;
	r.time = 0;
	r.tsc = 5;
	r.lost = 9;
	r.reason = "ring full";
	render("text");
	assert_string_equal(out, "tsc 5 loss of 9 records: ring full\n");
}

static void write_errors_are_reported(void **state)
{
	for (const struct tocsin_output *o = tocsin_outputs; o->name; o++) {
		FILE *full = fopen("/dev/full", "w");

		assert_non_null(full);
		assert_true(o->write(full, &r) < 0);
		fclose(full);
	}
}

static void expect_clean(const char *in, const char *want)
{
	char ret[64];

	assert_int_equal(tocsin_output_clean(in, strlen(in), ret, sizeof(ret)), strlen(want));
	assert_string_equal(ret, want);
}

static void cleans(void **state)
{
	char ret[5];

	expect_clean("plain \xe2\x82\xac \xf0\x9f\x94\x94", "plain \xe2\x82\xac \xf0\x9f\x94\x94");
	expect_clean("a\nb\x7f", "a\\x0ab\\x7f");
	expect_clean("\xc2\x9b", "\\xc2\\x9b");                   /* CSI as U+009B */
	expect_clean("\xc0\x80", "\\xc0\\x80");                   /* overlong */
	expect_clean("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* surrogate */
	expect_clean("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* beyond U+10FFFF */
	expect_clean("\xe2\x82", "\\xe2\\x82");                   /* cut short */
	expect_clean("\\x41", "\\x5cx41");                        /* an escape cannot be forged */
	assert_int_equal(tocsin_output_clean("abc\n", 4, ret, sizeof(ret)), 3);
	assert_string_equal(ret, "abc");
}

static void finds(void **state)
{
	assert_ptr_equal(tocsin_output_find("json"), &tocsin_outputs[0]);
	assert_null(tocsin_output_find("xml"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest list[] = {
	    T(json_verdict), T(json_loss), T(json_unknown_process),
	    T(text_verdict), T(text_loss), T(write_errors_are_reported),
	    T(cleans),       T(finds),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}
