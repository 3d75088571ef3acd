/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dump file from hostile bytes: opened, then read at the edges of every range that it claims. */
#include "fuzz.h"
#include "memory/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void read_edges(struct tocsin_memory *m)
{
	uint8_t got[4096];

	for (size_t i = 0; i < m->range_count; i++) {
		const struct tocsin_memory_range *r = &m->ranges[i];

		if (tocsin_memory_read(m, r->start, got, 1) != 0 ||
		    tocsin_memory_read(m, r->start + r->size - 1, got, 1) != 0)
			abort();
		tocsin_memory_read(m, r->start, got, sizeof(got));
		tocsin_memory_read(m, r->start + r->size - 1, got, sizeof(got));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("dump", MFD_CLOEXEC);
	struct tocsin_memory *m;
	char path[64];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (tocsin_memory_open_dump(path, &m, NULL) == 0) {
		read_edges(m);
		tocsin_memory_close(m);
	}
	close(fd);
	return 0;
}
