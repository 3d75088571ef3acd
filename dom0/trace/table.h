/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside trace/: what the table of functions (functions.c) says of each. */
#ifndef TOCSIN_TRACE_TABLE_H
#define TOCSIN_TRACE_TABLE_H

#include "introspect/function.h"
#include "provenance/event.h"

#define TOCSIN_TRACE_NAMES 3
#define TOCSIN_TRACE_NO_VALUE UINT8_MAX
#define TOCSIN_TRACE_RECORDED 3 /* arguments of a call */

/* What a call tells of its event. */
enum tocsin_trace_part {
	TOCSIN_TRACE_WHOLE,
	TOCSIN_TRACE_COMPLETES, /* its object is that of the event of this kind that the same thread
				   began before it */
	TOCSIN_TRACE_MEMORY,    /* its object is a process whose memory the thread gets at; the
				   value says how */
	TOCSIN_TRACE_ASKED,     /* its object does it to who called, which asked for it */
	TOCSIN_TRACE_READS,     /* the same thread does that next, to read it */
	TOCSIN_TRACE_WRITES,    /* or to write it */
	TOCSIN_TRACE_ADDRESSES, /* its values are the addresses of the one that the same thread
				   begins next */
	TOCSIN_TRACE_USE,       /* its value is what the file that the same thread opens next is
				   opened for */
	TOCSIN_TRACE_IDENTITY, /* its object is the inode of the file that the same thread opened */
	TOCSIN_TRACE_MADE,     /* memory becomes its object: what it was before is gone */
	TOCSIN_TRACE_CUTS,     /* paths through its object are others from then on */
	TOCSIN_TRACE_FIRST,    /* its object is used, for the first time by this thread (uses.h) */
	TOCSIN_TRACE_JOINED,   /* its object gets its struct sock, the second argument */
	TOCSIN_TRACE_STREAM,   /* memory becomes its object, an open file of the inode that is the
				  first argument */
	TOCSIN_TRACE_BEGINS    /* a thread begins; it is not recorded (filter.h) */
};

/* What a call is an event of, and where in its arguments that is. */
struct tocsin_trace_row {
	enum tocsin_trace_kind kind;
	const char *object; /* the structure that the event is about, as a parameter's target; NULL:
			       it is in the value alone */
	uint8_t value;      /* which argument is the event's value; TOCSIN_TRACE_NO_VALUE: none */
	enum tocsin_trace_part part;
	const char *names[TOCSIN_TRACE_NAMES]; /* of the function, the newest first */
};

/* Of this function; NULL: it is none of those by default. */
const struct tocsin_trace_row *tocsin_trace_function_row(const char *name);

/* If its calls tell what becomes of what paths are read through, a bit of its own; else 0. */
uint64_t tocsin_trace_paths(const struct tocsin_trace_row *row);

/* Which of the arguments that are recorded is of the row's object; -ENOTSUP: the kernel's types do
 * not tell, or none is. */
int tocsin_trace_function_object(const struct tocsin_trace_row *row,
				 const struct tocsin_function *f);

#endif
