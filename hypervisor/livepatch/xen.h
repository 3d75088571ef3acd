/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the payload uses of the running hypervisor. Functions and variables are resolved by Xen's
 * loader, by name. Members of Xen's structures are read at offsets that the generator took out of
 * this very hypervisor's code (offsets.h, written for one build): no header of Xen is used here,
 * since another point release's would compile and be wrong.
 */
#ifndef TOCSIN_LIVEPATCH_XEN_H
#define TOCSIN_LIVEPATCH_XEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "offsets.h"

#include <livepatch/cpu.h>

/* Relocations of kinds that the loader knows. */
#pragma GCC visibility push(hidden)

struct domain;
struct vcpu;

extern struct domain *domain_list;
extern struct domain *hardware_domain;
extern uint32_t vmx_secondary_exec_control;
extern const char vmx_vmexit_handler[];

void domain_pause(struct domain *d);
void domain_unpause(struct domain *d);
void vmx_vmcs_enter(struct vcpu *v);
void vmx_vmcs_exit(struct vcpu *v);
void vmx_update_secondary_exec_control(struct vcpu *v);
void vmx_vcpu_update_vmfunc_ve(struct vcpu *v); /* static in Xen: see generate */
void update_guest_eip(void);
int64_t get_s_time(void);
int trace_will_trace_event(uint32_t event);
void __trace_var(uint32_t event, bool cycles, unsigned int extra, const void *data);
void send_global_virq(uint32_t virq);
unsigned int copy_from_guest_pv(void *to, const void *from, unsigned int len);
unsigned int copy_to_guest_pv(void *to, const void *from, unsigned int len);
unsigned int copy_from_user_hvm(void *to, const void *from, unsigned int len);
unsigned int copy_to_user_hvm(void *to, const void *from, unsigned int len);

/* Of the public interface: errno.h, xen.h, domctl.h, hvm/hvm_op.h, hvm/params.h. */
#define XEN_EPERM 1
#define XEN_ESRCH 3
#define XEN_EFAULT 14
#define XEN_EBUSY 16
#define XEN_ENODEV 19
#define XEN_EINVAL 22
#define XEN_EOPNOTSUPP 95
#define VIRQ_TBUF 4
#define CDF_HVM (1u << 0)
#define CDF_HAP (1u << 1)
#define CDF_NESTED_VIRT (1u << 6)
#define HVMOP_SET_PARAM 0
#define HVMOP_GET_PARAM 1
#define HVM_PARAM_ALTP2M 35
#define ALTP2M_MIXED 1
#define ALTP2M_LIMITED 3

struct xen_hvm_param {
	uint16_t domid;
	uint16_t pad;
	uint32_t index;
	uint64_t value;
};

/* The head of struct cpu_user_regs, as the public interface has it. */
struct cpu_user_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
};

/* Intel's manual, volume 3, appendices B and C. */
#define EXIT_REASON_VMFUNC 59
#define VM_FUNCTION_CONTROL 0x2018
#define VM_EXIT_REASON 0x4402
#define VM_EXIT_INSTRUCTION_LEN 0x440c
#define VM_ENTRY_CONTROLS 0x4012
#define VM_ENTRY_IA32E_MODE (1u << 9)
#define GUEST_CS_AR_BYTES 0x4816
#define CS_AR_LONG (1u << 13)
#define GUEST_CR3 0x6802
#define SECONDARY_EXEC_ENABLE_VM_FUNCTIONS (1u << 13)
#define SECONDARY_EXEC_ENABLE_VIRT_EXCEPTIONS (1u << 18)

#define XEN_FIELD(object, offset, type) (*(type *)((char *)(object) + (offset)))

static inline struct vcpu *current_vcpu(void)
{
	return *(struct vcpu **)(stack_end() - XEN_CURRENT_BELOW_END);
}

static inline struct cpu_user_regs *guest_regs(void)
{
	return (struct cpu_user_regs *)(stack_end() - XEN_REGS_BELOW_END);
}

static inline struct domain *domain_of(struct vcpu *v)
{
	return XEN_FIELD(v, XEN_VCPU_DOMAIN, struct domain *);
}

static inline uint16_t domid_of(struct domain *d)
{
	return XEN_FIELD(d, XEN_DOMAIN_ID, uint16_t);
}

static inline uint32_t options_of(struct domain *d)
{
	return XEN_FIELD(d, XEN_DOMAIN_OPTIONS, uint32_t);
}

static inline struct domain *next_domain(struct domain *d)
{
	return XEN_FIELD(d, XEN_DOMAIN_NEXT, struct domain *);
}

static inline struct vcpu *first_vcpu(struct domain *d)
{
	struct vcpu **vcpus = XEN_FIELD(d, XEN_DOMAIN_VCPUS, struct vcpu **);

	return vcpus ? vcpus[0] : NULL;
}

static inline struct vcpu *next_vcpu(struct vcpu *v)
{
	return XEN_FIELD(v, XEN_VCPU_NEXT, struct vcpu *);
}

#endif
