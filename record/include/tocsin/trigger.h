/* SPDX-License-Identifier: MIT */
/*
 * The trigger ABI, version 1: what a guest process and the hypervisor agree on.
 *
 * A process executes VMFUNC (0F 01 D4) with EAX = 0, the EPTP-switching leaf. An EPTP list holds
 * 512 entries, so an index of 512 or more can never name a view and always exits to the
 * hypervisor. That range of ECX carries the request. See record/spec.md.
 *
 * Freestanding: the same file is compiled into the hypervisor, into guest programs and into dom0.
 */
#ifndef TOCSIN_TRIGGER_H
#define TOCSIN_TRIGGER_H

/* Number of entries in an EPTP list (Intel SDM volume 3, 25.5.6.3): the first overloaded index. */
#define TOCSIN_EPTP_LIST_ENTRIES 512u

/* ECX = magic << 16 | version << 12 | operation. */
#define TOCSIN_MAGIC 0x5443u /* "TC" */
#define TOCSIN_ABI_VERSION 1u
#define TOCSIN_ECX(op) (TOCSIN_MAGIC << 16 | TOCSIN_ABI_VERSION << 12 | (op))
#define TOCSIN_ECX_MAGIC(ecx) ((ecx) >> 16 & 0xffffu)
#define TOCSIN_ECX_VERSION(ecx) ((ecx) >> 12 & 0xfu)
#define TOCSIN_ECX_OP(ecx) ((ecx)&0xfffu)

/* Operations. RDX is the argument; on acceptance it returns the ticket. */
#define TOCSIN_OP_PING 0u      /* RDX: any. Recorded and answered, nothing is scanned */
#define TOCSIN_OP_SCAN_SELF 1u /* RDX: VA of a request block, or 0. Scan the calling process */
#define TOCSIN_OP_SCAN 2u      /* RDX: VA of a request block that says what to scan */
#define TOCSIN_OP_MARK 3u      /* RDX: a 64-bit cookie for the event log */
#define TOCSIN_OP_COUNT 4u     /* the first unknown operation */

/* What EAX holds afterwards. Small and positive, so that a stub needs no sign handling. */
#define TOCSIN_OK 0u
#define TOCSIN_ERR_NO_LISTENER 1u   /* nothing in dom0 takes the records */
#define TOCSIN_ERR_RATE_LIMITED 2u  /* this domain's token bucket is empty */
#define TOCSIN_ERR_UNKNOWN 3u       /* unknown operation or version */
#define TOCSIN_ERR_NOT_PERMITTED 4u /* reserved for callers that may not ring */

#endif
