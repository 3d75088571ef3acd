// SPDX-License-Identifier: GPL-2.0-or-later
/* tocsin info GUEST [--json]: which kernel the guest runs, and where it was found. */
#include "cli/command.h"
#include "cli/guest.h"
#include "output/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NANO 1000000000

/* The guest's own clock, in UTC. */
static void print_clock(const struct tocsin_system *s)
{
	time_t now = (time_t)(s->now / NANO), boot = now - (time_t)(s->up / NANO);
	char text[2][32] = {"?", "?"};
	struct tm tm;

	if (!s->clock_known) {
		puts("clock      unknown");
		return;
	}
	if (gmtime_r(&now, &tm))
		strftime(text[0], sizeof(text[0]), "%Y-%m-%d %H:%M:%S", &tm);
	if (gmtime_r(&boot, &tm))
		strftime(text[1], sizeof(text[1]), "%Y-%m-%d %H:%M:%S", &tm);
	printf("clock      %s UTC, booted %s UTC, %" PRIu64 " s ago; from %s\n", text[0], text[1],
	       s->up / NANO, guest_text(s->clocksource, strlen(s->clocksource)));
}

static int show(struct tocsin_kernel *k, const struct guest_options *o, struct tocsin_error *err)
{
	const struct tocsin_kernel_info *info = tocsin_kernel_info(k);
	struct tocsin_system system;
	int rc = tocsin_system_read(k, &system, err);

	if (rc)
		return rc;
	if (o->json)
		return tocsin_output_kernel_json(stdout, info, &system);
	printf("release    %s\n", guest_text(info->release, strlen(info->release)));
	printf("build ID   ");
	for (size_t i = 0; i < info->build_id_size; i++)
		printf("%02x", info->build_id[i]);
	printf("%s\n", info->build_id_size ? "" : "unknown");
	printf("text       virtual 0x%" PRIx64 ", physical 0x%" PRIx64 "\n", info->text_va,
	       info->text_pa);
	printf("paging     %d levels, page-table isolation %s\n", info->levels,
	       info->pti ? "on" : "off");
	printf("symbols    %zu\ntypes      %zu\n", info->symbols, info->types);
	printf("host       %s, %s %s\n", guest_text(system.nodename, strlen(system.nodename)),
	       guest_text(system.machine, strlen(system.machine)),
	       guest_text(system.version, strlen(system.version)));
	print_clock(&system);
	printf("known      %s\n", info->cached ? "from the cache" : "from the guest alone");
	return 0;
}

int command_info(int argc, char **argv)
{
	return guest_run(argc, argv, 0, show);
}
