// SPDX-License-Identifier: GPL-2.0-or-later
/* Which sockets `tocsin net` shows for which options. */
#include "cli/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct tocsin_holder holders[] = {{.pid = 7, .tid = 7, .fd = 3}, {.pid = 9, .tid = 9}};
static const struct tocsin_view view = {.holders = {.rows = holders, .count = 2}};

static struct tocsin_view_row internet(uint16_t family, uint16_t type, uint16_t protocol,
				       uint8_t state, const char *local, uint16_t port)
{
	struct tocsin_view_row row = {.socket = {.family = family,
						 .type = type,
						 .protocol = protocol,
						 .state = state,
						 .local_port = port}};

	assert_int_equal(inet_pton(family, local, row.socket.local), 1);
	return row;
}

/* Do these options take the row? */
static bool takes(const struct tocsin_view_row *row, char **options)
{
	struct net_filter f = {0};

	while (*options) {
		int taken = net_filter_option(options, &f);

		assert_true(taken > 0);
		options += taken;
	}
	return net_filter_takes(&f, &view, row);
}

#define TAKES(row, ...) assert_true(takes(row, (char *[]){__VA_ARGS__, NULL}))
#define LEAVES(row, ...) assert_false(takes(row, (char *[]){__VA_ARGS__, NULL}))

static void test_kinds(void **state)
{
	struct tocsin_view_row tcp6 =
	    internet(AF_INET6, SOCK_STREAM, IPPROTO_TCP, TCP_ESTABLISHED, "::1", 443);
	struct tocsin_view_row udp =
	    internet(AF_INET, SOCK_DGRAM, IPPROTO_UDP, TCP_CLOSE, "0.0.0.0", 53);
	struct tocsin_view_row unconnected =
	    internet(AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_CLOSE, "0.0.0.0", 0);
	struct tocsin_view_row local = {.socket = {.family = AF_UNIX, .state = TCP_LISTEN}};

	TAKES(&tcp6, "--tcp");
	TAKES(&unconnected, "--tcp"); /* in no table, and yet of this kind */
	TAKES(&tcp6, "--udp", "--tcp");
	LEAVES(&tcp6, "--udp");
	TAKES(&udp, "--udp");
	LEAVES(&udp, "--tcp", "--raw", "--ping", "--unix", "--netlink", "--packet");
	TAKES(&local, "--unix");
}

static void test_listening(void **state)
{
	struct tocsin_view_row listener =
	    internet(AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_LISTEN, "0.0.0.0", 80);
	struct tocsin_view_row bound =
	    internet(AF_INET, SOCK_DGRAM, IPPROTO_UDP, TCP_CLOSE, "0.0.0.0", 53);
	struct tocsin_view_row connected =
	    internet(AF_INET, SOCK_DGRAM, IPPROTO_UDP, TCP_ESTABLISHED, "10.0.0.1", 53);
	struct tocsin_view_row local = {.socket = {.family = AF_UNIX, .state = TCP_LISTEN}};

	TAKES(&listener, "--listening");
	TAKES(&bound, "--listening");
	TAKES(&local, "--listening");
	LEAVES(&connected, "--listening");
	TAKES(&connected, "--state", "established");
	LEAVES(&connected, "--state", "LISTEN");
}

static void test_ends(void **state)
{
	struct tocsin_view_row row =
	    internet(AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_ESTABLISHED, "10.1.2.3", 40000);
	struct tocsin_view_row six =
	    internet(AF_INET6, SOCK_STREAM, IPPROTO_TCP, TCP_ESTABLISHED, "::ffff:10.1.2.3", 1);
	struct tocsin_view_row local = {.socket = {.family = AF_UNIX}};

	inet_pton(AF_INET, "192.0.2.77", row.socket.remote);
	row.socket.remote_port = 443;
	TAKES(&row, "--port", "443");
	TAKES(&row, "--port", "40000");
	LEAVES(&row, "--port", "0");
	TAKES(&row, "--address", "192.0.2.77");
	LEAVES(&row, "--address", "192.0.2.76");
	TAKES(&row, "--address", "192.0.2.76/31");
	TAKES(&row, "--address", "10.0.0.0/9");
	LEAVES(&row, "--address", "10.128.0.0/9");
	TAKES(&row, "--address", "0.0.0.0/0");
	LEAVES(&row, "--address", "::/0");
	TAKES(&six, "--address", "10.1.2.3");
	TAKES(&six, "--address", "::ffff:0:0/96");
	LEAVES(&six, "--address", "2001:db8::/32");
	LEAVES(&local, "--port", "0");
	LEAVES(&local, "--address", "0.0.0.0/0");
}

static void test_holders(void **state)
{
	struct tocsin_view_row row =
	    internet(AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_LISTEN, "0.0.0.0", 80);

	LEAVES(&row, "--pid", "7");
	row.holders = 2;
	TAKES(&row, "--pid", "9");
	LEAVES(&row, "--pid", "8");
	row.first = row.holders = 1;
	LEAVES(&row, "--pid", "7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_listening),
	    cmocka_unit_test(test_ends),
	    cmocka_unit_test(test_holders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
