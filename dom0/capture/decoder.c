// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The decoder of Xen trace records.
 *
 * Why it exists: live buffers hand over a record in whatever pieces the ring's end leaves, files in
 * whatever pieces read() leaves, and both must come to the same events. The state is one record of
 * at most 40 bytes; nothing is allocated per record.
 *
 * A traced call may come in two records, one right after the other in the buffer of its CPU. They
 * are one event; if the second was lost, the first is delivered alone and says so.
 *
 * Invariants: have < sizeof(partial) between calls; after an error the decoder repeats it for ever,
 * as the bytes that follow cannot be told apart any more; every byte fed is counted once.
 */
#include "capture/format.h"
#include <tocsin/trigger.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct tocsin_decoder {
	tocsin_event_fn fn;
	void *context;
	struct tocsin_capture_stats stats;
	uint8_t partial[XEN_TRACE_RECORD_MAX];
	size_t have; /* bytes in partial */
	uint16_t cpu;
	int failed;
	struct tocsin_event call; /* waits for its second record while waits is true */
	bool waits;
};

int tocsin_decoder_new(uint16_t cpu, tocsin_event_fn fn, void *context, struct tocsin_decoder **ret)
{
	struct tocsin_decoder *d;

	if (!fn)
		return -EINVAL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->cpu = cpu;
	d->fn = fn;
	d->context = context;
	*ret = d;
	return 0;
}

void tocsin_decoder_free(struct tocsin_decoder *d)
{
	free(d);
}

const struct tocsin_capture_stats *tocsin_decoder_stats(const struct tocsin_decoder *d)
{
	return &d->stats;
}

void tocsin_decoder_pass(struct tocsin_decoder *d, size_t size)
{
	d->stats.bytes += size;
}

size_t tocsin_decoder_pending(const struct tocsin_decoder *d)
{
	return d->have;
}

static uint32_t word(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

/* Why a record with our event number cannot come from the hypervisor; NULL: it can. */
static const char *trigger_fault(const struct tocsin_record *r)
{
	if (r->domid >= XEN_DOMID_FIRST_RESERVED)
		return "trigger from a reserved domain id";
	if (TOCSIN_ECX_MAGIC(r->ecx) != TOCSIN_MAGIC)
		return "trigger without the magic in ECX";
	if (TOCSIN_ECX_VERSION(r->ecx) != TOCSIN_ABI_VERSION)
		return "trigger of another ABI version";
	if (TOCSIN_ECX_OP(r->ecx) >= TOCSIN_OP_COUNT)
		return "trigger with an unknown operation";
	return NULL;
}

static void decode_trigger(const uint8_t *extra, unsigned int words, struct tocsin_event *event)
{
	if (words != TOCSIN_RECORD_WORDS) {
		event->what = "trigger record of a wrong length";
	} else {
		memcpy(&event->record, extra, sizeof(event->record));
		event->what = trigger_fault(&event->record);
	}
	event->kind = event->what ? TOCSIN_EVENT_MALFORMED : TOCSIN_EVENT_TRIGGER;
}

static void decode_lost(const uint8_t *extra, unsigned int words, struct tocsin_event *event)
{
	if (words != XEN_TRC_LOST_WORDS) {
		event->kind = TOCSIN_EVENT_MALFORMED;
		event->what = "lost-records record of a wrong length";
		return;
	}
	event->kind = TOCSIN_EVENT_LOST;
	event->count = word(extra);
}

/* Why a record of a call cannot come from the hypervisor; NULL: it can. */
static const char *call_fault(const struct tocsin_call_record *r, unsigned int words)
{
	if (words * 4 != sizeof(*r))
		return "record of a call of a wrong length";
	if (r->domid >= XEN_DOMID_FIRST_RESERVED)
		return "call in a reserved domain id";
	if (r->site < 0x80000000u)
		return "call of what is no kernel function";
	return NULL;
}

static void decode_call(struct tocsin_decoder *d, const uint8_t *extra, unsigned int words,
			struct tocsin_event *event)
{
	struct tocsin_call_record r;

	memcpy(&r, extra, sizeof(r)); /* partial has room for it, whatever words is */
	event->what = call_fault(&r, words);
	if (event->what) {
		event->kind = TOCSIN_EVENT_MALFORMED;
		return;
	}
	event->kind = TOCSIN_EVENT_CALL;
	event->call = (struct tocsin_traced_call){
	    .domid = r.domid,
	    .vcpu = r.vcpu & (uint16_t)~TOCSIN_CALL_WIDE,
	    .site = r.site,
	    .seq = r.seq,
	    .rsp = r.rsp,
	    .rdi = r.rdi,
	};
	d->waits = r.vcpu & TOCSIN_CALL_WIDE;
	if (d->waits)
		d->call = *event;
}

static void decode_more(struct tocsin_decoder *d, const uint8_t *extra, unsigned int words,
			struct tocsin_event *event)
{
	struct tocsin_call_more_record r;

	memcpy(&r, extra, sizeof(r));
	if (words * 4 != sizeof(r) || !d->waits || d->call.call.seq != r.seq) {
		event->kind = TOCSIN_EVENT_MALFORMED;
		event->what = "second record of a call without its first";
		return;
	}
	*event = d->call;
	event->call.wide = true;
	event->call.rsi = r.rsi;
	event->call.rdx = r.rdx;
	event->call.cr3 = r.cr3;
	d->waits = false;
}

static void decode_gap(const uint8_t *extra, unsigned int words, struct tocsin_event *event)
{
	memcpy(&event->gap, extra, sizeof(event->gap));
	event->kind = TOCSIN_EVENT_GAP;
	if (words * 4 != sizeof(event->gap) || event->gap.domid >= XEN_DOMID_FIRST_RESERVED) {
		event->kind = TOCSIN_EVENT_MALFORMED;
		event->what = "record of a gap that cannot be";
	}
}

static void count(struct tocsin_capture_stats *stats, const struct tocsin_event *event)
{
	switch (event->kind) {
	case TOCSIN_EVENT_TRIGGER:
		stats->triggers++;
		break;
	case TOCSIN_EVENT_LOST:
		if (__builtin_add_overflow(stats->lost, event->count, &stats->lost))
			stats->lost = UINT64_MAX;
		break;
	case TOCSIN_EVENT_MALFORMED:
		stats->malformed++;
		break;
	case TOCSIN_EVENT_CALL:
		stats->calls++;
		break;
	case TOCSIN_EVENT_GAP:
		stats->gaps++;
		break;
	}
}

static int deliver(struct tocsin_decoder *d, const struct tocsin_event *event)
{
	count(&d->stats, event);
	return d->fn(d->context, event);
}

int tocsin_decoder_end(struct tocsin_decoder *d)
{
	struct tocsin_event event = d->call;

	if (!d->waits)
		return 0;
	d->waits = false;
	event.call.cut = true;
	return deliver(d, &event);
}

/* Xen puts one of its own between the two records of a call where the buffer wraps. */
static bool is_ours(uint32_t header)
{
	const uint32_t event = XEN_TRACE_EVENT(header);

	return event == TOCSIN_TRC_TRIGGER || event == TOCSIN_TRC_CALL || event == TOCSIN_TRC_GAP;
}

/* One whole record. */
static int decode(struct tocsin_decoder *d, const uint8_t *bytes)
{
	const uint32_t header = word(bytes);
	const unsigned int words = XEN_TRACE_EXTRA(header);
	const uint8_t *extra = bytes + 4;
	struct tocsin_event event = {.cpu = d->cpu};
	int rc = 0;

	if (d->waits && (is_ours(header) || XEN_TRACE_EVENT(header) == XEN_TRC_LOST_RECORDS))
		rc = tocsin_decoder_end(d);
	if (rc)
		return rc;
	if (XEN_TRACE_HAS_TSC(header)) {
		event.tsc = word(extra) | (uint64_t)word(extra + 4) << 32;
		extra += 8;
	}
	switch (XEN_TRACE_EVENT(header)) {
	case TOCSIN_TRC_TRIGGER:
		decode_trigger(extra, words, &event);
		break;
	case XEN_TRC_LOST_RECORDS:
		decode_lost(extra, words, &event);
		break;
	case TOCSIN_TRC_CALL:
		decode_call(d, extra, words, &event);
		break;
	case TOCSIN_TRC_CALL_MORE:
		decode_more(d, extra, words, &event);
		break;
	case TOCSIN_TRC_GAP:
		decode_gap(extra, words, &event);
		break;
	default:
		d->stats.foreign++;
		return 0;
	}
	return event.kind == TOCSIN_EVENT_CALL && d->waits ? 0 : deliver(d, &event);
}

static int check_header(struct tocsin_decoder *d, uint32_t header, uint64_t offset,
			struct tocsin_error *err)
{
	if (!(header & XEN_TRACE_CLASSES))
		return tocsin_error_set(err, -EBADMSG,
					"record header %#" PRIx32 " at offset %" PRIu64
					" has no event class",
					header, offset);
	if (XEN_TRACE_EVENT(header) == XEN_TRC_CPU_CHANGE)
		return tocsin_error_set(
		    err, -EBADMSG, "CPU change at offset %" PRIu64 " inside the records of CPU %u",
		    offset, d->cpu);
	return 0;
}

/* Take bytes into partial up to want; returns how many were taken. */
static size_t gather(struct tocsin_decoder *d, const uint8_t *bytes, size_t size, size_t want)
{
	size_t n = want - d->have < size ? want - d->have : size;

	memcpy(d->partial + d->have, bytes, n);
	d->have += n;
	d->stats.bytes += n;
	return n;
}

int tocsin_decoder_feed(struct tocsin_decoder *d, const void *bytes, size_t size,
			struct tocsin_error *err)
{
	const uint8_t *at = bytes;

	if (d->failed)
		return tocsin_error_set(err, d->failed,
					"the record stream ended in an error before");
	while (size) {
		size_t want = d->have < 4 ? 4 : XEN_TRACE_SIZE(word(d->partial));
		size_t n = gather(d, at, size, want);
		int rc = 0;

		at += n;
		size -= n;
		if (d->have < want)
			break;
		if (want == 4)
			rc = check_header(d, word(d->partial), d->stats.bytes - 4, err);
		if (!rc && d->have == XEN_TRACE_SIZE(word(d->partial))) {
			d->have = 0;
			rc = decode(d, d->partial);
		}
		if (rc) {
			d->failed = rc;
			return rc;
		}
	}
	return 0;
}
