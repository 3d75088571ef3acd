/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream of calls over the objects of a process that has a file and a socket open, and what is
 * told of it: one at a time, anew for each test.
 */
#ifndef TOCSIN_TRACE_TEST_STREAM_H
#define TOCSIN_TRACE_TEST_STREAM_H

#include "introspect/object.h"
#include "provenance/event.h"
#include "trace/events.h"

#include "objects.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define STACK MADE_STACK
#define CHILD_STACK 0xffffc90000200000ull
#define NOW (50ull * 1000000000)
#define MS 1000000ull

extern struct fixture *f;
extern struct tocsin_process p;
extern struct tocsin_who_cache *who;
extern struct tocsin_traced_events *ev;
extern uint64_t file, dentry, inode, sb, sock, outer, shm_mnt;
extern uint32_t seq;
extern uint64_t now_is; /* when calls are read */

/* Of what was told: "kind who[>other] file [in mount namespace] to value flags" of each event; and
 * of each that is of a connection "kind protocol local remote flags", of data that was sent: none.
 */
extern char said[8192], sockets[2048];
extern uint64_t last_sock, other_sock; /* of the last two connections: which they are */

int set_up(void **state);
int tear_down(void **state);

/* Notes an event in `said` and `sockets`: for tocsin_traced_events_open(). */
int take(const struct tocsin_trace_event *e, void *context);

/* A call whose parameter number `at` is of the type, made by who has the stack. */
void call_on(uint64_t stack, uint64_t time, const char *name, unsigned int at, const char *type,
	     uint64_t rdi, uint64_t rsi, uint64_t rdx);

/* Fails unless this was told since the last of them. */
void say(const char *expected);
void say_sockets(const char *expected);

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
