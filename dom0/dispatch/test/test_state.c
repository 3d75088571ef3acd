/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], path[96];
static struct tocsin_daemon_state_pending rows[64];
static struct tocsin_daemon_state_guest guests[8];
static size_t row_count, guest_count;
static struct tocsin_tally counters;

static void take_row(void *context, const struct tocsin_daemon_state_pending *p)
{
	rows[row_count++] = *p;
}

static void take_guest(void *context, const struct tocsin_daemon_state_guest *g)
{
	guests[guest_count++] = *g;
}

static struct tocsin_daemon_state *open_state(void)
{
	struct tocsin_error err = {0};
	struct tocsin_daemon_state *s;

	assert_int_equal(tocsin_daemon_state_open(path, &s, &err), 0);
	row_count = guest_count = 0;
	assert_int_equal(tocsin_daemon_state_pendings(s, take_row, NULL), 0);
	assert_int_equal(tocsin_daemon_state_guests(s, take_guest, NULL), 0);
	return s;
}

static struct tocsin_daemon_state_pending pending(uint64_t id)
{
	struct tocsin_daemon_state_pending p = {.id = id,
						.attempts = 1,
						.event = {.kind = TOCSIN_EVENT_TRIGGER,
							  .cpu = 3,
							  .tsc = 1ull << 63,
							  .record = {.domid = 7, .seq = 9}}};

	memset(p.uuid, 0xab, sizeof(p.uuid));
	return p;
}

static int make(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/tocsin-state-XXXXXX");
	memset(&counters, 0, sizeof(counters));
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/state.db", folder);
	return 0;
}

static int end(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void what_was_said_is_there_again(void **state)
{
	struct tocsin_daemon_state *s = open_state();
	struct tocsin_daemon_state_pending one = pending(1), two = pending(2);
	uint8_t uuid[16] = {5};

	assert_int_equal(tocsin_daemon_state_add(s, &one), 0);
	assert_int_equal(tocsin_daemon_state_add(s, &two), 0);
	assert_int_equal(tocsin_daemon_state_attempt(s, 2, 2), 0);
	assert_int_equal(tocsin_daemon_state_remove(s, 1), 0);
	assert_int_equal(tocsin_daemon_state_switch(s, uuid, 4, 100), 0);
	assert_int_equal(tocsin_daemon_state_ticket(s, uuid, 4, UINT32_MAX), 0);
	counters.accepted = 17;
	counters.lost[TOCSIN_LOST_REPORTS] = 3;
	assert_int_equal(tocsin_daemon_state_commit(s, &counters, true), 0);
	tocsin_daemon_state_close(s);

	s = open_state();
	assert_int_equal(row_count, 1);
	two.attempts = 2;
	assert_memory_equal(&rows[0].event.record, &two.event.record, sizeof(two.event.record));
	assert_int_equal(rows[0].attempts, 2);
	assert_int_equal(rows[0].event.cpu, 3);
	assert_true(rows[0].event.tsc == 1ull << 63);
	assert_memory_equal(rows[0].uuid, two.uuid, 16);
	assert_int_equal(guest_count, 1);
	assert_int_equal(guests[0].domid, 4);
	assert_int_equal(guests[0].rate, 100);
	assert_true(guests[0].has_ticket && guests[0].last_ticket == UINT32_MAX);
	memset(&counters, 0, sizeof(counters));
	assert_int_equal(tocsin_daemon_state_counters(s, &counters), 0);
	assert_int_equal(counters.accepted, 17);
	assert_int_equal(counters.lost[TOCSIN_LOST_REPORTS], 3);
	tocsin_daemon_state_close(s);
}

static void a_ticket_is_forgotten_with_the_domain(void **state)
{
	struct tocsin_daemon_state *s = open_state();
	uint8_t uuid[16] = {5};

	assert_int_equal(tocsin_daemon_state_ticket(s, uuid, 4, 8), 0);
	assert_int_equal(tocsin_daemon_state_switch(s, uuid, 4, 10), 0);
	assert_int_equal(tocsin_daemon_state_commit(s, &counters, false), 0);
	tocsin_daemon_state_close(s);
	s = open_state();
	assert_true(guests[0].has_ticket);
	assert_int_equal(tocsin_daemon_state_switch(s, uuid, 5, 10), 0);
	assert_int_equal(tocsin_daemon_state_commit(s, &counters, false), 0);
	tocsin_daemon_state_close(s);
	s = open_state();
	assert_false(guests[0].has_ticket);
	tocsin_daemon_state_close(s);
}

/* Killed in the middle: what was committed is there, and nothing of what was not. */
static void a_kill_loses_what_was_not_committed_alone(void **state)
{
	struct tocsin_daemon_state *s;
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct tocsin_daemon_state_pending p;

		if (tocsin_daemon_state_open(path, &s, NULL))
			_exit(1);
		for (uint64_t id = 1; id <= 10; id++) {
			p = pending(id);
			tocsin_daemon_state_add(s, &p);
		}
		tocsin_daemon_state_commit(s, &counters, false);
		for (uint64_t id = 11; id <= 20; id++) {
			p = pending(id);
			tocsin_daemon_state_add(s, &p);
		}
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	s = open_state();
	assert_int_equal(row_count, 10);
	tocsin_daemon_state_close(s);
}

/* A file as another boot of the machine left it. */
static void nothing_is_pending_after_a_reboot(void **state)
{
	struct tocsin_daemon_state *s = open_state();
	struct tocsin_daemon_state_pending p = pending(1);
	uint8_t uuid[16] = {5};
	sqlite3 *db;

	assert_int_equal(tocsin_daemon_state_add(s, &p), 0);
	assert_int_equal(tocsin_daemon_state_switch(s, uuid, 4, 100), 0);
	assert_int_equal(tocsin_daemon_state_commit(s, &counters, true), 0);
	tocsin_daemon_state_close(s);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE boot SET id = 'another'", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	s = open_state();
	assert_int_equal(row_count, 0);
	assert_int_equal(guest_count, 1);
	assert_int_equal(guests[0].rate, 100);
	assert_int_equal(guests[0].domid, 0);
	tocsin_daemon_state_close(s);
}

static void what_is_damaged_is_set_aside(void **state)
{
	struct tocsin_daemon_state *s = open_state();
	struct tocsin_daemon_state_pending p = pending(1);
	char aside[128];
	FILE *f;

	assert_int_equal(tocsin_daemon_state_add(s, &p), 0);
	assert_int_equal(tocsin_daemon_state_commit(s, &counters, true), 0);
	tocsin_daemon_state_close(s);
	f = fopen(path, "r+e");
	assert_non_null(f);
	fseek(f, 4096, SEEK_SET);
	for (int i = 0; i < 3000; i++)
		fputs("nonsense", f);
	fclose(f);
	s = open_state();
	assert_int_equal(row_count, 0);
	assert_int_equal(tocsin_daemon_state_add(s, &p), 0);
	assert_int_equal(tocsin_daemon_state_commit(s, &counters, true), 0);
	tocsin_daemon_state_close(s);
	snprintf(aside, sizeof(aside), "%s.damaged", path);
	assert_int_equal(access(aside, F_OK), 0);
}

static void a_folder_that_is_not_there_is_said(void **state)
{
	struct tocsin_error err = {0};
	struct tocsin_daemon_state *s = NULL;

	assert_true(tocsin_daemon_state_open("/nowhere/at/all/state.db", &s, &err) < 0);
	assert_null(s);
	assert_non_null(strstr(err.message, "/nowhere/at/all/state.db"));
}

static void none_does_nothing(void **state)
{
	struct tocsin_daemon_state_pending p = pending(1);

	assert_int_equal(tocsin_daemon_state_add(NULL, &p), 0);
	assert_int_equal(tocsin_daemon_state_remove(NULL, 1), 0);
	assert_int_equal(tocsin_daemon_state_commit(NULL, &counters, true), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, end)
	const struct CMUnitTest all[] = {
	    TEST(what_was_said_is_there_again),
	    TEST(a_ticket_is_forgotten_with_the_domain),
	    TEST(a_kill_loses_what_was_not_committed_alone),
	    TEST(nothing_is_pending_after_a_reboot),
	    TEST(what_is_damaged_is_set_aside),
	    TEST(a_folder_that_is_not_there_is_said),
	    TEST(none_does_nothing),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
