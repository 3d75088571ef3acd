/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets of a kind that programs seldom need, sockets in the hands of programs that left no file,
 * and the oldest back door of all: a shell whose input and output are a connection.
 */
#include "scan/scanners.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const shells[] = {"sh",  "bash", "dash",    "zsh",  "ksh", "ash",
				     "csh", "tcsh", "busybox", "fish", "mksh"};

static bool is_shell(const struct tocsin_process *p)
{
	const char *base = strrchr(p->exe, '/');
	size_t i;

	base = base ? base + 1 : p->comm;
	for (i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
		if (!strcmp(base, shells[i]))
			return true;
	return false;
}

static bool is_inet(const struct tocsin_socket *s)
{
	return s->family == AF_INET || s->family == AF_INET6;
}

/* Descriptors 0 to 2 that are connected to another machine, or to this one's network. */
static void scan_standard(const struct tocsin_scan_target *t, struct tocsin_findings *findings)
{
	struct tocsin_finding *f;
	unsigned int connected = 0;
	uint64_t sock = 0;

	for (size_t i = 0; i < t->files->count; i++) {
		const struct tocsin_file *file = &t->files->rows[i];

		if (file->confidence != TOCSIN_CONSISTENT || file->fd > 2 || !file->is_socket ||
		    !is_inet(&file->socket) || file->socket.state != TCP_ESTABLISHED)
			continue;
		if (!sock)
			sock = file->socket.sock;
		if (file->socket.sock == sock)
			connected |= 1u << file->fd;
	}
	if ((connected & 3) != 3)
		return;
	f = tocsin_scan_add(findings, is_shell(t->process) ? "network.shell-on-socket"
							   : "network.stdio-on-socket");
	if (f)
		snprintf(f->what, sizeof(f->what),
			 "%.160s reads its input from and writes its output to one connection",
			 t->process->exe);
}

static void scan_socket(const struct tocsin_scan_target *t, const struct tocsin_file *file,
			struct tocsin_findings *findings)
{
	const struct tocsin_socket *s = &file->socket;
	const struct tocsin_file_id *id = &t->process->exe_id;
	struct tocsin_finding *f = NULL;

	if (s->family == AF_PACKET)
		f = tocsin_scan_add(findings, "network.packet-socket");
	else if (is_inet(s) && s->type == SOCK_RAW)
		f = tocsin_scan_add(findings, "network.raw-socket");
	if (f)
		snprintf(f->what, sizeof(f->what), "descriptor %" PRId32 " is a %s socket",
			 file->fd, s->family == AF_PACKET ? "packet" : "raw");
	if ((id->memfd || id->deleted) && (is_inet(s) || s->family == AF_PACKET)) {
		f = tocsin_scan_add(findings, "network.fileless-program");
		if (f && !id->memfd)
			f->severity = TOCSIN_SEVERITY_MEDIUM; /* upgrades delete files too */
		if (f)
			snprintf(f->what, sizeof(f->what),
				 "descriptor %" PRId32 " is a socket (%s), and the program is %s",
				 file->fd, tocsin_socket_kind(s),
				 id->memfd ? "in memory only" : "deleted");
	}
}

int tocsin_scan_network(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
			struct tocsin_error *err)
{
	if (!t->files)
		return 0;
	for (size_t i = 0; i < t->files->count; i++)
		if (t->files->rows[i].confidence == TOCSIN_CONSISTENT &&
		    t->files->rows[i].is_socket)
			scan_socket(t, &t->files->rows[i], findings);
	scan_standard(t, findings);
	return 0;
}
