/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trees and lists of VMAs from hostile bytes. Input: u8 1 for a tree, 0 for a list, 7 bytes
 * unused; the rest is the kernel's memory from VA = gpa DATA on, which begins with the mm_struct.
 * The layout is a small one made for the purpose; the walk is the real one.
 */
#include "kernel.h"

#include "introspect/vma.c"

#define HEAD 8
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
	struct vma_layout v = tree_or_list;
	struct tocsin_kernel k = FUZZ_KERNEL;
	struct reading r[2] = {{.k = &k, .l = &fuzz_layout, .v = &v, .mm = MM, .fs = FS}};
	struct tocsin_vma_list list;

	if (size < HEAD || !fuzz_memory(&k, data + HEAD, size - HEAD))
		return 0;
	v.tree = data[0] & 1;
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
