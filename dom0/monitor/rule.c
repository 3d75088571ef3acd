// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules as those see them who use them: what there is, and what an event brings. */
#include "monitor/rule_internal.h"

#include <stdio.h>
#include <stdlib.h>

void tocsin_watch_rules_free(struct tocsin_watch_rules *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->count; i++)
		tocsin_rule_free(r->rules[i]);
	for (size_t i = 0; i < r->list_count; i++) {
		tocsin_rule_set_clear(&r->lists[i]->set);
		free(r->lists[i]->name);
		free(r->lists[i]);
	}
	for (size_t i = 0; i < r->file_count; i++)
		free(r->files[i]);
	free(r);
}

size_t tocsin_watch_rules_count(const struct tocsin_watch_rules *r)
{
	return r->count;
}

size_t tocsin_watch_rules_broken(const struct tocsin_watch_rules *r)
{
	return r->broken;
}

void tocsin_watch_rules_info(const struct tocsin_watch_rules *r, size_t index,
			     struct tocsin_watch_rule_info *ret)
{
	const struct rule *rule = r->rules[index];

	*ret = (struct tocsin_watch_rule_info){.name = rule->name,
					       .file = rule->file,
					       .sentence = rule->sentence,
					       .why = rule->why,
					       .technique = rule->technique,
					       .severity = rule->severity,
					       .certainty = rule->certainty,
					       .line = rule->line,
					       .exceptions = rule->exception_count,
					       .enabled = rule->enabled,
					       .idle = tocsin_rule_is_idle(rule)};
}

static int state_finding(const struct rule *r, const struct rule_look *look,
			 const struct rule_measure *measure, tocsin_watch_emit *emit, void *context)
{
	struct tocsin_finding f = {
	    .scanner = "watch", .severity = r->severity, .certainty = r->certainty};

	snprintf(f.rule, sizeof(f.rule), "%s", r->name);
	snprintf(f.technique, sizeof(f.technique), "%s", r->technique);
	snprintf(f.why, sizeof(f.why), "%s", r->why);
	tocsin_rule_say(r, look, measure, f.what, sizeof(f.what));
	return emit(&f, look->e, context);
}

int tocsin_watch_rules_apply(const struct tocsin_watch_rules *r, struct tocsin_watch_state *s,
			     const struct tocsin_event *e, tocsin_watch_emit *emit, void *context)
{
	struct tocsin_watch_counts *counts = tocsin_rule_counts(s);
	struct rule_look look;
	int rc = 0;

	counts->events++;
	if ((unsigned int)e->kind >= TOCSIN_EVENT_KINDS || !r->by_kind_count[e->kind])
		return 0;
	tocsin_rule_look(&look, e);
	for (size_t i = 0; i < r->by_kind_count[e->kind] && !rc; i++) {
		size_t index = r->by_kind[e->kind][i];
		const struct rule *rule = r->rules[index];
		struct rule_measure measure;

		if (!tocsin_rule_matches(rule, &look))
			continue;
		rc = tocsin_rule_remember(s, rule, index, &look, &measure);
		if (rc < 0)
			return rc;
		counts->repeated += rc == RULE_KNOWN;
		counts->findings += rc == RULE_NEWS;
		rc = rc == RULE_NEWS ? state_finding(rule, &look, &measure, emit, context) : 0;
	}
	return rc;
}
