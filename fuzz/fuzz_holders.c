/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who holds which socket, and the kernel's counters, in an image that lies; input: mutate.h. */
#include "mutate.h"

static void look_at_holders(struct fixture *f, bool truth)
{
	struct tocsin_holder_list list;
	struct tocsin_error err = {0};
	int rc = tocsin_holder_list(&f->k, &list, &err);

	check_accesses(f);
	check(!rc == !err.code);
	check(!truth || (!rc && list.count == 1 && list.rows[0].fd == 3 && !list.torn));
	if (rc)
		return;
	for (size_t i = 0; i < list.count; i++)
		check(list.rows[i].sock && list.rows[i].pid > 0 && list.rows[i].fd >= 0);
	for (size_t i = 1; i < list.count; i++)
		check(list.rows[i - 1].sock <= list.rows[i].sock);
	tocsin_holder_list_free(&list);
}

static void look_at_counters(struct fixture *f, bool truth)
{
	struct tocsin_counters counters;
	struct tocsin_error err = {0};
	int rc = tocsin_counters_read(&f->k, &counters, &err);

	check_accesses(f);
	check(!rc == !err.code);
	check(!truth || (!rc && counters.forks == 9 && counters.opens_known &&
			 counters.active_opens == 1 && counters.passive_opens == 2));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fixture *f;
	struct tocsin_process p;
	uint64_t net;

	if (!f) {
		f = fixture_open(NULL);
		p = make_process(f);
		net = make_net(f);
		make_files(f, &p, net);
		fixture_ready(f);
	}
	mutate(f, data, size);
	look_at_holders(f, !size);
	mutate(f, data, size);
	look_at_counters(f, !size);
	return 0;
}
