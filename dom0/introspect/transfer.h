/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside introspect/: instructions that hand over to other code, and who may have put them there.
 */
#ifndef TOCSIN_INTROSPECT_TRANSFER_H
#define TOCSIN_INTROSPECT_TRANSFER_H

#include "introspect/list.h"

#define TOCSIN_BRANCH_BYTES 16 /* the longest sequence, and what follows it */

enum tocsin_branch_kind {
	TOCSIN_BRANCH_NONE,
	TOCSIN_BRANCH_CALL,
	TOCSIN_BRANCH_JUMP,
	TOCSIN_BRANCH_CONDITION,
	TOCSIN_BRANCH_REGISTER, /* an address is loaded and then jumped to, called or returned to */
	TOCSIN_BRANCH_POINTER   /* call or jump through a pointer at a fixed place */
};

struct tocsin_branch {
	enum tocsin_branch_kind kind;
	uint64_t target; /* where it leads; of TOCSIN_BRANCH_POINTER: where the pointer lies */
	uint8_t size;    /* bytes */
};

/*
 * What the bytes are if an instruction begins with them at va. kind is TOCSIN_BRANCH_NONE if they
 * do not hand over to a fixed place. Near jumps of 2 bytes do not leave anything and are not looked
 * for.
 */
struct tocsin_branch tocsin_branch_decode(const uint8_t bytes[TOCSIN_BRANCH_BYTES], uint64_t va);

#define TOCSIN_ENDBR 4 /* bytes */

/* Does a function begin so: with ENDBR64, or what the kernel writes over one that nobody needs? */
bool tocsin_branch_is_endbr(const uint8_t bytes[TOCSIN_ENDBR]);

/*
 * VA of each struct kprobe in the kernel's table; of several at one place only the one that hands
 * over to them. ret is empty before. -EAGAIN: some chains could not be followed to their end, ret
 * has the others; -ENOTSUP: the table has no known layout; -ENOMEM.
 */
int tocsin_probe_collect(struct tocsin_kernel *k, struct tocsin_addresses *ret);

/* The modules that code was read from, until it is closed. */
const struct tocsin_module_list *tocsin_code_modules(const struct tocsin_code *code);

#endif
