// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Histories: what comes out is what went in, each told once, and is found by what is asked for.
 */
#include "history_fixture.h"

#include <errno.h>

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

static void make_odd(struct tocsin_socket *inet, struct tocsin_socket *local)
{
	inet->receive_queue = UINT32_MAX;
	inet->send_queue = 1;
	inet->counted = true;
	inet->bytes_sent = UINT64_MAX;
	inet->bytes_received = 5;
	inet->idle = UINT64_MAX;
	inet->interface = 3;
	inet->netns = 4026531840u;
	inet->inode = UINT64_MAX;
	inet->uid = UINT32_MAX;
	inet->owner = 2;
	memset(inet->remote, 0xab, 16);
	local->family = AF_UNIX;
	local->type = SOCK_DGRAM;
	memcpy(local->name, "\0a\0\xff", 4);
	local->name_size = 4;
	local->peer = 0xffff888000000001u;
	local->port_id = 77;
	local->groups = 0xffffffff;
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
	make_odd(&s.socket, &u.socket);
	s.confidence = TOCSIN_TORN;
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(round_trip), TEST(identity),  TEST(without), TEST(states),
	    TEST(restart),    TEST(questions), TEST(stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
