/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects by their types and addresses, in a kernel made for tests. */
#include "introspect/function.h"
#include "introspect/object.h"

#include "objects.h"

#include <errno.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct change with_names[] = {
    {"filename", "name", "name"}, {"socket", "sk", "sk"}, {0}};

static struct fixture *f;
static struct tocsin_process p;
static struct tocsin_object o;

static int set_up(void **state)
{
	f = fixture_open(with_names);
	p = make_process(f);
	make_files(f, &p, make_net(f));
	return 0;
}

static int tear_down(void **state)
{
	fixture_close(f);
	return 0;
}

static int read_as(const char *type, uint64_t va)
{
	memset(&o, 0xaa, sizeof(o));
	return tocsin_object_read(&f->k, type, va, p.task, &o);
}

static void a_process(void **state)
{
	unsigned int torn = 0;

	fixture_ready(f);
	assert_int_equal(read_as("task_struct", p.task), 0);
	assert_int_equal(o.kind, TOCSIN_OBJECT_PROCESS);
	assert_int_equal(o.pid, MADE_PID);
	assert_int_equal(o.tid, MADE_PID);
	assert_true(o.start_time == MADE_START);
	assert_string_equal(o.comm, "worker");
	fixture_set(f, "task_struct", p.task, "pid", 0);
	assert_int_equal(read_as("task_struct", p.task), -ESRCH);
	assert_int_equal(read_as("task_struct", 0), -EFAULT);
	assert_int_equal(read_as("no_such_type", p.task), -ENOTSUP);
	/* It changes somewhere between the first access and the last. */
	for (uint32_t after = 0; after < 60; after++) {
		fixture_restore(f);
		f->changes[f->change_count++] = (struct fixture_change){
		    .after = f->accesses + after,
		    .at = (uint32_t)(p.task - FIXTURE_BASE +
				     fixture_offset(f, "task_struct", "comm")),
		    .word = 0x41414141};
		torn += read_as("task_struct", p.task) == -EAGAIN;
	}
	assert_in_range(torn, 1, 50);
}

static void a_name(void **state)
{
	uint64_t name = fixture_new(f, "filename"), text = fixture_text(f, "/etc/passwd");
	uint64_t end = fixture_room(f, 2 * TOCSIN_PAGE_SIZE);

	fixture_set(f, "filename", name, "name", text);
	fixture_ready(f);
	assert_int_equal(read_as("filename", name), 0);
	assert_int_equal(o.kind, TOCSIN_OBJECT_NAME);
	assert_string_equal(o.text, "/etc/passwd");
	/* Over the end of a page; and one without an end is cut. */
	end = (end + TOCSIN_PAGE_SIZE) & ~(uint64_t)(TOCSIN_PAGE_SIZE - 1);
	fixture_put(f, end - 4, "/a/b/c", 7);
	fixture_set(f, "filename", name, "name", end - 4);
	assert_int_equal(read_as("filename", name), 0);
	assert_string_equal(o.text, "/a/b/c");
	fixture_set(f, "filename", name, "name", 0x10);
	assert_int_equal(read_as("filename", name), -EFAULT);
}

static void a_file_and_a_socket(void **state)
{
	struct tocsin_file_list list;
	struct tocsin_error err = {0};
	const struct tocsin_file *file = NULL, *socket = NULL;
	uint64_t outer = fixture_new(f, "socket"), inode;

	fixture_ready(f);
	if (tocsin_file_list(&f->k, &p, &list, &err))
		fail_msg("%s", err.message);
	for (size_t i = 0; i < list.count; i++)
		*(list.rows[i].is_socket ? &socket : &file) = &list.rows[i];
	assert_true(file && socket);
	assert_int_equal(read_as("file", file->file), 0);
	assert_int_equal(o.kind, TOCSIN_OBJECT_FILE);
	assert_string_equal(o.text, file->path);
	assert_true(o.file.inode == file->id.inode && o.mode == file->mode);
	/* The types do not tell which mounts are whose. */
	assert_int_equal(o.mount_ns, 0);
	assert_int_equal(tocsin_file_namespace(&f->k, file->file), 0);
	assert_int_equal(tocsin_first_namespace(&f->k), 0);
	assert_int_equal(read_as("sock", socket->socket.sock), 0);
	assert_int_equal(o.kind, TOCSIN_OBJECT_SOCKET);
	assert_int_equal(o.socket.local_port, socket->socket.local_port);
	assert_int_equal(read_as("socket", outer), -ESRCH);
	fixture_set(f, "socket", outer, "sk", socket->socket.sock);
	assert_int_equal(read_as("socket", outer), 0);
	assert_true(o.socket.sock == socket->socket.sock);
	assert_int_not_equal(read_as("sock", p.task), 0);
	assert_int_not_equal(read_as("file", 0), 0);
	/* A file's inode says no name; a pipe's is all of it. */
	inode = fixture_get(f, "file", file->file, "f_inode");
	assert_int_equal(read_as("inode", inode), -ENOENT);
	fixture_set(f, "inode", inode, "i_mode", 0010600);
	assert_int_equal(read_as("inode", inode), -ENOENT);
	fixture_set(f, "super_block", fixture_get(f, "inode", inode, "i_sb"), "s_magic",
		    PIPEFS_MAGIC);
	fixture_set(f, "inode", inode, "i_ino", 4711);
	assert_int_equal(read_as("inode", inode), 0);
	assert_string_equal(o.text, "pipe:[4711]");
	assert_true(o.file.inode == 4711 && o.mode == 0010600 && o.inode == inode);
	tocsin_file_list_free(&list);
}

static void a_function(void **state)
{
	static const uint8_t nop[] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
	static const uint8_t endbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
	struct tocsin_function fn;
	struct tocsin_error err = {0};

	fixture_symbol(f, "plain", FIXTURE_TEXT);
	fixture_put(f, FIXTURE_TEXT, nop, sizeof(nop));
	fixture_symbol(f, "guarded", FIXTURE_TEXT + 0x40);
	fixture_put(f, FIXTURE_TEXT + 0x40, endbr, sizeof(endbr));
	fixture_put(f, FIXTURE_TEXT + 0x44, "\xe8\1\2\3\4", 5);
	fixture_symbol(f, "twice", FIXTURE_TEXT + 0x80);
	fixture_symbol(f, "twice", FIXTURE_TEXT + 0xc0);
	fixture_symbol(f, "edge", FIXTURE_TEXT + 0xffc);
	fixture_put(f, FIXTURE_TEXT + 0xffc, nop, sizeof(nop));
	fixture_ready(f);
	assert_int_equal(tocsin_function_find(&f->k, "plain", &fn, &err), 0);
	assert_true(fn.va == FIXTURE_TEXT && fn.site == fn.va);
	assert_true(fn.gpa == FIXTURE_TEXT - FIXTURE_BASE);
	assert_int_equal(fn.entry, TOCSIN_ENTRY_FREE);
	assert_int_equal(tocsin_function_find(&f->k, "guarded", &fn, &err), 0);
	assert_true(fn.site == FIXTURE_TEXT + 0x44);
	assert_int_equal(fn.entry, TOCSIN_ENTRY_CALL);
	assert_int_equal(tocsin_function_find(&f->k, "edge", &fn, &err), 0);
	assert_int_equal(fn.entry, TOCSIN_ENTRY_NOTHING);
	assert_int_equal(tocsin_function_find(&f->k, "twice", &fn, &err), -ENOTUNIQ);
	assert_int_equal(tocsin_function_find(&f->k, "none", &fn, &err), -ENOENT);
	assert_int_equal(tocsin_entry_of((const uint8_t *)"\xcc\x1f\x44\0\0"), TOCSIN_ENTRY_BREAK);
	assert_int_equal(tocsin_entry_of((const uint8_t *)"\xe9\x1f\x44\0\0"), TOCSIN_ENTRY_JUMP);
	assert_int_equal(tocsin_entry_of((const uint8_t *)"\x55\x48\x89\xe5\0"),
			 TOCSIN_ENTRY_NOTHING);
}

/* By a kernel whose types tell of mounts. */
static int set_up_caller(void **state)
{
	f = fixture_open(made_traced);
	p = make_caller(f);
	fixture_ready(f);
	return 0;
}

static void a_mount_namespace(void **state)
{
	struct made_opened opened = make_opened(f, &p);
	uint64_t mnt = fixture_get(f, "file", opened.file, "f_path.mnt");
	uint64_t mount = mnt - fixture_offset(f, "mount", "mnt"),
		 ns = fixture_new(f, "mnt_namespace");

	assert_int_equal(tocsin_first_namespace(&f->k), MADE_FIRST_NS);
	assert_int_equal(tocsin_file_namespace(&f->k, opened.file), MADE_FIRST_NS);
	fixture_set(f, "mnt_namespace", ns, "ns.inum", 4026532201u);
	fixture_set(f, "mount", mount, "mnt_ns", ns);
	assert_int_equal(tocsin_file_namespace(&f->k, opened.file), 4026532201u);
	assert_int_equal(read_as("file", opened.file), 0);
	assert_int_equal(o.mount_ns, 4026532201u);
	assert_int_equal(read_as("dentry", opened.dentry), 0);
	assert_int_equal(o.mount_ns, 4026532201u);
	/* The kernel's own mounts have an error there. */
	fixture_set(f, "mount", mount, "mnt_ns", (uint64_t)-EINVAL);
	assert_int_equal(read_as("file", opened.file), 0);
	assert_int_equal(o.mount_ns, 0);
	assert_int_equal(tocsin_file_namespace(&f->k, 0x1000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_process, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_name, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_file_and_a_socket, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_mount_namespace, set_up_caller, tear_down),
	    cmocka_unit_test_setup_teardown(a_function, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
