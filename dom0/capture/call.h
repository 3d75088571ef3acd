/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A call of a traced function, as capture validates it and tracing takes it. */
#ifndef TOCSIN_CAPTURE_CALL_H
#define TOCSIN_CAPTURE_CALL_H

#include <stdbool.h>
#include <stdint.h>

struct tocsin_traced_call {
	uint16_t domid, vcpu;
	uint32_t site; /* low half of its address */
	uint32_t seq;
	uint64_t rsp, rdi;
	bool wide; /* rsi, rdx and cr3 hold */
	bool cut;  /* they should, but their record is lost */
	uint64_t rsi, rdx, cr3;
};

#endif
