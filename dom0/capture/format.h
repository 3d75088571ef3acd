/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The layout of Xen trace records, as far as capture needs it. Xen's public/trace.h is the source;
 * repeated here because files must be readable on machines without Xen's headers, and because
 * bit-fields of the public struct are no good for bytes that nobody has checked.
 *
 * A record is a 32-bit header (event 28 bits, number of extra words 3 bits, "has a TSC" 1 bit),
 * the TSC in two words if it has one, then the extra words. Every header has a length, so the only
 * headers that cannot be are those whose event has no class bit: Xen filters by class and would
 * never have let it through. Records that guests make by hypercall carry TRC_GUEST's class, so a
 * guest cannot make one that looks like a trigger.
 */
#ifndef TOCSIN_CAPTURE_FORMAT_H
#define TOCSIN_CAPTURE_FORMAT_H

#include "capture/capture.h"

#define XEN_TRACE_EVENT(header) ((header)&0x0fffffffu)
#define XEN_TRACE_EXTRA(header) ((header) >> 28 & 7u)
#define XEN_TRACE_HAS_TSC(header) ((header) >> 31)
#define XEN_TRACE_SIZE(header)                                                                     \
	(4 + (XEN_TRACE_HAS_TSC(header) ? 8u : 0) + 4 * XEN_TRACE_EXTRA(header))
#define XEN_TRACE_CLASSES 0x0ffff000u

#define XEN_TRC_LOST_RECORDS 0x0001f001u /* count u32, domain u16, vCPU u16, first TSC u64 */
#define XEN_TRC_LOST_WORDS 4u
#define XEN_TRC_CPU_CHANGE 0x0001f003u /* files only: CPU u32, bytes that follow u32 */
#define XEN_TRC_CPU_CHANGE_HEADER (XEN_TRC_CPU_CHANGE | 2u << 28)
#define XEN_CPUS_MAX 4096u       /* NR_CPUS of Xen, in xen/arch/Kconfig, is at most 4095 */
#define XEN_TRACE_RECORD_MAX 40u /* header, TSC, seven words */

/* DOMID_FIRST_RESERVED of public/xen.h: no domain has this number or a higher one. */
#define XEN_DOMID_FIRST_RESERVED 0x7ff0u

/* Bytes of the file that are no records of the CPU's stream: they count for offsets and bytes. */
void tocsin_decoder_pass(struct tocsin_decoder *d, size_t size);

/* The stream ends: a call whose second record did not come is delivered without it. */
int tocsin_decoder_end(struct tocsin_decoder *d);

/* Bytes kept of a record that is not complete. */
size_t tocsin_decoder_pending(const struct tocsin_decoder *d);

#endif
