// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin ps GUEST [PID] [--details] [--maps] [--json]: the processes of a guest as its memory has
 * them, with no help of the guest and no profile of its kernel. A row that changed while it was
 * read is marked torn; if there are any, or the list is cut short, the exit code says so.
 */
#include "cli/command.h"
#include "cli/fold.h"
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
	size_t size = p->cmdline_size;

	size -= size && !p->cmdline[size - 1]; /* each argument ends with a NUL */
	for (size_t i = 0; i < size; i++)
		arguments[i] = p->cmdline[i] ? p->cmdline[i] : ' ';
	printf(p->mm ? "%7" PRId32 " %7" PRId32 " %6" PRIu32 " %-16s "
		     : "%7" PRId32 " %7" PRId32 " %6" PRIu32 " [%s]",
	       p->pid, p->ppid, p->uid, guest_text(p->comm, strnlen(p->comm, sizeof(p->comm))));
	printf("%s%s%s%s%s\n", guest_text(p->exe, strlen(p->exe)),
	       p->exe_id.deleted ? " (deleted)" : "", size ? ": " : "", guest_text(arguments, size),
	       guest_remark(p->confidence));
}

static void print_threads(const struct tocsin_thread_list *list)
{
	printf("        threads");
	for (size_t i = 0; i < list->count; i++)
		printf(" %" PRId32 "(%s %c)%s", list->rows[i].tid,
		       guest_text(list->rows[i].comm, strlen(list->rows[i].comm)),
		       list->rows[i].state, guest_remark(list->rows[i].confidence));
	putchar('\n');
}

static void print_environment(const struct tocsin_process_details *d)
{
	for (size_t at = 0; at < d->environment_size;) {
		size_t n = strnlen(d->environment + at, d->environment_size - at);

		if (n)
			printf("        env %s\n",
			       guest_text(d->environment + at,
					  n < TOCSIN_PATH_SIZE ? n : TOCSIN_PATH_SIZE));
		at += n + 1;
	}
}

static void print_details(const struct tocsin_process_details *d)
{
	const struct tocsin_namespaces *n = &d->namespaces;

	printf("        group %" PRId32 " session %" PRId32 " traced by %" PRId32
	       " seccomp %" PRIu32 " (%" PRIu32 " filters) no-new-privs %d%s\n",
	       d->pgid, d->sid, d->tracer, d->seccomp, d->seccomp_filters, d->no_new_privs,
	       guest_remark(d->confidence));
	printf("        capabilities inheritable %" PRIx64 " permitted %" PRIx64
	       " bounding %" PRIx64 " ambient %" PRIx64 "\n",
	       d->cap_inheritable, d->cap_permitted, d->cap_bounding, d->cap_ambient);
	printf("        namespaces mnt %u uts %u ipc %u pid %u net %u user %u cgroup %u time %u\n",
	       n->mnt, n->uts, n->ipc, n->pid, n->net, n->user, n->cgroup, n->time);
	printf("        cgroup %s%s%s\n        cwd %s root %s\n",
	       guest_text(d->cgroup, strlen(d->cgroup)), d->container[0] ? " container " : "",
	       d->container, guest_text(d->cwd, strlen(d->cwd)),
	       guest_text(d->root, strlen(d->root)));
	print_environment(d);
}

struct parts {
	struct tocsin_vma_list maps;
	struct tocsin_process_details details;
	struct tocsin_thread_list threads;
	bool has_maps, has_details;
};

/* What of the process was asked for. 0 or 1: is some of it missing or not to be trusted? */
static int fetch(struct tocsin_kernel *k, const struct guest_options *o,
		 const struct tocsin_process *p, struct parts *ret)
{
	struct tocsin_error err = {0};
	int partial = 0;

	if (o->maps)
		ret->has_maps = !tocsin_vma_list(k, p, &ret->maps, &err);
	if (o->details)
		ret->has_details = !tocsin_process_details(k, p, &ret->details, &err) &&
				   !tocsin_thread_list(k, p, &ret->threads, &err);
	if (err.code) {
		fprintf(stderr, "tocsin ps: %s\n", err.message);
		partial = 1;
	}
	return partial | (ret->maps.torn || ret->maps.truncated || ret->threads.torn ||
			  ret->threads.truncated ||
			  (ret->has_details && ret->details.confidence != TOCSIN_CONSISTENT));
}

static int show(struct tocsin_kernel *k, const struct guest_options *o,
		const struct tocsin_process *p)
{
	struct parts parts = {0};
	int rc = 0, partial = p->confidence != TOCSIN_CONSISTENT;

	partial |= fetch(k, o, p, &parts);
	if (o->json) {
		rc = tocsin_output_process_json(stdout, p, parts.has_maps ? &parts.maps : NULL,
						parts.has_details ? &parts.details : NULL,
						parts.has_details ? &parts.threads : NULL);
	} else {
		print_process(p);
		if (parts.has_details) {
			print_threads(&parts.threads);
			print_details(&parts.details);
		}
		print_maps(&parts.maps);
	}
	tocsin_vma_list_free(&parts.maps);
	tocsin_thread_list_free(&parts.threads);
	tocsin_process_details_free(&parts.details);
	return rc ? rc : partial;
}

static int show_all(struct tocsin_kernel *k, const struct guest_options *o,
		    struct tocsin_error *err)
{
	if (!o->json)
		fold_table("PROGRAM: ARGUMENTS", "%7s %7s %6s %-16s ", "PID", "PPID", "UID",
			   "NAME");
	return guest_processes(k, o, show, err);
}

int command_ps(int argc, char **argv)
{
	return guest_run(argc, argv, GUEST_MAPS | GUEST_PID | GUEST_DETAILS, show_all);
}
