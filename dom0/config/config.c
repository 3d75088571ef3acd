/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file as a whole: what its groups are, and what is checked across them. */
#include "config/internal.h"
#include "request/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define AT(member) offsetof(struct tocsin_config, member)
#define PATH(name, member)                                                                         \
	{                                                                                          \
		name, tocsin_config_path, AT(member), 0, TOCSIN_CONFIG_PATH, NULL, 0               \
	}
#define NUMBER(name, member, low, high)                                                            \
	{                                                                                          \
		name, tocsin_config_number, AT(member), low, high, NULL, 0                         \
	}

static const char *const formats[] = {"json", "text", NULL};

static const struct config_form log_forms[] = {
    PATH("file", log_file),
    {"format", tocsin_config_word, AT(log_format), 0, 0, formats, 0},
    {"journal", tocsin_config_bool, AT(log_journal), 0, 0, NULL, 0},
};

static const struct config_form metrics_forms[] = {
    PATH("file", metrics_file),
    NUMBER("period", metrics_period, 1, 3600),
};

static const struct config_form api_forms[] = {
    {"socket", tocsin_config_path, AT(api_socket), 0,
     sizeof(((struct tocsin_config *)0)->api_socket), NULL, 0},
    {"group", tocsin_config_text, AT(api_group), 0, sizeof(((struct tocsin_config *)0)->api_group),
     NULL, 0},
};

static const struct config_form dump_forms[] = {
    PATH("folder", dump_folder),
    NUMBER("size", dump_size, 1, 65536),
    NUMBER("total", dump_total, 1, 16777216),
};

#define GROUP(name)                                                                                \
	static void read_##name(struct config_reading *r, config_setting_t *s,                     \
				const struct config_form *form, void *to)                          \
	{                                                                                          \
		tocsin_config_group(r, s, name##_forms, COUNT(name##_forms), to);                  \
	}
GROUP(log)
GROUP(metrics)
GROUP(api)
GROUP(dump)

static void read_rules(struct config_reading *r, config_setting_t *s,
		       const struct config_form *form, void *to)
{
	bool single = config_setting_is_scalar(s);
	int count = single ? 1 : config_setting_length(s);
	struct tocsin_config *c = to;

	if (config_setting_is_group(s)) {
		tocsin_config_wrong(r, s, "not a folder, nor a list of folders");
		return;
	}
	for (int i = 0; i < count; i++) {
		const struct config_form path = {"rules", NULL, 0, 0, sizeof(c->rules[0]), NULL, 0};
		config_setting_t *m = single ? s : config_setting_get_elem(s, (unsigned int)i);

		if (c->rule_count == TOCSIN_CONFIG_RULES_MAX) {
			tocsin_config_wrong(r, m, "more than %d folders", TOCSIN_CONFIG_RULES_MAX);
			return;
		}
		tocsin_config_path(r, m, &path, c->rules[c->rule_count]);
		if (c->rules[c->rule_count][0])
			c->rule_count++;
	}
}

static const struct config_form top_forms[] = {
    {"log", read_log, 0, 0, 0, NULL, 0},
    {"metrics", read_metrics, 0, 0, 0, NULL, 0},
    {"api", read_api, 0, 0, 0, NULL, 0},
    {"dump", read_dump, 0, 0, 0, NULL, 0},
    {"rules", read_rules, 0, 0, 0, NULL, 0},
    PATH("key", key),
    {"policies", tocsin_config_policies, 0, 0, 0, NULL, 0},
};

int tocsin_config_default(struct tocsin_config **ret)
{
	struct tocsin_config *c = malloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	*c = (struct tocsin_config){
	    .metrics_period = 15,
	    .key = TOCSIN_KEY_FILE,
	    .dump_folder = TOCSIN_KEY_FOLDER "/dumps",
	    .dump_size = 1024,
	    .dump_total = 16384,
	};
	*ret = c;
	return 0;
}

void tocsin_config_free(struct tocsin_config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->policy_count; i++)
		free(c->policies[i].patterns);
	free(c->policies);
	free(c);
}

/* What each setting alone allows, and all together do not. */
static void check(struct config_reading *r, config_setting_t *root)
{
	const struct tocsin_config *c = r->config;
	config_setting_t *s = config_setting_lookup(root, "dump.total");

	if (c->dump_total < c->dump_size)
		tocsin_config_wrong(r, s ? s : config_setting_lookup(root, "dump.size"),
				    "one dump may have %u MiB, all together %u", c->dump_size,
				    c->dump_total);
	for (size_t i = 0; i < c->policy_count; i++) {
		const struct tocsin_config_policy *p = &c->policies[i];
		uint32_t actions = 0;

		for (size_t v = 0; v < TOCSIN_CONFIG_VERDICTS; v++)
			actions |= p->policy.actions[v];
		if ((actions & TOCSIN_ACTION_DUMP) && !c->dump_folder[0])
			tocsin_config_wrong(
			    r,
			    config_setting_get_elem(config_setting_get_member(root, "policies"),
						    (unsigned int)i),
			    "has a dump, and there is no dump.folder");
	}
	if (!c->key[0])
		tocsin_config_wrong(r, config_setting_get_member(root, "key"), "is empty");
}

static void read_text(struct config_reading *r, const char *text, size_t size)
{
	config_t c;
	const char *why;
	int line, rc;

	config_init(&c);
	rc = tocsin_settings_parse(&c, text, size, &why, &line);
	if (rc == -ENOMEM) {
		r->out_of_memory = true;
	} else if (rc) {
		char message[512];

		snprintf(message, sizeof(message), "%s:%d: %s", r->name, line, why);
		if (r->complain)
			r->complain(message, r->context);
		r->mistakes++;
	} else {
		tocsin_config_group(r, config_root_setting(&c), top_forms, COUNT(top_forms),
				    r->config);
		if (!r->mistakes)
			check(r, config_root_setting(&c));
	}
	config_destroy(&c);
}

int tocsin_config_parse(const char *name, const char *text, size_t size,
			tocsin_config_complain *complain, void *context, struct tocsin_config **ret,
			struct tocsin_error *err)
{
	struct config_reading r = {.name = name, .complain = complain, .context = context};

	if (tocsin_config_default(&r.config))
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	read_text(&r, text, size);
	if (!r.mistakes && !r.out_of_memory) {
		*ret = r.config;
		return 0;
	}
	tocsin_config_free(r.config);
	if (r.out_of_memory)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	return tocsin_error_set(err, -EINVAL, "%s: %zu mistakes", name, r.mistakes);
}

int tocsin_config_load(const char *path, tocsin_config_complain *complain, void *context,
		       struct tocsin_config **ret, struct tocsin_error *err)
{
	char *text = NULL;
	size_t size = 0;
	int rc = tocsin_settings_read(path, &text, &size);

	if (rc)
		return tocsin_error_set(err, rc == -EINVAL ? -EIO : rc, "%s: %s", path,
					tocsin_settings_error(rc));
	rc = tocsin_config_parse(path, text, size, complain, context, ret, err);
	free(text);
	return rc;
}
