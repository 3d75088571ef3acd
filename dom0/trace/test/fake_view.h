/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One domain under a hypervisor that keeps the rules of ours: views, what they protect and show,
 * and the parameter, decided by the real logic. Its memory is a fixture's.
 */
#ifndef TOCSIN_TRACE_TEST_FAKE_VIEW_H
#define TOCSIN_TRACE_TEST_FAKE_VIEW_H

#include "../../../hypervisor/logic/tocsin_trace.h"
#include "fixture.h"

#define FAKE_DOMID 7
#define FAKE_FRAMES (FIXTURE_SIZE / TOCSIN_PAGE_SIZE)
#define FAKE_MORE 1040 /* gfns of frames that can be populated end here */
#define FAKE_VIEWS 4

enum fake_access { FAKE_OWN, FAKE_RX, FAKE_X, FAKE_RWX };

struct fake_xen {
	struct fixture *guest;
	struct tocsin_trace trace;
	struct tocsin_trace_filter filter;
	bool there[FAKE_MORE]; /* populated frames */
	unsigned int populated, mapped;
	uint64_t max_pages, mode;
	bool altp2m, old, gone;
	bool plain; /* an older hypervisor, that knows no flags of sites */
	bool exists[FAKE_VIEWS], hidden[FAKE_VIEWS];
	unsigned int current; /* view of the vCPUs */
	struct {
		enum fake_access access;
		uint64_t mapped; /* gfn that is shown */
	} entry[FAKE_VIEWS][FAKE_MORE];
	int fail_at, calls; /* the call of this number fails; 0: none */
	/* Called before a frame is shown: the guest does something just then. */
	void (*before_show)(struct fake_xen *x, uint64_t gfn);
	unsigned int gaps;
	struct tocsin_gap_record gap; /* the last one */
};

extern struct fake_xen xen;

/* Memory of the guest as it executes it, or as it reads it. */
const uint8_t *fake_execute(uint64_t gfn);
const uint8_t *fake_read(uint64_t gfn);
void fake_write(uint64_t gfn, uint32_t offset, const void *bytes, size_t size);

void fake_begin(struct fixture *guest);

#endif
