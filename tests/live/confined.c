// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A process with all that `tocsin ps --details` tells: its own cgroup (a folder made in the cgroup2
 * file system at argv[1]), namespaces, session, capabilities, a filter of seccomp, threads, a
 * tracer. Prints CONFINED when all is set, and stays.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void check(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static void enter_cgroup(const char *root)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/outer", root);
	check(mkdir(path, 0755), "mkdir");
	snprintf(path, sizeof(path), "%s/outer/docker-" CONTAINER ".scope", root);
	check(mkdir(path, 0755), "mkdir");
	strcat(path, "/cgroup.procs");
	fd = open(path, O_WRONLY);
	check(fd, path);
	check(write(fd, "0", 1), "cgroup.procs");
	close(fd);
}

/* A TCP connection that was, in the tables of this network namespace alone; nobody holds it. */
static void leave_time_wait(void)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(9090)};
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int one = socket(AF_INET, SOCK_STREAM, 0), other, accepted;

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(one, "socket");
	check(ioctl(one, SIOCSIFFLAGS, &lo), "lo");
	check(bind(one, (struct sockaddr *)&here, sizeof(here)), "bind");
	check(listen(one, 5), "listen");
	other = socket(AF_INET, SOCK_STREAM, 0);
	check(connect(other, (struct sockaddr *)&here, sizeof(here)), "connect");
	accepted = accept(one, NULL, NULL);
	check(accepted, "accept");
	close(accepted); /* the side with the known port closes first */
	close(other);
	close(one);
}

static void *wait_forever(void *name)
{
	prctl(PR_SET_NAME, name);
	for (;;)
		pause();
	return NULL;
}

static void confine(const char *root)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {1, &allow};
	static char names[2][16] = {"first of two", "second of two"};
	pthread_t thread;
	char *pages;

	enter_cgroup(root);
	check(unshare(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWCGROUP),
	      "unshare");
	leave_time_wait();
	check(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
	check(mount("its own", "/mnt", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
		    "size=64k"),
	      "tmpfs");
	check(setsid(), "setsid");
	check(chdir("/tmp"), "chdir");
	check(prctl(PR_CAPBSET_DROP, 10), "bounding"); /* CAP_NET_BIND_SERVICE */
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges");
	check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "seccomp");
	/* ten pages, of which three are there and two of these may not be touched */
	pages = mmap(NULL, 10 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pages[0] = pages[4096] = pages[5 * 4096] = 1;
	check(mprotect(pages, 2 * 4096, PROT_NONE), "mprotect");
	for (int i = 0; i < 2; i++)
		check(-pthread_create(&thread, NULL, wait_forever, names[i]), "thread");
}

int main(int argc, char **argv)
{
	int ready[2];
	char byte;
	pid_t child;

	if (argc != 2)
		return 2;
	check(pipe(ready), "pipe");
	child = fork();
	check(child, "fork");
	if (!child) {
		confine(argv[1]);
		check(write(ready[1], "", 1), "write");
		wait_forever("confined");
	}
	check(read(ready[0], &byte, 1), "read");
	check(ptrace(PTRACE_SEIZE, child, NULL, NULL), "ptrace");
	puts("CONFINED");
	fflush(stdout);
	for (;;)
		pause();
}
