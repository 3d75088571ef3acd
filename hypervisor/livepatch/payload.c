// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tocsin as a live patch of an unmodified Xen. Two functions are hooked by stubs.S:
 *
 * - hvm_inject_event: the #UD that stock Xen injects for a VMFUNC exit may be a trigger instead;
 * - do_hvm_op: the control domain sets and reads the rate of a domain as HVM parameter 39, with
 *   the numbers and errors of the patched Xen.
 *
 * What a trigger is and whether it is accepted is decided by ../logic, compiled as it is.
 *
 * Invariants:
 * - a domain whose rate is 0 has no bit of its VMCS changed;
 * - there is no data of the payload's own: the state of a domain lies in that domain, so that it
 *   begins as zero and ends with it, and the loader takes the payload again after a revert;
 * - no code here is left by anything but a return, so that no CPU can be inside when it goes.
 *
 * docs/decisions/0009-live-patch.md says why it is done this way.
 */
#include "xen.h"

#include "../logic/tocsin.h"

#include <tocsin/param.h>

/* What Xen's sysctl.h calls livepatch_func, version 2 of the payload's form. */
struct livepatch_func {
	const char *name;
	const void *new_addr;
	const void *old_addr;
	uint32_t new_size;
	uint32_t old_size;
	uint8_t version;
	uint8_t opaque[39];
	struct {
		uint8_t enabled : 1;
		uint8_t len : 5;
		uint8_t reserved : 2;
		uint8_t data[31];
	} expect;
};
_Static_assert(sizeof(struct livepatch_func) == 104, "as Xen's loader reads it");

/* Of the deprecated HVM parameters 20 to 23, which this series of Xen refuses to set or get. */
struct domain_state {
	struct tocsin_state tocsin;
	uint32_t lock;
	uint32_t unused;
};
#define STATE_PARAM 20
_Static_assert(sizeof(struct domain_state) == 4 * sizeof(uint64_t), "four parameters");

int tocsin_livepatch_ring(const uint64_t *event, uintptr_t caller);
int tocsin_livepatch_param(unsigned long op, void *arg, long *ret);
int tocsin_livepatch_preapply(void *payload);
int tocsin_livepatch_prerevert(void *payload);
extern const char tocsin_livepatch_inject_event[];
extern const char tocsin_livepatch_hvm_op[];

/* NULL for a domain that has none. */
static struct domain_state *state_of(struct domain *d)
{
	uint64_t *params;

	if (!(options_of(d) & CDF_HVM))
		return NULL;
	params = XEN_FIELD(d, XEN_DOMAIN_HVM_PARAMS, uint64_t *);
	return params ? (struct domain_state *)(params + STATE_PARAM) : NULL;
}

/* Held for some tens of instructions, with interrupts off. Not Xen's spinlock: its layout differs
 * between configurations. */
static unsigned long lock(struct domain_state *s)
{
	unsigned long flags = irq_save();

	while (__atomic_exchange_n(&s->lock, 1, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
	return flags;
}

static void unlock(struct domain_state *s, unsigned long flags)
{
	__atomic_store_n(&s->lock, 0, __ATOMIC_RELEASE);
	irq_restore(flags);
}

static bool guest_in_64bit_code(void)
{
	return (vmread(VM_ENTRY_CONTROLS) & VM_ENTRY_IA32E_MODE) &&
	       (vmread(GUEST_CS_AR_BYTES) & CS_AR_LONG);
}

/* As vmx_ring() of the patched Xen. True: answered, RIP is to move on. */
static bool ring(struct vcpu *v, struct domain_state *s, struct cpu_user_regs *regs)
{
	struct domain *d = domain_of(v);
	struct tocsin_call call = {
	    .now_ns = (uint64_t)get_s_time(),
	    .cr3 = vmread(GUEST_CR3),
	    .rdx = guest_in_64bit_code() ? regs->rdx : (uint32_t)regs->rdx,
	    .eax = (uint32_t)regs->rax,
	    .ecx = (uint32_t)regs->rcx,
	    .domid = domid_of(d),
	    .vcpu = (uint16_t)XEN_FIELD(v, XEN_VCPU_ID, uint32_t),
	    .listener = trace_will_trace_event(TOCSIN_TRC_TRIGGER),
	};
	struct tocsin_decision decision;
	unsigned long flags = lock(s);

	decision = tocsin_decide(&s->tocsin, &call);
	unlock(s, flags);
	if (decision.action == TOCSIN_STOCK)
		return false;
	if (decision.action == TOCSIN_ACCEPT) {
		__trace_var(TOCSIN_TRC_TRIGGER, true, sizeof(decision.record), &decision.record);
		/* Not only when the buffer is half full: a lone trigger must not wait. */
		send_global_virq(VIRQ_TBUF);
		regs->rdx = decision.rdx;
	}
	regs->rax = decision.eax;
	return true;
}

/*
 * Instead of hvm_inject_event(event). 0: inject as ever. 1: it was a trigger, nothing to inject.
 * Only the #UD that the exit handler itself asks for counts: an event that dom0 or the emulator
 * injects later on the way back into the guest finds the same exit reason.
 */
int tocsin_livepatch_ring(const uint64_t *event, uintptr_t caller)
{
	struct vcpu *v = current_vcpu();
	struct domain_state *s;

	if (*event != XEN_EVENT_UD || caller - (uintptr_t)vmx_vmexit_handler >= XEN_VMEXIT_SIZE)
		return 0;
	s = state_of(domain_of(v));
	if (!s || !__atomic_load_n(&s->tocsin.rate, __ATOMIC_RELAXED) ||
	    vmread(VM_EXIT_REASON) != EXIT_REASON_VMFUNC)
		return 0;
	/* update_guest_eip() stops the machine for any other length. */
	if (vmread(VM_EXIT_INSTRUCTION_LEN) - 1 >= 15)
		return 0;
	if (!ring(v, s, guest_regs()))
		return 0;
	update_guest_eip();
	return 1;
}

/*
 * VMFUNC of a paused vCPU: on, it exits; off, it is #UD as ever. Where the guest may choose among
 * views, stock code sets EPTP switching up, as it does for #VE, and only what names no view exits.
 * A vCPU with #VE has that already, and stock code goes on to care for it.
 */
static void set_vmfunc(struct vcpu *v, bool on, bool views)
{
	uint32_t *control = &XEN_FIELD(v, XEN_VCPU_SECONDARY_EXEC, uint32_t);

	if (*control & SECONDARY_EXEC_ENABLE_VIRT_EXCEPTIONS)
		return;
	if (on && views)
		vmx_vcpu_update_vmfunc_ve(v); /* no VM functions where altp2m is not active */
	vmx_vmcs_enter(v);
	if (on && !(*control & SECONDARY_EXEC_ENABLE_VM_FUNCTIONS)) {
		vmwrite(VM_FUNCTION_CONTROL, 0);
		*control |= SECONDARY_EXEC_ENABLE_VM_FUNCTIONS;
		vmx_update_secondary_exec_control(v);
	} else if (!on && (*control & SECONDARY_EXEC_ENABLE_VM_FUNCTIONS)) {
		*control &= ~SECONDARY_EXEC_ENABLE_VM_FUNCTIONS;
		vmx_update_secondary_exec_control(v);
	}
	vmx_vmcs_exit(v);
}

/* With altp2m for an agent outside alone, a guest must not leave the view that it was put into. */
static bool may_switch_views(struct domain *d)
{
	uint64_t mode = XEN_FIELD(d, XEN_DOMAIN_HVM_PARAMS, uint64_t *)[HVM_PARAM_ALTP2M];

	return mode == ALTP2M_MIXED || mode == ALTP2M_LIMITED;
}

static long set_rate(struct domain *d, struct domain_state *s, uint64_t rate)
{
	unsigned long flags;

	if (rate != (uint32_t)rate)
		return -XEN_EINVAL;
	/* A nested guest's VMCS would inherit the control; without EPT, CR3 is not the guest's. */
	if (rate && (options_of(d) & (CDF_NESTED_VIRT | CDF_HAP)) != CDF_HAP)
		return -XEN_EOPNOTSUPP;
	/* A domain that is being built: its vCPUs would come without the control. */
	if (rate && !first_vcpu(d))
		return -XEN_EBUSY;
	domain_pause(d);
	flags = lock(s);
	tocsin_set_rate(&s->tocsin, (uint32_t)rate, (uint64_t)get_s_time());
	unlock(s, flags);
	for (struct vcpu *v = first_vcpu(d); v; v = next_vcpu(v))
		set_vmfunc(v, rate, may_switch_views(d));
	domain_unpause(d);
	return 0;
}

/* No pointers to functions: an indirect call would need one of Xen's thunks. */
static bool copy_in(bool hvm, struct xen_hvm_param *to, const void *from)
{
	if (hvm)
		return !copy_from_user_hvm(to, from, sizeof(*to));
	return !copy_from_guest_pv(to, from, sizeof(*to));
}

static bool copy_out(bool hvm, void *to, const struct xen_hvm_param *from)
{
	if (hvm)
		return !copy_to_user_hvm(to, from, sizeof(*from));
	return !copy_to_guest_pv(to, from, sizeof(*from));
}

/* Domains are freed by RCU, whose grace period waits until this CPU takes a softirq: not here. */
static struct domain *find_domain(uint16_t domid)
{
	struct domain *d = __atomic_load_n(&domain_list, __ATOMIC_CONSUME);

	while (d && domid_of(d) != domid)
		d = next_domain(d);
	return d;
}

/* Instead of do_hvm_op(op, arg), for set_param and get_param. 1: done, *ret is the result. */
int tocsin_livepatch_param(unsigned long op, void *arg, long *ret)
{
	struct domain *caller = domain_of(current_vcpu()), *d;
	bool hvm = options_of(caller) & CDF_HVM;
	struct xen_hvm_param param;
	struct domain_state *s;

	if (caller != hardware_domain)
		return 0;
	if (!copy_in(hvm, &param, arg) || param.index != TOCSIN_HVM_PARAM_RATE)
		return 0;
	d = find_domain(param.domid);
	s = d ? state_of(d) : NULL;
	if (!d) {
		*ret = -XEN_ESRCH;
	} else if (!s) {
		*ret = -XEN_EINVAL;
	} else if (d == caller) {
		*ret = -XEN_EPERM;
	} else if (op == HVMOP_SET_PARAM) {
		*ret = set_rate(d, s, param.value);
	} else {
		param.value = s->tocsin.rate;
		*ret = copy_out(hvm, arg, &param) ? 0 : -XEN_EFAULT;
	}
	return 1;
}

/* Not on a CPU that cannot do it. Also: nobody else may use the parameters that hold our state. */
int tocsin_livepatch_preapply(void *payload)
{
	if (!(vmx_secondary_exec_control & SECONDARY_EXEC_ENABLE_VM_FUNCTIONS))
		return -XEN_ENODEV;
	return tocsin_livepatch_prerevert(payload);
}

/* Every domain must be switched off first, which also puts its VMCSs back. */
int tocsin_livepatch_prerevert(void *payload)
{
	struct domain_state *s;

	for (struct domain *d = domain_list; d; d = next_domain(d)) {
		s = state_of(d);
		if (s && s->tocsin.rate)
			return -XEN_EBUSY;
	}
	return 0;
}

/* A section each, which may not be writable. */
__attribute__((section(".livepatch.hooks.preapply"),
	       used)) static int (*const preapply)(void *) = tocsin_livepatch_preapply;
__attribute__((section(".livepatch.hooks.prerevert"),
	       used)) static int (*const prerevert)(void *) = tocsin_livepatch_prerevert;

#define HOOK(function, stub, prefix)                                                               \
	{                                                                                          \
		.name = function, .new_addr = stub, .new_size = 64, .old_size = prefix##_SIZE,     \
		.version = 2,                                                                      \
		.expect = {.enabled = 1, .len = prefix##_LENGTH, .data = {prefix##_BYTES}},        \
	}

__attribute__((section(".livepatch.funcs"), used)) static struct livepatch_func functions[] = {
    HOOK("hvm_inject_event", tocsin_livepatch_inject_event, XEN_HOOK_INJECT_EVENT),
    HOOK("do_hvm_op", tocsin_livepatch_hvm_op, XEN_HOOK_HVM_OP),
};
