/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same graph without hooks: what a watch states of its samples (monitor/event.h) as events of
 * provenance, and what a guest has open now. It is coarser: what begins and ends between two
 * samples is not there, when something happened is known to a sample, and which way data went
 * through what is held is not known, so it is taken to go both ways. Each edge of it is marked as
 * sampled, and what an account says was missed is a gap.
 */
#ifndef TOCSIN_PROVENANCE_WATCHED_H
#define TOCSIN_PROVENANCE_WATCHED_H

#include "provenance/event.h"

struct tocsin_trace_watched {
	tocsin_trace_take *take;
	void *context;
};

/* A tocsin_event_take, with a struct tocsin_trace_watched as context. */
int tocsin_trace_watch(const struct tocsin_event *e, void *watched);

/* An open file of a process, as it was at `time`; sockets are left to the watch. mount_ns: as of
 * struct tocsin_trace_file. */
int tocsin_trace_open_file(const struct tocsin_trace_watched *w, const char *guest, uint64_t boot,
			   uint64_t time, const struct tocsin_process *p,
			   const struct tocsin_file *f, uint32_t mount_ns);

#endif
