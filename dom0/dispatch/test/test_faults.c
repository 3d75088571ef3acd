/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes wrong around the daemon, on a host that is made up, and what is lost of it: for each
 * fault a line of the table that `./check` and tools/faults print.
 */
#include "dispatch/broker.h"
#include "sim.h"

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

static const struct tocsin_tally *now(void)
{
	return &sim->shared.now;
}

static double milliseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int make(void **state)
{
	sim_make(50);
	return 0;
}

static int end(void **state)
{
	sim_end();
	return 0;
}

/* One line of the table. since: 0: nothing was to recover from. */
static void row(const char *fault, const char *lost, double since)
{
	char took[32] = "-";

	if (since > 0)
		snprintf(took, sizeof(took), "%.0f ms", milliseconds() - since);
	print_message("# | %-44s | %-50s | %8s |\n", fault, lost, took);
}

static uint64_t all_lost(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < TOCSIN_LOST_PLACES; i++)
		sum += now()->lost[i];
	return sum;
}

static void is_answered(uint32_t domid, unsigned int slot, uint32_t verdict)
{
	assert_int_equal(sim_slot(domid, slot)->answer.state, TOCSIN_STATE_DONE);
	if (verdict)
		assert_int_equal(sim_slot(domid, slot)->answer.verdict, verdict);
}

/* A scan whose worker goes wrong so many times; the verdict that comes of it, 0: a proper one. */
static double a_scan_that(enum sim_fault fault, int times, uint32_t verdict)
{
	double begin;

	sim_start();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 0, 0));
	assert_true(sim_settled(1));
	sim_fault(1, fault, times);
	begin = milliseconds();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 1, 0));
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 2, 0));
	sim_ring(2, TOCSIN_OP_SCAN, sim_ask(2, 0, 0));
	while (sim_slot(1, 1)->answer.state != TOCSIN_STATE_DONE && milliseconds() - begin < 30000)
		poll(NULL, 0, 1);
	begin = milliseconds() - (milliseconds() - begin);
	is_answered(1, 1, verdict);
	return begin;
}

static void no_more_faults(uint64_t accepted)
{
	sim_fault(1, SIM_NO_FAULT, 0);
	assert_true(sim_settled(accepted));
	is_answered(2, 0, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(all_lost(), 0);
	assert_int_equal(now()->answered, accepted);
}

static void worker_killed(void **state)
{
	double begin = a_scan_that(SIM_CRASH, 1, 0);

	row("a worker is killed over a scan", "nothing: another worker did it", begin);
	no_more_faults(4);
	assert_int_equal(now()->workers_died, 1);
	assert_int_equal(now()->retried, 1);
}

static void worker_killed_again(void **state)
{
	/* The first look of two scans; the third worker looks at the block alone, and is let. */
	double begin = a_scan_that(SIM_CRASH, 2, TOCSIN_VERDICT_INCONCLUSIVE);

	row("a worker is killed over a scan, twice", "the scan: answered inconclusive", begin);
	no_more_faults(4);
	assert_int_equal(now()->workers_died, 2);
	assert_int_equal(now()->inconclusive, 1);
}

static void worker_hung(void **state)
{
	double begin = a_scan_that(SIM_HANG, 1, 0);

	row("a worker hangs (1 s allowed)", "nothing: another worker did it", begin);
	no_more_faults(4);
	assert_int_equal(now()->workers_hung, 1);
}

static void worker_out_of_memory(void **state)
{
	double begin = a_scan_that(SIM_EAT, 1, 0);

	row("a worker takes all the memory it gets", "nothing: it failed, or another did it",
	    begin);
	sim_fault(1, SIM_NO_FAULT, 0);
	assert_true(sim_settled(4));
	is_answered(2, 0, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(all_lost(), 0);
}

static void worker_taken_over(void **state)
{
	double begin = a_scan_that(SIM_LIE, 1, 0);

	row("a worker says what it must not", "nothing: killed, another did it", begin);
	no_more_faults(4);
	assert_int_equal(now()->workers_died, 1);
}

/* Where workers may keep kernels. */
static void with_kernels(void)
{
	static char kernels[96];

	snprintf(kernels, sizeof(kernels), "%s/kernels", sim->folder);
	assert_int_equal(mkdir(kernels, 0700), 0);
	sim->settings.worker.cache = kernels;
}

static void worker_keeps_for_ever(void **state)
{
	double begin;

	with_kernels();
	begin = a_scan_that(SIM_KEEP, 1, 0);
	row("a worker wins time by what it may say once", "nothing: killed, another did it", begin);
	no_more_faults(4);
	assert_int_equal(now()->workers_died, 1);
	assert_int_equal(sim_lines(sim->errors, "said what it must not"), 1);
}

static void worker_keeps_before_it_is_ready(void **state)
{
	with_kernels();
	sim_fault(1, SIM_EARLY, 1);
	sim_start();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 0, 0));
	assert_true(sim_settled(1));
	is_answered(1, 0, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->workers_died, 1);
	assert_int_equal(sim_lines(sim->errors, "said what it must not"), 1);
}

/* Wherever it dies: each is done once, nobody is blamed for others, and who is not answered is the
 * one whose slot was half written. */
static void worker_killed_in_a_packet(void **state)
{
	unsigned int unanswered = 0;
	char text[96];
	double begin = 0;

	sim->settings.worker.job.coalesce = 60 * TOCSIN_SECOND;
	sim_start();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 0, 0));
	assert_true(sim_settled(1));
	for (int i = 0; i < 20; i++) {
		uint64_t accepted = now()->accepted;

		begin = milliseconds();
		sim_guest(1)->after = 1 + 97 * i;
		sim_fault(1, SIM_CRASH, 1);
		for (unsigned int slot = 0; slot < 16; slot++)
			sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, slot, 0));
		assert_true(sim_settled(accepted + 16));
		for (unsigned int slot = 0; slot < 16; slot++)
			unanswered += sim_slot(1, slot)->answer.state != TOCSIN_STATE_DONE;
		sim_fault(1, SIM_NO_FAULT, 0);
		sim_guest(1)->after = 0;
	}
	assert_in_range(now()->workers_died, 10, 20);
	assert_in_range(unanswered, 0, now()->workers_died);
	snprintf(text, sizeof(text), "a half-written answer, of %u in %lu deaths", unanswered,
		 (unsigned long)now()->workers_died);
	row("a worker is killed over 16 answers", unanswered ? text : "nothing", begin);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->verdicts, 1 + 20 * 16);
	assert_int_equal(now()->retried, now()->workers_died);
	assert_int_equal(now()->inconclusive, 0);
	assert_int_equal(all_lost(), 0);
	assert_int_equal(sim_lines(sim->log, "\"kind\":\"verdict\""), 1 + 20 * 16);
}

/* All workers of all guests die over everything: each trigger still comes to an end. */
static void workers_always_killed(void **state)
{
	sim_start();
	for (unsigned int i = 0; i < 8; i++) {
		sim_fault(1, SIM_CRASH, -1);
		sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, i, 0));
	}
	assert_true(sim_settled(8));
	row("every worker of a guest is killed, always", "the scans: reported as inconclusive", 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->inconclusive, 8);
	assert_int_equal(sim_lines(sim->log, "inconclusive"), 8);
	assert_int_equal(all_lost(), 0);
}

static bool broker_is_back(void)
{
	return sim->opened == 2;
}

static void broker_killed(void **state)
{
	double begin;

	sim->settings.job_seconds = 60;
	sim_start();
	sim_fault(1, SIM_HANG, -1);
	for (unsigned int i = 0; i < 20; i++)
		sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, i, 0));
	while (now()->accepted < 20)
		poll(NULL, 0, 1);
	poll(NULL, 0, 20);
	sim_fault(1, SIM_NO_FAULT, 0);
	begin = milliseconds();
	assert_int_equal(kill(sim->broker, SIGKILL), 0);
	/* What is rung while no broker is there waits in the trace buffers. */
	sim_ring(2, TOCSIN_OP_SCAN, sim_ask(2, 0, 0));
	assert_true(sim_wait(broker_is_back));
	assert_true(sim_settled(21));
	row("the broker is killed with 20 scans pending", "nothing", begin);
	for (unsigned int i = 0; i < 20; i++)
		is_answered(1, i, 0);
	is_answered(2, 0, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(all_lost(), 0);
	assert_int_equal(now()->verdicts, 21);
	assert_int_equal(sim_lines(sim->log, "\"kind\":\"verdict\""), 21);
}

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

static void writer_killed(void **state)
{
	double begin;

	sim_start();
	sim_ring(1, TOCSIN_OP_PING, 0);
	assert_true(sim_settled(1));
	assert_true(sim_wait(writer_is_known));
	kill(writer, SIGSTOP); /* so that it surely has something when it dies */
	for (unsigned int i = 0; i < 200; i++)
		sim_ring(1, TOCSIN_OP_PING, i);
	assert_true(sim_settled(201));
	begin = milliseconds();
	kill(writer, SIGKILL);
	while (sim_lines(sim->log, "\"kind\":\"ring\"") < 201 && milliseconds() - begin < 20000)
		poll(NULL, 0, 5);
	row("the writer is killed with 200 reports", "nothing", begin);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(sim->log, "\"kind\":\"ring\""), 201);
	assert_int_equal(all_lost(), 0);
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
		is_answered(1, i, 0);
	for (int i = 0; i < 500 && !sim_lines(sim->errors, "the log cannot be written"); i++)
		poll(NULL, 0, 10);
	assert_int_equal(sim_lines(sim->errors, "No space left on device"), 1);
	assert_int_equal(unlink(sim->log), 0);
	begin = milliseconds();
	kill(sim->supervisor, SIGHUP);
	while (sim_lines(sim->log, "\"kind\":\"verdict\"") < 10 && milliseconds() - begin < 20000)
		poll(NULL, 0, 5);
	row("the log's disk is full", "nothing: reports wait", begin);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(sim->log, "\"kind\":\"verdict\""), 10);
	assert_int_equal(all_lost(), 0);
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
	for (int i = 0; i < 3000 && now()->accepted < 3000; i++)
		poll(NULL, 0, 1);
	/* And sleeps meanwhile, though a guest waits for its worker. */
	sim_ring(2, TOCSIN_OP_SCAN_SELF, 0);
	for (int i = 0; i < 3000 && now()->accepted < 3001; i++)
		poll(NULL, 0, 1);
	used = milliseconds_of(sim->broker);
	poll(NULL, 0, 500);
	assert_true(milliseconds_of(sim->broker) < used + 100);
	assert_int_equal(unlink(sim->log), 0);
	kill(sim->supervisor, SIGHUP);
	assert_true(sim_settled(3001));
	assert_int_equal(sim_stop(), 0);
	lost = now()->lost[TOCSIN_LOST_REPORTS];
	row("... for longer than reports can wait", "nothing: triggers wait, too", 0);
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
		is_answered(1, i, 0);
	assert_int_equal(sim_stop(), 0);
	row("who reads the log is gone", "the log's lines, counted; askers are answered", 0);
	assert_int_equal(now()->lost[TOCSIN_LOST_REPORTS] + 1, 10);
}

static void state_cannot_be_written(void **state)
{
	struct rlimit limit = {96 << 10, RLIM_INFINITY}, before;

	getrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	sim->settings.job_seconds = 60;
	sim_start();
	setrlimit(RLIMIT_FSIZE, &before);
	sim_fault(1, SIM_STALL, -1);
	for (unsigned int i = 0; i < 600; i++)
		sim_ring(1, TOCSIN_OP_SCAN_SELF, 0);
	sim_fault(1, SIM_NO_FAULT, 0);
	assert_true(sim_settled(600));
	row("the state's disk is full", "nothing, but pending ones if it died now", 0);
	assert_int_equal(sim_stop(), 0);
	assert_true(sim_lines(sim->errors, "the state cannot be written") > 0);
	assert_int_equal(now()->verdicts, 600);
}

static void state_is_damaged(void **state)
{
	FILE *f = fopen(sim->state, "we");

	assert_non_null(f);
	for (int i = 0; i < 3000; i++)
		fputs("no database", f);
	fclose(f);
	sim_start();
	sim_ring(1, TOCSIN_OP_PING, 0);
	assert_true(sim_settled(1));
	row("the state is damaged", "the counters: begun anew, file kept", 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(sim->errors, "begun anew"), 1);
}

static bool worker_is_gone(void)
{
	return kill(sim_guest(1)->worker, 0) && errno == ESRCH;
}

static void guest_destroyed(void **state)
{
	double begin;

	sim->settings.job_seconds = 60;
	sim_start();
	sim_fault(1, SIM_HANG, -1);
	for (unsigned int i = 0; i < 10; i++)
		sim_ring(1, TOCSIN_OP_SCAN_SELF, 0);
	while (now()->accepted < 10 || !sim_guest(1)->worker)
		poll(NULL, 0, 1);
	begin = milliseconds();
	sim_guest(1)->dying = true;
	sim_domains_changed();
	assert_true(sim_wait(worker_is_gone));
	row("a guest is destroyed while it is read", "its 10 scans: reported as refused", begin);
	assert_true(sim_settled(10));
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->refused, 10);
	assert_int_equal(sim_lines(sim->log, "the guest is gone"), 10);
	assert_int_equal(all_lost(), 0);
}

static bool is_on_again(void)
{
	return sim_guest(60)->rate == 1000;
}

/* The same guest comes as another domain, switched off, as Xen makes it. */
static void comes_as_60(void)
{
	memcpy(sim_guest(60)->bytes, sim_guest(1)->bytes, FIXTURE_SIZE);
	memcpy(sim_guest(60)->uuid, sim_guest(1)->uuid, 16);
	strcpy(sim_guest(60)->name, sim_guest(1)->name);
	sim_guest(60)->exists = true;
	sim_domains_changed();
}

static void guest_rebooted(void **state)
{
	double begin;

	sim_start();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 0, 0));
	assert_true(sim_settled(1));
	strcpy(sim_guest(1)->name, "renamed");
	begin = milliseconds();
	sim_guest(1)->exists = false;
	comes_as_60();
	assert_true(sim_wait(is_on_again));
	row("a guest is rebooted", "nothing: switched on again", begin);
	sim_ring(60, TOCSIN_OP_SCAN, sim_ask(60, 1, 0));
	assert_true(sim_settled(2));
	is_answered(60, 1, 0);
	/* And renamed while it runs. */
	strcpy(sim_guest(60)->name, "again");
	sim_domains_changed();
	poll(NULL, 0, 1200);
	sim_ring(60, TOCSIN_OP_PING, 0);
	assert_true(sim_settled(3));
	row("a guest is renamed", "nothing: reported by its new name", 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(sim->log, "\"name\":\"renamed\""), 1);
	assert_int_equal(sim_lines(sim->log, "\"name\":\"again\""), 1);
	assert_int_equal(all_lost(), 0);
}

static void guest_migrated(void **state)
{
	double begin;

	sim->settings.job_seconds = 60;
	sim_start();
	sim_fault(1, SIM_HANG, -1);
	for (unsigned int i = 0; i < 10; i++)
		sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, i, 0));
	while (now()->accepted < 10 || !sim_guest(1)->worker)
		poll(NULL, 0, 1);
	begin = milliseconds();
	sim_guest(1)->exists = false;
	sim_domains_changed();
	assert_true(sim_wait(worker_is_gone));
	row("a guest is migrated away, 10 scans pending", "they: reported as refused", begin);
	assert_true(sim_settled(10));
	assert_int_equal(now()->refused, 10);
	begin = milliseconds();
	comes_as_60();
	assert_true(sim_wait(is_on_again));
	row("... and back", "nothing: switched on again", begin);
	sim_ring(60, TOCSIN_OP_SCAN, sim_ask(60, 0, 0));
	assert_true(sim_settled(11));
	is_answered(60, 0, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(all_lost(), 0);
}

static void guest_ballooned(void **state)
{
	double begin;

	sim->settings.worker.job.coalesce = 0;
	sim_start();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 0, 0));
	assert_true(sim_settled(1));
	/* All of it but the page table's root, so that nothing can be found. */
	sim_guest(1)->ballooned = 4096;
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 1, 0));
	assert_true(sim_settled(2));
	assert_int_equal(now()->errors, 1);
	assert_int_not_equal(sim_slot(1, 1)->answer.state, TOCSIN_STATE_DONE);
	begin = milliseconds();
	sim_guest(1)->ballooned = 0;
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 2, 0));
	assert_true(sim_settled(3));
	row("a guest is ballooned while it is read", "the scan: reported as an error", begin);
	is_answered(1, 2, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->workers_died, 0);
	assert_int_equal(sim_lines(sim->log, "\"kind\":\"error\""), 1);
	assert_int_equal(all_lost(), 0);
}

/* While nobody tells of domains, they are asked for. */
static void xenstored_restarted(void **state)
{
	double begin;

	sim_start();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 0, 0));
	assert_true(sim_settled(1));
	sim->no_xenstored = true;
	poll(NULL, 0, 1200); /* the broker looks once a second */
	sim_ring(2, TOCSIN_OP_SCAN, sim_ask(2, 0, 0));
	assert_true(sim_settled(2));
	is_answered(2, 0, 0);
	sim_ring(1, TOCSIN_OP_PING, 0); /* it has kept its name */
	assert_true(sim_settled(3));
	begin = milliseconds();
	sim_guest(1)->exists = false;
	assert_true(sim_wait(worker_is_gone));
	row("xenstored is gone, and a guest ends", "nothing: asked for each second", begin);
	sim->no_xenstored = false;
	poll(NULL, 0, 1200);
	begin = milliseconds();
	comes_as_60();
	assert_true(sim_wait(is_on_again));
	row("xenstored is restarted, and a guest comes", "nothing", begin);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(sim->log, "\"name\":\"guest-1\""), 2);
	assert_int_equal(all_lost(), 0);
}

#ifndef __SANITIZE_ADDRESS__ /* which ends a process that gets no memory */
/* As when dom0 has nothing left for anybody. */
static void broker_out_of_memory(void **state)
{
	struct rlimit none = {4096, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
	const unsigned int count = 6000;
	char text[96];
	double begin;

	sim_start();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 0, 0));
	assert_true(sim_settled(1));
	assert_int_equal(prlimit(sim->broker, RLIMIT_DATA, &none, NULL), 0);
	sim_fault(1, SIM_STALL, -1);
	for (unsigned int i = 0; i < count; i++)
		sim_ring(1, TOCSIN_OP_SCAN_SELF, 0);
	for (int i = 0; i < 30000 && now()->accepted < 1 + count; i++)
		poll(NULL, 0, 1);
	assert_int_equal(now()->accepted, 1 + count);
	sim_fault(1, SIM_NO_FAULT, 0);
	assert_int_equal(prlimit(sim->broker, RLIMIT_DATA, &all, NULL), 0);
	begin = milliseconds();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 1, 0));
	while (sim_slot(1, 1)->answer.state != TOCSIN_STATE_DONE && milliseconds() - begin < 30000)
		poll(NULL, 0, 1);
	is_answered(1, 1, 0);
	snprintf(text, sizeof(text), "%lu of %u triggers, counted", (unsigned long)all_lost(),
		 count);
	row("dom0 has no memory left for the broker", text, begin);
	assert_true(sim_settled(2 + count));
	assert_int_equal(sim_stop(), 0);
	assert_true(now()->lost[TOCSIN_LOST_QUEUE] > 0);
	assert_int_equal(all_lost(), now()->lost[TOCSIN_LOST_QUEUE]);
	assert_int_equal(now()->brokers_started, 1);
}
#endif

static bool buffer_is_read(void)
{
	return sim->in == sim->out;
}

static bool losses_are_counted(void)
{
	return now()->lost[TOCSIN_LOST_TICKETS] >= 100 && now()->lost[TOCSIN_LOST_BUFFER] >= 100;
}

static void buffers_overflow(void **state)
{
	char text[96];
	unsigned int rung = 0;

	sim->settings.share = sim->settings.capacity = SIM_EVENTS;
	sim_start();
	sim_ring(1, TOCSIN_OP_PING, 0);
	assert_true(sim_settled(1));
	sim->slow_drain = true;
	for (unsigned int i = 0; i < SIM_EVENTS + 100; i++)
		rung += sim_ring(1, TOCSIN_OP_PING, 0) != 0;
	assert_int_equal(rung, SIM_EVENTS);
	sim->slow_drain = false;
	assert_true(sim_wait(buffer_is_read));
	/* What shows the gap must not itself meet a full queue. */
	assert_true(sim_settled(1 + SIM_EVENTS));
	sim_ring(1, TOCSIN_OP_PING, 0);
	assert_true(sim_settled(2 + SIM_EVENTS));
	assert_true(sim_wait(losses_are_counted));
	assert_int_equal(now()->lost[TOCSIN_LOST_BUFFER], 100);
	assert_int_equal(now()->lost[TOCSIN_LOST_TICKETS], 100);
	snprintf(text, sizeof(text), "100 of %u, counted by Xen and by tickets", SIM_EVENTS + 100);
	row("a trace buffer overflows", text, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->accepted + now()->lost[TOCSIN_LOST_TICKETS], 2 + SIM_EVENTS + 100);
}

static void clock_stepped(void **state)
{
	sim->settings.job_seconds = 5;
	sim_start();
	sim_fault(1, SIM_STALL, -1);
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 0, 0));
	sim->clock_offset = -86400ll * 365 * 1000000000;
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 1, 0));
	poll(NULL, 0, 20);
	sim->clock_offset = 86400ll * 365 * 1000000000;
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 2, 0));
	assert_true(sim_settled(3));
	for (unsigned int i = 0; i < 3; i++)
		is_answered(1, i, 0);
	row("the clock is set a year back, and two on", "nothing", 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->workers_hung, 0);
	assert_int_equal(all_lost(), 0);
}

/* Kilobytes that are the broker's and, on average, a worker's own. */
struct sizes {
	uint64_t broker, worker;
};

static struct sizes measure(void)
{
	struct sizes s = {.broker = sim_memory(sim->broker, "Private_Dirty")};

	for (uint32_t domid = 1; domid <= 50; domid++)
		s.worker += sim_memory(sim_guest(domid)->worker, "Private_Dirty");
	s.worker /= 50;
	return s;
}

/* All slots of all guests, again and again, at least once; how many triggers. */
static uint64_t ring_until(double end)
{
	uint64_t before = now()->accepted, rung = 0;

	do {
		for (unsigned int slot = 0; slot < SIM_SLOTS; slot++)
			for (uint32_t domid = 1; domid <= 50; domid++, rung++)
				sim_ring(domid, TOCSIN_OP_SCAN, sim_ask(domid, slot, 0));
		assert_true(sim_settled(before + rung));
	} while (milliseconds() < end);
	return rung;
}

/*
 * What grows with the load would grow after the start, too. For a moment, or as many minutes as
 * TOCSIN_FAULTS_MINUTES says; then without a log, which would have gigabytes.
 */
static void fifty_guests_ring_at_their_limits(void **state)
{
	const char *minutes = getenv("TOCSIN_FAULTS_MINUTES");
	double half = minutes ? strtod(minutes, NULL) * 30000 : 0, begin;
	struct sizes start, middle, last;
	char text[160];
	uint64_t rung;

	sim->settings.worker.job.coalesce = 0;
	if (minutes)
		assert_int_equal(symlink("/dev/null", sim->log), 0);
	sim_start();
	rung = ring_until(0);
	begin = milliseconds();
	start = measure();
	rung += ring_until(begin + half);
	middle = measure();
	rung += ring_until(begin + 2 * half);
	last = measure();
	row("50 guests ring at their limits", "nothing", 0);
	snprintf(text, sizeof(text), "start, middle, end: %lu, %lu, %lu kB",
		 (unsigned long)start.worker, (unsigned long)middle.worker,
		 (unsigned long)last.worker);
	row("... memory of a worker", text, 0);
	snprintf(text, sizeof(text), "start, middle, end: %lu, %lu, %lu kB",
		 (unsigned long)start.broker, (unsigned long)middle.broker,
		 (unsigned long)last.broker);
	row("... of the broker", text, 0);
	snprintf(text, sizeof(text), "%lu, in %.0f s", (unsigned long)rung,
		 (milliseconds() - begin) / 1000);
	row("... scans, each answered", text, 0);
	assert_true(last.broker < start.broker + 4096); /* SQLite's pages, 2 MiB, and queues */
	assert_true(!minutes || last.broker < middle.broker + 512);
	assert_true(last.worker < start.worker + 128);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->answered, rung);
	assert_int_equal(all_lost(), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, end)
	const struct CMUnitTest all[] = {
	    TEST(worker_killed),
	    TEST(worker_killed_again),
	    TEST(worker_hung),
	    TEST(worker_out_of_memory),
	    TEST(worker_taken_over),
	    TEST(worker_keeps_for_ever),
	    TEST(worker_keeps_before_it_is_ready),
	    TEST(worker_killed_in_a_packet),
	    TEST(workers_always_killed),
	    TEST(broker_killed),
	    TEST(writer_killed),
	    TEST(log_is_full),
	    TEST(log_is_full_for_long),
	    TEST(log_sink_gone),
	    TEST(state_cannot_be_written),
	    TEST(state_is_damaged),
	    TEST(guest_destroyed),
	    TEST(guest_rebooted),
	    TEST(guest_migrated),
	    TEST(guest_ballooned),
	    TEST(xenstored_restarted),
#ifndef __SANITIZE_ADDRESS__
	    TEST(broker_out_of_memory),
#endif
	    TEST(buffers_overflow),
	    TEST(clock_stepped),
	    TEST(fifty_guests_ring_at_their_limits),
	};

	print_message("# | %-44s | %-50s | %8s |\n", "fault", "what is lost", "recovery");
	return cmocka_run_group_tests(all, NULL, NULL);
}
