/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All sockets of a guest as two views see them: the kernel's own tables, and the descriptors of its
 * processes. What only one of them has, although it should be in both, hides.
 *
 * Nothing is claimed on one look: what seems to hide is looked at again, a few times, with some
 * waiting, because sockets that begin or end are in one view only for a moment.
 */
#ifndef TOCSIN_MONITOR_VIEW_H
#define TOCSIN_MONITOR_VIEW_H

#include "tocsin.h"

struct tocsin_view_row {
	struct tocsin_socket socket;
	/* contradicted: held by a process, or has its port, and missing in its table */
	enum tocsin_confidence confidence;
	size_t first, holders; /* which of holders.rows hold it */
	bool in_table;
	bool unheld; /* it has a file, and nobody holds it: it is on its way in a message, or its
			process is just ending, or hides */
};

struct tocsin_view {
	struct tocsin_view_row *rows; /* by the VA of their struct sock, each once */
	size_t count;
	/* by socket, but for those that were found on a second look, which come last */
	struct tocsin_holder_list holders;
	size_t torn; /* rows, chains and tables of files that did not hold still */
	size_t contradicted;
	size_t closed; /* meanwhile: read in one view, and gone before the other was; in no row */
	uint32_t missing, gaps; /* as in struct tocsin_socket_list */
	bool truncated;
};

/* The sockets that the last view found held by nobody. Begins zeroed. */
struct tocsin_view_memory {
	struct tocsin_view_unheld {
		uint64_t sock, inode;
	} * unheld; /* by sock */
	size_t count;
};

/*
 * Read both. Freed with tocsin_view_free. Fails if one of them cannot be read. memory: of the view
 * before, brought up to date; what it has is not looked at again, as long as nobody holds it; NULL:
 * there was none. Freed with tocsin_view_forget.
 */
int tocsin_view_read(struct tocsin_kernel *k, struct tocsin_view_memory *memory,
		     struct tocsin_view *ret, struct tocsin_error *err);
void tocsin_view_free(struct tocsin_view *view);
void tocsin_view_forget(struct tocsin_view_memory *memory);

#endif
