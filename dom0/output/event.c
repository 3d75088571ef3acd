// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of forms that events of a watch are written in: a new one is one file and one line. */
#include "output/event_formats.h"

#include "output/output.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

const struct tocsin_event_output tocsin_event_outputs[] = {
    {"text", tocsin_event_text},
    {"json", tocsin_event_json},
    {"ocsf", tocsin_event_ocsf},
    {NULL, NULL},
};

const struct tocsin_event_output *tocsin_event_output_find(const char *name)
{
	const struct tocsin_event_output *o;

	for (o = tocsin_event_outputs; o->name; o++)
		if (!strcmp(o->name, name))
			return o;
	return NULL;
}

bool tocsin_output_address(const struct tocsin_socket *s, bool remote, char ret[INET6_ADDRSTRLEN])
{
	ret[0] = 0;
	return (s->family == AF_INET || s->family == AF_INET6) &&
	       inet_ntop(s->family, remote ? s->remote : s->local, ret, INET6_ADDRSTRLEN);
}

const char *tocsin_output_endpoint(const struct tocsin_socket *s, bool remote,
				   char ret[TOCSIN_ENDPOINT_SIZE])
{
	char address[INET6_ADDRSTRLEN];

	ret[0] = 0;
	if (tocsin_output_address(s, remote, address))
		snprintf(ret, TOCSIN_ENDPOINT_SIZE, s->family == AF_INET ? "%s:%u" : "[%s]:%u",
			 address, remote ? s->remote_port : s->local_port);
	return ret;
}

static void put_name(const struct tocsin_socket *s, char ret[TOCSIN_LOCAL_SIZE])
{
	size_t size = s->name_size < sizeof(s->name) ? s->name_size : sizeof(s->name);
	bool abstract = size && !s->name[0];

	ret[0] = '@';
	tocsin_output_clean(s->name + abstract, size - abstract, ret + abstract,
			    TOCSIN_LOCAL_SIZE - abstract);
}

_Static_assert(TOCSIN_LOCAL_SIZE >= TOCSIN_ENDPOINT_SIZE, "an address fits");

const char *tocsin_output_local(const struct tocsin_socket *s, char ret[TOCSIN_LOCAL_SIZE])
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
		snprintf(ret, TOCSIN_LOCAL_SIZE, "%u:%" PRIu32, s->protocol, s->port_id);
		break;
	case AF_PACKET:
		snprintf(ret, TOCSIN_LOCAL_SIZE, "0x%04x", s->protocol);
		break;
	default:
		break;
	}
	length = strlen(ret);
	if (s->interface)
		snprintf(ret + length, TOCSIN_LOCAL_SIZE - length, "%%%" PRIu32, s->interface);
	return ret;
}
