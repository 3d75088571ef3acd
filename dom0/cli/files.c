// SPDX-License-Identifier: GPL-2.0-or-later
/* tocsin files GUEST [PID] [--json]: the open files of a guest's processes. */
#include "cli/command.h"
#include "cli/fold.h"
#include "cli/guest.h"
#include "output/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void print_head(void)
{
	fold_table("FILE", "%7s %-16s %5s %-4s %-6s ", "PID", "NAME", "FD", "MODE", "TYPE");
}

static const char *file_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "dir";
	case S_IFCHR:
		return "char";
	case S_IFBLK:
		return "block";
	case S_IFIFO:
		return "pipe";
	case S_IFSOCK:
		return "socket";
	case S_IFLNK:
		return "link";
	default:
		return "other";
	}
}

static int print_row(const struct tocsin_process *p, const struct tocsin_file *f)
{
	static const char *const modes[] = {"r", "w", "rw", "-"};

	printf("%7" PRId32 " %-16s %5" PRId32 " %-4s %-6s %s%s%s\n", p->pid,
	       guest_text(p->comm, strnlen(p->comm, sizeof(p->comm))), f->fd,
	       modes[f->flags & O_ACCMODE], file_type(f->mode),
	       guest_text(f->path, strlen(f->path)), f->id.deleted ? " (deleted)" : "",
	       f->confidence == TOCSIN_CONSISTENT ? "" : " (torn)");
	return 0;
}

static int show_row(const struct tocsin_process *p, const struct tocsin_file *f, bool json,
		    void *context)
{
	return json ? tocsin_output_file_json(stdout, p, f) : print_row(p, f);
}

static int show(struct tocsin_kernel *k, const struct guest_options *o, struct tocsin_error *err)
{
	if (!o->json)
		print_head();
	return guest_files(k, o, show_row, NULL, err);
}

int command_files(int argc, char **argv)
{
	return guest_run(argc, argv, GUEST_PID, show);
}
