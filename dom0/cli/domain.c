// SPDX-License-Identifier: GPL-2.0-or-later
/* Arguments and connection of the subcommands that act on one domain. */
#include "cli/domain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Decimal, 32 bits, nothing else. */
static int parse_number(const char *text, uint32_t *ret)
{
	unsigned long value;

	if (!*text || text[strspn(text, "0123456789")])
		return -EINVAL;
	errno = 0;
	value = strtoul(text, NULL, 10);
	if (errno || value > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)value;
	return 0;
}

int domain_arguments(int argc, char **argv, const char *option, const char **ret_name,
		     uint32_t *ret_number)
{
	const char *name = NULL;
	uint32_t number = *ret_number;

	for (int i = 1; i < argc; i++) {
		if (option && !strcmp(argv[i], option)) {
			if (++i < argc && !parse_number(argv[i], &number))
				continue;
			fprintf(stderr, "tocsin %s: %s needs a number up to %u\n", argv[0], option,
				UINT32_MAX);
			return -EINVAL;
		}
		if (argv[i][0] == '-' || name) {
			fprintf(stderr, "tocsin %s: unexpected argument '%s'\n", argv[0], argv[i]);
			return -EINVAL;
		}
		name = argv[i];
	}
	if (!name) {
		fprintf(stderr, "tocsin %s: which domain?\n", argv[0]);
		return -EINVAL;
	}
	*ret_name = name;
	*ret_number = number;
	return 0;
}

int domain_open(const char *command, const char *name, struct tocsin_host **ret_host,
		struct tocsin_domain *ret)
{
	struct tocsin_error err = {0};
	struct tocsin_host *h;
	int rc = tocsin_host_open(&h, &err);

	if (!rc) {
		rc = tocsin_host_find(h, name, ret, &err);
		if (rc)
			tocsin_host_close(h);
	}
	if (rc) {
		fprintf(stderr, "tocsin %s: %s\n", command, err.message);
		return rc;
	}
	*ret_host = h;
	return 0;
}

void domain_tell_views(const char *command, struct tocsin_host *h, const struct tocsin_domain *d)
{
	uint16_t view;

	for (uint32_t vcpu = 0; !tocsin_host_view(h, d->domid, vcpu, &view, NULL); vcpu++) {
		if (view)
			fprintf(stderr,
				"tocsin %s: vCPU %" PRIu32 " of domain %" PRIu32
				" is in view %u, which VMFUNC may no longer leave: `tocsin views "
				"%" PRIu32 " --switch 0` does\n",
				command, vcpu, d->domid, view, d->domid);
	}
}
