// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Records that tocsind hands on: packets, each behind its size in a byte. Whatever they hold, what
 * is delivered is in the order of the TSC between two marks.
 */
#include "capture/capture.h"
#include "capture/tap.h"
#include "fuzz.h"

#include <stdlib.h>

static uint64_t last;

static int take(void *context, const struct tocsin_event *event)
{
	if (event->kind == TOCSIN_EVENT_MALFORMED && !event->what)
		abort();
	if (event->tsc < last)
		abort();
	last = event->tsc;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tocsin_handed *h;

	last = 0;
	if (tocsin_handed_new(take, NULL, &h))
		abort();
	while (size) {
		size_t n = *data < size - 1 ? *data : size - 1;

		if (n == TOCSIN_TAP_MARK)
			last = 0;
		tocsin_handed_packet(h, data + 1, n);
		data += 1 + n;
		size -= 1 + n;
	}
	tocsin_handed_close(h);
	return 0;
}
