// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A list is walked forward, and each step must lead to a node that points back. Where one does
 * not, the guest has just changed the list there: the walk goes back to the last node that is
 * still on it, and on from there, so that what stays on the list is never lost. Changes cost steps;
 * a bound on the steps ends what is made never to end.
 *
 * xarrays: include/linux/xarray.h, lib/xarray.c. A slot's low bits tell pointers (00), internal
 * entries (10: nodes, siblings) and values (1).
 */
#include "introspect/list.h"
#include "base/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_EXTRA 4096
#define IDLE_MAX 512 /* steps in which the list does not even begin */
#define NODES_MAX (1u << 20)
#define DEPTH_MAX 11 /* 64 bits in steps of 6 */
#define SLOTS 64
#define INTERNAL 2u
#define NODE_MIN 4096 /* smaller internal entries are no nodes */

int tocsin_addresses_add(struct tocsin_addresses *a, uint64_t address)
{
	if (!TOCSIN_ROOM(a->at, a->room, a->count))
		return -ENOMEM;
	a->at[a->count++] = address;
	return 0;
}

void tocsin_addresses_free(struct tocsin_addresses *a)
{
	free(a->at);
	memset(a, 0, sizeof(*a));
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void tocsin_addresses_sort(struct tocsin_addresses *a)
{
	if (a->count)
		qsort(a->at, a->count, sizeof(*a->at), compare);
}

void tocsin_addresses_unique(struct tocsin_addresses *a)
{
	size_t kept = 0;

	tocsin_addresses_sort(a);
	for (size_t i = 0; i < a->count; i++)
		if (!i || a->at[i] != a->at[i - 1])
			a->at[kept++] = a->at[i];
	a->count = kept;
}

bool tocsin_addresses_has(const struct tocsin_addresses *a, uint64_t address)
{
	return a->count && bsearch(&address, a->at, a->count, sizeof(*a->at), compare);
}

/* The node after `node`, if it points back; else -EAGAIN or -EFAULT. */
static int next_node(struct tocsin_kernel *k, uint64_t node, uint64_t *ret)
{
	uint64_t next, back;

	if (tocsin_kernel_read_u64(k, node, &next) || tocsin_kernel_read_u64(k, next + 8, &back))
		return -EFAULT;
	if (back != node)
		return -EAGAIN;
	*ret = next;
	return 0;
}

int tocsin_list_collect(struct tocsin_kernel *k, uint64_t head, uint32_t offset, size_t bound,
			struct tocsin_addresses *ret)
{
	size_t first = ret->count, steps = 2 * bound + STEPS_EXTRA;
	uint64_t node = head, next = 0;
	int rc = -EAGAIN, failures = 0, idle = 0;

	while (steps-- && idle < IDLE_MAX) {
		rc = next_node(k, node, &next);
		if (rc)
			tocsin_kernel_wait(k, failures < 8 ? failures++ : failures);
		if (rc && ret->count > first) { /* is node still on it? else from the one before */
			if (next_node(k, node, &next)) {
				ret->count--;
				node = ret->count > first ? ret->at[ret->count - 1] + offset : head;
			}
			continue;
		}
		idle = rc ? idle + 1 : 0;
		if (rc)
			continue;
		if (next == head)
			return 0;
		if (ret->count - first == bound)
			return -E2BIG;
		rc = tocsin_addresses_add(ret, next - offset);
		if (rc)
			return rc;
		node = next;
	}
	return rc ? rc : -EAGAIN;
}

bool tocsin_list_linked(struct tocsin_kernel *k, uint64_t node)
{
	uint64_t next, previous, back, forth;

	return !tocsin_kernel_read_u64(k, node, &next) &&
	       !tocsin_kernel_read_u64(k, node + 8, &previous) &&
	       !tocsin_kernel_read_u64(k, next + 8, &back) &&
	       !tocsin_kernel_read_u64(k, previous, &forth) && back == node && forth == node;
}

struct xarray {
	struct tocsin_kernel *k;
	uint64_t slots; /* offset in a node */
	size_t nodes, bound;
	struct tocsin_addresses *found;
};

static bool is_node(uint64_t entry)
{
	return (entry & 3) == INTERNAL && entry > NODE_MIN;
}

static int collect_node(struct xarray *x, uint64_t node, int depth)
{
	uint64_t slots[SLOTS];
	int rc = 0;

	if (depth == DEPTH_MAX || x->nodes++ == NODES_MAX)
		return -E2BIG;
	if (tocsin_kernel_read(x->k, node + x->slots, slots, sizeof(slots)))
		return -EFAULT;
	for (int i = 0; i < SLOTS && !rc; i++) {
		if (is_node(slots[i]))
			rc = collect_node(x, slots[i] - INTERNAL, depth + 1);
		else if (slots[i] && !(slots[i] & 3))
			rc = x->found->count == x->bound ? -E2BIG
							 : tocsin_addresses_add(x->found, slots[i]);
		if (rc == -EFAULT) /* a node that was just freed; what it held is elsewhere now */
			rc = -EAGAIN;
	}
	return rc;
}

int tocsin_xarray_collect(struct tocsin_kernel *k, uint64_t xarray, size_t bound,
			  struct tocsin_addresses *ret)
{
	struct xarray x = {.k = k, .bound = bound, .found = ret};
	struct tocsin_btf_member head, slots;
	uint64_t entry;

	if (tocsin_btf_member(k->btf, "xarray", "xa_head", &head) ||
	    tocsin_btf_member(k->btf, "xa_node", "slots", &slots) || slots.size != SLOTS * 8)
		return -ENOTSUP;
	x.slots = slots.offset;
	if (tocsin_kernel_read_u64(k, xarray + head.offset, &entry))
		return -EFAULT;
	if (is_node(entry))
		return collect_node(&x, entry - INTERNAL, 0);
	return entry && !(entry & 3) ? tocsin_addresses_add(ret, entry) : 0;
}

/* The slot of a node; a sibling entry leads to another slot of the same node. */
static int load_slot(struct tocsin_kernel *k, uint64_t slots, uint64_t slot, uint64_t *entry)
{
	if (tocsin_kernel_read_u64(k, slots + slot * 8, entry))
		return -EAGAIN;
	if ((*entry & 3) != INTERNAL || *entry >= SLOTS * 4)
		return 0;
	return tocsin_kernel_read_u64(k, slots + (*entry >> 2) * 8, entry) ? -EAGAIN : 0;
}

int tocsin_xarray_load(struct tocsin_kernel *k, uint64_t xarray, uint64_t index, uint64_t *ret)
{
	struct tocsin_btf_member head, slots, shifts;
	uint64_t entry;
	uint8_t shift;

	if (tocsin_btf_member(k->btf, "xarray", "xa_head", &head) ||
	    tocsin_btf_member(k->btf, "xa_node", "slots", &slots) ||
	    tocsin_btf_member(k->btf, "xa_node", "shift", &shifts) || slots.size != SLOTS * 8)
		return -ENOTSUP;
	if (tocsin_kernel_read_u64(k, xarray + head.offset, &entry))
		return -EFAULT;
	for (int depth = 0; depth < DEPTH_MAX && is_node(entry); depth++) {
		uint64_t node = entry - INTERNAL;

		if (tocsin_kernel_read(k, node + shifts.offset, &shift, 1))
			return -EAGAIN;
		if (shift > 60 || (depth == 0 && shift + 6 < 64 && index >> (shift + 6))) {
			entry = 0;
			break;
		}
		if (load_slot(k, node + slots.offset, index >> shift & (SLOTS - 1), &entry))
			return -EAGAIN;
	}
	*ret = entry & 3 ? 0 : entry;
	return is_node(entry) ? -EAGAIN : 0;
}
