/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside cli/: the network interfaces that a traced guest has in this dom0, captured while it is
 * traced. They may come and go; what passed while one was not captured, or was dropped, is a gap.
 * Packets are handed on, and not looked into.
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

struct trace_capture_settings {
	uint32_t domid;
	const char *named; /* this interface and no other; NULL: those that the domain has */
	const char *sysfs; /* "/sys" */
	/* The hardware address of the guest's interface of this number. 0, or a negative errno. */
	int (*hardware)(void *context, uint32_t number, uint8_t ret[6]);
	/* An interface is captured from now on, or no longer; why not ("": it went). */
	void (*tell)(void *context, const char *interface, bool captured, const char *why);
	void *context;
};

/* Capture from now on. What can not be captured is told of, but one that is named is an error. */
int trace_capture_open(const struct trace_capture_settings *settings, uint64_t now,
		       struct trace_capture **ret, struct tocsin_error *err);
void trace_capture_close(struct trace_capture *c); /* NULL is fine */

/* How many are captured. */
size_t trace_capture_count(const struct trace_capture *c);

/* Who takes what there is; 0, or what is to end it. */
struct trace_capture_sink {
	/* Frames from this hardware address are the guest's; before any of its packets. */
	void (*hardware)(void *context, const uint8_t address[6]);
	/* As tocsin_trace_packet (provenance/interface.h). */
	int (*packet)(void *context, uint64_t time, int link, const uint8_t *bytes, size_t size);
	/* Packets of this time may be missing: how many, 0: nobody knows. */
	int (*gap)(void *context, uint64_t since, uint64_t until, uint64_t lost, const char *why);
	void *context;
};

/* Before anything is taken. */
void trace_capture_start(struct trace_capture *c, const struct trace_capture_sink *sink);

/* Take the packets that are there, look after interfaces and losses. now: nanoseconds since the
 * epoch. 0, or what the sink returned. */
int trace_capture_take(struct trace_capture *c, uint64_t now);

/* Take and tell what is left. */
int trace_capture_end(struct trace_capture *c, uint64_t now);

/* Packets that were lost, as far as they could be counted. */
uint64_t trace_capture_dropped(const struct trace_capture *c);

/* The interfaces that a domain has in this dom0: their names, and their numbers. */
struct trace_capture_found {
	char name[TRACE_CAPTURE_NAME];
	uint32_t number;
};
size_t trace_capture_find(const char *sysfs, uint32_t domid,
			  struct trace_capture_found ret[TRACE_CAPTURE_MOST]);

#endif
