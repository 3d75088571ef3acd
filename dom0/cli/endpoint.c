// SPDX-License-Identifier: GPL-2.0-or-later
/* The two ends of a socket in words. */
#include "cli/endpoint.h"

#include "output/output.h"

#include <arpa/inet.h>
#include <stdio.h>

static const char *internet(const struct tocsin_socket *s, const uint8_t *address, uint16_t port,
			    char ret[ENDPOINT_SIZE])
{
	char text[INET6_ADDRSTRLEN] = "";

	ret[0] = 0;
	if ((s->family == AF_INET || s->family == AF_INET6) &&
	    inet_ntop(s->family, address, text, sizeof(text)))
		snprintf(ret, ENDPOINT_SIZE, s->family == AF_INET ? "%s:%u" : "[%s]:%u", text,
			 port);
	return ret;
}

const char *endpoint_local(const struct tocsin_socket *s, char ret[ENDPOINT_SIZE])
{
	bool abstract = s->name_size && !s->name[0];

	if (s->family != AF_UNIX)
		return internet(s, s->local, s->local_port, ret);
	ret[0] = '@';
	tocsin_output_clean(s->name + abstract, s->name_size - abstract, ret + abstract,
			    ENDPOINT_SIZE - abstract);
	return ret;
}

const char *endpoint_remote(const struct tocsin_socket *s, char ret[ENDPOINT_SIZE])
{
	return internet(s, s->remote, s->remote_port, ret);
}
