/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's settings, from its command line and its configuration; the former comes first. */
#ifndef TOCSIN_DISPATCH_SETUP_H
#define TOCSIN_DISPATCH_SETUP_H

#include "dispatch/supervisor.h"

#define TOCSIN_SETUP_RULES_MAX 8 /* folders of the command line */

/* Of the command line; NULL: not given. */
struct tocsin_setup {
	struct tocsin_daemon_settings settings; /* first */
	const char *config;                     /* the file; NULL: the usual one, if it is there */
	const char *shipped;                    /* folder of rules that come with Tocsin, or NULL */
	const char *rules[TOCSIN_SETUP_RULES_MAX];
	size_t rule_count;
	const char *key, *output, *log;
	/* NULL-terminated: the shipped, the command line's, the configuration's */
	const char *folders[1 + TOCSIN_SETUP_RULES_MAX + TOCSIN_CONFIG_RULES_MAX + 1];
};

/* Read the configuration, again or for the first time; every mistake goes to stderr. On failure the
 * settings stay as they are. Also settings.setup. */
int tocsin_setup_load(struct tocsin_daemon_settings *s, struct tocsin_error *err);

/* tocsind --check-config: what is wrong to stderr. The exit code. */
int tocsin_setup_check(const char *path);

/* What tocsin_setup_load made. */
void tocsin_setup_free(struct tocsin_setup *u);

#endif
