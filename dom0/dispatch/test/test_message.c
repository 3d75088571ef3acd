/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tocsin/trigger.h>

static uint8_t bytes[TOCSIN_MESSAGE_MAX], other[TOCSIN_MESSAGE_MAX];
static struct tocsin_outcome in, out; /* large */

static void fill_process(struct tocsin_process *p)
{
	memset(p, 0, sizeof(*p));
	p->confidence = TOCSIN_TORN;
	p->task = 0xffff888000000000ull;
	p->pid = 700;
	p->ppid = -1;
	p->uid = UINT32_MAX;
	p->user_ns_initial = true;
	strcpy(p->comm, "a\x01 name");
	memset(p->exe, 'x', sizeof(p->exe) - 1);
	memset(p->cmdline, 0, sizeof(p->cmdline)); /* NULs belong to it */
	p->cmdline_size = sizeof(p->cmdline);
	p->exe_id.memfd = true;
}

static void fill(size_t findings)
{
	memset(&in, 0, sizeof(in));
	memset(&out, 0xa5, sizeof(out));
	in.kind = TOCSIN_REPORT_VERDICT;
	in.has_asker = in.has_target = in.has_request = true;
	fill_process(&in.asker);
	fill_process(&in.target);
	in.verdict = (struct tocsin_verdict){.verdict = TOCSIN_VERDICT_MALICIOUS, .score = 100};
	strcpy(in.verdict.text, "malicious");
	memset(in.nonce, 7, sizeof(in.nonce));
	in.answer = (struct tocsin_answer){.state = TOCSIN_STATE_DONE,
					   .verdict = TOCSIN_VERDICT_MALICIOUS,
					   .score = 100,
					   .pid = 700};
	for (size_t i = 0; i < findings; i++) {
		struct tocsin_finding *f =
		    tocsin_findings_add(&in.findings, "memory", "memory.x", TOCSIN_SEVERITY_HIGH);

		f->evidence_size = sizeof(f->evidence);
		memset(f->what, 'w', sizeof(f->what) - 1);
		memset(f->why, 'y', sizeof(f->why) - 1);
	}
}

static size_t encode(void)
{
	return tocsin_msg_put_result(bytes, 42, &in);
}

static int decode(const uint8_t *b, size_t size)
{
	uint64_t id;
	size_t at;
	int rc = tocsin_msg_get_result(b, size, &id, &out, &at);

	if (!rc) {
		assert_int_equal(id, 42);
		assert_int_equal(at, 9);
	}
	return rc;
}

static void an_outcome_comes_as_it_went(void **state)
{
	fill(3);
	assert_int_equal(decode(bytes, encode()), 0);
	assert_int_equal(out.kind, in.kind);
	assert_int_equal(out.asker.confidence, TOCSIN_TORN);
	assert_int_equal(out.asker.ppid, -1);
	assert_string_equal(out.target.exe, in.target.exe);
	assert_int_equal(out.target.cmdline_size, sizeof(in.target.cmdline));
	assert_true(out.target.exe_id.memfd && out.target.user_ns_initial);
	assert_memory_equal(&out.answer, &in.answer, sizeof(in.answer));
	assert_memory_equal(out.nonce, in.nonce, sizeof(in.nonce));
	assert_int_equal(out.findings.count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct tocsin_finding *f = &out.findings.rows[i], *g = &in.findings.rows[i];

		assert_string_equal(f->rule, g->rule);
		assert_string_equal(f->what, g->what);
		assert_string_equal(f->why, g->why);
		assert_string_equal(f->technique, "");
		assert_int_equal(f->severity, g->severity);
		assert_int_equal(f->evidence_size, g->evidence_size);
		assert_memory_equal(f->evidence, g->evidence, f->evidence_size);
	}
	assert_string_equal(out.verdict.text, "malicious");
}

/* So many and so long that they do not fit: none is lost without being counted. */
static void what_does_not_fit_is_counted(void **state)
{
	fill(TOCSIN_FINDINGS_MAX);
	in.findings.dropped = 5;
	assert_int_equal(decode(bytes, encode()), 0);
	assert_true(out.findings.count < TOCSIN_FINDINGS_MAX && out.findings.count > 100);
	assert_int_equal(out.findings.count + out.findings.dropped, TOCSIN_FINDINGS_MAX + 5);
}

static void every_part_is_needed(void **state)
{
	size_t size;

	fill(1);
	size = encode();
	for (size_t n = 0; n < size; n++)
		assert_int_equal(decode(bytes, n), -EBADMSG);
	bytes[size] = 0;
	assert_int_equal(decode(bytes, size + 1), -EBADMSG);
}

/* Whatever a byte is changed to, the outcome is refused or is one that can be. */
static void no_byte_makes_an_impossible_outcome(void **state)
{
	size_t size;

	fill(1);
	in.asker.cmdline_size = in.target.cmdline_size = 3;
	strcpy(in.asker.exe, "/x");
	strcpy(in.target.exe, "/x");
	size = encode();
	for (size_t at = 0; at < size; at++)
		for (unsigned int value = 0; value < 256; value += value < 8 ? 1 : 31) {
			uint64_t id;
			size_t begins;

			memcpy(other, bytes, size);
			other[at] = (uint8_t)value;
			if (tocsin_msg_get_result(other, size, &id, &out, &begins))
				continue;
			assert_true(out.kind == TOCSIN_REPORT_VERDICT ||
				    out.kind == TOCSIN_REPORT_ERROR);
			assert_true(out.findings.count <= TOCSIN_FINDINGS_MAX);
			assert_true(out.verdict.score <= 100 && out.answer.score <= 100);
			assert_true(!out.has_request || out.answer.state);
			assert_true(out.asker.cmdline_size <= sizeof(out.asker.cmdline));
			assert_int_equal(out.answer.ticket, 0);
			assert_int_equal(out.answer.time, 0);
		}
}

static void a_report_carries_the_outcome(void **state)
{
	static struct tocsin_outcome got;
	struct tocsin_msg_report m = {.number = 9,
				      .kind = TOCSIN_REPORT_VERDICT,
				      .cpu = UINT16_MAX,
				      .domain = "a",
				      .answered = true,
				      .swept = true,
				      .actions = 3,
				      .record = {.domid = 5, .seq = 1}},
				 back;
	size_t size, at;
	uint64_t id;

	fill(TOCSIN_FINDINGS_MAX);
	size = encode();
	assert_int_equal(tocsin_msg_get_result(bytes, size, &id, &out, &at), 0);
	size = tocsin_msg_put_report(other, &m, bytes + at, size - at);
	assert_int_equal(tocsin_msg_get_report(other, size, &back, &got), 0);
	assert_true(back.has_outcome && back.answered && back.swept && back.actions == 3);
	assert_int_equal(back.number, 9);
	assert_int_equal(back.cpu, UINT16_MAX);
	assert_int_equal(back.record.domid, 5);
	assert_int_equal(got.findings.count, out.findings.count);
	for (size_t n = 0; n < size; n += 1 + n / 64)
		assert_int_equal(tocsin_msg_get_report(other, n, &back, &got), -EBADMSG);
}

static void small_messages_come_as_they_went(void **state)
{
	struct tocsin_msg_job job = {.id = 3,
				     .give_up = true,
				     .without = 6,
				     .record = {.domid = 1}},
			      job2;
	struct tocsin_msg_note note = {.id = 4, .error = 28, .text = "why"}, note2;
	struct tocsin_msg_start start = {.domid = 7,
					 .pid = 8,
					 .uuid = {1},
					 .errand = TOCSIN_ERRAND_DUMP,
					 .id = 9,
					 .without = 10,
					 .process = 11,
					 .start_time = 12},
				start2;
	struct tocsin_msg_answer answer = {.id = 5, .answer = {.state = 1}}, answer2;

	assert_int_equal(tocsin_msg_get_job(bytes, tocsin_msg_put_job(bytes, &job), &job2), 0);
	assert_true(job2.id == 3 && job2.give_up && job2.without == 6 && job2.record.domid == 1);
	assert_int_equal(tocsin_msg_get_note(
			     bytes, tocsin_msg_put_note(bytes, TOCSIN_MSG_LOGGED, &note), &note2),
			 0);
	assert_true(note2.id == 4 && note2.error == 28 && !strcmp(note2.text, "why"));
	assert_int_equal(tocsin_msg_get_start(
			     bytes, tocsin_msg_put_start(bytes, TOCSIN_MSG_START, &start), &start2),
			 0);
	assert_true(start2.domid == 7 && start2.pid == 8 && start2.uuid[0] == 1);
	assert_true(start2.errand == TOCSIN_ERRAND_DUMP && start2.id == 9 && start2.without == 10);
	assert_true(start2.process == 11 && start2.start_time == 12);
	start.errand = TOCSIN_ERRAND_KINDS;
	assert_int_equal(tocsin_msg_get_start(
			     bytes, tocsin_msg_put_start(bytes, TOCSIN_MSG_START, &start), &start2),
			 -EBADMSG);
	assert_int_equal(
	    tocsin_msg_get_answer(bytes, tocsin_msg_put_answer(bytes, &answer), &answer2), 0);
	assert_true(answer2.id == 5 && answer2.answer.state == 1);
	/* One is not taken for another. */
	assert_int_equal(tocsin_msg_get_job(bytes, tocsin_msg_put_answer(bytes, &answer), &job2),
			 -EBADMSG);
}

/* A descriptor that nobody asked for must not stay open. */
static void descriptors_are_taken_where_they_are_expected(void **state)
{
	int ends[2], fd;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	bytes[0] = TOCSIN_MSG_START;
	assert_int_equal(tocsin_msg_send(ends[0], bytes, 1, 0, 0), 0);
	assert_int_equal(tocsin_msg_receive(ends[1], other, &fd, 0), 1);
	assert_true(fd > ends[1]);
	close(fd);
	assert_int_equal(tocsin_msg_send(ends[0], bytes, 1, 0, 0), 0);
	assert_int_equal(tocsin_msg_receive(ends[1], other, NULL, 0), -EBADMSG);
	fd = dup(0);
	assert_int_equal(fd, ends[1] + 1);
	close(fd);
	assert_int_equal(tocsin_msg_receive(ends[1], other, NULL, MSG_DONTWAIT), -EAGAIN);
	close(ends[0]);
	assert_int_equal(tocsin_msg_receive(ends[1], other, NULL, 0), 0);
	assert_true(tocsin_msg_send(ends[1], bytes, 1, -1, 0) < 0);
	close(ends[1]);
}

static struct tocsin_packet packet, came;

/* As many as fit, of any size; then the next packet. */
static void a_packet_has_many_messages(void **state)
{
	const uint8_t *message;
	size_t size, count = 0;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	memset(bytes, 5, sizeof(bytes));
	packet.size = 0;
	assert_int_equal(tocsin_packet_send(&packet, ends[0], 0), 0);
	assert_int_equal(tocsin_packet_receive(&came, ends[1], MSG_DONTWAIT), -EAGAIN);
	while (tocsin_packet_add(&packet, bytes, 1 + 97 * count))
		count++;
	assert_true(count > 30);
	assert_int_equal(tocsin_packet_send(&packet, ends[0], 0), 0);
	assert_int_equal(packet.size, 0);
	assert_true(tocsin_packet_add(&packet, bytes, sizeof(bytes)));
	assert_false(tocsin_packet_add(&packet, bytes, 1));
	assert_int_equal(tocsin_packet_send(&packet, ends[0], 0), 0);
	assert_true(tocsin_packet_receive(&came, ends[1], 0) > 0);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(tocsin_packet_next(&came, &message, &size), 1);
		assert_int_equal(size, 1 + 97 * i);
		assert_memory_equal(message, bytes, size);
	}
	assert_int_equal(tocsin_packet_next(&came, &message, &size), 0);
	assert_true(tocsin_packet_receive(&came, ends[1], 0) > 0);
	assert_int_equal(tocsin_packet_next(&came, &message, &size), 1);
	assert_int_equal(size, sizeof(bytes));
	assert_int_equal(tocsin_packet_next(&came, &message, &size), 0);
	assert_false(tocsin_packet_add(&packet, bytes, sizeof(bytes) + 1));
	close(ends[0]);
	assert_int_equal(tocsin_packet_receive(&came, ends[1], 0), 0);
	assert_int_equal(tocsin_packet_next(&came, &message, &size), 0);
	close(ends[1]);
}

/* Whatever the sizes say, nothing outside of the packet is a message. */
static void a_packet_that_lies_is_refused(void **state)
{
	static const uint32_t lies[] = {0, 4, 5, 0x7fffffff, UINT32_MAX};
	const uint8_t *message;
	size_t size;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		came = (struct tocsin_packet){.size = 7};
		memcpy(came.bytes, &lies[i], 4);
		assert_int_equal(tocsin_packet_next(&came, &message, &size), -EBADMSG);
	}
	came = (struct tocsin_packet){.size = 7, .bytes = {2, 0, 0, 0, 1, 1, 1}};
	assert_int_equal(tocsin_packet_next(&came, &message, &size), 1);
	assert_int_equal(tocsin_packet_next(&came, &message, &size), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(an_outcome_comes_as_it_went),
	    cmocka_unit_test(what_does_not_fit_is_counted),
	    cmocka_unit_test(every_part_is_needed),
	    cmocka_unit_test(no_byte_makes_an_impossible_outcome),
	    cmocka_unit_test(a_report_carries_the_outcome),
	    cmocka_unit_test(small_messages_come_as_they_went),
	    cmocka_unit_test(descriptors_are_taken_where_they_are_expected),
	    cmocka_unit_test(a_packet_has_many_messages),
	    cmocka_unit_test(a_packet_that_lies_is_refused),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
