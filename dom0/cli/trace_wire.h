/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside cli/: what the two processes of a trace say to each other, in packets (dispatch/packet.h).
 *
 * The hand, which is root, asks, and waits for the answers. The reader parses a hostile guest and
 * its network, so what it answers is hostile to the hand: each trace_get_ of an answer checks every
 * length, number and choice, and either gives a whole struct of which each member is in its range,
 * or -EBADMSG. All numbers are little-endian; text has its length before it.
 */
#ifndef TOCSIN_CLI_TRACE_WIRE_H
#define TOCSIN_CLI_TRACE_WIRE_H

#include "capture/call.h"
#include "introspect/object.h"
#include "introspect/store.h"
#include "trace/events.h"
#include "trace/traced.h"

#define TRACE_FUNCTIONS 128 /* that a trace may be of */
#define TRACE_ARGUMENTS 3   /* of a call, that are recorded */
#define TRACE_WHY 256

/* ---- what the hand asks: a packet of these, which is answered as a whole ---- */

enum trace_ask_kind {
	TRACE_ASK_BEGIN = 1, /* a graph: state what is in the guest as of `time` */
	TRACE_ASK_COLLECTED, /* calls of function are recorded from `time` on; or not, and why */
	TRACE_ASK_CALL,      /* of function at `time`: what is it an event of, or leads to */
	TRACE_ASK_LOST,      /* so many records of calls, from `time` until; and why */
	TRACE_ASK_HARDWARE,  /* frames of the address `bytes` are the guest's */
	TRACE_ASK_PACKET,    /* one that was captured at `time` */
	TRACE_ASK_COMMIT,    /* all calls of before `time` were taken; it is `until` now */
	TRACE_ASK_FLOWS,     /* all that was seen in the guest of before `time` has been told */
	TRACE_ASK_FLUSH,     /* forget mappings of the guest's memory */
	TRACE_ASK_END,       /* at `time`: tell all that is held back, and the counts */
	TRACE_ASK_KINDS
};

/* Each kind has some of the members, the others are 0. Times: nanoseconds since the epoch. */
struct trace_ask {
	enum trace_ask_kind kind;
	uint32_t function; /* its number */
	uint64_t time, until, lost;
	struct tocsin_traced_call call;
	bool captures;      /* BEGIN: packets will come */
	bool only_hardware; /* as in struct tocsin_trace_flow_settings */
	uint32_t link;      /* PACKET: as of pcap_datalink */
	const uint8_t *bytes;
	size_t size; /* of bytes, which lie in the message; at most TRACE_PACKET */
	char why[TRACE_WHY];
};
#define TRACE_PACKET 2048u

/* Into a buffer of TOCSIN_MESSAGE_MAX bytes; returns the size. */
size_t trace_put_ask(uint8_t *to, const struct trace_ask *a);
int trace_get_ask(const uint8_t *bytes, size_t size, struct trace_ask *ret);

/* ---- what the reader answers ---- */

enum trace_answer {
	TRACE_ANSWER_FOUND = 1, /* before it is asked anything: a function, in their order */
	TRACE_ANSWER_SEEN,      /* of each CALL, if there is no graph */
	TRACE_ANSWER_EVENT,     /* if there is one */
	TRACE_ANSWER_COUNTS,    /* of END */
	TRACE_ANSWER_DONE,      /* that was all that was asked */
	TRACE_ANSWER_KINDS
};

/* The kind of an answer, or -EBADMSG. */
int trace_answer_kind(const uint8_t *bytes, size_t size);

/* Whose call it was, and what its arguments led to. */
struct trace_seen {
	struct tocsin_who who;
	uint64_t after; /* nanoseconds from the call to the reading */
	bool has[TRACE_ARGUMENTS];
	/* What is printed of them: no places, and nothing by which they are found again. */
	struct tocsin_object objects[TRACE_ARGUMENTS];
};

struct trace_counts {
	struct tocsin_traced_stats stats;
	uint64_t packets, flows, early, untold, names; /* as in struct tocsin_trace_flow_counts */
};

struct trace_done {
	uint32_t error;               /* positive errno, of which text says more; 0: done */
	char kept[TOCSIN_STORE_NAME]; /* the file of the kernel is whole, to be kept so; "" */
	char text[TRACE_WHY];
};

size_t trace_put_found(uint8_t *to, const struct tocsin_traced *f);
size_t trace_put_seen(uint8_t *to, const struct trace_seen *s);
size_t trace_put_event(uint8_t *to, const struct tocsin_trace_event *e);
size_t trace_put_counts(uint8_t *to, const struct trace_counts *c);
size_t trace_put_done(uint8_t *to, const struct trace_done *d);

/* 0, or -EBADMSG: then *ret is not to be used. found: ret->name is in name. */
int trace_get_found(const uint8_t *bytes, size_t size, char name[TRACE_WHY],
		    struct tocsin_traced *ret);
int trace_get_seen(const uint8_t *bytes, size_t size, struct trace_seen *ret);
int trace_get_counts(const uint8_t *bytes, size_t size, struct trace_counts *ret);
int trace_get_done(const uint8_t *bytes, size_t size, struct trace_done *ret);

/*
 * Give the event to take, for the time of the call: as one of this guest, and of no time after now.
 * -EBADMSG: what cannot be, a finding among it, or whatever take does not take (-EINVAL); or
 * another error of take.
 */
int trace_get_event(const uint8_t *bytes, size_t size, const char *guest, uint64_t now,
		    tocsin_trace_take *take, void *context);

#endif
