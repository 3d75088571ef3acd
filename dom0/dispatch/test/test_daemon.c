/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole daemon on a host that is made up: who is treated how, and what is counted. */
#include "dispatch/kernels.h"
#include "dispatch/valgrind.h"
#include "sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

static const struct tocsin_tally *now(void)
{
	return &sim->shared->now;
}

static int make(void **state)
{
	sim_make(4);
	sim->settings.job_seconds = 60; /* no worker hangs, however slow the machine is */
	return 0;
}

static int end(void **state)
{
	sim_end();
	return 0;
}

static void public_key(uint8_t key[32])
{
	char path[128], hex[80] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s.pub", sim->key);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(hex, sizeof(hex), f));
	fclose(f);
	assert_int_equal(sodium_hex2bin(key, 32, hex, 64, NULL, NULL, NULL), 0);
}

/* The answer is whole, signed, and about this ticket of this guest. */
static void answered(uint32_t domid, unsigned int slot, uint32_t ticket, uint32_t verdict)
{
	const struct tocsin_request *r = sim_slot(domid, slot);
	uint8_t key[32];

	assert_int_equal(r->answer.state, TOCSIN_STATE_DONE);
	assert_int_equal(r->answer.ticket, ticket);
	if (verdict)
		assert_int_equal(r->answer.verdict, verdict);
	assert_memory_equal(r->answer.domain_uuid, sim_guest(domid)->uuid, 16);
	public_key(key);
	assert_int_equal(tocsin_signature_verify(key, r->nonce, &r->answer), 0);
}

static void every_trigger_is_reported(void **state)
{
	uint32_t tickets[4];

	sim_start();
	for (unsigned int i = 0; i < 3; i++)
		sim_ring(1, TOCSIN_OP_PING, i);
	for (unsigned int i = 0; i < 4; i++)
		tickets[i] = sim_ring(1 + i % 2, TOCSIN_OP_SCAN, sim_ask(1 + i % 2, i, MADE_PID));
	sim_ring(3, TOCSIN_OP_SCAN_SELF, 0);
	sim_ring(3, TOCSIN_OP_SCAN, 0xdead0000); /* no block there */
	assert_true(sim_settled(9));
	for (unsigned int i = 0; i < 4; i++)
		answered(1 + i % 2, i, tickets[i], 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->accepted, 9);
	assert_int_equal(now()->rings, 3);
	assert_int_equal(now()->verdicts, 5);
	assert_int_equal(now()->errors, 1);
	assert_int_equal(now()->answered, 4);
	assert_int_equal(sim_lines(sim->log, "\"kind\":\"ring\""), 3);
	assert_int_equal(sim_lines(sim->log, "\"kind\":\"verdict\""), 5);
	assert_int_equal(sim_lines(sim->log, "\"kind\":\"error\""), 1);
	assert_int_equal(sim_lines(sim->log, "\"name\":\"guest-3\""), 2);
	assert_int_equal(sim_lines(sim->errors, "9 triggers taken, 9 reported, 0 records lost"), 1);
}

static void a_program_that_rings_in_a_loop_is_scanned_once(void **state)
{
	sim->settings.worker.job.coalesce = 60 * 1000000000ull;
	sim_start();
	for (unsigned int i = 0; i < 20; i++)
		sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, i, 0));
	assert_true(sim_settled(20));
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->verdicts, 20);
	assert_int_equal(now()->answered, 20);
	assert_int_equal(now()->coalesced, 19);
	for (unsigned int i = 1; i < 20; i++) {
		answered(1, i, i + 1, sim_slot(1, 0)->answer.verdict);
		assert_int_equal(sim_slot(1, i)->answer.findings, sim_slot(1, 0)->answer.findings);
	}
	assert_int_equal(sim_lines(sim->log, "\"coalesced\":true"), 19);
}

static bool all_are_taken(void)
{
	return now()->accepted == 401;
}

static void what_waits_is_bounded_and_counted(void **state)
{
	sim->settings.share = 50;
	sim_start();
	sim_fault(1, SIM_STALL, -1);
	for (unsigned int i = 0; i < 400; i++)
		sim_ring(1, TOCSIN_OP_SCAN_SELF, 0);
	sim_ring(2, TOCSIN_OP_SCAN_SELF, 0);
	assert_true(sim_wait(all_are_taken));
	sim_fault(1, SIM_NO_FAULT, 0);
	assert_true(sim_settled(401));
	assert_true(now()->lost[TOCSIN_LOST_QUEUE] >= 400 - 50 - TOCSIN_WORKER_DEPTH - 100);
	assert_int_equal(now()->lost[TOCSIN_LOST_QUEUE] + now()->verdicts, 401);
	assert_int_equal(sim_stop(), 0);
	assert_true(sim_lines(sim->log, "the daemon's queue was full") > 0);
	assert_int_equal(sim_lines(sim->log, "\"name\":\"guest-2\""), 1);
}

static bool second_is_done(void)
{
	return sim_slot(2, 0)->answer.state == TOCSIN_STATE_DONE;
}

static void nobody_waits_for_another_guest(void **state)
{
	sim->settings.worker.job.coalesce = 0;
	sim_start();
	sim_fault(1, SIM_STALL, -1);
	for (unsigned int i = 0; i < 500; i++)
		sim_ring(1, TOCSIN_OP_SCAN_SELF, 0);
	sim_ring(2, TOCSIN_OP_SCAN, sim_ask(2, 0, 0));
	assert_true(sim_wait(second_is_done));
	assert_true(now()->verdicts < 400);
	sim_fault(1, SIM_NO_FAULT, 0);
	assert_true(sim_settled(501));
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->verdicts, 501);
}

static void tickets_that_never_come_are_counted(void **state)
{
	sim_start();
	sim_ring(1, TOCSIN_OP_PING, 0);
	sim_guest(1)->ticket += 5;
	sim_ring(1, TOCSIN_OP_PING, 0);
	assert_true(sim_settled(2));
	for (int i = 0; i < 100 && !now()->lost[TOCSIN_LOST_TICKETS]; i++)
		poll(NULL, 0, 100);
	assert_int_equal(now()->lost[TOCSIN_LOST_TICKETS], 5);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_lines(sim->log, "no record of it came of domain 1 (guest-1)"), 1);
}

static void a_worker_is_locked_in(void **state)
{
	if (UNDER_VALGRIND) {
		print_message("# left out: under valgrind it is not\n");
		return;
	}
	sim_start();
	sim_fault(1, SIM_PROBE, 1);
	sim_ring(1, TOCSIN_OP_SCAN_SELF, 0);
	assert_true(sim_settled(1));
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(sim_guest(1)->probed, 4);
	/* The accounts. Their address is not tried: other memory may be there by now. */
	assert_int_equal(sim_guest(1)->shared, 0);
	assert_int_equal(now()->verdicts, 1);
	assert_int_equal(now()->workers_died, 0);
}

static void who_only_pings_costs_no_worker(void **state)
{
	sim_start();
	sim->slow_drain = true; /* so that they come at once */
	for (unsigned int i = 0; i < 500; i++)
		sim_ring(1, TOCSIN_OP_PING, i);
	sim->slow_drain = false;
	sim_ring(1, TOCSIN_OP_PING, 500);
	assert_true(sim_settled(501));
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->rings, 501);
	assert_int_equal(now()->workers_started, 0);
}

static int first; /* worker's pid */

static bool first_ended(void)
{
	return kill(first, 0) && errno == ESRCH;
}

static void who_has_nothing_to_do_ends(void **state)
{
	sim->settings.idle_seconds = 1;
	sim_start();
	sim_ring(1, TOCSIN_OP_SCAN_SELF, 0);
	assert_true(sim_settled(1));
	first = sim_guest(1)->worker;
	assert_true(sim_wait(first_ended));
	sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, 0, 0));
	assert_true(sim_settled(2));
	answered(1, 0, 2, 0);
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->workers_started, 2);
	assert_int_equal(now()->workers_died, 0);
}

/* The writer makes it, in a process that may come to it later than a worker to its guest. */
static bool log_is_there(void)
{
	return access(sim->log, F_OK) == 0;
}

/* Workers with old rules finish what they have, and get no more; the log is another file. */
static void reloading_loses_nothing(void **state)
{
	char old[128];

	sim->settings.worker.job.coalesce = 0;
	sim_start();
	sim_fault(1, SIM_STALL, -1);
	for (unsigned int i = 0; i < 100; i++)
		sim_ring(1, TOCSIN_OP_SCAN_SELF, 0);
	while (!sim_guest(1)->worker)
		poll(NULL, 0, 1);
	first = sim_guest(1)->worker;
	assert_true(sim_wait(log_is_there));
	snprintf(old, sizeof(old), "%s.1", sim->log);
	assert_int_equal(rename(sim->log, old), 0);
	kill(sim->supervisor, SIGHUP);
	assert_true(sim_wait(first_ended));
	sim_fault(1, SIM_NO_FAULT, 0);
	assert_true(sim_settled(100));
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->verdicts, 100);
	assert_int_equal(now()->workers_died, 0);
	assert_true(now()->workers_started >= 2);
	assert_true(sim_lines(sim->log, "verdict") > 0);
	assert_int_equal(sim_lines(old, "\"kind\":\"verdict\"") +
			     sim_lines(sim->log, "\"kind\":\"verdict\""),
			 100);
}

static void counters_survive(void **state)
{
	sim_start();
	sim_ring(1, TOCSIN_OP_PING, 0);
	assert_true(sim_settled(1));
	assert_int_equal(sim_stop(), 0);
	memset(sim->shared, 0, sizeof(*sim->shared));
	sim_start();
	sim_ring(1, TOCSIN_OP_PING, 0);
	assert_true(sim_settled(2));
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->accepted, 2);
	assert_int_equal(now()->lost[TOCSIN_LOST_TICKETS], 0);
	assert_int_equal(sim_lines(sim->errors, "1 triggers taken, 1 reported, 0 records lost"), 2);
}

static void what_was_rung_before_is_dropped_and_said(void **state)
{
	sim_ring(1, TOCSIN_OP_PING, 0);
	sim_ring(1, TOCSIN_OP_PING, 0);
	sim_start();
	sim_ring(1, TOCSIN_OP_PING, 0);
	assert_true(sim_settled(1));
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->rings, 1);
	assert_int_equal(now()->lost[TOCSIN_LOST_STALE], 2);
	assert_int_equal(sim_lines(sim->log, "rung before tocsind was there"), 1);
}

static void nobody_who_is_not_there_is_treated(void **state)
{
	sim_start();
	sim_guest(9)->ticket = 0;
	sim_ring(9, TOCSIN_OP_SCAN_SELF, 0);
	assert_true(sim_settled(1));
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(now()->refused, 1);
	assert_int_equal(sim_lines(sim->log, "there is no domain 9"), 1);
}

/* By the first look at all domains. */
static bool old_kernels_are_gone(void)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/kernels/%032x", sim->folder, 9);
	return access(path, F_OK) != 0;
}

static void kernels_of_guests_that_are_gone_are_removed(void **state)
{
	static char kernels[96];
	const struct timespec long_ago[2] = {{1, 0}, {1, 0}};
	char old[160], here[160];

	snprintf(kernels, sizeof(kernels), "%s/kernels", sim->folder);
	assert_int_equal(mkdir(kernels, 0700), 0);
	snprintf(old, sizeof(old), "%s/%032x", kernels, 9);
	assert_int_equal(mkdir(old, 0700), 0);
	assert_int_equal(utimensat(AT_FDCWD, old, long_ago, 0), 0);
	assert_true(tocsin_kernels_folder(kernels, sim_guest(1)->uuid, here, sizeof(here)));
	assert_int_equal(mkdir(here, 0700), 0);
	assert_int_equal(utimensat(AT_FDCWD, here, long_ago, 0), 0);
	sim->settings.worker.cache = kernels;
	sim_start();
	assert_true(sim_wait(old_kernels_are_gone));
	assert_int_equal(sim_stop(), 0);
	assert_int_equal(access(here, F_OK), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, end)
	const struct CMUnitTest all[] = {
	    TEST(every_trigger_is_reported),
	    TEST(a_program_that_rings_in_a_loop_is_scanned_once),
	    TEST(what_waits_is_bounded_and_counted),
	    TEST(nobody_waits_for_another_guest),
	    TEST(tickets_that_never_come_are_counted),
	    TEST(a_worker_is_locked_in),
	    TEST(who_only_pings_costs_no_worker),
	    TEST(who_has_nothing_to_do_ends),
	    TEST(reloading_loses_nothing),
	    TEST(counters_survive),
	    TEST(what_was_rung_before_is_dropped_and_said),
	    TEST(nobody_who_is_not_there_is_treated),
	    TEST(kernels_of_guests_that_are_gone_are_removed),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
