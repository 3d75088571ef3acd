/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions of a guest's kernel that are to be traced. Who reads the guest finds them; who traces
 * them (tracer.h) reads nothing.
 */
#ifndef TOCSIN_TRACED_H
#define TOCSIN_TRACED_H

#include "introspect/function.h"

struct tocsin_traced {
	const char *name;
	int found; /* 0, or why there is nothing to trace: -ENOENT, -ENOTUNIQ, -EFAULT, -ENOTSUP */
	struct tocsin_function function; /* if found is 0 */
	uint32_t flags;                  /* of its site: TOCSIN_TRACE_ONCE, ... */
	bool collected;                  /* now; else why says why not */
	char why[120];
};

/* Find the function of this name, which must outlive *ret. One that this kernel does not have, or
 * that cannot be traced, is told in *ret. */
void tocsin_traced_find(struct tocsin_kernel *k, const char *name, struct tocsin_traced *ret);

#endif
