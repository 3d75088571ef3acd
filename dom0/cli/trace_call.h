/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside cli/: a traced call as it is printed. */
#ifndef TOCSIN_CLI_TRACE_CALL_H
#define TOCSIN_CLI_TRACE_CALL_H

#include "cli/trace_wire.h"
#include "output/trace.h"

/* The call of f, and what was seen of it. 0, or -EIO or -ENOMEM. */
int trace_call_print(FILE *to, const struct tocsin_trace_line *line, const struct tocsin_traced *f,
		     const struct tocsin_traced_call *call, const struct trace_seen *seen);

#endif
