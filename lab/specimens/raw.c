// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * raw: sends a datagram that no socket of UDP has sent, past what tells of connections.
 *
 * usage: raw FROM PORT ADDRESS PORT BYTES
 */
#include "specimen.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct {
		struct iphdr ip;
		struct udphdr udp;
		uint8_t payload[1200];
	} packet = {.ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP}};
	struct sockaddr_in to = {.sin_family = AF_INET};
	size_t size = argc == 6 ? (size_t)atoi(argv[5]) : 0;
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

	if (argc != 6 || size > sizeof(packet.payload))
		return 2;
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
