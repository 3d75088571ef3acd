// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_history [SECONDS]: what a history costs, at loads that are stated: bytes for an event and
 * for an hour, beside the same events as JSON lines; events that are written, read and found in a
 * second of processor time. The guest is made up, sampled five times a second. SECONDS of it are
 * told, 120 unless given.
 */
#include "monitor/history.h"
#include "output/event.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000u
#define SAMPLES 5u /* in a second */
#define WORKERS 4u

struct load {
	const char *name;
	unsigned int connections, processes; /* that begin in a second */
	unsigned int seconds;                /* that each lives */
	uint64_t max_bytes;                  /* 0: all is kept */
};

static const struct load loads[] = {
    {"500 connections/s", 500, 0, 1, 0},
    {"50 processes/s", 0, 50, 1, 0},
    {"500 connections/s, 10 processes/s", 500, 10, 2, 0},
    {"the same, the latest 8 MiB", 500, 10, 2, 8 << 20},
};

struct run {
	struct tocsin_history *history;
	uint64_t time, events;
	uint64_t json; /* bytes */
	FILE *lines;
	double added, written; /* seconds of the processor */
	double longest;        /* to add one */
};

static void must(int rc, const struct tocsin_error *err)
{
	if (!rc)
		return;
	fprintf(stderr, "bench_history: %s\n", err->code ? err->message : strerror(-rc));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static ssize_t count_bytes(void *cookie, const char *bytes, size_t size)
{
	*(uint64_t *)cookie += size;
	return (ssize_t)size;
}

static void tell(struct run *r, enum tocsin_event_kind kind, const struct tocsin_event_process *p,
		 const struct tocsin_event_process *other, const struct tocsin_event_socket *s)
{
	struct tocsin_event e = {.kind = kind,
				 .since = r->time - SECOND / SAMPLES - 3000000,
				 .time = r->time,
				 .guest = "webserver",
				 .boot = SECOND,
				 .process = p,
				 .other = other,
				 .socket = s,
				 .fd = s ? 17 : -1,
				 .detail = ""};
	struct tocsin_error err = {0};
	double began = now(), middle;

	must(tocsin_history_add(r->history, &e, &err), &err);
	middle = now();
	must(tocsin_event_output_find("json")->write(r->lines, &e), &err);
	r->added += middle - began;
	if (middle - began > r->longest)
		r->longest = middle - began;
	r->written += now() - middle;
	r->events++;
}

static const char worker_line[] = "nginx: worker process";

static struct tocsin_event_process worker(unsigned int which)
{
	return (struct tocsin_event_process){.pid = 1200 + (int32_t)which,
					     .start_time = 12345678901u + which,
					     .ppid = 1199,
					     .parent_start_time = 12345600000u,
					     .uid = 33,
					     .euid = 33,
					     .comm = "nginx",
					     .exe = "/usr/sbin/nginx",
					     .cmdline = worker_line,
					     .cmdline_size = sizeof(worker_line),
					     .container = ""};
}

/* Connection number i as it begins, or as it ends. */
static void tell_connection(struct run *r, uint64_t i, uint64_t seen, bool ends)
{
	struct tocsin_event_process p = worker((unsigned int)(i % WORKERS));
	struct tocsin_event_socket s = {
	    .id = i + 1, .seen = seen, .direction = TOCSIN_DIRECTION_IN};
	struct tocsin_socket *k = &s.socket;
	uint32_t client = (uint32_t)(i * 2654435761u) | 1;

	k->sock = 0xffff888100000000u + i % 4096 * 2304;
	k->inode = 100000 + i;
	k->family = AF_INET;
	k->type = SOCK_STREAM;
	k->protocol = IPPROTO_TCP;
	k->state = ends ? TCP_CLOSE_WAIT : TCP_ESTABLISHED;
	k->uid = 33;
	k->netns = 4026531840u;
	memcpy(k->local, "\x0a\0\0\5", 4);
	memcpy(k->remote, &client, 4);
	k->local_port = 443;
	k->remote_port = (uint16_t)(32768 + i % 28000);
	k->counted = true;
	k->bytes_sent = ends ? 20000 + i % 5000 : 0;
	k->bytes_received = 500 + i % 300;
	k->idle = 4000000 * (i % 50);
	tell(r, ends ? TOCSIN_EVENT_CLOSED : TOCSIN_EVENT_ACCEPTED, &p, NULL, &s);
}

static void tell_process(struct run *r, uint64_t i, uint64_t start_time, bool ends)
{
	char line[64];
	struct tocsin_event_process parent = worker(WORKERS);
	struct tocsin_event_process p = {.pid = (int32_t)(2000 + i % 30000),
					 .start_time = start_time,
					 .ppid = parent.pid,
					 .parent_start_time = parent.start_time,
					 .uid = 1000,
					 .euid = 1000,
					 .comm = "convert",
					 .exe = "/usr/bin/convert",
					 .cmdline = line,
					 .container = ""};
	struct tocsin_event_process before = p;
	int n = snprintf(line, sizeof(line), "convert%c/srv/upload/%08llu.png", 0,
			 (unsigned long long)i);

	p.cmdline_size = (size_t)n + 1;
	before.comm = parent.comm;
	before.exe = parent.exe;
	before.cmdline = parent.cmdline;
	before.cmdline_size = parent.cmdline_size;
	if (ends) {
		tell(r, TOCSIN_EVENT_EXITED, &p, &parent, NULL);
		return;
	}
	tell(r, TOCSIN_EVENT_STARTED, &before, &parent, NULL);
	tell(r, TOCSIN_EVENT_EXECUTED, &p, &before, NULL);
}

static uint64_t time_of(uint64_t sample)
{
	return 1700000000u * (uint64_t)SECOND + sample * (SECOND / SAMPLES);
}

/* In sample number n what begins, and what began l->seconds before, so many in each. */
static void tell_sample(struct run *r, const struct load *l, uint64_t n)
{
	uint64_t ago = (uint64_t)l->seconds * SAMPLES;

	r->time = time_of(n);
	for (uint64_t i = 0; i < l->connections / SAMPLES; i++) {
		tell_connection(r, n * (l->connections / SAMPLES) + i, r->time, false);
		if (n >= ago)
			tell_connection(r, (n - ago) * (l->connections / SAMPLES) + i,
					time_of(n - ago), true);
	}
	for (uint64_t i = 0; i < l->processes / SAMPLES; i++) {
		tell_process(r, n * (l->processes / SAMPLES) + i, r->time, false);
		if (n >= ago)
			tell_process(r, (n - ago) * (l->processes / SAMPLES) + i, time_of(n - ago),
				     true);
	}
}

static int count(const struct tocsin_event *e, void *context)
{
	++*(uint64_t *)context;
	return 0;
}

/* Events in a second of the processor, of all and of the last minute's of one client port. */
static void ask(struct run *r, uint64_t events, double *all, double *found)
{
	struct tocsin_history_query q = {.kind = TOCSIN_EVENT_KINDS};
	struct tocsin_error err = {0};
	uint64_t n = 0;
	double began = now();

	must(tocsin_history_each(r->history, &q, count, &n, &err), &err);
	*all = (double)n / (now() - began);
	if (n != events) {
		fputs("bench_history: not all events came back\n", stderr);
		exit(1);
	}
	q.since = r->time - 60 * (uint64_t)SECOND;
	q.port = 40000;
	began = now();
	must(tocsin_history_each(r->history, &q, count, &n, &err), &err);
	*found = (now() - began) * 1000;
}

static void measure(const struct load *l, const char *path, unsigned int seconds)
{
	const struct tocsin_history_settings settings = {.max_bytes = l->max_bytes};
	const cookie_io_functions_t functions = {.write = count_bytes};
	struct tocsin_history_extent extent;
	struct tocsin_error err = {0};
	struct run r = {0};
	double all, found, each, line;

	r.lines = fopencookie(&r.json, "w", functions);
	must(r.lines ? 0 : -1, &err);
	must(tocsin_history_open(path, &settings, &r.history, &err), &err);
	for (uint64_t n = 0; n < (uint64_t)seconds * SAMPLES; n++)
		tell_sample(&r, l, n);
	must(tocsin_history_flush(r.history, &err), &err);
	must(tocsin_history_extent(r.history, &extent, &err), &err);
	ask(&r, extent.events, &all, &found);
	each = (double)extent.bytes / (double)extent.events;
	line = (double)r.json / (double)r.events;
	printf("%-34s %9.0f %8.1f %8.1f %6.3f %9.0f %8.2f %9.0f %9.0f %8.1f %9.1f\n", l->name,
	       (double)r.events / seconds, each, line, each / line, (double)r.events / r.added,
	       r.longest * 1000, (double)r.events / r.written, all, found,
	       each * (double)r.events / seconds * 3600 / 1048576);
	tocsin_history_close(r.history);
	fclose(r.lines);
	unlink(path);
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 120;
	char folder[] = "/tmp/tocsin-bench-XXXXXX", path[64];

	if (!seconds || !mkdtemp(folder))
		return 2;
	snprintf(path, sizeof(path), "%s/history", folder);
	printf("%-34s %9s %8s %8s %6s %9s %8s %9s %9s %8s %9s\n", "history", "events/s", "B/event",
	       "JSON", "ratio", "added/s", "most ms", "JSON/s", "read/s", "find ms", "MiB/hour");
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		measure(&loads[i], path, seconds);
	rmdir(folder);
	return 0;
}
