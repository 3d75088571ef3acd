/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside monitor/: what a socket is for, and which way its connection goes. */
#ifndef TOCSIN_MONITOR_ROLE_H
#define TOCSIN_MONITOR_ROLE_H

#include "monitor/track.h"

/* The listeners of a sample and of the one before, for who asks which way a connection goes: one
 * that took a connection may be gone when it is seen. */
struct listeners {
	struct listener {
		uint32_t netns;
		uint16_t port;
	} * at; /* sorted */
	size_t count;
};

/* -ENOMEM. */
int tocsin_listeners_find(const struct tocsin_view *view, const struct sockets *before,
			  struct listeners *ret);
void tocsin_listeners_free(struct listeners *listeners);

enum role tocsin_role(const struct tocsin_socket *s);
bool tocsin_role_is_tcp(const struct tocsin_socket *s);

/* A connection of TCP or of UNIX streams; others have no direction. */
enum tocsin_direction tocsin_role_direction(const struct tocsin_socket *s,
					    const struct listeners *listeners);

/* Are these two readings, at one VA, of one and the same connection, listener, or whatever it is?
 */
bool tocsin_role_same(const struct tocsin_socket *x, const struct tocsin_socket *y);

/* Hash of what names a connection for both of its objects: the socket, and what it leaves. */
uint64_t tocsin_role_tuple(const struct tocsin_socket *s);

#endif
