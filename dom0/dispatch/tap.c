/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capture thread sends, since the records are in its hands; the broker's loop lets readers in
 * and sees them go. A reader never makes the capture thread wait.
 */
#include "capture/tap.h"
#include "base/clock.h"
#include "capture/format.h"
#include "dispatch/broker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TAPS_MAX 64
#define BUFFER (8 << 20) /* of a socket */
#define HAS_TSC (1u << 31)
#define LOST_SIZE 28u
#define RECORDS_MAX (TOCSIN_TAP_PACKET - TOCSIN_TAP_WINDOW - LOST_SIZE)
#define CPUS_MAX 4096u
#define PERIOD_MAX 1000

struct tocsin_tap {
	struct tocsin_watch watch; /* first */
	struct tocsin_tap *next;
	uint32_t mask;
	bool asked; /* it has said what it wants */
	bool calls; /* that is traced calls of this domain */
	bool news;  /* something was sent since the last mark */
	uint16_t domid;
	uint16_t period; /* milliseconds */
	uint64_t marked; /* when a mark was sent */
	uint32_t lost;   /* records that it was too slow for, and not told of */
	uint64_t lost_all;
	uint8_t wide[CPUS_MAX / 8]; /* the last call was the domain's, and has a second record */
};

/* ---- in the capture thread ---- */

static uint8_t packet[TOCSIN_TAP_PACKET];

static uint32_t word(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* How many of the bytes are whole records and fit; count: of them. */
static size_t portion(const uint8_t *records, size_t size, size_t room, uint32_t *count)
{
	size_t at = 0;

	for (*count = 0; size - at >= 4; ++*count) {
		size_t n = XEN_TRACE_SIZE(word(records + at));

		if (n > size - at || at + n > room)
			break;
		at += n;
	}
	return at;
}

/* Xen's own record of records that were lost. */
static void put_lost(uint8_t *to, uint32_t lost, uint64_t tsc)
{
	const uint32_t header = XEN_TRC_LOST_RECORDS | XEN_TRC_LOST_WORDS << 28 | HAS_TSC;

	memcpy(to, &header, 4);
	memcpy(to + 4, &tsc, 8);
	memcpy(to + 12, &lost, 4);
	memset(to + 16, 0xff, 4); /* no domain, no vCPU */
	memcpy(to + 20, &tsc, 8);
}

/* Before the records behind the room for it; but nothing comes between the two of a call. */
static void insert_lost(struct tocsin_tap *t, size_t size, uint64_t tsc)
{
	uint8_t *to = packet + TOCSIN_TAP_WINDOW, *records = to + LOST_SIZE;
	size_t first = 0;

	if (size && XEN_TRACE_EVENT(word(records)) == TOCSIN_TRC_CALL_MORE)
		first = XEN_TRACE_SIZE(word(records));
	memmove(to, records, first);
	put_lost(to + first, t->lost, tsc);
}

/* size bytes of records, count of them, are in the packet behind its window and room for a loss. */
static bool send_packet(struct tocsin_tap *t, uint16_t cpu, size_t size, uint32_t count,
			uint64_t tsc)
{
	const uint32_t header = XEN_TRC_CPU_CHANGE_HEADER;
	uint8_t *begin = packet + (t->lost ? 0 : LOST_SIZE);
	uint32_t window = (uint32_t)(size + (t->lost ? LOST_SIZE : 0));
	size_t all = TOCSIN_TAP_WINDOW + window;

	if (t->lost)
		insert_lost(t, size, tsc);
	memcpy(begin, &header, 4);
	memcpy(begin + 4, &(uint32_t){cpu}, 4);
	memcpy(begin + 8, &window, 4);
	if (send(t->watch.fd, begin, all, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)all) {
		t->lost = 0;
		t->news = true;
		return true;
	}
	t->lost += count;
	t->lost_all += count;
	return false;
}

static bool is_wide(const struct tocsin_tap *t, uint16_t cpu)
{
	return t->wide[cpu / 8 % sizeof(t->wide)] & 1u << cpu % 8;
}

static bool flip_wide(struct tocsin_tap *t, uint16_t cpu, bool wide)
{
	uint8_t bit = (uint8_t)(1u << cpu % 8), *at = &t->wide[cpu / 8 % sizeof(t->wide)];
	bool was = is_wide(t, cpu);

	*at = (uint8_t)(wide ? *at | bit : *at & ~bit);
	return was;
}

/* Is it of what is traced in the domain, or a loss? */
static bool is_wanted(struct tocsin_tap *t, uint16_t cpu, const uint8_t *record)
{
	const uint32_t header = word(record);
	const uint8_t *extra = record + 4 + (XEN_TRACE_HAS_TSC(header) ? 8 : 0);
	uint16_t whose[2] = {0}; /* domain and vCPU */

	switch (XEN_TRACE_EVENT(header)) {
	case XEN_TRC_LOST_RECORDS:
		flip_wide(t, cpu, false);
		return true;
	case TOCSIN_TRC_CALL_MORE:
		return flip_wide(t, cpu, false);
	case TOCSIN_TRC_CALL:
	case TOCSIN_TRC_GAP:
		if (XEN_TRACE_EXTRA(header))
			memcpy(whose, extra, sizeof(whose));
		if (XEN_TRACE_EVENT(header) == TOCSIN_TRC_CALL)
			flip_wide(t, cpu, whose[0] == t->domid && whose[1] & TOCSIN_CALL_WIDE);
		return whose[0] == t->domid;
	default:
		return false;
	}
}

static void send_portion(struct tocsin_tap *t, uint16_t cpu, const uint8_t *records, size_t size)
{
	uint8_t *to = packet + TOCSIN_TAP_WINDOW + LOST_SIZE;
	size_t at = 0, kept = 0;
	uint32_t count = 0;
	uint64_t tsc = 0;

	while (at < size) {
		size_t n = XEN_TRACE_SIZE(word(records + at));

		if (!t->calls || is_wanted(t, cpu, records + at)) {
			if (!tsc && XEN_TRACE_HAS_TSC(word(records + at)))
				memcpy(&tsc, records + at + 4, sizeof(tsc));
			memcpy(to + kept, records + at, n);
			kept += n;
			count++;
		}
		at += n;
	}
	/* A call that did not get away takes its second record with it. */
	if (count && !send_packet(t, cpu, kept, count, tsc) && flip_wide(t, cpu, false)) {
		t->lost++;
		t->lost_all++;
	}
}

void tocsin_taps_raw(void *context, uint16_t cpu, const uint8_t *records, size_t size)
{
	struct tocsin_broker *b = context;

	pthread_mutex_lock(&b->lock);
	while (b->taps && size) {
		uint32_t count;
		size_t n = portion(records, size, RECORDS_MAX, &count);

		if (!n) /* what follows is no record: the decoder says so */
			break;
		for (struct tocsin_tap *t = b->taps; t; t = t->next)
			if (t->asked)
				send_portion(t, cpu, records, n);
		records += n;
		size -= n;
	}
	pthread_mutex_unlock(&b->lock);
}

static void send_mark(struct tocsin_tap *t, uint64_t tsc, uint64_t now)
{
	uint16_t cpu = 0;

	if (!t->news && now - t->marked < t->period * (TOCSIN_SECOND / 1000))
		return;
	/* A loss that is not told is of before. It is no CPU's: one whose call is whole has it. */
	while (cpu < CPUS_MAX - 1 && is_wide(t, cpu))
		cpu++;
	if (t->lost && !send_packet(t, cpu, 0, 0, tsc))
		return;
	if (send(t->watch.fd, &tsc, sizeof(tsc), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
	t->news = false;
	t->marked = now;
}

int tocsin_taps_drained(struct tocsin_broker *b, uint64_t tsc)
{
	uint64_t now = tocsin_clock(CLOCK_MONOTONIC);
	int period = 0;

	pthread_mutex_lock(&b->lock);
	for (struct tocsin_tap *t = b->taps; t; t = t->next) {
		if (!t->asked || !t->calls)
			continue;
		send_mark(t, tsc, now);
		if (!period || t->period < period)
			period = t->period;
	}
	pthread_mutex_unlock(&b->lock);
	return period;
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
	if (t->lost_all)
		fprintf(stderr,
			"tocsind: who had the trace buffers' records was too slow for %" PRIu64
			" of them\n",
			t->lost_all);
	free(t);
}

static bool take_ask(struct tocsin_tap *t, const struct tocsin_tap_calls *ask, ssize_t size)
{
	if (size == sizeof(t->mask)) {
		t->mask = ask->zero;
		return true;
	}
	if (size != sizeof(*ask) || ask->zero || !ask->period || ask->period > PERIOD_MAX)
		return false;
	t->calls = true;
	t->domid = ask->domid;
	t->period = ask->period;
	return true;
}

static void on_tap(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events)
{
	struct tocsin_tap *t = (struct tocsin_tap *)w;
	struct tocsin_tap_calls ask;
	ssize_t n = recv(w->fd, &ask, sizeof(ask), MSG_DONTWAIT | MSG_TRUNC);
	bool taken;

	if (n < 0 && errno == EAGAIN)
		return;
	pthread_mutex_lock(&b->lock);
	taken = !t->asked && take_ask(t, &ask, n);
	t->asked |= taken;
	pthread_mutex_unlock(&b->lock);
	if (taken)
		set_mask(b);
	else
		remove_tap(b, t);
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
