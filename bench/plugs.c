// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * plugs N: N sockets and a few more, in processes of a thousand each: a quarter are UDP, a quarter
 * UNIX, half the two ends of TCP connections. Prints CROWD, as that program does, when all are
 * there, and stays.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EACH 1000

static int check(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return result;
}

static void plug(int listener, const struct sockaddr_in *server, int count)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fds[2];

	for (int i = 0; i < count; i += 8) {
		for (int n = 0; n < 2; n++) {
			int udp = check(socket(AF_INET, SOCK_DGRAM, 0), "udp");
			int tcp = check(socket(AF_INET, SOCK_STREAM, 0), "tcp");

			check(bind(udp, (struct sockaddr *)&any, sizeof(any)), "bind");
			check(connect(tcp, (const struct sockaddr *)server, sizeof(*server)),
			      "connect");
			check(accept(listener, NULL, NULL), "accept");
		}
		check(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), "socketpair");
	}
}

int main(int argc, char **argv)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct sockaddr_in server = {.sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct rlimit many = {EACH * 2, EACH * 2};
	int total = argc == 2 ? atoi(argv[1]) : 0, ready[2];
	char byte;

	check(ioctl(check(socket(AF_INET, SOCK_DGRAM, 0), "socket"), SIOCSIFFLAGS, &lo), "lo");
	check(setrlimit(RLIMIT_NOFILE, &many), "setrlimit");
	check(pipe(ready), "pipe");
	for (int i = 0; i * EACH < total; i++) {
		int listener, left = total - i * EACH;

		server.sin_port = htons((uint16_t)(2000 + i));
		if (check(fork(), "fork"))
			continue;
		listener = check(socket(AF_INET, SOCK_STREAM, 0), "listener");
		check(bind(listener, (struct sockaddr *)&server, sizeof(server)), "bind");
		check(listen(listener, 16), "listen");
		plug(listener, &server, left < EACH ? left : EACH);
		check((int)write(ready[1], "", 1), "write");
		for (;;)
			pause();
	}
	for (int i = 0; i * EACH < total; i++)
		check((int)read(ready[0], &byte, 1) - 1, "a process failed");
	puts("CROWD");
	fflush(stdout);
	for (;;)
		pause();
}
