/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All that is in Xen's trace buffers, for others, while tocsind is their one consumer: at a socket
 * of packets (SOCK_SEQPACKET) in the file system. Who connects, as the daemon's user, sends a mask
 * of events in four bytes, as xentrace's -e has it (0: only what Tocsin needs). Each packet is then
 * a piece of a file in xentrace's format: whose CPU's records follow, and whole records. What a
 * reader is too slow for is counted, in the record that Xen has for that.
 */
#ifndef TOCSIN_TAP_H
#define TOCSIN_TAP_H

#define TOCSIN_TAP_FOLDER "/run/tocsin"
#define TOCSIN_TAP_SOCKET TOCSIN_TAP_FOLDER "/trace.sock"
#define TOCSIN_TAP_PACKET (64u << 10) /* bytes at most */

#endif
