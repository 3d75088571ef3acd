// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events of a hostile guest against rules of every form: 16 bytes make one event. Nothing is stated
 * more often than it was matched, what is stated is text, and memory keeps its bound.
 */
#include "fuzz.h"
#include "monitor/rule_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RULE(name, rest)                                                                           \
	"{ name = \"" name "\"; sentence = \"{comm} {exe} {local} {remote} {container} {other} "   \
	"{count} {interval} {protocol} {state} {detail}\"; why = \"w\"; severity = \"low\"; "      \
	"when = { kinds = [\"started\", \"executed\", \"exited\", \"opened\", \"accepted\", "      \
	"\"closed\", \"listening\", \"unlistened\", \"held\", \"released\", \"ring\"]; }; " rest   \
	" }"

static const char text[] = "rules = (" RULE("socket", "") "," RULE(
    "process",
    "once = \"process\";") "," RULE("exe",
				    "once = \"exe\";") "," RULE("remote", "once = \"remote\";") "," RULE("ports", "fanout = { of = \"remote_port\"; at_least = 5; within = 9; };") "," RULE("hosts", "fanout = { of = \"remote\"; by = \"guest\"; at_least = 256; };") "," RULE("doors", "fanout = { of = \"local_port\"; by = \"remote\"; at_least = 2; };") "," RULE("pairs", "fanout = { of = \"remote_and_port\"; by = \"exe\"; at_least = 7; };") "," RULE("beacon", "beacon = { at_least = 4; jitter = 100; shortest = 1; };") "," RULE("beacon2", "beacon = { by = \"exe\"; at_least = 9; longest = 604800; };") "," RULE("beacon3", "beacon = { by = \"remote\"; at_least = 4; };") "," RULE("rate",
																																																																																				     "rate = { at_least = 3; within = 1; };") "," RULE("rate2",
																																																																																										       "rate = { by = \"remote\"; at_least = 4096; within = 86400; };") ", { name = \"conditions\"; sentence = \"s\"; why = \"w\"; severity = \"low\";"
																																																																																																			"when = { kinds = [\"opened\", \"held\"]; process = { comm = [\"a*b*\", \"nginx\"];"
																																																																																																			"exe = \"/*/?\"; uid = [\"0-9\", \"77\"]; exe_deleted = false; };"
																																																																																																			"socket = { protocol = [\"tcp\", \"unix\", \"raw\"]; state = \"ESTABLISHED\"; }; };"
																																																																																																			"exceptions = ( { socket = { path = \"@@*\"; }; }, { socket = { remote = [\"10.0.0.0/8\","
																																																																																																			"\"2001:db8::/32\"]; local_port = \"1-1024\"; }; } ); } );";

static size_t stated;

static int take(const struct tocsin_finding *f, const struct tocsin_event *cause, void *context)
{
	stated++;
	if (!memchr(f->what, 0, sizeof(f->what)) || !cause)
		abort();
	return 0;
}

static struct tocsin_watch_rules *load(void)
{
	static struct tocsin_watch_rules *r;
	struct rule_loading l;

	if (r)
		return r;
	if (tocsin_rule_loading_begin(&l, NULL, NULL))
		abort();
	tocsin_rule_loading_add_text(&l, "fuzz.rules", text, sizeof(text) - 1);
	if (tocsin_rule_loading_finish(&l, &r, NULL) || tocsin_watch_rules_broken(r))
		abort();
	return r;
}

/* kind, flags, pid, start, id, family, type, state, ports, address, time (2), text, ... */
static void make(const uint8_t *d, struct tocsin_event *e, struct tocsin_event_process *p,
		 struct tocsin_event_socket *s)
{
	static const char *const texts[] = {"", "nginx", "/a/b", "aabbaabb\xff\x1b[2J"};
	static const uint16_t families[] = {AF_INET, AF_INET6, AF_UNIX, AF_PACKET, AF_NETLINK, 77};

	*p = (struct tocsin_event_process){.pid = d[2] % 16,
					   .start_time = d[3] % 4,
					   .uid = d[3],
					   .comm = texts[d[13] % 4],
					   .exe = texts[d[13] / 4 % 4],
					   .cmdline = "",
					   .container = texts[d[13] / 16 % 4],
					   .exe_deleted = d[1] & 8,
					   .stdin_socket = d[1] & 16};
	*s = (struct tocsin_event_socket){.id = d[4], .direction = d[1] / 64 % 3};
	s->socket.family = families[d[5] % 6];
	s->socket.type = d[6];
	s->socket.protocol = d[6] / 4;
	s->socket.state = d[7];
	s->socket.local_port = d[8];
	s->socket.remote_port = d[9];
	memset(s->socket.local, d[10], 16);
	memset(s->socket.remote, d[14], 16);
	if (d[15] & 1)
		memcpy(s->socket.remote, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	memset(s->socket.name, d[15], sizeof(s->socket.name));
	s->socket.name_size = d[15] * 2;
	e->kind = d[0] % (TOCSIN_EVENT_KINDS + 1);
	e->initial = d[1] & 1;
	e->process = d[1] & 2 ? NULL : p;
	e->other = d[1] & 4 ? p : NULL;
	e->socket = d[1] & 32 ? NULL : s;
	e->since = e->time;
	e->time += (uint64_t)(d[11] * 256 + d[12]) * 10000000 - (d[15] == 255 ? UINT64_MAX / 2 : 0);
	e->detail = texts[d[15] % 4];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tocsin_watch_rules *r = load();
	struct tocsin_watch_state *s = tocsin_watch_state_new(r);
	struct tocsin_event e = {.guest = "g", .fd = -1};
	struct tocsin_event_process p;
	struct tocsin_event_socket socket;
	struct tocsin_watch_counts counts;

	if (!s)
		abort();
	stated = 0;
	for (size_t i = 0; i + 16 <= size; i += 16) {
		make(data + i, &e, &p, &socket);
		if (tocsin_watch_rules_apply(r, s, &e, take, NULL))
			abort();
	}
	tocsin_watch_state_counts(s, &counts);
	if (counts.findings != stated || counts.events != size / 16 ||
	    tocsin_rule_state_bytes(s) > 4u << 20 ||
	    counts.findings + counts.repeated > counts.events * tocsin_watch_rules_count(r))
		abort();
	tocsin_watch_state_free(s);
	return 0;
}
