/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes wrong around the daemon, on a host that is made up, and what is lost of it: for each
 * fault a line of the table that `./check` and tools/faults print.
 */
#include "dispatch/broker.h"
#include "dispatch/valgrind.h"
#include "faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A scan whose worker goes wrong so many times; the verdict that comes of it, 0: a proper one. */
static double a_scan_that(enum sim_fault fault, int times, uint32_t verdict)
{
	double begin;

	sim_start();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 0, 0));
	assert_true(sim_settled(1));
	sim_fault(1, fault, times);
	begin = faults_clock();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 1, 0));
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 2, 0));
	sim_ring(2, TOCSIN_OP_SCAN, sim_ask(2, 0, 0));
	while (sim_slot(1, 1)->answer.state != TOCSIN_STATE_DONE && faults_clock() - begin < 30000)
		poll(NULL, 0, 1);
	begin = faults_clock() - (faults_clock() - begin);
	faults_answered(1, 1, verdict);
	return begin;
}

static void no_more_faults(uint64_t accepted)
{
	sim_fault(1, SIM_NO_FAULT, 0);
	assert_true(sim_settled(accepted));
	faults_answered(2, 0, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(faults_lost(), 0);
	assert_int_equal(faults_tally()->answered, accepted);
}

static void worker_killed(void **state)
{
	double begin = a_scan_that(SIM_CRASH, 1, 0);

	faults_row("a worker is killed over a scan", "nothing: another worker did it", begin);
	no_more_faults(4);
	assert_int_equal(faults_tally()->workers_died, 1);
	assert_int_equal(faults_tally()->retried, 1);
}

static void worker_killed_again(void **state)
{
	/* The first look of two scans; the third worker looks at the block alone, and is let. */
	double begin = a_scan_that(SIM_CRASH, 2, TOCSIN_VERDICT_INCONCLUSIVE);

	faults_row("a worker is killed over a scan, twice", "the scan: answered inconclusive",
		   begin);
	no_more_faults(4);
	assert_int_equal(faults_tally()->workers_died, 2);
	assert_int_equal(faults_tally()->inconclusive, 1);
}

/* Whatever is allowed to it: nothing that works looks like this. */
static void worker_hung(enum sim_fault how, const char *what, const char *said)
{
	double begin;

	sim->settings.job_seconds = 60;
	begin = a_scan_that(how, 1, 0);
	faults_row(what, "nothing: another worker did it", begin);
	no_more_faults(4);
	assert_int_equal(faults_tally()->workers_hung, 1);
	assert_int_equal(sim_lines(sim->errors, said), 1);
}

static void worker_spins(void **state)
{
	worker_hung(SIM_HANG, "a worker hangs: it spins", "spun without a look");
}

static void worker_sleeps(void **state)
{
	worker_hung(SIM_SLEEP, "a worker hangs: it sleeps", "slept over its work");
}

/* What goes on looking may come to an end. */
static void worker_takes_too_long(void **state)
{
	double begin = a_scan_that(SIM_LOOP, 1, 0);

	faults_row("a worker looks for ever (1 s allowed)", "nothing: another worker did it",
		   begin);
	no_more_faults(4);
	assert_int_equal(faults_tally()->workers_hung, 1);
	assert_int_equal(sim_lines(sim->errors, "took too long"), 1);
}

/* A long scan is none that hangs: not one that takes time for each look, nor one that gets none,
 * since others have the processors. */
static void worker_takes_long(void **state)
{
	const struct sched_param none = {0};
	double begin;
	pid_t rivals[8];

	sim->settings.job_seconds = 60;
	sim->settings.worker.job.coalesce = 0;
	sim_start();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 0, 0));
	assert_true(sim_settled(1));
	sim_fault(1, SIM_BUSY, 6);
	begin = faults_clock();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 1, 0));
	assert_true(sim_settled(2));
	faults_row("a worker works for 1.5 s", "nothing: it is let", begin);
	assert_int_equal(sched_setscheduler(sim_guest(1)->worker, SCHED_IDLE, &none), 0);
	for (size_t i = 0; i < sizeof(rivals) / sizeof(*rivals); i++) {
		rivals[i] = fork();
		while (!rivals[i])
			;
	}
	sim_fault(1, SIM_BUSY, 1);
	begin = faults_clock();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 2, 0));
	poll(NULL, 0, 1500);
	for (size_t i = 0; i < sizeof(rivals) / sizeof(*rivals); i++) {
		kill(rivals[i], SIGKILL);
		waitpid(rivals[i], NULL, 0);
	}
	/* Others than these may be there. */
	assert_int_equal(sched_setscheduler(sim_guest(1)->worker, SCHED_OTHER, &none), 0);
	assert_true(sim_settled(3));
	faults_row("a worker gets no processor for 1.5 s", "nothing: it is let", begin);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(faults_tally()->workers_hung + faults_tally()->workers_died, 0);
	assert_int_equal(faults_tally()->answered, 3);
}

static void worker_out_of_memory(void **state)
{
	double begin = a_scan_that(SIM_EAT, 1, 0);

	faults_row("a worker takes all the memory it gets", "nothing: it failed, or another did it",
		   begin);
	sim_fault(1, SIM_NO_FAULT, 0);
	assert_true(sim_settled(4));
	faults_answered(2, 0, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(faults_lost(), 0);
}

static void worker_taken_over(void **state)
{
	double begin = a_scan_that(SIM_LIE, 1, 0);

	faults_row("a worker says what it must not", "nothing: killed, another did it", begin);
	no_more_faults(4);
	assert_int_equal(faults_tally()->workers_died, 1);
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
	faults_row("a worker wins time by what it may say once", "nothing: killed, another did it",
		   begin);
	no_more_faults(4);
	assert_int_equal(faults_tally()->workers_died, 1);
	assert_int_equal(sim_lines(sim->errors, "said what it must not"), 1);
}

static void worker_keeps_before_it_is_ready(void **state)
{
	with_kernels();
	sim_fault(1, SIM_EARLY, 1);
	sim_start();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 0, 0));
	assert_true(sim_settled(1));
	faults_answered(1, 0, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(faults_tally()->workers_died, 1);
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
		uint64_t accepted = faults_tally()->accepted;

		begin = faults_clock();
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
	assert_in_range(faults_tally()->workers_died, 10, 20);
	assert_in_range(unanswered, 0, faults_tally()->workers_died);
	snprintf(text, sizeof(text), "a half-written answer, %u in %lu deaths", unanswered,
		 (unsigned long)faults_tally()->workers_died);
	faults_row("a worker is killed over 16 answers", unanswered ? text : "nothing", begin);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(faults_tally()->verdicts, 1 + 20 * 16);
	assert_int_equal(faults_tally()->retried, faults_tally()->workers_died);
	assert_int_equal(faults_tally()->inconclusive, 0);
	assert_int_equal(faults_lost(), 0);
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
	faults_row("every worker of a guest is killed, always",
		   "the scans: reported as inconclusive", 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(faults_tally()->inconclusive, 8);
	assert_int_equal(sim_lines(sim->log, "inconclusive"), 8);
	assert_int_equal(faults_lost(), 0);
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
	sim_guest(1)->after = 1;
	sim_fault(1, SIM_LOOP, -1);
	for (unsigned int i = 0; i < 20; i++)
		sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, i, 0));
	/* A worker that is ready got its tasks in a turn after the one that put them into the
	 * state. */
	while (faults_tally()->accepted < 20 || sim_guest(1)->after)
		poll(NULL, 0, 1);
	poll(NULL, 0, 20);
	sim_fault(1, SIM_NO_FAULT, 0);
	begin = faults_clock();
	assert_int_equal(kill(sim->broker, SIGKILL), 0);
	/* What is rung while no broker is there waits in the trace buffers. */
	sim_ring(2, TOCSIN_OP_SCAN, sim_ask(2, 0, 0));
	assert_true(sim_wait(broker_is_back));
	assert_true(sim_settled(21));
	faults_row("the broker is killed with 20 scans pending", "nothing", begin);
	for (unsigned int i = 0; i < 20; i++)
		faults_answered(1, i, 0);
	faults_answered(2, 0, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(faults_lost(), 0);
	assert_int_equal(faults_tally()->verdicts, 21);
	assert_int_equal(sim_lines(sim->log, "\"kind\":\"verdict\""), 21);
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
	faults_row("the state's disk is full", "nothing, but pending ones if it died now", 0);
	assert_int_equal(sim_stop(), 0);
	assert_true(sim_lines(sim->errors, "the state cannot be written") > 0);
	assert_int_equal(faults_tally()->verdicts, 600);
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
	faults_row("the state is damaged", "the counters: begun anew, file kept", 0);
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
	sim_fault(1, SIM_LOOP, -1);
	for (unsigned int i = 0; i < 10; i++)
		sim_ring(1, TOCSIN_OP_SCAN_SELF, 0);
	while (faults_tally()->accepted < 10 || !sim_guest(1)->worker)
		poll(NULL, 0, 1);
	begin = faults_clock();
	sim_guest(1)->dying = true;
	sim_domains_changed();
	assert_true(sim_wait(worker_is_gone));
	faults_row("a guest is destroyed while it is read", "its 10 scans: reported as refused",
		   begin);
	assert_true(sim_settled(10));
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(faults_tally()->refused, 10);
	assert_int_equal(sim_lines(sim->log, "the guest is gone"), 10);
	assert_int_equal(faults_lost(), 0);
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
	begin = faults_clock();
	sim_guest(1)->exists = false;
	comes_as_60();
	assert_true(sim_wait(is_on_again));
	faults_row("a guest is rebooted", "nothing: switched on again", begin);
	sim_ring(60, TOCSIN_OP_SCAN, sim_ask(60, 1, 0));
	assert_true(sim_settled(2));
	faults_answered(60, 1, 0);
	/* And renamed while it runs. */
	strcpy(sim_guest(60)->name, "again");
	sim_domains_changed();
	poll(NULL, 0, 1200);
	sim_ring(60, TOCSIN_OP_PING, 0);
	assert_true(sim_settled(3));
	faults_row("a guest is renamed", "nothing: reported by its new name", 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(sim->log, "\"name\":\"renamed\""), 1);
	assert_int_equal(sim_lines(sim->log, "\"name\":\"again\""), 1);
	assert_int_equal(faults_lost(), 0);
}

static void guest_migrated(void **state)
{
	double begin;

	sim->settings.job_seconds = 60;
	sim_start();
	sim_fault(1, SIM_LOOP, -1);
	for (unsigned int i = 0; i < 10; i++)
		sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, i, 0));
	while (faults_tally()->accepted < 10 || !sim_guest(1)->worker)
		poll(NULL, 0, 1);
	begin = faults_clock();
	sim_guest(1)->exists = false;
	sim_domains_changed();
	assert_true(sim_wait(worker_is_gone));
	faults_row("a guest is migrated away, 10 scans pending", "they: reported as refused",
		   begin);
	assert_true(sim_settled(10));
	assert_int_equal(faults_tally()->refused, 10);
	begin = faults_clock();
	comes_as_60();
	assert_true(sim_wait(is_on_again));
	faults_row("... and back", "nothing: switched on again", begin);
	sim_ring(60, TOCSIN_OP_SCAN, sim_ask(60, 0, 0));
	assert_true(sim_settled(11));
	faults_answered(60, 0, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(faults_lost(), 0);
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
	assert_int_equal(faults_tally()->errors, 1);
	assert_int_not_equal(sim_slot(1, 1)->answer.state, TOCSIN_STATE_DONE);
	begin = faults_clock();
	sim_guest(1)->ballooned = 0;
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 2, 0));
	assert_true(sim_settled(3));
	faults_row("a guest is ballooned while it is read", "the scan: reported as an error",
		   begin);
	faults_answered(1, 2, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(faults_tally()->workers_died, 0);
	assert_int_equal(sim_lines(sim->log, "\"kind\":\"error\""), 1);
	assert_int_equal(faults_lost(), 0);
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
	faults_answered(2, 0, 0);
	sim_ring(1, TOCSIN_OP_PING, 0); /* it has kept its name */
	assert_true(sim_settled(3));
	begin = faults_clock();
	sim_guest(1)->exists = false;
	assert_true(sim_wait(worker_is_gone));
	faults_row("xenstored is gone, and a guest ends", "nothing: asked for each second", begin);
	sim->no_xenstored = false;
	poll(NULL, 0, 1200);
	begin = faults_clock();
	comes_as_60();
	assert_true(sim_wait(is_on_again));
	faults_row("xenstored is restarted, and a guest comes", "nothing", begin);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(sim->log, "\"name\":\"guest-1\""), 2);
	assert_int_equal(faults_lost(), 0);
}

#ifndef __SANITIZE_ADDRESS__ /* which ends a process that gets no memory, as does valgrind */
/* As when dom0 has nothing left for anybody. */
static void broker_out_of_memory(void **state)
{
	struct rlimit none = {4096, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
	const unsigned int count = 6000;
	char text[96];
	double begin;

	if (UNDER_VALGRIND) {
		print_message("# left out: valgrind ends where it gets no memory\n");
		return;
	}
	sim_start();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 0, 0));
	assert_true(sim_settled(1));
	assert_int_equal(prlimit(sim->broker, RLIMIT_DATA, &none, NULL), 0);
	sim_fault(1, SIM_STALL, -1);
	for (unsigned int i = 0; i < count; i++)
		sim_ring(1, TOCSIN_OP_SCAN_SELF, 0);
	for (int i = 0; i < 30000 && faults_tally()->accepted < 1 + count; i++)
		poll(NULL, 0, 1);
	assert_int_equal(faults_tally()->accepted, 1 + count);
	sim_fault(1, SIM_NO_FAULT, 0);
	assert_int_equal(prlimit(sim->broker, RLIMIT_DATA, &all, NULL), 0);
	begin = faults_clock();
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 1, 0));
	while (sim_slot(1, 1)->answer.state != TOCSIN_STATE_DONE && faults_clock() - begin < 30000)
		poll(NULL, 0, 1);
	faults_answered(1, 1, 0);
	snprintf(text, sizeof(text), "%lu of %u triggers, counted", (unsigned long)faults_lost(),
		 count);
	faults_row("dom0 has no memory left for the broker", text, begin);
	assert_true(sim_settled(2 + count));
	assert_int_equal(sim_stop(), 0);
	assert_true(faults_tally()->lost[TOCSIN_LOST_QUEUE] > 0);
	assert_int_equal(faults_lost(), faults_tally()->lost[TOCSIN_LOST_QUEUE]);
	assert_int_equal(faults_tally()->brokers_started, 1);
}
#endif

static bool buffer_is_read(void)
{
	return sim->in == sim->out;
}

static bool losses_are_counted(void)
{
	return faults_tally()->lost[TOCSIN_LOST_TICKETS] >= 100 &&
	       faults_tally()->lost[TOCSIN_LOST_BUFFER] >= 100;
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
	assert_int_equal(faults_tally()->lost[TOCSIN_LOST_BUFFER], 100);
	assert_int_equal(faults_tally()->lost[TOCSIN_LOST_TICKETS], 100);
	snprintf(text, sizeof(text), "100 of %u, as Xen and tickets count", SIM_EVENTS + 100);
	faults_row("a trace buffer overflows", text, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(faults_tally()->accepted + faults_tally()->lost[TOCSIN_LOST_TICKETS],
			 2 + SIM_EVENTS + 100);
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
		faults_answered(1, i, 0);
	faults_row("the clock is set a year back, and two on", "nothing", 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(faults_tally()->workers_hung, 0);
	assert_int_equal(faults_lost(), 0);
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

/* All slots of all guests, again and again, at least once; how many triggers. valgrind, which is
 * slow, takes a few of them. */
static uint64_t ring_until(double end)
{
	uint64_t before = faults_tally()->accepted, rung = 0;

	do {
		for (unsigned int slot = 0; slot < (UNDER_VALGRIND ? 4 : SIM_SLOTS); slot++)
			for (uint32_t domid = 1; domid <= 50; domid++, rung++)
				sim_ring(domid, TOCSIN_OP_SCAN, sim_ask(domid, slot, 0));
		assert_true(sim_settled(before + rung));
	} while (faults_clock() < end);
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
	begin = faults_clock();
	start = measure();
	rung += ring_until(begin + half);
	middle = measure();
	rung += ring_until(begin + 2 * half);
	last = measure();
	faults_row("50 guests ring at their limits", "nothing", 0);
	snprintf(text, sizeof(text), "start, middle, end: %lu, %lu, %lu kB",
		 (unsigned long)start.worker, (unsigned long)middle.worker,
		 (unsigned long)last.worker);
	faults_row("... memory of a worker", text, 0);
	snprintf(text, sizeof(text), "start, middle, end: %lu, %lu, %lu kB",
		 (unsigned long)start.broker, (unsigned long)middle.broker,
		 (unsigned long)last.broker);
	faults_row("... of the broker", text, 0);
	snprintf(text, sizeof(text), "%lu, in %.0f s", (unsigned long)rung,
		 (faults_clock() - begin) / 1000);
	faults_row("... scans, each answered", text, 0);
	if (UNDER_VALGRIND)
		start = middle = last = (struct sizes){0}; /* they are its own */
	assert_true(last.broker < start.broker + 4096);    /* SQLite's pages, 2 MiB, and queues */
	assert_true(!minutes || last.broker < middle.broker + 512);
	assert_true(last.worker < start.worker + 128);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(faults_tally()->answered, rung);
	assert_int_equal(faults_lost(), 0);
}

int main(void)
{
	const struct CMUnitTest all[] = {
	    FAULT(worker_killed),
	    FAULT(worker_killed_again),
	    FAULT(worker_spins),
	    FAULT(worker_sleeps),
	    FAULT(worker_takes_too_long),
	    FAULT(worker_takes_long),
	    FAULT(worker_out_of_memory),
	    FAULT(worker_taken_over),
	    FAULT(worker_keeps_for_ever),
	    FAULT(worker_keeps_before_it_is_ready),
	    FAULT(worker_killed_in_a_packet),
	    FAULT(workers_always_killed),
	    FAULT(broker_killed),
	    FAULT(state_cannot_be_written),
	    FAULT(state_is_damaged),
	    FAULT(guest_destroyed),
	    FAULT(guest_rebooted),
	    FAULT(guest_migrated),
	    FAULT(guest_ballooned),
	    FAULT(xenstored_restarted),
#ifndef __SANITIZE_ADDRESS__
	    FAULT(broker_out_of_memory),
#endif
	    FAULT(buffers_overflow),
	    FAULT(clock_stepped),
	    FAULT(fifty_guests_ring_at_their_limits),
	};

	faults_heading();
	return cmocka_run_group_tests(all, NULL, NULL);
}
