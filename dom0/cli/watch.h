/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside cli/: tocsin watch. One thread for each guest takes samples and makes events; what becomes
 * of an event is the sink's (watch_sink.c): rules, history, output, live view.
 */
#ifndef TOCSIN_CLI_WATCH_H
#define TOCSIN_CLI_WATCH_H

#include "cli/guest.h"
#include "monitor/history.h"
#include "monitor/monitor.h"
#include "monitor/rule.h"

#include <pthread.h>

#define WATCH_GUESTS_MAX 64
#define WATCH_DIRECTORIES_MAX 16

struct watch_options {
	struct guest_options guests[WATCH_GUESTS_MAX];
	size_t count;
	const char *format; /* of output.h's table of events; NULL: none */
	bool view;          /* on the whole terminal */
	bool initial;       /* print what was there at the beginning too */
	bool stay;          /* wait for guests that are gone to come back */
	const char *history;
	struct tocsin_history_settings keep;
	const char *rules[WATCH_DIRECTORIES_MAX + 1]; /* NULL-terminated */
	bool no_rules;
	const char *rings; /* tocsind's log */
	struct tocsin_pace pace;
	uint64_t seconds;  /* 0: until it is ended */
	uint64_t accounts; /* nanoseconds between them */
};

/* 0, or EXIT_USAGE with the reason on stderr. */
int watch_options_parse(int argc, char **argv, struct watch_options *ret);

/* The name of a guest in what is said of it. */
const char *watch_guest_name(const struct guest_options *g);

/* ---- the sink ---- */

struct watch;
struct watch_sink;

/* w, whose options say what there is to open, is for the live view. */
int watch_sink_open(struct watch *w, struct watch_sink **ret, struct tocsin_error *err);
/* Worst verdict of all findings as an exit code (0, 10, 11), and closing. */
int watch_sink_close(struct watch_sink *sink, struct tocsin_error *err);

/* What one guest's events go through; freed by watch_sink_leave. NULL: no memory. */
struct watch_entry;
struct watch_entry *watch_sink_enter(struct watch_sink *sink);
void watch_sink_leave(struct watch_entry *entry);

/* A tocsin_event_take, whose context is a struct watch_entry. */
int watch_sink_take(const struct tocsin_event *e, void *entry);

/* After each sample: what is kept goes to the disk, once a second. */
void watch_sink_rest(struct watch_sink *sink);

/* Say something to the person who watches, not as an event. */
void watch_sink_say(struct watch_sink *sink, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
