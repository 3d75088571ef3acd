// SPDX-License-Identifier: MIT
/*
 * run with real child processes, traced and made to ring as they are; only the instruction is
 * another one than VMFUNC (TOCSIN_BELL), and the linker wraps what waits for the answers, so that
 * they are known.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli.h"
#include "internal.h"
#include "remote.h"

static uint32_t verdicts[8]; /* per ring; the last non-zero one repeats */
static int scan_error;
static int ping_error;
static unsigned int rings;
static uint32_t last_pid;

int __wrap_tocsin_ping(uint32_t *ret_ticket);
int __wrap_remote_wait(pid_t tid, uint64_t block, unsigned int timeout_ms,
		       struct tocsin_answer *ret);
int __wrap_tocsin_scan(uint32_t pid, unsigned int timeout_ms, struct tocsin_answer *ret,
		       uint8_t nonce[TOCSIN_NONCE_SIZE]);

int __wrap_tocsin_ping(uint32_t *ret_ticket)
{
	return ping_error;
}

int __wrap_tocsin_scan(uint32_t pid, unsigned int timeout_ms, struct tocsin_answer *ret,
		       uint8_t nonce[TOCSIN_NONCE_SIZE])
{
	unsigned int i = rings < 8 ? rings : 7;

	/* The child exists at every ring, the one at exit included: it is not reaped yet. */
	assert_int_equal(kill((pid_t)pid, 0), 0);
	while (i && !verdicts[i])
		i--;
	rings++;
	last_pid = pid;
	if (scan_error)
		return scan_error;
	memset(ret, 0, sizeof(*ret));
	ret->state = TOCSIN_STATE_DONE;
	ret->verdict = verdicts[i];
	ret->pid = pid;
	memset(nonce, 0, TOCSIN_NONCE_SIZE);
	return 0;
}

/* The block must be there as dom0 expects it, in the memory of the process that rang. */
int __wrap_remote_wait(pid_t tid, uint64_t block, unsigned int timeout_ms,
		       struct tocsin_answer *ret)
{
	struct tocsin_request request, expected;
	struct iovec here = {&request, sizeof(request)};
	struct iovec there = {(void *)(uintptr_t)block, sizeof(request)};
	uint8_t nonce[TOCSIN_NONCE_SIZE];

	assert_int_equal(process_vm_readv(tid, &here, 1, &there, 1, 0), sizeof(request));
	tocsin_request_fill(&expected, 0, request.nonce);
	assert_memory_equal(&request, &expected, sizeof(expected));
	return __wrap_tocsin_scan((uint32_t)tid, timeout_ms, ret, nonce);
}

static const char *output; /* where standard output goes */

static int reset(void **state)
{
	memset(verdicts, 0, sizeof(verdicts));
	scan_error = 0;
	ping_error = 0;
	rings = 0;
	last_pid = 0;
	output = "/dev/null";
	return 0;
}

/* What it prints is kept out of the test's own TAP. */
static int run(int argc, char **argv)
{
	struct cli cli = {.json = true, .timeout_ms = 100};
	int null, kept, code;

	fflush(stdout);
	kept = dup(STDOUT_FILENO);
	null = open(output, O_WRONLY | O_TRUNC);
	assert_true(kept >= 0 && null >= 0);
	dup2(null, STDOUT_FILENO);
	code = cli_run(&cli, argc, argv);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	close(null);
	close(kept);
	return code;
}

#define RUN(...)                                                                                   \
	({                                                                                         \
		char *args[] = {"run", __VA_ARGS__, NULL};                                         \
		run((int)(sizeof(args) / sizeof(args[0])) - 1, args);                              \
	})

static void clean(void **state)
{
	verdicts[0] = TOCSIN_VERDICT_CLEAN;
	assert_int_equal(RUN("--", "true"), CLI_CLEAN);
	assert_int_equal(rings, 2);                     /* exec and exit */
	assert_int_equal(kill((pid_t)last_pid, 0), -1); /* reaped */
}

static void intervals(void **state)
{
	verdicts[0] = TOCSIN_VERDICT_CLEAN;
	assert_int_equal(RUN("--interval", "1", "sleep", "1.5"), CLI_CLEAN);
	assert_int_equal(rings, 3);
}

static void worst_verdict_wins(void **state)
{
	verdicts[0] = TOCSIN_VERDICT_SUSPICIOUS;
	verdicts[1] = TOCSIN_VERDICT_CLEAN;
	assert_int_equal(RUN("true"), CLI_SUSPICIOUS);
	verdicts[0] = TOCSIN_VERDICT_CLEAN;
	verdicts[1] = TOCSIN_VERDICT_MALICIOUS;
	rings = 0;
	assert_int_equal(RUN("true"), CLI_MALICIOUS);
	rings = 0;
	verdicts[0] = TOCSIN_VERDICT_INCONCLUSIVE;
	verdicts[1] = TOCSIN_VERDICT_CLEAN;
	assert_int_equal(RUN("true"), CLI_INCONCLUSIVE);
}

static void kills_malicious(void **state)
{
	time_t before = time(NULL);

	verdicts[0] = TOCSIN_VERDICT_MALICIOUS;
	assert_int_equal(RUN("--kill", "--", "sleep", "20"), CLI_MALICIOUS);
	assert_true(time(NULL) - before < 10);
	assert_int_equal(rings, 1);
}

static void suspicious_is_not_killed(void **state)
{
	verdicts[0] = TOCSIN_VERDICT_SUSPICIOUS;
	assert_int_equal(RUN("--kill", "sleep", "0.2"), CLI_SUSPICIOUS);
	assert_int_equal(rings, 2);
}

static void no_answer_is_not_clean(void **state)
{
	scan_error = -ETIMEDOUT;
	assert_int_equal(RUN("true"), CLI_INCONCLUSIVE);
	scan_error = -EBUSY;
	assert_int_equal(RUN("true"), CLI_REFUSED);
}

static void does_not_start(void **state)
{
	verdicts[0] = TOCSIN_VERDICT_CLEAN;
	assert_int_equal(RUN("/nonexistent/program"), CLI_FAILED);
	ping_error = -ENOTCONN;
	assert_int_equal(RUN("true"), CLI_REFUSED);
	ping_error = -EOPNOTSUPP;
	assert_int_equal(RUN("true"), CLI_UNAVAILABLE);
	assert_int_equal(rings, 0);
}

/* Threads, signals, children, failing calls: none may notice anything. The log has every moment. */
static void program_is_not_disturbed(void **state)
{
	char log[] = "/tmp/tocsin-run-XXXXXX", line[1024];
	unsigned int exec = 0, code = 0, connect = 0, listen = 0, at_exit = 0, end = 0;
	FILE *f;

	assert_true(mkstemp(log) >= 0);
	verdicts[0] = TOCSIN_VERDICT_CLEAN;
	assert_int_equal(RUN("--log", log, "--", getenv("TOCSIN_MOMENTS")), CLI_CLEAN);
	f = fopen(log, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		exec += strstr(line, "\"at\":\"exec\"") != NULL;
		code += strstr(line, "\"at\":\"code\"") != NULL;
		connect += strstr(line, "\"at\":\"connect\"") != NULL;
		listen += strstr(line, "\"at\":\"listen\"") != NULL;
		at_exit += strstr(line, "\"at\":\"exit\"") != NULL;
		end += strstr(line, "\"signal\":10,\"killed\":false") != NULL;
	}
	fclose(f);
	unlink(log);
	assert_int_equal(exec, 2);
	assert_int_equal(code, 2);
	assert_int_equal(connect, 1); /* the second comes too soon */
	assert_int_equal(listen, 1);
	assert_int_equal(at_exit, 2); /* of the two children; the program itself ends by a signal */
	assert_int_equal(end, 1);
}

/* JSON on standard output says the same as the log, to the last line. */
static void both_outputs_are_whole(void **state)
{
	char log[] = "/tmp/tocsin-run-XXXXXX", out[] = "/tmp/tocsin-out-XXXXXX", text[2][4096];

	assert_true(mkstemp(log) >= 0 && mkstemp(out) >= 0);
	verdicts[0] = TOCSIN_VERDICT_CLEAN;
	output = out;
	assert_int_equal(RUN("--log", log, "--", "true"), CLI_CLEAN);
	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(i ? out : log, "r");

		assert_non_null(f);
		text[i][fread(text[i], 1, sizeof(text[i]) - 1, f)] = '\0';
		fclose(f);
	}
	unlink(log);
	unlink(out);
	assert_string_equal(text[0], text[1]);
	assert_non_null(strstr(text[0], "{\"at\":\"end\",\"exit\":0,"));
}

static void policy(void **state)
{
	verdicts[0] = TOCSIN_VERDICT_SUSPICIOUS;
	assert_int_equal(RUN("--on", "suspicious=kill", "sleep", "20"), CLI_SUSPICIOUS);
	assert_int_equal(rings, 1);
	assert_int_equal(RUN("--on", "suspicious=laugh", "true"), CLI_USAGE);
	assert_int_equal(RUN("--on", "suspicious", "true"), CLI_USAGE);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
	    cmocka_unit_test_setup(clean, reset),
	    cmocka_unit_test_setup(intervals, reset),
	    cmocka_unit_test_setup(worst_verdict_wins, reset),
	    cmocka_unit_test_setup(kills_malicious, reset),
	    cmocka_unit_test_setup(suspicious_is_not_killed, reset),
	    cmocka_unit_test_setup(no_answer_is_not_clean, reset),
	    cmocka_unit_test_setup(does_not_start, reset),
	    cmocka_unit_test_setup(program_is_not_disturbed, reset),
	    cmocka_unit_test_setup(both_outputs_are_whole, reset),
	    cmocka_unit_test_setup(policy, reset),
	};

	return cmocka_run_group_tests_name("guest-run", cases, NULL, NULL);
}
