// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a socket is for. A TCP socket that neither listens nor has a peer, and a UDP socket without
 * a port, are nothing yet. A connection goes in if somebody listens on its local port in the same
 * network namespace, and out otherwise: the kernel keeps no better record of who began it.
 */
#include "monitor/role.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define NEW_SYN_RECV 12 /* include/net/tcp_states.h */

static bool is_inet(const struct tocsin_socket *s)
{
	return s->family == AF_INET || s->family == AF_INET6;
}

bool tocsin_role_is_tcp(const struct tocsin_socket *s)
{
	return is_inet(s) && s->type == SOCK_STREAM && s->protocol == IPPROTO_TCP;
}

static enum role tcp_role(const struct tocsin_socket *s)
{
	if (!s->local_port) /* one that connects is SYN_SENT before it has a port */
		return ROLE_NONE;
	switch (s->state) {
	case TCP_LISTEN:
		return ROLE_LISTENER;
	case TCP_CLOSE:
		return ROLE_NONE;
	case TCP_TIME_WAIT:
	case NEW_SYN_RECV:
		return ROLE_LEFTOVER;
	case TCP_FIN_WAIT2: /* that of nobody becomes an object of its own, as TIME_WAIT is */
		return s->owner == TOCSIN_OWNER_NONE ? ROLE_LEFTOVER : ROLE_CONNECTION;
	default:
		return ROLE_CONNECTION;
	}
}

static enum role udp_role(const struct tocsin_socket *s)
{
	if (s->state == TCP_ESTABLISHED)
		return ROLE_CONNECTION;
	return s->local_port ? ROLE_LISTENER : ROLE_NONE;
}

static enum role unix_role(const struct tocsin_socket *s)
{
	if (s->state == TCP_LISTEN || (s->type == SOCK_DGRAM && s->name_size && !s->peer))
		return ROLE_LISTENER;
	return s->state == TCP_ESTABLISHED || s->peer ? ROLE_CONNECTION : ROLE_NONE;
}

enum role tocsin_role(const struct tocsin_socket *s)
{
	if (s->owner == TOCSIN_OWNER_KERNEL)
		return ROLE_NONE;
	if (tocsin_role_is_tcp(s))
		return tcp_role(s);
	if (is_inet(s) && s->type == SOCK_DGRAM && s->protocol == IPPROTO_UDP)
		return udp_role(s);
	return s->family == AF_UNIX ? unix_role(s) : ROLE_CONNECTION;
}

static int compare_listeners(const void *a, const void *b)
{
	const struct listener *x = a, *y = b;

	if (x->netns != y->netns)
		return x->netns < y->netns ? -1 : 1;
	return (int)x->port - (int)y->port;
}

/* The sockets of this sample, and behind them those of the one before. */
static const struct tocsin_socket *nth(const struct tocsin_view *view, const struct sockets *before,
				       size_t i)
{
	return i < view->count ? &view->rows[i].socket : &before->at[i - view->count].e.socket;
}

static bool is_tcp_listener(const struct tocsin_socket *s)
{
	return tocsin_role_is_tcp(s) && s->state == TCP_LISTEN;
}

int tocsin_listeners_find(const struct tocsin_view *view, const struct sockets *before,
			  struct listeners *ret)
{
	struct listeners found = {0};
	size_t all = view->count + before->count;

	for (size_t i = 0; i < all; i++)
		found.count += is_tcp_listener(nth(view, before, i));
	found.at = calloc(found.count + 1, sizeof(*found.at));
	if (!found.at)
		return -ENOMEM;
	found.count = 0;
	for (size_t i = 0; i < all; i++) {
		const struct tocsin_socket *s = nth(view, before, i);

		if (is_tcp_listener(s))
			found.at[found.count++] =
			    (struct listener){.netns = s->netns, .port = s->local_port};
	}
	qsort(found.at, found.count, sizeof(*found.at), compare_listeners);
	*ret = found;
	return 0;
}

void tocsin_listeners_free(struct listeners *listeners)
{
	free(listeners->at);
	*listeners = (struct listeners){0};
}

enum tocsin_direction tocsin_role_direction(const struct tocsin_socket *s,
					    const struct listeners *listeners)
{
	struct listener key = {.netns = s->netns, .port = s->local_port};

	if (s->family == AF_UNIX && s->type != SOCK_DGRAM && s->peer)
		return s->name_size ? TOCSIN_DIRECTION_IN : TOCSIN_DIRECTION_OUT;
	if (!tocsin_role_is_tcp(s) || s->state == TCP_LISTEN)
		return TOCSIN_DIRECTION_NONE;
	if (s->state != TCP_SYN_SENT &&
	    bsearch(&key, listeners->at, listeners->count, sizeof(key), compare_listeners))
		return TOCSIN_DIRECTION_IN;
	return TOCSIN_DIRECTION_OUT;
}

static bool same_addresses(const struct tocsin_socket *x, const struct tocsin_socket *y)
{
	return x->local_port == y->local_port && x->remote_port == y->remote_port &&
	       !memcmp(x->local, y->local, sizeof(x->local)) &&
	       !memcmp(x->remote, y->remote, sizeof(x->remote));
}

/*
 * An inode's number tells a socket from the next at its place; accept gives it one, close takes it
 * away. Addresses of a connection do not change in its life; of a listener they do not either.
 */
bool tocsin_role_same(const struct tocsin_socket *x, const struct tocsin_socket *y)
{
	if (x->family != y->family || x->type != y->type || x->protocol != y->protocol ||
	    x->netns != y->netns || (x->inode && y->inode && x->inode != y->inode))
		return false;
	if (!is_inet(x))
		return x->inode == y->inode || x->peer == y->peer;
	return same_addresses(x, y);
}

/* A collision hides a connection that was missed from a count, no more. */
uint64_t tocsin_role_tuple(const struct tocsin_socket *s)
{
	struct {
		uint8_t local[16], remote[16];
		uint32_t netns;
		uint16_t local_port, remote_port;
	} tuple = {.netns = s->netns, .local_port = s->local_port, .remote_port = s->remote_port};

	memcpy(tuple.local, s->local, sizeof(tuple.local));
	memcpy(tuple.remote, s->remote, sizeof(tuple.remote));
	return XXH3_64bits(&tuple, sizeof(tuple));
}
