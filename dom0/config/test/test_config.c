// SPDX-License-Identifier: GPL-2.0-or-later
/* The configuration: what a file means, and that each mistake in it is told with its line. */
#include "config/config.h"
#include "scan/scan.h"

#include <tocsin/request.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char told[32][512];
static size_t told_count;

static void complain(const char *message, void *context)
{
	if (told_count < 32)
		strcpy(told[told_count], message);
	told_count++;
}

static int parse(const char *text, struct tocsin_config **ret)
{
	told_count = 0;
	return tocsin_config_parse("f", text, strlen(text), complain, NULL, ret, NULL);
}

static void expect(const char *message)
{
	for (size_t i = 0; i < told_count; i++)
		if (strstr(told[i], message))
			return;
	for (size_t i = 0; i < told_count; i++)
		print_message("# told: %s\n", told[i]);
	fail_msg("nobody told '%s'", message);
}

static const uint8_t uuid[16] = {0x6f, 0x1f, 0x5a, 0x70};

static void nothing_is_defaults(void **state)
{
	struct tocsin_config *c;
	struct tocsin_policy p;

	assert_int_equal(parse("", &c), 0);
	assert_string_equal(c->key, "/var/lib/tocsin/ed25519.key");
	assert_string_equal(c->api_socket, "");
	tocsin_config_policy(c, "a", uuid, &p);
	assert_int_equal(p.enabled, TOCSIN_SWITCH_KEEP);
	assert_int_equal(p.rate, 1000);
	assert_int_equal(p.schedule, 0);
	assert_int_equal(p.scans, UINT32_MAX);
	assert_int_equal(p.actions[TOCSIN_VERDICT_CLEAN], TOCSIN_ACTION_LOG);
	assert_int_equal(p.actions[TOCSIN_VERDICT_MALICIOUS],
			 TOCSIN_ACTION_LOG | TOCSIN_ACTION_NOTIFY);
	tocsin_config_free(c);
}

static void all_settings(void **state)
{
	struct tocsin_config *c;

	assert_int_equal(parse("log = { file = \"/l\"; format = \"text\"; journal = true; };\n"
			       "metrics = { file = \"/m\"; period = 3; };\n"
			       "api = { socket = \"/s\"; group = \"ops\"; };\n"
			       "rules = [ \"/r1\", \"/r2\" ]; key = \"/k\";\n"
			       "dump = { folder = \"/d\"; size = 2; total = 4; };\n",
			       &c),
			 0);
	assert_string_equal(c->log_file, "/l");
	assert_int_equal(c->log_format, 1);
	assert_true(c->log_journal);
	assert_string_equal(c->metrics_file, "/m");
	assert_int_equal(c->metrics_period, 3);
	assert_string_equal(c->api_socket, "/s");
	assert_string_equal(c->api_group, "ops");
	assert_int_equal(c->rule_count, 2);
	assert_string_equal(c->rules[1], "/r2");
	assert_string_equal(c->key, "/k");
	assert_string_equal(c->dump_folder, "/d");
	assert_int_equal(c->dump_size, 2);
	assert_int_equal(c->dump_total, 4);
	tocsin_config_free(c);
}

/* The first policy that names the guest and has the setting. */
static void first_that_has_it(void **state)
{
	struct tocsin_config *c;
	struct tocsin_policy p;

	assert_int_equal(
	    parse("policies = (\n"
		  "{ guests = [ \"shop-*\", \"6F1F5A70-0000-0000-0000-000000000000\" ];\n"
		  "  rate = 5; actions = { malicious = \"dump\"; clean = [ ]; }; },\n"
		  "{ guests = \"*\"; rate = 7; enabled = false; schedule = 30; scans = "
		  "[ \"memory\", \"process\" ];\n"
		  "  actions = { malicious = \"log\"; inconclusive = \"notify\"; }; },\n"
		  "{ guests = \"*\"; enabled = true; } );",
		  &c),
	    0);
	tocsin_config_policy(c, "shop-1", (uint8_t[16]){0}, &p);
	assert_int_equal(p.rate, 5);
	assert_int_equal(p.enabled, TOCSIN_SWITCH_OFF);
	assert_int_equal(p.schedule, 30);
	assert_int_equal(p.actions[TOCSIN_VERDICT_MALICIOUS], TOCSIN_ACTION_DUMP);
	assert_int_equal(p.actions[TOCSIN_VERDICT_CLEAN], 0);
	assert_int_equal(p.actions[TOCSIN_VERDICT_INCONCLUSIVE], TOCSIN_ACTION_NOTIFY);
	for (unsigned int i = 0; tocsin_scanners[i].name; i++)
		assert_int_equal((p.scans >> i) & 1,
				 !strcmp(tocsin_scanners[i].name, "memory") ||
				     !strcmp(tocsin_scanners[i].name, "process"));
	tocsin_config_policy(c, "other", uuid, &p); /* by its UUID */
	assert_int_equal(p.rate, 5);
	tocsin_config_policy(c, "other", (uint8_t[16]){0}, &p);
	assert_int_equal(p.rate, 7);
	assert_int_equal(p.actions[TOCSIN_VERDICT_MALICIOUS], TOCSIN_ACTION_LOG);
	tocsin_config_free(c);
}

static void all_mistakes_at_once(void **state)
{
	struct tocsin_config *c = NULL;

	assert_int_equal(parse("log = { file = \"relative\"; format = \"xml\"; };\n"
			       "logs = true;\n"
			       "metrics = { period = 0; };\n"
			       "api = { socket = \"/a/../b\"; };\n"
			       "policies = (\n"
			       "  { guests = [ ]; rate = 2000000; enabled = 1; },\n"
			       "  { scans = [ \"memory\", \"luck\" ]; },\n"
			       "  { guests = \"*\"; actions = { evil = \"log\"; clean = \"run\"; "
			       "}; scans = [ ]; }\n"
			       ");\n"
			       "dump = 7; key = 5; rules = { };\n",
			       &c),
			 -EINVAL);
	assert_null(c);
	expect("f:1: file: 'relative' does not begin with /");
	expect("f:1: format: not one of json, text");
	expect("f:2: logs: there is no such setting here");
	expect("f:3: period: not a whole number of 1 to 3600");
	expect("f:4: socket: '/a/../b' has a ..");
	expect("f:6: guests: not a name");
	expect("f:6: rate: not a whole number of 1 to 1000000");
	expect("f:6: enabled: neither true nor false");
	expect("f:7: policies: a policy without 'guests'");
	expect("f:7: scans: not one of process, ");
	expect("f:8: evil: there is no such setting");
	expect("f:8: clean: not one of log, notify, dump");
	expect("f:8: scans: no scan at all");
	expect("f:10: dump: not a group");
	expect("f:10: key: not a text");
	expect("f:10: rules: not a folder");
	assert_int_equal(told_count, 16);
}

static void across_settings(void **state)
{
	struct tocsin_config *c;

	assert_int_equal(parse("dump = { size = 9;\n total = 8; };", &c), -EINVAL);
	expect("f:2: total: one dump may have 9 MiB, all together 8");
	assert_int_equal(parse("dump = { folder = \"\"; };\npolicies = ( { guests = \"a\";\n"
			       "actions = { clean = \"dump\"; }; } );",
			       &c),
			 -EINVAL);
	expect("f:2: policies: has a dump, and there is no dump.folder");
	assert_int_equal(parse("key = \"\";", &c), -EINVAL);
	expect("f:1: key: is empty");
}

static void syntax(void **state)
{
	struct tocsin_config *c;
	struct tocsin_error err = {0};

	assert_int_equal(parse("log = {\n file = ;\n};", &c), -EINVAL);
	expect("f:2: syntax error");
	assert_int_equal(parse("\n@include \"/etc/shadow\"\n", &c), -EINVAL);
	expect("@include");
	assert_int_equal(tocsin_config_parse("f", "a\0b", 3, complain, NULL, &c, &err), -EINVAL);
	assert_string_equal(err.message, "f: 1 mistakes");
	assert_int_equal(tocsin_config_load("/nowhere/at/all", NULL, NULL, &c, NULL), -ENOENT);
	assert_int_equal(tocsin_config_load("/dev/null", NULL, NULL, &c, NULL), -ENOTSUP);
}

static void bounds(void **state)
{
	struct tocsin_config *c;
	char *text = malloc(64000);
	size_t n = (size_t)sprintf(text, "policies = (");

	for (int i = 0; i < 257; i++)
		n += (size_t)sprintf(text + n, "%s{ guests = \"g%d\"; }", i ? "," : "", i);
	strcpy(text + n, ");");
	assert_int_equal(parse(text, &c), -EINVAL);
	expect("more than 256 policies");
	n = (size_t)sprintf(text, "policies = ( { guests = [");
	for (int i = 0; i < 300; i++)
		n += (size_t)sprintf(text + n, "%s\"g%d\"", i ? "," : "", i);
	strcpy(text + n, "]; } );");
	assert_int_equal(parse(text, &c), -EINVAL);
	expect("more than 256 names");
	assert_int_equal(told_count, 1);
	free(text);
}

static void shipped(void **state)
{
	struct tocsin_config *c;

	told_count = 0;
	assert_int_equal(tocsin_config_load(getenv("TOCSIN_TEST_CONFIG"), complain, NULL, &c, NULL),
			 0);
	assert_int_equal(told_count, 0);
	assert_int_equal(c->policy_count, 1);
	assert_string_equal(c->log_file, "/var/log/tocsin/tocsind.log");
	tocsin_config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_defaults),
	    cmocka_unit_test(all_settings),
	    cmocka_unit_test(first_that_has_it),
	    cmocka_unit_test(all_mistakes_at_once),
	    cmocka_unit_test(across_settings),
	    cmocka_unit_test(syntax),
	    cmocka_unit_test(bounds),
	    cmocka_unit_test(shipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
