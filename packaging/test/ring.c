// SPDX-License-Identifier: GPL-2.0-or-later
/* The smallest program with libtocsin-guest, for test_debs.sh. */
#include <tocsin/guest.h>

#include <stdio.h>

int main(void)
{
	int rc = tocsin_ping(NULL);

	puts(rc ? tocsin_strerror(rc) : "somebody listens");
	return rc != 0;
}
