/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the reader of a trace says to the hand, alone or as a packet, from hostile bytes. What is
 * accepted goes where the hand takes it: into a graph, and into lines.
 */
#include "cli/trace_call.h"
#include "cli/trace_wire.h"
#include "dispatch/packet.h"
#include "fuzz.h"
#include "provenance/graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tocsin/trace.h>

#define NOW 1800000000000000000ull

static struct trace_seen seen; /* large */
static struct tocsin_provenance *graph;
static FILE *null;

static void check(bool ok)
{
	if (!ok)
		abort();
}

static int take_event(const struct tocsin_trace_event *e, void *context)
{
	check(e->since <= e->time && e->time <= NOW && e->kind != TOCSIN_TRACE_FINDING);
	check(!strcmp(e->guest, "g") && strlen(e->detail) < 512);
	return tocsin_provenance_take(e, graph);
}

static void take_found(const uint8_t *data, size_t size)
{
	struct tocsin_traced f;
	char name[TRACE_WHY];

	if (trace_get_found(data, size, name, &f))
		return;
	check(f.found <= 0 && memchr(f.why, 0, sizeof(f.why)) && f.name == name);
	check(f.found ||
	      (f.function.count <= TOCSIN_PARAMETERS && f.function.site >= 0xffffffff80000000ull &&
	       f.function.site % 4096 == f.function.gpa % 4096 &&
	       f.function.site % 4096 <= 4096 - TOCSIN_SITE_SIZE));
}

static void take_seen(const uint8_t *data, size_t size)
{
	static const struct tocsin_traced f = {
	    .name = "vfs_open",
	    .function = {.typed = true,
			 .count = 3,
			 .parameters = {{"a", "file", 8, true, false},
					{"b", "sock", 8, true, false},
					{"c", "dentry", 8, true, false}}}};
	static const struct tocsin_traced_call call = {.wide = true};
	static const struct tocsin_trace_line line = {.domain = "g"};

	if (trace_get_seen(data, size, &seen))
		return;
	check(!trace_call_print(null, &line, &f, &call, &seen));
}

static void take_message(const uint8_t *data, size_t size)
{
	struct trace_counts counts;
	struct trace_done done;
	struct trace_ask ask;

	if (!trace_get_ask(data, size, &ask))
		check(ask.function < TRACE_FUNCTIONS && ask.size <= TRACE_PACKET &&
		      (!ask.size || ask.bytes + ask.size == data + size));
	if (trace_answer_kind(data, size) < 0)
		return;
	trace_get_event(data, size, "g", NOW, take_event, NULL);
	take_found(data, size);
	take_seen(data, size);
	trace_get_counts(data, size, &counts);
	if (!trace_get_done(data, size, &done))
		check(memchr(done.kept, 0, sizeof(done.kept)) && memchr(done.text, 0, TRACE_WHY));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tocsin_packet p;
	const uint8_t *message;
	size_t length;

	if (!null)
		null = fopen("/dev/null", "we");
	graph = tocsin_provenance_new(NULL);
	check(null && graph);
	take_message(data, size);
	if (size <= sizeof(p.bytes)) {
		memcpy(p.bytes, data, size);
		p.size = size;
		p.at = 0;
		while (tocsin_packet_next(&p, &message, &length) > 0)
			take_message(message, length);
	}
	tocsin_provenance_free(graph);
	return 0;
}
