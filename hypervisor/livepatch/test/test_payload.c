// SPDX-License-Identifier: GPL-2.0-only
/* The payload as it is, in a hypervisor that is none: test/shim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../payload.c"

static struct shim_domain dom0, guest, other, pv;
static struct shim_vcpu vcpu0, vcpus[3];
static struct shim_vcpu *guest_vcpus[] = {&vcpus[0]}, *other_vcpus[] = {&vcpus[2]};
static uint64_t guest_params[39], other_params[39];
static _Alignas(16) char stack[0x200];
static struct {
	unsigned long field[0x8000];
	struct shim_vcpu *loaded;
	int64_t now;
	int listener, records, virqs, stepped, irqs_off, stock_updates;
	struct tocsin_record record;
	bool bad_pointer, while_running;
} machine;

struct domain *domain_list, *hardware_domain;
uint32_t vmx_secondary_exec_control;
const char vmx_vmexit_handler[XEN_VMEXIT_SIZE];
const char tocsin_livepatch_inject_event[1], tocsin_livepatch_hvm_op[1];

unsigned long vmread(unsigned long field)
{
	return field == VM_FUNCTION_CONTROL ? machine.loaded->vmfunc_control : machine.field[field];
}

void vmwrite(unsigned long field, unsigned long value)
{
	assert_int_equal(field, VM_FUNCTION_CONTROL);
	machine.loaded->vmfunc_control = value;
}

char *stack_end(void)
{
	return stack + sizeof(stack);
}

unsigned long irq_save(void)
{
	return (unsigned long)machine.irqs_off++;
}

void irq_restore(unsigned long flags)
{
	assert_int_equal(--machine.irqs_off, flags);
}

void domain_pause(struct domain *d)
{
	((struct shim_domain *)d)->paused++;
}

void domain_unpause(struct domain *d)
{
	((struct shim_domain *)d)->paused--;
}

void vmx_vmcs_enter(struct vcpu *v)
{
	struct shim_vcpu *vcpu = (struct shim_vcpu *)v;

	assert_null(machine.loaded);
	machine.while_running |= !vcpu->domain->paused;
	machine.loaded = vcpu;
}

void vmx_vmcs_exit(struct vcpu *v)
{
	assert_ptr_equal(machine.loaded, v);
	machine.loaded = NULL;
}

void vmx_update_secondary_exec_control(struct vcpu *v)
{
	assert_ptr_equal(machine.loaded, v);
	machine.loaded->vmcs_secondary = machine.loaded->secondary;
}

/* As stock Xen has it for a vCPU without a #VE page. */
void vmx_vcpu_update_vmfunc_ve(struct vcpu *v)
{
	struct shim_vcpu *vcpu = (struct shim_vcpu *)v;

	vmx_vmcs_enter(v);
	if (vcpu->domain->altp2m_active) {
		vcpu->secondary |= SECONDARY_EXEC_ENABLE_VM_FUNCTIONS;
		vmwrite(VM_FUNCTION_CONTROL, 1);
	} else {
		vcpu->secondary &= ~SECONDARY_EXEC_ENABLE_VM_FUNCTIONS;
	}
	vcpu->secondary &= ~SECONDARY_EXEC_ENABLE_VIRT_EXCEPTIONS;
	vmx_update_secondary_exec_control(v);
	vmx_vmcs_exit(v);
	machine.stock_updates++;
}

void update_guest_eip(void)
{
	machine.stepped++;
}

int64_t get_s_time(void)
{
	return machine.now;
}

int trace_will_trace_event(uint32_t event)
{
	return event == TOCSIN_TRC_TRIGGER && machine.listener;
}

void __trace_var(uint32_t event, bool cycles, unsigned int extra, const void *data)
{
	assert_int_equal(event, TOCSIN_TRC_TRIGGER);
	assert_int_equal(extra, sizeof(machine.record));
	assert_int_equal(machine.irqs_off, 0);
	memcpy(&machine.record, data, extra);
	machine.records++;
}

void send_global_virq(uint32_t virq)
{
	assert_int_equal(virq, VIRQ_TBUF);
	machine.virqs++;
}

static unsigned int copy(void *to, const void *from, unsigned int len)
{
	if (machine.bad_pointer)
		return len;
	memcpy(to, from, len);
	return 0;
}

unsigned int copy_from_guest_pv(void *to, const void *from, unsigned int len)
{
	assert_false(dom0.options & CDF_HVM);
	return copy(to, from, len);
}

unsigned int copy_to_guest_pv(void *to, const void *from, unsigned int len)
{
	return copy_from_guest_pv(to, from, len);
}

unsigned int copy_from_user_hvm(void *to, const void *from, unsigned int len)
{
	assert_true(dom0.options & CDF_HVM);
	return copy(to, from, len);
}

unsigned int copy_to_user_hvm(void *to, const void *from, unsigned int len)
{
	return copy_from_user_hvm(to, from, len);
}

static void set_current(struct shim_vcpu *v)
{
	memcpy(stack + sizeof(stack) - XEN_CURRENT_BELOW_END, &v, sizeof(v));
}

static int setup(void **state)
{
	memset(&machine, 0, sizeof(machine));
	memset(guest_params, 0, sizeof(guest_params));
	memset(other_params, 0, sizeof(other_params));
	memset(vcpus, 0, sizeof(vcpus));
	dom0 = (struct shim_domain){.id = 0, .next = &guest};
	guest = (struct shim_domain){.id = 7,
				     .options = CDF_HVM | CDF_HAP,
				     .next = &other,
				     .vcpus = guest_vcpus,
				     .params = guest_params};
	other = (struct shim_domain){.id = 8,
				     .options = CDF_HVM | CDF_HAP,
				     .next = &pv,
				     .vcpus = other_vcpus,
				     .params = other_params};
	pv = (struct shim_domain){.id = 9};
	vcpu0 = (struct shim_vcpu){.domain = &dom0};
	vcpus[0] = (struct shim_vcpu){.domain = &guest, .next = &vcpus[1]};
	vcpus[1] = (struct shim_vcpu){.domain = &guest, .id = 1};
	vcpus[2] = (struct shim_vcpu){.domain = &other};
	domain_list = (struct domain *)&dom0;
	hardware_domain = (struct domain *)&dom0;
	vmx_secondary_exec_control = SECONDARY_EXEC_ENABLE_VM_FUNCTIONS;
	set_current(&vcpu0);
	return 0;
}

static long set(uint16_t domid, uint64_t value)
{
	struct xen_hvm_param p = {.domid = domid, .index = TOCSIN_HVM_PARAM_RATE, .value = value};
	long rc = 1;

	assert_int_equal(tocsin_livepatch_param(HVMOP_SET_PARAM, &p, &rc), 1);
	assert_int_equal(guest.paused, 0);
	assert_false(machine.while_running);
	return rc;
}

static uint64_t get(uint16_t domid)
{
	struct xen_hvm_param p = {.domid = domid, .index = TOCSIN_HVM_PARAM_RATE, .value = 99};
	long rc = 1;

	assert_int_equal(tocsin_livepatch_param(HVMOP_GET_PARAM, &p, &rc), 1);
	assert_int_equal(rc, 0);
	return p.value;
}

static void only_dom0_is_heard_and_only_about_its_parameter(void **state)
{
	struct xen_hvm_param p = {.domid = 7, .index = TOCSIN_HVM_PARAM_RATE, .value = 5};
	long rc;

	set_current(&vcpus[0]);
	assert_int_equal(tocsin_livepatch_param(HVMOP_SET_PARAM, &p, &rc), 0);
	assert_int_equal(tocsin_livepatch_param(HVMOP_GET_PARAM, &p, &rc), 0);
	set_current(&vcpu0);
	for (p.index = 0; p.index < 200; p.index++)
		assert_int_equal(tocsin_livepatch_param(HVMOP_SET_PARAM, &p, &rc),
				 p.index == TOCSIN_HVM_PARAM_RATE);
	setup(state);
	p.index = TOCSIN_HVM_PARAM_RATE;
	machine.bad_pointer = true;
	assert_int_equal(tocsin_livepatch_param(HVMOP_SET_PARAM, &p, &rc), 0);
	machine.bad_pointer = false;
	assert_int_equal(get(7), 0);
}

static void errors_of_the_parameter(void **state)
{
	assert_int_equal(set(55, 1), -XEN_ESRCH);
	assert_int_equal(set(9, 1), -XEN_EINVAL); /* PV */
	assert_int_equal(set(7, 1ull << 32), -XEN_EINVAL);
	guest.options |= CDF_NESTED_VIRT;
	assert_int_equal(set(7, 1), -XEN_EOPNOTSUPP);
	assert_int_equal(set(7, 0), 0);
	guest.options = CDF_HVM; /* shadow page tables */
	assert_int_equal(set(7, 1), -XEN_EOPNOTSUPP);
	assert_int_equal(vcpus[0].secondary | vcpus[1].secondary, 0);
	other.vcpus = NULL; /* while it is built */
	assert_int_equal(set(8, 1), -XEN_EBUSY);
	assert_int_equal(set(8, 0), 0);
	dom0.options = CDF_HVM | CDF_HAP;
	dom0.params = other_params;
	assert_int_equal(set(0, 1), -XEN_EPERM);
}

static void a_rate_switches_every_vcpu_and_0_puts_it_back(void **state)
{
	vcpus[0].secondary = vcpus[1].secondary = 0x82;
	vcpus[1].vmfunc_control = 1; /* left over; not in use */
	assert_int_equal(set(7, 5), 0);
	assert_int_equal(get(7), 5);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(vcpus[i].vmcs_secondary,
				 0x82 | SECONDARY_EXEC_ENABLE_VM_FUNCTIONS);
		assert_int_equal(vcpus[i].vmfunc_control, 0);
	}
	assert_int_equal(set(7, 6), 0);
	assert_int_equal(set(7, 0), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(vcpus[i].secondary, 0x82);
		assert_int_equal(vcpus[i].vmcs_secondary, 0x82);
	}
	assert_int_equal(get(7), 0);
	assert_int_equal(get(8), 0);
}

/* What VMFUNC does on the guest's vCPUs: nothing (0), exits (1), switches views (2). */
static int vmfunc_does(int vcpu)
{
	assert_int_equal(vcpus[vcpu].secondary, vcpus[vcpu].vmcs_secondary);
	if (!(vcpus[vcpu].secondary & SECONDARY_EXEC_ENABLE_VM_FUNCTIONS))
		return 0;
	return 1 + (int)vcpus[vcpu].vmfunc_control;
}

static void a_guest_with_views_may_switch_them(void **state)
{
	const int does[] = {1, 2, 1, 2}; /* by mode: disabled, mixed, external, limited */

	for (unsigned int mode = 0; mode < 4; mode++) {
		setup(state);
		guest_params[HVM_PARAM_ALTP2M] = mode;
		guest.altp2m_active = mode != 0;
		assert_int_equal(set(7, 5), 0);
		assert_int_equal(vmfunc_does(0), does[mode]);
		assert_int_equal(vmfunc_does(1), does[mode]);
		assert_int_equal(set(7, 0), 0);
		assert_int_equal(vmfunc_does(0), 0);
		assert_int_equal(vmfunc_does(1), 0);
	}
}

static void views_that_come_and_go_are_seen_with_the_next_rate(void **state)
{
	guest_params[HVM_PARAM_ALTP2M] = ALTP2M_MIXED;
	assert_int_equal(set(7, 5), 0); /* altp2m may be used, and is not yet */
	assert_int_equal(vmfunc_does(1), 1);
	guest.altp2m_active = true;
	assert_int_equal(set(7, 5), 0);
	assert_int_equal(vmfunc_does(1), 2);
	guest.altp2m_active = false;
	assert_int_equal(set(7, 5), 0);
	assert_int_equal(vmfunc_does(1), 1);
}

static void a_vcpu_with_exceptions_is_left_alone(void **state)
{
	const uint32_t both =
	    SECONDARY_EXEC_ENABLE_VM_FUNCTIONS | SECONDARY_EXEC_ENABLE_VIRT_EXCEPTIONS;

	guest_params[HVM_PARAM_ALTP2M] = ALTP2M_MIXED;
	guest.altp2m_active = true;
	vcpus[0].secondary = vcpus[0].vmcs_secondary = both;
	vcpus[0].vmfunc_control = 1;
	assert_int_equal(set(7, 5), 0);
	assert_int_equal(vcpus[0].vmcs_secondary, both);
	assert_int_equal(vmfunc_does(1), 2);
	assert_int_equal(set(7, 0), 0);
	assert_int_equal(vcpus[0].vmcs_secondary, both);
	assert_int_equal(vmfunc_does(0), 2);
	assert_int_equal(vmfunc_does(1), 0);
	assert_int_equal(machine.stock_updates, 1); /* of the other vCPU */
}

static void nothing_but_four_deprecated_parameters_is_written(void **state)
{
	memset(guest_params, 0x5a, sizeof(guest_params));
	memset(guest_params + STATE_PARAM, 0, sizeof(struct domain_state));
	assert_int_equal(set(7, UINT32_MAX), 0);
	for (int i = 0; i < 39; i++)
		if (i < 20 || i > 23)
			assert_int_equal(guest_params[i], 0x5a5a5a5a5a5a5a5a);
}

static void hooks_of_the_patch(void **state)
{
	assert_int_equal(tocsin_livepatch_preapply(NULL), 0);
	assert_int_equal(set(8, 1), 0);
	assert_int_equal(tocsin_livepatch_preapply(NULL), -XEN_EBUSY);
	assert_int_equal(tocsin_livepatch_prerevert(NULL), -XEN_EBUSY);
	assert_int_equal(set(8, 0), 0);
	assert_int_equal(tocsin_livepatch_prerevert(NULL), 0);
	vmx_secondary_exec_control = ~SECONDARY_EXEC_ENABLE_VM_FUNCTIONS;
	assert_int_equal(tocsin_livepatch_preapply(NULL), -XEN_ENODEV);
	other.params = NULL; /* while it is built */
	assert_int_equal(tocsin_livepatch_prerevert(NULL), 0);
}

/* A VMFUNC exit of the guest's second vCPU, in 64-bit code, with a listener. */
static struct cpu_user_regs *vmfunc(uint32_t operation, uint64_t rdx)
{
	struct cpu_user_regs *regs = guest_regs();

	set_current(&vcpus[1]);
	machine.listener = 1;
	machine.field[VM_EXIT_REASON] = EXIT_REASON_VMFUNC;
	machine.field[VM_EXIT_INSTRUCTION_LEN] = 3;
	machine.field[VM_ENTRY_CONTROLS] = VM_ENTRY_IA32E_MODE;
	machine.field[GUEST_CS_AR_BYTES] = CS_AR_LONG;
	machine.field[GUEST_CR3] = 0x123456789805;
	memset(regs, 0x11, sizeof(*regs));
	regs->rax = 0xffffffff00000000; /* EAX is 0 */
	regs->rcx = 0xffffffff00000000 | TOCSIN_ECX(operation);
	regs->rdx = rdx;
	return regs;
}

static int inject(uint64_t event, size_t offset)
{
	return tocsin_livepatch_ring(&event, (uintptr_t)vmx_vmexit_handler + offset);
}

static void a_trigger_is_recorded(void **state)
{
	struct cpu_user_regs *regs;

	assert_int_equal(set(7, 5), 0);
	regs = vmfunc(TOCSIN_OP_PING, 0x1122334455667788);
	assert_int_equal(inject(XEN_EVENT_UD, 10), 1);
	assert_int_equal(regs->rax, TOCSIN_OK);
	assert_int_equal(regs->rdx, 1); /* the ticket */
	assert_int_equal(regs->rbx, 0x1111111111111111);
	assert_int_equal(machine.stepped, 1);
	assert_int_equal(machine.virqs, 1);
	assert_int_equal(machine.records, 1);
	assert_int_equal(machine.record.domid, 7);
	assert_int_equal(machine.record.vcpu, 1);
	assert_int_equal(machine.record.ecx, TOCSIN_ECX(TOCSIN_OP_PING));
	assert_int_equal(machine.record.cr3, 0x123456789805);
	assert_int_equal(machine.record.rdx, 0x1122334455667788);
	assert_int_equal(machine.record.seq, 1);
}

static void rdx_of_32_bit_code_is_cut(void **state)
{
	assert_int_equal(set(7, 5), 0);
	vmfunc(TOCSIN_OP_PING, 0x1122334455667788);
	machine.field[GUEST_CS_AR_BYTES] = 0;
	assert_int_equal(inject(XEN_EVENT_UD, 10), 1);
	assert_int_equal(machine.record.rdx, 0x55667788);
	vmfunc(TOCSIN_OP_PING, 0x1122334455667788);
	machine.field[VM_ENTRY_CONTROLS] = 0; /* the L bit means nothing outside long mode */
	assert_int_equal(inject(XEN_EVENT_UD, 10), 1);
	assert_int_equal(machine.record.rdx, 0x55667788);
}

static void refusals_are_answered_without_a_record(void **state)
{
	struct cpu_user_regs *regs;

	assert_int_equal(set(7, 2), 0);
	regs = vmfunc(TOCSIN_OP_COUNT, 42);
	assert_int_equal(inject(XEN_EVENT_UD, 10), 1);
	assert_int_equal(regs->rax, TOCSIN_ERR_UNKNOWN);
	regs = vmfunc(TOCSIN_OP_PING, 42);
	machine.listener = 0;
	assert_int_equal(inject(XEN_EVENT_UD, 10), 1);
	assert_int_equal(regs->rax, TOCSIN_ERR_NO_LISTENER);
	regs = vmfunc(TOCSIN_OP_PING, 42);
	assert_int_equal(inject(XEN_EVENT_UD, 10), 1);
	assert_int_equal(regs->rax, TOCSIN_ERR_RATE_LIMITED);
	assert_int_equal(regs->rdx, 42);
	machine.now += 1000000000;
	regs = vmfunc(TOCSIN_OP_PING, 42);
	assert_int_equal(inject(XEN_EVENT_UD, 10), 1);
	assert_int_equal(regs->rax, TOCSIN_OK);
	assert_int_equal(machine.stepped, 4);
	assert_int_equal(machine.records, 1);
}

static void everything_else_is_injected_as_ever(void **state)
{
	vmfunc(TOCSIN_OP_PING, 0);
	assert_int_equal(inject(XEN_EVENT_UD, 10), 0); /* rate 0 */
	set_current(&vcpu0);
	assert_int_equal(set(7, 100), 0);
	vmfunc(TOCSIN_OP_PING, 0);
	assert_int_equal(inject(XEN_EVENT_UD ^ 1, 10), 0);          /* not #UD */
	assert_int_equal(inject(XEN_EVENT_UD, XEN_VMEXIT_SIZE), 0); /* other callers */
	assert_int_equal(inject(XEN_EVENT_UD, (size_t)-1), 0);
	for (unsigned long reason = 0; reason < 70; reason++) {
		machine.field[VM_EXIT_REASON] = reason;
		assert_int_equal(inject(XEN_EVENT_UD, 10), reason == EXIT_REASON_VMFUNC);
	}
	vmfunc(TOCSIN_OP_PING, 0)->rax = 1; /* another function */
	assert_int_equal(inject(XEN_EVENT_UD, 10), 0);
	vmfunc(TOCSIN_OP_PING, 0)->rcx = 511; /* a view that is not there */
	assert_int_equal(inject(XEN_EVENT_UD, 10), 0);
	vmfunc(TOCSIN_OP_PING, 0);
	machine.field[VM_EXIT_INSTRUCTION_LEN] = 0;
	assert_int_equal(inject(XEN_EVENT_UD, 10), 0);
	machine.field[VM_EXIT_INSTRUCTION_LEN] = 16;
	assert_int_equal(inject(XEN_EVENT_UD, 10), 0);
	machine.field[VM_EXIT_INSTRUCTION_LEN] = 15;
	assert_int_equal(inject(XEN_EVENT_UD, 10), 1);
	vcpus[1].domain = &pv;
	assert_int_equal(inject(XEN_EVENT_UD, 10), 0);
	assert_int_equal(machine.stepped, 2);
}

static void the_table_says_what_it_expects(void **state)
{
	assert_string_equal(functions[0].name, "hvm_inject_event");
	assert_string_equal(functions[1].name, "do_hvm_op");
	assert_int_equal(functions[1].expect.len, 6);
	assert_memory_equal(functions[1].expect.data, "\1\2\3\4\5\6\0", 7);
	assert_int_equal(functions[1].old_size, 200);
	assert_ptr_equal(*preapply, tocsin_livepatch_preapply);
	assert_ptr_equal(*prerevert, tocsin_livepatch_prerevert);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(only_dom0_is_heard_and_only_about_its_parameter),
	    TEST(errors_of_the_parameter),
	    TEST(a_rate_switches_every_vcpu_and_0_puts_it_back),
	    TEST(a_guest_with_views_may_switch_them),
	    TEST(views_that_come_and_go_are_seen_with_the_next_rate),
	    TEST(a_vcpu_with_exceptions_is_left_alone),
	    TEST(nothing_but_four_deprecated_parameters_is_written),
	    TEST(hooks_of_the_patch),
	    TEST(a_trigger_is_recorded),
	    TEST(rdx_of_32_bit_code_is_cut),
	    TEST(refusals_are_answered_without_a_record),
	    TEST(everything_else_is_injected_as_ever),
	    TEST(the_table_says_what_it_expects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
