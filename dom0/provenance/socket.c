// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which node a socket is. Both ends of a connection are one node, so that what one sends the other
 * receives, also from guest to guest; a far end that nobody watches is a host beyond it.
 */
#include "provenance/build.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#define END_SIZE (INET6_ADDRSTRLEN + 8)

static bool is_inet(const struct tocsin_socket *s)
{
	return s->family == AF_INET || s->family == AF_INET6;
}

/* An address as IPv6 has it. */
static struct in6_addr address_of(const struct tocsin_socket *s, bool remote)
{
	const uint8_t *bytes = remote ? s->remote : s->local;
	struct in6_addr ret = {0};

	if (s->family == AF_INET6) {
		memcpy(&ret, bytes, 16);
		return ret;
	}
	ret.s6_addr[10] = ret.s6_addr[11] = 0xff;
	memcpy(ret.s6_addr + 12, bytes, 4);
	return ret;
}

static bool is_loopback(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

static bool is_unspecified(const struct in6_addr *a)
{
	static const uint8_t zero[4];

	return IN6_IS_ADDR_UNSPECIFIED(a) ||
	       (IN6_IS_ADDR_V4MAPPED(a) && !memcmp(a->s6_addr + 12, zero, sizeof(zero)));
}

static const char *print_address(const struct in6_addr *a, char ret[INET6_ADDRSTRLEN])
{
	if (IN6_IS_ADDR_V4MAPPED(a))
		return inet_ntop(AF_INET, a->s6_addr + 12, ret, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, a, ret, INET6_ADDRSTRLEN);
}

static void print_end(const struct in6_addr *a, uint16_t port, char ret[END_SIZE])
{
	char text[INET6_ADDRSTRLEN];

	print_address(a, text);
	snprintf(ret, END_SIZE, strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, port);
}

/* One name for "tcp" and "tcp6". */
static const char *protocol_of(const struct tocsin_socket *s)
{
	switch (s->protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	default:
		return tocsin_socket_kind(s);
	}
}

static int describe_inet(struct tocsin_provenance *g, const struct tocsin_trace_event *e,
			 struct tocsin_trace_node *ret, bool *connected)
{
	const struct tocsin_socket *s = e->socket;
	struct in6_addr local = address_of(s, false), remote = address_of(s, true);
	char near[END_SIZE], far[END_SIZE], key[2 * END_SIZE + 32], name[sizeof(key)];
	bool first, alone;
	int rc;

	*connected = s->remote_port || !is_unspecified(&remote);
	print_end(&local, s->local_port, near);
	print_end(&remote, s->remote_port, far);
	alone = !*connected || is_loopback(&local) || is_loopback(&remote) ||
		!memcmp(&local, &remote, sizeof(local));
	if (*connected && !s->local_port) /* it is not known, so this is no other connection */
		ret->part = s->sock;
	first = strcmp(near, far) < 0;
	if (*connected)
		snprintf(key, sizeof(key), "%s %s %s", protocol_of(s), first ? near : far,
			 first ? far : near);
	else
		snprintf(key, sizeof(key), "%s %s", protocol_of(s), near);
	snprintf(name, sizeof(name), *connected ? "%s %s > %s" : "%s %s", protocol_of(s), near,
		 far);
	if (alone) {
		ret->flags |= TOCSIN_TRACE_ALONE;
		ret->id = s->netns;
		ret->boot = e->boot;
	} else {
		ret->guest = 0;
	}
	rc = trace_text(g, key, strlen(key), &ret->key);
	return rc ? rc : trace_text(g, name, strlen(name), &ret->name);
}

static int describe_other(struct tocsin_provenance *g, const struct tocsin_trace_event *e,
			  struct tocsin_trace_node *ret)
{
	const struct tocsin_socket *s = e->socket;
	size_t size = s->name_size < sizeof(s->name) ? s->name_size : sizeof(s->name);
	char name[sizeof(s->name) + 16];
	size_t skip = size && !s->name[0];
	int n;

	ret->boot = e->boot;
	ret->flags |= TOCSIN_TRACE_ALONE;
	ret->id = s->sock ? s->sock : s->inode;
	if (s->family == AF_UNIX && s->peer && s->sock) { /* both ends are one */
		ret->id = s->sock < s->peer ? s->sock : s->peer;
		ret->part = s->sock < s->peer ? s->peer : s->sock;
	}
	n = snprintf(name, sizeof(name), "%s%s%.*s", tocsin_socket_kind(s),
		     skip   ? " @"
		     : size ? " "
			    : "",
		     (int)(size - skip), s->name + skip);
	return trace_text(g, name, (size_t)n, &ret->name);
}

#define SLACK 2000000000u /* nanoseconds by which a capture and a trace may differ */

/* Of connections that had the same addresses the one that was there when the flow was. */
static uint32_t at_that_time(const struct tocsin_provenance *g, uint32_t node,
			     const struct tocsin_trace_event *e)
{
	uint32_t first = node;

	while (node != TOCSIN_TRACE_NONE) {
		const struct tocsin_trace_node *n = &g->nodes[node];
		bool over = n->flags & TOCSIN_TRACE_DEAD;

		if (n->first <= e->time + SLACK && (!over || n->last + SLACK >= e->since))
			return node;
		node = trace_node_older(g, node);
	}
	return first != TOCSIN_TRACE_NONE && e->kind != TOCSIN_TRACE_FLOW ? first : node;
}

int trace_find_socket(struct tocsin_provenance *g, const struct tocsin_trace_event *e,
		      uint32_t guest, bool begins, uint32_t *ret)
{
	struct tocsin_trace_node n = {
	    .kind = TOCSIN_TRACE_SOCKET, .guest = guest, .severity = -1, .first = e->since};
	bool connected = false;
	int rc =
	    is_inet(e->socket) ? describe_inet(g, e, &n, &connected) : describe_other(g, e, &n);

	if (rc)
		return rc;
	*ret = trace_node_find(g, &n);
	if (e->source == TOCSIN_TRACE_BY_WIRE)
		*ret = at_that_time(g, *ret, e);
	if (*ret != TOCSIN_TRACE_NONE && (g->nodes[*ret].flags & TOCSIN_TRACE_DEAD) && begins)
		*ret = TOCSIN_TRACE_NONE; /* the same addresses again */
	if (*ret == TOCSIN_TRACE_NONE) {
		if (begins)
			n.flags |= TOCSIN_TRACE_BORN;
		rc = trace_node_add(g, &n, ret);
	}
	return rc;
}

int trace_find_host(struct tocsin_provenance *g, const struct tocsin_trace_event *e, uint32_t *ret)
{
	struct tocsin_trace_node n = {.kind = TOCSIN_TRACE_HOST, .severity = -1, .first = e->since};
	struct in6_addr remote;
	char text[INET6_ADDRSTRLEN];
	int rc;

	*ret = TOCSIN_TRACE_NONE;
	if (!is_inet(e->socket))
		return 0;
	remote = address_of(e->socket, true);
	if (is_unspecified(&remote) || is_loopback(&remote))
		return 0;
	print_address(&remote, text);
	rc = trace_text(g, text, strlen(text), &n.key);
	if (rc)
		return rc;
	n.name = n.key;
	*ret = trace_node_find(g, &n);
	return *ret == TOCSIN_TRACE_NONE ? trace_node_add(g, &n, ret) : 0;
}
