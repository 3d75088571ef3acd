// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The watch against a guest that is made up: what differs between two samples becomes the events
 * that it should, and nothing else; what could not be read becomes none.
 */
#include "monitor_world.h"

static void processes_begin_execute_and_end(void **state)
{
	struct world *w = *state;

	begin(w);
	sample(w, NULL);
	add_task(w, 7, 1, "sh");
	sample(w, "started sh of init", NULL);
	w->tasks[1].mm += 8;
	strcpy(w->tasks[1].comm, "curl");
	sample(w, "executed curl of sh", NULL);
	strcpy(w->tasks[1].comm, "renamed");
	sample(w, NULL);
	w->tasks[1].exec_id += 2; /* twice between two samples: the memory is at its place again */
	strcpy(w->tasks[1].comm, "curl");
	sample(w, "executed curl of curl", NULL);
	sample(w, NULL);
	remove_task(w, 7);
	sample(w, "exited curl of init", NULL);
}

static void a_pid_that_is_used_again_is_another_process(void **state)
{
	struct world *w = *state;

	add_task(w, 7, 1, "old");
	sample(w, "initial begin", "initial started init", "initial started old of init", NULL);
	remove_task(w, 7);
	add_task(w, 7, 1, "new");
	w->tasks[1].start_time += 5;
	sample(w, "started new of init", "exited old of init", NULL);
}

/* The list moved, and lacked a process that is still there. */
static void a_process_that_answers_is_not_gone(void **state)
{
	struct world *w = *state;
	struct tocsin_task saved;

	add_task(w, 7, 1, "sh");
	sample(w, "initial begin", "initial started init", "initial started sh of init", NULL);
	saved = w->tasks[1];
	w->tasks[1].pid = 1; /* in the list init stands twice; the process itself is found by PID */
	w->tasks[1] = w->tasks[0];
	w->tasks[0] = saved;
	w->parents[0] = 1;
	sample(w, NULL);
}

static void connections_are_opened_accepted_and_closed(void **state)
{
	struct world *w = *state;

	begin(w);
	add_tcp(w, 0x100, TCP_LISTEN, 80, 0, 1, 3);
	sample(w, "listening init tcp", NULL);
	add_tcp(w, 0x200, TCP_ESTABLISHED, 80, 5000, 1, 4);
	add_tcp(w, 0x300, TCP_SYN_SENT, 6000, 443, 1, 5);
	sample(w, "accepted init tcp", "opened init tcp", NULL);
	row_at(w, 0x300)->socket.state = TCP_ESTABLISHED;
	sample(w, NULL);
	remove_socket(w, 0x200);
	remove_socket(w, 0x300);
	sample(w, "closed init tcp", "closed init tcp", NULL);
	remove_socket(w, 0x100);
	add_tcp(w, 0x400, TCP_ESTABLISHED, 80, 5001, 1,
		4); /* it was taken, then the listener went */
	sample(w, "unlistened init tcp", "accepted init tcp", NULL);
}

/* Malware often deletes its file when it runs already. */
static void a_program_is_looked_at_again_when_it_connects(void **state)
{
	struct world *w = *state;

	begin(w);
	assert_false(w->deleted_said);
	w->deleted = true;
	sample(w, NULL);
	add_tcp(w, 0x200, TCP_ESTABLISHED, 5000, 443, 1, 4);
	sample(w, "opened init tcp", NULL);
	assert_true(w->deleted_said);
}

/* The child's table could not be read: it has let go of nothing, as far as is known. */
static void a_holder_whose_files_are_torn_has_not_let_go(void **state)
{
	struct world *w = *state;

	add_task(w, 7, 1, "sh");
	sample(w, "initial begin", "initial started init", "initial started sh of init", NULL);
	add_tcp(w, 0x200, TCP_ESTABLISHED, 5000, 443, 1, 4);
	sample(w, "opened init tcp", NULL);
	w->holders[w->holder_count++] =
	    (struct tocsin_holder){.sock = 0x200, .pid = 7, .tid = 7, .fd = 3};
	w->holders[w->holder_count - 1].inode = w->holders[0].inode;
	sample(w, "held sh of init tcp: handed over", NULL);
	let_go(w, 0x200, 7);
	w->torn_files = 1;
	sample(w, NULL);
	w->torn_files = 0;
	sample(w, "released sh tcp", NULL);
	remove_task(w, 7);
	sample(w, "exited sh of init", NULL);
}

/* Between the list of processes and that of descriptors a PID went to another process. */
static void a_pid_that_is_used_again_while_read_names_nobody(void **state)
{
	struct world *w = *state;

	add_task(w, 7, 1, "old");
	sample(w, "initial begin", "initial started init", "initial started old of init", NULL);
	add_tcp(w, 0x200, TCP_ESTABLISHED, 5000, 443, 7, 4);
	w->holders[0].task = task_of(7) + 0x8000;
	sample(w, NULL);
	remove_task(w, 7);
	add_task(w, 7, 1, "new");
	w->tasks[1].start_time += 5;
	w->tasks[1].task += 0x8000;
	sample(w, "started new of init", "opened new tcp", "exited old of init", NULL);
}

/* The same memory is another socket: an inode of its own, or other addresses. */
static void a_place_that_is_used_again_is_another_socket(void **state)
{
	struct world *w = *state;

	begin(w);
	add_tcp(w, 0x200, TCP_ESTABLISHED, 6000, 443, 1, 4);
	sample(w, "opened init tcp", NULL);
	row_at(w, 0x200)->socket.inode = 77;
	sample(w, "closed init tcp", "opened init tcp", NULL);
	row_at(w, 0x200)->socket.local_port = 6001;
	sample(w, "closed init tcp", "opened init tcp", NULL);
}

static void who_waits_in_the_queue_is_told_of_when_accepted(void **state)
{
	struct world *w = *state;
	struct tocsin_view_row *row;

	begin(w);
	add_tcp(w, 0x100, TCP_LISTEN, 80, 0, 1, 3);
	row = add_tcp(w, 0x200, TCP_ESTABLISHED, 80, 5000, 0, -1);
	row->socket.owner = TOCSIN_OWNER_QUEUE;
	sample(w, "listening init tcp", NULL);
	sample(w, NULL);
	sample(w, NULL);
	sample(w, NULL);
	row->socket.owner = TOCSIN_OWNER_FILE;
	row->socket.inode = 5;
	w->holders[w->holder_count++] =
	    (struct tocsin_holder){.sock = 0x200, .pid = 1, .tid = 1, .fd = 4};
	sample(w, "accepted init tcp", NULL);
	row = add_tcp(w, 0x300, TCP_ESTABLISHED, 80, 5001, 0, -1);
	row->socket.owner = TOCSIN_OWNER_QUEUE;
	sample(w, NULL);
	remove_socket(w, 0x300);
	sample(w, "accepted tcp: no process accepted it", "closed tcp", NULL);
	row = add_tcp(w, 0x400, TCP_FIN_WAIT1, 5002, 443, 0, -1);
	row->socket.owner = TOCSIN_OWNER_QUEUE;
	sample(w, NULL);
	remove_socket(w, 0x400);
	sample(w, "opened tcp", "closed tcp", NULL);
}

static void an_orphan_is_closed_in_the_name_of_who_had_it(void **state)
{
	struct world *w = *state;

	add_task(w, 7, 1, "curl");
	add_tcp(w, 0x200, TCP_ESTABLISHED, 6000, 443, 7, 4);
	sample(w, "initial begin", "initial started init", "initial started curl of init",
	       "initial opened curl tcp", NULL);
	remove_task(w, 7);
	let_go(w, 0x200, 7);
	row_at(w, 0x200)->socket.state = TCP_FIN_WAIT1;
	row_at(w, 0x200)->socket.owner = TOCSIN_OWNER_NONE;
	row_at(w, 0x200)->socket.inode = 0;
	sample(w, "exited curl of init", NULL);
	remove_socket(w, 0x200);
	sample(w, "closed curl tcp", NULL);
}

static void sockets_are_inherited_handed_over_and_released(void **state)
{
	struct world *w = *state;

	add_task(w, 7, 1, "worker");
	add_tcp(w, 0x100, TCP_LISTEN, 80, 0, 1, 3);
	sample(w, "initial begin", "initial started init", "initial started worker of init",
	       "initial listening init tcp", NULL);
	add_task(w, 8, 1, "child");
	w->holders[w->holder_count++] =
	    (struct tocsin_holder){.sock = 0x100, .pid = 8, .tid = 8, .fd = 3};
	sample(w, "started child of init", "held child of init tcp: inherited", NULL);
	w->holders[w->holder_count++] =
	    (struct tocsin_holder){.sock = 0x100, .pid = 7, .tid = 7, .fd = 9};
	sample(w, "held worker of init tcp: handed over", NULL);
	let_go(w, 0x100, 1);
	sample(w, "released init tcp", NULL);
}

static void standard_input_that_becomes_a_connection_is_told(void **state)
{
	struct world *w = *state;

	add_task(w, 7, 1, "nc");
	sample(w, "initial begin", "initial started init", "initial started nc of init", NULL);
	add_tcp(w, 0x200, TCP_ESTABLISHED, 6000, 443, 7, 4);
	sample(w, "opened nc tcp", NULL);
	w->holders[w->holder_count++] =
	    (struct tocsin_holder){.sock = 0x200, .pid = 7, .tid = 7, .fd = 0};
	sample(w, "held nc tcp: as its standard input", NULL);
}

static void what_is_torn_is_neither_new_nor_gone(void **state)
{
	struct world *w = *state;
	struct tocsin_view_row *row;

	begin(w);
	row = add_tcp(w, 0x200, TCP_ESTABLISHED, 6000, 443, 1, 4);
	row->confidence = TOCSIN_TORN;
	sample(w, NULL);
	row->confidence = TOCSIN_CONSISTENT;
	sample(w, "opened init tcp", NULL);
	row->confidence = TOCSIN_TORN;
	row->socket.local_port = 9;
	sample(w, NULL);
	row->confidence = TOCSIN_CONSISTENT;
	row->socket.local_port = 6000;
	w->lurking = row->socket; /* its chain breaks off: not in the list, yet it answers */
	remove_socket(w, 0x200);
	sample(w, NULL);
	w->lurking.inode = 5; /* now another one answers there */
	sample(w, "closed init tcp", NULL);
}

static void what_never_holds_still_is_told_of(void **state)
{
	struct world *w = *state;
	struct tocsin_view_row *row;

	begin(w);
	row = add_tcp(w, 0x200, TCP_ESTABLISHED, 6000, 443, 1, 4);
	row->confidence = TOCSIN_TORN;
	for (int i = 0; i < 15; i++)
		sample(w, NULL);
	sample(w, "opened init tcp", NULL);
	sample(w, NULL);
	row->confidence = TOCSIN_CONSISTENT;
	sample(w, NULL);
	remove_socket(w, 0x200);
	sample(w, "closed init tcp", NULL);
	add_tcp(w, 0x300, TCP_TIME_WAIT, 6001, 443, 0, -1)->confidence = TOCSIN_TORN;
	sample(w, NULL);
	w->rows[w->row_count - 1].confidence = TOCSIN_CONSISTENT;
	sample(w, "opened tcp: over before it was seen", NULL);
}

static void a_table_that_stays_broken_is_a_finding_once(void **state)
{
	struct world *w = *state;

	begin(w);
	w->gaps = 1u << TOCSIN_TABLE_UDP;
	for (int i = 0; i < 63; i++)
		sample(w, NULL);
	w->gaps = 0;
	sample(w, NULL);
	w->gaps = 1u << TOCSIN_TABLE_UDP;
	for (int i = 0; i < 63; i++)
		sample(w, NULL);
	sample(w, "finding", NULL);
	sample(w, NULL);
}

static void torn_tables_of_files_release_nothing(void **state)
{
	struct world *w = *state;

	begin(w);
	add_tcp(w, 0x200, TCP_ESTABLISHED, 6000, 443, 1, 4);
	sample(w, "opened init tcp", NULL);
	let_go(w, 0x200, 1);
	w->torn_files = 1;
	sample(w, NULL);
	w->holders[w->holder_count++] =
	    (struct tocsin_holder){.sock = 0x200, .pid = 1, .tid = 1, .fd = 4};
	w->torn_files = 0;
	sample(w, NULL);
}

static void a_sample_that_fails_changes_nothing(void **state)
{
	struct world *w = *state;
	size_t events;

	begin(w);
	add_tcp(w, 0x200, TCP_ESTABLISHED, 6000, 443, 1, 4);
	w->view_rc = -EFAULT;
	assert_int_equal(tocsin_monitor_sample(w->m, &events, NULL), -EFAULT);
	assert_int_equal(events, 0);
	w->view_rc = 0;
	w->tasks_rc = -EAGAIN;
	assert_int_equal(tocsin_monitor_sample(w->m, &events, NULL), -EAGAIN);
	w->tasks_rc = 0;
	sample(w, "opened init tcp", NULL);
	w->refresh_rc = -ENODEV;
	assert_int_equal(tocsin_monitor_sample(w->m, &events, NULL), -ENODEV);
	assert_int_equal(tocsin_monitor_account(w->m), 0);
	assert_int_equal(w->account.failed, 3);
	assert_int_equal(w->account.samples, 2);
}

static void leftovers_of_unseen_connections_are_strangers(void **state)
{
	struct world *w = *state;

	add_tcp(w, 0x900, TCP_TIME_WAIT, 5555, 80, 0, -1);
	begin(w);
	add_tcp(w, 0x200, TCP_ESTABLISHED, 6000, 443, 1, 4);
	sample(w, "opened init tcp", NULL);
	remove_socket(w, 0x200);
	add_tcp(w, 0x210, TCP_TIME_WAIT, 6000, 443, 0, -1); /* of the one above */
	add_tcp(w, 0x220, TCP_TIME_WAIT, 6001, 443, 0, -1);
	sample(w, "closed init tcp", "opened tcp: over before it was seen", NULL);
	remove_socket(w, 0x210);
	remove_socket(w, 0x220);
	sample(w, NULL);
	assert_int_equal(tocsin_monitor_account(w->m), 0);
	assert_int_equal(w->account.strangers, 1);
	assert_int_equal(w->account.connected, 2);
}

/* One that closes while a sample is read is in no row of it, nor is what it leaves. */
static void leftovers_that_come_late_are_of_whom_was_seen(void **state)
{
	struct world *w = *state;

	begin(w);
	add_tcp(w, 0x200, TCP_ESTABLISHED, 6000, 443, 1, 4);
	sample(w, "opened init tcp", NULL);
	remove_socket(w, 0x200);
	sample(w, "closed init tcp", NULL);
	sample(w, NULL);
	add_tcp(w, 0x210, TCP_TIME_WAIT, 6000, 443, 0, -1);
	sample(w, NULL);
	remove_socket(w, 0x210); /* and its port is used again, for a short while */
	add_tcp(w, 0x220, TCP_TIME_WAIT, 6000, 443, 0, -1);
	for (int i = 0; i < 16; i++)
		sample(w, NULL);
	remove_socket(w, 0x220);
	add_tcp(w, 0x230, TCP_TIME_WAIT, 6000, 443, 0, -1);
	sample(w, "opened tcp: over before it was seen", NULL);
	assert_int_equal(tocsin_monitor_account(w->m), 0);
	assert_int_equal(w->account.strangers, 1);
}

/* A sample may miss a chain: what was stated, or was of whom was seen, is not stated again. */
static void a_leftover_that_was_missed_is_no_stranger(void **state)
{
	struct world *w = *state;

	begin(w);
	add_tcp(w, 0x200, TCP_ESTABLISHED, 6000, 443, 1, 4);
	sample(w, "opened init tcp", NULL);
	remove_socket(w, 0x200);
	add_tcp(w, 0x210, TCP_TIME_WAIT, 6000, 443, 0, -1);
	add_tcp(w, 0x220, TCP_TIME_WAIT, 6001, 443, 0, -1);
	sample(w, "closed init tcp", "opened tcp: over before it was seen", NULL);
	for (int i = 0; i < 40; i++)
		sample(w, NULL);
	remove_socket(w, 0x210);
	remove_socket(w, 0x220);
	sample(w, NULL);
	add_tcp(w, 0x210, TCP_TIME_WAIT, 6000, 443, 0, -1);
	add_tcp(w, 0x220, TCP_TIME_WAIT, 6001, 443, 0, -1);
	sample(w, NULL);
	remove_socket(w, 0x220);
	sample(w, NULL);
	add_tcp(w, 0x230, TCP_TIME_WAIT, 6001, 443, 0, -1); /* of another connection */
	sample(w, "opened tcp: over before it was seen", NULL);
}

/* A sample may have a connection that closes, and what it leaves. */
static void who_is_seen_beside_its_leftover_is_stated_once(void **state)
{
	struct world *w = *state;

	begin(w);
	add_tcp(w, 0x200, TCP_FIN_WAIT1, 6000, 443, 0, -1)->socket.owner = TOCSIN_OWNER_NONE;
	add_tcp(w, 0x210, TCP_TIME_WAIT, 6000, 443, 0, -1);
	sample(w, "opened tcp", NULL);
	remove_socket(w, 0x200);
	sample(w, "closed tcp", NULL);
}

/* connect() says SYN_SENT before it has chosen a port. */
static void who_connects_without_a_port_has_no_connection(void **state)
{
	struct world *w = *state;

	begin(w);
	add_tcp(w, 0x200, TCP_SYN_SENT, 0, 443, 1, 4);
	sample(w, NULL);
	row_at(w, 0x200)->socket.local_port = 6000;
	sample(w, "opened init tcp", NULL);
}

static void the_guests_counters_tell_what_was_missed(void **state)
{
	struct world *w = *state;

	w->counters = (struct tocsin_counters){true, true, 100, 10, 20};
	begin(w);
	w->counters = (struct tocsin_counters){true, true, 107, 12, 23};
	add_task(w, 9, 1, "x");
	sample(w, "started x of init", NULL);
	assert_int_equal(tocsin_monitor_account(w->m), 0);
	assert_true(w->account.forks_known && w->account.opens_known);
	assert_int_equal(w->account.forks, 7);
	assert_int_equal(w->account.started, 1);
	assert_int_equal(w->account.opens, 5);
	assert_true(w->account.longest >= 100000000 && w->account.longest < 110000000);
	w->counters.opens_known = false;
	sample(w, NULL);
	assert_int_equal(tocsin_monitor_account(w->m), 0);
	assert_false(w->account.opens_known);
	assert_int_equal(w->account.forks, 0);
}

static void a_hidden_socket_is_a_finding_once(void **state)
{
	struct world *w = *state;

	begin(w);
	add_tcp(w, 0x200, TCP_ESTABLISHED, 6000, 443, 1, 4)->confidence = TOCSIN_CONTRADICTED;
	sample(w, "opened init tcp", NULL);
	row_at(w, 0x200)->confidence = TOCSIN_CONSISTENT;
	sample(w, NULL);
	row_at(w, 0x200)->confidence = TOCSIN_CONTRADICTED;
	sample(w, NULL);
	sample(w, "finding init tcp", NULL);
	sample(w, NULL);
}

/* "pid:fd " of each that holds a socket, with "L" if it listens. */
static int note_holder(const struct tocsin_event_process *p, const struct tocsin_event_socket *s,
		       int32_t fd, size_t holders, void *context)
{
	char *said = context;

	assert_int_equal(holders, s->socket.sock == 0x200 ? 2 : 1);
	sprintf(said + strlen(said), "%d:%d%s ", p->pid, fd, tocsin_monitor_listens(s) ? "L" : "");
	return strlen(said) > 15 ? 1 : 0;
}

static void what_is_known_now_can_be_looked_at(void **state)
{
	struct world *w = *state;
	struct tocsin_monitor_standing standing;
	char said[64] = "";

	tocsin_monitor_standing(w->m, &standing);
	assert_true(!standing.time && !standing.account.samples && !standing.account.period);
	add_task(w, 9, 1, "x");
	add_tcp(w, 0x200, TCP_LISTEN, 80, 0, 1, 4);
	w->holders[w->holder_count++] =
	    (struct tocsin_holder){.sock = 0x200, .pid = 9, .tid = 9, .fd = 5};
	add_tcp(w, 0x210, TCP_ESTABLISHED, 6000, 443, 9, 6);
	sample(w, "initial begin", "initial started init", "initial started x of init",
	       "initial listening init tcp", "initial opened x tcp", NULL);
	sample(w, NULL);
	assert_int_equal(tocsin_monitor_each_holder(w->m, note_holder, said), 0);
	assert_string_equal(said, "1:4L 9:5L 9:6 ");
	assert_int_equal(tocsin_monitor_each_holder(w->m, note_holder, said), 1);
	tocsin_monitor_standing(w->m, &standing);
	assert_true(standing.time > 1000000000 && standing.time <= w->time);
	assert_int_equal(standing.account.samples, 2);
	assert_true(standing.account.period > 0 && standing.account.cost > 0);
	assert_true(standing.account.longest >= standing.account.period);
	/* To look is not to state: the account that is stated has it all. */
	assert_int_equal(tocsin_monitor_account(w->m), 0);
	assert_int_equal(w->account.samples, 2);
	assert_int_equal(w->account.period, standing.account.period);
	assert_int_equal(w->account.cost, standing.account.cost);
	tocsin_monitor_standing(w->m, &standing);
	assert_int_equal(standing.account.samples, 0);
}

static void what_take_returns_ends_the_sample(void **state)
{
	struct world *w = *state;
	size_t events;

	begin(w);
	add_task(w, 9, 1, "x");
	w->said_count = EVENTS_MAX; /* take would fail the test: nothing may be stated */
	w->tasks_rc = -EIO;
	assert_int_equal(tocsin_monitor_sample(w->m, &events, NULL), -EIO);
}

static void the_pace_follows_what_happens(void **state)
{
	struct tocsin_pace p = {.least = 20, .most = 500, .share = 0.05};
	uint64_t before;

	tocsin_pace_step(&p, 0, 0);
	assert_int_equal(p.period, 20);
	for (int i = 0; i < 100; i++) {
		before = p.period;
		tocsin_pace_step(&p, 0, 0);
		assert_true(p.period >= before);
	}
	assert_int_equal(p.period, 500);
	tocsin_pace_step(&p, 3, 0);
	assert_int_equal(p.period, 250);
	tocsin_pace_step(&p, 3, 50); /* so dear that more would be beyond its share */
	assert_int_equal(p.period, 1000);
	assert_int_equal(p.affordable, 1000); /* not even for a ring */
	tocsin_pace_step(&p, 3, 1);
	assert_int_equal(p.period, 500);
	assert_int_equal(p.affordable, 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(processes_begin_execute_and_end),
	    TEST(a_pid_that_is_used_again_is_another_process),
	    TEST(a_pid_that_is_used_again_while_read_names_nobody),
	    TEST(a_holder_whose_files_are_torn_has_not_let_go),
	    TEST(a_process_that_answers_is_not_gone),
	    TEST(connections_are_opened_accepted_and_closed),
	    TEST(a_program_is_looked_at_again_when_it_connects),
	    TEST(a_place_that_is_used_again_is_another_socket),
	    TEST(who_waits_in_the_queue_is_told_of_when_accepted),
	    TEST(an_orphan_is_closed_in_the_name_of_who_had_it),
	    TEST(sockets_are_inherited_handed_over_and_released),
	    TEST(standard_input_that_becomes_a_connection_is_told),
	    TEST(what_is_torn_is_neither_new_nor_gone),
	    TEST(what_never_holds_still_is_told_of),
	    TEST(a_table_that_stays_broken_is_a_finding_once),
	    TEST(torn_tables_of_files_release_nothing),
	    TEST(a_sample_that_fails_changes_nothing),
	    TEST(leftovers_of_unseen_connections_are_strangers),
	    TEST(leftovers_that_come_late_are_of_whom_was_seen),
	    TEST(a_leftover_that_was_missed_is_no_stranger),
	    TEST(who_is_seen_beside_its_leftover_is_stated_once),
	    TEST(who_connects_without_a_port_has_no_connection),
	    TEST(the_guests_counters_tell_what_was_missed),
	    TEST(a_hidden_socket_is_a_finding_once),
	    TEST(what_is_known_now_can_be_looked_at),
	    TEST(what_take_returns_ends_the_sample),
	    cmocka_unit_test(the_pace_follows_what_happens),
	};

	return cmocka_run_group_tests_name("monitor", tests, NULL, NULL);
}
