/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of a trace, confined as it is there, at a kernel as it is: it finds its functions,
 * says what is in the guest, and is handed packets and a call of nobody's.
 *
 * usage: live_reader QMP-SOCKET. Prints "functions=FOUND/ASKED", "events KIND=COUNT ..." and
 * "done".
 */
#include "cli/trace_link.h"
#include "cli/trace_reader.h"
#include "provenance/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXIT 2 /* the number of do_exit in the table of functions */

static const char *path;
static unsigned int found, asked, events[TOCSIN_TRACE_KINDS];

static int open_qemu(uint32_t domid, struct tocsin_memory **ret, struct tocsin_error *err)
{
	return tocsin_memory_open_qemu(path, ret, err);
}

static int take_found(void *context, const struct tocsin_traced *f)
{
	asked++;
	found += !f->found;
	if (f->found)
		printf("lacks %s: %s\n", f->name, f->why);
	return 0;
}

static int take_seen(void *context, const struct trace_seen *s)
{
	return 0;
}

static int take_event(const struct tocsin_trace_event *e, void *context)
{
	events[e->kind]++;
	return 0;
}

static void run(void *start, int socket)
{
	trace_reader_run(start, socket);
}

static void done(struct trace_link *l, int rc)
{
	if (!rc)
		return;
	printf("failed %d: %s\n", rc, trace_link_failed(l) ? trace_link_failed(l) : "?");
	exit(1);
}

static void ask(struct trace_link *l, const struct trace_ask *a)
{
	done(l, trace_link_ask(l, a));
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void state(struct trace_link *l)
{
	static const uint8_t packet[64] = {[12] = 8, [14] = 0x45, [23] = 17};
	struct trace_ask a = {.kind = TRACE_ASK_BEGIN, .time = now(), .captures = true};

	ask(l, &a);
	done(l, trace_link_sync(l));
	for (int i = 0; i < 1000; i++) {
		ask(l,
		    &(struct trace_ask){.kind = TRACE_ASK_CALL, .function = EXIT, .time = now()});
		ask(l, &(struct trace_ask){.kind = TRACE_ASK_PACKET,
					   .time = now(),
					   .link = 1,
					   .bytes = packet,
					   .size = sizeof(packet)});
		ask(l, &(struct trace_ask){.kind = TRACE_ASK_FLUSH});
	}
	ask(l, &(struct trace_ask){.kind = TRACE_ASK_COMMIT, .time = now(), .until = now()});
	ask(l, &(struct trace_ask){.kind = TRACE_ASK_END, .time = now()});
	done(l, trace_link_sync(l));
}

int main(int argc, char **argv)
{
	struct trace_reader_settings reader = {.guest = "g",
					       .domid = 1,
					       .uses = true,
					       .graph = true,
					       .open = open_qemu,
					       .find = tocsin_kernel_open_stored};
	const struct trace_link_settings settings = {.run = run,
						     .start = &reader,
						     .guest = "g",
						     .graph = true,
						     .found = take_found,
						     .seen = take_seen,
						     .event = take_event};
	struct tocsin_error err = {0};
	struct trace_link *l;

	if (argc != 2)
		return 2;
	path = argv[1];
	if (trace_link_open(&settings, &l, &err)) {
		printf("failed: %s\n", err.message);
		return 1;
	}
	done(l, trace_link_sync(l));
	printf("functions=%u/%u\n", found, asked);
	state(l);
	printf("events");
	for (unsigned int i = 0; i < TOCSIN_TRACE_KINDS; i++)
		if (events[i])
			printf(" %s=%u", tocsin_trace_kind_name((enum tocsin_trace_kind)i),
			       events[i]);
	printf("\ncalls=%u packets=%u\ndone\n", (unsigned int)trace_link_counts(l)->stats.calls,
	       (unsigned int)trace_link_counts(l)->packets);
	trace_link_close(l);
	return 0;
}
