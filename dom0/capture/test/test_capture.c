// SPDX-License-Identifier: GPL-2.0-or-later
/* The decoder and the file reader on streams built here, in all splits and all truncations. */
#include "capture/format.h"
#include <tocsin/trigger.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct stream {
	uint8_t bytes[1024];
	size_t size;
};

struct seen {
	struct tocsin_event event[32];
	size_t count;
	int answer;
};

static int see(void *context, const struct tocsin_event *event)
{
	struct seen *s = context;

	assert_true(s->count < 32);
	s->event[s->count++] = *event;
	return s->answer;
}

static void put(struct stream *s, const void *bytes, size_t size)
{
	assert_true(s->size + size <= sizeof(s->bytes));
	memcpy(s->bytes + s->size, bytes, size);
	s->size += size;
}

static void put32(struct stream *s, uint32_t v)
{
	put(s, &v, 4);
}

static void put_header(struct stream *s, uint32_t event, uint32_t words, uint64_t tsc)
{
	put32(s, event | words << 28 | (tsc ? 1u << 31 : 0));
	if (tsc)
		put(s, &tsc, 8);
}

static void put_trigger(struct stream *s, uint16_t domid, uint32_t ecx, uint32_t seq, uint64_t tsc)
{
	struct tocsin_record r = {domid, 3, ecx, 0x123456789000, 0xdeadbeefcafef00d, seq};

	put_header(s, TOCSIN_TRC_TRIGGER, 7, tsc);
	put(s, &r, sizeof(r));
}

static void put_lost(struct stream *s, uint32_t count, uint64_t tsc)
{
	put_header(s, 0x1f001, 4, tsc);
	put32(s, count);
	put32(s, 0);
	put32(s, 0);
	put32(s, 0);
}

static void put_window(struct stream *s, uint32_t cpu, uint32_t size)
{
	put_header(s, 0x1f003, 2, 0);
	put32(s, cpu);
	put32(s, size);
}

/* trigger, foreign without and with words, lost, trigger */
static struct stream sample(void)
{
	struct stream s = {.size = 0};

	put_trigger(&s, 5, TOCSIN_ECX(TOCSIN_OP_MARK), 1, 1000);
	put_header(&s, 0x81001, 0, 0);
	put_header(&s, 0x81002, 2, 1001);
	put32(&s, 7);
	put32(&s, 8);
	put_lost(&s, 42, 1002);
	put_trigger(&s, 6, TOCSIN_ECX(TOCSIN_OP_PING), 9, 1003);
	return s;
}

static void check_sample(const struct seen *s, const struct tocsin_capture_stats *stats)
{
	assert_int_equal(s->count, 3);
	assert_int_equal(s->event[0].kind, TOCSIN_EVENT_TRIGGER);
	assert_int_equal(s->event[0].cpu, 2);
	assert_int_equal(s->event[0].tsc, 1000);
	assert_int_equal(s->event[0].record.domid, 5);
	assert_int_equal(s->event[0].record.vcpu, 3);
	assert_int_equal(s->event[0].record.cr3, 0x123456789000);
	assert_true(s->event[0].record.rdx == 0xdeadbeefcafef00d);
	assert_int_equal(s->event[1].kind, TOCSIN_EVENT_LOST);
	assert_int_equal(s->event[1].count, 42);
	assert_int_equal(s->event[2].record.domid, 6);
	assert_int_equal(s->event[2].record.seq, 9);
	assert_int_equal(stats->triggers, 2);
	assert_int_equal(stats->lost, 42);
	assert_int_equal(stats->foreign, 2);
	assert_int_equal(stats->malformed, 0);
}

static void all_splits(void **state)
{
	struct stream s = sample();

	/* every pair of cuts */
	for (size_t a = 0; a <= s.size; a++) {
		for (size_t b = a; b <= s.size; b++) {
			struct seen seen = {.count = 0};
			struct tocsin_decoder *d;

			assert_int_equal(tocsin_decoder_new(2, see, &seen, &d), 0);
			assert_int_equal(tocsin_decoder_feed(d, s.bytes, a, NULL), 0);
			assert_int_equal(tocsin_decoder_feed(d, s.bytes + a, b - a, NULL), 0);
			assert_int_equal(tocsin_decoder_feed(d, s.bytes + b, s.size - b, NULL), 0);
			check_sample(&seen, tocsin_decoder_stats(d));
			assert_int_equal(tocsin_decoder_stats(d)->bytes, s.size);
			tocsin_decoder_free(d);
		}
	}
}

static void one_malformed(struct stream *s, const char *what)
{
	struct seen seen = {.count = 0};
	struct tocsin_decoder *d;

	put_trigger(s, 1, TOCSIN_ECX(0), 1, 5); /* what follows is still found */
	assert_int_equal(tocsin_decoder_new(2, see, &seen, &d), 0);
	assert_int_equal(tocsin_decoder_feed(d, s->bytes, s->size, NULL), 0);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.event[0].kind, TOCSIN_EVENT_MALFORMED);
	assert_non_null(strstr(seen.event[0].what, what));
	assert_int_equal(seen.event[1].kind, TOCSIN_EVENT_TRIGGER);
	assert_int_equal(tocsin_decoder_stats(d)->malformed, 1);
	tocsin_decoder_free(d);
}

static void malformed_records(void **state)
{
	struct stream s[6] = {0};

	put_trigger(&s[0], 0x7ff0, TOCSIN_ECX(0), 1, 1);
	one_malformed(&s[0], "reserved");
	put_trigger(&s[1], 1, 0x200, 1, 1);
	one_malformed(&s[1], "magic");
	put_trigger(&s[2], 1, TOCSIN_ECX(0) + 0x1000, 1, 1);
	one_malformed(&s[2], "version");
	put_trigger(&s[3], 1, TOCSIN_ECX(TOCSIN_OP_COUNT), 1, 1);
	one_malformed(&s[3], "operation");
	put_header(&s[4], TOCSIN_TRC_TRIGGER, 1, 1);
	put32(&s[4], 0);
	one_malformed(&s[4], "length");
	put_header(&s[5], 0x1f001, 1, 1);
	put32(&s[5], 3);
	one_malformed(&s[5], "length");
}

static void put_call(struct stream *s, uint32_t seq, bool wide, uint64_t tsc)
{
	struct tocsin_call_record r = {
	    5, (uint16_t)(300 | (wide ? TOCSIN_CALL_WIDE : 0)), 0x81234560, 0x1000, 11, seq};

	put_header(s, TOCSIN_TRC_CALL, 7, tsc);
	put(s, &r, sizeof(r));
}

static void put_more(struct stream *s, uint32_t seq)
{
	struct tocsin_call_more_record r = {seq, 12, 13, 14};

	put_header(s, TOCSIN_TRC_CALL_MORE, 7, 0);
	put(s, &r, sizeof(r));
}

static void put_gap(struct stream *s, uint64_t tsc)
{
	struct tocsin_gap_record r = {5, 1, TOCSIN_GAP_WRITE, 0x1234, 0xffffffff81000000, 0};

	put_header(s, TOCSIN_TRC_GAP, 7, tsc);
	put(s, &r, sizeof(r));
}

static void check_calls(const struct seen *s, const struct tocsin_capture_stats *stats)
{
	assert_int_equal(s->count, 5);
	assert_int_equal(s->event[0].kind, TOCSIN_EVENT_CALL);
	assert_int_equal(s->event[0].tsc, 1);
	assert_int_equal(s->event[0].call.domid, 5);
	assert_int_equal(s->event[0].call.vcpu, 300);
	assert_int_equal(s->event[0].call.site, 0x81234560);
	assert_int_equal(s->event[0].call.rdi, 11);
	assert_false(s->event[0].call.wide || s->event[0].call.cut);
	assert_int_equal(s->event[1].kind, TOCSIN_EVENT_CALL);
	assert_int_equal(s->event[1].tsc, 2);
	assert_int_equal(s->event[1].cpu, 2);
	assert_int_equal(s->event[1].call.vcpu, 300);
	assert_int_equal(s->event[1].call.seq, 2);
	assert_int_equal(s->event[1].call.rdi, 11);
	assert_int_equal(s->event[1].call.rsi, 12);
	assert_int_equal(s->event[1].call.rdx, 13);
	assert_int_equal(s->event[1].call.cr3, 14);
	assert_int_equal(s->event[1].call.rsp, 0x1000);
	assert_true(s->event[1].call.wide && !s->event[1].call.cut);
	/* The second half of number 3 is not there: the event is, before what follows. */
	assert_int_equal(s->event[2].call.seq, 3);
	assert_true(s->event[2].call.cut && !s->event[2].call.wide);
	assert_int_equal(s->event[3].kind, TOCSIN_EVENT_GAP);
	assert_int_equal(s->event[3].gap.gfn, 0x1234);
	assert_int_equal(s->event[3].gap.access, TOCSIN_GAP_WRITE);
	assert_int_equal(s->event[4].call.seq, 4);
	assert_true(s->event[4].call.cut);
	assert_int_equal(stats->calls, 4);
	assert_int_equal(stats->gaps, 1);
	assert_int_equal(stats->malformed, 0);
}

static void calls_in_all_splits(void **state)
{
	struct stream body = {0}, s = {0};
	struct tocsin_capture_stats stats;
	struct seen seen;

	put_call(&body, 1, false, 1);
	put_call(&body, 2, true, 2);
	put_header(&body, 0x1f002, 3, 0); /* the buffer wraps here */
	put(&body, "%%%%%%%%%%%%", 12);
	put_more(&body, 2);
	put_call(&body, 3, true, 3);
	put_gap(&body, 4);
	put_call(&body, 4, true, 5); /* nothing comes after it */
	put_window(&s, 2, (uint32_t)body.size);
	put(&s, body.bytes, body.size);
	for (size_t a = 0; a <= body.size; a++) {
		struct tocsin_decoder *d;

		seen = (struct seen){.count = 0};
		assert_int_equal(tocsin_decoder_new(2, see, &seen, &d), 0);
		assert_int_equal(tocsin_decoder_feed(d, body.bytes, a, NULL), 0);
		assert_int_equal(tocsin_decoder_feed(d, body.bytes + a, body.size - a, NULL), 0);
		assert_int_equal(seen.count, 4); /* the last may still be completed */
		assert_int_equal(tocsin_decoder_end(d), 0);
		check_calls(&seen, tocsin_decoder_stats(d));
		tocsin_decoder_free(d);
	}
	seen = (struct seen){.count = 0};
	assert_int_equal(tocsin_trace_bytes_read(s.bytes, s.size, see, &seen, &stats, NULL), 0);
	check_calls(&seen, &stats);
}

/* While a call waits for its second record, that of another, whose first was lost. */
static void another_calls_record(void **state)
{
	struct tocsin_capture_stats stats;
	struct stream body = {0}, s = {0};
	struct seen seen = {.count = 0};

	put_call(&body, 1, true, 1);
	put_more(&body, 7);
	put_more(&body, 1);
	put_window(&s, 2, (uint32_t)body.size);
	put(&s, body.bytes, body.size);
	assert_int_equal(tocsin_trace_bytes_read(s.bytes, s.size, see, &seen, &stats, NULL), 0);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.event[0].kind, TOCSIN_EVENT_MALFORMED);
	assert_int_equal(seen.event[1].kind, TOCSIN_EVENT_CALL);
	assert_true(seen.event[1].call.wide && seen.event[1].call.seq == 1);
	assert_int_equal(stats.malformed, 1);
}

static void malformed_calls(void **state)
{
	struct tocsin_call_record low = {5, 0, 0x7ffffff0, 0, 0, 1};
	struct stream s[5] = {0};

	put_more(&s[0], 1);
	one_malformed(&s[0], "without its first");
	put_header(&s[1], TOCSIN_TRC_CALL, 6, 1);
	for (int i = 0; i < 6; i++)
		put32(&s[1], UINT32_MAX);
	one_malformed(&s[1], "length");
	put_header(&s[2], TOCSIN_TRC_CALL, 7, 1);
	put(&s[2], &low, sizeof(low));
	one_malformed(&s[2], "no kernel function");
	put_header(&s[3], TOCSIN_TRC_GAP, 1, 1);
	put32(&s[3], 1);
	one_malformed(&s[3], "gap");
	low.domid = 0x7ff0;
	put_header(&s[4], TOCSIN_TRC_CALL, 7, 1);
	put(&s[4], &low, sizeof(low));
	one_malformed(&s[4], "reserved");
}

static void stream_errors(void **state)
{
	struct seen seen = {.count = 0};
	struct tocsin_error err = {0};
	struct stream s = sample();
	struct tocsin_decoder *d;

	put32(&s, 0x30);
	assert_int_equal(tocsin_decoder_new(2, see, &seen, &d), 0);
	assert_int_equal(tocsin_decoder_feed(d, s.bytes, s.size, &err), -EBADMSG);
	check_sample(&seen, tocsin_decoder_stats(d));
	assert_non_null(strstr(err.message, "offset 132"));
	/* it stays an error */
	assert_int_equal(tocsin_decoder_feed(d, s.bytes, 40, NULL), -EBADMSG);
	assert_int_equal(seen.count, 3);
	tocsin_decoder_free(d);
}

static void callback_stops(void **state)
{
	struct seen seen = {.answer = -ECANCELED};
	struct stream s = sample();
	struct tocsin_decoder *d;

	assert_int_equal(tocsin_decoder_new(2, see, &seen, &d), 0);
	assert_int_equal(tocsin_decoder_feed(d, s.bytes, s.size, NULL), -ECANCELED);
	assert_int_equal(seen.count, 1);
	tocsin_decoder_free(d);
}

static void file_truncations(void **state)
{
	struct stream body = sample(), s = {.size = 0};

	put_window(&s, 2, (uint32_t)body.size);
	put(&s, body.bytes, body.size);
	for (size_t n = 0; n <= s.size; n++) {
		struct tocsin_capture_stats stats = {0};
		struct tocsin_error err = {0};
		struct seen seen = {.count = 0};
		int rc = tocsin_trace_bytes_read(s.bytes, n, see, &seen, &stats, &err);

		assert_int_equal(rc, n == 0 || n == s.size ? 0 : -EBADMSG);
		assert_int_equal(err.code, rc);
		assert_int_equal(stats.bytes, n);
		if (n == s.size)
			check_sample(&seen, &stats);
		/* what came before the cut is delivered */
		assert_int_equal(seen.count >= 1, n >= 12 + 40);
	}
}

static void bad_file(struct stream *s, const char *what)
{
	struct tocsin_error err = {0};
	struct seen seen = {.count = 0};

	assert_int_equal(tocsin_trace_bytes_read(s->bytes, s->size, see, &seen, NULL, &err),
			 -EBADMSG);
	assert_non_null(strstr(err.message, what));
}

static void file_errors(void **state)
{
	struct stream s[6] = {0};

	put(&s[0], "no trace file", 13);
	bad_file(&s[0], "not a xentrace file");
	put_window(&s[1], 4096, 0);
	bad_file(&s[1], "CPU 4096");
	put_window(&s[2], 0, 6);
	bad_file(&s[2], "not made of words");
	put_window(&s[3], 0, 36); /* a record is 40 */
	put_trigger(&s[3], 1, TOCSIN_ECX(0), 1, 1);
	bad_file(&s[3], "ends inside a record");
	put_window(&s[4], 0, 0xfffffffc);
	put_trigger(&s[4], 1, TOCSIN_ECX(0), 1, 1);
	bad_file(&s[4], "truncated");
	put_window(&s[5], 0, 24);
	put_window(&s[5], 0, 0);
	put_window(&s[5], 0, 0);
	bad_file(&s[5], "inside the records");
}

static void put_records(struct stream *s, uint32_t cpu, const struct stream *records)
{
	put_window(s, cpu, (uint32_t)records->size);
	put(s, records->bytes, records->size);
}

static void check_two_calls(const struct tocsin_event *event)
{
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(event[i].kind, TOCSIN_EVENT_CALL);
		assert_int_equal(event[i].call.seq, i + 1);
		assert_int_equal(event[i].cpu, i);
		assert_int_equal(event[i].call.rsi, 12);
		assert_true(event[i].call.wide && !event[i].call.cut);
	}
}

/* xentrace took CPU 1's buffer between the two records of its call, and then that of others. */
static void file_of_interleaved_cpus(void **state)
{
	struct stream first = {.size = 0}, rest = {.size = 0}, other = {.size = 0};
	struct stream s = {.size = 0}, none = {.size = 0};
	struct tocsin_capture_stats stats;
	struct seen seen = {.count = 0};
	size_t whole;
	char where[32];

	put_call(&first, 2, true, 20);
	put_more(&rest, 2);
	put_lost(&rest, 7, 30);
	put_call(&other, 1, true, 10);
	put_more(&other, 1);
	put_call(&other, 3, true, 40); /* nothing comes after it */
	put_records(&s, 1, &first);
	put_records(&s, 1, &none);
	put_records(&s, 0, &other);
	put_records(&s, 4095, &none);
	put_records(&s, 1, &rest);
	assert_int_equal(tocsin_trace_bytes_read(s.bytes, s.size, see, &seen, &stats, NULL), 0);
	assert_int_equal(seen.count, 4);
	check_two_calls(seen.event);
	assert_int_equal(seen.event[2].count, 7);
	assert_true(seen.event[3].call.cut);
	assert_int_equal(stats.calls, 3);
	assert_int_equal(stats.lost, 7);
	assert_int_equal(stats.malformed + stats.triggers + stats.gaps + stats.foreign, 0);
	assert_int_equal(stats.bytes, s.size);
	/* What is damaged is where it is in the file, and what waits is told all the same. */
	whole = s.size;
	put_window(&s, 1, 4);
	put32(&s, 1);
	snprintf(where, sizeof(where), "offset %zu ", whole + 12);
	bad_file(&s, where);
	seen.count = 0;
	assert_int_equal(tocsin_trace_bytes_read(s.bytes, s.size, see, &seen, &stats, NULL),
			 -EBADMSG);
	assert_int_equal(seen.count, 4);
	assert_int_equal(stats.calls, 3);
	assert_int_equal(stats.bytes, s.size);
}

/* ---- handed on ---- */

/* A packet with the records of one CPU. */
static int hand(struct tocsin_handed *h, uint32_t cpu, const struct stream *records)
{
	struct stream s = {.size = 0};

	put_records(&s, cpu, records);
	return tocsin_handed_packet(h, s.bytes, s.size);
}

static int mark(struct tocsin_handed *h)
{
	const uint64_t tsc = 1000;

	return tocsin_handed_packet(h, (const uint8_t *)&tsc, sizeof(tsc));
}

/* A call's records in two packets, another CPU's earlier call between them. */
static void handed_calls_of_two_cpus(void **state)
{
	struct stream first = {.size = 0}, rest = {.size = 0}, other = {.size = 0};
	struct seen seen = {.count = 0};
	struct tocsin_handed *h;

	put_call(&first, 2, true, 20);
	put_more(&rest, 2);
	put_lost(&rest, 7, 30);
	put_call(&other, 1, true, 10);
	put_more(&other, 1);
	assert_int_equal(tocsin_handed_new(see, &seen, &h), 0);
	assert_int_equal(hand(h, 1, &first), 0);
	assert_int_equal(hand(h, 0, &other), 0);
	assert_int_equal(hand(h, 1, &rest), 0);
	assert_int_equal(seen.count, 0); /* there may be earlier ones yet */
	assert_int_equal(mark(h), 3);
	check_two_calls(seen.event);
	assert_int_equal(seen.event[2].kind, TOCSIN_EVENT_LOST);
	assert_int_equal(seen.event[2].count, 7);
	assert_int_equal(mark(h), 0);
	tocsin_handed_close(h);
}

static void handed_packets_that_cannot_be(void **state)
{
	struct stream garbage = {.size = 0}, half = {.size = 0}, good = {.size = 0}, wrong;
	struct seen seen = {.count = 0};
	struct tocsin_handed *h;

	put32(&garbage, 0x00000001); /* no class */
	put_call(&half, 1, true, 10);
	half.size -= 4;
	put_call(&good, 2, true, 20);
	put_more(&good, 2);
	assert_int_equal(tocsin_handed_new(see, &seen, &h), 0);
	assert_int_equal(hand(h, 0, &garbage), 0);
	assert_int_equal(hand(h, 0, &half), 0);
	assert_int_equal(hand(h, 0, &good), 0);
	assert_int_equal(mark(h), 3);
	assert_int_equal(seen.event[0].kind, TOCSIN_EVENT_MALFORMED);
	assert_int_equal(seen.event[1].kind, TOCSIN_EVENT_MALFORMED);
	assert_int_equal(seen.event[2].kind, TOCSIN_EVENT_CALL);
	assert_int_equal(hand(h, 4096, &good), -EBADMSG);
	assert_int_equal(tocsin_handed_packet(h, good.bytes, good.size), -EBADMSG);
	assert_int_equal(tocsin_handed_packet(h, good.bytes, 7), -EBADMSG);
	wrong = (struct stream){.size = 0};
	put_window(&wrong, 0, 8);
	put32(&wrong, 0);
	assert_int_equal(tocsin_handed_packet(h, wrong.bytes, wrong.size), -EBADMSG);
	tocsin_handed_close(h);
}

int main(void)
{
	const struct CMUnitTest list[] = {
	    cmocka_unit_test(all_splits),
	    cmocka_unit_test(malformed_records),
	    cmocka_unit_test(stream_errors),
	    cmocka_unit_test(callback_stops),
	    cmocka_unit_test(handed_calls_of_two_cpus),
	    cmocka_unit_test(handed_packets_that_cannot_be),
	    cmocka_unit_test(file_truncations),
	    cmocka_unit_test(file_errors),
	    cmocka_unit_test(file_of_interleaved_cpus),
	    cmocka_unit_test(calls_in_all_splits),
	    cmocka_unit_test(another_calls_record),
	    cmocka_unit_test(malformed_calls),
	};

	return cmocka_run_group_tests_name("capture", list, NULL, NULL);
}
