/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The decision at a VMFUNC exit, with registers and clocks that a guest or a machine may present.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../tocsin.h"

#define SECOND 1000000000ull

static struct tocsin_call ring(uint64_t now_ns, uint32_t op)
{
	return (struct tocsin_call){
	    .now_ns = now_ns,
	    .cr3 = 0x8000000123456802ull,
	    .rdx = 0x7fff12345678abc0ull,
	    .ecx = TOCSIN_ECX(op),
	    .domid = 7,
	    .vcpu = 3,
	    .listener = true,
	};
}

static struct tocsin_state switched_on(uint32_t rate, uint64_t now_ns)
{
	struct tocsin_state state = {0};

	tocsin_set_rate(&state, rate, now_ns);
	return state;
}

static void assert_refused(struct tocsin_state *state, const struct tocsin_call *call, uint32_t why)
{
	uint32_t seq = state->seq;
	struct tocsin_decision d = tocsin_decide(state, call);

	assert_int_equal(d.action, TOCSIN_REFUSE);
	assert_int_equal(d.eax, why);
	assert_true(d.rdx == call->rdx);
	assert_int_equal(state->seq, seq);
}

static uint32_t accepted_of(struct tocsin_state *state, uint64_t now_ns, unsigned int rings)
{
	struct tocsin_call call = ring(now_ns, TOCSIN_OP_PING);
	uint32_t accepted = 0;

	while (rings--)
		accepted += tocsin_decide(state, &call).action == TOCSIN_ACCEPT;
	return accepted;
}

static void off_is_stock(void **unused)
{
	struct tocsin_state state = {0};
	struct tocsin_call call = ring(SECOND, TOCSIN_OP_PING);

	assert_int_equal(tocsin_decide(&state, &call).action, TOCSIN_STOCK);
	tocsin_set_rate(&state, 5, SECOND);
	assert_int_equal(tocsin_decide(&state, &call).action, TOCSIN_ACCEPT);
	tocsin_set_rate(&state, 0, SECOND);
	assert_int_equal(tocsin_decide(&state, &call).action, TOCSIN_STOCK);
}

static void foreign_calls_are_stock_and_free(void **unused)
{
	static const struct {
		uint32_t eax, ecx;
	} foreign[] = {
	    {0, 0},
	    {0, 511},
	    {0, 512},
	    {0, 0x00010000},
	    {0, 0x54421000},
	    {0, 0x54441000},
	    {0, 0x80000000},
	    {0, 0xd4431000},
	    {0, 0xffffffff},
	    {1, TOCSIN_ECX(TOCSIN_OP_PING)},
	    {63, TOCSIN_ECX(TOCSIN_OP_PING)},
	    {0x80000000, TOCSIN_ECX(TOCSIN_OP_PING)},
	};
	struct tocsin_state state = switched_on(1, 0);

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		struct tocsin_call call = ring(0, TOCSIN_OP_PING);

		call.eax = foreign[i].eax;
		call.ecx = foreign[i].ecx;
		assert_int_equal(tocsin_decide(&state, &call).action, TOCSIN_STOCK);
	}
	/* The only token is still there. */
	assert_int_equal(accepted_of(&state, 0, 2), 1);
}

static void accepted_call_is_recorded(void **unused)
{
	struct tocsin_state state = switched_on(100, 0);

	for (uint32_t op = 0; op < TOCSIN_OP_COUNT; op++) {
		struct tocsin_call call = ring(0, op);
		struct tocsin_decision d = tocsin_decide(&state, &call);

		assert_int_equal(d.action, TOCSIN_ACCEPT);
		assert_int_equal(d.eax, TOCSIN_OK);
		assert_true(d.rdx == op + 1);
		assert_int_equal(d.record.domid, 7);
		assert_int_equal(d.record.vcpu, 3);
		assert_int_equal(d.record.ecx, 0x54431000 + op);
		assert_true(d.record.cr3 == 0x8000000123456802ull);
		assert_true(d.record.rdx == 0x7fff12345678abc0ull);
		assert_int_equal(d.record.seq, op + 1);
	}
}

static void unknown_requests_are_refused(void **unused)
{
	struct tocsin_state state = switched_on(100, 0);
	static const uint32_t ecx[] = {0x54430000, 0x54432000, 0x5443f000, 0x54431004, 0x54431fff};

	for (size_t i = 0; i < sizeof(ecx) / sizeof(ecx[0]); i++) {
		struct tocsin_call call = ring(0, 0);

		call.ecx = ecx[i];
		assert_refused(&state, &call, TOCSIN_ERR_UNKNOWN);
		/* What is unknown is said first: it stays so whoever listens. */
		call.listener = false;
		assert_refused(&state, &call, TOCSIN_ERR_UNKNOWN);
	}
}

static void nobody_listens(void **unused)
{
	struct tocsin_state state = switched_on(100, 0);
	struct tocsin_call call = ring(0, TOCSIN_OP_SCAN_SELF);

	call.listener = false;
	assert_refused(&state, &call, TOCSIN_ERR_NO_LISTENER);
	call.listener = true;
	assert_true(tocsin_decide(&state, &call).rdx == 1);
}

static void bucket_empties_and_refills(void **unused)
{
	struct tocsin_state state = switched_on(10, 5 * SECOND);

	assert_int_equal(accepted_of(&state, 5 * SECOND, 50), 10);
	assert_int_equal(accepted_of(&state, 5 * SECOND + SECOND / 10 - 1, 5), 0);
	assert_int_equal(accepted_of(&state, 5 * SECOND + SECOND / 10, 5), 1);
	assert_int_equal(accepted_of(&state, 6 * SECOND, 50), 9);
	/* An idle hour does not save up more than the burst. */
	assert_int_equal(accepted_of(&state, 3600 * SECOND, 50), 10);
}

static void refused_requests_cost_a_token(void **unused)
{
	struct tocsin_state state = switched_on(2, 0);
	struct tocsin_call call = ring(0, TOCSIN_OP_COUNT);

	assert_refused(&state, &call, TOCSIN_ERR_UNKNOWN);
	call.listener = false;
	assert_refused(&state, &call, TOCSIN_ERR_UNKNOWN);
	/* Empty: the bucket speaks before anything about the request is looked at. */
	assert_refused(&state, &call, TOCSIN_ERR_RATE_LIMITED);
}

/* A guest that rings a thousand times a millisecond gets its rate, neither more nor less. */
static void frequent_rings_lose_no_credit(void **unused)
{
	struct tocsin_state state = switched_on(7, 0);
	uint32_t accepted = accepted_of(&state, 0, 100);

	assert_int_equal(accepted, 7);
	for (uint64_t now = 1000; now <= 3 * SECOND; now += 1000)
		accepted += accepted_of(&state, now, 1);
	assert_int_equal(accepted, 7 + 3 * 7);
}

static void clock_steps_back(void **unused)
{
	struct tocsin_state state = switched_on(1, 10 * SECOND);

	assert_int_equal(accepted_of(&state, 10 * SECOND, 1), 1);
	assert_int_equal(accepted_of(&state, 2 * SECOND, 3), 0);
	assert_int_equal(accepted_of(&state, 10 * SECOND, 3), 0);
	assert_int_equal(accepted_of(&state, 11 * SECOND, 3), 1);
}

static void extremes_do_not_overflow(void **unused)
{
	struct tocsin_state state = switched_on(UINT32_MAX, 0);
	uint64_t full = UINT32_MAX * SECOND;

	assert_true(state.credit == full);
	assert_int_equal(accepted_of(&state, SECOND - 1, 1), 1);
	assert_true(state.credit == full - SECOND);
	assert_int_equal(accepted_of(&state, UINT64_MAX, 1), 1);
	assert_true(state.credit == full - SECOND);

	state = switched_on(1, 0);
	assert_int_equal(accepted_of(&state, 0, 3), 1);
	assert_int_equal(accepted_of(&state, UINT64_MAX, 3), 1);
	assert_int_equal(accepted_of(&state, UINT64_MAX, 3), 0);
}

static void tickets_survive_off_and_on_and_wrap(void **unused)
{
	struct tocsin_state state = switched_on(5, 0);

	assert_int_equal(accepted_of(&state, 0, 3), 3);
	tocsin_set_rate(&state, 0, 0);
	tocsin_set_rate(&state, 5, 0);
	assert_int_equal(accepted_of(&state, 0, 1), 1);
	assert_int_equal(state.seq, 4);

	state.seq = UINT32_MAX;
	assert_int_equal(accepted_of(&state, 0, 1), 1);
	assert_int_equal(state.seq, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(off_is_stock),
	    cmocka_unit_test(foreign_calls_are_stock_and_free),
	    cmocka_unit_test(accepted_call_is_recorded),
	    cmocka_unit_test(unknown_requests_are_refused),
	    cmocka_unit_test(nobody_listens),
	    cmocka_unit_test(bucket_empties_and_refills),
	    cmocka_unit_test(refused_requests_cost_a_token),
	    cmocka_unit_test(frequent_rings_lose_no_credit),
	    cmocka_unit_test(clock_steps_back),
	    cmocka_unit_test(extremes_do_not_overflow),
	    cmocka_unit_test(tickets_survive_off_and_on_and_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
