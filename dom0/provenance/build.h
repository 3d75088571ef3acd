/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside provenance/: which nodes an event is about. */
#ifndef TOCSIN_PROVENANCE_BUILD_H
#define TOCSIN_PROVENANCE_BUILD_H

#include "provenance/internal.h"

/* The node of e's socket. begins: a connection is made, so an old one of these addresses is
 * another. */
int trace_find_socket(struct tocsin_provenance *g, const struct tocsin_trace_event *e,
		      uint32_t guest, bool begins, uint32_t *ret);

/* The host at the far end of e's socket; TOCSIN_TRACE_NONE: it has none. */
int trace_find_host(struct tocsin_provenance *g, const struct tocsin_trace_event *e, uint32_t *ret);

#endif
