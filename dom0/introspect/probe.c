// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's own table of kprobes: kprobe_table, kernel/kprobes.c. */
#include "introspect/process.h"
#include "introspect/transfer.h"

#include <errno.h>

#define HEADS 64 /* KPROBE_TABLE_SIZE */
#define CHAIN_MAX 256

#define LOOKS 3

/* -EAGAIN: the chain could not be followed to its end. */
static int take_chain(struct tocsin_kernel *k, uint64_t node, uint32_t in_probe,
		      struct tocsin_addresses *ret)
{
	for (int n = 0; n < CHAIN_MAX && node; n++) {
		int rc = tocsin_addresses_add(ret, node - in_probe);

		if (rc)
			return rc;
		if (tocsin_kernel_read_u64(k, node, &node))
			return -EAGAIN;
	}
	return node ? -EAGAIN : 0;
}

int tocsin_probe_collect(struct tocsin_kernel *k, struct tocsin_addresses *ret)
{
	uint32_t in_probe = tocsin_member_or_none(k, "kprobe", "hlist");
	uint64_t table, heads[HEADS];
	int rc = -EAGAIN;

	if (in_probe == TOCSIN_NO_MEMBER || tocsin_kernel_symbol(k, "kprobe_table", &table))
		return -ENOTSUP;
	for (int look = 0; look < LOOKS && rc == -EAGAIN; look++) {
		tocsin_kernel_wait(k, look);
		if (tocsin_kernel_read(k, table, heads, sizeof(heads)))
			return -ENOTSUP;
		ret->count = 0;
		rc = 0;
		for (size_t i = 0; i < HEADS && rc != -ENOMEM; i++) {
			int bad = take_chain(k, heads[i], in_probe, ret);

			rc = bad ? bad : rc;
		}
	}
	return rc;
}
