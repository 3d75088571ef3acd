// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * raw: sends a datagram that no socket of UDP has sent, past what tells of connections.
 *
 * usage: raw FROM PORT ADDRESS PORT BYTES
 *        raw each PORT ADDRESS...     sends a datagram to this port of each address, through one
 *                                     socket that is not connected; prints "raw pid=PID"
 */
#include "specimen.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/socket.h>

static int send_each(uint16_t port, char *const *addresses)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		fail("socket");
	for (; *addresses; addresses++)
		if (inet_pton(AF_INET, *addresses, &to.sin_addr) != 1 ||
		    sendto(fd, "each", 4, 0, (const struct sockaddr *)&to, sizeof(to)) != 4)
			fail(*addresses);
	printf("raw pid=%d\n", getpid());
	usleep(30000); /* whose calls they were is read while it is there */
	return 0;
}

int main(int argc, char **argv)
{
	struct {
		struct iphdr ip;
		struct udphdr udp;
		uint8_t payload[1200];
	} packet = {.ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP}};
	struct sockaddr_in to = {.sin_family = AF_INET};
	size_t size = argc == 6 ? (size_t)atoi(argv[5]) : 0;
	int fd;

	if (argc > 3 && !strcmp(argv[1], "each"))
		return send_each((uint16_t)atoi(argv[2]), argv + 3);
	if (argc != 6 || size > sizeof(packet.payload))
		return 2;
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (fd < 0)
		fail("socket");
	if (inet_pton(AF_INET, argv[1], &packet.ip.saddr) != 1 ||
	    inet_pton(AF_INET, argv[3], &packet.ip.daddr) != 1)
		fail("address");
	packet.udp.source = htons((uint16_t)atoi(argv[2]));
	packet.udp.dest = htons((uint16_t)atoi(argv[4]));
	packet.udp.len = htons((uint16_t)(sizeof(packet.udp) + size));
	to.sin_addr.s_addr = packet.ip.daddr;
	size += sizeof(packet.ip) + sizeof(packet.udp);
	if (sendto(fd, &packet, size, 0, (const struct sockaddr *)&to, sizeof(to)) != (ssize_t)size)
		fail("sendto");
	return 0;
}
