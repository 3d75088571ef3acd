// SPDX-License-Identifier: GPL-2.0-or-later
/* The reader of xentrace files: never more events than the bytes can hold, and what is delivered
 * is what is counted. */
#include "capture/capture.h"
#include "fuzz.h"

#include <stdlib.h>

static int take(void *context, const struct tocsin_event *event)
{
	++*(size_t *)context;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tocsin_capture_stats stats = {0};
	struct tocsin_error err = {0};
	size_t events = 0;
	int rc = tocsin_trace_bytes_read(data, size, take, &events, &stats, &err);

	if (err.code != rc || stats.bytes > size || events > size / 4)
		abort();
	if (stats.triggers + stats.malformed > events || (!rc && stats.bytes != size))
		abort();
	return 0;
}
