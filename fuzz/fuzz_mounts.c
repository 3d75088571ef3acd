/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree of mounts, in an image that lies; input: mutate.h. */
#include "mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fixture *f;
	static struct tocsin_process p;
	struct tocsin_mount_list list;
	struct tocsin_error err = {0};
	int rc;

	if (!f) {
		f = fixture_open(NULL);
		p = make_process(f);
		make_mounts(f, &p);
		fixture_ready(f);
	}
	mutate(f, data, size);
	rc = tocsin_mount_list(&f->k, &p, &list, &err);
	check_accesses(f);
	check(!rc == !err.code);
	if (rc)
		return 0;
	check(list.count);
	for (size_t i = 0; i < list.count; i++) {
		check(strlen(list.rows[i].path) < TOCSIN_PATH_SIZE);
		check(strnlen(list.rows[i].type, 32) < 32 &&
		      strnlen(list.rows[i].source, 256) < 256);
	}
	check(size || (list.count == 3 && !list.torn && !strcmp(list.rows[2].path, "/srv/data")));
	tocsin_mount_list_free(&list);
	return 0;
}
