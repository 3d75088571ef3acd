// SPDX-License-Identifier: GPL-2.0-or-later
#include "provenance/interface.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>

#define SECOND 1000000000u
#define SNAP 640 /* bytes of a packet: all headers, and the 512 of an answer of a name server */
#define ROOM (8 << 20)

struct tocsin_trace_interface {
	pcap_t *pcap;
	unsigned int dropped;
	/* of the call that is going on */
	tocsin_trace_packet *take;
	void *context;
	int rc;
};

static int begin(pcap_t *p, struct tocsin_error *err)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	int rc;

	pcap_set_snaplen(p, SNAP);
	pcap_set_buffer_size(p, ROOM);
	/* else each block of many packets is handed over half empty after a while, and the buffer
	 * is full after 32 of them */
	pcap_set_immediate_mode(p, 1);
	pcap_set_tstamp_precision(p, PCAP_TSTAMP_PRECISION_NANO);
	rc = pcap_activate(p);
	if (rc == PCAP_ERROR_PERM_DENIED)
		return tocsin_error_set(err, -EPERM,
					"not allowed to capture: it takes CAP_NET_RAW");
	if (rc == PCAP_ERROR_NO_SUCH_DEVICE || rc == PCAP_ERROR_IFACE_NOT_UP)
		return tocsin_error_set(err, -ENODEV, "%s",
					rc == PCAP_ERROR_IFACE_NOT_UP ? "it is down"
								      : "no such interface");
	if (rc < 0)
		return tocsin_error_set(err, -EIO, "%s", pcap_geterr(p));
	if (pcap_setnonblock(p, 1, why))
		return tocsin_error_set(err, -EIO, "%s", why);
	return 0;
}

int tocsin_trace_interface_open(const char *name, struct tocsin_trace_interface **ret,
				struct tocsin_error *err)
{
	struct tocsin_trace_interface *i = calloc(1, sizeof(*i));
	char why[PCAP_ERRBUF_SIZE] = "";
	int rc = 0;

	if (i)
		i->pcap = pcap_create(name, why);
	if (!i)
		rc = tocsin_error_set(err, -ENOMEM, "out of memory");
	else if (!i->pcap)
		rc = tocsin_error_set(err, -ENODEV, "%s", why);
	else
		rc = begin(i->pcap, err);
	if (rc) {
		tocsin_trace_interface_close(i);
		return rc;
	}
	*ret = i;
	return 0;
}

void tocsin_trace_interface_close(struct tocsin_trace_interface *i)
{
	if (i && i->pcap)
		pcap_close(i->pcap);
	free(i);
}

static void hand_on(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct tocsin_trace_interface *i = (struct tocsin_trace_interface *)(void *)context;
	uint64_t time = (uint64_t)header->ts.tv_sec * SECOND + (uint64_t)header->ts.tv_usec;

	if (!i->rc)
		i->rc = i->take(i->context, time, pcap_datalink(i->pcap), bytes, header->caplen);
	if (i->rc)
		pcap_breakloop(i->pcap);
}

int tocsin_trace_interface_take(struct tocsin_trace_interface *i, unsigned int most,
				tocsin_trace_packet *take, void *context)
{
	int count;

	i->take = take;
	i->context = context;
	i->rc = 0;
	count = pcap_dispatch(i->pcap, (int)most, hand_on, (u_char *)i);
	if (i->rc)
		return i->rc;
	return count < 0 ? -ENODEV : count;
}

uint64_t tocsin_trace_interface_dropped(struct tocsin_trace_interface *i)
{
	unsigned int before = i->dropped;
	struct pcap_stat stat;

	if (!pcap_stats(i->pcap, &stat))
		i->dropped = stat.ps_drop;
	return i->dropped - before; /* it may go round */
}
