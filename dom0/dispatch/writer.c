/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/writer.h"
#include "config/config.h"
#include "dispatch/message.h"
#include "dispatch/sandbox.h"
#include "output/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH (256u << 10) /* bytes of lines that are written at once, about */
#define RETRY_MS 100
#define PATIENCE 20 /* times, when the broker is gone and the log cannot be written */

struct writer {
	const struct tocsin_output *output;
	int socket, log, journal; /* journal -1: none */
	FILE *lines;              /* in memory */
	char *text;
	size_t size;
	uint64_t number; /* of the last report in lines */
	uint32_t error;  /* that the broker knows of */
};

static struct tocsin_packet in;
static uint8_t out[TOCSIN_MESSAGE_MAX];
static struct tocsin_outcome outcome; /* large */

/* The broker may be gone: then nobody needs to know. */
static void tell(struct writer *w, uint64_t number, uint32_t error)
{
	struct tocsin_msg_note note = {.id = number, .error = error};

	tocsin_msg_send(w->socket, out, tocsin_msg_put_note(out, TOCSIN_MSG_LOGGED, &note), -1, 0);
	w->error = error;
}

struct tocsin_report tocsin_writer_report(const struct tocsin_msg_report *m,
					  const struct tocsin_outcome *with)
{
	const struct tocsin_outcome *o = m->has_outcome ? with : NULL;
	struct tocsin_report r = {.kind = m->kind,
				  .time = m->time,
				  .tsc = m->tsc,
				  .cpu = m->cpu,
				  .record = m->record,
				  .answered = m->answered,
				  .swept = m->swept,
				  .slot_error = m->slot_error[0] ? m->slot_error : NULL,
				  .reason = m->reason[0] ? m->reason : NULL,
				  .lost = m->lost};

	memcpy(r.domain, m->domain, sizeof(r.domain));
	memcpy(r.domain_uuid, m->uuid, sizeof(r.domain_uuid));
	if (!o)
		return r;
	r.asker = o->has_asker ? &o->asker : NULL;
	r.target = o->has_target ? &o->target : NULL;
	r.coalesced = o->coalesced;
	r.duration = o->duration;
	r.bytes_read = o->bytes_read;
	r.pages_mapped = o->pages_mapped;
	if (o->kind == TOCSIN_REPORT_VERDICT) {
		r.findings = &o->findings;
		r.verdict = &o->verdict;
	} else if (o->reason[0]) {
		r.reason = o->reason;
	}
	return r;
}

/* False: there is none now (with MSG_DONTWAIT), or there will be none any more. */
static bool take(struct writer *w, int flags)
{
	struct tocsin_msg_report m;
	struct tocsin_report r;
	const uint8_t *bytes;
	size_t size;
	int rc = tocsin_packet_next(&in, &bytes, &size);

	if (!rc && tocsin_packet_receive(&in, w->socket, flags) <= 0)
		return false;
	if (!rc)
		rc = tocsin_packet_next(&in, &bytes, &size);
	if (rc < 0 || tocsin_msg_get_report(bytes, size, &m, &outcome))
		_exit(1); /* the broker sends no such thing */
	r = tocsin_writer_report(&m, &outcome);
	/* Nobody waits for the journal: what it does not take is in the log. */
	if (w->journal >= 0 && (m.actions & TOCSIN_ACTION_NOTIFY))
		tocsin_journal_send(w->journal, &r);
	if ((m.actions & TOCSIN_ACTION_LOG) && w->output->write(w->lines, &r))
		_exit(1); /* no memory; the broker sends it again to another writer */
	w->number = m.number;
	return true;
}

/* The log cannot be written now. False: nobody is left who could be told for longer. */
static bool wait_for_log(struct writer *w, uint32_t error, int *left)
{
	struct pollfd broker = {.fd = w->socket};

	if (error != w->error)
		tell(w, 0, error);
	poll(&broker, 1, 0);
	if (broker.revents & (POLLHUP | POLLERR))
		--*left;
	poll(NULL, 0, RETRY_MS);
	return *left > 0;
}

static void write_lines(struct writer *w)
{
	size_t done = 0;
	int left = PATIENCE;

	fflush(w->lines);
	while (done < w->size) {
		ssize_t n = write(w->log, w->text + done, w->size - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR && !wait_for_log(w, (uint32_t)errno, &left))
			_exit(1);
	}
	tell(w, w->number, 0);
	rewind(w->lines);
}

static _Noreturn void loop(struct writer *w)
{
	w->lines = open_memstream(&w->text, &w->size);
	if (!w->lines)
		_exit(1);
	while (take(w, 0)) {
		while (ftello(w->lines) < (off_t)BATCH && take(w, MSG_DONTWAIT))
			;
		write_lines(w);
	}
	_exit(0);
}

void tocsin_writer_run(const struct tocsin_writer_settings *s, int socket)
{
	const struct tocsin_sandbox_limits limits = {.memory = 256u << 20, .file_size = UINT64_MAX};
	struct writer w = {
	    .output = s->output, .socket = socket, .log = STDOUT_FILENO, .journal = -1};
	struct tocsin_error err = {0};
	int rc;

	prctl(PR_SET_NAME, "tocsin-writer");
	signal(SIGPIPE, SIG_IGN);
	if (s->log)
		w.log = open(s->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (w.log < 0) {
		fprintf(stderr, "tocsind: cannot open %s: %s\n", s->log, strerror(errno));
		_exit(1);
	}
	if (s->journal && tocsin_journal_open(TOCSIN_JOURNAL_SOCKET, &w.journal))
		fputs("tocsind: there is no journal: what is to be notified is only in the log\n",
		      stderr);
	rc = tocsin_sandbox_keep((int[]){socket, w.log, w.journal}, 3, &err);
	if (!rc)
		rc = tocsin_sandbox_enter(TOCSIN_SANDBOX_WRITER, TOCSIN_UID_WRITER, &limits, &err);
	if (rc) {
		fprintf(stderr, "tocsind: writer: %s\n", err.message);
		_exit(1);
	}
	loop(&w);
}
