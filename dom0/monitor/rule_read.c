// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One rule from its settings. What is not known is a mistake, so that a misspelt condition does not
 * make a rule that matches everything. The mistakes of a rule are told, and the rule left out.
 */
#include "monitor/rule_internal.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000ull

static const char *const bys[] = {"process", "exe", "remote", "local", "guest", "socket", NULL};
static const char *const ofs[] = {"remote_port", "remote", "local_port", "remote_and_port", NULL};

/* How the members of a condition are read. */
enum form { FORM_FIELD, FORM_ANSWER, FORM_BITS };

struct form_of {
	const char *name;
	enum form form;
	size_t offset;
	enum rule_set_type type;  /* of FORM_FIELD */
	const char *const *names; /* of FORM_BITS */
};

#define FIELD(s, m, t)                                                                             \
	{                                                                                          \
#m, FORM_FIELD, offsetof(struct s, m), t, NULL                                     \
	}
#define ANSWER(s, m)                                                                               \
	{                                                                                          \
#m, FORM_ANSWER, offsetof(struct s, m), RULE_SET_TEXTS, NULL                       \
	}
#define BITS(s, m, n)                                                                              \
	{                                                                                          \
#m, FORM_BITS, offsetof(struct s, m), RULE_SET_TEXTS, n                            \
	}

static const struct form_of process_forms[] = {
    FIELD(rule_process, comm, RULE_SET_TEXTS),
    FIELD(rule_process, exe, RULE_SET_TEXTS),
    FIELD(rule_process, container, RULE_SET_TEXTS),
    FIELD(rule_process, uid, RULE_SET_USERS),
    ANSWER(rule_process, exe_deleted),
    ANSWER(rule_process, exe_memfd),
    ANSWER(rule_process, stdin_socket),
    ANSWER(rule_process, kernel_thread),
    ANSWER(rule_process, in_container),
};

static const struct form_of socket_forms[] = {
    BITS(rule_socket, protocol, tocsin_rule_protocols),
    BITS(rule_socket, state, tocsin_rule_states),
    BITS(rule_socket, direction, tocsin_rule_directions),
    FIELD(rule_socket, local, RULE_SET_NETWORKS),
    FIELD(rule_socket, remote, RULE_SET_NETWORKS),
    FIELD(rule_socket, local_port, RULE_SET_PORTS),
    FIELD(rule_socket, remote_port, RULE_SET_PORTS),
    FIELD(rule_socket, path, RULE_SET_TEXTS),
};

#define PROCESS_FORMS (sizeof(process_forms) / sizeof(process_forms[0]))
#define SOCKET_FORMS (sizeof(socket_forms) / sizeof(socket_forms[0]))

/* What is wrong so far, and what else was found to be. */
static int also(int rc, int more)
{
	return rc ? rc : more;
}

int tocsin_rule_check_names(struct rule_loading *l, config_setting_t *s, const char *const *names)
{
	int rc = 0;

	for (int i = 0; i < config_setting_length(s); i++) {
		config_setting_t *m = config_setting_get_elem(s, (unsigned int)i);

		if (tocsin_rule_name_index(names, config_setting_name(m)) < 0)
			rc = tocsin_rule_wrong(l, m, "there is no such setting here");
	}
	return rc;
}

int tocsin_rule_read_string(struct rule_loading *l, config_setting_t *s, const char *name,
			    bool needed, char *ret, size_t size)
{
	config_setting_t *m = config_setting_get_member(s, name);
	const char *text = m ? config_setting_get_string(m) : NULL;

	if (!m)
		return needed ? tocsin_rule_wrong(l, s, "has no '%s'", name) : 0;
	if (!text)
		return tocsin_rule_wrong(l, m, "not a text");
	if (!*text)
		return tocsin_rule_wrong(l, m, "is empty");
	if (strlen(text) >= size)
		return tocsin_rule_wrong(l, m, "is longer than %zu bytes", size - 1);
	strcpy(ret, text);
	return 0;
}

/* A word of a table; not there: ret as it is, unless it is needed. */
static int read_word(struct rule_loading *l, config_setting_t *s, const char *name, bool needed,
		     const char *const *names, int *ret)
{
	config_setting_t *m = config_setting_get_member(s, name);
	const char *text = m ? config_setting_get_string(m) : NULL;
	int i = text ? tocsin_rule_name_index(names, text) : -1;

	if (!m)
		return needed ? tocsin_rule_wrong(l, s, "has no '%s'", name) : 0;
	if (i < 0)
		return tocsin_rule_wrong(l, m, "'%s' is no word for it", text ? text : "");
	*ret = i;
	return 0;
}

static int read_answer(struct rule_loading *l, config_setting_t *m, enum rule_answer *ret)
{
	if (config_setting_type(m) != CONFIG_TYPE_BOOL)
		return tocsin_rule_wrong(l, m, "neither true nor false");
	*ret = config_setting_get_bool(m) ? RULE_YES : RULE_NO;
	return 0;
}

/* A whole number of low to high; not there: ret as it is, unless it is needed. */
static int read_number(struct rule_loading *l, config_setting_t *s, const char *name, bool needed,
		       uint32_t low, uint32_t high, uint32_t *ret)
{
	config_setting_t *m = config_setting_get_member(s, name);
	int n;

	if (!m)
		return needed ? tocsin_rule_wrong(l, s, "has no '%s'", name) : 0;
	n = config_setting_get_int(m);
	if (config_setting_type(m) != CONFIG_TYPE_INT || n < 0 || (uint32_t)n < low ||
	    (uint32_t)n > high)
		return tocsin_rule_wrong(l, m, "not a whole number of %u to %u", low, high);
	*ret = (uint32_t)n;
	return 0;
}

/* One word, or several, to bits. */
static int read_bits(struct rule_loading *l, config_setting_t *s, const char *const *names,
		     uint32_t *ret)
{
	bool single = config_setting_is_scalar(s);
	int count = single ? 1 : config_setting_length(s);
	uint32_t bits = 0;

	if (config_setting_is_group(s) || !count)
		return tocsin_rule_wrong(l, s, "not a word, nor a list of words");
	for (int i = 0; i < count; i++) {
		config_setting_t *m = single ? s : config_setting_get_elem(s, (unsigned int)i);
		const char *text = config_setting_get_string(m);
		int bit = text && *text ? tocsin_rule_name_index(names, text) : -1;

		if (bit < 0)
			return tocsin_rule_wrong(l, m, "'%s' is no word for it", text ? text : "");
		bits |= 1u << bit;
	}
	*ret = bits;
	return 0;
}

static int read_form(struct rule_loading *l, config_setting_t *m, const struct form_of *form,
		     void *member)
{
	struct rule_field *field = member;

	switch (form->form) {
	case FORM_ANSWER:
		return read_answer(l, m, member);
	case FORM_BITS:
		return read_bits(l, m, form->names, member);
	default:
		field->used = true;
		field->own.type = form->type;
		return tocsin_rule_read_entries(l, m, &field->own, field);
	}
}

/* A group of conditions into the structure that forms describe. */
static int read_forms(struct rule_loading *l, config_setting_t *s, const struct form_of *forms,
		      size_t count, void *ret, bool *used)
{
	int rc = 0;

	if (!config_setting_is_group(s) || !config_setting_length(s))
		return tocsin_rule_wrong(l, s, "not a group of conditions");
	*used = true;
	for (int i = 0; i < config_setting_length(s); i++) {
		config_setting_t *m = config_setting_get_elem(s, (unsigned int)i);
		size_t n = 0;

		while (n < count && strcmp(forms[n].name, config_setting_name(m)) != 0)
			n++;
		rc = also(rc, n == count
				  ? tocsin_rule_wrong(l, m, "there is no such condition")
				  : read_form(l, m, &forms[n], (char *)ret + forms[n].offset));
	}
	return rc;
}

static int read_condition(struct rule_loading *l, config_setting_t *s, struct rule_condition *ret)
{
	config_setting_t *process = config_setting_get_member(s, "process"),
			 *other = config_setting_get_member(s, "other"),
			 *socket = config_setting_get_member(s, "socket");
	int rc = 0;

	if (process)
		rc = read_forms(l, process, process_forms, PROCESS_FORMS, &ret->process,
				&ret->process.used);
	if (other)
		rc = also(rc, read_forms(l, other, process_forms, PROCESS_FORMS, &ret->other,
					 &ret->other.used));
	if (socket)
		rc = also(rc, read_forms(l, socket, socket_forms, SOCKET_FORMS, &ret->socket,
					 &ret->socket.used));
	return rc;
}

static void clear_forms(const struct form_of *forms, size_t count, void *from)
{
	for (size_t i = 0; i < count; i++)
		if (forms[i].form == FORM_FIELD)
			tocsin_rule_set_clear(
			    &((struct rule_field *)(void *)((char *)from + forms[i].offset))->own);
}

void tocsin_rule_condition_clear(struct rule_condition *c)
{
	clear_forms(process_forms, PROCESS_FORMS, &c->process);
	clear_forms(process_forms, PROCESS_FORMS, &c->other);
	clear_forms(socket_forms, SOCKET_FORMS, &c->socket);
}

static bool is_empty(const struct rule_field *f)
{
	size_t count = tocsin_rule_set_count(&f->own);

	for (size_t i = 0; i < f->list_count; i++)
		count += tocsin_rule_set_count(f->lists[i]);
	return f->used && !count;
}

static bool has_empty(const struct form_of *forms, size_t count, const void *from)
{
	for (size_t i = 0; i < count; i++)
		if (forms[i].form == FORM_FIELD &&
		    is_empty((const void *)((const char *)from + forms[i].offset)))
			return true;
	return false;
}

bool tocsin_rule_is_idle(const struct rule *r)
{
	return has_empty(process_forms, PROCESS_FORMS, &r->when.process) ||
	       has_empty(process_forms, PROCESS_FORMS, &r->when.other) ||
	       has_empty(socket_forms, SOCKET_FORMS, &r->when.socket);
}

void tocsin_rule_free(struct rule *r)
{
	if (!r)
		return;
	tocsin_rule_condition_clear(&r->when);
	for (size_t i = 0; i < r->exception_count; i++)
		tocsin_rule_condition_clear(&r->exceptions[i]);
	free(r->exceptions);
	free(r);
}

/* Kinds that rules look at; the others are the watch's own. */
static int read_kinds(struct rule_loading *l, config_setting_t *s, uint32_t *ret)
{
	const char *names[TOCSIN_EVENT_FINDING + 1] = {""};

	for (int i = TOCSIN_EVENT_STARTED; i <= TOCSIN_EVENT_RING; i++)
		names[i] = tocsin_event_kind_name((enum tocsin_event_kind)i);
	names[TOCSIN_EVENT_FINDING] = NULL;
	return read_bits(l, s, names, ret);
}

static int read_when(struct rule_loading *l, config_setting_t *s, struct rule *r)
{
	static const char *const names[] = {"kinds", "initial", "process", "other", "socket", NULL};
	config_setting_t *when = config_setting_get_member(s, "when"), *m;
	int rc;

	if (!when || !config_setting_is_group(when))
		return tocsin_rule_wrong(l, when ? when : s, "has no group 'when'");
	rc = tocsin_rule_check_names(l, when, names);
	m = config_setting_get_member(when, "kinds");
	rc = also(rc, m ? read_kinds(l, m, &r->kinds)
			: tocsin_rule_wrong(l, when, "has no 'kinds' of events"));
	m = config_setting_get_member(when, "initial");
	if (m)
		rc = also(rc, read_answer(l, m, &r->initial));
	return also(rc, read_condition(l, when, &r->when));
}

int tocsin_rule_read_exception(struct rule_loading *l, config_setting_t *s, struct rule *r,
			       bool top)
{
	static const char *const names[] = {"process", "other", "socket", NULL},
				 *const top_names[] = {"rules", "process", "other", "socket", NULL};
	struct rule_condition *more;
	int rc;

	if (!config_setting_is_group(s))
		return tocsin_rule_wrong(l, s, "not a group of conditions");
	if (config_setting_length(s) <= top)
		return tocsin_rule_wrong(l, s, "an exception without conditions");
	if (r->exception_count == RULE_EXCEPTIONS_MAX)
		return tocsin_rule_wrong(l, s, "more than %d exceptions", RULE_EXCEPTIONS_MAX);
	rc = tocsin_rule_check_names(l, s, top ? top_names : names);
	if (rc)
		return rc;
	more = reallocarray(r->exceptions, r->exception_count + 1, sizeof(*more));
	if (!more)
		return l->fatal = -ENOMEM;
	r->exceptions = more;
	more += r->exception_count;
	*more = (struct rule_condition){0};
	rc = read_condition(l, s, more);
	if (rc)
		tocsin_rule_condition_clear(more);
	else
		r->exception_count++;
	return rc;
}

static int read_exceptions(struct rule_loading *l, config_setting_t *s, struct rule *r)
{
	config_setting_t *list = config_setting_get_member(s, "exceptions");
	int rc = 0;

	if (list && !config_setting_is_list(list))
		return tocsin_rule_wrong(l, list, "not a list of groups: ( { ... }, { ... } )");
	for (int i = 0; list && i < config_setting_length(list); i++)
		rc = also(rc, tocsin_rule_read_exception(
				  l, config_setting_get_elem(list, (unsigned int)i), r, false));
	return rc;
}

static int read_fanout(struct rule_loading *l, config_setting_t *s, struct rule *r)
{
	static const char *const names[] = {"of", "by", "at_least", "within", NULL};
	uint32_t within = 60;
	int of = 0, by = RULE_BY_PROCESS, rc = tocsin_rule_check_names(l, s, names);

	rc = also(rc, read_word(l, s, "of", true, ofs, &of));
	rc = also(rc, read_word(l, s, "by", false, bys, &by));
	rc = also(rc, read_number(l, s, "at_least", true, 2, RULE_COUNT_MAX, &r->at_least));
	rc = also(rc, read_number(l, s, "within", false, 1, 86400, &within));
	r->of = (enum rule_of)of;
	r->by = (enum rule_by)by;
	r->within = within * SECOND;
	return rc;
}

static int read_rate(struct rule_loading *l, config_setting_t *s, struct rule *r)
{
	static const char *const names[] = {"by", "at_least", "within", NULL};
	uint32_t within = 60;
	int by = RULE_BY_PROCESS, rc = tocsin_rule_check_names(l, s, names);

	rc = also(rc, read_word(l, s, "by", false, bys, &by));
	rc = also(rc, read_number(l, s, "at_least", true, 2, RULE_RATE_MAX, &r->at_least));
	rc = also(rc, read_number(l, s, "within", false, 1, 86400, &within));
	r->by = (enum rule_by)by;
	r->within = within * SECOND;
	return rc;
}

static int read_beacon(struct rule_loading *l, config_setting_t *s, struct rule *r)
{
	static const char *const names[] = {"by",       "at_least", "jitter",
					    "shortest", "longest",  NULL};
	uint32_t shortest = 5, longest = 86400;
	int by = RULE_BY_PROCESS, rc = tocsin_rule_check_names(l, s, names);

	r->jitter = 20;
	rc = also(rc, read_word(l, s, "by", false, bys, &by));
	rc = also(rc, read_number(l, s, "at_least", true, 4, RULE_COUNT_MAX, &r->at_least));
	rc = also(rc, read_number(l, s, "jitter", false, 1, 100, &r->jitter));
	rc = also(rc, read_number(l, s, "shortest", false, 1, 86400, &shortest));
	rc = also(rc, read_number(l, s, "longest", false, 1, 7 * 86400, &longest));
	if (!rc && shortest > longest)
		rc = tocsin_rule_wrong(l, s, "'shortest' is longer than 'longest'");
	r->by = (enum rule_by)by;
	r->shortest = shortest * SECOND;
	r->longest = longest * SECOND;
	return rc;
}

static int read_over_time(struct rule_loading *l, config_setting_t *s, struct rule *r)
{
	static const char *const names[] = {[RULE_OVER_NOTHING] = "once",
					    [RULE_FANOUT] = "fanout",
					    [RULE_BEACON] = "beacon",
					    [RULE_RATE] = "rate",
					    NULL};
	static int (*const readers[])(struct rule_loading *, config_setting_t *,
				      struct rule *) = {NULL, read_fanout, read_beacon, read_rate};
	config_setting_t *found = NULL;
	int by = RULE_BY_SOCKET, rc;

	for (int i = RULE_OVER_NOTHING; names[i]; i++) {
		config_setting_t *m = config_setting_get_member(s, names[i]);

		if (m && found)
			return tocsin_rule_wrong(l, m, "there is a '%s' already",
						 config_setting_name(found));
		if (m) {
			found = m;
			r->over_time = (enum rule_over_time)i;
		}
	}
	if (r->over_time == RULE_OVER_NOTHING) {
		rc = read_word(l, s, "once", false, bys, &by);
		r->by = (enum rule_by)by;
		return rc;
	}
	if (!config_setting_is_group(found))
		return tocsin_rule_wrong(l, found, "not a group");
	rc = readers[r->over_time](l, found, r);
	if (!rc && r->by == RULE_BY_SOCKET)
		rc = tocsin_rule_wrong(l, found, "nothing to count by 'socket'");
	if (!rc && r->by == RULE_BY_LOCAL && r->over_time == RULE_BEACON)
		rc = tocsin_rule_wrong(l, found, "a beacon has no port of its own: not by 'local'");
	return rc;
}

static int check_sentence(struct rule_loading *l, config_setting_t *s, const char *sentence)
{
	for (const char *at = strchr(sentence, '{'); at; at = strchr(at + 1, '{')) {
		size_t size = strcspn(at, "}");
		char name[32];

		if (!at[size] || size >= sizeof(name))
			return tocsin_rule_wrong(l, s,
						 "a '{' without a placeholder's name and '}'");
		memcpy(name, at + 1, size - 1);
		name[size - 1] = 0;
		if (tocsin_rule_name_index(tocsin_rule_placeholders, name) < 0)
			return tocsin_rule_wrong(l, s, "there is no placeholder {%s}", name);
	}
	return 0;
}

/* Names and techniques are identifiers: they are printed as they are. */
static int check_identifier(struct rule_loading *l, config_setting_t *s, const char *text)
{
	if (text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")])
		return tocsin_rule_wrong(l, s, "has something other than letters, digits, . _ -");
	return 0;
}

static int read_weight(struct rule_loading *l, config_setting_t *s, struct rule *r)
{
	const char *severities[TOCSIN_SEVERITY_CRITICAL + 2] = {NULL},
							  *certainties[TOCSIN_CERTAINTY_HIGH + 2] =
							      {NULL};
	int severity = 0, certainty = TOCSIN_CERTAINTY_HIGH, rc;

	for (int i = 0; i <= TOCSIN_SEVERITY_CRITICAL; i++)
		severities[i] = tocsin_severity_name((enum tocsin_severity)i);
	for (int i = 0; i <= TOCSIN_CERTAINTY_HIGH; i++)
		certainties[i] = tocsin_certainty_name((enum tocsin_certainty)i);
	rc = read_word(l, s, "severity", true, severities, &severity);
	rc = also(rc, read_word(l, s, "certainty", false, certainties, &certainty));
	r->severity = (enum tocsin_severity)severity;
	r->certainty = (enum tocsin_certainty)certainty;
	return rc;
}

static int read_words(struct rule_loading *l, config_setting_t *s, struct rule *r)
{
	int rc;

	/* A text that could not be read is "", in which nothing is wrong. */
	rc = tocsin_rule_read_string(l, s, "name", true, r->name, sizeof(r->name));
	rc = also(rc, check_identifier(l, config_setting_get_member(s, "name"), r->name));
	rc = also(
	    rc, tocsin_rule_read_string(l, s, "sentence", true, r->sentence, sizeof(r->sentence)));
	rc = also(rc, check_sentence(l, config_setting_get_member(s, "sentence"), r->sentence));
	rc = also(rc, tocsin_rule_read_string(l, s, "why", true, r->why, sizeof(r->why)));
	rc = also(rc, tocsin_rule_read_string(l, s, "technique", false, r->technique,
					      sizeof(r->technique)));
	rc = also(rc, check_identifier(l, config_setting_get_member(s, "technique"), r->technique));
	return also(rc, read_weight(l, s, r));
}

static int read_enabled(struct rule_loading *l, config_setting_t *s, struct rule *r)
{
	config_setting_t *m = config_setting_get_member(s, "enabled");
	enum rule_answer enabled = RULE_YES;
	int rc = m ? read_answer(l, m, &enabled) : 0;

	r->enabled = enabled == RULE_YES;
	return rc;
}

int tocsin_rule_read(struct rule_loading *l, config_setting_t *s, struct rule **ret)
{
	static const char *const names[] = {
	    "name", "sentence",   "why",    "severity", "certainty", "technique", "enabled",
	    "when", "exceptions", "fanout", "beacon",   "rate",      "once",      NULL};
	struct rule *r;
	int rc;

	if (!config_setting_is_group(s))
		return tocsin_rule_wrong(l, s, "not a group");
	r = calloc(1, sizeof(*r));
	if (!r)
		return l->fatal = -ENOMEM;
	r->file = tocsin_rule_file(l, s);
	r->line = config_setting_source_line(s);
	rc = tocsin_rule_check_names(l, s, names);
	rc = also(rc, read_words(l, s, r));
	rc = also(rc, read_enabled(l, s, r));
	rc = also(rc, read_when(l, s, r));
	rc = also(rc, read_over_time(l, s, r));
	rc = also(rc, read_exceptions(l, s, r));
	if (rc)
		tocsin_rule_free(r);
	else
		*ret = r;
	return rc;
}
