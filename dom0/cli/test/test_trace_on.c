// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin trace on from beginning to end, both of its processes, on a hypervisor and a guest that
 * are made: what it prints and keeps, and what is left when its reader dies or hangs. Each run is a
 * process of its own.
 */
#include "cli/command.h"
#include "cli/domain.h"
#include "cli/trace.h"
#include "cli/trace_records.h"
#include "fake_view.h"
#include "provenance/interface.h"
#include "trace/state.h"
#include "traced_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include <cmocka.h>

static char folder[32], path[64];

/* ---- the toolstack ---- */

int domain_open(const char *command, const char *name, struct tocsin_host **ret_host,
		struct tocsin_domain *ret)
{
	*ret_host = NULL;
	*ret = (struct tocsin_domain){.domid = FAKE_DOMID, .name = "shop", .uuid = {1, 2}};
	return 0;
}

int tocsin_host_open(struct tocsin_host **ret, struct tocsin_error *err)
{
	return -ENOENT;
}

void tocsin_host_close(struct tocsin_host *h)
{
}

int tocsin_host_list(struct tocsin_host *h, struct tocsin_domain **ret, size_t *count,
		     struct tocsin_error *err)
{
	return -ENOENT;
}

int tocsin_host_hardware(struct tocsin_host *h, uint32_t domid, uint32_t number, uint8_t ret[6])
{
	return -ENOENT;
}

int __real_tocsin_state_open(const char *in, uint32_t domid, const uint8_t uuid[16],
			     struct tocsin_state *ret, pid_t *holder, struct tocsin_error *err);
int __wrap_tocsin_state_open(const char *in, uint32_t domid, const uint8_t uuid[16],
			     struct tocsin_state *ret, pid_t *holder, struct tocsin_error *err);

int __wrap_tocsin_state_open(const char *in, uint32_t domid, const uint8_t uuid[16],
			     struct tocsin_state *ret, pid_t *holder, struct tocsin_error *err)
{
	return __real_tocsin_state_open(folder, domid, uuid, ret, holder, err);
}

/* ---- one interface, of which a packet comes ---- */

struct tocsin_trace_interface {
	int given;
};

int tocsin_trace_interface_open(const char *name, struct tocsin_trace_interface **ret,
				struct tocsin_error *err)
{
	static struct tocsin_trace_interface one;

	*ret = &one;
	return 0;
}

void tocsin_trace_interface_close(struct tocsin_trace_interface *i)
{
}

int tocsin_trace_interface_take(struct tocsin_trace_interface *i, unsigned int most,
				tocsin_trace_packet *take, void *context)
{
	static const uint8_t junk[60] = {1};

	return i->given++ ? 0 : take(context, 1, 1, junk, sizeof(junk)) ? -EIO : 1;
}

uint64_t tocsin_trace_interface_dropped(struct tocsin_trace_interface *i)
{
	return 0;
}

/* ---- records ---- */

/* At which look something happens to the reader; 0: never. */
static int signal_at, signal_is;
static unsigned int calls; /* of vfs_open, in the second look */

struct trace_records {
	struct trace_records_settings s;
	int looks;
	uint32_t seq;
};

int trace_records_open(const struct trace_records_settings *settings, struct trace_records **ret,
		       struct tocsin_error *err)
{
	static struct trace_records r;

	r = (struct trace_records){.s = *settings};
	*ret = &r;
	return 0;
}

void trace_records_close(struct trace_records *r)
{
}

int trace_records_fd(const struct trace_records *r)
{
	return -1;
}

const char *trace_records_from(const struct trace_records *r)
{
	return "buffers";
}

static void signal_reader(void)
{
	char name[64];
	int pid = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(name, "re");
	if (!f || fscanf(f, "%d", &pid) != 1)
		abort();
	fclose(f);
	kill(pid, signal_is);
}

static int give_call(struct trace_records *r)
{
	struct tocsin_event e = {.kind = TOCSIN_EVENT_CALL, .tsc = __rdtsc()};

	e.call = (struct tocsin_traced_call){.domid = FAKE_DOMID,
					     .site = traced_guest_site(),
					     .seq = ++r->seq,
					     .rsp = traced_guest_stack(),
					     .wide = true,
					     .rsi = traced_guest_file()};
	return r->s.fn(r->s.context, &e);
}

int trace_records_take(struct trace_records *r, int64_t now_ms, uint64_t now_tsc,
		       uint64_t *complete, struct tocsin_error *err)
{
	struct tocsin_event lost = {.kind = TOCSIN_EVENT_LOST, .count = 3};
	int rc = 0;

	r->looks++;
	if (r->looks == signal_at)
		signal_reader();
	for (unsigned int i = 0; r->looks == 2 && i < calls && !rc; i++)
		rc = give_call(r);
	if (r->looks == 3 && !rc)
		rc = r->s.fn(r->s.context, &lost);
	if (r->looks >= 4 && r->looks <= 5 && !rc) /* one of them before the reader is signalled */
		rc = give_call(r);
	*complete = now_tsc;
	return rc < 0 ? rc : (int)calls;
}

/* ---- runs ---- */

static char out[1 << 20], errors[4096], graph[4096];

static void slurp(const char *name, char *to, size_t size)
{
	FILE *f = fopen(name, "re");
	size_t n = f ? fread(to, 1, size - 1, f) : 0;

	to[n] = 0;
	if (f)
		fclose(f);
}

static void redirect(const char *name, int to)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 || dup2(fd, to) < 0)
		abort();
}

/* As a user calls it; the exit code. What the hypervisor has afterwards must be nothing. */
static int run(int argc, char **argv)
{
	char said[64], complained[64];
	struct fixture *f;
	int status;
	pid_t pid;

	snprintf(said, sizeof(said), "%s/out", folder);
	snprintf(complained, sizeof(complained), "%s/err", folder);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		redirect(said, STDOUT_FILENO);
		redirect(complained, STDERR_FILENO);
		f = traced_guest_make();
		fake_begin(f);
		status = trace_on(argc, argv);
		fflush(stdout);
		if (xen.current || xen.populated || xen.mapped || xen.trace.sites || xen.trace.view)
			status = 99;
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	slurp(said, out, sizeof(out));
	slurp(complained, errors, sizeof(errors));
	traced_guest_graph(path, graph, sizeof(graph));
	return WEXITSTATUS(status);
}

#define RUN(...) run(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *), (char *[]){__VA_ARGS__})

static unsigned int count(const char *text)
{
	unsigned int n = 0;

	for (const char *at = out; (at = strstr(at, text)); at++)
		n++;
	return n;
}

static void has(const char *where, const char *text)
{
	if (!strstr(where, text))
		fail_msg("'%s' lacks '%s'; errors: %s", where, text, errors);
}

static void calls_are_printed_in_their_order(void **state)
{
	const char *at = out;

	calls = 700; /* more than are handed on at once */
	assert_int_equal(RUN("on", "shop", "--functions", "vfs_open,none", "--for", "2"),
			 EXIT_DONE);
	assert_string_equal(errors, "");
	has(out, "\"function\":\"none\",\"collected\":false,\"reason\":\"this kernel has no "
		 "function none\"");
	assert_int_equal(count("\"kind\":\"call\""), 702);
	for (int seq = 1; seq <= 700; seq++) {
		char text[32];

		snprintf(text, sizeof(text), "\"seq\":%d,", seq);
		at = strstr(at, text);
		assert_non_null(at);
	}
	/* what was lost after them is told after them, and before the next */
	at = strstr(at, "\"kind\":\"loss\"");
	assert_non_null(at);
	assert_non_null(strstr(at, "\"seq\":701,"));
	has(out, "\"process\":{\"found\":\"now\",\"pid\":700,\"tid\":700,");
	has(out, "\"path\":\"/log\"");
	has(out, "\"state\":\"off\",\"functions\":1,\"calls\":702,\"missing\":0,"
		 "\"records\":\"buffers\"}");
}

static void a_graph_is_kept(void **state)
{
	calls = 30;
	assert_int_equal(RUN("on", "shop", "--functions", "vfs_open", "--for", "2", "--graph-file",
			     path, "--capture", "lo"),
			 EXIT_DONE);
	assert_string_equal(errors, "");
	assert_int_equal(count("\"kind\":\"call\""), 0);
	has(out, "\"kind\":\"graph\"");
	has(out, "\"events\":{\"opened\":32,");
	has(out, "\"gap\":1},");
	has(out, "\"capture\":{\"packets\":1,");
	has(graph, "process worker; ");
	has(graph, "file /log; ");
	has(graph, "gap the trace buffer was full; ");
}

/* The guest is as before, the graph says since when nothing is known, and so does who traces. */
static void a_reader_that_dies_ends_the_trace(void **state)
{
	calls = 30;
	signal_at = 5;
	signal_is = SIGKILL;
	assert_int_equal(RUN("on", "shop", "--functions", "vfs_open", "--for", "60", "--graph-file",
			     path, "--no-capture"),
			 EXIT_FAILED);
	has(errors, "tocsin trace on: the process that reads the guest was ended by signal 9\n");
	has(graph, "file /log; ");
	has(graph, "gap the process that reads the guest was ended by signal 9; ");
	assert_int_equal(RUN("on", "shop", "--functions", "vfs_open", "--for", "60"), EXIT_FAILED);
	has(errors, "was ended by signal 9\n");
	assert_int_equal(count("\"kind\":\"call\""), 31);
	signal_at = 0;
}

static void a_reader_that_hangs_ends_the_trace(void **state)
{
	calls = 1;
	signal_at = 5;
	signal_is = SIGSTOP;
	assert_int_equal(RUN("on", "shop", "--functions", "vfs_open", "--for", "60"), EXIT_FAILED);
	has(errors, "has not answered for 10 seconds\n");
	signal_at = 0;
}

static void what_cannot_be_traced_is_said(void **state)
{
	assert_int_equal(RUN("on", "shop", "--functions", "none"), EXIT_FAILED);
	has(errors, "none of the functions can be traced: this kernel has no function none");
	assert_int_equal(
	    RUN("on", "shop", "--functions", "vfs_open", "--capture", "no-such", "--graph"),
	    EXIT_FAILED);
	has(errors, "no such interface");
}

static int set_up(void **state)
{
	strcpy(folder, "/tmp/tocsin-on-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/graph", folder);
	setenv("TOCSIN_KERNEL_CACHE", "", 1);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = {"out",       "err",       "graph",
					    "graph-wal", "graph-shm", "trace.7"};
	char name[64];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(name, sizeof(name), "%s/%s", folder, files[i]);
		unlink(name);
	}
	return rmdir(folder);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
	const struct CMUnitTest all[] = {
	    TEST(calls_are_printed_in_their_order),  TEST(a_graph_is_kept),
	    TEST(a_reader_that_dies_ends_the_trace), TEST(a_reader_that_hangs_ends_the_trace),
	    TEST(what_cannot_be_traced_is_said),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
