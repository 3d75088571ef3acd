/* SPDX-License-Identifier: MIT */
/*
 * The switch of a domain: an HVM parameter that the toolstack sets and reads through Xen's stock
 * hypercalls and libraries. Its value is the number of triggers per second that the domain may
 * ring; 0, the default, is off: stock behaviour. The domain itself can neither set nor read it.
 *
 * The index is the first one that Xen 4.17 leaves free (HVM_NR_PARAMS in public/hvm/params.h).
 * A hypervisor without Tocsin answers EINVAL.
 */
#ifndef TOCSIN_PARAM_H
#define TOCSIN_PARAM_H

#define TOCSIN_HVM_PARAM_RATE 39

/* Tracing of the domain's kernel functions, for the toolstack only as well: tocsin/trace.h. */
#define TOCSIN_HVM_PARAM_TRACE 40

#endif
