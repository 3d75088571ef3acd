/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside trace/: who uses datagram sockets that are not connected, by their ports. To whom such a
 * socket sends stands nowhere that lasts until it is read; but what was captured has both ends, and
 * one of them is the socket's port.
 */
#ifndef TOCSIN_TRACE_PORTS_H
#define TOCSIN_TRACE_PORTS_H

#include "provenance/event.h"

#define TRACE_PORT_BUCKETS 1024u
#define TRACE_PORT_WAYS 8u /* how many users of a bucket's ports are remembered, the latest */
#define TRACE_PORT_USERS (TRACE_PORT_BUCKETS * TRACE_PORT_WAYS)

/* A process that bound a socket, or used it first at began. */
struct trace_port_user {
	uint64_t began, ended; /* ended 0: the socket is not closed */
	struct tocsin_event_process who;
	char comm[TOCSIN_COMM_SIZE + 1];
	uint16_t family, port;
	uint8_t local[16]; /* all 0: any address */
	bool sent, received, sure;
};

struct trace_ports {
	uint64_t socks[TRACE_PORT_USERS]; /* VA of the user's struct sock; 0: none */
	struct trace_port_user users[TRACE_PORT_USERS];
};

/* What is told in the order of time: of sockets that are bound, sent and received through. */
void trace_ports_note(struct trace_ports *p, const struct tocsin_trace_event *e);
/* The struct sock at this VA is closed. */
void trace_ports_close(struct trace_ports *p, uint64_t sock, uint64_t time);
/* Not all closing was seen: what is known may be of sockets that are closed. */
void trace_ports_doubt(struct trace_ports *p);

/* A flow was captured (TOCSIN_TRACE_FLOW): tell who sent and received it, as far as its port says
 * so. As take. */
int trace_ports_join(const struct trace_ports *p, const struct tocsin_trace_event *flow,
		     tocsin_trace_take *take, void *context);

#endif
