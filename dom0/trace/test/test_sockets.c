// SPDX-License-Identifier: GPL-2.0-or-later
/* Streams of calls over a socket, and which connections are told of. */
#include "stream.h"

#include <stdio.h>

static uint64_t protocol_at(const char *symbol)
{
	uint64_t va;

	assert_int_equal(tocsin_kernel_symbol(&f->k, symbol, &va), 0);
	return va;
}

/* A socket that is bound, and connects before that is read, was bound. */
static void bound_before_it_connects(void **state)
{
	fixture_set(f, "sock", sock, "__sk_common.skc_dport", 0x5000);
	fixture_set(f, "sock", sock, "__sk_common.skc_num", 40000);
	call_on(STACK, NOW - 9 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 9 * MS, "inet_bind", 0, "socket", outer, 0, 0);
	call_on(STACK, NOW - 8 * MS, "__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	say("bound 700\nconnected 700\nsent 700\nreceived 700\n");
	call_on(STACK, NOW - 7 * MS, "inet_bind", 0, "socket", outer, 0, 0);
	call_on(STACK, NOW - 6 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	say("bound 700 ?\n");
}

static void a_connection(void **state)
{
	fixture_set(f, "sock", sock, "__sk_common.skc_dport", 0x5000);
	fixture_set(f, "sock", sock, "__sk_common.skc_num", 40000);
	call_on(STACK, NOW - 9 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 9 * MS, "sk_common_release", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 8 * MS, "__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 7 * MS, "sk_common_release", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 6 * MS, "sk_common_release", 0, "sock", sock, 0, 0);
	say("connected 700\nsent 700\nreceived 700\nclosed 700\n");
	call_on(STACK, NOW - 5 * MS, "tcp_connect", 0, "sock", 0x1000, 0, 0);
	call_on(STACK, NOW - 4 * MS, "security_sock_graft", 0, "sock", 0x1000, 0, 0);
	say("connected 700 ?\nsent 700 ?\nreceived 700 ?\n"
	    "accepted 700 ?\nsent 700 ?\nreceived 700 ?\n");
}

/* Two that could not be read are two, also if they had the same memory. */
static void unresolved_sockets_are_not_joined(void **state)
{
	call_on(STACK, NOW - 5 * MS, "tcp_connect", 0, "sock", 0x1000, 0, 0);
	call_on(STACK, NOW - 4 * MS, "tcp_connect", 0, "sock", 0x1000, 0, 0);
	say_sockets("connected other ?\nconnected other ?\n");
	assert_int_not_equal(last_sock, other_sock);
	fixture_set(f, "sock", sock, "__sk_common.skc_dport", 0x5000);
	call_on(STACK, NOW - 3 * MS, "__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 2 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 1 * MS, "__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW, "security_sk_alloc", 0, "sock", sock, 0, 0);
	say_sockets("connected other ?\nconnected other ?\n");
	assert_int_not_equal(last_sock, other_sock);
}

/* What is not surely this one does not end what that one has. */
static void an_unsure_socket_closes_nothing(void **state)
{
	fixture_set(f, "sock", sock, "__sk_common.skc_dport", 0x5000);
	fixture_set(f, "sock", sock, "__sk_common.skc_num", 40000);
	call_on(STACK, NOW - 9 * MS, "__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 8 * MS, "sk_common_release", 0, "sock", sock, 0, 0);
	say("connected 700 ?\nsent 700 ?\nreceived 700 ?\n");
	/* Nor does one whose end was lost, when its memory's next one ends. */
	now_is = NOW - 7 * MS;
	call_on(STACK, NOW - 7 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 7 * MS, "__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	say("closed -1 ?\nconnected 700\nsent 700\nreceived 700\n");
	/* Then that one has ended at last. */
	now_is = NOW;
	call_on(STACK, NOW - 6 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 5 * MS, "sk_common_release", 0, "sock", sock, 0, 0);
	say("closed -1\n");
	/* Nor one that was sure until then. */
	call_on(STACK, NOW - 4 * MS, "__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	tocsin_traced_events_stopped(ev, "security_sk_alloc", NOW - 3 * MS);
	call_on(STACK, NOW - 2 * MS, "sk_common_release", 0, "sock", sock, 0, 0);
	say("connected 700 ?\nsent 700 ?\nreceived 700 ?\n");
}

/* What is not known to be closed is over when who made it ends. */
static void an_unsure_socket_ends_with_its_maker(void **state)
{
	fixture_set(f, "sock", sock, "__sk_common.skc_dport", 0x5000);
	fixture_set(f, "sock", sock, "__sk_common.skc_num", 40000);
	call_on(STACK, NOW - 9 * MS, "tcp_connect", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 8 * MS, "tcp_close", 0, "sock", sock, 0, 0);
	say("connected 700 ?\nsent 700 ?\nreceived 700 ?\n");
	now_is = NOW + 2 * MS;
	call_on(CHILD_STACK, NOW + 1 * MS, "do_exit", 2, "", 0, 0, 0);
	call_on(STACK, NOW + 2 * MS, "do_exit", 2, "", 0, 0, 0);
	call_on(STACK, NOW + 2 * MS, "do_exit", 2, "", 0, 0, 0);
	say("exited 0 ?\nclosed -1 ?\nexited 700\nexited 700\n");
}

/* A socket as it is left, connected from 10.0.0.1:513 to 10.0.0.2:80. */
static void leave(const char *protocol, uint16_t family)
{
	fixture_set(f, "sock", sock, "__sk_common.skc_refcnt", 0);
	fixture_set(f, "sock", sock, "__sk_common.skc_family", family);
	fixture_set(f, "sock", sock, "__sk_common.skc_prot", protocol_at(protocol));
	fixture_set(f, "sock", sock, "__sk_common.skc_daddr", 0x0200000a);
	fixture_set(f, "sock", sock, "__sk_common.skc_rcv_saddr", 0x0100000a);
	fixture_set(f, "sock", sock, "__sk_common.skc_dport", 0x5000);
	fixture_set(f, "inet_sock", sock, "inet_sport", 0x0102);
}

/* What is left of a socket is its own if it is seen when memory becomes one. */
static void a_socket_that_is_gone(void **state)
{
	leave("udp_prot", 2);
	call_on(STACK, NOW - 9 * MS, "__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	say_sockets("connected udp 10.0.0.1:513 10.0.0.2:80 ?\n");
	call_on(STACK, NOW - 8 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	say_sockets("closed other ?\n");
	call_on(STACK, NOW - 7 * MS, "__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 6 * MS, "sk_common_release", 0, "sock", sock, 0, 0);
	say_sockets("connected udp 10.0.0.1:513 10.0.0.2:80\n"
		    "closed udp 10.0.0.1:513 10.0.0.2:80\n");
	/* Another's: and that it is closed is then not told. */
	call_on(STACK, NOW - 5 * MS, "__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 4 * MS, "sk_common_release", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 3 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	say_sockets("connected other ?\n");
	/* Not after it was read; by then it is over. */
	call_on(STACK, NOW - 2 * MS, "__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	now_is = NOW + 9 * MS;
	call_on(STACK, NOW + 1 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	say_sockets("connected udp 10.0.0.1:513 10.0.0.2:80\n"
		    "closed udp 10.0.0.1:513 10.0.0.2:80\n");
	/* Nor is what is no protocol's believed, or what comes after a gap. */
	fixture_set(f, "sock", sock, "__sk_common.skc_prot", 0);
	call_on(STACK, NOW + 2 * MS, "__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	fixture_set(f, "sock", sock, "__sk_common.skc_prot", protocol_at("tcp_prot"));
	assert_int_equal(tocsin_traced_events_gap(ev, NOW, NOW + 3 * MS, 1, "lost"), 0);
	call_on(STACK, NOW + 4 * MS, "tcp_connect", 0, "sock", sock, 0, 0);
	say_sockets("connected other ?\ngap -\nconnected tcp 10.0.0.1:513 10.0.0.2:80 ?\n");
}

static void call_ends(uint64_t stack, uint64_t time, bool six, uint64_t local, uint64_t remote,
		      uint16_t port)
{
	struct tocsin_function fn = {.typed = true, .count = 3};
	struct tocsin_traced_call call = {.seq = ++seq,
					  .rsp = stack + 0x3000,
					  .rdi = local,
					  .rsi = remote,
					  .rdx = port,
					  .wide = true};

	fn.parameters[0] = (struct tocsin_parameter){"saddr", .size = six ? 8 : 4, .pointer = six};
	fn.parameters[1] = (struct tocsin_parameter){"daddr", .size = six ? 8 : 4, .pointer = six};
	fn.parameters[2] = (struct tocsin_parameter){"dport", .size = 2};
	assert_int_equal(tocsin_traced_events_call(
			     ev, six ? "secure_ipv6_port_ephemeral" : "secure_ipv4_port_ephemeral",
			     &fn, &call, time, now_is),
			 0);
}

/* What was refused has lost its port, which the call before had by value. */
static void a_connection_that_was_refused(void **state)
{
	leave("tcp_prot", 2);
	fixture_set(f, "sock", sock, "__sk_common.skc_dport", 0);
	fixture_set(f, "sock", sock, "__sk_common.skc_rcv_saddr", 0);
	call_on(STACK, NOW - 9 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	call_ends(STACK, NOW - 8 * MS, false, 0x0100000a, 0x0200000a, 0x5000);
	call_on(STACK, NOW - 7 * MS, "tcp_connect", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 6 * MS, "tcp_close", 0, "sock", sock, 0, 0);
	say_sockets(
	    "connected tcp 10.0.0.1:513 10.0.0.2:80\nclosed tcp 10.0.0.1:513 10.0.0.2:80\n");
	/* It is of the next call of this thread only, which connects. */
	call_on(STACK, NOW - 5 * MS, "tcp_connect", 0, "sock", sock, 0, 0);
	call_ends(CHILD_STACK, NOW - 4 * MS, false, 0x0100000a, 0x0200000a, 0x5000);
	call_on(STACK, NOW - 4 * MS, "tcp_connect", 0, "sock", sock, 0, 0);
	call_ends(STACK, NOW - 3 * MS, false, 0x0100000a, 0x0200000a, 0x5000);
	call_on(STACK, NOW - 3 * MS, "vfs_open", 1, "file", 1, file, 0);
	call_on(STACK, NOW - 3 * MS, "tcp_connect", 0, "sock", sock, 0, 0);
	said[0] = 0;
	say_sockets("connected other ?\nconnected other ?\nconnected other ?\n");
	/* Memory that went to another one: all but its own port is known, and it is none but
	 * itself. */
	call_ends(STACK, NOW - 2 * MS, false, 0x0100000a, 0x0900000a, 0x1600);
	call_on(STACK, NOW - 2 * MS, "tcp_connect", 0, "sock", sock, 0, 0);
	call_ends(STACK, NOW - 1 * MS, false, 0x0100000a, 0x0200000a, 0x5000);
	call_on(STACK, NOW - 1 * MS, "tcp_connect", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 1 * MS, "tcp_close", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW, "security_sk_alloc", 0, "sock", sock, 0, 0);
	say_sockets("connected tcp 10.0.0.1:0 10.0.0.9:22 ?\n"
		    "connected tcp 10.0.0.1:0 10.0.0.2:80 ?\n"
		    "closed tcp 10.0.0.1:0 10.0.0.2:80 ?\n");
}

/* A port was chosen for a connection that failed then; the thread's next one has its own already.
 */
static void a_connection_after_one_that_failed(void **state)
{
	leave("tcp_prot", 2);
	fixture_set(f, "sock", sock, "__sk_common.skc_refcnt", 1);
	fixture_set(f, "sock", sock, "__sk_common.skc_num", 513);
	call_on(STACK, NOW - 9 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	call_ends(STACK, NOW - 8 * MS, false, 0x0100000a, 0x0900000a, 0x1600);
	call_on(STACK, NOW - 7 * MS, "tcp_connect", 0, "sock", sock, 0, 0);
	say_sockets("connected udp 10.0.0.1:513 10.0.0.2:80\n");
	call_ends(STACK, NOW - 6 * MS, true, 0x1000, 0x1000, 0x1600);
	call_on(STACK, NOW - 5 * MS, "tcp_connect", 0, "sock", sock, 0, 0);
	say_sockets("connected udp 10.0.0.1:513 10.0.0.2:80\n");
	/* What could not be read has what was carried, for a while. */
	call_ends(STACK, NOW - 500 * MS, false, 0x0100000a, 0x0900000a, 0x1600);
	call_on(STACK, NOW - 450 * MS, "tcp_connect", 0, "sock", 0x1000, 0, 0);
	call_ends(STACK, NOW - 400 * MS, false, 0x0100000a, 0x0900000a, 0x1600);
	call_on(STACK, NOW - 250 * MS, "tcp_connect", 0, "sock", 0x1000, 0, 0);
	say_sockets("connected tcp 10.0.0.1:0 10.0.0.9:22 ?\nconnected other ?\n");
}

static void a_connection_of_ipv6(void **state)
{
	uint64_t remote = sock + fixture_offset(f, "sock", "__sk_common.skc_v6_daddr");

	leave("tcpv6_prot", 10);
	fixture_set(f, "sock", sock, "__sk_common.skc_dport", 0);
	fixture_word(f, remote + 8, 0x0200000000000000);
	fixture_word(f, sock + fixture_offset(f, "sock", "__sk_common.skc_v6_rcv_saddr") + 8,
		     0x0100000000000000);
	call_on(STACK, NOW - 9 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	call_ends(STACK, NOW - 8 * MS, true, sock, remote, 0x5000);
	call_on(STACK, NOW - 7 * MS, "tcp_connect", 0, "sock", sock, 0, 0);
	say_sockets("connected tcp ::1:513 ::2:80\n");
	/* Of another socket. */
	call_ends(STACK, NOW - 6 * MS, true, sock, remote + 64, 0x5000);
	call_on(STACK, NOW - 5 * MS, "tcp_connect", 0, "sock", sock, 0, 0);
	say_sockets("connected other ?\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(bound_before_it_connects),
	    TEST(a_connection),
	    TEST(unresolved_sockets_are_not_joined),
	    TEST(an_unsure_socket_closes_nothing),
	    TEST(an_unsure_socket_ends_with_its_maker),
	    TEST(a_socket_that_is_gone),
	    TEST(a_connection_that_was_refused),
	    TEST(a_connection_after_one_that_failed),
	    TEST(a_connection_of_ipv6),
	};

	return cmocka_run_group_tests_name("trace_sockets", tests, NULL, NULL);
}
