// SPDX-License-Identifier: GPL-2.0-or-later
/* Times in which functions of a traced guest were not recorded are in its graph's file. */
#include "cli/graph.h"
#include "cli/trace_graph.h"
#include "cli/trace_store.h"
#include "objects.h"
#include "provenance/graph.h"
#include "provenance/store.h"

#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BEGIN (1000 * SECOND)
#define SECOND 1000000000ull
#define MS 1000000ull
#define STACK MADE_STACK

static struct fixture *f;
static struct tocsin_process p;
static struct tocsin_who_cache *who;
static struct trace_graph *graph;
static struct trace_store *to;
static char path[64];

/* Nothing is in the guest when tracing begins. */
int graph_look(struct tocsin_kernel *k, const struct guest_options *o, const char *guest,
	       tocsin_trace_take *take, void *context, uint64_t *boot, struct tocsin_error *err)
{
	*boot = 7;
	return 0;
}

static void begin(uint64_t since)
{
	assert_int_equal(trace_store_open(path, "g", &to, NULL), 0);
	assert_int_equal(
	    trace_graph_open("g", &f->k, who, since, trace_store_take, to, &graph, NULL), 0);
}

static int set_up(void **state)
{
	f = fixture_open(made_traced);
	p = make_caller(f);
	fixture_ready(f);
	assert_int_equal(tocsin_who_open(&f->k, &who, NULL), 0);
	strcpy(path, "/tmp/tocsin-graph-XXXXXX");
	close(mkstemp(path));
	unlink(path);
	begin(BEGIN);
	return 0;
}

static int tear_down(void **state)
{
	tocsin_who_close(who);
	fixture_close(f);
	unlink(path);
	return 0;
}

static void collected(size_t function, const char *name, const char *why, uint64_t time)
{
	assert_int_equal(trace_graph_collected(graph, function, name, why, time), 0);
}

/* Close it, and tell the gaps of what is in its file: "why since-until" in milliseconds. */
static void holds(uint64_t now, const char *expected)
{
	const struct tocsin_trace_gap *gap;
	struct tocsin_trace_store *store;
	size_t size;
	struct tocsin_traced_stats stats;
	struct tocsin_provenance *g;
	char said[1024] = "";

	assert_int_equal(trace_graph_end(graph, now, &stats), 0);
	trace_graph_close(graph);
	assert_int_equal(trace_store_close(to, NULL), 0);
	assert_int_equal(tocsin_trace_store_open(path, NULL, &store, NULL), 0);
	assert_int_equal(tocsin_trace_store_load(store, 0, 0, NULL, &g, NULL), 0);
	for (uint32_t i = 0; (gap = tocsin_provenance_gap(g, i)); i++)
		snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s %d-%d\n",
			 tocsin_provenance_text(g, gap->why, &size),
			 (int)((gap->since - BEGIN) / MS), (int)((gap->until - BEGIN) / MS));
	tocsin_provenance_free(g);
	tocsin_trace_store_close(store);
	assert_string_equal(said, expected);
}

static void what_the_guest_patches_is_marked(void **state)
{
	collected(0, "vfs_open", NULL, BEGIN);
	collected(1, "do_exit", NULL, BEGIN);
	collected(0, "vfs_open", "the guest wrote to its page", BEGIN + 5 * MS);
	collected(0, "vfs_open", NULL, BEGIN + 26 * MS);
	collected(1, "do_exit", "the guest read its page", BEGIN + 30 * MS);
	assert_int_equal(trace_graph_commit(graph, BEGIN + 40 * MS, BEGIN + 50 * MS), 0);
	collected(1, "do_exit", "the guest's own ftrace has it", BEGIN + 51 * MS);
	holds(BEGIN + 99 * MS, "vfs_open: the guest wrote to its page 5-26\n"
			       "do_exit: the guest read its page 30-51\n"
			       "do_exit: the guest's own ftrace has it 51-99\n");
}

/* What lasts is told from time to time, as one. */
static void what_a_kernel_lacks_is_marked_all_the_time(void **state)
{
	collected(0, "d_exchange", "no function d_exchange", BEGIN);
	for (uint64_t s = 1; s < 25; s++)
		assert_int_equal(trace_graph_commit(graph, BEGIN, BEGIN + s * SECOND), 0);
	holds(BEGIN + 25 * SECOND, "d_exchange: no function d_exchange 0-25000\n");
}

static void nothing_is_marked_if_all_is_recorded(void **state)
{
	collected(0, "vfs_open", NULL, BEGIN);
	/* A file without anything in it is not made: something must be there. */
	assert_int_equal(tocsin_traced_events_gap(trace_graph_events(graph), BEGIN + 1 * MS,
						  BEGIN + 2 * MS, 3, "a loss"),
			 0);
	holds(BEGIN + SECOND, "a loss 1-2\n");
}

static void no_name_leads_out_of_the_folder(void **state)
{
	static const char *const names[] = {"", "..", "../a", "a/b"};
	struct tocsin_error err;
	struct trace_store *s;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		err = (struct tocsin_error){0};
		assert_int_equal(trace_store_open(NULL, names[i], &s, &err), -EINVAL);
		assert_non_null(strstr(err.message, "--graph-file"));
	}
	trace_graph_close(graph);
	assert_int_equal(trace_store_close(to, NULL), 0);
}

/* A graph that exists goes on; what happened meanwhile is not in it. */
static void the_time_between_two_tracings_is_marked(void **state)
{
	assert_int_equal(tocsin_traced_events_gap(trace_graph_events(graph), BEGIN + 1 * MS,
						  BEGIN + 2 * MS, 3, "a loss"),
			 0);
	holds(BEGIN + SECOND, "a loss 1-2\n");
	begin(BEGIN + 60 * SECOND);
	assert_int_equal(trace_store_absence(to, BEGIN + 60 * SECOND), 0);
	holds(BEGIN + 61 * SECOND, "a loss 1-2\nthe guest was not traced 2-60000\n");
}

static int create(uint32_t pid, uint64_t time)
{
	const struct tocsin_event_process parent = {.pid = (int32_t)pid,
						    .start_time = pid,
						    .uid = UINT32_MAX,
						    .euid = UINT32_MAX,
						    .comm = "a",
						    .exe = "",
						    .cmdline = "",
						    .container = ""};
	struct tocsin_event_process other = parent;
	const struct tocsin_trace_event e = {.kind = TOCSIN_TRACE_CREATED,
					     .since = time,
					     .time = time,
					     .guest = "g",
					     .boot = 7,
					     .who = &parent,
					     .other = &other,
					     .detail = "",
					     .resolved = true};

	other.pid++;
	other.start_time++;
	return trace_graph_wire(&e, graph);
}

/* As on a disk that is full: the tracing goes on, and what could not be kept is marked. */
static void what_cannot_be_written_ends_nothing(void **state)
{
	const uint32_t room = 16 * 16384, lost = 5;
	sqlite3 *other;

	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (uint32_t i = 0; i < room + lost; i++)
		assert_int_equal(create(i + 1, BEGIN + (i < room ? MS : i - room + 2 * MS)), 0);
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	sleep(TOCSIN_TRACE_STORE_DELAY + 1);
	assert_int_equal(create(room + lost, BEGIN + 3 * MS), 0);
	holds(BEGIN + SECOND, "the graph could not be written 2-3\n");
}

/* That a socket is sure ends as soon as it is not seen when one is made, not when that is told. */
static void what_is_sure_ends_at_once(void **state)
{
	struct tocsin_function fn = {.typed = true, .count = 1};
	struct tocsin_traced_call call = {.wide = true};
	struct tocsin_traced_events *ev = trace_graph_events(graph);
	struct tocsin_traced_stats stats;
	struct tocsin_file_list list;

	assert_int_equal(tocsin_file_list(&f->k, &p, &list, NULL), 0);
	for (size_t i = 0; i < list.count; i++)
		if (list.rows[i].is_socket)
			call.rdi = list.rows[i].socket.sock;
	tocsin_file_list_free(&list);
	fixture_set(f, "sock", call.rdi, "__sk_common.skc_dport", 0x5000);
	fixture_set(f, "sock", call.rdi, "__sk_common.skc_num", 40000);
	fn.parameters[0] = (struct tocsin_parameter){.target = "sock", .pointer = true};
	call.rsp = STACK + 0x3000;
	for (int i = 0; i < 2; i++) {
		const char *why = i ? "the guest wrote to its page" : NULL;

		assert_int_equal(tocsin_traced_events_call(ev, "security_sk_alloc", &fn, &call,
							   BEGIN + 1, BEGIN + MS),
				 0);
		collected(0, "security_sk_alloc", why, BEGIN + 2);
		assert_int_equal(
		    tocsin_traced_events_call(ev, "tcp_connect", &fn, &call, BEGIN + 3, BEGIN + MS),
		    0);
		assert_int_equal(tocsin_traced_events_commit(ev, UINT64_MAX), 0);
		stats = tocsin_traced_events_stats(ev);
		assert_int_equal(stats.unresolved[TOCSIN_TRACE_CONNECTED], i);
	}
	assert_int_equal(trace_graph_end(graph, BEGIN + SECOND, &stats), 0);
	trace_graph_close(graph);
	assert_int_equal(trace_store_close(to, NULL), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest all[] = {
	    TEST(what_the_guest_patches_is_marked),
	    TEST(what_a_kernel_lacks_is_marked_all_the_time),
	    TEST(nothing_is_marked_if_all_is_recorded),
	    TEST(no_name_leads_out_of_the_folder),
	    TEST(the_time_between_two_tracings_is_marked),
	    TEST(what_is_sure_ends_at_once),
	    TEST(what_cannot_be_written_ends_nothing),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
