// SPDX-License-Identifier: GPL-2.0-or-later
/* tocsin enable DOMAIN [--rate N]: let a domain ring. */
#include "cli/command.h"
#include "cli/domain.h"

#include <inttypes.h>
#include <stdio.h>

#define DEFAULT_RATE 1000u /* triggers per second */

int command_enable(int argc, char **argv)
{
	struct tocsin_error err = {0};
	struct tocsin_domain d;
	struct tocsin_host *h;
	uint32_t rate = DEFAULT_RATE;
	const char *name;
	int rc;

	if (domain_arguments(argc, argv, "--rate", &name, &rate))
		return EXIT_USAGE;
	if (!rate) {
		fputs("tocsin enable: a rate of 0 is off: use tocsin disable\n", stderr);
		return EXIT_USAGE;
	}
	if (domain_open(argv[0], name, &h, &d))
		return EXIT_FAILED;
	rc = tocsin_host_set_rate(h, d.domid, rate, &err);
	tocsin_host_close(h);
	if (rc) {
		fprintf(stderr, "tocsin enable: %s\n", err.message);
		return EXIT_FAILED;
	}
	printf("domain %" PRIu32 ": %" PRIu32 " triggers per second\n", d.domid, rate);
	return EXIT_DONE;
}
