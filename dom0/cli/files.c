// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin files GUEST [PID] [--json]: the open files of a guest's processes.
 * tocsin net GUEST [PID] [--json]: those of them that are sockets, with their connections.
 */
#include "cli/command.h"
#include "cli/guest.h"
#include "output/output.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct show {
	void (*head)(void);
	int (*row)(const struct tocsin_process *p, const struct tocsin_file *f);
	int (*json)(FILE *to, const struct tocsin_process *p, const struct tocsin_file *f);
	bool sockets_only;
};

static const char *torn(const struct tocsin_file *f)
{
	return f->confidence == TOCSIN_CONSISTENT ? "" : " (torn)";
}

static void files_head(void)
{
	printf("%7s %-16s %5s %-4s %-6s %s\n", "PID", "NAME", "FD", "MODE", "TYPE", "FILE");
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

static int files_row(const struct tocsin_process *p, const struct tocsin_file *f)
{
	static const char *const modes[] = {"r", "w", "rw", "-"};

	printf("%7" PRId32 " %-16s %5" PRId32 " %-4s %-6s %s%s%s\n", p->pid,
	       guest_text(p->comm, strnlen(p->comm, sizeof(p->comm))), f->fd,
	       modes[f->flags & O_ACCMODE], file_type(f->mode),
	       guest_text(f->path, strlen(f->path)), f->id.deleted ? " (deleted)" : "", torn(f));
	return 0;
}

static void net_head(void)
{
	printf("%-7s %-11s %7s %7s %-28s %-28s %7s %-16s %5s\n", "KIND", "STATE", "RECV-Q",
	       "SEND-Q", "LOCAL", "REMOTE", "PID", "NAME", "FD");
}

/* "ADDRESS:PORT"; of other families "". */
static const char *endpoint(const struct tocsin_socket *s, const uint8_t *address, uint16_t port,
			    char ret[INET6_ADDRSTRLEN + 16])
{
	char text[INET6_ADDRSTRLEN] = "";

	ret[0] = 0;
	if ((s->family == AF_INET || s->family == AF_INET6) &&
	    inet_ntop(s->family, address, text, sizeof(text)))
		snprintf(ret, INET6_ADDRSTRLEN + 16, s->family == AF_INET ? "%s:%u" : "[%s]:%u",
			 text, port);
	return ret;
}

static int net_row(const struct tocsin_process *p, const struct tocsin_file *f)
{
	const struct tocsin_socket *s = &f->socket;
	char local[INET6_ADDRSTRLEN + 16], remote[INET6_ADDRSTRLEN + 16];
	const char *name = guest_text(s->name, s->name_size);

	if (s->name_size && !s->name[0]) { /* abstract: the cleaned NUL is \x00 */
		static char abstract[4 * TOCSIN_SOCKET_NAME_SIZE + 2];

		snprintf(abstract, sizeof(abstract), "@%s", name + strlen("\\x00"));
		name = abstract;
	}
	printf("%-7s %-11s %7" PRIu32 " %7" PRIu32 " %-28s %-28s %7" PRId32 " %-16s %5" PRId32
	       "%s\n",
	       tocsin_socket_kind(s), tocsin_socket_state(s), s->receive_queue, s->send_queue,
	       s->family == AF_UNIX ? name : endpoint(s, s->local, s->local_port, local),
	       endpoint(s, s->remote, s->remote_port, remote), p->pid,
	       guest_text(p->comm, strnlen(p->comm, sizeof(p->comm))), f->fd, torn(f));
	return 0;
}

/* The files of one process; 1: not all of them, or not all to be trusted. */
static int show_process(struct tocsin_kernel *k, const struct show *show, bool json,
			const struct tocsin_process *p)
{
	struct tocsin_file_list list;
	struct tocsin_error err = {0};
	int rc = tocsin_file_list(k, p, &list, &err), partial;

	if (rc) {
		fprintf(stderr, "tocsin: %s\n", err.message);
		return 1;
	}
	partial = list.torn || list.truncated;
	for (size_t i = 0; i < list.count && rc >= 0; i++)
		if (!show->sockets_only || list.rows[i].is_socket)
			rc = (json ? show->json(stdout, p, &list.rows[i])
				   : show->row(p, &list.rows[i]));
	tocsin_file_list_free(&list);
	return rc < 0 ? rc : partial;
}

static int show_one(struct tocsin_kernel *k, const struct show *show, const struct guest_options *o,
		    struct tocsin_error *err)
{
	static struct tocsin_process p;
	int rc = tocsin_process_by_pid(k, NULL, o->pid, &p, err);

	return rc ? rc : show_process(k, show, o->json, &p);
}

static int run(struct tocsin_kernel *k, const struct show *show, const struct guest_options *o,
	       struct tocsin_error *err)
{
	struct tocsin_process_list list;
	int rc, partial;

	if (!o->json)
		show->head();
	if (o->pid)
		return show_one(k, show, o, err);
	rc = tocsin_process_list(k, &list, err);
	if (rc)
		return rc;
	partial = list.truncated;
	for (size_t i = 0; i < list.count && rc >= 0; i++) {
		rc = show_process(k, show, o->json, &list.rows[i]);
		partial |= rc > 0;
	}
	tocsin_process_list_free(&list);
	return rc < 0 ? tocsin_error_set(err, rc, "cannot print: %s", strerror(-rc)) : partial;
}

static int show_files(struct tocsin_kernel *k, const struct guest_options *o,
		      struct tocsin_error *err)
{
	static const struct show show = {files_head, files_row, tocsin_output_file_json, false};

	return run(k, &show, o, err);
}

static int show_net(struct tocsin_kernel *k, const struct guest_options *o,
		    struct tocsin_error *err)
{
	static const struct show show = {net_head, net_row, tocsin_output_socket_json, true};

	return run(k, &show, o, err);
}

int command_files(int argc, char **argv)
{
	return guest_run(argc, argv, GUEST_PID, show_files);
}

int command_net(int argc, char **argv)
{
	return guest_run(argc, argv, GUEST_PID, show_net);
}
