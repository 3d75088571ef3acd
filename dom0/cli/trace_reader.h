/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside cli/: the process of a trace that reads the guest. It opens the guest through a handle
 * that reaches no other, gives up everything else (dispatch/sandbox.h), finds the kernel and where
 * its functions lie, and then answers what the hand asks, in order (trace_wire.h).
 */
#ifndef TOCSIN_CLI_TRACE_READER_H
#define TOCSIN_CLI_TRACE_READER_H

#include "introspect/store.h"

#include <stdbool.h>

struct trace_reader_settings {
	const char *guest; /* its name in events */
	uint32_t domid;
	uint8_t uuid[16];
	const char *const *names; /* of functions to trace; count 0: those by default */
	size_t count;
	bool uses;         /* by default: also those that say who uses what */
	bool graph;        /* calls become events; else each is looked at for itself */
	const char *cache; /* a folder, in which guests' kernels have theirs; NULL: none */
	/* Open the guest's memory; of tests another than tocsin_memory_open_xen. */
	int (*open)(uint32_t domid, struct tocsin_memory **ret, struct tocsin_error *err);
	/* Find its kernel; of tests another than tocsin_kernel_open_stored. */
	int (*find)(struct tocsin_memory *m, uint64_t cr3, struct tocsin_kernel_store *store,
		    struct tocsin_kernel **ret, struct tocsin_error *err);
	bool keep_stderr; /* of tests: what goes wrong in it is seen */
};

/* In a process of its own, which does not come back. */
_Noreturn void trace_reader_run(const struct trace_reader_settings *s, int socket);

#endif
