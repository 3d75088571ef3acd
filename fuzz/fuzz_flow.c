// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Captured packets. Input, again and again: u8 link (an index; 128 in the first: as while a guest
 * is traced; 64: tell of what is over, before it), u8 seconds since the one before, u16 size, the
 * bytes.
 */
#include "fuzz.h"
#include "provenance/flow.h"
#include "provenance/graph.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int links[] = {1, 12, 113, 276, 0};
	static const uint8_t card[6] = {0, 22, 62, 0, 0, 5};
	const struct tocsin_trace_flow_settings settings = {.guest = "guest",
							    .live = size && data[0] & 128};
	struct tocsin_provenance *g = tocsin_provenance_new(NULL);
	struct tocsin_trace_flows *f = tocsin_trace_flows_new(&settings, tocsin_provenance_take, g);
	uint64_t time = 1700000000000000000u;

	if (!g || !f)
		abort();
	tocsin_trace_flows_hardware(f, card);
	while (size >= 4) {
		int link = links[(data[0] & 63) % 5];
		bool tell = settings.live && data[0] & 64;
		size_t n = (size_t)(data[2] | data[3] << 8);
		uint8_t *tight;

		time += data[1] * 1000000000ull;
		if (tell && tocsin_trace_flows_tell(f, time))
			abort();
		data += 4;
		size -= 4;
		n = n < size ? n : size;
		tight = malloc(n ? n : 1);
		if (!tight)
			abort();
		memcpy(tight, data, n);
		if (tocsin_trace_flows_packet(f, time, link, tight, n))
			abort();
		free(tight);
		data += n;
		size -= n;
	}
	if (tocsin_trace_flows_end(f))
		abort();
	tocsin_trace_flows_free(f);
	tocsin_provenance_free(g);
	return 0;
}
