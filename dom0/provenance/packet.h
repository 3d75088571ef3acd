/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside provenance/: what a packet says of its flow, and what a name server answers. */
#ifndef TOCSIN_PROVENANCE_PACKET_H
#define TOCSIN_PROVENANCE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_NAME_SIZE 256

struct trace_packet {
	uint8_t from[16], to[16]; /* as IPv6 has them */
	const uint8_t *hardware;  /* addresses of Ethernet, to and from, 6 bytes each; NULL: none */
	uint16_t from_port, to_port;
	uint8_t protocol;         /* IPPROTO_TCP, IPPROTO_UDP */
	bool begins, ends, reset; /* SYN without ACK; FIN; RST */
	uint32_t sequence;        /* of TCP: the number of its first byte, or of SYN */
	uint64_t payload;         /* bytes, as its headers say */
	const uint8_t *data;
	size_t size; /* of payload that was captured */
};

/* link as of pcap_datalink. false: no packet of TCP or UDP, or cut before their ports. */
bool trace_packet_read(int link, const uint8_t *bytes, size_t size, struct trace_packet *ret);

/* An address that a name has, as IPv6 has it. */
typedef int trace_named(const char *name, const uint8_t address[16], void *context);

/* Each address of an answer of a name server; what visit returns, if it is not 0. */
int trace_packet_names(const uint8_t *bytes, size_t size, trace_named *visit, void *context);

#endif
