// SPDX-License-Identifier: GPL-2.0-or-later
/* marks: ring MARK with the cookies 1 to N. usage: marks N; prints "marks first=T last=T". */
#include "specimen.h"

#include <tocsin/guest.h>

int main(int argc, char **argv)
{
	unsigned long count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	uint32_t ticket = 0, first = 0;

	if (!count)
		return 2;
	for (unsigned long i = 1; i <= count; i++) {
		int r = tocsin_ring(TOCSIN_OP_MARK, i << 32 | i, &ticket);

		if (r) {
			fprintf(stderr, "marks: %s\n", tocsin_strerror(r));
			return 1;
		}
		if (i == 1)
			first = ticket;
	}
	printf("marks first=%u last=%u\n", first, ticket);
	return 0;
}
