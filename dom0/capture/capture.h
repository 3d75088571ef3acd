/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capture: Xen trace buffers, live or recorded by xentrace, become validated events and explicit
 * loss. One consumer of the live buffers at a time (they have one shared index).
 */
#ifndef TOCSIN_CAPTURE_H
#define TOCSIN_CAPTURE_H

#include "base/error.h"
#include "capture/call.h"
#include <tocsin/event.h>
#include <tocsin/trace.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tocsin_event_kind {
	TOCSIN_EVENT_TRIGGER,   /* record holds */
	TOCSIN_EVENT_LOST,      /* lost records on this CPU, all kinds of records: count */
	TOCSIN_EVENT_MALFORMED, /* a record that cannot be ours: what says why */
	TOCSIN_EVENT_CALL,      /* of a traced function: call holds */
	TOCSIN_EVENT_GAP /* a frame of a traced domain is not traced from now on: gap holds */
};

struct tocsin_event {
	enum tocsin_event_kind kind;
	uint16_t cpu; /* physical CPU whose buffer it came from */
	uint64_t tsc; /* 0: none */
	union {
		struct tocsin_record record;
		struct tocsin_traced_call call;
		struct tocsin_gap_record gap;
	};
	uint64_t count;
	const char *what; /* static */
};

struct tocsin_capture_stats {
	uint64_t triggers, lost, malformed;
	uint64_t calls, gaps;
	uint64_t foreign; /* records of other kinds, passed over */
	uint64_t bytes;
};

typedef int (*tocsin_event_fn)(void *context, const struct tocsin_event *event);

/*
 * The decoder of one CPU's record stream, shared by the live buffers and the files. Feed it bytes
 * in any portions; it keeps what is incomplete. A stream error (a record that cannot be) is
 * -EBADMSG with the offset in err: there is no way to find the next record after it.
 */
struct tocsin_decoder;
int tocsin_decoder_new(uint16_t cpu, tocsin_event_fn fn, void *context,
		       struct tocsin_decoder **ret);
void tocsin_decoder_free(struct tocsin_decoder *d);
int tocsin_decoder_feed(struct tocsin_decoder *d, const void *bytes, size_t size,
			struct tocsin_error *err);
const struct tocsin_capture_stats *tocsin_decoder_stats(const struct tocsin_decoder *d);

/* A file of `xentrace -D -e 0x00082030 FILE` (any mask), decoded whole. -EBADMSG with the offset:
 * truncated or not a trace file; the events before it were delivered. */
int tocsin_trace_file_read(const char *path, tocsin_event_fn fn, void *context,
			   struct tocsin_capture_stats *stats, struct tocsin_error *err);

/* The same on bytes in memory: for tests and fuzzers. */
int tocsin_trace_bytes_read(const void *bytes, size_t size, tocsin_event_fn fn, void *context,
			    struct tocsin_capture_stats *stats, struct tocsin_error *err);

/* ---- records that tocsind takes from the buffers, and hands on (capture/tap.h) ---- */

/* A descriptor that does not block, or a negative errno; -ENOENT, -ECONNREFUSED: no tocsind. */
int tocsin_tap_connect(const char *path);

struct tocsin_handed;

/*
 * The traced calls of a domain, its gaps, and losses; taken from the buffers at least every so many
 * milliseconds. Asks for them and waits for nothing: a tocsind that does not give them closes the
 * connection, which is -EPIPE of the first drain. As tocsin_tap_connect, or -ENOMEM.
 */
int tocsin_handed_open(const char *path, uint16_t domid, uint16_t period, tocsin_event_fn fn,
		       void *context, struct tocsin_handed **ret);
void tocsin_handed_close(struct tocsin_handed *h);

/* Readable when something has come. */
int tocsin_handed_fd(const struct tocsin_handed *h);

/*
 * Take what has come, in TSC order. complete: all records of before this TSC have been delivered; 0
 * as long as nobody said so. Number of events; -EPIPE: tocsind has ended, and all that it sent was
 * delivered; -EBADMSG: it sends what it must not; -ENOMEM, or what fn returned.
 */
int tocsin_handed_drain(struct tocsin_handed *h, uint64_t *complete);

/* The same on packets in memory: for tests and fuzzers. */
int tocsin_handed_new(tocsin_event_fn fn, void *context, struct tocsin_handed **ret);
int tocsin_handed_packet(struct tocsin_handed *h, const uint8_t *packet, size_t size);

/* ---- live buffers (built with Xen only) ---- */

struct tocsin_capture;

/*
 * Map the trace buffers, set the event mask, bind VIRQ_TBUF and switch tracing on. If there are no
 * buffers since boot they are made, of 1 MiB for each CPU: their size cannot be changed until the
 * next one. -EBUSY: another consumer (xentrace?) holds them, with what to do in err.
 */
int tocsin_capture_open(tocsin_event_fn fn, void *context, struct tocsin_capture **ret,
			struct tocsin_error *err);

/*
 * Who wants all that is taken from the buffers, as it lies there: whole records of one CPU. Called
 * from drain. And which events Xen records, as `xentrace -e` has it; triggers always.
 */
typedef void tocsin_raw_fn(void *context, uint16_t cpu, const uint8_t *records, size_t size);
void tocsin_capture_set_raw(struct tocsin_capture *c, tocsin_raw_fn *raw);
int tocsin_capture_set_mask(struct tocsin_capture *c, uint32_t mask, struct tocsin_error *err);

/*
 * Whether somebody consumes the buffers now: 0 nobody, -EBUSY somebody, else an error with its
 * reason. Binds VIRQ_TBUF for a moment, in which no other consumer can start.
 */
int tocsin_capture_probe(struct tocsin_error *err);

/* Switch tracing off, so that triggers get "no listener", unmap, free. */
void tocsin_capture_close(struct tocsin_capture *c);

/* Readable when VIRQ_TBUF was raised. */
int tocsin_capture_fd(const struct tocsin_capture *c);

/* Take all there is from all CPUs, in TSC order within what is there. Number of events or error. */
int tocsin_capture_drain(struct tocsin_capture *c, struct tocsin_error *err);
const struct tocsin_capture_stats *tocsin_capture_stats(const struct tocsin_capture *c);

#endif
