// SPDX-License-Identifier: GPL-2.0-or-later
/* Metrics and the status, of a daemon that is made up. */
#include "service/status.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#include <cmocka.h>

static struct tocsin_status_guest guests[] = {
    {.domid = 3,
     .name = "sh\"o\\p\n",
     .uuid = {0xab},
     .on = true,
     .rate = 100,
     .waiting = 4,
     .scanned = 77,
     .counters = {.accepted = 12, .lost = {[TOCSIN_LOST_QUEUE] = 5}}},
    {.domid = 4, .name = "desk", .counters = {.accepted = 1}},
};

static const struct tocsin_status status = {
    .version = "1.2",
    .started = 1000,
    .now = 1010,
    .perceives = true,
    .waiting = 4,
    .capacity = 100,
    .log_error = ENOSPC,
    .counters = {.accepted = 13, .verdicts = 9, .workers_died = 2, .lost = {1, 2, 3, 4, 5, 6, 7}},
    .guests = guests,
    .guest_count = 2,
};

static char *print(void)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(tocsin_metrics_print(f, &status), 0);
	fclose(f);
	return text;
}

static void has(const char *text, const char *line)
{
	char whole[256];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (!strstr(text, whole))
		fail_msg("there is no line '%s' in:\n%s", line, text);
}

static void values(void **state)
{
	char *text = print();

	has(text, "tocsin_build_info{version=\"1.2\"} 1");
	has(text, "tocsin_accepted_total 13");
	has(text, "tocsin_guest_accepted_total{guest=\"sh\\\"o\\\\p?\",uuid="
		  "\"ab000000-0000-0000-0000-000000000000\"} 12");
	has(text, "tocsin_guest_accepted_total{guest=\"desk\",uuid="
		  "\"00000000-0000-0000-0000-000000000000\"} 1");
	has(text, "tocsin_lost_total{where=\"buffer\"} 1");
	has(text, "tocsin_lost_total{where=\"reports\"} 7");
	has(text, "tocsin_workers_died_total 2");
	has(text, "tocsin_waiting 4");
	assert_null(strstr(text, "guest_workers_died"));
	free(text);
}

/* Each sample after the TYPE of its own name, each name once: what a reader of the format demands.
 */
static void format(void **state)
{
	char *text = print(), *save = NULL, seen[16384] = "", family[128] = "", mark[160];

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		size_t n = strcspn(l, " {");

		if (!strncmp(l, "# HELP tocsin_", 14)) {
			assert_int_equal(l[strlen(l) - 1], '.');
			continue;
		}
		if (!strncmp(l, "# TYPE ", 7)) {
			n = strcspn(l + 7, " ");
			snprintf(family, sizeof(family), "%.*s", (int)n, l + 7);
			snprintf(mark, sizeof(mark), "|%s|", family);
			assert_null(strstr(seen, mark));
			strcat(seen, mark);
			if (!strcmp(l + 7 + n, " counter"))
				assert_string_equal(family + n - 6, "_total");
			continue;
		}
		assert_int_equal(strlen(family), n);
		assert_memory_equal(family, l, n);
		for (size_t i = 0; i < n; i++)
			assert_true(islower(l[i]) || l[i] == '_');
		assert_true(isdigit(*(strrchr(l, ' ') + 1)));
	}
	free(text);
}

static void every_counter_has_words(void **state)
{
	struct tocsin_tally c;
	const char *name;
	char *text = print(), line[128];

	for (unsigned int i = 0; tocsin_counter(&c, i, &name); i++) {
		if (!strncmp(name, "lost_", 5))
			continue;
		snprintf(line, sizeof(line), "# HELP tocsin_%s_total %s.", name, name);
		assert_null(strstr(text, line)); /* the name itself explains nothing */
		snprintf(line, sizeof(line), "# HELP tocsin_%s_total ", name);
		assert_non_null(strstr(text, line));
	}
	free(text);
}

static void file(void **state)
{
	char folder[] = "/tmp/tocsin-metrics-XXXXXX", path[64];
	struct stat st;
	struct dirent *e;
	int files = 0;
	DIR *d;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/t.prom", folder);
	assert_int_equal(tocsin_metrics_write(path, &status), 0);
	assert_int_equal(tocsin_metrics_write(path, &status), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_true(st.st_size > 1000);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0); /* it cannot be put there, and nothing is left */
	assert_int_equal(tocsin_metrics_write(path, &status), -EISDIR);
	d = opendir(folder);
	while ((e = readdir(d)))
		files++;
	closedir(d);
	assert_int_equal(files, 3);
	rmdir(path);
	rmdir(folder);
	assert_int_equal(tocsin_metrics_write("/nowhere/t.prom", &status), -ENOENT);
}

static void json(void **state)
{
	struct json_object *o = tocsin_status_json(&status), *list, *g, *v;

	assert_non_null(o);
	assert_true(json_object_object_get_ex(o, "log_error", &v));
	assert_string_equal(json_object_get_string(v), "No space left on device");
	assert_true(json_object_object_get_ex(o, "counters", &v));
	assert_true(json_object_object_get_ex(v, "lost_queue", &v));
	assert_int_equal(json_object_get_int(v), 5);
	assert_true(json_object_object_get_ex(o, "guests", &list));
	assert_int_equal(json_object_array_length(list), 2);
	g = json_object_array_get_idx(list, 0);
	assert_true(json_object_object_get_ex(g, "name", &v));
	assert_string_equal(json_object_get_string(v), "sh\"o\\x5cp\\x0a");
	assert_true(json_object_object_get_ex(g, "uuid", &v));
	assert_string_equal(json_object_get_string(v), "ab000000-0000-0000-0000-000000000000");
	json_object_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values),
	    cmocka_unit_test(format),
	    cmocka_unit_test(every_counter_has_words),
	    cmocka_unit_test(file),
	    cmocka_unit_test(json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
