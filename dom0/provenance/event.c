// SPDX-License-Identifier: GPL-2.0-or-later
/* The names of events, the same in every output and in scripts. */
#include "provenance/event.h"

#include <string.h>

static const char *const kinds[TOCSIN_TRACE_KINDS] = {
    [TOCSIN_TRACE_CREATED] = "created",   [TOCSIN_TRACE_EXECUTED] = "executed",
    [TOCSIN_TRACE_EXITED] = "exited",     [TOCSIN_TRACE_CREDENTIALS] = "credentials",
    [TOCSIN_TRACE_SIGNAL] = "signal",     [TOCSIN_TRACE_PTRACE] = "ptrace",
    [TOCSIN_TRACE_OPENED] = "opened",     [TOCSIN_TRACE_READ] = "read",
    [TOCSIN_TRACE_WRITTEN] = "written",   [TOCSIN_TRACE_RELEASED] = "released",
    [TOCSIN_TRACE_RENAMED] = "renamed",   [TOCSIN_TRACE_LINKED] = "linked",
    [TOCSIN_TRACE_UNLINKED] = "unlinked", [TOCSIN_TRACE_MODE] = "mode",
    [TOCSIN_TRACE_MAPPED] = "mapped",     [TOCSIN_TRACE_MODULE] = "module",
    [TOCSIN_TRACE_BPF] = "bpf",           [TOCSIN_TRACE_SHARED] = "shared",
    [TOCSIN_TRACE_BOUND] = "bound",       [TOCSIN_TRACE_LISTENING] = "listening",
    [TOCSIN_TRACE_ACCEPTED] = "accepted", [TOCSIN_TRACE_CONNECTED] = "connected",
    [TOCSIN_TRACE_SENT] = "sent",         [TOCSIN_TRACE_RECEIVED] = "received",
    [TOCSIN_TRACE_CLOSED] = "closed",     [TOCSIN_TRACE_FLOW] = "flow",
    [TOCSIN_TRACE_NAME] = "name",         [TOCSIN_TRACE_FINDING] = "finding",
    [TOCSIN_TRACE_GAP] = "gap",
};

const char *tocsin_trace_kind_name(enum tocsin_trace_kind kind)
{
	return (unsigned int)kind < TOCSIN_TRACE_KINDS ? kinds[kind] : "?";
}

enum tocsin_trace_kind tocsin_trace_kind_find(const char *name)
{
	unsigned int i = 0;

	while (i < TOCSIN_TRACE_KINDS && strcmp(kinds[i], name) != 0)
		i++;
	return (enum tocsin_trace_kind)i;
}
