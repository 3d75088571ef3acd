/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside monitor/: what a rule is once it is read, and what is remembered for it. */
#ifndef TOCSIN_MONITOR_RULE_INTERNAL_H
#define TOCSIN_MONITOR_RULE_INTERNAL_H

#include "monitor/rule.h"
#include "monitor/rule_set.h"
#include "settings/settings.h"

#define RULE_LIST_FILE_MAX (64u << 20) /* of a file with a list */
#define RULE_FILES_MAX 256
#define RULES_MAX 256
#define RULE_LISTS_MAX 256
#define RULE_ENTRIES_MAX (1u << 20) /* of all lists and rules together */
#define RULE_EXCEPTIONS_MAX 256     /* of a rule */
#define RULE_REFERENCES_MAX 8       /* lists that one setting names */
#define RULE_COUNT_MAX 256          /* at_least of fanout and beacon */
#define RULE_RATE_MAX 4096          /* at_least of rate */
#define RULE_SENTENCE_SIZE 200

/* What a setting of a condition allows: entries of its own, and lists. */
struct rule_field {
	bool used;
	struct rule_set own;
	const struct rule_set *lists[RULE_REFERENCES_MAX];
	size_t list_count;
};

enum rule_answer { RULE_ANY, RULE_NO, RULE_YES };

struct rule_process {
	bool used;
	struct rule_field comm, exe, container, uid;
	enum rule_answer exe_deleted, exe_memfd, stdin_socket, kernel_thread, in_container;
};

struct rule_socket {
	bool used;
	uint32_t protocol, state, direction; /* bits, of the names in rule_names.c; 0: any */
	struct rule_field local, remote, local_port, remote_port, path;
};

struct rule_condition {
	struct rule_process process, other;
	struct rule_socket socket;
};

enum rule_over_time { RULE_OVER_NOTHING, RULE_FANOUT, RULE_BEACON, RULE_RATE };
enum rule_by {
	RULE_BY_PROCESS,
	RULE_BY_EXE,
	RULE_BY_REMOTE,
	RULE_BY_LOCAL, /* a program, and its address and port */
	RULE_BY_GUEST,
	RULE_BY_SOCKET
};
enum rule_of { RULE_OF_REMOTE_PORT, RULE_OF_REMOTE, RULE_OF_LOCAL_PORT, RULE_OF_REMOTE_PAIR };

struct rule {
	char name[64], sentence[RULE_SENTENCE_SIZE], why[256], technique[16];
	enum tocsin_severity severity;
	enum tocsin_certainty certainty;
	bool enabled;
	uint32_t kinds; /* bits of enum tocsin_event_kind */
	enum rule_answer initial;
	struct rule_condition when;
	struct rule_condition *exceptions;
	size_t exception_count;
	enum rule_by by; /* over time: what is counted together; else: what is stated once */
	enum rule_over_time over_time;
	enum rule_of of;                    /* of fanout */
	uint32_t at_least;                  /* of all three */
	uint64_t within, shortest, longest; /* nanoseconds */
	uint32_t jitter;                    /* percent */
	const char *file;
	unsigned int line;
};

struct rule_list {
	char *name;
	struct rule_set set;
	bool broken; /* a part of it could not be read: rules that need it are broken too */
};

struct tocsin_watch_rules {
	struct rule *rules[RULES_MAX];
	size_t count, broken;
	struct rule_list *lists[RULE_LISTS_MAX];
	size_t list_count;
	char *files[RULE_FILES_MAX];
	size_t file_count;
	/* the rules that look at a kind of event */
	uint16_t by_kind[TOCSIN_EVENT_KINDS][RULES_MAX];
	size_t by_kind_count[TOCSIN_EVENT_KINDS];
};

/* ---- reading ---- */

struct rule_loading {
	struct tocsin_watch_rules *rules;
	tocsin_watch_complain *complain;
	void *context;
	config_t *configs; /* one for each of rules->files */
	size_t entries;    /* of all lists and rules */
	int fatal;         /* -ENOMEM: give up */
};

/* Begin, add files by name or text by a name for it, then finish, which frees what loading needs.
 */
int tocsin_rule_loading_begin(struct rule_loading *l, tocsin_watch_complain *complain,
			      void *context);
void tocsin_rule_loading_add(struct rule_loading *l, const char *path);
void tocsin_rule_loading_add_text(struct rule_loading *l, const char *path, const char *text,
				  size_t size);
int tocsin_rule_loading_finish(struct rule_loading *l, struct tocsin_watch_rules **ret,
			       struct tocsin_error *err);

/* A mistake at a setting; it is counted as broken by who leaves it out. Always -EINVAL. */
int tocsin_rule_wrong(struct rule_loading *l, const config_setting_t *s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Any complaint. */
void tocsin_rule_complain(struct rule_loading *l, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *tocsin_rule_file(const struct rule_loading *l, const config_setting_t *s);

struct rule_list *tocsin_rule_list_find(const struct tocsin_watch_rules *r, const char *name);
/* The group s of `lists`; -EINVAL: complained about. */
int tocsin_rule_read_list(struct rule_loading *l, config_setting_t *s);
/* The entries of an array, a list or a single value. Entries that begin with one @
 * are names of lists, which go to field; @@ stands for an @. */
int tocsin_rule_read_entries(struct rule_loading *l, config_setting_t *s, struct rule_set *set,
			     struct rule_field *field);

/* The group s of `rules`, or of exceptions: 0 and ret, or -EINVAL and it is complained about. */
int tocsin_rule_read(struct rule_loading *l, config_setting_t *s, struct rule **ret);
int tocsin_rule_read_exception(struct rule_loading *l, config_setting_t *s, struct rule *r,
			       bool top);
/* Does it need a list that is empty, so that nothing meets it? */
bool tocsin_rule_is_idle(const struct rule *r);
void tocsin_rule_condition_clear(struct rule_condition *c);
void tocsin_rule_free(struct rule *r);

/* A string of s, none longer than size - 1. Not there: 1, unless it is needed. */
int tocsin_rule_read_string(struct rule_loading *l, config_setting_t *s, const char *name,
			    bool needed, char *ret, size_t size);
/* Every member of s must be in names (NULL-terminated). */
int tocsin_rule_check_names(struct rule_loading *l, config_setting_t *s, const char *const *names);

/* Names of a table, NULL-terminated: index, or -1. */
int tocsin_rule_name_index(const char *const *names, const char *name);
extern const char *const tocsin_rule_protocols[],
    *const tocsin_rule_states[], *const tocsin_rule_directions[], *const tocsin_rule_placeholders[];

/* ---- matching ---- */

/* An event, and what is found out about it once for all rules. */
struct rule_look {
	const struct tocsin_event *e;
	bool inet;
	uint32_t protocol, state, direction; /* bits */
	struct rule_address local, remote;
	char path[TOCSIN_SOCKET_NAME_SIZE + 1]; /* of AF_UNIX; abstract: @name */
};

void tocsin_rule_look(struct rule_look *look, const struct tocsin_event *e);
/* Without what is over time. */
bool tocsin_rule_matches(const struct rule *r, const struct rule_look *look);

/* ---- memory of one guest ---- */

struct rule_measure {
	uint64_t count;    /* distinct values, or events */
	uint64_t interval; /* nanoseconds, mean */
};

enum rule_news { RULE_NOTHING_YET, RULE_NEWS, RULE_KNOWN };

/* The rule matches this event: is it to be stated? -ENOMEM. */
int tocsin_rule_remember(struct tocsin_watch_state *s, const struct rule *r, size_t index,
			 const struct rule_look *look, struct rule_measure *measure);
/* Of what is remembered, for tests. */
size_t tocsin_rule_state_bytes(const struct tocsin_watch_state *s);
struct tocsin_watch_counts *tocsin_rule_counts(struct tocsin_watch_state *s);

/* The sentence, with what the placeholders stand for. */
void tocsin_rule_say(const struct rule *r, const struct rule_look *look,
		     const struct rule_measure *m, char *ret, size_t size);

#endif
