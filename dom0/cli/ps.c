// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin ps (DOMAIN | --dump FILE) [--maps] [--json]: the processes of a guest as its memory has
 * them, with no help of the guest and no profile of its kernel. A row that changed while it was
 * read is marked torn; if there are any, or the list is cut short, the exit code says so.
 */
#include "cli/command.h"
#include "introspect/introspect.h"
#include "output/output.h"
#ifdef HAVE_XEN
#include "cli/domain.h"
#endif

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_SIZE (4 * TOCSIN_PATH_SIZE + 1)

struct options {
	const char *domain, *dump;
	bool maps, json;
};

static int parse(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--maps")) {
			o->maps = true;
		} else if (!strcmp(argv[i], "--json")) {
			o->json = true;
		} else if (!strcmp(argv[i], "--dump") && i + 1 < argc && !o->dump) {
			o->dump = argv[++i];
		} else if (argv[i][0] != '-' && !o->domain) {
			o->domain = argv[i];
		} else {
			fprintf(stderr, "tocsin ps: unexpected argument '%s'\n", argv[i]);
			return -EINVAL;
		}
	}
	if (!o->domain != !o->dump)
		return 0;
	fputs("tocsin ps: either a domain or --dump FILE\n", stderr);
	return -EINVAL;
}

static int open_source(const struct options *o, struct tocsin_memory **ret,
		       struct tocsin_error *err)
{
#ifdef HAVE_XEN
	struct tocsin_domain domain;
	struct tocsin_host *host;
	int rc;

	if (o->domain) {
		rc = tocsin_host_open(&host, err);
		if (rc)
			return rc;
		rc = tocsin_host_find(host, o->domain, &domain, err);
		tocsin_host_close(host);
		return rc ? rc : tocsin_memory_open_xen(domain.domid, ret, err);
	}
#else
	if (o->domain)
		return tocsin_error_set(err, -EOPNOTSUPP, "this program was built without Xen");
#endif
	return tocsin_memory_open_dump(o->dump, ret, err);
}

static void print_maps(const struct tocsin_vma_list *list)
{
	static char path[TEXT_SIZE];

	for (size_t i = 0; i < list->count; i++) {
		const struct tocsin_vma *v = &list->rows[i];

		tocsin_output_clean(v->path, strlen(v->path), path, sizeof(path));
		printf("       %012" PRIx64 "-%012" PRIx64 " %c%c%c%c %s%s%s%s\n", v->start, v->end,
		       v->read ? 'r' : '-', v->write ? 'w' : '-', v->exec ? 'x' : '-',
		       v->shared ? 's' : 'p', path, v->file.deleted ? " (deleted)" : "",
		       v->special ? "(of the kernel)" : "",
		       v->confidence == TOCSIN_CONSISTENT ? "" : " (torn)");
	}
}

static void print_process(const struct tocsin_process *p)
{
	static char text[TEXT_SIZE];
	char arguments[TOCSIN_CMDLINE_SIZE];

	tocsin_output_clean(p->comm, strnlen(p->comm, sizeof(p->comm)), text, sizeof(text));
	printf(p->mm ? "%7" PRId32 " %7" PRId32 " %6" PRIu32 " %-16s "
		     : "%7" PRId32 " %7" PRId32 " %6" PRIu32 " [%s]",
	       p->pid, p->ppid, p->uid, text);
	tocsin_output_clean(p->exe, strlen(p->exe), text, sizeof(text));
	printf("%s%s", text, p->exe_id.deleted ? " (deleted)" : "");
	for (size_t i = 0; i < p->cmdline_size; i++)
		arguments[i] = p->cmdline[i] ? p->cmdline[i] : ' ';
	tocsin_output_clean(arguments, p->cmdline_size, text, sizeof(text));
	printf("%s%s%s\n", p->cmdline_size ? ": " : "", text,
	       p->confidence == TOCSIN_CONSISTENT ? "" : " (torn)");
}

/* One process. 0 or 1: how many of its parts are not to be trusted; else a negative errno. */
static int show(struct tocsin_kernel *k, const struct options *o, const struct tocsin_process *p)
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

static int show_all(struct tocsin_kernel *k, const struct options *o, struct tocsin_error *err)
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
	struct options o = {0};
	struct tocsin_memory *memory = NULL;
	struct tocsin_kernel *kernel = NULL;
	struct tocsin_error err = {0};
	int rc = parse(argc, argv, &o);

	if (rc)
		return EXIT_USAGE;
	rc = open_source(&o, &memory, &err);
	if (!rc)
		rc = tocsin_kernel_open(memory, 0, &kernel, &err);
	if (!rc)
		rc = show_all(kernel, &o, &err);
	tocsin_kernel_close(kernel);
	tocsin_memory_close(memory);
	if (rc < 0)
		fprintf(stderr, "tocsin ps: %s\n", err.code ? err.message : strerror(-rc));
	return rc < 0 ? EXIT_FAILED : rc ? EXIT_PARTIAL : EXIT_DONE;
}
