/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The live trace buffers: one ring a physical CPU, written by Xen and shared with exactly one
 * consumer through its cons index. Facts: xen/include/public/trace.h and Xen's own xentrace.
 *
 * Binding VIRQ_TBUF is what tells whether somebody else consumes: Xen lets one event channel of
 * dom0 hold it.
 */
#include "capture/batch.h"
#include "capture/format.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>

#include <xen/trace.h>

#define RING_PAGES 256u /* for each CPU, if there are no buffers yet: 14,000 traced calls */

struct cpu_ring {
	struct t_buf *meta; /* NULL: this CPU has none */
	uint8_t *bytes;
	uint32_t pages;
	uint32_t size; /* of bytes: not a power of two */
	struct tocsin_decoder *decoder;
};

struct tocsin_capture {
	xc_interface *xc;
	xenforeignmemory_handle *memory;
	xenevtchn_handle *evtchn;
	xenevtchn_port_or_error_t port;
	bool enabled;
	struct t_info *info;
	size_t info_pages;
	struct cpu_ring *rings;
	unsigned int cpus;
	uint8_t *copy; /* one ring's worth */
	struct tocsin_batch batch;
	bool out_of_memory;
	tocsin_event_fn fn;
	tocsin_raw_fn *raw; /* NULL: nobody wants it */
	void *context;
	struct tocsin_capture_stats stats;
};

static int open_handles(struct tocsin_capture *c, struct tocsin_error *err)
{
	c->xc = xc_interface_open(NULL, NULL, 0);
	if (!c->xc)
		return tocsin_error_set(err, -errno,
					"cannot open the hypervisor interface: %s (run as root in "
					"dom0 of a Xen host)",
					strerror(errno));
	c->memory = xenforeignmemory_open(NULL, 0);
	if (!c->memory)
		return tocsin_error_set(err, -errno, "cannot open foreign memory: %s",
					strerror(errno));
	c->evtchn = xenevtchn_open(NULL, 0);
	if (!c->evtchn)
		return tocsin_error_set(err, -errno, "cannot open event channels: %s",
					strerror(errno));
	c->port = xenevtchn_bind_virq(c->evtchn, VIRQ_TBUF);
	if (c->port < 0)
		return tocsin_error_set(
		    err, errno == EEXIST ? -EBUSY : -errno,
		    "cannot bind VIRQ_TBUF: %s (is xentrace or another consumer "
		    "running, or a `tocsin trace on` whose output nobody reads? there can be one: "
		    "stop it; while tocsind runs, `tocsin xentrace` "
		    "gives the same file, and `tocsin trace on` has its records from there)",
		    strerror(errno));
	return 0;
}

int tocsin_capture_probe(struct tocsin_error *err)
{
	xenevtchn_handle *evtchn = xenevtchn_open(NULL, 0);
	int rc = 0;

	if (!evtchn)
		return tocsin_error_set(err, -errno, "cannot open event channels: %s",
					strerror(errno));
	if (xenevtchn_bind_virq(evtchn, VIRQ_TBUF) < 0)
		rc = tocsin_error_set(err, errno == EEXIST ? -EBUSY : -errno,
				      "cannot bind VIRQ_TBUF: %s", strerror(errno));
	xenevtchn_close(evtchn);
	return rc;
}

static int map_info(struct tocsin_capture *c, struct tocsin_error *err)
{
	unsigned long mfn = 0, size = 0;
	xen_pfn_t *frames;

	if (xc_tbuf_set_evt_mask(c->xc, TOCSIN_TRC_TRIGGER))
		return tocsin_error_set(err, -errno, "cannot set the trace event mask: %s",
					strerror(errno));
	if (xc_tbuf_enable(c->xc, RING_PAGES, &mfn, &size))
		return tocsin_error_set(err, -errno,
					"cannot switch tracing on with %u pages a CPU: %s",
					RING_PAGES, strerror(errno));
	c->enabled = true;
	c->info_pages = (size + XC_PAGE_SIZE - 1) / XC_PAGE_SIZE;
	if (!c->info_pages)
		return tocsin_error_set(err, -EIO, "Xen reports trace buffers of no size");
	frames = calloc(c->info_pages, sizeof(*frames));
	if (!frames)
		return -ENOMEM;
	for (size_t i = 0; i < c->info_pages; i++)
		frames[i] = mfn + i;
	c->info =
	    xenforeignmemory_map(c->memory, DOMID_XEN, PROT_READ, c->info_pages, frames, NULL);
	free(frames);
	if (!c->info)
		return tocsin_error_set(err, -errno, "cannot map the trace buffers' index: %s",
					strerror(errno));
	return 0;
}

static int map_ring(struct tocsin_capture *c, unsigned int cpu, struct tocsin_error *err)
{
	size_t words = c->info_pages * XC_PAGE_SIZE / sizeof(uint32_t);
	uint32_t offset = c->info->mfn_offset[cpu], pages = c->info->tbuf_size;
	struct cpu_ring *ring = &c->rings[cpu];
	xen_pfn_t *frames;

	if (!offset)
		return 0;
	if (!pages || offset + (size_t)pages > words)
		return tocsin_error_set(err, -EIO, "the frames of CPU %u lie outside the index",
					cpu);
	frames = calloc(pages, sizeof(*frames));
	if (!frames)
		return -ENOMEM;
	for (uint32_t i = 0; i < pages; i++)
		frames[i] = ((const uint32_t *)c->info)[offset + i];
	ring->meta =
	    xenforeignmemory_map(c->memory, DOMID_XEN, PROT_READ | PROT_WRITE, pages, frames, NULL);
	free(frames);
	if (!ring->meta)
		return tocsin_error_set(err, -errno, "cannot map the trace buffer of CPU %u: %s",
					cpu, strerror(errno));
	ring->pages = pages;
	ring->bytes = (uint8_t *)(ring->meta + 1);
	ring->size = pages * XC_PAGE_SIZE - sizeof(struct t_buf);
	return tocsin_decoder_new((uint16_t)cpu, tocsin_batch_add, &c->batch, &ring->decoder);
}

static int map_rings(struct tocsin_capture *c, struct tocsin_error *err)
{
	xc_physinfo_t physinfo = {0};
	int rc;

	if (xc_physinfo(c->xc, &physinfo))
		return tocsin_error_set(err, -errno, "cannot count the physical CPUs: %s",
					strerror(errno));
	c->cpus = physinfo.max_cpu_id + 1;
	if (c->cpus > XEN_CPUS_MAX)
		return tocsin_error_set(err, -E2BIG, "%u physical CPUs are more than %u", c->cpus,
					XEN_CPUS_MAX);
	c->rings = calloc(c->cpus, sizeof(*c->rings));
	c->copy = malloc((size_t)c->info->tbuf_size * XC_PAGE_SIZE);
	if (!c->rings || !c->copy)
		return -ENOMEM;
	for (unsigned int cpu = 0; cpu < c->cpus; cpu++) {
		rc = map_ring(c, cpu, err);
		if (rc)
			return rc;
	}
	return 0;
}

int tocsin_capture_open(tocsin_event_fn fn, void *context, struct tocsin_capture **ret,
			struct tocsin_error *err)
{
	struct tocsin_capture *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	c->fn = fn;
	c->context = context;
	c->port = -1;
	rc = open_handles(c, err);
	if (!rc)
		rc = map_info(c, err);
	if (!rc)
		rc = map_rings(c, err);
	if (rc) {
		tocsin_error_set(err, rc, "cannot open the trace buffers: %s", strerror(-rc));
		tocsin_capture_close(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void tocsin_capture_close(struct tocsin_capture *c)
{
	if (!c)
		return;
	if (c->enabled)
		xc_tbuf_disable(c->xc);
	for (unsigned int cpu = 0; c->rings && cpu < c->cpus; cpu++) {
		tocsin_decoder_free(c->rings[cpu].decoder);
		if (c->rings[cpu].meta)
			xenforeignmemory_unmap(c->memory, c->rings[cpu].meta, c->rings[cpu].pages);
	}
	if (c->info)
		xenforeignmemory_unmap(c->memory, c->info, c->info_pages);
	if (c->evtchn)
		xenevtchn_close(c->evtchn);
	if (c->memory)
		xenforeignmemory_close(c->memory);
	if (c->xc)
		xc_interface_close(c->xc);
	free(c->rings);
	free(c->copy);
	tocsin_batch_free(&c->batch);
	free(c);
}

void tocsin_capture_set_raw(struct tocsin_capture *c, tocsin_raw_fn *raw)
{
	c->raw = raw;
}

int tocsin_capture_set_mask(struct tocsin_capture *c, uint32_t mask, struct tocsin_error *err)
{
	if (!xc_tbuf_set_evt_mask(c->xc, TOCSIN_TRC_TRIGGER | mask))
		return 0;
	return tocsin_error_set(err, -errno, "cannot set the trace event mask: %s",
				strerror(errno));
}

int tocsin_capture_fd(const struct tocsin_capture *c)
{
	return xenevtchn_fd(c->evtchn);
}

/*
 * Copy what is unread of a ring to c->copy and give the room back. cons and prod run modulo twice
 * the size, so that full and empty differ. Returns the number of bytes, or -EIO.
 */
static ssize_t take(struct tocsin_capture *c, struct cpu_ring *ring)
{
	uint32_t size = ring->size, cons = ring->meta->cons;
	uint32_t prod = *(volatile uint32_t *)&ring->meta->prod;
	uint32_t bytes, at, first;

	atomic_thread_fence(memory_order_acquire);
	if (cons >= 2 * size || prod >= 2 * size)
		return -EIO;
	bytes = prod >= cons ? prod - cons : prod + 2 * size - cons;
	if (bytes > size)
		return -EIO;
	at = cons >= size ? cons - size : cons;
	first = bytes < size - at ? bytes : size - at;
	memcpy(c->copy, ring->bytes + at, first);
	memcpy(c->copy + first, ring->bytes, bytes - first);
	atomic_thread_fence(memory_order_seq_cst);
	*(volatile uint32_t *)&ring->meta->cons = prod;
	return bytes;
}

static void drain_ring(struct tocsin_capture *c, unsigned int cpu, struct tocsin_error *err)
{
	struct tocsin_event broken = {
	    .kind = TOCSIN_EVENT_MALFORMED, .cpu = (uint16_t)cpu, .what = "unreadable stream"};
	struct cpu_ring *ring = &c->rings[cpu];
	ssize_t bytes = take(c, ring);
	int rc = bytes < 0 ? (int)bytes : 0;

	if (bytes > 0 && c->raw)
		c->raw(c->context, (uint16_t)cpu, c->copy, (size_t)bytes);
	if (bytes > 0)
		rc = tocsin_decoder_feed(ring->decoder, c->copy, (size_t)bytes, err);
	if (!rc)
		return;
	/* The rest of this portion cannot be told apart: say so and begin anew with the next. */
	c->stats.malformed++;
	tocsin_batch_add(&c->batch, &broken);
	tocsin_decoder_free(ring->decoder);
	ring->decoder = NULL;
	if (tocsin_decoder_new((uint16_t)cpu, tocsin_batch_add, &c->batch, &ring->decoder))
		c->out_of_memory = true;
}

static void sum_stats(struct tocsin_capture *c)
{
	for (size_t i = 0; i < c->batch.count; i++) {
		if (c->batch.events[i].kind == TOCSIN_EVENT_TRIGGER)
			c->stats.triggers++;
		else if (c->batch.events[i].kind == TOCSIN_EVENT_LOST)
			c->stats.lost += c->batch.events[i].count;
		else if (c->batch.events[i].kind == TOCSIN_EVENT_CALL)
			c->stats.calls++;
		else if (c->batch.events[i].kind == TOCSIN_EVENT_GAP)
			c->stats.gaps++;
	}
}

/* Unmask the port before reading the rings, so that a record written meanwhile raises it again. */
static void acknowledge(struct tocsin_capture *c)
{
	struct pollfd ready = {.fd = xenevtchn_fd(c->evtchn), .events = POLLIN};
	xenevtchn_port_or_error_t port;

	if (poll(&ready, 1, 0) != 1)
		return;
	port = xenevtchn_pending(c->evtchn);
	if (port >= 0)
		xenevtchn_unmask(c->evtchn, (evtchn_port_t)port);
}

int tocsin_capture_drain(struct tocsin_capture *c, struct tocsin_error *err)
{
	acknowledge(c);
	for (unsigned int cpu = 0; cpu < c->cpus; cpu++)
		if (c->rings[cpu].decoder)
			drain_ring(c, cpu, err);
	if (c->out_of_memory)
		return tocsin_error_set(err, -ENOMEM, "out of memory for a trace decoder");
	sum_stats(c);
	return tocsin_batch_deliver(&c->batch, c->fn, c->context);
}

const struct tocsin_capture_stats *tocsin_capture_stats(const struct tocsin_capture *c)
{
	return &c->stats;
}
