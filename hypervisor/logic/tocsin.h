/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Perception: what the hypervisor decides when a guest executes VMFUNC.
 *
 * The VMFUNC exit is driven by unprivileged guest code as often as it likes, so everything that
 * is decided there is gathered in one pure function that can be tested outside Xen. The same
 * file is compiled into the hypervisor and into the host's unit tests. It reads no clock, takes
 * no lock and touches no guest memory: the caller hands over the time, the registers and the
 * domain's state, and applies the decision.
 *
 * Invariants:
 * - a domain whose rate is 0 sees exactly what unmodified Xen shows it;
 * - the token bucket is the first thing a request meets, so refused requests cost a token as well
 *   and a flood of malformed ones is limited like any other;
 * - the ticket counts accepted triggers only: a gap in the records is a loss that can be counted.
 */
#ifndef TOCSIN_LOGIC_H
#define TOCSIN_LOGIC_H

#ifdef __XEN__
#include <xen/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
#endif

#include <tocsin/event.h>
#include <tocsin/trigger.h>

/* Of one domain. All zero is a valid state: off. The caller serialises access. */
struct tocsin_state {
	uint32_t rate;      /* triggers per second and burst; 0 = off */
	uint32_t seq;       /* ticket of the last accepted trigger */
	uint64_t credit;    /* in billionths of a trigger, at most rate * 10^9 */
	uint64_t refill_ns; /* when credit was last brought up to date */
};

struct tocsin_call {
	uint64_t now_ns; /* monotonic; a step back counts as no time passed */
	uint64_t cr3;    /* guest CR3 as loaded */
	uint64_t rdx;    /* already cut to 32 bits for a 32-bit code segment */
	uint32_t eax;
	uint32_t ecx;
	uint16_t domid;
	uint16_t vcpu;
	bool listener; /* somebody takes the records */
};

enum tocsin_action {
	TOCSIN_STOCK,  /* behave as unmodified Xen; the other members mean nothing */
	TOCSIN_ACCEPT, /* emit the record, then set EAX and RDX and step over the instruction */
	TOCSIN_REFUSE, /* set EAX and step over the instruction; rdx is the caller's own */
};

struct tocsin_decision {
	enum tocsin_action action;
	uint32_t eax; /* TOCSIN_OK or TOCSIN_ERR_... */
	uint64_t rdx; /* the ticket when accepted */
	struct tocsin_record record;
};

/* Switch on with a full bucket of rate triggers, or off with 0. Tickets keep counting. */
void tocsin_set_rate(struct tocsin_state *state, uint32_t rate, uint64_t now_ns);

/* Decide one VMFUNC exit. Constant time, no allocation, cannot fail. */
struct tocsin_decision tocsin_decide(struct tocsin_state *state, const struct tocsin_call *call);

#endif
