/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests of rules share: rules from a text, an event to apply them to, what came of it. */
#ifndef TOCSIN_TEST_RULE_SCENE_H
#define TOCSIN_TEST_RULE_SCENE_H

#include "monitor/rule_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND 1000000000ull

/* What was complained about, and found, one a line. */
static char said[65536], found[65536];

static inline void complain(const char *message, void *unused)
{
	size_t n = strlen(said);

	snprintf(said + n, sizeof(said) - n, "%s\n", message);
}

static inline int emit(const struct tocsin_finding *f, const struct tocsin_event *cause,
		       void *unused)
{
	size_t n = strlen(found);

	assert_non_null(cause);
	assert_string_equal(f->scanner, "watch");
	snprintf(found + n, sizeof(found) - n, "%s: %s\n", f->rule, f->what);
	return 0;
}

static inline struct tocsin_watch_rules *load_text(const char *text)
{
	struct tocsin_watch_rules *rules = NULL;
	struct tocsin_error err = {0};
	struct rule_loading l;
	int rc;

	said[0] = 0;
	assert_int_equal(tocsin_rule_loading_begin(&l, complain, NULL), 0);
	tocsin_rule_loading_add_text(&l, "t.rules", text, strlen(text));
	rc = tocsin_rule_loading_finish(&l, &rules, &err);
	assert_true(!rc == !!rules);
	assert_true(!rc || err.message[0]);
	return rules;
}

/* The world of one event. */
struct scene {
	struct tocsin_event_process p, other;
	struct tocsin_event_socket s;
	struct tocsin_event e;
};

static inline void address(const char *text, uint16_t family, uint8_t ret[16])
{
	assert_int_equal(inet_pton(family, text, ret), 1);
}

/* nginx, process 100, has connected from 10.0.0.1:40000 to 198.51.100.7:443. */
static inline void begin(struct scene *c)
{
	memset(c, 0, sizeof(*c));
	c->p = (struct tocsin_event_process){.pid = 100,
					     .start_time = 7,
					     .uid = 33,
					     .comm = "nginx",
					     .exe = "/usr/sbin/nginx",
					     .cmdline = "",
					     .container = ""};
	c->other = (struct tocsin_event_process){
	    .pid = 1, .comm = "init", .exe = "/sbin/init", .cmdline = "", .container = ""};
	c->s.id = 1;
	c->s.direction = TOCSIN_DIRECTION_OUT;
	c->s.socket = (struct tocsin_socket){.family = AF_INET,
					     .type = SOCK_STREAM,
					     .protocol = IPPROTO_TCP,
					     .state = TCP_ESTABLISHED,
					     .local_port = 40000,
					     .remote_port = 443};
	address("10.0.0.1", AF_INET, c->s.socket.local);
	address("198.51.100.7", AF_INET, c->s.socket.remote);
	c->e = (struct tocsin_event){.kind = TOCSIN_EVENT_OPENED,
				     .since = 999 * SECOND,
				     .time = 1000 * SECOND,
				     .guest = "g",
				     .process = &c->p,
				     .other = &c->other,
				     .socket = &c->s,
				     .fd = 3,
				     .detail = ""};
}

static inline const char *apply(const struct tocsin_watch_rules *r, struct tocsin_watch_state *s,
				const struct tocsin_event *e)
{
	found[0] = 0;
	assert_int_equal(tocsin_watch_rules_apply(r, s, e, emit, NULL), 0);
	return found;
}

#endif
