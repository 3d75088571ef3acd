/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside trace/: which functions' calls the hypervisor records only once, and what makes that
 * right. */
#ifndef TOCSIN_TRACE_FILTER_H
#define TOCSIN_TRACE_FILTER_H

#include "trace/tracer.h"

/*
 * Set the flags of what was found (TOCSIN_TRACE_ONCE, ...). What cannot be recorded once, since it
 * is not seen when a thread or what it is about begins or ends, is not found any more. Returns
 * whether anything is.
 */
bool tocsin_trace_filter(struct tocsin_traced *functions, size_t count);

/* The hypervisor is older and knows no flags: neither what is recorded once nor what only serves
 * that is found any more. */
void tocsin_trace_filter_none(struct tocsin_traced *functions, size_t count);

/* Does it say that a thread, or what is used, begins or ends? */
bool tocsin_trace_filter_ends(const struct tocsin_traced *f);

#endif
