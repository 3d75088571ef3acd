// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opening a kernel: the image by its page tables, the types by its BTF, the symbols by its
 * kallsyms, and then the proof: init_top_pgt, as kallsyms decodes it, must be the table that leads
 * to the page table the image was found by. Chance or a planted copy does not pass that.
 *
 * Nothing is decided by a version string. What is kept is copied out of the guest.
 */
#include "introspect/kernel.h"
#include "introspect/object.h"

#include "introspect/store.h"

#include "introspect/file.h"
#include "introspect/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ADDRESS 0x000ffffffffff000ull
#define FEATURE_PTI (7 * 32 + 11) /* X86_FEATURE_PTI, arch/x86/include/asm/cpufeatures.h */
#define NOTES_MAX (64u << 10)
#define NT_GNU_BUILD_ID 3

/* One entry of the translations. The key and the frame are split over both words. */
#define VPN_BITS 45 /* of a canonical address with 5 levels */
#define VPN_MASK ((1ull << VPN_BITS) - 1)
#define FRAME_MASK ((1ull << 40) - 1)

static uint64_t load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/*
 * An entry is two words, written by any thread at any time, without a lock: `data` holds the frame
 * and the upper part of the epoch, `check` the page number and the lower part, xor'ed with data. So
 * a reader that meets half of one entry and half of another finds no match.
 */
static bool recall(const struct tocsin_translation *e, uint64_t vpn, uint64_t epoch,
		   uint64_t *frame)
{
	uint64_t data = load(&e->data);

	if ((load(&e->check) ^ data) != (vpn | epoch << VPN_BITS) ||
	    data >> 40 != (epoch >> (64 - VPN_BITS) & 0xffffff))
		return false;
	*frame = data & FRAME_MASK;
	return true;
}

static void remember_frame(struct tocsin_translation *e, uint64_t vpn, uint64_t epoch,
			   uint64_t frame)
{
	uint64_t data = frame | (epoch >> (64 - VPN_BITS)) << 40;

	__atomic_store_n(&e->data, data, __ATOMIC_RELAXED);
	__atomic_store_n(&e->check, (vpn | epoch << VPN_BITS) ^ data, __ATOMIC_RELAXED);
}

/*
 * Only the direct map and the image are remembered, and only until the next flush: the kernel never
 * maps them anew. Everything else (modules, large tables) is walked every time.
 */
static bool is_lasting(const struct tocsin_kernel *k, uint64_t va)
{
	return va - k->direct_map < k->direct_map_size || va - k->info.text_va < k->image_size;
}

/* One that is not remembered, and is from now on, if it lasts. */
static __attribute__((noinline)) int walk(struct tocsin_kernel *k, uint64_t va, uint64_t epoch,
					  uint64_t *gpa)
{
	uint64_t small = va >> 12 & VPN_MASK, large = va >> 21 & VPN_MASK;
	struct tocsin_mapping map;
	int rc = tocsin_walk(k->m, k->paging, va, &map);

	if (rc)
		return rc;
	*gpa = map.gpa;
	if (!is_lasting(k, va))
		return 0;
	if (map.page_size > TOCSIN_PAGE_SIZE)
		remember_frame(&k->large[large % TOCSIN_TRANSLATIONS], large, epoch,
			       map.gpa >> 21 << 9);
	else
		remember_frame(&k->small[small % TOCSIN_TRANSLATIONS], small, epoch, map.gpa >> 12);
	return 0;
}

/* Inlined into all that reads, as what follows: it is done some dozen times for each object. */
static inline int translate(struct tocsin_kernel *k, uint64_t va, uint64_t *gpa)
{
	uint64_t epoch = __atomic_load_n(&k->m->epoch, __ATOMIC_ACQUIRE);
	uint64_t small = va >> 12 & VPN_MASK, large = va >> 21 & VPN_MASK, frame;

	if (recall(&k->large[large % TOCSIN_TRANSLATIONS], large, epoch, &frame)) {
		*gpa = frame << 12 | (va & ((1u << 21) - 1));
		return 0;
	}
	if (recall(&k->small[small % TOCSIN_TRANSLATIONS], small, epoch, &frame)) {
		*gpa = frame << 12 | (va & (TOCSIN_PAGE_SIZE - 1));
		return 0;
	}
	return walk(k, va, epoch, gpa);
}

int tocsin_kernel_translate(struct tocsin_kernel *k, uint64_t va, uint64_t *gpa)
{
	return translate(k, va, gpa);
}

/* Where the byte at gpa lies, and how many follow it; NULL: nowhere. */
static inline const uint8_t *place_of(struct tocsin_kernel *k, uint64_t gpa, uint64_t *follow)
{
	const struct tocsin_memory *m = k->m;

	if (gpa - m->largest.gpa >= m->largest.size)
		return tocsin_memory_map(k->m, gpa, follow);
	*follow = m->largest.size - (gpa - m->largest.gpa);
	return m->largest.bytes + (gpa - m->largest.gpa);
}

static inline const uint8_t *peek(struct tocsin_kernel *k, uint64_t va, size_t size)
{
	const uint8_t *bytes;
	uint64_t gpa, follow;

	if (size > TOCSIN_PAGE_SIZE - va % TOCSIN_PAGE_SIZE || translate(k, va, &gpa))
		return NULL;
	bytes = place_of(k, gpa, &follow);
	return bytes && follow >= size ? bytes : NULL;
}

/* The same, where it is worth a try: what does not stay mapped would be translated once more. */
static inline const uint8_t *peek_mapped(struct tocsin_kernel *k, uint64_t va, size_t size)
{
	return k->m->largest.size ? peek(k, va, size) : NULL;
}

/* In pieces of at most a page. */
static int read_pieces(struct tocsin_kernel *k, uint64_t va, uint8_t *to, size_t size)
{
	while (size) {
		size_t part = TOCSIN_PAGE_SIZE - va % TOCSIN_PAGE_SIZE;
		uint64_t gpa, follow;
		const uint8_t *bytes;
		int rc;

		if (part > size)
			part = size;
		rc = translate(k, va, &gpa);
		if (rc)
			return rc;
		bytes = place_of(k, gpa, &follow);
		if (bytes && follow >= part)
			memcpy(to, bytes, part);
		else
			rc = tocsin_memory_read(k->m, gpa, to, part);
		if (rc)
			return rc;
		va += part;
		to += part;
		size -= part;
	}
	return 0;
}

int tocsin_kernel_read(struct tocsin_kernel *k, uint64_t va, void *buf, size_t size)
{
	const uint8_t *bytes = peek_mapped(k, va, size);

	if (bytes) {
		memcpy(buf, bytes, size);
		return 0;
	}
	if (size && size - 1 > UINT64_MAX - va)
		return -EINVAL;
	return read_pieces(k, va, buf, size);
}

#define WAITS_MAX 100 /* in an epoch */
#define WAITS_BITS 8

void tocsin_kernel_wait(struct tocsin_kernel *k, int attempt)
{
	uint64_t epoch = __atomic_load_n(&k->m->epoch, __ATOMIC_RELAXED) << WAITS_BITS;
	uint64_t spent = load(&k->patience);
	struct timespec pause = {0};

	if (!k->m->live || attempt < 2)
		return;
	if (spent >> WAITS_BITS << WAITS_BITS != epoch)
		spent = epoch;
	if (spent - epoch >= WAITS_MAX)
		return;
	__atomic_store_n(&k->patience, spent + 1, __ATOMIC_RELAXED);
	pause.tv_nsec = 50000l << (attempt < 8 ? attempt - 2 : 6);
	nanosleep(&pause, NULL);
}

const uint8_t *tocsin_kernel_peek(struct tocsin_kernel *k, uint64_t va, size_t size)
{
	return peek(k, va, size);
}

#define CACHE_LINE 64

void tocsin_kernel_prefetch(struct tocsin_kernel *k, uint64_t va, size_t size)
{
	size_t left = TOCSIN_PAGE_SIZE - va % TOCSIN_PAGE_SIZE;
	const uint8_t *bytes = peek(k, va, size < left ? size : left);

	for (size_t at = 0; bytes && at < size && at < left; at += CACHE_LINE)
		__builtin_prefetch(bytes + at);
	if (bytes && size > left)
		tocsin_kernel_prefetch(k, va + left, size - left);
}

int tocsin_kernel_read_u64(struct tocsin_kernel *k, uint64_t va, uint64_t *ret)
{
	const uint8_t *bytes = peek_mapped(k, va, sizeof(*ret));
	uint64_t v;
	int rc;

	if (bytes) {
		memcpy(ret, bytes, sizeof(*ret));
		return 0;
	}
	rc = tocsin_kernel_read(k, va, &v, sizeof(v));
	if (!rc)
		*ret = v;
	return rc;
}

/* Does a whole blob of the kernel's own types lie at `at`? Then it is kept. */
static bool types_at(struct tocsin_kernel *k, const uint8_t *at, size_t size,
		     struct tocsin_error *why)
{
	struct tocsin_btf *btf;
	size_t extent;
	uint32_t id;

	/* Blobs of modules and the magic in code are not the kernel's own types. */
	if (tocsin_btf_extent(at, size, &extent))
		return false;
	tocsin_error_clear(why);
	if (tocsin_btf_open(at, size, &btf, why))
		return false;
	if (tocsin_btf_find(btf, "task_struct", &id)) {
		tocsin_btf_close(btf);
		return false;
	}
	k->btf = btf;
	return true;
}

/* Where the symbols say that they are, else wherever their magic is. */
static int open_types(struct tocsin_kernel *k, const struct tocsin_image *image,
		      struct tocsin_error *err)
{
	static const uint8_t magic[8] = {0x9f, 0xeb, 1, 0, 0x18, 0, 0, 0};
	const uint8_t *at = image->bytes, *end = image->bytes + image->size;
	struct tocsin_error why = {0};
	uint64_t va;

	if (!tocsin_kallsyms_lookup(k->symbols, "__start_BTF", &va) &&
	    va - image->text_va < image->size &&
	    types_at(k, at + (va - image->text_va), image->size - (va - image->text_va), &why))
		return 0;
	for (at += image->from; (at = memmem(at, end - at, magic, sizeof(magic))); at++)
		if (types_at(k, at, end - at, &why))
			return 0;
	return tocsin_error_set(err, -ENOENT, "no BTF in the kernel image: %s",
				why.code ? why.message : "its magic was not found");
}

/* What lies where RAM is mapped as a whole; 0 bytes of it if it cannot be told. */
static void find_direct_map(struct tocsin_kernel *k)
{
	uint64_t base, end;

	if (tocsin_kallsyms_lookup(k->symbols, "page_offset_base", &base) ||
	    tocsin_kallsyms_lookup(k->symbols, "vmalloc_base", &end) ||
	    tocsin_kernel_read_u64(k, base, &base) || tocsin_kernel_read_u64(k, end, &end) ||
	    base >> 63 == 0 || end <= base)
		return;
	k->direct_map = base;
	k->direct_map_size = end - base;
}

/* kallsyms' init_top_pgt must lead to the table that the image was found by. */
static int confirm(struct tocsin_kernel *k, const struct tocsin_image *image,
		   struct tocsin_error *err)
{
	uint64_t va, level3;
	int levels, rc;

	rc = tocsin_kallsyms_lookup(k->symbols, "init_top_pgt", &va);
	if (rc)
		return tocsin_error_set(err, rc, "no init_top_pgt among the kernel's symbols");
	if (va < image->text_va || va - image->text_va >= image->size || va % TOCSIN_PAGE_SIZE)
		return tocsin_error_at(err, -EINVAL, va, "init_top_pgt is outside the image");
	k->info.init_top = va - image->text_va + image->text_pa;
	rc = tocsin_image_level3(k->m, k->info.init_top, &level3, &levels);
	if (rc || level3 != image->level3)
		return tocsin_error_at(err, rc ? rc : -EINVAL, va,
				       "init_top_pgt does not map the kernel it lies in");
	k->info.levels = levels;
	k->level3 = level3;
	k->paging = (struct tocsin_paging){.root = k->info.init_top, .levels = levels};
	return 0;
}

static void find_release(struct tocsin_kernel *k)
{
	struct tocsin_btf_member member;
	char text[sizeof(k->info.release)] = "";
	uint64_t va;

	if (tocsin_kallsyms_lookup(k->symbols, "init_uts_ns", &va) ||
	    tocsin_btf_member(k->btf, "uts_namespace", "name.release", &member) ||
	    tocsin_kernel_read(k, va + member.offset, text, sizeof(text) - 1))
		return;
	for (char *c = text; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	memcpy(k->info.release, text, sizeof(text));
}

static void find_build_id(struct tocsin_kernel *k)
{
	uint64_t start, stop;
	uint8_t *notes;

	if (tocsin_kallsyms_lookup(k->symbols, "__start_notes", &start) ||
	    tocsin_kallsyms_lookup(k->symbols, "__stop_notes", &stop) || stop <= start ||
	    stop - start > NOTES_MAX)
		return;
	notes = malloc(stop - start);
	if (!notes)
		return;
	if (tocsin_kernel_read(k, start, notes, stop - start))
		goto out;
	for (size_t at = 0, size = stop - start; size - at >= 12;) {
		uint32_t head[3]; /* name size, descriptor size, type */
		uint64_t name, desc;

		memcpy(head, notes + at, sizeof(head));
		name = at + 12;
		desc = name + ((head[0] + 3ull) & ~3ull);
		if (desc + ((head[1] + 3ull) & ~3ull) > size)
			break;
		if (head[2] == NT_GNU_BUILD_ID && head[0] == 4 && !memcmp(notes + name, "GNU", 4) &&
		    head[1] && head[1] <= sizeof(k->info.build_id)) {
			memcpy(k->info.build_id, notes + desc, head[1]);
			k->info.build_id_size = head[1];
			k->build_id_va = start + desc;
			break;
		}
		at = desc + ((head[1] + 3ull) & ~3ull);
	}
out:
	free(notes);
}

static int find_features(struct tocsin_kernel *k, struct tocsin_error *err)
{
	struct tocsin_btf_member member;
	uint64_t va;
	uint32_t word;
	int rc = tocsin_kallsyms_lookup(k->symbols, "boot_cpu_data", &va);

	if (!rc)
		rc = tocsin_btf_member(k->btf, "cpuinfo_x86", "x86_capability", &member);
	if (!rc && member.size && member.size < (FEATURE_PTI / 32 + 1) * 4)
		rc = -EINVAL;
	if (!rc)
		rc = tocsin_kernel_read(k, va + member.offset + FEATURE_PTI / 32 * 4, &word,
					sizeof(word));
	if (rc)
		return tocsin_error_set(err, rc, "cannot tell whether page tables are isolated");
	k->info.pti = word >> (FEATURE_PTI % 32) & 1;
	return 0;
}

/* What tokens this boot of this kernel will be known by later. */
static int remember(struct tocsin_kernel *k, struct tocsin_error *err)
{
	struct tocsin_btf_member member;
	uint64_t va;
	int rc = tocsin_kallsyms_lookup(k->symbols, "linux_banner", &k->banner_va);

	if (!rc)
		rc = tocsin_kernel_read(k, k->banner_va, k->banner, sizeof(k->banner));
	if (rc || memcmp(k->banner, "Linux version ", 14))
		return tocsin_error_at(err, rc ? rc : -EINVAL, k->banner_va,
				       "linux_banner is not readable or not a banner");
	if (tocsin_kallsyms_lookup(k->symbols, "init_task", &va) ||
	    tocsin_btf_member(k->btf, "task_struct", "stack_canary", &member))
		return 0;
	rc = tocsin_kernel_read_u64(k, va + member.offset, &k->canary);
	if (rc)
		return tocsin_error_at(err, rc, va, "init_task cannot be read");
	k->canary_va = va + member.offset;
	return 0;
}

/* Symbols and types: from the folder of caches, else from the image. */
static int open_tables(struct tocsin_kernel *k, struct tocsin_image *image,
		       const struct tocsin_cache *cache, struct tocsin_error *err)
{
	int rc;

	if (!tocsin_cache_load(k, cache, image->text_pa, image->text_va, image->size))
		return 0;
	/* What is to be kept must be made of bytes that hold still. */
	rc = tocsin_image_fetch(k->m, image, cache->folder || cache->store);
	if (rc)
		return tocsin_error_set(err, rc, "no memory for a copy of the kernel image");
	rc = tocsin_kallsyms_open(image->bytes, image->size, image->from, image->text_va,
				  &k->symbols, err);
	if (rc && rc != -ENOMEM && image->from) {
		tocsin_error_clear(err);
		tocsin_image_fetch_text(k->m, image);
		rc = tocsin_kallsyms_open(image->bytes, image->size, 0, image->text_va, &k->symbols,
					  err);
	}
	return rc ? rc : open_types(k, image, err);
}

/* All that is made of the tables. */
static int open_rest(struct tocsin_kernel *k, const struct tocsin_image *image,
		     struct tocsin_error *err)
{
	int rc = confirm(k, image, err);

	if (!rc)
		rc = find_features(k, err);
	if (!rc)
		rc = remember(k, err);
	if (rc)
		return rc;
	k->info.cached = k->cache.bytes != NULL;
	k->info.symbols = tocsin_kallsyms_count(k->symbols);
	k->info.types = tocsin_btf_types(k->btf);
	find_direct_map(k);
	find_release(k);
	find_build_id(k);
	tocsin_process_layout_resolve(k);
	tocsin_file_layout_resolve(k);
	tocsin_object_layout_resolve(k);
	return 0;
}

static int open_kernel(struct tocsin_memory *m, uint64_t cr3, const struct tocsin_cache *cache,
		       struct tocsin_kernel **ret, struct tocsin_error *err)
{
	struct tocsin_kernel *k = calloc(1, sizeof(*k));
	struct tocsin_image image = {0};
	int rc;

	if (!k)
		return tocsin_error_set(err, -ENOMEM, "no memory for a kernel");
	k->m = m;
	rc = tocsin_image_open(m, cr3, &image, err);
	if (rc)
		goto out;
	k->info.text_pa = image.text_pa;
	k->info.text_va = image.text_va;
	k->image_size = image.size;
	rc = open_tables(k, &image, cache, err);
	if (!rc)
		rc = open_rest(k, &image, err);
	if (rc)
		goto out;
	if ((cache->folder || cache->store) && !k->cache.bytes)
		tocsin_cache_save(k, cache, &image);
	*ret = k;
	k = NULL;
out:
	tocsin_image_free(&image);
	tocsin_kernel_close(k);
	return rc;
}

int tocsin_kernel_open_cached(struct tocsin_memory *m, uint64_t cr3, const char *folder,
			      struct tocsin_kernel **ret, struct tocsin_error *err)
{
	return open_kernel(m, cr3, &(struct tocsin_cache){.folder = folder}, ret, err);
}

int tocsin_kernel_open_stored(struct tocsin_memory *m, uint64_t cr3,
			      struct tocsin_kernel_store *store, struct tocsin_kernel **ret,
			      struct tocsin_error *err)
{
	return open_kernel(m, cr3, &(struct tocsin_cache){.store = store}, ret, err);
}

int tocsin_kernel_open(struct tocsin_memory *m, uint64_t cr3, struct tocsin_kernel **ret,
		       struct tocsin_error *err)
{
	return tocsin_kernel_open_cached(m, cr3, NULL, ret, err);
}

int tocsin_kernel_verify(struct tocsin_kernel *k, uint64_t cr3)
{
	uint8_t banner[sizeof(k->banner)];
	struct tocsin_image now = {0};
	uint64_t level3, canary;

	if (tocsin_image_level3(k->m, cr3 ? cr3 : k->info.init_top, &level3, NULL) ||
	    level3 != k->level3 || tocsin_image_locate(k->m, level3, &now) ||
	    now.text_pa != k->info.text_pa || now.text_va != k->info.text_va)
		return -ESTALE;
	if (tocsin_kernel_read(k, k->banner_va, banner, sizeof(banner)) ||
	    memcmp(banner, k->banner, sizeof(banner)))
		return -ESTALE;
	if (k->canary_va &&
	    (tocsin_kernel_read_u64(k, k->canary_va, &canary) || canary != k->canary))
		return -ESTALE;
	return 0;
}

void tocsin_kernel_close(struct tocsin_kernel *k)
{
	if (!k)
		return;
	tocsin_btf_close(k->btf);
	tocsin_kallsyms_close(k->symbols);
	tocsin_cache_unmap(&k->cache);
	free(k->process);
	free(k->file);
	free(k->object);
	free(k);
}

const struct tocsin_kernel_info *tocsin_kernel_info(const struct tocsin_kernel *k)
{
	return &k->info;
}

int tocsin_kernel_symbol(struct tocsin_kernel *k, const char *name, uint64_t *ret)
{
	return tocsin_kallsyms_lookup(k->symbols, name, ret);
}

struct tocsin_memory *tocsin_kernel_memory(struct tocsin_kernel *k)
{
	return k->m;
}
