// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A reader that its guest has taken over: whatever it says, or does not say, the hand notices, ends
 * it, and goes on. Each test's reader is a process that follows a script.
 */
#include "cli/trace_link.h"
#include "dispatch/packet.h"
#include "provenance/event.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- readers ---- */

static struct tocsin_packet packet;
static uint8_t message[TOCSIN_MESSAGE_MAX];
static struct trace_seen seen;

static const struct tocsin_traced function = {.name = "f", .found = -ENOENT, .why = "none"};
static const struct tocsin_trace_event gap = {
    .kind = TOCSIN_TRACE_GAP, .detail = "why", .since = 1, .time = 2};

static void put(size_t size)
{
	tocsin_packet_add(&packet, message, size);
}

/* What one letter of a script is. */
static void put_letter(char letter)
{
	struct trace_done done = {.kept = "k"};
	struct trace_counts counts = {.packets = 5};
	struct tocsin_trace_event lie = gap;

	switch (letter) {
	case 'f':
		put(trace_put_found(message, &function));
		break;
	case 's':
		put(trace_put_seen(message, &seen));
		break;
	case 'e':
		put(trace_put_event(message, &gap));
		break;
	case 'l': /* without what its kind must have */
		lie.kind = TOCSIN_TRACE_CREATED;
		put(trace_put_event(message, &lie));
		break;
	case 'c':
		put(trace_put_counts(message, &counts));
		break;
	case 'd':
		put(trace_put_done(message, &done));
		break;
	case 'x':
		done.error = ENODATA;
		strcpy(done.text, "no kernel \x1b[31m");
		put(trace_put_done(message, &done));
		break;
	case '?':
		message[0] = TRACE_ANSWER_KINDS;
		put(1);
		break;
	default:
		abort();
	}
}

/*
 * '.': send what was said; ',': wait to be asked; 'k': die of a signal; 'q': exit; 'h': hang; 'n':
 * send no packet but bytes; 't': go on sending events.
 */
static void follow(void *script, int socket)
{
	for (const char *at = script; *at; at++) {
		if (*at == '.')
			tocsin_packet_send(&packet, socket, 0);
		else if (*at == ',')
			tocsin_packet_receive(&packet, socket, 0), packet.size = 0;
		else if (*at == 'k')
			raise(SIGKILL);
		else if (*at == 'q')
			_exit(3);
		else if (*at == 'n')
			tocsin_msg_send(socket, (const uint8_t *)"abcdef", 6, -1, 0);
		else if (*at == 'h')
			pause();
		else if (*at == 't')
			for (;;) {
				put_letter('e');
				tocsin_packet_send(&packet, socket, 0);
				usleep(10000);
			}
		else
			put_letter(*at);
	}
	tocsin_packet_receive(&packet, socket, 0); /* until the hand hangs up */
	_exit(0);
}

/* ---- the hand ---- */

static char said[64];
static int answer; /* of who takes what comes */

static int say(char letter)
{
	size_t n = strlen(said);

	if (n < sizeof(said) - 1)
		said[n] = letter;
	return answer;
}

static int take_found(void *context, const struct tocsin_traced *f)
{
	return say('f');
}

static int take_seen(void *context, const struct trace_seen *s)
{
	return say('s');
}

static int take_event(const struct tocsin_trace_event *e, void *context)
{
	if (e->kind == TOCSIN_TRACE_CREATED && !e->who)
		return -EINVAL; /* as the graph does */
	assert_string_equal(e->guest, "g");
	return say('e');
}

static struct trace_link *l;
static unsigned int patience;

static void start(const char *script, bool graph)
{
	const struct trace_link_settings settings = {.run = follow,
						     .start = (void *)script,
						     .guest = "g",
						     .graph = graph,
						     .patience_ms = patience,
						     .found = take_found,
						     .seen = take_seen,
						     .event = take_event};

	memset(said, 0, sizeof(said));
	answer = 0;
	assert_int_equal(trace_link_open(&settings, &l, NULL), 0);
}

static int ask(enum trace_ask_kind kind)
{
	const struct trace_ask a = {.kind = kind, .bytes = message, .size = 6};

	return trace_link_ask(l, &a);
}

/* It failed, and says so; nobody is left. */
static void has_failed(int rc, int expected, const char *why)
{
	assert_int_equal(rc, expected);
	assert_non_null(trace_link_failed(l));
	if (!strstr(trace_link_failed(l), why))
		fail_msg("%s", trace_link_failed(l));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(trace_link_sync(l), -ECHILD);
	assert_int_equal(ask(TRACE_ASK_FLUSH), -ECHILD);
	trace_link_close(l);
}

static void fails(const char *script, int expected, const char *why)
{
	start(script, false);
	has_failed(trace_link_sync(l), expected, why);
}

static void one_asks_and_the_other_answers(void **state)
{
	start("ffd.,ss.d.,d.", false);
	assert_int_equal(trace_link_sync(l), 0);
	assert_string_equal(said, "ff");
	assert_string_equal(trace_link_done(l)->kept, "k");
	assert_int_equal(trace_link_sync(l), 0); /* nothing is asked */
	assert_int_equal(ask(TRACE_ASK_CALL), 0);
	assert_int_equal(ask(TRACE_ASK_CALL), 0);
	assert_string_equal(said, "ff");
	assert_int_equal(trace_link_sync(l), 0);
	assert_string_equal(said, "ffss");
	assert_int_equal(ask(TRACE_ASK_FLUSH), 0);
	assert_int_equal(trace_link_sync(l), 0);
	assert_null(trace_link_failed(l));
	trace_link_close(l);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	start("d.,eed.,e.d.,ecd.", true);
	assert_int_equal(trace_link_sync(l), 0);
	assert_int_equal(ask(TRACE_ASK_BEGIN), 0);
	assert_int_equal(trace_link_sync(l), 0);
	assert_int_equal(ask(TRACE_ASK_CALL), 0);
	assert_int_equal(trace_link_sync(l), 0);
	assert_int_equal(ask(TRACE_ASK_END), 0);
	assert_int_equal(trace_link_sync(l), 0);
	assert_string_equal(said, "eeee");
	assert_int_equal(trace_link_counts(l)->packets, 5);
	trace_link_close(l);
}

/* What it says when it is asked for so many of this kind, after it has begun. */
static void fails_asked(const char *says, bool graph, enum trace_ask_kind kind, int count, int rc,
			const char *why)
{
	start(says, graph);
	assert_int_equal(trace_link_sync(l), 0);
	while (count--)
		assert_int_equal(ask(kind), 0);
	has_failed(trace_link_sync(l), rc, why);
}

/* More than a packet has room for is asked at once, and answered before the rest is. */
static void much_is_asked_in_parts(void **state)
{
	unsigned int asked = 0;

	start("d.,d.,d.", true);
	assert_int_equal(trace_link_sync(l), 0);
	for (; asked < TOCSIN_MESSAGE_MAX / 16; asked++)
		assert_int_equal(ask(TRACE_ASK_HARDWARE), 0);
	assert_int_equal(trace_link_sync(l), 0);
	assert_null(trace_link_failed(l));
	trace_link_close(l);
}

static void one_that_dies_is_noticed(void **state)
{
	fails("k", -ECHILD, "ended by signal 9");
	fails("fk", -ECHILD, "ended by signal 9");
	fails("q", -ECHILD, "has ended");
	start("d.k", false);
	assert_int_equal(trace_link_sync(l), 0);
	usleep(100000);
	assert_int_equal(ask(TRACE_ASK_FLUSH), 0);
	has_failed(trace_link_sync(l), -ECHILD, "ended by signal 9");
}

static void one_that_hangs_is_noticed(void **state)
{
	patience = 300;
	fails("h", -ETIMEDOUT, "has not answered for 1 seconds");
	fails("f.h", -ETIMEDOUT, "has not answered");
	/* and one that has something to say without end */
	fails_asked("d.,t", true, TRACE_ASK_BEGIN, 1, -ETIMEDOUT, "has not answered");
	patience = 0;
}

static void what_must_not_come_next_is_refused(void **state)
{
	fails("?.", -EPROTO, "what nobody knows");
	fails("n", -EPROTO, "no packet");
	fails("s.", -EPROTO, "whose call"); /* there was none */
	fails("e.", -EPROTO, "an event");   /* there is no graph */
	fails("c.", -EPROTO, "counts");     /* nobody asked */
	fails("df.", -EPROTO, "more than it was asked");
	fails("x.", -EREMOTEIO, "no kernel \\x1b[31m");
	fails_asked("d.,fd.", false, TRACE_ASK_FLUSH, 1, -EPROTO, "a function");
	fails_asked("d.,sd.", false, TRACE_ASK_CALL, 2, -EPROTO, "less than it was asked");
	fails_asked("d.,ssd.", false, TRACE_ASK_CALL, 1, -EPROTO, "whose call");
	fails_asked("d.,d.", true, TRACE_ASK_END, 1, -EPROTO, "less than it was asked");
	fails_asked("d.,ld.", true, TRACE_ASK_BEGIN, 1, -EPROTO, "an event");
}

/* It is not the reader's fault: it goes on. */
static void what_is_not_taken_ends_nothing(void **state)
{
	start("d.,eed.,ed.", true);
	assert_int_equal(trace_link_sync(l), 0);
	assert_int_equal(ask(TRACE_ASK_BEGIN), 0);
	answer = -ENOSPC;
	assert_int_equal(trace_link_sync(l), -ENOSPC);
	assert_string_equal(said, "e");
	assert_null(trace_link_failed(l));
	answer = 0;
	assert_int_equal(ask(TRACE_ASK_FLUSH), 0);
	assert_int_equal(trace_link_sync(l), 0);
	assert_string_equal(said, "ee");
	trace_link_close(l);
}

int main(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(one_asks_and_the_other_answers),
	    cmocka_unit_test(much_is_asked_in_parts),
	    cmocka_unit_test(one_that_dies_is_noticed),
	    cmocka_unit_test(one_that_hangs_is_noticed),
	    cmocka_unit_test(what_must_not_come_next_is_refused),
	    cmocka_unit_test(what_is_not_taken_ends_nothing),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
