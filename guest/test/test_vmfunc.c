// SPDX-License-Identifier: MIT
/*
 * The bell where there is none: #UD is caught, in many threads at once, and the program's own
 * SIGILL action survives. Skipped on a machine where VMFUNC works.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "internal.h"

static volatile sig_atomic_t own_hits;

/* The program's own handler steps over its ud2. */
static void own_handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	own_hits++;
	u->uc_mcontext.gregs[REG_RIP] += 2;
}

static int unavailable(void)
{
	return tocsin_ping(NULL) == -EOPNOTSUPP;
}

static void errors(void **state)
{
	assert_int_equal(tocsin_eax_to_errno(0), 0);
	assert_int_equal(tocsin_eax_to_errno(1), -ENOTCONN);
	assert_int_equal(tocsin_eax_to_errno(2), -EBUSY);
	assert_int_equal(tocsin_eax_to_errno(3), -ENOSYS);
	assert_int_equal(tocsin_eax_to_errno(4), -EPERM);
	assert_int_equal(tocsin_eax_to_errno(5), -EPROTO);
	assert_non_null(strstr(tocsin_strerror(-ENOTCONN), "no listener"));
	assert_non_null(strstr(tocsin_strerror(-EBUSY), "rate limited"));
	assert_non_null(strstr(tocsin_strerror(-ENOSYS), "does not know"));
	assert_non_null(strstr(tocsin_strerror(-EPERM), "not permitted"));
}

static void not_available(void **state)
{
	uint32_t ticket = 0xabcd;
	struct tocsin_ask *ask;
	struct tocsin_answer answer, before;
	char why[128];

	if (!unavailable())
		skip();
	assert_int_equal(tocsin_ping(&ticket), -EOPNOTSUPP);
	assert_int_equal(ticket, 0xabcd);
	memset(&answer, 0x5a, sizeof(answer));
	before = answer;
	assert_int_equal(tocsin_scan_self(1000, &answer, NULL), -EOPNOTSUPP);
	assert_int_equal(tocsin_scan(1, 1000, &answer, NULL), -EOPNOTSUPP);
	assert_int_equal(tocsin_ask_begin(0, &ask), -EOPNOTSUPP);
	tocsin_ask_end(NULL);
	assert_memory_equal(&answer, &before, sizeof(answer));
	tocsin_unavailable_reason(why, sizeof(why));
	assert_true(strstr(why, "no hypervisor") || strstr(why, "not Xen") ||
		    strstr(why, "not switched on"));
	assert_int_equal(tocsin_ring(0x1000, 0, NULL), -EINVAL);
	assert_int_equal(tocsin_scan(0, 1, &answer, NULL), -EINVAL);
}

static void *hammer(void *arg)
{
	unsigned long *wrong = arg;

	for (int i = 0; i < 300; i++) {
		if (tocsin_ping(NULL) != -EOPNOTSUPP)
			__atomic_add_fetch(wrong, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void threads_and_own_handler(void **state)
{
	struct sigaction own = {.sa_sigaction = own_handler, .sa_flags = SA_SIGINFO};
	struct sigaction after, saved;
	sigset_t mask_before, mask_after;
	unsigned long wrong = 0;
	pthread_t thread[4];

	if (!unavailable())
		skip();
	sigaction(SIGILL, &own, &saved);
	pthread_sigmask(SIG_SETMASK, NULL, &mask_before);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, hammer, &wrong), 0);
	/* Our own illegal instructions meanwhile reach our own handler, never the landing. */
	for (int i = 0; i < 2000; i++)
		__asm__ volatile("ud2" ::: "memory");
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(wrong, 0);
	assert_int_equal(own_hits, 2000);
	sigaction(SIGILL, NULL, &after);
	assert_ptr_equal(after.sa_sigaction, own_handler);
	hammer(&wrong);
	pthread_sigmask(SIG_SETMASK, NULL, &mask_after);
	for (int s = 1; s < 32; s++)
		assert_int_equal(sigismember(&mask_before, s), sigismember(&mask_after, s));
	assert_int_equal(wrong, 0);
	sigaction(SIGILL, &saved, NULL);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
	    cmocka_unit_test(errors),
	    cmocka_unit_test(not_available),
	    cmocka_unit_test(threads_and_own_handler),
	};

	return cmocka_run_group_tests_name("guest-vmfunc", cases, NULL, NULL);
}
