/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process's own copies of pages of a file, in an image that lies; input: mutate.h. */
#include "mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fixture *f;
	static struct tocsin_process p;
	static struct tocsin_vma vma;
	struct tocsin_copy_list list;
	struct tocsin_error err = {0};
	int rc;

	if (!f) {
		f = fixture_open(NULL);
		p = make_process(f);
		vma = make_copies(f);
		fixture_ready(f);
	}
	mutate(f, data, size);
	rc = tocsin_copy_list(&f->k, &p, &vma, &list, &err);
	check_accesses(f);
	check(!rc == !err.code);
	check(size || (!rc && list.count == 1 && list.rows[0].cached == 0x20000));
	if (rc)
		return 0;
	check(list.count + list.torn <= 4);
	for (size_t i = 0; i < list.count; i++)
		check(list.rows[i].va - vma.start < vma.end - vma.start &&
		      list.rows[i].gpa % TOCSIN_PAGE_SIZE == 0 &&
		      list.rows[i].cached % TOCSIN_PAGE_SIZE == 0);
	tocsin_copy_list_free(&list);
	return 0;
}
