// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines of a trace, read back by a parser. */
#include "output/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

static const struct tocsin_trace_line line = {
    .domain = "gu\"est", .domid = 7, .time = 1700000000123456789u, .tsc = 42};

/* One whole line; the object is the caller's. */
static struct json_object *parsed(char *text)
{
	struct json_object *o;
	char *end = strchr(text, '\n');

	assert_true(end && !end[1]);
	o = json_tokener_parse(text);
	assert_non_null(o);
	free(text);
	return o;
}

static struct json_object *at(struct json_object *o, const char *key)
{
	struct json_object *found = NULL;

	assert_true(json_object_object_get_ex(o, key, &found));
	return found;
}

static const char *text_at(struct json_object *o, const char *key)
{
	return json_object_get_string(at(o, key));
}

static int64_t number_at(struct json_object *o, const char *key)
{
	assert_int_equal(json_object_get_type(at(o, key)), json_type_int);
	return json_object_get_int64(at(o, key));
}

static struct json_object *call_line(const struct tocsin_trace_call_line *c)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_int_equal(tocsin_trace_call_json(to, &line, c), 0);
	fclose(to);
	return parsed(text);
}

static void a_call(void **state)
{
	struct tocsin_trace_call_line c = {
	    .vcpu = 3,
	    .seq = 4000000000u,
	    .function = "do_filp_open",
	    .event = "opened",
	    .found = "now",
	    .pid = 100,
	    .uid = 1000,
	    .start_time = 5,
	    .comm = "ev\x1b[2J",
	    .arguments = {{"dfd", 0xffffff9c, 4, false, true, NULL},
			  {"pathname", 0xffff888001234000, 8, true, false, NULL},
			  {"mode", 0xffff01a4, 2, false, false, NULL}},
	    .argument_count = 3,
	};
	struct json_object *o = call_line(&c), *a;

	assert_int_equal(number_at(o, "schema"), 1);
	assert_string_equal(text_at(o, "kind"), "call");
	assert_int_equal(number_at(o, "tsc"), 42);
	assert_string_equal(text_at(at(o, "domain"), "name"), "gu\"est");
	assert_int_equal(number_at(o, "seq"), 4000000000u);
	assert_string_equal(text_at(o, "event"), "opened");
	assert_string_equal(text_at(at(o, "process"), "comm"), "ev\\x1b[2J");
	assert_int_equal(number_at(at(o, "process"), "pid"), 100);
	a = at(o, "arguments");
	assert_int_equal(number_at(a, "dfd"), -100);
	assert_string_equal(text_at(a, "pathname"), "0xffff888001234000");
	assert_int_equal(number_at(a, "mode"), 0x1a4);
	assert_false(json_object_object_get_ex(o, "cut", NULL));
	json_object_put(o);
}

static void what_arguments_lead_to(void **state)
{
	static const struct tocsin_object process = {.kind = TOCSIN_OBJECT_PROCESS,
						     .pid = 5,
						     .tid = 6,
						     .comm = "sh"},
					  name = {.kind = TOCSIN_OBJECT_NAME, .text = "/a\n"},
					  file = {.kind = TOCSIN_OBJECT_FILE,
						  .text = "/etc/passwd",
						  .file = {.inode = 9, .deleted = true},
						  .mode = 0100644};
	struct tocsin_trace_call_line c = {
	    .function = "f",
	    .found = "unknown",
	    .comm = "",
	    .arguments = {{"p", 1, 8, true, false, &process},
			  {"pathname", 2, 8, true, false, &name},
			  {"file", 3, 8, true, false, &file}},
	    .argument_count = 3,
	    .after = 77,
	};
	struct json_object *o = call_line(&c), *objects = at(o, "objects");

	assert_int_equal(number_at(o, "objects_after"), 77);
	assert_int_equal(number_at(at(objects, "p"), "pid"), 5);
	assert_string_equal(text_at(at(objects, "pathname"), "name"), "/a\\x0a");
	assert_string_equal(text_at(at(objects, "file"), "path"), "/etc/passwd");
	assert_int_equal(number_at(at(objects, "file"), "inode"), 9);
	json_object_put(o);
}

static void what_is_not_known(void **state)
{
	struct tocsin_trace_call_line c = {
	    .function = "f",
	    .found = "unknown",
	    .comm = "",
	    .arguments = {{NULL, 1, 0, false, false, NULL}, {"evil\n", 2, 8, false, false, NULL}},
	    .argument_count = 2,
	    .cut = true,
	};
	struct json_object *o = call_line(&c);

	assert_string_equal(text_at(at(o, "process"), "found"), "unknown");
	assert_false(json_object_object_get_ex(at(o, "process"), "pid", NULL));
	assert_string_equal(text_at(at(o, "arguments"), "argument0"), "0x1");
	assert_int_equal(number_at(at(o, "arguments"), "evil\\x0a"), 2);
	assert_true(json_object_get_boolean(at(o, "cut")));
	json_object_put(o);
}

static void the_others(void **state)
{
	const struct tocsin_trace_state_line off = {.functions = 3,
						    .calls = 10,
						    .missing = 2,
						    .unanswered = 4,
						    .records = "tocsind",
						    .warning = "w"};
	char *text = NULL, *rest;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	const char *kinds[] = {"function", "gap", "loss", "trace", "capture", "graph"};
	const struct tocsin_trace_graph_line graph = {.captured = true,
						      .packets = 9,
						      .dropped = 8,
						      .flows = 7,
						      .early = 6,
						      .untold = 4,
						      .names = 5};

	assert_int_equal(tocsin_trace_function_json(to, &line, "f", false, "why"), 0);
	assert_int_equal(tocsin_trace_gap_json(to, &line, 1, "write", 0x1234, UINT64_MAX), 0);
	assert_int_equal(tocsin_trace_loss_json(to, &line, 5, "full"), 0);
	assert_int_equal(tocsin_trace_state_json(to, &line, &off), 0);
	assert_int_equal(tocsin_trace_capture_json(to, &line, "vif3.0", false, "why"), 0);
	assert_int_equal(tocsin_trace_graph_json(to, &line, &graph), 0);
	fclose(to);
	rest = text;
	for (int i = 0; i < 6; i++) {
		struct json_object *o = json_tokener_parse(strtok(i ? NULL : rest, "\n"));

		assert_string_equal(text_at(o, "kind"), kinds[i]);
		if (i == 0)
			assert_string_equal(text_at(o, "reason"), "why");
		if (i == 1)
			assert_string_equal(text_at(o, "rip"), "0xffffffffffffffff");
		if (i == 3) {
			assert_int_equal(number_at(o, "missing"), 2);
			assert_int_equal(number_at(o, "unanswered"), 4);
			assert_string_equal(text_at(o, "records"), "tocsind");
		}
		if (i == 4) {
			assert_string_equal(text_at(o, "interface"), "vif3.0");
			assert_false(json_object_get_boolean(at(o, "captured")));
			assert_string_equal(text_at(o, "reason"), "why");
		}
		if (i == 5) {
			assert_int_equal(number_at(at(o, "capture"), "packets"), 9);
			assert_int_equal(number_at(at(o, "capture"), "dropped"), 8);
			assert_int_equal(number_at(at(o, "capture"), "flows"), 7);
			assert_int_equal(number_at(at(o, "capture"), "early"), 6);
			assert_int_equal(number_at(at(o, "capture"), "untold"), 4);
			assert_int_equal(number_at(at(o, "capture"), "names"), 5);
		}
		json_object_put(o);
	}
	free(text);
}

static void a_full_disk_is_said(void **state)
{
	struct tocsin_trace_call_line c = {.function = "f", .found = "unknown", .comm = ""};
	FILE *to = fopen("/dev/full", "w");

	assert_non_null(to);
	setvbuf(to, NULL, _IONBF, 0);
	assert_int_equal(tocsin_trace_call_json(to, &line, &c), -5);
	fclose(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_call),
	    cmocka_unit_test(what_arguments_lead_to),
	    cmocka_unit_test(what_is_not_known),
	    cmocka_unit_test(the_others),
	    cmocka_unit_test(a_full_disk_is_said),
	};

	return cmocka_run_group_tests_name("trace_output", tests, NULL, NULL);
}
