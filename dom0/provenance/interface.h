/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network interface whose packets are captured while they pass, as "vif3.0", which is a guest's.
 * The kernel keeps the first 640 bytes of each of some 10,000, and counts what it has no room for.
 */
#ifndef TOCSIN_PROVENANCE_INTERFACE_H
#define TOCSIN_PROVENANCE_INTERFACE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct tocsin_trace_interface;

/* Captured from now on. -ENODEV: there is none, or it is down; -EPERM: not allowed, which takes
 * CAP_NET_RAW. */
int tocsin_trace_interface_open(const char *name, struct tocsin_trace_interface **ret,
				struct tocsin_error *err);
void tocsin_trace_interface_close(struct tocsin_trace_interface *i); /* NULL is fine */

/* One packet that was captured at `time` (nanoseconds since the epoch), of which `size` bytes are
 * there; link as of pcap_datalink. 0, or what is to end the taking. */
typedef int tocsin_trace_packet(void *context, uint64_t time, int link, const uint8_t *bytes,
				size_t size);

/*
 * Hand on what there is, without looking into it and without waiting: about `most` packets at most.
 * How many they were; -ENODEV: the interface is gone; or what take returned.
 */
int tocsin_trace_interface_take(struct tocsin_trace_interface *i, unsigned int most,
				tocsin_trace_packet *take, void *context);

/* How many packets there was no room for, since it was asked last. */
uint64_t tocsin_trace_interface_dropped(struct tocsin_trace_interface *i);

#endif
