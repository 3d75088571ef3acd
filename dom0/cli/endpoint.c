// SPDX-License-Identifier: GPL-2.0-or-later
/* The two ends of a socket in words. */
#include "cli/endpoint.h"

#include "output/event.h"
#include "output/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void put_name(const struct tocsin_socket *s, char ret[ENDPOINT_SIZE])
{
	size_t size = s->name_size < sizeof(s->name) ? s->name_size : sizeof(s->name);
	bool abstract = size && !s->name[0];

	ret[0] = '@';
	tocsin_output_clean(s->name + abstract, size - abstract, ret + abstract,
			    ENDPOINT_SIZE - abstract);
}

_Static_assert(ENDPOINT_SIZE >= TOCSIN_ENDPOINT_SIZE, "an address fits");

const char *endpoint_local(const struct tocsin_socket *s, char ret[ENDPOINT_SIZE])
{
	size_t length;

	ret[0] = 0;
	switch (s->family) {
	case AF_INET:
	case AF_INET6:
		tocsin_output_endpoint(s, false, ret);
		break;
	case AF_UNIX:
		put_name(s, ret);
		break;
	case AF_NETLINK:
		snprintf(ret, ENDPOINT_SIZE, "%u:%" PRIu32, s->protocol, s->port_id);
		break;
	case AF_PACKET:
		snprintf(ret, ENDPOINT_SIZE, "0x%04x", s->protocol);
		break;
	default:
		break;
	}
	length = strlen(ret);
	if (s->interface)
		snprintf(ret + length, ENDPOINT_SIZE - length, "%%%" PRIu32, s->interface);
	return ret;
}

const char *endpoint_remote(const struct tocsin_socket *s, char ret[ENDPOINT_SIZE])
{
	return tocsin_output_endpoint(s, true, ret);
}
