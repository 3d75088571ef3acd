/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trees and lists of VMAs from hostile bytes. Input: u8 1 for a tree, 0 for a list, 7 bytes
 * unused; the rest is the kernel's memory from VA = gpa DATA on, which begins with the mm_struct.
 * The layout is a small one made for the purpose; the walk is the real one.
 */
#include "fuzz.h"
#include "introspect/vma.c"

#define HEAD 8
#define DATA 0x8000u
#define PAGES 64u
#define MM DATA
#define FS (DATA + 0x40)

static const struct vma_layout tree_or_list = {
    .start = 0,
    .end = 8,
    .mm = 16,
    .next = 24,
    .flags = 32,
    .pgoff = 40,
    .file = 48,
    .ops = 56,
    .size = 64,
    .root = 0,
    .leaf = 1,
    .range_type = 2,
    .arange_type = 3,
    .range = {.pivot = 8, .slot = 128, .slots = 16},
    .arange = {.pivot = 8, .slot = 80, .slots = 10},
};

static const struct tocsin_process_layout files = {
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

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_list(const struct tocsin_vma_list *list)
{
	size_t torn = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct tocsin_vma *v = &list->rows[i];

		check(v->start < v->end && v->end % TOCSIN_PAGE_SIZE == 0);
		check(!i || list->rows[i - 1].end <= v->start);
		check(strlen(v->path) < TOCSIN_PATH_SIZE && (v->has_file || !v->path[0]));
		torn += v->confidence == TOCSIN_TORN;
	}
	check(torn <= list->torn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t bytes[PAGES * TOCSIN_PAGE_SIZE / 8];
	struct vma_layout v = tree_or_list;
	struct tocsin_kernel k = {.paging = {.root = 0x1000, .levels = 4}};
	struct reading r[2] = {{.k = &k, .l = &files, .v = &v, .mm = MM, .fs = FS}};
	struct tocsin_vma_list list;

	if (size < HEAD || size - HEAD > sizeof(bytes) - DATA)
		return 0;
	memset(bytes, 0, sizeof(bytes));
	bytes[0x1000 / 8] = 0x2003; /* present, writable: one table a level */
	bytes[0x2000 / 8] = 0x3003;
	bytes[0x3000 / 8] = 0x4003;
	for (uint64_t page = DATA / TOCSIN_PAGE_SIZE; page < PAGES; page++)
		bytes[0x4000 / 8 + page] = page * TOCSIN_PAGE_SIZE | 3;
	memcpy((uint8_t *)bytes + DATA, data + HEAD, size - HEAD);
	v.tree = data[0] & 1;
	check(!tocsin_memory_open_buffer(bytes, sizeof(bytes), &k.m, NULL));
	r[1] = r[0];
	if (!read_until_same(r, &list)) {
		check_list(&list);
		tocsin_vma_list_free(&list);
	}
	for (int i = 0; i < 2; i++) {
		free(r[i].rows);
		free(r[i].path);
		free(r[i].pool);
	}
	tocsin_memory_close(k.m);
	return 0;
}
