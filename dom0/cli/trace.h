/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `tocsin trace` can do; each is a file, or a function of trace.c, and a line of its table. */
#ifndef TOCSIN_CLI_TRACE_H
#define TOCSIN_CLI_TRACE_H

/* argv[0] is the action. Return the exit code. */
int trace_on(int argc, char **argv);
int trace_off(int argc, char **argv);
int trace_status(int argc, char **argv);

#endif
