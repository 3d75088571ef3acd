/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen under the daemon: trace buffers, xenstore's watches of domains, hypercalls about them.
 * xenstored may not be there yet, or not any more: domains are asked for by hypercall every second
 * besides, and so is xenstored.
 */
#include "dispatch/backend_xen.h"
#include "dispatch/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

static struct {
	struct tocsin_host *host;
	struct tocsin_capture *capture;
	struct xs_handle *xs; /* NULL: xenstored is not there now */
	struct tocsin_presence presence;
} xen;

static int open_watch(struct tocsin_error *err)
{
	xen.xs = xs_open(XS_OPEN_SOCKETONLY); /* see host.c */
	if (xen.xs && xs_watch(xen.xs, "@releaseDomain", "release") &&
	    xs_watch(xen.xs, "@introduceDomain", "introduce"))
		return 0;
	tocsin_error_set(err, -EIO, "cannot watch xenstore for domains that come and go: %s",
			 strerror(errno));
	if (xen.xs)
		xs_close(xen.xs);
	xen.xs = NULL;
	return -EIO;
}

/* It listens all the same: the hypervisor can get Tocsin, and lose it, while the daemon runs. */
static void tell_if_deaf(void)
{
	const char *news = tocsin_host_presence(xen.host, &xen.presence);

	if (news)
		fprintf(stderr, "tocsind: %s\n", news);
}

static int backend_open(struct tocsin_backend *b, tocsin_event_fn fn, tocsin_raw_fn *raw,
			void *context, struct tocsin_error *err)
{
	struct tocsin_error why = {0};
	int rc = open_watch(&why);

	if (rc) {
		fprintf(stderr,
			"tocsind: %s; until xenstored is there, new domains have no name, and no "
			"policy switches them\n",
			why.message);
		rc = tocsin_host_open_nameless(&xen.host, err);
	} else {
		rc = tocsin_host_open(&xen.host, err);
	}
	if (!rc)
		rc = tocsin_capture_open(fn, context, &xen.capture, err);
	if (rc)
		return rc;
	tocsin_capture_set_raw(xen.capture, raw);
	tell_if_deaf();
	return 0;
}

static void backend_close(struct tocsin_backend *b)
{
	tocsin_capture_close(xen.capture);
	tocsin_host_close(xen.host);
	if (xen.xs)
		xs_close(xen.xs);
	memset(&xen, 0, sizeof(xen));
}

static int capture_fd(struct tocsin_backend *b)
{
	return tocsin_capture_fd(xen.capture);
}

static int drain(struct tocsin_backend *b, struct tocsin_error *err)
{
	return tocsin_capture_drain(xen.capture, err);
}

static int set_mask(struct tocsin_backend *b, uint32_t mask, struct tocsin_error *err)
{
	return tocsin_capture_set_mask(xen.capture, mask, err);
}

static int watch_fd(struct tocsin_backend *b)
{
	return xen.xs ? xs_fileno(xen.xs) : -1;
}

/* xenstored is gone: mend() looks for another. */
static void lose_watch(void)
{
	fputs("tocsind: xenstored is not there: domains are asked for each second\n", stderr);
	xs_close(xen.xs);
	xen.xs = NULL;
}

static void take_watch(struct tocsin_backend *b)
{
	char **watch;

	if (!xen.xs)
		return;
	errno = 0;
	while ((watch = xs_check_watch(xen.xs)))
		free(watch);
	if (errno == EAGAIN)
		return;
	lose_watch();
}

/* A connection that broke does not always make the watch's descriptor readable. */
static bool is_connected(void)
{
	unsigned int length;
	char *value;

	if (!xen.xs)
		return false;
	value = xs_read(xen.xs, XBT_NULL, "/tool", &length);
	if (value || errno == ENOENT || errno == EACCES) {
		free(value);
		return true;
	}
	lose_watch();
	return false;
}

static void mend(struct tocsin_backend *b)
{
	struct tocsin_host *host;

	tell_if_deaf();
	if (is_connected() || tocsin_host_open(&host, NULL))
		return;
	tocsin_host_close(xen.host);
	xen.host = host;
	if (!open_watch(NULL))
		fputs("tocsind: xenstored is there now\n", stderr);
}

static int domain(struct tocsin_backend *b, uint32_t domid, struct tocsin_domain *ret,
		  struct tocsin_error *err)
{
	return tocsin_host_domain(xen.host, domid, ret, err);
}

static int list(struct tocsin_backend *b, struct tocsin_domain **ret, size_t *count,
		struct tocsin_error *err)
{
	return tocsin_host_list(xen.host, ret, count, err);
}

static int set_rate(struct tocsin_backend *b, uint32_t domid, uint32_t rate,
		    struct tocsin_error *err)
{
	return tocsin_host_set_rate(xen.host, domid, rate, err);
}

static int open_guest(struct tocsin_backend *b, uint32_t domid, const uint8_t uuid[16],
		      struct tocsin_job_guest *ret, struct tocsin_error *err)
{
	ret->find_kernel = tocsin_worker_find_kernel;
	return tocsin_memory_open_xen(domid, &ret->memory, err);
}

struct tocsin_backend tocsin_backend_xen = {
    .open = backend_open,
    .close = backend_close,
    .capture_fd = capture_fd,
    .drain = drain,
    .set_mask = set_mask,
    .watch_fd = watch_fd,
    .take_watch = take_watch,
    .mend = mend,
    .domain = domain,
    .list = list,
    .set_rate = set_rate,
    .open_guest = open_guest,
};
