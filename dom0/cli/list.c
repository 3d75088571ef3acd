// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin list [--json]: the domains and their rates. Names come from xenstore, where a domain's
 * toolstack wrote them: printed only with what could move a terminal or end a string replaced.
 */
#include "cli/command.h"
#include "cli/fold.h"
#include "host/host.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_uuid(const uint8_t *uuid)
{
	for (int i = 0; i < 16; i++)
		printf(i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", uuid[i]);
}

/* Printable ASCII without quotes and backslashes stays; every other byte is a '?'. */
static void clean(const char *name, char *ret)
{
	for (; *name; name++)
		*ret++ =
		    *name >= ' ' && *name <= '~' && *name != '"' && *name != '\\' ? *name : '?';
	*ret = '\0';
}

static void print_domain(const struct tocsin_domain *d)
{
	char name[sizeof(d->name)], rate[24] = "off";

	clean(d->name, name);
	if (d->rate < 0)
		strcpy(rate, "no Tocsin in Xen");
	else if (!d->hvm)
		strcpy(rate, "PV: no VMFUNC");
	else if (d->rate > 0)
		snprintf(rate, sizeof(rate), "%" PRId64, d->rate);
	printf("%5" PRIu32 " %-24s %5u %8" PRIu64 " %-16s ", d->domid, name, d->vcpus,
	       d->memory >> 20, rate);
	print_uuid(d->uuid);
	puts(d->dying ? " dying" : "");
}

static void json_domain(const struct tocsin_domain *d)
{
	char name[sizeof(d->name)];

	clean(d->name, name);
	printf("{\"domid\":%" PRIu32 ",\"name\":\"%s\",\"uuid\":\"", d->domid, name);
	print_uuid(d->uuid);
	printf("\",\"hvm\":%s,\"dying\":%s,\"vcpus\":%u,\"memory\":%" PRIu64 ",\"rate\":",
	       d->hvm ? "true" : "false", d->dying ? "true" : "false", d->vcpus, d->memory);
	if (d->rate < 0)
		puts("null}");
	else
		printf("%" PRId64 "}\n", d->rate);
}

int command_list(int argc, char **argv)
{
	bool json = argc == 2 && !strcmp(argv[1], "--json");
	struct tocsin_error err = {0};
	struct tocsin_domain *list;
	struct tocsin_host *h;
	size_t count;
	int rc;

	if (argc > 1 && !json) {
		fprintf(stderr, "tocsin list: unexpected argument '%s'\n", argv[1]);
		return EXIT_USAGE;
	}
	rc = tocsin_host_open(&h, &err);
	if (!rc) {
		rc = tocsin_host_list(h, &list, &count, &err);
		tocsin_host_close(h);
	}
	if (rc) {
		fprintf(stderr, "tocsin list: %s\n", err.message);
		return EXIT_FAILED;
	}
	if (!json)
		fold_table("UUID", "%5s %-24s %5s %8s %-16s ", "ID", "NAME", "VCPUS", "MIB",
			   "RATE/S");
	for (size_t i = 0; i < count; i++)
		json ? json_domain(&list[i]) : print_domain(&list[i]);
	free(list);
	return EXIT_DONE;
}
