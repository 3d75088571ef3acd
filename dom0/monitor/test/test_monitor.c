// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The watch against a guest that is made up: what differs between two samples becomes the events
 * that it should, and nothing else; what could not be read becomes none.
 */
#include "monitor/monitor.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define ROWS 64
#define EVENTS_MAX 512

/* The guest, as the next sample finds it; and what was stated of it, a line an event. */
struct world {
	struct tocsin_task tasks[ROWS];
	const char *exe[ROWS];
	int32_t parents[ROWS];
	size_t task_count;
	struct tocsin_view_row rows[ROWS];
	size_t row_count;
	struct tocsin_holder holders[ROWS];
	size_t holder_count;
	struct tocsin_counters counters;
	size_t torn_files;
	bool deleted, deleted_said; /* the programs' files; the last event says so */
	int tasks_rc, view_rc, refresh_rc;
	bool unanswered;              /* what the lists lack does not answer either */
	struct tocsin_socket lurking; /* not in the list, but answers; sock 0: none */
	uint64_t time;
	char said[EVENTS_MAX][160];
	size_t said_count;
	struct tocsin_event_account account;
	struct tocsin_monitor *m;
};

static int refresh(void *context, struct tocsin_error *err)
{
	return ((struct world *)context)->refresh_rc;
}

static void *copy_of(const void *from, size_t size)
{
	void *copy = malloc(size + 1);

	assert_non_null(copy);
	return memcpy(copy, from, size);
}

static int get_tasks(void *context, struct tocsin_task_list *ret, struct tocsin_error *err)
{
	struct world *w = context;

	if (w->tasks_rc)
		return w->tasks_rc;
	ret->rows = copy_of(w->tasks, w->task_count * sizeof(w->tasks[0]));
	ret->count = w->task_count;
	return 0;
}

static int compare_rows(const void *a, const void *b)
{
	const struct tocsin_view_row *x = a, *y = b;

	return (x->socket.sock > y->socket.sock) - (x->socket.sock < y->socket.sock);
}

static int compare_holders(const void *a, const void *b)
{
	const struct tocsin_holder *x = a, *y = b;

	return x->pid != y->pid ? (x->pid > y->pid) - (x->pid < y->pid) : x->fd - y->fd;
}

static uint64_t task_of(int32_t pid)
{
	return 0x1000 + (uint64_t)pid * 16;
}

static int get_view(void *context, struct tocsin_view_memory *memory, struct tocsin_view *ret,
		    struct tocsin_error *err)
{
	struct world *w = context;
	struct tocsin_holder *holders = malloc(ROWS * sizeof(*holders));
	size_t count = 0;

	assert_non_null(holders);
	if (w->view_rc) {
		free(holders);
		return w->view_rc;
	}
	ret->rows = copy_of(w->rows, w->row_count * sizeof(w->rows[0]));
	ret->count = w->row_count;
	qsort(ret->rows, ret->count, sizeof(ret->rows[0]), compare_rows);
	for (size_t i = 0; i < ret->count; i++) {
		ret->rows[i].first = count;
		for (size_t n = 0; n < w->holder_count; n++)
			if (w->holders[n].sock == ret->rows[i].socket.sock) {
				holders[count] = w->holders[n];
				if (!holders[count].task)
					holders[count].task = task_of(holders[count].pid);
				count++;
			}
		ret->rows[i].holders = count - ret->rows[i].first;
		qsort(holders + ret->rows[i].first, ret->rows[i].holders, sizeof(*holders),
		      compare_holders);
	}
	ret->holders.rows = holders;
	ret->holders.count = count;
	ret->holders.torn = w->torn_files;
	return 0;
}

static int get_counters(void *context, struct tocsin_counters *ret)
{
	*ret = ((struct world *)context)->counters;
	return 0;
}

static size_t index_of(const struct world *w, int32_t pid)
{
	size_t i = 0;

	while (i < w->task_count && w->tasks[i].pid != pid)
		i++;
	return i;
}

static int get_process(void *context, int32_t pid, struct tocsin_process *ret, char container[65])
{
	struct world *w = context;
	size_t i = index_of(w, pid);

	container[0] = 0;
	if (i == w->task_count)
		return -ESRCH;
	memset(ret, 0, sizeof(*ret));
	ret->pid = pid;
	ret->ppid = w->parents[i];
	ret->start_time = w->tasks[i].start_time;
	ret->task = w->tasks[i].task;
	ret->mm = w->tasks[i].mm;
	memcpy(ret->comm, w->tasks[i].comm, sizeof(ret->comm));
	snprintf(ret->exe, sizeof(ret->exe), "%s", w->exe[i]);
	ret->exe_id.deleted = w->deleted;
	return 0;
}

static int get_socket(void *context, uint64_t sock, struct tocsin_socket *ret)
{
	struct world *w = context;

	if (w->lurking.sock != sock)
		return -ESRCH;
	*ret = w->lurking;
	return 0;
}

static uint64_t get_time(void *context)
{
	return ((struct world *)context)->time += 1000000;
}

static int take(const struct tocsin_event *e, void *context)
{
	struct world *w = context;
	char *line = w->said[w->said_count];

	assert_true(w->said_count < EVENTS_MAX);
	assert_true(e->since < e->time);
	assert_non_null(e->detail);
	if (e->kind == TOCSIN_EVENT_ACCOUNT) {
		w->account = *e->account;
		return 0;
	}
	w->said_count++;
	w->deleted_said = e->process && e->process->exe_deleted;
	snprintf(line, sizeof(w->said[0]), "%s%s%s%s%s%s%s%s%s%s", e->initial ? "initial " : "",
		 tocsin_event_kind_name(e->kind), e->process ? " " : "",
		 e->process ? e->process->comm : "", e->other ? " of " : "",
		 e->other ? e->other->comm : "", e->socket ? " " : "",
		 e->socket ? tocsin_socket_kind(&e->socket->socket) : "", e->detail[0] ? ": " : "",
		 e->detail);
	return 0;
}

static void add_task(struct world *w, int32_t pid, int32_t parent, const char *comm)
{
	struct tocsin_task *t = &w->tasks[w->task_count];

	*t = (struct tocsin_task){.task = task_of(pid),
				  .mm = 0x9000 + (uint64_t)pid * 16,
				  .pid = pid,
				  .start_time = (uint64_t)pid * 1000};
	snprintf(t->comm, sizeof(t->comm), "%s", comm);
	w->exe[w->task_count] = "/bin/x";
	w->parents[w->task_count++] = parent;
}

static void remove_task(struct world *w, int32_t pid)
{
	size_t i = index_of(w, pid), after = w->task_count - i - 1;

	memmove(w->tasks + i, w->tasks + i + 1, after * sizeof(w->tasks[0]));
	memmove(w->exe + i, w->exe + i + 1, after * sizeof(w->exe[0]));
	memmove(w->parents + i, w->parents + i + 1, after * sizeof(w->parents[0]));
	w->task_count--;
}

/* A TCP socket at sock, which pid holds as fd; pid 0: nobody does. */
static struct tocsin_view_row *add_tcp(struct world *w, uint64_t sock, uint8_t tcp_state,
				       uint16_t local, uint16_t remote, int32_t pid, int32_t fd)
{
	struct tocsin_view_row *row = &w->rows[w->row_count++];

	*row = (struct tocsin_view_row){
	    .socket = {.sock = sock,
		       .inode = pid ? sock + 1 : 0,
		       .family = AF_INET,
		       .type = SOCK_STREAM,
		       .protocol = IPPROTO_TCP,
		       .state = tcp_state,
		       .local = {10, 0, 0, 1},
		       .remote = {0},
		       .local_port = local,
		       .remote_port = remote,
		       .owner = pid ? TOCSIN_OWNER_FILE : TOCSIN_OWNER_NONE},
	    .in_table = true};
	if (remote)
		row->socket.remote[0] = 192;
	if (pid)
		w->holders[w->holder_count++] =
		    (struct tocsin_holder){.sock = sock, .pid = pid, .tid = pid, .fd = fd};
	return row;
}

static struct tocsin_view_row *row_at(struct world *w, uint64_t sock)
{
	for (size_t i = 0; i < w->row_count; i++)
		if (w->rows[i].socket.sock == sock)
			return &w->rows[i];
	return NULL;
}

static void let_go(struct world *w, uint64_t sock, int32_t pid)
{
	for (size_t i = 0; i < w->holder_count; i++)
		if (w->holders[i].sock == sock && w->holders[i].pid == pid)
			w->holders[i--] = w->holders[--w->holder_count];
}

static void remove_socket(struct world *w, uint64_t sock)
{
	struct tocsin_view_row *row = row_at(w, sock);

	*row = w->rows[--w->row_count];
	for (size_t i = 0; i < w->holder_count; i++)
		if (w->holders[i].sock == sock)
			w->holders[i--] = w->holders[--w->holder_count];
}

/* Take a sample; what it states must be these lines, in this order. */
static void sample(struct world *w, ...)
{
	struct tocsin_error err = {0};
	const char *line;
	size_t events, i = 0;
	va_list lines;

	w->said_count = 0;
	w->time += 100000000;
	assert_int_equal(tocsin_monitor_sample(w->m, &events, &err), 0);
	va_start(lines, w);
	while ((line = va_arg(lines, const char *))) {
		if (i >= w->said_count)
			fail_msg("not stated: %s", line);
		assert_string_equal(w->said[i++], line);
	}
	va_end(lines);
	if (i < w->said_count)
		fail_msg("stated too: %s", w->said[i]);
}

static int setup(void **state)
{
	static const struct tocsin_monitor_source source = {
	    refresh, get_tasks, get_view, get_counters, get_process, get_socket, get_time, 0, 0};
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->time = 1000000000;
	add_task(w, 1, 0, "init");
	assert_int_equal(tocsin_monitor_open("a", &source, w, take, w, &w->m, NULL), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	tocsin_monitor_close(w->m);
	free(w);
	return 0;
}

static void begin(struct world *w)
{
	sample(w, "initial begin", "initial started init", NULL);
}

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
	for (int i = 0; i < 4; i++)
		sample(w, NULL);
	remove_socket(w, 0x220);
	add_tcp(w, 0x230, TCP_TIME_WAIT, 6000, 443, 0, -1);
	sample(w, "opened tcp: over before it was seen", NULL);
	assert_int_equal(tocsin_monitor_account(w->m), 0);
	assert_int_equal(w->account.strangers, 1);
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
	    TEST(torn_tables_of_files_release_nothing),
	    TEST(a_sample_that_fails_changes_nothing),
	    TEST(leftovers_of_unseen_connections_are_strangers),
	    TEST(leftovers_that_come_late_are_of_whom_was_seen),
	    TEST(the_guests_counters_tell_what_was_missed),
	    TEST(a_hidden_socket_is_a_finding_once),
	    TEST(what_is_known_now_can_be_looked_at),
	    TEST(what_take_returns_ends_the_sample),
	    cmocka_unit_test(the_pace_follows_what_happens),
	};

	return cmocka_run_group_tests_name("monitor", tests, NULL, NULL);
}
