// SPDX-License-Identifier: GPL-2.0-or-later
/* Copies of what a monitor knows. */
#include "cli/watch_snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000.0

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int copy_socket(const struct tocsin_event_process *p, const struct tocsin_event_socket *e,
		       int32_t fd, size_t holders, void *context)
{
	struct watch_snapshot *s = context;
	struct watch_socket *row = &s->sockets[s->socket_count];

	if (s->socket_count == WATCH_SOCKETS_MAX) {
		s->sockets_cut++;
		return 0;
	}
	*row = (struct watch_socket){
	    .e = *e, .holders = holders, .listens = tocsin_monitor_listens(e)};
	if (p) {
		row->pid = p->pid;
		snprintf(row->comm, sizeof(row->comm), "%s", p->comm);
		snprintf(row->container, sizeof(row->container), "%s", p->container);
	}
	s->socket_count++;
	return 0;
}

static void copy_command(const struct tocsin_event_process *p, struct watch_process *row)
{
	row->command_size = least(p->cmdline_size, sizeof(row->command));
	memcpy(row->command, p->cmdline, row->command_size);
	while (row->command_size && !row->command[row->command_size - 1])
		row->command_size--;
	for (size_t i = 0; i < row->command_size; i++)
		if (!row->command[i])
			row->command[i] = ' ';
	if (!row->command_size) {
		row->command_size = strnlen(p->exe, sizeof(row->command));
		memcpy(row->command, p->exe, row->command_size);
	}
}

static int copy_process(const struct tocsin_event_process *p, const struct tocsin_event_socket *e,
			int32_t fd, size_t holders, void *context)
{
	struct watch_snapshot *s = context;
	struct watch_process *row = &s->processes[s->process_count];

	if (s->process_count == WATCH_PROCESSES_MAX) {
		s->processes_cut++;
		return 0;
	}
	*row = (struct watch_process){.pid = p->pid,
				      .ppid = p->ppid,
				      .start_time = p->start_time,
				      .uid = p->uid,
				      .euid = p->euid,
				      .kernel_thread = p->kernel_thread,
				      .exe_deleted = p->exe_deleted,
				      .exe_memfd = p->exe_memfd,
				      .confidence = p->confidence};
	snprintf(row->comm, sizeof(row->comm), "%s", p->comm);
	snprintf(row->container, sizeof(row->container), "%s", p->container);
	copy_command(p, row);
	s->process_count++;
	return 0;
}

static int compare_pid(const void *key, const void *row)
{
	int32_t x = *(const int32_t *)key, y = ((const struct watch_process *)row)->pid;

	return (x > y) - (x < y);
}

static int count_holder(const struct tocsin_event_process *p, const struct tocsin_event_socket *e,
			int32_t fd, size_t holders, void *context)
{
	struct watch_snapshot *s = context;
	struct watch_process *row =
	    bsearch(&p->pid, s->processes, s->process_count, sizeof(*s->processes), compare_pid);

	if (row && row->start_time == p->start_time) {
		row->listeners += tocsin_monitor_listens(e);
		row->connections += !tocsin_monitor_listens(e);
	}
	return 0;
}

static int count_row(const struct tocsin_event_process *p, const struct tocsin_event_socket *e,
		     int32_t fd, size_t holders, void *context)
{
	++*(size_t *)context;
	return 0;
}

struct watch_snapshot *watch_snapshot_take(const struct tocsin_monitor *m)
{
	struct watch_snapshot *s = calloc(1, sizeof(*s));
	size_t sockets = 0, processes = 0;

	if (!s)
		return NULL;
	tocsin_monitor_standing(m, &s->standing);
	tocsin_monitor_each_socket(m, count_row, &sockets);
	tocsin_monitor_each_process(m, count_row, &processes);
	/* One more of each, for none at all is no reason to fail. */
	s->sockets = calloc(least(sockets, WATCH_SOCKETS_MAX) + 1, sizeof(*s->sockets));
	s->processes = calloc(least(processes, WATCH_PROCESSES_MAX) + 1, sizeof(*s->processes));
	if (!s->sockets || !s->processes) {
		watch_snapshot_free(s);
		return NULL;
	}
	tocsin_monitor_each_socket(m, copy_socket, s);
	tocsin_monitor_each_process(m, copy_process, s);
	tocsin_monitor_each_holder(m, count_holder, s);
	return s;
}

void watch_snapshot_free(struct watch_snapshot *s)
{
	if (!s)
		return;
	free(s->sockets);
	free(s->processes);
	free(s);
}

static uint64_t rate(uint64_t now, uint64_t before, double seconds)
{
	return now > before ? (uint64_t)((double)(now - before) / seconds + 0.5) : 0;
}

void watch_snapshot_compare(struct watch_snapshot *s, const struct watch_snapshot *before)
{
	double seconds;
	size_t n = 0;

	if (!before)
		return;
	if (!s->standing.account.samples)
		s->standing.account = before->standing.account;
	seconds = ((double)s->standing.time - (double)before->standing.time) / SECOND;
	for (size_t i = 0; i < s->socket_count; i++) {
		struct watch_socket *row = &s->sockets[i];
		const struct tocsin_socket *now = &row->e.socket, *then;
		const struct watch_socket *old;

		while (n < before->socket_count && before->sockets[n].e.socket.sock < now->sock)
			n++;
		if (n == before->socket_count)
			return;
		old = &before->sockets[n];
		then = &old->e.socket;
		if (old->e.id != row->e.id || !now->counted || !then->counted)
			continue;
		if (seconds <= 0) { /* no sample between them */
			row->rated = old->rated;
			row->received_rate = old->received_rate;
			row->sent_rate = old->sent_rate;
			continue;
		}
		row->rated = true;
		row->received_rate = rate(now->bytes_received, then->bytes_received, seconds);
		row->sent_rate = rate(now->bytes_sent, then->bytes_sent, seconds);
	}
}
