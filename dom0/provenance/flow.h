/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows of captured packets: what the guest's network interface saw, from outside, as events that
 * are joined with those of sockets by addresses, ports and time. A flow is TCP's from its first
 * packet to FIN or RST, or UDP's, until nothing came for a while; its bytes are payload, of TCP
 * each byte once. Answers of name servers give names to hosts.
 *
 * Packets are anybody's: parsed within bounds, and no more than TOCSIN_TRACE_FLOWS flows are
 * followed at a time; the one that was quiet longest is told of early. Live, of flows that the
 * guest does not answer 100 a second are told, of others 5,000; the rest is a gap.
 */
#ifndef TOCSIN_PROVENANCE_FLOW_H
#define TOCSIN_PROVENANCE_FLOW_H

#include "provenance/event.h"

#define TOCSIN_TRACE_FLOWS 65536u

struct tocsin_trace_flows;

/* Whose interface it is; addresses of the guest are as IPv6 has them. guest is copied. */
struct tocsin_trace_flow_settings {
	const char *guest;
	uint64_t boot;
	/* count 0: none is known. Of a file it is the one that most packets have at an end, else
	 * who connects is taken for the guest */
	const uint8_t (*addresses)[16];
	size_t count;
	/* While the guest is traced: what ended waits for tocsin_trace_flows_tell, as do parts of
	 * what lasts, each of TOCSIN_TRACE_FLOW_PART at least. */
	bool live;
	/* The interface is not the guest's alone: what is neither from nor for it, as hardware
	 * addresses say, is left. */
	bool only_hardware;
};
#define TOCSIN_TRACE_FLOW_PART 10000000000ull /* nanoseconds */

/* NULL: no memory. Freed by the caller. */
struct tocsin_trace_flows *tocsin_trace_flows_new(const struct tocsin_trace_flow_settings *settings,
						  tocsin_trace_take *take, void *context);
void tocsin_trace_flows_free(struct tocsin_trace_flows *f);

/*
 * One packet that was captured at `time` (nanoseconds since the epoch), of which `size` bytes are
 * there; link as of pcap_datalink. What is no packet of IP is counted, and left. Returns what take
 * did.
 */
int tocsin_trace_flows_packet(struct tocsin_trace_flows *f, uint64_t time, int link,
			      const uint8_t *bytes, size_t size);

/* Frames from this hardware address are the guest's, whatever is in them; those to it are for the
 * guest. The first 16 count. */
void tocsin_trace_flows_hardware(struct tocsin_trace_flows *f, const uint8_t address[6]);

/* Live: tell of what was over before that time, and of parts of what lasts. As take. */
int tocsin_trace_flows_tell(struct tocsin_trace_flows *f, uint64_t before);

/* Tell of all flows that have not ended, by the time of their ends. */
int tocsin_trace_flows_end(struct tocsin_trace_flows *f);

struct tocsin_trace_flow_counts {
	uint64_t packets, other; /* other: not IP, or cut, or malformed */
	uint64_t flows, early;   /* early: told of before they ended, for want of room */
	uint64_t untold;         /* live: more than a graph has room for; a gap tells of them */
	uint64_t names;
};
void tocsin_trace_flows_counts(const struct tocsin_trace_flows *f,
			       struct tocsin_trace_flow_counts *ret);

/* Every packet of a file that tcpdump or the like wrote. err says what is wrong with it. */
int tocsin_trace_flows_file(struct tocsin_trace_flows *f, const char *path,
			    struct tocsin_error *err);

#endif
