/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For harnesses of the kernel's objects: hostile bytes as a kernel's memory, VA = gpa from DATA on,
 * with a small layout made for the purpose. The code under test is the real one.
 */
#ifndef TOCSIN_FUZZ_KERNEL_H
#define TOCSIN_FUZZ_KERNEL_H

#include "fuzz.h"
#include "introspect/process.h"
#include "memory/memory.h"

#include <stdlib.h>
#include <string.h>

#define DATA 0x8000u
#define PAGES 64u
#define FUZZ_KERNEL                                                                                \
	{                                                                                          \
		.paging = {.root = 0x1000, .levels = 4 }                                           \
	}

static const struct tocsin_process_layout fuzz_layout = {
    .file_dentry = 0,
    .file_mnt = 8,
    .fs_root_dentry = 0,
    .fs_root_mnt = 8,
    .dentry_parent = 16,
    .dentry_name = 24,
    .dentry_len = 32,
    .dentry_inode = 40,
    .dentry_hashed = 48,
    .inode_ino = 0,
    .inode_sb = 8,
    .sb_dev = 16,
    .vfsmount_root = 0,
    .vfsmount_sb = 8,
    .mount_mnt = 16,
    .mount_parent = 0,
    .mount_point = 8,
    .shm_sb = DATA + 0x80,
};

static inline void check(bool ok)
{
	if (!ok)
		abort();
}

/* k->m, over the bytes; false: they are too many. Closed with tocsin_memory_close. */
static inline bool fuzz_memory(struct tocsin_kernel *k, const uint8_t *data, size_t size)
{
	static uint64_t bytes[PAGES * TOCSIN_PAGE_SIZE / 8];

	if (size > sizeof(bytes) - DATA)
		return false;
	memset(bytes, 0, sizeof(bytes));
	bytes[0x1000 / 8] = 0x2003; /* present, writable: one table a level */
	bytes[0x2000 / 8] = 0x3003;
	bytes[0x3000 / 8] = 0x4003;
	for (uint64_t page = DATA / TOCSIN_PAGE_SIZE; page < PAGES; page++)
		bytes[0x4000 / 8 + page] = page * TOCSIN_PAGE_SIZE | 3;
	if (size)
		memcpy((uint8_t *)bytes + DATA, data, size);
	check(!tocsin_memory_open_buffer(bytes, sizeof(bytes), &k->m, NULL));
	return true;
}

#endif
