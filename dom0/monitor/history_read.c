// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events come out of a history as they went in. Nothing in the file is trusted: a row that no
 * writer of ours could have made ends the reading with an error. Texts are the statements' own, and
 * live until the next event.
 */
#include "monitor/history_db.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define QUERY_COLUMNS                                                                              \
	"e.time, e.seq, e.ago, e.kind, e.initial, e.guest, e.process, e.other, e.socket, e.fd, "   \
	"e.detail, e.state, e.receive_queue, e.send_queue, e.sent, e.received, e.idle, "           \
	"e.confidence"

/* One event with all it points at. */
struct reading {
	struct tocsin_history *h;
	struct tocsin_event e;
	struct tocsin_event_process process, other;
	struct tocsin_event_socket socket;
	struct tocsin_finding finding;
	struct tocsin_event_account account;
	/* what the statements of guest, process and other stand on */
	struct standing {
		bool there;
		int64_t id;
	} rows[3];
};

enum { ROW_GUEST, ROW_PROCESS, ROW_OTHER };

static int damaged(struct tocsin_error *err, const char *what)
{
	return tocsin_error_set(err, -EPROTO, "the history is damaged: %s", what);
}

static uint64_t number(sqlite3_stmt *s, int column)
{
	return (uint64_t)sqlite3_column_int64(s, column);
}

/* Ends with a NUL, whatever is in the file; NULL: no memory. */
static const char *text(sqlite3_stmt *s, int column)
{
	if (sqlite3_column_type(s, column) == SQLITE_NULL)
		return "";
	return (const char *)sqlite3_column_text(s, column);
}

static bool is_null(sqlite3_stmt *s, int column)
{
	return sqlite3_column_type(s, column) == SQLITE_NULL;
}

/* Stand on the row with this id; -EPROTO: there is none. */
static int stand_on(struct tocsin_history *h, enum history_statement which, int64_t id,
		    sqlite3_stmt **ret, struct tocsin_error *err)
{
	sqlite3_stmt *s = tocsin_history_statement(h, which, err);
	int rc;

	if (!s)
		return err->code;
	sqlite3_bind_int64(s, 1, id);
	rc = sqlite3_step(s);
	if (rc == SQLITE_DONE)
		return damaged(err, "an event without what it is about");
	if (rc != SQLITE_ROW)
		return tocsin_history_failed(h, rc, err);
	*ret = s;
	return 0;
}

static int read_guest(struct reading *r, int64_t id, struct tocsin_error *err)
{
	struct standing *row = &r->rows[ROW_GUEST];
	sqlite3_stmt *s = NULL;
	int rc;

	if (row->there && row->id == id)
		return 0;
	row->there = false;
	rc = stand_on(r->h, S_GUEST, id, &s, err);
	if (rc)
		return rc;
	r->e.guest = text(s, 0);
	r->e.boot = number(s, 1);
	if (!r->e.guest)
		return tocsin_history_failed(r->h, SQLITE_NOMEM, err);
	*row = (struct standing){true, id};
	return 0;
}

static int read_process(struct reading *r, int64_t id, bool other, struct tocsin_error *err)
{
	struct tocsin_event_process *p = other ? &r->other : &r->process;
	struct standing *row = &r->rows[other ? ROW_OTHER : ROW_PROCESS];
	uint64_t flags;
	sqlite3_stmt *s = NULL;
	int rc;

	if (row->there && row->id == id)
		return 0;
	row->there = false;
	rc = stand_on(r->h, other ? S_OTHER : S_PROCESS, id, &s, err);
	if (rc)
		return rc;
	flags = number(s, 6);
	*p = (struct tocsin_event_process){.pid = (int32_t)number(s, 0),
					   .start_time = number(s, 1),
					   .ppid = (int32_t)number(s, 2),
					   .parent_start_time = number(s, 3),
					   .uid = (uint32_t)number(s, 4),
					   .euid = (uint32_t)number(s, 5),
					   .kernel_thread = flags & 1,
					   .exe_deleted = flags & 2,
					   .exe_memfd = flags & 4,
					   .stdin_socket = flags & 8,
					   .comm = text(s, 7),
					   .exe = text(s, 8),
					   .cmdline = text(s, 9),
					   .container = text(s, 10),
					   .confidence = (enum tocsin_confidence)number(s, 11)};
	p->cmdline_size = (size_t)sqlite3_column_bytes(s, 9);
	if (!p->comm || !p->exe || !p->cmdline || !p->container)
		return tocsin_history_failed(r->h, SQLITE_NOMEM, err);
	if (number(s, 11) > TOCSIN_CONTRADICTED)
		return damaged(err, "a process of no known confidence");
	*row = (struct standing){true, id};
	return 0;
}

/* NULL in the file: zeros. */
static int copy_bytes(sqlite3_stmt *s, int column, void *to, size_t most, size_t *size)
{
	int n = sqlite3_column_bytes(s, column);
	const void *bytes = sqlite3_column_blob(s, column);

	if (n < 0 || (size_t)n > most || (n && !bytes))
		return -EPROTO;
	if (n)
		memcpy(to, bytes, (size_t)n);
	*size = (size_t)n;
	return 0;
}

static int read_address(sqlite3_stmt *s, int column, uint16_t family, uint8_t to[16])
{
	size_t size = 0, expected = family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;

	return copy_bytes(s, column, to, 16, &size) || size != expected ? -EPROTO : 0;
}

static int read_socket(struct reading *r, sqlite3_stmt *event, struct tocsin_error *err)
{
	struct tocsin_event_socket *e = &r->socket;
	struct tocsin_socket *k = &e->socket;
	sqlite3_stmt *s = NULL;
	int rc = stand_on(r->h, S_SOCKET, sqlite3_column_int64(event, 8), &s, err);

	if (rc)
		return rc;
	*e = (struct tocsin_event_socket){.id = number(s, 1),
					  .seen = number(s, 2),
					  .direction = (enum tocsin_direction)number(s, 3),
					  .confidence = (enum tocsin_confidence)number(event, 17)};
	k->sock = number(s, 4);
	k->inode = number(s, 5);
	k->family = (uint16_t)number(s, 6);
	k->type = (uint16_t)number(s, 7);
	k->protocol = (uint16_t)number(s, 8);
	k->owner = (uint8_t)number(s, 9);
	k->uid = (uint32_t)number(s, 10);
	k->netns = (uint32_t)number(s, 11);
	k->interface = (uint32_t)number(s, 12);
	k->local_port = (uint16_t)number(s, 15);
	k->remote_port = (uint16_t)number(s, 16);
	k->peer = number(s, 18);
	k->port_id = (uint32_t)number(s, 19);
	k->groups = (uint32_t)number(s, 20);
	k->state = (uint8_t)number(event, 11);
	k->receive_queue = (uint32_t)number(event, 12);
	k->send_queue = (uint32_t)number(event, 13);
	k->counted = !is_null(event, 14);
	k->bytes_sent = number(event, 14);
	k->bytes_received = number(event, 15);
	k->idle = number(event, 16);
	if (read_address(s, 13, k->family, k->local) || read_address(s, 14, k->family, k->remote) ||
	    copy_bytes(s, 17, k->name, sizeof(k->name), &k->name_size) ||
	    number(s, 3) > TOCSIN_DIRECTION_OUT || number(event, 17) > TOCSIN_CONTRADICTED)
		return damaged(err, "a socket that cannot be");
	return 0;
}

static int copy_text(sqlite3_stmt *s, int column, char *to, size_t room)
{
	size_t size = 0;
	int rc = copy_bytes(s, column, to, room - 1, &size);

	to[rc ? 0 : size] = 0;
	return rc;
}

/* Stand on the row under the key of the event, or NULL if none was told. */
static int stand_beside(struct reading *r, enum history_statement which, sqlite3_stmt *event,
			sqlite3_stmt **ret, struct tocsin_error *err)
{
	sqlite3_stmt *s = tocsin_history_statement(r->h, which, err);
	int rc;

	if (!s)
		return err->code;
	sqlite3_bind_int64(s, 1, sqlite3_column_int64(event, 0));
	sqlite3_bind_int64(s, 2, sqlite3_column_int64(event, 1));
	rc = sqlite3_step(s);
	*ret = rc == SQLITE_ROW ? s : NULL;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : tocsin_history_failed(r->h, rc, err);
}

static int read_finding(struct reading *r, sqlite3_stmt *event, struct tocsin_error *err)
{
	struct tocsin_finding *f = &r->finding;
	sqlite3_stmt *s = NULL;
	int rc = stand_beside(r, S_FINDING, event, &s, err);

	if (rc || !s)
		return rc;
	r->e.finding = f;
	memset(f, 0, sizeof(*f));
	f->severity = (enum tocsin_severity)number(s, 2);
	f->certainty = (enum tocsin_certainty)number(s, 3);
	f->start = number(s, 5);
	f->end = number(s, 6);
	if (number(s, 2) > TOCSIN_SEVERITY_CRITICAL || number(s, 3) > TOCSIN_CERTAINTY_HIGH ||
	    copy_text(s, 0, f->scanner, sizeof(f->scanner)) ||
	    copy_text(s, 1, f->rule, sizeof(f->rule)) ||
	    copy_text(s, 4, f->technique, sizeof(f->technique)) ||
	    copy_bytes(s, 7, f->evidence, sizeof(f->evidence), &f->evidence_size) ||
	    copy_text(s, 8, f->code, sizeof(f->code)) ||
	    copy_text(s, 9, f->what, sizeof(f->what)) || copy_text(s, 10, f->why, sizeof(f->why)))
		return damaged(err, "a finding that cannot be");
	return 0;
}

static int read_account(struct reading *r, sqlite3_stmt *event, struct tocsin_error *err)
{
	sqlite3_stmt *s = NULL;
	int rc = stand_beside(r, S_ACCOUNT, event, &s, err);

	if (rc || !s)
		return rc;
	r->e.account = &r->account;
	r->account = (struct tocsin_event_account){.samples = number(s, 0),
						   .failed = number(s, 1),
						   .period = number(s, 2),
						   .longest = number(s, 3),
						   .cost = number(s, 4),
						   .processes = number(s, 5),
						   .sockets = number(s, 6),
						   .started = number(s, 7),
						   .forks = number(s, 8),
						   .forks_known = !is_null(s, 8),
						   .connected = number(s, 9),
						   .opens = number(s, 10),
						   .opens_known = !is_null(s, 10),
						   .strangers = number(s, 11),
						   .torn = number(s, 12)};
	return 0;
}

static int read_event(struct reading *r, sqlite3_stmt *s, struct tocsin_error *err)
{
	struct tocsin_event *e = &r->e;
	int rc = read_guest(r, sqlite3_column_int64(s, 5), err);

	if (rc)
		return rc;
	if (number(s, 3) >= TOCSIN_EVENT_KINDS || number(s, 9) > INT32_MAX)
		return damaged(err, "an event that cannot be");
	e->time = number(s, 0);
	e->since = is_null(s, 2) ? 0 : e->time - number(s, 2);
	e->kind = (enum tocsin_event_kind)number(s, 3);
	e->initial = number(s, 4) != 0;
	e->process = is_null(s, 6) ? NULL : &r->process;
	e->other = is_null(s, 7) ? NULL : &r->other;
	e->socket = is_null(s, 8) ? NULL : &r->socket;
	e->fd = is_null(s, 9) ? -1 : (int32_t)number(s, 9);
	e->detail = text(s, 10);
	e->finding = NULL;
	e->account = NULL;
	if (!e->detail)
		return tocsin_history_failed(r->h, SQLITE_NOMEM, err);
	if (e->process)
		rc = read_process(r, sqlite3_column_int64(s, 6), false, err);
	if (!rc && e->other)
		rc = read_process(r, sqlite3_column_int64(s, 7), true, err);
	if (!rc && e->socket)
		rc = read_socket(r, s, err);
	if (!rc && e->kind == TOCSIN_EVENT_FINDING)
		rc = read_finding(r, s, err);
	if (!rc && e->kind == TOCSIN_EVENT_ACCOUNT)
		rc = read_account(r, s, err);
	return rc;
}

/* The question. */

struct address {
	uint8_t plain[16], mapped[16]; /* mapped: IPv4 as IPv6 has it */
	int size, mapped_size;         /* mapped_size 0: none */
};

static int parse_address(const char *in, struct address *ret, struct tocsin_error *err)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	*ret = (struct address){0};
	if (inet_pton(AF_INET6, in, ret->plain) == 1) {
		ret->size = 16;
		return 0;
	}
	if (inet_pton(AF_INET, in, ret->plain) != 1)
		return tocsin_error_set(err, -EINVAL, "%.60s is no address", in);
	ret->size = 4;
	memcpy(ret->mapped, prefix, sizeof(prefix));
	memcpy(ret->mapped + sizeof(prefix), ret->plain, 4);
	ret->mapped_size = 16;
	return 0;
}

/* Which events: numbered parameters, so that one text of conditions serves two statements. */
static void write_conditions(sqlite3_str *sql, const struct tocsin_history_query *q)
{
	sqlite3_str_appendall(sql, " FROM event e WHERE e.time >= ?1 AND e.time < ?2");
	if ((unsigned int)q->kind < TOCSIN_EVENT_KINDS)
		sqlite3_str_appendall(sql, " AND e.kind = ?3");
	if (q->guest)
		sqlite3_str_appendall(sql, " AND e.guest IN (SELECT g.id FROM guest g JOIN text t "
					   "ON t.id = g.name WHERE t.bytes = ?4)");
	if (q->pid)
		sqlite3_str_appendall(sql,
				      " AND (e.process IN (SELECT id FROM process WHERE pid = ?5) "
				      "OR e.other IN (SELECT id FROM process WHERE pid = ?5))");
	if (q->comm)
		sqlite3_str_appendall(sql, " AND e.process IN (SELECT p.id FROM process p JOIN "
					   "text t ON t.id = p.comm WHERE t.bytes = ?6)");
	if (q->port)
		sqlite3_str_appendall(sql, " AND e.socket IN (SELECT id FROM socket WHERE "
					   "local_port = ?7 OR remote_port = ?7)");
	if (q->address)
		sqlite3_str_appendall(sql, " AND e.socket IN (SELECT id FROM socket WHERE "
					   "local IN (?8, ?9) OR remote IN (?8, ?9))");
}

/* q and a outlive the statement. What a statement does not use it does not take. */
static void bind_question(sqlite3_stmt *s, const struct tocsin_history_query *q,
			  const struct address *a)
{
	uint64_t until = q->until && q->until < INT64_MAX ? q->until : INT64_MAX;

	sqlite3_bind_int64(s, 1, q->since < INT64_MAX ? (int64_t)q->since : INT64_MAX);
	sqlite3_bind_int64(s, 2, (int64_t)until);
	sqlite3_bind_int64(s, 3, (int64_t)q->kind);
	if (q->guest)
		tocsin_history_bind_bytes(s, 4, q->guest, strlen(q->guest));
	sqlite3_bind_int64(s, 5, q->pid);
	if (q->comm)
		tocsin_history_bind_bytes(s, 6, q->comm, strlen(q->comm));
	sqlite3_bind_int64(s, 7, q->port);
	if (q->address) {
		tocsin_history_bind_bytes(s, 8, a->plain, (size_t)a->size);
		if (a->mapped_size)
			tocsin_history_bind_bytes(s, 9, a->mapped, (size_t)a->mapped_size);
	}
}

static int prepare(struct tocsin_history *h, const char *head, const struct tocsin_history_query *q,
		   const char *tail, sqlite3_stmt **ret, struct tocsin_error *err)
{
	sqlite3_str *sql = sqlite3_str_new(h->store.db);
	char *words;
	int rc;

	sqlite3_str_appendall(sql, head);
	write_conditions(sql, q);
	sqlite3_str_appendall(sql, tail);
	words = sqlite3_str_finish(sql);
	if (!words)
		return tocsin_history_failed(h, SQLITE_NOMEM, err);
	rc = sqlite3_prepare_v2(h->store.db, words, -1, ret, NULL);
	sqlite3_free(words);
	return rc == SQLITE_OK ? 0 : tocsin_history_failed(h, rc, err);
}

/* The key of the first of the latest q->limit events; 0, 0: of all. */
static int find_start(struct tocsin_history *h, const struct tocsin_history_query *q,
		      const struct address *a, int64_t key[2], struct tocsin_error *err)
{
	sqlite3_stmt *s = NULL;
	int rc;

	key[0] = key[1] = 0;
	if (!q->limit)
		return 0;
	rc = prepare(h, "SELECT e.time, e.seq", q,
		     " ORDER BY e.time DESC, e.seq DESC LIMIT 1 OFFSET ?10", &s, err);
	if (rc)
		return rc;
	bind_question(s, q, a);
	sqlite3_bind_int64(s, 10, q->limit < INT64_MAX ? (int64_t)q->limit - 1 : INT64_MAX);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		key[0] = sqlite3_column_int64(s, 0);
		key[1] = sqlite3_column_int64(s, 1);
		rc = 0;
	} else {
		rc = rc == SQLITE_DONE ? 0 : tocsin_history_failed(h, rc, err);
	}
	sqlite3_finalize(s);
	return rc;
}

static int each(struct reading *r, const struct tocsin_history_query *q, const struct address *a,
		tocsin_event_take *take, void *context, struct tocsin_error *err)
{
	sqlite3_stmt *s = NULL;
	int64_t key[2];
	int rc = find_start(r->h, q, a, key, err);

	if (!rc)
		rc = prepare(r->h, "SELECT " QUERY_COLUMNS, q,
			     " AND (e.time, e.seq) >= (?11, ?12) ORDER BY e.time, e.seq", &s, err);
	if (rc)
		return rc;
	bind_question(s, q, a);
	sqlite3_bind_int64(s, 11, key[0]);
	sqlite3_bind_int64(s, 12, key[1]);
	while (!rc) {
		rc = sqlite3_step(s);
		if (rc == SQLITE_DONE) {
			rc = 0;
			break;
		}
		rc =
		    rc == SQLITE_ROW ? read_event(r, s, err) : tocsin_history_failed(r->h, rc, err);
		if (!rc)
			rc = take(&r->e, context);
	}
	sqlite3_finalize(s);
	return rc;
}

int tocsin_history_each(struct tocsin_history *h, const struct tocsin_history_query *q,
			tocsin_event_take *take, void *context, struct tocsin_error *err)
{
	static const enum history_statement used[] = {S_GUEST,  S_PROCESS, S_OTHER,
						      S_SOCKET, S_FINDING, S_ACCOUNT};
	struct reading r = {.h = h};
	struct tocsin_error own = {0};
	struct address a = {0};
	int rc = 0;

	if (q->address)
		rc = parse_address(q->address, &a, &own);
	if (!rc && h->open)
		rc = tocsin_history_flush(h, &own);
	if (!rc)
		rc = tocsin_history_do(h, S_SNAPSHOT, &own);
	if (rc)
		return tocsin_error_set(err, rc, "%s", own.message);
	rc = each(&r, q, &a, take, context, &own);
	for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++)
		sqlite3_reset(h->statements[used[i]]);
	tocsin_history_do(h, S_COMMIT, &(struct tocsin_error){0}); /* nothing was written */
	if (own.code)
		tocsin_error_set(err, own.code, "%s", own.message);
	return rc;
}
