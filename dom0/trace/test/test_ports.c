// SPDX-License-Identifier: GPL-2.0-or-later
/* Who sent and received captured datagrams, by the ports of sockets that are not connected. */
#include "stream.h"
#include "trace/ports.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST 0xffff888000001000ull
#define SECOND 0xffff888000002000ull
#define PORT 4000

static struct trace_ports *ports;
static char joined[2048];

static int set_up_ports(void **state)
{
	ports = calloc(1, sizeof(*ports));
	joined[0] = 0;
	return !ports;
}

static int tear_down_ports(void **state)
{
	free(ports);
	return 0;
}

/* "kind pid since time flags" of each, in milliseconds. */
static int note_joined(const struct tocsin_trace_event *e, void *context)
{
	char line[128];

	snprintf(line, sizeof(line), "%s %d %llu %llu%s\n", tocsin_trace_kind_name(e->kind),
		 e->who->pid, (unsigned long long)((e->since - NOW) / MS),
		 (unsigned long long)((e->time - NOW) / MS), e->resolved ? "" : " ?");
	assert_int_equal(e->source, TOCSIN_TRACE_BY_WIRE);
	assert_string_equal(e->who->comm, "resolver");
	strncat(joined, line, sizeof(joined) - strlen(joined) - 1);
	return 0;
}

static struct tocsin_socket socket_of(int family, const char *local, uint16_t port)
{
	struct tocsin_socket s = {
	    .family = (uint16_t)family, .protocol = IPPROTO_UDP, .local_port = port};

	assert_int_equal(inet_pton(family, local, s.local), 1);
	return s;
}

static void used(enum tocsin_trace_kind kind, unsigned int ms, int32_t pid, uint64_t at,
		 const char *local)
{
	struct tocsin_socket s =
	    socket_of(strchr(local, ':') ? AF_INET6 : AF_INET, local, (uint16_t)PORT);
	struct tocsin_event_process process = {.pid = pid, .start_time = 7, .comm = "resolver"};
	struct tocsin_trace_event e = {.kind = kind,
				       .since = NOW + ms * MS,
				       .time = NOW + ms * MS,
				       .who = &process,
				       .socket = &s,
				       .resolved = true};

	s.sock = at;
	trace_ports_note(ports, &e);
}

/* A flow from 10.0.0.5 in these milliseconds; who had it. */
static void captured(unsigned int since, unsigned int until, uint64_t sent, uint64_t received,
		     const char *expected)
{
	struct tocsin_socket s = socket_of(AF_INET, "10.0.0.5", PORT);
	struct tocsin_trace_event e = {.kind = TOCSIN_TRACE_FLOW,
				       .source = TOCSIN_TRACE_BY_WIRE,
				       .since = NOW + since * MS,
				       .time = NOW + until * MS,
				       .socket = &s,
				       .resolved = true};

	s.remote_port = 53;
	s.bytes_sent = sent;
	s.bytes_received = received;
	joined[0] = 0;
	assert_int_equal(trace_ports_join(ports, &e, note_joined, NULL), 0);
	assert_string_equal(joined, expected);
}

static void to_many(void **state)
{
	used(TOCSIN_TRACE_SENT, 1000, 1, FIRST, "0.0.0.0");
	captured(1000, 1500, 9, 9, "sent 1 1000 1500\n");
	used(TOCSIN_TRACE_RECEIVED, 1200, 1, FIRST, "0.0.0.0");
	captured(1000, 1500, 9, 9, "sent 1 1000 1500\nreceived 1 1000 1500\n");
	captured(3000, 9500, 9, 0, "sent 1 3000 9500\n");
	captured(3000, 9500, 0, 9, "received 1 3000 9500\n");
	/* It is closed, and the next one has its port. */
	trace_ports_close(ports, FIRST, NOW + 10000 * MS);
	captured(9000, 10050, 9, 0, "sent 1 9000 10050\n");
	captured(11000, 11000, 9, 0, "");
	used(TOCSIN_TRACE_SENT, 12000, 2, SECOND, "0.0.0.0");
	captured(12000, 12000, 9, 0, "sent 2 12000 12000\n");
	captured(9000, 12500, 9, 0, "sent 1 9000 12500 ?\nsent 2 12000 12500 ?\n");
}

/* What came before anybody was known to have the port, and what waited for who took it. */
static void before_it_was_used(void **state)
{
	used(TOCSIN_TRACE_RECEIVED, 5000, 1, FIRST, "0.0.0.0");
	captured(2000, 2500, 0, 9, "");
	captured(4000, 4000, 0, 9, "received 1 4000 5000 ?\n");
	captured(4990, 4990, 0, 9, "received 1 4990 5000\n");
	/* Who bound it first was there; but only who used it is told. */
	used(TOCSIN_TRACE_BOUND, 6000, 2, SECOND, "0.0.0.0");
	trace_ports_close(ports, FIRST, NOW + 5500 * MS);
	used(TOCSIN_TRACE_RECEIVED, 9000, 3, SECOND, "0.0.0.0");
	captured(7000, 7500, 0, 9, "received 3 7000 9000\n");
}

static void other_addresses(void **state)
{
	used(TOCSIN_TRACE_SENT, 0, 1, FIRST, "127.0.0.1");
	used(TOCSIN_TRACE_SENT, 0, 2, FIRST + 1, "::1");
	used(TOCSIN_TRACE_SENT, 0, 3, FIRST + 2, "::ffff:10.0.0.6");
	captured(1, 2, 9, 0, "");
	used(TOCSIN_TRACE_SENT, 0, 4, FIRST + 3, "::ffff:10.0.0.5");
	captured(1, 2, 9, 0, "sent 4 1 2\n");
	/* One with the same port in another namespace, perhaps. */
	used(TOCSIN_TRACE_SENT, 0, 5, FIRST + 4, "::");
	used(TOCSIN_TRACE_SENT, 0, 6, FIRST + 5, "10.0.0.5");
	captured(1, 2, 9, 0, "sent 4 1 2 ?\nsent 5 1 2 ?\nsent 6 1 2 ?\n");
}

static void what_was_not_seen(void **state)
{
	used(TOCSIN_TRACE_SENT, 0, 1, FIRST, "0.0.0.0");
	trace_ports_doubt(ports);
	captured(1, 2, 9, 0, "sent 1 1 2 ?\n");
	used(TOCSIN_TRACE_SENT, 3, 1, FIRST, "0.0.0.0");
	captured(1, 2, 9, 0, "sent 1 1 2 ?\n");
	trace_ports_close(ports, FIRST, NOW + 4 * MS);
	used(TOCSIN_TRACE_SENT, 1000, 1, FIRST, "0.0.0.0");
	captured(1001, 1002, 9, 0, "sent 1 1001 1002\n");
}

/* Who comes after the room is full takes it from what has ended, and then from the oldest. */
static void more_than_have_room(void **state)
{
	char expected[512] = "";

	for (int i = 0; i < 20; i++) {
		used(TOCSIN_TRACE_SENT, (unsigned int)i, i, FIRST, "0.0.0.0");
		if (i == 19)
			continue;
		if (i == 3)
			trace_ports_close(ports, FIRST, NOW + 3 * MS);
	}
	for (int i = 16; i < 20; i++)
		snprintf(expected + strlen(expected), 64, "sent %d 100 200\n", i);
	for (int i = 12; i < 16; i++)
		snprintf(expected + strlen(expected), 64, "sent %d 100 200\n", i);
	captured(100, 200, 9, 0, expected);
}

/* Of a socket whose memory says that it is one of UDP without a far end, at this port. */
static void make_unconnected(uint16_t port)
{
	uint64_t protocol;

	assert_int_equal(tocsin_kernel_symbol(&f->k, "udp_prot", &protocol), 0);
	fixture_set(f, "sock", sock, "__sk_common.skc_family", AF_INET);
	fixture_set(f, "sock", sock, "__sk_common.skc_prot", protocol);
	fixture_set(f, "sock", sock, "__sk_common.skc_daddr", 0);
	fixture_set(f, "sock", sock, "__sk_common.skc_rcv_saddr", 0);
	fixture_set(f, "sock", sock, "__sk_common.skc_dport", 0);
	fixture_set(f, "sock", sock, "__sk_common.skc_num", port);
	fixture_set(f, "inet_sock", sock, "inet_sport", htons(port));
}

static void capture(uint64_t time)
{
	struct tocsin_socket s = socket_of(AF_INET, "10.0.0.5", PORT);
	struct tocsin_trace_event e = {.kind = TOCSIN_TRACE_FLOW,
				       .source = TOCSIN_TRACE_BY_WIRE,
				       .guest = "guest",
				       .since = time,
				       .time = time,
				       .socket = &s,
				       .resolved = true};

	s.remote_port = 53;
	s.bytes_sent = 9;
	assert_int_equal(tocsin_traced_events_wire(&e, ev), 0);
}

static void send_on(uint64_t time)
{
	call_on(STACK, time, "security_socket_sendmsg", 0, "socket", outer, 0, 0);
}

static void from_calls(void **state)
{
	make_unconnected(PORT);
	call_on(STACK, NOW - 900 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	send_on(NOW - 800 * MS);
	say("sent 700\n");
	capture(NOW - 799 * MS);
	say("flow -1\nsent 700\n");
	/* That it is closed counts also if it is not known any more which it was. */
	call_on(STACK, NOW - 750 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 700 * MS, "sk_common_release", 0, "sock", sock, 0, 0);
	say("");
	capture(NOW - 799 * MS);
	say("flow -1\nsent 700\n");
	capture(NOW - 500 * MS);
	say("flow -1\n");
	/* Its port is chosen while it sends: this was read too early. */
	make_unconnected(0);
	send_on(NOW - 400 * MS);
	make_unconnected(PORT);
	send_on(NOW - 300 * MS);
	say("sent 700\nsent 700\n");
	capture(NOW - 300 * MS);
	say("flow -1\nsent 700\n");
	/* Its end may not have been seen. */
	tocsin_traced_events_stopped(ev, "sk_common_release", NOW - 200 * MS);
	capture(NOW - 100 * MS);
	say("flow -1\nsent 700 ?\n");
}

#define PORTS(name) cmocka_unit_test_setup_teardown(name, set_up_ports, tear_down_ports)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    PORTS(to_many),           PORTS(before_it_was_used),  PORTS(other_addresses),
	    PORTS(what_was_not_seen), PORTS(more_than_have_room), TEST(from_calls),
	};

	return cmocka_run_group_tests_name("trace_ports", tests, NULL, NULL);
}
