// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * views: VMFUNC's own job, EPTP switching, goes on while triggers work in each view.
 *
 * Two pages are filled with 'A' and 'B'; "views gfnA=0x… gfnB=0x…" says where they are. dom0 makes
 * the first show the second in view 1 and creates the file GO. Then the first page is read in view
 * 0, in view 1 and in view 0 again, with a ping in each view:
 * "views byte0=A byte1=B again=A ping1=EAX ticket1=N ping0=EAX ticket0=N switch=INSTRUCTIONS",
 * where switch is the least that a switch there and back took by the TSC.
 *
 * With OUT it goes into view 1 again and stays: "views inside=B". When the file OUT is there it
 * rings and tries to leave: "views stayed=B ring=sigill leave=sigill", where an EAX stands for an
 * instruction that worked. When OUT is gone: "views back=A".
 *
 * usage: views GO [OUT], as root (page frame numbers are told to nobody else).
 */
#include "specimen.h"

#include <tocsin/trigger.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <x86intrin.h>

#define PAGE 4096

static uint32_t vmfunc(uint32_t ecx, uint64_t *rdx)
{
	uint32_t eax = 0;

	__asm__ volatile(".byte 0x0f, 0x01, 0xd4"
			 : "+a"(eax), "+d"(*rdx)
			 : "c"(ecx)
			 : "memory", "cc");
	return eax;
}

static uint64_t frame_of(const volatile uint8_t *page)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (fd < 0 || pread(fd, &entry, 8, (off_t)((uintptr_t)page / PAGE * 8)) != 8)
		fail("/proc/self/pagemap");
	close(fd);
	return entry & ((1ull << 55) - 1);
}

static uint8_t *new_page(int value)
{
	uint8_t *page =
	    mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || mlock(page, PAGE))
		fail("mmap");
	memset(page, value, PAGE);
	return page;
}

static sigjmp_buf refused;

static void on_sigill(int sig)
{
	siglongjmp(refused, 1);
}

/* The EAX that it left, as text, or "sigill". */
static const char *try_vmfunc(uint32_t ecx, char text[16])
{
	uint64_t none = 0;

	if (sigsetjmp(refused, 1))
		return "sigill";
	snprintf(text, 16, "%u", vmfunc(ecx, &none));
	return text;
}

static void stay_inside(const volatile uint8_t *page, const char *out)
{
	const char *ring, *leave;
	char text[2][16];
	uint8_t stayed;

	try_vmfunc(1, text[0]);
	printf("views inside=%c\n", *page);
	fflush(stdout);
	while (access(out, F_OK))
		usleep(20000);
	stayed = *page;
	ring = try_vmfunc(TOCSIN_ECX(TOCSIN_OP_PING), text[0]);
	leave = try_vmfunc(0, text[1]);
	printf("views stayed=%c ring=%s leave=%s\n", stayed, ring, leave);
	fflush(stdout);
	while (!access(out, F_OK))
		usleep(20000);
	printf("views back=%c\n", *page);
}

int main(int argc, char **argv)
{
	volatile uint8_t *a = new_page('A'), *b = new_page('B');
	uint64_t ticket0 = 0, ticket1 = 0, none = 0, least = UINT64_MAX;
	uint32_t ping0, ping1;
	uint8_t byte0, byte1, again;

	if (argc < 2 || argc > 3)
		return 2;
	signal(SIGILL, on_sigill);
	mlockall(MCL_CURRENT);
	printf("views gfnA=0x%lx gfnB=0x%lx\n", (unsigned long)frame_of(a),
	       (unsigned long)frame_of(b));
	fflush(stdout);
	while (access(argv[1], F_OK))
		usleep(20000);

	byte0 = *a;
	if (sigsetjmp(refused, 1)) {
		puts("views error=sigill");
		return 3;
	}
	vmfunc(1, &none);
	byte1 = *a;
	ping1 = vmfunc(TOCSIN_ECX(TOCSIN_OP_PING), &ticket1);
	vmfunc(0, &none);
	again = *a;
	ping0 = vmfunc(TOCSIN_ECX(TOCSIN_OP_PING), &ticket0);
	for (int i = 0; i < 100; i++) {
		uint64_t start = __rdtsc(), spent;

		vmfunc(1, &none);
		vmfunc(0, &none);
		spent = __rdtsc() - start;
		least = spent < least ? spent : least;
	}
	printf("views byte0=%c byte1=%c again=%c ping1=%u ticket1=%lu ping0=%u ticket0=%lu "
	       "switch=%lu\n",
	       byte0, byte1, again, ping1, (unsigned long)ticket1, ping0, (unsigned long)ticket0,
	       (unsigned long)least);
	fflush(stdout);
	if (argc == 3)
		stay_inside(a, argv[2]);
	return 0;
}
