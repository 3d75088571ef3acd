// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * compat: ring from 32-bit code, as a 32-bit program does: the processor is in compatibility mode
 * while VMFUNC executes, and only the low halves of the registers count.
 *
 * usage: compat; pings with RDX = 0xffffffff12345678 and prints "compat eax=N edx=N": the error and
 * the ticket.
 */
#include "specimen.h"

#include <tocsin/trigger.h>

#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

#define USER32_CS 0x23 /* __USER32_CS of Linux on x86-64 */
#define STACK 16384

/* 32-bit code: VMFUNC, then back by a far return. Below 4 GiB, since the program is static. */
__asm__(".text\n"
	".globl ring32\n"
	"ring32:\n"
	".code32\n"
	"	.byte 0x0f, 0x01, 0xd4\n"
	"	lret\n"
	".code64\n");
extern const char ring32[];

/* Where 32 bits reach: the high halves of registers do not outlive the way to 32-bit code. */
static uint64_t kept_stack __attribute__((used));

/* Enter 32-bit code with a stack that 32 bits can name. */
static void ring(uint32_t *eax, uint64_t *rdx, uint32_t ecx)
{
	static struct {
		uint32_t offset;
		uint16_t selector;
	} __attribute__((packed)) target = {0, USER32_CS};
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (stack == MAP_FAILED)
		fail("mmap");
	target.offset = (uint32_t)(uintptr_t)ring32;
	__asm__ volatile("push %%rbp\n\t"
			 "mov %%rsp, kept_stack\n\t"
			 "mov %[stack], %%rsp\n\t"
			 "lcall *(%[target])\n\t"
			 "mov kept_stack, %%rsp\n\t"
			 "pop %%rbp"
			 : "+a"(*eax), "+d"(*rdx)
			 : "c"(ecx), [stack] "S"(stack + STACK - 64), [target] "D"(&target)
			 : "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory",
			   "cc");
}

static void on_sigill(int sig)
{
	static const char text[] = "compat error=sigill\n";

	_exit(write(1, text, sizeof(text) - 1) > 0 ? 3 : 1);
}

int main(void)
{
	static char alternate[65536];
	stack_t other = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	struct sigaction action = {.sa_handler = on_sigill, .sa_flags = SA_ONSTACK};
	static uint64_t rdx = 0xffffffff12345678;
	static uint32_t eax;

	if (sigaltstack(&other, NULL) || sigaction(SIGILL, &action, NULL))
		fail("sigaction");
	ring(&eax, &rdx, TOCSIN_ECX(TOCSIN_OP_PING));
	printf("compat eax=%u edx=%u\n", eax, (uint32_t)rdx);
	return 0;
}
