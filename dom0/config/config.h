/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration of tocsind (docs/man/tocsind.conf.5), one file. It is read as a whole: every
 * mistake is told, with its line, and a file with a mistake gives nothing, so that the daemon
 * starts or goes on with what a person meant, or with what it had.
 */
#ifndef TOCSIN_CONFIG_H
#define TOCSIN_CONFIG_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOCSIN_CONFIG_FILE "/etc/tocsin/tocsind.conf"
#define TOCSIN_CONFIG_PATH 1024
#define TOCSIN_CONFIG_RULES_MAX 8
#define TOCSIN_CONFIG_POLICIES_MAX 256
#define TOCSIN_CONFIG_VERDICTS 5 /* TOCSIN_VERDICT_*; 0: the scan failed */

enum tocsin_action {
	TOCSIN_ACTION_LOG = 1u << 0,
	TOCSIN_ACTION_NOTIFY = 1u << 1, /* subscribers of the API, and the journal */
	TOCSIN_ACTION_DUMP = 1u << 2    /* the process's memory, to a file */
};

enum tocsin_policy_switch {
	TOCSIN_SWITCH_KEEP, /* as `tocsin enable` and `tocsin disable` left it */
	TOCSIN_SWITCH_OFF,
	TOCSIN_SWITCH_ON
};

/* What is to be done with a guest. */
struct tocsin_policy {
	enum tocsin_policy_switch enabled;
	uint32_t rate;     /* triggers per second, if on */
	uint32_t scans;    /* a bit for each of tocsin_scanners, in the order of that table */
	uint32_t schedule; /* minutes between scans of the whole guest; 0: none */
	uint32_t actions[TOCSIN_CONFIG_VERDICTS]; /* bits of enum tocsin_action */
};

struct tocsin_config_policy; /* as it stands in the file */

struct tocsin_config {
	char log_file[TOCSIN_CONFIG_PATH]; /* "": standard output */
	uint32_t log_format;               /* 0 json, 1 text */
	bool log_journal;
	char metrics_file[TOCSIN_CONFIG_PATH]; /* "": none */
	uint32_t metrics_period;               /* seconds */
	char api_socket[108];                  /* "": none */
	char api_group[64];                    /* may read; "": only root */
	char key[TOCSIN_CONFIG_PATH];
	char rules[TOCSIN_CONFIG_RULES_MAX][TOCSIN_CONFIG_PATH]; /* folders beside the shipped */
	size_t rule_count;
	char dump_folder[TOCSIN_CONFIG_PATH];
	uint32_t dump_size;  /* MiB of one dump, at most */
	uint32_t dump_total; /* MiB of all in the folder: no more is dumped then */
	struct tocsin_config_policy *policies;
	size_t policy_count;
};

/* Told of each mistake: "FILE:LINE: SETTING: why". */
typedef void tocsin_config_complain(const char *message, void *context);

/* What holds without a file. Free with tocsin_config_free. */
int tocsin_config_default(struct tocsin_config **ret);

/*
 * Read a file. -EINVAL: mistakes, of which complain (NULL: nobody) was told; another error: it
 * cannot be read, with the reason in err.
 */
int tocsin_config_load(const char *path, tocsin_config_complain *complain, void *context,
		       struct tocsin_config **ret, struct tocsin_error *err);
/* The same of bytes; name stands for the file in messages. */
int tocsin_config_parse(const char *name, const char *text, size_t size,
			tocsin_config_complain *complain, void *context, struct tocsin_config **ret,
			struct tocsin_error *err);
void tocsin_config_free(struct tocsin_config *c);

/*
 * The policy for a guest: each setting from the first policy of the file that names the guest and
 * has the setting, else what holds by default.
 */
void tocsin_config_policy(const struct tocsin_config *c, const char *name, const uint8_t uuid[16],
			  struct tocsin_policy *ret);

#endif
