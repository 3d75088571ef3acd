/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside cli/: the network interfaces that a traced guest has in this dom0, captured while it is
 * traced. They may come and go; what passed while one was not captured, or was dropped, is a gap.
 */
#ifndef TOCSIN_CLI_TRACE_CAPTURE_H
#define TOCSIN_CLI_TRACE_CAPTURE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_CAPTURE_NAME 16 /* an interface's name with its NUL */
#define TRACE_CAPTURE_MOST 16 /* interfaces of a guest */

struct trace_capture;
struct tocsin_trace_event;

/* As in provenance/event.h, which stands beside capture/capture.h nowhere. */
typedef int tocsin_trace_take(const struct tocsin_trace_event *e, void *context);

struct trace_capture_settings {
	uint32_t domid;
	const char *named; /* this interface and no other; NULL: those that the domain has */
	const char *sysfs; /* "/sys" */
	/* The hardware address of the guest's interface of this number. 0, or a negative errno. */
	int (*hardware)(void *context, uint32_t number, uint8_t ret[6]);
	/* An interface is captured from now on, or no longer; why not ("": it went). */
	void (*tell)(void *context, const char *interface, bool captured, const char *why);
	/* Packets may be missing; 0: nobody knows how many. The graph has it as a gap. */
	void (*lose)(void *context, uint64_t lost, const char *why);
	void *context;
};

/* Capture from now on. What can not be captured is told of, but one that is named is an error. */
int trace_capture_open(const struct trace_capture_settings *settings, uint64_t now,
		       struct trace_capture **ret, struct tocsin_error *err);
void trace_capture_close(struct trace_capture *c); /* NULL is fine */

/* How many are captured. */
size_t trace_capture_count(const struct trace_capture *c);

/* Where the flows go, before anything is taken. guest stays. 0 or -ENOMEM. */
int trace_capture_start(struct trace_capture *c, const char *guest, uint64_t boot,
			tocsin_trace_take *take, void *context);

/* Take the packets that are there, look after interfaces and losses. now: nanoseconds since the
 * epoch. 0, or what take returned. */
int trace_capture_take(struct trace_capture *c, uint64_t now);

/* All that was seen in the guest of before this time is in the graph: flows of then go to it. */
int trace_capture_tell(struct trace_capture *c, uint64_t before);

/* Take and tell what is left. */
int trace_capture_end(struct trace_capture *c, uint64_t now);

struct trace_capture_counts {
	uint64_t packets, dropped;
	uint64_t flows, early, untold, names; /* as in struct tocsin_trace_flow_counts */
};
struct trace_capture_counts trace_capture_counts(const struct trace_capture *c);

/* The interfaces that a domain has in this dom0: their names, and their numbers. */
struct trace_capture_found {
	char name[TRACE_CAPTURE_NAME];
	uint32_t number;
};
size_t trace_capture_find(const char *sysfs, uint32_t domid,
			  struct trace_capture_found ret[TRACE_CAPTURE_MOST]);

#endif
