// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What becomes of an event: the rules look at it and may state findings, and all of them go to the
 * history and to the output. The guests' threads take turns here, so lines are never mixed.
 */
#include "cli/command.h"
#include "cli/fold.h"
#include "cli/watch_guest.h"

#include "base/error.h"
#include "output/event.h"

#include <tocsin/request.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct watch_sink {
	struct watch *watch;
	const struct watch_options *o;
	pthread_mutex_t lock;                     /* of what follows, and of the output */
	const struct tocsin_event_output *output; /* NULL: none */
	struct tocsin_history *history;           /* NULL: none */
	struct tocsin_watch_rules *rules;         /* NULL: none */
	time_t flushed;                           /* when, of CLOCK_MONOTONIC */
	uint64_t lost;                            /* events that the history could not keep */
	bool failing;                             /* the history, when it was written to last */
	int worst;                                /* exit code */
};

struct watch_entry {
	struct watch_sink *sink;
	struct tocsin_watch_state *state;
};

static void complain(const char *message, void *context)
{
	(void)context;
	fprintf(stderr, "tocsin watch: %s\n", message);
}

static int open_rules(struct watch_sink *s, struct tocsin_error *err)
{
	const char *const installed[] = {TOCSIN_WATCH_RULES_DIR, NULL};
	const char *const *directories = s->o->rules[0] ? s->o->rules : installed;
	int rc;

	if (s->o->no_rules)
		return 0;
	rc = tocsin_watch_rules_load(directories, complain, NULL, &s->rules, err);
	if (rc && !s->o->rules[0]) { /* nobody asked for them */
		fprintf(stderr, "tocsin watch: no rules: %s\n", err->message);
		tocsin_error_clear(err);
		rc = 0;
	}
	return rc;
}

int watch_sink_open(struct watch *w, struct watch_sink **ret, struct tocsin_error *err)
{
	const struct watch_options *o = w->options;
	struct watch_sink *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return tocsin_error_set(err, -ENOMEM, "no memory");
	s->watch = w;
	s->o = o;
	pthread_mutex_init(&s->lock, NULL);
	if (o->format && !o->view)
		s->output = tocsin_event_output_find(o->format);
	if (s->output && !strcmp(s->output->name, "text"))
		fold_lines(0);
	rc = open_rules(s, err);
	if (!rc && o->history)
		rc = tocsin_history_open(o->history, &o->keep, &s->history, err);
	if (rc)
		watch_sink_close(s, NULL);
	else
		*ret = s;
	return rc;
}

int watch_sink_close(struct watch_sink *s, struct tocsin_error *err)
{
	int worst = s->worst;

	if (s->history && tocsin_history_flush(s->history, err))
		worst = EXIT_FAILED;
	else if (s->lost)
		worst = worst ? worst : EXIT_PARTIAL;
	tocsin_history_close(s->history);
	tocsin_watch_rules_free(s->rules);
	pthread_mutex_destroy(&s->lock);
	free(s);
	return worst;
}

struct watch_entry *watch_sink_enter(struct watch_sink *sink)
{
	struct watch_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->sink = sink;
	if (sink->rules) {
		entry->state = tocsin_watch_state_new(sink->rules);
		if (!entry->state) {
			free(entry);
			return NULL;
		}
	}
	return entry;
}

void watch_sink_leave(struct watch_entry *entry)
{
	if (entry)
		tocsin_watch_state_free(entry->state);
	free(entry);
}

void watch_sink_say(struct watch_sink *s, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (s->o->view) /* the screen is the view's */
		watch_view_say(s->watch, text);
	else
		fprintf(stderr, "tocsin watch: %s\n", text);
}

/* A history that begins to fail, or works again, is said; the watch goes on. */
static void tell(struct watch_sink *s, int rc, const struct tocsin_error *err)
{
	if (rc && !s->failing)
		watch_sink_say(s, "%s: events are lost: %s", s->o->history, err->message);
	if (!rc && s->failing)
		watch_sink_say(s, "%s: events are kept again; %" PRIu64 " or more were lost",
			       s->o->history, s->lost);
	s->failing = rc != 0;
	s->lost += rc != 0;
}

static void keep(struct watch_sink *s, const struct tocsin_event *e)
{
	struct tocsin_error err = {0};

	tell(s, tocsin_history_add(s->history, e, &err), &err);
}

/* What was gathered is on the disk within a second, also when nothing more happens. */
void watch_sink_rest(struct watch_sink *s)
{
	struct tocsin_error err = {0};
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&s->lock);
	if (s->history && now.tv_sec != s->flushed) {
		s->flushed = now.tv_sec;
		if (tocsin_history_flush(s->history, &err))
			tell(s, -EIO, &err);
	}
	pthread_mutex_unlock(&s->lock);
}

/* -EPIPE: nobody reads on, or nothing can be written. */
static int hand_on(struct watch_sink *s, const struct tocsin_event *e)
{
	int rc;

	if (s->history)
		keep(s, e);
	if (!s->output || (e->initial && !s->o->initial && e->kind != TOCSIN_EVENT_BEGIN &&
			   e->kind != TOCSIN_EVENT_FINDING && !strcmp(s->output->name, "text")))
		return 0;
	rc = s->output->write(stdout, e);
	if (rc && rc != -EPIPE)
		watch_sink_say(s, "cannot write: %s", strerror(-rc));
	if (rc)
		s->output = NULL; /* the watch ends; how it does is for the history alone */
	return rc ? -EPIPE : 0;
}

/* A finding goes the way of all findings: its verdict is what the event says of it. */
static int state_finding(const struct tocsin_finding *f, const struct tocsin_event *cause,
			 void *sink)
{
	struct watch_sink *s = sink;
	struct tocsin_findings *all = calloc(1, sizeof(*all));
	struct tocsin_verdict verdict;
	struct tocsin_event e = *cause;
	char detail[64];

	if (!all)
		return -ENOMEM;
	all->rows[0] = *f;
	all->count = 1;
	tocsin_verdict_decide(all, &verdict);
	free(all);
	if (verdict.verdict == TOCSIN_VERDICT_MALICIOUS)
		s->worst = EXIT_MALICIOUS;
	else if (verdict.verdict == TOCSIN_VERDICT_SUSPICIOUS && !s->worst)
		s->worst = EXIT_SUSPICIOUS;
	snprintf(detail, sizeof(detail), "%s, score %u", tocsin_verdict_name(verdict.verdict),
		 verdict.score);
	e.kind = TOCSIN_EVENT_FINDING;
	e.finding = f;
	e.account = NULL;
	e.detail = detail;
	if (s->o->view)
		watch_view_finding(s->watch, &e);
	return hand_on(s, &e);
}

int watch_sink_take(const struct tocsin_event *e, void *context)
{
	struct watch_entry *entry = context;
	struct watch_sink *s = entry->sink;
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = e->kind == TOCSIN_EVENT_FINDING ? state_finding(e->finding, e, s) : hand_on(s, e);
	if (!rc && entry->state)
		rc = tocsin_watch_rules_apply(s->rules, entry->state, e, state_finding, s);
	pthread_mutex_unlock(&s->lock);
	return rc;
}
