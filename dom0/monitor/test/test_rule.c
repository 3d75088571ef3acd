// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules: each condition with what meets it and what just does not; what is over time; each mistake
 * in a file with its line; the bounds.
 */
#include "monitor/test/rule_scene.h"

/* A rule with these settings besides those that each has. */
static const char *one_rule(const char *settings)
{
	static char text[8192];

	snprintf(text, sizeof(text),
		 "rules = ( { name = \"r\"; sentence = \"{comm}\"; why = \"w\";\n"
		 "severity = \"high\"; %s } );",
		 settings);
	return text;
}

/* Does a rule with these settings, over a fresh state, state the event? */
static bool hits(const char *settings, const struct scene *c)
{
	struct tocsin_watch_rules *r = load_text(one_rule(settings));
	struct tocsin_watch_state *s;
	bool hit;

	assert_non_null(r);
	assert_string_equal(said, "");
	s = tocsin_watch_state_new(r);
	hit = apply(r, s, &c->e)[0] != 0;
	tocsin_watch_state_free(s);
	tocsin_watch_rules_free(r);
	return hit;
}

/* The condition alone, for all kinds that these tests use. */
static bool meets(const char *condition, const struct scene *c)
{
	char settings[4096];

	snprintf(settings, sizeof(settings), "when = { kinds = [\"opened\", \"listening\"]; %s };",
		 condition);
	return hits(settings, c);
}

static void test_kinds(void **state)
{
	struct scene c;

	begin(&c);
	assert_true(hits("when = { kinds = \"opened\"; };", &c));
	assert_true(hits("when = { kinds = [\"closed\", \"opened\"]; };", &c));
	assert_false(hits("when = { kinds = [\"closed\", \"accepted\"]; };", &c));
	assert_true(hits("when = { kinds = \"opened\"; initial = false; };", &c));
	assert_false(hits("when = { kinds = \"opened\"; initial = true; };", &c));
	c.e.initial = true;
	assert_true(hits("when = { kinds = \"opened\"; initial = true; };", &c));
	assert_true(hits("when = { kinds = \"opened\"; };", &c));
	assert_false(hits("when = { kinds = \"opened\"; initial = false; };", &c));
	assert_false(hits("enabled = false; when = { kinds = \"opened\"; };", &c));
	c.e.kind = TOCSIN_EVENT_KINDS; /* a kind from the future */
	assert_false(hits("when = { kinds = \"opened\"; };", &c));
}

static void test_process_conditions(void **state)
{
	static const char digits[] =
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct scene c;

	begin(&c);
	assert_true(meets("process = { comm = \"nginx\"; };", &c));
	assert_true(meets("process = { comm = [\"sh\", \"ng*\"]; };", &c));
	assert_false(meets("process = { comm = [\"ngin\", \"nginxx\"]; };", &c));
	assert_true(meets("process = { exe = [\"/usr/*/nginx\"]; };", &c));
	assert_false(meets("process = { exe = [\"/usr/nginx\"]; };", &c));
	assert_true(meets("process = { uid = [33]; };", &c));
	assert_true(meets("process = { uid = (0, \"30-33\"); };", &c));
	assert_false(meets("process = { uid = \"34-40\"; };", &c));
	assert_false(meets("process = { exe_deleted = true; };", &c));
	assert_true(meets("process = { exe_deleted = false; };", &c));
	c.p.exe_deleted = true;
	assert_true(meets("process = { exe_deleted = true; };", &c));
	assert_false(meets("process = { exe_memfd = true; };", &c));
	c.p.exe_memfd = true;
	assert_true(meets("process = { exe_memfd = true; };", &c));
	assert_false(meets("process = { stdin_socket = true; };", &c));
	c.p.stdin_socket = true;
	assert_true(meets("process = { stdin_socket = true; };", &c));
	assert_true(meets("process = { kernel_thread = false; };", &c));
	c.p.kernel_thread = true;
	assert_false(meets("process = { kernel_thread = false; };", &c));
	assert_true(meets("process = { in_container = false; };", &c));
	assert_false(meets("process = { container = \"0123*\"; };", &c));
	c.p.container = digits;
	assert_true(meets("process = { in_container = true; };", &c));
	assert_true(meets("process = { container = \"0123*\"; };", &c));
	assert_true(meets("other = { comm = \"init\"; };", &c));
	assert_false(meets("other = { comm = \"nginx\"; };", &c));
	c.e.other = NULL;
	assert_false(meets("other = { in_container = false; };", &c));
	c.e.process = NULL;
	assert_false(meets("process = { in_container = false; };", &c));
	assert_true(meets("", &c));
}

static void test_socket_conditions(void **state)
{
	struct scene c;

	begin(&c);
	assert_true(meets("socket = { protocol = \"tcp\"; };", &c));
	assert_false(meets("socket = { protocol = [\"udp\", \"unix\"]; };", &c));
	assert_true(meets("socket = { state = [\"ESTABLISHED\"]; };", &c));
	assert_false(meets("socket = { state = \"LISTEN\"; };", &c));
	assert_true(meets("socket = { direction = \"out\"; };", &c));
	assert_false(meets("socket = { direction = [\"in\", \"none\"]; };", &c));
	assert_true(meets("socket = { local_port = 40000; };", &c));
	assert_false(meets("socket = { local_port = \"39000-39999\"; };", &c));
	assert_true(meets("socket = { remote_port = (80, \"440-443\"); };", &c));
	assert_false(meets("socket = { remote_port = [\"444-65535\", \"0-442\"]; };", &c));
	assert_true(meets("socket = { remote = \"198.51.100.0/29\"; };", &c));
	assert_true(meets("socket = { remote = \"0.0.0.0/0\"; };", &c));
	assert_false(meets("socket = { remote = [\"198.51.100.8/29\", \"198.51.100.6\"]; };", &c));
	assert_false(meets("socket = { remote = \"::/0\"; };", &c));
	assert_true(meets("socket = { local = \"10.0.0.0/8\"; };", &c));
	assert_false(meets("socket = { local = \"10.0.0.0/32\"; };", &c));
	assert_false(meets("socket = { path = \"*\"; };", &c));
	c.e.socket = NULL;
	assert_false(meets("socket = { protocol = \"tcp\"; };", &c));
}

static void test_socket_kinds(void **state)
{
	struct scene c;

	begin(&c);
	c.s.socket.family = AF_UNIX;
	c.s.socket.protocol = 0;
	memcpy(c.s.socket.name, "/run/x.sock", 11);
	c.s.socket.name_size = 12; /* the kernel counts the zero at the end */
	assert_true(meets("socket = { protocol = \"unix\"; path = \"/run/*\"; };", &c));
	assert_true(meets("socket = { path = \"/run/x.sock\"; };", &c));
	assert_false(meets("socket = { path = \"/run/x\"; };", &c));
	assert_false(meets("socket = { local_port = \"0-65535\"; };", &c));
	assert_false(meets("socket = { remote = [\"0.0.0.0/0\", \"::/0\"]; };", &c));
	memcpy(c.s.socket.name, "\0abs\0x", 6);
	c.s.socket.name_size = 6;
	assert_true(meets("socket = { path = \"@@abs@x\"; };", &c));
	memset(c.s.socket.name, 'x', sizeof(c.s.socket.name));
	c.s.socket.name_size = 100000; /* hostile */
	assert_true(meets("socket = { path = \"xxx*\"; };", &c));
	c.s.socket.family = AF_PACKET;
	c.s.socket.type = SOCK_RAW;
	assert_true(meets("socket = { protocol = [\"raw\", \"packet\"]; };", &c));
	assert_false(meets("socket = { protocol = \"raw\"; };", &c));
	c.s.socket.family = AF_INET6;
	assert_true(meets("socket = { protocol = \"raw\"; };", &c));
	assert_false(meets("socket = { protocol = \"tcp\"; };", &c));
}

/* IPv4 in IPv6 is IPv4, in events and in rules. */
static void test_addresses(void **state)
{
	struct scene c;

	begin(&c);
	c.s.socket.family = AF_INET6;
	address("::ffff:198.51.100.7", AF_INET6, c.s.socket.remote);
	address("2001:db8::1", AF_INET6, c.s.socket.local);
	assert_true(meets("socket = { remote = \"198.51.100.0/24\"; };", &c));
	assert_true(meets("socket = { remote = \"::ffff:198.51.100.0/120\"; };", &c));
	assert_false(meets("socket = { remote = \"::ffff:198.51.100.8/125\"; };", &c));
	assert_false(meets("socket = { remote = \"::/0\"; };", &c));
	assert_true(meets("socket = { local = \"2001:db8::/32\"; };", &c));
	assert_true(meets("socket = { local = \"2001:db8::dead/112\"; };", &c));
	assert_false(meets("socket = { local = [\"2001:db9::/32\", \"2001:db8::2\"]; };", &c));
	assert_false(meets("socket = { local = \"0.0.0.0/0\"; };", &c));
	assert_true(meets("socket = { local = [\"2001:db8::1\", \"2001:db8::/127\"]; };", &c));
	c.s.socket.family = AF_INET;
	address("10.0.0.1", AF_INET, c.s.socket.local);
	assert_true(meets("socket = { local = \"::ffff:10.0.0.0/104\"; };", &c));
	assert_true(meets("socket = { local = [\"10.0.0.0/9\", \"10.0.0.0/30\"]; };", &c));
}

static void test_exceptions(void **state)
{
	static const char except[] =
	    "when = { kinds = \"opened\"; }; exceptions = ("
	    "{ process = { comm = \"nginx\"; }; socket = { remote_port = 80; }; },"
	    "{ socket = { remote = \"203.0.113.0/24\"; }; } );";
	struct scene c;

	begin(&c);
	assert_true(hits(except, &c)); /* of the first, one half only */
	c.s.socket.remote_port = 80;
	assert_false(hits(except, &c));
	c.s.socket.remote_port = 443;
	address("203.0.113.1", AF_INET, c.s.socket.remote);
	assert_false(hits(except, &c));
}

/* ---- the same thing is not stated twice ---- */

static void test_once(void **state)
{
	struct tocsin_watch_rules *r = load_text(
	    "rules = ( { name = \"s\"; sentence = \"s\"; why = \"w\"; severity = \"low\";\n"
	    "when = { kinds = [\"opened\", \"held\"]; }; },\n"
	    "{ name = \"p\"; sentence = \"p\"; why = \"w\"; severity = \"low\"; once = "
	    "\"process\";\n"
	    "when = { kinds = [\"opened\", \"held\"]; }; },\n"
	    "{ name = \"e\"; sentence = \"e\"; why = \"w\"; severity = \"low\"; once = \"exe\";\n"
	    "when = { kinds = [\"opened\"]; }; },\n"
	    "{ name = \"a\"; sentence = \"a\"; why = \"w\"; severity = \"low\"; once = "
	    "\"remote\";\n"
	    "when = { kinds = [\"opened\"]; }; } );");
	struct tocsin_watch_state *s = tocsin_watch_state_new(r),
				  *other = tocsin_watch_state_new(r);
	struct tocsin_watch_counts counts;
	struct scene c;

	begin(&c);
	assert_string_equal(apply(r, s, &c.e), "s: s\np: p\ne: e\na: a\n");
	assert_string_equal(apply(r, s, &c.e), "");
	c.e.kind = TOCSIN_EVENT_HELD;
	assert_string_equal(apply(r, s, &c.e), "");
	c.e.kind = TOCSIN_EVENT_OPENED;
	c.s.id = 2; /* another socket of the same process to the same place */
	assert_string_equal(apply(r, s, &c.e), "s: s\n");
	c.s.socket.remote[3]++;
	assert_string_equal(apply(r, s, &c.e), "a: a\n");
	c.p.start_time++; /* the PID is used again */
	assert_string_equal(apply(r, s, &c.e), "s: s\np: p\na: a\n");
	c.p.exe = "/usr/sbin/nginx2";
	assert_string_equal(apply(r, s, &c.e), "e: e\n");
	c.p.container = "0123";
	assert_string_equal(apply(r, s, &c.e), "e: e\n");
	c.e.process = NULL; /* nobody knows who: one socket after the other */
	assert_string_equal(apply(r, s, &c.e), "s: s\np: p\ne: e\na: a\n");
	assert_string_equal(apply(r, s, &c.e), "");
	c.s.id = 3;
	assert_string_equal(apply(r, s, &c.e), "s: s\np: p\ne: e\n");
	tocsin_watch_state_counts(s, &counts);
	assert_int_equal(counts.events, 11);
	assert_int_equal(counts.findings, 18);
	assert_int_equal(counts.repeated, 10 * 4 + 2 - 18);
	assert_int_equal(counts.forgotten, 0);
	assert_string_equal(apply(r, other, &c.e), "s: s\np: p\ne: e\na: a\n");
	tocsin_watch_state_free(s);
	tocsin_watch_state_free(other);
	tocsin_watch_rules_free(r);
}

static int refuse(const struct tocsin_finding *f, const struct tocsin_event *cause, void *unused)
{
	return -EPIPE;
}

/* A server that is started again, or has many sockets for one port, is one listener. */
static void test_once_local(void **state)
{
	struct tocsin_watch_rules *r =
	    load_text(one_rule("once = \"local\"; when = { kinds = \"opened\"; };"));
	struct tocsin_watch_state *s = tocsin_watch_state_new(r);
	struct scene c;

	begin(&c);
	assert_string_equal(apply(r, s, &c.e), "r: nginx\n");
	c.s.id++;
	c.p.pid++;
	c.s.socket.remote_port++;
	assert_string_equal(apply(r, s, &c.e), "");
	c.s.socket.local_port++;
	assert_string_equal(apply(r, s, &c.e), "r: nginx\n");
	c.s.socket.local[0]++;
	assert_string_equal(apply(r, s, &c.e), "r: nginx\n");
	c.p.exe = "/tmp/nginx";
	assert_string_equal(apply(r, s, &c.e), "r: nginx\n");
	tocsin_watch_state_free(s);
	tocsin_watch_rules_free(r);
}

static void test_emit_fails(void **state)
{
	struct tocsin_watch_rules *r = load_text(one_rule("when = { kinds = \"opened\"; };"));
	struct tocsin_watch_state *s = tocsin_watch_state_new(r);
	struct scene c;

	begin(&c);
	assert_int_equal(tocsin_watch_rules_apply(r, s, &c.e, refuse, NULL), -EPIPE);
	tocsin_watch_state_free(s);
	tocsin_watch_rules_free(r);
}

/* ---- over time ---- */

struct run {
	struct tocsin_watch_rules *r;
	struct tocsin_watch_state *s;
	struct scene c;
};

static void run_begin(struct run *run, const char *settings)
{
	run->r = load_text(one_rule(settings));
	assert_non_null(run->r);
	assert_string_equal(said, "");
	run->s = tocsin_watch_state_new(run->r);
	begin(&run->c);
}

static void run_end(struct run *run)
{
	tocsin_watch_state_free(run->s);
	tocsin_watch_rules_free(run->r);
}

/* One more connection, after so long. */
static bool after(struct run *run, double seconds)
{
	run->c.e.time += (uint64_t)(seconds * 1e9);
	run->c.e.since = run->c.e.time - SECOND / 10;
	run->c.s.id++;
	return apply(run->r, run->s, &run->c.e)[0] != 0;
}

static const char ports[] = "when = { kinds = \"opened\"; };"
			    "fanout = { of = \"remote_port\"; at_least = 4; within = 10; };";

static bool try_ports(struct run *run, int count, double apart)
{
	bool hit = false;

	for (int i = 0; i < count; i++) {
		run->c.s.socket.remote_port++;
		hit = after(run, apart) || hit;
	}
	return hit;
}

static void test_fanout(void **state)
{
	struct tocsin_watch_counts counts;
	struct run run;

	run_begin(&run, ports);
	assert_false(try_ports(&run, 3, 1));
	for (int i = 0; i < 5; i++)
		assert_false(after(&run, 0)); /* the same port again is not another */
	run.c.p.pid++;
	assert_false(try_ports(&run, 1, 1)); /* nor that of another process */
	run.c.p.pid--;
	run.c.p.start_time++;
	assert_false(try_ports(&run, 1, 1)); /* even under the same PID */
	run.c.p.start_time--;
	assert_true(try_ports(&run, 1, 1));
	assert_false(try_ports(&run, 9, 1)); /* known */
	tocsin_watch_state_counts(run.s, &counts);
	assert_int_equal(counts.repeated, 9);
	run_end(&run);

	run_begin(&run, ports);
	assert_false(try_ports(&run, 30, 3.4)); /* never four within ten seconds */
	assert_true(try_ports(&run, 4, 3));
	run_end(&run);

	run_begin(&run, ports);
	run.c.e.initial = true;
	assert_false(try_ports(&run, 30, 0)); /* when these began is not known */
	run.c.e.initial = false;
	run.c.e.process = NULL;
	assert_true(try_ports(&run, 4, 0)); /* of those that nobody knows */
	run_end(&run);
}

static void test_fanout_forms(void **state)
{
	struct run run;

	run_begin(&run, "when = { kinds = \"opened\"; };"
			"fanout = { of = \"remote\"; by = \"guest\"; at_least = 4; };");
	run.c.e.process = NULL;
	for (int i = 0; i < 4; i++) {
		run.c.s.socket.remote[3]++;
		assert_int_equal(after(&run, 1), i == 3);
		run.c.s.socket.remote_port++;
		assert_false(after(&run, 1));
	}
	run_end(&run);

	run_begin(&run, "when = { kinds = \"opened\"; };"
			"fanout = { of = \"local_port\"; by = \"remote\"; at_least = 4; };");
	for (int i = 0; i < 3; i++) {
		run.c.p.pid++; /* each port is another server's */
		run.c.s.socket.local_port++;
		assert_false(after(&run, 1));
	}
	run.c.s.socket.local_port++;
	run.c.s.socket.remote[3]++;
	assert_false(after(&run, 1));
	run.c.s.socket.remote[3]--;
	assert_true(after(&run, 1));
	run_end(&run);

	run_begin(&run, "when = { kinds = \"opened\"; };"
			"fanout = { of = \"remote_and_port\"; by = \"exe\"; at_least = 4; };");
	for (int i = 0; i < 4; i++) {
		run.c.p.pid++;
		run.c.s.socket.remote[3] += i & 1;
		run.c.s.socket.remote_port += !(i & 1);
		assert_int_equal(after(&run, 1), i == 3);
	}
	run_end(&run);
}

static void test_rate(void **state)
{
	static const char settings[] = "when = { kinds = \"opened\"; };"
				       "rate = { at_least = 5; within = 10; };";
	struct run run;
	bool hit = false;

	run_begin(&run, settings);
	for (int i = 0; i < 50; i++)
		hit = hit || after(&run, 2.6);
	assert_false(hit);
	for (int i = 0; i < 5; i++)
		hit = hit || after(&run, 2.4);
	assert_true(hit);
	run_end(&run);

	run_begin(&run, settings);
	for (int i = 0; i < 4; i++)
		assert_false(after(&run, 0));
	run.c.e.time -= 500 * SECOND; /* the clock is set back: begin again */
	for (int i = 0; i < 4; i++)
		assert_false(after(&run, 1));
	assert_true(after(&run, 1));
	run_end(&run);
}

#define BEACON                                                                                     \
	"when = { kinds = \"opened\"; };"                                                          \
	"beacon = { at_least = 6; jitter = 20; shortest = 5; longest = 100; };"

static bool beats(struct run *run, const double *gaps, size_t count, size_t rounds)
{
	bool hit = false;

	for (size_t i = 0; i < count * rounds; i++)
		hit = after(run, gaps[i % count]) || hit;
	return hit;
}

static void test_beacon(void **state)
{
	static const double even[] = {10}, jittered[] = {9, 11, 12, 8, 10}, wild[] = {6, 20, 9, 30},
			    fast[] = {2}, slow[] = {101}, one_missed[] = {10, 10, 10, 20, 10},
			    bursts[] = {0.1, 0.1, 19.8};
	struct run run;

	run_begin(&run, BEACON);
	assert_false(beats(&run, even, 1, 5));
	assert_true(beats(&run, even, 1, 1));
	assert_non_null(strstr(found, "r: nginx"));
	assert_false(beats(&run, even, 1, 20)); /* known */
	run_end(&run);
	run_begin(&run, BEACON);
	assert_true(beats(&run, jittered, 5, 2));
	run_end(&run);
	run_begin(&run, BEACON);
	assert_false(beats(&run, wild, 4, 20));
	run_end(&run);
	run_begin(&run, BEACON);
	assert_false(beats(&run, fast, 1, 200)); /* one long burst */
	run_end(&run);
	run_begin(&run, BEACON);
	assert_false(beats(&run, slow, 1, 20));
	run_end(&run);
	run_begin(&run, BEACON);
	assert_false(beats(&run, one_missed, 5, 4)); /* 27 % */
	run_end(&run);
	run_begin(&run, BEACON);
	assert_true(beats(&run, bursts, 3, 8));
	run_end(&run);
}

/* A busy client that is sampled seldom looks regular, as the samples are. */
static void test_beacon_blurred(void **state)
{
	struct run run;

	run_begin(&run, BEACON);
	for (int i = 0; i < 50; i++) {
		run.c.e.since = run.c.e.time;
		run.c.e.time += 10 * SECOND;
		run.c.s.id++;
		assert_string_equal(apply(run.r, run.s, &run.c.e), "");
	}
	run_end(&run);
}

static void test_beacon_keys(void **state)
{
	struct run run;
	bool hit = false;

	run_begin(&run, BEACON);
	for (int i = 0; i < 50; i++) { /* each time to another port: not one place */
		run.c.s.socket.remote_port++;
		hit = hit || after(&run, 10);
	}
	for (int i = 0; i < 50; i++) { /* each time by another process */
		run.c.p.pid++;
		hit = hit || after(&run, 10);
	}
	assert_false(hit);
	run_end(&run);
	run_begin(&run, "when = { kinds = \"opened\"; };"
			"beacon = { by = \"exe\"; at_least = 6; };");
	for (int i = 0; i < 6; i++) {
		run.c.p.pid++;
		assert_int_equal(after(&run, 60), i == 5);
	}
	run_end(&run);
}

/* ---- sentences ---- */

static void test_sentence(void **state)
{
	struct tocsin_watch_rules *r = load_text(
	    "rules = ( { name = \"s\"; why = \"w\"; severity = \"low\"; when = { kinds = "
	    "[\"opened\"]; };\n"
	    "sentence = \"{comm}|{exe}|{pid}|{uid}|{container}|{other}|{local}|{remote}|{protocol}|"
	    "{state}|{count}|{interval}|{detail}|}\"; } );");
	struct tocsin_watch_state *s = tocsin_watch_state_new(r);
	char longest[5000];
	struct scene c;

	begin(&c);
	c.e.detail = "why";
	assert_string_equal(apply(r, s, &c.e),
			    "s: nginx|/usr/sbin/nginx|100|33|no container|init|10.0.0.1:40000|"
			    "198.51.100.7:443|tcp|ESTABLISHED|1|0.0 s|why|}\n");
	c.s.socket.family = AF_INET6;
	address("2001:db8::1", AF_INET6, c.s.socket.local);
	c.s.id++;
	assert_non_null(strstr(apply(r, s, &c.e), "|[2001:db8::1]:40000|"));
	c.e.socket = NULL;
	c.e.process = c.e.other = NULL;
	assert_string_equal(apply(r, s, &c.e), "s: ?|?|?|?|?|?|?|?|?|?|1|0.0 s|why|}\n");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	c.p.exe = longest;
	c.e.process = &c.p;
	assert_int_equal(strlen(apply(r, s, &c.e)), strlen("s: \n") + 255);
	tocsin_watch_state_free(s);
	tocsin_watch_rules_free(r);
}

/* ---- mistakes ---- */

static const struct {
	const char *settings, *said;
} wrong_settings[] = {
    {"wen = 1;", "t.rules:2: wen: there is no such setting here"},
    {"", "has no group 'when'"},
    {"when = { };", "t.rules:2: when: has no 'kinds' of events"},
    {"when = { kinds = []; };", "kinds: not a word, nor a list of words"},
    {"when = { kinds = \"finding\"; };", "kinds: 'finding' is no word for it"},
    {"when = { kinds = \"\"; };", "kinds: '' is no word for it"},
    {"when = { kinds = \"opened\"; initial = 1; };", "initial: neither true nor false"},
    {"when = { kinds = \"opened\";\nprocess = { com = \"a\"; }; };",
     "t.rules:3: com: there is no such condition"},
    {"when = { kinds = \"opened\"; process = { }; };", "process: not a group of conditions"},
    {"when = { kinds = \"opened\"; process = { comm = []; }; };", "comm: is empty"},
    {"when = { kinds = \"opened\"; process = { comm = { }; }; };", "comm: not a value"},
    {"when = { kinds = \"opened\"; process = { comm = true; }; };", "comm: neither a text"},
    {"when = { kinds = \"opened\"; process = { comm = \"*****\"; }; };", "more than 4 stars"},
    {"when = { kinds = \"opened\"; process = { uid = -1; }; };", "uid: '-1': not a user"},
    {"when = { kinds = \"opened\"; socket = { local_port = 65536; }; };", "not a port"},
    {"when = { kinds = \"opened\"; socket = { local_port = \"9-8\"; }; };", "not a port"},
    {"when = { kinds = \"opened\"; socket = { local_port = \"8-\"; }; };", "not a port"},
    {"when = { kinds = \"opened\"; socket = { local_port = 1.5; }; };", "neither a text nor"},
    {"when = { kinds = \"opened\"; socket = { remote = \"1.2.3\"; }; };", "not an address"},
    {"when = { kinds = \"opened\"; socket = { remote = \"1.2.3.4/33\"; }; };", "not an addr"},
    {"when = { kinds = \"opened\"; socket = { remote = \"::/129\"; }; };", "not an address"},
    {"when = { kinds = \"opened\"; socket = { remote = \"::1/\"; }; };", "not an address"},
    {"when = { kinds = \"opened\"; socket = { remote = \"@nets\"; }; };", "no list 'nets'"},
    {"when = { kinds = \"opened\"; socket = { state = \"Established\"; }; };", "no word"},
    {"when = { kinds = \"opened\"; }; severity = \"x\";", "duplicate setting name"},
    {"when = { kinds = \"opened\"; }; certainty = \"sure\";", "'sure' is no word for it"},
    {"when = { kinds = \"opened\"; }; technique = \"T1071.001.002.00\";", "longer than 15"},
    {"when = { kinds = \"opened\"; }; technique = \"T 1\";", "something other than letters"},
    {"when = { kinds = \"opened\"; }; enabled = \"yes\";", "neither true nor false"},
    {"when = { kinds = \"opened\"; }; once = \"pid\";", "'pid' is no word for it"},
    {"when = { kinds = \"opened\"; }; once = \"exe\"; rate = { at_least = 2; };",
     "rate: there is a 'once' already"},
    {"when = { kinds = \"opened\"; }; rate = { };", "rate: has no 'at_least'"},
    {"when = { kinds = \"opened\"; }; rate = 5;", "rate: not a group"},
    {"when = { kinds = \"opened\"; }; rate = { at_least = 4097; };", "2 to 4096"},
    {"when = { kinds = \"opened\"; }; fanout = { of = \"remote\"; at_least = 257; };",
     "at_least: not a whole number of 2 to 256"},
    {"when = { kinds = \"opened\"; }; fanout = { at_least = 7; };", "has no 'of'"},
    {"when = { kinds = \"opened\"; }; beacon = { at_least = 3; };", "4 to 256"},
    {"when = { kinds = \"opened\"; }; beacon = { at_least = 9; by = \"socket\"; };",
     "nothing to count by 'socket'"},
    {"when = { kinds = \"opened\"; }; beacon = { at_least = 9; by = \"local\"; };",
     "not by 'local'"},
    {"when = { kinds = \"opened\"; }; beacon = { at_least = 9; shortest = 9; longest = 8; "
     "};",
     "'shortest' is longer than 'longest'"},
    {"when = { kinds = \"opened\"; }; exceptions = { };", "not a list of groups"},
    {"when = { kinds = \"opened\"; }; exceptions = ( { } );", "without conditions"},
    {"when = { kinds = \"opened\"; }; exceptions = ( 1 );", "not a group of conditions"},
    {"when = { kinds = \"opened\"; }; exceptions = ( { kinds = 1; } );", "no such setting"},
    {"when = { kinds = \"opened\" ", "t.rules:2: syntax error"},
};

static void test_mistakes(void **state)
{
	for (size_t i = 0; i < sizeof(wrong_settings) / sizeof(wrong_settings[0]); i++) {
		struct tocsin_watch_rules *r = load_text(one_rule(wrong_settings[i].settings));

		if (r || !strstr(said, wrong_settings[i].said))
			print_error("%s: %s", wrong_settings[i].settings, said);
		assert_null(r);
		assert_non_null(strstr(said, wrong_settings[i].said));
		assert_int_equal(strncmp(said, "t.rules:", 8), 0);
	}
}

static void test_mistakes_of_words(void **state)
{
	static const char *const wrong[][2] = {
	    {"rules = ( { } );", "has no 'name'"},
	    {"rules = ( 1 );", "rules: not a group"},
	    {"rules = { };", "rules: not a list of groups"},
	    {"rule = ( );", "rule: there is no such setting here"},
	    {"rules = ( { name = \"\"; } );", "name: is empty"},
	    {"rules = ( { name = 5; } );", "name: not a text"},
	    {"rules = ( { name = \"a b\"; sentence = \"s\"; } );", "name: has something other"},
	    {"rules = ( { name = \"a\"; sentence = \"{pod}\"; } );", "no placeholder {pod}"},
	    {"rules = ( { name = \"a\"; sentence = \"{pid\"; } );", "a '{' without"},
	    {"rules = ( { name = \"a\"; sentence = \"s\"; } );", "has no 'why'"},
	    {"rules = ( { name = \"a\"; sentence = \"s\"; why = \"w\"; } );", "no 'severity'"},
	    {"lists = ( { name = \"n\"; } );", "has no 'type'"},
	    {"lists = ( { name = \"n\"; type = \"hosts\"; } );", "'hosts' is none of"},
	    {"lists = ( { name = \"n\"; type = \"ports\"; } );", "neither values nor a file"},
	    {"lists = ( { name = \"n\"; type = \"ports\"; values = [\"x\"]; } );",
	     "'x': not a port"},
	    {"lists = ( { name = \"n\"; type = \"ports\"; file = \"/nowhere/x\"; } );",
	     "cannot open /nowhere/x: No such file"},
	    {"lists = ( { name = \"n\"; type = \"ports\"; file = \"/dev/zero\"; } );",
	     "is no file"},
	    {"lists = ( { name = \"n\"; type = \"ports\"; values = [ ]; } );", "values: is empty"},
	    {"lists = ( 7 );", "lists: not a group"},
	    {"exceptions = ( { socket = { protocol = \"tcp\"; }; } );", "names 'rules'"},
	    {"exceptions = ( { rules = \"r\"; socket = { protocol = \"tcp\"; }; } );",
	     "there is no rule 'r'"},
	    {"disable = [ \"r\" ];", "disable: there is no rule 'r'"},
	    {"enable = 5;", "enable: not the name of a rule"},
	    {"  @include \"/etc/passwd\"\n", "files are not nested"},
	    {"\n\nrules = ( { name = ; } );", "t.rules:3: syntax error"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct tocsin_watch_rules *r = load_text(wrong[i][0]);

		if (r || !strstr(said, wrong[i][1]))
			print_error("%s: %s", wrong[i][0], said);
		assert_null(r);
		assert_non_null(strstr(said, wrong[i][1]));
	}
	assert_null(load_text(""));
	assert_string_equal(said, "");
}

/* One broken rule leaves the others; a broken list takes along those that need it. */
static void test_rest_works(void **state)
{
	struct tocsin_watch_rules *r = load_text(
	    "lists = ( { name = \"bad\"; type = \"ports\"; values = [ 1, 99999 ]; } );\n"
	    "rules = (\n"
	    "{ name = \"a\"; sentence = \"s\"; why = \"w\"; severity = \"low\"; wrong = 1; },\n"
	    "{ name = \"b\"; sentence = \"s\"; why = \"w\"; severity = \"low\";\n"
	    "  when = { kinds = \"opened\"; socket = { remote_port = \"@bad\"; }; }; },\n"
	    "{ name = \"c\"; sentence = \"s\"; why = \"w\"; severity = \"low\"; technique = "
	    "\"T1\";\n"
	    "  when = { kinds = \"opened\"; }; exceptions = ( { socket = { local_port = 1; }; } ); "
	    "},\n"
	    "{ name = \"d\"; sentence = \"s\"; why = \"w\"; severity = \"high\"; certainty = "
	    "\"low\";\n"
	    "  when = { kinds = \"opened\"; }; }\n"
	    ");\n"
	    "disable = [\"d\", \"nobody\"];\n"
	    "unknown = 1;\n");
	struct tocsin_watch_rule_info info;

	assert_non_null(r);
	assert_string_equal(said,
			    "t.rules:12: unknown: there is no such setting here\n"
			    "t.rules:1: values: '99999': not a port, or a range of ports such as "
			    "8000-8999\n"
			    "t.rules:3: wrong: there is no such setting here\n"
			    "t.rules:3: rules: has no group 'when'\n"
			    "t.rules:5: remote_port: the list 'bad' is broken\n"
			    "t.rules:11: disable: there is no rule 'nobody'\n");
	assert_int_equal(tocsin_watch_rules_count(r), 2);
	assert_int_equal(tocsin_watch_rules_broken(r), 5);
	tocsin_watch_rules_info(r, 0, &info);
	assert_string_equal(info.name, "c");
	assert_string_equal(info.file, "t.rules");
	assert_string_equal(info.technique, "T1");
	assert_int_equal(info.line, 6);
	assert_int_equal(info.exceptions, 1);
	assert_int_equal(info.certainty, TOCSIN_CERTAINTY_HIGH);
	assert_true(info.enabled);
	tocsin_watch_rules_info(r, 1, &info);
	assert_string_equal(info.name, "d");
	assert_int_equal(info.severity, TOCSIN_SEVERITY_HIGH);
	assert_int_equal(info.certainty, TOCSIN_CERTAINTY_LOW);
	assert_false(info.enabled);
	tocsin_watch_rules_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_process_conditions),
	    cmocka_unit_test(test_socket_conditions),
	    cmocka_unit_test(test_socket_kinds),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_exceptions),
	    cmocka_unit_test(test_once),
	    cmocka_unit_test(test_once_local),
	    cmocka_unit_test(test_emit_fails),
	    cmocka_unit_test(test_fanout),
	    cmocka_unit_test(test_fanout_forms),
	    cmocka_unit_test(test_rate),
	    cmocka_unit_test(test_beacon),
	    cmocka_unit_test(test_beacon_blurred),
	    cmocka_unit_test(test_beacon_keys),
	    cmocka_unit_test(test_sentence),
	    cmocka_unit_test(test_mistakes),
	    cmocka_unit_test(test_mistakes_of_words),
	    cmocka_unit_test(test_rest_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
