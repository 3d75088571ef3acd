// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/ports.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* Nanoseconds by which times of packets and of calls may differ; and how long data may wait for
 * who is not known to have had the socket then. */
#define SLACK 100000000u
#define WAIT 2000000000u

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static size_t bucket_of(uint16_t port)
{
	return port % TRACE_PORT_BUCKETS * TRACE_PORT_WAYS;
}

static bool is_unconnected(const struct tocsin_socket *s)
{
	return (s->family == AF_INET || s->family == AF_INET6) && s->protocol == IPPROTO_UDP &&
	       s->local_port && !s->remote_port && s->sock;
}

/* Which of the two is less of a loss: none, one that has ended, the older. */
static bool is_less(const struct trace_ports *p, size_t x, size_t y)
{
	if (!p->socks[x] || !p->socks[y])
		return !p->socks[x] && p->socks[y];
	if (!p->users[x].ended != !p->users[y].ended)
		return p->users[x].ended;
	return p->users[x].began < p->users[y].began;
}

/* The user's place, or that of the one who makes room for it. */
static size_t place_of(const struct trace_ports *p, const struct tocsin_trace_event *e)
{
	size_t first = bucket_of(e->socket->local_port), ret = first;

	for (size_t i = first; i < first + TRACE_PORT_WAYS; i++) {
		const struct trace_port_user *u = &p->users[i];

		if (p->socks[i] == e->socket->sock && u->port == e->socket->local_port &&
		    !u->ended && u->who.pid == e->who->pid &&
		    u->who.start_time == e->who->start_time)
			return i;
		if (is_less(p, i, ret))
			ret = i;
	}
	return ret;
}

void trace_ports_note(struct trace_ports *p, const struct tocsin_trace_event *e)
{
	const struct tocsin_socket *s = e->socket;
	struct trace_port_user *u;
	size_t i;

	if ((e->kind != TOCSIN_TRACE_BOUND && e->kind != TOCSIN_TRACE_SENT &&
	     e->kind != TOCSIN_TRACE_RECEIVED) ||
	    !s || !e->who || !is_unconnected(s))
		return;
	i = place_of(p, e);
	u = &p->users[i];
	if (p->socks[i] != s->sock || u->ended || u->port != s->local_port ||
	    u->who.pid != e->who->pid || u->who.start_time != e->who->start_time) {
		*u = (struct trace_port_user){.began = e->time,
					      .who = *e->who,
					      .family = s->family,
					      .port = s->local_port,
					      .sure = true};
		memcpy(u->local, s->local, sizeof(u->local));
		p->socks[i] = s->sock;
	}
	strncpy(u->comm, e->who->comm, TOCSIN_COMM_SIZE);
	u->sure = u->sure && e->resolved;
	u->sent |= e->kind == TOCSIN_TRACE_SENT;
	u->received |= e->kind == TOCSIN_TRACE_RECEIVED;
}

void trace_ports_close(struct trace_ports *p, uint64_t sock, uint64_t time)
{
	for (size_t i = 0; sock && i < TRACE_PORT_USERS; i++)
		if (p->socks[i] == sock && !p->users[i].ended)
			p->users[i].ended = time;
}

void trace_ports_doubt(struct trace_ports *p)
{
	for (size_t i = 0; i < TRACE_PORT_USERS; i++)
		p->users[i].sure = p->users[i].sure && p->users[i].ended;
}

/* ---- what was captured ---- */

/* May what was captured be of a socket with this address? */
static bool has_address(const struct trace_port_user *u, const struct tocsin_socket *s)
{
	static const uint8_t any[16];
	bool four = s->family == AF_INET;

	if (u->family == AF_INET)
		return four && (!memcmp(u->local, any, 4) || !memcmp(u->local, s->local, 4));
	if (!memcmp(u->local, any, 16))
		return true;
	return four ? !memcmp(u->local, mapped, 12) && !memcmp(u->local + 12, s->local, 4)
		    : !memcmp(u->local, s->local, 16);
}

/* When the socket was there first, whoever used it. */
static uint64_t first_of(const struct trace_ports *p, size_t user)
{
	size_t first = bucket_of(p->users[user].port);
	uint64_t ret = p->users[user].began;

	for (size_t i = first; i < first + TRACE_PORT_WAYS; i++)
		if (p->socks[i] == p->socks[user] && p->users[i].port == p->users[user].port &&
		    p->users[i].began < ret && p->users[i].ended == p->users[user].ended)
			ret = p->users[i].began;
	return ret;
}

static bool may_be_of(const struct trace_ports *p, size_t user,
		      const struct tocsin_trace_event *flow)
{
	const struct trace_port_user *u = &p->users[user];

	return p->socks[user] && u->port == flow->socket->local_port &&
	       has_address(u, flow->socket) && flow->time + WAIT >= first_of(p, user) &&
	       (!u->ended || flow->since <= u->ended + SLACK);
}

static int tell(const struct trace_port_user *u, const struct tocsin_trace_event *flow, bool sure,
		tocsin_trace_take *take, void *context)
{
	struct tocsin_event_process who = u->who;
	struct tocsin_trace_event e = *flow;
	int rc = 0;

	who.comm = u->comm;
	who.exe = who.cmdline = who.container = "";
	e.who = &who;
	e.resolved = flow->resolved && u->sure && sure;
	if (u->sent && flow->socket->bytes_sent) {
		e.kind = TOCSIN_TRACE_SENT;
		e.since = u->began < flow->since  ? flow->since
			  : u->began < flow->time ? u->began
						  : flow->time;
		rc = take(&e, context);
	}
	if (rc || !u->received || !flow->socket->bytes_received)
		return rc;
	/* It may have waited for who took it. */
	e.kind = TOCSIN_TRACE_RECEIVED;
	e.since = flow->since;
	e.time = u->began > flow->time ? u->began : flow->time;
	return take(&e, context);
}

int trace_ports_join(const struct trace_ports *p, const struct tocsin_trace_event *flow,
		     tocsin_trace_take *take, void *context)
{
	size_t first = bucket_of(flow->socket ? flow->socket->local_port : 0);
	uint64_t sock = 0;
	bool sure = true;
	int rc = 0;

	if (!flow->socket || flow->kind != TOCSIN_TRACE_FLOW ||
	    flow->socket->protocol != IPPROTO_UDP)
		return 0;
	for (size_t i = first; i < first + TRACE_PORT_WAYS; i++) {
		if (!may_be_of(p, i, flow))
			continue;
		sure =
		    sure && (!sock || sock == p->socks[i]) && flow->since + SLACK >= first_of(p, i);
		sock = p->socks[i];
	}
	for (size_t i = first; i < first + TRACE_PORT_WAYS && !rc; i++)
		if (may_be_of(p, i, flow))
			rc = tell(&p->users[i], flow, sure, take, context);
	return rc;
}
