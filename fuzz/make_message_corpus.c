/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first inputs of fuzz_message: one message of each kind, and a packet. usage:
 * make_message_corpus FOLDER */
#include "dispatch/message.h"

#include <string.h>

static uint8_t bytes[TOCSIN_MESSAGE_MAX];
static struct tocsin_outcome o; /* large */

static int keep(const char *folder, const char *name, size_t size)
{
	char path[256];
	FILE *f;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	if (!f)
		return 1;
	rc = fwrite(bytes, 1, size, f) != size;
	return fclose(f) || rc;
}

static void make_outcome(void)
{
	struct tocsin_finding *f;

	o.kind = TOCSIN_REPORT_VERDICT;
	o.has_asker = o.has_target = o.has_request = true;
	o.asker = (struct tocsin_process){.pid = 7, .comm = "sh", .exe = "/bin/sh"};
	memcpy(o.asker.cmdline, "sh\0-c", 5);
	o.asker.cmdline_size = 5;
	o.target = o.asker;
	o.verdict = (struct tocsin_verdict){.verdict = 3, .score = 80, .text = "malicious"};
	o.answer.state = TOCSIN_STATE_DONE;
	o.answer.verdict = 3;
	f = tocsin_findings_add(&o.findings, "memory", "memory.x", TOCSIN_SEVERITY_HIGH);
	f->evidence_size = 8;
	strcpy(f->what, "what");
	strcpy(f->why, "why");
}

/* What a worker says at once: a slot was written, and two outcomes. */
static int keep_packet(const char *folder)
{
	static struct tocsin_packet p;
	struct tocsin_msg_note note = {.id = 3};

	tocsin_packet_add(&p, bytes, tocsin_msg_put_note(bytes, TOCSIN_MSG_WRITTEN, &note));
	tocsin_packet_add(&p, bytes, tocsin_msg_put_result(bytes, 4, &o));
	tocsin_packet_add(&p, bytes, tocsin_msg_put_result(bytes, 5, &o));
	memcpy(bytes, p.bytes, p.size);
	return keep(folder, "packet", p.size);
}

int main(int argc, char **argv)
{
	struct tocsin_msg_report report = {.kind = TOCSIN_REPORT_LOSS, .lost = 3, .reason = "full"};
	struct tocsin_msg_answer answer = {.id = 2};
	struct tocsin_msg_start start = {.domid = 5, .errand = TOCSIN_ERRAND_SWEEP};
	struct tocsin_msg_note note = {.id = 3, .text = "no"};
	struct tocsin_msg_job job = {.id = 4};
	const char *to = argv[1];

	if (argc != 2)
		return 2;
	make_outcome();
	if (keep(to, "result", tocsin_msg_put_result(bytes, 1, &o)) || keep_packet(to))
		return 1;
	o.kind = TOCSIN_REPORT_ERROR;
	o.has_request = false;
	strcpy(o.reason, "no kernel");
	return keep(to, "error", tocsin_msg_put_result(bytes, 1, &o)) ||
	       keep(to, "job", tocsin_msg_put_job(bytes, &job)) ||
	       keep(to, "answer", tocsin_msg_put_answer(bytes, &answer)) ||
	       keep(to, "ready", tocsin_msg_put_note(bytes, TOCSIN_MSG_READY, &note)) ||
	       keep(to, "kept", tocsin_msg_put_note(bytes, TOCSIN_MSG_KEPT, &note)) ||
	       keep(to, "start", tocsin_msg_put_start(bytes, TOCSIN_MSG_START, &start)) ||
	       keep(to, "loss", tocsin_msg_put_report(bytes, &report, NULL, 0));
}
