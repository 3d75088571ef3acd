/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of histories share: a folder with one, and events to put into it. */
#ifndef TOCSIN_TEST_HISTORY_FIXTURE_H
#define TOCSIN_TEST_HISTORY_FIXTURE_H

#include "monitor/history.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND 1000000000u
#define T0 (1700000000u * (uint64_t)SECOND)

static char folder[64], path[128];
static struct tocsin_error err;
static const struct tocsin_history_settings unbounded;
static const struct tocsin_history_query everything = {.kind = TOCSIN_EVENT_KINDS};

static inline int setup(void **state)
{
	strcpy(folder, "/tmp/tocsin-history-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a ?#%%.db", folder);
	memset(&err, 0, sizeof(err));
	return 0;
}

/* How many files there are; removes them if told to. */
static inline unsigned int files(bool remove_them)
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

static inline int teardown(void **state)
{
	files(true);
	return rmdir(folder);
}

static inline struct tocsin_history *open_history(const struct tocsin_history_settings *settings)
{
	struct tocsin_history *h = NULL;
	int rc = tocsin_history_open(path, settings, &h, &err);

	if (rc)
		fail_msg("%d: %s", rc, err.message);
	return h;
}

static inline void add(struct tocsin_history *h, const struct tocsin_event *e)
{
	if (tocsin_history_add(h, e, &err))
		fail_msg("%s", err.message);
}

static inline struct tocsin_event_process process_of(int32_t pid, uint64_t start_time,
						     const char *exe)
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

static inline struct tocsin_event_socket socket_of(uint64_t id, const char *local, uint16_t port)
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

static inline struct tocsin_event event_of(enum tocsin_event_kind kind, uint64_t time,
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

static inline int count(const struct tocsin_event *e, void *context)
{
	++*(size_t *)context;
	return 0;
}

static inline size_t answers(struct tocsin_history *h, const struct tocsin_history_query *q)
{
	size_t n = 0;

	if (tocsin_history_each(h, q, count, &n, &err))
		fail_msg("%s", err.message);
	return n;
}

/* An event a second, with a process and a socket of its own each. */
static inline void fill(struct tocsin_history *h, unsigned int from, unsigned int to)
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

#endif
