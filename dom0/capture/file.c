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
	struct tocsin_decoder *decoder;
	uint8_t header[WINDOW_HEADER];
	size_t have;   /* bytes in header */
	uint32_t left; /* bytes left in the window */
	uint16_t cpu;
};

static uint64_t offset(const struct reader *r)
{
	return tocsin_decoder_stats(r->decoder)->bytes;
}

static uint32_t word(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

/* The header is complete: open its window. */
static int open_window(struct reader *r, struct tocsin_error *err)
{
	const uint64_t start = offset(r) - WINDOW_HEADER;
	const uint32_t header = word(r->header), cpu = word(r->header + 4);
	const uint32_t size = word(r->header + 8);

	if (header != XEN_TRC_CPU_CHANGE_HEADER)
		return tocsin_error_set(
		    err, -EBADMSG, "%s: no CPU change record at offset %" PRIu64,
		    start ? "damaged trace file" : "not a xentrace file", start);
	if (cpu > UINT16_MAX)
		return tocsin_error_set(err, -EBADMSG,
					"damaged trace file: CPU %" PRIu32 " at offset %" PRIu64,
					cpu, start);
	if (size % 4)
		return tocsin_error_set(err, -EBADMSG,
					"damaged trace file: window of %" PRIu32
					" bytes at offset %" PRIu64 " is not made of words",
					size, start);
	r->cpu = (uint16_t)cpu;
	r->left = size;
	r->have = 0;
	return 0;
}

static int feed_header(struct reader *r, const uint8_t *bytes, size_t size, size_t *taken,
		       struct tocsin_error *err)
{
	size_t n = WINDOW_HEADER - r->have < size ? WINDOW_HEADER - r->have : size;

	memcpy(r->header + r->have, bytes, n);
	r->have += n;
	tocsin_decoder_pass(r->decoder, n);
	*taken = n;
	return r->have == WINDOW_HEADER ? open_window(r, err) : 0;
}

static int feed_window(struct reader *r, const uint8_t *bytes, size_t size, size_t *taken,
		       struct tocsin_error *err)
{
	size_t n = r->left < size ? r->left : size;
	int rc = tocsin_decoder_feed(r->decoder, r->cpu, bytes, n, err);

	if (rc)
		return rc;
	r->left -= (uint32_t)n;
	*taken = n;
	if (!r->left && tocsin_decoder_pending(r->decoder))
		return tocsin_error_set(err, -EBADMSG,
					"damaged trace file: the window of CPU %u that ends at "
					"offset %" PRIu64 " ends inside a record",
					r->cpu, offset(r));
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

static int finish(const struct reader *r, struct tocsin_error *err)
{
	int rc = tocsin_decoder_end(r->decoder);

	if (rc)
		return rc;
	if (r->left)
		return tocsin_error_set(err, -EBADMSG,
					"truncated trace file: ends at offset %" PRIu64 ", %" PRIu32
					" bytes short of the window of CPU %u",
					offset(r), r->left, r->cpu);
	if (r->have)
		return tocsin_error_set(
		    err, -EBADMSG, "%s: ends at offset %" PRIu64 " inside a CPU change record",
		    offset(r) < WINDOW_HEADER ? "not a xentrace file" : "truncated trace file",
		    offset(r));
	return 0;
}

/* What was delivered before an error is counted all the same. */
static int end(struct reader *r, int rc, struct tocsin_capture_stats *stats)
{
	if (stats)
		*stats = *tocsin_decoder_stats(r->decoder);
	tocsin_decoder_free(r->decoder);
	return rc;
}

int tocsin_trace_bytes_read(const void *bytes, size_t size, tocsin_event_fn fn, void *context,
			    struct tocsin_capture_stats *stats, struct tocsin_error *err)
{
	struct reader r = {0};
	int rc = tocsin_decoder_new(fn, context, &r.decoder);

	if (rc)
		return tocsin_error_set(err, rc, "cannot make a decoder: %s", strerror(-rc));
	rc = feed(&r, bytes, size, err);
	if (!rc)
		rc = finish(&r, err);
	return end(&r, rc, stats);
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
	return rc ? rc : finish(r, err);
}

int tocsin_trace_file_read(const char *path, tocsin_event_fn fn, void *context,
			   struct tocsin_capture_stats *stats, struct tocsin_error *err)
{
	struct reader r = {0};
	int fd, rc;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return tocsin_error_set(err, -errno, "cannot be opened: %s", strerror(errno));
	rc = tocsin_decoder_new(fn, context, &r.decoder);
	if (rc) {
		close(fd);
		return tocsin_error_set(err, rc, "cannot make a decoder: %s", strerror(-rc));
	}
	rc = read_all(&r, fd, err);
	close(fd);
	return end(&r, rc, stats);
}
