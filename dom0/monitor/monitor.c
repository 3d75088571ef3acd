// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One sample: the processes at a glance, then the sockets and who holds them, then the guest's own
 * counters. Then what differs is stated: who began, what opened and closed, who is gone; so an
 * event never names a process that was not stated before.
 */
#include "monitor/role.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int tocsin_monitor_open(const char *guest, const struct tocsin_monitor_source *source,
			void *source_context, tocsin_event_take *take, void *context,
			struct tocsin_monitor **ret, struct tocsin_error *err)
{
	struct tocsin_monitor *m = calloc(1, sizeof(*m));

	if (m)
		m->guest = strdup(guest);
	if (!m || !m->guest) {
		free(m);
		return tocsin_error_set(err, -ENOMEM, "no memory to watch %s", guest);
	}
	m->source = *source;
	m->source_context = source_context;
	m->take = take;
	m->context = context;
	*ret = m;
	return 0;
}

void tocsin_monitor_close(struct tocsin_monitor *m)
{
	if (!m)
		return;
	tocsin_sockets_clear(&m->sockets);
	tocsin_people_clear(&m->people);
	tocsin_view_forget(&m->memory);
	free(m->ended);
	free(m->stdin_pids);
	free(m->guest);
	free(m);
}

int tocsin_monitor_state(struct tocsin_monitor *m, struct tocsin_event *e)
{
	e->guest = m->guest;
	e->boot = m->source.boot;
	e->time = m->now;
	e->initial = m->initial;
	e->since = m->initial ? 0 : m->since;
	if (!e->detail)
		e->detail = "";
	m->events++;
	return m->take(e, m->context);
}

static int state_plain(struct tocsin_monitor *m, enum tocsin_event_kind kind, const char *detail)
{
	struct tocsin_event e = {.kind = kind, .fd = -1, .detail = detail};

	return tocsin_monitor_state(m, &e);
}

static int state_gone(struct tocsin_monitor *m, const struct people *gone)
{
	int rc = 0;

	for (size_t i = 0; i < gone->count && !rc; i++) {
		const struct person *who = gone->at[i];
		struct tocsin_event e = {.kind = TOCSIN_EVENT_EXITED,
					 .process = &who->p,
					 .other = who->parent ? &who->parent->p : NULL,
					 .fd = -1};

		rc = tocsin_monitor_state(m, &e);
	}
	return rc;
}

static int compare(struct tocsin_monitor *m, const struct tocsin_task_list *tasks,
		   const struct tocsin_view *view)
{
	struct people gone = {0};
	int rc = tocsin_people_stdin(m, view);

	if (!rc && m->initial)
		rc = state_plain(m, TOCSIN_EVENT_BEGIN, "");
	if (!rc)
		rc = tocsin_people_update(m, tasks, &gone);
	if (!rc)
		rc = tocsin_sockets_update(m, view);
	if (!rc)
		rc = state_gone(m, &gone);
	tocsin_people_clear(&gone);
	return rc;
}

static void count(struct tocsin_monitor *m, uint64_t before)
{
	struct tocsin_event_account *a = &m->account;
	uint64_t span = m->now - (before ? before : m->began);

	a->samples++;
	m->cost += m->now - m->began;
	m->spans += span;
	if (span > a->longest)
		a->longest = span;
	a->processes = m->people.count;
	a->sockets = m->sockets.count;
}

/* The whole sample is read before any of it is compared, so that one that fails changes nothing. */
static int read_and_compare(struct tocsin_monitor *m, struct tocsin_error *err)
{
	const struct tocsin_monitor_source *s = &m->source;
	struct tocsin_task_list tasks = {0};
	struct tocsin_view view = {0};
	uint64_t before = m->began;
	int rc = s->refresh(m->source_context, err);

	if (rc)
		return rc;
	m->began = s->now(m->source_context);
	m->since = before;
	rc = s->tasks(m->source_context, &tasks, err);
	if (!rc)
		rc = s->view(m->source_context, &m->memory, &view, err);
	if (rc) {
		m->began = before;
		tocsin_task_list_free(&tasks);
		return rc;
	}
	if (s->counters(m->source_context, &m->counters))
		m->counters = (struct tocsin_counters){0};
	m->now = s->now(m->source_context);
	m->initial = !m->begun;
	if (m->initial)
		m->counters_then = m->counters;
	rc = compare(m, &tasks, &view);
	m->begun = true;
	m->initial = false;
	m->now = s->now(m->source_context);
	count(m, before);
	tocsin_task_list_free(&tasks);
	tocsin_view_free(&view);
	return rc;
}

int tocsin_monitor_sample(struct tocsin_monitor *m, size_t *events, struct tocsin_error *err)
{
	int rc;

	m->events = 0;
	rc = read_and_compare(m, err);
	m->account.failed += rc < 0;
	*events = m->events;
	return rc;
}

static uint64_t opens(const struct tocsin_counters *c)
{
	return c->active_opens + c->passive_opens;
}

void tocsin_monitor_standing(const struct tocsin_monitor *m, struct tocsin_monitor_standing *ret)
{
	struct tocsin_event_account a = m->account;
	const struct tocsin_counters *now = &m->counters, *then = &m->counters_then;

	if (a.samples) {
		a.period = m->spans / a.samples;
		a.cost = m->cost / a.samples;
	}
	/* They can become less: those of a network namespace go with it. */
	a.forks_known = now->forks_known && then->forks_known && now->forks >= then->forks;
	a.forks = a.forks_known ? now->forks - then->forks : 0;
	a.opens_known = now->opens_known && then->opens_known && opens(now) >= opens(then);
	a.opens = a.opens_known ? opens(now) - opens(then) : 0;
	*ret = (struct tocsin_monitor_standing){
	    .time = m->now, .booted = m->source.booted, .account = a};
}

int tocsin_monitor_account(struct tocsin_monitor *m)
{
	struct tocsin_event_account *a = &m->account;
	struct tocsin_monitor_standing standing;
	struct tocsin_event e = {
	    .kind = TOCSIN_EVENT_ACCOUNT, .fd = -1, .account = &standing.account};
	int rc;

	tocsin_monitor_standing(m, &standing);
	rc = tocsin_monitor_state(m, &e);
	*a = (struct tocsin_event_account){.processes = a->processes, .sockets = a->sockets};
	m->counters_then = m->counters;
	m->cost = m->spans = 0;
	return rc;
}

int tocsin_monitor_end(struct tocsin_monitor *m, const char *why)
{
	m->now = m->source.now(m->source_context);
	m->since = m->began;
	return state_plain(m, TOCSIN_EVENT_END, why);
}

int tocsin_monitor_ring(struct tocsin_monitor *m, int32_t pid, const char *operation)
{
	const struct person *who = tocsin_people_find(&m->people, pid);
	struct tocsin_event e = {.kind = TOCSIN_EVENT_RING,
				 .process = who ? &who->p : NULL,
				 .fd = -1,
				 .detail = operation};

	return tocsin_monitor_state(m, &e);
}

int tocsin_monitor_each_socket(const struct tocsin_monitor *m, tocsin_monitor_visit *visit,
			       void *context)
{
	int rc = 0;

	for (size_t i = 0; i < m->sockets.count && !rc; i++) {
		const struct tracked *t = &m->sockets.at[i];
		const struct person *who = t->count ? t->holders[0].who : NULL;

		rc = visit(who ? &who->p : NULL, &t->e, t->count ? t->holders[0].fd : -1, t->count,
			   context);
	}
	return rc;
}

int tocsin_monitor_each_holder(const struct tocsin_monitor *m, tocsin_monitor_visit *visit,
			       void *context)
{
	int rc = 0;

	for (size_t i = 0; i < m->sockets.count && !rc; i++) {
		const struct tracked *t = &m->sockets.at[i];

		for (size_t n = 0; n < t->count && !rc; n++)
			rc = visit(&t->holders[n].who->p, &t->e, t->holders[n].fd, t->count,
				   context);
	}
	return rc;
}

bool tocsin_monitor_listens(const struct tocsin_event_socket *s)
{
	return tocsin_role(&s->socket) == ROLE_LISTENER;
}

int tocsin_monitor_each_process(const struct tocsin_monitor *m, tocsin_monitor_visit *visit,
				void *context)
{
	int rc = 0;

	for (size_t i = 0; i < m->people.count && !rc; i++)
		rc = visit(&m->people.at[i]->p, NULL, -1, 0, context);
	return rc;
}
