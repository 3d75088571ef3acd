// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/filter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ENDS_RDI_OR_RSI (TOCSIN_TRACE_ENDS_RDI | TOCSIN_TRACE_ENDS_RSI)
#define ENDS (ENDS_RDI_OR_RSI | TOCSIN_TRACE_THREAD)

/* pointer: the structure that is used, or begins or ends, as the target of a parameter. */
static const struct row {
	const char *name, *pointer;
	uint32_t flags;
	bool always; /* without it what uses the same is not recorded */
} rows[] = {
    {"security_file_permission", "file", TOCSIN_TRACE_ONCE | TOCSIN_TRACE_ONCE_RSI, false},
    {"get_pipe_info", "file", TOCSIN_TRACE_ONCE | TOCSIN_TRACE_ONCE_RSI, false},
    {"security_socket_sendmsg", "socket", TOCSIN_TRACE_ONCE, false},
    {"security_socket_recvmsg", "socket", TOCSIN_TRACE_ONCE, false},
    /* Nobody uses a file after the first or the second of these, by which kernel it is. */
    {"security_file_free", "file", ENDS_RDI_OR_RSI, true},
    {"__fput", "file", ENDS_RDI_OR_RSI, true},
    {"vfs_open", "file", ENDS_RDI_OR_RSI, false},
    /* Whatever makes a socket gives it a struct sock, of which it is one of these that tells. */
    {"sock_init_data", "socket", ENDS_RDI_OR_RSI, true},
    {"security_sock_graft", "socket", ENDS_RDI_OR_RSI, true},
    /* The first thing that a thread does, on its own stack. */
    {"schedule_tail", NULL, TOCSIN_TRACE_THREAD | TOCSIN_TRACE_SILENT, true},
};

static const struct row *row_of(const struct tocsin_traced *f)
{
	for (size_t i = 0; !f->found && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].name, f->name))
			return &rows[i];
	return NULL;
}

/* Which argument points at the structure; -1: none of the first two, or it is not known. */
static int argument(const struct tocsin_function *f, const char *target)
{
	for (unsigned int i = 0; f->typed && i < f->count && i < 2; i++)
		if (f->parameters[i].pointer && !strcmp(f->parameters[i].target, target))
			return (int)i;
	return -1;
}

static uint32_t flags_of(const struct tocsin_traced *f, const struct row *row)
{
	int at = row->pointer ? argument(&f->function, row->pointer) : 0;

	if (at < 0 || (at && row->flags & TOCSIN_TRACE_ONCE))
		return 0;
	if (row->flags & ENDS_RDI_OR_RSI)
		return at ? TOCSIN_TRACE_ENDS_RSI : TOCSIN_TRACE_ENDS_RDI;
	return row->flags;
}

static void drop(struct tocsin_traced *f, const char *why, const char *what)
{
	f->found = -EOPNOTSUPP;
	f->flags = 0;
	snprintf(f->why, sizeof(f->why), why, what);
}

/* What is not there of all that has to be; NULL: nothing. __fput is there where nothing else ends
 * files. */
static const char *missing(const struct tocsin_traced *functions, size_t count, const char *pointer)
{
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		bool is_there = !strcmp(rows[r].name, "__fput");

		if (!rows[r].always || (rows[r].pointer && strcmp(rows[r].pointer, pointer) != 0))
			continue;
		for (size_t i = 0; i < count; i++)
			is_there |= functions[i].flags & ENDS &&
				    (!strcmp(functions[i].name, rows[r].name) ||
				     (!strcmp(functions[i].name, "__fput") &&
				      !strcmp(rows[r].name, "security_file_free")));
		if (!is_there)
			return rows[r].name;
	}
	return NULL;
}

bool tocsin_trace_filter(struct tocsin_traced *functions, size_t count)
{
	const char *lacking;
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		const struct row *row = row_of(&functions[i]);

		functions[i].flags = row ? flags_of(&functions[i], row) : 0;
	}
	for (size_t i = 0; i < count; i++) {
		const struct row *row = row_of(&functions[i]);

		if (!row || !(row->flags & TOCSIN_TRACE_ONCE))
			continue;
		lacking = missing(functions, count, row->pointer);
		if (!functions[i].flags)
			drop(&functions[i], "its first argument is not %s", row->pointer);
		else if (lacking)
			drop(&functions[i], "first calls cannot be told without %s", lacking);
		else
			any = true;
	}
	return any;
}

void tocsin_trace_filter_none(struct tocsin_traced *functions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (functions[i].flags & (TOCSIN_TRACE_ONCE | TOCSIN_TRACE_SILENT))
			drop(&functions[i], "%s",
			     "the running hypervisor is older and cannot tell first calls");
		functions[i].flags = 0;
	}
}

bool tocsin_trace_filter_ends(const struct tocsin_traced *f)
{
	return !f->found && f->flags & ENDS;
}
