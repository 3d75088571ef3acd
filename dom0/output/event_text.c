// SPDX-License-Identifier: GPL-2.0-or-later
/* Events of a watch for a person: one line each, when, where, what, who, below whom, with what. */
#include "output/event_formats.h"
#include "output/formats.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static void write_process(FILE *to, const struct tocsin_event_process *p)
{
	char text[CLEAN_SIZE];

	fprintf(to, " %" PRId32 " (%s, uid %" PRIu32 ")", p->pid,
		tocsin_text_clean(p->comm, CLEAN_SIZE, text), p->uid);
	if (p->exe[0])
		fprintf(to, " %s", tocsin_text_clean(p->exe, CLEAN_SIZE, text));
	if (p->exe_memfd || p->exe_deleted)
		fputs(p->exe_memfd ? " (memory only)" : " (deleted)", to);
	if (p->container[0])
		fprintf(to, " in container %.12s", tocsin_text_clean(p->container, 64, text));
	if (p->confidence == TOCSIN_CONTRADICTED)
		fputs(" (hides)", to);
}

/* What the other process is to this one. */
static void write_other(FILE *to, const struct tocsin_event *e)
{
	char text[CLEAN_SIZE];

	if (!e->other)
		return;
	if (e->kind == TOCSIN_EVENT_EXECUTED) {
		fprintf(to, ", was %s", tocsin_text_clean(e->other->comm, CLEAN_SIZE, text));
		fprintf(to, " %s", tocsin_text_clean(e->other->exe, CLEAN_SIZE, text));
		return;
	}
	fprintf(to, "%s %" PRId32, e->kind == TOCSIN_EVENT_HELD ? ", had by" : ", of",
		e->other->pid);
	fprintf(to, " (%s)", tocsin_text_clean(e->other->comm, CLEAN_SIZE, text));
}

static void write_socket(FILE *to, const struct tocsin_event_socket *s, int32_t fd)
{
	char local[TOCSIN_LOCAL_SIZE], remote[TOCSIN_ENDPOINT_SIZE];
	const struct tocsin_socket *k = &s->socket;
	static const char *const arrows[] = {"-", "<-", "->"};

	fprintf(to, ": %s", tocsin_socket_kind(k));
	if (tocsin_output_local(k, local)[0])
		fprintf(to, " %s", local);
	if (k->remote_port && tocsin_output_endpoint(k, true, remote)[0])
		fprintf(to, " %s %s", arrows[s->direction], remote);
	if (tocsin_socket_state(k)[0])
		fprintf(to, " %s", tocsin_socket_state(k));
	if (fd >= 0)
		fprintf(to, " fd %" PRId32, fd);
	if (k->counted)
		fprintf(to, " sent %" PRIu64 " received %" PRIu64, k->bytes_sent,
			k->bytes_received);
	if (s->confidence == TOCSIN_CONTRADICTED)
		fputs(" (hides)", to);
}

static void write_finding(FILE *to, const struct tocsin_event *e)
{
	char text[CLEAN_SIZE];

	fputc(' ', to);
	tocsin_text_rule(to, e->finding);
	fprintf(to, ": %s%s", tocsin_text_clean(e->finding->what, sizeof(e->finding->what), text),
		e->process || e->socket ? "," : "");
}

static void write_account(FILE *to, const struct tocsin_event_account *a)
{
	fprintf(to,
		" %" PRIu64 " samples, %" PRIu64 " failed, every %.1f ms (longest %.1f ms), "
		"%.2f ms each; %" PRIu64 " processes, %" PRIu64 " sockets; %" PRIu64 " started",
		a->samples, a->failed, (double)a->period / 1e6, (double)a->longest / 1e6,
		(double)a->cost / 1e6, a->processes, a->sockets, a->started);
	if (a->forks_known)
		fprintf(to, " of %" PRIu64, a->forks);
	fprintf(to, ", %" PRIu64 " connected", a->connected);
	if (a->opens_known)
		fprintf(to, " of %" PRIu64, a->opens);
	fprintf(to, ", %" PRIu64 " of unknown processes, %" PRIu64 " torn", a->strangers, a->torn);
}

void tocsin_event_describe(FILE *to, const struct tocsin_event *e)
{
	char text[CLEAN_SIZE];

	fprintf(to, "%s", tocsin_event_kind_name(e->kind));
	if (e->initial && e->kind != TOCSIN_EVENT_BEGIN)
		fputs(" before", to);
	if (e->finding)
		write_finding(to, e);
	if (e->process)
		write_process(to, e->process);
	else if (e->socket)
		fputs(" nobody", to);
	write_other(to, e);
	if (e->socket)
		write_socket(to, e->socket, e->fd);
	if (e->account)
		write_account(to, e->account);
	if (e->detail[0])
		fprintf(to, ": %s", tocsin_text_clean(e->detail, CLEAN_SIZE, text));
}

int tocsin_event_text(FILE *to, const struct tocsin_event *e)
{
	char text[CLEAN_SIZE];

	errno = 0;
	if (!tocsin_text_time(to, e->time))
		fputs("- ", to);
	fprintf(to, "%s ", tocsin_text_clean(e->guest, CLEAN_SIZE, text));
	tocsin_event_describe(to, e);
	fputc('\n', to);
	return fflush(to) || ferror(to) ? errno ? -errno : -EIO : 0;
}
