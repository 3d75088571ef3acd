/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the jumps over the heads of the hooked functions lead. Each asks the payload; if it is not
 * concerned, the instructions that the jump displaced are run here and the function goes on after
 * them. Arguments are kept; Xen calls with the stack aligned to 8 bytes.
 */
#include "offsets.h"

	.text

	.type tocsin_livepatch_inject_event, @function
	.hidden tocsin_livepatch_inject_event
	.globl tocsin_livepatch_inject_event
tocsin_livepatch_inject_event:
	push %rdi
	mov 8(%rsp), %rsi
	call tocsin_livepatch_ring
	pop %rdi
	test %eax, %eax
	jnz __x86_return_thunk
	.byte XEN_HOOK_INJECT_EVENT_BYTES
	jmp hvm_inject_event + XEN_HOOK_INJECT_EVENT_LENGTH
	.size tocsin_livepatch_inject_event, . - tocsin_livepatch_inject_event

	.type tocsin_livepatch_hvm_op, @function
	.hidden tocsin_livepatch_hvm_op
	.globl tocsin_livepatch_hvm_op
tocsin_livepatch_hvm_op:
	cmp $1, %rdi	/* set_param, get_param */
	ja 1f
	push %rdi
	push %rsi
	push %rax	/* room for the result */
	mov %rsp, %rdx
	call tocsin_livepatch_param
	pop %rcx
	pop %rsi
	pop %rdi
	test %eax, %eax
	jz 1f
	mov %rcx, %rax
	jmp __x86_return_thunk
1:	.byte XEN_HOOK_HVM_OP_BYTES
	jmp do_hvm_op + XEN_HOOK_HVM_OP_LENGTH
	.size tocsin_livepatch_hvm_op, . - tocsin_livepatch_hvm_op

	.section .note.GNU-stack, "", @progbits
