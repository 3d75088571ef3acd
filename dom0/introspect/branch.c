// SPDX-License-Identifier: GPL-2.0-or-later
/* Instructions of x86-64 that hand over to a fixed place (Intel SDM volume 2). */
#include "introspect/transfer.h"

#include <string.h>

#define REX_W 0x48
#define REX_B 0x01 /* the register in the low bits of the opcode or ModRM is r8 to r15 */
#define REX_R 0x04 /* the same of the middle bits of ModRM */

static uint64_t relative(const uint8_t *at, uint64_t next)
{
	int32_t distance;

	memcpy(&distance, at, sizeof(distance));
	return next + (uint64_t)(int64_t)distance;
}

/* What follows the load of a register: jmp, call, or push and ret of that one. Bytes, or 0. */
static uint8_t uses_register(const uint8_t *b, uint8_t reg)
{
	uint8_t prefix = reg >= 8, low = reg & 7;

	if (prefix && *b++ != 0x41)
		return 0;
	if (b[0] == 0xff && (b[1] == (0xe0 | low) || b[1] == (0xd0 | low)))
		return (uint8_t)(prefix + 2);
	return b[0] == (0x50 | low) && b[1] == 0xc3 ? (uint8_t)(prefix + 2) : 0;
}

/* movabs $imm64, mov $imm32 or lea of a relative address into a register that is used at once. */
static struct tocsin_branch through_register(const uint8_t *b, uint64_t va)
{
	struct tocsin_branch none = {0}, ret = {.kind = TOCSIN_BRANCH_REGISTER};
	uint8_t high = b[0] & REX_B ? 8 : 0, size, used;

	if ((b[0] & ~REX_B) == REX_W && (b[1] & 0xf8) == 0xb8) {
		memcpy(&ret.target, b + 2, sizeof(ret.target));
		size = 10;
		high |= b[1] & 7;
	} else if ((b[0] & ~REX_B) == REX_W && b[1] == 0xc7 && (b[2] & 0xf8) == 0xc0) {
		ret.target = relative(b + 3, 0);
		size = 7;
		high |= b[2] & 7;
	} else if ((b[0] & ~REX_R) == REX_W && b[1] == 0x8d && (b[2] & 0xc7) == 0x05) {
		ret.target = relative(b + 3, va + 7);
		size = 7;
		high = (b[0] & REX_R ? 8 : 0) | (b[2] >> 3 & 7);
	} else {
		return none;
	}
	used = uses_register(b + size, high);
	if (!used)
		return none;
	ret.size = size + used;
	return ret;
}

/* push $imm32 and ret, also with the upper half written by itself. */
static struct tocsin_branch through_stack(const uint8_t *b)
{
	static const uint8_t store[] = {0xc7, 0x44, 0x24, 0x04}; /* movl $imm32, 4(%rsp) */
	struct tocsin_branch none = {0};
	uint64_t low = relative(b + 1, 0);
	uint32_t upper;

	if (b[5] == 0xc3)
		return (struct tocsin_branch){TOCSIN_BRANCH_REGISTER, low, 6};
	if (memcmp(b + 5, store, sizeof(store)) || b[13] != 0xc3)
		return none;
	memcpy(&upper, b + 9, sizeof(upper));
	return (struct tocsin_branch){TOCSIN_BRANCH_REGISTER,
				      (low & UINT32_MAX) | (uint64_t)upper << 32, 14};
}

struct tocsin_branch tocsin_branch_decode(const uint8_t bytes[TOCSIN_BRANCH_BYTES], uint64_t va)
{
	const uint8_t *b = bytes;
	struct tocsin_branch none = {0};

	switch (b[0]) {
	case 0xe8:
		return (struct tocsin_branch){TOCSIN_BRANCH_CALL, relative(b + 1, va + 5), 5};
	case 0xe9:
		return (struct tocsin_branch){TOCSIN_BRANCH_JUMP, relative(b + 1, va + 5), 5};
	case 0x0f:
		if ((b[1] & 0xf0) != 0x80)
			return none;
		return (struct tocsin_branch){TOCSIN_BRANCH_CONDITION, relative(b + 2, va + 6), 6};
	case 0x68:
		return through_stack(b);
	case 0xff: /* through memory at a distance from here */
		if (b[1] != 0x25 && b[1] != 0x15)
			return none;
		return (struct tocsin_branch){TOCSIN_BRANCH_POINTER, relative(b + 2, va + 6), 6};
	case 0x48:
	case 0x49:
	case 0x4c:
		return through_register(b, va);
	default:
		return none;
	}
}

/* gen_endbr_poison(), arch/x86/include/asm/ibt.h, whose form changed once. */
bool tocsin_branch_is_endbr(const uint8_t bytes[TOCSIN_ENDBR])
{
	static const uint8_t forms[][TOCSIN_ENDBR] = {
	    {0xf3, 0x0f, 0x1e, 0xfa}, {0x0f, 0x1f, 0x40, 0xd6}, {0x66, 0x0f, 0x1f, 0x00}};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (!memcmp(bytes, forms[i], TOCSIN_ENDBR))
			return true;
	return false;
}
