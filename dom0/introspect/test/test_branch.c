/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions that hand over, as an assembler makes them. */
#include "introspect/transfer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HERE 0xffffffff81000000ull
#define FAR 0xffffffffc0123456ull

static struct tocsin_branch decode(const char *bytes, size_t size)
{
	uint8_t b[TOCSIN_BRANCH_BYTES];

	memset(b, 0x90, sizeof(b));
	memcpy(b, bytes, size);
	return tocsin_branch_decode(b, HERE);
}

#define DECODE(text) decode(text, sizeof(text) - 1)

static void expect(struct tocsin_branch b, enum tocsin_branch_kind kind, uint64_t target,
		   unsigned int size)
{
	assert_int_equal(b.kind, kind);
	assert_int_equal(b.target, target);
	assert_int_equal(b.size, size);
}

static void test_relative(void **state)
{
	expect(DECODE("\xe8\x10\x00\x00\x00"), TOCSIN_BRANCH_CALL, HERE + 0x15, 5);
	expect(DECODE("\xe9\xfb\xff\xff\xff"), TOCSIN_BRANCH_JUMP, HERE, 5);
	expect(DECODE("\x0f\x85\x00\x01\x00\x00"), TOCSIN_BRANCH_CONDITION, HERE + 0x106, 6);
	expect(DECODE("\xff\x25\x00\x00\x00\x00"), TOCSIN_BRANCH_POINTER, HERE + 6, 6);
	expect(DECODE("\xff\x15\x08\x00\x00\x00"), TOCSIN_BRANCH_POINTER, HERE + 14, 6);
}

static void test_register(void **state)
{
	/* movabs $FAR, %rax; jmp *%rax, call *%rax, push %rax; ret */
	expect(DECODE("\x48\xb8\x56\x34\x12\xc0\xff\xff\xff\xff\xff\xe0"), TOCSIN_BRANCH_REGISTER,
	       FAR, 12);
	expect(DECODE("\x48\xb8\x56\x34\x12\xc0\xff\xff\xff\xff\xff\xd0"), TOCSIN_BRANCH_REGISTER,
	       FAR, 12);
	expect(DECODE("\x48\xb8\x56\x34\x12\xc0\xff\xff\xff\xff\x50\xc3"), TOCSIN_BRANCH_REGISTER,
	       FAR, 12);
	/* movabs $FAR, %r11; jmp *%r11 */
	expect(DECODE("\x49\xbb\x56\x34\x12\xc0\xff\xff\xff\xff\x41\xff\xe3"),
	       TOCSIN_BRANCH_REGISTER, FAR, 13);
	/* mov $FAR, %rbx; jmp *%rbx; the same with %r8 */
	expect(DECODE("\x48\xc7\xc3\x56\x34\x12\xc0\xff\xe3"), TOCSIN_BRANCH_REGISTER, FAR, 9);
	expect(DECODE("\x49\xc7\xc0\x56\x34\x12\xc0\x41\xff\xe0"), TOCSIN_BRANCH_REGISTER, FAR, 10);
	/* lea 0x10(%rip), %rdx; call *%rdx; with %r9 */
	expect(DECODE("\x48\x8d\x15\x10\x00\x00\x00\xff\xd2"), TOCSIN_BRANCH_REGISTER, HERE + 0x17,
	       9);
	expect(DECODE("\x4c\x8d\x0d\x10\x00\x00\x00\x41\xff\xd1"), TOCSIN_BRANCH_REGISTER,
	       HERE + 0x17, 10);
}

static void test_stack(void **state)
{
	/* push $FAR; ret, and push; movl $0xffff8880, 4(%rsp); ret */
	expect(DECODE("\x68\x56\x34\x12\xc0\xc3"), TOCSIN_BRANCH_REGISTER, FAR, 6);
	expect(DECODE("\x68\x00\x00\x00\x80\xc7\x44\x24\x04\x80\x88\xff\xff\xc3"),
	       TOCSIN_BRANCH_REGISTER, 0xffff888080000000ull, 14);
}

static void test_other(void **state)
{
	static const char *const others[] = {
	    "\x0f\x1f\x44\x00\x00",                     /* nop */
	    "\x68\x56\x34\x12\xc0\x90",                 /* push $FAR */
	    "\x48\xb8\x56\x34\x12\xc0\xff\xff\xff\xff", /* movabs $FAR, %rax */
	    "\x48\xc7\xc3\x56\x34\x12\xc0\xff\xe0",     /* mov $FAR, %rbx; jmp *%rax */
	    "\x49\xc7\xc0\x56\x34\x12\xc0\xff\xe0",     /* mov $FAR, %r8; jmp *%rax */
	    "\xff\xe0",                                 /* jmp *%rax */
	    "\xeb\x10",                                 /* jmp near by */
	};
	uint8_t b[TOCSIN_BRANCH_BYTES];

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		memset(b, 0x90, sizeof(b));
		/* Bytes of zero may end the text early: what is left out is nothing then. */
		memcpy(b, others[i], strlen(others[i]));
		assert_int_equal(tocsin_branch_decode(b, HERE).kind, TOCSIN_BRANCH_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_relative),
	    cmocka_unit_test(test_register),
	    cmocka_unit_test(test_stack),
	    cmocka_unit_test(test_other),
	};

	return cmocka_run_group_tests_name("branch", tests, NULL, NULL);
}
