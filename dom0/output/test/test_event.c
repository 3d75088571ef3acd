/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of a watch read back: JSON and OCSF by a parser, text by comparison. For OCSF every kind
 * of event is checked for what the schema requires of its class.
 */
#include "output/event.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <json-c/json.h>

#define SECOND 1000000000u

static struct tocsin_event e;
static struct tocsin_event_process process, parent;
static struct tocsin_event_socket sock;
static struct tocsin_finding finding;
static struct tocsin_event_account account;
static char *out;
static size_t out_size;

static void fill_socket(void)
{
	struct tocsin_socket *s = &sock.socket;

	sock.id = 77;
	sock.seen = 1700000000u * (uint64_t)SECOND;
	sock.direction = TOCSIN_DIRECTION_OUT;
	s->family = AF_INET;
	s->type = SOCK_STREAM;
	s->protocol = IPPROTO_TCP;
	s->state = TCP_ESTABLISHED;
	inet_pton(AF_INET, "10.0.0.5", s->local);
	inet_pton(AF_INET, "203.0.113.9", s->remote);
	s->local_port = 40000;
	s->remote_port = 443;
	s->netns = 4026531840u;
	s->counted = true;
	s->bytes_sent = 100;
	s->bytes_received = 2000;
}

static int setup(void **state)
{
	memset(&process, 0, sizeof(process));
	memset(&sock, 0, sizeof(sock));
	memset(&finding, 0, sizeof(finding));
	parent = (struct tocsin_event_process){.pid = 90,
					       .start_time = SECOND,
					       .comm = "sshd",
					       .exe = "/usr/sbin/sshd",
					       .cmdline = "",
					       .container = ""};
	process = (struct tocsin_event_process){
	    .pid = 100,
	    .start_time = 5 * (uint64_t)SECOND,
	    .ppid = 90,
	    .parent_start_time = SECOND,
	    .uid = 1000,
	    .euid = 1001,
	    .comm = "ev\x1b[2J\"il",
	    .exe = "/tmp/\xff\xc3\xa4",
	    .exe_deleted = true,
	    .stdin_socket = true,
	    .cmdline = "a\0\0b c",
	    .cmdline_size = 7,
	    .container = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
	fill_socket();
	strcpy(finding.scanner, "watch");
	strcpy(finding.rule, "watch.reverse-shell");
	finding.severity = TOCSIN_SEVERITY_HIGH;
	finding.certainty = TOCSIN_CERTAINTY_MEDIUM;
	strcpy(finding.technique, "T1059.004");
	strcpy(finding.what, "a shell reads from a socket");
	strcpy(finding.why, "somebody elsewhere gives it commands");
	account = (struct tocsin_event_account){.samples = 10,
						.period = 200000000u,
						.longest = 250000000u,
						.cost = 1500000u,
						.processes = 3,
						.sockets = 4,
						.started = 5,
						.forks = 6,
						.forks_known = true,
						.connected = 7,
						.strangers = 1};
	e = (struct tocsin_event){.kind = TOCSIN_EVENT_OPENED,
				  .since = 1699999999u * (uint64_t)SECOND,
				  .time = 1700000000123456789u,
				  .guest = "web",
				  .boot = 1600000000u * (uint64_t)SECOND,
				  .process = &process,
				  .other = NULL,
				  .socket = &sock,
				  .fd = 5,
				  .detail = ""};
	return 0;
}

static int teardown(void **state)
{
	free(out);
	out = NULL;
	return 0;
}

static void render(const char *format)
{
	FILE *to;

	free(out);
	out = NULL;
	to = open_memstream(&out, &out_size);
	assert_non_null(to);
	assert_int_equal(tocsin_event_output_find(format)->write(to, &e), 0);
	fclose(to);
}

static struct json_object *parse(void)
{
	struct json_object *o;

	assert_true(out_size > 0);
	assert_ptr_equal(strchr(out, '\n'), out + out_size - 1); /* one line */
	o = json_tokener_parse(out);
	assert_non_null(o);
	return o;
}

/* The object at a path such as "process/0/pid"; NULL: there is none. */
static struct json_object *find(struct json_object *o, const char *path)
{
	char name[64];
	size_t n = strcspn(path, "/");

	snprintf(name, sizeof(name), "%.*s", (int)n, path);
	if (json_object_is_type(o, json_type_array))
		o = json_object_array_get_idx(o, strtoul(name, NULL, 10));
	else if (!json_object_object_get_ex(o, name, &o))
		return NULL;
	return path[n] ? find(o, path + n + 1) : o;
}

static void expect(struct json_object *o, const char *path, const char *value)
{
	struct json_object *at = find(o, path);

	if (!at && value)
		fail_msg("no %s in %s", path, json_object_to_json_string(o));
	if (at && !value)
		fail_msg("%s in %s", path, json_object_to_json_string(o));
	if (value)
		assert_string_equal(json_object_get_string(at), value);
}

static void json_connection(void **state)
{
	struct json_object *o;

	e.other = &parent;
	render("json");
	o = parse();
	expect(o, "schema", "1");
	expect(o, "kind", "event");
	expect(o, "event", "opened");
	expect(o, "since", "1699999999000000000");
	expect(o, "time", "1700000000123456789");
	expect(o, "initial", "false");
	expect(o, "guest", "web");
	expect(o, "boot", "1600000000000000000");
	expect(o, "fd", "5");
	expect(o, "process/pid", "100");
	expect(o, "process/start_time", "5000000000");
	expect(o, "process/ppid", "90");
	expect(o, "process/parent_start_time", "1000000000");
	expect(o, "process/uid", "1000");
	expect(o, "process/euid", "1001");
	expect(o, "process/comm", "ev\\x1b[2J\"il");
	expect(o, "process/exe", "/tmp/\\xff\xc3\xa4");
	expect(o, "process/exe_deleted", "true");
	expect(o, "process/stdin_socket", "true");
	expect(o, "process/cmdline", "[ \"a\", \"\", \"b c\" ]");
	expect(o, "process/confidence", "consistent");
	expect(o, "other/pid", "90");
	expect(o, "other/parent_start_time", NULL);
	expect(o, "socket/id", "77");
	expect(o, "socket/direction", "out");
	expect(o, "socket/protocol", "tcp");
	expect(o, "socket/local", "10.0.0.5");
	expect(o, "socket/remote_port", "443");
	expect(o, "finding", NULL);
	expect(o, "account", NULL);
	expect(o, "detail", NULL);
	json_object_put(o);
}

static void json_others(void **state)
{
	struct json_object *o;

	e = (struct tocsin_event){.kind = TOCSIN_EVENT_ACCOUNT,
				  .guest = "web",
				  .fd = -1,
				  .account = &account,
				  .detail = "why"};
	render("json");
	o = parse();
	expect(o, "account/samples", "10");
	expect(o, "account/longest", "250000000");
	expect(o, "account/forks", "6");
	expect(o, "account/opens", NULL); /* not known is not 0 */
	expect(o, "account/strangers", "1");
	expect(o, "detail", "why");
	expect(o, "fd", NULL);
	expect(o, "process", NULL);
	json_object_put(o);
	e.kind = TOCSIN_EVENT_FINDING;
	e.finding = &finding;
	render("json");
	o = parse();
	expect(o, "finding/rule", "watch.reverse-shell");
	expect(o, "finding/severity", "high");
	expect(o, "finding/confidence", "medium");
	json_object_put(o);
}

static void text_lines(void **state)
{
	render("text");
	assert_string_equal(
	    out, "2023-11-14T22:13:20.123Z web opened 100 (ev\\x1b[2J\"il, uid 1000) "
		 "/tmp/\\xff\xc3\xa4 (deleted) in container 0123456789ab: tcp 10.0.0.5:40000 -> "
		 "203.0.113.9:443 ESTABLISHED fd 5 sent 100 received 2000\n");
	e.kind = TOCSIN_EVENT_FINDING;
	e.finding = &finding;
	render("text");
	assert_non_null(strstr(out,
			       " web finding high watch.reverse-shell (T1059.004): a shell reads "
			       "from a socket, 100 (ev"));
	e.finding = NULL;
	sock.direction = TOCSIN_DIRECTION_IN;
	e.kind = TOCSIN_EVENT_HELD;
	e.other = &parent;
	render("text");
	assert_non_null(strstr(out, " web held 100 "));
	assert_non_null(strstr(out, ", had by 90 (sshd): tcp 10.0.0.5:40000 <- 203.0.113.9:443"));
	e = (struct tocsin_event){
	    .kind = TOCSIN_EVENT_END, .guest = "a\nb", .fd = -1, .detail = "the guest is gone"};
	render("text");
	assert_string_equal(out, "- a\\x0ab end: the guest is gone\n");
	e = (struct tocsin_event){.kind = TOCSIN_EVENT_STARTED,
				  .initial = true,
				  .guest = "web",
				  .process = &parent,
				  .fd = -1,
				  .detail = ""};
	render("text");
	assert_string_equal(out, "- web started before 90 (sshd, uid 0) /usr/sbin/sshd\n");
	memset(&sock.socket, 0, sizeof(sock.socket));
	sock.socket.family = AF_UNIX;
	sock.socket.type = SOCK_STREAM;
	memcpy(sock.socket.name, "\0bus", 4);
	sock.socket.name_size = 4;
	e.kind = TOCSIN_EVENT_LISTENING;
	e.process = NULL;
	e.socket = &sock;
	render("text");
	assert_non_null(strstr(out, "listening before nobody: unix @bus"));
}

/* What OCSF requires of all classes, and that the numbers belong together. */
static void check_base(struct json_object *o, int class, int activity)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", class);
	expect(o, "class_uid", text);
	snprintf(text, sizeof(text), "%d", class / 1000);
	expect(o, "category_uid", text);
	snprintf(text, sizeof(text), "%d", activity);
	expect(o, "activity_id", text);
	snprintf(text, sizeof(text), "%d", class * 100 + activity);
	expect(o, "type_uid", text);
	assert_true(json_object_get_int(find(o, "severity_id")) >= 1);
	expect(o, "time", "1700000000123");
	expect(o, "metadata/version", "1.5.0");
	expect(o, "metadata/product/name", "Tocsin");
	expect(o, "metadata/product/vendor_name", "Tocsin");
	expect(o, "metadata/profiles/0", "host");
	expect(o, "device/type_id", "6");
	expect(o, "device/hostname", "web");
	assert_non_null(find(o, "message"));
}

static void ocsf_process(void **state)
{
	struct json_object *o;

	e.kind = TOCSIN_EVENT_STARTED;
	e.other = &parent;
	e.socket = NULL;
	render("ocsf");
	o = parse();
	check_base(o, 1007, 1);
	expect(o, "severity_id", "1");
	expect(o, "start_time", "1699999999000");
	expect(o, "process/pid", "100");
	expect(o, "process/uid", "1600000000000000000-100-5000000000");
	expect(o, "process/name", "ev\\x1b[2J\"il");
	expect(o, "process/file/name", "\\xff\xc3\xa4");
	expect(o, "process/file/path", "/tmp/\\xff\xc3\xa4");
	expect(o, "process/file/type_id", "1");
	expect(o, "process/cmd_line", "a  b c");
	expect(o, "process/user/uid", "1001");
	expect(o, "process/created_time", "1600000005000");
	expect(o, "process/parent_process/uid", "1600000000000000000-90-1000000000");
	expect(o, "process/container/uid", process.container);
	expect(o, "metadata/profiles/1", "container");
	expect(o, "actor/process/pid", "90");
	expect(o, "unmapped/exe_deleted", "true");
	json_object_put(o);
	e.other = NULL;
	render("ocsf");
	o = parse();
	expect(o, "actor/process/pid", "90"); /* required, so the number alone */
	json_object_put(o);
	e.kind = TOCSIN_EVENT_EXITED;
	render("ocsf");
	o = parse();
	check_base(o, 1007, 2);
	expect(o, "actor/process/pid", "100");
	json_object_put(o);
}

static void ocsf_network(void **state)
{
	struct json_object *o;

	render("ocsf");
	o = parse();
	check_base(o, 4001, 1);
	expect(o, "src_endpoint/ip", "10.0.0.5");
	expect(o, "src_endpoint/port", "40000");
	expect(o, "dst_endpoint/ip", "203.0.113.9");
	expect(o, "dst_endpoint/port", "443");
	expect(o, "connection_info/direction_id", "2");
	expect(o, "connection_info/protocol_num", "6");
	expect(o, "connection_info/protocol_ver_id", "4");
	expect(o, "traffic/bytes", "2100");
	expect(o, "actor/process/pid", "100");
	json_object_put(o);
	e.kind = TOCSIN_EVENT_ACCEPTED;
	sock.direction = TOCSIN_DIRECTION_IN;
	render("ocsf");
	o = parse();
	check_base(o, 4001, 1);
	expect(o, "src_endpoint/ip", "203.0.113.9");
	expect(o, "dst_endpoint/hostname", "web");
	expect(o, "connection_info/direction_id", "1");
	json_object_put(o);
	e.kind = TOCSIN_EVENT_LISTENING;
	sock.direction = TOCSIN_DIRECTION_NONE;
	sock.socket.remote_port = 0;
	e.process = NULL;
	render("ocsf");
	o = parse();
	check_base(o, 4001, 7);
	expect(o, "dst_endpoint/port", "40000");
	expect(o, "src_endpoint", NULL);
	expect(o, "actor", NULL);
	expect(o, "connection_info/direction_id", "0");
	json_object_put(o);
	e.kind = TOCSIN_EVENT_CLOSED;
	e.initial = true; /* cannot be, but says that "initial" wins */
	render("ocsf");
	o = parse();
	check_base(o, 4001, 99);
	expect(o, "activity_name", "Present");
	json_object_put(o);
}

static void ocsf_finding(void **state)
{
	struct json_object *o;

	e.kind = TOCSIN_EVENT_FINDING;
	e.finding = &finding;
	render("ocsf");
	o = parse();
	check_base(o, 2004, 1);
	expect(o, "severity_id", "4");
	expect(o, "status_id", "1");
	expect(o, "confidence_id", "2");
	expect(o, "is_alert", "true");
	expect(o, "finding_info/uid", "watch.reverse-shell-1700000000123456789-100");
	expect(o, "finding_info/title", "a shell reads from a socket");
	expect(o, "finding_info/analytic/type_id", "1");
	expect(o, "finding_info/attacks/0/technique/uid", "T1059");
	expect(o, "finding_info/attacks/0/sub_technique/uid", "T1059.004");
	expect(o, "evidences/0/process/pid", "100");
	expect(o, "evidences/0/dst_endpoint/port", "443");
	json_object_put(o);
}

static void ocsf_left_out(void **state)
{
	static const enum tocsin_event_kind none[] = {TOCSIN_EVENT_BEGIN, TOCSIN_EVENT_RING,
						      TOCSIN_EVENT_ACCOUNT, TOCSIN_EVENT_END};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		e.kind = none[i];
		render("ocsf");
		assert_int_equal(out_size, 0);
	}
	e.kind = TOCSIN_EVENT_OPENED;
	sock.socket.family = AF_UNIX;
	render("ocsf");
	assert_int_equal(out_size, 0);
	sock.socket.family = AF_PACKET; /* who listens to the wire does concern the network */
	render("ocsf");
	assert_true(out_size > 0);
}

static void table(void **state)
{
	FILE *full = fopen("/dev/full", "w");

	assert_null(tocsin_event_output_find("xml"));
	assert_non_null(full);
	for (const struct tocsin_event_output *o = tocsin_event_outputs; o->name; o++) {
		assert_ptr_equal(tocsin_event_output_find(o->name), o);
		assert_int_equal(o->write(full, &e), -ENOSPC);
		clearerr(full);
	}
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(json_connection, setup, teardown),
	    cmocka_unit_test_setup_teardown(json_others, setup, teardown),
	    cmocka_unit_test_setup_teardown(text_lines, setup, teardown),
	    cmocka_unit_test_setup_teardown(ocsf_process, setup, teardown),
	    cmocka_unit_test_setup_teardown(ocsf_network, setup, teardown),
	    cmocka_unit_test_setup_teardown(ocsf_finding, setup, teardown),
	    cmocka_unit_test_setup_teardown(ocsf_left_out, setup, teardown),
	    cmocka_unit_test_setup_teardown(table, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
