// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's processes from sample to sample. All of them are looked at a glance each time; the
 * full row, which takes a hundred times longer, is read only of those that are new or have executed
 * a program since.
 *
 * A process that ended before its row was read is stated with what the glance had: its name.
 */
#include "monitor/track.h"

#include "base/room.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct person *tocsin_person_new(const struct tocsin_process *row, const char *container)
{
	size_t comm = strnlen(row->comm, TOCSIN_COMM_SIZE) + 1,
	       exe = strnlen(row->exe, sizeof(row->exe) - 1) + 1, cmdline = row->cmdline_size;
	struct person *who = calloc(1, sizeof(*who) + comm + exe + cmdline + 1);

	if (!who)
		return NULL;
	memcpy(who->texts, row->comm, comm - 1);
	memcpy(who->texts + comm, row->exe, exe - 1);
	memcpy(who->texts + comm + exe, row->cmdline, cmdline);
	memcpy(who->container, container, strnlen(container, sizeof(who->container) - 1));
	who->references = 1;
	who->task = row->task;
	who->mm = row->mm;
	who->p = (struct tocsin_event_process){.pid = row->pid,
					       .start_time = row->start_time,
					       .ppid = row->ppid,
					       .uid = row->uid,
					       .euid = row->euid,
					       .kernel_thread =
						   !row->mm && (row->pid == 2 || row->ppid == 2),
					       .exe_deleted = row->exe_id.deleted,
					       .exe_memfd = row->exe_id.memfd,
					       .comm = who->texts,
					       .exe = who->texts + comm,
					       .cmdline = who->texts + comm + exe,
					       .cmdline_size = cmdline,
					       .container = who->container,
					       .confidence = row->confidence};
	return who;
}

struct person *tocsin_person_hold(struct person *who)
{
	if (who)
		who->references++;
	return who;
}

/* Parents are dropped in a loop: a chain of them may be long. */
void tocsin_person_drop(struct person *who)
{
	while (who && !--who->references) {
		struct person *parent = who->parent;

		free(who);
		who = parent;
	}
}

void tocsin_people_clear(struct people *people)
{
	for (size_t i = 0; i < people->count; i++)
		tocsin_person_drop(people->at[i]);
	free(people->at);
	*people = (struct people){0};
}

/* The place of pid in the table, or where it would be. */
static size_t place(const struct people *people, int32_t pid)
{
	size_t low = 0, high = people->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (people->at[middle]->p.pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct person *tocsin_people_find(const struct people *people, int32_t pid)
{
	size_t i = place(people, pid);

	return i < people->count && people->at[i]->p.pid == pid ? people->at[i] : NULL;
}

/* Put it in its place; the table takes over the caller's reference, also when that fails. */
static int insert(struct people *people, struct person *who)
{
	size_t i = place(people, who->p.pid);

	if (!TOCSIN_ROOM(people->at, people->room, people->count)) {
		tocsin_person_drop(who);
		return -ENOMEM;
	}
	memmove(people->at + i + 1, people->at + i, (people->count - i) * sizeof(*people->at));
	people->at[i] = who;
	people->count++;
	return 0;
}

/* What the glance saw, where there is no more to be had. */
static void row_of(const struct tocsin_task *t, struct tocsin_process *row)
{
	row->confidence = TOCSIN_TORN;
	row->task = t->task;
	row->mm = t->mm;
	row->pid = row->tid = t->pid;
	row->ppid = 0;
	row->start_time = t->start_time;
	row->uid = row->euid = UINT32_MAX;
	row->pgd = 0;
	memcpy(row->comm, t->comm, sizeof(row->comm));
	row->exe[0] = 0;
	row->cmdline_size = 0;
	row->exe_id = (struct tocsin_file_id){0};
}

static int compare_pids(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

/* The standard input of a shell behind a connection is what tells it from other shells. */
static bool is_standard_input(const struct tocsin_holder *h, const struct tocsin_socket *s)
{
	return !h->fd && (s->family == AF_INET || s->family == AF_INET6) &&
	       s->type == SOCK_STREAM && s->state == TCP_ESTABLISHED;
}

int tocsin_people_stdin(struct tocsin_monitor *m, const struct tocsin_view *view)
{
	size_t count = 0;
	int32_t *pids = calloc(view->holders.count + 1, sizeof(*pids));

	if (!pids)
		return -ENOMEM;
	for (size_t i = 0; i < view->count; i++)
		for (size_t n = 0; n < view->rows[i].holders; n++) {
			const struct tocsin_holder *h =
			    &view->holders.rows[view->rows[i].first + n];

			if (is_standard_input(h, &view->rows[i].socket))
				pids[count++] = h->pid;
		}
	qsort(pids, count, sizeof(*pids), compare_pids);
	free(m->stdin_pids);
	m->stdin_pids = pids;
	m->stdin_count = count;
	return 0;
}

static bool has_standard_input(const struct tocsin_monitor *m, int32_t pid)
{
	return m->stdin_count &&
	       bsearch(&pid, m->stdin_pids, m->stdin_count, sizeof(pid), compare_pids);
}

/* A record of the process that t is, or that has pid, if t is NULL. */
static int read_person(struct tocsin_monitor *m, int32_t pid, const struct tocsin_task *t,
		       struct person **ret)
{
	struct tocsin_process *row = calloc(1, sizeof(*row));
	char container[65] = "";
	int rc;

	if (!row)
		return -ENOMEM;
	rc = m->source.process(m->source_context, pid, row, container);
	if (t && (rc || row->start_time != t->start_time)) {
		row_of(t, row);
		container[0] = 0;
		m->account.torn++;
		rc = 0;
	}
	if (!rc) {
		*ret = tocsin_person_new(row, container);
		rc = *ret ? 0 : -ENOMEM;
	}
	if (!rc) {
		(*ret)->p.stdin_socket = has_standard_input(m, pid);
		(*ret)->exec_known = t && t->mm == row->mm;
		(*ret)->exec_id = t ? t->exec_id : 0;
		(*ret)->looked = m->began;
	}
	free(row);
	return rc;
}

/* The row of that very process as it is now; NULL: it cannot be had. Freed by the caller. */
static struct tocsin_process *read_again(struct tocsin_monitor *m, const struct person *who)
{
	struct tocsin_process *row = calloc(1, sizeof(*row));
	char container[65];

	if (row && !m->source.process(m->source_context, who->p.pid, row, container) &&
	    row->start_time == who->p.start_time)
		return row;
	free(row);
	return NULL;
}

void tocsin_people_look_again(struct tocsin_monitor *m, struct person *who)
{
	struct tocsin_process *row;

	if (who->looked == m->began)
		return;
	who->looked = m->began;
	row = read_again(m, who);
	if (row && row->mm == who->mm) {
		who->p.exe_deleted = row->exe_id.deleted;
		who->p.uid = row->uid;
		who->p.euid = row->euid;
	}
	free(row);
}

/* Who is parent of whom can be told once all are known. */
static void find_parent(struct tocsin_monitor *m, struct person *who)
{
	struct person *parent = tocsin_people_find(&m->people, who->p.ppid);

	if (who->parent || !parent || parent == who || parent->p.start_time > who->p.start_time)
		return;
	who->parent = tocsin_person_hold(parent);
	who->p.parent_start_time = parent->p.start_time;
}

static int state(struct tocsin_monitor *m, enum tocsin_event_kind kind, const struct person *who,
		 const struct person *other)
{
	struct tocsin_event e = {
	    .kind = kind, .process = &who->p, .other = other ? &other->p : NULL, .fd = -1};

	return tocsin_monitor_state(m, &e);
}

int tocsin_people_meet(struct tocsin_monitor *m, int32_t pid, struct person **ret)
{
	struct person *who = tocsin_people_find(&m->people, pid);
	int rc = 0;

	if (!who) {
		rc = read_person(m, pid, NULL, &who);
		if (!rc)
			rc = insert(&m->people, who);
		if (rc)
			return rc;
		who->fresh = true;
		find_parent(m, who);
		m->account.started += !m->initial;
		rc = state(m, TOCSIN_EVENT_STARTED, who, who->parent);
	}
	if (!rc)
		*ret = who;
	return rc;
}

/* Has it executed a program since? Then it has another address space, and another count. */
static bool has_executed(struct person *who, const struct tocsin_task *t)
{
	bool has = t->mm && (t->mm != who->mm || (who->exec_known && t->exec_id != who->exec_id));

	who->exec_known = true;
	who->exec_id = t->exec_id;
	return has;
}

static int executed(struct tocsin_monitor *m, struct person **slot, const struct tocsin_task *t)
{
	struct person *before = *slot, *now;
	int rc = read_person(m, t->pid, t, &now);

	if (rc)
		return rc;
	now->parent = tocsin_person_hold(before->parent);
	now->p.ppid = before->p.ppid;
	now->p.parent_start_time = before->p.parent_start_time;
	*slot = now;
	rc = state(m, TOCSIN_EVENT_EXECUTED, now, before);
	tocsin_person_drop(before);
	return rc;
}

static int compare_tasks(const void *a, const void *b)
{
	const struct tocsin_task *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Is it still there, though the list, which moved, had it not? */
static bool answers(struct tocsin_monitor *m, const struct person *who)
{
	struct tocsin_process *row = read_again(m, who);
	bool same = row && row->task == who->task;

	free(row);
	m->account.torn += same;
	return same;
}

/* Sort the known ones into those that stay and those that are gone; the new ones begin. */
static int merge(struct tocsin_monitor *m, const struct tocsin_task_list *tasks,
		 struct people *gone)
{
	struct people before = m->people;
	size_t i = 0, j = 0;
	int rc = 0;

	m->people = (struct people){0};
	while (!rc && (i < before.count || j < tasks->count)) {
		const struct tocsin_task *t = j < tasks->count ? &tasks->rows[j] : NULL;
		struct person *who = i < before.count ? before.at[i] : NULL;

		if (who && t && who->p.pid == t->pid && who->p.start_time == t->start_time) {
			who->fresh = false;
			who->p.stdin_socket = has_standard_input(m, t->pid);
			if (has_executed(who, t))
				rc = executed(m, &who, t);
			rc = insert(&m->people, who) ? -ENOMEM : rc;
			i++, j++;
		} else if (who && (!t || who->p.pid <= t->pid)) {
			who->fresh = false;
			rc = insert((!t || who->p.pid < t->pid) && answers(m, who) ? &m->people
										   : gone,
				    who);
			i++;
		} else if (j && tasks->rows[j - 1].pid == t->pid) {
			j++; /* read twice while the list moved */
		} else {
			rc = read_person(m, t->pid, t, &who);
			if (!rc) {
				who->fresh = true;
				rc = insert(&m->people, who);
			}
			j++;
		}
	}
	for (; i < before.count; i++)
		tocsin_person_drop(before.at[i]);
	free(before.at);
	return rc;
}

int tocsin_people_update(struct tocsin_monitor *m, const struct tocsin_task_list *tasks,
			 struct people *gone)
{
	int rc;

	if (tasks->count)
		qsort(tasks->rows, tasks->count, sizeof(*tasks->rows), compare_tasks);
	m->account.torn += tasks->torn;
	rc = merge(m, tasks, gone);
	for (size_t i = 0; i < m->people.count && !rc; i++) {
		struct person *who = m->people.at[i];

		if (!who->fresh)
			continue;
		find_parent(m, who);
		m->account.started += !m->initial;
		rc = state(m, TOCSIN_EVENT_STARTED, who, who->parent);
	}
	return rc;
}
