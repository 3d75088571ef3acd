// SPDX-License-Identifier: GPL-2.0-or-later
/* The part of Xen's libraries that view.c calls, over one made-up domain. */
#include "fake_view.h"
#include "host/xc.h"
#include <tocsin/param.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xen/hvm/params.h>
#include <xenforeignmemory.h>

struct fake_xen xen;
static uint8_t frames[FAKE_MORE - FAKE_FRAMES][TOCSIN_PAGE_SIZE];

void fake_begin(struct fixture *guest)
{
	xen = (struct fake_xen){.guest = guest, .max_pages = FAKE_FRAMES, .exists = {true}};
}

static uint8_t *page(uint64_t gfn)
{
	if (gfn < FAKE_FRAMES)
		return xen.guest->bytes + gfn * TOCSIN_PAGE_SIZE;
	return gfn < FAKE_MORE && xen.there[gfn] ? frames[gfn - FAKE_FRAMES] : NULL;
}

/* hvm_trace_gap() */
static void fault(uint64_t gfn, uint32_t access)
{
	xen.entry[xen.current][gfn].access = FAKE_OWN;
	xen.gap = (struct tocsin_gap_record){.domid = FAKE_DOMID, .access = access, .gfn = gfn};
	xen.gaps++;
}

const uint8_t *fake_execute(uint64_t gfn)
{
	if (xen.current && xen.entry[xen.current][gfn].access == FAKE_X)
		return page(xen.entry[xen.current][gfn].mapped);
	return page(gfn);
}

const uint8_t *fake_read(uint64_t gfn)
{
	if (xen.current && xen.entry[xen.current][gfn].access == FAKE_X)
		fault(gfn, TOCSIN_GAP_READ);
	return page(gfn);
}

void fake_write(uint64_t gfn, uint32_t offset, const void *bytes, size_t size)
{
	enum fake_access access = xen.entry[xen.current][gfn].access;

	if (xen.current && (access == FAKE_X || access == FAKE_RX))
		fault(gfn, TOCSIN_GAP_WRITE);
	memcpy(page(gfn) + offset, bytes, size);
}

static int refuse(int code)
{
	errno = code;
	return -1;
}

/* A call that can be made to fail. */
static bool enter(void)
{
	errno = xen.gone ? ESRCH : EIO;
	return !xen.gone && ++xen.calls != xen.fail_at;
}

int tocsin_xc_open(xc_interface **ret, struct tocsin_error *err)
{
	*ret = (xc_interface *)&xen;
	return 0;
}

int xc_interface_close(xc_interface *xch)
{
	return 0;
}

int xc_hvm_param_get(xc_interface *h, uint32_t dom, uint32_t param, uint64_t *value)
{
	if (!enter())
		return -1;
	if (param == HVM_PARAM_ALTP2M)
		*value = xen.mode;
	else if (param == TOCSIN_HVM_PARAM_TRACE && !xen.old)
		*value = tocsin_trace_get(&xen.trace);
	else
		return refuse(EINVAL);
	return 0;
}

int xc_hvm_param_set(xc_interface *h, uint32_t dom, uint32_t param, uint64_t value)
{
	int rc;

	if (!enter())
		return -1;
	if (param == HVM_PARAM_ALTP2M) {
		xen.mode = value;
		return 0;
	}
	/* hvm_set_trace(): not while a vCPU may meet a site. */
	if (!value && xen.trace.view && xen.current == xen.trace.view)
		return refuse(EBUSY);
	if (xen.plain && value >> 32 > TOCSIN_TRACE_WIDE)
		return refuse(EINVAL);
	xen.trace.filter = &xen.filter;
	rc = tocsin_trace_set(&xen.trace, value);
	return rc ? refuse(-rc) : 0;
}

int xc_domain_getinfolist(xc_interface *h, uint32_t first, unsigned int max, xc_domaininfo_t *info)
{
	if (!enter())
		return -1;
	*info = (xc_domaininfo_t){.domain = FAKE_DOMID, .max_pages = xen.max_pages};
	return 1;
}

int xc_domain_setmaxmem(xc_interface *h, uint32_t dom, uint64_t kb)
{
	if (!enter())
		return -1;
	xen.max_pages = kb / 4;
	return 0;
}

int xc_domain_maximum_gpfn(xc_interface *h, uint32_t dom, xen_pfn_t *ret)
{
	if (!enter())
		return -1;
	*ret = FAKE_FRAMES - 1;
	return 0;
}

int xc_domain_populate_physmap_exact(xc_interface *h, uint32_t dom, unsigned long n,
				     unsigned int order, unsigned int flags, xen_pfn_t *gfns)
{
	if (!enter())
		return -1;
	if (FAKE_FRAMES + xen.populated + n > xen.max_pages)
		return refuse(ENOMEM);
	for (unsigned long i = 0; i < n; i++) {
		if (gfns[i] < FAKE_FRAMES || gfns[i] >= FAKE_MORE || xen.there[gfns[i]])
			abort();
		xen.there[gfns[i]] = true;
		xen.populated++;
	}
	return 0;
}

int xc_domain_decrease_reservation_exact(xc_interface *h, uint32_t dom, unsigned long n,
					 unsigned int order, xen_pfn_t *gfns)
{
	if (!enter())
		return -1;
	if (!xen.there[*gfns])
		return refuse(EINVAL);
	for (int v = 0; v < FAKE_VIEWS; v++)
		for (int g = 0; g < FAKE_MORE && xen.exists[v]; g++)
			if (xen.entry[v][g].access == FAKE_X && xen.entry[v][g].mapped == *gfns &&
			    (uint64_t)g != *gfns)
				abort(); /* the guest executes it */
	xen.there[*gfns] = false;
	xen.populated--;
	return 0;
}

int xc_altp2m_get_domain_state(xc_interface *h, uint32_t dom, bool *state)
{
	*state = xen.altp2m;
	return 0;
}

int xc_altp2m_set_domain_state(xc_interface *h, uint32_t dom, bool state)
{
	if (!enter())
		return -1;
	xen.altp2m = state;
	return 0;
}

int xc_altp2m_create_view(xc_interface *h, uint32_t dom, xenmem_access_t access, uint16_t *view)
{
	if (!enter())
		return -1;
	for (uint16_t i = 1; i < FAKE_VIEWS; i++) {
		if (xen.exists[i])
			continue;
		memset(xen.entry[i], 0, sizeof(xen.entry[i]));
		xen.exists[i] = true;
		xen.hidden[i] = false;
		*view = i;
		return 0;
	}
	return refuse(ENOSPC);
}

int xc_altp2m_destroy_view(xc_interface *h, uint32_t dom, uint16_t view)
{
	if (!enter())
		return -1;
	if (!xen.exists[view] || view == xen.current)
		return refuse(EBUSY);
	xen.exists[view] = false;
	return 0;
}

int xc_altp2m_switch_to_view(xc_interface *h, uint32_t dom, uint16_t view)
{
	if (!enter())
		return -1;
	if (view >= FAKE_VIEWS || !xen.exists[view] || xen.hidden[view])
		return refuse(EINVAL);
	xen.current = view;
	return 0;
}

int xc_altp2m_set_visibility(xc_interface *h, uint32_t dom, uint16_t view, bool visible)
{
	if (view >= FAKE_VIEWS || !xen.exists[view])
		return refuse(EINVAL);
	xen.hidden[view] = !visible;
	return 0;
}

int xc_altp2m_set_mem_access(xc_interface *h, uint32_t dom, uint16_t view, xen_pfn_t gfn,
			     xenmem_access_t access)
{
	if (!enter())
		return -1;
	/* The entry keeps what it maps: a frame that is shown would be read as it is shown. */
	if (xen.entry[view][gfn].access == FAKE_X && gfn < FAKE_FRAMES)
		abort();
	xen.entry[view][gfn].access = access == XENMEM_access_rx ? FAKE_RX : FAKE_X;
	xen.entry[view][gfn].mapped = gfn;
	return 0;
}

int xc_altp2m_get_mem_access(xc_interface *h, uint32_t dom, uint16_t view, xen_pfn_t gfn,
			     xenmem_access_t *access)
{
	if (!enter())
		return -1;
	*access = xen.entry[view][gfn].access == FAKE_X    ? XENMEM_access_x
		  : xen.entry[view][gfn].access == FAKE_RX ? XENMEM_access_rx
							   : XENMEM_access_rwx;
	return 0;
}

/* p2m_change_altp2m_gfn() */
int xc_altp2m_change_gfn(xc_interface *h, uint32_t dom, uint16_t view, xen_pfn_t old, xen_pfn_t new)
{
	if (!enter())
		return -1;
	if (new == ~(xen_pfn_t)0) {
		xen.entry[view][old].access = FAKE_OWN;
		return 0;
	}
	if (xen.before_show)
		xen.before_show(&xen, old);
	if (xen.entry[view][old].access != FAKE_RX || xen.entry[view][new].access != FAKE_X)
		return refuse(EAGAIN);
	xen.entry[view][old].access = FAKE_X;
	xen.entry[view][old].mapped = new;
	return 0;
}

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger, unsigned flags)
{
	return (xenforeignmemory_handle *)&xen;
}

int xenforeignmemory_close(xenforeignmemory_handle *h)
{
	return 0;
}

void *xenforeignmemory_map(xenforeignmemory_handle *h, uint32_t dom, int prot, size_t pages,
			   const xen_pfn_t arr[], int err[])
{
	if (!enter())
		return NULL;
	for (size_t i = 1; i < pages; i++)
		if (arr[i] != arr[0] + i)
			abort();
	for (size_t i = 0; err && i < pages; i++)
		err[i] = page(arr[i]) ? 0 : -ENOENT;
	xen.mapped++;
	return err ? (void *)frames : page(arr[0]);
}

int xenforeignmemory_unmap(xenforeignmemory_handle *h, void *addr, size_t pages)
{
	xen.mapped--;
	return 0;
}
