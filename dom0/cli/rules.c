// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin rules [--check] [--json] [DIRECTORY...]: the rules that a watch would apply, from where,
 * and what is wrong with those that it would not.
 */
#include "cli/command.h"
#include "cli/fold.h"
#include "monitor/rule.h"
#include "output/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	bool check, json;
	const char **directories; /* NULL-terminated */
};

static void complain(const char *message, void *unused)
{
	fprintf(stderr, "tocsin rules: %s\n", message);
}

static int read_arguments(int argc, char **argv, struct options *o)
{
	size_t count = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--check")) {
			o->check = true;
		} else if (!strcmp(argv[i], "--json")) {
			o->json = true;
		} else if (argv[i][0] == '-') {
			fprintf(stderr, "tocsin rules: unexpected argument '%s'\n", argv[i]);
			return EXIT_USAGE;
		} else {
			o->directories[count++] = argv[i];
		}
	}
	if (!count)
		o->directories[0] = TOCSIN_WATCH_RULES_DIR;
	return EXIT_DONE;
}

/* "idle": it is on, but a list that it needs is empty. */
static const char *on(const struct tocsin_watch_rule_info *r)
{
	if (!r->enabled)
		return "no";
	return r->idle ? "idle" : "yes";
}

static int print(const struct tocsin_watch_rules *rules, bool json)
{
	struct tocsin_watch_rule_info r;

	if (!json)
		fold_table("FILE", "%-28s %-8s %-10s %-10s %-4s ", "RULE", "SEVERITY", "CONFIDENCE",
			   "TECHNIQUE", "ON");
	for (size_t i = 0; i < tocsin_watch_rules_count(rules); i++) {
		tocsin_watch_rules_info(rules, i, &r);
		if (!json)
			printf("%-28s %-8s %-10s %-10s %-4s %s:%u\n", r.name,
			       tocsin_severity_name(r.severity), tocsin_certainty_name(r.certainty),
			       r.technique[0] ? r.technique : "-", on(&r), r.file, r.line);
		else if (tocsin_output_rule_json(stdout, &r))
			return EXIT_FAILED;
	}
	return EXIT_DONE;
}

static int show(const struct options *o)
{
	struct tocsin_watch_rules *rules;
	struct tocsin_error err = {0};
	size_t broken;
	int rc;

	if (tocsin_watch_rules_load(o->directories, complain, NULL, &rules, &err)) {
		fprintf(stderr, "tocsin rules: %s\n", err.message);
		return EXIT_FAILED;
	}
	broken = tocsin_watch_rules_broken(rules);
	rc = print(rules, o->json);
	tocsin_watch_rules_free(rules);
	if (broken)
		fprintf(stderr,
			"tocsin rules: mistakes in %zu rules, lists or files: what is named above "
			"is left out\n",
			broken);
	if (rc || !broken)
		return rc;
	return o->check ? EXIT_FAILED : EXIT_PARTIAL;
}

int command_rules(int argc, char **argv)
{
	struct options o = {.directories = calloc((size_t)argc + 1, sizeof(*o.directories))};
	int rc;

	if (!o.directories) {
		fputs("tocsin rules: no memory\n", stderr);
		return EXIT_FAILED;
	}
	rc = read_arguments(argc, argv, &o);
	if (rc == EXIT_DONE)
		rc = show(&o);
	free(o.directories);
	return rc;
}
