// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make_history FILE SECONDS: a history of two guests that ends SECONDS after the epoch. In "web" a
 * shell starts curl, which connects to nginx in "db" and to a far address, a finding is stated of
 * it, and it ends; names are as bad as they can be.
 */
#include "monitor/history.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SECOND 1000000000u

static struct tocsin_history *history;
static uint64_t end;

static struct tocsin_event_process process_of(int32_t pid, int32_t ppid, const char *comm)
{
	return (struct tocsin_event_process){.pid = pid,
					     .start_time = (uint64_t)pid * SECOND,
					     .ppid = ppid,
					     .parent_start_time = (uint64_t)ppid * SECOND,
					     .comm = comm,
					     .exe = "/usr/bin/x",
					     .cmdline = "x\0-y",
					     .cmdline_size = 5,
					     .container = ""};
}

static struct tocsin_event_socket socket_of(uint64_t id, enum tocsin_direction direction,
					    const char *local, uint16_t local_port,
					    const char *remote, uint16_t remote_port)
{
	struct tocsin_event_socket s = {
	    .id = id, .seen = end - 600 * (uint64_t)SECOND, .direction = direction};

	s.socket.family = AF_INET;
	s.socket.type = SOCK_STREAM;
	s.socket.protocol = IPPROTO_TCP;
	s.socket.state = TCP_ESTABLISHED;
	inet_pton(AF_INET, local, s.socket.local);
	inet_pton(AF_INET, remote, s.socket.remote);
	s.socket.local_port = local_port;
	s.socket.remote_port = remote_port;
	return s;
}

/* before: seconds before the end. */
static void add(struct tocsin_event e, unsigned int before)
{
	struct tocsin_error err = {0};

	e.time = end - before * (uint64_t)SECOND;
	e.since = e.time - SECOND / 10;
	e.fd = e.socket ? 3 : -1;
	e.detail = e.kind == TOCSIN_EVENT_END ? "the guest is gone" : "";
	if (tocsin_history_add(history, &e, &err)) {
		fprintf(stderr, "make_history: %s\n", err.message);
		exit(1);
	}
}

static void tell(void)
{
	static struct tocsin_finding f = {.scanner = "watch",
					  .rule = "far-address",
					  .severity = TOCSIN_SEVERITY_HIGH,
					  .technique = "T1071",
					  .what = "<curl> & \"far\"",
					  .why = "it is far"};
	struct tocsin_event_process shell = process_of(10, 1, "sh"),
				    curl = process_of(20, 10, "cu\"<rl>\\\x1b\xff"),
				    nginx = process_of(30, 1, "nginx");
	struct tocsin_event_socket far = socket_of(1, TOCSIN_DIRECTION_OUT, "10.0.0.5", 40000,
						   "203.0.113.9", 443),
				   near = socket_of(2, TOCSIN_DIRECTION_OUT, "10.0.0.5", 40001,
						    "10.0.0.6", 80),
				   served = socket_of(1, TOCSIN_DIRECTION_IN, "10.0.0.6", 80,
						      "10.0.0.5", 40001);

#define ADD(before, ...) add((struct tocsin_event){__VA_ARGS__}, before)
	ADD(600, .kind = TOCSIN_EVENT_BEGIN, .guest = "web");
	ADD(600, .kind = TOCSIN_EVENT_STARTED, .guest = "web", .process = &shell, .initial = true);
	ADD(500, .kind = TOCSIN_EVENT_STARTED, .guest = "web", .process = &curl, .other = &shell);
	ADD(400, .kind = TOCSIN_EVENT_OPENED, .guest = "web", .process = &curl, .socket = &far);
	ADD(400, .kind = TOCSIN_EVENT_FINDING, .guest = "web", .process = &curl, .socket = &far,
	    .finding = &f);
	ADD(300, .kind = TOCSIN_EVENT_OPENED, .guest = "web", .process = &curl, .socket = &near);
	ADD(300, .kind = TOCSIN_EVENT_ACCEPTED, .guest = "db", .process = &nginx,
	    .socket = &served);
	ADD(200, .kind = TOCSIN_EVENT_EXITED, .guest = "web", .process = &curl);
	ADD(0, .kind = TOCSIN_EVENT_END, .guest = "web");
}

int main(int argc, char **argv)
{
	const struct tocsin_history_settings settings = {0};
	struct tocsin_error err = {0};

	if (argc != 3)
		return 2;
	end = strtoull(argv[2], NULL, 10) * SECOND;
	if (tocsin_history_open(argv[1], &settings, &history, &err)) {
		fprintf(stderr, "make_history: %s\n", err.message);
		return 1;
	}
	tell();
	tocsin_history_close(history);
	return 0;
}
