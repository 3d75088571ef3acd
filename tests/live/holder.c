// SPDX-License-Identifier: GPL-2.0-or-later
/* Hold one of each kind of file and socket open, print a line, and sleep. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int check(int fd, const char *what)
{
	if (fd < 0) {
		perror(what);
		exit(1);
	}
	return fd;
}

/* A connection over the loopback, with bytes that nobody reads. */
static void tcp(int family, uint16_t port)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr *address = family == AF_INET ? (void *)&four : (void *)&six;
	socklen_t size = family == AF_INET ? sizeof(four) : sizeof(six);
	int one = check(socket(family, SOCK_STREAM, 0), "tcp"), other, accepted;

	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	six.sin6_addr = in6addr_loopback;
	check(bind(one, address, size), "bind");
	check(listen(one, 17), "listen");
	other = check(socket(family, SOCK_STREAM, 0), "tcp");
	check(connect(other, address, size), "connect");
	check(accept(one, NULL, NULL), "accept");
	check((int)write(other, "nobody reads this", 17), "write");
	/* one that was closed on both sides, and is in TIME_WAIT */
	other = check(socket(family, SOCK_STREAM, 0), "tcp");
	check(connect(other, address, size), "connect");
	accepted = check(accept(one, NULL, NULL), "accept");
	close(other);
	close(accepted);
	/* and one that is not accepted yet */
	other = check(socket(family, SOCK_STREAM, 0), "tcp");
	check(connect(other, address, size), "connect");
}

static void local(const char *name, size_t length)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int one = check(socket(AF_UNIX, SOCK_STREAM, 0), "unix"), other;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);

	memcpy(address.sun_path, name, length);
	check(bind(one, (struct sockaddr *)&address, size), "bind");
	check(listen(one, 5), "listen");
	other = check(socket(AF_UNIX, SOCK_STREAM, 0), "unix");
	check(connect(other, (struct sockaddr *)&address, size), "connect");
	check(accept(one, NULL, NULL), "accept");
}

/* Those that see what is not theirs, of whatever protocol; and echo requests without privilege. */
static void others(void)
{
	struct sockaddr_ll lo = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_IP),
				 .sll_ifindex = (int)if_nametoindex("lo")};
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct sockaddr_in6 any6 = {.sin6_family = AF_INET6};
	int fd = check(socket(AF_PACKET, SOCK_RAW, 0), "packet");

	check(bind(fd, (struct sockaddr *)&lo, sizeof(lo)), "bind packet");
	check(socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL)), "packet");
	check(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), "raw");
	check(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), "raw6");
	fd = check(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), "ping");
	check(bind(fd, (struct sockaddr *)&any, sizeof(any)), "bind ping");
	fd = check(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6), "ping6");
	check(bind(fd, (struct sockaddr *)&any6, sizeof(any6)), "bind ping6");
}

int main(void)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(5353)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(5354)};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK, .nl_groups = 1};
	int fds[2], fd;

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	tcp(AF_INET, 8080);
	/* bound, and neither listening nor connected: /proc/net/tcp does not have it */
	here.sin_port = htons(9999);
	check(bind(check(socket(AF_INET, SOCK_STREAM, 0), "tcp"), (struct sockaddr *)&here,
		   sizeof(here)),
	      "bind");
	here.sin_port = htons(5353);
	tcp(AF_INET6, 8081);
	fd = check(socket(AF_INET, SOCK_DGRAM, 0), "udp");
	check(bind(fd, (struct sockaddr *)&here, sizeof(here)), "bind");
	check((int)sendto(fd, "unread", 6, 0, (struct sockaddr *)&here, sizeof(here)), "sendto");
	fd = check(socket(AF_INET6, SOCK_DGRAM, 0), "udp6");
	check(bind(fd, (struct sockaddr *)&six, sizeof(six)), "bind");
	others();
	fd = check(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), "netlink");
	check(bind(fd, (struct sockaddr *)&kernel, sizeof(kernel)), "bind");
	local("/tmp/socket", sizeof("/tmp/socket"));
	local("\0abstract\0name", sizeof("\0abstract\0name") - 1);
	check(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), "socketpair");
	check(pipe(fds), "pipe");
	check(epoll_create1(0), "epoll");
	check(memfd_create("of memory", 0), "memfd");
	check(open("/tmp", O_RDONLY | O_DIRECTORY), "/tmp");
	check(open("/dev/null", O_RDWR), "/dev/null");
	fd = check(open("/tmp/gone", O_RDWR | O_CREAT | O_APPEND, 0600), "/tmp/gone");
	check((int)write(fd, "0123456789", 10), "write");
	unlink("/tmp/gone");
	/* A table that is larger than the first one of a process, with a hole before its end. */
	check(dup2(fd, 700), "dup2");
	/* All of them in two pairs of hands, and one of them twice in each. */
	check(dup(3), "dup");
	check(fork(), "fork");
	puts("HOLDING"); /* the child too */
	fflush(stdout);
	for (;;)
		pause();
}
