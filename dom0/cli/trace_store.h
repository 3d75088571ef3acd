/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside cli/: the file that the graph of a traced guest is kept in. A disk that is full for a
 * while does not end the tracing: what could not be kept meanwhile is marked.
 */
#ifndef TOCSIN_CLI_TRACE_STORE_H
#define TOCSIN_CLI_TRACE_STORE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct trace_store;
struct tocsin_trace_event;

/* path NULL: the guest's own, which tocsin graph -d looks at; -EINVAL: its name cannot be a file's.
 * As tocsin_trace_store_open. */
int trace_store_open(const char *path, const char *guest, struct trace_store **ret,
		     struct tocsin_error *err);

/* All is in the file then; NULL is fine. 0, or a negative errno: what is not in it. */
int trace_store_close(struct trace_store *s, struct tocsin_error *err);

/* A tocsin_trace_take, with the store as context. */
int trace_store_take(const struct tocsin_trace_event *e, void *store);

/* Nothing was seen in this time, of the guest's calls or (wire) of its packets; of the boot that
 * the latest event was of. As trace_store_take. */
struct trace_store_gap {
	uint64_t since, until, lost;
	const char *why;
	bool wire;
};
int trace_store_gap(struct trace_store *s, const struct trace_store_gap *gap);

/* If the graph is one that goes on: from its last event until then the guest was not traced. */
int trace_store_absence(struct trace_store *s, uint64_t until);

/* Was something not seen of its packets? How many, and why: as long as the event is. */
bool trace_store_lost_packets(const struct tocsin_trace_event *e, uint64_t *lost, const char **why);

#endif
