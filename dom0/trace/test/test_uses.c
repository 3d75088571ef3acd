// SPDX-License-Identifier: GPL-2.0-or-later
/* Who reads, writes, sends and receives, by calls that say so. */
#include "introspect/file.h"
#include "introspect/object.h"
#include "provenance/event.h"
#include "trace/events.h"

#include "objects.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cmocka.h>

#define STACK MADE_STACK
#define NOW (50ull * 1000000000)
#define MS 1000000ull
#define READ 4
#define WRITE 2

static struct fixture *f;
static struct tocsin_process p;
static struct tocsin_who_cache *who;
static struct tocsin_traced_events *ev;
static uint64_t file, dentry, inode, sock, outer;
static uint32_t seq;
static uint64_t time_is, now_is; /* of the next call; when it is read, 0: at once */
static char said[8192];
static uint64_t first_sock, last_sock; /* of the sockets that were told */

static int take(const struct tocsin_trace_event *e, void *context)
{
	char line[1024];
	const char *socket = e->socket ? tocsin_socket_kind(e->socket) : "";

	snprintf(line, sizeof(line), "%s %s%s%s%s%.0" PRIu64 "%s\n",
		 tocsin_trace_kind_name(e->kind), e->file ? e->file->path : socket,
		 e->file && e->file->id.deleted ? " deleted" : "",
		 e->socket && e->socket->remote_port ? " connected" : "", e->value ? " =" : "",
		 e->value, e->resolved ? "" : " ?");
	strncat(said, line, sizeof(said) - strlen(said) - 1);
	if (e->socket) {
		first_sock = first_sock ? first_sock : e->socket->sock;
		last_sock = e->socket->sock;
	}
	return 0;
}

static void find_objects(void)
{
	struct made_opened opened = make_opened(f, &p);

	file = opened.file;
	dentry = opened.dentry;
	inode = opened.inode;
	sock = opened.sock;
	outer = opened.socket;
	fixture_set(f, "file", file, "f_mode", TOCSIN_OPEN_READ | TOCSIN_OPEN_WRITE);
	fixture_set(f, "sock", sock, "__sk_common.skc_num", 40000);
}

static void collect(bool on)
{
	static const char *const names[] = {"security_file_permission", "security_socket_sendmsg",
					    "security_socket_recvmsg"};

	for (int i = 0; i < 3; i++)
		if (on)
			tocsin_traced_events_started(ev, names[i], time_is);
		else
			tocsin_traced_events_stopped(ev, names[i], time_is);
}

static void call_as(const char *name, unsigned int at, const char *type, uint64_t rdi, uint64_t rsi,
		    uint64_t rdx)
{
	struct tocsin_function fn = {.typed = true, .count = 3};
	struct tocsin_traced_call call = {
	    .seq = ++seq, .rsp = STACK + 0x3000, .rdi = rdi, .rsi = rsi, .rdx = rdx, .wide = true};

	fn.parameters[at].pointer = true;
	snprintf(fn.parameters[at].target, sizeof(fn.parameters[at].target), "%s", type);
	assert_int_equal(
	    tocsin_traced_events_call(ev, name, &fn, &call, time_is, now_is ? now_is : time_is), 0);
	time_is += MS;
}

static void opens(uint64_t at)
{
	call_as("vfs_open", 1, "file", 1, at, 0);
}

static void closes(uint64_t at)
{
	call_as("security_file_free", 0, "file", at, 0, 0);
}

static void uses(uint64_t at, unsigned int mask)
{
	call_as("security_file_permission", 0, "file", at, mask, 0);
}

static void say(const char *expected)
{
	assert_int_equal(tocsin_traced_events_commit(ev, UINT64_MAX), 0);
	assert_string_equal(said, expected);
	said[0] = 0;
}

static int set_up_on(const char *symbol)
{
	static const struct tocsin_traced_settings settings = {.guest = "guest", .boot = 7};

	f = fixture_open(made_traced);
	p = make_caller(f);
	fixture_symbol(f, symbol, FIXTURE_TEXT + 0x100);
	fixture_symbol(f, "udp_prot", FIXTURE_TEXT + 0x300);
	fixture_ready(f);
	find_objects();
	assert_int_equal(tocsin_who_open(&f->k, &who, NULL), 0);
	assert_int_equal(tocsin_traced_events_open(&f->k, who, &settings, take, NULL, &ev), 0);
	said[0] = 0;
	seq = 0;
	first_sock = last_sock = 0;
	time_is = NOW - 200 * MS;
	now_is = 0;
	collect(true);
	closes(0x2000); /* so that it is seen when files are closed */
	call_as("security_sk_alloc", 0, "sock", 0x3000, AF_INET, 0);
	call_as("security_inode_alloc", 0, "inode", 0x3000, 0, 0);
	say("released \n");
	return 0;
}

static int set_up(void **state)
{
	return set_up_on("nothing_else");
}

/* A kernel in which memory of a closed file is another's at once. */
static int set_up_new(void **state)
{
	return set_up_on("get_file_rcu");
}

static int tear_down(void **state)
{
	tocsin_traced_events_close(ev);
	tocsin_who_close(who);
	fixture_close(f);
	return 0;
}

static void only_what_was_done(void **state)
{
	opens(file);
	uses(file, READ);
	closes(file);
	opens(file);
	uses(file, WRITE | 8);
	uses(file, 1); /* neither */
	closes(file);
	say("opened /log\nread /log\nreleased \nopened /log\nwritten /log\nreleased \n");
	/* What a program begins with is not inferred either. */
	call_as("set_mm_exe_file", 1, "file", 1, file, 0);
	say("executed /log\n");
}

static void inferred_while_calls_are_not_recorded(void **state)
{
	opens(file);
	time_is += MS;
	collect(false);
	opens(file);
	say("opened /log\nopened /log\nread /log =2\nwritten /log =1\n");
	/* What waits for proof, and was opened after they stopped. */
	collect(true);
	opens(file);
	time_is -= MS;
	collect(false);
	say("opened /log\nread /log =2\nwritten /log =1\n");
	call_as("set_mm_exe_file", 1, "file", 1, file, 0);
	say("executed /log\nread /log =2\n");
}

static void what_nothing_goes_through(void **state)
{
	fixture_set(f, "inode", inode, "i_mode", 0020666);
	uses(file, READ);
	fixture_set(f, "inode", inode, "i_mode", 0040755);
	uses(file, READ);
	fixture_set(f, "inode", inode, "i_mode", 0600); /* epoll */
	uses(file, READ);
	say("");
	uses(0x1000, READ);
	say("read (unresolved: read, call 7) ?\n");
}

static void pipes(void **state)
{
	static const uint32_t pipefs = 0x50495045;
	uint64_t sb = fixture_get(f, "inode", inode, "i_sb");

	fixture_set(f, "inode", inode, "i_mode", 0010600);
	opens(file);
	uses(file, READ);
	uses(file, WRITE);
	closes(file);
	say("opened /log\nshared /log =2\nshared /log =1\nreleased \n");
	fixture_set(f, "super_block", sb, "s_magic", pipefs);
	fixture_set(f, "inode", inode, "i_ino", 4711);
	uses(file, WRITE);
	uses(file, READ | WRITE);
	say("shared pipe:[4711] =1\nshared pipe:[4711] =2\nshared pipe:[4711] =1\n");
	/* The side of a splice that is a pipe, which is asked about for other reasons, too. */
	fixture_set(f, "file", file, "f_mode", TOCSIN_OPEN_WRITE);
	call_as("get_pipe_info", 0, "file", file, 1, 0);
	fixture_set(f, "file", file, "f_mode", TOCSIN_OPEN_READ);
	call_as("get_pipe_info", 0, "file", file, 1, 0);
	call_as("get_pipe_info", 0, "file", file, 0, 0);
	call_as("get_pipe_info", 0, "file", 0x1000, 1, 0);
	fixture_set(f, "inode", inode, "i_mode", 0100644);
	call_as("get_pipe_info", 0, "file", file, 1, 0);
	say("shared pipe:[4711] =1\nshared pipe:[4711] =2\n");
}

/* An end of a pipe is the inode that it was made of, also if another file has its memory since. */
static void ends_of_pipes_that_are_gone(void **state)
{
	static const uint32_t pipefs = 0x50495045;
	uint64_t sb = fixture_get(f, "inode", inode, "i_sb");

	fixture_set(f, "inode", inode, "i_mode", 0010600);
	fixture_set(f, "inode", inode, "i_ino", 4711);
	/* A FIFO with a name is opened by that. */
	call_as("stream_open", 1, "file", inode, 0x1000, 0);
	uses(0x1000, READ);
	fixture_set(f, "super_block", sb, "s_magic", pipefs);
	call_as("stream_open", 1, "file", inode, 0x1000, 0);
	uses(0x1000, WRITE);
	uses(0x1000, READ);
	now_is = NOW;
	closes(0x1000);
	say("read (unresolved: read, call 5) ?\nshared pipe:[4711] =1\nshared pipe:[4711] =2\n"
	    "released \n");
	/* All of it is read when it is over. */
	opens(file);
	closes(file);
	call_as("stream_open", 1, "file", inode, file, 0);
	uses(file, WRITE);
	closes(file);
	opens(file);
	say("opened (unresolved: opened, call 10) ?\nreleased \nshared pipe:[4711] =1\n"
	    "released \nopened pipe:[4711]\n");
	/* Its inode is another's by then. */
	call_as("stream_open", 1, "file", inode, 0x1000, 0);
	uses(0x1000, WRITE);
	call_as("security_inode_alloc", 0, "inode", inode, 0, 0);
	say("shared (unresolved: shared, call 16) =1 ?\n");
}

/* It has another name since, and another has its memory. */
static void names_and_memory_that_change(void **state)
{
	uint64_t name = fixture_get(f, "dentry", dentry, "d_name.name");
	char was[8];

	opens(file);
	assert_int_equal(tocsin_kernel_read(&f->k, name, was, 4), 0);
	fixture_put(f, name, "gol", 4);
	uses(file, READ);
	say("opened /log\nread /gol\n");
	/* Another file lies there now: which it was is known from when it was opened. */
	fixture_set(f, "inode", inode, "i_ino", 99);
	uses(file, WRITE);
	say("written /log\n");
	closes(file);
	uses(file, READ);
	say("released \nread /gol\n");
	/* If it was another's when it was opened, too, it is the same unknown one. */
	closes(file);
	now_is = NOW;
	opens(file);
	uses(file, READ);
	opens(file);
	say("released \nopened (unresolved: opened, call 10) ?\nread (unresolved: opened, call 10) "
	    "?\n"
	    "opened /gol\n");
}

/* What was not opened by name may be closed, and be another's, before it is read. */
static void closed_before_it_was_read(void **state)
{
	now_is = NOW;
	uses(file, READ);
	closes(file);
	say("read (unresolved: read, call 4) ?\nreleased \n");
	/* After it was read it may be. */
	now_is = 0;
	uses(file, READ);
	now_is = NOW;
	closes(file);
	say("read /log\nreleased \n");
	/* By name it is known from what the open carried. */
	fixture_set(f, "address_space", inode + fixture_offset(f, "inode", "i_data"), "host",
		    inode);
	fixture_set(f, "inode", inode, "i_dentry.first",
		    dentry + fixture_offset(f, "dentry", "d_u.d_alias"));
	call_as("alloc_empty_file", 1, "cred", O_RDWR, 0, 0);
	opens(file);
	call_as("file_ra_state_init", 1, "address_space", file + fixture_offset(f, "file", "f_ra"),
		inode + fixture_offset(f, "inode", "i_data"), 0);
	uses(file, READ);
	closes(file);
	opens(file);
	say("opened /log\nread /log\nreleased \nopened /log\n");
	/* Or, if it lost its name meanwhile, from what was read, as that is of the inode that the
	 * open carried. */
	fixture_set(f, "inode", inode, "i_dentry.first", 0);
	for (int carried = 1; carried >= 0; carried--) {
		call_as("alloc_empty_file", 1, "cred", O_RDWR, 0, 0);
		opens(file);
		if (carried)
			call_as("file_ra_state_init", 1, "address_space",
				file + fixture_offset(f, "file", "f_ra"),
				inode + fixture_offset(f, "inode", "i_data"), 0);
		uses(file, WRITE);
		closes(file);
		opens(file);
		say(carried ? "opened /log\nwritten /log\nreleased \nopened /log\n"
			    : "opened (unresolved: opened, call 21) ?\n"
			      "written (unresolved: opened, call 21) ?\nreleased \nopened /log\n");
	}
}

static void not_known_after_a_loss(void **state)
{
	opens(file);
	assert_int_equal(tocsin_traced_events_gap(ev, time_is, time_is, 1, "lost"), 0);
	fixture_set(f, "inode", inode, "i_mode", 0040755);
	uses(file, READ);
	say("opened /log\ngap \n");
}

static void memory_of_files(void **state)
{
	opens(file);
	call_as("security_mmap_file", 0, "file", file, PROT_READ, MAP_PRIVATE);
	call_as("security_mmap_file", 0, "file", file, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	call_as("security_mmap_file", 0, "file", file, PROT_READ | PROT_WRITE, MAP_SHARED);
	call_as("security_mmap_file", 0, "file", file, PROT_READ | PROT_EXEC, MAP_PRIVATE);
	call_as("security_mmap_file", 0, "file", 0, PROT_READ | PROT_WRITE, MAP_SHARED);
	say("opened /log\nread /log\nread /log\nread /log\nwritten /log\nmapped /log\n");
	call_as("do_truncate", 1, "dentry", 1, 0x1000, 0);
	say("written (unresolved: written, call 10) =1 ?\n");
}

static void sends(uint64_t at)
{
	call_as("security_socket_sendmsg", 0, "socket", at, 0, 0);
}

static void receives(uint64_t at)
{
	call_as("security_socket_recvmsg", 0, "socket", at, 0, 0);
}

static void connected_sockets(void **state)
{
	fixture_set(f, "sock", sock, "__sk_common.skc_dport", 0x5000);
	call_as("security_sk_alloc", 0, "sock", sock, AF_INET, 0);
	call_as("sock_init_data", 0, "socket", outer, sock, 0);
	call_as("__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	say("connected udp connected\n");
	sends(outer);
	receives(outer);
	say("sent udp connected\nreceived udp connected\n");
	/* Closed before it is read: which it had is known. */
	fixture_set(f, "socket", outer, "sk", 0);
	fixture_set(f, "sock", sock, "__sk_common.skc_dport", 0);
	sends(outer);
	call_as("sk_common_release", 0, "sock", sock, 0, 0);
	say("sent udp connected\nclosed udp connected\n");
	/* Another one's socket. */
	call_as("sock_init_data", 0, "socket", outer, 0x3000, 0);
	receives(outer);
	say("received other ?\n");
	/* One that nobody saw made is read, if it holds. */
	fixture_set(f, "socket", outer, "sk", sock);
	assert_int_equal(tocsin_traced_events_gap(ev, time_is, time_is, 1, "lost"), 0);
	call_as("security_sk_alloc", 0, "sock", 0x3000, AF_INET, 0);
	sends(outer);
	say("gap \nsent udp\n");
	now_is = NOW;
	sends(outer);
	call_as("sock_init_data", 0, "socket", outer, 0x3000, 0);
	say("sent other ?\n");
	collect(false);
	call_as("__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	said[0] = 0;
	fixture_set(f, "sock", sock, "__sk_common.skc_dport", 0x5000);
	call_as("__ip4_datagram_connect", 0, "sock", sock, 0, 0);
	assert_int_equal(tocsin_traced_events_commit(ev, UINT64_MAX), 0);
	assert_non_null(strstr(said, "connected udp connected\nsent udp connected\nreceived udp"));
}

/* UNIX sockets have no addresses: memory that is used again is another. */
static void unix_sockets(void **state)
{
	uint64_t first;

	fixture_set(f, "sock", sock, "__sk_common.skc_family", AF_UNIX);
	fixture_set(f, "sock", sock, "sk_type", SOCK_DGRAM);
	sends(outer);
	receives(outer);
	say("shared unix =1\nshared unix =2\n");
	assert_true(first_sock == sock && last_sock == sock);
	call_as("security_sk_alloc", 0, "sock", sock, AF_UNIX, 0);
	sends(outer);
	say("shared unix =1\n");
	first = last_sock;
	assert_true(first != sock);
	call_as("security_sk_alloc", 0, "sock", sock, AF_UNIX, 0);
	receives(outer);
	say("shared unix =2\n");
	assert_true(last_sock != sock && last_sock != first);
	fixture_set(f, "sock", sock, "sk_type", SOCK_STREAM); /* closed: to whom? */
	sends(outer);
	say("shared unix =1 ?\n");
	/* What is sent to one that takes datagrams is one, whoever sends; a stream is its two ends.
	 */
	fixture_set(f, "unix_sock", sock, "peer", 0xffff888000005000);
	sends(outer);
	say("shared unix =1\n");
	assert_true(last_sock != 0xffff888000005000);
	call_as("security_sk_alloc", 0, "sock", sock, AF_UNIX, 0);
	fixture_set(f, "sock", sock, "sk_type", SOCK_DGRAM);
	sends(outer);
	say("shared unix =1\n");
	assert_true(last_sock == 0xffff888000005000);
	receives(outer);
	say("shared unix =2\n");
	assert_true(last_sock != 0xffff888000005000);
	call_as("security_sk_alloc", 0, "sock", sock, AF_NETLINK, 0);
	fixture_set(f, "unix_sock", sock, "peer", 0);
	fixture_set(f, "sock", sock, "__sk_common.skc_family", AF_NETLINK);
	sends(outer);
	say("");
}

/* What is sent from a file goes through the socket's file. */
static void a_socket_by_its_file(void **state)
{
	uint64_t of = fixture_get(f, "socket", outer, "file");

	fixture_set(f, "sock", sock, "__sk_common.skc_dport", 0x5000);
	uses(of, WRITE);
	say("sent udp connected\n");
	now_is = NOW;
	/* Told by another call as well, so it is nothing if it does not hold. */
	uses(of, READ);
	closes(of);
	say("released \n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(only_what_was_done),
	    TEST(inferred_while_calls_are_not_recorded),
	    TEST(what_nothing_goes_through),
	    TEST(pipes),
	    cmocka_unit_test_setup_teardown(ends_of_pipes_that_are_gone, set_up_new, tear_down),
	    TEST(names_and_memory_that_change),
	    cmocka_unit_test_setup_teardown(closed_before_it_was_read, set_up_new, tear_down),
	    TEST(not_known_after_a_loss),
	    TEST(memory_of_files),
	    TEST(connected_sockets),
	    TEST(unix_sockets),
	    cmocka_unit_test_setup_teardown(a_socket_by_its_file, set_up_new, tear_down),
	};

	return cmocka_run_group_tests_name("trace_uses", tests, NULL, NULL);
}
