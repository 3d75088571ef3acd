// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a process sees of a file against what the file's page cache holds. A private mapping shows
 * the cache's own pages until somebody writes: then the process gets a copy, which the kernel marks
 * as anonymous. Code has no reason to be written to, so such a page tells of a patch, whoever made
 * it, through whichever door.
 *
 * struct page lies in an array at vmemmap_base (x86-64 has SPARSEMEM_VMEMMAP), one for each frame;
 * the pages of a large folio point to its first with bit 0 set (include/linux/page-flags.h).
 */
#include "introspect/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAPPING_ANONYMOUS 1u /* PAGE_MAPPING_ANON */
#define TAIL 1u
#define COPIES_MAX 4096
#define LOOKS_MAX (1u << 20) /* pages of one mapping: 4 GiB */
#define ROOM 64

struct pages {
	struct tocsin_kernel *k;
	uint64_t array, size; /* VA of page 0, size of each */
	uint32_t mapping, head, index;
	uint32_t file_mapping, cache; /* file.f_mapping, address_space.i_pages */
};

static int find_layout(struct tocsin_kernel *k, struct pages *s)
{
	uint64_t base;

	s->k = k;
	s->mapping = tocsin_member_or_none(k, "page", "mapping");
	s->head = tocsin_member_or_none(k, "page", "compound_head");
	s->index = tocsin_member_or_none(k, "page", "index");
	if (s->index == TOCSIN_NO_MEMBER)
		s->index = tocsin_member_or_none(k, "folio", "index");
	s->file_mapping = tocsin_member_or_none(k, "file", "f_mapping");
	s->cache = tocsin_member_or_none(k, "address_space", "i_pages");
	if (s->mapping == TOCSIN_NO_MEMBER || s->head == TOCSIN_NO_MEMBER ||
	    s->index == TOCSIN_NO_MEMBER || s->file_mapping == TOCSIN_NO_MEMBER ||
	    s->cache == TOCSIN_NO_MEMBER || tocsin_btf_sizeof(k->btf, "page", &s->size) ||
	    !s->size || tocsin_kernel_symbol(k, "vmemmap_base", &base))
		return -ENOTSUP;
	return tocsin_kernel_read_u64(k, base, &s->array);
}

/* VA of the struct page of the folio that the page is in. */
static int folio_of(const struct pages *s, uint64_t page, uint64_t *ret)
{
	uint64_t head;

	if (tocsin_kernel_read_u64(s->k, page + s->head, &head))
		return -EFAULT;
	*ret = head & TAIL ? head - TAIL : page;
	return 0;
}

/* The frame of the cache for page number index of the file; 0: not there. */
static int find_cached(const struct pages *s, uint64_t file, uint64_t index, uint64_t *gpa)
{
	uint64_t mapping, folio, first;
	int rc;

	*gpa = 0;
	if (tocsin_kernel_read_u64(s->k, file + s->file_mapping, &mapping))
		return -EFAULT;
	rc = tocsin_xarray_load(s->k, mapping + s->cache, index, &folio);
	if (rc || !folio)
		return rc;
	if (tocsin_kernel_read_u64(s->k, folio + s->index, &first))
		return -EFAULT;
	if (folio < s->array || (folio - s->array) % s->size || first > index ||
	    index - first >= 1u << 18) /* a folio of 1 GiB */
		return -EAGAIN;
	*gpa = ((folio - s->array) / s->size + index - first) << TOCSIN_PAGE_SHIFT;
	return 0;
}

/* Is the page at gpa anonymous: no page of a file? */
static int is_copy(const struct pages *s, uint64_t gpa, bool *ret)
{
	uint64_t folio, mapping;

	if (folio_of(s, s->array + (gpa >> TOCSIN_PAGE_SHIFT) * s->size, &folio) ||
	    tocsin_kernel_read_u64(s->k, folio + s->mapping, &mapping))
		return -EFAULT;
	*ret = mapping & MAPPING_ANONYMOUS;
	return 0;
}

static int add(struct tocsin_copy_list *list, const struct tocsin_copy *copy)
{
	if (list->count == COPIES_MAX) {
		list->truncated = true;
		return 0;
	}
	if (list->count % ROOM == 0) {
		void *rows = reallocarray(list->rows, list->count + ROOM, sizeof(*list->rows));

		if (!rows)
			return -ENOMEM;
		list->rows = rows;
	}
	list->rows[list->count++] = *copy;
	return 0;
}

/* The page at va: what it is, twice the same, or torn. Not there: nothing. */
static int look(const struct pages *s, const struct tocsin_process *p, const struct tocsin_vma *v,
		uint64_t va, struct tocsin_copy_list *list)
{
	struct tocsin_copy copy = {.va = va};
	struct tocsin_mapping map, again;
	bool own = false;
	int rc = tocsin_process_walk(s->k, p, va, &map);

	if (rc)
		return rc == -EFAULT || rc == -EINVAL ? 0 : rc;
	copy.gpa = map.gpa & -(uint64_t)TOCSIN_PAGE_SIZE;
	rc = is_copy(s, copy.gpa, &own);
	if (!rc && !own)
		return 0;
	if (!rc)
		rc = find_cached(s, v->file_va, v->pgoff + ((va - v->start) >> TOCSIN_PAGE_SHIFT),
				 &copy.cached);
	if (!rc && (tocsin_process_walk(s->k, p, va, &again) || again.gpa != map.gpa))
		rc = -EAGAIN;
	if (!rc)
		return add(list, &copy);
	list->torn++;
	return 0;
}

int tocsin_copy_list(struct tocsin_kernel *k, const struct tocsin_process *p,
		     const struct tocsin_vma *v, struct tocsin_copy_list *ret,
		     struct tocsin_error *err)
{
	struct tocsin_copy_list list = {0};
	struct pages s;
	uint64_t va;
	int rc = find_layout(k, &s);

	if (rc)
		return tocsin_error_set(err, rc, "this kernel's pages have no known layout");
	if (!v->file_va || v->shared)
		goto done;
	for (va = v->start; va < v->end && !rc; va += TOCSIN_PAGE_SIZE) {
		if (va - v->start >= LOOKS_MAX * (uint64_t)TOCSIN_PAGE_SIZE) {
			list.truncated = true;
			break;
		}
		rc = look(&s, p, v, va, &list);
	}
	if (rc) {
		tocsin_copy_list_free(&list);
		return tocsin_error_at(err, rc, v->start, "the pages of a mapping cannot be read");
	}
done:
	*ret = list;
	return 0;
}

void tocsin_copy_list_free(struct tocsin_copy_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
