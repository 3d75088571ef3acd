/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * YARA rules from the provider's folders. One broken file fails the whole load: rules that are
 * silently absent would make "clean" a lie. A file is its own namespace, so that two files may
 * use one name, and it may not include others.
 */
#include "scan/rules.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_rule_file(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return d->d_name[0] != '.' && dot && (!strcmp(dot, ".yar") || !strcmp(dot, ".yara"));
}

static void on_message(int level, const char *file, int line, const YR_RULE *rule,
		       const char *message, void *user)
{
	if (level == YARA_ERROR_LEVEL_ERROR)
		tocsin_error_set(user, -EINVAL, "%s:%d: %s", file ? file : "rules", line, message);
}

static int add_file(YR_COMPILER *c, const char *directory, const char *name,
		    struct tocsin_error *err)
{
	char path[PATH_MAX];
	FILE *f;
	int bad;

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return tocsin_error_set(err, -ENAMETOOLONG, "path of a rule file is too long");
	f = fopen(path, "re");
	if (!f)
		return tocsin_error_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
	bad = yr_compiler_add_file(c, f, path, path);
	fclose(f);
	return bad ? tocsin_error_set(err, -EINVAL, "%s does not compile", path) : 0;
}

static int add_directory(YR_COMPILER *c, const char *directory, struct tocsin_error *err)
{
	struct dirent **list;
	int n = scandir(directory, &list, is_rule_file, alphasort), i, rc = 0;

	if (n < 0)
		return tocsin_error_set(err, -errno, "cannot list rules in %s: %s", directory,
					strerror(errno));
	for (i = 0; i < n; i++) {
		if (!rc)
			rc = add_file(c, directory, list[i]->d_name, err);
		free(list[i]);
	}
	free(list);
	return rc;
}

static int compile(const char *const *directories, YR_RULES **ret, struct tocsin_error *err)
{
	YR_COMPILER *c;
	int rc = 0;

	if (yr_compiler_create(&c) != ERROR_SUCCESS)
		return tocsin_error_set(err, -ENOMEM, "no memory for the rule compiler");
	yr_compiler_set_callback(c, on_message, err);
	yr_compiler_set_include_callback(c, NULL, NULL, NULL);
	for (; !rc && *directories; directories++)
		rc = add_directory(c, *directories, err);
	if (!rc && yr_compiler_get_rules(c, ret) != ERROR_SUCCESS)
		rc = tocsin_error_set(err, -ENOMEM, "no memory for the compiled rules");
	yr_compiler_destroy(c);
	return rc;
}

int tocsin_rules_load(const char *const *directories, struct tocsin_rules **ret,
		      struct tocsin_error *err)
{
	struct tocsin_rules *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return tocsin_error_set(err, -ENOMEM, "no memory for rules");
	if (yr_initialize() != ERROR_SUCCESS) { /* counted: paired with yr_finalize */
		free(r);
		return tocsin_error_set(err, -EIO, "libyara cannot be initialised");
	}
	rc = compile(directories, &r->yara, err);
	if (rc) {
		yr_finalize();
		free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void tocsin_rules_free(struct tocsin_rules *rules)
{
	if (!rules)
		return;
	yr_rules_destroy(rules->yara);
	yr_finalize();
	free(rules);
}

size_t tocsin_rules_count(const struct tocsin_rules *rules)
{
	return rules->yara->num_rules;
}
