/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of a watch (monitor/event.h) in words: a readable line, a JSON line (docs/schema.md), or
 * an OCSF event for a SIEM.
 */
#ifndef TOCSIN_OUTPUT_EVENT_H
#define TOCSIN_OUTPUT_EVENT_H

#include "monitor/event.h"

#include <netinet/in.h>
#include <stdio.h>

struct tocsin_event_output {
	const char *name; /* "text", "json", "ocsf" */
	/* 0, -ENOMEM, or a negative errno of writing. Kinds that a format has no word for are left
	 * out. Flushed after each event. */
	int (*write)(FILE *to, const struct tocsin_event *e);
};

/* NULL-terminated by name. */
extern const struct tocsin_event_output tocsin_event_outputs[];
const struct tocsin_event_output *tocsin_event_output_find(const char *name);

/* An end of a socket of IPv4 or IPv6: its address; false, and "": it has none. */
bool tocsin_output_address(const struct tocsin_socket *s, bool remote, char ret[INET6_ADDRSTRLEN]);

#define TOCSIN_ENDPOINT_SIZE (INET6_ADDRSTRLEN + 8)

/* "ADDRESS:PORT", "[ADDRESS]:PORT"; "": it has none. Returns ret. */
const char *tocsin_output_endpoint(const struct tocsin_socket *s, bool remote,
				   char ret[TOCSIN_ENDPOINT_SIZE]);

#define TOCSIN_LOCAL_SIZE (4 * TOCSIN_SOCKET_NAME_SIZE + 16)

/*
 * The local end of any socket: "ADDRESS:PORT", "[ADDRESS]:PORT"; of a UNIX socket its name
 * (abstract:
 * "@NAME"), of a netlink socket "PROTOCOL:PORT-ID", of a packet socket the protocol in hexadecimal;
 * else "". With "%INTERFACE" if it is bound to one. Clean for a terminal. Returns ret.
 */
const char *tocsin_output_local(const struct tocsin_socket *s, char ret[TOCSIN_LOCAL_SIZE]);

#endif
