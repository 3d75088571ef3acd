// SPDX-License-Identifier: GPL-2.0-or-later
/* Streams of calls over objects in a kernel made for tests, and the events that come of them. */
#include "stream.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static void a_file_from_open_to_end(void **state)
{
	call_on(STACK, NOW - 5 * MS, "vfs_open", 1, "file", 1, file, 0);
	call_on(STACK, NOW - 4 * MS, "security_mmap_file", 0, "file", file, PROT_READ, 0);
	call_on(STACK, NOW - 3 * MS, "security_mmap_file", 0, "file", file, PROT_EXEC, 0);
	call_on(STACK, NOW - 2 * MS, "security_file_free", 0, "file", file, 0, 0);
	say("opened 700 /log\nread 700 /log =2\nmapped 700 /log\nreleased 700 \n");
	/* To write, made by it; a device, a path and what is executed are not read or written. */
	fixture_set(f, "file", file, "f_mode", TOCSIN_OPEN_WRITE | TOCSIN_OPEN_CREATED);
	call_on(STACK, NOW, "vfs_open", 1, "file", 1, file, 0);
	say("opened 700 /log =64\nwritten 700 /log =1\n");
	fixture_set(f, "file", file, "f_mode", TOCSIN_OPEN_READ | TOCSIN_OPEN_EXEC);
	call_on(STACK, NOW, "vfs_open", 1, "file", 1, file, 0);
	say("opened 700 /log\n");
	fixture_set(f, "file", file, "f_mode", TOCSIN_OPEN_READ);
	fixture_set(f, "inode", inode, "i_mode", 0020666);
	call_on(STACK, NOW, "vfs_open", 1, "file", 1, file, 0);
	say("opened 700 /log\n");
}

/* The memory of a file that was closed is another's before the first was read. */
static void a_file_that_is_another_now(void **state)
{
	call_on(STACK, NOW - 5 * MS, "vfs_open", 1, "file", 1, file, 0);
	call_on(STACK, NOW - 3 * MS, "vfs_open", 1, "file", 1, file, 0);
	say("opened 700 (unresolved: opened, call 1) ?\nopened 700 /log\n"
	    "read 700 /log =2\n");
	/* After it was read it may be. */
	call_on(STACK, NOW - 5 * MS, "vfs_open", 1, "file", 1, file, 0);
	now_is = NOW + 2 * MS;
	call_on(STACK, NOW + 1 * MS, "vfs_open", 1, "file", 1, file, 0);
	say("opened 700 /log\nread 700 /log =2\nopened 700 /log\nread 700 /log =2\n");
	call_on(STACK, NOW, "vfs_open", 1, "file", 1, 0x1000, 0);
	say("opened 700 (unresolved: opened, call 5) ?\n");
}

/* One opens a file; what it is for and its inode are carried by calls before and after. */
static void open_carried(uint64_t time, uint64_t stack, int flags, uint64_t at)
{
	uint64_t data = inode + fixture_offset(f, "inode", "i_data");

	call_on(STACK, time, "alloc_empty_file", 1, "cred", (uint64_t)flags, 0, 0);
	call_on(STACK, time, "vfs_open", 1, "file", 1, at, 0);
	call_on(stack, time, "file_ra_state_init", 1, "address_space",
		at + fixture_offset(f, "file", "f_ra"), data, 0);
}

/* The inode says which is its own data and its last name. */
static void name_inode(void)
{
	fixture_set(f, "address_space", inode + fixture_offset(f, "inode", "i_data"), "host",
		    inode);
	fixture_set(f, "inode", inode, "i_dentry.first",
		    dentry + fixture_offset(f, "dentry", "d_u.d_alias"));
}

/* Kernels since 6.7: its memory is another's before it is read. */
static void a_file_that_is_carried(void **state)
{
	name_inode();
	call_on(STACK, NOW - 9 * MS, "security_inode_alloc", 0, "inode", 0x1000, 0, 0);
	open_carried(NOW - 9 * MS, STACK, O_WRONLY, file);
	open_carried(NOW - 8 * MS, STACK, O_RDONLY, file);
	say("opened 700 /log\nwritten 700 /log =1\nopened 700 /log\nread 700 /log =2\n");
	open_carried(NOW - 7 * MS, STACK, O_RDWR, 0x1000);
	say("opened 700 /log\nread 700 /log =2\nwritten 700 /log =1\n");
	open_carried(NOW - 6 * MS, STACK, O_RDONLY | TOCSIN_OPEN_EXEC, 0x1000);
	open_carried(NOW - 5 * MS, STACK, O_PATH, 0x1000);
	say("opened 700 /log\nopened 700 /log\n");
	/* Another thread's, and an inode that is not there any more. */
	open_carried(NOW - 4 * MS, CHILD_STACK, O_RDONLY, 0x1000);
	fixture_set(f, "address_space", inode + fixture_offset(f, "inode", "i_data"), "host", 1);
	open_carried(NOW - 3 * MS, STACK, O_RDONLY, 0x1000);
	say("opened 700 (unresolved: opened, call 18) ?\n"
	    "opened 700 (unresolved: opened, call 21) ?\n");
}

/* An open without the call before it, whose flags are those of an earlier one. */
static void what_it_is_opened_for_is_of_one_open(void **state)
{
	uint64_t data = inode + fixture_offset(f, "inode", "i_data");
	uint64_t ahead = 0x1000 + fixture_offset(f, "file", "f_ra");

	name_inode();
	call_on(STACK, NOW - 9 * MS, "security_inode_alloc", 0, "inode", 0x1000, 0, 0);
	for (int i = 0; i < 3; i++) {
		if (i == 0)
			open_carried(NOW - 9 * MS, STACK, O_WRONLY, 0x1000);
		else
			call_on(STACK, NOW - 8 * MS, "alloc_empty_file", 1, "cred", O_WRONLY, 0, 0);
		if (i == 1)
			tocsin_traced_events_stopped(ev, "alloc_empty_file", NOW - 8 * MS);
		if (i == 2)
			assert_int_equal(tocsin_traced_events_gap(ev, NOW, NOW, 1, "lost"), 0);
		call_on(STACK, NOW - 7 * MS, "vfs_open", 1, "file", 1, 0x1000, 0);
		call_on(STACK, NOW - 6 * MS, "file_ra_state_init", 1, "address_space", ahead, data,
			0);
		assert_int_equal(tocsin_traced_events_commit(ev, UINT64_MAX), 0);
		assert_non_null(strstr(said, "(unresolved: opened"));
		said[0] = 0;
	}
}

/* It was unlinked, and its inode is the next file's before it was read. */
static void an_inode_that_is_anothers(void **state)
{
	name_inode();
	/* Nobody would have seen that. */
	open_carried(NOW - 9 * MS, STACK, O_WRONLY, 0x1000);
	say("opened 700 /log ?\nwritten 700 /log =1 ?\n");
	/* By what was carried, also if the file's memory is another's too, and by what was read. */
	open_carried(NOW - 8 * MS, STACK, O_WRONLY, 0x1000);
	open_carried(NOW - 7 * MS, STACK, O_WRONLY, file);
	call_on(STACK, NOW - 6 * MS, "vfs_open", 1, "file", 1, 0x1000, 0);
	call_on(STACK, NOW - 5 * MS, "security_mmap_file", 0, "file", file, PROT_EXEC, 0);
	call_on(STACK, NOW - 4 * MS, "security_inode_alloc", 0, "inode", inode, 0, 0);
	open_carried(NOW - 3 * MS, STACK, O_RDONLY, 0x1000);
	now_is = NOW + 2 * MS;
	call_on(STACK, NOW + 1 * MS, "security_inode_alloc", 0, "inode", inode, 0, 0);
	say("opened 700 (unresolved: opened, call 5) ?\n"
	    "opened 700 (unresolved: opened, call 8) ?\n"
	    "opened 700 (unresolved: opened, call 10) ?\n"
	    "mapped 700 (unresolved: mapped, call 11) ?\n"
	    "opened 700 /log\nread 700 /log =2\n");
}

/* What is made without a name is known by its inode; pipes and sockets are not files. */
static void a_file_in_memory(void **state)
{
	uint64_t mnt = fixture_get(f, "file", file, "f_path.mnt");

	call_on(STACK, NOW - 7 * MS, "alloc_file_pseudo", 0, "inode", inode, mnt, 0);
	say("");
	fixture_set(f, "inode", inode, "i_dentry.first",
		    dentry + fixture_offset(f, "dentry", "d_u.d_alias"));
	call_on(STACK, NOW - 6 * MS, "alloc_file_pseudo", 0, "inode", inode, mnt, 0);
	say("opened 700 /log =64 ?\nread 700 /log =2 ?\nwritten 700 /log =1 ?\n");
	call_on(STACK, NOW - 5 * MS, "security_inode_alloc", 0, "inode", inode, 0, 0);
	call_on(STACK, NOW - 4 * MS, "alloc_file_pseudo", 0, "inode", inode, mnt, 0);
	say("opened 700 /log =64\nread 700 /log =2\nwritten 700 /log =1\n");
	/* What was a pipe, on the mount of pipes, whose inode is another file's now. */
	call_on(STACK, NOW - 3 * MS, "alloc_file_pseudo", 0, "inode", inode, sb, 0);
	call_on(STACK, NOW - 3 * MS, "alloc_file_pseudo", 0, "inode", inode, 0x1000, 0);
	fixture_set(f, "inode", inode, "i_mode", 0010600);
	call_on(STACK, NOW - 3 * MS, "alloc_file_pseudo", 0, "inode", inode, mnt, 0);
	call_on(STACK, NOW - 2 * MS, "alloc_file_pseudo", 0, "inode", 0x1000, mnt, 0);
	say("");
	/* On the mount of files in memory it was one, whatever its inode is by now. */
	call_on(STACK, NOW - 1 * MS, "alloc_file_pseudo", 0, "inode", 0x1000, shm_mnt, 0);
	call_on(STACK, NOW - 1 * MS, "alloc_file_pseudo", 0, "inode", inode, shm_mnt, 0);
	say("opened 700 (unresolved: opened, call 9) ?\n"
	    "opened 700 (unresolved: opened, call 10) ?\n");
}

/* What was taken is handed on when calls of before its reading are known, in order. */
static void events_wait_for_proof(void **state)
{
	call_on(STACK, NOW - 1 * MS, "vfs_open", 1, "file", 1, file, 0);
	call_on(STACK, NOW - 2 * MS, "do_exit", 2, "", 0x100, 0, 0);
	assert_int_equal(tocsin_traced_events_commit(ev, NOW - 2 * MS), 0);
	assert_string_equal(said, "");
	assert_int_equal(tocsin_traced_events_commit(ev, NOW - 1 * MS), 0);
	assert_string_equal(said, "exited 700 =256\n");
	said[0] = 0;
	say("opened 700 /log\nread 700 /log =2\n");
	assert_int_equal(tocsin_traced_events_stats(ev).calls, 2);
	assert_int_equal(tocsin_traced_events_stats(ev).events[TOCSIN_TRACE_READ], 1);
	assert_int_equal(tocsin_traced_events_stats(ev).unresolved[TOCSIN_TRACE_OPENED], 0);
	assert_string_equal(tocsin_traced_events_stats(ev).kinds[TOCSIN_TRACE_READ], "read");
}

/* In the folder of the file. */
static uint64_t make_name(const char *text, uint64_t length)
{
	uint64_t name = fixture_new(f, "dentry");

	fixture_set(f, "dentry", name, "d_parent", fixture_get(f, "dentry", dentry, "d_parent"));
	fixture_set(f, "dentry", name, "d_name.name", fixture_text(f, text));
	fixture_set(f, "dentry", name, "d_name.len", length);
	fixture_set(f, "dentry", name, "d_sb", sb);
	return name;
}

static void names_come_and_go(void **state)
{
	call_on(STACK, NOW - 9 * MS, "vfs_open", 1, "file", 1, file, 0);
	call_on(STACK, NOW - 8 * MS, "chmod_common", 2, "", 1, 0755, 0);
	call_on(STACK, NOW - 8 * MS, "notify_change", 1, "dentry", 1, dentry, 0);
	/* Of its own, that is a new time or size. */
	call_on(STACK, NOW - 7 * MS, "notify_change", 1, "dentry", 1, dentry, 0);
	call_on(STACK, NOW - 6 * MS, "d_move", 0, "dentry", dentry, make_name("log", 3), 0);
	/* The inode of a name that is no more is remembered. */
	fixture_set(f, "dentry", dentry, "d_inode", 0);
	fixture_set(f, "inode", inode, "i_nlink", 0);
	call_on(STACK, NOW - 5 * MS, "vfs_unlink", 2, "dentry", 1, 1, dentry);
	call_on(STACK, NOW - 4 * MS, "chmod_common", 2, "", 1, 0700, 0);
	/* Until it was renamed it had another name, which is not told. */
	say("opened 700 \nread 700  =2\nmode 700  =33188\n"
	    "renamed 700  to /log\nunlinked 700 /log deleted\n"
	    "mode 700 (unresolved: mode, call 7) =448 ?\n");
	/* Nor is it remembered for long: whose name it is since is not known. */
	call_on(STACK, NOW - 3 * MS, "vfs_unlink", 2, "dentry", 1, 1, dentry);
	say("unlinked 700 /log\n");
}

static uint64_t make_folder(void)
{
	uint64_t folder = make_name("folder", 6);

	fixture_set(f, "dentry", dentry, "d_parent", folder);
	return folder;
}

/* The memory of a name, or of a folder's above it, is another's before it is read. */
static void a_name_that_is_anothers(void **state)
{
	uint64_t folder = make_folder();

	call_on(STACK, NOW - 9 * MS, "vfs_open", 1, "file", 1, file, 0);
	say("opened 700 /folder/log\nread 700 /folder/log =2\n");
	/* Which file it is is read by its own memory. */
	call_on(STACK, NOW - 8 * MS, "vfs_open", 1, "file", 1, file, 0);
	call_on(STACK, NOW - 7 * MS, "d_set_d_op", 0, "dentry", folder, 0, 0);
	call_on(STACK, NOW - 6 * MS, "security_mmap_file", 0, "file", file, PROT_EXEC, 0);
	call_on(STACK, NOW - 5 * MS, "d_set_d_op", 0, "dentry", dentry, 0, 0);
	call_on(STACK, NOW - 4 * MS, "vfs_unlink", 2, "dentry", 1, 1, dentry);
	say("opened 700  ?\nread 700  =2 ?\nmapped 700  ?\nunlinked 700 /folder/log\n");
	/* Of a name alone nothing is left. */
	call_on(STACK, NOW - 3 * MS, "vfs_unlink", 2, "dentry", 1, 1, dentry);
	call_on(STACK, NOW - 2 * MS, "d_set_d_op", 0, "dentry", dentry, 0, 0);
	now_is = NOW + 9 * MS;
	call_on(STACK, NOW - 1 * MS, "vfs_unlink", 2, "dentry", 1, 1, dentry);
	now_is = NOW;
	fixture_set(f, "dentry", dentry, "d_inode", 0);
	call_on(STACK, NOW - 1 * MS, "vfs_unlink", 2, "dentry", 1, 1, dentry);
	call_on(STACK, NOW, "d_set_d_op", 0, "dentry", folder, 0, 0);
	said[0] = 0;
	say("unlinked 700 (unresolved: unlinked, call 7) ?\n"
	    "unlinked 700  ?\nunlinked 700  ?\n");
	/* What was known of the name is not, when it is another's. */
	fixture_set(f, "dentry", dentry, "d_inode", inode);
	call_on(STACK, NOW, "vfs_open", 1, "file", 1, file, 0);
	call_on(STACK, NOW, "d_set_d_op", 0, "dentry", dentry, 0, 0);
	fixture_set(f, "dentry", dentry, "d_inode", 0);
	fixture_set(f, "inode", inode, "i_nlink", 0);
	call_on(STACK, NOW, "vfs_unlink", 2, "dentry", 1, 1, dentry);
	say("opened 700 /folder/log\nread 700 /folder/log =2\nunlinked 700 /folder/log\n");
	/* Nor is the name of a file that which has another by now. */
	fixture_set(f, "dentry", dentry, "d_inode", sb);
	call_on(STACK, NOW, "vfs_open", 1, "file", 1, file, 0);
	say("opened 700 (unresolved: opened, call 15) ?\n");
}

static void call_link(uint64_t time, uint64_t from, uint64_t to)
{
	struct tocsin_function fn = {.typed = true, .count = 3};
	struct tocsin_traced_call call = {
	    .seq = ++seq, .rsp = STACK + 0x3000, .rdi = from, .rdx = to, .wide = true};

	for (unsigned int i = 0; i < 3; i++) {
		fn.parameters[i].pointer = true;
		snprintf(fn.parameters[i].target, sizeof(fn.parameters[i].target), "%s",
			 i == 1 ? "inode" : "dentry");
	}
	assert_int_equal(
	    tocsin_traced_events_call(ev, "security_inode_link", &fn, &call, time, now_is), 0);
}

/* What its memory is of when it is read was made after it; so that says nothing of its path. */
static void a_file_in_memory_of_a_newer_one(void **state)
{
	uint64_t other = fixture_new(f, "file"), name = make_name("next", 4);
	uint64_t next = fixture_new(f, "inode");

	name_inode();
	fixture_set(f, "inode", next, "i_ino", 77);
	fixture_set(f, "inode", next, "i_sb", sb);
	fixture_set(f, "inode", next, "i_mode", 0100644);
	fixture_set(f, "dentry", name, "d_inode", next);
	fixture_set(f, "file", other, "f_path.dentry", name);
	fixture_set(f, "file", other, "f_path.mnt", fixture_get(f, "file", file, "f_path.mnt"));
	fixture_set(f, "file", other, "f_inode", next);
	call_on(STACK, NOW - 9 * MS, "security_inode_alloc", 0, "inode", 0x1000, 0, 0);
	open_carried(NOW - 9 * MS, STACK, O_WRONLY, other);
	call_on(STACK, NOW - 8 * MS, "d_set_d_op", 0, "dentry", name, 0, 0);
	say("opened 700 /log\nwritten 700 /log =1\n");
	/* Renamed, it had another name. */
	open_carried(NOW - 7 * MS, STACK, O_WRONLY, other);
	call_on(STACK, NOW - 6 * MS, "d_move", 0, "dentry", dentry, dentry, 0);
	say("opened 700 \nwritten 700  =1\nrenamed 700  to /log\n");
}

/* It is read before it is moved, or its text may be gone; and links. */
static void a_name_that_is_given(void **state)
{
	uint64_t next = make_name("next", 4);

	call_on(STACK, NOW - 9 * MS, "d_move", 0, "dentry", dentry, next, 0);
	call_on(STACK, NOW - 8 * MS, "d_exchange", 0, "dentry", dentry, next, 0);
	said[0] = 0;
	say("renamed 700  ?\nrenamed 700  to /log ?\n");
	call_on(STACK, NOW - 7 * MS, "d_move", 0, "dentry", dentry, next, 0);
	call_link(NOW - 6 * MS, dentry, next);
	say("renamed 700  to /next\nlinked 700 /log to /next\n");
	/* Nobody has that name any more: only a short one keeps its text until it is another's. */
	fixture_set(f, "dentry", next, "d_lockref.count", (uint32_t)-128);
	call_on(STACK, NOW - 5 * MS, "d_move", 0, "dentry", dentry, next, 0);
	fixture_set_text(f, "dentry", next, "d_iname", "next");
	fixture_set(f, "dentry", next, "d_name.name",
		    next + fixture_offset(f, "dentry", "d_iname"));
	say("renamed 700  ?\n");
	call_on(STACK, NOW - 4 * MS, "d_move", 0, "dentry", dentry, next, 0);
	say("renamed 700  to /next\n");
}

/* In the folder of the file, with an inode that nobody has yet. */
static uint64_t make_symlink(const char *text, uint64_t number, uint64_t *made)
{
	uint64_t name = make_name(text, strlen(text));

	*made = fixture_new(f, "inode");
	fixture_set(f, "inode", *made, "i_ino", number);
	fixture_set(f, "inode", *made, "i_sb", sb);
	fixture_set(f, "inode", *made, "i_mode", 0120777);
	fixture_set(f, "inode", *made, "i_nlink", 1);
	fixture_set(f, "dentry", name, "d_inode", *made);
	return name;
}

static void call_symlink(uint64_t time, uint64_t name)
{
	call_on(STACK, time, "vfs_symlink", 2, "dentry", 1, 1, name);
}

static void call_inode(uint64_t stack, uint64_t time, uint64_t made)
{
	call_on(stack, time, "security_inode_alloc", 0, "inode", made, 0, 0);
}

/* The inode of a symbolic link is made by the call that makes the link, so it is no other's. */
static void a_symbolic_link(void **state)
{
	uint64_t made, name = make_symlink("sym", 77, &made);

	call_symlink(NOW - 9 * MS, name);
	call_inode(STACK, NOW - 9 * MS + 1, made);
	say("linked 700 /sym to /sym =1\n");
	/* By then it is the next one's; it is another thread's; or the name's is another one. */
	call_symlink(NOW - 8 * MS, name);
	call_inode(STACK, NOW - 8 * MS + 1, made);
	call_inode(STACK, NOW - 7 * MS, made);
	call_symlink(NOW - 6 * MS, name);
	call_inode(CHILD_STACK, NOW - 6 * MS, made);
	call_symlink(NOW - 5 * MS, name);
	call_inode(STACK, NOW - 5 * MS, inode);
	say("linked 700 (unresolved: linked, call 3) to /sym =1 ?\n"
	    "linked 700 (unresolved: linked, call 6) to /sym =1 ?\n"
	    "linked 700 (unresolved: linked, call 8) to /sym =1 ?\n");
	/* It failed, and something else has that name. */
	call_symlink(NOW - 4 * MS, name);
	fixture_set(f, "inode", made, "i_mode", 0100644);
	call_inode(STACK, NOW - 4 * MS, made);
	call_symlink(NOW - 3 * MS, 0x1000);
	call_inode(STACK, NOW - 3 * MS, made);
	say("linked 700 (unresolved: linked, call 10) to /sym =1 ?\n"
	    "linked 700 (unresolved: linked, call 12) =1 ?\n");
	/* The name is another's before it is read. */
	fixture_set(f, "inode", made, "i_mode", 0120777);
	call_symlink(NOW - 2 * MS, name);
	call_on(STACK, NOW - 1 * MS, "d_set_d_op", 0, "dentry", name, 0, 0);
	call_inode(STACK, NOW - 1 * MS, made);
	say("linked 700 (unresolved: linked, call 14) to /sym =1 ?\n");
}

/* A folder is renamed, a mount is taken away, or who called has another root, before it is read. */
static void a_path_that_is_another_now(void **state)
{
	uint64_t folder = make_folder(), target = fixture_new(f, "dentry");
	uint64_t mount =
	    fixture_get(f, "file", file, "f_path.mnt") - fixture_offset(f, "mount", "mnt");
	uint64_t fs = fixture_get(f, "task_struct", p.task, "fs");

	call_on(STACK, NOW - 9 * MS, "vfs_open", 1, "file", 1, file, 0);
	call_on(STACK, NOW - 8 * MS, "d_move", 0, "dentry", folder, target, 0);
	call_on(STACK, NOW - 7 * MS, "security_mmap_file", 0, "file", file, PROT_EXEC, 0);
	said[0] = 0;
	say("opened 700 /folder/log ?\nread 700 /folder/log =2 ?\nrenamed 700 (unresolved: "
	    "renamed, call 2) to /folder ?\n"
	    "mapped 700 /folder/log\n");
	call_on(STACK, NOW - 7 * MS, "security_mmap_file", 0, "file", file, PROT_EXEC, 0);
	call_on(STACK, NOW - 6 * MS, "d_exchange", 0, "dentry", target, folder, 0);
	say("mapped 700 /folder/log ?\nrenamed 700 (unresolved: renamed, call 5) ?\n");
	call_on(STACK, NOW - 5 * MS, "security_mmap_file", 0, "file", file, PROT_EXEC, 0);
	call_on(STACK, NOW - 4 * MS, "set_fs_root", 0, "fs_struct", fs, 0, 0);
	call_on(STACK, NOW - 3 * MS, "security_mmap_file", 0, "file", file, PROT_EXEC, 0);
	call_on(STACK, NOW - 2 * MS, "set_fs_root", 0, "fs_struct", fs + 8, 0, 0);
	say("mapped 700  ?\nmapped 700 /folder/log\n");
	/* Its root is on a mount that is on another. */
	fixture_set(f, "fs_struct", fs, "root.dentry", sb);
	call_on(STACK, NOW - 1 * MS, "security_mmap_file", 0, "file", file, PROT_EXEC, 0);
	call_on(STACK, NOW, "unhash_mnt", 0, "mount", mount, 0, 0);
	say("mapped 700  ?\n");
}

static uint64_t clock_is;

static uint64_t the_clock(void)
{
	return clock_is;
}

/* The guest goes on while what a call leads to is read. */
static void reading_takes_a_while(void **state)
{
	static const struct tocsin_traced_settings settings = {.guest = "guest",
							       .clock = the_clock};

	tocsin_traced_events_close(ev);
	assert_int_equal(tocsin_traced_events_open(&f->k, who, &settings, take, NULL, &ev), 0);
	clock_is = NOW + 3 * MS;
	call_on(STACK, NOW - 1 * MS, "vfs_open", 1, "file", 1, file, 0);
	now_is = clock_is = NOW + 9 * MS;
	call_on(STACK, NOW + 2 * MS, "d_set_d_op", 0, "dentry", dentry, 0, 0);
	say("opened 700  ?\nread 700  =2 ?\n");
}

/* While it is not seen what becomes of names, no path is sure. */
static void what_tells_of_names_stops(void **state)
{
	call_on(STACK, NOW - 9 * MS, "vfs_open", 1, "file", 1, file, 0);
	tocsin_traced_events_stopped(ev, "d_move", NOW + 1);
	say("opened 700 /log\nread 700 /log =2\n");
	call_on(STACK, NOW - 8 * MS, "vfs_open", 1, "file", 1, file, 0);
	say("opened 700 /log ?\nread 700 /log =2 ?\n");
	/* Also of before it is seen again. */
	tocsin_traced_events_started(ev, "d_set_d_op", NOW - 9 * MS);
	tocsin_traced_events_started(ev, "d_move", NOW - 5 * MS);
	call_on(STACK, NOW - 6 * MS, "vfs_open", 1, "file", 1, file, 0);
	call_on(STACK, NOW - 4 * MS, "vfs_open", 1, "file", 1, file, 0);
	say("opened 700 (unresolved: opened, call 3) ?\n"
	    "opened 700 /log\nread 700 /log =2\n");
	call_on(STACK, NOW - 3 * MS, "vfs_open", 1, "file", 1, file, 0);
	tocsin_traced_events_stopped(ev, "unhash_mnt", NOW - 2 * MS);
	tocsin_traced_events_started(ev, "unhash_mnt", NOW - 2 * MS);
	assert_int_equal(tocsin_traced_events_gap(ev, NOW - 1 * MS, NOW, 1, "lost"), 0);
	call_on(STACK, NOW - 1 * MS, "vfs_unlink", 2, "dentry", 1, 1, dentry);
	call_on(STACK, NOW, "vfs_unlink", 2, "dentry", 1, 1, dentry);
	say("opened 700 /log ?\nread 700 /log =2 ?\nunlinked 700 /log ?\n"
	    "gap -1\nunlinked 700 /log\n");
}

static void a_child_that_ended_at_once(void **state)
{
	uint64_t child = fixture_new(f, "task_struct");
	struct tocsin_who_cache *c = who;

	fixture_set(f, "task_struct", child, "pid", 4711);
	fixture_set(f, "task_struct", child, "tgid", 4711);
	fixture_set(f, "task_struct", child, "start_boottime", 6000000000ull);
	fixture_set(f, "task_struct", child, "thread.sp", CHILD_STACK + 0x3f00);
	fixture_set_text(f, "task_struct", child, "comm", "short");
	/* Its stack is gone; where it stopped last tells which it was. */
	call_on(STACK, NOW - 9 * MS, "wake_up_new_task", 0, "task_struct", child, 0, 0);
	call_on(CHILD_STACK, NOW - 8 * MS, "vfs_open", 1, "file", 1, file, 0);
	call_on(CHILD_STACK, NOW - 7 * MS, "do_exit", 2, "", 9, 0, 0);
	say("created 700>4711\nopened 4711 /log\nread 4711 /log =2\nexited 4711 =9\n");
	/* After one that nobody could read, whose stack that is is not known any more. */
	call_on(STACK, NOW - 6 * MS, "wake_up_new_task", 0, "task_struct", 0x1000, 0, 0);
	call_on(CHILD_STACK, NOW - 5 * MS, "do_exit", 2, "", 0, 0, 0);
	say("created 700> ?\nexited 0 ?\n");
	assert_ptr_equal(c, who);
	/* Memory that went to another one. */
	call_on(STACK, NOW - 4 * MS, "wake_up_new_task", 0, "task_struct", child, 0, 0);
	call_on(STACK, NOW - 2 * MS, "wake_up_new_task", 0, "task_struct", child, 0, 0);
	say("created 700> ?\ncreated 700>4711 ?\n");
	/* Nor is what the one before did its own. */
	now_is = NOW + 9 * MS;
	call_on(STACK, NOW + 1 * MS, "wake_up_new_task", 0, "task_struct", child, 0, 0);
	call_on(CHILD_STACK, NOW + 2 * MS, "do_exit", 2, "", 0, 0, 0);
	call_on(STACK, NOW + 3 * MS, "wake_up_new_task", 0, "task_struct", child, 0, 0);
	call_on(CHILD_STACK, NOW + 4 * MS, "do_exit", 2, "", 0, 0, 0);
	say("created 700> ?\nexited 0 ?\ncreated 700>4711 ?\nexited 4711 ?\n");
}

static void who_is_who(void **state)
{
	uint64_t cred = fixture_new(f, "cred");

	fixture_set(f, "cred", cred, "uid", 1000);
	call_on(STACK, NOW - 9 * MS, "commit_creds", 0, "cred",
		fixture_get(f, "task_struct", p.task, "real_cred"), 0, 0);
	call_on(STACK, NOW - 8 * MS, "commit_creds", 0, "cred", cred, 0, 0);
	call_on(STACK, NOW - 7 * MS, "__send_signal_locked", 2, "task_struct", 9, 0, p.task);
	call_on(STACK, NOW - 6 * MS, "ptrace_attach", 0, "task_struct", p.task, 16, 0);
	say("ptrace 700>700 =16\n");
	fixture_set(f, "cred", cred, "euid", 33);
	call_on(STACK, NOW - 5 * MS, "commit_creds", 0, "cred", cred, 0, 0);
	call_on(STACK, NOW - 4 * MS, "commit_creds", 0, "cred", cred, 0, 0);
	call_on(STACK, NOW - 3 * MS, "commit_creds", 0, "cred", 0x1000, 0, 0);
	say("credentials 700\ncredentials 700 =4294967295 ?\n");
	call_on(STACK, NOW - 7 * MS, "__send_signal_locked", 2, "task_struct", 9, 0, 0x1000);
	call_on(0xffffc90000700000ull, NOW - 7 * MS, "__send_signal_locked", 2, "task_struct", 9, 0,
		p.task);
	say("signal 700> =9 ?\n");
}

static uint64_t another(int32_t pid)
{
	uint64_t task = fixture_new(f, "task_struct");

	fixture_set(f, "task_struct", task, "pid", (uint64_t)pid);
	fixture_set(f, "task_struct", task, "tgid", (uint64_t)pid);
	fixture_set(f, "task_struct", task, "start_boottime", 6000000000ull);
	return task;
}

/* Who asks to be traced is traced by its parent. */
static void traced_by_its_parent(void **state)
{
	uint64_t parent = another(4711);

	call_on(STACK, NOW - 9 * MS, "security_ptrace_traceme", 0, "task_struct", parent, 0, 0);
	call_on(STACK, NOW - 8 * MS, "security_ptrace_traceme", 0, "task_struct", 0x1000, 0, 0);
	say("ptrace 4711>700\nptrace 0>700 ?\n");
	/* Its memory is another's before it is read. */
	call_on(STACK, NOW - 7 * MS, "security_ptrace_traceme", 0, "task_struct", parent, 0, 0);
	call_on(STACK, NOW - 6 * MS, "wake_up_new_task", 0, "task_struct", parent, 0, 0);
	say("ptrace 0>700 ?\ncreated 700> ?\n");
}

/* Who gets at the memory of another, and which way. */
static void memory_of_another(void **state)
{
	enum { READ = 1, ATTACH = 2, FILES = 8, REAL = 16 };
	uint64_t victim = another(4711);

	/* Maps and the like, and its own. */
	call_on(STACK, NOW - 9 * MS, "mm_access", 0, "task_struct", victim, READ | FILES, 0);
	call_on(STACK, NOW - 9 * MS, "mm_access", 0, "task_struct", p.task, ATTACH | FILES, 0);
	say("");
	call_on(STACK, NOW - 8 * MS, "__x64_sys_process_vm_writev", 0, "pt_regs", 0, 0, 0);
	call_on(STACK, NOW - 8 * MS, "mm_access", 0, "task_struct", victim, ATTACH | REAL, 0);
	call_on(STACK, NOW - 7 * MS, "__ia32_sys_process_vm_readv", 0, "pt_regs", 0, 0, 0);
	call_on(STACK, NOW - 7 * MS, "mm_access", 0, "task_struct", victim, ATTACH | REAL, 0);
	say("ptrace 700>4711 =5\nptrace 700>4711 =2\n");
	/* Nothing told which way. */
	call_on(CHILD_STACK, NOW - 6 * MS, "__x64_sys_process_vm_writev", 0, "pt_regs", 0, 0, 0);
	call_on(STACK, NOW - 6 * MS, "mm_access", 0, "task_struct", victim, ATTACH | REAL, 0);
	call_on(STACK, NOW - 6 * MS, "__x64_sys_process_vm_writev", 0, "pt_regs", 0, 0, 0);
	tocsin_traced_events_stopped(ev, "__x64_sys_process_vm_readv", NOW);
	call_on(STACK, NOW - 6 * MS, "mm_access", 0, "task_struct", victim, ATTACH | REAL, 0);
	say("ptrace 700>4711 =5 ?\nptrace 700>4711 =2 ?\n"
	    "ptrace 700>4711 =5 ?\nptrace 700>4711 =2 ?\n");
	/* As /proc/PID/mem is opened: by the file, or by the call that carries what it is for. */
	call_on(STACK, NOW - 5 * MS, "vfs_open", 1, "file", 1, file, 0);
	call_on(STACK, NOW - 5 * MS, "mm_access", 0, "task_struct", victim, ATTACH | FILES, 0);
	call_on(STACK, NOW - 4 * MS, "alloc_empty_file", 1, "cred", O_RDWR, 0, 0);
	call_on(STACK, NOW - 4 * MS, "vfs_open", 1, "file", 1, 0x1000, 0);
	call_on(STACK, NOW - 4 * MS, "mm_access", 0, "task_struct", victim, ATTACH | FILES, 0);
	said[0] = 0;
	say("opened 700 /log\nread 700 /log =2\nptrace 700>4711 =2\n"
	    "opened 700 (unresolved: opened, call 14) ?\n"
	    "ptrace 700>4711 =5\nptrace 700>4711 =2\n");
	/* Somebody else's by now. */
	call_on(STACK, NOW - 3 * MS, "alloc_empty_file", 1, "cred", O_WRONLY, 0, 0);
	call_on(STACK, NOW - 3 * MS, "mm_access", 0, "task_struct", victim, ATTACH | FILES, 0);
	call_on(STACK, NOW - 2 * MS, "wake_up_new_task", 0, "task_struct", victim, 0, 0);
	say("ptrace 700> =5 ?\ncreated 700> ?\n");
}

/* When it is not seen any more what memory becomes, nothing that was read since is sure. */
static void what_tells_of_memory_stops(void **state)
{
	name_inode();
	fixture_set(f, "sock", sock, "__sk_common.skc_dport", 0x5000);
	fixture_set(f, "sock", sock, "__sk_common.skc_num", 40000);
	call_on(STACK, NOW - 9 * MS, "__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	say("connected 700 ?\nsent 700 ?\nreceived 700 ?\n");
	call_on(STACK, NOW - 9 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 9 * MS, "security_inode_alloc", 0, "inode", inode, 0, 0);
	say("closed -1 ?\n");
	call_on(STACK, NOW - 8 * MS, "inet_bind", 0, "socket", outer, 0, 0);
	open_carried(NOW - 8 * MS, STACK, O_WRONLY, file);
	open_carried(NOW - 8 * MS, STACK, O_WRONLY, 0x1000);
	/* No business of theirs, and after they were read. */
	tocsin_traced_events_stopped(ev, "vfs_link", NOW - 7 * MS);
	tocsin_traced_events_stopped(ev, "security_sk_alloc", NOW + 1);
	tocsin_traced_events_stopped(ev, "security_inode_alloc", NOW + 1);
	say("bound 700\nopened 700 /log\nread 700 /log =2\n"
	    "opened 700 /log\nwritten 700 /log =1\n");
	call_on(STACK, NOW - 6 * MS, "security_sk_alloc", 0, "sock", sock, 0, 0);
	call_on(STACK, NOW - 6 * MS, "security_inode_alloc", 0, "inode", inode, 0, 0);
	call_on(STACK, NOW - 5 * MS, "inet_bind", 0, "socket", outer, 0, 0);
	open_carried(NOW - 5 * MS, STACK, O_WRONLY, file);
	open_carried(NOW - 5 * MS, STACK, O_WRONLY, 0x1000);
	tocsin_traced_events_stopped(ev, "security_sk_alloc", NOW - 4 * MS);
	tocsin_traced_events_stopped(ev, "security_inode_alloc", NOW - 4 * MS);
	say("bound 700 ?\nopened 700 /log\nread 700 /log =2\n"
	    "opened 700 /log ?\nwritten 700 /log =1 ?\n");
}

/* What a program begins with is its own, unless it was opened since. */
static void a_program(void **state)
{
	call_on(STACK, NOW - 9 * MS, "set_mm_exe_file", 1, "file", 1, 0, 0);
	call_on(STACK, NOW - 9 * MS, "set_mm_exe_file", 1, "file", 1, file, 0);
	say("executed 700 /log as /log\nread 700 /log =2\n");
	call_on(STACK, NOW - 9 * MS, "set_mm_exe_file", 1, "file", 1, file, 0);
	call_on(STACK, NOW - 8 * MS, "vfs_open", 1, "file", 1, file, 0);
	say("executed 700 (unresolved: executed, call 3) ?\nopened 700 /log\n"
	    "read 700 /log =2\n");
	/* Some kernels call it at the end of a program, too. */
	call_on(STACK, NOW - 8 * MS, "set_mm_exe_file", 1, "file", 1, 0, 0);
	say("");
	/* The kernel's types do not tell which argument the program is. */
	call_on(STACK, NOW - 8 * MS, "set_mm_exe_file", 1, "", 1, file, 0);
	say("executed 700 (unresolved: executed, call 6) ?\nread 700 /log =2\n");
}

static uint64_t make_namespace(uint32_t number)
{
	uint64_t ns = fixture_new(f, "mnt_namespace");

	fixture_set(f, "mnt_namespace", ns, "ns.inum", number);
	return ns;
}

/* Where the file of the path is mounted says which namespace it is in: that of the first process is
 * not told of, and what is mounted nowhere has none. */
static void a_path_in_another_namespace(void **state)
{
	uint64_t mount =
	    fixture_get(f, "file", file, "f_path.mnt") - fixture_offset(f, "mount", "mnt");
	uint64_t other = make_namespace(4026532201u),
		 first = fixture_get(f, "mount", mount, "mnt_ns");
	static const uint64_t nowhere[] = {0, -22, 0x1000, -1};

	name_inode();
	call_on(STACK, NOW - 9 * MS, "security_inode_alloc", 0, "inode", 0x1000, 0, 0);
	fixture_set(f, "mount", mount, "mnt_ns", other);
	call_on(STACK, NOW - 9 * MS, "vfs_open", 1, "file", 1, file, 0);
	call_on(STACK, NOW - 8 * MS, "vfs_unlink", 2, "dentry", 1, 1, dentry);
	say("opened 700 /log in 4026532201\nread 700 /log in 4026532201 =2\n"
	    "unlinked 700 /log in 4026532201\n");
	/* As a call carried it; and what is not resolved is in none. */
	open_carried(NOW - 7 * MS, STACK, O_RDONLY, 0x1000);
	call_on(STACK, NOW - 6 * MS, "vfs_open", 1, "file", 1, 0x1000, 0);
	say("opened 700 /log in 4026532201\nread 700 /log in 4026532201 =2\n"
	    "opened 700 (unresolved: opened, call 7) ?\n");
	fixture_set(f, "mount", mount, "mnt_ns", first);
	call_on(STACK, NOW - 5 * MS, "vfs_open", 1, "file", 1, file, 0);
	say("opened 700 /log\nread 700 /log =2\n");
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		fixture_set(f, "mount", mount, "mnt_ns", nowhere[i]);
		call_on(STACK, NOW - 4 * MS, "vfs_open", 1, "file", 1, file, 0);
		say("opened 700 /log\nread 700 /log =2\n");
	}
}

/* So it is with what a program has open when it begins. */
static void a_program_in_another_namespace(void **state)
{
	uint64_t mount =
	    fixture_get(f, "file", file, "f_path.mnt") - fixture_offset(f, "mount", "mnt");
	uint64_t first = fixture_get(f, "mount", mount, "mnt_ns");

	fixture_set(f, "mount", mount, "mnt_ns", make_namespace(4026532201u));
	call_on(STACK, NOW - 9 * MS, "set_mm_exe_file", 1, "file", 1, file, 0);
	say("executed 700 /log in 4026532201 as /log\nread 700 /log in 4026532201 =2\n");
	fixture_set(f, "mount", mount, "mnt_ns", first);
	call_on(STACK, NOW - 8 * MS, "set_mm_exe_file", 1, "file", 1, file, 0);
	say("executed 700 /log as /log\nread 700 /log =2\n");
}

static void gaps_and_strangers(void **state)
{
	call_on(STACK, NOW, "memcpy", 0, "file", file, 0, 0);
	assert_int_equal(tocsin_traced_events_gap(ev, NOW, NOW - MS, 3, "lost"), 0);
	call_on(0x1000, NOW, "do_exit", 2, "", 0, 0, 0);
	say("gap -1\nexited 0 ?\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_file_from_open_to_end),
	    TEST(a_file_that_is_another_now),
	    TEST(a_file_that_is_carried),
	    TEST(what_it_is_opened_for_is_of_one_open),
	    TEST(an_inode_that_is_anothers),
	    TEST(a_file_in_memory),
	    TEST(events_wait_for_proof),
	    TEST(names_come_and_go),
	    TEST(a_name_that_is_anothers),
	    TEST(a_file_in_memory_of_a_newer_one),
	    TEST(a_name_that_is_given),
	    TEST(a_symbolic_link),
	    TEST(a_path_that_is_another_now),
	    TEST(reading_takes_a_while),
	    TEST(what_tells_of_names_stops),
	    TEST(memory_of_another),
	    TEST(traced_by_its_parent),
	    TEST(a_child_that_ended_at_once),
	    TEST(who_is_who),
	    TEST(what_tells_of_memory_stops),
	    TEST(a_program),
	    TEST(a_path_in_another_namespace),
	    TEST(a_program_in_another_namespace),
	    TEST(gaps_and_strangers),
	};

	return cmocka_run_group_tests_name("trace_events", tests, NULL, NULL);
}
