// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin ps GUEST [--maps] [--json]: the processes of a guest as its memory has
 * them, with no help of the guest and no profile of its kernel. A row that changed while it was
 * read is marked torn; if there are any, or the list is cut short, the exit code says so.
 */
#include "cli/command.h"
#include "cli/guest.h"
#include "output/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_maps(const struct tocsin_vma_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct tocsin_vma *v = &list->rows[i];

		printf("       %012" PRIx64 "-%012" PRIx64 " %c%c%c%c %s%s%s%s\n", v->start, v->end,
		       v->read ? 'r' : '-', v->write ? 'w' : '-', v->exec ? 'x' : '-',
		       v->shared ? 's' : 'p', guest_text(v->path, strlen(v->path)),
		       v->file.deleted ? " (deleted)" : "", v->special ? "(of the kernel)" : "",
		       v->confidence == TOCSIN_CONSISTENT ? "" : " (torn)");
	}
}

static void print_process(const struct tocsin_process *p)
{
	char arguments[TOCSIN_CMDLINE_SIZE];

	for (size_t i = 0; i < p->cmdline_size; i++)
		arguments[i] = p->cmdline[i] ? p->cmdline[i] : ' ';
	printf(p->mm ? "%7" PRId32 " %7" PRId32 " %6" PRIu32 " %-16s "
		     : "%7" PRId32 " %7" PRId32 " %6" PRIu32 " [%s]",
	       p->pid, p->ppid, p->uid, guest_text(p->comm, strnlen(p->comm, sizeof(p->comm))));
	printf("%s%s%s%s%s\n", guest_text(p->exe, strlen(p->exe)),
	       p->exe_id.deleted ? " (deleted)" : "", p->cmdline_size ? ": " : "",
	       guest_text(arguments, p->cmdline_size),
	       p->confidence == TOCSIN_CONSISTENT ? "" : " (torn)");
}

/* One process. 0 or 1: how many of its parts are not to be trusted; else a negative errno. */
static int show(struct tocsin_kernel *k, const struct guest_options *o,
		const struct tocsin_process *p)
{
	struct tocsin_vma_list maps = {0};
	struct tocsin_error err = {0};
	int rc = 0, torn = p->confidence != TOCSIN_CONSISTENT;

	if (o->maps && tocsin_vma_list(k, p, &maps, &err)) {
		fprintf(stderr, "tocsin ps: %s\n", err.message);
		torn = 1;
	}
	if (o->json) {
		rc = tocsin_output_process_json(stdout, p, o->maps ? &maps : NULL);
	} else {
		print_process(p);
		print_maps(&maps);
	}
	torn |= maps.torn || maps.truncated;
	tocsin_vma_list_free(&maps);
	return rc ? rc : torn;
}

static int show_all(struct tocsin_kernel *k, const struct guest_options *o,
		    struct tocsin_error *err)
{
	struct tocsin_process_list list;
	int rc = tocsin_process_list(k, &list, err), partial;

	if (rc)
		return rc;
	partial = list.truncated;
	if (!o->json)
		printf("%7s %7s %6s %-16s %s\n", "PID", "PPID", "UID", "NAME",
		       "PROGRAM: ARGUMENTS");
	for (size_t i = 0; i < list.count && rc >= 0; i++) {
		rc = show(k, o, &list.rows[i]);
		partial |= rc > 0;
	}
	if (list.truncated)
		fputs("tocsin ps: there may be more processes\n", stderr);
	tocsin_process_list_free(&list);
	return rc < 0 ? tocsin_error_set(err, rc, "cannot print: %s", strerror(-rc)) : partial;
}

int command_ps(int argc, char **argv)
{
	return guest_run(argc, argv, GUEST_MAPS, show_all);
}
