/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded modules, as kernels since 6.4 or before keep their memory, in an image that lies. Input:
 * u8 which of the two, then mutate.h.
 */
#include "mutate.h"

static void look_at_types(struct fixture *f, bool truth)
{
	struct tocsin_error err = {0};
	uint64_t offset, size;
	int rc = tocsin_kernel_member(&f->k, "alpha", "module", "name", &offset, &size, &err);

	check_accesses(f);
	check(!rc == !err.code);
	check(!truth || (!rc && size == 56 * 8));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fixture *made[2];
	struct tocsin_module_list list;
	struct tocsin_error err = {0};
	struct fixture *f;
	int rc;

	for (int i = 0; !made[1] && i < 2; i++) {
		made[i] = fixture_open(i ? made_core_layout : NULL);
		make_process(made[i]);
		make_modules(made[i]);
		fixture_ready(made[i]);
	}
	if (!size)
		return 0;
	f = made[data[0] & 1];
	mutate(f, data + 1, size - 1);
	look_at_types(f, size == 1);
	mutate(f, data + 1, size - 1);
	rc = tocsin_module_list(&f->k, &list, &err);
	check_accesses(f);
	check(!rc == !err.code);
	check(size > 1 || !rc);
	if (rc)
		return 0;
	for (size_t i = 0; i < list.count; i++)
		check(list.rows[i].name[0] && tocsin_module_state_name(list.rows[i].state));
	check(list.contradicted + list.torn <= list.count + 1);
	check(size > 1 || (list.count == 2 && list.contradicted == 1));
	tocsin_module_list_free(&list);
	return 0;
}
