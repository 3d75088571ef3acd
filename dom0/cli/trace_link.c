// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/trace_link.h"
#include "base/clock.h"
#include "dispatch/packet.h"
#include "output/output.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 10000
#define LONG_MS 120000 /* of what reads the whole guest: its kernel, all its processes */
#define IN_ALL 2       /* times the patience, however much it says */

struct trace_link {
	struct trace_link_settings s;
	int socket; /* -1: it has failed */
	pid_t pid;
	struct tocsin_packet out, in;
	uint8_t message[TOCSIN_MESSAGE_MAX];
	/* what the reader owes */
	bool started;       /* it has told what it found */
	bool begun;         /* the graph has */
	unsigned int calls; /* to be seen */
	bool counts_due, is_long;
	struct trace_done done;
	struct trace_counts counts;
	int rc; /* of who takes the answers: they are read to the end all the same */
	char why[512];
};

/* How it ended; it is ended if it has not. */
static int end_reader(struct trace_link *l)
{
	int status = 0;

	if (l->socket >= 0)
		close(l->socket);
	l->socket = -1;
	if (l->pid <= 0)
		return 0;
	kill(l->pid, SIGKILL);
	while (waitpid(l->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	l->pid = 0;
	return status;
}

static int fail(struct trace_link *l, int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct trace_link *l, int rc, const char *format, ...)
{
	char text[TRACE_WHY + 64];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	tocsin_output_clean(text, strlen(text), l->why, sizeof(l->why));
	end_reader(l);
	return rc;
}

/* It hung up: it has died, or dies. */
static int died(struct trace_link *l)
{
	const struct timespec moment = {.tv_nsec = 10000000};
	pid_t ended = 0;
	int status = 0;

	/* So that it ends by itself, if it does. */
	for (int i = 0; i < 100 && !ended; i++) {
		ended = waitpid(l->pid, &status, WNOHANG);
		if (!ended)
			nanosleep(&moment, NULL);
	}
	if (ended == l->pid)
		l->pid = 0;
	else
		status = end_reader(l);
	if (WIFSIGNALED(status))
		return fail(l, -ECHILD, "the process that reads the guest was ended by signal %d%s",
			    WTERMSIG(status),
			    WTERMSIG(status) == SIGSYS ? ": it did what it must not" : "");
	return fail(l, -ECHILD, "the process that reads the guest has ended");
}

static int wrong(struct trace_link *l, const char *what)
{
	return fail(l, -EPROTO, "the process that reads the guest says what it must not: %s", what);
}

int trace_link_open(const struct trace_link_settings *settings, struct trace_link **ret,
		    struct tocsin_error *err)
{
	struct trace_link *l = calloc(1, sizeof(*l));
	int ends[2];

	if (!l)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	l->s = *settings;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
		free(l);
		return tocsin_error_set(err, -errno, "cannot make a socket: %s", strerror(errno));
	}
	fflush(NULL);
	l->pid = fork();
	if (!l->pid) {
		close(ends[0]);
		l->s.run(l->s.start, ends[1]);
		_exit(1);
	}
	close(ends[1]);
	l->socket = ends[0];
	if (l->pid < 0) {
		trace_link_close(l);
		return tocsin_error_set(err, -EAGAIN, "cannot start a process");
	}
	l->is_long = true;
	*ret = l;
	return 0;
}

void trace_link_close(struct trace_link *l)
{
	if (!l)
		return;
	end_reader(l);
	free(l);
}

/* ---- answers ---- */

static int take_found(struct trace_link *l, const uint8_t *bytes, size_t size)
{
	struct tocsin_traced f;
	char name[TRACE_WHY];

	if (l->started || trace_get_found(bytes, size, name, &f))
		return wrong(l, "a function");
	if (!l->rc)
		l->rc = l->s.found(l->s.context, &f);
	return 0;
}

static int take_seen(struct trace_link *l, const uint8_t *bytes, size_t size)
{
	static struct trace_seen seen; /* large */

	if (!l->calls || trace_get_seen(bytes, size, &seen))
		return wrong(l, "whose call it was");
	l->calls--;
	if (!l->rc)
		l->rc = l->s.seen(l->s.context, &seen);
	return 0;
}

static int take_none(const struct tocsin_trace_event *e, void *unused)
{
	return 0;
}

static int take_event(struct trace_link *l, const uint8_t *bytes, size_t size)
{
	int rc;

	if (!l->begun)
		return wrong(l, "an event");
	rc = trace_get_event(bytes, size, l->s.guest, tocsin_realtime(),
			     l->rc ? take_none : l->s.event, l->s.context);
	if (rc == -EBADMSG)
		return wrong(l, "an event");
	l->rc = l->rc ? l->rc : rc;
	return 0;
}

static int take_counts(struct trace_link *l, const uint8_t *bytes, size_t size)
{
	if (!l->counts_due || trace_get_counts(bytes, size, &l->counts))
		return wrong(l, "counts");
	l->counts_due = false;
	return 0;
}

/* 1: that was all. */
static int take_done(struct trace_link *l, const uint8_t *bytes, size_t size)
{
	if (trace_get_done(bytes, size, &l->done))
		return wrong(l, "the end of an answer");
	if (l->done.error)
		return fail(l, -EREMOTEIO, "%s",
			    l->done.text[0] ? l->done.text : strerror((int)l->done.error));
	if (l->calls || l->counts_due)
		return wrong(l, "less than it was asked");
	l->started = true;
	return 1;
}

static int take(struct trace_link *l, const uint8_t *bytes, size_t size)
{
	switch (trace_answer_kind(bytes, size)) {
	case TRACE_ANSWER_FOUND:
		return take_found(l, bytes, size);
	case TRACE_ANSWER_SEEN:
		return take_seen(l, bytes, size);
	case TRACE_ANSWER_EVENT:
		return take_event(l, bytes, size);
	case TRACE_ANSWER_COUNTS:
		return take_counts(l, bytes, size);
	case TRACE_ANSWER_DONE:
		return take_done(l, bytes, size);
	default:
		return wrong(l, "what nobody knows");
	}
}

/* 1: DONE was the last of them; 0: more is to come. */
static int take_packet(struct trace_link *l)
{
	const uint8_t *bytes;
	size_t size;
	int rc, last = 0;

	while ((rc = tocsin_packet_next(&l->in, &bytes, &size)) > 0) {
		if (last)
			return wrong(l, "more than it was asked");
		last = take(l, bytes, size);
		if (last < 0)
			return last;
	}
	return rc < 0 ? wrong(l, "no packet") : last;
}

/* ---- questions ---- */

static int receive(struct trace_link *l, int64_t deadline, unsigned int patience)
{
	struct pollfd fd = {.fd = l->socket, .events = POLLIN};
	int64_t left = deadline - tocsin_clock_ms();
	ssize_t n;
	int rc;

	if (left > (int64_t)patience)
		left = patience;
	do
		rc = left > 0 ? poll(&fd, 1, (int)left) : 0;
	while (rc < 0 && errno == EINTR);
	if (!rc)
		return fail(l, -ETIMEDOUT,
			    "the process that reads the guest has not answered for %u seconds",
			    (patience + 999) / 1000);
	n = tocsin_packet_receive(&l->in, l->socket, MSG_DONTWAIT);
	if (!n)
		return died(l);
	return n < 0 ? wrong(l, "no packet") : 0;
}

static int exchange(struct trace_link *l)
{
	unsigned int patience = l->s.patience_ms ? l->s.patience_ms : PATIENCE_MS;
	int64_t deadline;
	int rc = 0;

	if (l->is_long && !l->s.patience_ms)
		patience = LONG_MS;
	l->is_long = false;
	l->rc = 0;
	if (tocsin_packet_send(&l->out, l->socket, MSG_DONTWAIT))
		return died(l);
	deadline = tocsin_clock_ms() + (int64_t)IN_ALL * patience;
	while (!rc) {
		rc = receive(l, deadline, patience);
		if (!rc)
			rc = take_packet(l);
	}
	return rc < 0 ? rc : l->rc;
}

int trace_link_sync(struct trace_link *l)
{
	if (l->socket < 0)
		return -ECHILD;
	return l->out.size || !l->started ? exchange(l) : 0;
}

static void owe(struct trace_link *l, const struct trace_ask *a)
{
	l->calls += a->kind == TRACE_ASK_CALL && !l->s.graph;
	l->begun |= a->kind == TRACE_ASK_BEGIN;
	l->counts_due |= a->kind == TRACE_ASK_END;
	l->is_long |= a->kind == TRACE_ASK_BEGIN;
}

int trace_link_ask(struct trace_link *l, const struct trace_ask *a)
{
	size_t size = trace_put_ask(l->message, a);
	int rc;

	if (l->socket < 0)
		return -ECHILD;
	if (!tocsin_packet_add(&l->out, l->message, size)) {
		rc = trace_link_sync(l);
		if (rc)
			return rc;
		tocsin_packet_add(&l->out, l->message, size);
	}
	owe(l, a);
	return 0;
}

const char *trace_link_failed(const struct trace_link *l)
{
	return l->socket < 0 ? l->why : NULL;
}

int trace_link_pid(const struct trace_link *l)
{
	return (int)l->pid;
}

const struct trace_done *trace_link_done(const struct trace_link *l)
{
	return &l->done;
}

const struct trace_counts *trace_link_counts(const struct trace_link *l)
{
	return &l->counts;
}
