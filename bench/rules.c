// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the rules in a folder cost for each event: bench_rules FOLDER. The events are those of a
 * busy server: visitors, connections to a database, programs that begin and end; none is a match.
 * The last rows are the worst a guest can do: each event another process that connects elsewhere,
 * and a list of half a million networks.
 */
#include "monitor/rule.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 200000
#define RUNS 5
#define NETWORKS 500000

static struct tocsin_watch_rules *rules;
static struct tocsin_watch_state *state;
static struct tocsin_event_process process;
static struct tocsin_event_socket sock;
static struct tocsin_event event;
static size_t found;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int take(const struct tocsin_finding *f, const struct tocsin_event *cause, void *context)
{
	found++;
	return 0;
}

static void complain(const char *message, void *context)
{
	fprintf(stderr, "%s\n", message);
}

static void load(const char *const *folders)
{
	struct tocsin_error err = {0};

	if (tocsin_watch_rules_load(folders, complain, NULL, &rules, &err)) {
		fprintf(stderr, "bench_rules: %s\n", err.message);
		exit(1);
	}
}

static void begin(enum tocsin_event_kind kind)
{
	process = (struct tocsin_event_process){.pid = 100,
						.start_time = 1,
						.uid = 33,
						.comm = "nginx",
						.exe = "/usr/sbin/nginx",
						.cmdline = "",
						.container = ""};
	sock = (struct tocsin_event_socket){.direction = TOCSIN_DIRECTION_OUT,
					    .socket = {.family = AF_INET,
						       .type = SOCK_STREAM,
						       .protocol = IPPROTO_TCP,
						       .state = TCP_ESTABLISHED,
						       .local = {10, 0, 0, 1},
						       .remote = {10, 0, 0, 2},
						       .local_port = 40000,
						       .remote_port = 5432}};
	event = (struct tocsin_event){.kind = kind,
				      .time = 1000000000000,
				      .since = 999900000000,
				      .guest = "g",
				      .process = &process,
				      .socket = &sock,
				      .detail = ""};
}

static void opened(uint32_t i)
{
	sock.socket.local_port = (uint16_t)(32768 + i % 28000);
}

static void accepted(uint32_t i)
{
	uint32_t from = htonl(0xc0000200 + i * 2654435761u % 0x1000000);

	sock.direction = TOCSIN_DIRECTION_IN;
	sock.socket.local_port = 443;
	memcpy(sock.socket.remote, &from, sizeof(from));
}

static void started(uint32_t i)
{
	event.socket = NULL;
	process.pid = (int32_t)(i % 4000000);
}

static void listening(uint32_t i)
{
	sock.direction = TOCSIN_DIRECTION_NONE;
	sock.socket.state = TCP_LISTEN;
	sock.socket.local_port = 8081;
	sock.socket.remote_port = 0;
}

/* Each event has a process, an address and a port of its own: all that is remembered is new. */
static void hostile(uint32_t i)
{
	accepted(i);
	sock.direction = TOCSIN_DIRECTION_OUT;
	sock.socket.remote[0] = 203;
	sock.socket.remote_port = (uint16_t)i;
	process.pid = (int32_t)(i % 4000000);
	process.exe = "/tmp/x";
}

/* The best of some runs, in nanoseconds for one event. */
static void row(const char *what, enum tocsin_event_kind kind, void (*vary)(uint32_t))
{
	double least = 1e18;

	found = 0;
	for (int run = 0; run < RUNS; run++) {
		double start, took;

		begin(kind);
		state = tocsin_watch_state_new(rules);
		if (!state)
			exit(1);
		start = now();
		for (uint32_t i = 0; i < EVENTS; i++) {
			event.time += 1000000;
			sock.id = i;
			vary(i);
			if (tocsin_watch_rules_apply(rules, state, &event, take, NULL))
				exit(1);
		}
		took = (now() - start) / EVENTS;
		least = took < least ? took : least;
		tocsin_watch_state_free(state);
	}
	printf("%-50s %8.0f ns %8zu findings\n", what, least, found / RUNS);
}

/* A feed of networks, as random as they come, in a folder of its own. */
static void write_feed(char *folder)
{
	char path[64];
	FILE *f;

	if (!mkdtemp(folder))
		exit(1);
	snprintf(path, sizeof(path), "%s/feed.rules", folder);
	f = fopen(path, "w");
	if (!f)
		exit(1);
	fputs(
	    "lists = ( { name = \"listed-networks\"; type = \"networks\"; file = \"feed\"; } );\n",
	    f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/feed", folder);
	f = fopen(path, "w");
	if (!f)
		exit(1);
	for (uint32_t i = 0; i < NETWORKS; i++) {
		uint32_t a = i * 2654435761u;

		fprintf(f, "%u.%u.%u.%u/31\n", 1 + (a >> 24) % 9, a >> 16 & 255, a >> 8 & 255,
			a & 254);
	}
	fclose(f);
}

static void remove_feed(const char *folder)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/feed.rules", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/feed", folder);
	unlink(path);
	rmdir(folder);
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/tocsin-bench-XXXXXX";
	double start;

	if (argc != 2) {
		fprintf(stderr, "usage: bench_rules FOLDER\n");
		return 2;
	}
	load((const char *const[]){argv[1], NULL});
	printf("%zu rules, for one event:\n", tocsin_watch_rules_count(rules));
	row("a program begins", TOCSIN_EVENT_STARTED, started);
	row("a visitor connects", TOCSIN_EVENT_ACCEPTED, accepted);
	row("a connection to the database", TOCSIN_EVENT_OPENED, opened);
	row("a known program listens", TOCSIN_EVENT_LISTENING, listening);
	row("a connection closes (no rule asks)", TOCSIN_EVENT_CLOSED, opened);
	row("hostile: all processes and places new", TOCSIN_EVENT_OPENED, hostile);
	tocsin_watch_rules_free(rules);
	write_feed(folder);
	start = now();
	load((const char *const[]){argv[1], folder, NULL});
	printf("%-50s %8.0f ms\n", "loading with a list of 500,000 networks",
	       (now() - start) / 1e6);
	row("a visitor, that list", TOCSIN_EVENT_ACCEPTED, accepted);
	tocsin_watch_rules_free(rules);
	remove_feed(folder);
	return 0;
}
