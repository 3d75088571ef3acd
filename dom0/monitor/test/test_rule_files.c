// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules from folders: what is replaced, extended and switched by whom, lists in files, bounds; and
 * the rules that are shipped, each with what it is for and with what is ordinary.
 */
#include "monitor/test/rule_scene.h"

static char folder[] = "/tmp/tocsin-rules-XXXXXX";

static void put_file(const char *name, const char *text, size_t size)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static void put(const char *name, const char *text)
{
	put_file(name, text, strlen(text));
}

static void drop(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(remove(path), 0);
}

static struct tocsin_watch_rules *load(const char *first, const char *second, int expected)
{
	const char *const directories[] = {first, second, NULL};
	struct tocsin_watch_rules *r = NULL;
	struct tocsin_error err = {0};

	said[0] = 0;
	assert_int_equal(tocsin_watch_rules_load(directories, complain, NULL, &r, &err), expected);
	assert_true(!expected == !!r);
	assert_int_equal(err.code, expected);
	return r;
}

#define RULE(name, sentence, rest)                                                                 \
	"{ name = \"" name "\"; sentence = \"" sentence "\"; why = \"w\"; severity = \"low\";"     \
	"  when = { kinds = \"opened\"; " rest " }; }"

static void test_folders(void **state)
{
	struct tocsin_watch_state *s;
	struct tocsin_watch_rules *r;
	struct scene c;

	put("b.rules", "rules = (" RULE("x", "second", "") ");");
	put("a.rules", "rules = (" RULE("x", "first", "") ", " RULE("y", "y", "") ");");
	put("c.rules", "rules = ( { name = \"y\"; } ); enable = \"*\";");
	put("d.rules.off", "nonsense");
	put(".e.rules", "nonsense");
	r = load(folder, NULL, 0);
	assert_int_equal(tocsin_watch_rules_count(r), 2);
	assert_int_equal(tocsin_watch_rules_broken(r), 1);
	assert_non_null(strstr(said, "/c.rules:1: "));
	begin(&c);
	s = tocsin_watch_state_new(r);
	assert_string_equal(apply(r, s, &c.e), "x: second\ny: y\n");
	tocsin_watch_state_free(s);
	tocsin_watch_rules_free(r);
	drop("a.rules");
	drop("b.rules");
	load(folder, NULL, -EINVAL);
	drop("c.rules");
	load(folder, NULL, -ENOENT);
	assert_string_equal(said, "");
	load("/nowhere", NULL, -ENOENT);
	load(folder, "/nowhere", -ENOENT);
	drop("d.rules.off");
	drop(".e.rules");
}

static void test_lists(void **state)
{
	struct tocsin_watch_rule_info info;
	struct tocsin_watch_state *s;
	struct tocsin_watch_rules *r;
	struct scene c;

	put("a.rules",
	    "lists = ( { name = \"n\"; type = \"networks\"; file = \"feed\"; },"
	    "{ name = \"none\"; type = \"ports\"; file = \"absent\"; optional = true; } );"
	    "rules = (" RULE("x", "x", "socket = { remote = \"@n\"; };") "," RULE(
		"never", "n", "socket = { remote_port = \"@none\"; };") ");");
	put("feed", "# a feed\n\n198.51.100.0/25 ; SBL1\r\n  2001:db8::/32\t# six\nwrong\n"
		    "203.0.113.9\n1.2.3.4/40\n");
	put("z.rules",
	    "lists = ( { name = \"n\"; type = \"networks\"; values = \"192.0.2.0/24\"; } );");
	r = load(folder, NULL, 0);
	tocsin_watch_rules_info(r, 0, &info);
	assert_false(info.idle);
	tocsin_watch_rules_info(r, 1, &info);
	assert_true(info.idle);
	assert_non_null(strstr(said, "/feed:5: 'wrong': not an address"));
	assert_non_null(strstr(said, "/feed:7: '1.2.3.4/40': not an address"));
	assert_int_equal(tocsin_watch_rules_broken(r), 1);
	s = tocsin_watch_state_new(r);
	begin(&c);
	assert_string_equal(apply(r, s, &c.e), "x: x\n");
	address("198.51.100.128", AF_INET, c.s.socket.remote);
	c.s.id++;
	assert_string_equal(apply(r, s, &c.e), "");
	address("192.0.2.77", AF_INET, c.s.socket.remote); /* what the other file added */
	assert_string_equal(apply(r, s, &c.e), "x: x\n");
	c.s.id++;
	c.s.socket.family = AF_INET6;
	address("2001:db8:1::", AF_INET6, c.s.socket.remote);
	assert_string_equal(apply(r, s, &c.e), "x: x\n");
	tocsin_watch_state_free(s);
	tocsin_watch_rules_free(r);
	put("z.rules", "lists = ( { name = \"n\"; type = \"networks\"; replace = true;"
		       " values = \"192.0.2.0/24\"; }, { name = \"n\"; type = \"texts\"; values = "
		       "\"a\"; } );");
	r = load(folder, NULL, 0);
	assert_non_null(strstr(said, "there is a list 'n' of networks already"));
	begin(&c);
	s = tocsin_watch_state_new(r);
	assert_string_equal(apply(r, s, &c.e), "");
	tocsin_watch_state_free(s);
	tocsin_watch_rules_free(r);
	drop("a.rules");
	drop("z.rules");
	drop("feed");
}

/* A site's own file: exceptions for rules of others, and which are on. */
static void test_site(void **state)
{
	struct tocsin_watch_state *s;
	struct tocsin_watch_rules *r;
	struct scene c;

	put("a.rules",
	    "rules = (" RULE("w.x", "x", "") "," RULE("w.y", "y", "") "," RULE("z", "z", "") ");");
	put("site.rules", "exceptions = ( { rules = \"w.*\"; process = { comm = \"nginx\"; };"
			  " socket = { remote_port = 443; }; } );"
			  "enable = \"w.*\"; disable = \"*\";");
	r = load(folder, NULL, 0);
	assert_string_equal(said, "");
	s = tocsin_watch_state_new(r);
	begin(&c);
	assert_string_equal(apply(r, s, &c.e), "");
	c.s.socket.remote_port++;
	assert_string_equal(apply(r, s, &c.e), "w.x: x\nw.y: y\n");
	tocsin_watch_state_free(s);
	tocsin_watch_rules_free(r);
	drop("a.rules");
	drop("site.rules");
}

/* ---- bounds ---- */

static void test_file_bounds(void **state)
{
	char *big = malloc(TOCSIN_SETTINGS_MAX + 1), path[256];
	struct tocsin_watch_rules *r;

	assert_non_null(big);
	memset(big, '\n', TOCSIN_SETTINGS_MAX + 1);
	put("a.rules", "rules = (" RULE("x", "x", "") ");");
	put_file("big.rules", big, TOCSIN_SETTINGS_MAX + 1);
	put_file("zero.rules", "a = 1;\0b = 2;", 13);
	snprintf(path, sizeof(path), "%s/fifo.rules", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	r = load(folder, NULL, 0);
	assert_non_null(strstr(said, "big.rules: is larger than 1 MiB"));
	assert_non_null(strstr(said, "zero.rules: has a byte of zero"));
	assert_non_null(strstr(said, "fifo.rules: is no file"));
	assert_int_equal(tocsin_watch_rules_broken(r), 3);
	tocsin_watch_rules_free(r);
	memset(big, '(', TOCSIN_SETTINGS_MAX); /* as deep as a file can be */
	put_file("big.rules", big, TOCSIN_SETTINGS_MAX);
	r = load(folder, NULL, 0);
	assert_non_null(strstr(said, "big.rules:"));
	assert_int_equal(tocsin_watch_rules_broken(r), 3);
	tocsin_watch_rules_free(r);
	free(big);
	drop("fifo.rules");
	drop("zero.rules");
	drop("big.rules");
	drop("a.rules");
}

static void test_rule_bounds(void **state)
{
	static char text[200000];
	struct tocsin_watch_rules *r;
	size_t n = 0;

	n += (size_t)snprintf(text, sizeof(text), "rules = (");
	for (int i = 0; i < RULES_MAX + 2; i++)
		n += (size_t)snprintf(
		    text + n, sizeof(text) - n,
		    "%s{ name = \"r%d\"; sentence = \"s\"; why = \"w\"; severity = "
		    "\"low\"; when = { kinds = \"opened\"; }; }\n",
		    i ? "," : "", i);
	snprintf(text + n, sizeof(text) - n, ");");
	put("a.rules", text);
	r = load(folder, NULL, 0);
	assert_int_equal(tocsin_watch_rules_count(r), RULES_MAX);
	assert_int_equal(tocsin_watch_rules_broken(r), 2);
	assert_non_null(strstr(said, "more than 256 rules"));
	tocsin_watch_rules_free(r);

	n = (size_t)snprintf(text, sizeof(text),
			     "rules = ( { name = \"r\"; sentence = \"s\"; why = \"w\"; severity = "
			     "\"low\"; when = { kinds = \"opened\"; }; exceptions = (");
	for (int i = 0; i < RULE_EXCEPTIONS_MAX + 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s{ process = { uid = %d; }; }",
				      i ? "," : "", i);
	snprintf(text + n, sizeof(text) - n, "); } );");
	put("a.rules", text);
	load(folder, NULL, -EINVAL);
	assert_non_null(strstr(said, "more than 256 exceptions"));
	drop("a.rules");
}

static void test_entry_bound(void **state)
{
	struct tocsin_watch_rules *r;
	char path[256];
	FILE *f;

	put("a.rules", "lists = ( { name = \"n\"; type = \"ports\"; file = \"feed\"; } );"
		       "rules = (" RULE("x", "x", "socket = { remote_port = \"@n\"; };") ");");
	snprintf(path, sizeof(path), "%s/feed", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	for (unsigned int i = 0; i < RULE_ENTRIES_MAX + 20; i++)
		fputs("7\n", f);
	fclose(f);
	r = load(folder, NULL, 0);
	assert_non_null(strstr(said, "feed:1048577: '7': there are more than a million entries"));
	assert_non_null(strstr(said, "feed: 10 more lines are wrong"));
	tocsin_watch_rules_free(r);
	drop("feed");
	drop("a.rules");
}

/* A guest that opens as much as it can: what is remembered stays bounded. */
static void test_memory_bound(void **state)
{
	struct tocsin_watch_rules *r = load_text("rules = (" RULE(
	    "x", "x", "") ", { name = \"f\"; sentence = \"f\"; why = \"w\";"
			  "severity = \"low\"; when = { kinds = \"opened\"; };"
			  "fanout = { of = \"remote_port\"; at_least = 256; }; } );");
	struct tocsin_watch_state *s = tocsin_watch_state_new(r);
	struct tocsin_watch_counts counts;
	struct scene c;

	assert_non_null(r);
	begin(&c);
	for (int i = 0; i < 100000; i++) {
		c.s.id++;
		c.p.pid++;
		assert_string_equal(apply(r, s, &c.e), "x: x\n");
	}
	tocsin_watch_state_counts(s, &counts);
	assert_true(counts.forgotten > 100000 + 50000);
	assert_true(tocsin_rule_state_bytes(s) <= 4u << 20);
	assert_string_equal(apply(r, s, &c.e), ""); /* the latest is still known */
	c.s.id = 2;
	c.p.pid = 101;
	assert_string_equal(apply(r, s, &c.e), "x: x\n"); /* the first is not */
	tocsin_watch_state_free(s);
	tocsin_watch_rules_free(r);
}

/* ---- what is shipped ---- */

static struct tocsin_watch_rules *shipped;

static int load_shipped(void **state)
{
	static const char feed[] = "lists = ( { name = \"listed-networks\"; type = \"networks\";"
				   "values = \"203.0.113.0/24\"; } );";

	put("feed.rules", feed);
	shipped = load(getenv("TOCSIN_TEST_RULES"), folder, 0);
	assert_string_equal(said, "");
	drop("feed.rules");
	return 0;
}

static int free_shipped(void **state)
{
	tocsin_watch_rules_free(shipped);
	return rmdir(folder);
}

/* The rules that state an event over a fresh state. */
static const char *states(const struct scene *c)
{
	struct tocsin_watch_state *s = tocsin_watch_state_new(shipped);

	apply(shipped, s, &c->e);
	tocsin_watch_state_free(s);
	return found;
}

static void listener(struct scene *c, const char *exe, const char *local, uint16_t port,
		     uint16_t protocol)
{
	const char *slash = strrchr(exe, '/');

	begin(c);
	c->e.kind = TOCSIN_EVENT_LISTENING;
	c->p.exe = exe;
	c->p.comm = slash ? slash + 1 : exe;
	c->s.direction = TOCSIN_DIRECTION_NONE;
	c->s.socket.protocol = protocol;
	c->s.socket.type = protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
	c->s.socket.state = protocol == IPPROTO_TCP ? TCP_LISTEN : TCP_CLOSE;
	c->s.socket.family = strchr(local, ':') ? AF_INET6 : AF_INET;
	memset(c->s.socket.remote, 0, 16);
	address(local, c->s.socket.family, c->s.socket.local);
	c->s.socket.local_port = port;
	c->s.socket.remote_port = 0;
}

static void test_listener(void **state)
{
	static const struct {
		const char *exe, *local;
		uint16_t port, protocol;
	} ordinary[] = {
	    {"/usr/sbin/nginx", "0.0.0.0", 8081, IPPROTO_TCP},
	    {"/usr/sbin/sshd", "::", 22, IPPROTO_TCP},
	    {"/usr/lib/postgresql/15/bin/postgres", "0.0.0.0", 5433, IPPROTO_TCP},
	    {"/usr/local/bin/redis-server", "0.0.0.0", 6379, IPPROTO_TCP},
	    {"/usr/bin/docker-proxy", "0.0.0.0", 32768, IPPROTO_TCP},
	    {"/usr/lib/systemd/systemd-resolved", "0.0.0.0", 5355, IPPROTO_UDP},
	    {"/usr/lib/systemd/systemd-networkd", "0.0.0.0", 68, IPPROTO_UDP},
	    {"/sbin/dhclient", "0.0.0.0", 68, IPPROTO_UDP},
	    {"/bin/busybox", "0.0.0.0", 68, IPPROTO_UDP},
	    {"/usr/sbin/chronyd", "127.0.0.1", 323, IPPROTO_UDP},
	    {"/usr/bin/anything", "127.0.0.53", 4444, IPPROTO_TCP},
	    {"/usr/bin/anything", "::1", 4444, IPPROTO_TCP},
	    {"/usr/bin/anything", "::ffff:127.0.0.1", 4444, IPPROTO_TCP},
	    {"/usr/bin/dig", "0.0.0.0", 45678, IPPROTO_UDP},
	};
	struct scene c;

	for (size_t i = 0; i < sizeof(ordinary) / sizeof(ordinary[0]); i++) {
		listener(&c, ordinary[i].exe, ordinary[i].local, ordinary[i].port,
			 ordinary[i].protocol);
		assert_string_equal(states(&c), "");
		c.e.initial = true;
		assert_string_equal(states(&c), "");
	}
	listener(&c, "/tmp/nc", "0.0.0.0", 4444, IPPROTO_TCP);
	assert_string_equal(states(&c), "watch.unexpected-listener: nc (100) listens on tcp "
					"0.0.0.0:4444, which is not expected\n");
	c.e.initial = true;
	assert_non_null(strstr(states(&c), "unexpected-listener"));
	listener(&c, "/tmp/nginx", "::", 31337, IPPROTO_UDP);
	assert_non_null(strstr(states(&c), "unexpected-listener: nginx (100) listens on udp6"));
}

static void test_listed(void **state)
{
	struct scene c;

	begin(&c);
	address("203.0.113.5", AF_INET, c.s.socket.remote);
	assert_string_equal(states(&c), "watch.listed-network: nginx (100) has connected with "
					"203.0.113.5:443, which is in a listed network\n");
	address("203.0.112.255", AF_INET, c.s.socket.remote);
	assert_string_equal(states(&c), "");
	address("203.0.113.5", AF_INET, c.s.socket.remote);
	c.e.kind = TOCSIN_EVENT_ACCEPTED;
	c.s.direction = TOCSIN_DIRECTION_IN;
	assert_non_null(strstr(states(&c), "watch.listed-visitor: 203.0.113.5:443"));
	c.e.kind = TOCSIN_EVENT_CLOSED;
	assert_string_equal(states(&c), "");
}

static void test_shell(void **state)
{
	struct scene c;

	begin(&c);
	c.p.comm = "sh";
	c.p.exe = "/usr/bin/dash";
	c.e.kind = TOCSIN_EVENT_EXECUTED;
	c.e.socket = NULL;
	assert_string_equal(states(&c), ""); /* a shell, its input is a pipe or a terminal */
	c.p.stdin_socket = true;
	assert_string_equal(states(&c), "watch.socket-shell: the shell sh (100) of user 33 has a "
					"network connection as its standard input\n");
	c.p.comm = "sshd-session"; /* what inetd starts has that too */
	assert_string_equal(states(&c), "");
	c.p.comm = "bash";
	c.e.kind = TOCSIN_EVENT_HELD;
	c.e.socket = &c.s;
	assert_non_null(strstr(states(&c), "watch.socket-shell"));
	c.e.kind = TOCSIN_EVENT_EXITED;
	assert_string_equal(states(&c), "");
}

static void test_deleted(void **state)
{
	struct scene c;

	begin(&c);
	c.p.exe_deleted = true;
	assert_string_equal(states(&c), ""); /* an update */
	c.p.comm = "x";
	c.p.exe = "/tmp/x";
	assert_string_equal(states(&c), "watch.deleted-program: x (100) has a connection with "
					"198.51.100.7:443, and its program /tmp/x is deleted\n");
	c.e.kind = TOCSIN_EVENT_STARTED;
	c.e.socket = NULL;
	assert_string_equal(states(&c), ""); /* without a connection */
	c.e.kind = TOCSIN_EVENT_OPENED;
	c.e.socket = &c.s;
	c.s.socket.family = AF_UNIX;
	assert_string_equal(states(&c), "");
	c.s.socket.family = AF_INET;
	c.p.exe_memfd = true;
	c.p.exe = "/memfd:x";
	assert_string_equal(states(&c), "watch.memory-program: x (100) has a connection with "
					"198.51.100.7:443, and its program is in memory only\n");
	c.p.exe_deleted = c.p.exe_memfd = false;
	assert_string_equal(states(&c), "");
}

static void test_raw(void **state)
{
	struct scene c;

	begin(&c);
	c.p.comm = "sniff";
	c.p.exe = "/tmp/sniff";
	c.s.socket.family = AF_PACKET;
	c.s.socket.type = SOCK_RAW;
	c.s.direction = TOCSIN_DIRECTION_NONE;
	assert_string_equal(states(&c),
			    "watch.raw-socket: sniff (100) of user 33 has opened a socket "
			    "of kind packet\n");
	c.p.exe = "/usr/lib/systemd/systemd-networkd";
	assert_string_equal(states(&c), "");
	c.p.exe = "/bin/busybox";
	assert_non_null(strstr(states(&c), "watch.raw-socket"));
	c.p.comm = "udhcpc";
	assert_string_equal(states(&c), "");
	c.p.exe = "/tmp/sniff";
	c.s.socket.family = AF_INET;
	c.s.socket.protocol = IPPROTO_ICMP;
	assert_non_null(strstr(states(&c), "of kind raw\n"));
	c.s.socket.type = SOCK_DGRAM; /* what ping uses without rights */
	assert_string_equal(states(&c), "");
}

/* So many connections, each a while after the one before, and what changes from one to the next. */
static const char *many(struct scene *c, int count, double apart, bool port, bool host, bool local)
{
	struct tocsin_watch_state *s = tocsin_watch_state_new(shipped);
	static char all[4096];

	all[0] = 0;
	for (int i = 0; i < count; i++) {
		c->e.since = c->e.time;
		c->e.time += (uint64_t)(apart * 1e9);
		if (c->e.time - c->e.since > SECOND)
			c->e.since = c->e.time - SECOND / 10;
		c->s.id++;
		c->s.socket.remote_port += port;
		c->s.socket.remote[3] += host;
		c->s.socket.local_port += local;
		strncat(all, apply(shipped, s, &c->e), sizeof(all) - strlen(all) - 1);
	}
	tocsin_watch_state_free(s);
	return all;
}

static void test_scans(void **state)
{
	struct scene c;

	begin(&c);
	c.p.exe = "/tmp/scan";
	assert_string_equal(many(&c, 40, 0.1, true, false, false),
			    "watch.port-scan: nginx (100) has tried 20 ports, the last one of "
			    "198.51.100.7:463\n");
	assert_string_equal(many(&c, 19, 0.1, true, false, false), "");
	c.e.process = NULL;
	assert_non_null(
	    strstr(many(&c, 40, 0.1, true, false, false), "watch.port-scan: ? (?) has"));
	c.e.process = &c.p;
	assert_string_equal(many(&c, 100, 4, true, false, false), "");
	assert_string_equal(many(&c, 100, 0.1, false, true, false), ""); /* a proxy */
	address("127.0.0.1", AF_INET, c.s.socket.remote);
	assert_string_equal(many(&c, 40, 0.1, true, false, false), "");
	address("10.1.1.1", AF_INET, c.s.socket.remote);
	c.s.socket.remote_port = 22;
	assert_non_null(strstr(many(&c, 40, 0.1, false, true, false),
			       "watch.address-scan: nginx (100) has tried 20 addresses"));
	assert_string_equal(many(&c, 19, 0.1, false, true, false), "");
	c.e.kind = TOCSIN_EVENT_ACCEPTED;
	c.s.direction = TOCSIN_DIRECTION_IN;
	assert_non_null(strstr(many(&c, 12, 0.1, false, false, true),
			       "watch.scanned: 10.1.1.60:22 has connected to 10 ports"));
	assert_string_equal(many(&c, 200, 0.1, true, true, false), ""); /* visitors of one port */
}

static void test_beacon(void **state)
{
	struct scene c;

	begin(&c);
	c.p.exe = "/tmp/implant";
	assert_string_equal(
	    many(&c, 30, 60, false, false, true),
	    "watch.beacon: nginx (100) has connected with 198.51.100.7:443 10 times, "
	    "every 60.0 s\n");
	assert_string_equal(many(&c, 9, 60, false, false, true), "");
	assert_string_equal(many(&c, 30, 1, false, false, true), ""); /* a busy client */
	assert_string_equal(many(&c, 30, 7201, false, false, true), "");
	c.e.process = NULL; /* each is over before it is seen whose it was */
	assert_non_null(strstr(many(&c, 30, 60, false, false, true), "watch.beacon: ? (?) has"));
	c.e.process = &c.p;
	c.p.exe = "/usr/sbin/zabbix_agentd";
	assert_string_equal(many(&c, 30, 60, false, false, true), "");
	c.p.exe = "/tmp/implant";
	address("10.0.0.9", AF_INET, c.s.socket.remote); /* an application and its database */
	assert_string_equal(many(&c, 30, 60, false, false, true), "");
	address("198.51.100.7", AF_INET, c.s.socket.remote);
	c.s.socket.protocol = IPPROTO_UDP; /* a clock */
	c.s.direction = TOCSIN_DIRECTION_NONE;
	assert_string_equal(many(&c, 30, 64, false, false, true), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_folders),      cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_site),         cmocka_unit_test(test_file_bounds),
	    cmocka_unit_test(test_rule_bounds),  cmocka_unit_test(test_entry_bound),
	    cmocka_unit_test(test_memory_bound), cmocka_unit_test(test_listener),
	    cmocka_unit_test(test_listed),       cmocka_unit_test(test_shell),
	    cmocka_unit_test(test_deleted),      cmocka_unit_test(test_raw),
	    cmocka_unit_test(test_scans),        cmocka_unit_test(test_beacon),
	};

	if (!mkdtemp(folder) || !getenv("TOCSIN_TEST_RULES"))
		return 99;
	return cmocka_run_group_tests(tests, load_shipped, free_shipped);
}
