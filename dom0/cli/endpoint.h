/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside cli/: the two ends of a socket in words. */
#ifndef TOCSIN_CLI_ENDPOINT_H
#define TOCSIN_CLI_ENDPOINT_H

#include "tocsin.h"

#define ENDPOINT_SIZE (4 * TOCSIN_SOCKET_NAME_SIZE + 16)

/*
 * "ADDRESS:PORT", "[ADDRESS]:PORT"; of a UNIX socket its name (abstract: "@NAME"), of a netlink
 * socket "PROTOCOL:PORT-ID", of a packet socket the protocol in hexadecimal; else "". With
 * "%INTERFACE" if it is bound to one. Clean for a terminal. Return ret.
 */
const char *endpoint_local(const struct tocsin_socket *s, char ret[ENDPOINT_SIZE]);
/* Of those with addresses; else "". */
const char *endpoint_remote(const struct tocsin_socket *s, char ret[ENDPOINT_SIZE]);

#endif
