/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules over the events of a watch: what a provider holds to be suspicious in how processes and
 * connections behave. They are read from files (tocsin-rules(5)) and state findings.
 *
 * A set of rules is constant once loaded and may serve many guests; what a rule remembers of one
 * guest (intervals, counts) is in a state of that guest's, with bounds of its own.
 */
#ifndef TOCSIN_MONITOR_RULE_H
#define TOCSIN_MONITOR_RULE_H

#include "monitor/event.h"

struct tocsin_watch_rules;
struct tocsin_watch_state;

/* One line of text: file, line and what is wrong there. */
typedef void tocsin_watch_complain(const char *message, void *context);

/*
 * Every *.rules of the directories (NULL-terminated), by name. What is broken is complained about,
 * and the rest works; a later rule of the same name replaces an earlier one. Fails if a directory
 * cannot be read, or if nothing at all could be loaded. Freed by the caller.
 */
int tocsin_watch_rules_load(const char *const *directories, tocsin_watch_complain *complain,
			    void *context, struct tocsin_watch_rules **ret,
			    struct tocsin_error *err);
void tocsin_watch_rules_free(struct tocsin_watch_rules *r);

size_t tocsin_watch_rules_count(const struct tocsin_watch_rules *r);
size_t tocsin_watch_rules_broken(const struct tocsin_watch_rules *r); /* rules and files left out */

struct tocsin_watch_rule_info {
	const char *name, *file, *sentence, *why, *technique; /* technique: "" or ATT&CK's */
	enum tocsin_severity severity;
	enum tocsin_certainty certainty;
	unsigned int line;
	size_t exceptions;
	bool enabled;
	bool idle; /* a list that it needs is empty: nothing can match */
};

/* index below count; what ret points at lives as long as the rules. */
void tocsin_watch_rules_info(const struct tocsin_watch_rules *r, size_t index,
			     struct tocsin_watch_rule_info *ret);

/* What the rules remember of one guest; NULL: no memory. */
struct tocsin_watch_state *tocsin_watch_state_new(const struct tocsin_watch_rules *r);
void tocsin_watch_state_free(struct tocsin_watch_state *s);

struct tocsin_watch_counts {
	uint64_t events, findings;
	uint64_t repeated;  /* matches not stated again: the same rule, process and socket (or what
			     * else the rule names as the same) */
	uint64_t forgotten; /* what had to go because there was too much to remember */
};

void tocsin_watch_state_counts(const struct tocsin_watch_state *s, struct tocsin_watch_counts *ret);

/* A finding, and the event that it came with. 0, or a negative errno that is passed on. */
typedef int tocsin_watch_emit(const struct tocsin_finding *f, const struct tocsin_event *cause,
			      void *context);

int tocsin_watch_rules_apply(const struct tocsin_watch_rules *r, struct tocsin_watch_state *s,
			     const struct tocsin_event *e, tocsin_watch_emit *emit, void *context);

#endif
