// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Histories: what comes out is what went in, told once; old and much goes; foreign and damaged
 * files, full disks, and readers beside the writer.
 */
#include "monitor/history.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#define SECOND 1000000000u
#define T0 (1700000000u * (uint64_t)SECOND)
#define MINUTES(n) ((n)*60u * (uint64_t)SECOND)

static char folder[64], path[128];
static struct tocsin_error err;
static const struct tocsin_history_settings unbounded;
static const struct tocsin_history_query everything = {.kind = TOCSIN_EVENT_KINDS};

static int setup(void **state)
{
	strcpy(folder, "/tmp/tocsin-history-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a ?#%%.db", folder);
	memset(&err, 0, sizeof(err));
	return 0;
}

/* How many files there are; removes them if told to. */
static unsigned int files(bool remove_them)
{
	DIR *d = opendir(folder);
	struct dirent *f;
	unsigned int n = 0;

	assert_non_null(d);
	while ((f = readdir(d))) {
		if (f->d_name[0] == '.')
			continue;
		n++;
		if (remove_them)
			assert_int_equal(unlinkat(dirfd(d), f->d_name, 0), 0);
	}
	closedir(d);
	return n;
}

static int teardown(void **state)
{
	files(true);
	return rmdir(folder);
}

static struct tocsin_history *open_history(const struct tocsin_history_settings *settings)
{
	struct tocsin_history *h = NULL;
	int rc = tocsin_history_open(path, settings, &h, &err);

	if (rc)
		fail_msg("%d: %s", rc, err.message);
	return h;
}

static void add(struct tocsin_history *h, const struct tocsin_event *e)
{
	if (tocsin_history_add(h, e, &err))
		fail_msg("%s", err.message);
}

/* ---- what is compared ---- */

static void check_process(const struct tocsin_event_process *x,
			  const struct tocsin_event_process *y)
{
	assert_int_equal(!x, !y);
	if (!x)
		return;
	assert_int_equal(x->pid, y->pid);
	assert_int_equal(x->start_time, y->start_time);
	assert_int_equal(x->ppid, y->ppid);
	assert_int_equal(x->parent_start_time, y->parent_start_time);
	assert_int_equal(x->uid, y->uid);
	assert_int_equal(x->euid, y->euid);
	assert_int_equal(x->kernel_thread, y->kernel_thread);
	assert_int_equal(x->exe_deleted, y->exe_deleted);
	assert_int_equal(x->exe_memfd, y->exe_memfd);
	assert_int_equal(x->stdin_socket, y->stdin_socket);
	assert_string_equal(x->comm, y->comm);
	assert_string_equal(x->exe, y->exe);
	assert_int_equal(x->cmdline_size, y->cmdline_size);
	assert_memory_equal(x->cmdline, y->cmdline, x->cmdline_size);
	assert_string_equal(x->container, y->container);
	assert_int_equal(x->confidence, y->confidence);
}

static void check_socket(const struct tocsin_event_socket *x, const struct tocsin_event_socket *y)
{
	const struct tocsin_socket *k = &x->socket, *l = &y->socket;

	assert_int_equal(x->id, y->id);
	assert_int_equal(x->seen, y->seen);
	assert_int_equal(x->direction, y->direction);
	assert_int_equal(x->confidence, y->confidence);
	assert_int_equal(k->sock, l->sock);
	assert_int_equal(k->inode, l->inode);
	assert_int_equal(k->family, l->family);
	assert_int_equal(k->type, l->type);
	assert_int_equal(k->protocol, l->protocol);
	assert_int_equal(k->state, l->state);
	assert_int_equal(k->owner, l->owner);
	assert_int_equal(k->uid, l->uid);
	assert_int_equal(k->netns, l->netns);
	assert_int_equal(k->interface, l->interface);
	assert_memory_equal(k->local, l->local, sizeof(k->local));
	assert_memory_equal(k->remote, l->remote, sizeof(k->remote));
	assert_int_equal(k->local_port, l->local_port);
	assert_int_equal(k->remote_port, l->remote_port);
	assert_int_equal(k->receive_queue, l->receive_queue);
	assert_int_equal(k->send_queue, l->send_queue);
	assert_int_equal(k->name_size, l->name_size);
	assert_memory_equal(k->name, l->name, sizeof(k->name));
	assert_int_equal(k->peer, l->peer);
	assert_int_equal(k->port_id, l->port_id);
	assert_int_equal(k->groups, l->groups);
	assert_int_equal(k->counted, l->counted);
	assert_int_equal(k->bytes_sent, l->bytes_sent);
	assert_int_equal(k->bytes_received, l->bytes_received);
	assert_int_equal(k->idle, l->idle);
}

static void check_finding(const struct tocsin_finding *x, const struct tocsin_finding *y)
{
	assert_string_equal(x->scanner, y->scanner);
	assert_string_equal(x->rule, y->rule);
	assert_int_equal(x->severity, y->severity);
	assert_int_equal(x->certainty, y->certainty);
	assert_string_equal(x->technique, y->technique);
	assert_int_equal(x->start, y->start);
	assert_int_equal(x->end, y->end);
	assert_int_equal(x->evidence_size, y->evidence_size);
	assert_memory_equal(x->evidence, y->evidence, sizeof(x->evidence));
	assert_string_equal(x->code, y->code);
	assert_string_equal(x->what, y->what);
	assert_string_equal(x->why, y->why);
}

static void check_event(const struct tocsin_event *x, const struct tocsin_event *y)
{
	assert_int_equal(x->kind, y->kind);
	assert_int_equal(x->since, y->since);
	assert_int_equal(x->time, y->time);
	assert_int_equal(x->initial, y->initial);
	assert_string_equal(x->guest, y->guest);
	assert_int_equal(x->boot, y->boot);
	assert_int_equal(x->fd, y->fd);
	assert_string_equal(x->detail, y->detail);
	check_process(x->process, y->process);
	check_process(x->other, y->other);
	assert_int_equal(!x->socket, !y->socket);
	if (x->socket)
		check_socket(x->socket, y->socket);
	assert_int_equal(!x->finding, !y->finding);
	if (x->finding)
		check_finding(x->finding, y->finding);
	assert_int_equal(!x->account, !y->account);
	if (x->account) /* no padding: both are filled member by member from zeros */
		assert_memory_equal(x->account, y->account,
				    offsetof(struct tocsin_event_account, forks_known));
	if (x->account)
		assert_int_equal(x->account->forks_known, y->account->forks_known);
}

/* ---- what is put in ---- */

static struct tocsin_event_process process_of(int32_t pid, uint64_t start_time, const char *exe)
{
	return (struct tocsin_event_process){.pid = pid,
					     .start_time = start_time,
					     .ppid = 1,
					     .comm = "app",
					     .exe = exe,
					     .cmdline = "app\0-x",
					     .cmdline_size = 7,
					     .container = ""};
}

static struct tocsin_event_socket socket_of(uint64_t id, const char *local, uint16_t port)
{
	struct tocsin_event_socket s = {.id = id, .seen = T0, .direction = TOCSIN_DIRECTION_OUT};

	s.socket.sock = 0xffff888000000000u;
	s.socket.family = strchr(local, ':') ? AF_INET6 : AF_INET;
	s.socket.type = SOCK_STREAM;
	s.socket.protocol = IPPROTO_TCP;
	s.socket.state = TCP_ESTABLISHED;
	assert_int_equal(inet_pton(s.socket.family, local, s.socket.local), 1);
	s.socket.local_port = 40000;
	s.socket.remote_port = port;
	return s;
}

static struct tocsin_event event_of(enum tocsin_event_kind kind, uint64_t time,
				    const struct tocsin_event_process *p,
				    const struct tocsin_event_socket *s)
{
	return (struct tocsin_event){.kind = kind,
				     .since = time - SECOND,
				     .time = time,
				     .guest = "web",
				     .boot = T0 - SECOND,
				     .process = p,
				     .socket = s,
				     .fd = s && p ? 3 : -1,
				     .detail = ""};
}

struct expected {
	const struct tocsin_event *at;
	size_t count, seen;
};

static int compare(const struct tocsin_event *e, void *context)
{
	struct expected *x = context;

	assert_true(x->seen < x->count);
	check_event(e, &x->at[x->seen++]);
	return 0;
}

static int count(const struct tocsin_event *e, void *context)
{
	++*(size_t *)context;
	return 0;
}

static size_t answers(struct tocsin_history *h, const struct tocsin_history_query *q)
{
	size_t n = 0;

	if (tocsin_history_each(h, q, count, &n, &err))
		fail_msg("%s", err.message);
	return n;
}

/* Every member differs from zero and from its neighbours; text is as bad as it can be. */
static void round_trip(void **state)
{
	struct tocsin_event_process p = {.pid = 4194304,
					 .start_time = 0xfedcba9876543210u,
					 .ppid = 7,
					 .parent_start_time = 9,
					 .uid = UINT32_MAX,
					 .euid = 0x80000000u,
					 .kernel_thread = true,
					 .exe_memfd = true,
					 .comm = "\xff\x01'\"",
					 .exe = "/tmp/\xc3\x28;DROP TABLE event",
					 .cmdline = "a\0\0\xfe\0b",
					 .cmdline_size = 6,
					 .container = "c0ffee",
					 .confidence = TOCSIN_CONTRADICTED};
	struct tocsin_event_process o = process_of(7, 9, "");
	struct tocsin_event_socket s = socket_of(12345678901u, "2001:db8::1", 443), u = {.id = 2};
	struct tocsin_finding f = {.scanner = "watch",
				   .rule = "r",
				   .severity = TOCSIN_SEVERITY_LOW,
				   .certainty = TOCSIN_CERTAINTY_HIGH,
				   .technique = "T1",
				   .start = UINT64_MAX,
				   .end = 1,
				   .evidence = {0, 1, 0xff},
				   .evidence_size = 3,
				   .code = "nop",
				   .what = "w\xff",
				   .why = "y"};
	struct tocsin_event_account a = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 12, 13, true, false};
	struct tocsin_event all[TOCSIN_EVENT_KINDS];
	struct expected x = {all, TOCSIN_EVENT_KINDS, 0};
	struct tocsin_history *h = open_history(&unbounded);

	o.stdin_socket = o.exe_deleted = true;
	s.socket.receive_queue = UINT32_MAX;
	s.socket.send_queue = 1;
	s.socket.counted = true;
	s.socket.bytes_sent = UINT64_MAX;
	s.socket.bytes_received = 5;
	s.socket.idle = UINT64_MAX;
	s.socket.interface = 3;
	s.socket.netns = 4026531840u;
	s.socket.inode = UINT64_MAX;
	s.socket.uid = UINT32_MAX;
	s.socket.owner = 2;
	memset(s.socket.remote, 0xab, 16);
	s.confidence = TOCSIN_TORN;
	u.socket.family = AF_UNIX;
	u.socket.type = SOCK_DGRAM;
	memcpy(u.socket.name, "\0a\0\xff", 4);
	u.socket.name_size = 4;
	u.socket.peer = 0xffff888000000001u;
	u.socket.port_id = 77;
	u.socket.groups = 0xffffffff;
	for (int k = 0; k < TOCSIN_EVENT_KINDS; k++) {
		all[k] = event_of((enum tocsin_event_kind)k, T0 + (unsigned int)k / 4, NULL, NULL);
		all[k].initial = k % 2;
		all[k].since = k % 2 ? 0 : all[k].time - 5;
		all[k].process = k > 1 ? &p : NULL;
		all[k].other = k % 3 ? &o : NULL;
		all[k].socket = k > 3 ? (k % 2 ? &s : &u) : NULL;
		all[k].fd = k > 3 ? k - 4 : -1;
		all[k].detail = k > 10 ? "why\xff" : "";
		all[k].finding = k == TOCSIN_EVENT_FINDING ? &f : NULL;
		all[k].account = k == TOCSIN_EVENT_ACCOUNT ? &a : NULL;
		add(h, &all[k]);
	}
	assert_int_equal(tocsin_history_each(h, &everything, compare, &x, &err), 0);
	assert_int_equal(x.seen, TOCSIN_EVENT_KINDS);
	tocsin_history_close(h);
	h = open_history(NULL);
	x.seen = 0;
	assert_int_equal(tocsin_history_each(h, &everything, compare, &x, &err), 0);
	assert_int_equal(x.seen, TOCSIN_EVENT_KINDS);
	tocsin_history_close(h);
}

/* The same process and socket are one row; a PID, an address used again are others. */
static void identity(void **state)
{
	struct tocsin_event_process p = process_of(100, 5, "/a"), q = process_of(100, 6, "/a"),
				    r = process_of(100, 5, "/b");
	struct tocsin_event_socket s = socket_of(1, "10.0.0.1", 443),
				   t = socket_of(2, "10.0.0.1", 443);
	struct tocsin_history *h = open_history(&unbounded);
	struct tocsin_history_extent extent;
	struct tocsin_event all[5] = {
	    event_of(TOCSIN_EVENT_OPENED, T0, &p, &s),
	    event_of(TOCSIN_EVENT_CLOSED, T0 + 1, &p, &s),
	    event_of(TOCSIN_EVENT_OPENED, T0 + 2, &q, &t),     /* other lives */
	    event_of(TOCSIN_EVENT_EXECUTED, T0 + 3, &r, NULL), /* another program */
	    event_of(TOCSIN_EVENT_EXITED, T0 + 4, &p, NULL),
	};
	struct expected x = {all, 5, 0};

	for (size_t i = 0; i < 5; i++)
		add(h, &all[i]);
	assert_int_equal(tocsin_history_extent(h, &extent, &err), 0);
	assert_int_equal(extent.events, 5);
	assert_int_equal(extent.processes, 3);
	assert_int_equal(extent.sockets, 2);
	assert_int_equal(extent.first, T0);
	assert_int_equal(extent.last, T0 + 4);
	assert_int_equal(tocsin_history_each(h, &everything, compare, &x, &err), 0);
	all[0].boot++; /* the guest rebooted: nothing is the same */
	all[0].time = T0 + 5;
	add(h, &all[0]);
	assert_int_equal(tocsin_history_extent(h, &extent, &err), 0);
	assert_int_equal(extent.processes, 4);
	assert_int_equal(extent.sockets, 3);
	tocsin_history_close(h);
}

/* What a kind of event should have, but does not. */
static void without(void **state)
{
	struct tocsin_event all[2] = {event_of(TOCSIN_EVENT_ACCOUNT, T0, NULL, NULL),
				      event_of(TOCSIN_EVENT_FINDING, T0, NULL, NULL)};
	struct expected x = {all, 2, 0};
	struct tocsin_history *h = open_history(&unbounded);

	add(h, &all[0]);
	add(h, &all[1]);
	assert_int_equal(tocsin_history_each(h, &everything, compare, &x, &err), 0);
	assert_int_equal(x.seen, 2);
	tocsin_history_close(h);
}

/* A state that changed is kept with its event, not with the socket. */
static void states(void **state)
{
	struct tocsin_event_process p = process_of(100, 5, "/a");
	struct tocsin_event_socket s = socket_of(1, "10.0.0.1", 443), t = s;
	struct tocsin_history *h = open_history(&unbounded);
	struct tocsin_history_extent extent;
	struct tocsin_event all[2] = {event_of(TOCSIN_EVENT_OPENED, T0, &p, &s),
				      event_of(TOCSIN_EVENT_CLOSED, T0 + 1, &p, &t)};
	struct expected x = {all, 2, 0};

	t.socket.state = TCP_CLOSE_WAIT;
	t.socket.counted = true;
	t.socket.bytes_sent = 1000;
	t.socket.receive_queue = 5;
	add(h, &all[0]);
	add(h, &all[1]);
	assert_int_equal(tocsin_history_extent(h, &extent, &err), 0);
	assert_int_equal(extent.sockets, 1);
	assert_int_equal(tocsin_history_each(h, &everything, compare, &x, &err), 0);
	tocsin_history_close(h);
}

static void restart(void **state)
{
	struct tocsin_event_process p = process_of(100, 5, "/a");
	struct tocsin_event e = event_of(TOCSIN_EVENT_STARTED, T0, &p, NULL);
	struct tocsin_history_extent extent;
	struct tocsin_history *h;

	for (int i = 0; i < 3; i++) {
		h = open_history(&unbounded);
		add(h, &e); /* of one time: each is kept */
		tocsin_history_close(h);
		assert_int_equal(files(false), 1); /* no log is left */
	}
	h = open_history(NULL);
	assert_int_equal(tocsin_history_extent(h, &extent, &err), 0);
	assert_int_equal(extent.events, 3);
	assert_int_equal(extent.processes, 1);
	assert_int_equal(answers(h, &everything), 3);
	tocsin_history_close(h);
}

/* An event a second, with a process and a socket of its own each. */
static void fill(struct tocsin_history *h, unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++) {
		char exe[32];
		struct tocsin_event_process p = process_of((int32_t)(100 + i), i, exe);
		struct tocsin_event_socket s = socket_of(i, "10.0.0.1", 443);
		struct tocsin_event e =
		    event_of(TOCSIN_EVENT_OPENED, T0 + i * (uint64_t)SECOND, &p, &s);

		snprintf(exe, sizeof(exe), "/bin/%u", i);
		add(h, &e);
	}
	if (tocsin_history_flush(h, &err))
		fail_msg("%s", err.message);
}

/* Strings that nobody names. */
static int64_t count_texts(void)
{
	sqlite3 *db;
	sqlite3_stmt *s;
	int64_t n;
	char name[160];

	snprintf(name, sizeof(name), "%s", path);
	assert_int_equal(sqlite3_open_v2(name, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM text", -1, &s, NULL), 0);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return n;
}

static void goes_by_age(void **state)
{
	const struct tocsin_history_settings settings = {.max_age = MINUTES(1)};
	struct tocsin_history_extent extent;
	struct tocsin_history *h = open_history(&settings);

	fill(h, 0, 200);
	assert_int_equal(tocsin_history_extent(h, &extent, &err), 0);
	assert_int_equal(extent.first, T0 + 139 * (uint64_t)SECOND);
	assert_int_equal(extent.last, T0 + 199 * (uint64_t)SECOND);
	assert_int_equal(extent.events, 61);
	assert_int_equal(extent.processes, 61); /* with the events go who did them */
	assert_int_equal(extent.sockets, 61);
	fill(h, 200, 201); /* never further than a 64th of the age behind */
	assert_int_equal(tocsin_history_extent(h, &extent, &err), 0);
	assert_true(extent.last - extent.first <= MINUTES(1) + MINUTES(1) / 64);
	tocsin_history_close(h);
	assert_int_equal(count_texts(), extent.processes + 4); /* exe; guest, comm, cmdline, "" */
}

/* Who is still named stays, however old. */
static void stays_by_use(void **state)
{
	const struct tocsin_history_settings settings = {.max_age = MINUTES(1)};
	struct tocsin_event_process p = process_of(1, 1, "/sbin/init");
	struct tocsin_event e = event_of(TOCSIN_EVENT_STARTED, T0 - 1, &p, NULL);
	struct tocsin_history *h = open_history(&settings);
	struct tocsin_history_query q = everything;

	add(h, &e);
	fill(h, 0, 50);
	e.time = T0 + 50 * (uint64_t)SECOND;
	add(h, &e);
	fill(h, 51, 100);
	q.pid = 1;
	assert_int_equal(answers(h, &q), 1);
	fill(h, 100, 200);
	assert_int_equal(answers(h, &q), 0);
	tocsin_history_close(h);
}

static void goes_by_size(void **state)
{
	const struct tocsin_history_settings settings = {.max_bytes = 1 << 20};
	struct tocsin_history_extent extent;
	struct tocsin_history *h = open_history(&settings);
	uint64_t most = 0;
	struct stat st;

	for (unsigned int i = 0; i < 20000; i += 1000) {
		fill(h, i, i + 1000);
		assert_int_equal(tocsin_history_extent(h, &extent, &err), 0);
		assert_true(extent.bytes <= settings.max_bytes);
		most = extent.bytes > most ? extent.bytes : most;
	}
	assert_true(most > settings.max_bytes / 2); /* no more goes than has to */
	assert_true(extent.events > 1000 && extent.events < 20000);
	assert_int_equal(extent.last, T0 + 19999 * (uint64_t)SECOND);
	assert_int_equal(answers(h, &everything), extent.events);
	assert_int_equal(extent.processes, extent.events);
	tocsin_history_close(h);
	assert_int_equal(stat(path, &st), 0);
	assert_true((uint64_t)st.st_size <= settings.max_bytes * 5 / 4);
	assert_int_equal(tocsin_history_open(
			     path, &(struct tocsin_history_settings){.max_bytes = 1000}, &h, &err),
			 -EINVAL);
}

/* A bound that is smaller than before: the file shrinks. */
static void shrinks(void **state)
{
	const struct tocsin_history_settings less = {.max_bytes = 1 << 20};
	struct tocsin_history *h = open_history(&unbounded);
	struct tocsin_history_extent extent;
	struct stat before, after;

	fill(h, 0, 20000);
	tocsin_history_close(h);
	assert_int_equal(stat(path, &before), 0);
	assert_true(before.st_size > 3 << 20);
	h = open_history(&less);
	for (unsigned int i = 0; i < 4; i++)
		fill(h, 20000 + i, 20001 + i);
	assert_int_equal(tocsin_history_extent(h, &extent, &err), 0);
	assert_true(extent.bytes <= less.max_bytes);
	tocsin_history_close(h);
	assert_int_equal(stat(path, &after), 0);
	assert_true(after.st_size < before.st_size / 2);
}

static void questions(void **state)
{
	struct tocsin_event_process p = process_of(100, 5, "/a"), o = process_of(200, 6, "/b");
	struct tocsin_event_socket s = socket_of(1, "10.0.0.1", 443),
				   t = socket_of(2, "::ffff:10.0.0.1", 80);
	struct tocsin_history *h = open_history(&unbounded);
	struct tocsin_event all[4] = {event_of(TOCSIN_EVENT_OPENED, T0, &p, &s),
				      event_of(TOCSIN_EVENT_CLOSED, T0 + 1, &o, &t),
				      event_of(TOCSIN_EVENT_STARTED, T0 + 2, &o, NULL),
				      event_of(TOCSIN_EVENT_STARTED, T0 + 2, NULL, NULL)};
	struct tocsin_history_query q;
	struct expected x = {all + 2, 2, 0};

	o.comm = "other\xff";
	all[2].other = &p;
	all[3].guest = "db";
	for (size_t i = 0; i < 4; i++)
		add(h, &all[i]);
#define ASK(...)                                                                                   \
	(q = (struct tocsin_history_query){.kind = TOCSIN_EVENT_KINDS, __VA_ARGS__}, answers(h, &q))
	assert_int_equal(ASK(.since = T0 + 1), 3);
	assert_int_equal(ASK(.until = T0 + 1), 1); /* not included */
	assert_int_equal(ASK(.since = T0 + 1, .until = T0 + 2), 1);
	assert_int_equal(ASK(.since = UINT64_MAX), 0);
	assert_int_equal(ASK(.until = UINT64_MAX), 4);
	assert_int_equal(ASK(.guest = "db"), 1);
	assert_int_equal(ASK(.guest = "d"), 0);
	assert_int_equal(ASK(.pid = 100), 2); /* of other, too */
	assert_int_equal(ASK(.comm = "other\xff"), 2);
	assert_int_equal(ASK(.comm = "app"), 1);
	assert_int_equal(ASK(.port = 40000), 2);
	assert_int_equal(ASK(.port = 443), 1);
	assert_int_equal(ASK(.address = "10.0.0.1"), 2); /* also as IPv6 has it */
	assert_int_equal(ASK(.address = "::ffff:10.0.0.1"), 1);
	assert_int_equal(ASK(.address = "10.0.0.2"), 0);
	assert_int_equal(ASK(.address = "0.0.0.0"), 1); /* the remote of s is not set */
	assert_int_equal(ASK(.port = 443, .pid = 200), 0);
	assert_int_equal(ASK(.limit = 3, .guest = "web"), 3);
	assert_int_equal(ASK(.limit = 9), 4);
#undef ASK
	q = everything;
	q.kind = TOCSIN_EVENT_STARTED;
	assert_int_equal(answers(h, &q), 2);
	q = everything;
	q.limit = 2; /* the latest, in the order of time */
	assert_int_equal(tocsin_history_each(h, &q, compare, &x, &err), 0);
	assert_int_equal(x.seen, 2);
	q.address = "ten";
	assert_int_equal(tocsin_history_each(h, &q, compare, &x, &err), -EINVAL);
	tocsin_history_close(h);
}

static int stop(const struct tocsin_event *e, void *context)
{
	return ++*(size_t *)context == 2 ? 42 : 0;
}

static void stopped(void **state)
{
	struct tocsin_history *h = open_history(&unbounded);
	size_t n = 0;

	fill(h, 0, 10);
	assert_int_equal(tocsin_history_each(h, &everything, stop, &n, &err), 42);
	assert_int_equal(n, 2);
	fill(h, 10, 11); /* and it can go on */
	assert_int_equal(answers(h, &everything), 11);
	tocsin_history_close(h);
}

/* Two readers see what is complete while the writer goes on. */
static void readers(void **state)
{
	struct tocsin_history *h = open_history(&unbounded), *a, *b;

	fill(h, 0, 100);
	a = open_history(NULL);
	b = open_history(NULL);
	assert_int_equal(answers(a, &everything), 100);
	fill(h, 100, 200);
	assert_int_equal(answers(a, &everything), 200);
	assert_int_equal(answers(b, &everything), 200);
	assert_int_equal(tocsin_history_add(a, &(struct tocsin_event){0}, &err), -EROFS);
	tocsin_history_close(h); /* before its readers */
	assert_int_equal(answers(b, &everything), 200);
	tocsin_history_close(a);
	tocsin_history_close(b);
	h = open_history(NULL);
	assert_int_equal(answers(h, &everything), 200);
	tocsin_history_close(h);
}

/* Nothing appears beside the file, nor the file itself. */
static void reading_leaves_nothing(void **state)
{
	struct tocsin_history *h = NULL, *reader;
	struct stat st;

	assert_int_equal(tocsin_history_open(path, NULL, &h, &err), -ENOENT);
	assert_non_null(strstr(err.message, "No such file"));
	assert_null(h);
	assert_int_equal(files(false), 0);
	h = open_history(&unbounded);
	fill(h, 0, 10);
	reader = open_history(NULL);
	assert_int_equal(answers(reader, &everything), 10);
	tocsin_history_close(h); /* the reader is there: it stays in the mode with a log */
	tocsin_history_close(reader);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600); /* its owner's only */
	if (files(false) > 1) {                    /* what the reader could not put away */
		char name[160];

		snprintf(name, sizeof(name), "%s-wal", path);
		unlink(name);
		snprintf(name, sizeof(name), "%s-shm", path);
		unlink(name);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(chmod(folder, 0500), 0);
		h = open_history(NULL);
		assert_int_equal(answers(h, &everything), 10);
		assert_int_equal(files(false), 1);
		tocsin_history_close(h);
		assert_int_equal(files(false), 1);
		assert_int_equal(chmod(folder, 0700), 0);
		tocsin_history_close(open_history(&unbounded)); /* puts the mode right */
	}
}

static void write_file(const char *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

static void run_sql(const char *sql)
{
	sqlite3 *db;
	char *why = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(db);
}

static void refused(const char *why)
{
	struct tocsin_history *h;

	for (int i = 0; i < 2; i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(tocsin_history_open(path, i ? &unbounded : NULL, &h, &err),
				 -EPROTO);
		if (!strstr(err.message, why))
			fail_msg("no \"%s\" in \"%s\"", why, err.message);
		assert_non_null(strstr(err.message, path));
	}
}

static void foreign(void **state)
{
	char garbage[5000];

	memset(garbage, 'x', sizeof(garbage));
	write_file(garbage, sizeof(garbage));
	refused("no SQLite database");
	write_file("", 0);
	run_sql("CREATE TABLE a (b)");
	refused("another program");
	write_file("", 0);
	run_sql("PRAGMA user_version = 3");
	refused("another program");
}

static void damaged(void **state)
{
	struct tocsin_history *h = open_history(&unbounded);
	size_t n = 0;

	fill(h, 0, 1000);
	tocsin_history_close(h);
	run_sql("PRAGMA user_version = 2");
	refused("version 2");
	run_sql("PRAGMA user_version = 1; CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM "
		"event; END");
	refused("not those of a history");
	run_sql("DROP TRIGGER t; CREATE VIEW v AS SELECT 1");
	refused("not those of a history");
	run_sql("DROP VIEW v; UPDATE socket SET local = x'00' WHERE id = 500");
	h = open_history(NULL);
	assert_int_equal(tocsin_history_each(h, &everything, count, &n, &err), -EPROTO);
	assert_int_equal(n, 499); /* what came before it is told */
	assert_non_null(strstr(err.message, "damaged"));
	tocsin_history_close(h);
	run_sql("UPDATE socket SET local = x'00000000' WHERE id = 500; DELETE FROM process WHERE "
		"id = 10");
	h = open_history(NULL);
	assert_int_equal(tocsin_history_each(h, &everything, count, &n, NULL), -EPROTO);
	tocsin_history_close(h);
	assert_int_equal(truncate(path, 40000), 0);
	memset(&err, 0, sizeof(err));
	if (tocsin_history_open(path, NULL, &h, &err) == 0) {
		assert_int_equal(tocsin_history_each(h, &everything, count, &n, &err), -EPROTO);
		tocsin_history_close(h);
	}
	assert_non_null(strstr(err.message, "damaged"));
}

/* The disk is full: said, nothing half written, and it goes on when there is room again. */
static void full(void **state)
{
	struct tocsin_event_process p = process_of(1, 1, "/a");
	struct tocsin_event e = event_of(TOCSIN_EVENT_STARTED, T0, &p, NULL);
	struct rlimit was, small;
	struct tocsin_history *h = open_history(&unbounded);
	size_t kept;
	int rc = 0;

	fill(h, 0, 100);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = (struct rlimit){200000, was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (unsigned int i = 0; i < 100000 && !rc; i++) {
		e.time = T0 + MINUTES(60) + i;
		rc = tocsin_history_add(h, &e, &err);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_true(rc == -EFBIG || rc == -ENOSPC || rc == -EIO);
	assert_true(err.message[0] != 0);
	kept = answers(h, &everything);
	assert_true(kept >= 100);
	fill(h, 100, 200);
	assert_int_equal(answers(h, &everything), kept + 100);
	tocsin_history_close(h);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(round_trip),
	    TEST(identity),
	    TEST(without),
	    TEST(states),
	    TEST(restart),
	    TEST(goes_by_age),
	    TEST(stays_by_use),
	    TEST(goes_by_size),
	    TEST(shrinks),
	    TEST(questions),
	    TEST(stopped),
	    TEST(readers),
	    TEST(reading_leaves_nothing),
	    TEST(foreign),
	    TEST(damaged),
	    TEST(full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
