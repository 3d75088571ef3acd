/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside introspect/: an opened kernel, and reading its virtual memory. */
#ifndef TOCSIN_INTROSPECT_KERNEL_H
#define TOCSIN_INTROSPECT_KERNEL_H

#include "introspect/btf.h"
#include "introspect/kallsyms.h"
#include "memory/pagetable.h"
#include "tocsin.h"

struct tocsin_process_layout;
struct tocsin_file_layout;
struct tocsin_object_layout;

#define TOCSIN_TRANSLATIONS 2048

struct tocsin_translation {
	uint64_t check, data;
};

/* Immutable once it is open, but for the translations, which any thread may use. */
struct tocsin_kernel {
	struct tocsin_memory *m;
	struct tocsin_paging paging; /* init_top_pgt */
	struct tocsin_kernel_info info;
	struct tocsin_part cache; /* a mapped file in which btf and symbols lie, or nothing */
	struct tocsin_btf *btf;
	struct tocsin_kallsyms *symbols;
	uint64_t level3;     /* gpa of level3_kernel_pgt */
	uint64_t canary;     /* init_task.stack_canary: differs from boot to boot */
	uint64_t canary_va;  /* 0: the kernel has none */
	uint8_t banner[128]; /* linux_banner */
	uint64_t banner_va;
	uint64_t build_id_va;
	struct tocsin_process_layout *process; /* NULL: unknown; its error says why */
	struct tocsin_file_layout *file;       /* the same */
	struct tocsin_object_layout *object;   /* NULL: no memory was left for it */
	struct tocsin_error process_error, file_error;
	uint64_t image_size;
	uint64_t patience; /* how often it was waited for in which epoch; atomic */
	uint64_t direct_map, direct_map_size;
	struct tocsin_translation small[TOCSIN_TRANSLATIONS]; /* pages of 4 KiB */
	struct tocsin_translation large[TOCSIN_TRANSLATIONS]; /* of 2 MiB, and parts of 1 GiB */
};

/* Address of kernel virtual memory; as tocsin_walk. */
int tocsin_kernel_translate(struct tocsin_kernel *k, uint64_t va, uint64_t *gpa);

/*
 * Before reading again what did not hold still: give a running guest, of which a processor may have
 * been interrupted just there, some time to go on. attempt: how often it was read. A hostile guest
 * costs a fraction of a second in each epoch, and no more.
 */
void tocsin_kernel_wait(struct tocsin_kernel *k, int attempt);

/* The bytes in place, or NULL: they cross a page, or cannot be had without a copy. */
const uint8_t *tocsin_kernel_peek(struct tocsin_kernel *k, uint64_t va, size_t size);

/*
 * Have the processor fetch what will be read soon. Objects of the kernel lie all over its memory:
 * what reading them costs is waiting for one after the other.
 */
void tocsin_kernel_prefetch(struct tocsin_kernel *k, uint64_t va, size_t size);

/* As tocsin_kernel_read. */
int tocsin_kernel_read_u64(struct tocsin_kernel *k, uint64_t va, uint64_t *ret);

#endif
