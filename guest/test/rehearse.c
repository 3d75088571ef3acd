// SPDX-License-Identifier: MIT
/*
 * tocsin-guest run without a hypervisor, for a benchmark: the same tracing, another instruction
 * than VMFUNC, and a verdict at once.
 *
 * usage: rehearse [OPTIONS OF RUN] CMD...
 */
#include "cli.h"
#include "remote.h"

#include <string.h>

int __wrap_tocsin_ping(uint32_t *ret_ticket);
int __wrap_tocsin_scan(uint32_t pid, unsigned int timeout_ms, struct tocsin_answer *ret,
		       uint8_t nonce[TOCSIN_NONCE_SIZE]);
int __wrap_remote_wait(pid_t tid, uint64_t block, unsigned int timeout_ms,
		       struct tocsin_answer *ret);

int __wrap_tocsin_ping(uint32_t *ret_ticket)
{
	return 0;
}

int __wrap_remote_wait(pid_t tid, uint64_t block, unsigned int timeout_ms,
		       struct tocsin_answer *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->state = TOCSIN_STATE_DONE;
	ret->verdict = TOCSIN_VERDICT_CLEAN;
	return 0;
}

int __wrap_tocsin_scan(uint32_t pid, unsigned int timeout_ms, struct tocsin_answer *ret,
		       uint8_t nonce[TOCSIN_NONCE_SIZE])
{
	memset(nonce, 0, TOCSIN_NONCE_SIZE);
	return __wrap_remote_wait((pid_t)pid, 0, timeout_ms, ret);
}

int main(int argc, char **argv)
{
	struct cli cli = {.timeout_ms = 1000};

	return cli_run(&cli, argc, argv);
}
