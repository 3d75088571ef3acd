// SPDX-License-Identifier: GPL-2.0-or-later
/* Events go into a history, and the oldest go out of it. */
#include "base/clock.h"
#include "monitor/history_db.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define EVENTS_PER_TRANSACTION 2048u
#define EVENTS_PER_LOOK 128u /* at how much room is taken */
#define SECOND 1000000000u
#define AGE_SLACK 64u        /* what is too old goes when it is this part of max_age too old */
#define BYTES_SLACK 16u      /* what goes makes this part of max_bytes free */
#define BYTES_PER_EVENT 128u /* about, with the rows that it refers to */
#define LEAST_GONE 64u

static void bind_number(sqlite3_stmt *s, int at, uint64_t value)
{
	sqlite3_bind_int64(s, at, (int64_t)value);
}

static void bind_or_null(sqlite3_stmt *s, int at, bool known, uint64_t value)
{
	if (known)
		sqlite3_bind_int64(s, at, (int64_t)value);
	else
		sqlite3_bind_null(s, at);
}

static void bind_string(sqlite3_stmt *s, int at, const char *text, size_t most)
{
	tocsin_history_bind_bytes(s, at, text, strnlen(text, most));
}

/* The id, and the last, of the row that s finds: 1; 0: there is none. */
static int find(struct tocsin_history *h, sqlite3_stmt *s, int64_t *id, uint64_t *last,
		struct tocsin_error *err)
{
	int rc = sqlite3_step(s);

	if (rc == SQLITE_ROW) {
		*id = sqlite3_column_int64(s, 0);
		if (last)
			*last = (uint64_t)sqlite3_column_int64(s, 1);
		rc = 1;
	} else if (rc == SQLITE_DONE) {
		rc = 0;
	} else {
		rc = tocsin_history_failed(h, rc, err);
	}
	sqlite3_reset(s);
	return rc;
}

/* add is bound: it makes the row that was not found. */
static int add_row(struct tocsin_history *h, sqlite3_stmt *add, int64_t *id,
		   struct tocsin_error *err)
{
	int rc = tocsin_history_run(h, add, err);

	if (!rc)
		*id = sqlite3_last_insert_rowid(h->store.db);
	return rc;
}

static int set_last(struct tocsin_history *h, enum history_statement statement, int64_t id,
		    uint64_t last, uint64_t time, struct tocsin_error *err)
{
	sqlite3_stmt *s;

	if (last >= HISTORY_LAST(time))
		return 0;
	s = tocsin_history_statement(h, statement, err);
	if (!s)
		return err->code;
	sqlite3_bind_int64(s, 1, id);
	bind_number(s, 2, HISTORY_LAST(time));
	return tocsin_history_run(h, s, err);
}

static int tell_text(struct tocsin_history *h, uint64_t time, const char *bytes, size_t size,
		     int64_t *id, struct tocsin_error *err)
{
	uint64_t last = 0;
	sqlite3_stmt *s = tocsin_history_statement(h, S_TEXT_FIND, err);
	int rc;

	if (!s)
		return err->code;
	tocsin_history_bind_bytes(s, 1, bytes, size);
	rc = find(h, s, id, &last, err);
	if (rc)
		return rc < 0 ? rc : set_last(h, S_TEXT_LAST, *id, last, time, err);
	s = tocsin_history_statement(h, S_TEXT_ADD, err);
	if (!s)
		return err->code;
	tocsin_history_bind_bytes(s, 1, bytes, size);
	bind_number(s, 2, HISTORY_LAST(time));
	return add_row(h, s, id, err);
}

static int tell_guest(struct tocsin_history *h, const struct tocsin_event *e, int64_t *id,
		      struct tocsin_error *err)
{
	uint64_t last = 0;
	int64_t name = 0;
	sqlite3_stmt *s;
	int rc = tell_text(h, e->time, e->guest, strlen(e->guest), &name, err);

	if (rc)
		return rc;
	s = tocsin_history_statement(h, S_GUEST_FIND, err);
	if (!s)
		return err->code;
	sqlite3_bind_int64(s, 1, name);
	bind_number(s, 2, e->boot);
	rc = find(h, s, id, &last, err);
	if (rc)
		return rc < 0 ? rc : set_last(h, S_GUEST_LAST, *id, last, e->time, err);
	s = tocsin_history_statement(h, S_GUEST_ADD, err);
	if (!s)
		return err->code;
	sqlite3_bind_int64(s, 1, name);
	bind_number(s, 2, e->boot);
	bind_number(s, 3, HISTORY_LAST(e->time));
	return add_row(h, s, id, err);
}

static void bind_process(sqlite3_stmt *s, int64_t guest, const struct tocsin_event_process *p,
			 const int64_t texts[4])
{
	uint64_t flags = (p->kernel_thread ? 1u : 0) | (p->exe_deleted ? 2u : 0) |
			 (p->exe_memfd ? 4u : 0) | (p->stdin_socket ? 8u : 0);

	sqlite3_bind_int64(s, 1, guest);
	sqlite3_bind_int64(s, 2, p->pid);
	bind_number(s, 3, p->start_time);
	sqlite3_bind_int64(s, 4, p->ppid);
	bind_or_null(s, 5, p->parent_start_time != 0, p->parent_start_time);
	bind_number(s, 6, p->uid);
	bind_number(s, 7, p->euid);
	bind_number(s, 8, flags);
	for (int i = 0; i < 4; i++)
		sqlite3_bind_int64(s, 9 + i, texts[i]);
	bind_number(s, 13, (uint64_t)p->confidence);
}

static int tell_process(struct tocsin_history *h, int64_t guest, uint64_t time,
			const struct tocsin_event_process *p, int64_t *id, struct tocsin_error *err)
{
	uint64_t last = 0;
	int64_t texts[4] = {0};
	sqlite3_stmt *s;
	int rc;

	if (!p)
		return 0;
	rc = tell_text(h, time, p->comm, strlen(p->comm), &texts[0], err);
	if (!rc)
		rc = tell_text(h, time, p->exe, strlen(p->exe), &texts[1], err);
	if (!rc)
		rc = tell_text(h, time, p->cmdline, p->cmdline_size, &texts[2], err);
	if (!rc)
		rc = tell_text(h, time, p->container, strlen(p->container), &texts[3], err);
	s = rc ? NULL : tocsin_history_statement(h, S_PROCESS_FIND, err);
	if (!s)
		return err->code;
	bind_process(s, guest, p, texts);
	rc = find(h, s, id, &last, err);
	if (rc)
		return rc < 0 ? rc : set_last(h, S_PROCESS_LAST, *id, last, time, err);
	s = tocsin_history_statement(h, S_PROCESS_ADD, err);
	if (!s)
		return err->code;
	bind_process(s, guest, p, texts);
	bind_number(s, 14, HISTORY_LAST(time));
	return add_row(h, s, id, err);
}

static void bind_address(sqlite3_stmt *s, int at, uint16_t family, const uint8_t address[16])
{
	if (family == AF_INET || family == AF_INET6)
		tocsin_history_bind_bytes(s, at, address, family == AF_INET ? 4 : 16);
	else
		sqlite3_bind_null(s, at);
}

static void bind_socket(sqlite3_stmt *s, int64_t guest, const struct tocsin_event_socket *e)
{
	const struct tocsin_socket *k = &e->socket;
	size_t size = k->name_size < sizeof(k->name) ? k->name_size : sizeof(k->name);

	sqlite3_bind_int64(s, 1, guest);
	bind_number(s, 2, e->id);
	bind_number(s, 3, e->seen);
	bind_number(s, 4, (uint64_t)e->direction);
	bind_number(s, 5, k->sock);
	bind_number(s, 6, k->inode);
	bind_number(s, 7, k->family);
	bind_number(s, 8, k->type);
	bind_number(s, 9, k->protocol);
	bind_number(s, 10, k->owner);
	bind_number(s, 11, k->uid);
	bind_number(s, 12, k->netns);
	bind_number(s, 13, k->interface);
	bind_address(s, 14, k->family, k->local);
	bind_address(s, 15, k->family, k->remote);
	bind_number(s, 16, k->local_port);
	bind_number(s, 17, k->remote_port);
	if (size)
		tocsin_history_bind_bytes(s, 18, k->name, size);
	else
		sqlite3_bind_null(s, 18);
	bind_number(s, 19, k->peer);
	bind_number(s, 20, k->port_id);
	bind_number(s, 21, k->groups);
}

static int tell_socket(struct tocsin_history *h, int64_t guest, const struct tocsin_event *e,
		       int64_t *id, struct tocsin_error *err)
{
	uint64_t last = 0;
	sqlite3_stmt *s;
	int rc;

	if (!e->socket)
		return 0;
	s = tocsin_history_statement(h, S_SOCKET_FIND, err);
	if (!s)
		return err->code;
	bind_socket(s, guest, e->socket);
	rc = find(h, s, id, &last, err);
	if (rc)
		return rc < 0 ? rc : set_last(h, S_SOCKET_LAST, *id, last, e->time, err);
	s = tocsin_history_statement(h, S_SOCKET_ADD, err);
	if (!s)
		return err->code;
	bind_socket(s, guest, e->socket);
	bind_number(s, 22, HISTORY_LAST(e->time));
	return add_row(h, s, id, err);
}

/* Its number among the events of its time. */
static int next_sequence(struct tocsin_history *h, uint64_t time, struct tocsin_error *err)
{
	sqlite3_stmt *s;
	int rc;

	if (h->time == time && h->sequence >= 0) {
		h->sequence++;
		return 0;
	}
	s = tocsin_history_statement(h, S_EVENT_SEQUENCE, err);
	if (!s)
		return err->code;
	bind_number(s, 1, time);
	rc = find(h, s, &h->sequence, NULL, err);
	h->time = time;
	return rc < 0 ? rc : 0;
}

/* What of a socket changes while it is the same. */
static void bind_state(sqlite3_stmt *s, const struct tocsin_event_socket *e)
{
	const struct tocsin_socket *k = &e->socket;

	bind_number(s, 12, k->state);
	bind_or_null(s, 13, k->receive_queue != 0, k->receive_queue);
	bind_or_null(s, 14, k->send_queue != 0, k->send_queue);
	bind_or_null(s, 15, k->counted, k->bytes_sent);
	bind_or_null(s, 16, k->counted, k->bytes_received);
	bind_or_null(s, 17, k->idle != 0, k->idle);
	bind_number(s, 18, (uint64_t)e->confidence);
}

static int add_event(struct tocsin_history *h, const struct tocsin_event *e, const int64_t ids[4],
		     struct tocsin_error *err)
{
	sqlite3_stmt *s = tocsin_history_statement(h, S_EVENT_ADD, err);

	if (!s)
		return err->code;
	sqlite3_clear_bindings(s);
	bind_number(s, 1, e->time);
	sqlite3_bind_int64(s, 2, h->sequence);
	bind_or_null(s, 3, e->since != 0, e->time - e->since);
	bind_number(s, 4, (uint64_t)e->kind);
	bind_number(s, 5, e->initial);
	sqlite3_bind_int64(s, 6, ids[0]);
	bind_or_null(s, 7, e->process != NULL, (uint64_t)ids[1]);
	bind_or_null(s, 8, e->other != NULL, (uint64_t)ids[2]);
	bind_or_null(s, 9, e->socket != NULL, (uint64_t)ids[3]);
	bind_or_null(s, 10, e->fd >= 0, (uint64_t)e->fd);
	if (e->detail[0])
		tocsin_history_bind_bytes(s, 11, e->detail, strlen(e->detail));
	if (e->socket)
		bind_state(s, e->socket);
	return tocsin_history_run(h, s, err);
}

static int add_finding(struct tocsin_history *h, const struct tocsin_event *e,
		       struct tocsin_error *err)
{
	const struct tocsin_finding *f = e->finding;
	sqlite3_stmt *s;

	if (!f)
		return 0;
	s = tocsin_history_statement(h, S_FINDING_ADD, err);
	if (!s)
		return err->code;
	bind_number(s, 1, e->time);
	sqlite3_bind_int64(s, 2, h->sequence);
	bind_string(s, 3, f->scanner, sizeof(f->scanner));
	bind_string(s, 4, f->rule, sizeof(f->rule));
	bind_number(s, 5, (uint64_t)f->severity);
	bind_number(s, 6, (uint64_t)f->certainty);
	bind_string(s, 7, f->technique, sizeof(f->technique));
	bind_number(s, 8, f->start);
	bind_number(s, 9, f->end);
	tocsin_history_bind_bytes(s, 10, f->evidence,
				  f->evidence_size < sizeof(f->evidence) ? f->evidence_size
									 : sizeof(f->evidence));
	bind_string(s, 11, f->code, sizeof(f->code));
	bind_string(s, 12, f->what, sizeof(f->what));
	bind_string(s, 13, f->why, sizeof(f->why));
	return tocsin_history_run(h, s, err);
}

static int add_account(struct tocsin_history *h, const struct tocsin_event *e,
		       struct tocsin_error *err)
{
	const struct tocsin_event_account *a = e->account;
	sqlite3_stmt *s;

	if (!a)
		return 0;
	s = tocsin_history_statement(h, S_ACCOUNT_ADD, err);
	if (!s)
		return err->code;
	bind_number(s, 1, e->time);
	sqlite3_bind_int64(s, 2, h->sequence);
	bind_number(s, 3, a->samples);
	bind_number(s, 4, a->failed);
	bind_number(s, 5, a->period);
	bind_number(s, 6, a->longest);
	bind_number(s, 7, a->cost);
	bind_number(s, 8, a->processes);
	bind_number(s, 9, a->sockets);
	bind_number(s, 10, a->started);
	bind_or_null(s, 11, a->forks_known, a->forks);
	bind_number(s, 12, a->connected);
	bind_or_null(s, 13, a->opens_known, a->opens);
	bind_number(s, 14, a->strangers);
	bind_number(s, 15, a->torn);
	return tocsin_history_run(h, s, err);
}

static int add(struct tocsin_history *h, const struct tocsin_event *e, struct tocsin_error *err)
{
	int64_t ids[4] = {0}; /* guest, process, other, socket */
	int rc = tell_guest(h, e, &ids[0], err);

	if (!rc)
		rc = tell_process(h, ids[0], e->time, e->process, &ids[1], err);
	if (!rc)
		rc = tell_process(h, ids[0], e->time, e->other, &ids[2], err);
	if (!rc)
		rc = tell_socket(h, ids[0], e, &ids[3], err);
	if (!rc)
		rc = next_sequence(h, e->time, err);
	if (!rc)
		rc = add_event(h, e, ids, err);
	if (!rc)
		rc = add_finding(h, e, err);
	if (!rc)
		rc = add_account(h, e, err);
	return rc;
}

/* Let go the events before time, and what none refers to any more. */
static int forget(struct tocsin_history *h, uint64_t time, struct tocsin_error *err)
{
	static const struct {
		enum history_statement statement;
		bool by_last;
	} deletions[] = {{S_EVENT_DELETE, false},   {S_FINDING_DELETE, false},
			 {S_ACCOUNT_DELETE, false}, {S_PROCESS_DELETE, true},
			 {S_SOCKET_DELETE, true},   {S_GUEST_DELETE, true},
			 {S_TEXT_DELETE, true}};
	int rc = 0;

	for (size_t i = 0; i < sizeof(deletions) / sizeof(deletions[0]) && !rc; i++) {
		sqlite3_stmt *s = tocsin_history_statement(h, deletions[i].statement, err);

		if (!s)
			return err->code;
		bind_number(s, 1, deletions[i].by_last ? HISTORY_LAST(time) : time);
		rc = tocsin_history_run(h, s, err);
	}
	return rc;
}

/* The time of the oldest event; *there false: there is none. */
static int first_time(struct tocsin_history *h, int64_t *time, bool *there,
		      struct tocsin_error *err)
{
	sqlite3_stmt *s = tocsin_history_statement(h, S_FIRST_TIME, err);
	int rc = s ? find(h, s, time, NULL, err) : err->code;

	*there = rc == 1;
	return rc < 0 ? rc : 0;
}

static int forget_old(struct tocsin_history *h, struct tocsin_error *err)
{
	uint64_t age = h->settings.max_age, oldest;
	int64_t first = 0;
	bool there;
	int rc;

	if (!age || h->newest <= age)
		return 0;
	oldest = h->newest - age;
	rc = first_time(h, &first, &there, err);
	if (rc || !there || (uint64_t)first >= oldest - age / AGE_SLACK)
		return rc;
	return forget(h, oldest, err);
}

/* Let go at least the oldest count events, and all others of their time. */
static int forget_count(struct tocsin_history *h, uint64_t count, struct tocsin_error *err)
{
	sqlite3_stmt *s;
	int64_t first = 0, time = INT64_MAX;
	bool there;
	int rc = first_time(h, &first, &there, err);

	if (rc || !there)
		return rc;
	s = tocsin_history_statement(h, S_NTH_TIME, err);
	if (!s)
		return err->code;
	bind_number(s, 1, count);
	rc = find(h, s, &time, NULL, err);
	if (rc < 0)
		return rc;
	return forget(h, (uint64_t)(time > first ? time : first + 1), err);
}

static int forget_much(struct tocsin_history *h, struct tocsin_error *err)
{
	uint64_t most = h->settings.max_bytes, bytes = 0, target = most - most / BYTES_SLACK, count;
	int64_t first = 0;
	bool there = true;
	int rc;

	if (!most)
		return 0;
	rc = tocsin_history_used(h, &bytes, err);
	if (rc || bytes <= most)
		return rc;
	while (!rc && there && bytes > target) {
		count = (bytes - target) / BYTES_PER_EVENT;
		rc = forget_count(h, count > LEAST_GONE ? count : LEAST_GONE, err);
		if (!rc)
			rc = tocsin_history_used(h, &bytes, err);
		if (!rc)
			rc = first_time(h, &first, &there, err);
	}
	return rc;
}

static void roll_back(struct tocsin_history *h)
{
	struct tocsin_error ignored = {0};

	if (!sqlite3_get_autocommit(h->store.db))
		tocsin_history_do(h, S_ROLLBACK, &ignored);
	h->open = false;
	h->events = 0;
	h->sequence = -1;
}

/* Of a file that was larger, when max_bytes was. */
static int give_back(struct tocsin_history *h, struct tocsin_error *err)
{
	int64_t pages = 0, unused = 0;
	int rc = tocsin_history_number(h, S_PAGES, &pages, err);

	if (!rc)
		rc = tocsin_history_number(h, S_FREE_PAGES, &unused, err);
	if (rc || unused < pages / 4)
		return rc;
	rc = sqlite3_exec(h->store.db, "PRAGMA incremental_vacuum(1024)", NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : tocsin_history_failed(h, rc, err);
}

static int begin(struct tocsin_history *h, struct tocsin_error *err)
{
	int rc;

	if (h->open)
		return 0;
	if (tocsin_clock(CLOCK_MONOTONIC) < h->retry)
		return tocsin_error_set(err, -EBUSY, "somebody else writes to the history");
	rc = tocsin_history_do(h, S_BEGIN, err);
	if (rc == -EBUSY) /* whose events these are cannot wait for it each time */
		h->retry = tocsin_clock(CLOCK_MONOTONIC) + SECOND;
	if (rc)
		return rc;
	h->open = true;
	h->began = tocsin_clock(CLOCK_MONOTONIC);
	h->sequence = -1;
	return 0;
}

static int commit(struct tocsin_history *h, struct tocsin_error *err)
{
	int rc = forget_old(h, err);

	if (!rc)
		rc = forget_much(h, err);
	if (!rc)
		rc = give_back(h, err);
	if (!rc)
		rc = tocsin_history_do(h, S_COMMIT, err);
	if (rc)
		return rc;
	h->open = false;
	h->events = 0;
	return 0;
}

/* err: ours. What went wrong leaves nothing half done. */
static int finish(struct tocsin_history *h, int rc, const struct tocsin_error *own,
		  struct tocsin_error *err)
{
	if (!rc)
		return 0;
	roll_back(h);
	return tocsin_error_set(err, rc, "%s", own->message);
}

int tocsin_history_flush(struct tocsin_history *h, struct tocsin_error *err)
{
	struct tocsin_error own = {0};
	int rc;

	if (!h->open)
		return 0;
	rc = commit(h, &own);
	return finish(h, rc, &own, err);
}

/* Somebody waits for these; and after an account there may be nothing for a while. */
static bool is_urgent(enum tocsin_event_kind kind)
{
	return kind == TOCSIN_EVENT_FINDING || kind == TOCSIN_EVENT_ACCOUNT ||
	       kind == TOCSIN_EVENT_END;
}

int tocsin_history_add(struct tocsin_history *h, const struct tocsin_event *e,
		       struct tocsin_error *err)
{
	struct tocsin_error own = {0};
	int rc;

	if (!h->store.writable)
		return tocsin_error_set(err, -EROFS, "the history was opened to be read");
	rc = begin(h, &own);
	if (!rc)
		rc = add(h, e, &own);
	if (!rc) {
		if (e->time > h->newest)
			h->newest = e->time;
		h->events++;
		if (h->events % EVENTS_PER_LOOK == 0)
			rc = forget_much(h, &own);
	}
	if (!rc && (h->events >= EVENTS_PER_TRANSACTION || is_urgent(e->kind) ||
		    tocsin_clock(CLOCK_MONOTONIC) - h->began >= SECOND))
		rc = commit(h, &own);
	return finish(h, rc, &own, err);
}
