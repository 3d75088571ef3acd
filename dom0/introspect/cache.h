/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside introspect/: what was made of a kernel's symbols and types, kept in a folder, one file for
 * each build ID. It is used only for a guest whose own tables are, byte for byte, those that it was
 * made from: so a guest that lies about its kernel spoils nobody's view but of itself.
 */
#ifndef TOCSIN_INTROSPECT_CACHE_H
#define TOCSIN_INTROSPECT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOCSIN_KALLSYMS_PARTS 6
#define TOCSIN_BTF_PARTS 4

struct tocsin_part {
	const void *bytes;
	size_t size;
};

struct tocsin_kernel;
struct tocsin_image;
struct tocsin_kernel_store;

/* Where kernels are kept: a folder, or what was opened of one (store.h); both NULL: nowhere. */
struct tocsin_cache {
	const char *folder;
	struct tocsin_kernel_store *store;
};

/*
 * Look the kernel up whose image was located, but not fetched: k->symbols, k->btf and k->cache. Any
 * negative errno: not there, not readable, or not this kernel; nothing is changed.
 */
int tocsin_cache_load(struct tocsin_kernel *k, const struct tocsin_cache *cache, uint64_t text_pa,
		      uint64_t text_va, uint64_t size);

/*
 * Keep k's symbols and types. image: a copy, from which they were made. Failing is no error to
 * anybody: the next time it is made again.
 */
void tocsin_cache_save(const struct tocsin_kernel *k, const struct tocsin_cache *cache,
		       const struct tocsin_image *image);

void tocsin_cache_unmap(struct tocsin_part *cache);

#endif
