// SPDX-License-Identifier: GPL-2.0-or-later
/* Packets to flows, and flows to the connections that they are. */
#include "provenance/flow.h"
#include "provenance/interface.h"
#include "provenance/packet.h"
#include "provenance/query.h"
#include "provenance/script.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND 1000000000u
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

struct made {
	uint8_t bytes[600];
	size_t size;
};

/* An Ethernet frame of IPv4: hosts are the last bytes of 10.0.0.x. */
static struct made frame(uint8_t protocol, uint8_t from, uint16_t from_port, uint8_t to,
			 uint16_t to_port, uint8_t flags, const void *data, size_t size)
{
	size_t header = protocol == IPPROTO_TCP ? 20 : 8, total = 20 + header + size;
	struct made m = {.size = 14 + total};
	uint8_t *ip = m.bytes + 14, *l4 = ip + 20;

	m.bytes[12] = 8;
	ip[0] = 0x45;
	ip[2] = (uint8_t)(total >> 8);
	ip[3] = (uint8_t)total;
	ip[9] = protocol;
	memcpy(ip + 12, (uint8_t[]){10, 0, 0, from}, 4);
	memcpy(ip + 16, (uint8_t[]){10, 0, 0, to}, 4);
	l4[0] = (uint8_t)(from_port >> 8);
	l4[1] = (uint8_t)from_port;
	l4[2] = (uint8_t)(to_port >> 8);
	l4[3] = (uint8_t)to_port;
	if (protocol == IPPROTO_TCP) {
		l4[12] = 0x50;
		l4[13] = flags;
	}
	if (size)
		memcpy(l4 + header, data, size);
	return m;
}

/* Hosts' frames have their last byte in the hardware address. */
static struct made tcp_at(uint32_t sequence, uint8_t from, uint16_t from_port, uint8_t to,
			  uint16_t to_port, uint8_t flags, size_t size)
{
	static const uint8_t nothing[256];
	struct made m = frame(IPPROTO_TCP, from, from_port, to, to_port, flags, nothing, size);

	sequence = htonl(sequence);
	memcpy(m.bytes + 14 + 20 + 4, &sequence, 4);
	m.bytes[5] = to;
	m.bytes[11] = from;
	return m;
}

/* What each end sends follows what it sent before. */
static struct made tcp(uint8_t from, uint16_t from_port, uint8_t to, uint16_t to_port,
		       uint8_t flags, size_t size)
{
	static uint32_t next[65536];
	uint32_t at = next[from_port];

	next[from_port] += (uint32_t)size + !!(flags & SYN);
	return tcp_at(at, from, from_port, to, to_port, flags, size);
}

static char told[2048], gap[64];

static int take(const struct tocsin_trace_event *e, void *unused)
{
	const struct tocsin_socket *s = e->socket;
	size_t n = strlen(told);

	if (e->kind == TOCSIN_TRACE_GAP) {
		snprintf(gap, sizeof(gap), "%lu-%lu %u %s", (unsigned long)(e->since / SECOND),
			 (unsigned long)(e->time / SECOND), (unsigned)e->lost, e->detail);
		return 0;
	}
	snprintf(told + n, sizeof(told) - n, "%s %u:%u>%u:%u %u/%u %lu-%lu %s\n",
		 tocsin_trace_kind_name(e->kind), s->local[3], s->local_port, s->remote[3],
		 s->remote_port, (unsigned)s->bytes_sent, (unsigned)s->bytes_received,
		 (unsigned long)(e->since / SECOND), (unsigned long)(e->time / SECOND), e->detail);
	return 0;
}

static struct tocsin_trace_flows *open_with(const struct tocsin_trace_flow_settings *settings)
{
	struct tocsin_trace_flows *f = tocsin_trace_flows_new(settings, take, NULL);

	told[0] = 0;
	assert_non_null(f);
	return f;
}

static struct tocsin_trace_flows *open_flows(void)
{
	static const uint8_t guest[1][16] = {
	    {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 0, [14] = 0, [15] = 5}};

	return open_with(
	    &(struct tocsin_trace_flow_settings){.guest = "g", .addresses = guest, .count = 1});
}

static void put(struct tocsin_trace_flows *f, unsigned int second, struct made m)
{
	assert_int_equal(
	    tocsin_trace_flows_packet(f, (uint64_t)second * SECOND, 1, m.bytes, m.size), 0);
}

static void test_flows(void **unused)
{
	struct tocsin_trace_flows *f = open_flows();
	struct tocsin_trace_flow_counts counts;

	put(f, 1, tcp(9, 1000, 5, 80, SYN, 0));
	put(f, 1, tcp(5, 80, 9, 1000, SYN | ACK, 0));
	put(f, 2, tcp(9, 1000, 5, 80, ACK, 100));
	put(f, 3, tcp(5, 80, 9, 1000, ACK, 200));
	put(f, 3, tcp(5, 80, 9, 1000, FIN | ACK, 10));
	assert_string_equal(told, "");
	put(f, 4, tcp(9, 1000, 5, 80, FIN | ACK, 0));
	assert_string_equal(told, "flow 5:80>9:1000 210/100 1-4 \n");
	put(f, 4, tcp(5, 80, 9, 1000, ACK, 0)); /* its last words are none of their own */
	told[0] = 0;
	put(f, 5, tcp(5, 2000, 8, 443, SYN, 0));
	put(f, 6, tcp(5, 2000, 8, 443, ACK, 7));
	put(f, 7, tcp(8, 443, 5, 2000, RST, 0));
	assert_string_equal(told, "flow 5:2000>8:443 7/0 5-7 \n");
	told[0] = 0;
	/* who is quiet is told of while others talk, as UDP after a minute */
	put(f, 7, frame(IPPROTO_UDP, 5, 3001, 8, 53, 0, "ask", 3));
	for (unsigned int i = 0; i < 8; i++)
		put(f, 100, frame(IPPROTO_UDP, 5, 3002, 8, 53, 0, "", 0));
	assert_string_equal(told, "flow 5:3001>8:53 3/0 7-7 \n");
	told[0] = 0;
	/* what is still going on is told at the end, in the order of time; a new SYN is a new flow
	 */
	put(f, 108, tcp(5, 2001, 8, 443, ACK, 7));
	put(f, 109, tcp(5, 2002, 8, 443, ACK, 8));
	put(f, 110, tcp(5, 2001, 8, 443, SYN, 0));
	put(f, 111, tcp(5, 2001, 8, 443, ACK, 9));
	assert_int_equal(tocsin_trace_flows_end(f), 0);
	assert_string_equal(told, "flow 5:2001>8:443 7/0 108-108 \nflow 5:2002>8:443 8/0 109-109 \n"
				  "flow 5:2001>8:443 9/0 110-111 \n");
	tocsin_trace_flows_counts(f, &counts);
	assert_int_equal(counts.packets, 23);
	assert_int_equal(counts.other, 0);
	tocsin_trace_flows_free(f);
}

/* Each byte once: what is sent again, comes out of order, or was not captured. */
static void test_bytes_of_tcp(void **unused)
{
	static const struct {
		uint32_t at;
		size_t size;
	} sent[] = {{1000, 100}, {1000, 100}, {1050, 100}, {1250, 50}, {1150, 100}, {1299, 1}};
	struct tocsin_trace_flows *f = open_flows();
	uint32_t isn = UINT32_MAX - 1100; /* numbers go round */

	put(f, 1, tcp_at(isn + 999, 5, 2000, 8, 443, SYN, 0));
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
		put(f, 2, tcp_at(isn + sent[i].at, 5, 2000, 8, 443, ACK, sent[i].size));
	/* of a number that is far from all that was sent, only what is there */
	put(f, 3, tcp_at(isn + (1u << 30), 5, 2000, 8, 443, ACK, 7));
	put(f, 4, tcp_at(0, 8, 443, 5, 2000, RST, 0));
	assert_string_equal(told, "flow 5:2000>8:443 307/0 1-4 \n");
	tocsin_trace_flows_free(f);
}

/* Nobody knows the guest's address; its interface says which frames are its own. */
static void test_whose_end(void **unused)
{
	const struct tocsin_trace_flow_settings settings = {.guest = "g"},
						only = {.guest = "g", .only_hardware = true};
	static const uint8_t card[6] = {[5] = 5};
	struct tocsin_trace_flows *f = open_with(&settings);

	put(f, 1, tcp(9, 1000, 5, 80, ACK, 10));
	assert_int_equal(tocsin_trace_flows_end(f), 0);
	assert_string_equal(told, "flow 9:1000>5:80 10/0 1-1 \n"); /* a guess */
	tocsin_trace_flows_free(f);
	f = open_with(&settings);
	tocsin_trace_flows_hardware(f, card);
	tocsin_trace_flows_hardware(f, card);
	put(f, 1, tcp(9, 1000, 5, 80, ACK, 10));
	put(f, 2, tcp(5, 80, 9, 1001, ACK, 10));
	put(f, 3, tcp(9, 1000, 8, 80, ACK, 10)); /* through it */
	assert_int_equal(tocsin_trace_flows_end(f), 0);
	assert_string_equal(told, "flow 5:80>9:1000 0/10 1-1 \nflow 5:80>9:1001 10/0 2-2 \n"
				  "flow 9:1000>8:80 10/0 3-3 \n");
	tocsin_trace_flows_free(f);
	f = open_with(&only);
	tocsin_trace_flows_hardware(f, card);
	put(f, 1, tcp(9, 1000, 8, 80, ACK, 10));
	put(f, 1, tcp(9, 1000, 5, 80, ACK, 10));
	assert_int_equal(tocsin_trace_flows_end(f), 0);
	assert_string_equal(told, "flow 5:80>9:1000 0/10 1-1 \n");
	tocsin_trace_flows_free(f);
}

static void tells(struct tocsin_trace_flows *f, unsigned int before, const char *expected)
{
	told[0] = 0;
	assert_int_equal(tocsin_trace_flows_tell(f, (uint64_t)before * SECOND), 0);
	assert_string_equal(told, expected);
}

/* What ended waits until what was seen in the guest is there; what lasts is told in parts. */
static void test_live(void **unused)
{
	struct tocsin_trace_flows *f =
	    open_with(&(struct tocsin_trace_flow_settings){.guest = "g", .live = true});

	put(f, 20, tcp(5, 2000, 8, 443, SYN, 0));
	put(f, 21, tcp(5, 2000, 8, 443, ACK, 7));
	put(f, 22, tcp(8, 443, 5, 2000, RST, 0));
	put(f, 22, tcp(5, 2001, 8, 443, ACK, 5));
	tells(f, 22, "");
	tells(f, 23, "flow 5:2000>8:443 7/0 20-22 \n");
	put(f, 30, tcp(5, 2001, 8, 443, ACK, 5));
	tells(f, 31, "");
	tells(f, 33, "flow 5:2001>8:443 10/0 22-30 \n");
	tells(f, 53, "");
	put(f, 54, tcp(8, 443, 5, 2001, ACK, 3));
	put(f, 54, frame(IPPROTO_UDP, 5, 3001, 8, 99, 0, "ask", 3));
	tells(f, 65, "flow 5:2001>8:443 0/3 54-54 \nflow 5:3001>8:99 3/0 54-54 \n");
	/* the same ports again */
	put(f, 66, tcp(5, 2001, 8, 443, SYN, 0));
	put(f, 67, tcp(5, 2001, 8, 443, ACK, 9));
	told[0] = 0;
	assert_int_equal(tocsin_trace_flows_end(f), 0);
	assert_string_equal(told, "flow 5:2001>8:443 9/0 66-67 \n");
	tocsin_trace_flows_free(f);
}

static void test_more_ended_than_there_is_room_for(void **unused)
{
	struct tocsin_trace_flows *f =
	    open_with(&(struct tocsin_trace_flow_settings){.guest = "g", .live = true});
	struct tocsin_trace_flow_counts counts;

	for (unsigned int i = 0; i < TOCSIN_TRACE_FLOWS + 1; i++) {
		put(f, 1, tcp(5, (uint16_t)i, 8, 80, ACK, 1));
		put(f, 1, tcp(5, (uint16_t)i, 8, 80, RST, 0));
		told[0] = 0;
	}
	tocsin_trace_flows_counts(f, &counts);
	assert_int_equal(counts.flows, TOCSIN_TRACE_FLOWS / 2);
	assert_int_equal(counts.untold, 0);
	assert_int_equal(tocsin_trace_flows_end(f), 0);
	tocsin_trace_flows_counts(f, &counts);
	assert_int_equal(counts.flows + counts.untold, TOCSIN_TRACE_FLOWS + 1);
	assert_true(counts.untold > 10000);
	tocsin_trace_flows_free(f);
}

/* Who floods a guest does not fill its graph; what the guest takes part in is told meanwhile. */
static void test_a_flood(void **unused)
{
	static const uint8_t card[6] = {[5] = 5};
	struct tocsin_trace_flows *f =
	    open_with(&(struct tocsin_trace_flow_settings){.guest = "g", .live = true});
	struct tocsin_trace_flow_counts counts;

	tocsin_trace_flows_hardware(f, card);
	for (unsigned int i = 0; i < 5000; i++) {
		struct made m = frame(IPPROTO_UDP, 9, (uint16_t)i, 5, 99, 0, "flood", 5);

		m.bytes[5] = 5;
		put(f, 100 + i / 1000, m);
	}
	put(f, 105, tcp(8, 443, 5, 2000, ACK, 3));
	put(f, 105, tcp(5, 2000, 8, 443, RST, 0));
	assert_int_equal(tocsin_trace_flows_tell(f, 200ull * SECOND), 0);
	/* all are over: those of UDP are looked for when they are quiet */
	assert_int_equal(tocsin_trace_flows_tell(f, 300ull * SECOND), 0);
	tocsin_trace_flows_counts(f, &counts);
	assert_int_equal(counts.flows, 1001);
	assert_int_equal(counts.untold, 4000);
	assert_string_equal(gap, "101-105 4000 more flows than are told");
	tocsin_trace_flows_free(f);
}

static void test_more_than_there_is_room_for(void **unused)
{
	struct tocsin_trace_flows *f = open_flows();
	struct tocsin_trace_flow_counts counts;

	for (unsigned int i = 0; i < TOCSIN_TRACE_FLOWS + 1000; i++) {
		put(f, 1 + i / 1000,
		    tcp(5, (uint16_t)(i % 65536), (uint8_t)(6 + i / 65536), 80, ACK, 1));
		told[0] = 0;
	}
	assert_int_equal(tocsin_trace_flows_end(f), 0);
	tocsin_trace_flows_counts(f, &counts);
	assert_int_equal(counts.flows, TOCSIN_TRACE_FLOWS + 1000);
	assert_int_equal(counts.early, 1000);
	tocsin_trace_flows_free(f);
}

/* example.org is an alias of a.example.org, which has an address. */
static const uint8_t answer[] = "\x12\x34\x81\x80\0\1\0\2\0\0\0\0\7example\3org\0\0\1\0\1"
				"\xc0\x0c\0\5\0\1\0\0\0\0\0\4\1a\xc0\x0c"
				"\xc0\x29\0\1\0\1\0\0\0\0\0\4\x0a\0\0\x08";

static void test_names(void **unused)
{
	struct tocsin_trace_flows *f = open_flows();
	uint8_t wrong[sizeof(answer)];

	put(f, 1, frame(IPPROTO_UDP, 53, 53, 5, 3000, 0, answer, sizeof(answer) - 1));
	assert_string_equal(told, "name 0:0>8:0 0/0 1-1 example.org\n");
	told[0] = 0;
	/* a name that goes in circles, one that is longer than the packet, an answer that is cut */
	memcpy(wrong, answer, sizeof(answer));
	wrong[12] = 0xc0;
	wrong[13] = 12;
	put(f, 2, frame(IPPROTO_UDP, 53, 53, 5, 3000, 0, wrong, sizeof(answer) - 1));
	memcpy(wrong, answer, sizeof(answer));
	wrong[12] = 63;
	put(f, 2, frame(IPPROTO_UDP, 53, 53, 5, 3000, 0, wrong, sizeof(answer) - 1));
	put(f, 2, frame(IPPROTO_UDP, 53, 53, 5, 3000, 0, answer, sizeof(answer) - 3));
	assert_string_equal(told, "");
	/* who connects to it later finds its name, though the answer was long ago */
	put(f, 3, tcp(5, 2000, 8, 443, ACK, 7));
	put(f, 3, tcp(5, 2000, 8, 443, RST, 0));
	assert_string_equal(told, "flow 5:2000>8:443 7/0 3-3 \n"
				  "name 5:2000>8:443 7/0 3-3 example.org\n");
	tocsin_trace_flows_free(f);
}

static void test_packets(void **unused)
{
	struct made m = tcp(5, 1000, 9, 80, SYN, 10), tagged = {.size = m.size + 4};
	uint8_t six[74] = {0x60,        [5] = 34,   [6] = IPPROTO_HOPOPTS, [8] = 0xfe,
			   [24] = 0xfe, [39] = 1,   [40] = IPPROTO_TCP,    [49] = 1,
			   [51] = 2,    [60] = 0x50};
	struct trace_packet p;

	assert_true(trace_packet_read(1, m.bytes, m.size, &p));
	assert_true(p.begins && !p.ends && p.payload == 10 && p.size == 10);
	/* of what was not captured the headers say how much it was */
	assert_true(trace_packet_read(1, m.bytes, m.size - 10, &p));
	assert_true(p.payload == 10 && p.size == 0);
	for (size_t n = 0; n < 14 + 20 + 14; n++)
		assert_false(trace_packet_read(1, m.bytes, n, &p));
	assert_true(trace_packet_read(12, m.bytes + 14, m.size - 14, &p));
	memcpy(tagged.bytes, m.bytes, 12);
	memcpy(tagged.bytes + 12, "\x81\0\0\5", 4);
	memcpy(tagged.bytes + 16, m.bytes + 12, m.size - 12);
	assert_true(trace_packet_read(1, tagged.bytes, tagged.size, &p));
	assert_int_equal(p.from_port, 1000);
	assert_false(trace_packet_read(147, m.bytes, m.size, &p));
	m.bytes[14 + 7] = 1; /* a part that is not the first */
	assert_false(trace_packet_read(1, m.bytes, m.size, &p));
	m.bytes[14 + 7] = 0;
	m.bytes[14] = 0x44; /* a header of 16 bytes */
	assert_false(trace_packet_read(1, m.bytes, m.size, &p));
	m.bytes[14] = 0x45;
	m.bytes[14 + 20 + 12] = 0x40;
	assert_false(trace_packet_read(1, m.bytes, m.size, &p));
	/* IPv6 with options before TCP */
	assert_true(trace_packet_read(12, six, sizeof(six), &p));
	assert_true(p.from_port == 1 && p.to_port == 2 && p.payload == 6);
	six[41] = 200;
	assert_false(trace_packet_read(12, six, sizeof(six), &p));
}

static void write_file(const char *path, const struct made *packets, size_t count)
{
	const uint32_t header[6] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, 65535, 1};
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fwrite(header, sizeof(header), 1, f);
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t head[4] = {10 + i, 5, (uint32_t)packets[i].size,
					  (uint32_t)packets[i].size};

		fwrite(head, sizeof(head), 1, f);
		fwrite(packets[i].bytes, packets[i].size, 1, f);
	}
	assert_int_equal(fclose(f), 0);
}

/* Joined to the connection that had these addresses at that time, whoever connected. */
static void test_joined(void **unused)
{
	static const char script[] =
	    "9 accepted who=1:httpd local=10.0.0.5:80 remote=10.0.0.9:1000\n"
	    "9 received who=1:httpd local=10.0.0.5:80 remote=10.0.0.9:1000\n"
	    "13 closed local=10.0.0.5:80 remote=10.0.0.9:1000\n"
	    "90 accepted who=2:other local=10.0.0.5:80 remote=10.0.0.9:1000\n";
	const struct made packets[] = {
	    tcp(9, 1000, 5, 80, SYN, 0), tcp(9, 1000, 5, 80, ACK, 100),
	    tcp(5, 80, 9, 1000, ACK, 50), tcp(7, 1, 5, 99, ACK, 3),
	    frame(IPPROTO_UDP, 53, 53, 5, 3000, 0, answer, sizeof(answer) - 1)};
	const struct tocsin_trace_flow_settings settings = {.guest = "guest"};
	struct tocsin_provenance *g = tocsin_provenance_new(NULL);
	struct tocsin_trace_flows *f = tocsin_trace_flows_new(&settings, tocsin_provenance_take, g);
	struct tocsin_trace_question q = {0};
	char path[] = "/tmp/tocsin-test-XXXXXX";
	FILE *from = fmemopen((void *)script, strlen(script), "r");
	struct tocsin_error err = {0};
	struct tocsin_trace_answer a;
	uint64_t bytes = 0;
	uint32_t *nodes;
	size_t count;

	assert_int_equal(tocsin_trace_script(from, tocsin_provenance_take, g, &err), 0);
	fclose(from);
	assert_true(close(mkstemp(path)) == 0);
	write_file(path, packets, sizeof(packets) / sizeof(packets[0]));
	assert_int_equal(tocsin_trace_flows_file(f, path, &err), 0);
	assert_int_equal(tocsin_trace_find(g, "1", &nodes, &count, NULL), 0);
	assert_int_equal(tocsin_trace_ask(g, &q, nodes, count, &a), 0);
	free(nodes);
	for (uint32_t i = 0; i < a.edge_count; i++)
		if (tocsin_provenance_edge(g, a.edges[i])->flags & TOCSIN_TRACE_WIRED)
			bytes += tocsin_provenance_edge(g, a.edges[i])->bytes;
	assert_int_equal(bytes, 100); /* what it sent led to nothing in it */
	assert_false(a.unsure);
	tocsin_trace_answer_free(&a);
	/* nobody was seen to hold this one */
	assert_int_equal(tocsin_trace_find(g, "10.0.0.5:99", &nodes, &count, NULL), 0);
	assert_int_equal(count, 1);
	free(nodes);
	assert_int_equal(tocsin_trace_find(g, "host:example.org", &nodes, &count, NULL), 0);
	free(nodes);
	tocsin_trace_flows_free(f);
	f = tocsin_trace_flows_new(&settings, tocsin_provenance_take, g);
	write_file(path, packets, 0);
	assert_int_equal(truncate(path, 10), 0);
	assert_int_equal(tocsin_trace_flows_file(f, path, &err), -EPROTO);
	assert_int_equal(unlink(path), 0);
	tocsin_trace_flows_free(f);
	tocsin_provenance_free(g);
}

/* ---- an interface ---- */

static uint16_t live_port;
static uint64_t live_bytes;

static int take_live(const struct tocsin_trace_event *e, void *unused)
{
	if (e->kind == TOCSIN_TRACE_FLOW && e->socket->protocol == IPPROTO_UDP &&
	    (e->socket->remote_port == live_port || e->socket->local_port == live_port))
		live_bytes += e->socket->bytes_sent + e->socket->bytes_received;
	return 0;
}

/* Of more than is captured of a packet, what its headers say. */
static void send_packets(void)
{
	static const uint8_t packet[1400];
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(live_port),
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (int i = 0; i < 20; i++)
		sendto(fd, packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

static int take_packet(void *flows, uint64_t time, int link, const uint8_t *bytes, size_t size)
{
	return tocsin_trace_flows_packet(flows, time, link, bytes, size);
}

static void test_interface(void **unused)
{
	const struct tocsin_trace_flow_settings settings = {.guest = "g"};
	struct tocsin_trace_flows *f = tocsin_trace_flows_new(&settings, take_live, NULL);
	struct tocsin_trace_interface *i;
	struct tocsin_error err = {0};
	int rc;

	live_port = (uint16_t)(40000 + getpid() % 20000);
	rc = tocsin_trace_interface_open("none-such", &i, &err);
	if (rc != -EPERM)
		assert_int_equal(rc, -ENODEV);
	assert_true(err.message[0]);
	rc = tocsin_trace_interface_open("lo", &i, &err);
	if (rc) { /* not for everybody, nor everywhere */
		assert_true(rc == -EPERM || rc == -ENODEV);
		tocsin_trace_flows_free(f);
		skip();
	}
	send_packets();
	for (int wait = 0; wait < 50 && rc >= 0 && live_bytes < 2 * 20 * 1400; wait++) {
		usleep(20000);
		rc = tocsin_trace_interface_take(i, 1000, take_packet, f);
		assert_int_equal(tocsin_trace_flows_end(f), 0);
	}
	assert_true(rc >= 0);
	/* loopback has each twice */
	assert_true(live_bytes == 20 * 1400 || live_bytes == 2 * 20 * 1400);
	assert_int_equal(tocsin_trace_interface_dropped(i), 0);
	tocsin_trace_interface_close(i);
	tocsin_trace_flows_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_flows),
	    cmocka_unit_test(test_more_than_there_is_room_for),
	    cmocka_unit_test(test_bytes_of_tcp),
	    cmocka_unit_test(test_whose_end),
	    cmocka_unit_test(test_live),
	    cmocka_unit_test(test_more_ended_than_there_is_room_for),
	    cmocka_unit_test(test_a_flood),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_packets),
	    cmocka_unit_test(test_joined),
	    cmocka_unit_test(test_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
