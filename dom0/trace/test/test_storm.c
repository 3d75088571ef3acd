// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest that makes, opens, renames and unlinks files as fast as it can, in little memory: each
 * call is read when the guest has long gone on. What is told as sure must be what was.
 */
#include "introspect/object.h"
#include "provenance/event.h"
#include "trace/events.h"

#include "objects.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define STACK MADE_STACK
#define BEGIN (50ull * 1000000000)
#define STEP 1000000u /* nanoseconds from call to call */
#define FOLDERS 2u
#define SLOTS 6u /* of names, inodes and open files each */
#define NAMES 16u
#define CALLS 60000u
#define BATCH 12u /* calls at most that are read together */

/* Of the memory of a name. */
struct slot {
	uint64_t dentry, inode, file;
	unsigned int name, folder; /* name 0: it is free */
	uint64_t number;           /* the inode's */
	bool is_open;
};

struct call {
	const char *name, *type;
	unsigned int at;
	uint64_t args[3];
	/* What the event is to say. */
	char path[64], to[64];
	uint64_t number;
};

static struct fixture *f;
static struct tocsin_process p;
static struct tocsin_who_cache *who;
static struct tocsin_traced_events *ev;
static uint64_t sb, root, fs, texts[NAMES], folders[FOLDERS], folder_texts[NAMES];
static unsigned int folder_names[FOLDERS];
static struct slot slots[SLOTS];
static uint64_t targets[SLOTS]; /* names that files are renamed to */
static struct call calls[CALLS];
static size_t made, read_until;
static uint64_t numbers = 100;
static bool at_once; /* memory of what is gone is the next one's at once */
static unsigned int sure, unsure, wrong;

static unsigned int any(unsigned int below)
{
	return (unsigned int)rand() % below;
}

static uint64_t time_of(size_t call)
{
	return BEGIN + call * STEP;
}

static bool is_wrong(const char *is, const char *was)
{
	return is && is[0] && strcmp(is, was) != 0;
}

static int take(const struct tocsin_trace_event *e, void *context)
{
	const struct call *c = &calls[(e->time - BEGIN) / STEP];
	bool bad;

	if (!e->file || e->kind == TOCSIN_TRACE_RELEASED)
		return 0;
	sure += e->resolved && (e->file->path[0] || e->to);
	unsure += !e->resolved;
	bad = e->resolved && (is_wrong(e->file->path, c->path) || is_wrong(e->to, c->to));
	/* Which file it is may be sure where its path is not. */
	bad = bad || (e->resolved && e->file->id.inode && e->file->id.inode != c->number);
	if (bad && !wrong++)
		print_message("# %s %s > %s (%lu) was %s > %s (%lu)\n",
			      tocsin_trace_kind_name(e->kind), e->file->path, e->to ? e->to : "",
			      (unsigned long)e->file->id.inode, c->path, c->to,
			      (unsigned long)c->number);
	return 0;
}

static void path_of(const struct slot *s, char ret[64])
{
	snprintf(ret, 64, "/f%u/n%u", folder_names[s->folder], s->name);
}

static struct call *add_call(const char *name, const char *type, unsigned int at, uint64_t va)
{
	struct call *c = &calls[made++];

	*c = (struct call){.name = name, .type = type, .at = at, .args = {1, 1, 1}};
	c->args[at] = va;
	return c;
}

static void add_file_call(const char *name, const char *type, unsigned int at, uint64_t va,
			  const struct slot *s)
{
	struct call *c = add_call(name, type, at, va);

	path_of(s, c->path);
	c->number = s->number;
}

static unsigned int free_name(void)
{
	for (unsigned int n = 1 + any(NAMES - 1);; n = 1 + n % (NAMES - 1)) {
		bool taken = false;

		for (size_t i = 0; i < SLOTS; i++)
			taken = taken || slots[i].name == n;
		if (!taken)
			return n;
	}
}

static void read_calls(void);

/* Now and then a call is read before it has done anything. */
static void perhaps_read(void)
{
	if (!any(10))
		read_calls();
}

static void set_name(uint64_t dentry, unsigned int name, unsigned int folder)
{
	fixture_set(f, "dentry", dentry, "d_name.name", texts[name]);
	fixture_set(f, "dentry", dentry, "d_name.len", name < 10 ? 2 : 3);
	fixture_set(f, "dentry", dentry, "d_parent", folders[folder]);
}

static void open_it(struct slot *s)
{
	fixture_set(f, "file", s->file, "f_inode", 0); /* as memory of files is given */
	add_file_call("vfs_open", "file", 1, s->file, s);
	perhaps_read();
	fixture_set(f, "file", s->file, "f_path.dentry", s->dentry);
	fixture_set(f, "file", s->file, "f_inode", s->inode);
	fixture_set(f, "file", s->file, "f_mode", TOCSIN_OPEN_READ | TOCSIN_OPEN_WRITE);
	s->is_open = true;
}

static void make(struct slot *s)
{
	add_call("d_set_d_op", "dentry", 0, s->dentry);
	add_call("security_inode_alloc", "inode", 0, s->inode);
	s->number = ++numbers;
	s->name = free_name();
	s->folder = any(FOLDERS);
	set_name(s->dentry, s->name, s->folder);
	fixture_set(f, "dentry", s->dentry, "d_inode", s->inode);
	fixture_set(f, "inode", s->inode, "i_ino", s->number);
	fixture_set(f, "inode", s->inode, "i_nlink", 1);
	open_it(s);
}

static void rename_to(struct slot *s)
{
	uint64_t target = targets[any(SLOTS)];
	unsigned int folder = any(FOLDERS), name = free_name();
	struct call *c;

	add_call("d_set_d_op", "dentry", 0, target);
	set_name(target, name, folder);
	c = add_call("d_move", "dentry", 0, s->dentry);
	c->args[1] = target;
	path_of(s, c->path);
	c->number = s->number;
	s->name = name;
	s->folder = folder;
	path_of(s, c->to);
	perhaps_read();
	set_name(s->dentry, name, folder);
}

static void rename_folder(unsigned int i)
{
	struct call *c = add_call("d_move", "dentry", 0, folders[i]);
	unsigned int name = 1 + any(9);

	if (name == folder_names[!i])
		name = 10 + i % 2;
	folder_names[i] = name;
	fixture_set(f, "dentry", folders[i], "d_name.name", folder_texts[name]);
	fixture_set(f, "dentry", folders[i], "d_name.len", name < 10 ? 2 : 3);
	snprintf(c->to, sizeof(c->to), "/f%u", name);
}

static void unlink_it(struct slot *s)
{
	add_file_call("vfs_unlink", "dentry", 2, s->dentry, s);
	perhaps_read();
	fixture_set(f, "inode", s->inode, "i_nlink", 0);
	if (s->is_open && any(2)) /* or its name stays, without a file */
		fixture_set(f, "dentry", s->dentry, "d_inode", 0);
	s->name = 0;
	s->is_open = false;
}

/* Names and inodes go each their way from use to use. */
static void swap_memory(void)
{
	struct slot *a = &slots[any(SLOTS)], *b = &slots[any(SLOTS)];
	uint64_t inode = a->inode;

	if (a->name || b->name)
		return;
	a->inode = b->inode;
	b->inode = inode;
	inode = a->file;
	a->file = b->file;
	b->file = inode;
}

static void go_on(void)
{
	struct slot *s = &slots[any(SLOTS)];

	if (!s->name) {
		swap_memory();
		if (at_once || !any(4))
			make(s);
		return;
	}
	switch (any(8)) {
	case 0:
		unlink_it(s);
		break;
	case 1:
	case 2:
		rename_to(s);
		break;
	case 3:
		if (!any(4))
			rename_folder(any(FOLDERS));
		break;
	case 4:
		if (s->is_open)
			add_call("security_file_free", "file", 0, s->file);
		s->is_open = false;
		break;
	case 5:
		open_it(s);
		break;
	default:
		if (s->is_open) {
			add_file_call("security_mmap_file", "file", 0, s->file, s);
			calls[made - 1].args[1] = PROT_EXEC;
		}
	}
}

/* All calls since the last time, as the guest is now. */
static void read_calls(void)
{
	for (; read_until < made; read_until++) {
		const struct call *c = &calls[read_until];
		struct tocsin_function fn = {.typed = true, .count = 3};
		struct tocsin_traced_call call = {.seq = (uint32_t)read_until,
						  .rsp = STACK + 0x3000,
						  .rdi = c->args[0],
						  .rsi = c->args[1],
						  .rdx = c->args[2],
						  .wide = true};

		fn.parameters[c->at].pointer = true;
		snprintf(fn.parameters[c->at].target, sizeof(fn.parameters[c->at].target), "%s",
			 c->type);
		assert_int_equal(tocsin_traced_events_call(ev, c->name, &fn, &call,
							   time_of(read_until), time_of(made) - 1),
				 0);
	}
}

static uint64_t word_at(const char *type, uint64_t va, const char *path)
{
	uint64_t ret;

	assert_int_equal(tocsin_kernel_read_u64(&f->k, va + fixture_offset(f, type, path), &ret),
			 0);
	return ret;
}

static uint64_t make_text(const char *format, unsigned int n)
{
	char text[8];

	snprintf(text, sizeof(text), format, n);
	return fixture_text(f, text);
}

static uint64_t make_name(void)
{
	uint64_t dentry = fixture_new(f, "dentry");

	fixture_set(f, "dentry", dentry, "d_sb", sb);
	fixture_set(f, "dentry", dentry, "d_parent", root);
	return dentry;
}

static void make_slots(uint64_t file)
{
	uint64_t mnt = word_at("file", file, "f_path.mnt");
	uint64_t mount = mnt - fixture_offset(f, "mount", "mnt");

	sb = word_at("inode", word_at("file", file, "f_inode"), "i_sb");
	root = word_at("vfsmount", mnt, "mnt_root");
	fs = word_at("task_struct", p.task, "fs");
	fixture_link(f, sb + fixture_offset(f, "super_block", "s_mounts"), 0);
	fixture_link(f, sb + fixture_offset(f, "super_block", "s_mounts"),
		     mount + fixture_offset(f, "mount", "mnt_instance"));
	fixture_set(f, "vfsmount", mnt, "mnt_sb", sb);
	for (unsigned int i = 0; i < NAMES; i++) {
		texts[i] = make_text("n%u", i);
		folder_texts[i] = make_text("f%u", i);
	}
	for (unsigned int i = 0; i < FOLDERS; i++) {
		folders[i] = make_name();
		folder_names[i] = 14 + i;
		fixture_set(f, "dentry", folders[i], "d_name.name", folder_texts[14 + i]);
		fixture_set(f, "dentry", folders[i], "d_name.len", 3);
	}
	for (size_t i = 0; i < SLOTS; i++) {
		targets[i] = make_name();
		slots[i] = (struct slot){.dentry = make_name(),
					 .inode = fixture_new(f, "inode"),
					 .file = fixture_new(f, "file")};
		fixture_set(f, "inode", slots[i].inode, "i_sb", sb);
		fixture_set(f, "inode", slots[i].inode, "i_mode", 0100644);
		fixture_set(f, "file", slots[i].file, "f_path.mnt", mnt);
	}
}

static void storm(unsigned int seed, bool reuses_at_once)
{
	static const struct tocsin_traced_settings settings = {.guest = "guest"};
	struct tocsin_file_list list;

	srand(seed);
	at_once = reuses_at_once;
	made = read_until = 0;
	sure = unsure = wrong = 0;
	f = fixture_open(made_traced);
	p = make_caller(f);
	fixture_ready(f);
	assert_int_equal(tocsin_file_list(&f->k, &p, &list, NULL), 0);
	for (size_t i = 0; i < list.count; i++)
		if (!list.rows[i].is_socket)
			make_slots(list.rows[i].file);
	tocsin_file_list_free(&list);
	assert_int_equal(tocsin_who_open(&f->k, &who, NULL), 0);
	assert_int_equal(tocsin_traced_events_open(&f->k, who, &settings, take, NULL, &ev), 0);
	while (made < CALLS - BATCH) {
		size_t batch = made + 1 + any(BATCH - 4), before = read_until;

		while (made < batch)
			go_on();
		read_calls();
		assert_int_equal(tocsin_traced_events_commit(ev, time_of(before)), 0);
	}
	assert_int_equal(tocsin_traced_events_commit(ev, UINT64_MAX), 0);
	tocsin_traced_events_close(ev);
	tocsin_who_close(who);
	fixture_close(f);
}

static void nothing_wrong_is_sure(void **state)
{
	for (unsigned int i = 0; i < 4; i++) {
		storm(i + 1, i % 2);
		print_message("# %u sure, %u unsure, %u wrong\n", sure, unsure, wrong);
		assert_int_equal(wrong, 0);
		/* Nor is all told as unsure. */
		assert_in_range(sure, CALLS / 8, CALLS);
		assert_in_range(unsure, CALLS / 100, CALLS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_wrong_is_sure)};

	return cmocka_run_group_tests_name("storm", tests, NULL, NULL);
}
