// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of the live view: order, filter, selection, and lines that fit and are clean. */
#include "cli/watch_recent.h"
#include "cli/watch_table.h"
#include "output/event.h"

#include <locale.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <wchar.h>

#include <cmocka.h>

#define SECOND 1000000000ull

static const char *const names[] = {"alpha", "beta"};

/* Two guests of four sockets and three processes each. */
struct world {
	struct watch_socket sockets[2][4];
	struct watch_process processes[2][3];
	struct watch_snapshot snapshots[2];
	const struct watch_snapshot *seen[2];
	size_t guests;
	struct watch_table t;
};

static void make_socket(struct watch_socket *s, uint64_t id, uint16_t port, const char *comm)
{
	*s = (struct watch_socket){.e = {.id = id,
					 .seen = (100 - id) * SECOND,
					 .direction = TOCSIN_DIRECTION_OUT,
					 .socket = {.sock = id * 0x100,
						    .family = AF_INET,
						    .type = SOCK_STREAM,
						    .protocol = IPPROTO_TCP,
						    .state = TCP_ESTABLISHED,
						    .local = {10, 0, 0, 1},
						    .remote = {192, 0, 2, (uint8_t)id},
						    .local_port = port,
						    .remote_port = 443,
						    .counted = true,
						    .bytes_sent = id * 3000,
						    .bytes_received = id}},
				   .pid = (int32_t)id * 10,
				   .holders = id};
	snprintf(s->comm, sizeof(s->comm), "%s", comm);
}

static void make_guest(struct world *w, size_t g)
{
	struct watch_socket *s = w->sockets[g];
	struct watch_process *p = w->processes[g];

	make_socket(&s[0], 1, 9000, "curl");
	make_socket(&s[1], 2, 700, "sshd");
	make_socket(&s[2], 3, 80000 % 65536, "nginx");
	make_socket(&s[3], 4, 443, "nginx");
	s[3].e.socket.state = TCP_LISTEN;
	s[3].listens = true;
	s[3].e.socket.counted = false;
	for (int i = 0; i < 3; i++) {
		p[i] = (struct watch_process){.pid = i + 1,
					      .ppid = i,
					      .start_time = (uint64_t)i * SECOND,
					      .uid = 1000,
					      .euid = i ? 1000 : 0,
					      .listeners = i == 2,
					      .connections = (uint32_t)i};
		snprintf(p[i].comm, sizeof(p[i].comm), "p%d", i);
	}
	w->snapshots[g] =
	    (struct watch_snapshot){.standing = {.time = 100 * SECOND, .booted = SECOND},
				    .sockets = s,
				    .socket_count = 4,
				    .processes = p,
				    .process_count = 3};
	w->seen[g] = &w->snapshots[g];
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	make_guest(w, 0);
	make_guest(w, 1);
	w->guests = 1;
	watch_table_init(&w->t);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	watch_table_free(&w->t);
	free(w);
	return 0;
}

static void fill(struct world *w)
{
	assert_int_equal(watch_table_fill(&w->t, w->seen, names, w->guests), 0);
}

/* The ids or pids of the rows, in their order. */
static void expect(struct world *w, const char *expected)
{
	char got[256] = "";

	fill(w);
	for (size_t i = 0; i < w->t.count; i++) {
		const struct watch_row *r = &w->t.rows[i];

		sprintf(got + strlen(got), "%s%d", i ? " " : "",
			r->socket ? (int)r->socket->e.id : r->process->pid);
	}
	assert_string_equal(got, expected);
}

static void sort_by(struct world *w, const char *title)
{
	const struct watch_column *c = watch_columns[w->t.mode];
	size_t n = 0;

	while (strcmp(c[n].title, title) != 0)
		n++;
	for (int i = 0; i < WATCH_COLUMNS_MAX; i++)
		watch_table_obey(&w->t, WATCH_SORT_LEFT);
	while (w->t.sort[w->t.mode] < n)
		assert_true(watch_table_obey(&w->t, WATCH_SORT_RIGHT));
	assert_int_equal(w->t.sort[w->t.mode], n);
}

static void type(struct world *w, const char *text)
{
	char one[2] = "";

	for (; *text; text++) {
		one[0] = *text;
		assert_true(watch_table_filter_add(&w->t, one));
	}
}

static void rows_are_sorted_by_any_column_and_back(void **state)
{
	struct world *w = *state;

	expect(w, "1 2 3 4"); /* the newest first */
	watch_table_obey(&w->t, WATCH_REVERSE);
	expect(w, "4 3 2 1");
	watch_table_obey(&w->t, WATCH_REVERSE);
	sort_by(w, "LOCAL"); /* ports as numbers: 443, 700, 9000, 14464 */
	expect(w, "4 2 1 3");
	sort_by(w, "COMM");
	expect(w, "1 3 4 2");
	sort_by(w, "OUT"); /* the most first, what is not known last */
	expect(w, "3 2 1 4");
	sort_by(w, "HOLDERS");
	expect(w, "4 3 2 1");
	for (int i = 0; i < 100; i++) /* there is no column beyond */
		watch_table_obey(&w->t, WATCH_SORT_RIGHT);
	expect(w, "4 3 2 1");
}

static void what_leads_out_comes_first_among_equals(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 4; i++)
		w->sockets[0][i].e.seen = w->sockets[0][0].e.seen;
	expect(w, "1 2 3 4");
	w->sockets[0][0].e.socket.family = AF_NETLINK;
	expect(w, "2 3 4 1");
}

static void every_column_orders_and_speaks(void **state)
{
	struct world *w = *state;
	char cell[WATCH_CELL_SIZE];

	w->guests = 2;
	for (int mode = 0; mode < WATCH_MODES; mode++) {
		for (const struct watch_column *c = watch_columns[w->t.mode]; c->title; c++) {
			fill(w);
			for (size_t i = 0; i < w->t.count; i++) {
				memset(cell, 'x', sizeof(cell));
				c->text(&w->t.rows[i], cell);
				assert_non_null(memchr(cell, 0, sizeof(cell)));
				for (size_t n = 0; n < w->t.count; n++) {
					int there = c->compare(&w->t.rows[i], &w->t.rows[n]);
					int back = c->compare(&w->t.rows[n], &w->t.rows[i]);

					assert_true((there > 0) == (back < 0));
					assert_true(i != n || !there);
				}
			}
		}
		watch_table_obey(&w->t, WATCH_MODE);
	}
}

static void processes_are_the_other_mode(void **state)
{
	struct world *w = *state;
	struct watch_layout l;
	char line[WATCH_LINE_SIZE];

	assert_true(watch_table_obey(&w->t, WATCH_MODE));
	expect(w, "3 2 1");
	sort_by(w, "PID");
	expect(w, "1 2 3");
	watch_table_layout(&w->t, 80, &l);
	watch_table_line(&w->t, &l, 0, line);
	assert_non_null(strstr(line, "1000>0"));
	assert_non_null(strstr(line, "1m39")); /* began as the guest did, 99 seconds ago */
	watch_table_obey(&w->t, WATCH_LISTENING);
	expect(w, "3");
	watch_table_obey(&w->t, WATCH_MODE);
	expect(w, "4");
	watch_table_obey(&w->t, WATCH_CLEAR);
	expect(w, "1 2 3 4");
}

static void all_words_of_the_filter_must_be_there(void **state)
{
	struct world *w = *state;

	type(w, "NGINX");
	expect(w, "3 4");
	assert_int_equal(w->t.all, 4);
	type(w, " listen");
	expect(w, "4");
	type(w, " ssh");
	expect(w, "");
	for (int i = 0; i < 11; i++)
		assert_true(watch_table_filter_erase(&w->t));
	expect(w, "3 4");
	watch_table_obey(&w->t, WATCH_CLEAR);
	expect(w, "1 2 3 4");
	assert_false(watch_table_filter_erase(&w->t));
	type(w, "192.0.2.2");
	expect(w, "2");
}

static void a_filter_has_an_end_and_whole_characters(void **state)
{
	struct world *w = *state;

	assert_true(watch_table_filter_add(&w->t, "\303\274"));
	assert_true(watch_table_filter_erase(&w->t));
	assert_string_equal(w->t.filter, "");
	for (int i = 0; i < WATCH_FILTER_SIZE - 1; i++)
		assert_true(watch_table_filter_add(&w->t, "x"));
	assert_false(watch_table_filter_add(&w->t, "x"));
	assert_int_equal(strlen(w->t.filter), WATCH_FILTER_SIZE - 1);
}

static void the_selected_row_stays_selected(void **state)
{
	struct world *w = *state;

	fill(w);
	watch_table_obey(&w->t, WATCH_DOWN);
	watch_table_obey(&w->t, WATCH_DOWN);
	assert_int_equal(w->t.rows[w->t.selected].socket->e.id, 3);
	watch_table_obey(&w->t, WATCH_REVERSE);
	fill(w);
	assert_int_equal(w->t.rows[w->t.selected].socket->e.id, 3);
	/* In another snapshot; the one before may be gone. */
	memset(w->sockets[1], 0, sizeof(w->sockets[1]));
	make_guest(w, 1);
	w->seen[0] = &w->snapshots[1];
	memset(w->sockets[0], 0xff, sizeof(w->sockets[0]));
	fill(w);
	assert_int_equal(w->t.rows[w->t.selected].socket->e.id, 3);
	/* When it is gone, its place is. */
	w->snapshots[1].socket_count = 2;
	fill(w);
	assert_true(w->t.selected < w->t.count);
	w->snapshots[1].socket_count = 0;
	fill(w);
	assert_int_equal(w->t.selected, 0);
	for (int action = WATCH_UP; action <= WATCH_CLEAR; action++)
		watch_table_obey(&w->t, action);
}

static void at_the_top_it_stays_at_the_top(void **state)
{
	struct world *w = *state;

	fill(w);
	assert_int_equal(w->t.rows[w->t.selected].socket->e.id, 1);
	watch_table_obey(&w->t, WATCH_REVERSE);
	fill(w);
	assert_int_equal(w->t.selected, 0);
}

static void it_scrolls_by_lines_pages_and_to_the_ends(void **state)
{
	struct world *w = *state;

	w->guests = 2;
	fill(w);
	assert_int_equal(w->t.count, 8);
	watch_table_scroll(&w->t, 3);
	assert_int_equal(w->t.top, 0);
	watch_table_obey(&w->t, WATCH_PAGE_DOWN);
	watch_table_scroll(&w->t, 3);
	assert_int_equal(w->t.selected, 3);
	assert_int_equal(w->t.top, 1);
	watch_table_obey(&w->t, WATCH_END);
	watch_table_scroll(&w->t, 3);
	assert_int_equal(w->t.selected, 7);
	assert_int_equal(w->t.top, 5);
	watch_table_obey(&w->t, WATCH_DOWN);
	assert_int_equal(w->t.selected, 7);
	watch_table_scroll(&w->t, 100); /* a larger screen has them all */
	assert_int_equal(w->t.top, 0);
	watch_table_scroll(&w->t, 0);
	assert_int_equal(w->t.top, 7);
	watch_table_obey(&w->t, WATCH_HOME);
	watch_table_scroll(&w->t, 3);
	assert_int_equal(w->t.top, 0);
	watch_table_obey(&w->t, WATCH_PAGE_UP);
	assert_int_equal(w->t.selected, 0);
}

static bool has_column(const struct watch_layout *l, const char *title)
{
	for (size_t i = 0; i < l->count; i++)
		if (!strcmp(l->at[i].column->title, title))
			return true;
	return false;
}

static int cells_of(const char *text)
{
	wchar_t wide[WATCH_LINE_SIZE];
	size_t n = mbstowcs(wide, text, WATCH_LINE_SIZE);

	assert_true(n < WATCH_LINE_SIZE);
	return wcswidth(wide, n);
}

static void columns_give_way_by_priority(void **state)
{
	struct world *w = *state;
	struct watch_layout l;

	fill(w);
	watch_table_layout(&w->t, 80, &l);
	assert_true(has_column(&l, "LOCAL") && has_column(&l, "REMOTE") && has_column(&l, "STATE"));
	assert_true(has_column(&l, "PID") && has_column(&l, "COMM"));
	assert_false(has_column(&l, "CONTAINER"));
	assert_false(has_column(&l, "GUEST")); /* there is but one */
	watch_table_layout(&w->t, 200, &l);
	assert_true(has_column(&l, "CONTAINER") && has_column(&l, "OUT/S"));
	watch_table_layout(&w->t, 30, &l);
	assert_true(has_column(&l, "LOCAL") && !has_column(&l, "REMOTE") && has_column(&l, "PID"));
	w->guests = 2;
	fill(w);
	watch_table_layout(&w->t, 80, &l);
	assert_true(has_column(&l, "GUEST"));
}

static void lines_fit_any_width(void **state)
{
	struct world *w = *state;
	struct watch_layout l;
	char line[WATCH_LINE_SIZE];

	w->guests = 2;
	for (int mode = 0; mode < WATCH_MODES; mode++) {
		fill(w);
		for (int width = 0; width < 1500; width = width < 200 ? width + 1 : width + 97) {
			watch_table_layout(&w->t, width, &l);
			assert_true(!width || l.count);
			watch_table_head(&w->t, &l, line);
			assert_true(cells_of(line) <= width);
			watch_table_line(&w->t, &l, 1, line);
			assert_true(cells_of(line) <= width);
		}
		watch_table_obey(&w->t, WATCH_MODE);
	}
}

/* What a terminal acts on never comes out of a row, wherever it stands. */
static void hostile_bytes_come_out_clean(void **state)
{
	static const char evil[] = "\033]0;x\007\302\233A\b\n\342\200\256\303(\\";
	struct world *w = *state;
	struct watch_layout l;
	char line[WATCH_LINE_SIZE];
	struct tocsin_socket *s = &w->sockets[0][0].e.socket;

	memcpy(w->sockets[0][0].comm, evil, TOCSIN_COMM_SIZE);
	memcpy(w->sockets[0][0].container, evil, WATCH_CONTAINER_SIZE);
	s->family = AF_UNIX;
	s->protocol = 0;
	memset(s->name, 0x1b, sizeof(s->name));
	memcpy(s->name, evil, sizeof(evil) - 1);
	s->name_size = sizeof(s->name);
	memcpy(w->processes[0][0].comm, evil, TOCSIN_COMM_SIZE);
	memset(w->processes[0][0].command, 0x9b, WATCH_COMMAND_SIZE);
	memcpy(w->processes[0][0].command, evil, sizeof(evil) - 1);
	w->processes[0][0].command_size = WATCH_COMMAND_SIZE;
	for (int mode = 0; mode < WATCH_MODES; mode++) {
		fill(w);
		watch_table_layout(&w->t, 1000, &l);
		for (size_t i = 0; i < w->t.count; i++) {
			watch_table_line(&w->t, &l, i, line);
			for (const char *c = line; *c; c++)
				assert_true(*c >= ' ' && *c < 127);
		}
		watch_table_obey(&w->t, WATCH_MODE);
	}
	type(w, "x1b");
	fill(w);
	assert_int_equal(w->t.count, 1);
	watch_table_layout(&w->t, 1000, &l);
	watch_table_line(&w->t, &l, 0, line);
	assert_non_null(strstr(line, "\\x1b]0;x\\x07"));
}

static void the_ends_of_sockets_have_words(void **state)
{
	struct tocsin_socket s = {.family = AF_INET6,
				  .local = {[15] = 1},
				  .local_port = 22,
				  .interface = 3,
				  .protocol = 16,
				  .port_id = 99,
				  .name = "\0x\nhidden",
				  .name_size = 3};
	char text[TOCSIN_LOCAL_SIZE];

	assert_string_equal(tocsin_output_local(&s, text), "[::1]:22%3");
	assert_string_equal(tocsin_output_endpoint(&s, true, text), "[::]:0");
	s.interface = 0;
	s.family = AF_INET;
	assert_string_equal(tocsin_output_local(&s, text), "0.0.0.0:22");
	s.family = AF_UNIX;
	assert_string_equal(tocsin_output_local(&s, text), "@x\\x0a");
	assert_string_equal(tocsin_output_endpoint(&s, true, text), "");
	s.name_size = 0;
	assert_string_equal(tocsin_output_local(&s, text), "");
	memset(s.name, '\033', sizeof(s.name));
	s.name_size = SIZE_MAX;
	s.interface = UINT32_MAX;
	assert_int_equal(strlen(tocsin_output_local(&s, text)), 4 * sizeof(s.name) + 11);
	s.interface = 0;
	s.family = AF_NETLINK;
	assert_string_equal(tocsin_output_local(&s, text), "16:99");
	s.family = AF_PACKET;
	assert_string_equal(tocsin_output_local(&s, text), "0x0010");
	s.family = 12345;
	assert_string_equal(tocsin_output_local(&s, text), "");
}

static const char *fit(const char *text, int width, bool right)
{
	static char ret[64];
	size_t length = watch_fit(text, width, right, ret, sizeof(ret));

	assert_int_equal(length, strlen(ret));
	return ret;
}

static void text_fits_by_cells(void **state)
{
	assert_string_equal(fit("abc", 5, false), "abc  ");
	assert_string_equal(fit("abc", 5, true), "  abc");
	assert_string_equal(fit("abc", 3, true), "abc");
	assert_string_equal(fit("abcd", 3, false), "ab+");
	assert_string_equal(fit("123456", 3, true), "12+"); /* no wrong number */
	assert_string_equal(fit("ab", 1, false), "+");
	assert_string_equal(fit("ab", 0, false), "");
	assert_string_equal(fit("\344\270\255\346\226\207", 4, false), "\344\270\255\346\226\207");
	assert_string_equal(fit("\344\270\255\346\226\207", 3, false), "\344\270\255+");
	assert_string_equal(fit("\344\270\255\346\226\207", 2, false), "+ ");
	assert_string_equal(fit("e\314\201x", 3, false), "e?x");   /* a combining mark */
	assert_string_equal(fit("\342\200\256x", 2, false), "?x"); /* right to left from here */
	assert_string_equal(fit("\377\302", 3, false), "?? ");     /* no characters */
	assert_string_equal(fit("\303\274\303\237", 2, false), "\303\274\303\237");
}

static const char *port_kept(const char *text, int width)
{
	static char ret[64];

	snprintf(ret, sizeof(ret), "%s", text);
	watch_keep_port(ret, width);
	return ret;
}

static void a_port_is_not_cut(void **state)
{
	assert_string_equal(port_kept("[::ffff:127.0.0.1]:41374", 21), "[::ffff:127.0+]:41374");
	assert_string_equal(port_kept("[::ffff:127.0.0.1]:41374", 24), "[::ffff:127.0.0.1]:41374");
	assert_string_equal(port_kept("[fe80::1]:80%2", 12), "[fe80+]:80%2");
	assert_string_equal(port_kept("[::1]:41374", 8), "[::1]:41374"); /* no room for it */
	assert_string_equal(port_kept("[kworker/0:1-events]", 8), "[kworker/0:1-events]");
	assert_string_equal(port_kept("127.0.0.1:41374", 8), "127.0.0.1:41374");
}

static void text_never_overflows(void **state)
{
	char small[8];

	for (size_t size = 1; size <= sizeof(small); size++)
		for (int width = 0; width < 20; width++) {
			memset(small, 'x', sizeof(small));
			watch_fit("a\344\270\255\303\274bcdefgh", width, width & 1, small, size);
			assert_true(strnlen(small, size) < size);
		}
}

static void rates_are_of_the_same_connection(void **state)
{
	struct world *w = *state;

	w->snapshots[1].standing.time += 2 * SECOND;
	w->snapshots[0].standing.account.samples = 7;
	for (size_t i = 0; i < 4; i++)
		w->sockets[1][i].e.socket.bytes_sent += 5000;
	w->sockets[1][1].e.id = 99;               /* the place was used again */
	w->sockets[1][2].e.socket.bytes_sent = 0; /* less than before cannot be */
	watch_snapshot_compare(&w->snapshots[1], &w->snapshots[0]);
	assert_true(w->sockets[1][0].rated);
	assert_int_equal(w->sockets[1][0].sent_rate, 2500);
	assert_int_equal(w->sockets[1][0].received_rate, 0);
	assert_false(w->sockets[1][1].rated);
	assert_int_equal(w->sockets[1][2].sent_rate, 0);
	assert_false(w->sockets[1][3].rated); /* not counted */
	assert_int_equal(w->snapshots[1].standing.account.samples, 7);
	watch_snapshot_compare(&w->snapshots[1], NULL);
}

static void the_last_messages_are_kept(void **state)
{
	struct watch_recent *r = calloc(1, sizeof(*r));
	struct tocsin_finding f = {.rule = "watch.x\033", .severity = TOCSIN_SEVERITY_HIGH};
	struct tocsin_event_process p = {.pid = 7, .comm = "a\nb"};
	struct tocsin_event e = {
	    .time = 5, .guest = "g\007", .finding = &f, .process = &p, .detail = "malicious"};
	char text[32];

	assert_non_null(r);
	assert_null(watch_recent_at(r, 0));
	memset(f.what, '\033', sizeof(f.what) - 1);
	watch_recent_finding(r, &e);
	assert_int_equal(r->findings, 1);
	assert_non_null(
	    strstr(watch_recent_at(r, 0)->text, "g\\x07 high watch.x\\x1b 7 (a\\x0ab): \\x1b"));
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "message %d", i);
		watch_recent_say(r, text);
	}
	assert_string_equal(watch_recent_at(r, 0)->text, "message 199");
	assert_string_equal(watch_recent_at(r, WATCH_RECENT_MAX - 1)->text, "message 136");
	assert_null(watch_recent_at(r, WATCH_RECENT_MAX));
	free(r);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(rows_are_sorted_by_any_column_and_back),
	    TEST(what_leads_out_comes_first_among_equals),
	    TEST(every_column_orders_and_speaks),
	    TEST(processes_are_the_other_mode),
	    TEST(all_words_of_the_filter_must_be_there),
	    TEST(a_filter_has_an_end_and_whole_characters),
	    TEST(the_selected_row_stays_selected),
	    TEST(at_the_top_it_stays_at_the_top),
	    TEST(it_scrolls_by_lines_pages_and_to_the_ends),
	    TEST(columns_give_way_by_priority),
	    TEST(lines_fit_any_width),
	    TEST(hostile_bytes_come_out_clean),
	    TEST(rates_are_of_the_same_connection),
	    cmocka_unit_test(the_ends_of_sockets_have_words),
	    cmocka_unit_test(text_fits_by_cells),
	    cmocka_unit_test(a_port_is_not_cut),
	    cmocka_unit_test(text_never_overflows),
	    cmocka_unit_test(the_last_messages_are_kept),
	};

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 99;
	return cmocka_run_group_tests_name("watch_table", tests, NULL, NULL);
}
