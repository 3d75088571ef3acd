/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose code is where, who hooks what, BPF programs, in an image that lies; input: mutate.h. */
#include "mutate.h"

#define STRAYS 32

static void look_at_bpf(struct fixture *f, bool truth)
{
	struct tocsin_bpf_list list;
	struct tocsin_error err = {0};
	int rc = tocsin_bpf_list(&f->k, &list, &err);

	check_accesses(f);
	check(!rc == !err.code);
	check(!truth || (!rc && list.count == 1 && list.rows[0].writes_user && !list.torn));
	if (rc)
		return;
	check(list.torn <= list.count);
	for (size_t i = 0; i < list.count; i++)
		check(strnlen(list.rows[i].name, sizeof(list.rows[i].name)) <
			  sizeof(list.rows[i].name) &&
		      tocsin_bpf_type_name(list.rows[i].type));
	tocsin_bpf_list_free(&list);
}

static void look_at_hooks(struct fixture *f, const struct tocsin_code *code, bool truth)
{
	uint32_t kinds = 0;
	struct tocsin_hook_list list;
	struct tocsin_error err = {0};
	int rc = tocsin_hook_list(&f->k, code, &list, &err);

	check_accesses(f);
	check(!rc == !err.code);
	if (rc)
		return;
	for (size_t i = 0; i < list.count; i++) {
		check(strnlen(list.rows[i].name, sizeof(list.rows[i].name)) <
		      sizeof(list.rows[i].name));
		kinds |= 1u << list.rows[i].kind;
	}
	/* One of each kind but of the terminal's. */
	check(!truth || kinds == (0x1ffu & ~(1u << TOCSIN_HOOK_TTY)));
	tocsin_hook_list_free(&list);
}

static void look_at_text(struct fixture *f, const struct tocsin_code *code, bool truth)
{
	struct tocsin_transfer_list list;
	struct tocsin_error err = {0};
	int rc = tocsin_transfer_list(&f->k, code, &list, &err);

	check_accesses(f);
	check(!rc == !err.code);
	check(!truth || !rc);
	if (rc)
		return;
	for (size_t i = 0; i < list.count; i++)
		check(list.rows[i].function <= list.rows[i].at &&
		      list.rows[i].at < list.rows[i].end && list.rows[i].size);
	check(list.unreadable <= list.bytes);
	tocsin_transfer_list_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fixture *f;
	struct tocsin_code_range strays[STRAYS];
	struct tocsin_code *code = NULL;
	struct tocsin_error err = {0};
	size_t count = 0;
	int rc;

	if (!f) {
		f = fixture_open(NULL);
		make_process(f);
		make_code(f, make_net(f));
		fixture_ready(f);
	}
	mutate(f, data, size);
	look_at_bpf(f, !size);
	mutate(f, data, size);
	rc = tocsin_code_open(&f->k, &code, &err);
	check_accesses(f);
	check(!rc == !err.code && !rc == !!code);
	check(size || !rc);
	if (rc)
		return 0;
	rc = tocsin_code_strays(code, strays, STRAYS, &count, &err);
	check(count <= STRAYS && !rc == !err.code);
	look_at_text(f, code, !size);
	look_at_hooks(f, code, !size);
	tocsin_code_close(code);
	return 0;
}
