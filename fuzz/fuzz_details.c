/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of one process, and its threads, in an image that lies; input: mutate.h. */
#include "mutate.h"

static void look_at_threads(struct fixture *f, const struct tocsin_process *p, bool truth)
{
	struct tocsin_thread_list list;
	struct tocsin_error err = {0};
	int rc = tocsin_thread_list(&f->k, p, &list, &err);

	check_accesses(f);
	check(!rc == !err.code);
	check(!truth || (!rc && list.count == 2 && list.rows[1].state == 'D'));
	if (rc)
		return;
	check(list.count && list.torn <= list.count);
	for (size_t i = 0; i < list.count; i++)
		check(list.rows[i].tid > 0 && strchr("RSDTtXZPI", list.rows[i].state));
	tocsin_thread_list_free(&list);
}

static void look_at_details(struct fixture *f, const struct tocsin_process *p, bool truth)
{
	struct tocsin_process_details d;
	struct tocsin_error err = {0};
	int rc = tocsin_process_details(&f->k, p, &d, &err);

	check_accesses(f);
	check(!rc == !err.code);
	check(!truth || (!rc && !strcmp(d.cgroup, "/system.slice/worker.service")));
	if (rc)
		return;
	check(strnlen(d.cwd, TOCSIN_PATH_SIZE) < TOCSIN_PATH_SIZE);
	check(strnlen(d.root, TOCSIN_PATH_SIZE) < TOCSIN_PATH_SIZE);
	check(strnlen(d.cgroup, TOCSIN_PATH_SIZE) < TOCSIN_PATH_SIZE);
	check(!d.environment_size || d.environment);
	check(!truth || d.environment_size == 15);
	tocsin_process_details_free(&d);
}

static void look_for_hidden_threads(struct fixture *f, bool truth)
{
	struct tocsin_hidden_list list;
	struct tocsin_error err = {0};
	int rc = tocsin_hidden_list(&f->k, &list, &err);

	check_accesses(f);
	check(!rc == !err.code);
	check(!truth || (!rc && !list.count));
	if (rc)
		return;
	for (size_t i = 0; i < list.count; i++)
		check(list.rows[i].tid > 0 && list.rows[i].pid > 0 &&
		      strnlen(list.rows[i].comm, sizeof(list.rows[i].comm)) <
			  sizeof(list.rows[i].comm));
	tocsin_hidden_list_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fixture *f;
	static struct tocsin_process p;

	if (!f) {
		f = fixture_open(NULL);
		p = make_process(f);
		make_details(f, &p);
		fixture_ready(f);
	}
	mutate(f, data, size);
	look_at_threads(f, &p, !size);
	mutate(f, data, size);
	look_for_hidden_threads(f, !size);
	mutate(f, data, size);
	look_at_details(f, &p, !size);
	return 0;
}
