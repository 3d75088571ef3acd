/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside trace/: the view of a traced domain, and nothing else that Xen is asked for.
 *
 * In the view, a frame of the guest is protected from writing, then shown differently: instead of
 * it the guest executes a frame of ours, and reads or writes neither. At the first read or write of
 * such a frame Xen gives the guest its own back, before the access is done. Nothing pauses the
 * guest but the switch of all its vCPUs from one view to another, inside Xen.
 */
#ifndef TOCSIN_TRACE_VIEW_H
#define TOCSIN_TRACE_VIEW_H

#include "trace/state.h"

struct tocsin_view;

/*
 * Prepare the view with so many frames of ours; the guest does not notice yet. The state is written
 * to *s as it changes; it is what tocsin_view_clean needs. -EOPNOTSUPP: this hypervisor cannot
 * trace; -EBUSY: the domain is traced.
 */
int tocsin_view_open(struct tocsin_state *s, uint32_t frames, struct tocsin_view **ret,
		     struct tocsin_error *err);

/* Back to the guest's own view, and everything taken away. */
void tocsin_view_close(struct tocsin_view *v);

/* What one that died left behind, by its state. -ESRCH: the domain is gone, and with it all. */
int tocsin_view_clean(struct tocsin_state *s, struct tocsin_error *err);

/* Can the guest's own kernel change views? Then it can step out of this one. */
bool tocsin_view_escapable(const struct tocsin_view *v);

/* Make the low half of an address a site. command: TOCSIN_TRACE_SITE or WIDE, with flags; -EINVAL:
 * the hypervisor does not know one of them. */
int tocsin_view_site(struct tocsin_view *v, uint32_t site, uint32_t command,
		     struct tocsin_error *err);

/* Calls of before do not count as the first of their kind. */
int tocsin_view_forget_calls(struct tocsin_view *v);

/* Put the guest's vCPUs into the view and hide all views, so that none steps out. */
int tocsin_view_enter(struct tocsin_view *v, struct tocsin_error *err);

/* Our frame number i, mapped: where what the guest is to execute is prepared. */
uint8_t *tocsin_view_frame(struct tocsin_view *v, uint32_t i);

/* Is gfn one of our frames? */
bool tocsin_view_is_frame(const struct tocsin_view *v, uint64_t gfn);

/* A frame of the guest, mapped for reading until close; NULL with errno. */
const uint8_t *tocsin_view_map(struct tocsin_view *v, uint64_t gfn);
void tocsin_view_unmap(struct tocsin_view *v, const uint8_t *page);

/* 0 or a negative errno; -ESRCH: the domain is gone. */
int tocsin_view_protect(struct tocsin_view *v, uint64_t gfn);
/* -EAGAIN: written since it was protected. */
int tocsin_view_show(struct tocsin_view *v, uint64_t gfn, uint32_t frame);
int tocsin_view_release(struct tocsin_view *v, uint64_t gfn);
int tocsin_view_shown(struct tocsin_view *v, uint64_t gfn, bool *ret);

/* What is traced in a domain by the hypervisor's own account; 0 and 0: nothing. */
int tocsin_view_account(uint32_t domid, uint32_t *view, uint32_t *sites, struct tocsin_error *err);

#endif
