// SPDX-License-Identifier: GPL-2.0-or-later
/* tocsin views DOMAIN [--create N | --switch VIEW]: altp2m views, among which VMFUNC switches. */
#include "cli/command.h"
#include "cli/domain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VIEWS_MAX 512u /* entries of an EPTP list */

static int create(struct tocsin_host *h, const struct tocsin_domain *d, uint32_t count,
		  struct tocsin_error *err)
{
	uint16_t id[VIEWS_MAX];
	int rc = tocsin_host_create_views(h, d->domid, count, id, err);

	for (uint32_t i = 0; i < count && !rc; i++)
		printf("domain %" PRIu32 ": view %u\n", d->domid, id[i]);
	return rc;
}

static int list(struct tocsin_host *h, const struct tocsin_domain *d, struct tocsin_error *err)
{
	uint32_t vcpu = 0;
	uint16_t view;
	int rc;

	while (!(rc = tocsin_host_view(h, d->domid, vcpu, &view, err)))
		printf("domain %" PRIu32 ": vCPU %" PRIu32 " in view %u\n", d->domid, vcpu++, view);
	return vcpu && rc == -EINVAL ? 0 : rc;
}

int command_views(int argc, char **argv)
{
	const char *name;
	struct tocsin_error err = {0};
	struct tocsin_domain d;
	struct tocsin_host *h;
	bool switching = false, given = false;
	uint32_t number = 0;
	int rc;

	for (int i = 1; i < argc; i++) {
		switching |= !strcmp(argv[i], "--switch");
		given |= switching || !strcmp(argv[i], "--create");
	}
	if (domain_arguments(argc, argv, switching ? "--switch" : "--create", &name, &number))
		return EXIT_USAGE;
	if (given && switching ? number >= VIEWS_MAX : given && number - 1 >= VIEWS_MAX) {
		fprintf(stderr,
			switching ? "tocsin views: views are numbered 0 to %u\n"
				  : "tocsin views: --create needs a number from 1 to %u\n",
			VIEWS_MAX - switching);
		return EXIT_USAGE;
	}
	if (domain_open(argv[0], name, &h, &d))
		return EXIT_FAILED;
	if (!given)
		rc = list(h, &d, &err);
	else if (switching)
		rc = tocsin_host_switch_view(h, d.domid, (uint16_t)number, &err);
	else
		rc = create(h, &d, number, &err);
	tocsin_host_close(h);
	if (rc) {
		fprintf(stderr, "tocsin views: %s\n", err.message);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}
