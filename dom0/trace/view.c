// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Why it exists: what is safe here is a matter of order, so all of it is in one file.
 *
 * Invariants:
 * - our frames lie above everything the guest has, so that no frame that it gives back lies among
 *   them (Xen resets a view when that happens), and in the view they can only be executed;
 * - whatever is begun is in the state first, so that another process can end it; and the state is
 *   believed only while Xen says that this domain is traced, for another may have its number then;
 * - the hypervisor forgets the sites only when no vCPU is in the view any more: it refuses before;
 * - when Xen is asked to let vCPUs into a view, no other is visible, so that none is left behind.
 *
 * Sources: xenctrl.h; Xen's arch/x86/mm/p2m.c and hypervisor/patches.
 */
#include "trace/view.h"
#include "host/xc.h"
#include <tocsin/param.h>
#include <tocsin/trace.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xenctrl.h>
#include <xenforeignmemory.h>

#include <xen/hvm/params.h>

#define FRAMES_MAX 256u
#define VIEWS 10u                /* MAX_ALTP2M of Xen 4.17 */
#define FRAME_ALIGN 512u         /* what one table of the EPT covers */
#define NO_FRAME (~(xen_pfn_t)0) /* the own one */
#define PAGE_KB (XC_PAGE_SIZE / 1024)

struct tocsin_view {
	struct tocsin_state *state;
	xc_interface *xc;
	xenforeignmemory_handle *memory;
	uint32_t domid;
	uint16_t id; /* 0: not made yet */
	uint64_t mode;
	uint8_t *frames; /* mapped */
};

static int failure(void)
{
	return errno ? -errno : -EIO;
}

static int set_param(xc_interface *xc, uint32_t domid, uint64_t value)
{
	return xc_hvm_param_set(xc, domid, TOCSIN_HVM_PARAM_TRACE, value) ? failure() : 0;
}

static int account(xc_interface *xc, uint32_t domid, uint64_t *ret, struct tocsin_error *err)
{
	int rc;

	if (!xc_hvm_param_get(xc, domid, TOCSIN_HVM_PARAM_TRACE, ret))
		return 0;
	rc = failure();
	if (rc == -EINVAL)
		return tocsin_error_set(err, -EOPNOTSUPP,
					"the running hypervisor cannot trace: it takes Tocsin's "
					"own Xen (hypervisor/install), not the live patch");
	return tocsin_error_set(err, rc, "cannot ask what is traced in domain %" PRIu32 ": %s",
				domid, strerror(-rc));
}

int tocsin_view_account(uint32_t domid, uint32_t *view, uint32_t *sites, struct tocsin_error *err)
{
	uint64_t value = 0;
	xc_interface *xc;
	int rc = tocsin_xc_open(&xc, err);

	if (rc)
		return rc;
	rc = account(xc, domid, &value, err);
	xc_interface_close(xc);
	if (rc)
		return rc;
	*view = (uint32_t)(value >> 32);
	*sites = (uint32_t)value;
	return 0;
}

/* ---- our frames ---- */

static void list_frames(const struct tocsin_state *s, xen_pfn_t *gfns)
{
	for (uint32_t i = 0; i < s->frames; i++)
		gfns[i] = s->first + i;
}

static int grow_limit(xc_interface *xc, uint32_t domid, int64_t frames)
{
	xc_domaininfo_t info;

	if (xc_domain_getinfolist(xc, domid, 1, &info) != 1 || info.domain != domid)
		return -ESRCH;
	return xc_domain_setmaxmem(xc, domid,
				   (uint64_t)((int64_t)info.max_pages + frames) * PAGE_KB)
		   ? failure()
		   : 0;
}

/* Is nothing there? In doubt there is. */
static bool is_free(struct tocsin_view *v, uint64_t first, uint32_t frames)
{
	xen_pfn_t gfns[FRAMES_MAX];
	int errors[FRAMES_MAX] = {0};
	bool is = true;
	void *mapped;

	for (uint32_t i = 0; i < frames; i++)
		gfns[i] = first + i;
	mapped = xenforeignmemory_map(v->memory, v->domid, PROT_READ, frames, gfns, errors);
	if (!mapped)
		return false;
	for (uint32_t i = 0; i < frames; i++)
		is = is && errors[i];
	xenforeignmemory_unmap(v->memory, mapped, frames);
	return is;
}

/* Where they were the last time, so that the guest's address space does not grow; else above all.
 */
static int choose_place(struct tocsin_view *v, uint32_t frames)
{
	struct tocsin_state *s = v->state;
	xen_pfn_t last;

	if (xc_domain_maximum_gpfn(v->xc, s->domid, &last) < 0)
		return failure();
	if (!s->first || s->first > last || !is_free(v, s->first, frames))
		s->first = (last / FRAME_ALIGN + 2) * FRAME_ALIGN;
	return 0;
}

static int make_frames(struct tocsin_view *v, uint32_t frames)
{
	struct tocsin_state *s = v->state;
	xen_pfn_t gfns[FRAMES_MAX];
	int rc = choose_place(v, frames);

	if (!rc)
		rc = grow_limit(v->xc, v->domid, frames);
	if (rc)
		return rc;
	s->frames = frames;
	rc = tocsin_state_write(s);
	list_frames(s, gfns);
	if (!rc && xc_domain_populate_physmap_exact(v->xc, v->domid, frames, 0, 0, gfns))
		rc = failure();
	if (rc)
		return rc;
	v->frames =
	    xenforeignmemory_map(v->memory, v->domid, PROT_READ | PROT_WRITE, frames, gfns, NULL);
	return v->frames ? 0 : failure();
}

/* It is of a domain that had this number before. */
static void disbelieve(struct tocsin_state *s)
{
	s->frames = 0;
	s->altp2m_ours = false;
}

/* After this the state names no frames. */
static void give_frames_back(xc_interface *xc, struct tocsin_state *s)
{
	xen_pfn_t gfns[FRAMES_MAX];

	if (!s->frames || s->frames > FRAMES_MAX)
		return;
	list_frames(s, gfns);
	/* One by one: some may be missing if whoever made them died over it. */
	for (uint32_t i = 0; i < s->frames; i++)
		xc_domain_decrease_reservation_exact(xc, s->domid, 1, 0, &gfns[i]);
	grow_limit(xc, s->domid, -(int64_t)s->frames);
	s->frames = 0;
	tocsin_state_write(s);
}

/* ---- the view ---- */

static void set_visible(xc_interface *xc, uint32_t domid, uint16_t except, bool visible)
{
	/* Views that do not exist are refused. */
	for (uint16_t i = 0; i < VIEWS; i++)
		if (i != except)
			xc_altp2m_set_visibility(xc, domid, i, visible);
}

/* vCPUs in view 0, the view gone, sites forgotten, other views as they were. */
static int leave(xc_interface *xc, uint32_t domid, uint16_t id)
{
	int rc;

	xc_altp2m_set_visibility(xc, domid, 0, true);
	if (id) {
		rc = xc_altp2m_switch_to_view(xc, domid, 0) ? failure() : 0;
		if (!rc && xc_altp2m_destroy_view(xc, domid, id))
			rc = failure();
		if (rc == -ESRCH)
			return rc;
	}
	set_visible(xc, domid, 0, true);
	return set_param(xc, domid, 0);
}

static int switch_altp2m(struct tocsin_view *v, struct tocsin_error *err)
{
	bool on = false;
	int rc = 0;

	if (xc_hvm_param_get(v->xc, v->domid, HVM_PARAM_ALTP2M, &v->mode))
		rc = failure();
	/* Nobody said how this domain may use views: not at all by itself. */
	if (!rc && v->mode == XEN_ALTP2M_disabled) {
		v->mode = XEN_ALTP2M_external;
		if (xc_hvm_param_set(v->xc, v->domid, HVM_PARAM_ALTP2M, v->mode))
			rc = failure();
	}
	if (!rc && !xc_altp2m_get_domain_state(v->xc, v->domid, &on) && !on) {
		v->state->altp2m_ours = true;
		rc = tocsin_state_write(v->state);
		if (!rc && xc_altp2m_set_domain_state(v->xc, v->domid, true))
			rc = failure();
	}
	if (rc)
		return tocsin_error_set(err, rc,
					"cannot switch altp2m on for domain %" PRIu32
					" (%s): Xen needs altp2m=1 on its command line",
					v->domid, strerror(-rc));
	return 0;
}

/* A view that Xen knows as ours, and in which our frames can be executed and nothing else. */
static int make_view(struct tocsin_view *v, uint32_t frames, struct tocsin_error *err)
{
	int rc = 0;

	if (xc_altp2m_create_view(v->xc, v->domid, XENMEM_access_default, &v->id))
		rc = failure();
	if (!rc)
		rc = set_param(v->xc, v->domid, TOCSIN_TRACE_VALUE(TOCSIN_TRACE_VIEW, v->id));
	if (!rc)
		rc = make_frames(v, frames);
	for (uint32_t i = 0; !rc && i < frames; i++)
		if (xc_altp2m_set_mem_access(v->xc, v->domid, v->id, v->state->first + i,
					     XENMEM_access_x))
			rc = failure();
	if (rc)
		return tocsin_error_set(err, rc,
					"cannot make a view of %" PRIu32
					" pages to trace domain %" PRIu32 ": %s",
					frames, v->domid, strerror(-rc));
	return 0;
}

static int prepare(struct tocsin_view *v, uint32_t frames, struct tocsin_error *err)
{
	uint64_t traced = 0;
	int rc = account(v->xc, v->domid, &traced, err);

	if (rc)
		return rc;
	/* We have the lock, so whoever did this is dead. */
	if (traced)
		rc = tocsin_view_clean(v->state, err);
	else
		disbelieve(v->state);
	if (!rc)
		rc = switch_altp2m(v, err);
	return rc ? rc : make_view(v, frames, err);
}

int tocsin_view_open(struct tocsin_state *s, uint32_t frames, struct tocsin_view **ret,
		     struct tocsin_error *err)
{
	struct tocsin_view *v;
	int rc;

	if (!frames || frames > FRAMES_MAX)
		return tocsin_error_set(err, -E2BIG, "%" PRIu32 " pages are too many to trace",
					frames);
	v = calloc(1, sizeof(*v));
	if (!v)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	v->state = s;
	v->domid = s->domid;
	rc = tocsin_xc_open(&v->xc, err);
	if (!rc) {
		v->memory = xenforeignmemory_open(NULL, 0);
		if (!v->memory)
			rc = tocsin_error_set(err, failure(), "cannot open foreign memory: %s",
					      strerror(errno));
	}
	if (!rc)
		rc = prepare(v, frames, err);
	if (rc) {
		tocsin_view_close(v);
		return rc;
	}
	*ret = v;
	return 0;
}

static void altp2m_off(xc_interface *xc, struct tocsin_state *s)
{
	if (!s->altp2m_ours)
		return;
	xc_altp2m_set_domain_state(xc, s->domid, false);
	s->altp2m_ours = false;
	tocsin_state_write(s);
}

void tocsin_view_close(struct tocsin_view *v)
{
	if (!v)
		return;
	/* If vCPUs cannot be brought out of the view, what they execute there must stay. */
	if (v->frames)
		xenforeignmemory_unmap(v->memory, v->frames, v->state->frames);
	if (v->xc && !leave(v->xc, v->domid, v->id)) {
		give_frames_back(v->xc, v->state);
		altp2m_off(v->xc, v->state);
	}
	if (v->memory)
		xenforeignmemory_close(v->memory);
	if (v->xc)
		xc_interface_close(v->xc);
	free(v);
}

int tocsin_view_clean(struct tocsin_state *s, struct tocsin_error *err)
{
	uint64_t traced = 0;
	xc_interface *xc;
	int rc = tocsin_xc_open(&xc, err);

	if (rc)
		return rc;
	rc = account(xc, s->domid, &traced, err);
	if (!rc && !traced)
		disbelieve(s);
	if (!rc) {
		rc = leave(xc, s->domid, (uint16_t)(traced >> 32));
		if (rc)
			tocsin_error_set(err, rc,
					 "cannot bring domain %" PRIu32 " back to its own view: %s",
					 s->domid, strerror(-rc));
	}
	if (!rc) {
		give_frames_back(xc, s);
		altp2m_off(xc, s);
	}
	xc_interface_close(xc);
	return rc;
}

bool tocsin_view_escapable(const struct tocsin_view *v)
{
	return v->mode == XEN_ALTP2M_mixed;
}

int tocsin_view_site(struct tocsin_view *v, uint32_t site, uint32_t command,
		     struct tocsin_error *err)
{
	int rc = set_param(v->xc, v->domid, TOCSIN_TRACE_VALUE(command, site));

	if (rc)
		return tocsin_error_set(err, rc, "cannot make 0x%" PRIx32 " a site: %s", site,
					rc == -ENOSPC ? "there are too many" : strerror(-rc));
	return 0;
}

int tocsin_view_forget_calls(struct tocsin_view *v)
{
	return set_param(v->xc, v->domid, TOCSIN_TRACE_VALUE(TOCSIN_TRACE_FORGET, 0));
}

int tocsin_view_enter(struct tocsin_view *v, struct tocsin_error *err)
{
	int rc = 0;

	set_visible(v->xc, v->domid, v->id, false);
	if (xc_altp2m_switch_to_view(v->xc, v->domid, v->id) ||
	    xc_altp2m_set_visibility(v->xc, v->domid, v->id, false))
		rc = failure();
	if (rc)
		return tocsin_error_set(err, rc, "cannot switch domain %" PRIu32 " to its view: %s",
					v->domid, strerror(-rc));
	return 0;
}

uint8_t *tocsin_view_frame(struct tocsin_view *v, uint32_t i)
{
	return v->frames + (size_t)i * XC_PAGE_SIZE;
}

bool tocsin_view_is_frame(const struct tocsin_view *v, uint64_t gfn)
{
	return gfn - v->state->first < v->state->frames;
}

const uint8_t *tocsin_view_map(struct tocsin_view *v, uint64_t gfn)
{
	xen_pfn_t pfn = gfn;

	return xenforeignmemory_map(v->memory, v->domid, PROT_READ, 1, &pfn, NULL);
}

void tocsin_view_unmap(struct tocsin_view *v, const uint8_t *page)
{
	xenforeignmemory_unmap(v->memory, (void *)page, 1);
}

int tocsin_view_protect(struct tocsin_view *v, uint64_t gfn)
{
	return xc_altp2m_set_mem_access(v->xc, v->domid, v->id, gfn, XENMEM_access_rx) ? failure()
										       : 0;
}

/* The guest may have touched our frame where it lies; then it is no longer only for execution. */
int tocsin_view_show(struct tocsin_view *v, uint64_t gfn, uint32_t frame)
{
	uint64_t ours = v->state->first + frame;

	if (xc_altp2m_set_mem_access(v->xc, v->domid, v->id, ours, XENMEM_access_x) ||
	    xc_altp2m_change_gfn(v->xc, v->domid, v->id, gfn, ours))
		return failure();
	return 0;
}

int tocsin_view_release(struct tocsin_view *v, uint64_t gfn)
{
	return xc_altp2m_change_gfn(v->xc, v->domid, v->id, gfn, NO_FRAME) ? failure() : 0;
}

int tocsin_view_shown(struct tocsin_view *v, uint64_t gfn, bool *ret)
{
	xenmem_access_t access;

	if (xc_altp2m_get_mem_access(v->xc, v->domid, v->id, gfn, &access))
		return failure();
	*ret = access == XENMEM_access_x;
	return 0;
}
