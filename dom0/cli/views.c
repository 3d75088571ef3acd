// SPDX-License-Identifier: GPL-2.0-or-later
/* tocsin views DOMAIN --create N: altp2m views, for VMFUNC needs an EPTP list to exist. */
#include "cli/command.h"
#include "cli/domain.h"

#include <inttypes.h>
#include <stdio.h>

#define VIEWS_MAX 512u /* entries of an EPTP list */

int command_views(int argc, char **argv)
{
	struct tocsin_error err = {0};
	struct tocsin_domain d;
	struct tocsin_host *h;
	uint16_t id[VIEWS_MAX];
	uint32_t count = 0;
	const char *name;
	int rc;

	if (domain_arguments(argc, argv, "--create", &name, &count))
		return EXIT_USAGE;
	if (!count || count > VIEWS_MAX) {
		fprintf(stderr, "tocsin views: --create needs a number from 1 to %u\n", VIEWS_MAX);
		return EXIT_USAGE;
	}
	if (domain_open(argv[0], name, &h, &d))
		return EXIT_FAILED;
	rc = tocsin_host_create_views(h, d.domid, count, id, &err);
	tocsin_host_close(h);
	if (rc) {
		fprintf(stderr, "tocsin views: %s\n", err.message);
		return EXIT_FAILED;
	}
	for (uint32_t i = 0; i < count; i++)
		printf("domain %" PRIu32 ": view %u\n", d.domid, id[i]);
	return EXIT_DONE;
}
