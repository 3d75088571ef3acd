// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files of rules. All are read first; then come their lists, so that a file may use or extend a
 * list of another; then their rules; then what is said about rules from outside: exceptions, and
 * which are on.
 */
#include "monitor/rule_internal.h"

#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tocsin_rule_complain(struct rule_loading *l, const char *format, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (l->complain)
		l->complain(line, l->context);
}

const char *tocsin_rule_file(const struct rule_loading *l, const config_setting_t *s)
{
	return l->rules->files[s->config - l->configs];
}

int tocsin_rule_wrong(struct rule_loading *l, const config_setting_t *s, const char *format, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, sizeof(why), format, ap);
	va_end(ap);
	tocsin_rule_complain(l, "%s:%u: %s: %s", tocsin_rule_file(l, s),
			     (unsigned int)config_setting_source_line(s), tocsin_settings_name(s),
			     why);
	return -EINVAL;
}

int tocsin_rule_loading_begin(struct rule_loading *l, tocsin_watch_complain *complain,
			      void *context)
{
	*l = (struct rule_loading){.complain = complain, .context = context};
	l->rules = calloc(1, sizeof(*l->rules));
	l->configs = calloc(RULE_FILES_MAX, sizeof(*l->configs));
	if (l->rules && l->configs)
		return 0;
	free(l->rules);
	free(l->configs);
	return -ENOMEM;
}

static void leave_out(struct rule_loading *l, const char *path, const char *why)
{
	tocsin_rule_complain(l, "%s: %s", path, why);
	l->rules->broken++;
}

void tocsin_rule_loading_add_text(struct rule_loading *l, const char *path, const char *text,
				  size_t size)
{
	config_t *c = &l->configs[l->rules->file_count];
	const char *why;
	int line, rc;

	if (l->rules->file_count == RULE_FILES_MAX) {
		leave_out(l, path, "there are more than 256 files");
		return;
	}
	l->rules->files[l->rules->file_count] = strdup(path);
	if (!l->rules->files[l->rules->file_count]) {
		l->fatal = -ENOMEM;
		return;
	}
	config_init(c);
	l->rules->file_count++;
	rc = tocsin_settings_parse(c, text, size, &why, &line);
	if (rc == -ENOMEM) {
		l->fatal = rc;
	} else if (rc) {
		if (line)
			tocsin_rule_complain(l, "%s:%d: %s", path, line, why);
		else
			tocsin_rule_complain(l, "%s: %s", path, why);
		l->rules->broken++;
		config_destroy(c);
		config_init(c);
	}
}

void tocsin_rule_loading_add(struct rule_loading *l, const char *path)
{
	char *text = NULL;
	size_t size = 0;
	int rc = tocsin_settings_read(path, &text, &size);

	if (rc == -ENOMEM) {
		l->fatal = rc;
	} else if (rc) {
		leave_out(l, path, tocsin_settings_error(rc));
	} else {
		tocsin_rule_loading_add_text(l, path, text, size);
		free(text);
	}
}

/* A list of groups at the top of a file; NULL: none. */
static config_setting_t *top_list(struct rule_loading *l, size_t file, const char *name)
{
	config_setting_t *s =
	    config_setting_get_member(config_root_setting(&l->configs[file]), name);

	return s && config_setting_is_list(s) ? s : NULL;
}

static void check_top(struct rule_loading *l, size_t file)
{
	static const char *const names[] = {"lists",  "rules",   "exceptions",
					    "enable", "disable", NULL};
	config_setting_t *root = config_root_setting(&l->configs[file]);

	for (int i = 0; i < config_setting_length(root); i++) {
		config_setting_t *s = config_setting_get_elem(root, (unsigned int)i);
		int n = tocsin_rule_name_index(names, config_setting_name(s));

		if (n < 0)
			tocsin_rule_wrong(l, s, "there is no such setting here");
		else if (n < 3 && !config_setting_is_list(s))
			tocsin_rule_wrong(l, s, "not a list of groups: ( { ... }, { ... } )");
		else
			continue;
		l->rules->broken++;
	}
}

static int read_list(struct rule_loading *l, config_setting_t *s)
{
	return config_setting_is_group(s) ? tocsin_rule_read_list(l, s)
					  : tocsin_rule_wrong(l, s, "not a group");
}

static int keep_rule(struct rule_loading *l, config_setting_t *s, struct rule *r)
{
	struct tocsin_watch_rules *all = l->rules;
	size_t i = 0;

	while (i < all->count && strcmp(all->rules[i]->name, r->name) != 0)
		i++;
	if (i == RULES_MAX) {
		tocsin_rule_free(r);
		return tocsin_rule_wrong(l, s, "more than %d rules", RULES_MAX);
	}
	if (i == all->count)
		all->count++;
	else
		tocsin_rule_free(all->rules[i]);
	all->rules[i] = r;
	return 0;
}

static int read_rule(struct rule_loading *l, config_setting_t *s)
{
	struct rule *r = NULL;
	int rc = tocsin_rule_read(l, s, &r);

	return rc ? rc : keep_rule(l, s, r);
}

/* Do to each rule that the entries of names (or the one that it is) match. */
static int each_named(struct rule_loading *l, config_setting_t *names, config_setting_t *what,
		      int (*act)(struct rule_loading *, config_setting_t *, struct rule *))
{
	bool single = config_setting_is_scalar(names);
	int count = single ? 1 : config_setting_length(names), rc = 0;

	for (int i = 0; i < count && !rc; i++) {
		config_setting_t *m =
		    single ? names : config_setting_get_elem(names, (unsigned int)i);
		const char *pattern = config_setting_get_string(m);
		size_t found = 0;

		if (!pattern || strlen(pattern) > RULE_TEXT_MAX)
			return tocsin_rule_wrong(l, m, "not the name of a rule");
		for (size_t n = 0; n < l->rules->count && !rc; n++)
			if (!fnmatch(pattern, l->rules->rules[n]->name, 0)) {
				found++;
				rc = act(l, what, l->rules->rules[n]);
			}
		if (!rc && !found)
			rc = tocsin_rule_wrong(l, m, "there is no rule '%s'", pattern);
	}
	return rc;
}

static int except(struct rule_loading *l, config_setting_t *s, struct rule *r)
{
	return tocsin_rule_read_exception(l, s, r, true);
}

static int enable(struct rule_loading *l, config_setting_t *s, struct rule *r)
{
	r->enabled = true;
	return 0;
}

static int disable(struct rule_loading *l, config_setting_t *s, struct rule *r)
{
	r->enabled = false;
	return 0;
}

static int read_exception(struct rule_loading *l, config_setting_t *s)
{
	config_setting_t *names =
	    config_setting_is_group(s) ? config_setting_get_member(s, "rules") : NULL;

	if (!names)
		return tocsin_rule_wrong(l, s, "an exception here is a group that names 'rules'");
	return each_named(l, names, s, except);
}

static void each_of(struct rule_loading *l, const char *name,
		    int (*read_one)(struct rule_loading *, config_setting_t *))
{
	for (size_t file = 0; file < l->rules->file_count; file++) {
		config_setting_t *list = top_list(l, file, name);

		for (int i = 0; list && i < config_setting_length(list) && !l->fatal; i++)
			l->rules->broken +=
			    read_one(l, config_setting_get_elem(list, (unsigned int)i)) == -EINVAL;
	}
}

static void switch_rules(struct rule_loading *l)
{
	for (size_t file = 0; file < l->rules->file_count; file++) {
		const config_setting_t *root = config_root_setting(&l->configs[file]);
		config_setting_t *on = config_setting_get_member(root, "enable"),
				 *off = config_setting_get_member(root, "disable");

		if (off)
			l->rules->broken += each_named(l, off, off, disable) == -EINVAL;
		if (on)
			l->rules->broken += each_named(l, on, on, enable) == -EINVAL;
	}
}

static void index_kinds(struct tocsin_watch_rules *r)
{
	for (size_t i = 0; i < r->count; i++)
		for (size_t kind = 0; kind < TOCSIN_EVENT_KINDS; kind++)
			if (r->rules[i]->enabled && (r->rules[i]->kinds & 1u << kind))
				r->by_kind[kind][r->by_kind_count[kind]++] = (uint16_t)i;
}

int tocsin_rule_loading_finish(struct rule_loading *l, struct tocsin_watch_rules **ret,
			       struct tocsin_error *err)
{
	struct tocsin_watch_rules *r = l->rules;
	int rc;

	for (size_t file = 0; file < r->file_count; file++)
		check_top(l, file);
	each_of(l, "lists", read_list);
	each_of(l, "rules", read_rule);
	each_of(l, "exceptions", read_exception);
	switch_rules(l);
	index_kinds(r);
	for (size_t file = 0; file < r->file_count; file++)
		config_destroy(&l->configs[file]);
	free(l->configs);
	rc = l->fatal;
	if (rc)
		rc = tocsin_error_set(err, rc, "no memory for the rules");
	else if (!r->count)
		rc = tocsin_error_set(err, r->broken ? -EINVAL : -ENOENT,
				      r->broken ? "no rule could be loaded" : "there are no rules");
	if (rc)
		tocsin_watch_rules_free(r);
	else
		*ret = r;
	return rc;
}

static int is_rule_file(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return d->d_name[0] != '.' && dot && !strcmp(dot, ".rules");
}

static int take_directory(struct rule_loading *l, const char *directory, struct tocsin_error *err)
{
	struct dirent **list;
	int n = scandir(directory, &list, is_rule_file, alphasort);
	char path[PATH_MAX];

	if (n < 0)
		return tocsin_error_set(err, -errno, "cannot list rules in %s: %s", directory,
					strerror(errno));
	for (int i = 0; i < n; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", directory, list[i]->d_name) >=
		    (int)sizeof(path))
			leave_out(l, directory, "a file's path is too long");
		else if (!l->fatal)
			tocsin_rule_loading_add(l, path);
		free(list[i]);
	}
	free(list);
	return 0;
}

int tocsin_watch_rules_load(const char *const *directories, tocsin_watch_complain *complain,
			    void *context, struct tocsin_watch_rules **ret,
			    struct tocsin_error *err)
{
	struct tocsin_watch_rules *rules = NULL;
	struct rule_loading l;
	int rc, failed = 0;

	if (tocsin_rule_loading_begin(&l, complain, context))
		return tocsin_error_set(err, -ENOMEM, "no memory for the rules");
	for (; *directories && !failed; directories++)
		failed = take_directory(&l, *directories, err);
	rc = tocsin_rule_loading_finish(&l, &rules, failed ? NULL : err);
	if (!rc && !failed)
		*ret = rules;
	else
		tocsin_watch_rules_free(rules);
	return failed ? failed : rc;
}
