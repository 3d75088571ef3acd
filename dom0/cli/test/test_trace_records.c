/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traced calls through a daemon on a host that is made up, from buffers that are made up, and from
 * one after the other. */
#include "cli/trace_records.h"
#include "dispatch/valgrind.h"
#include "sim.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include <cmocka.h>

#define CALLS 3000u

/* ---- Xen's buffers, of which nothing is taken here ---- */

static int own_fault; /* of opening them */
static int own_opened, own_closed;

int tocsin_capture_open(tocsin_event_fn fn, void *context, struct tocsin_capture **ret,
			struct tocsin_error *err)
{
	if (own_fault)
		return tocsin_error_set(err, own_fault, "a test's");
	own_opened++;
	sim->taken = true;
	*ret = (void *)&own_fault;
	return 0;
}

void tocsin_capture_close(struct tocsin_capture *c)
{
	own_closed++;
	sim->taken = false;
}

int tocsin_capture_fd(const struct tocsin_capture *c)
{
	return -1;
}

int tocsin_capture_drain(struct tocsin_capture *c, struct tocsin_error *err)
{
	return 0;
}

/* ---- who reads ---- */

static struct trace_records *records;
static uint32_t calls, last;
static uint64_t lost, complete;
static unsigned int disordered, cut, gaps;
static char why[128];

static int on_event(void *context, const struct tocsin_event *e)
{
	if (e->kind == TOCSIN_EVENT_LOST)
		lost += e->count;
	assert_int_not_equal(e->kind, TOCSIN_EVENT_MALFORMED);
	if (e->kind != TOCSIN_EVENT_CALL)
		return 0;
	assert_int_equal(e->call.domid, 1);
	assert_int_equal(e->call.rdi, 7u * e->call.seq);
	disordered += e->call.seq < last;
	cut += !e->call.wide;
	last = e->call.seq;
	calls++;
	return 0;
}

static int on_gap(void *context, const char *text)
{
	gaps++;
	snprintf(why, sizeof(why), "%s", text);
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

static int open_records(struct tocsin_error *err)
{
	const struct trace_records_settings settings = {
	    .socket = sim->tap, .domid = 1, .period = 2, .fn = on_event, .gap = on_gap};

	return trace_records_open(&settings, &records, err);
}

static void take(void)
{
	assert_true(trace_records_take(records, now_ms(), __rdtsc(), &complete, NULL) >= 0);
}

static bool is_from(const char *whom)
{
	take();
	return !strcmp(trace_records_from(records), whom);
}

static bool is_from_tocsind(void)
{
	return is_from("tocsind");
}

static bool is_from_buffers(void)
{
	return is_from("buffers");
}

static bool is_from_nobody(void)
{
	return is_from("nobody");
}

static uint32_t wanted;

static bool has_come(void)
{
	take();
	return last == wanted;
}

static bool is_later(void)
{
	static uint64_t since;

	since = since ? since : __rdtsc();
	take();
	if (complete < since)
		return false;
	since = 0;
	return true;
}

/* Those of another domain, and triggers, are between them. */
static void call(uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i <= to; i++) {
		assert_true(sim_call(2, i, 0));
		assert_true(sim_call(1, i, 7u * i));
		if (i % 3 == 0)
			assert_true(sim_ring(1 + i % 2, TOCSIN_OP_PING, i));
	}
	wanted = to;
}

static int set_up(void **state)
{
	sim_make(2);
	calls = last = 0;
	lost = complete = 0;
	disordered = cut = gaps = 0;
	own_fault = own_opened = own_closed = 0;
	return 0;
}

static int tear_down(void **state)
{
	trace_records_close(records);
	records = NULL;
	sim_end();
	return 0;
}

static void calls_and_triggers_come_both(void **state)
{
	sim_start();
	assert_int_equal(open_records(NULL), 0);
	assert_string_equal(trace_records_from(records), "tocsind");
	call(1, CALLS);
	assert_true(sim_wait(has_come));
	assert_int_equal(calls, CALLS);
	assert_int_equal(lost + disordered + cut + gaps, 0);
	assert_true(sim_wait(is_later)); /* that there is nothing more is said, too */
	assert_true(sim_settled(CALLS / 3));
	assert_int_equal(sim->shared->now.rings, CALLS / 3);
	for (size_t i = 0; i < TOCSIN_LOST_PLACES; i++)
		assert_int_equal(sim->shared->now.lost[i], 0);
	assert_int_equal(own_opened, 0);
	assert_int_equal(sim_stop(), 0);
}

/* Two records for each call that is lost. */
static void who_is_slow_is_told_what_was_lost(void **state)
{
	const unsigned int each = UNDER_VALGRIND ? 20 : 100;

	sim_start();
	assert_int_equal(open_records(NULL), 0);
	sim->amplify = (int)each - 1;
	call(1, CALLS);
	assert_true(sim_settled(CALLS / 3));
	sim->amplify = 0;
	assert_true(sim_wait(is_later)); /* else there may be no room for the last one either */
	call(CALLS + 1, CALLS + 1);
	assert_true(sim_wait(has_come));
	assert_true(sim_wait(is_later));
	assert_true(lost > 0);
	assert_int_equal(2 * calls + lost, 2 * (each * CALLS + 1));
	assert_int_equal(sim_stop(), 0);
}

static void a_broker_that_dies_is_followed(void **state)
{
	int broker;

	sim_start();
	assert_int_equal(open_records(NULL), 0);
	call(1, 100);
	assert_true(sim_wait(has_come));
	broker = sim->broker;
	own_fault =
	    -EBUSY; /* else the buffers are taken if it needs longer than it is waited for */
	kill(broker, SIGKILL);
	assert_true(sim_wait(is_from_nobody));
	assert_int_equal(gaps, 1);
	assert_non_null(strstr(why, "has ended"));
	call(101, 200); /* lie in the buffers until there is another */
	assert_true(sim_wait(is_from_tocsind));
	assert_int_equal(gaps, 2);
	call(201, 300);
	assert_true(sim_wait(has_come));
	assert_int_not_equal(sim->broker, broker);
	assert_int_equal(own_opened, 0);
	assert_true(calls >= 200);
	assert_int_equal(sim_stop(), 0);
}

/* It treats what it has taken before it ends; records come no more from then on. */
static void a_daemon_that_stops_hands_nothing_on(void **state)
{
	const unsigned int scans = 1000;

	sim->settings.job_seconds = 60;
	sim->settings.worker.job.coalesce = 0;
	sim_start();
	assert_int_equal(open_records(NULL), 0);
	sim_fault(1, SIM_STALL, -1);
	for (unsigned int i = 0; i < scans; i++)
		assert_true(sim_ring(1, TOCSIN_OP_SCAN_SELF, 0));
	while (sim->shared->now.accepted < scans)
		take();
	kill(sim->supervisor, SIGTERM);
	assert_true(sim_wait(is_from_nobody));
	assert_true(sim_ended() < scans);
	sim_fault(1, SIM_NO_FAULT, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(access(sim->tap, F_OK), -1);
}

/* In a process of its own: it hangs up on whom it lets in, so many times, and is gone then. */
static pid_t hang_up(unsigned int times)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int door = socket(AF_UNIX, SOCK_SEQPACKET, 0), fd;
	pid_t pid;

	strcpy(address.sun_path, sim->tap);
	assert_int_equal(bind(door, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(door, 8), 0);
	pid = fork();
	if (pid) {
		close(door);
		return pid;
	}
	do {
		fd = accept(door, NULL, NULL);
		if (!--times)
			unlink(sim->tap);
		close(fd);
	} while (times);
	_exit(0);
}

static void who_is_hung_up_on_asks_again(void **state)
{
	struct tocsin_error err = {0};

	hang_up(1);
	assert_int_equal(open_records(&err), 0);
	assert_string_equal(trace_records_from(records), "buffers");
	assert_true(wait(NULL) > 0);
}

static void who_is_refused_is_told(void **state)
{
	struct tocsin_error err = {0};
	pid_t pid = hang_up(1000);

	assert_int_equal(open_records(&err), -EACCES);
	assert_int_equal(own_opened, 0);
	assert_non_null(strstr(err.message, "run this as its user"));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* It ends, is missed, and begins again, while we have the buffers. */
static void the_buffers_change_hands(void **state)
{
	int status = 0;

	sim_start();
	assert_int_equal(open_records(NULL), 0);
	assert_int_equal(sim_stop(), 0);
	assert_true(sim_wait(is_from_buffers));
	assert_int_equal(gaps, 2);
	assert_non_null(strstr(why, "from Xen's trace buffers"));
	complete = 0;
	assert_true(sim_wait(is_later));
	assert_true(sim->taken);
	/* Somebody must take while it begins. */
	if (!fork()) {
		int64_t until = now_ms() + 30000;

		while (now_ms() < until && !is_from_tocsind())
			poll(NULL, 0, 1);
		call(1, 10);
		_exit(!sim_wait(has_come) || calls != 10 || gaps != 4);
	}
	sim_start();
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_int_equal(sim_stop(), 0);
}

static void without_a_daemon_the_buffers_are_taken(void **state)
{
	struct tocsin_error err = {0};

	own_fault = -EBUSY;
	assert_int_equal(open_records(&err), -EBUSY);
	assert_non_null(strstr(err.message, "start tocsind"));
	own_fault = -EPERM;
	assert_int_equal(open_records(&err), -EPERM);
	own_fault = 0;
	assert_int_equal(open_records(NULL), 0);
	assert_string_equal(trace_records_from(records), "buffers");
	assert_true(sim_wait(is_later));
	trace_records_close(records);
	records = NULL;
	assert_int_equal(own_opened, own_closed);
}

/* Who has the buffers may be waiting for somebody itself. */
static void who_gives_late_is_waited_for(void **state)
{
	sim->taken = true;
	if (!fork()) {
		poll(NULL, 0, 1000);
		sim->taken = false;
		_exit(0);
	}
	sim_start();
	assert_true(wait(NULL) > 0);
	assert_int_equal(sim_stop(), 0);
}

/* Somebody else has the buffers, who gives them to nobody. */
static void a_daemon_without_buffers_ends(void **state)
{
	struct tocsin_daemon_settings s = sim->settings;
	int status = 0;

	sim->taken = true;
	if (!fork()) {
		if (!freopen(sim->errors, "a", stderr) || setvbuf(stderr, NULL, _IOLBF, 0))
			_exit(99);
		_exit(tocsin_supervise(&s));
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_int_equal(sim_lines(sim->errors, "the buffers are taken"), 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest all[] = {
	    TEST(calls_and_triggers_come_both),
	    TEST(who_is_slow_is_told_what_was_lost),
	    TEST(a_broker_that_dies_is_followed),
	    TEST(the_buffers_change_hands),
	    TEST(a_daemon_that_stops_hands_nothing_on),
	    TEST(who_is_hung_up_on_asks_again),
	    TEST(who_is_refused_is_told),
	    TEST(without_a_daemon_the_buffers_are_taken),
	    TEST(who_gives_late_is_waited_for),
	    TEST(a_daemon_without_buffers_ends),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
