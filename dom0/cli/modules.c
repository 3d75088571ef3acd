// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin modules GUEST [--json]: the modules that a guest's kernel has loaded. One that is not in
 * every list that should have it hides; it is said to, and the exit code says so too.
 */
#include "cli/command.h"
#include "cli/fold.h"
#include "cli/guest.h"
#include "output/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *remark(const struct tocsin_module *m)
{
	if (m->confidence == TOCSIN_TORN)
		return " (torn)";
	if (m->confidence == TOCSIN_CONSISTENT)
		return "";
	return m->in_list    ? " (hides: not in sysfs)"
	       : m->in_sysfs ? " (hides: not in the list of modules)"
			     : " (hides: neither in the list of modules nor in sysfs)";
}

static void print_row(const struct tocsin_module *m)
{
	printf("%-24s %9" PRIu64 " %5" PRId32 " %-8s 0x%016" PRIx64 " 0x%04" PRIx64 "%s\n",
	       guest_text(m->name, strlen(m->name)), m->size, m->references,
	       tocsin_module_state_name(m->state), m->base, m->taints, remark(m));
}

static int show(struct tocsin_kernel *k, const struct guest_options *o, struct tocsin_error *err)
{
	struct tocsin_module_list list;
	int rc = tocsin_module_list(k, &list, err), partial;

	if (rc)
		return rc;
	partial = list.torn || list.contradicted || list.truncated;
	if (!o->json)
		fold_table("TAINTS", "%-24s %9s %5s %-8s %-18s ", "NAME", "SIZE", "USED", "STATE",
			   "TEXT");
	for (size_t i = 0; i < list.count && !rc; i++) {
		if (o->json)
			rc = tocsin_output_module_json(stdout, &list.rows[i]);
		else
			print_row(&list.rows[i]);
	}
	tocsin_module_list_free(&list);
	return rc ? tocsin_error_set(err, rc, "cannot print: %s", strerror(-rc)) : partial;
}

int command_modules(int argc, char **argv)
{
	return guest_run(argc, argv, 0, show);
}
