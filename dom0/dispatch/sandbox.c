/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls that are left are a list, and everything else kills the process, as it can only
 * be the work of somebody who has taken it over. Calls that libraries make by the way, and that do
 * no harm when they fail, fail: opening files, asking for their state.
 *
 * What a listed call may do is bounded by its arguments where it matters: no memory becomes
 * executable, no process begins (a thread may), no signal goes to another process, and the only
 * ioctl is the one that maps foreign pages, which the kernel ties to one domain (IOCTL_PRIVCMD_
 * RESTRICT, set before).
 */
#include "dispatch/sandbox.h"
#include "dispatch/valgrind.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From Linux's xen/privcmd.h, which libxen-dev does not bring: _IOC(_IOC_NONE, 'P', 4, size). */
#define PRIVCMD_MMAPBATCH_V2 0x205004u

void tocsin_sandbox_mute(bool keep_stderr)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd < (keep_stderr ? 2 : 3); fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

void tocsin_sandbox_offer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "500", 3) != 3)
		errno = 0; /* it is not the kernel's to refuse: then it stays as it was */
	close(fd);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static int close_between(int first, int last)
{
	if (first > last)
		return 0;
	return syscall(SYS_close_range, (unsigned int)first, (unsigned int)last, 0) ? -errno : 0;
}

int tocsin_sandbox_keep(const int *fds, size_t count, struct tocsin_error *err)
{
	int sorted[16], next = STDERR_FILENO + 1, rc = 0;
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (fds[i] >= next && n < sizeof(sorted) / sizeof(sorted[0]))
			sorted[n++] = fds[i];
	qsort(sorted, n, sizeof(*sorted), by_number);
	for (size_t i = 0; i < n && !rc; i++) {
		rc = close_between(next, sorted[i] - 1);
		next = sorted[i] + 1;
	}
	if (!rc)
		rc = syscall(SYS_close_range, (unsigned int)next, ~0u, 0) ? -errno : 0;
	return rc ? tocsin_error_set(err, rc, "cannot close descriptors: %s", strerror(-rc)) : 0;
}

static const int for_all[] = {
    SCMP_SYS(read),          SCMP_SYS(write),
    SCMP_SYS(recvfrom),      SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),        SCMP_SYS(sendmsg),
    SCMP_SYS(close),         SCMP_SYS(munmap),
    SCMP_SYS(mremap),        SCMP_SYS(madvise),
    SCMP_SYS(brk),           SCMP_SYS(futex),
    SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
    SCMP_SYS(nanosleep),     SCMP_SYS(clock_nanosleep),
    SCMP_SYS(getpid),        SCMP_SYS(gettid),
    SCMP_SYS(getuid),        SCMP_SYS(geteuid),
    SCMP_SYS(rt_sigreturn),  SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),  SCMP_SYS(sched_yield),
    SCMP_SYS(getrandom),     SCMP_SYS(exit),
    SCMP_SYS(exit_group),    SCMP_SYS(restart_syscall),
    SCMP_SYS(sysinfo),
};

static const int for_threads[] = {
    SCMP_SYS(set_robust_list), SCMP_SYS(rseq),  SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sigaltstack),     SCMP_SYS(lseek),
};

static const int for_a_log[] = {SCMP_SYS(writev), SCMP_SYS(lseek), SCMP_SYS(fsync), SCMP_SYS(poll)};

/* They fail, and the process goes on. */
static const int refused[] = {
    SCMP_SYS(open),  SCMP_SYS(openat),    SCMP_SYS(stat),     SCMP_SYS(newfstatat), SCMP_SYS(lstat),
    SCMP_SYS(fstat), SCMP_SYS(access),    SCMP_SYS(readlink), SCMP_SYS(socket),     SCMP_SYS(statx),
    SCMP_SYS(uname), SCMP_SYS(prlimit64), SCMP_SYS(getcwd),   SCMP_SYS(fcntl),
};

static int add_list(scmp_filter_ctx c, uint32_t action, const int *calls, size_t count)
{
	int rc = 0;

	for (size_t i = 0; i < count && !rc; i++)
		rc = seccomp_rule_add(c, action, calls[i], 0);
	return rc;
}

#define ADD(c, action, list) add_list(c, action, list, sizeof(list) / sizeof((list)[0]))

/* Nothing becomes executable, and only the process itself is signalled, as abort() does. */
static int add_common(scmp_filter_ctx c)
{
	int rc = ADD(c, SCMP_ACT_ALLOW, for_all);

	if (!rc)
		rc = ADD(c, SCMP_ACT_ERRNO(EACCES), refused);
	if (!rc)
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!rc)
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!rc)
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	return rc;
}

/* glibc falls back from clone3, whose flags cannot be seen, to clone. */
static int add_worker(scmp_filter_ctx c)
{
	int rc = ADD(c, SCMP_ACT_ALLOW, for_threads);

	if (!rc)
		rc =
		    seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, PRIVCMD_MMAPBATCH_V2));
	if (!rc)
		rc = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (!rc)
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				      SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	return rc;
}

static int set_filter(enum tocsin_sandbox kind, struct tocsin_error *err)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = c ? add_common(c) : -ENOMEM;

	if (!rc)
		rc = kind == TOCSIN_SANDBOX_WORKER ? add_worker(c)
						   : ADD(c, SCMP_ACT_ALLOW, for_a_log);
	if (!rc)
		rc = seccomp_load(c);
	if (c)
		seccomp_release(c);
	return rc ? tocsin_error_set(err, rc, "cannot set the filter of system calls: %s",
				     strerror(-rc))
		  : 0;
}

static int limit(int resource, rlim_t value)
{
	struct rlimit l = {value, value};

	return setrlimit(resource, &l) ? -errno : 0;
}

/* AddressSanitizer's shadow is terabytes of private memory, of which little is used; valgrind's
 * memory is the process's, too. */
#ifdef __SANITIZE_ADDRESS__
#define BOUNDS_MEMORY false
#else
#define BOUNDS_MEMORY (!UNDER_VALGRIND)
#endif

/* No new descriptor: the numbers below the limit are the standard streams, which are taken.
 * valgrind, which has some of its own, refuses such a limit. */
static int set_limits(const struct tocsin_sandbox_limits *limits, struct tocsin_error *err)
{
	int rc = limit(RLIMIT_CORE, 0);

	if (!rc && !UNDER_VALGRIND)
		rc = limit(RLIMIT_NOFILE, STDERR_FILENO + 1);
	if (!rc && limits->file_size)
		rc = limit(RLIMIT_FSIZE, limits->file_size);
	if (!rc && limits->memory && BOUNDS_MEMORY)
		rc = limit(RLIMIT_DATA, limits->memory);
	return rc ? tocsin_error_set(err, rc, "cannot limit resources: %s", strerror(-rc)) : 0;
}

static int change_user(uint32_t uid, struct tocsin_error *err)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		return tocsin_error_set(err, -errno, "cannot become user %u: %s", uid,
					strerror(errno));
	return 0;
}

int tocsin_sandbox_enter(enum tocsin_sandbox kind, uint32_t uid,
			 const struct tocsin_sandbox_limits *limits, struct tocsin_error *err)
{
	int rc = set_limits(limits, err);

	if (!rc)
		rc = change_user(uid, err);
	if (rc)
		return rc;
	/* A change of user forgets this, so it comes after. A writer ends when all is written. */
	if (kind == TOCSIN_SANDBOX_WORKER && prctl(PR_SET_PDEATHSIG, SIGKILL))
		return tocsin_error_set(err, -errno, "cannot tie the process to its parent");
	/* Who shares the user cannot look into it, nor into what it wrote. */
	if (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return tocsin_error_set(err, -errno, "cannot give up privileges to come: %s",
					strerror(errno));
	/* It would end valgrind, whose own calls are made as the process's. */
	return UNDER_VALGRIND ? 0 : set_filter(kind, err);
}
