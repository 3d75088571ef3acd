// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * extend: have the kernel run code of ours: a BPF program on a datagram socket.
 *
 * usage: extend N    "extend sent=N passed=…": datagrams to ourselves, of which the program lets
 *                    those through whose first byte is not 0: every other one
 */
#include "specimen.h"

#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define HEADER 8 /* of UDP, which the program sees too */

static int load(void)
{
	/* r6 = r1; r0 = the byte behind the header; if it is 0, drop, else pass 4096 bytes. */
	const struct bpf_insn code[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1},
	    {.code = BPF_LD | BPF_ABS | BPF_B, .imm = HEADER},
	    {.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 1},
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 4096},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {
	    .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
	    .insns = (uintptr_t)code,
	    .insn_cnt = sizeof(code) / sizeof(code[0]),
	    .license = (uintptr_t) "GPL",
	    .prog_name = "extend",
	};
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		fail("bpf");
	return fd;
}

int main(int argc, char **argv)
{
	unsigned long n = argc == 2 ? strtoul(argv[1], NULL, 10) : 0, passed = 0;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(to);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), program = load();

	if (!n)
		return 2;
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, size) ||
	    getsockname(fd, (struct sockaddr *)&to, &size) ||
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)))
		fail("socket");
	for (unsigned long i = 0; i < n; i++) {
		char byte = (char)(i % 2);

		if (sendto(fd, &byte, 1, 0, (struct sockaddr *)&to, size) != 1)
			fail("sendto");
		passed += recv(fd, &byte, 1, MSG_DONTWAIT) == 1;
	}
	printf("extend sent=%lu passed=%lu\n", n, passed);
	return 0;
}
