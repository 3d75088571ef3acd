/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policies: which guests they name, and what holds for one. */
#include "config/internal.h"
#include "scan/scan.h"

#include <tocsin/request.h>

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_RATE 1000u /* as of `tocsin enable` */
#define RATE_MAX 1000000u
#define SCHEDULE_MAX (31u * 24 * 60)
#define SCANNERS_MAX 32

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

_Static_assert(TOCSIN_VERDICT_INCONCLUSIVE + 1 == TOCSIN_CONFIG_VERDICTS, "one row for each");

static const char *const action_words[] = {"log", "notify", "dump", NULL};
static const char *const verdict_names[TOCSIN_CONFIG_VERDICTS] = {
    [TOCSIN_VERDICT_NONE] = "failed",
    [TOCSIN_VERDICT_CLEAN] = "clean",
    [TOCSIN_VERDICT_SUSPICIOUS] = "suspicious",
    [TOCSIN_VERDICT_MALICIOUS] = "malicious",
    [TOCSIN_VERDICT_INCONCLUSIVE] = "inconclusive",
};

static const struct tocsin_policy defaults = {
    .rate = DEFAULT_RATE,
    .scans = UINT32_MAX,
    .actions = {[TOCSIN_VERDICT_NONE] = TOCSIN_ACTION_LOG | TOCSIN_ACTION_NOTIFY,
		[TOCSIN_VERDICT_CLEAN] = TOCSIN_ACTION_LOG,
		[TOCSIN_VERDICT_SUSPICIOUS] = TOCSIN_ACTION_LOG | TOCSIN_ACTION_NOTIFY,
		[TOCSIN_VERDICT_MALICIOUS] = TOCSIN_ACTION_LOG | TOCSIN_ACTION_NOTIFY,
		[TOCSIN_VERDICT_INCONCLUSIVE] = TOCSIN_ACTION_LOG}};

static void read_pattern(struct config_reading *r, config_setting_t *s,
			 struct tocsin_config_policy *p)
{
	if (p->pattern_count == PATTERNS_MAX)
		tocsin_config_wrong(r, s, "more than %d names", PATTERNS_MAX);
	else if (tocsin_config_take_text(r, s, false, p->patterns[p->pattern_count], PATTERN_SIZE))
		p->pattern_count++;
}

static void read_guests(struct config_reading *r, config_setting_t *s,
			const struct config_form *form, void *to)
{
	bool single = config_setting_is_scalar(s);
	int count = single ? 1 : config_setting_length(s);
	struct tocsin_config_policy *p = to;

	if (config_setting_is_group(s) || !count) {
		tocsin_config_wrong(r, s, "not a name, nor a list of names");
		return;
	}
	if (count > PATTERNS_MAX)
		count = PATTERNS_MAX + 1; /* the last of them is told of */
	p->patterns = calloc((size_t)count, sizeof(*p->patterns));
	if (!p->patterns) {
		r->out_of_memory = true;
		return;
	}
	for (int i = 0; i < count; i++)
		read_pattern(r, single ? s : config_setting_get_elem(s, (unsigned int)i), p);
}

static void read_enabled(struct config_reading *r, config_setting_t *s,
			 const struct config_form *form, void *to)
{
	struct tocsin_config_policy *p = to;
	const struct config_form inner = {"enabled", NULL, 0, 0, 0, NULL, 0};
	bool on = false;

	tocsin_config_bool(r, s, &inner, &on);
	p->policy.enabled = on ? TOCSIN_SWITCH_ON : TOCSIN_SWITCH_OFF;
	p->has |= HAS_ENABLED;
}

static void read_number(struct config_reading *r, config_setting_t *s,
			const struct config_form *form, void *to)
{
	struct tocsin_config_policy *p = to;

	tocsin_config_number(r, s, form, to);
	p->has |= form->has;
}

static void read_scans(struct config_reading *r, config_setting_t *s,
		       const struct config_form *form, void *to)
{
	struct tocsin_config_policy *p = to;
	const char *words[SCANNERS_MAX + 1] = {NULL};
	struct config_form inner = *form;

	for (size_t i = 0; i < SCANNERS_MAX && tocsin_scanners[i].name; i++)
		words[i] = tocsin_scanners[i].name;
	inner.words = words;
	tocsin_config_bits(r, s, &inner, to);
	if (!p->policy.scans)
		tocsin_config_wrong(r, s, "no scan at all: use enabled = false");
	p->has |= form->has;
}

static void read_actions(struct config_reading *r, config_setting_t *s,
			 const struct config_form *form, void *to)
{
	struct config_form forms[TOCSIN_CONFIG_VERDICTS];
	struct tocsin_config_policy *p = to;

	for (size_t i = 0; i < TOCSIN_CONFIG_VERDICTS; i++)
		forms[i] = (struct config_form){verdict_names[i],
						tocsin_config_bits,
						i * sizeof(uint32_t),
						0,
						0,
						action_words,
						0};
	tocsin_config_group(r, s, forms, COUNT(forms), p->policy.actions);
	for (size_t i = 0; config_setting_is_group(s) && i < TOCSIN_CONFIG_VERDICTS; i++)
		if (config_setting_get_member(s, verdict_names[i]))
			p->has |= HAS_ACTION << i;
}

#define AT(member)                                                                                 \
	(offsetof(struct tocsin_config_policy, policy) + offsetof(struct tocsin_policy, member))

static const struct config_form policy_forms[] = {
    {"guests", read_guests, 0, 0, 0, NULL, 0},
    {"enabled", read_enabled, 0, 0, 0, NULL, HAS_ENABLED},
    {"rate", read_number, AT(rate), 1, RATE_MAX, NULL, HAS_RATE},
    {"scans", read_scans, AT(scans), 0, 0, NULL, HAS_SCANS},
    {"schedule", read_number, AT(schedule), 0, SCHEDULE_MAX, NULL, HAS_SCHEDULE},
    {"actions", read_actions, 0, 0, 0, NULL, 0},
};

void tocsin_config_policies(struct config_reading *r, config_setting_t *s,
			    const struct config_form *form, void *to)
{
	struct tocsin_config *c = to;
	int count = config_setting_length(s);

	if (!config_setting_is_list(s)) {
		tocsin_config_wrong(r, s, "not a list of groups: ( { ... }, { ... } )");
		return;
	}
	if (count > TOCSIN_CONFIG_POLICIES_MAX) {
		tocsin_config_wrong(r, s, "more than %d policies", TOCSIN_CONFIG_POLICIES_MAX);
		return;
	}
	c->policies = calloc((size_t)count + 1, sizeof(*c->policies));
	if (!c->policies) {
		r->out_of_memory = true;
		return;
	}
	for (int i = 0; i < count; i++) {
		config_setting_t *m = config_setting_get_elem(s, (unsigned int)i);

		c->policy_count++;
		tocsin_config_group(r, m, policy_forms, COUNT(policy_forms), &c->policies[i]);
		if (config_setting_is_group(m) && !config_setting_get_member(m, "guests"))
			tocsin_config_wrong(r, m, "a policy without 'guests'");
	}
}

static bool names(const struct tocsin_config_policy *p, const char *name, const char *uuid)
{
	for (size_t i = 0; i < p->pattern_count; i++)
		if (!fnmatch(p->patterns[i], name, 0) || !strcasecmp(p->patterns[i], uuid))
			return true;
	return false;
}

/* What of p is not settled yet. */
static void settle(const struct tocsin_config_policy *p, uint32_t *settled,
		   struct tocsin_policy *ret)
{
	uint32_t news = p->has & ~*settled;

	*settled |= news;
	if (news & HAS_ENABLED)
		ret->enabled = p->policy.enabled;
	if (news & HAS_RATE)
		ret->rate = p->policy.rate;
	if (news & HAS_SCANS)
		ret->scans = p->policy.scans;
	if (news & HAS_SCHEDULE)
		ret->schedule = p->policy.schedule;
	for (size_t i = 0; i < TOCSIN_CONFIG_VERDICTS; i++)
		if (news & HAS_ACTION << i)
			ret->actions[i] = p->policy.actions[i];
}

void tocsin_config_policy(const struct tocsin_config *c, const char *name, const uint8_t uuid[16],
			  struct tocsin_policy *ret)
{
	uint32_t settled = 0;
	char text[37];

	snprintf(text, sizeof(text),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", uuid[0],
		 uuid[1], uuid[2], uuid[3], uuid[4], uuid[5], uuid[6], uuid[7], uuid[8], uuid[9],
		 uuid[10], uuid[11], uuid[12], uuid[13], uuid[14], uuid[15]);
	*ret = defaults;
	for (size_t i = 0; i < c->policy_count; i++)
		if (names(&c->policies[i], name, text))
			settle(&c->policies[i], &settled, ret);
}
