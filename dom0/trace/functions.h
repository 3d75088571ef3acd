/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions that are traced unless somebody names others: what happens in a guest goes through
 * them, each early enough to have its objects in its arguments. */
#ifndef TOCSIN_TRACE_FUNCTIONS_H
#define TOCSIN_TRACE_FUNCTIONS_H

#include "introspect/kernel.h"

#define TOCSIN_TRACE_FUNCTIONS_MAX 64

/*
 * Of functions that kernels have had under several names, the one of this kernel; of one that it
 * lacks, the newest name. uses: also those that say what is read, written, sent and received. The
 * names are static; returns how many.
 */
size_t tocsin_trace_functions(struct tocsin_kernel *k, bool uses,
			      const char *ret[TOCSIN_TRACE_FUNCTIONS_MAX]);

/* The same name, which stays; NULL: it is not one of these functions. */
const char *tocsin_trace_function_name(const char *name);

/* What a call of it is about to do: the name of a kind (provenance/event.h). NULL: it is not one of
 * these functions, or none that does something. */
const char *tocsin_trace_function_event(const char *name);

#endif
