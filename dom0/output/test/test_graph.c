// SPDX-License-Identifier: GPL-2.0-or-later
/* Graphs out of events: which nodes and edges there are, in which order, how text is written. */
#include "output/graph.h"
#include "output/graph_model.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define SECOND 1000000000u
#define T0 (1700000000u * (uint64_t)SECOND)

static struct tocsin_graph *g;

static int setup(void **state)
{
	g = tocsin_graph_new(0);
	return !g;
}

static int teardown(void **state)
{
	tocsin_graph_free(g);
	return 0;
}

static struct tocsin_event_process process_of(int32_t pid, int32_t ppid, const char *comm)
{
	return (struct tocsin_event_process){.pid = pid,
					     .start_time = (uint64_t)pid,
					     .ppid = ppid,
					     .parent_start_time = (uint64_t)ppid,
					     .comm = comm,
					     .exe = "/bin/x",
					     .cmdline = "",
					     .container = ""};
}

static struct tocsin_event_socket socket_of(uint64_t id, const char *local, uint16_t local_port,
					    const char *remote, uint16_t remote_port)
{
	struct tocsin_event_socket s = {.id = id, .seen = T0};

	s.socket.family = strchr(local, ':') ? AF_INET6 : AF_INET;
	s.socket.type = SOCK_STREAM;
	s.socket.protocol = IPPROTO_TCP;
	s.socket.state = remote_port ? TCP_ESTABLISHED : TCP_LISTEN;
	assert_int_equal(inet_pton(s.socket.family, local, s.socket.local), 1);
	assert_int_equal(inet_pton(s.socket.family, remote, s.socket.remote), 1);
	s.socket.local_port = local_port;
	s.socket.remote_port = remote_port;
	return s;
}

static void add(enum tocsin_event_kind kind, const char *guest,
		const struct tocsin_event_process *p, struct tocsin_event_socket *s)
{
	struct tocsin_event e = {.kind = kind,
				 .time = T0,
				 .guest = guest,
				 .process = p,
				 .socket = s,
				 .fd = -1,
				 .detail = ""};

	if (s)
		s->direction = kind == TOCSIN_EVENT_OPENED     ? TOCSIN_DIRECTION_OUT
			       : kind == TOCSIN_EVENT_ACCEPTED ? TOCSIN_DIRECTION_IN
							       : s->direction;
	assert_int_equal(tocsin_graph_add(g, &e), 0);
}

/* A line for each edge: "curl -connection tcp 443 x2-> 203.0.113.9:443"; a parent by its number. */
static void expect(const char *expected)
{
	struct graph_relations all;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	assert_int_equal(tocsin_graph_relate(g, &all), 0);
	for (size_t i = 0; i < all.edge_count; i++) {
		const struct graph_edge *e = &all.edges[i];

		fprintf(to, "%s -%s %s %u x%d-> %s\n", e->from->name,
			tocsin_graph_edge_name(e->kind), e->protocol, e->port, (int)e->count,
			e->to->name);
		assert_ptr_equal(all.nodes[e->from->number], e->from);
		assert_ptr_equal(all.nodes[e->to->number], e->to);
	}
	fclose(to);
	assert_string_equal(text, expected);
	free(text);
}

static void relations(void **state)
{
	struct tocsin_event_process shell = process_of(10, 1, "sh"),
				    curl = process_of(20, 10, "curl"),
				    nginx = process_of(30, 1, "nginx"),
				    kernel = process_of(2, 0, "k");
	struct tocsin_event_socket a = socket_of(1, "10.0.0.5", 40000, "203.0.113.9", 443),
				   b = socket_of(2, "10.0.0.5", 40001, "203.0.113.9", 443),
				   l = socket_of(3, "0.0.0.0", 80, "0.0.0.0", 0),
				   c = socket_of(4, "10.0.0.5", 80, "198.51.100.7", 50001),
				   d = socket_of(5, "::ffff:10.0.0.5", 80, "::ffff:198.51.100.7",
						 50002);

	kernel.kernel_thread = true;
	add(TOCSIN_EVENT_STARTED, "web", &kernel, NULL);
	add(TOCSIN_EVENT_STARTED, "web", &shell, NULL);
	add(TOCSIN_EVENT_STARTED, "web", &curl, NULL);
	add(TOCSIN_EVENT_OPENED, "web", &curl, &a);
	add(TOCSIN_EVENT_OPENED, "web", &curl, &b);
	add(TOCSIN_EVENT_CLOSED, "web", &curl, &b); /* the same connection */
	add(TOCSIN_EVENT_LISTENING, "web", &nginx, &l);
	add(TOCSIN_EVENT_ACCEPTED, "web", &nginx, &c);
	add(TOCSIN_EVENT_ACCEPTED, "web", &nginx, &d);
	add(TOCSIN_EVENT_ACCEPTED, "web", NULL, &d); /* first seen without who */
	expect(" -parent  0 x1-> sh\n"
	       " -parent  0 x1-> nginx\n"
	       "sh -parent  0 x1-> curl\n"
	       "curl -connection tcp 443 x2-> 203.0.113.9:443\n"
	       "nginx -listens tcp 80 x1-> tcp 0.0.0.0:80\n"
	       "198.51.100.7 -connection tcp 80 x1-> nginx\n"
	       "198.51.100.7 -connection tcp6 80 x1-> nginx\n");
}

static void both_ends(void **state)
{
	struct tocsin_event_process curl = process_of(20, 0, "curl"),
				    nginx = process_of(30, 0, "nginx");
	struct tocsin_event_socket a = socket_of(1, "10.0.0.5", 40000, "10.0.0.6", 80),
				   b = socket_of(1, "::ffff:10.0.0.6", 80, "::ffff:10.0.0.5",
						 40000);

	add(TOCSIN_EVENT_OPENED, "one", &curl, &a);
	add(TOCSIN_EVENT_ACCEPTED, "two", &nginx, &b);
	expect("curl -connection tcp 80 x1-> nginx\n");
}

/* Its listener was gone before anybody saw that it was accepted. */
static void both_connected(void **state)
{
	struct tocsin_event_process nc = process_of(20, 0, "nc"), sh = process_of(30, 0, "sh");
	struct tocsin_event_socket a = socket_of(1, "10.0.0.5", 4444, "10.0.0.6", 40000),
				   b = socket_of(1, "10.0.0.6", 40000, "10.0.0.5", 4444);

	add(TOCSIN_EVENT_OPENED, "one", &nc, &a);
	add(TOCSIN_EVENT_OPENED, "two", &sh, &b);
	expect("sh -connection tcp 4444 x1-> nc\n");
}

/* 127.0.0.1 of one guest is not that of another, and ports are used again. */
static void not_both_ends(void **state)
{
	struct tocsin_event_process curl = process_of(20, 0, "curl"),
				    nginx = process_of(30, 0, "nginx");
	struct tocsin_event_socket a = socket_of(1, "127.0.0.1", 40000, "127.0.0.1", 80),
				   b = socket_of(1, "127.0.0.1", 80, "127.0.0.1", 40000),
				   c = socket_of(2, "10.0.0.5", 40000, "10.0.0.6", 80),
				   d = socket_of(2, "10.0.0.6", 80, "10.0.0.5", 40000);

	add(TOCSIN_EVENT_OPENED, "one", &curl, &a);
	add(TOCSIN_EVENT_ACCEPTED, "two", &nginx, &b);
	add(TOCSIN_EVENT_OPENED, "one", &curl, &c);
	add(TOCSIN_EVENT_CLOSED, "one", &curl, &c);
	d.seen = T0 + 3600 * (uint64_t)SECOND;
	add(TOCSIN_EVENT_ACCEPTED, "two", &nginx, &d);
	expect("curl -connection tcp 80 x1-> 10.0.0.6:80\n"
	       "curl -connection tcp 80 x1-> 127.0.0.1:80\n"
	       "10.0.0.5 -connection tcp 80 x1-> nginx\n"
	       "127.0.0.1 -connection tcp 80 x1-> nginx\n");
}

static void sockets_of_unix(void **state)
{
	struct tocsin_event_process a = process_of(20, 0, "client"),
				    b = process_of(30, 0, "server"), c = process_of(40, 0, "heir");
	struct tocsin_event_socket s = {.id = 1, .seen = T0}, t = {.id = 2, .seen = T0};
	struct tocsin_event e = {.kind = TOCSIN_EVENT_HELD,
				 .time = T0,
				 .guest = "one",
				 .process = &c,
				 .other = &b,
				 .socket = &t,
				 .detail = ""};

	s.socket.family = t.socket.family = AF_UNIX;
	s.socket.type = t.socket.type = SOCK_STREAM;
	s.socket.sock = t.socket.peer = 0x1000;
	t.socket.sock = s.socket.peer = 0x2000;
	add(TOCSIN_EVENT_OPENED, "one", &a, &s);
	add(TOCSIN_EVENT_ACCEPTED, "one", &b, &t);
	assert_int_equal(tocsin_graph_add(g, &e), 0);
	expect("client -connection unix 0 x1-> server\n"
	       "client -connection unix 0 x1-> heir\n"
	       "server -handed unix 0 x1-> heir\n");
}

static char *render(const char *format)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	assert_int_equal(tocsin_graph_output_find(format)->write(to, g), 0);
	fclose(to);
	return text;
}

static void count_is(const char *text, const char *what, int expected)
{
	int n = 0;

	for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
		n++;
	if (n != expected)
		fail_msg("%d times %s in %s", n, what, text);
}

static void hostile(void **state)
{
	struct tocsin_finding f = {.rule = "a<\"b", .severity = TOCSIN_SEVERITY_HIGH};
	struct tocsin_event_process p = process_of(20, 0, "\"];<&>\\\n\xef\xbf\xbe\xff");
	struct tocsin_event e = {.kind = TOCSIN_EVENT_FINDING,
				 .time = T0,
				 .guest = "\"}<g",
				 .process = &p,
				 .finding = &f,
				 .fd = -1,
				 .detail = ""};
	char *text;

	assert_int_equal(tocsin_graph_add(g, &e), 0);
	text = render("dot");
	count_is(text, "\\\"];<&>\\\\x5c\\\\x0a\xef\xbf\xbe\\\\xff\\n20", 1);
	count_is(text, "label=\"\\\"}<g\"", 1);
	count_is(text, "! a<\\\"b", 1);
	count_is(text, "fillcolor=tomato", 1);
	free(text);
	text = render("graphml");
	count_is(text, ">\"];&lt;&amp;&gt;\\x5c\\x0a\\xef\\xbf\\xbe\\xff</data>", 1);
	count_is(text, "<data key=\"severity\">high</data>", 1);
	count_is(text, "<data key=\"finding\">a&lt;\"b</data>", 1);
	count_is(text, "<node ", 1);
	free(text);
}

static void same_text(void **state)
{
	char *first[2] = {NULL, NULL};

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 50; i++) {
			struct tocsin_event_process p = process_of(100 - i, 1, "p");
			struct tocsin_event_socket s =
			    socket_of((uint64_t)i + 1, "10.0.0.5", (uint16_t)(1000 + i), "10.0.0.9",
				      (uint16_t)(50 - i));

			add(TOCSIN_EVENT_OPENED, i % 2 ? "b" : "a", &p, &s);
		}
		for (int k = 0; k < 2; k++) {
			char *text = render(k ? "dot" : "graphml");

			if (first[k])
				assert_string_equal(text, first[k]);
			free(first[k]);
			first[k] = text;
		}
		tocsin_graph_free(g);
		g = tocsin_graph_new(0);
	}
	count_is(first[1], "subgraph", 2);
	count_is(first[1], "[shape=ellipse", 50);
	free(first[0]);
	free(first[1]);
}

static void bounded(void **state)
{
	struct tocsin_event_process p = process_of(1, 0, "p");
	struct tocsin_event_socket s = socket_of(1, "10.0.0.5", 1, "10.0.0.9", 2);
	struct tocsin_event e = {.kind = TOCSIN_EVENT_OPENED,
				 .time = T0,
				 .guest = "a",
				 .process = &p,
				 .socket = &s,
				 .fd = -1,
				 .detail = ""};
	struct graph_relations all;
	unsigned int n = 0;
	int rc;

	tocsin_graph_free(g);
	g = tocsin_graph_new(3);
	for (rc = 0; !rc; n++) {
		s.id++;
		rc = tocsin_graph_add(g, &e);
	}
	assert_int_equal(rc, -E2BIG);
	assert_int_equal(n, 3 * TOCSIN_GRAPH_CONNECTIONS + 1);
	assert_int_equal(tocsin_graph_relate(g, &all), 0); /* one process, one far end */
	assert_int_equal(all.node_count, 2);
	tocsin_graph_free(g);
	g = tocsin_graph_new(3);
	for (n = 0, rc = 0; !rc; n++) {
		p.pid++;
		rc = tocsin_graph_add(g, &e);
	}
	assert_int_equal(rc, -E2BIG);
	assert_int_equal(n, 4);
	assert_int_equal(tocsin_graph_relate(g, &all), -E2BIG); /* no room for the far end */
}

static void nothing(void **state)
{
	char *text = render("dot");
	FILE *full = fopen("/dev/full", "w");

	count_is(text, "->", 0);
	free(text);
	assert_non_null(full);
	assert_int_equal(tocsin_graph_output_find("graphml")->write(full, g), -ENOSPC);
	fclose(full);
	assert_null(tocsin_graph_output_find("svg"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(relations),     TEST(both_ends),       TEST(both_connected),
	    TEST(not_both_ends), TEST(sockets_of_unix), TEST(hostile),
	    TEST(same_text),     TEST(bounded),         TEST(nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
