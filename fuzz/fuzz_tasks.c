/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which processes there are, one by its CR3 or number, its VMAs, and the clocks, in an image that
 * lies; input: mutate.h.
 */
#include "mutate.h"

static void look_at_lists(struct fixture *f, bool truth)
{
	struct tocsin_process_list processes;
	struct tocsin_error err = {0};
	struct tocsin_task_list tasks;
	int rc = tocsin_task_list(&f->k, &tasks, &err);

	check_accesses(f);
	check(!rc == !err.code);
	check(!truth || (!rc && tasks.count == 1));
	for (size_t i = 0; !rc && i < tasks.count; i++)
		check(tasks.rows[i].pid > 0);
	if (!rc)
		tocsin_task_list_free(&tasks);
	tocsin_error_clear(&err);
	rc = tocsin_process_list(&f->k, &processes, &err);
	check_accesses(f);
	check(!rc == !err.code);
	check(!truth || (!rc && processes.count == 1 && !processes.contradicted));
	if (rc)
		return;
	check(processes.count);
	for (size_t i = 0; i < processes.count; i++) {
		const struct tocsin_process *p = &processes.rows[i];

		check(p->cmdline_size <= sizeof(p->cmdline));
		check(strnlen(p->exe, sizeof(p->exe)) < sizeof(p->exe));
		check(p->pid > 0 || p->confidence != TOCSIN_CONSISTENT);
	}
	tocsin_process_list_free(&processes);
}

static void look_up(struct fixture *f, const struct tocsin_process *p, bool truth)
{
	static struct tocsin_process found;
	struct tocsin_error err = {0};
	int rc = tocsin_process_by_cr3(&f->k, p->pgd, &found, &err);

	check_accesses(f);
	check(!rc == !err.code);
	check(!truth || (!rc && found.task == p->task));
	tocsin_error_clear(&err);
	rc = tocsin_process_by_pid(&f->k, p, MADE_PID + 1, &found, &err);
	check_accesses(f);
	check(!rc == !err.code);
	check(!truth || (!rc && found.task == p->task && found.tid == MADE_PID + 1));
}

static void look_at_vmas(struct fixture *f, const struct tocsin_process *p, bool truth)
{
	struct tocsin_error err = {0};
	struct tocsin_vma_list list;
	int rc = tocsin_vma_list(&f->k, p, &list, &err);

	check_accesses(f);
	check(!rc == !err.code);
	check(!truth || (!rc && list.count == 2 && !list.torn));
	for (size_t i = 0; !rc && i < list.count; i++)
		check(list.rows[i].start < list.rows[i].end &&
		      strlen(list.rows[i].path) < TOCSIN_PATH_SIZE);
	if (!rc)
		tocsin_vma_list_free(&list);
}

static void look_at_system(struct fixture *f, bool truth)
{
	struct tocsin_error err = {0};
	struct tocsin_system s;
	int rc = tocsin_system_read(&f->k, &s, &err);

	check_accesses(f);
	check(!rc == !err.code);
	check(!truth || (!rc && s.clock_known && s.now == 1002000000000 && s.up == 102000000000 &&
			 !strcmp(s.clocksource, "tsc") && !strcmp(s.nodename, "host")));
	if (!rc)
		check(strnlen(s.nodename, 65) < 65 && strnlen(s.clocksource, 33) < 33);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fixture *f;
	static struct tocsin_process p;

	if (!f) {
		f = fixture_open(NULL);
		p = make_process(f);
		make_vmas(f, &p);
		make_system(f);
		fixture_ready(f);
	}
	mutate(f, data, size);
	look_at_lists(f, !size);
	mutate(f, data, size);
	look_up(f, &p, !size);
	mutate(f, data, size);
	look_at_vmas(f, &p, !size);
	mutate(f, data, size);
	look_at_system(f, !size);
	return 0;
}
