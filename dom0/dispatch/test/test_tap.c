/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a reader of a domain's calls gets of records as they lie in Xen's buffers. */
#include "capture/format.h"
#include "dispatch/broker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define OWN 1
#define FOREIGN 2
#define MANY 400000u /* calls, more than a socket holds */

static int set_mask(struct tocsin_backend *backend, uint32_t mask, struct tocsin_error *err)
{
	return 0;
}

static struct tocsin_backend backend = {.set_mask = set_mask};
static struct tocsin_daemon_settings settings;
static struct tocsin_broker b;
static struct tocsin_handed *reader;
static char folder[64], path[80];
static uint64_t lost, records;
static unsigned int whole, narrow, cut, malformed;

static int on_event(void *context, const struct tocsin_event *e)
{
	if (e->kind == TOCSIN_EVENT_LOST)
		lost += e->count;
	malformed += e->kind == TOCSIN_EVENT_MALFORMED;
	if (e->kind != TOCSIN_EVENT_CALL)
		return 0;
	assert_int_equal(e->call.domid, OWN);
	whole += e->call.wide;
	cut += e->call.cut;
	narrow += !e->call.wide && !e->call.cut;
	records += 1 + e->call.wide;
	return 0;
}

/* ---- records ---- */

static uint8_t bytes[256];
static size_t size;

static void put(uint32_t header, const void *record, size_t length)
{
	const uint64_t tsc = 1;

	header |= (uint32_t)length / 4 << 28;
	memcpy(bytes + size, &header, 4);
	size += 4;
	if (XEN_TRACE_HAS_TSC(header)) {
		memcpy(bytes + size, &tsc, 8);
		size += 8;
	}
	memcpy(bytes + size, record, length);
	size += length;
}

static void put_call(uint16_t domid, bool wide)
{
	const struct tocsin_call_record r = {
	    .domid = domid, .vcpu = wide ? TOCSIN_CALL_WIDE : 0, .site = 0x81000000, .seq = 7};

	put(TOCSIN_TRC_CALL | 1u << 31, &r, sizeof(r));
}

static void put_more(void)
{
	const struct tocsin_call_more_record r = {.seq = 7};

	put(TOCSIN_TRC_CALL_MORE, &r, sizeof(r));
}

static void put_xen_lost(uint32_t count)
{
	const uint32_t words[XEN_TRC_LOST_WORDS] = {count};

	put(XEN_TRC_LOST_RECORDS | 1u << 31, words, sizeof(words));
}

/* What has been put is taken from this CPU's buffer. */
static void take(uint16_t cpu)
{
	tocsin_taps_raw(&b, cpu, bytes, size);
	size = 0;
}

/* Some of what was sent, which nobody has said to be complete. */
static void make_room(void)
{
	uint64_t complete = 0;

	assert_int_equal(tocsin_handed_drain(reader, &complete), 0);
}

/* All that was sent. */
static void read_all(void)
{
	static uint64_t tsc = 1000;
	uint64_t complete = 0;

	/* The socket may be full until it is read. */
	for (tsc++; complete < tsc; poll(NULL, 0, 2)) {
		assert_int_equal(tocsin_taps_drained(&b, tsc), 1);
		assert_true(tocsin_handed_drain(reader, &complete) >= 0);
	}
}

static void more_than_it_holds(uint16_t cpu, bool wide)
{
	for (unsigned int i = 0; i < MANY; i++) {
		put_call(OWN, wide);
		if (wide)
			put_more();
		take(cpu);
	}
}

/* ---- a broker of which nothing but this is there ---- */

static void turn(void)
{
	struct epoll_event e;
	struct tocsin_watch *w;

	assert_int_equal(epoll_wait(b.epoll, &e, 1, 10000), 1);
	w = e.data.ptr;
	w->ready(&b, w, e.events);
}

static int set_up(void **state)
{
	strcpy(folder, "/tmp/tocsin-tap-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/tap", folder);
	settings.tap = path;
	b = (struct tocsin_broker){.s = &settings,
				   .backend = &backend,
				   .epoll = epoll_create1(EPOLL_CLOEXEC),
				   .lock = PTHREAD_MUTEX_INITIALIZER};
	lost = records = size = 0;
	whole = narrow = cut = malformed = 0;
	tocsin_taps_start(&b);
	assert_int_equal(tocsin_handed_open(path, OWN, 1, on_event, NULL, &reader), 0);
	turn(); /* it comes in */
	turn(); /* and says what it wants */
	return 0;
}

static int tear_down(void **state)
{
	tocsin_handed_close(reader);
	tocsin_taps_free(&b);
	close(b.epoll);
	return rmdir(folder);
}

static void calls_of_others_stay_away(void **state)
{
	put_call(OWN, true);
	put_more();
	put_call(FOREIGN, true);
	put_more();
	put_call(OWN, false);
	put_call(FOREIGN, false);
	take(0);
	read_all();
	assert_int_equal(whole, 1);
	assert_int_equal(narrow, 1);
	assert_int_equal(cut + malformed + lost, 0);
}

/* Xen had no room for what was between the two. */
static void a_second_record_behind_a_loss_is_not_ours(void **state)
{
	put_call(OWN, false);
	put_xen_lost(3);
	put_more();
	take(0);
	put_call(OWN, true);
	put_xen_lost(4);
	put_more();
	take(0);
	read_all();
	assert_int_equal(narrow, 1);
	assert_int_equal(cut, 1);
	assert_int_equal(lost, 7);
	assert_int_equal(malformed, 0);
}

static void what_is_lost_is_counted(void **state)
{
	more_than_it_holds(0, false);
	read_all();
	assert_true(lost > 0);
	assert_int_equal(records + lost, MANY);
	more_than_it_holds(0, true);
	read_all();
	assert_int_equal(records + lost, 3 * MANY);
	assert_int_equal(cut + malformed, 0);
}

/* It is told as soon as there is room, even while another CPU's call has come by half. */
static void a_loss_is_not_told_within_a_call(void **state)
{
	put_call(OWN, true);
	take(0);
	more_than_it_holds(1, false);
	make_room();
	put_more();
	take(0);
	read_all();
	assert_int_equal(whole, 1);
	assert_int_equal(cut + malformed, 0);
	assert_int_equal(records + lost, 2 + MANY);
	/* And with a mark. */
	put_call(OWN, true);
	take(0);
	more_than_it_holds(1, false);
	read_all();
	put_more();
	take(0);
	read_all();
	assert_int_equal(whole, 2);
	assert_int_equal(cut + malformed, 0);
	assert_int_equal(records + lost, 4 + 2 * MANY);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest all[] = {
	    TEST(calls_of_others_stay_away),
	    TEST(a_second_record_behind_a_loss_is_not_ours),
	    TEST(what_is_lost_is_counted),
	    TEST(a_loss_is_not_told_within_a_call),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
