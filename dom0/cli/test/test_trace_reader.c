// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The reader of a made guest, as it is in a trace: in its own process, confined, asked over its
 * socket. And what it could do if its guest had taken it over: each attempt is made where it reads
 * the guest, by a reader of its own, since it may be the last thing that it does.
 */
#include "cli/graph.h"
#include "cli/trace_link.h"
#include "cli/trace_reader.h"
#include "dispatch/sandbox.h"
#include "dispatch/valgrind.h"
#include "objects.h"
#include "provenance/event.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define STACK 0xffffc90000100000ull
#define BEGIN 1000000000000ull
#define BOOT 7

static struct fixture *f;
static struct tocsin_process p;
static struct made_opened opened;

/* ---- its guest ---- */

/* One process is there when tracing begins. */
int graph_look(struct tocsin_kernel *k, const struct guest_options *o, const char *guest,
	       tocsin_trace_take *take, void *context, uint64_t *boot, struct tocsin_error *err)
{
	const struct tocsin_event_process who = {
	    .pid = 1, .comm = "init", .exe = "", .cmdline = "", .container = ""};
	const struct tocsin_trace_event e = {.kind = TOCSIN_TRACE_CREATED,
					     .source = TOCSIN_TRACE_BY_SAMPLE,
					     .since = 5,
					     .time = 5,
					     .guest = guest,
					     .boot = BOOT,
					     .who = &who,
					     .other = &who,
					     .detail = ""};

	*boot = BOOT;
	return take(&e, context);
}

static int open_made(uint32_t domid, struct tocsin_memory **ret, struct tocsin_error *err)
{
	*ret = &f->memory;
	return 0;
}

static int find_made(struct tocsin_memory *m, uint64_t cr3, struct tocsin_kernel_store *store,
		     struct tocsin_kernel **ret, struct tocsin_error *err)
{
	*ret = &f->k;
	return 0;
}

static int set_up(void **state)
{
	static const uint8_t nop[] = {0x0f, 0x1f, 0x44, 0x00, 0x00};

	f = fixture_open(made_traced);
	p = make_process(f);
	make_system(f);
	make_files(f, &p, make_net(f));
	fixture_symbol(f, "vfs_open", FIXTURE_TEXT + 0x40);
	fixture_put(f, FIXTURE_TEXT + 0x40, nop, sizeof(nop));
	fixture_set(f, "task_struct", p.task, "stack", STACK);
	fixture_ready(f);
	opened = make_opened(f, &p);
	return 0;
}

static int tear_down(void **state)
{
	fixture_close(f);
	return 0;
}

/* ---- the hand ---- */

static struct trace_link *l;
static struct tocsin_traced found[2];
static size_t found_count;
static char said[512];

static int take_found(void *context, const struct tocsin_traced *function)
{
	assert_in_range(found_count, 0, 1);
	found[found_count] = *function;
	found[found_count++].name = NULL;
	return 0;
}

static int take_seen(void *context, const struct trace_seen *s)
{
	size_t n = strlen(said);

	snprintf(said + n, sizeof(said) - n, "%s %d %s %.64s; ", tocsin_who_name(s->who.found),
		 s->who.pid, s->who.comm, s->has[1] ? s->objects[1].text : "-");
	return 0;
}

static int take_event(const struct tocsin_trace_event *e, void *context)
{
	size_t n = strlen(said);

	assert_string_equal(e->guest, "g");
	assert_int_equal(e->boot, BOOT);
	snprintf(said + n, sizeof(said) - n, "%s%s%s%s%.64s; ", tocsin_trace_kind_name(e->kind),
		 e->who ? " by " : "", e->who ? e->who->comm : "",
		 e->file || e->detail[0] ? ": " : "", e->file ? e->file->path : e->detail);
	return 0;
}

static struct trace_reader_settings reader;

static void run(void *start, int socket)
{
	trace_reader_run(start, socket);
}

static int start(bool graph, int (*find)(struct tocsin_memory *m, uint64_t cr3,
					 struct tocsin_kernel_store *store,
					 struct tocsin_kernel **ret, struct tocsin_error *err))
{
	static const char *const names[] = {"vfs_open", "none"};
	const struct trace_link_settings link = {.run = run,
						 .start = &reader,
						 .guest = "g",
						 .graph = graph,
						 .found = take_found,
						 .seen = take_seen,
						 .event = take_event};

	reader = (struct trace_reader_settings){.guest = "g",
						.domid = 9,
						.names = names,
						.count = 2,
						.graph = graph,
						.open = open_made,
						.find = find,
						.keep_stderr = true};
	found_count = 0;
	said[0] = 0;
	assert_int_equal(trace_link_open(&link, &l, NULL), 0);
	return trace_link_sync(l);
}

static void ask(const struct trace_ask *a)
{
	assert_int_equal(trace_link_ask(l, a), 0);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void ask_call(void)
{
	struct trace_ask a = {.kind = TRACE_ASK_CALL, .time = now()};

	a.call.rsp = STACK + 0x3000;
	a.call.wide = true;
	a.call.rsi = opened.file;
	ask(&a);
}

static void answers(const char *expected)
{
	if (trace_link_sync(l))
		fail_msg("%s", trace_link_failed(l));
	assert_string_equal(said, expected);
	said[0] = 0;
}

static void functions_are_found(void **state)
{
	assert_int_equal(start(false, find_made), 0);
	assert_int_equal(found_count, 2);
	assert_int_equal(found[0].found, 0);
	assert_true(found[0].function.site == FIXTURE_TEXT + 0x40);
	assert_true(found[0].function.gpa == FIXTURE_TEXT + 0x40 - FIXTURE_BASE);
	assert_int_equal(found[1].found, -ENOENT);
	trace_link_close(l);
}

static void calls_are_looked_at(void **state)
{
	assert_int_equal(start(false, find_made), 0);
	ask(&(struct trace_ask){.kind = TRACE_ASK_FLUSH});
	ask_call();
	ask_call();
	answers("now 700 worker /log; now 700 worker /log; ");
	/* which is no graph's */
	ask(&(struct trace_ask){.kind = TRACE_ASK_COMMIT});
	assert_int_equal(trace_link_sync(l), -EREMOTEIO);
	trace_link_close(l);
}

static void a_graph_is_stated(void **state)
{
	uint8_t frame[14 + 20 + 8 + 5] = {2, [12] = 8, [14] = 0x45, [17] = 33, [23] = 17};
	static const uint8_t card[6] = {2};
	const struct trace_counts *c;

	memcpy(frame + 26, (uint8_t[]){10, 0, 0, 9, 10, 0, 0, 5, 0, 7, 0, 99}, 12);
	assert_int_equal(start(true, find_made), 0);
	ask(&(struct trace_ask){.kind = TRACE_ASK_BEGIN, .time = BEGIN, .captures = true});
	answers("created by init; ");
	ask(&(struct trace_ask){.kind = TRACE_ASK_HARDWARE, .bytes = card, .size = 6});
	ask(&(struct trace_ask){.kind = TRACE_ASK_COLLECTED, .time = BEGIN});
	ask(&(struct trace_ask){
	    .kind = TRACE_ASK_COLLECTED, .function = 1, .time = BEGIN, .why = "no such function"});
	ask_call();
	ask(&(struct trace_ask){.kind = TRACE_ASK_LOST,
				.time = BEGIN,
				.until = BEGIN + 1,
				.lost = 3,
				.why = "the trace buffer was full"});
	ask(&(struct trace_ask){.kind = TRACE_ASK_PACKET,
				.time = BEGIN,
				.link = 1,
				.bytes = frame,
				.size = sizeof(frame)});
	answers("");
	ask(&(struct trace_ask){.kind = TRACE_ASK_COMMIT, .time = BEGIN + 2, .until = BEGIN + 2});
	ask(&(struct trace_ask){.kind = TRACE_ASK_FLOWS, .time = BEGIN + 2});
	answers("gap: the trace buffer was full; ");
	ask(&(struct trace_ask){.kind = TRACE_ASK_END, .time = now()});
	answers("flow; opened by worker: /log; gap: none: no such function; ");
	c = trace_link_counts(l);
	assert_int_equal(c->packets, 1);
	assert_int_equal(c->flows, 1);
	assert_int_equal(c->stats.calls, 1);
	assert_int_equal(c->stats.events[TOCSIN_TRACE_OPENED], 1);
	trace_link_close(l);
}

/* ---- taken over ---- */

static int (*attempted)(void);
static int before; /* a descriptor of the hand's */
static bool was_root;

static int find_and_attempt(struct tocsin_memory *m, uint64_t cr3,
			    struct tocsin_kernel_store *store, struct tocsin_kernel **ret,
			    struct tocsin_error *err)
{
	int rc;

	errno = 0;
	rc = attempted();
	return tocsin_error_set(err, -ENOEXEC, "attempt %s",
				rc < 0 ? strerror(errno) : "succeeded");
}

static int open_file(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static int open_privcmd(void)
{
	return open("/dev/xen/privcmd", O_RDWR);
}

static int open_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int use_descriptor(void)
{
	char byte;

	return (int)read(before, &byte, 1);
}

static int signal_hand(void)
{
	return kill(getppid(), SIGUSR1);
}

static int execute(void)
{
	return execl("/bin/true", "true", NULL);
}

static int begin_process(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int read_hand(void)
{
	return (int)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static int become_root(void)
{
	return (int)syscall(SYS_setresuid, 0, 0, 0);
}

static int call_hypervisor(void)
{
	return ioctl(3, 0x305000, NULL); /* IOCTL_PRIVCMD_HYPERCALL */
}

static int map_other(void)
{
	return ioctl(3, 0x305002, NULL); /* IOCTL_PRIVCMD_MMAP, which is of any domain's frames */
}

static int is_nobody_else(void)
{
	uint32_t uid = was_root ? TOCSIN_UID_READERS + 9 : getuid();

	errno = EPERM;
	return getuid() == uid && geteuid() == uid ? 0 : -1;
}

static void it_is_kept_in(void **state)
{
	static const struct {
		int (*attempt)(void);
		const char *ends;
	} attempts[] = {
	    {open_file, "attempt Permission denied"},
	    {open_privcmd, "attempt Permission denied"},
	    {open_socket, "attempt Permission denied"},
	    {use_descriptor, "attempt Bad file descriptor"},
	    {signal_hand, "ended by signal 31: it did what it must not"},
	    {execute, "ended by signal 31"},
	    {begin_process, "ended by signal 31"},
	    {read_hand, "ended by signal 31"},
	    {become_root, "ended by signal 31"},
	    {call_hypervisor, "ended by signal 31"},
	    {map_other, "ended by signal 31"},
	    {is_nobody_else, "attempt succeeded"},
	};

	if (UNDER_VALGRIND) /* whose own calls are made as the process's, so that none is forbidden
			     */
		return;
	was_root = !geteuid();
	before = open("/etc/passwd", O_RDONLY);
	assert_true(before > 2);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		attempted = attempts[i].attempt;
		assert_true(start(false, find_and_attempt) < 0);
		if (!strstr(trace_link_failed(l), attempts[i].ends))
			fail_msg("%zu: %s", i, trace_link_failed(l));
		trace_link_close(l);
	}
	close(before);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
	const struct CMUnitTest all[] = {TEST(functions_are_found), TEST(calls_are_looked_at),
					 TEST(a_graph_is_stated), TEST(it_is_kept_in)};

	return cmocka_run_group_tests(all, NULL, NULL);
}
