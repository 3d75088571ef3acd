/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest that is made up, for the watch over it: what the next sample finds, and what was stated.
 */
#ifndef TOCSIN_MONITOR_TEST_WORLD_H
#define TOCSIN_MONITOR_TEST_WORLD_H

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
	uint32_t gaps;
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
	ret->gaps = w->gaps;
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

#endif
