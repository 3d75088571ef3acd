/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside config/. */
#ifndef TOCSIN_CONFIG_INTERNAL_H
#define TOCSIN_CONFIG_INTERNAL_H

#include "config/config.h"
#include "settings/settings.h"

#define PATTERNS_MAX 256  /* of a policy */
#define PATTERN_SIZE 128u /* with its NUL */

/* Which of a policy's settings stand in the file. */
enum config_has {
	HAS_ENABLED = 1u << 0,
	HAS_RATE = 1u << 1,
	HAS_SCANS = 1u << 2,
	HAS_SCHEDULE = 1u << 3,
	HAS_ACTION = 1u << 4 /* and the bits above it, one for each verdict */
};

struct tocsin_config_policy {
	char (*patterns)[PATTERN_SIZE];
	size_t pattern_count;
	uint32_t has;
	struct tocsin_policy policy;
};

struct config_reading {
	const char *name; /* of the file */
	struct tocsin_config *config;
	tocsin_config_complain *complain;
	void *context;
	size_t mistakes;
	bool out_of_memory;
};

/* A mistake at a setting. */
void tocsin_config_wrong(struct config_reading *r, const config_setting_t *s, const char *format,
			 ...) __attribute__((format(printf, 3, 4)));

/* How a member of a group is read, into the structure that the group stands for. */
struct config_form {
	const char *name;
	void (*read)(struct config_reading *r, config_setting_t *s, const struct config_form *form,
		     void *to);
	size_t offset;
	uint32_t low, high;       /* of numbers; of texts high is the size of the array */
	const char *const *words; /* NULL-terminated */
	uint32_t has;             /* of a policy: its bit */
};

/* All members of s, which must be a group; who is not in forms is a mistake. */
void tocsin_config_group(struct config_reading *r, config_setting_t *s,
			 const struct config_form *forms, size_t count, void *to);

/* Readers: to + offset is what they fill. */
void tocsin_config_bool(struct config_reading *r, config_setting_t *s,
			const struct config_form *form, void *to); /* bool */
void tocsin_config_number(struct config_reading *r, config_setting_t *s,
			  const struct config_form *form, void *to); /* uint32_t */
void tocsin_config_word(struct config_reading *r, config_setting_t *s,
			const struct config_form *form, void *to); /* uint32_t: its index */
void tocsin_config_bits(struct config_reading *r, config_setting_t *s,
			const struct config_form *form, void *to); /* uint32_t */
void tocsin_config_text(struct config_reading *r, config_setting_t *s,
			const struct config_form *form, void *to); /* char[high] */
/* As text: an absolute path without "..", or "". */
void tocsin_config_path(struct config_reading *r, config_setting_t *s,
			const struct config_form *form, void *to);

/* A text of 1 to size - 1 bytes, printable; false: a mistake, and it was told. */
bool tocsin_config_take_text(struct config_reading *r, config_setting_t *s, bool empty, char *ret,
			     size_t size);

/* policy.c: the list `policies`. */
void tocsin_config_policies(struct config_reading *r, config_setting_t *s,
			    const struct config_form *form, void *to);

#endif
