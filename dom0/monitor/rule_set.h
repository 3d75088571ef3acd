/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside monitor/: a set of networks, numbers (ports, users) or texts that rules name. Filled, then
 * sealed, then asked; it stays as it is from then on.
 */
#ifndef TOCSIN_MONITOR_RULE_SET_H
#define TOCSIN_MONITOR_RULE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rule_set_type { RULE_SET_NETWORKS, RULE_SET_PORTS, RULE_SET_USERS, RULE_SET_TEXTS };

struct rule_range {
	uint32_t low, high; /* inclusive; IPv4 addresses, ports or users */
};

struct rule_range6 {
	uint8_t low[16], high[16]; /* inclusive */
};

struct rule_set {
	enum rule_set_type type;
	struct rule_range *ranges;
	size_t range_count, range_room;
	struct rule_range6 *ranges6;
	size_t range6_count, range6_room;
	char **texts; /* without wildcards, sorted once sealed */
	size_t text_count, text_room;
	char **globs;
	size_t glob_count, glob_room;
};

#define RULE_TEXT_MAX 1024 /* bytes of one entry */
#define RULE_STARS_MAX 4   /* in one pattern: fnmatch takes time with each */

/*
 * Add one entry: "10.0.0.0/8", "22", "8000-8999", "/usr/sbin/nginx*". 0; -EINVAL: it is none, and
 * why (never NULL then) says what is wrong; -ENOMEM.
 */
int tocsin_rule_set_add(struct rule_set *set, const char *entry, const char **why);

void tocsin_rule_set_seal(struct rule_set *set);
void tocsin_rule_set_clear(struct rule_set *set);
size_t tocsin_rule_set_count(const struct rule_set *set);

/* "networks", "ports", "users", "texts" */
const char *tocsin_rule_set_name(enum rule_set_type type);

bool tocsin_rule_set_has_number(const struct rule_set *set, uint32_t number);
bool tocsin_rule_set_has_text(const struct rule_set *set, const char *text);

/* An address as rules see it: IPv4 in IPv6 is IPv4. */
struct rule_address {
	bool four;
	uint32_t v4; /* host order */
	uint8_t v6[16];
};

void tocsin_rule_address(uint16_t family, const uint8_t bytes[16], struct rule_address *ret);
bool tocsin_rule_set_has_address(const struct rule_set *set, const struct rule_address *a);

#endif
