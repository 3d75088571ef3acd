/* SPDX-License-Identifier: MIT */
/*
 * Run a program and be told of the moments that matter, in it and in all that it starts: after
 * exec, when memory became executable, before it connects or listens, and before it exits. A
 * seccomp filter stops it there; every other system call runs at full speed.
 */
#ifndef TOCSIN_GUEST_TRACE_H
#define TOCSIN_GUEST_TRACE_H

#include "remote.h"

enum trace_moment {
	TRACE_EXEC,
	TRACE_CODE,
	TRACE_CONNECT,
	TRACE_LISTEN,
	TRACE_EXIT,
	TRACE_MOMENTS
};

/* "exec", "code", "connect", "listen", "exit" */
const char *trace_moment_name(enum trace_moment moment);

/* A thread that is stopped at a moment. */
struct trace_stop {
	enum trace_moment moment;
	pid_t pid; /* of its process */
	struct remote *remote;
	const struct remote_place *place; /* NULL: nothing could be placed */
	const struct user_regs_struct *regs;
};

struct trace_events {
	/* The thread goes on when it returns. */
	void (*moment)(const struct trace_stop *stop, void *context);
	/* Every interval, with the process that was started first while it lives. */
	void (*interval)(pid_t pid, void *context);
	/* Everything has ended; status of the process that was started first, as waitpid gives it.
	 */
	void (*end)(pid_t pid, int status, void *context);
	void *context;
	unsigned int interval_s;
	unsigned int
	    pause_ms; /* from one moment of a kind in a process to the next but exec, exit */
};

/*
 * Run argv and return when it, and all that it started, has ended. 0; the error of exec, as from
 * execvp; or that of starting to trace. skipped: moments that came too soon after another.
 */
int trace_run(char **argv, const struct trace_events *events, unsigned long *skipped);

#endif
