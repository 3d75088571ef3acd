/* SPDX-License-Identifier: GPL-2.0-only */
/* Structures of a hypervisor that is none, at whose members the payload looks in the unit tests. */
#ifndef SHIM_OFFSETS_H
#define SHIM_OFFSETS_H

#include <stddef.h>
#include <stdint.h>

struct shim_vcpu {
	uint32_t id;
	struct shim_vcpu *next;
	uint32_t secondary;
	struct shim_domain *domain;
	unsigned long vmfunc_control; /* of its VMCS */
	uint32_t vmcs_secondary;
	int entered;
};

struct shim_domain {
	uint16_t id;
	uint32_t options;
	struct shim_domain *next;
	struct shim_vcpu **vcpus;
	uint64_t *params;
	int paused;
	int altp2m_active; /* which the payload cannot see */
};

#define XEN_STACK_MASK 0xfff
#define XEN_CURRENT_BELOW_END 8
#define XEN_REGS_BELOW_END 0x100
#define XEN_VCPU_ID offsetof(struct shim_vcpu, id)
#define XEN_VCPU_NEXT offsetof(struct shim_vcpu, next)
#define XEN_VCPU_DOMAIN offsetof(struct shim_vcpu, domain)
#define XEN_VCPU_SECONDARY_EXEC offsetof(struct shim_vcpu, secondary)
#define XEN_DOMAIN_ID offsetof(struct shim_domain, id)
#define XEN_DOMAIN_OPTIONS offsetof(struct shim_domain, options)
#define XEN_DOMAIN_NEXT offsetof(struct shim_domain, next)
#define XEN_DOMAIN_VCPUS offsetof(struct shim_domain, vcpus)
#define XEN_DOMAIN_HVM_PARAMS offsetof(struct shim_domain, params)
#define XEN_VMEXIT_SIZE 0x100
#define XEN_EVENT_UD 0xffffffff00030006
#define XEN_HOOK_INJECT_EVENT_LENGTH 5
#define XEN_HOOK_INJECT_EVENT_BYTES 1, 2, 3, 4, 5
#define XEN_HOOK_INJECT_EVENT_SIZE 100
#define XEN_HOOK_HVM_OP_LENGTH 6
#define XEN_HOOK_HVM_OP_BYTES 1, 2, 3, 4, 5, 6
#define XEN_HOOK_HVM_OP_SIZE 200

#endif
