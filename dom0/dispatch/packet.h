/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages over SOCK_SEQPACKET, whatever is in them: what the processes of tocsind say to each
 * other is in message.h, what those of a trace say in cli/trace_wire.h.
 */
#ifndef TOCSIN_PACKET_H
#define TOCSIN_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Fits into a socket's buffer as Linux has it. */
#define TOCSIN_MESSAGE_MAX (128u << 10)

/* ---- packets of messages, each with its size before it ---- */

#define TOCSIN_PACKET_MAX (TOCSIN_MESSAGE_MAX + 4u) /* one message always has room */

struct tocsin_packet {
	size_t size, at; /* at: of the message to be taken next */
	uint8_t bytes[TOCSIN_PACKET_MAX];
};

/* False: there is no room for it now. */
bool tocsin_packet_add(struct tocsin_packet *p, const uint8_t *message, size_t size);

/* As tocsin_msg_send, and then it is empty. One that is empty is not sent. */
int tocsin_packet_send(struct tocsin_packet *p, int socket, int flags);

/* Add a message that is small enough; first, if it does not fit, what is there is sent. As
 * tocsin_packet_send, which waits. */
int tocsin_packet_say(struct tocsin_packet *p, int socket, const uint8_t *message, size_t size);

/* As tocsin_msg_receive. */
ssize_t tocsin_packet_receive(struct tocsin_packet *p, int socket, int flags);

/* The next message that came: 1; 0: that was the last one; -EBADMSG. */
int tocsin_packet_next(struct tocsin_packet *p, const uint8_t **message, size_t *size);

/* ---- sockets ---- */

/* 0, -EAGAIN: no room now, or another negative errno: the other end is gone. fd: passed along; -1
 */
int tocsin_msg_send(int socket, const uint8_t *bytes, size_t size, int fd, int flags);

/* The size, 0: the other end is gone, -EAGAIN, -EBADMSG: too large. fd: -1 if none was passed;
 * NULL: one that is passed is an error. */
ssize_t tocsin_msg_receive(int socket, uint8_t bytes[TOCSIN_MESSAGE_MAX], int *fd, int flags);

#endif
