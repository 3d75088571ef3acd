/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The toolstack's side of Xen: domains, the per-domain switch (HVM_PARAM_TOCSIN_RATE), and
 * altp2m views. Built with Xen only. No call here pauses a domain.
 */
#ifndef TOCSIN_HOST_H
#define TOCSIN_HOST_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tocsin_host;

struct tocsin_domain {
	uint32_t domid;
	char name[64]; /* from xenstore; "" if unknown */
	uint8_t uuid[16];
	bool hvm; /* HVM or PVH: has EPT */
	bool dying;
	unsigned int vcpus;
	uint64_t memory; /* bytes */
	int64_t rate;    /* triggers per second; 0: off; -1: this hypervisor has no switch */
};

/* xenstored must be there, as a process of this dom0. */
int tocsin_host_open(struct tocsin_host **ret, struct tocsin_error *err);

/* Without xenstored: the hypervisor answers, and no domain has a name. */
int tocsin_host_open_nameless(struct tocsin_host **ret, struct tocsin_error *err);
void tocsin_host_close(struct tocsin_host *h);

/* By name or by number. -ESRCH: no such domain, its text in err. */
int tocsin_host_find(struct tocsin_host *h, const char *name_or_id, struct tocsin_domain *ret,
		     struct tocsin_error *err);
int tocsin_host_domain(struct tocsin_host *h, uint32_t domid, struct tocsin_domain *ret,
		       struct tocsin_error *err);
/* The hardware address of a domain's network interface of that number, if dom0 is its other end.
 * -ENOENT: it has none. */
int tocsin_host_hardware(struct tocsin_host *h, uint32_t domid, uint32_t number, uint8_t ret[6]);
/* All domains but dom0; free(ret). */
int tocsin_host_list(struct tocsin_host *h, struct tocsin_domain **ret, size_t *count,
		     struct tocsin_error *err);

/* Whether the running hypervisor has the switch: by Tocsin's patches or by its live patch. */
int tocsin_host_perceives(struct tocsin_host *h, bool *ret, struct tocsin_error *err);

/* Whether guests can have second-level page tables (EPT), without which there is no VMFUNC. */
int tocsin_host_has_ept(struct tocsin_host *h, bool *ret, struct tocsin_error *err);

/* Rate in triggers per second, 0 = off = stock behaviour. -EOPNOTSUPP: the running hypervisor
 * has no Tocsin; the message says what to install. */
int tocsin_host_set_rate(struct tocsin_host *h, uint32_t domid, uint32_t rate,
			 struct tocsin_error *err);

/*
 * Notices while a daemon runs that guests can no longer ring, or can again. One sentence for a
 * person when something is new, else NULL; of the first question only bad news. Asks the
 * hypervisor at most every five seconds, however often it is called.
 */
struct tocsin_presence {
	int64_t next_ms; /* all zero at first */
	int last;
};
#define TOCSIN_PRESENCE_MS 5000
const char *tocsin_host_presence(struct tocsin_host *h, struct tocsin_presence *p);

/* Switch altp2m on for the domain if it is off, and create views; ids in ret[0..count-1].
 * -EOPNOTSUPP: Xen was booted without altp2m=1. */
int tocsin_host_create_views(struct tocsin_host *h, uint32_t domid, unsigned int count,
			     uint16_t *ret, struct tocsin_error *err);

/* Put all vCPUs of the domain into a view; 0 is the one without changes. */
int tocsin_host_switch_view(struct tocsin_host *h, uint32_t domid, uint16_t view,
			    struct tocsin_error *err);
/* Which view a vCPU was in when it last left its guest. -EOPNOTSUPP: the domain has no views;
 * -EINVAL: it has no such vCPU. */
int tocsin_host_view(struct tocsin_host *h, uint32_t domid, uint32_t vcpu, uint16_t *ret,
		     struct tocsin_error *err);

#endif
