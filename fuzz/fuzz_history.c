/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A history that somebody changed: all of it is read and written out in every form, then it is
 * written to. Input: changes to a small history that is made here: u8 page, u16 offset in it, u8
 * size, the bytes; size 0 cuts the file off there.
 */
#include "fuzz.h"
#include "monitor/history.h"
#include "output/event.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIME 1700000000000000000u

#define LARGEST (1 << 18)

static char folder[32], path[64];
static uint8_t *original;
static size_t original_size;
static FILE *nowhere;

static void check(int ok)
{
	if (!ok)
		abort();
}

static void clean_up(void)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal"};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char name[80];

		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
	rmdir(folder);
}

/* One event of each kind, and who they are about. */
static void fill(struct tocsin_history *h)
{
	static struct tocsin_finding finding = {
	    .rule = "rule", .technique = "T1059.004", .evidence_size = 4};
	struct tocsin_event_account account = {.samples = 3, .forks_known = true};
	struct tocsin_event_process parent = {.pid = 1,
					      .comm = "init",
					      .exe = "/sbin/init",
					      .cmdline = "init",
					      .cmdline_size = 5,
					      .container = ""};
	struct tocsin_event_process p = parent;
	struct tocsin_event_socket s = {.id = 1, .direction = TOCSIN_DIRECTION_OUT};

	p.pid = 100;
	p.comm = "curl";
	s.socket.family = AF_INET;
	s.socket.type = SOCK_STREAM;
	s.socket.protocol = IPPROTO_TCP;
	s.socket.state = TCP_ESTABLISHED;
	s.socket.remote_port = 443;
	for (int k = 0; k < TOCSIN_EVENT_KINDS; k++) {
		struct tocsin_event e = {.kind = (enum tocsin_event_kind)k,
					 .time = TIME + (unsigned)k,
					 .guest = "web",
					 .boot = 5,
					 .process = &p,
					 .other = &parent,
					 .socket = k % 2 ? &s : NULL,
					 .fd = 3,
					 .detail = "why"};

		e.finding = k == TOCSIN_EVENT_FINDING ? &finding : NULL;
		e.account = k == TOCSIN_EVENT_ACCOUNT ? &account : NULL;
		check(tocsin_history_add(h, &e, NULL) == 0);
		s.socket.family = k % 4 == 3 ? AF_UNIX : AF_INET;
	}
}

static void prepare(void)
{
	const struct tocsin_history_settings settings = {0};
	struct tocsin_history *h;
	FILE *f;

	/* in memory if there is such a folder: a disk would take most of the time */
	snprintf(folder, sizeof(folder), "%s/tocsin-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	check(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/history", folder);
	atexit(clean_up);
	check(tocsin_history_open(path, &settings, &h, NULL) == 0);
	fill(h);
	tocsin_history_close(h);
	original = malloc(LARGEST);
	f = fopen(path, "r");
	nowhere = fopen("/dev/null", "w");
	check(original && f && nowhere);
	original_size = fread(original, 1, LARGEST, f);
	check(original_size > 4096 && feof(f));
	fclose(f);
}

static void write_changed(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(original_size);
	size_t length = original_size;
	FILE *f = fopen(path, "w");

	check(bytes && f);
	memcpy(bytes, original, length);
	while (size >= 4) {
		size_t at = data[0] * 4096u + (data[1] | data[2] << 8) % 4096u, n = data[3];

		data += 4;
		size -= 4;
		if (!n && at < length)
			length = at;
		if (n > size)
			n = size;
		if (at + n <= original_size)
			memcpy(bytes + at, data, n);
		data += n;
		size -= n;
	}
	check(fwrite(bytes, 1, length, f) == length && !fclose(f));
	free(bytes);
}

static int take(const struct tocsin_event *e, void *context)
{
	check(e->kind < TOCSIN_EVENT_KINDS);
	for (const struct tocsin_event_output *o = tocsin_event_outputs; o->name; o++)
		o->write(nowhere, e);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct tocsin_history_settings settings = {.max_age = 1};
	struct tocsin_history_query all = {.kind = TOCSIN_EVENT_KINDS},
				    some = {.kind = TOCSIN_EVENT_OPENED,
					    .pid = 100,
					    .comm = "curl",
					    .address = "0.0.0.0",
					    .limit = 2};
	struct tocsin_history_extent extent;
	struct tocsin_history *h;

	if (!original)
		prepare();
	write_changed(data, size);
	if (!tocsin_history_open(path, NULL, &h, NULL)) {
		tocsin_history_each(h, &all, take, NULL, NULL);
		tocsin_history_each(h, &some, take, NULL, NULL);
		tocsin_history_extent(h, &extent, NULL);
		tocsin_history_close(h);
	}
	if (!tocsin_history_open(path, &settings, &h, NULL)) {
		struct tocsin_event e = {.kind = TOCSIN_EVENT_END,
					 .time = TIME * 2,
					 .guest = "web",
					 .fd = -1,
					 .detail = ""};

		tocsin_history_add(h, &e, NULL);
		tocsin_history_close(h);
	}
	return 0;
}
