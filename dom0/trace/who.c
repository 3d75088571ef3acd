// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A table of stacks, direct-mapped: a collision costs a search over all threads. What it remembers
 * is believed only as long as the task that it leads to is the same thread on the same stack; then
 * its name is read anew, which a process may change.
 *
 * A record is read some time after the call. Meanwhile the thread may have ended and its stack have
 * gone to a new one, to which the call must not be attributed: so a thread that began after the
 * call is not who made it. For that, the guest's clock is read: what it shows may lie behind, but
 * never before, so the reading that is furthest ahead counts.
 */
#include "trace/who.h"
#include "introspect/object.h"
#include "introspect/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES 1024u
#define NOBODYS 64u /* each processor has some stacks that are no thread's */
/* The guest's clock is read as of its last tick, up to 10 ms ago: so much younger may be meant. */
#define SLACK 12000000ll

struct entry {
	uint64_t stack; /* its lowest address; 0: none */
	uint64_t leader;
	uint64_t thread_start;
	int64_t seen_ns; /* when it was last there */
	uint32_t doubts; /* as in the cache, when it was made: it is the owner until another is; 0:
			    not seen to be made */
	struct tocsin_who who;
};

struct tocsin_who_cache {
	struct tocsin_kernel *k;
	const struct tocsin_process_layout *layout;
	uint32_t task_stack;
	uint64_t stack_size;
	int64_t ahead; /* of the guest's clock over ours */
	int64_t read_ns;
	bool clock_known;
	uint32_t doubts; /* how often threads were made that nobody knows; from 1 */
	bool told;       /* of who is made: so a stack that is nobody's stays so for a moment */
	struct {
		uint64_t stack;
		int64_t ns;
	} nobodys[NOBODYS];
	struct entry entries[ENTRIES];
};

const char *tocsin_who_name(enum tocsin_who_found found)
{
	static const char *const names[] = {"unknown", "now", "before"};

	return (size_t)found < sizeof(names) / sizeof(names[0]) ? names[found] : "unknown";
}

static bool is_size(uint64_t size)
{
	return size >= 4096 && size <= 1u << 20 && !(size & (size - 1));
}

/* THREAD_SIZE: by its type, or by the linker's marks around the first stack, of which the newer
 * names are since 6.10. Kernels that have neither are not built for debugging, which doubles it. */
static uint64_t stack_size(struct tocsin_kernel *k)
{
	uint64_t size, start, end;

	if (!tocsin_btf_sizeof(k->btf, "thread_union", &size) && is_size(size))
		return size;
	if (!tocsin_kernel_symbol(k, "__start_init_stack", &start) &&
	    !tocsin_kernel_symbol(k, "__end_init_stack", &end) && is_size(end - start))
		return end - start;
	if (!tocsin_kernel_symbol(k, "__start_init_task", &start) &&
	    !tocsin_kernel_symbol(k, "__end_init_task", &end) && is_size(end - start))
		return end - start;
	return 16384;
}

int tocsin_who_open(struct tocsin_kernel *k, struct tocsin_who_cache **ret,
		    struct tocsin_error *err)
{
	struct tocsin_who_cache *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	c->k = k;
	c->doubts = 1;
	c->task_stack = tocsin_member_or_none(k, "task_struct", "stack");
	rc = tocsin_process_layout(k, &c->layout, err);
	c->stack_size = stack_size(k);
	if (!rc && c->task_stack == TOCSIN_NO_MEMBER)
		rc = tocsin_error_set(err, -ENOTSUP,
				      "the kernel's types do not tell where threads' stacks are");
	if (rc) {
		free(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void tocsin_who_close(struct tocsin_who_cache *c)
{
	free(c);
}

static void read_clock(struct tocsin_who_cache *c, int64_t now_ns)
{
	struct tocsin_system s;

	c->read_ns = now_ns;
	if (tocsin_system_read(c->k, &s, NULL) || !s.clock_known)
		return;
	if (!c->clock_known || (int64_t)s.up - now_ns > c->ahead)
		c->ahead = (int64_t)s.up - now_ns;
	c->clock_known = true;
}

/* Did a thread that began at start (of the guest's clock) live then? */
static bool lived(struct tocsin_who_cache *c, uint64_t start, int64_t now_ns, uint64_t age_ns)
{
	int64_t then = now_ns - (int64_t)age_ns;

	if (!c->clock_known || now_ns != c->read_ns)
		read_clock(c, now_ns);
	if (!c->clock_known || (int64_t)start <= then + c->ahead + SLACK)
		return true;
	/* Or the clock stood still while the guest was idle: it is not now. */
	read_clock(c, now_ns);
	return (int64_t)start <= then + c->ahead + SLACK;
}

static bool read_at(const struct tocsin_who_cache *c, uint64_t task, uint32_t member, void *ret,
		    size_t size)
{
	return !tocsin_kernel_read(c->k, task + member, ret, size);
}

static bool read_comm(const struct tocsin_who_cache *c, struct entry *e)
{
	e->who.comm[TOCSIN_COMM_SIZE] = '\0';
	return read_at(c, e->leader, c->layout->task_comm, e->who.comm, TOCSIN_COMM_SIZE);
}

/* Is its task the same thread's yet? It may have ended. */
static bool is_same(const struct tocsin_who_cache *c, const struct entry *e)
{
	uint64_t start;
	int32_t tid;

	return read_at(c, e->who.task, c->layout->task_pid, &tid, sizeof(tid)) &&
	       tid == e->who.tid &&
	       read_at(c, e->who.task, c->layout->start_time, &start, sizeof(start)) &&
	       start == e->thread_start;
}

static bool still_there(const struct tocsin_who_cache *c, struct entry *e)
{
	uint64_t stack;

	return read_at(c, e->who.task, c->task_stack, &stack, sizeof(stack)) && stack == e->stack &&
	       is_same(c, e) && read_comm(c, e);
}

/* Groups that are being torn down while they are looked at. A kernel that lies has no end of them,
 * each with a list that takes long to break off. */
#define TORN_MAX 8u
#define THREADS_MAX 262144u /* that one search looks at */

struct search {
	struct tocsin_who_cache *c;
	uint64_t stack, leader, task;
	unsigned int torn, threads;
};

static int match_thread(struct tocsin_kernel *k, uint64_t task, void *context)
{
	struct search *s = context;
	uint64_t stack;

	if (s->threads++ >= THREADS_MAX)
		return -E2BIG;
	if (!read_at(s->c, task, s->c->task_stack, &stack, sizeof(stack)) || stack != s->stack)
		return 0;
	s->task = task;
	return 1;
}

static int match_group(struct tocsin_kernel *k, uint64_t task, void *context)
{
	struct search *s = context;
	int rc = match_thread(k, task, s);

	if (!rc)
		rc = tocsin_process_each_thread(k, s->c->layout, task, match_thread, s);
	if (rc == 1)
		s->leader = task;
	/* A group that is being torn down has no list any more. */
	if (rc && rc != 1 && rc != -ENOMEM)
		rc = ++s->torn > TORN_MAX ? -E2BIG : 0;
	return rc;
}

static bool search(struct tocsin_who_cache *c, uint64_t stack, struct entry *ret)
{
	const struct tocsin_process_layout *l = c->layout;
	struct search s = {.c = c, .stack = stack};
	struct entry e = {.stack = stack, .who.found = TOCSIN_WHO_NOW};
	uint64_t cred;

	if (tocsin_process_each(c->k, l, match_group, &s, NULL) != 1)
		return false;
	e.leader = s.leader;
	e.who.task = s.task;
	if (!read_at(c, s.task, l->task_tgid, &e.who.pid, sizeof(e.who.pid)) ||
	    !read_at(c, s.task, l->task_pid, &e.who.tid, sizeof(e.who.tid)) ||
	    !read_at(c, s.task, l->start_time, &e.thread_start, sizeof(e.thread_start)) ||
	    !read_at(c, s.leader, l->start_time, &e.who.start_time, sizeof(e.who.start_time)) ||
	    !read_at(c, s.task, l->task_cred, &cred, sizeof(cred)) ||
	    tocsin_kernel_read(c->k, cred + l->cred_uid, &e.who.uid, sizeof(e.who.uid)) ||
	    tocsin_kernel_read(c->k, cred + l->cred_euid, &e.who.euid, sizeof(e.who.euid)) ||
	    !still_there(c, &e))
		return false;
	*ret = e;
	return true;
}

uint64_t tocsin_who_stack(const struct tocsin_who_cache *c, uint64_t rsp)
{
	return rsp & ~(c->stack_size - 1);
}

static struct entry *entry_of(struct tocsin_who_cache *c, uint64_t stack)
{
	return &c->entries[stack / c->stack_size * 0x9e3779b97f4a7c15ull >> 54];
}

/* All tasks are walked through for a stack: that it is none's holds for a moment. */
static bool is_nobodys(const struct tocsin_who_cache *c, uint64_t stack, int64_t now_ns)
{
	size_t i = stack / c->stack_size % NOBODYS;

	return c->told && c->nobodys[i].stack == stack && now_ns - c->nobodys[i].ns < SLACK;
}

static void set_nobodys(struct tocsin_who_cache *c, uint64_t stack, int64_t now_ns)
{
	size_t i = stack / c->stack_size % NOBODYS;

	c->nobodys[i].stack = stack;
	c->nobodys[i].ns = now_ns;
}

void tocsin_who_find(struct tocsin_who_cache *c, uint64_t rsp, int64_t now_ns, uint64_t age_ns,
		     struct tocsin_who *ret)
{
	uint64_t stack = tocsin_who_stack(c, rsp);
	struct entry *e = entry_of(c, stack), now;

	*ret = (struct tocsin_who){0};
	if (!(rsp >> 63)) /* no kernel has its stacks there */
		return;
	if (e->stack == stack && still_there(c, e) && lived(c, e->thread_start, now_ns, age_ns)) {
		e->seen_ns = now_ns;
		*ret = e->who;
		ret->found = TOCSIN_WHO_NOW; /* also who was seen to be made */
		return;
	}
	/* A thread that had the stack and was seen after the call made it, whoever came later. So
	 * did one that was made there, if nobody else was. */
	if (e->stack == stack &&
	    (now_ns - (int64_t)age_ns <= e->seen_ns || e->doubts == c->doubts)) {
		/* It may have executed, and ended, before any of its calls was read. */
		if (e->leader == e->who.task && is_same(c, e))
			read_comm(c, e);
		*ret = e->who;
		ret->found = TOCSIN_WHO_BEFORE;
		return;
	}
	if (is_nobodys(c, stack, now_ns))
		return;
	if (search(c, stack, &now) && lived(c, now.thread_start, now_ns, age_ns)) {
		*e = now;
		e->seen_ns = now_ns;
		*ret = e->who;
		return;
	}
	set_nobodys(c, stack, now_ns);
}

void tocsin_who_doubt(struct tocsin_who_cache *c)
{
	c->doubts++;
}

/* Its process: itself, or that of the thread that made it. */
static uint64_t start_of_process(const struct tocsin_object *o, const struct tocsin_who *parent)
{
	if (o->pid == o->tid)
		return o->start_time;
	return parent && parent->pid == o->pid ? parent->start_time : o->leader_start;
}

bool tocsin_who_made(struct tocsin_who_cache *c, uint64_t task, const struct tocsin_who *parent,
		     int64_t now_ns, uint64_t age_ns, struct tocsin_who *ret)
{
	struct tocsin_object *o = malloc(sizeof(*o));
	struct entry e = {.doubts = c->doubts, .who.found = TOCSIN_WHO_BEFORE};
	bool known = o && !tocsin_object_read(c->k, "task_struct", task, 0, o) && o->stack >> 63 &&
		     lived(c, o->start_time, now_ns, age_ns);

	c->told = true;
	if (!known) {
		free(o);
		tocsin_who_doubt(c);
		return false;
	}
	e.stack = tocsin_who_stack(c, o->stack);
	e.thread_start = o->start_time;
	e.leader = e.who.task = task;
	e.who.pid = o->pid;
	e.who.tid = o->tid;
	e.who.start_time = start_of_process(o, parent);
	e.who.uid = parent ? parent->uid : o->uid;
	e.who.euid = parent ? parent->euid : o->euid;
	memcpy(e.who.comm, o->comm, sizeof(e.who.comm));
	e.seen_ns = now_ns - (int64_t)age_ns;
	free(o);
	*entry_of(c, e.stack) = e;
	*ret = e.who;
	return true;
}

void tocsin_who_credentials(struct tocsin_who_cache *c, uint64_t rsp, uint32_t uid, uint32_t euid)
{
	uint64_t stack = tocsin_who_stack(c, rsp);
	struct entry *e = entry_of(c, stack);

	if (e->stack != stack)
		return;
	e->who.uid = uid;
	e->who.euid = euid;
}
