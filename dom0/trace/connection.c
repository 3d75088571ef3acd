// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sockets. One that is closed at once is gone before it is read, and a connection that was refused
 * has lost its port by then. Two things are left of it.
 *
 * Its memory keeps the addresses until it is used again; that is seen, since what makes a socket of
 * memory is traced. So what is left of a socket that was not made anew is its own, if it says which
 * protocol's it is.
 *
 * A TCP connection chooses its local port by a digest of the addresses. The function that computes
 * it has both addresses and the remote port in registers, by value, and is called by nobody else:
 * the next thing that its thread does is to connect there.
 */
#include "introspect/file.h"
#include "trace/moment.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const struct {
	const char *symbol;
	uint16_t type, protocol;
} protocols[TRACE_PROTOCOLS] = {{"tcp_prot", SOCK_STREAM, IPPROTO_TCP},
				{"tcpv6_prot", SOCK_STREAM, IPPROTO_TCP},
				{"udp_prot", SOCK_DGRAM, IPPROTO_UDP},
				{"udpv6_prot", SOCK_DGRAM, IPPROTO_UDP}};

#define ENDS_TIME 100000000u /* nanoseconds between the choice of a port and the connection */

void trace_protocols_find(struct tocsin_traced_events *ev)
{
	for (size_t i = 0; i < TRACE_PROTOCOLS; i++)
		if (tocsin_kernel_symbol(ev->k, protocols[i].symbol, &ev->protocols[i]))
			ev->protocols[i] = 0;
}

/* ---- where a thread is about to connect to ---- */

static struct trace_ends *ends_of(const struct trace_moment *m)
{
	uint64_t stack = tocsin_who_stack(m->ev->who, m->call->rsp);

	return &m->ev->ends[trace_slot(stack, TRACE_ENDS)];
}

static bool is_parameter(const struct tocsin_function *f, unsigned int i, const char *name,
			 uint8_t size)
{
	return f->typed && i < f->count && !strcmp(f->parameters[i].name, name) &&
	       f->parameters[i].size == size;
}

/* (saddr, daddr, dport), of IPv6 the addresses as pointers into the socket. */
int trace_take_ends(struct trace_moment *m)
{
	const struct tocsin_function *f = m->function;
	bool six = f->typed && f->count && f->parameters[0].pointer;
	uint8_t size = six ? 8 : 4;
	struct trace_ends *e = ends_of(m);

	*e = (struct trace_ends){0};
	if (!m->call->wide || !is_parameter(f, 0, "saddr", size) ||
	    !is_parameter(f, 1, "daddr", size) || !is_parameter(f, 2, "dport", 2))
		return 0;
	e->stack = tocsin_who_stack(m->ev->who, m->call->rsp);
	e->time = m->time;
	e->port = (uint16_t)m->args[2];
	if (six) {
		e->six = m->args[1];
	} else {
		e->local = (uint32_t)m->args[0];
		e->remote = (uint32_t)m->args[1];
	}
	return 0;
}

void trace_ends_forget(const struct trace_moment *m)
{
	ends_of(m)->stack = 0;
}

static bool is_of_tcp(const struct tocsin_trace_row *row)
{
	return row->kind == TOCSIN_TRACE_CONNECTED && !strcmp(row->names[0], "tcp_connect");
}

/* What this thread's call before said; false: nothing. */
static bool recall_ends(const struct trace_moment *m, struct trace_ends *ret)
{
	*ret = *ends_of(m);
	trace_ends_forget(m);
	return is_of_tcp(m->row) && ret->stack && m->time - ret->time < ENDS_TIME &&
	       ret->stack == tocsin_who_stack(m->ev->who, m->call->rsp);
}

/* ---- what a socket's memory has ---- */

static bool is_inet(const struct tocsin_socket *s)
{
	return s->family == AF_INET || s->family == AF_INET6;
}

static bool read_protocol(const struct trace_moment *m, uint64_t sk, struct tocsin_socket *s)
{
	uint32_t at = m->ev->k->object ? m->ev->k->object->sock_protocol : TOCSIN_NO_MEMBER;
	uint64_t protocol;

	if (at == TOCSIN_NO_MEMBER || tocsin_kernel_read_u64(m->ev->k, sk + at, &protocol))
		return false;
	for (size_t i = 0; i < TRACE_PROTOCOLS; i++) {
		if (!protocol || m->ev->protocols[i] != protocol)
			continue;
		s->type = protocols[i].type;
		s->protocol = protocols[i].protocol;
		return true;
	}
	return false;
}

/* Of a socket that is gone or disconnected. false: nothing, or it is not one of TCP or UDP. */
static bool read_remains(const struct trace_moment *m, uint64_t sk, struct tocsin_socket *ret)
{
	struct tocsin_socket s = {.sock = sk};
	const struct tocsin_file_layout *f;
	struct tocsin_kernel *k = m->ev->k;
	uint32_t sport = k->object ? k->object->sock_port : TOCSIN_NO_MEMBER, size = 4;
	uint32_t remote, local;
	uint16_t port = 0, own = 0;

	if (!sk || tocsin_file_layout(k, &f, NULL) || !read_protocol(m, sk, &s) ||
	    tocsin_kernel_read(k, sk + f->sk_family, &s.family, sizeof(s.family)) || !is_inet(&s))
		return false;
	remote = f->sk_daddr;
	local = f->sk_saddr;
	if (s.family == AF_INET6) {
		remote = f->sk_daddr6;
		local = f->sk_saddr6;
		size = 16;
	}
	if (remote == TOCSIN_NO_MEMBER || local == TOCSIN_NO_MEMBER || sport == TOCSIN_NO_MEMBER ||
	    tocsin_kernel_read(k, sk + remote, s.remote, size) ||
	    tocsin_kernel_read(k, sk + local, s.local, size) ||
	    tocsin_kernel_read(k, sk + f->sk_dport, &port, sizeof(port)) ||
	    tocsin_kernel_read(k, sk + sport, &own, sizeof(own)))
		return false;
	s.remote_port = ntohs(port);
	s.local_port = ntohs(own);
	*ret = s;
	return true;
}

/* The IPv4 address that it is connected to, also if it is one of IPv6; 0: none. */
static uint32_t remote4(const struct tocsin_socket *s)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint32_t ret = 0;

	if (s->family == AF_INET)
		memcpy(&ret, s->remote, sizeof(ret));
	else if (s->family == AF_INET6 && !memcmp(s->remote, mapped, sizeof(mapped)))
		memcpy(&ret, s->remote + 12, sizeof(ret));
	return ret;
}

static bool has_ends(const struct tocsin_socket *s)
{
	return s->remote_port && s->local_port;
}

/* What was carried by value is of this connection, or of one before it that failed after its port
 * was chosen. So what was read goes first, if it is all there: should its memory be another's by
 * then, that is seen. */
static bool add_carried(const struct trace_moment *m, bool known, struct tocsin_socket *s,
			struct tocsin_socket *carried)
{
	const struct tocsin_file_layout *f;
	struct trace_ends e;
	uint16_t port;

	if (!recall_ends(m, &e))
		return known;
	port = ntohs(e.port);
	if (e.six) {
		if (!known || s->family != AF_INET6 || tocsin_file_layout(m->ev->k, &f, NULL) ||
		    e.six != m->va + f->sk_daddr6 || (s->remote_port && s->remote_port != port))
			return known && has_ends(s);
		s->remote_port = port;
		return true;
	}
	*carried = (struct tocsin_socket){.family = AF_INET,
					  .type = SOCK_STREAM,
					  .protocol = IPPROTO_TCP,
					  .sock = m->call->seq,
					  .remote_port = port};
	memcpy(carried->local, &e.local, sizeof(e.local));
	memcpy(carried->remote, &e.remote, sizeof(e.remote));
	if (!known || remote4(s) != e.remote || (s->remote_port && s->remote_port != port))
		return known && has_ends(s);
	s->family = AF_INET;
	s->remote_port = port;
	memset(s->local, 0, sizeof(s->local));
	memset(s->remote, 0, sizeof(s->remote));
	memcpy(s->local, &e.local, sizeof(e.local));
	memcpy(s->remote, &e.remote, sizeof(e.remote));
	return true;
}

/* ---- events ---- */

static struct known_socket *known_at(const struct trace_moment *m, uint64_t va)
{
	return &m->ev->sockets[trace_slot(va, TRACE_SOCKETS)];
}

/* One of which no end was seen, or not surely, is over by now: by then it was known as it was told,
 * and nobody says who ended it. */
static int end_socket(struct trace_moment *m, struct known_socket *s)
{
	bool told_as_read = s->read < m->time;
	struct known_socket was = *s;
	struct trace_pending *p;

	*s = (struct known_socket){0};
	if (!was.lasts)
		return 0;
	p = trace_begin(m);
	p->kind = TOCSIN_TRACE_CLOSED;
	p->has_who = false;
	p->has_socket = true;
	p->resolved = was.certain && told_as_read;
	p->read = was.read;
	if (told_as_read)
		p->socket = was.socket;
	else if (was.carried.family)
		p->socket = was.carried;
	else
		p->socket = (struct tocsin_socket){.sock = was.number};
	return trace_add(m, p);
}

int trace_sockets_end(struct trace_moment *m)
{
	int rc = 0;

	for (size_t i = 0; m->who.found && i < TRACE_SOCKETS && !rc; i++) {
		struct known_socket *s = &m->ev->sockets[i];

		if (s->va && !s->certain && s->pid == m->who.pid &&
		    s->start_time == m->who.start_time)
			rc = end_socket(m, s);
	}
	return rc;
}

static int remember(struct trace_moment *m, struct trace_pending *p, bool certain)
{
	struct known_socket *s = known_at(m, p->key);
	int rc = 0;

	if (!p->key)
		return 0;
	p->read = trace_clock(m);
	if (s->va == p->key && !s->certain && s->read < m->time)
		rc = end_socket(m, s);
	*s = (struct known_socket){.va = p->key,
				   .read = p->read,
				   .socket = p->socket,
				   .carried = p->carried,
				   .number = p->number,
				   .pid = p->who.pid,
				   .start_time = p->who.start_time,
				   .lasts = p->kind == TOCSIN_TRACE_CONNECTED ||
					    p->kind == TOCSIN_TRACE_ACCEPTED,
				   .certain = certain};
	return rc;
}

/* It is sure only while it is seen when memory becomes a socket. */
static int add_socket(struct trace_moment *m, uint64_t sk, const struct tocsin_socket *s,
		      bool certain, const struct tocsin_socket *carried)
{
	struct trace_pending *p = trace_begin(m);
	int rc = 0, added;

	certain = certain && s && m->ev->sockets_told;
	p->has_socket = true;
	p->key = sk;
	p->carried = *carried;
	if (s) {
		p->socket = *s;
		p->resolved = p->resolved && certain;
	} else {
		trace_pending_unresolve(p);
	}
	if (s || carried->family)
		rc = remember(m, p, certain);
	added = trace_add(m, p);
	return rc ? rc : added;
}

/* Bound, or listening. */
static int take_near(struct trace_moment *m)
{
	static const struct tocsin_socket none;
	bool known = trace_read_object(m, m->row->object, m->va);
	const struct tocsin_socket *s = &m->ev->object.socket;

	if (known && !is_inet(s))
		return 0;
	return add_socket(m, known ? s->sock : 0, known ? s : NULL, known, &none);
}

int trace_take_socket(struct trace_moment *m)
{
	bool connects = m->row->kind == TOCSIN_TRACE_CONNECTED, known;
	struct tocsin_socket *s = &m->ev->object.socket, carried = {0};

	if (!connects && m->row->kind != TOCSIN_TRACE_ACCEPTED)
		return take_near(m);
	if (!connects)
		trace_socket_joined(m, trace_argument(m, 1), m->va);
	known = trace_read_object(m, m->row->object, m->va);
	/* Also UNIX sockets and those of other families are grafted. */
	if (known && !is_inet(s))
		return 0;
	/* Connected once more: what was read of it before was not of then. */
	if (connects)
		trace_queue_redone(&m->ev->queue, m->row->kind, m->va, m->time);
	if (!known || !has_ends(s))
		known = read_remains(m, m->va, s);
	known = add_carried(m, known, s, &carried) && s->remote_port;
	return add_socket(m, m->va, known ? s : NULL, s->local_port, &carried);
}

int trace_set_socket(struct trace_moment *m, uint64_t sk, struct trace_pending *p)
{
	const struct known_socket *s = known_at(m, sk);
	struct tocsin_socket *now = &m->ev->object.socket;
	bool known, certain = sk && s->va == sk && s->certain;

	p->has_socket = true;
	p->key = sk;
	if (sk && s->va == sk) {
		p->socket = s->socket;
		p->carried = s->carried;
		p->read = s->read;
		known = true;
	} else {
		known = trace_read_object(m, "sock", sk);
		if (!known || (is_inet(now) && !has_ends(now)))
			known = read_remains(m, sk, now) || known;
		if (known)
			p->socket = *now;
		certain = known && m->ev->sockets_told;
	}
	p->resolved = p->resolved && certain;
	if (!known)
		trace_pending_unresolve(p);
	else if (s->va != sk && ((is_inet(&p->socket) && p->socket.local_port) || p->socket.peer))
		return remember(m, p, certain);
	return 0;
}

int trace_take_made(struct trace_moment *m)
{
	struct known_socket *s = known_at(m, m->va);

	trace_queue_reused(&m->ev->queue, m->va, m->time);
	m->ev->sockets_told = true;
	return s->va == m->va ? end_socket(m, s) : 0;
}

void trace_sockets_doubt(struct tocsin_traced_events *ev, uint64_t since)
{
	ev->sockets_told = false;
	trace_queue_doubt(&ev->queue, TRACE_DOUBT_SOCKETS, since);
	trace_ports_doubt(&ev->ports);
	for (size_t i = 0; i < TRACE_SOCKETS; i++)
		if (ev->sockets[i].read >= since)
			ev->sockets[i].certain = false;
}

/* What is closed is what it seemed, or a connection that is none but itself. */
static bool is_known(const struct known_socket *s)
{
	return s->certain || (s->carried.family && s->carried.sock == s->socket.sock);
}

/* Also of what is not known any more. */
static int close_port(struct trace_moment *m)
{
	struct trace_pending *p;

	if (!m->va || strcmp(m->row->names[0], "sk_common_release") != 0)
		return 0;
	p = trace_begin(m);
	p->silent = true;
	p->socket.sock = m->va;
	return trace_add(m, p);
}

static int take_closed(struct trace_moment *m)
{
	struct known_socket *s = known_at(m, m->va);
	struct tocsin_socket last;
	struct trace_pending *p;

	/* Of what is not known, this may be another's end: it lasts until its maker ends, or its
	 * memory is made anew. */
	if (!m->va || s->va != m->va || !is_known(s))
		return 0;
	p = trace_begin(m);
	p->has_socket = true;
	p->socket = s->socket;
	p->carried = s->carried;
	/* If its memory was another's when it was read, it is not known which is closed. */
	p->key = m->va;
	p->read = s->read;
	p->has_who = m->who.found;
	p->resolved = p->resolved && s->certain;
	if (!tocsin_socket_at(m->ev->k, m->va, &last, NULL) && last.counted &&
	    last.remote_port == s->socket.remote_port && last.local_port == s->socket.local_port &&
	    !memcmp(last.remote, s->socket.remote, sizeof(last.remote))) {
		p->socket.counted = true;
		p->socket.bytes_sent = last.bytes_sent;
		p->socket.bytes_received = last.bytes_received;
	}
	*s = (struct known_socket){0};
	return trace_add(m, p);
}

int trace_take_closed(struct trace_moment *m)
{
	int rc = take_closed(m);

	return rc ? rc : close_port(m);
}
