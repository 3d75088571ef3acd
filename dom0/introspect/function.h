/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside introspect/, and for who traces: functions of the kernel by name, what their entries look
 * like now, and what parameters they take.
 */
#ifndef TOCSIN_INTROSPECT_FUNCTION_H
#define TOCSIN_INTROSPECT_FUNCTION_H

#include "introspect/kernel.h"

#define TOCSIN_PARAMETERS 6 /* those that come in registers */
#define TOCSIN_ENTRY_NOP 5  /* bytes that the compiler leaves for ftrace */
#define TOCSIN_PARAMETER_NAME 32

/* What lies where a function's entry is for ftrace. */
enum tocsin_entry {
	TOCSIN_ENTRY_FREE,   /* the NOP: nobody uses it */
	TOCSIN_ENTRY_CALL,   /* ftrace, or BPF's trampoline, is called */
	TOCSIN_ENTRY_BREAK,  /* a breakpoint: a kprobe, or patching is under way */
	TOCSIN_ENTRY_JUMP,   /* a kprobe, or a live patch of the guest's own */
	TOCSIN_ENTRY_NOTHING /* instructions of the function: it cannot be traced */
};

const char *tocsin_entry_text(enum tocsin_entry entry);

/* What entry the bytes are: as many as TOCSIN_ENTRY_NOP. */
enum tocsin_entry tocsin_entry_of(const uint8_t bytes[TOCSIN_ENTRY_NOP]);

struct tocsin_parameter {
	char name[TOCSIN_PARAMETER_NAME];   /* "" : it has none */
	char target[TOCSIN_PARAMETER_NAME]; /* the structure that it points to, or "" */
	uint8_t size;                       /* bytes: 1 to 8; 0: not a number or pointer */
	bool pointer, is_signed;
};

struct tocsin_function {
	uint64_t va;   /* of the function */
	uint64_t site; /* VA of the NOP: behind ENDBR64, if there is one */
	uint64_t gpa;  /* of the site */
	enum tocsin_entry entry;
	bool typed; /* the types tell its parameters; else none are in parameters */
	unsigned int count;
	struct tocsin_parameter parameters[TOCSIN_PARAMETERS];
};

/*
 * -ENOENT: no function of this name, so it was inlined or is not of this kernel; -ENOTUNIQ:
 * several; -EFAULT: its text cannot be read.
 */
int tocsin_function_find(struct tocsin_kernel *k, const char *name, struct tocsin_function *ret,
			 struct tocsin_error *err);

#endif
