/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first inputs of fuzz_trace_wire: answers of each kind, events of each, and packets of them.
 * usage: make_trace_wire_corpus FOLDER */
#include "cli/trace_wire.h"
#include "dispatch/packet.h"
#include "provenance/test/random_events.h"

#include <errno.h>
#include <string.h>

static uint8_t bytes[TOCSIN_MESSAGE_MAX];
static struct tocsin_packet p;
static const char *folder;
static int failed;

static void keep_bytes(const char *name, const uint8_t *from, size_t size)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	failed |= !f || fwrite(from, 1, size, f) != size;
	if (f)
		fclose(f);
}

static void keep(const char *name, size_t size)
{
	keep_bytes(name, bytes, size);
	tocsin_packet_add(&p, bytes, size);
}

static void keep_events(void)
{
	static struct random_world w = {.time = 1000};
	bool has[TOCSIN_TRACE_KINDS] = {0};
	uint64_t random = 1;

	for (int i = 0; i < 4000; i++) {
		uint8_t choice[3];
		const struct tocsin_trace_event *e;
		char name[32];

		random = random * 6364136223846793005u + 1442695040888963407u;
		memcpy(choice, (uint8_t *)&random + 4, sizeof(choice));
		e = random_event(&w, choice);
		if (has[e->kind])
			continue;
		has[e->kind] = true;
		snprintf(name, sizeof(name), "event-%s", tocsin_trace_kind_name(e->kind));
		keep(name, trace_put_event(bytes, e));
	}
}

int main(int argc, char **argv)
{
	static struct trace_seen seen = {.who = {.found = TOCSIN_WHO_NOW, .pid = 7, .comm = "sh"},
					 .has = {true, true, true}};
	const struct tocsin_traced missing = {.name = "a", .found = -ENOENT, .why = "no function"};
	const struct tocsin_traced there = {
	    .name = "vfs_open",
	    .function = {.va = 0xffffffff81234560,
			 .site = 0xffffffff81234564,
			 .gpa = 0x1234564,
			 .typed = true,
			 .count = 1,
			 .parameters = {{"file", "file", 8, true, false}}}};
	const struct trace_counts counts = {.packets = 1};
	const struct trace_done done = {.kept = "kept"}, error = {.error = ENOMEM};
	struct trace_ask ask = {.bytes = bytes, .size = 6};

	if (argc != 2)
		return 2;
	folder = argv[1];
	keep("found", trace_put_found(bytes, &there));
	keep("missing", trace_put_found(bytes, &missing));
	seen.objects[0] = (struct tocsin_object){.kind = TOCSIN_OBJECT_FILE, .text = "/x"};
	seen.objects[1] = (struct tocsin_object){.kind = TOCSIN_OBJECT_SOCKET};
	seen.objects[1].socket = (struct tocsin_socket){.family = AF_UNIX, .name_size = 1};
	seen.objects[2] = (struct tocsin_object){.kind = TOCSIN_OBJECT_PROCESS, .comm = "x"};
	keep("seen", trace_put_seen(bytes, &seen));
	keep("counts", trace_put_counts(bytes, &counts));
	keep("done", trace_put_done(bytes, &done));
	keep("error", trace_put_done(bytes, &error));
	keep_events();
	keep_bytes("packet", p.bytes, p.size);
	for (ask.kind = TRACE_ASK_BEGIN; ask.kind < TRACE_ASK_KINDS; ask.kind++) {
		char name[16];

		snprintf(name, sizeof(name), "ask-%d", ask.kind);
		keep(name, trace_put_ask(bytes, &ask));
	}
	return failed;
}
