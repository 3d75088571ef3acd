// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin doctor [--json]: is everything there that the main job needs, and if not, what to do. It
 * changes nothing. Every check ends in one line; a check that cannot be made is never a pass.
 */
#include "cli/doctor.h"
#include "cli/command.h"
#include "cli/fold.h"
#include "config/config.h"
#include "request/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

static const char *const names[] = {
    [DOCTOR_PASS] = "pass",
    [DOCTOR_WARN] = "warn",
    [DOCTOR_FAIL] = "fail",
    [DOCTOR_SKIP] = "skip",
};

/* In this order: what comes first explains what fails after it. */
static void (*const groups[])(struct doctor *d) = {
    doctor_dom0,
#ifdef HAVE_XEN
    doctor_xen,
    doctor_buffers,
#endif
    doctor_files,
};

/* Names of domains and files, and messages with bytes of files: a terminal sees printable ASCII. */
static void clean(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

void doctor_say(struct doctor *d, enum doctor_result result, const char *check, const char *remedy,
		const char *format, ...)
{
	struct doctor_line *lines = reallocarray(d->lines, d->count + 1, sizeof(*lines));
	struct doctor_line *l;
	va_list ap;

	if (!lines) {
		d->failed = true;
		return;
	}
	d->lines = lines;
	l = &lines[d->count++];
	*l = (struct doctor_line){.result = result};
	snprintf(l->check, sizeof(l->check), "%s", check);
	snprintf(l->remedy, sizeof(l->remedy), "%s", remedy ? remedy : "");
	va_start(ap, format);
	vsnprintf(l->text, sizeof(l->text), format, ap);
	va_end(ap);
	clean(l->check);
	clean(l->text);
	clean(l->remedy);
}

void doctor_run(struct doctor *d)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		groups[i](d);
#ifndef HAVE_XEN
	doctor_say(d, DOCTOR_FAIL, "hypervisor", "build with -Dxen=enabled (libxen-dev)",
		   "this tocsin was built without Xen");
#endif
}

void doctor_free(struct doctor *d)
{
	free(d->lines);
	d->lines = NULL;
	d->count = 0;
}

static int print_json_object(struct json_object *o)
{
	const char *text = o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
								     JSON_C_TO_STRING_NOSLASHESCAPE)
			     : NULL;

	if (text)
		puts(text);
	json_object_put(o);
	return text ? 0 : EXIT_FAILED;
}

static int print_json_line(const struct doctor_line *l)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "schema", json_object_new_int(1));
	json_object_object_add(o, "kind", json_object_new_string("check"));
	json_object_object_add(o, "check", json_object_new_string(l->check));
	json_object_object_add(o, "result", json_object_new_string(names[l->result]));
	json_object_object_add(o, "text", json_object_new_string(l->text));
	if (l->remedy[0])
		json_object_object_add(o, "remedy", json_object_new_string(l->remedy));
	return print_json_object(o);
}

static int print_json(const struct doctor *d, const size_t *counts)
{
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < d->count; i++)
		if (print_json_line(&d->lines[i]))
			return EXIT_FAILED;
	json_object_object_add(o, "schema", json_object_new_int(1));
	json_object_object_add(o, "kind", json_object_new_string("doctor"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		json_object_object_add(o, names[i], json_object_new_int64((int64_t)counts[i]));
	return print_json_object(o);
}

static void print_text(const struct doctor *d, const size_t *counts)
{
	fold_lines(25);
	for (size_t i = 0; i < d->count; i++) {
		const struct doctor_line *l = &d->lines[i];

		printf("%s  %-18s %s\n", names[l->result], l->check, l->text);
		if (l->remedy[0])
			printf("      %-18s -> %s\n", "", l->remedy);
	}
	printf("%zu passed, %zu warnings, %zu failed, %zu not checked\n", counts[DOCTOR_PASS],
	       counts[DOCTOR_WARN], counts[DOCTOR_FAIL], counts[DOCTOR_SKIP]);
}

int command_doctor(int argc, char **argv)
{
	struct doctor d = {.places = {.proc = "/proc",
				      .sys = "/sys",
				      .dev = "/dev",
				      .state = TOCSIN_KEY_FOLDER,
				      .log = "/var/log/tocsin",
				      .run = "/run/tocsin",
				      .key = TOCSIN_KEY_FILE,
				      .config = TOCSIN_CONFIG_FILE,
				      .rules = {TOCSIN_RULES_DIR, "/etc/tocsin/rules"},
				      .watch_rules = {TOCSIN_WATCH_RULES_DIR}}};
	bool json = argc == 2 && !strcmp(argv[1], "--json");
	size_t counts[sizeof(names) / sizeof(names[0])] = {0};

	if (argc > 1 && !json) {
		fprintf(stderr, "tocsin doctor: unexpected argument '%s'\n", argv[1]);
		return EXIT_USAGE;
	}
	doctor_run(&d);
	for (size_t i = 0; i < d.count; i++)
		counts[d.lines[i].result]++;
	if (d.failed)
		fputs("tocsin doctor: no memory: there are more lines than these\n", stderr);
	if (!json)
		print_text(&d, counts);
	else if (print_json(&d, counts))
		d.failed = true;
	doctor_free(&d);
	if (d.failed || counts[DOCTOR_FAIL] || counts[DOCTOR_SKIP])
		return EXIT_FAILED;
	return counts[DOCTOR_WARN] ? EXIT_PARTIAL : EXIT_DONE;
}
