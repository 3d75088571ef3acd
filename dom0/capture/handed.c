// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Records that tocsind hands on (capture/tap.h). Records of several CPUs come in packets of one
 * each; they are handed on together when a mark says that there are no earlier ones.
 */
#include "capture/batch.h"
#include "capture/format.h"
#include "capture/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BATCH_MAX 65536u /* events; then a mark is not waited for */
#define PACKETS_MAX 256  /* in one call */

struct tocsin_handed {
	int fd;
	tocsin_event_fn fn;
	void *context;
	struct tocsin_batch batch;
	struct tocsin_decoder *decoders[XEN_CPUS_MAX];
	uint64_t complete;
	uint8_t packet[TOCSIN_TAP_PACKET];
};

int tocsin_tap_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, rc;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

int tocsin_handed_new(tocsin_event_fn fn, void *context, struct tocsin_handed **ret)
{
	struct tocsin_handed *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->fd = -1;
	h->fn = fn;
	h->context = context;
	*ret = h;
	return 0;
}

void tocsin_handed_close(struct tocsin_handed *h)
{
	if (!h)
		return;
	if (h->fd >= 0)
		close(h->fd);
	for (size_t i = 0; i < XEN_CPUS_MAX; i++)
		tocsin_decoder_free(h->decoders[i]);
	tocsin_batch_free(&h->batch);
	free(h);
}

int tocsin_handed_open(const char *path, uint16_t domid, uint16_t period, tocsin_event_fn fn,
		       void *context, struct tocsin_handed **ret)
{
	const struct tocsin_tap_calls ask = {.domid = domid, .period = period};
	int fd = tocsin_tap_connect(path), rc = 0;

	if (fd < 0)
		return fd;
	if (send(fd, &ask, sizeof(ask), MSG_NOSIGNAL) != (ssize_t)sizeof(ask))
		rc = -errno;
	if (!rc)
		rc = tocsin_handed_new(fn, context, ret);
	if (rc)
		close(fd);
	else
		(*ret)->fd = fd;
	return rc;
}

int tocsin_handed_fd(const struct tocsin_handed *h)
{
	return h->fd;
}

static uint32_t word(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* The rest of the packet cannot be told apart: say so, and begin anew with the next. */
static int begin_anew(struct tocsin_handed *h, uint16_t cpu)
{
	const struct tocsin_event broken = {
	    .kind = TOCSIN_EVENT_MALFORMED, .cpu = cpu, .what = "unreadable stream"};

	tocsin_decoder_free(h->decoders[cpu]);
	h->decoders[cpu] = NULL;
	return tocsin_batch_add(&h->batch, &broken);
}

static int take_window(struct tocsin_handed *h, const uint8_t *packet, size_t size)
{
	uint32_t cpu = word(packet + 4);
	int rc = 0;

	if (word(packet) != XEN_TRC_CPU_CHANGE_HEADER || cpu >= XEN_CPUS_MAX ||
	    word(packet + 8) != size - TOCSIN_TAP_WINDOW)
		return -EBADMSG;
	if (!h->decoders[cpu])
		rc = tocsin_decoder_new((uint16_t)cpu, tocsin_batch_add, &h->batch,
					&h->decoders[cpu]);
	if (rc)
		return rc;
	rc = tocsin_decoder_feed(h->decoders[cpu], packet + TOCSIN_TAP_WINDOW,
				 size - TOCSIN_TAP_WINDOW, NULL);
	if (rc == -EBADMSG || (!rc && tocsin_decoder_pending(h->decoders[cpu])))
		rc = begin_anew(h, (uint16_t)cpu);
	return rc;
}

static int deliver(struct tocsin_handed *h)
{
	return tocsin_batch_deliver(&h->batch, h->fn, h->context);
}

int tocsin_handed_packet(struct tocsin_handed *h, const uint8_t *packet, size_t size)
{
	int rc = 0;

	if (size == TOCSIN_TAP_MARK) {
		rc = deliver(h);
		if (rc >= 0)
			memcpy(&h->complete, packet, sizeof(h->complete));
	} else if (size < TOCSIN_TAP_WINDOW) {
		rc = -EBADMSG;
	} else {
		rc = take_window(h, packet, size);
		if (!rc && h->batch.count > BATCH_MAX)
			rc = deliver(h);
	}
	return rc;
}

/* Nothing comes any more: what has come is handed on. */
static int end(struct tocsin_handed *h)
{
	int rc = deliver(h);

	return rc < 0 ? rc : -EPIPE;
}

int tocsin_handed_drain(struct tocsin_handed *h, uint64_t *complete)
{
	int count = 0;

	for (int i = 0; i < PACKETS_MAX; i++) {
		ssize_t n = recv(h->fd, h->packet, sizeof(h->packet), MSG_DONTWAIT);
		int rc;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			return end(h);
		rc = tocsin_handed_packet(h, h->packet, (size_t)n);
		if (rc < 0)
			return rc;
		count += rc;
	}
	*complete = h->complete;
	return count;
}
