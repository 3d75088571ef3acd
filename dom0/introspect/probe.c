// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's own table of kprobes: kprobe_table, kernel/kprobes.c. */
#include "introspect/process.h"
#include "introspect/transfer.h"

#include <errno.h>

#define HEADS 64 /* KPROBE_TABLE_SIZE */
#define CHAIN_MAX 256

int tocsin_probe_collect(struct tocsin_kernel *k, struct tocsin_addresses *ret)
{
	uint32_t in_probe = tocsin_member_or_none(k, "kprobe", "hlist");
	uint64_t table, heads[HEADS];
	int rc = 0;

	if (in_probe == TOCSIN_NO_MEMBER || tocsin_kernel_symbol(k, "kprobe_table", &table) ||
	    tocsin_kernel_read(k, table, heads, sizeof(heads)))
		return -ENOTSUP;
	for (size_t i = 0; i < HEADS && !rc; i++) {
		uint64_t node = heads[i];

		for (int n = 0; n < CHAIN_MAX && node && !rc; n++) {
			rc = tocsin_addresses_add(ret, node - in_probe);
			if (tocsin_kernel_read_u64(k, node, &node))
				break;
		}
	}
	return rc;
}
