/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes wrong with the writer and the log, and what is lost of it: test_faults.c has the rest.
 */
#include "dispatch/broker.h"
#include "dispatch/valgrind.h"
#include "faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The child of the supervisor that has this name; 0: none. */
static int process_named(const char *name)
{
	char path[300], comm[32];
	DIR *proc = opendir("/proc");
	struct dirent *e;
	int found = 0;

	assert_non_null(proc);
	while (!found && (e = readdir(proc))) {
		int pid, parent;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
		f = e->d_name[0] >= '1' && e->d_name[0] <= '9' ? fopen(path, "re") : NULL;
		if (f && fscanf(f, "%d (%31[^)]) %*c %d", &pid, comm, &parent) == 3 &&
		    parent == sim->supervisor && !strcmp(comm, name))
			found = pid;
		if (f)
			fclose(f);
	}
	closedir(proc);
	return found;
}

static int writer;

/* It takes its name after it has begun. */
static bool writer_is_known(void)
{
	writer = process_named("tocsin-writer");
	return writer != 0;
}

/* Of 200 reports the writer has all but the first at once, when it is sent this signal; when so
 * many of them are in the log, or never: since when. */
static double with_200_reports(int signal, unsigned int written)
{
	double begin;

	sim_start();
	sim_ring(1, TOCSIN_OP_PING, 0);
	assert_true(sim_settled(1));
	assert_true(sim_wait(writer_is_known));
	kill(writer, SIGSTOP);
	for (unsigned int i = 1; i < 200; i++)
		sim_ring(1, TOCSIN_OP_PING, i);
	assert_true(sim_settled(200));
	begin = faults_clock();
	kill(writer, signal);
	while (sim_lines(sim->log, "\"kind\":\"ring\"") < written && faults_clock() - begin < 20000)
		poll(NULL, 0, 5);
	return begin;
}

static void writer_killed(void **state)
{
	double begin = with_200_reports(SIGKILL, 200);

	faults_row("the writer is killed with 200 reports", "nothing", begin);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(sim->log, "\"kind\":\"ring\""), 200);
	assert_int_equal(faults_lost(), 0);
}

static int write_or_die(FILE *to, const struct tocsin_report *r)
{
	if (r->record.seq == 100)
		abort();
	return tocsin_output_find("json")->write(to, r);
}

/* It is found out which one it is, and no other is lost. */
static void report_kills_writers(void **state)
{
	static const struct tocsin_output deadly = {"json", write_or_die};
	double begin;

	sim->settings.writer.output = &deadly;
	begin = with_200_reports(SIGCONT, 199);
	faults_row("a report of 200 kills each writer", "it, counted", begin);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(sim->log, "\"kind\":\"ring\""), 199);
	assert_int_equal(sim_lines(sim->log, "\"ticket\":100,"), 0);
	assert_int_equal(faults_lost(), 1);
	assert_int_equal(faults_tally()->lost[TOCSIN_LOST_REPORTS], 1);
}

static void log_is_full(void **state)
{
	double begin;

	assert_int_equal(symlink("/dev/full", sim->log), 0);
	sim_start();
	for (unsigned int i = 0; i < 10; i++)
		sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, i, 0));
	assert_true(sim_settled(10));
	for (unsigned int i = 0; i < 10; i++)
		faults_answered(1, i, 0);
	for (int i = 0; i < 500 && !sim_lines(sim->errors, "the log cannot be written"); i++)
		poll(NULL, 0, 10);
	assert_int_equal(sim_lines(sim->errors, "No space left on device"), 1);
	assert_int_equal(unlink(sim->log), 0);
	begin = faults_clock();
	kill(sim->supervisor, SIGHUP);
	while (sim_lines(sim->log, "\"kind\":\"verdict\"") < 10 && faults_clock() - begin < 20000)
		poll(NULL, 0, 5);
	faults_row("the log's disk is full", "nothing: reports wait", begin);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(sim->log, "\"kind\":\"verdict\""), 10);
	assert_int_equal(faults_lost(), 0);
}

/* Processor time of a process. */
static double milliseconds_of(int pid)
{
	struct timespec ts;
	clockid_t clock;

	assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
	clock_gettime(clock, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* For longer than reports can wait. */
static void log_is_full_for_long(void **state)
{
	uint64_t lost;
	double used;

	sim->settings.backlog = 64 << 10;
	assert_int_equal(symlink("/dev/full", sim->log), 0);
	sim_start();
	for (unsigned int i = 0; i < 3000; i++)
		sim_ring(1, TOCSIN_OP_PING, i);
	/* It does not take more than it can report. */
	for (int i = 0; i < 3000 && faults_tally()->accepted < 3000; i++)
		poll(NULL, 0, 1);
	/* And sleeps meanwhile, though a guest waits for its worker. */
	sim_ring(2, TOCSIN_OP_SCAN_SELF, 0);
	for (int i = 0; i < 3000 && faults_tally()->accepted < 3001; i++)
		poll(NULL, 0, 1);
	used = milliseconds_of(sim->broker);
	poll(NULL, 0, 500);
	assert_true(milliseconds_of(sim->broker) < used + 100);
	assert_int_equal(unlink(sim->log), 0);
	kill(sim->supervisor, SIGHUP);
	assert_true(sim_settled(3001));
	assert_int_equal(sim_stop(), 0);
	lost = faults_tally()->lost[TOCSIN_LOST_REPORTS];
	faults_row("... for longer than reports can wait", "nothing: triggers wait, too", 0);
	assert_int_equal(sim_lines(sim->log, "\"name\":\"guest-") + lost, 3001);
}

static void log_sink_gone(void **state)
{
	struct pollfd line = {.events = POLLIN};
	int reader;

	assert_int_equal(mkfifo(sim->log, 0600), 0);
	sim_start();
	reader = open(sim->log, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader >= 0);
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 0, 0));
	assert_true(sim_settled(1));
	line.fd = reader;
	assert_int_equal(poll(&line, 1, 20000), 1);
	close(reader);
	for (unsigned int i = 1; i < 10; i++)
		sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, i, 0));
	assert_true(sim_settled(10));
	for (unsigned int i = 0; i < 10; i++)
		faults_answered(1, i, 0);
	assert_int_equal(sim_stop(), 0);
	faults_row("who reads the log is gone", "log lines, counted; askers are answered", 0);
	assert_int_equal(faults_tally()->lost[TOCSIN_LOST_REPORTS] + 1, 10);
}

int main(void)
{
	const struct CMUnitTest all[] = {
	    FAULT(writer_killed),        FAULT(report_kills_writers), FAULT(log_is_full),
	    FAULT(log_is_full_for_long), FAULT(log_sink_gone),
	};

	faults_heading();
	return cmocka_run_group_tests(all, NULL, NULL);
}
