/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From inside: a process that has given everything up tries to get it back. Each attempt is made in
 * a process of its own, since it may be the last thing that it does.
 */
#include "dispatch/sandbox.h"
#include "introspect/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BEGUN 9 /* exit codes of a process whose attempt came back: BEGUN: succeeded */
#define BROKEN 8

static enum tocsin_sandbox kind;
static uint32_t uid;
static int pair[2], file;

/* How a process ends that attempts something: -signal, or the errno of the attempt, or BEGUN. */
static int attempt(int (*what)(void))
{
	static const struct tocsin_sandbox_limits limits = {.memory = 64u << 20};
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		if (tocsin_sandbox_keep(pair, 1, NULL) ||
		    tocsin_sandbox_enter(kind, uid, &limits, NULL))
			_exit(BROKEN);
		errno = 0;
		_exit(what() < 0 ? errno : BEGUN);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int open_file(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static int open_memory(void)
{
	return open("/dev/mem", O_RDWR);
}

static int open_xen(void)
{
	return open("/dev/xen/privcmd", O_RDWR);
}

static int make_file(void)
{
	return open("/tmp/tocsin-escaped", O_RDWR | O_CREAT, 0600);
}

static int open_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int open_pair(void)
{
	int ends[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}

static int connect_out(void)
{
	return connect(pair[0], &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(struct sockaddr));
}

static int signal_parent(void)
{
	return kill(getppid(), SIGUSR1);
}

static int signal_thread_of_parent(void)
{
	return (int)syscall(SYS_tgkill, getppid(), getppid(), SIGUSR1);
}

static int trace_parent(void)
{
	return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static int read_parent(void)
{
	return (int)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static int execute(void)
{
	return execl("/bin/true", "true", NULL);
}

static int fork_another(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int vfork_another(void)
{
	return (int)syscall(SYS_vfork);
}

static int become_root(void)
{
	return (int)syscall(SYS_setresuid, 0, 0, 0);
}

static int unshare_user(void)
{
	return unshare(CLONE_NEWUSER);
}

static int new_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		       MAP_FAILED
		   ? -1
		   : 0;
}

static int memory_to_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static int hypercall(void)
{
	return ioctl(pair[0], 0x305000, NULL); /* IOCTL_PRIVCMD_HYPERCALL */
}

static int loosen(void)
{
	return prctl(PR_SET_DUMPABLE, 1);
}

static int mount_over(void)
{
	return (int)syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL);
}

static int use_io_uring(void)
{
	return (int)syscall(SYS_io_uring_setup, 1, NULL);
}

/* It is killed, or refused: it must not come back with success. */
static void all_are_kept_in(void **state)
{
	static const struct {
		const char *what;
		int (*attempt)(void);
		int ends; /* -signal, or errno */
	} attempts[] = {
	    {"open a file", open_file, EACCES},
	    {"open the machine's memory", open_memory, EACCES},
	    {"open Xen's device again", open_xen, EACCES},
	    {"make a file", make_file, EACCES},
	    {"open a socket", open_socket, EACCES},
	    {"open a pair of sockets", open_pair, -SIGSYS},
	    {"connect its socket", connect_out, -SIGSYS},
	    {"signal its parent", signal_parent, -SIGSYS},
	    {"signal its parent's thread", signal_thread_of_parent, -SIGSYS},
	    {"trace its parent", trace_parent, -SIGSYS},
	    {"read its parent", read_parent, -SIGSYS},
	    {"execute a program", execute, -SIGSYS},
	    {"fork", fork_another, -SIGSYS},
	    {"vfork", vfork_another, -SIGSYS},
	    {"become root", become_root, -SIGSYS},
	    {"make a user namespace", unshare_user, -SIGSYS},
	    {"map code", new_code, -SIGSYS},
	    {"make memory code", memory_to_code, -SIGSYS},
	    {"call the hypervisor", hypercall, -SIGSYS},
	    {"become dumpable", loosen, -SIGSYS},
	    {"mount", mount_over, -SIGSYS},
	    {"use io_uring", use_io_uring, -SIGSYS},
	};

	for (kind = TOCSIN_SANDBOX_WORKER; kind <= TOCSIN_SANDBOX_WRITER; kind++)
		for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
			int ends = attempt(attempts[i].attempt);

			if (ends != attempts[i].ends)
				print_error("%s: %d\n", attempts[i].what, ends);
			assert_int_equal(ends, attempts[i].ends);
		}
}

static void *in_a_thread(void *context)
{
	free(malloc(1 << 20));
	return context;
}

/* What a scan needs. */
static int work(void)
{
	pthread_t thread;
	void *result, *page = malloc(20 << 20);

	if (!page || pthread_create(&thread, NULL, in_a_thread, page) ||
	    pthread_join(thread, &result) || result != page)
		return -1;
	memset(page, 1, 20 << 20);
	free(page);
	return send(pair[0], "x", 1, 0) == 1 ? 0 : -1;
}

static int work_as_a_writer(void)
{
	char *page = malloc(20 << 20);

	if (!page)
		return -1;
	memset(page, 1, 20 << 20);
	free(page);
	return send(pair[0], "x", 1, 0) == 1 ? 0 : -1;
}

static void they_can_do_their_work(void **state)
{
	kind = TOCSIN_SANDBOX_WORKER;
	assert_int_equal(attempt(work), BEGUN);
	kind = TOCSIN_SANDBOX_WRITER;
	assert_int_equal(attempt(work_as_a_writer), BEGUN);
}

static int eat(void)
{
	for (int i = 0; i < 100; i++) {
		char *bytes = malloc(1 << 20);

		if (!bytes)
			return 0;
		memset(bytes, 1, 1 << 20);
	}
	errno = E2BIG;
	return -1;
}

static void memory_is_bounded(void **state)
{
	kind = TOCSIN_SANDBOX_WORKER;
	assert_int_equal(attempt(eat), BEGUN);
}

static int use_another(void)
{
	char byte;

	return (int)read(file, &byte, 1);
}

static int duplicate(void)
{
	return (int)syscall(SYS_fcntl, pair[0], F_DUPFD, 0);
}

static void other_descriptors_are_gone(void **state)
{
	for (kind = TOCSIN_SANDBOX_WORKER; kind <= TOCSIN_SANDBOX_WRITER; kind++) {
		assert_int_equal(attempt(use_another), EBADF);
		assert_int_equal(attempt(duplicate), EACCES);
	}
}

static int who(void)
{
	if (getuid() == uid && geteuid() == uid)
		return 0;
	errno = EPERM;
	return -1;
}

static void user_is_another(void **state)
{
	if (geteuid() != 0)
		skip(); /* who is not root stays who it is */
	kind = TOCSIN_SANDBOX_WORKER;
	assert_int_equal(attempt(who), BEGUN);
}

static int open_things(void **state)
{
	uid = TOCSIN_UID_WORKERS + 7;
	if (geteuid() != 0)
		uid = geteuid();
	file = open("/etc/passwd", O_RDONLY);
	return file < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
}

int main(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(all_are_kept_in),
	    cmocka_unit_test(they_can_do_their_work),
	    cmocka_unit_test(memory_is_bounded),
	    cmocka_unit_test(user_is_another),
	    cmocka_unit_test(other_descriptors_are_gone),
	};

	return cmocka_run_group_tests(all, open_things, NULL);
}
