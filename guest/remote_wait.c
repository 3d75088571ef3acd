// SPDX-License-Identifier: MIT
#include "internal.h"
#include "remote.h"

#include <errno.h>
#include <sys/uio.h>
#include <time.h>

#define POLL_NS 200000L

static int copy_from(pid_t tid, uint64_t from, void *to, size_t size)
{
	struct iovec here = {to, size}, there = {(void *)(uintptr_t)from, size};

	return process_vm_readv(tid, &here, 1, &there, 1, 0) == (ssize_t)size ? 0 : -EFAULT;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int remote_wait(pid_t tid, uint64_t block, unsigned int timeout_ms, struct tocsin_answer *ret)
{
	uint64_t deadline = now_ns() + (uint64_t)timeout_ms * 1000000u;
	struct timespec pause = {.tv_nsec = POLL_NS};
	struct tocsin_request request;
	int rc;

	for (;;) {
		if (copy_from(tid, block, &request, sizeof(request)))
			return -ESRCH;
		rc = tocsin_request_take(&request, ret);
		if (rc != -EAGAIN)
			return rc;
		if (now_ns() >= deadline)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
}
