/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in Xen's trace buffers, for others, while tocsind is their one consumer: at a socket of
 * packets (SOCK_SEQPACKET) in the file system, for the daemon's user. Who connects says what it
 * wants, in one packet, and of one of two kinds:
 *
 * - a mask of events in four bytes, as xentrace's -e has it (0: only what Tocsin needs). Each
 *   packet is then a piece of a file in xentrace's format: whose CPU's records follow, and whole
 *   records.
 * - struct tocsin_tap_calls: the same packets, with nothing in them but the traced calls of one
 *   domain, its gaps, and losses. They are taken from the buffers at least every period
 *   milliseconds, and then comes a packet of eight bytes, the mark: a TSC, and all records of
 *   before it have been sent.
 *
 * What a reader is too slow for is counted, in the record that Xen has for that.
 */
#ifndef TOCSIN_TAP_H
#define TOCSIN_TAP_H

#include <stdint.h>

#define TOCSIN_TAP_FOLDER "/run/tocsin"
#define TOCSIN_TAP_SOCKET TOCSIN_TAP_FOLDER "/trace.sock"
#define TOCSIN_TAP_PACKET (64u << 10) /* bytes at most */
#define TOCSIN_TAP_WINDOW 12u         /* bytes of a packet before its records */
#define TOCSIN_TAP_MARK 8u            /* bytes of a mark */

struct tocsin_tap_calls {
	uint32_t zero;
	uint16_t domid;
	uint16_t period;
};

#endif
