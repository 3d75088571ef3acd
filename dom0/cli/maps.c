// SPDX-License-Identifier: GPL-2.0-or-later
/* tocsin maps GUEST [PID] [--json]: the VMAs of processes, and how many of their pages are there.
 */
#include "cli/command.h"
#include "cli/fold.h"
#include "cli/guest.h"
#include "output/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_row(const struct tocsin_process *p, const struct tocsin_vma *v,
		      const struct tocsin_page_counts *c)
{
	printf("%7" PRId32 " %012" PRIx64 "-%012" PRIx64 " %c%c%c%c %9" PRIu64 " %9" PRIu64
	       " %9" PRIu64 " %9" PRIu64 " %s%s%s%s\n",
	       p->pid, v->start, v->end, v->read ? 'r' : '-', v->write ? 'w' : '-',
	       v->exec ? 'x' : '-', v->shared ? 's' : 'p', (v->end - v->start) / TOCSIN_PAGE_SIZE,
	       c->present, c->out, c->guarded, guest_text(v->path, strlen(v->path)),
	       v->file.deleted ? " (deleted)" : "", v->special ? "(of the kernel)" : "",
	       guest_remark(v->confidence));
}

static int show(struct tocsin_kernel *k, const struct guest_options *o,
		const struct tocsin_process *p)
{
	struct tocsin_vma_list list;
	struct tocsin_error err = {0};
	int rc = 0, partial;

	if (!p->mm)
		return 0;
	if (tocsin_vma_list(k, p, &list, &err)) {
		fprintf(stderr, "tocsin maps: %s\n", err.message);
		return 1;
	}
	partial = list.torn || list.truncated;
	for (size_t i = 0; i < list.count && !rc; i++) {
		struct tocsin_page_counts c = {0};

		if (tocsin_process_pages(k, p, list.rows[i].start, list.rows[i].end, &c))
			partial = 1;
		if (o->json)
			rc = tocsin_output_vma_json(stdout, p, &list.rows[i], &c);
		else
			print_row(p, &list.rows[i], &c);
	}
	tocsin_vma_list_free(&list);
	return rc ? rc : partial;
}

static int show_all(struct tocsin_kernel *k, const struct guest_options *o,
		    struct tocsin_error *err)
{
	if (!o->json)
		fold_table("FILE", "%7s %-25s %4s %9s %9s %9s %9s ", "PID", "RANGE", "MODE",
			   "PAGES", "PRESENT", "SWAPPED", "GUARDED");
	return guest_processes(k, o, show, err);
}

int command_maps(int argc, char **argv)
{
	return guest_run(argc, argv, GUEST_PID, show_all);
}
