// SPDX-License-Identifier: MIT
/*
 * The bell: VMFUNC, and what to say when it cannot be used.
 *
 * Where nobody handles it VMFUNC raises #UD, which Linux turns into SIGILL. There is no way to ask
 * beforehand (no CPUID bit tells a guest), so the instruction is tried with a handler in place.
 * The action for SIGILL belongs to the process, so a lock lets one thread at a time replace it. The
 * handler jumps only for the thread that is executing VMFUNC; for any other it passes the signal
 * to the action that was there before.
 */
#include "internal.h"

#include <cpuid.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous;
/* Not NULL only in the thread that is executing VMFUNC. initial-exec: safe to read in a handler. */
static __thread sigjmp_buf *landing __attribute__((tls_model("initial-exec")));

static void on_sigill(int sig, siginfo_t *info, void *context)
{
	if (landing && info->si_code > 0) /* raised by an instruction, not by kill() */
		siglongjmp(*landing, 1);
	if (previous.sa_flags & SA_SIGINFO) {
		previous.sa_sigaction(sig, info, context);
	} else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
		previous.sa_handler(sig);
	} else {
		/* The instruction runs again and meets the default action. */
		signal(SIGILL, SIG_DFL);
	}
}

static int guarded_vmfunc(uint32_t ecx, unsigned long *rdx, uint32_t *eax)
{
	sigjmp_buf here;
	unsigned long arg = *rdx;
	uint32_t status = TOCSIN_OK; /* in: leaf 0 */

	if (sigsetjmp(here, 1)) {
		landing = NULL;
		return -EOPNOTSUPP;
	}
	landing = &here;
	__asm__ volatile("" ::: "memory");
	__asm__ volatile(".byte 0x0f, 0x01, 0xd4"
			 : "+a"(status), "+d"(arg)
			 : "c"(ecx)
			 : "memory", "cc");
	landing = NULL;
	*rdx = arg;
	*eax = status;
	return 0;
}

int tocsin_vmfunc(uint32_t ecx, unsigned long *rdx, uint32_t *eax)
{
	struct sigaction action = {.sa_sigaction = on_sigill, .sa_flags = SA_SIGINFO};
	sigset_t all, mask;
	int r;

	/* Every other signal waits: its handler must not run with landing set, nor ring itself. */
	sigfillset(&all);
	sigdelset(&all, SIGILL);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	pthread_mutex_lock(&lock);
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGILL, NULL, &previous) || sigaction(SIGILL, &action, NULL)) {
		r = -errno;
	} else {
		r = guarded_vmfunc(ecx, rdx, eax);
		sigaction(SIGILL, &previous, NULL);
	}
	pthread_mutex_unlock(&lock);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return r;
}

int tocsin_eax_to_errno(uint32_t eax)
{
	switch (eax) {
	case TOCSIN_OK:
		return 0;
	case TOCSIN_ERR_NO_LISTENER:
		return -ENOTCONN;
	case TOCSIN_ERR_RATE_LIMITED:
		return -EBUSY;
	case TOCSIN_ERR_UNKNOWN:
		return -ENOSYS;
	case TOCSIN_ERR_NOT_PERMITTED:
		return -EPERM;
	default:
		return -EPROTO;
	}
}

TOCSIN_EXPORT int tocsin_ring(uint32_t op, uint64_t arg, uint32_t *ret_ticket)
{
	unsigned long rdx = (unsigned long)arg;
	uint32_t eax;
	int r;

	if (op > 0xfff)
		return -EINVAL;
	r = tocsin_vmfunc(TOCSIN_ECX(op), &rdx, &eax);
	if (!r)
		r = tocsin_eax_to_errno(eax);
	if (!r && ret_ticket)
		*ret_ticket = (uint32_t)rdx;
	return r;
}

TOCSIN_EXPORT int tocsin_ping(uint32_t *ret_ticket)
{
	return tocsin_ring(TOCSIN_OP_PING, 0, ret_ticket);
}

TOCSIN_EXPORT const char *tocsin_strerror(int error)
{
	switch (error) {
	case 0:
		return "accepted";
	case -EOPNOTSUPP:
		return "VMFUNC is not available";
	case -ENOTCONN:
		return "no listener: nothing in dom0 takes the requests";
	case -EBUSY:
		return "rate limited: this domain has rung too often, try again later";
	case -ENOSYS:
		return "the hypervisor does not know this operation or ABI version";
	case -EPERM:
		return "not permitted to ring";
	case -EPROTO:
		return "malformed answer";
	case -EBADMSG:
		return "FORGED or altered: the given key did not sign this answer";
	case -ETIMEDOUT:
		return "accepted, but no answer came in time";
	default:
		return strerrordesc_np(-error) ?: "unknown error";
	}
}

/* The signature of the hypervisor in ret, Xen's if it is among several (Xen shows itself at
 * 0x40000100 when it also plays Hyper-V). 0, or -ENOENT without a hypervisor. */
static int hypervisor_signature(char ret[13])
{
	uint32_t a, b, c, d;
	char found[13] = "", sig[13] = "";

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 31))
		return -ENOENT;
	for (uint32_t leaf = 0x40000000; leaf < 0x40010000; leaf += 0x100) {
		__cpuid(leaf, a, b, c, d);
		memcpy(sig, &b, 4);
		memcpy(sig + 4, &c, 4);
		memcpy(sig + 8, &d, 4);
		if (leaf == 0x40000000)
			memcpy(found, sig, sizeof(found));
		if (!memcmp(sig, "XenVMMXenVMM", 12)) {
			memcpy(found, sig, sizeof(found));
			break;
		}
	}
	for (char *p = found; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '.';
	memcpy(ret, found, sizeof(found));
	return 0;
}

TOCSIN_EXPORT const char *tocsin_unavailable_reason(char *buf, size_t size)
{
	char sig[13];

	if (hypervisor_signature(sig))
		snprintf(buf, size, "CPUID shows no hypervisor; Tocsin serves guests of Xen");
	else if (strcmp(sig, "XenVMMXenVMM"))
		snprintf(buf, size, "the hypervisor is \"%s\", not Xen", sig);
	else
		snprintf(buf, size, "Xen is there, but VMFUNC is not switched on for this domain");
	return buf;
}
