// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Both views of sockets brought together: a guest that is made up takes the place of the engine,
 * look by look. What begins or ends between two looks is told as it is, what stays in one view only
 * is called so, and where the other view was not whole nothing is said.
 */
#include "monitor/view.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#define ROWS 20000
#define STATE_CLOSE 7
#define STATE_ESTABLISHED 1

/* A socket, and in which looks (bits) each view has it. */
struct made {
	struct tocsin_socket s;
	uint32_t listed, torn, held; /* looks in the table, torn there, in a process's hands */
	uint32_t answers;            /* looks in which it can be read by its address */
	uint32_t busy;               /* looks in which somebody changes it */
	uint32_t port_only;          /* looks in which only the table of ports has it */
	int descriptors;
};

static struct {
	struct made at[ROWS];
	size_t count;
	unsigned int table_looks, holder_looks, looks;
	size_t lost_chains, lost_files; /* in every look */
	uint32_t gaps;                  /* the tables with lost chains */
	int list_rc, holder_rc;
	unsigned int questions;
} world;

#define ALWAYS UINT32_MAX

static struct made *make(uint64_t sock, uint64_t inode, uint8_t state)
{
	struct made *m = &world.at[world.count++];

	*m = (struct made){.s = {.sock = sock,
				 .inode = inode,
				 .family = AF_INET,
				 .type = SOCK_STREAM,
				 .protocol = IPPROTO_TCP,
				 .state = state,
				 .owner = TOCSIN_OWNER_FILE},
			   .listed = ALWAYS,
			   .held = ALWAYS,
			   .answers = ALWAYS,
			   .descriptors = 1};
	return m;
}

static bool in_look(uint32_t looks, unsigned int look)
{
	return looks >> (look < 31 ? look : 31) & 1;
}

int tocsin_socket_list(struct tocsin_kernel *k, struct tocsin_socket_list *ret,
		       struct tocsin_error *err)
{
	unsigned int look = world.table_looks++;

	world.looks = look > world.looks ? look : world.looks;
	if (world.list_rc)
		return world.list_rc;
	*ret = (struct tocsin_socket_list){.torn = world.lost_chains,
					   .gaps = world.lost_chains ? world.gaps : 0};
	ret->rows = calloc(world.count + 1, sizeof(*ret->rows));
	assert_non_null(ret->rows);
	for (size_t i = 0; i < world.count; i++) {
		const struct made *m = &world.at[i];
		bool torn = in_look(m->torn, look);

		if (!in_look(m->listed, look))
			continue;
		ret->rows[ret->count++] =
		    (struct tocsin_socket_row){.socket = m->s,
					       .confidence = torn ? TOCSIN_TORN : TOCSIN_CONSISTENT,
					       .port_only = in_look(m->port_only, look)};
		ret->torn += torn;
	}
	return 0;
}

void tocsin_socket_list_free(struct tocsin_socket_list *list)
{
	free(list->rows);
}

int tocsin_holder_list(struct tocsin_kernel *k, struct tocsin_holder_list *ret,
		       struct tocsin_error *err)
{
	unsigned int look = world.holder_looks++;

	world.looks = look > world.looks ? look : world.looks;
	if (world.holder_rc)
		return world.holder_rc;
	*ret = (struct tocsin_holder_list){.torn = world.lost_files};
	ret->rows = calloc(world.count * 4 + 1, sizeof(*ret->rows));
	assert_non_null(ret->rows);
	for (size_t i = 0; i < world.count; i++)
		for (int n = 0; n < world.at[i].descriptors && in_look(world.at[i].held, look); n++)
			ret->rows[ret->count++] =
			    (struct tocsin_holder){.sock = world.at[i].s.sock,
						   .inode = world.at[i].s.inode,
						   .pid = 1 + n,
						   .tid = 1 + n,
						   .fd = 3 + n};
	return 0;
}

void tocsin_holder_list_free(struct tocsin_holder_list *list)
{
	free(list->rows);
	*list = (struct tocsin_holder_list){0};
}

int tocsin_socket_at(struct tocsin_kernel *k, uint64_t sock, struct tocsin_socket *ret,
		     struct tocsin_error *err)
{
	/* In order of address where there are many. */
	size_t first = world.count > 100 ? (sock - 0x1000) / 0x400 : 0;

	world.questions++;
	for (size_t i = first; i < world.count; i++) {
		if (world.at[i].s.sock != sock)
			continue;
		if (!in_look(world.at[i].answers, world.looks))
			return -ESRCH;
		*ret = world.at[i].s;
		ret->busy = in_look(world.at[i].busy, world.looks);
		return 0;
	}
	return -ESRCH;
}

enum tocsin_socket_table tocsin_socket_table_of(const struct tocsin_socket *s)
{
	return s->state == STATE_CLOSE ? TOCSIN_TABLES : TOCSIN_TABLE_TCP;
}

bool tocsin_socket_in_table(const struct tocsin_socket *s)
{
	return tocsin_socket_table_of(s) != TOCSIN_TABLES;
}

static int begin(void **state)
{
	memset(&world, 0, sizeof(world));
	return 0;
}

static struct tocsin_view read_view(void)
{
	struct tocsin_view v;

	assert_int_equal(tocsin_view_read(NULL, NULL, &v, NULL), 0);
	for (size_t i = 0; i < v.count; i++) {
		assert_true(!i || v.rows[i - 1].socket.sock < v.rows[i].socket.sock);
		for (size_t n = 0; n < v.rows[i].holders; n++) {
			assert_true(v.rows[i].first + n < v.holders.count);
			assert_int_equal(v.holders.rows[v.rows[i].first + n].sock,
					 v.rows[i].socket.sock);
		}
	}
	return v;
}

static void both_views_agree(void **state)
{
	struct tocsin_view v;

	make(0x1000, 11, STATE_ESTABLISHED)->descriptors = 3;
	make(0x2000, 0, 6)->held = 0; /* TIME_WAIT */
	world.at[1].s.owner = TOCSIN_OWNER_NONE;
	make(0x3000, 13, STATE_ESTABLISHED);
	v = read_view();
	assert_int_equal(v.count, 3);
	assert_int_equal(v.rows[0].holders, 3);
	assert_int_equal(v.rows[1].holders, 0);
	assert_false(v.rows[1].unheld);
	assert_int_equal(v.rows[2].first, 3);
	assert_int_equal(v.contradicted + v.torn, 0);
	assert_int_equal(world.table_looks, 1); /* nothing to look at again */
	tocsin_view_free(&v);
}

static void what_is_in_no_table_by_its_nature_is_no_suspect(void **state)
{
	struct tocsin_view v;

	make(0x1000, 11, STATE_CLOSE)->listed = 0;
	v = read_view();
	assert_int_equal(v.count, 1);
	assert_int_equal(v.rows[0].confidence, TOCSIN_CONSISTENT);
	assert_false(v.rows[0].in_table);
	assert_int_equal(v.contradicted, 0);
	assert_int_equal(world.table_looks, 1);
	tocsin_view_free(&v);
}

static void what_is_taken_off_its_table_is_contradicted(void **state)
{
	struct tocsin_view v;

	make(0x1000, 11, STATE_ESTABLISHED);
	make(0x2000, 12, STATE_ESTABLISHED)->listed = 0;
	v = read_view();
	assert_int_equal(v.count, 2);
	assert_int_equal(v.rows[1].confidence, TOCSIN_CONTRADICTED);
	assert_false(v.rows[1].in_table);
	assert_int_equal(v.rows[1].holders, 1);
	assert_int_equal(v.contradicted, 1);
	assert_true(world.table_looks > 2); /* not on one look */
	assert_true(world.questions > 2);
	tocsin_view_free(&v);
}

static void what_has_its_port_only_is_contradicted(void **state)
{
	struct tocsin_view v;

	make(0x1000, 11, STATE_ESTABLISHED)->port_only = ALWAYS;
	make(0x2000, 12, STATE_CLOSE)->port_only = ALWAYS; /* bound, and no more */
	make(0x3000, 13, STATE_ESTABLISHED)->port_only = 1;
	make(0x4000, 0, STATE_ESTABLISHED)->port_only = ALWAYS;
	world.at[3].s.owner = TOCSIN_OWNER_NONE;
	world.at[0].held = world.at[3].held = 0; /* who holds it hides as well */
	v = read_view();
	assert_int_equal(v.count, 4);
	assert_int_equal(v.rows[0].confidence, TOCSIN_CONTRADICTED);
	assert_false(v.rows[0].in_table);
	assert_int_equal(v.rows[1].confidence, TOCSIN_CONSISTENT);
	assert_true(v.rows[1].in_table);
	assert_int_equal(v.rows[2].confidence, TOCSIN_CONSISTENT);
	assert_true(v.rows[2].in_table);
	assert_int_equal(v.rows[3].confidence, TOCSIN_CONTRADICTED);
	assert_int_equal(v.contradicted, 2);
	tocsin_view_free(&v);
}

static void what_has_just_begun_is_in_its_table_a_little_later(void **state)
{
	struct tocsin_view v;

	make(0x2000, 12, STATE_ESTABLISHED)->listed = ALWAYS << 2;
	v = read_view();
	assert_int_equal(v.count, 1);
	assert_int_equal(v.rows[0].confidence, TOCSIN_CONSISTENT);
	assert_true(v.rows[0].in_table);
	assert_int_equal(v.contradicted, 0);
	tocsin_view_free(&v);
}

static void what_ends_meanwhile_is_not_there(void **state)
{
	struct tocsin_view v;
	struct made *m = make(0x2000, 12, STATE_ESTABLISHED);

	m->listed = 0;
	m->answers = 1; /* in the first look only */
	make(0x3000, 13, STATE_ESTABLISHED);
	v = read_view();
	assert_int_equal(v.count, 1);
	assert_int_equal(v.rows[0].socket.inode, 13);
	assert_int_equal(v.contradicted + v.torn, 0);
	assert_int_equal(v.closed, 1);
	tocsin_view_free(&v);
}

static void a_file_that_nobody_holds_is_unheld(void **state)
{
	struct tocsin_view v;

	make(0x2000, 12, STATE_ESTABLISHED)->held = 0;
	v = read_view();
	assert_int_equal(v.count, 1);
	assert_true(v.rows[0].unheld);
	assert_int_equal(v.rows[0].confidence, TOCSIN_CONSISTENT);
	assert_int_equal(v.contradicted, 0);
	assert_true(world.holder_looks > 2);
	tocsin_view_free(&v);
}

/* What waits in a message costs its looks once, as long as it is that one and waits. */
static void who_is_known_to_be_unheld_is_not_looked_at_again(void **state)
{
	struct tocsin_view_memory memory = {0};
	struct tocsin_view v;

	make(0x2000, 12, STATE_ESTABLISHED)->held = 0;
	for (int i = 0; i < 6; i++) {
		unsigned int looks = world.holder_looks;

		world.at[0].s.inode += i == 3; /* another at its place */
		world.at[0].held = i == 5 ? ALWAYS : 0;
		world.lost_files = i == 2; /* nothing is known of whom that look did not see */
		assert_int_equal(tocsin_view_read(NULL, &memory, &v, NULL), 0);
		assert_int_equal(v.count, 1);
		assert_int_equal(world.holder_looks - looks, i == 1 || i > 3 ? 1 : 5);
		assert_int_equal(v.rows[0].unheld, i != 2 && i != 5);
		assert_int_equal(memory.count, i != 2 && i != 5);
		tocsin_view_free(&v);
	}
	tocsin_view_forget(&memory);
}

static void who_takes_it_a_little_later_holds_it(void **state)
{
	struct tocsin_view v;

	make(0x1000, 11, STATE_ESTABLISHED);
	make(0x2000, 12, STATE_ESTABLISHED)->held = ALWAYS << 1;
	world.at[1].descriptors = 2;
	make(0x3000, 13, STATE_ESTABLISHED);
	v = read_view();
	assert_int_equal(v.count, 3);
	assert_false(v.rows[1].unheld);
	assert_int_equal(v.rows[1].holders, 2);
	assert_int_equal(v.rows[0].holders, 1);
	assert_int_equal(v.rows[2].holders, 1);
	tocsin_view_free(&v);
}

static void where_chains_are_lost_nothing_is_claimed(void **state)
{
	struct tocsin_view v;

	make(0x2000, 12, STATE_ESTABLISHED)->listed = 0;
	world.lost_chains = 1;
	world.gaps = 1u << TOCSIN_TABLE_TCP;
	v = read_view();
	assert_int_equal(v.count, 1);
	assert_int_equal(v.rows[0].confidence, TOCSIN_TORN);
	assert_int_equal(v.contradicted, 0);
	assert_true(v.torn >= 2);
	tocsin_view_free(&v);
}

/* A chain that is broken for good hides what is in its own table, and no more. */
static void chains_of_another_table_prove_nothing_less(void **state)
{
	struct tocsin_view v;

	make(0x2000, 12, STATE_ESTABLISHED)->listed = 0;
	world.lost_chains = 1;
	world.gaps = 1u << TOCSIN_TABLE_UDP;
	v = read_view();
	assert_int_equal(v.rows[0].confidence, TOCSIN_CONTRADICTED);
	assert_int_equal(v.contradicted, 1);
	tocsin_view_free(&v);
}

/* Between its table and its state a virtual processor may wait for a real one as long as it will.
 */
static void what_is_being_changed_is_not_contradicted(void **state)
{
	struct made *m = make(0x2000, 12, STATE_ESTABLISHED);
	struct tocsin_view v;

	m->listed = 0;
	m->busy = ALWAYS;
	v = read_view();
	assert_int_equal(v.rows[0].confidence, TOCSIN_TORN);
	assert_int_equal(v.contradicted, 0);
	assert_int_equal(v.torn, 1);
	tocsin_view_free(&v);
}

/* Quiet before a look at its table and after it: that look counts. */
static void what_was_changed_before_is_judged_when_it_is_quiet(void **state)
{
	struct made *m = make(0x2000, 12, STATE_ESTABLISHED);
	struct tocsin_view v;

	m->listed = 0;
	m->busy = 3;
	v = read_view();
	assert_int_equal(v.rows[0].confidence, TOCSIN_CONTRADICTED);
	tocsin_view_free(&v);
	begin(NULL);
	m = make(0x2000, 12, STATE_ESTABLISHED);
	m->listed = 0;
	m->busy = 0x0a; /* never twice in a row quiet */
	v = read_view();
	assert_int_equal(v.rows[0].confidence, TOCSIN_TORN);
	tocsin_view_free(&v);
}

static void torn_rows_are_no_lost_chains(void **state)
{
	struct tocsin_view v;

	make(0x1000, 11, STATE_ESTABLISHED)->torn = ALWAYS;
	make(0x2000, 12, STATE_ESTABLISHED)->listed = 0;
	v = read_view();
	assert_int_equal(v.rows[0].confidence, TOCSIN_TORN);
	assert_int_equal(v.rows[1].confidence, TOCSIN_CONTRADICTED);
	assert_int_equal(v.torn, 1);
	tocsin_view_free(&v);
}

static void where_files_are_lost_nobody_is_called_hidden(void **state)
{
	struct tocsin_view v;

	make(0x2000, 12, STATE_ESTABLISHED)->held = 0;
	world.lost_files = 1;
	v = read_view();
	assert_false(v.rows[0].unheld);
	assert_int_equal(v.rows[0].confidence, TOCSIN_TORN);
	tocsin_view_free(&v);
}

/* The table had one that waited; by the time of the descriptors it is accepted, with a file. */
static void an_accepted_one_is_read_again(void **state)
{
	struct tocsin_view v;

	/* Two at one place: the first is what answers. */
	make(0x2000, 12, STATE_ESTABLISHED)->listed = 0;
	make(0x2000, 0, STATE_ESTABLISHED)->held = 0;
	world.at[1].s.owner = TOCSIN_OWNER_QUEUE;
	v = read_view();
	assert_int_equal(v.count, 1);
	assert_int_equal(v.rows[0].socket.owner, TOCSIN_OWNER_FILE);
	assert_int_equal(v.rows[0].socket.inode, 12);
	assert_int_equal(v.rows[0].holders, 1);
	assert_int_equal(v.rows[0].confidence, TOCSIN_CONSISTENT);
	tocsin_view_free(&v);
}

static void failures_are_passed_on(void **state)
{
	struct tocsin_view v;

	make(0x1000, 11, STATE_ESTABLISHED);
	world.list_rc = -ENOTSUP;
	assert_int_equal(tocsin_view_read(NULL, NULL, &v, NULL), -ENOTSUP);
	world.list_rc = 0;
	world.holder_rc = -EFAULT;
	assert_int_equal(tocsin_view_read(NULL, NULL, &v, NULL), -EFAULT);
}

/* Ten thousand that appear at once: one look more, and time that grows with their number. */
static void many_are_brought_together_quickly(void **state)
{
	struct timespec t[2];
	struct tocsin_view v;

	for (uint64_t i = 0; i < ROWS; i++)
		make(0x1000 + i * 0x400, i + 1, STATE_ESTABLISHED)->listed = i % 2 ? ALWAYS : ~1u;
	world.at[0].listed = 0; /* and one of them hides */
	clock_gettime(CLOCK_MONOTONIC, &t[0]);
	v = read_view();
	clock_gettime(CLOCK_MONOTONIC, &t[1]);
	assert_int_equal(v.count, ROWS);
	assert_int_equal(v.contradicted, 1);
	assert_int_equal(v.rows[0].confidence, TOCSIN_CONTRADICTED);
	assert_int_equal(v.torn, 0);
	assert_true(t[1].tv_sec - t[0].tv_sec < 5);
	tocsin_view_free(&v);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
	    TEST(both_views_agree),
	    TEST(what_is_in_no_table_by_its_nature_is_no_suspect),
	    TEST(what_is_taken_off_its_table_is_contradicted),
	    TEST(what_has_its_port_only_is_contradicted),
	    TEST(what_has_just_begun_is_in_its_table_a_little_later),
	    TEST(what_ends_meanwhile_is_not_there),
	    TEST(a_file_that_nobody_holds_is_unheld),
	    TEST(who_is_known_to_be_unheld_is_not_looked_at_again),
	    TEST(who_takes_it_a_little_later_holds_it),
	    TEST(where_chains_are_lost_nothing_is_claimed),
	    TEST(chains_of_another_table_prove_nothing_less),
	    TEST(what_is_being_changed_is_not_contradicted),
	    TEST(what_was_changed_before_is_judged_when_it_is_quiet),
	    TEST(torn_rows_are_no_lost_chains),
	    TEST(where_files_are_lost_nobody_is_called_hidden),
	    TEST(an_accepted_one_is_read_again),
	    TEST(failures_are_passed_on),
	    TEST(many_are_brought_together_quickly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
