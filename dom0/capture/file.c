// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files that xentrace recorded.
 *
 * Such a file is a sequence of windows. Each begins with a CPU change record, which xentrace
 * itself makes: header without TSC and with two words, the CPU and the number of bytes that
 * follow. Then come that many bytes of the CPU's records (xentrace's tools/xentrace/xentrace.c,
 * write_buffer). Xen never splits a record over the end of its ring, and xentrace always takes
 * whole records, so a window ends where a record ends. A file of no bytes is what xentrace leaves
 * when nothing was traced: no events, no error.
 *
 * A window ends wherever the buffer was read, so also between the two records of a call: the second
 * is then in the next window of its CPU, with windows of others between them. Each CPU has a
 * decoder.
 *
 * The file is read in portions, whatever its size: memory use does not depend on the file.
 */
#include "capture/format.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORTION 65536u
#define WINDOW_HEADER 12u

struct reader {
	tocsin_event_fn fn;
	void *context;
	struct tocsin_decoder *decoders[XEN_CPUS_MAX]; /* of those that had a window */
	uint64_t offset;
	uint8_t header[WINDOW_HEADER];
	size_t have;                 /* bytes in header */
	struct tocsin_decoder *open; /* whose window it is */
	uint32_t cpu, left;          /* its CPU, and bytes left in it */
};

static uint32_t word(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

static int find_decoder(struct reader *r)
{
	struct tocsin_decoder **d = &r->decoders[r->cpu];
	int rc = *d ? 0 : tocsin_decoder_new((uint16_t)r->cpu, r->fn, r->context, d);

	if (rc)
		return rc;
	/* What was not this CPU's counts for the offsets of its records. */
	tocsin_decoder_pass(*d, r->offset - tocsin_decoder_stats(*d)->bytes);
	r->open = *d;
	return 0;
}

/* The header is complete: open its window. */
static int open_window(struct reader *r, struct tocsin_error *err)
{
	const uint64_t start = r->offset - WINDOW_HEADER;
	const uint32_t header = word(r->header), cpu = word(r->header + 4);
	const uint32_t size = word(r->header + 8);
	int rc;

	if (header != XEN_TRC_CPU_CHANGE_HEADER)
		return tocsin_error_set(
		    err, -EBADMSG, "%s: no CPU change record at offset %" PRIu64,
		    start ? "damaged trace file" : "not a xentrace file", start);
	if (cpu >= XEN_CPUS_MAX)
		return tocsin_error_set(err, -EBADMSG,
					"damaged trace file: CPU %" PRIu32 " at offset %" PRIu64,
					cpu, start);
	if (size % 4)
		return tocsin_error_set(err, -EBADMSG,
					"damaged trace file: window of %" PRIu32
					" bytes at offset %" PRIu64 " is not made of words",
					size, start);
	r->cpu = cpu;
	r->left = size;
	r->have = 0;
	rc = find_decoder(r);
	return rc ? tocsin_error_set(err, rc, "out of memory") : 0;
}

static int feed_header(struct reader *r, const uint8_t *bytes, size_t size, size_t *taken,
		       struct tocsin_error *err)
{
	size_t n = WINDOW_HEADER - r->have < size ? WINDOW_HEADER - r->have : size;

	memcpy(r->header + r->have, bytes, n);
	r->have += n;
	r->offset += n;
	*taken = n;
	return r->have == WINDOW_HEADER ? open_window(r, err) : 0;
}

static int feed_window(struct reader *r, const uint8_t *bytes, size_t size, size_t *taken,
		       struct tocsin_error *err)
{
	size_t n = r->left < size ? r->left : size;
	int rc = tocsin_decoder_feed(r->open, bytes, n, err);

	r->offset = tocsin_decoder_stats(r->open)->bytes;
	if (rc)
		return rc;
	r->left -= (uint32_t)n;
	*taken = n;
	if (!r->left && tocsin_decoder_pending(r->open))
		return tocsin_error_set(err, -EBADMSG,
					"damaged trace file: the window of CPU %u that ends at "
					"offset %" PRIu64 " ends inside a record",
					r->cpu, r->offset);
	return 0;
}

static int feed(struct reader *r, const uint8_t *bytes, size_t size, struct tocsin_error *err)
{
	while (size) {
		size_t taken = 0;
		int rc = r->left ? feed_window(r, bytes, size, &taken, err)
				 : feed_header(r, bytes, size, &taken, err);

		if (rc)
			return rc;
		bytes += taken;
		size -= taken;
	}
	return 0;
}

static int check_end(const struct reader *r, struct tocsin_error *err)
{
	if (r->left)
		return tocsin_error_set(err, -EBADMSG,
					"truncated trace file: ends at offset %" PRIu64 ", %" PRIu32
					" bytes short of the window of CPU %u",
					r->offset, r->left, r->cpu);
	if (r->have)
		return tocsin_error_set(
		    err, -EBADMSG, "%s: ends at offset %" PRIu64 " inside a CPU change record",
		    r->offset < WINDOW_HEADER ? "not a xentrace file" : "truncated trace file",
		    r->offset);
	return 0;
}

static struct reader *reader_new(tocsin_event_fn fn, void *context)
{
	struct reader *r = calloc(1, sizeof(*r));

	if (r) {
		r->fn = fn;
		r->context = context;
	}
	return r;
}

static void add(struct tocsin_capture_stats *sum, const struct tocsin_capture_stats *s)
{
	sum->triggers += s->triggers;
	sum->malformed += s->malformed;
	sum->calls += s->calls;
	sum->gaps += s->gaps;
	sum->foreign += s->foreign;
	if (__builtin_add_overflow(sum->lost, s->lost, &sum->lost))
		sum->lost = UINT64_MAX;
}

/* Nothing follows, or nothing that can be read: then calls that wait are told as they are. What was
 * delivered before an error is counted all the same. */
static int reader_end(struct reader *r, int rc, struct tocsin_capture_stats *stats)
{
	struct tocsin_capture_stats sum = {.bytes = r->offset};

	for (size_t i = 0; i < XEN_CPUS_MAX; i++) {
		struct tocsin_decoder *d = r->decoders[i];
		int ended = d && (!rc || rc == -EBADMSG) ? tocsin_decoder_end(d) : 0;

		if (ended)
			rc = ended;
		if (d)
			add(&sum, tocsin_decoder_stats(d));
		tocsin_decoder_free(d);
	}
	free(r);
	if (stats)
		*stats = sum;
	return rc;
}

int tocsin_trace_bytes_read(const void *bytes, size_t size, tocsin_event_fn fn, void *context,
			    struct tocsin_capture_stats *stats, struct tocsin_error *err)
{
	struct reader *r = reader_new(fn, context);
	int rc;

	if (!r)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	rc = feed(r, bytes, size, err);
	if (!rc)
		rc = check_end(r, err);
	return reader_end(r, rc, stats);
}

static int read_all(struct reader *r, int fd, struct tocsin_error *err)
{
	uint8_t *portion = malloc(PORTION);
	int rc = portion ? 0 : tocsin_error_set(err, -ENOMEM, "out of memory");

	while (!rc) {
		ssize_t n = read(fd, portion, PORTION);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = tocsin_error_set(err, -errno, "cannot be read: %s", strerror(errno));
		else if (n == 0)
			break;
		else
			rc = feed(r, portion, (size_t)n, err);
	}
	free(portion);
	return rc ? rc : check_end(r, err);
}

int tocsin_trace_file_read(const char *path, tocsin_event_fn fn, void *context,
			   struct tocsin_capture_stats *stats, struct tocsin_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	struct reader *r;

	if (fd < 0)
		return tocsin_error_set(err, -errno, "cannot be opened: %s", strerror(errno));
	r = reader_new(fn, context);
	rc = r ? reader_end(r, read_all(r, fd, err), stats)
	       : tocsin_error_set(err, -ENOMEM, "out of memory");
	close(fd);
	return rc;
}
