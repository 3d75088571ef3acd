// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * visit: one after another reads a page of a web server, until a file is there.
 *
 * usage: visit FROM ADDRESS PORT PATH MILLISECONDS FILE; prints "visits=N" at the end.
 */
#include "specimen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

static struct sockaddr_in address_of(const char *address, const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

	if (inet_pton(AF_INET, address, &a.sin_addr) != 1)
		fail(address);
	return a;
}

static void visit(const struct sockaddr_in *from, const struct sockaddr_in *to, const char *path)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char buffer[4096];
	ssize_t n;

	if (fd < 0 || bind(fd, (const struct sockaddr *)from, sizeof(*from)) ||
	    connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		fail("connect");
	if (dprintf(fd, "GET %s HTTP/1.0\r\n\r\n", path) < 0)
		fail("write");
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		continue;
	if (n)
		fail("read");
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in from, to;
	unsigned int visits = 0;

	if (argc != 7)
		return 2;
	from = address_of(argv[1], "0");
	to = address_of(argv[2], argv[3]);
	for (; access(argv[6], F_OK); visits++) {
		visit(&from, &to, argv[4]);
		usleep((useconds_t)atoi(argv[5]) * 1000);
	}
	printf("visits=%u\n", visits);
	return 0;
}
