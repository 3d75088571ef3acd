/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of a live Xen domain, through foreign mappings that stay away from the guest: it is
 * neither paused nor told.
 *
 * Mapping is the expensive part, so mappings are kept until the end of an epoch
 * (tocsin_memory_flush) in a bounded cache with least-recently-used eviction. A small read maps
 * the one page it touches; a read that covers many pages of one aligned 2 MiB chunk maps the
 * chunk at once. The kernel answers per page, so a hole in a chunk fails only the reads of that
 * hole.
 *
 * Invariants: the handle is restricted to the one domain before the source is returned, so that
 * whoever holds it cannot reach another guest; cached mappings are read-only; the one writable
 * mapping, of one page, lives for the length of one compare-exchange. Bytes are fetched with
 * memcpy from memory that the guest may change meanwhile: callers check what they got, never what
 * is still there.
 *
 * A mapping holds on to its page: what the guest gives back meanwhile is read as it was until the
 * end of the epoch, and what it gets meanwhile is a hole until then. It holds on to a dying
 * domain's memory as well: when Xen says that the domain is gone, all mappings are dropped at once;
 * whoever learns it elsewhere must flush or close the source.
 *
 * Sources: xenforeignmemory.h, xenctrl.h.
 */
#include "memory/cas16.h"
#include "memory/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>

#define CHUNK_PAGES 512u    /* 2 MiB */
#define CHUNK_THRESHOLD 16u /* so many pages of one chunk in one read: map the chunk */
#define CACHE_PAGES 4096u   /* single pages, 16 MiB */
#define CACHE_CHUNKS 64u    /* chunks, 128 MiB */
#define BUCKETS 1024u       /* a power of two */

struct entry {
	struct entry *next;          /* in the bucket */
	struct entry *older, *newer; /* in order of use */
	uint64_t gfn;                /* the first */
	uint32_t pages;              /* 1 or CHUNK_PAGES */
	uint8_t *bytes;
	int errors[]; /* one for each page: 0 or an errno value */
};

/* Mappings of one size. */
struct cache {
	struct entry *buckets[BUCKETS];
	struct entry *oldest, *newest;
	uint32_t pages; /* of an entry */
	uint32_t count, limit;
};

struct xen_source {
	struct tocsin_memory head;
	struct tocsin_memory_range range;
	xenforeignmemory_handle *fmem;
	uint32_t domid;
	pthread_mutex_t lock; /* of the caches */
	struct cache small, large;
};

static struct entry **bucket(struct cache *c, uint64_t gfn)
{
	uint64_t h = gfn / c->pages * 0x9e3779b97f4a7c15ull;

	return &c->buckets[h >> 32 & (BUCKETS - 1)];
}

static void unlink_use(struct cache *c, struct entry *e)
{
	*(e->older ? &e->older->newer : &c->oldest) = e->newer;
	*(e->newer ? &e->newer->older : &c->newest) = e->older;
}

static void link_newest(struct cache *c, struct entry *e)
{
	e->older = c->newest;
	e->newer = NULL;
	*(c->newest ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

static void drop(struct xen_source *s, struct cache *c, struct entry *e)
{
	struct entry **at = bucket(c, e->gfn);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	unlink_use(c, e);
	c->count--;
	xenforeignmemory_unmap(s->fmem, e->bytes, e->pages);
	free(e);
}

static void drop_mappings(struct xen_source *s)
{
	while (s->small.oldest)
		drop(s, &s->small, s->small.oldest);
	while (s->large.oldest)
		drop(s, &s->large, s->large.oldest);
}

static struct entry *look_up(struct cache *c, uint64_t gfn)
{
	gfn -= gfn % c->pages;
	for (struct entry *e = *bucket(c, gfn); e; e = e->next) {
		if (e->gfn != gfn)
			continue;
		unlink_use(c, e);
		link_newest(c, e);
		return e;
	}
	return NULL;
}

/*
 * What libxenforeignmemory says, in the terms of memory.h. Its per-page errors come straight from
 * Linux's privcmd driver, where they are negative; its header calls them errno values: take both.
 */
static int translate(int error)
{
	switch (abs(error)) {
	case ESRCH:
		return -ENODEV;
	case ENOMEM:
		return -ENOMEM;
	default:
		return -EFAULT;
	}
}

/* Map the page or chunk that holds gfn, and keep it. A page that failed has its error noted. */
static int map_entry(struct xen_source *s, struct cache *c, uint64_t gfn, struct entry **ret)
{
	struct entry *e = calloc(1, sizeof(*e) + c->pages * sizeof(e->errors[0]));
	xen_pfn_t gfns[CHUNK_PAGES];

	if (!e)
		return -ENOMEM;
	e->gfn = gfn - gfn % c->pages;
	e->pages = c->pages;
	for (uint32_t i = 0; i < c->pages; i++)
		gfns[i] = e->gfn + i;
	e->bytes = xenforeignmemory_map(s->fmem, s->domid, PROT_READ, c->pages, gfns, e->errors);
	if (!e->bytes) {
		int rc = translate(errno);

		free(e);
		return rc;
	}
	if (c->count >= c->limit)
		drop(s, c, c->oldest);
	e->next = *bucket(c, e->gfn);
	*bucket(c, e->gfn) = e;
	link_newest(c, e);
	c->count++;
	for (uint32_t i = 0; i < c->pages; i++)
		s->head.stats.pages_mapped += e->errors[i] == 0;
	*ret = e;
	return 0;
}

/* Copy size bytes from the pages of e, gpa onward: none of them if one is missing. */
static int copy_entry(const struct entry *e, uint64_t gpa, void *buf, size_t size)
{
	uint64_t offset = gpa - (e->gfn << TOCSIN_PAGE_SHIFT);

	for (uint64_t i = offset / TOCSIN_PAGE_SIZE; i <= (offset + size - 1) / TOCSIN_PAGE_SIZE;
	     i++) {
		if (e->errors[i])
			return translate(e->errors[i]);
	}
	memcpy(buf, e->bytes + offset, size);
	return 0;
}

static uint64_t left_in(uint64_t gpa, uint64_t pages)
{
	uint64_t bytes = pages << TOCSIN_PAGE_SHIFT;

	return bytes - gpa % bytes;
}

static int read_locked(struct xen_source *s, uint64_t gpa, uint8_t *to, uint64_t size)
{

	while (size > 0) {
		uint64_t gfn = gpa >> TOCSIN_PAGE_SHIFT;
		uint64_t part = left_in(gpa, CHUNK_PAGES);
		struct cache *c = &s->large;
		struct entry *e = look_up(c, gfn);
		int rc = 0;

		if (part > size)
			part = size;
		if (!e && part < (uint64_t)CHUNK_THRESHOLD * TOCSIN_PAGE_SIZE) {
			c = &s->small;
			e = look_up(c, gfn);
			if (part > left_in(gpa, 1))
				part = left_in(gpa, 1);
		}
		if (!e)
			rc = map_entry(s, c, gfn, &e);
		if (rc == 0)
			rc = copy_entry(e, gpa, to, part);
		if (rc < 0)
			return rc;
		to += part;
		gpa += part;
		size -= part;
	}
	return 0;
}

static int xen_read(struct tocsin_memory *m, uint64_t gpa, void *buf, size_t size)
{
	struct xen_source *s = (struct xen_source *)m;
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = read_locked(s, gpa, buf, size);
	if (rc == -ENODEV)
		drop_mappings(s);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static void xen_flush(struct tocsin_memory *m)
{
	struct xen_source *s = (struct xen_source *)m;

	pthread_mutex_lock(&s->lock);
	drop_mappings(s);
	pthread_mutex_unlock(&s->lock);
}

static int xen_cas16(struct tocsin_memory *m, uint64_t gpa, const uint8_t expected[16],
		     const uint8_t desired[16])
{
	struct xen_source *s = (struct xen_source *)m;
	xen_pfn_t gfn = gpa >> TOCSIN_PAGE_SHIFT;
	uint8_t *page;
	int error = 0, rc;

	page = xenforeignmemory_map(s->fmem, s->domid, PROT_READ | PROT_WRITE, 1, &gfn, &error);
	if (!page)
		rc = translate(errno);
	else if (error)
		rc = translate(error);
	else
		rc = tocsin_cas16(page + gpa % TOCSIN_PAGE_SIZE, expected, desired) ? 0 : -EAGAIN;
	if (page)
		xenforeignmemory_unmap(s->fmem, page, 1);
	if (rc == -ENODEV)
		xen_flush(m);
	return rc;
}

static void xen_close(struct tocsin_memory *m)
{
	struct xen_source *s = (struct xen_source *)m;

	xen_flush(m);
	if (s->fmem)
		xenforeignmemory_close(s->fmem);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static const struct tocsin_memory_ops xen_ops = {
    .read = xen_read,
    .cas16 = xen_cas16,
    .flush = xen_flush,
    .close = xen_close,
};

/* Where the domain's guest physical memory ends; holes before that show when they are read. */
static int find_end(uint32_t domid, uint64_t *ret, struct tocsin_error *err)
{
	xc_interface *xch = xc_interface_open(NULL, NULL, 0);
	xc_domaininfo_t info;
	xen_pfn_t last;
	int rc = 0;

	if (!xch)
		return tocsin_error_set(err, -errno, "cannot open the hypercall interface: %s",
					strerror(errno));
	rc = xc_domain_getinfolist(xch, domid, 1, &info);
	if (rc < 0)
		rc = tocsin_error_set(err, -errno, "cannot ask about domain %u: %s", domid,
				      strerror(errno));
	else if (rc == 0 || info.domain != domid || (info.flags & XEN_DOMINF_dying))
		rc = tocsin_error_set(err, -ESRCH, "there is no domain %u", domid);
	else if (xc_domain_maximum_gpfn(xch, domid, &last) < 0)
		rc = tocsin_error_set(err, -errno, "cannot tell where domain %u's memory ends: %s",
				      domid, strerror(errno));
	else if (last >= UINT64_MAX >> TOCSIN_PAGE_SHIFT)
		rc = tocsin_error_set(err, -ERANGE, "domain %u's last frame makes no sense", domid);
	else
		rc = 0;
	xc_interface_close(xch);
	if (rc == 0)
		*ret = (uint64_t)(last + 1) << TOCSIN_PAGE_SHIFT;
	return rc;
}

int tocsin_memory_open_xen(uint32_t domid, struct tocsin_memory **ret, struct tocsin_error *err)
{
	struct xen_source *s;
	uint64_t end = 0;
	int rc;

	if (domid == 0 || domid >= DOMID_FIRST_RESERVED)
		return tocsin_error_set(err, -EINVAL, "domain %u is not a guest", domid);
	rc = find_end(domid, &end, err);
	if (rc < 0)
		return rc;
	s = calloc(1, sizeof(*s));
	if (!s)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	s->head.ops = &xen_ops;
	s->head.live = true;
	pthread_mutex_init(&s->lock, NULL);
	s->domid = domid;
	s->small = (struct cache){.pages = 1, .limit = CACHE_PAGES};
	s->large = (struct cache){.pages = CHUNK_PAGES, .limit = CACHE_CHUNKS};
	s->range = (struct tocsin_memory_range){.start = 0, .size = end};
	s->head.ranges = &s->range;
	s->head.range_count = 1;
	s->fmem = xenforeignmemory_open(NULL, 0);
	if (!s->fmem)
		rc = tocsin_error_set(err, -errno, "cannot open foreign memory: %s",
				      strerror(errno));
	else if (xenforeignmemory_restrict(s->fmem, (domid_t)domid) < 0)
		rc = tocsin_error_set(err, -errno, "cannot tie foreign memory to domain %u: %s",
				      domid, strerror(errno));
	if (rc < 0) {
		xen_close(&s->head);
		return rc;
	}
	*ret = &s->head;
	return 0;
}
