// SPDX-License-Identifier: GPL-2.0-or-later
/* The columns of the live view: what each says of a row, and what order it puts rows in. */
#include "cli/watch_table.h"

#include "output/event.h"
#include "output/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECOND 1000000000ull

#define TEXT(name) static void name##_text(const struct watch_row *r, char ret[WATCH_CELL_SIZE])
#define COMPARE(name)                                                                              \
	static int name##_compare(const struct watch_row *a, const struct watch_row *b)

static int order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static void clean(const char *text, size_t size, char ret[WATCH_CELL_SIZE])
{
	tocsin_output_clean(text, size, ret, WATCH_CELL_SIZE);
}

static void number(uint64_t value, char ret[WATCH_CELL_SIZE])
{
	snprintf(ret, WATCH_CELL_SIZE, "%" PRIu64, value);
}

/* At most 5 characters. */
static void bytes(uint64_t value, char ret[WATCH_CELL_SIZE])
{
	static const char units[] = "KMGTPE";
	size_t unit = 0;
	double v = (double)value / 1024;

	if (value < 1024) {
		number(value, ret);
		return;
	}
	while (v >= 1023.5 && units[unit + 1]) {
		v /= 1024;
		unit++;
	}
	snprintf(ret, WATCH_CELL_SIZE, v < 9.95 ? "%.1f%c" : "%.0f%c", v, units[unit]);
}

/* At most 6 characters up to a hundred years. */
static void duration(uint64_t nanoseconds, char ret[WATCH_CELL_SIZE])
{
	uint64_t s = nanoseconds / SECOND;

	if (s < 10)
		snprintf(ret, WATCH_CELL_SIZE, "%.1fs", (double)nanoseconds / SECOND);
	else if (s < 60)
		snprintf(ret, WATCH_CELL_SIZE, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(ret, WATCH_CELL_SIZE, "%" PRIu64 "m%02" PRIu64, s / 60, s % 60);
	else if (s < 86400)
		snprintf(ret, WATCH_CELL_SIZE, "%" PRIu64 "h%02" PRIu64, s / 3600, s / 60 % 60);
	else
		snprintf(ret, WATCH_CELL_SIZE, "%" PRIu64 "d%02" PRIu64, s / 86400, s / 3600 % 24);
}

TEXT(guest)
{
	clean(r->name, strlen(r->name), ret);
}

COMPARE(guest)
{
	int rc = strcmp(a->name, b->name);

	return rc ? rc : order(a->guest, b->guest);
}

static void remark(enum tocsin_confidence c, char ret[WATCH_CELL_SIZE])
{
	strcpy(ret, c == TOCSIN_CONSISTENT ? "" : c == TOCSIN_TORN ? "~" : "!");
}

/* ---- connections ---- */

TEXT(doubt)
{
	remark(r->socket->e.confidence, ret);
}

COMPARE(doubt)
{
	return order(b->socket->e.confidence, a->socket->e.confidence);
}

TEXT(kind)
{
	strcpy(ret, tocsin_socket_kind(&r->socket->e.socket));
}

COMPARE(kind)
{
	return strcmp(tocsin_socket_kind(&a->socket->e.socket),
		      tocsin_socket_kind(&b->socket->e.socket));
}

static int compare_addresses(uint16_t family_a, const uint8_t *a, uint16_t family_b,
			     const uint8_t *b)
{
	return family_a != family_b ? order(family_a, family_b) : memcmp(a, b, 16);
}

TEXT(local)
{
	char end[TOCSIN_LOCAL_SIZE];

	strcpy(ret, tocsin_output_local(&r->socket->e.socket, end));
}

COMPARE(local)
{
	const struct tocsin_socket *x = &a->socket->e.socket, *y = &b->socket->e.socket;
	int rc = compare_addresses(x->family, x->local, y->family, y->local);

	rc = rc ? rc : order(x->local_port, y->local_port);
	return rc ? rc : memcmp(x->name, y->name, sizeof(x->name));
}

TEXT(remote)
{
	char end[TOCSIN_LOCAL_SIZE];

	strcpy(ret, tocsin_output_endpoint(&r->socket->e.socket, true, end));
}

COMPARE(remote)
{
	const struct tocsin_socket *x = &a->socket->e.socket, *y = &b->socket->e.socket;
	int rc = compare_addresses(x->family, x->remote, y->family, y->remote);

	return rc ? rc : order(x->remote_port, y->remote_port);
}

TEXT(state)
{
	strcpy(ret, tocsin_socket_state(&r->socket->e.socket));
}

COMPARE(state)
{
	return strcmp(tocsin_socket_state(&a->socket->e.socket),
		      tocsin_socket_state(&b->socket->e.socket));
}

TEXT(direction)
{
	strcpy(ret, tocsin_direction_name(r->socket->e.direction));
}

COMPARE(direction)
{
	return order(a->socket->e.direction, b->socket->e.direction);
}

static uint64_t socket_age(const struct watch_row *r)
{
	uint64_t now = r->of->standing.time;

	return now > r->socket->e.seen ? now - r->socket->e.seen : 0;
}

TEXT(socket_age)
{
	duration(socket_age(r), ret);
}

COMPARE(socket_age)
{
	return order(socket_age(a), socket_age(b));
}

/* Numbers that are not known say "-", and come last where the most comes first. */
TEXT(received)
{
	if (r->socket->e.socket.counted)
		bytes(r->socket->e.socket.bytes_received, ret);
	else
		strcpy(ret, "-");
}

static int most_first(bool a_known, uint64_t a, bool b_known, uint64_t b)
{
	return a_known != b_known ? (a_known ? -1 : 1) : order(b, a);
}

COMPARE(received)
{
	const struct tocsin_socket *x = &a->socket->e.socket, *y = &b->socket->e.socket;

	return most_first(x->counted, x->bytes_received, y->counted, y->bytes_received);
}

TEXT(sent)
{
	if (r->socket->e.socket.counted)
		bytes(r->socket->e.socket.bytes_sent, ret);
	else
		strcpy(ret, "-");
}

COMPARE(sent)
{
	const struct tocsin_socket *x = &a->socket->e.socket, *y = &b->socket->e.socket;

	return most_first(x->counted, x->bytes_sent, y->counted, y->bytes_sent);
}

TEXT(received_rate)
{
	if (r->socket->rated)
		bytes(r->socket->received_rate, ret);
	else
		strcpy(ret, "-");
}

COMPARE(received_rate)
{
	return most_first(a->socket->rated, a->socket->received_rate, b->socket->rated,
			  b->socket->received_rate);
}

TEXT(sent_rate)
{
	if (r->socket->rated)
		bytes(r->socket->sent_rate, ret);
	else
		strcpy(ret, "-");
}

COMPARE(sent_rate)
{
	return most_first(a->socket->rated, a->socket->sent_rate, b->socket->rated,
			  b->socket->sent_rate);
}

TEXT(holder)
{
	if (r->socket->pid)
		snprintf(ret, WATCH_CELL_SIZE, "%" PRId32, r->socket->pid);
	else
		strcpy(ret, "-");
}

COMPARE(holder)
{
	return order((uint32_t)a->socket->pid, (uint32_t)b->socket->pid);
}

TEXT(holder_comm)
{
	clean(r->socket->comm, strlen(r->socket->comm), ret);
}

COMPARE(holder_comm)
{
	return strcmp(a->socket->comm, b->socket->comm);
}

TEXT(holder_container)
{
	clean(r->socket->container, strlen(r->socket->container), ret);
}

COMPARE(holder_container)
{
	return strcmp(b->socket->container, a->socket->container);
}

TEXT(holders)
{
	number(r->socket->holders, ret);
}

COMPARE(holders)
{
	return order(b->socket->holders, a->socket->holders);
}

static const struct watch_column connection_columns[] = {
    {"GUEST", 5, 8, 16, false, true, guest_text, guest_compare},
    {"!", 4, 1, 1, false, false, doubt_text, doubt_compare},
    {"PROTO", 8, 7, 8, false, true, kind_text, kind_compare},
    {"LOCAL", 1, 21, 47, false, true, local_text, local_compare},
    {"REMOTE", 2, 21, 47, false, true, remote_text, remote_compare},
    {"STATE", 7, 11, 11, false, true, state_text, state_compare},
    {"DIR", 10, 3, 3, false, true, direction_text, direction_compare},
    {"AGE", 9, 6, 6, true, false, socket_age_text, socket_age_compare},
    {"IN", 11, 5, 5, true, false, received_text, received_compare},
    {"OUT", 12, 5, 5, true, false, sent_text, sent_compare},
    {"IN/S", 13, 5, 5, true, false, received_rate_text, received_rate_compare},
    {"OUT/S", 14, 5, 5, true, false, sent_rate_text, sent_rate_compare},
    {"PID", 3, 5, 7, true, true, holder_text, holder_compare},
    {"COMM", 6, 6, 16, false, true, holder_comm_text, holder_comm_compare},
    {"CONTAINER", 15, 12, 12, false, true, holder_container_text, holder_container_compare},
    {"HOLDERS", 16, 7, 7, true, false, holders_text, holders_compare},
    {NULL, 0, 0, 0, false, false, NULL, NULL},
};

/* ---- processes ---- */

TEXT(process_doubt)
{
	remark(r->process->confidence, ret);
}

COMPARE(process_doubt)
{
	return order(b->process->confidence, a->process->confidence);
}

TEXT(pid)
{
	snprintf(ret, WATCH_CELL_SIZE, "%" PRId32, r->process->pid);
}

COMPARE(pid)
{
	return order((uint32_t)a->process->pid, (uint32_t)b->process->pid);
}

TEXT(ppid)
{
	snprintf(ret, WATCH_CELL_SIZE, "%" PRId32, r->process->ppid);
}

COMPARE(ppid)
{
	return order((uint32_t)a->process->ppid, (uint32_t)b->process->ppid);
}

/* The real user, and the effective one if it is another. */
TEXT(uid)
{
	if (r->process->uid == r->process->euid)
		number(r->process->uid, ret);
	else
		snprintf(ret, WATCH_CELL_SIZE, "%" PRIu32 ">%" PRIu32, r->process->uid,
			 r->process->euid);
}

COMPARE(uid)
{
	int rc = order(a->process->uid, b->process->uid);

	return rc ? rc : order(a->process->euid, b->process->euid);
}

TEXT(comm)
{
	clean(r->process->comm, strlen(r->process->comm), ret);
}

COMPARE(comm)
{
	return strcmp(a->process->comm, b->process->comm);
}

static bool process_age(const struct watch_row *r, uint64_t *ret)
{
	const struct tocsin_monitor_standing *s = &r->of->standing;
	uint64_t up = s->time > s->booted ? s->time - s->booted : 0;

	*ret = up > r->process->start_time ? up - r->process->start_time : 0;
	return s->booted != 0;
}

TEXT(process_age)
{
	uint64_t age;

	if (process_age(r, &age))
		duration(age, ret);
	else
		strcpy(ret, "-");
}

COMPARE(process_age)
{
	uint64_t x, y;

	if (a->guest == b->guest)
		return order(b->process->start_time, a->process->start_time);
	process_age(a, &x);
	process_age(b, &y);
	return order(x, y);
}

TEXT(connections)
{
	number(r->process->connections, ret);
}

COMPARE(connections)
{
	return order(b->process->connections, a->process->connections);
}

TEXT(listeners)
{
	number(r->process->listeners, ret);
}

COMPARE(listeners)
{
	return order(b->process->listeners, a->process->listeners);
}

static const char *exe(const struct watch_process *p)
{
	return p->kernel_thread ? "kernel"
	       : p->exe_memfd   ? "memfd"
	       : p->exe_deleted ? "deleted"
				: "";
}

TEXT(exe)
{
	strcpy(ret, exe(r->process));
}

COMPARE(exe)
{
	int x = (a->process->exe_memfd || a->process->exe_deleted) - a->process->kernel_thread;
	int y = (b->process->exe_memfd || b->process->exe_deleted) - b->process->kernel_thread;

	return x != y ? y - x : strcmp(exe(a->process), exe(b->process));
}

TEXT(container)
{
	clean(r->process->container, strlen(r->process->container), ret);
}

COMPARE(container)
{
	return strcmp(b->process->container, a->process->container);
}

TEXT(command)
{
	clean(r->process->command, r->process->command_size, ret);
}

COMPARE(command)
{
	size_t x = a->process->command_size, y = b->process->command_size;
	int rc = memcmp(a->process->command, b->process->command, x < y ? x : y);

	return rc ? rc : order(x, y);
}

static const struct watch_column process_columns[] = {
    {"GUEST", 5, 8, 16, false, true, guest_text, guest_compare},
    {"!", 3, 1, 1, false, false, process_doubt_text, process_doubt_compare},
    {"PID", 1, 7, 7, true, true, pid_text, pid_compare},
    {"PPID", 7, 7, 7, true, false, ppid_text, ppid_compare},
    {"UID", 4, 5, 11, true, false, uid_text, uid_compare},
    {"COMM", 2, 10, 16, false, true, comm_text, comm_compare},
    {"AGE", 6, 6, 6, true, false, process_age_text, process_age_compare},
    {"CONN", 8, 5, 5, true, false, connections_text, connections_compare},
    {"LISTEN", 9, 6, 6, true, false, listeners_text, listeners_compare},
    {"EXE", 10, 7, 7, false, true, exe_text, exe_compare},
    {"CONTAINER", 12, 12, 12, false, true, container_text, container_compare},
    {"COMMAND", 11, 12, 400, false, true, command_text, command_compare},
    {NULL, 0, 0, 0, false, false, NULL, NULL},
};

const struct watch_column *const watch_columns[WATCH_MODES] = {
    [WATCH_CONNECTIONS] = connection_columns,
    [WATCH_PROCESSES] = process_columns,
};
