// SPDX-License-Identifier: GPL-2.0-or-later
/* tocsin disable DOMAIN: back to stock behaviour. */
#include "cli/command.h"
#include "cli/domain.h"

#include <inttypes.h>
#include <stdio.h>

int command_disable(int argc, char **argv)
{
	struct tocsin_error err = {0};
	struct tocsin_domain d;
	struct tocsin_host *h;
	uint32_t unused = 0;
	const char *name;
	int rc;

	if (domain_arguments(argc, argv, NULL, &name, &unused))
		return EXIT_USAGE;
	if (domain_open(argv[0], name, &h, &d))
		return EXIT_FAILED;
	rc = tocsin_host_set_rate(h, d.domid, 0, &err);
	if (!rc)
		domain_tell_views(argv[0], h, &d);
	tocsin_host_close(h);
	if (rc) {
		fprintf(stderr, "tocsin disable: %s\n", err.message);
		return EXIT_FAILED;
	}
	printf("domain %" PRIu32 ": off\n", d.domid);
	return EXIT_DONE;
}
