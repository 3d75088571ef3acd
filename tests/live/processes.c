// SPDX-License-Identifier: GPL-2.0-or-later
/* Print the kernel and the processes of a memory image, for processes.py to compare. */
#include "tocsin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int look_up_again(struct tocsin_kernel *k, const struct tocsin_process *p)
{
	static struct tocsin_process found;
	struct tocsin_error err = {0};

	if (tocsin_process_by_pid(k, NULL, p->pid, &found, &err) || found.task != p->task)
		return -1;
	if (p->pgd && (tocsin_process_by_cr3(k, p->pgd | 5, &found, &err) || found.task != p->task))
		return -1;
	return 0;
}

/* As /proc/PID/maps, but for the offset; [special] for what the kernel itself maps. */
static int print_maps(struct tocsin_kernel *k, const struct tocsin_process *p)
{
	struct tocsin_vma_list list;
	struct tocsin_error err = {0};
	int failed;

	if (tocsin_vma_list(k, p, &list, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	for (size_t i = 0; i < list.count; i++) {
		const struct tocsin_vma *v = &list.rows[i];

		printf("M %d %08" PRIx64 "-%08" PRIx64 " %c%c%c%c %lu %s%s%s\n", p->pid, v->start,
		       v->end, v->read ? 'r' : '-', v->write ? 'w' : '-', v->exec ? 'x' : '-',
		       v->shared ? 's' : 'p', (unsigned long)v->file.inode,
		       v->special ? "[special]" : v->path, v->file.deleted ? " (deleted)" : "",
		       v->path[0] && !v->has_file ? "?" : "");
	}
	failed = list.torn || list.truncated;
	if (failed)
		fprintf(stderr, "VMAs of %d: %zu torn\n", p->pid, list.torn);
	tocsin_vma_list_free(&list);
	return failed;
}

/* Of types that only a module has, or both, and one that there is not. */
static void print_members(struct tocsin_kernel *k)
{
	static const char *const asked[][3] = {
	    {"llc", "llc_sap", "laddr.mac"},
	    {"llc", "llc_sap", "laddr.mac[2]"},
	    {"llc", "list_head", "prev"},
	    {NULL, "llc_sap", "laddr.mac"},
	    {"no_such_module", "llc_sap", "laddr.mac"},
	};

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct tocsin_error err = {0};
		uint64_t offset = 0, size = 0;
		int rc = tocsin_kernel_member(k, asked[i][0], asked[i][1], asked[i][2], &offset,
					      &size, &err);

		printf("B %s %s %s %d %" PRIu64 " %" PRIu64 "\n", asked[i][0] ? asked[i][0] : "-",
		       asked[i][1], asked[i][2], rc, offset, size);
	}
}

/* IMAGE is a file, or "xen:DOMID". */
static int open_memory(const char *image, struct tocsin_memory **ret, struct tocsin_error *err)
{
#ifdef HAVE_XEN
	if (!strncmp(image, "xen:", 4))
		return tocsin_memory_open_xen((uint32_t)strtoul(image + 4, NULL, 10), ret, err);
#endif
	return tocsin_memory_open_dump(image, ret, err);
}

int main(int argc, char **argv)
{
	struct tocsin_process_list list;
	struct tocsin_error err = {0};
	struct tocsin_memory *m;
	struct tocsin_kernel *k;
	int failed = 0;

	if (argc != 2 || open_memory(argv[1], &m, &err) || tocsin_kernel_open(m, 0, &k, &err) ||
	    tocsin_process_list(k, &list, &err)) {
		fprintf(stderr, "%s\n", argc == 2 ? err.message : "usage: processes IMAGE");
		return 1;
	}
	printf("_text %" PRIx64 "\nlevels %d pti %d\nrelease %s\n", tocsin_kernel_info(k)->text_va,
	       tocsin_kernel_info(k)->levels, tocsin_kernel_info(k)->pti,
	       tocsin_kernel_info(k)->release);
	for (size_t i = 0; i < list.count; i++) {
		const struct tocsin_process *p = &list.rows[i];

		printf("P %d %d %u:%u:%u:%u exe=%s%s cmd=", p->pid, p->ppid, p->uid, p->euid,
		       p->suid, p->fsuid, p->exe, p->exe_id.deleted ? " (deleted)" : "");
		for (size_t b = 0; b < p->cmdline_size; b++)
			putchar(p->cmdline[b] ? p->cmdline[b] : '|');
		printf("\n");
		failed |= print_maps(k, p);
		if (p->confidence != TOCSIN_CONSISTENT || look_up_again(k, p)) {
			fprintf(stderr, "process %d: %s, or not found again\n", p->pid,
				tocsin_confidence_name(p->confidence));
			failed = 1;
		}
	}
	print_members(k);
	failed |= tocsin_kernel_verify(k, 0) != 0 || list.truncated;
	tocsin_process_list_free(&list);
	tocsin_kernel_close(k);
	tocsin_memory_close(m);
	return failed;
}
