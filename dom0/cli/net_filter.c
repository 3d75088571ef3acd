// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static int parse_number(const char *text, long least, long most, long *ret)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < least || value > most)
		return -EINVAL;
	*ret = value;
	return 0;
}

/* "ADDRESS" or "ADDRESS/BITS". */
static int parse_address(const char *text, struct net_filter *f)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	long bits;

	if (length >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = 0;
	f->family = strchr(host, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(f->family, host, f->address) != 1)
		return -EINVAL;
	bits = f->family == AF_INET ? 32 : 128;
	if (slash && parse_number(slash + 1, 0, bits, &bits))
		return -EINVAL;
	f->prefix = (unsigned int)bits;
	return 0;
}

static int parse_state(const char *text, struct net_filter *f)
{
	for (uint8_t state = 1; state < 13; state++) {
		struct tocsin_socket s = {.family = AF_INET, .state = state};

		if (!strcasecmp(text, tocsin_socket_state(&s))) {
			f->state = text;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_value(const char *option, const char *value, struct net_filter *f)
{
	long number = 0;
	int rc;

	if (!strcmp(option, "--state"))
		return parse_state(value, f);
	if (!strcmp(option, "--address"))
		return parse_address(value, f);
	if (!strcmp(option, "--port")) {
		rc = parse_number(value, 0, UINT16_MAX, &number);
		f->has_port = true;
		f->port = (uint16_t)number;
		return rc;
	}
	rc = parse_number(value, 1, INT32_MAX, &number);
	f->pid = (int32_t)number;
	return rc;
}

int net_filter_option(char **argv, void *filter)
{
	static const struct {
		const char *name, *takes;
	} valued[] = {{"--state", "a state as the table names them (LISTEN, ESTABLISHED, ...)"},
		      {"--address", "an address of IPv4 or IPv6, or ADDRESS/BITS"},
		      {"--port", "a port, 0 to 65535"},
		      {"--pid", "a process number, from 1"}};
	struct net_filter *f = filter;

	if (!strcmp(argv[0], "--listening")) {
		f->listening = true;
		return 1;
	}
	if (!strcmp(argv[0], "--wide")) {
		f->wide = true;
		return 1;
	}
	for (unsigned int t = 0; t < TOCSIN_TABLES; t++) {
		if (strncmp(argv[0], "--", 2) || strcmp(argv[0] + 2, tocsin_socket_table_name(t)))
			continue;
		f->tables |= 1u << t;
		return 1;
	}
	for (size_t i = 0; i < sizeof(valued) / sizeof(valued[0]); i++) {
		if (strcmp(argv[0], valued[i].name))
			continue;
		if (argv[1] && !parse_value(argv[0], argv[1], f))
			return 2;
		if (argv[1])
			fprintf(stderr, "tocsin net: %s does not take '%s', but %s\n", argv[0],
				argv[1], valued[i].takes);
		else
			fprintf(stderr, "tocsin net: %s needs %s\n", argv[0], valued[i].takes);
		return -EINVAL;
	}
	return 0;
}

/* Where it is kept by what it is, also when it is in no table just now. */
static unsigned int table_of(const struct tocsin_socket *s)
{
	static const struct {
		const char *kind;
		enum tocsin_socket_table table;
	} kinds[] = {{"tcp", TOCSIN_TABLE_TCP},      {"mptcp", TOCSIN_TABLE_TCP},
		     {"udp", TOCSIN_TABLE_UDP},      {"udplite", TOCSIN_TABLE_UDP},
		     {"raw", TOCSIN_TABLE_RAW},      {"ping", TOCSIN_TABLE_PING},
		     {"unix", TOCSIN_TABLE_UNIX},    {"netlink", TOCSIN_TABLE_NETLINK},
		     {"packet", TOCSIN_TABLE_PACKET}};
	const char *kind = tocsin_socket_kind(s);
	size_t length = strcspn(kind, "6");

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].kind) == length && !strncmp(kinds[i].kind, kind, length))
			return kinds[i].table;
	return TOCSIN_TABLES;
}

/* In the first bits, with IPv4 also where an IPv6 socket speaks it. */
static bool is_within(const struct net_filter *f, const struct tocsin_socket *s,
		      const uint8_t *address)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	unsigned int whole = f->prefix / 8, rest = f->prefix % 8;

	if (f->family == AF_INET && s->family == AF_INET6 &&
	    !memcmp(address, mapped, sizeof(mapped)))
		address += sizeof(mapped);
	else if (s->family != f->family)
		return false;
	return !memcmp(address, f->address, whole) &&
	       (!rest || (address[whole] ^ f->address[whole]) >> (8 - rest) == 0);
}

static bool is_internet(const struct tocsin_socket *s)
{
	return s->family == AF_INET || s->family == AF_INET6;
}

/* Does it wait for whoever comes? */
static bool is_listening(const struct tocsin_socket *s)
{
	const char *state = tocsin_socket_state(s);

	return !strcmp(state, "LISTEN") || (is_internet(s) && s->type != SOCK_STREAM &&
					    !strcmp(state, "CLOSE") && s->local_port);
}

static bool is_held_by(const struct tocsin_view *v, const struct tocsin_view_row *row, int32_t pid)
{
	for (size_t i = 0; i < row->holders; i++)
		if (v->holders.rows[row->first + i].pid == pid)
			return true;
	return false;
}

bool net_filter_takes(const struct net_filter *f, const struct tocsin_view *v,
		      const struct tocsin_view_row *row)
{
	const struct tocsin_socket *s = &row->socket;

	if (f->tables && !(f->tables >> table_of(s) & 1))
		return false;
	if ((f->listening && !is_listening(s)) ||
	    (f->state && strcasecmp(f->state, tocsin_socket_state(s))))
		return false;
	if (f->has_port &&
	    (!is_internet(s) || (s->local_port != f->port && s->remote_port != f->port)))
		return false;
	if (f->family &&
	    (!is_internet(s) || (!is_within(f, s, s->local) && !is_within(f, s, s->remote))))
		return false;
	return !f->pid || is_held_by(v, row, f->pid);
}
