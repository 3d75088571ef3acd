// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A file of rules: whatever is in it, what is broken is complained about and the rest can be asked
 * and applied. A list in a file is not opened: the text is given a name in a folder that is none.
 *
 * libconfig 1.5 loses the buffer of a text that does not end: fuzz with -detect_leaks=0.
 */
#include "fuzz.h"
#include "monitor/rule_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static size_t complaints;

static void complain(const char *message, void *context)
{
	complaints++;
	if (strlen(message) > 511)
		abort();
}

static int take(const struct tocsin_finding *f, const struct tocsin_event *cause, void *context)
{
	if (!memchr(f->what, 0, sizeof(f->what)) || !f->rule[0] || !f->why[0] || !cause)
		abort();
	return 0;
}

/* An event of each kind, about one process and one socket. */
static void apply_all(const struct tocsin_watch_rules *r, struct tocsin_watch_state *s)
{
	struct tocsin_event_process p = {.pid = 7,
					 .comm = "sh",
					 .exe = "/bin/sh",
					 .cmdline = "",
					 .container = "",
					 .exe_deleted = true,
					 .stdin_socket = true};
	struct tocsin_event_socket socket = {.id = 1,
					     .direction = TOCSIN_DIRECTION_OUT,
					     .socket = {.family = AF_INET,
							.type = SOCK_STREAM,
							.protocol = IPPROTO_TCP,
							.state = 1,
							.local = {10, 0, 0, 1},
							.remote = {198, 51, 100, 7},
							.local_port = 40000,
							.remote_port = 443}};
	struct tocsin_event e = {
	    .guest = "g", .process = &p, .other = &p, .socket = &socket, .fd = 0, .detail = ""};

	for (int kind = 0; kind < TOCSIN_EVENT_KINDS; kind++)
		for (int i = 0; i < 12; i++) {
			e.kind = (enum tocsin_event_kind)kind;
			e.time += 10000000000;
			e.since = e.time - 1000000;
			socket.id++;
			socket.socket.remote_port++;
			if (tocsin_watch_rules_apply(r, s, &e, take, NULL))
				abort();
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tocsin_watch_rules *r = NULL;
	struct tocsin_watch_rule_info info;
	struct tocsin_error err = {0};
	struct tocsin_watch_state *s;
	struct rule_loading l;
	int rc;

	complaints = 0;
	if (tocsin_rule_loading_begin(&l, complain, NULL))
		abort();
	tocsin_rule_loading_add_text(&l, "/nowhere/fuzzed.rules", (const char *)data, size);
	rc = tocsin_rule_loading_finish(&l, &r, &err);
	if (rc ? rc != err.code || r : !tocsin_watch_rules_count(r))
		abort();
	if (rc == -EINVAL && !complaints)
		abort(); /* nobody was told why */
	if (rc)
		return 0;
	if (tocsin_watch_rules_broken(r) && !complaints)
		abort();
	for (size_t i = 0; i < tocsin_watch_rules_count(r); i++) {
		tocsin_watch_rules_info(r, i, &info);
		if (!info.name[0] || !info.sentence[0] || !info.why[0] || !info.line)
			abort();
	}
	s = tocsin_watch_state_new(r);
	if (!s)
		abort();
	apply_all(r, s);
	tocsin_watch_state_free(s);
	tocsin_watch_rules_free(r);
	return 0;
}
