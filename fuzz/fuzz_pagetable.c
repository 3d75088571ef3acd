/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables from hostile bytes. Input: u64 root, u64 virtual address, u8 levels, 7 bytes unused;
 * the rest is guest memory from address 0.
 */
#include "fuzz.h"
#include "memory/pagetable.h"

#include <stdlib.h>
#include <string.h>

#define HEAD 24

static void check(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tocsin_paging paging;
	struct tocsin_mapping map;
	struct tocsin_memory *m;
	uint8_t got[8192 + 100];
	size_t done, guest = size - HEAD;
	uint8_t *bytes;
	uint64_t va;
	int rc;

	if (size < HEAD)
		return 0;
	memcpy(&paging.root, data, 8);
	memcpy(&va, data + 8, 8);
	paging.levels = data[16];
	bytes = malloc(guest ? guest : 1);
	if (!bytes)
		return 0;
	memcpy(bytes, data + HEAD, guest);
	check(tocsin_memory_open_buffer(bytes, guest, &m, NULL) == 0);
	rc = tocsin_walk(m, paging, va, &map);
	check(m->stats.reads <= 5);
	if (rc == 0)
		check((map.gpa & (map.page_size - 1)) == (va & (map.page_size - 1)));
	rc = tocsin_read_va(m, paging, va, got, sizeof(got), &done);
	check(rc == 0 ? done == sizeof(got) : done < sizeof(got));
	tocsin_memory_close(m);
	free(bytes);
	return 0;
}
