/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside introspect/: the kernel's linked lists and its table of PIDs, taken as sets of addresses
 * in one quick pass, before anything slow is read of their objects.
 */
#ifndef TOCSIN_INTROSPECT_LIST_H
#define TOCSIN_INTROSPECT_LIST_H

#include "introspect/kernel.h"

struct tocsin_addresses {
	uint64_t *at;
	size_t count, room;
};

/* -ENOMEM. */
int tocsin_addresses_add(struct tocsin_addresses *a, uint64_t address);
void tocsin_addresses_free(struct tocsin_addresses *a);

/* Sorted, for tocsin_addresses_has. */
void tocsin_addresses_sort(struct tocsin_addresses *a);
/* The same, and each once. */
void tocsin_addresses_unique(struct tocsin_addresses *a);
bool tocsin_addresses_has(const struct tocsin_addresses *a, uint64_t address);

/*
 * The objects on the list_head at VA head, whose nodes lie `offset` bytes into them. While it
 * changes, all that stay on it are found. -E2BIG: more than bound, ret holds so many; -EAGAIN: it
 * does not hold still, or its links make no sense; -EFAULT.
 */
int tocsin_list_collect(struct tocsin_kernel *k, uint64_t head, uint32_t offset, size_t bound,
			struct tocsin_addresses *ret);

/* Do the neighbours of the node at VA node point at it? */
bool tocsin_list_linked(struct tocsin_kernel *k, uint64_t node);

/*
 * The entries of the xarray at VA xarray that are pointers, in the order of their indices. Returns
 * as tocsin_list_collect; -ENOTSUP: the kernel's xarrays have no known layout.
 */
int tocsin_xarray_collect(struct tocsin_kernel *k, uint64_t xarray, size_t bound,
			  struct tocsin_addresses *ret);

/*
 * The pointer that the xarray at VA xarray has for index; 0: none. -EFAULT, -EAGAIN: it does not
 * hold still; -ENOTSUP as above.
 */
int tocsin_xarray_load(struct tocsin_kernel *k, uint64_t xarray, uint64_t index, uint64_t *ret);

#endif
