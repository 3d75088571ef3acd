/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process's memory as an ELF core file, for gdb and other tools: its mappings, their pages that
 * are there, and its name and arguments. There are no registers in it: nobody stopped it.
 */
#ifndef TOCSIN_CORE_H
#define TOCSIN_CORE_H

#include "scan/scan.h"

struct tocsin_core_stats {
	uint64_t bytes; /* of memory */
	size_t segments;
	bool truncated; /* there is more than the bounds allow */
	uint64_t torn;  /* pages that went away meanwhile */
};

/*
 * Write it to fd, a file that is empty and can be positioned; the file is a core file only when all
 * is written. Of target the kernel, the process, the mappings and limits.max_bytes are looked
 * at. 0, or a negative errno: -ENOSPC and the like of the file, or of
 * the guest.
 */
int tocsin_core_write(const struct tocsin_scan_target *target, int fd,
		      struct tocsin_core_stats *stats, struct tocsin_error *err);

#endif
