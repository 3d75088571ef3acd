// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin mounts GUEST [PID] [--json]: the mounts that a process sees; without PID those of the
 * first process, which are the guest's own.
 */
#include "cli/command.h"
#include "cli/fold.h"
#include "cli/guest.h"
#include "output/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_row(const struct tocsin_mount *m)
{
	char device[32], options[32];

	snprintf(options, sizeof(options), "%s%s%s%s", m->read_only ? "ro" : "rw",
		 m->no_suid ? ",nosuid" : "", m->no_dev ? ",nodev" : "",
		 m->no_exec ? ",noexec" : "");
	snprintf(device, sizeof(device), "%u:%u", m->dev_major, m->dev_minor);
	printf("%5" PRId32 " %5" PRId32 " %-8s %-12s %-23s %-20s %s%s\n", m->id, m->parent_id,
	       device, guest_text(m->type, strlen(m->type)), options,
	       guest_text(m->source, strlen(m->source)), guest_text(m->path, strlen(m->path)),
	       guest_remark(m->confidence));
}

static int show(struct tocsin_kernel *k, const struct guest_options *o, struct tocsin_error *err)
{
	static struct tocsin_process p;
	struct tocsin_mount_list list;
	int rc = tocsin_process_by_pid(k, NULL, o->pid ? o->pid : 1, &p, err), partial;

	if (!rc)
		rc = tocsin_mount_list(k, &p, &list, err);
	if (rc)
		return rc;
	partial = list.torn || list.truncated;
	if (!o->json)
		fold_table("PATH", "%5s %5s %-8s %-12s %-23s %-20s ", "ID", "ON", "DEVICE", "TYPE",
			   "OPTIONS", "SOURCE");
	for (size_t i = 0; i < list.count && !rc; i++) {
		if (o->json)
			rc = tocsin_output_mount_json(stdout, &list.rows[i]);
		else
			print_row(&list.rows[i]);
	}
	tocsin_mount_list_free(&list);
	return rc ? tocsin_error_set(err, rc, "cannot print: %s", strerror(-rc)) : partial;
}

int command_mounts(int argc, char **argv)
{
	return guest_run(argc, argv, GUEST_PID, show);
}
