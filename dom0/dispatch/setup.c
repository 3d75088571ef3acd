/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void complain(const char *message, void *context)
{
	fprintf(stderr, "tocsind: %s\n", message);
}

static const char *file_of(const struct tocsin_setup *u)
{
	if (u->config)
		return u->config;
	return access(TOCSIN_CONFIG_FILE, F_OK) ? NULL : TOCSIN_CONFIG_FILE;
}

/* Folders that are configured and not there would be an error of every start: told, and left out.
 */
static void compose_folders(struct tocsin_setup *u, const struct tocsin_config *c)
{
	size_t n = 0;

	if (u->shipped)
		u->folders[n++] = u->shipped;
	for (size_t i = 0; i < u->rule_count; i++)
		u->folders[n++] = u->rules[i];
	for (size_t i = 0; i < c->rule_count; i++) {
		if (!access(c->rules[i], F_OK))
			u->folders[n++] = c->rules[i];
		else
			fprintf(stderr, "tocsind: rules: %s: %s\n", c->rules[i], strerror(errno));
	}
	u->folders[n] = NULL;
}

int tocsin_setup_load(struct tocsin_daemon_settings *s, struct tocsin_error *err)
{
	struct tocsin_setup *u = (struct tocsin_setup *)s;
	const char *path = file_of(u);
	struct tocsin_config *c;
	int rc =
	    path ? tocsin_config_load(path, complain, NULL, &c, err) : tocsin_config_default(&c);

	if (rc)
		return rc;
	compose_folders(u, c);
	s->rule_folders = u->folders;
	s->writer.output = tocsin_output_find(u->output       ? u->output
					      : c->log_format ? "text"
							      : "json");
	s->writer.log = u->log ? u->log : c->log_file[0] ? c->log_file : NULL;
	s->writer.journal = c->log_journal;
	/* What is signed with cannot change while the daemon runs. */
	if (!s->key)
		s->key = u->key ? u->key : strdup(c->key);
	s->config_file = path;
	tocsin_config_free(s->config);
	s->config = c;
	return s->key ? 0 : tocsin_error_set(err, -ENOMEM, "out of memory");
}

void tocsin_setup_free(struct tocsin_setup *u)
{
	struct tocsin_daemon_settings *s = &u->settings;

	tocsin_config_free(s->config);
	s->config = NULL;
	if (s->key != u->key)
		free((char *)s->key);
	s->key = NULL;
}

int tocsin_setup_check(const char *path)
{
	struct tocsin_setup u = {.config = path};
	const char *file = file_of(&u);
	struct tocsin_error err = {0};
	struct tocsin_config *c;

	if (!file) {
		printf("there is no %s: what is built in holds\n", TOCSIN_CONFIG_FILE);
		return 0;
	}
	if (tocsin_config_load(file, complain, NULL, &c, &err)) {
		fprintf(stderr, "tocsind: %s\n", err.message);
		return 1;
	}
	printf("%s: %zu policies, without a mistake\n", file, c->policy_count);
	tocsin_config_free(c);
	return 0;
}
