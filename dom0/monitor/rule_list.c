// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lists that rules name, and the entries of single settings. A list's entries are in the rule file
 * or in a file of their own, one a line, as threat feeds are published. A line that is wrong is
 * complained about, and the others are used: a feed with a typing error still protects.
 */
#include "monitor/rule_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMPLAINTS_MAX 10 /* about one file with a list */

struct rule_list *tocsin_rule_list_find(const struct tocsin_watch_rules *r, const char *name)
{
	for (size_t i = 0; i < r->list_count; i++)
		if (!strcmp(r->lists[i]->name, name))
			return r->lists[i];
	return NULL;
}

/* 0, -ENOMEM, or -EINVAL with why. */
static int add(struct rule_loading *l, struct rule_set *set, const char *entry, const char **why)
{
	int rc;

	*why = "there are more than a million entries";
	if (l->entries >= RULE_ENTRIES_MAX)
		return -EINVAL;
	rc = tocsin_rule_set_add(set, entry, why);
	if (rc == -ENOMEM)
		l->fatal = rc;
	l->entries += !rc;
	return rc;
}

static int refer(struct rule_loading *l, config_setting_t *s, const char *name,
		 const struct rule_set *set, struct rule_field *field)
{
	const struct rule_list *list = tocsin_rule_list_find(l->rules, name);

	if (!list)
		return tocsin_rule_wrong(l, s, "there is no list '%s'", name);
	if (list->broken)
		return tocsin_rule_wrong(l, s, "the list '%s' is broken", name);
	if (list->set.type != set->type)
		return tocsin_rule_wrong(l, s, "'%s' is a list of %s, not of %s", name,
					 tocsin_rule_set_name(list->set.type),
					 tocsin_rule_set_name(set->type));
	if (field->list_count == RULE_REFERENCES_MAX)
		return tocsin_rule_wrong(l, s, "more than %d lists", RULE_REFERENCES_MAX);
	field->lists[field->list_count++] = &list->set;
	return 0;
}

static int read_entry(struct rule_loading *l, config_setting_t *s, struct rule_set *set,
		      struct rule_field *field)
{
	const char *entry = config_setting_get_string(s), *why;
	char number[24];
	int rc;

	if (config_setting_type(s) == CONFIG_TYPE_INT ||
	    config_setting_type(s) == CONFIG_TYPE_INT64) {
		snprintf(number, sizeof(number), "%lld",
			 config_setting_type(s) == CONFIG_TYPE_INT
			     ? (long long)config_setting_get_int(s)
			     : config_setting_get_int64(s));
		entry = number;
	}
	if (!entry)
		return tocsin_rule_wrong(l, s, "neither a text nor a whole number");
	if (field && entry[0] == '@' && entry[1] != '@')
		return refer(l, s, entry + 1, set, field);
	entry += field && entry[0] == '@'; /* @@ is the abstract name's own */
	rc = add(l, set, entry, &why);
	return rc == -EINVAL ? tocsin_rule_wrong(l, s, "'%s': %s", entry, why) : rc;
}

int tocsin_rule_read_entries(struct rule_loading *l, config_setting_t *s, struct rule_set *set,
			     struct rule_field *field)
{
	int count = config_setting_length(s), rc = 0;

	if (config_setting_is_group(s))
		return tocsin_rule_wrong(l, s, "not a value, nor a list of values");
	if (config_setting_is_scalar(s)) {
		rc = read_entry(l, s, set, field);
	} else {
		if (!count)
			return tocsin_rule_wrong(l, s, "is empty");
		for (int i = 0; i < count && !rc; i++)
			rc = read_entry(l, config_setting_get_elem(s, (unsigned int)i), set, field);
	}
	tocsin_rule_set_seal(set);
	return rc;
}

/* The path of the file that s names, which is relative to the file of rules. */
static int list_path(struct rule_loading *l, config_setting_t *s, char *ret, size_t size)
{
	const char *name = config_setting_get_string(s), *base = tocsin_rule_file(l, s),
		   *slash = strrchr(base, '/');
	int n;

	if (!name || !*name)
		return tocsin_rule_wrong(l, s, "not the name of a file");
	if (name[0] == '/' || !slash)
		n = snprintf(ret, size, "%s", name);
	else
		n = snprintf(ret, size, "%.*s/%s", (int)(slash - base), base, name);
	return n < (int)size ? 0 : tocsin_rule_wrong(l, s, "the path is too long");
}

/* Without blanks around it and what follows # or ;. */
static char *strip(char *line)
{
	size_t size;

	line[strcspn(line, "#;\r\n")] = 0;
	line += strspn(line, " \t");
	size = strlen(line);
	while (size && (line[size - 1] == ' ' || line[size - 1] == '\t'))
		line[--size] = 0;
	return line;
}

static void read_lines(struct rule_loading *l, FILE *f, const char *path, struct rule_set *set)
{
	size_t room = 0, wrong = 0;
	unsigned int number = 0;
	char *line = NULL;
	ssize_t size;

	while (!l->fatal && (size = getline(&line, &room, f)) >= 0) {
		bool whole = !memchr(line, 0, (size_t)size);
		const char *why = "has a byte of zero";
		char *entry = strip(line);
		int rc = -EINVAL;

		number++;
		if (whole && !*entry)
			continue;
		if (whole)
			rc = add(l, set, entry, &why);
		if (rc == -EINVAL && wrong++ < COMPLAINTS_MAX)
			tocsin_rule_complain(l, "%s:%u: '%.64s': %s", path, number, entry, why);
	}
	if (ferror(f))
		tocsin_rule_complain(l, "%s: cannot be read: %s", path, strerror(errno));
	if (wrong > COMPLAINTS_MAX)
		tocsin_rule_complain(l, "%s: %zu more lines are wrong", path,
				     wrong - COMPLAINTS_MAX);
	l->rules->broken += wrong || ferror(f);
	free(line);
}

static int read_file(struct rule_loading *l, config_setting_t *s, bool optional,
		     struct rule_set *set)
{
	char path[PATH_MAX];
	struct stat st;
	int fd, rc = list_path(l, s, path, sizeof(path));
	FILE *f;

	if (rc)
		return rc;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return optional && errno == ENOENT
			   ? 0
			   : tocsin_rule_wrong(l, s, "cannot open %s: %s", path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > RULE_LIST_FILE_MAX) {
		close(fd);
		return tocsin_rule_wrong(l, s, "%s is no file, or larger than 64 MiB", path);
	}
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return l->fatal = -ENOMEM;
	}
	read_lines(l, f, path, set);
	fclose(f);
	return l->fatal;
}

static int new_list(struct rule_loading *l, config_setting_t *s, const char *name,
		    enum rule_set_type type, struct rule_list **ret)
{
	struct rule_list *list = tocsin_rule_list_find(l->rules, name);

	if (list && list->set.type != type)
		return tocsin_rule_wrong(l, s, "there is a list '%s' of %s already", name,
					 tocsin_rule_set_name(list->set.type));
	if (!list) {
		if (l->rules->list_count == RULE_LISTS_MAX)
			return tocsin_rule_wrong(l, s, "more than %d lists", RULE_LISTS_MAX);
		list = calloc(1, sizeof(*list));
		if (list)
			list->name = strdup(name);
		if (!list || !list->name) {
			free(list);
			return l->fatal = -ENOMEM;
		}
		list->set.type = type;
		l->rules->lists[l->rules->list_count++] = list;
	}
	*ret = list;
	return 0;
}

static int read_type(struct rule_loading *l, config_setting_t *s, enum rule_set_type *ret)
{
	char type[16];
	int rc = tocsin_rule_read_string(l, s, "type", true, type, sizeof(type));

	if (rc)
		return rc;
	for (int i = RULE_SET_NETWORKS; i <= RULE_SET_TEXTS; i++)
		if (!strcmp(type, tocsin_rule_set_name((enum rule_set_type)i))) {
			*ret = (enum rule_set_type)i;
			return 0;
		}
	return tocsin_rule_wrong(l, config_setting_get_member(s, "type"),
				 "'%s' is none of networks, ports, users, texts", type);
}

/* A bool member; not there: as it is. */
static int read_bool(struct rule_loading *l, config_setting_t *s, const char *name, bool *ret)
{
	config_setting_t *m = config_setting_get_member(s, name);

	if (m && config_setting_type(m) != CONFIG_TYPE_BOOL)
		return tocsin_rule_wrong(l, m, "neither true nor false");
	*ret = m ? config_setting_get_bool(m) : *ret;
	return 0;
}

int tocsin_rule_read_list(struct rule_loading *l, config_setting_t *s)
{
	static const char *const names[] = {"name",     "type",    "values", "file",
					    "optional", "replace", NULL};
	config_setting_t *values, *file;
	bool optional = false, replace = false;
	enum rule_set_type type = RULE_SET_NETWORKS;
	struct rule_list *list = NULL;
	char name[64];
	size_t before;
	int rc = tocsin_rule_check_names(l, s, names);

	rc = rc ? rc : tocsin_rule_read_string(l, s, "name", true, name, sizeof(name));
	before = l->rules->list_count;
	rc = rc ? rc : read_type(l, s, &type);
	rc = rc ? rc : read_bool(l, s, "optional", &optional);
	rc = rc ? rc : read_bool(l, s, "replace", &replace);
	rc = rc ? rc : new_list(l, s, name, type, &list);
	if (rc)
		return rc;
	values = config_setting_get_member(s, "values");
	file = config_setting_get_member(s, "file");
	if (replace)
		tocsin_rule_set_clear(&list->set);
	if (!values && !file)
		rc = tocsin_rule_wrong(l, s, "the list has neither values nor a file");
	if (!rc && values)
		rc = tocsin_rule_read_entries(l, values, &list->set, NULL);
	if (!rc && file)
		rc = read_file(l, file, optional, &list->set);
	tocsin_rule_set_seal(&list->set);
	if (rc && l->rules->list_count > before) /* what is only added to stays in use */
		list->broken = true;
	return rc;
}
