// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin net GUEST [PID] [--json]: the sockets that the guest's processes hold, then the TCP and
 * UDP sockets that no process holds: in TIME_WAIT, half open, not accepted yet, or of one that
 * hides.
 */
#include "cli/command.h"
#include "cli/guest.h"
#include "output/output.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The sockets that were seen in a process's hands. */
struct held {
	uint64_t *socks;
	size_t count, room;
};

static void print_head(void)
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

/* p and fd: who holds it; NULL: nobody. */
static int print_row(const struct tocsin_process *p, int32_t fd, enum tocsin_confidence confidence,
		     const struct tocsin_socket *s)
{
	char local[INET6_ADDRSTRLEN + 16], remote[INET6_ADDRSTRLEN + 16];
	const char *name = guest_text(s->name, s->name_size);

	if (s->name_size && !s->name[0]) { /* abstract: the cleaned NUL is \x00 */
		static char abstract[4 * TOCSIN_SOCKET_NAME_SIZE + 2];

		snprintf(abstract, sizeof(abstract), "@%s", name + strlen("\\x00"));
		name = abstract;
	}
	printf("%-7s %-11s %7" PRIu32 " %7" PRIu32 " %-28s %-28s ", tocsin_socket_kind(s),
	       tocsin_socket_state(s), s->receive_queue, s->send_queue,
	       s->family == AF_UNIX ? name : endpoint(s, s->local, s->local_port, local),
	       endpoint(s, s->remote, s->remote_port, remote));
	if (p)
		printf("%7" PRId32 " %-16s %5" PRId32, p->pid,
		       guest_text(p->comm, strnlen(p->comm, sizeof(p->comm))), fd);
	else
		printf("%7s %-16s %5s", "-", "-", "-");
	puts(confidence == TOCSIN_CONSISTENT ? "" : " (torn)");
	return 0;
}

static int hold(struct held *h, uint64_t sock)
{
	if (h->count == h->room) {
		size_t room = h->room ? h->room * 2 : 64;
		void *more = reallocarray(h->socks, room, sizeof(*h->socks));

		if (!more)
			return -ENOMEM;
		h->socks = more;
		h->room = room;
	}
	h->socks[h->count++] = sock;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int show_held(const struct tocsin_process *p, const struct tocsin_file *f, bool json,
		     void *context)
{
	int rc;

	if (!f->is_socket)
		return 0;
	rc = hold(context, f->socket.sock);
	if (rc)
		return rc;
	return json ? tocsin_output_socket_json(stdout, p, f->fd, f->confidence, &f->socket)
		    : print_row(p, f->fd, f->confidence, &f->socket);
}

static int show_others(struct tocsin_kernel *k, const struct guest_options *o, struct held *h,
		       struct tocsin_error *err)
{
	struct tocsin_socket_list list;
	int rc = tocsin_socket_list(k, &list, err), partial;

	if (rc)
		return rc;
	if (h->count)
		qsort(h->socks, h->count, sizeof(*h->socks), compare);
	partial = list.torn || list.truncated;
	for (size_t i = 0; i < list.count && !rc; i++) {
		const struct tocsin_socket_row *r = &list.rows[i];

		if (h->count &&
		    bsearch(&r->socket.sock, h->socks, h->count, sizeof(*h->socks), compare))
			continue;
		rc = o->json
			 ? tocsin_output_socket_json(stdout, NULL, -1, r->confidence, &r->socket)
			 : print_row(NULL, -1, r->confidence, &r->socket);
	}
	tocsin_socket_list_free(&list);
	return rc ? rc : partial;
}

static int show(struct tocsin_kernel *k, const struct guest_options *o, struct tocsin_error *err)
{
	struct held held = {0};
	int rc, more = 0;

	if (!o->json)
		print_head();
	rc = guest_files(k, o, show_held, &held, err);
	if (rc >= 0 && !o->pid)
		more = show_others(k, o, &held, err);
	free(held.socks);
	return rc < 0 || more < 0 ? (rc < 0 ? rc : more) : rc | more;
}

int command_net(int argc, char **argv)
{
	return guest_run(argc, argv, GUEST_PID, show);
}
