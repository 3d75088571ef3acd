// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A name server that knows one name, and answers all that are asked for others with none.
 *
 * usage: names ADDRESS NAME ITS-ADDRESS
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define HEADER 12
#define A 1

static void need(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

/* The name of a question at `at`, with dots; the offset behind its type and class, 0: it is none.
 */
static size_t read_question(const uint8_t *bytes, size_t size, char name[256], int *type)
{
	size_t at = HEADER, length = 0;

	while (at < size && bytes[at]) {
		uint8_t n = bytes[at++];

		if (n > 63 || n > size - at || length + n + 1 > 254)
			return 0;
		memcpy(name + length, bytes + at, n);
		length += n;
		name[length++] = '.';
		at += n;
	}
	name[length ? length - 1 : 0] = 0;
	if (at + 5 > size)
		return 0;
	*type = bytes[at + 1] << 8 | bytes[at + 2];
	return at + 5;
}

int main(int argc, char **argv)
{
	/* the name of the question, A, IN, 60 s, four bytes */
	uint8_t row[16] = {0xc0, HEADER, 0, A, 0, 1, 0, 0, 0, 60, 0, 4}, bytes[512 + sizeof(row)];
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(53)}, from;
	socklen_t length = sizeof(from);
	char name[256];
	int fd, type;
	ssize_t n;

	if (argc != 4)
		return 2;
	need(inet_pton(AF_INET, argv[1], &own.sin_addr) == 1, argv[1]);
	need(inet_pton(AF_INET, argv[3], row + 12) == 1, argv[3]);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	need(fd >= 0 && !bind(fd, (struct sockaddr *)&own, sizeof(own)), "bind");
	while ((n = recvfrom(fd, bytes, 512, 0, (struct sockaddr *)&from, &length)) >= 0) {
		size_t end = n < HEADER ? 0 : read_question(bytes, (size_t)n, name, &type);
		int known = end && type == A && !strcasecmp(name, argv[2]);

		if (!end)
			continue;
		bytes[2] = 0x81; /* an answer, recursion desired and available */
		bytes[3] = 0x80;
		memcpy(bytes + 4, "\0\1\0\0\0\0\0\0", 8);
		bytes[7] = (uint8_t)known;
		memcpy(bytes + end, row, known ? sizeof(row) : 0);
		need(sendto(fd, bytes, end + (known ? sizeof(row) : 0), 0, (struct sockaddr *)&from,
			    length) > 0,
		     "sendto");
	}
	need(0, "recvfrom");
}
