// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's sockets from sample to sample, each with who holds it.
 *
 * A socket is told of when it has become something: a listener, or one end of a connection. One
 * that waits in a listener's queue is told of when a process accepts it. Rows that did not hold
 * still say nothing, neither that a socket is there nor that it is gone; but one that never does is
 * told of, as torn, and so is a table of which a part never can be read.
 *
 * TIME_WAIT is what a connection leaves behind. One that belongs to no connection seen before tells
 * of a connection that was too short for the samples: it is stated, and counted as a stranger. A
 * connection that closes just while a sample is read has ended by then, and its TIME_WAIT is met by
 * the next sample only: so who ended is remembered for a few, and so is a TIME_WAIT, of which a
 * sample may miss the chain.
 */
#include "monitor/role.h"

#include "base/room.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE 2        /* samples in which a file's holder may be missing */
#define ENDED_SAMPLES 16  /* in which the TIME_WAIT of one that has ended is met, if it is */
#define TORN_SAMPLES 16   /* after which what never holds still is told of as it is */
#define BROKEN_SAMPLES 64 /* after which a table is not just busy */
#define HIDDEN_SAMPLES 2  /* one that says so may have met a guest that was not let run */

struct update {
	struct tocsin_monitor *m;
	const struct tocsin_view *view;
	struct listeners listeners;
	struct sockets before;
	uint64_t *known; /* tuples of connections, keys of what ended before; sorted */
	size_t known_count;
};

static void drop_holders(struct holding *holders, size_t count)
{
	for (size_t i = 0; i < count; i++)
		tocsin_person_drop(holders[i].who);
	free(holders);
}

static void clear(struct tracked *t)
{
	drop_holders(t->holders, t->count);
	tocsin_person_drop(t->last);
	t->holders = NULL;
	t->last = NULL;
	t->count = 0;
}

void tocsin_sockets_clear(struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->count; i++)
		clear(&sockets->at[i]);
	free(sockets->at);
	*sockets = (struct sockets){0};
}

static int state(struct update *u, enum tocsin_event_kind kind, const struct tracked *t,
		 const struct holding *h, const struct person *other, const char *detail)
{
	const struct person *who = h ? h->who : t->count ? t->holders[0].who : t->last;
	struct tocsin_event e = {.kind = kind,
				 .process = who ? &who->p : NULL,
				 .other = other ? &other->p : NULL,
				 .socket = &t->e,
				 .fd = h          ? h->fd
				       : t->count ? t->holders[0].fd
						  : -1,
				 .detail = detail};

	return tocsin_monitor_state(u->m, &e);
}

static int announce(struct update *u, struct tracked *t, const char *detail)
{
	struct tocsin_event_account *account = &u->m->account;
	enum tocsin_event_kind kind = TOCSIN_EVENT_OPENED;

	t->announced = true;
	if (t->count)
		tocsin_people_look_again(u->m, t->holders[0].who);
	if (t->role == ROLE_LISTENER)
		kind = TOCSIN_EVENT_LISTENING;
	else if (t->e.direction == TOCSIN_DIRECTION_IN)
		kind = TOCSIN_EVENT_ACCEPTED;
	account->connected +=
	    !u->m->initial && t->role != ROLE_LISTENER && tocsin_role_is_tcp(&t->e.socket);
	return state(u, kind, t, NULL, NULL, detail);
}

/* It is what it is: state its beginning, unless it is worth waiting for who holds it. */
static int begin(struct update *u, struct tracked *t)
{
	bool waits = t->role != ROLE_NONE && !t->count &&
		     (t->e.socket.owner == TOCSIN_OWNER_QUEUE ||
		      (t->e.socket.owner == TOCSIN_OWNER_FILE && t->waited < PATIENCE));

	if (t->announced || t->role == ROLE_NONE || t->role == ROLE_LEFTOVER)
		return 0;
	if (waits) {
		t->waited += t->waited < PATIENCE;
		return 0;
	}
	return announce(u, t, "");
}

/* What a TIME_WAIT that was seen is known by: the next of its ports lies elsewhere. */
static uint64_t leftover_key(const struct tocsin_socket *s)
{
	return tocsin_role_tuple(s) ^ s->sock;
}

static int remember(struct tocsin_monitor *m, const struct tracked *t)
{
	if ((t->role != ROLE_CONNECTION && t->role != ROLE_LEFTOVER) ||
	    !tocsin_role_is_tcp(&t->e.socket))
		return 0;
	if (!TOCSIN_ROOM(m->ended, m->ended_room, m->ended_count))
		return -ENOMEM;
	m->ended[m->ended_count++] =
	    (struct ended){.key = t->role == ROLE_LEFTOVER ? leftover_key(&t->e.socket)
							   : tocsin_role_tuple(&t->e.socket)};
	return 0;
}

static void forget(struct tocsin_monitor *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->ended_count; i++)
		if (++m->ended[i].samples < ENDED_SAMPLES)
			m->ended[kept++] = m->ended[i];
	m->ended_count = kept;
}

static int end(struct update *u, struct tracked *t)
{
	int rc = remember(u->m, t);

	if (rc) {
		clear(t);
		return rc;
	}
	if (t->role == ROLE_LISTENER || t->role == ROLE_CONNECTION) {
		if (!t->announced)
			rc = announce(u, t,
				      t->e.direction == TOCSIN_DIRECTION_IN &&
					      t->e.socket.owner == TOCSIN_OWNER_QUEUE
					  ? "no process accepted it"
					  : "");
		if (!rc)
			rc = state(u,
				   t->role == ROLE_LISTENER ? TOCSIN_EVENT_UNLISTENED
							    : TOCSIN_EVENT_CLOSED,
				   t, NULL, NULL, "");
	}
	clear(t);
	return rc;
}

static int compare_holding(const void *a, const void *b)
{
	int32_t x = ((const struct holding *)a)->who->p.pid;
	int32_t y = ((const struct holding *)b)->who->p.pid;

	return (x > y) - (x < y);
}

/* holders: by pid. A guest can have thousands of processes hold one socket. */
static const struct holding *held_by(const struct holding *holders, size_t count,
				     struct person *who)
{
	const struct holding key = {.who = who}, *found = NULL;

	if (count)
		found = bsearch(&key, holders, count, sizeof(key), compare_holding);
	return found && found->who->p.start_time == who->p.start_time ? found : NULL;
}

/* The processes that hold a row now, each with its lowest descriptor. */
static int collect(struct update *u, const struct tocsin_view_row *row, struct holding **ret,
		   size_t *count)
{
	const struct tocsin_holder *h = u->view->holders.rows + row->first;
	struct holding *holders;
	size_t n = 0;
	int rc = 0;

	*ret = NULL;
	*count = 0;
	if (!row->holders)
		return 0;
	holders = calloc(row->holders, sizeof(*holders));
	if (!holders)
		return -ENOMEM;
	for (size_t i = 0; i < row->holders && !rc; i++) {
		struct person *who;

		if (n && holders[n - 1].who->p.pid == h[i].pid) {
			if (h[i].fd < holders[n - 1].fd) /* of a thread with files of its own */
				holders[n - 1].fd = h[i].fd;
			continue;
		}
		rc = tocsin_people_meet(u->m, h[i].pid, &who);
		if (!rc && h[i].tid == h[i].pid && h[i].task != who->task)
			rc = -ESRCH; /* its pid was another's a moment ago: the next sample knows */
		if (!rc)
			holders[n++] = (struct holding){tocsin_person_hold(who), h[i].fd};
		if (rc == -ESRCH || rc == -EAGAIN || rc == -EFAULT)
			rc = 0; /* it ended meanwhile */
	}
	if (rc) {
		drop_holders(holders, n);
		return rc;
	}
	*ret = holders;
	*count = n;
	return 0;
}

/* Who has come, by whom from; who has let go. */
static int compare(struct update *u, struct tracked *t, const struct holding *old, size_t count)
{
	const struct person *giver = count ? old[0].who : t->last;
	int rc = 0;

	for (size_t i = 0; i < t->count && !rc; i++) {
		const struct holding *h = &t->holders[i], *had = held_by(old, count, h->who);
		struct person *parent = h->who->parent;

		if (!had)
			rc = state(u, TOCSIN_EVENT_HELD, t, h, giver,
				   h->who->fresh && parent && held_by(old, count, parent)
				       ? "inherited"
				       : "handed over");
		else if (!h->fd && had->fd && t->role == ROLE_CONNECTION)
			rc = state(u, TOCSIN_EVENT_HELD, t, h, NULL, "as its standard input");
	}
	for (size_t i = 0; t->count && i < count && !rc; i++)
		if (!held_by(t->holders, t->count, old[i].who))
			rc = state(u, TOCSIN_EVENT_RELEASED, t, &old[i], NULL, "");
	return rc;
}

/* Where a table of files did not hold still, who held it and has not ended may hold it yet. */
static int keep_holders(struct update *u, struct tracked *t, const struct holding *old,
			size_t count)
{
	struct holding *holders = reallocarray(t->holders, t->count + count, sizeof(*holders));

	if (!holders)
		return -ENOMEM;
	t->holders = holders;
	for (size_t i = 0, now = t->count; i < count; i++) {
		const struct tocsin_event_process *p = &old[i].who->p;
		struct person *who = tocsin_people_find(&u->m->people, p->pid);

		if (who && who->p.start_time == p->start_time && !held_by(t->holders, now, who))
			t->holders[t->count++] =
			    (struct holding){tocsin_person_hold(who), old[i].fd};
	}
	qsort(t->holders, t->count, sizeof(*holders), compare_holding);
	return 0;
}

static int update_holders(struct update *u, struct tracked *t, const struct tocsin_view_row *row)
{
	struct holding *old = t->holders;
	size_t count = t->count;
	int rc;

	if (count && !row->holders && u->view->holders.torn &&
	    row->socket.owner == TOCSIN_OWNER_FILE)
		return 0; /* theirs may be the table that did not hold still */
	rc = collect(u, row, &t->holders, &t->count);
	if (rc) {
		t->holders = old;
		t->count = count;
		return rc;
	}
	if (t->count && count && u->view->holders.torn)
		rc = keep_holders(u, t, old, count);
	if (!rc && t->announced)
		rc = compare(u, t, old, count);
	if (t->count || count) {
		struct person *last = t->count ? t->holders[0].who : old[0].who;

		tocsin_person_hold(last);
		tocsin_person_drop(t->last);
		t->last = last;
	}
	drop_holders(old, count);
	return rc;
}

static int state_hidden(struct update *u, struct tracked *t)
{
	struct tocsin_finding f = {.scanner = "watch",
				   .rule = "watch.hidden-socket",
				   .severity = TOCSIN_SEVERITY_CRITICAL,
				   .certainty = TOCSIN_CERTAINTY_HIGH,
				   .technique = "T1014",
				   .why = "Only a rootkit takes a socket in use off the kernel's "
					  "own tables"};
	const struct person *who = t->count ? t->holders[0].who : t->last;
	struct tocsin_event e = {.kind = TOCSIN_EVENT_FINDING,
				 .process = who ? &who->p : NULL,
				 .socket = &t->e,
				 .fd = t->count ? t->holders[0].fd : -1,
				 .finding = &f};

	t->hides = true;
	snprintf(f.what, sizeof(f.what),
		 "a %s socket is held by a process, and missing in the "
		 "kernel's tables",
		 tocsin_socket_kind(&t->e.socket));
	return tocsin_monitor_state(u->m, &e);
}

/* A row of this sample for a socket that is known, or new. */
static int take_row(struct update *u, struct tracked *t, const struct tocsin_view_row *row)
{
	enum role role = tocsin_role(&row->socket);
	int rc = 0;

	if (t->announced && role != t->role) { /* a listener was shut down, or the like */
		struct tracked ended = *t;

		ended.count = 0;
		ended.holders = NULL;
		ended.last = tocsin_person_hold(t->count ? t->holders[0].who : t->last);
		rc = end(u, &ended);
		t->announced = false;
	}
	t->e.socket = row->socket;
	t->e.confidence = row->confidence;
	t->role = role;
	if (!t->announced && t->e.direction == TOCSIN_DIRECTION_NONE)
		t->e.direction = tocsin_role_direction(&row->socket, &u->listeners);
	if (!rc)
		rc = update_holders(u, t, row);
	if (!rc)
		rc = begin(u, t);
	if (row->confidence != TOCSIN_CONTRADICTED)
		t->absent = 0;
	else if (t->absent < HIDDEN_SAMPLES)
		t->absent++;
	if (!rc && t->absent == HIDDEN_SAMPLES && !t->hides)
		rc = state_hidden(u, t);
	return rc;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void know(struct update *u, enum role role, const struct tocsin_socket *s)
{
	if (role == ROLE_CONNECTION && tocsin_role_is_tcp(s))
		u->known[u->known_count++] = tocsin_role_tuple(s);
}

/* A connection that closes while a sample is read may be in it beside what it leaves. */
static int find_known(struct update *u)
{
	u->known =
	    calloc(u->before.count + u->view->count + u->m->ended_count + 1, sizeof(*u->known));
	if (!u->known)
		return -ENOMEM;
	for (size_t i = 0; i < u->before.count; i++)
		know(u, u->before.at[i].role, &u->before.at[i].e.socket);
	for (size_t i = 0; i < u->view->count; i++)
		if (u->view->rows[i].confidence != TOCSIN_TORN)
			know(u, tocsin_role(&u->view->rows[i].socket), &u->view->rows[i].socket);
	for (size_t i = 0; i < u->m->ended_count; i++)
		u->known[u->known_count++] = u->m->ended[i].key;
	qsort(u->known, u->known_count, sizeof(*u->known), compare_u64);
	return 0;
}

/* What a connection left: does it belong to one that was seen, or was it seen itself? */
static bool is_stranger(struct update *u, const struct tocsin_socket *s)
{
	uint64_t keys[] = {tocsin_role_tuple(s), leftover_key(s)};

	if (!u->known && find_known(u))
		return false;
	for (size_t i = 0; i < 2 && u->known_count; i++)
		if (bsearch(&keys[i], u->known, u->known_count, sizeof(keys[i]), compare_u64))
			return false;
	return true;
}

static int leftover(struct update *u, struct tracked *t)
{
	struct tocsin_event_account *account = &u->m->account;

	if (u->m->initial || t->e.socket.owner != TOCSIN_OWNER_NONE ||
	    !is_stranger(u, &t->e.socket))
		return 0;
	account->strangers++;
	return announce(u, t, "over before it was seen");
}

static int keep(struct sockets *sockets, struct tracked *t)
{
	if (!TOCSIN_ROOM(sockets->at, sockets->room, sockets->count)) {
		clear(t);
		return -ENOMEM;
	}
	sockets->at[sockets->count++] = *t;
	return 0;
}

static int add_new(struct update *u, const struct tocsin_view_row *row)
{
	struct tracked t = {.e = {.id = ++u->m->next_id, .seen = u->m->now}};
	int rc, kept;

	if (row->confidence == TOCSIN_TORN) { /* the next sample has it, if it is one */
		t.e.socket = row->socket;
		t.e.confidence = TOCSIN_TORN;
		t.torn = 1;
		return keep(&u->m->sockets, &t);
	}
	rc = take_row(u, &t, row);
	if (!rc && t.role == ROLE_LEFTOVER)
		rc = leftover(u, &t);
	kept = keep(&u->m->sockets, &t);
	return rc ? rc : kept;
}

/* In this sample it was not found where it should be: it is gone, unless it still answers. */
static int miss(struct update *u, struct tracked *t)
{
	struct tocsin_socket now;

	if (t->role != ROLE_LEFTOVER &&
	    !u->m->source.socket(u->m->source_context, t->e.socket.sock, &now) &&
	    tocsin_role(&now) == t->role && tocsin_role_same(&t->e.socket, &now)) {
		u->m->account.torn++;
		return keep(&u->m->sockets, t);
	}
	return end(u, t);
}

static int meet(struct update *u, struct tracked *t, const struct tocsin_view_row *row)
{
	int rc, kept;

	if (row->confidence == TOCSIN_TORN &&
	    (t->announced || t->torn >= TORN_SAMPLES || ++t->torn < TORN_SAMPLES))
		return keep(&u->m->sockets, t);
	if (!tocsin_role_same(&t->e.socket, &row->socket) ||
	    (t->torn && t->role == ROLE_NONE && row->confidence != TOCSIN_TORN)) {
		rc = end(u, t); /* of one that was only met torn there is nothing to state */
		return rc ? rc : add_new(u, row);
	}
	t->torn = row->confidence == TOCSIN_TORN ? t->torn : 0;
	rc = take_row(u, t, row);
	kept = keep(&u->m->sockets, t);
	return rc ? rc : kept;
}

static int merge(struct update *u)
{
	size_t i = 0, j = 0;
	int rc = 0;

	while (!rc && (i < u->before.count || j < u->view->count)) {
		struct tracked *t = i < u->before.count ? &u->before.at[i] : NULL;
		const struct tocsin_view_row *row = j < u->view->count ? &u->view->rows[j] : NULL;
		uint64_t known = t ? t->e.socket.sock : UINT64_MAX,
			 now = row ? row->socket.sock : UINT64_MAX;

		if (t && known <= now)
			i++;
		if (row && now <= known)
			j++;
		if (t && row && known == now)
			rc = meet(u, t, row);
		else
			rc = t && known < now ? miss(u, t) : add_new(u, row);
	}
	for (; i < u->before.count; i++)
		clear(&u->before.at[i]);
	return rc;
}

static int state_broken(struct tocsin_monitor *m, unsigned int table)
{
	struct tocsin_finding f = {.scanner = "watch",
				   .rule = "watch.broken-table",
				   .severity = TOCSIN_SEVERITY_MEDIUM,
				   .certainty = TOCSIN_CERTAINTY_HIGH,
				   .technique = "T1014",
				   .why = "What hangs behind the break is found by nobody but its "
					  "holder: a fault of the kernel, or a way to hide"};
	struct tocsin_event e = {.kind = TOCSIN_EVENT_FINDING, .fd = -1, .finding = &f};

	snprintf(f.what, sizeof(f.what),
		 "a part of the kernel's table of %s sockets could not be read %u times in a row",
		 tocsin_socket_table_name(table), BROKEN_SAMPLES);
	return tocsin_monitor_state(m, &e);
}

/* A chain that is busy is whole again soon. */
static int count_broken(struct tocsin_monitor *m, const struct tocsin_view *view)
{
	int rc = 0;

	for (unsigned int t = 0; t < TOCSIN_TABLES && !rc; t++) {
		if (!(view->gaps >> t & 1))
			m->broken[t] = 0;
		else if (m->broken[t] < BROKEN_SAMPLES && ++m->broken[t] == BROKEN_SAMPLES)
			rc = state_broken(m, t);
	}
	return rc;
}

int tocsin_sockets_update(struct tocsin_monitor *m, const struct tocsin_view *view)
{
	struct update u = {.m = m, .view = view, .before = m->sockets};
	int rc = tocsin_listeners_find(view, &m->sockets, &u.listeners);

	if (rc)
		return rc;
	m->sockets = (struct sockets){0};
	m->account.torn += view->torn;
	forget(m);
	rc = merge(&u);
	if (!rc)
		rc = count_broken(m, view);
	free(u.before.at);
	free(u.known);
	tocsin_listeners_free(&u.listeners);
	return rc;
}
