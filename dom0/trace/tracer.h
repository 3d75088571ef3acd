/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tracing of a running domain's kernel functions: their calls are recorded by the hypervisor, and
 * what the guest does to its own text is always obeyed. Of the guest's memory it copies and
 * compares pages of text, and looks at the bytes of functions' entries. Built with Xen only.
 *
 * Where the functions lie, whoever has read the guest says: that is not to be trusted more than the
 * guest is. What is wrong there makes hooks where the guest does not expect them, in itself.
 *
 * The records come out of the trace buffers (capture/); whoever reads them hands gaps to the tracer
 * and asks it which function a site is.
 */
#ifndef TOCSIN_TRACER_H
#define TOCSIN_TRACER_H

#include "trace/state.h"
#include "trace/traced.h"
#include <tocsin/trace.h>

struct tocsin_tracer;

/* Calls of f are recorded from now on, or no longer, or not for another reason than before. tsc:
 * exactly when; 0: not known. */
typedef void (*tocsin_tracer_fn)(void *context, const struct tocsin_traced *f, uint64_t tsc);

/*
 * Begin to trace these functions, which are copied; their names must outlive the tracer. Those that
 * were not found stay in the list with the reason; -ENOENT: none was. When this returns, calls are
 * recorded, unless the guest is patching its text just now: fn tells. The state must be open, and
 * outlive the tracer. first: of functions that say who uses what (filter.h), the first calls only.
 */
int tocsin_tracer_open(struct tocsin_state *state, const struct tocsin_traced *functions,
		       size_t count, bool first, tocsin_tracer_fn fn, void *context,
		       struct tocsin_tracer **ret, struct tocsin_error *err);

/* The guest is as if it had never been traced; calls up to now may still be read and asked for. */
void tocsin_tracer_stop(struct tocsin_tracer *t);

/* The same, and the tracer is no more; NULL is fine. */
void tocsin_tracer_close(struct tocsin_tracer *t);

const struct tocsin_traced *tocsin_tracer_list(const struct tocsin_tracer *t, size_t *count);

/* Which function a site is; NULL: none of this tracer. */
const struct tocsin_traced *tocsin_tracer_find(const struct tocsin_tracer *t, uint32_t site);

/* A gap that the hypervisor recorded in this domain. */
void tocsin_tracer_gap(struct tocsin_tracer *t, const struct tocsin_gap_record *gap, uint64_t tsc,
		       int64_t now_ms);

/* Records were lost: no call of before counts as a first one. */
void tocsin_tracer_forget(struct tocsin_tracer *t);

/*
 * Look after the pages: trace again those that the guest has left alone for a while. now_ms: any
 * clock that goes on. Call it every TOCSIN_TRACER_TICK_MS. -ESRCH: the domain is gone.
 */
#define TOCSIN_TRACER_TICK_MS 50
int tocsin_tracer_tick(struct tocsin_tracer *t, int64_t now_ms);

/* Can the guest's own kernel step out of tracing (altp2m = "mixed" in its configuration)? */
bool tocsin_tracer_escapable(const struct tocsin_tracer *t);

#endif
