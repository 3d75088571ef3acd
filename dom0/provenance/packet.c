// SPDX-License-Identifier: GPL-2.0-or-later
/* Packets are bytes of anybody: each length is checked against what was captured. */
#include "provenance/packet.h"

#include <netinet/in.h>
#include <string.h>

/* As <pcap/dlt.h> has them. */
enum {
	LINK_ETHERNET = 1,
	LINK_RAW = 12,
	LINK_RAW_TOO = 101,
	LINK_COOKED = 113,
	LINK_COOKED2 = 276
};

#define EXTENSIONS 8u
#define JUMPS 32u
#define ANSWERS 64u

struct bytes {
	const uint8_t *at;
	size_t size;
};

static bool skip(struct bytes *b, size_t n)
{
	if (n > b->size)
		return false;
	b->at += n;
	b->size -= n;
	return true;
}

static uint16_t u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* The type of what is behind the link's header, ETHERTYPE_*; 0: none. */
static uint16_t read_link(int link, struct bytes *b)
{
	uint16_t type;

	switch (link) {
	case LINK_ETHERNET:
		if (b->size < 14)
			return 0;
		type = u16(b->at + 12);
		skip(b, 14);
		for (int tags = 0; (type == 0x8100 || type == 0x88a8) && tags < 2; tags++) {
			if (b->size < 4)
				return 0;
			type = u16(b->at + 2);
			skip(b, 4);
		}
		return type;
	case LINK_COOKED:
		type = b->size < 16 ? 0 : u16(b->at + 14);
		return skip(b, 16) ? type : 0;
	case LINK_COOKED2:
		type = b->size < 20 ? 0 : u16(b->at);
		return skip(b, 20) ? type : 0;
	case LINK_RAW:
	case LINK_RAW_TOO:
		if (!b->size)
			return 0;
		return b->at[0] >> 4 == 6 ? 0x86dd : 0x0800;
	default:
		return 0;
	}
}

static bool read_ipv4(struct bytes *b, struct trace_packet *ret)
{
	size_t header, total;

	if (b->size < 20 || b->at[0] >> 4 != 4)
		return false;
	header = (size_t)(b->at[0] & 15) * 4;
	total = u16(b->at + 2);
	if (header < 20 || total < header || (u16(b->at + 6) & 0x1fff)) /* not the first part */
		return false;
	ret->protocol = b->at[9];
	ret->payload = total - header;
	memset(ret->from, 0, sizeof(ret->from));
	ret->from[10] = ret->from[11] = 0xff;
	memcpy(ret->to, ret->from, sizeof(ret->to));
	memcpy(ret->from + 12, b->at + 12, 4);
	memcpy(ret->to + 12, b->at + 16, 4);
	if (b->size > total)
		b->size = total; /* a frame is filled up */
	return skip(b, header);
}

static bool read_ipv6(struct bytes *b, struct trace_packet *ret)
{
	uint8_t next;
	size_t n;

	if (b->size < 40 || b->at[0] >> 4 != 6)
		return false;
	next = b->at[6];
	ret->payload = u16(b->at + 4);
	memcpy(ret->from, b->at + 8, 16);
	memcpy(ret->to, b->at + 24, 16);
	if (b->size - 40 > ret->payload)
		b->size = 40 + (size_t)ret->payload;
	skip(b, 40);
	for (unsigned int i = 0; i < EXTENSIONS; i++) {
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
		    next != IPPROTO_FRAGMENT)
			break;
		if (b->size < 8 || (next == IPPROTO_FRAGMENT && (u16(b->at + 2) & 0xfff8)))
			return false;
		n = next == IPPROTO_FRAGMENT ? 8 : ((size_t)b->at[1] + 1) * 8;
		next = b->at[0];
		if (n > ret->payload || !skip(b, n))
			return false;
		ret->payload -= n;
	}
	ret->protocol = next;
	return true;
}

bool trace_packet_read(int link, const uint8_t *bytes, size_t size, struct trace_packet *ret)
{
	struct bytes b = {bytes, size};
	struct trace_packet p = {0};
	uint16_t type = read_link(link, &b);
	size_t header;

	if (type == 0x0800 ? !read_ipv4(&b, &p) : type == 0x86dd ? !read_ipv6(&b, &p) : true)
		return false;
	if (p.protocol == IPPROTO_TCP && b.size >= 14) {
		header = (size_t)(b.at[12] >> 4) * 4;
		p.begins = (b.at[13] & 0x12) == 0x02;
		p.ends = b.at[13] & 0x01;
		p.reset = b.at[13] & 0x04;
		p.sequence = (uint32_t)u16(b.at + 4) << 16 | u16(b.at + 6);
		if (header < 20)
			return false;
	} else if (p.protocol == IPPROTO_UDP && b.size >= 8) {
		header = 8;
	} else {
		return false;
	}
	p.hardware = link == LINK_ETHERNET ? bytes : NULL;
	p.from_port = u16(b.at);
	p.to_port = u16(b.at + 2);
	p.payload = p.payload > header ? p.payload - header : 0;
	if (skip(&b, header)) { /* else the options were cut */
		p.data = b.at;
		p.size = b.size;
	}
	*ret = p;
	return true;
}

/* ---- names ---- */

/* A name at offset `at`, with dots; the offset behind it, 0: it is none. */
static size_t read_name(const uint8_t *bytes, size_t size, size_t at, char ret[TRACE_NAME_SIZE])
{
	size_t length = 0, behind = 0;

	for (unsigned int jumps = 0; at < size;) {
		uint8_t n = bytes[at++];

		if (!n) {
			ret[length ? length - 1 : 0] = 0;
			return behind ? behind : at;
		}
		if (n >= 0xc0) { /* elsewhere */
			if (at >= size || ++jumps > JUMPS)
				return 0;
			if (!behind)
				behind = at + 1;
			at = (size_t)(n & 0x3f) << 8 | bytes[at];
			continue;
		}
		if (n > 63 || n > size - at || length + n + 1 >= TRACE_NAME_SIZE)
			return 0;
		memcpy(ret + length, bytes + at, n);
		for (size_t i = length; i < length + n; i++)
			if (!ret[i])
				return 0;
		length += n;
		ret[length++] = '.';
		at += n;
	}
	return 0;
}

int trace_packet_names(const uint8_t *bytes, size_t size, trace_named *visit, void *context)
{
	char asked[TRACE_NAME_SIZE], name[TRACE_NAME_SIZE];
	unsigned int answers;
	size_t at, length;
	int rc = 0;

	/* an answer without an error, to one question */
	if (size < 12 || !(bytes[2] & 0x80) || (bytes[3] & 15) || u16(bytes + 4) != 1)
		return 0;
	answers = u16(bytes + 6);
	at = read_name(bytes, size, 12, asked);
	if (!at || !asked[0] || size - at < 4)
		return 0;
	at += 4;
	for (unsigned int i = 0; i < answers && i < ANSWERS && !rc; i++) {
		uint8_t address[16] = {[10] = 0xff, [11] = 0xff};
		uint16_t type;

		at = read_name(bytes, size, at, name);
		if (!at || size - at < 10)
			return rc;
		type = u16(bytes + at);
		length = u16(bytes + at + 8);
		at += 10;
		if (length > size - at)
			return rc;
		if (type == 1 && length == 4)
			memcpy(address + 12, bytes + at, 4);
		else if (type == 28 && length == 16)
			memcpy(address, bytes + at, 16);
		else
			type = 0; /* an alias, ... */
		if (type)
			rc = visit(asked, address, context);
		at += length;
	}
	return rc;
}
