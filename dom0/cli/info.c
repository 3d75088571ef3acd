// SPDX-License-Identifier: GPL-2.0-or-later
/* tocsin info GUEST [--json]: which kernel the guest runs, and where it was found. */
#include "cli/command.h"
#include "cli/guest.h"
#include "output/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int show(struct tocsin_kernel *k, const struct guest_options *o, struct tocsin_error *err)
{
	const struct tocsin_kernel_info *info = tocsin_kernel_info(k);

	if (o->json)
		return tocsin_output_kernel_json(stdout, info);
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
	printf("known      %s\n", info->cached ? "from the cache" : "from the guest alone");
	return 0;
}

int command_info(int argc, char **argv)
{
	return guest_run(argc, argv, 0, show);
}
