/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a worker says to the broker, alone or as a packet, and the report that the broker makes of
 * it for the writer, from hostile bytes. What is accepted is printed as the writer would, and comes
 * back the same when it is sent on.
 */
#include "dispatch/message.h"
#include "dispatch/writer.h"
#include "fuzz.h"
#include "output/journal.h"

#include <stdlib.h>
#include <string.h>

static uint8_t report[TOCSIN_MESSAGE_MAX];
static struct tocsin_outcome outcome, again; /* large */

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void print(const struct tocsin_msg_report *m)
{
	struct tocsin_report r = tocsin_writer_report(m, &again);
	FILE *null = fopen("/dev/null", "we");
	char *entry;
	size_t size;

	check(!tocsin_journal_entry(&r, &entry, &size) && size);
	free(entry);
	for (const struct tocsin_output *o = tocsin_outputs; null && o->name; o++)
		check(!o->write(null, &r));
	if (null)
		fclose(null);
}

static void take_result(const uint8_t *data, size_t size)
{
	struct tocsin_msg_report m = {.number = 1}, back;
	size_t at, n;
	uint64_t id;

	if (tocsin_msg_get_result(data, size, &id, &outcome, &at))
		return;
	check(outcome.findings.count <= TOCSIN_FINDINGS_MAX && outcome.verdict.score <= 100);
	check(!outcome.answer.ticket && !outcome.answer.time && outcome.answer.score <= 100);
	m.kind = outcome.kind;
	n = tocsin_msg_put_report(report, &m, data + at, size - at);
	check(!tocsin_msg_get_report(report, n, &back, &again));
	check(back.has_outcome && again.kind == outcome.kind);
	check(again.findings.count == outcome.findings.count);
	print(&back);
}

static void take_message(const uint8_t *data, size_t size)
{
	struct tocsin_msg_report r;
	struct tocsin_msg_answer a;
	struct tocsin_msg_start s;
	struct tocsin_msg_note n;
	struct tocsin_msg_job j;

	if (tocsin_msg_kind(data, size) < 0)
		return;
	take_result(data, size);
	if (!tocsin_msg_get_report(data, size, &r, &again))
		check(memchr(r.reason, 0, sizeof(r.reason)) && memchr(r.domain, 0, 64));
	if (!tocsin_msg_get_note(data, size, &n))
		check(memchr(n.text, 0, sizeof(n.text)) != NULL);
	if (!tocsin_msg_get_job(data, size, &j))
		check(j.give_up == 0 || j.give_up == 1);
	tocsin_msg_get_answer(data, size, &a);
	tocsin_msg_get_start(data, size, &s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tocsin_packet p;
	const uint8_t *message;
	size_t length, sum = 0;

	take_message(data, size);
	if (size > sizeof(p.bytes))
		return 0;
	memcpy(p.bytes, data, size);
	p.size = size;
	p.at = 0;
	while (tocsin_packet_next(&p, &message, &length) > 0) {
		check(length && message > p.bytes && message + length <= p.bytes + size);
		take_message(message, length);
		sum += length;
	}
	check(sum <= size);
	return 0;
}
