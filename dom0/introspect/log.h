/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside introspect/: a log that grows, and one reader for each way a kernel keeps its own. */
#ifndef TOCSIN_INTROSPECT_LOG_H
#define TOCSIN_INTROSPECT_LOG_H

#include "introspect/kernel.h"

#define TOCSIN_LOG_TEXT_MAX 4096 /* bytes of a record; more is cut off */

struct tocsin_log_growing {
	struct tocsin_log log;
	size_t rows_room, text_room;
};

/*
 * The next record, zeroed but for its place in the text, where the `size` bytes of guest memory at
 * VA text were copied. It counts with tocsin_log_keep. -EFAULT, -ENOMEM.
 */
int tocsin_log_take(struct tocsin_kernel *k, struct tocsin_log_growing *g, uint64_t text,
		    uint16_t size, struct tocsin_log_record **ret);
void tocsin_log_keep(struct tocsin_log_growing *g);

/* A bitfield of at most 8 bits in the bytes of a structure. */
uint8_t tocsin_log_bits(const uint8_t *bytes, const struct tocsin_btf_member *m);

/*
 * The records of kernels before 5.10 (struct printk_log), into an empty log; those that were
 * overwritten meanwhile are counted as torn. -ENOTSUP: this kernel has none; -EAGAIN: it does not
 * hold still; -EFAULT, -EINVAL, -ENOMEM.
 */
int tocsin_log_read_records(struct tocsin_kernel *k, struct tocsin_log_growing *g);

#endif
