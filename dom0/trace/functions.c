// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/functions.h"
#include "introspect/function.h"

#include <string.h>

#define NAMES 3

/* The newest name first. Sources: Linux, by the history of each. */
static const struct {
	const char *event;
	const char *names[NAMES];
} table[] = {
    {"created", {"wake_up_new_task"}},
    {"executed", {"begin_new_exec", "flush_old_exec"}},
    {"exited", {"do_exit"}},
    {"credentials", {"commit_creds"}},
    {"signal", {"__send_signal_locked", "__send_signal", "send_signal"}},
    {"ptrace", {"ptrace_attach"}},
    {"opened", {"vfs_open"}},
    {"renamed", {"vfs_rename"}},
    {"linked", {"vfs_link"}},
    {"linked", {"vfs_symlink"}},
    {"unlinked", {"vfs_unlink"}},
    {"mode", {"chmod_common"}},
    {"mode", {"chown_common"}},
    {"mapped", {"mmap_region"}},
    {"module", {"do_init_module"}},
    {"bpf", {"bpf_prog_new_fd"}},
    {"bound", {"inet_bind"}},
    {"listening", {"inet_listen"}},
    {"accepted", {"inet_accept"}},
    {"connected", {"inet_stream_connect"}},
    {"connected", {"inet_dgram_connect"}},
    {"closed", {"inet_release"}},
};

#define ROWS (sizeof(table) / sizeof(table[0]))
_Static_assert(ROWS <= TOCSIN_TRACE_FUNCTIONS_MAX, "room for all");

static const char *name_in(struct tocsin_kernel *k, const char *const names[NAMES])
{
	struct tocsin_function f;

	for (size_t i = 0; i < NAMES && names[i] && names[1]; i++)
		if (!tocsin_function_find(k, names[i], &f, NULL) && f.entry != TOCSIN_ENTRY_NOTHING)
			return names[i];
	return names[0];
}

size_t tocsin_trace_functions(struct tocsin_kernel *k, const char *ret[TOCSIN_TRACE_FUNCTIONS_MAX])
{
	for (size_t i = 0; i < ROWS; i++)
		ret[i] = name_in(k, table[i].names);
	return ROWS;
}

const char *tocsin_trace_function_event(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		for (size_t n = 0; n < NAMES && table[i].names[n]; n++)
			if (!strcmp(table[i].names[n], name))
				return table[i].event;
	return NULL;
}
