/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * YARA rules from the provider's folders. A broken file is reported, with the line, and left out;
 * the others are used. A file is its own namespace, so that two files may use one name, and it may
 * not include others.
 *
 * libyara's compiler takes no more rules once one was wrong. So where the files do not all compile
 * together, each is compiled twice: by itself, to see whether it is right, and then with the
 * others.
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

static int new_compiler(YR_COMPILER **ret, struct tocsin_error *err)
{
	if (yr_compiler_create(ret) != ERROR_SUCCESS)
		return tocsin_error_set(err, -ENOMEM, "no memory for the rule compiler");
	yr_compiler_set_callback(*ret, on_message, err);
	yr_compiler_set_include_callback(*ret, NULL, NULL, NULL);
	return 0;
}

/*
 * May a rule of the file read memory by itself, or a module do so for it? The words may stand in a
 * comment: then nothing but time is lost.
 */
static int reads_memory(FILE *f, struct tocsin_rules *ret)
{
	static const char *const words[] = {"import", "int8", "int16", "int32", "entrypoint"};
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&line, &room, f)) >= 0) { /* a comment may have zeroes in it */
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			ret->whole |= memmem(line, (size_t)n, words[i], strlen(words[i])) != NULL;
		ret->entry |= memmem(line, (size_t)n, "entrypoint", 10) != NULL;
	}
	free(line);
	if (ferror(f))
		return -EIO;
	rewind(f);
	return 0;
}

static int add_file(YR_COMPILER *c, const char *path, struct tocsin_rules *rules,
		    struct tocsin_error *err)
{
	FILE *f = fopen(path, "re");
	int bad;

	if (!f)
		return tocsin_error_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
	bad = reads_memory(f, rules);
	if (bad) {
		fclose(f);
		return tocsin_error_set(err, bad, "cannot read %s", path);
	}
	bad = yr_compiler_add_file(c, f, path, path);
	fclose(f);
	return bad ? tocsin_error_set(err, -EINVAL, "%s does not compile", path) : 0;
}

/* Does the file compile by itself? */
static int try_file(const char *path, struct tocsin_error *err)
{
	YR_COMPILER *c;
	struct tocsin_rules unused = {0};
	int rc = new_compiler(&c, err);

	if (rc)
		return rc;
	rc = add_file(c, path, &unused, err);
	yr_compiler_destroy(c);
	return rc;
}

struct loading {
	YR_COMPILER *compiler;
	struct tocsin_rules *rules;
	tocsin_rules_complain *complain;
	void *context;
	bool alone; /* try each file by itself first */
};

static int take_file(struct loading *l, const char *directory, const char *name,
		     struct tocsin_error *err)
{
	struct tocsin_error why = {0};
	char path[PATH_MAX];
	int rc;

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		rc = tocsin_error_set(&why, -ENAMETOOLONG, "path of a rule file is too long");
	else if (l->alone)
		rc = try_file(path, &why);
	else
		return add_file(l->compiler, path, l->rules, err);
	if (rc && !l->alone)
		return rc; /* complaints come when each file is tried */
	if (rc == -ENOMEM)
		return tocsin_error_set(err, rc, "no memory for rules");
	if (!rc)
		return add_file(l->compiler, path, l->rules, err);
	l->rules->broken++;
	if (l->complain)
		l->complain(why.message, l->context);
	return 0;
}

/* Whoever names a folder expects something of it. */
static void complain_empty(struct loading *l, const char *directory)
{
	struct tocsin_error why = {0};

	tocsin_error_set(&why, -ENOENT, "%s has no file *.yar or *.yara", directory);
	l->rules->broken++;
	if (l->complain && !l->alone) /* all are taken that way first */
		l->complain(why.message, l->context);
}

static int take_directory(struct loading *l, const char *directory, struct tocsin_error *err)
{
	struct dirent **list;
	int n = scandir(directory, &list, is_rule_file, alphasort), i, rc = 0;

	if (n < 0)
		return tocsin_error_set(err, -errno, "cannot list rules in %s: %s", directory,
					strerror(errno));
	if (!n)
		complain_empty(l, directory);
	for (i = 0; i < n; i++) {
		if (!rc)
			rc = take_file(l, directory, list[i]->d_name, err);
		free(list[i]);
	}
	free(list);
	return rc;
}

/* All rules, compiled by one compiler. */
static int compile(struct loading *l, const char *const *directories, struct tocsin_error *err)
{
	int rc = new_compiler(&l->compiler, err);

	if (rc)
		return rc;
	l->rules->whole = l->rules->entry = false;
	l->rules->broken = 0;
	for (; !rc && *directories; directories++)
		rc = take_directory(l, *directories, err);
	if (!rc && yr_compiler_get_rules(l->compiler, &l->rules->yara) != ERROR_SUCCESS)
		rc = tocsin_error_set(err, -ENOMEM, "no memory for the compiled rules");
	yr_compiler_destroy(l->compiler);
	return rc;
}

/* Strings of several parts with much room between them, which libyara looks for part by part. */
static bool has_parts(const YR_RULES *rules)
{
	for (uint32_t i = 0; i < rules->num_strings; i++)
		if (STRING_IS_CHAIN_PART(&rules->strings_table[i]))
			return true;
	return false;
}

int tocsin_rules_load(const char *const *directories, tocsin_rules_complain *complain,
		      void *context, struct tocsin_rules **ret, struct tocsin_error *err)
{
	struct loading l = {.complain = complain, .context = context};
	int rc;

	l.rules = calloc(1, sizeof(*l.rules));
	if (!l.rules)
		return tocsin_error_set(err, -ENOMEM, "no memory for rules");
	/* Counted: paired with yr_finalize. Of what matches no more is kept than is shown. */
	if (yr_initialize() != ERROR_SUCCESS ||
	    yr_set_configuration_uint32(YR_CONFIG_MAX_MATCH_DATA, TOCSIN_EVIDENCE_SIZE)) {
		free(l.rules);
		return tocsin_error_set(err, -EIO, "libyara cannot be initialised");
	}
	rc = compile(&l, directories, &(struct tocsin_error){0});
	if (rc) {
		l.alone = true;
		rc = compile(&l, directories, err);
	}
	if (rc) {
		yr_finalize();
		free(l.rules);
		return rc;
	}
	l.rules->parts = has_parts(l.rules->yara);
	l.rules->whole |= l.rules->parts;
	if (!l.rules->entry && tocsin_sieve_make(l.rules->yara, &l.rules->sieve)) {
		tocsin_rules_free(l.rules);
		return tocsin_error_set(err, -ENOMEM, "no memory for rules");
	}
	*ret = l.rules;
	return 0;
}

void tocsin_rules_free(struct tocsin_rules *rules)
{
	if (!rules)
		return;
	tocsin_sieve_free(rules->sieve);
	yr_rules_destroy(rules->yara);
	yr_finalize();
	free(rules);
}

size_t tocsin_rules_broken(const struct tocsin_rules *rules)
{
	return rules->broken;
}

size_t tocsin_rules_count(const struct tocsin_rules *rules)
{
	return rules->yara->num_rules;
}
