/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A worker's place on the real Xen, and what can be done from there. usage: confined DOMID OTHER
 * Opens DOMID's memory as a worker does, gives up all else, and tries to map frames of DOMID, of
 * OTHER, of dom0 and of Xen itself, with the handle's own descriptor; then a hypercall.
 */
#include "dispatch/sandbox.h"
#include "memory/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen/xen.h>

/* As Linux's xen/privcmd.h has them. */
struct mmapbatch {
	unsigned int num;
	uint16_t dom;
	uint64_t addr;
	const uint64_t *arr;
	int *err;
};
#define MMAPBATCH_V2 0x205004u
#define HYPERCALL 0x305000u

static int handle(void)
{
	char path[32], target[64];

	for (int fd = 3; fd < 20; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (strstr(target, "privcmd"))
			return fd;
	}
	return -1;
}

/* 0, or the errno that it came to. */
static int map(int fd, uint16_t domid)
{
	uint64_t frame = 1;
	int error = 0;
	void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	struct mmapbatch batch = {1, domid, (uint64_t)(uintptr_t)at, &frame, &error};

	if (at == MAP_FAILED)
		return errno;
	if (ioctl(fd, MMAPBATCH_V2, &batch))
		return errno;
	return abs(error);
}

static void attempt(const char *what, uint16_t domid, int fd)
{
	printf("confined map=%s errno=%d\n", what, map(fd, domid));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const struct tocsin_sandbox_limits limits = {.memory = 64u << 20};
	struct tocsin_error err = {0};
	struct tocsin_memory *m;
	uint32_t domid;
	int fd, status;
	pid_t child;

	if (argc != 3)
		return 2;
	domid = (uint32_t)atoi(argv[1]);
	if (tocsin_sandbox_keep(NULL, 0, &err) || tocsin_memory_open_xen(domid, &m, &err)) {
		printf("confined error: %s\n", err.message);
		return 1;
	}
	fd = handle();
	printf("confined handle=%d\n", fd);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (tocsin_sandbox_enter(TOCSIN_SANDBOX_WORKER, TOCSIN_UID_WORKERS + domid, &limits,
					 &err))
			_exit(1);
		attempt("own", (uint16_t)domid, fd);
		attempt("other", (uint16_t)atoi(argv[2]), fd);
		attempt("dom0", 0, fd);
		attempt("xen", DOMID_XEN, fd);
		ioctl(fd, HYPERCALL, NULL);
		_exit(0);
	}
	waitpid(child, &status, 0);
	printf("confined hypercall signal=%d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	tocsin_memory_close(m);
	return 0;
}
