// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * calls: what a traced guest does, counted by itself.
 *
 * usage: calls N        N opens, N connects and N children that exit:
 *                       "calls pid=PID opens=N connects=N forks=N"
 *        calls bench    what a system call and an open cost by the TSC, the least of many and
 *                       all of them together:
 *                       "bench getppid-least=… getppid-all=… open-least=…"
 *        calls break    the same of INT3 in user mode, behind which somebody in dom0 lets it
 *                       go on: "bench breakpoint-least=… breakpoint-all=…"
 *        calls storm N  N system calls, and what they took by the TSC:
 *                       "storm calls=N instructions=…"
 *        calls churn N  N children, up to eight at a time, each of which makes a file and
 *                       renames it to /tmp/churn/PID, makes another one and unlinks it, is
 *                       refused a connection, and ends: "churn pid=PID children=N"
 *        calls escape VIEW
 *                       try to step out of view VIEW, and to forge calls, from user mode;
 *                       each instruction is one of "passed" and "sigill":
 *                       "escape view0=… view1=… here=… forged=… launch=…"
 */
#include "specimen.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <x86intrin.h>

#define ROUNDS 300

static sigjmp_buf away;

static void on_sigill(int sig)
{
	siglongjmp(away, 1);
}

static const char *vmfunc(uint32_t ecx)
{
	uint32_t eax = 0;

	if (sigsetjmp(away, 1))
		return "sigill";
	__asm__ volatile(".byte 0x0f, 0x01, 0xd4" : "+a"(eax) : "c"(ecx) : "memory", "cc");
	return "passed";
}

static const char *vmlaunch(void)
{
	if (sigsetjmp(away, 1))
		return "sigill";
	__asm__ volatile(".byte 0x0f, 0x01, 0xc2, 0x00, 0x00" : : : "memory", "cc");
	return "passed";
}

static void escape(uint32_t view)
{
	signal(SIGILL, on_sigill);
	printf("escape view0=%s view1=%s here=%s forged=%s launch=%s\n", vmfunc(0), vmfunc(1),
	       vmfunc(view), vmfunc(0x81234567), vmlaunch());
}

static void open_once(void)
{
	int fd = open("/etc/passwd", O_RDONLY);

	if (fd < 0)
		fail("/etc/passwd");
	close(fd);
}

static void connect_once(void)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		fail("connect");
	close(fd);
}

static void fork_once(void)
{
	pid_t child = fork();

	if (child < 0)
		fail("fork");
	if (!child)
		_exit(0);
	if (waitpid(child, NULL, 0) != child)
		fail("waitpid");
}

static void do_all(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		open_once();
		connect_once();
		fork_once();
	}
	printf("calls pid=%d opens=%lu connects=%lu forks=%lu\n", getpid(), n, n, n);
	fflush(stdout);
	usleep(300000); /* whose calls they were is read while it is there */
}

static int make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	bool written = fd >= 0 && write(fd, "x", 1) == 1;

	return close(fd) || !written;
}

static int churn_child(void)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(7), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char first[64], path[64];

	snprintf(first, sizeof(first), "/tmp/churn/%d.new", getpid());
	snprintf(path, sizeof(path), "/tmp/churn/%d", getpid());
	if (make_file(first) || rename(first, path) || make_file(first) || unlink(first))
		return 1;
	return fd < 0 || !connect(fd, (struct sockaddr *)&to, sizeof(to)) || close(fd);
}

static void churn(unsigned long n)
{
	unsigned long begun = 0, ended = 0;

	if (mkdir("/tmp/churn", 0700))
		fail("/tmp/churn");
	while (ended < n) {
		int status;

		if (begun < n && begun < ended + 8) {
			pid_t child = fork();

			if (child < 0)
				fail("fork");
			if (!child)
				_exit(churn_child());
			begun++;
			continue;
		}
		if (wait(&status) < 0 || status)
			fail("a child");
		ended++;
	}
	printf("churn pid=%d children=%lu\n", getpid(), n);
}

static void measure(const char *name, void (*once)(void))
{
	uint64_t begin = __rdtsc(), least = UINT64_MAX;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start = __rdtsc(), spent;

		once();
		spent = __rdtsc() - start;
		least = spent < least ? spent : least;
	}
	printf(" %s-least=%lu %s-all=%lu", name, least, name,
	       (uint64_t)(__rdtsc() - begin) / ROUNDS);
}

static void getppid_once(void)
{
	syscall(SYS_getppid);
}

static void storm(unsigned long n)
{
	uint64_t begin = __rdtsc();

	for (unsigned long i = 0; i < n; i++)
		getppid_once();
	printf("storm calls=%lu instructions=%lu\n", n, (uint64_t)(__rdtsc() - begin));
}

static void break_once(void)
{
	__asm__ volatile("int3" : : : "memory");
}

int main(int argc, char **argv)
{
	unsigned long n = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

	if (argc == 3 && !strcmp(argv[1], "storm")) {
		storm(strtoul(argv[2], NULL, 10));
	} else if (argc == 3 && !strcmp(argv[1], "escape")) {
		escape((uint32_t)strtoul(argv[2], NULL, 10));
	} else if (argc == 3 && !strcmp(argv[1], "churn")) {
		churn(strtoul(argv[2], NULL, 10));
	} else if (argc == 2 && !strcmp(argv[1], "bench")) {
		printf("bench");
		measure("getppid", getppid_once);
		measure("open", open_once);
		putchar('\n');
	} else if (argc == 2 && !strcmp(argv[1], "break")) {
		printf("bench");
		measure("breakpoint", break_once);
		putchar('\n');
	} else if (n) {
		do_all(n);
	} else {
		return 2;
	}
	return 0;
}
