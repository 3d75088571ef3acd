// SPDX-License-Identifier: MIT
#include "internal.h"
#include "remote.h"

#include <errno.h>
#include <sys/uio.h>

/* A block in another process. */
struct remote_block {
	pid_t tid;
	uint64_t at;
};

static int take_remote(void *context, struct tocsin_answer *ret)
{
	const struct remote_block *b = context;
	struct tocsin_request request;
	struct iovec here = {&request, sizeof(request)};
	struct iovec there = {(void *)(uintptr_t)b->at, sizeof(request)};

	if (process_vm_readv(b->tid, &here, 1, &there, 1, 0) != (ssize_t)sizeof(request))
		return -ESRCH;
	return tocsin_request_take(&request, ret);
}

int remote_wait(pid_t tid, uint64_t block, unsigned int timeout_ms, struct tocsin_answer *ret)
{
	struct remote_block b = {tid, block};

	return tocsin_poll(take_remote, &b, timeout_ms, ret);
}
