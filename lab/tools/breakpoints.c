// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * breakpoints DOMID: the least that a tool does which traces by breakpoints. Each INT3 in the
 * domain stops its vCPU and is an event (libxenctrl's xc_monitor_software_breakpoint); this process
 * waits in the event channel, sets RIP behind the INT3 and lets the vCPU go on. It reads no memory,
 * writes nothing down, steps over no instruction, and changes no view. Prints "breakpoints on", and
 * at SIGTERM "breakpoints events=N".
 *
 * It needs libxenctrl, libxenevtchn and Xen's public headers vm_event.h and io/ring.h (libxen-dev).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenevtchn.h>

#include <xen/vm_event.h>

struct listener {
	xc_interface *xc;
	xenevtchn_handle *evtchn;
	uint32_t domid;
	void *page;
	vm_event_back_ring_t ring;
	xenevtchn_port_or_error_t port;
	unsigned long events;
};

static int failed(const char *what)
{
	fprintf(stderr, "breakpoints: %s: %s\n", what, strerror(errno));
	return 1;
}

static int listener_open(struct listener *l)
{
	uint32_t remote;

	l->xc = xc_interface_open(NULL, NULL, 0);
	l->evtchn = xenevtchn_open(NULL, 0);
	if (!l->xc || !l->evtchn)
		return failed("open");
	l->page = xc_monitor_enable(l->xc, l->domid, &remote);
	if (!l->page)
		return failed("xc_monitor_enable");
	l->port = xenevtchn_bind_interdomain(l->evtchn, l->domid, remote);
	if (l->port < 0)
		return failed("xenevtchn_bind_interdomain");
	SHARED_RING_INIT((vm_event_sring_t *)l->page);
	BACK_RING_INIT(&l->ring, (vm_event_sring_t *)l->page, XC_PAGE_SIZE);
	if (xc_monitor_software_breakpoint(l->xc, l->domid, true))
		return failed("xc_monitor_software_breakpoint");
	return 0;
}

/* Events that came meanwhile are answered before: a vCPU waits for each. */
static void listener_close(struct listener *l)
{
	if (l->xc && l->page)
		xc_monitor_software_breakpoint(l->xc, l->domid, false);
	if (l->evtchn)
		xenevtchn_close(l->evtchn);
	if (l->page) {
		munmap(l->page, XC_PAGE_SIZE);
		xc_monitor_disable(l->xc, l->domid);
	}
	if (l->xc)
		xc_interface_close(l->xc);
}

static void answer(struct listener *l)
{
	vm_event_request_t request;
	vm_event_response_t response = {.version = VM_EVENT_INTERFACE_VERSION};

	memcpy(&request, RING_GET_REQUEST(&l->ring, l->ring.req_cons), sizeof(request));
	l->ring.req_cons++;
	l->ring.sring->req_event = l->ring.req_cons + 1;
	response.vcpu_id = request.vcpu_id;
	response.reason = request.reason;
	response.flags = request.flags & VM_EVENT_FLAG_VCPU_PAUSED;
	if (request.reason == VM_EVENT_REASON_SOFTWARE_BREAKPOINT) {
		response.flags |= VM_EVENT_FLAG_SET_REGISTERS;
		response.data.regs.x86 = request.data.regs.x86;
		response.data.regs.x86.rip += request.u.software_breakpoint.insn_length;
		l->events++;
	}
	memcpy(RING_GET_RESPONSE(&l->ring, l->ring.rsp_prod_pvt), &response, sizeof(response));
	l->ring.rsp_prod_pvt++;
	RING_PUSH_RESPONSES(&l->ring);
}

static void listen_on(struct listener *l, int signals)
{
	struct pollfd fds[] = {{.fd = xenevtchn_fd(l->evtchn), .events = POLLIN},
			       {.fd = signals, .events = POLLIN}};

	while (!fds[1].revents) {
		xenevtchn_port_or_error_t port;

		if (poll(fds, 2, -1) < 0 || !fds[0].revents)
			continue;
		port = xenevtchn_pending(l->evtchn);
		if (port >= 0)
			xenevtchn_unmask(l->evtchn, (evtchn_port_t)port);
		while (RING_HAS_UNCONSUMED_REQUESTS(&l->ring))
			answer(l);
		xenevtchn_notify(l->evtchn, (evtchn_port_t)l->port);
	}
}

int main(int argc, char **argv)
{
	struct listener l = {.domid = argc == 2 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0};
	sigset_t set;
	int signals, rc;

	if (!l.domid)
		return 2;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	rc = listener_open(&l);
	if (!rc) {
		puts("breakpoints on");
		fflush(stdout);
		listen_on(&l, signals);
		printf("breakpoints events=%lu\n", l.events);
	}
	listener_close(&l);
	return rc;
}
