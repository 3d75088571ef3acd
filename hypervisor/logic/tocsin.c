/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The token bucket counts in billionths of a trigger: a nanosecond earns exactly `rate` of them.
 * So a refill is one multiplication, without division and without rounding that would lose
 * credit when the guest rings often. Nothing overflows: the bucket holds at most
 * (2^32 - 1) * 10^9 < 2^62, and less than a second's earnings, as much again, are added to it.
 */
#include "tocsin.h"

#define NS_PER_SECOND 1000000000u
#define TRIGGER_COST 1000000000u

void tocsin_set_rate(struct tocsin_state *state, uint32_t rate, uint64_t now_ns)
{
	state->rate = rate;
	state->credit = (uint64_t)rate * TRIGGER_COST;
	state->refill_ns = now_ns;
}

static bool take_token(struct tocsin_state *state, uint64_t now_ns)
{
	uint64_t full = (uint64_t)state->rate * TRIGGER_COST;

	/* CPUs' clocks may differ slightly: time that was credited once is not credited again. */
	if (now_ns > state->refill_ns) {
		uint64_t elapsed = now_ns - state->refill_ns;

		if (elapsed >= NS_PER_SECOND)
			state->credit = full;
		else
			state->credit += elapsed * state->rate;
		if (state->credit > full)
			state->credit = full;
		state->refill_ns = now_ns;
	}

	if (state->credit < TRIGGER_COST)
		return false;
	state->credit -= TRIGGER_COST;
	return true;
}

/* TOCSIN_OK, or why a request that has its token is refused. */
static uint32_t check_request(const struct tocsin_call *call)
{
	if (TOCSIN_ECX_VERSION(call->ecx) != TOCSIN_ABI_VERSION ||
	    TOCSIN_ECX_OP(call->ecx) >= TOCSIN_OP_COUNT)
		return TOCSIN_ERR_UNKNOWN;
	if (!call->listener)
		return TOCSIN_ERR_NO_LISTENER;
	return TOCSIN_OK;
}

struct tocsin_decision tocsin_decide(struct tocsin_state *state, const struct tocsin_call *call)
{
	struct tocsin_decision decision = {.action = TOCSIN_STOCK};

	if (!state->rate || call->eax || call->ecx < TOCSIN_EPTP_LIST_ENTRIES ||
	    TOCSIN_ECX_MAGIC(call->ecx) != TOCSIN_MAGIC)
		return decision;

	decision.action = TOCSIN_REFUSE;
	decision.rdx = call->rdx;
	if (!take_token(state, call->now_ns))
		decision.eax = TOCSIN_ERR_RATE_LIMITED;
	else
		decision.eax = check_request(call);
	if (decision.eax != TOCSIN_OK)
		return decision;

	state->seq++;
	decision.action = TOCSIN_ACCEPT;
	decision.rdx = state->seq;
	decision.record = (struct tocsin_record){
	    .domid = call->domid,
	    .vcpu = call->vcpu,
	    .ecx = call->ecx,
	    .cr3 = call->cr3,
	    .rdx = call->rdx,
	    .seq = state->seq,
	};
	return decision;
}
