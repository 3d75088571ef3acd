// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The trace decoder: the first byte is the size of the portions, the rest one CPU's records. In
 * portions or at once must come to the same.
 */
#include "capture/capture.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static int take(void *context, const struct tocsin_event *event)
{
	if (event->kind == TOCSIN_EVENT_MALFORMED && !event->what)
		abort();
	return 0;
}

static void run(const uint8_t *data, size_t size, size_t portion, struct tocsin_capture_stats *ret)
{
	struct tocsin_decoder *d;

	if (tocsin_decoder_new(0, take, NULL, &d))
		abort();
	for (size_t at = 0, n; at < size; at += n) {
		n = size - at < portion ? size - at : portion;
		if (tocsin_decoder_feed(d, data + at, n, NULL))
			break;
	}
	*ret = *tocsin_decoder_stats(d);
	tocsin_decoder_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tocsin_capture_stats portions, whole;

	if (!size)
		return 0;
	run(data + 1, size - 1, data[0] ? data[0] : 1, &portions);
	run(data + 1, size - 1, size, &whole);
	if (memcmp(&portions, &whole, sizeof(whole)))
		abort();
	return 0;
}
