// SPDX-License-Identifier: MIT
#include "remote.h"

#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096u
#define SYSCALL_SIZE 2u
#define USER_CS 0x33 /* of 64-bit code in Linux */
#define STOPS_MAX 64 /* of other kinds, until the one that is waited for */

#ifndef TOCSIN_BELL
#define TOCSIN_BELL ".byte 0x0f, 0x01, 0xd4" /* VMFUNC; a test has another instruction */
#endif

/*
 * The instructions that traced processes are made to execute. A system call ends each: a tracer can
 * stop there without a signal, which would change what the process does with that signal.
 */
__asm__(".pushsection .text\n"
	".balign 64\n"
	"remote_bell: " TOCSIN_BELL "\n"
	"remote_syscall: syscall\n"
	".popsection\n");
extern const char remote_bell[], remote_syscall[];

static int get_regs(pid_t tid, struct user_regs_struct *regs)
{
	return ptrace(PTRACE_GETREGS, tid, NULL, regs) ? -errno : 0;
}

static int set_regs(pid_t tid, const struct user_regs_struct *regs)
{
	return ptrace(PTRACE_SETREGS, tid, NULL, regs) ? -errno : 0;
}

/*
 * Block all signals but SIGILL, which VMFUNC may raise: a signal that is forced on a thread that
 * blocks it takes the program's handler away for good.
 */
static int block_signals(pid_t tid, uint64_t *old)
{
	uint64_t all = ~(1ull << (SIGILL - 1));

	if (ptrace(PTRACE_GETSIGMASK, tid, sizeof(*old), old) ||
	    ptrace(PTRACE_SETSIGMASK, tid, sizeof(all), &all))
		return -errno;
	return 0;
}

/* Go on to the next stop at a system call. */
static int to_syscall_stop(struct remote *r)
{
	int status;

	for (int i = 0; i < STOPS_MAX; i++) {
		if (ptrace(PTRACE_SYSCALL, r->tid, NULL, NULL))
			return -errno;
		while (waitpid(r->tid, &status, __WALL) < 0)
			if (errno != EINTR)
				return -errno;
		if (!WIFSTOPPED(status))
			return -ESRCH;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			return 0;
		if (status >> 16) /* an event, as of seccomp or a stop of the group */
			continue;
		if (WSTOPSIG(status) == SIGILL)
			return -EOPNOTSUPP;
		r->stopped |= WSTOPSIG(status) == SIGSTOP;
	}
	return -EBUSY;
}

/* One system call in the thread, by the instruction at site; its result, or a negative errno. */
static int64_t call(struct remote *r, uint64_t site, const struct user_regs_struct *base,
		    const uint64_t number, const uint64_t arguments[6])
{
	struct user_regs_struct regs = *base;
	int rc;

	regs.rip = site;
	regs.rax = number;
	regs.orig_rax = -1ull;
	regs.rdi = arguments[0];
	regs.rsi = arguments[1];
	regs.rdx = arguments[2];
	regs.r10 = arguments[3];
	regs.r8 = arguments[4];
	regs.r9 = arguments[5];
	rc = set_regs(r->tid, &regs);
	if (!rc)
		rc = to_syscall_stop(r); /* its entry */
	if (!rc)
		rc = to_syscall_stop(r); /* its exit */
	if (!rc)
		rc = get_regs(r->tid, &regs);
	return rc ? rc : (int64_t)regs.rax;
}

#define CALL(r, site, base, number, ...)                                                           \
	call(r, site, base, number, (const uint64_t[6]){__VA_ARGS__})

static int copy_to(pid_t tid, uint64_t to, const void *from, size_t size)
{
	struct iovec here = {(void *)from, size}, there = {(void *)(uintptr_t)to, size};

	return process_vm_writev(tid, &here, 1, &there, 1, 0) == (ssize_t)size ? 0 : -EFAULT;
}

/* In which file, and where in it, does the page with the instructions lie? */
static int own_page(char path[PATH_MAX], uint64_t *offset)
{
	uint64_t at = (uintptr_t)remote_bell & -(uint64_t)PAGE;
	unsigned long start, end, file;
	char line[PATH_MAX + 128];
	FILE *f = fopen("/proc/self/maps", "re");
	int rc = -ENOENT;
	ssize_t n;

	if (!f)
		return -errno;
	while (rc && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &file) == 3 && at >= start &&
		    at < end) {
			*offset = file + (at - start);
			rc = 0;
		}
	}
	fclose(f);
	n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	return rc;
}

/* Map the page of this program's file; where the process cannot open that, one like it. */
static int64_t map_code(struct remote *r, uint64_t site, const struct user_regs_struct *base)
{
	uint64_t offset = 0, scratch = (base->rsp - 2 * PATH_MAX) & -16ull;
	char path[PATH_MAX];
	int64_t fd, at;

	if (!own_page(path, &offset) && !copy_to(r->tid, scratch, path, strlen(path) + 1)) {
		fd = CALL(r, site, base, SYS_openat, (uint64_t)AT_FDCWD, scratch,
			  O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			at = CALL(r, site, base, SYS_mmap, 0, PAGE, PROT_READ | PROT_EXEC,
				  MAP_PRIVATE, (uint64_t)fd, offset);
			CALL(r, site, base, SYS_close, (uint64_t)fd);
			if (at >= 0 || at < -4095)
				return at;
		}
	}
	at = CALL(r, site, base, SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1ull);
	if (at < 0 && at >= -4095)
		return at;
	if (copy_to(r->tid, (uint64_t)at, (const void *)((uintptr_t)remote_bell & -(uintptr_t)PAGE),
		    PAGE))
		return -EFAULT;
	CALL(r, site, base, SYS_mprotect, (uint64_t)at, PAGE, PROT_READ | PROT_EXEC);
	return at;
}

static int place(struct remote *r, struct remote_place *ret)
{
	struct user_regs_struct base;
	uint64_t text, site;
	int64_t code = -EFAULT, block = -EFAULT;
	int rc = get_regs(r->tid, &base);

	if (rc)
		return rc;
	if (base.cs != USER_CS)
		return -ENOTSUP; /* a program of 32 bits */
	/* Its first instruction lends its place to a system call. */
	site = base.rip;
	errno = 0;
	text = (uint64_t)ptrace(PTRACE_PEEKTEXT, r->tid, site, NULL);
	if (errno)
		return -errno;
	if (ptrace(PTRACE_POKETEXT, r->tid, site, (text & ~0xffffull) | 0x050f))
		return -errno;
	code = map_code(r, site, &base);
	if (code >= 0 || code < -4095)
		block = CALL(r, site, &base, SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1ull);
	ptrace(PTRACE_POKETEXT, r->tid, site, text);
	base.orig_rax = -1ull;
	rc = set_regs(r->tid, &base);
	if (rc)
		return rc;
	if (code < 0 && code >= -4095)
		return (int)code;
	if (block < 0 && block >= -4095)
		return (int)block;
	ret->code = (uint64_t)code;
	ret->block = (uint64_t)block;
	return 0;
}

int remote_place(struct remote *r, struct remote_place *ret)
{
	uint64_t mask;
	int rc = block_signals(r->tid, &mask);

	if (rc)
		return rc;
	rc = place(r, ret);
	ptrace(PTRACE_SETSIGMASK, r->tid, sizeof(mask), &mask);
	return rc;
}

/* Execute the bell in the thread: EAX becomes the number of the system call that follows it. */
static int pull(struct remote *r, const struct remote_place *place,
		const struct user_regs_struct *base)
{
	struct user_regs_struct regs = *base;
	int rc;

	regs.rip = place->code + ((uintptr_t)remote_bell & (PAGE - 1));
	regs.rax = TOCSIN_OK; /* leaf 0 */
	regs.orig_rax = -1ull;
	regs.rcx = TOCSIN_ECX(TOCSIN_OP_SCAN_SELF);
	regs.rdx = place->block;
	rc = set_regs(r->tid, &regs);
	/* From the entry or before the end of a system call there is first an exit to pass. */
	do {
		if (!rc)
			rc = to_syscall_stop(r);
		if (!rc)
			rc = get_regs(r->tid, &regs);
	} while (!rc &&
		 regs.rip != place->code + ((uintptr_t)remote_syscall & (PAGE - 1)) + SYSCALL_SIZE);
	return rc ? rc : tocsin_eax_to_errno((uint32_t)regs.orig_rax);
}

int remote_ring(struct remote *r, const struct remote_place *place,
		const struct user_regs_struct *regs, unsigned int timeout_ms,
		struct tocsin_answer *ret, uint8_t nonce[TOCSIN_NONCE_SIZE])
{
	struct tocsin_request request;
	struct user_regs_struct back = *regs;
	uint64_t mask;
	int rc, other;

	if (getrandom(nonce, TOCSIN_NONCE_SIZE, 0) != TOCSIN_NONCE_SIZE)
		return -EIO;
	tocsin_request_fill(&request, 0, nonce);
	rc = copy_to(r->tid, place->block, &request, sizeof(request));
	if (rc)
		return rc;
	rc = block_signals(r->tid, &mask);
	if (rc)
		return rc;
	rc = pull(r, place, regs);
	if (!rc)
		rc = remote_wait(r->tid, place->block, timeout_ms, ret);
	/* A late answer must find no token. */
	memset(&request, 0, sizeof(request));
	copy_to(r->tid, place->block, &request, sizeof(request));
	back.orig_rax = -1ull; /* the system call behind the bell is not made, none is restarted */
	other = set_regs(r->tid, &back);
	ptrace(PTRACE_SETSIGMASK, r->tid, sizeof(mask), &mask);
	return other ? other : rc;
}
