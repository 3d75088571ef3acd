// SPDX-License-Identifier: GPL-2.0-or-later
/* Open a QEMU guest, read a page; after a line on stdin, flush and read it again. */
#include "memory/memory.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct tocsin_error err = {0};
	struct tocsin_memory *m;
	char page[TOCSIN_PAGE_SIZE];

	if (argc != 2 || tocsin_memory_open_qemu(argv[1], &m, &err)) {
		fprintf(stderr, "%s\n", argc == 2 ? err.message : "usage: gone QMP-SOCKET");
		return 1;
	}
	printf("%d\n", tocsin_memory_read(m, 0x100000, page, sizeof(page)));
	fflush(stdout);
	getchar();
	tocsin_memory_flush(m);
	printf("%d\n", tocsin_memory_read(m, 0x100000, page, sizeof(page)));
	tocsin_memory_close(m);
	return 0;
}
