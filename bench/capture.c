// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_capture: what it costs to follow the packets of a traced guest: made up ones of 1,000
 * connections, and, as root, those that another process sends through the loopback device, looked
 * for every 2 ms as tracing does.
 */
#include "measure.h"

#include "provenance/flow.h"
#include "provenance/interface.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PACKETS 5000000u
#define LIVE 5e6 /* microseconds */

static int take(const struct tocsin_trace_event *e, void *unused)
{
	return 0;
}

/* Of each the first 128 bytes, in the order of their sequence numbers. */
static void follow(struct tocsin_trace_flows *f)
{
	uint8_t frame[128] = {
	    [12] = 8, [14] = 0x45, [16] = 5, [17] = 0xa0, [23] = IPPROTO_TCP, [26] = 10,
	    [29] = 5, [30] = 10,   [33] = 9, [46] = 0x50, [47] = 16};

	for (uint32_t i = 0; i < PACKETS; i++) {
		uint16_t port = htons((uint16_t)(i % 1000));
		uint32_t sequence = htonl(i / 1000 * 1400);

		memcpy(frame + 34, &port, sizeof(port));
		memcpy(frame + 38, &sequence, sizeof(sequence));
		tocsin_trace_flows_packet(f, 1700000000000000000u + i * 1000ull, 1, frame,
					  sizeof(frame));
	}
}

static int take_packet(void *flows, uint64_t time, int link, const uint8_t *bytes, size_t size)
{
	return tocsin_trace_flows_packet(flows, time, link, bytes, size);
}

static void send_packets(void)
{
	static const uint8_t packet[1400];
	const struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(9999), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	for (;;)
		sendto(fd, packet, sizeof(packet), 0, (const struct sockaddr *)&to, sizeof(to));
}

static void capture(struct tocsin_trace_interface *i, struct tocsin_trace_flows *f)
{
	double begin, end, used;
	uint64_t count = 0;
	pid_t child = fork();

	if (!child)
		send_packets();
	measure_by = CLOCK_PROCESS_CPUTIME_ID;
	used = now();
	measure_by = CLOCK_MONOTONIC;
	begin = now();
	do {
		int n = tocsin_trace_interface_take(i, 4096, take_packet, f);

		count += n > 0 ? (uint64_t)n : 0;
		end = now();
		usleep(2000);
	} while (end - begin < LIVE);
	measure_by = CLOCK_PROCESS_CPUTIME_ID;
	used = now() - used;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	row("captured", (double)count / (end - begin) * 1e6, "/ s", 0);
	row("  each, of the process that traces", used * 1e3 / (double)count, "ns", 0);
	row("  dropped", (double)tocsin_trace_interface_dropped(i) / (end - begin) * 1e6, "/ s", 0);
}

int main(void)
{
	const struct tocsin_trace_flow_settings settings = {.guest = "guest", .live = true};
	struct tocsin_trace_flows *f = tocsin_trace_flows_new(&settings, take, NULL);
	struct tocsin_trace_interface *i;
	struct tocsin_error err = {0};
	double begin;

	if (!f)
		return 1;
	measure_by = CLOCK_PROCESS_CPUTIME_ID;
	begin = now();
	follow(f);
	row("a packet", (now() - begin) * 1e3 / PACKETS, "ns", 0);
	if (tocsin_trace_interface_open("lo", &i, &err)) {
		printf("nothing is captured: %s\n", err.message);
	} else {
		capture(i, f);
		tocsin_trace_interface_close(i);
	}
	tocsin_trace_flows_free(f);
	return 0;
}
