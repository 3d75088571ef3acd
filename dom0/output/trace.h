/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of a trace of kernel functions; docs/schema.md names every member. */
#ifndef TOCSIN_OUTPUT_TRACE_H
#define TOCSIN_OUTPUT_TRACE_H

#include "introspect/object.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TOCSIN_TRACE_ARGUMENTS 3

struct tocsin_trace_argument {
	const char *name; /* "" or NULL: it has none */
	uint64_t value;   /* of the whole register */
	uint8_t size;     /* bytes that count; 0: not known */
	bool pointer, is_signed;
	const struct tocsin_object *object; /* what it leads to; NULL: not known */
};

/* What all lines have. */
struct tocsin_trace_line {
	const char *domain;
	uint32_t domid;
	uint64_t time; /* nanoseconds since the epoch, dom0's clock */
	uint64_t tsc;  /* 0: none */
};

struct tocsin_trace_call_line {
	uint16_t vcpu;
	uint32_t seq;
	const char *function;
	const char *event; /* what it is about to do; NULL: not known */
	const char *found; /* how the process was: "now", "before"; "unknown": the rest is not */
	int32_t pid, tid;
	uint32_t uid;
	uint64_t start_time; /* nanoseconds since the guest's boot */
	const char *comm;
	struct tocsin_trace_argument arguments[TOCSIN_TRACE_ARGUMENTS];
	unsigned int argument_count;
	uint64_t after; /* nanoseconds from the call to the reading of objects */
	bool cut;       /* the record with the other arguments was lost */
};

/* Each writes one line; 0, or -EIO or -ENOMEM. */
int tocsin_trace_call_json(FILE *to, const struct tocsin_trace_line *l,
			   const struct tocsin_trace_call_line *c);
/* A function is collected from now on, or no longer, or cannot be; why may be "". */
int tocsin_trace_function_json(FILE *to, const struct tocsin_trace_line *l, const char *function,
			       bool collected, const char *why);
/* access: "read" or "write" of a frame (a gfn) by the instruction at rip. */
int tocsin_trace_gap_json(FILE *to, const struct tocsin_trace_line *l, uint16_t vcpu,
			  const char *access, uint64_t frame, uint64_t rip);
/* lost records, 0: not known how many; what: where. */
int tocsin_trace_loss_json(FILE *to, const struct tocsin_trace_line *l, uint64_t lost,
			   const char *what);
/* An interface of the guest is captured from now on, or no longer, or cannot be; "" where there is
 * none, or nothing to say. */
int tocsin_trace_capture_json(FILE *to, const struct tocsin_trace_line *l, const char *interface,
			      bool captured, const char *why);
struct tocsin_trace_state_line {
	bool on;
	size_t functions;    /* that can be collected */
	uint64_t calls;      /* so far */
	uint64_t missing;    /* calls that the hypervisor counted and nobody got */
	uint64_t unanswered; /* triggers of any domain that came instead of to tocsind */
	const char *records; /* who gives them: "tocsind", "buffers", "nobody"; NULL: unasked for */
	const char *warning;
};
int tocsin_trace_state_json(FILE *to, const struct tocsin_trace_line *l,
			    const struct tocsin_trace_state_line *s);
struct tocsin_trace_graph_line {
	uint64_t delay, delay_most; /* nanoseconds from a call to its reading: mean, most */
	size_t count;               /* kinds of events */
	const char *const *kinds;
	const uint64_t *events;     /* that went into the graph */
	const uint64_t *unresolved; /* of these, with what could not be told */
	bool captured;              /* the guest's network was: */
	uint64_t packets, dropped, flows, early, untold, names;
};
int tocsin_trace_graph_json(FILE *to, const struct tocsin_trace_line *l,
			    const struct tocsin_trace_graph_line *g);

#endif
