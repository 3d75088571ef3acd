/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tocsin xentrace beside a daemon on a host that is made up. usage: test_xentrace TOCSIN */
#include "capture/capture.h"
#include "sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *tocsin;
static char file[128];
static uint64_t triggers, lost;

static int make(void **state)
{
	sim_make(2);
	snprintf(file, sizeof(file), "%s/trace", sim->folder);
	triggers = lost = 0;
	return 0;
}

static int end(void **state)
{
	sim_end();
	return 0;
}

static int take(void *context, const struct tocsin_event *e)
{
	if (e->kind == TOCSIN_EVENT_TRIGGER)
		triggers++;
	if (e->kind == TOCSIN_EVENT_LOST)
		lost += e->count;
	return 0;
}

static void read_trace(void)
{
	struct tocsin_capture_stats stats;
	struct tocsin_error err = {0};

	assert_int_equal(tocsin_trace_file_read(file, take, NULL, &stats, &err), 0);
}

static pid_t trace(const char *out, const char *socket)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	if (!freopen(sim->errors, "a", stderr))
		_exit(99);
	execl(tocsin, "tocsin", "xentrace", "--out", out, "--socket", socket, "--events",
	      "0x0001f000", NULL);
	_exit(99);
}

static int code_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool is_asked(void)
{
	return sim->mask == 0x1f000;
}

static bool is_left(void)
{
	return sim->mask == 0;
}

static void all_that_is_taken_is_in_the_file(void **state)
{
	pid_t pid;

	sim_start();
	pid = trace(file, sim->tap);
	assert_true(sim_wait(is_asked));
	for (unsigned int i = 0; i < 1000; i++)
		sim_ring(1 + i % 2, TOCSIN_OP_PING, i);
	assert_true(sim_settled(1000));
	poll(NULL, 0, 100);
	kill(pid, SIGINT);
	assert_int_equal(code_of(pid), 0);
	assert_true(sim_wait(is_left)); /* nothing more than needed is traced any more */
	assert_int_equal(sim_stop(), 0);
	read_trace();
	assert_int_equal(triggers, 1000);
	assert_int_equal(lost, 0);
}

/* What comes until nothing does for a while. */
static void read_all(int fifo, FILE *to)
{
	struct pollfd readable = {.fd = fifo, .events = POLLIN};
	static char bytes[65536];
	bool rung = false;

	for (;;) {
		ssize_t n = 0;

		if (poll(&readable, 1, 500) == 1)
			n = read(fifo, bytes, sizeof(bytes));
		if (n <= 0 && rung)
			return;
		if (n > 0) {
			fwrite(bytes, 1, (size_t)n, to);
			continue;
		}
		/* The account of what was lost comes with the next record. */
		sim_ring(1, TOCSIN_OP_PING, 0);
		rung = true;
	}
}

/* A reader that is too slow holds nobody up, and is told how much it missed. */
static void who_is_slow_is_told_what_was_lost(void **state)
{
	pid_t pid;
	FILE *copy;
	int fifo;

	assert_int_equal(mkfifo(file, 0600), 0);
	sim_start();
	pid = trace(file, sim->tap);
	fifo = open(file, O_RDONLY | O_CLOEXEC);
	assert_true(fifo >= 0);
	assert_true(sim_wait(is_asked));
	sim->amplify = 99;
	for (unsigned int i = 0; i < 4000; i++)
		sim_ring(1, TOCSIN_OP_PING, i);
	assert_true(sim_settled(4000));
	sim->amplify = 0;
	unlink(file);
	copy = fopen(file, "we");
	assert_non_null(copy);
	read_all(fifo, copy);
	assert_int_equal(fclose(copy), 0);
	kill(pid, SIGINT);
	assert_int_equal(code_of(pid), 0);
	close(fifo);
	assert_int_equal(sim_stop(), 0);
	read_trace();
	assert_true(lost > 0);
	assert_int_equal(triggers + lost, 400001);
}

static void without_a_daemon_it_says_so(void **state)
{
	assert_int_equal(code_of(trace(file, "/nowhere/trace.sock")), 1);
	assert_int_equal(sim_lines(sim->errors, "where it does not run, xentrace itself can"), 1);
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, end)
	const struct CMUnitTest all[] = {
	    TEST(all_that_is_taken_is_in_the_file),
	    TEST(who_is_slow_is_told_what_was_lost),
	    TEST(without_a_daemon_it_says_so),
	};

	if (argc != 2)
		return 99;
	tocsin = argv[1];
	return cmocka_run_group_tests(all, NULL, NULL);
}
