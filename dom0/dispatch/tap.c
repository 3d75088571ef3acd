/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capture thread sends, since the records are in its hands; the broker's loop lets readers in
 * and sees them go. A reader never makes the capture thread wait.
 */
#include "dispatch/tap.h"
#include "capture/format.h"
#include "dispatch/broker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TAPS_MAX 8
#define BUFFER (8 << 20) /* of a socket */
#define HAS_TSC (1u << 31)

struct tocsin_tap {
	struct tocsin_watch watch; /* first */
	struct tocsin_tap *next;
	uint32_t mask;
	bool asked;    /* it has said what it wants */
	uint32_t lost; /* records that it was too slow for, and not told of */
};

/* ---- in the capture thread ---- */

static uint32_t word(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static size_t record_size(uint32_t header)
{
	return 4 + (XEN_TRACE_HAS_TSC(header) ? 8 : 0) + 4 * XEN_TRACE_EXTRA(header);
}

/* How many of the bytes are whole records and fit; count: of them. */
static size_t portion(const uint8_t *records, size_t size, size_t room, uint32_t *count)
{
	size_t at = 0;

	for (*count = 0; size - at >= 4; ++*count) {
		size_t n = record_size(word(records + at));

		if (n > size - at || at + n > room)
			break;
		at += n;
	}
	return at;
}

/* Xen's own record of records that were lost. */
static size_t put_lost(uint8_t *to, uint32_t lost, const uint8_t *first)
{
	const uint32_t header = XEN_TRC_LOST_RECORDS | XEN_TRC_LOST_WORDS << 28 | HAS_TSC;
	uint64_t tsc = 0;

	if (XEN_TRACE_HAS_TSC(word(first)))
		memcpy(&tsc, first + 4, sizeof(tsc));
	memcpy(to, &header, 4);
	memcpy(to + 4, &tsc, 8);
	memcpy(to + 12, &lost, 4);
	memset(to + 16, 0xff, 4); /* no domain, no vCPU */
	memcpy(to + 20, &tsc, 8);
	return 28;
}

static void send_portion(struct tocsin_tap *t, uint16_t cpu, const uint8_t *records, size_t size,
			 uint32_t count)
{
	static uint8_t packet[TOCSIN_TAP_PACKET];
	const uint32_t header = XEN_TRC_CPU_CHANGE | 2u << 28;
	size_t at = 12;
	uint32_t window;

	if (t->lost)
		at += put_lost(packet + at, t->lost, records);
	memcpy(packet + at, records, size);
	at += size;
	window = (uint32_t)(at - 12);
	memcpy(packet, &header, 4);
	memcpy(packet + 4, &(uint32_t){cpu}, 4);
	memcpy(packet + 8, &window, 4);
	if (send(t->watch.fd, packet, at, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)at)
		t->lost = 0;
	else
		t->lost += count;
}

void tocsin_taps_raw(void *context, uint16_t cpu, const uint8_t *records, size_t size)
{
	struct tocsin_broker *b = context;

	pthread_mutex_lock(&b->lock);
	while (b->taps && size) {
		uint32_t count;
		size_t n = portion(records, size, TOCSIN_TAP_PACKET - 64, &count);

		if (!n) /* what follows is no record: the decoder says so */
			break;
		for (struct tocsin_tap *t = b->taps; t; t = t->next)
			if (t->asked)
				send_portion(t, cpu, records, n, count);
		records += n;
		size -= n;
	}
	pthread_mutex_unlock(&b->lock);
}

/* ---- in the broker's loop ---- */

static void set_mask(struct tocsin_broker *b)
{
	struct tocsin_error err = {0};
	uint32_t mask = 0;

	for (const struct tocsin_tap *t = b->taps; t; t = t->next)
		mask |= t->mask;
	if (b->backend->set_mask(b->backend, mask, &err))
		fprintf(stderr, "tocsind: %s\n", err.message);
}

static void remove_tap(struct tocsin_broker *b, struct tocsin_tap *t)
{
	struct tocsin_tap **at = &b->taps;

	pthread_mutex_lock(&b->lock);
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	tocsin_broker_unwatch(b, &t->watch);
	pthread_mutex_unlock(&b->lock);
	set_mask(b);
	free(t);
}

static void on_tap(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events)
{
	struct tocsin_tap *t = (struct tocsin_tap *)w;
	uint32_t mask;
	ssize_t n = recv(w->fd, &mask, sizeof(mask), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n != sizeof(mask) || t->asked) {
		remove_tap(b, t);
		return;
	}
	pthread_mutex_lock(&b->lock);
	t->mask = mask;
	t->asked = true;
	pthread_mutex_unlock(&b->lock);
	set_mask(b);
}

static bool is_allowed(int fd)
{
	struct ucred who;
	socklen_t size = sizeof(who);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) && who.uid == geteuid();
}

static size_t count_taps(const struct tocsin_broker *b)
{
	size_t count = 0;

	for (const struct tocsin_tap *t = b->taps; t; t = t->next)
		count++;
	return count;
}

static void on_door(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events)
{
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), size = BUFFER;
	struct tocsin_tap *t = NULL;

	if (fd >= 0 && is_allowed(fd) && count_taps(b) < TAPS_MAX)
		t = calloc(1, sizeof(*t));
	if (!t) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	t->watch = (struct tocsin_watch){on_tap, fd};
	pthread_mutex_lock(&b->lock);
	t->next = b->taps;
	b->taps = t;
	pthread_mutex_unlock(&b->lock);
	if (tocsin_broker_watch(b, &t->watch, EPOLLIN))
		remove_tap(b, t);
}

void tocsin_taps_start(struct tocsin_broker *b)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, rc;

	if (!b->s->tap || strlen(b->s->tap) >= sizeof(address.sun_path))
		return;
	strcpy(address.sun_path, b->s->tap);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(b->s->tap);
	mask = umask(0177);
	rc =
	    fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, TAPS_MAX)
		? -errno
		: 0;
	umask(mask);
	b->tap_door = (struct tocsin_watch){on_door, fd};
	if (!rc)
		rc = tocsin_broker_watch(b, &b->tap_door, EPOLLIN);
	if (!rc)
		return;
	fprintf(stderr, "tocsind: nobody can have the trace buffers' records at %s: %s\n",
		b->s->tap, strerror(-rc));
	tocsin_broker_unwatch(b, &b->tap_door);
}

void tocsin_taps_free(struct tocsin_broker *b)
{
	while (b->taps) {
		struct tocsin_tap *t = b->taps;

		b->taps = t->next;
		tocsin_broker_unwatch(b, &t->watch);
		free(t);
	}
	if (b->tap_door.fd >= 0)
		unlink(b->s->tap);
	tocsin_broker_unwatch(b, &b->tap_door);
}
