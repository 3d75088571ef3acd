// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin xentrace --out FILE: what Xen traces, in a file of xentrace's format, while tocsind is the
 * one consumer of its buffers. FILE may be a FIFO, or - for standard output.
 */
#include "base/clock.h"
#include "capture/capture.h"
#include "capture/tap.h"
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct options {
	const char *out, *socket;
	uint32_t mask;
	long seconds; /* 0: until it is stopped */
};

static int failed(const char *what, const char *path)
{
	fprintf(stderr, "tocsin xentrace: %s %s: %s\n", what, path, strerror(errno));
	return EXIT_FAILED;
}

static int usage(const char *what, const char *text)
{
	fprintf(stderr, "tocsin xentrace: %s '%s'\n", what, text);
	return EXIT_USAGE;
}

static bool number(const char *text, unsigned long most, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, 0);
	return *text >= '0' && *text <= '9' && !*end && !errno && *ret <= most;
}

static int parse(int argc, char **argv, struct options *o)
{
	unsigned long value;

	for (int i = 1; i < argc; i += 2) {
		const char *name = argv[i], *text = argv[i + 1];

		if (i + 1 == argc)
			return usage("what is to follow", name);
		if (!strcmp(name, "--out")) {
			o->out = text;
		} else if (!strcmp(name, "--socket")) {
			o->socket = text;
		} else if (!strcmp(name, "--events")) {
			if (!number(text, UINT32_MAX, &value))
				return usage("no mask of events", text);
			o->mask = (uint32_t)value;
		} else if (!strcmp(name, "--for")) {
			if (!number(text, 1000000000, &value) || !value)
				return usage("no number of seconds", text);
			o->seconds = (long)value;
		} else {
			return usage("unexpected argument", name);
		}
	}
	return o->out ? -1 : usage("where is it to go?", "--out FILE");
}

static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			bytes += n;
			size -= (size_t)n;
		}
	}
	return true;
}

/* Interrupts end it between two packets, so that the file is whole. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int copy(int from, int signals, int to, const struct options *o)
{
	static uint8_t packet[TOCSIN_TAP_PACKET];
	struct pollfd fds[] = {{.fd = from, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	int64_t end = tocsin_clock_ms() + o->seconds * 1000, left = -1;
	uint64_t bytes = 0;

	for (;;) {
		ssize_t n;

		if (o->seconds)
			left = end > tocsin_clock_ms() ? end - tocsin_clock_ms() : 0;
		if (poll(fds, 2, (int)left) == 0 || fds[1].revents)
			break;
		n = recv(from, packet, sizeof(packet), 0);
		if (n <= 0) {
			fputs(bytes ? "tocsin xentrace: tocsind has ended\n"
				    : "tocsin xentrace: tocsind does not give it: run this as its "
				      "user\n",
			      stderr);
			return EXIT_FAILED;
		}
		if (!write_all(to, packet, (size_t)n))
			return failed("cannot write", o->out);
		bytes += (uint64_t)n;
	}
	fprintf(stderr, "tocsin xentrace: %" PRIu64 " bytes\n", bytes);
	return EXIT_DONE;
}

int command_xentrace(int argc, char **argv)
{
	struct options o = {.socket = TOCSIN_TAP_SOCKET};
	int code = parse(argc, argv, &o), from, to, signals;

	if (code >= 0)
		return code;
	signals = open_signals();
	from = tocsin_tap_connect(o.socket);
	if (from < 0) {
		fprintf(stderr,
			"tocsin xentrace: cannot reach tocsind at %s (%s): where it does not run, "
			"xentrace itself can\n",
			o.socket, strerror(-from));
		return EXIT_FAILED;
	}
	to = strcmp(o.out, "-") ? open(o.out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640)
				: STDOUT_FILENO;
	if (to < 0)
		code = failed("cannot open", o.out);
	else if (send(from, &o.mask, sizeof(o.mask), MSG_NOSIGNAL) != sizeof(o.mask))
		code = failed("cannot ask", o.socket);
	else
		code = copy(from, signals, to, &o);
	if (to > STDOUT_FILENO && close(to))
		code = failed("cannot write", o.out);
	close(from);
	close(signals);
	return code;
}
