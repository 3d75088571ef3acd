// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/trace_hand.h"

#include <errno.h>

static int hardware_of(void *context, uint32_t number, uint8_t ret[6])
{
	const struct trace_hand *s = context;
	struct tocsin_host *h;
	int rc = tocsin_host_open(&h, NULL);

	if (rc)
		return rc;
	rc = tocsin_host_hardware(h, s->d.domid, number, ret);
	tocsin_host_close(h);
	return rc;
}

static void on_interface(void *context, const char *interface, bool captured, const char *why)
{
	struct trace_hand *s = context;
	struct tocsin_trace_line line = trace_hand_line(s, 0);

	if (tocsin_trace_capture_json(stdout, &line, interface, captured, why))
		s->failed = -EIO;
}

static void on_hardware(void *context, const uint8_t address[6])
{
	struct trace_hand *s = context;
	const struct trace_ask ask = {.kind = TRACE_ASK_HARDWARE, .bytes = address, .size = 6};

	trace_link_ask(s->link, &ask); /* if it fails, so does the next packet */
}

static int on_packet(void *context, uint64_t time, int link, const uint8_t *bytes, size_t size)
{
	struct trace_hand *s = context;
	const struct trace_ask ask = {.kind = TRACE_ASK_PACKET,
				      .time = time,
				      .link = (uint32_t)link,
				      .bytes = bytes,
				      .size = size};

	return trace_hand_ask(s, &ask);
}

int trace_hand_lost_packets(struct trace_hand *s, uint64_t lost, const char *why)
{
	struct tocsin_trace_line line = trace_hand_line(s, 0);

	return tocsin_trace_loss_json(stdout, &line, lost, why);
}

static int on_packets_lost(void *context, uint64_t since, uint64_t until, uint64_t lost,
			   const char *why)
{
	struct trace_hand *s = context;
	struct trace_store_gap gap = {
	    .why = why, .since = since, .until = until, .lost = lost, .wire = true};
	int rc = trace_hand_sync(s);

	if (!rc)
		rc = trace_hand_lost_packets(s, lost, why);
	return rc ? rc : trace_store_gap(s->store, &gap);
}

/* As soon as its calls are recorded; the packets wait until there is a graph. */
int trace_hand_capture(struct trace_hand *s, struct tocsin_error *err)
{
	const struct trace_capture_settings settings = {.domid = s->d.domid,
							.named = s->options->interface,
							.sysfs = "/sys",
							.hardware = hardware_of,
							.tell = on_interface,
							.context = s};
	int rc;

	if (!s->options->graph || s->options->no_capture)
		return 0;
	trace_hand_clocks(s);
	rc = trace_capture_open(&settings, (uint64_t)s->now_ns, &s->capture, err);
	if (!rc && !trace_capture_count(s->capture))
		on_interface(s, "", false,
			     "the guest has no network interface here; --capture names one");
	return rc;
}

void trace_hand_packets(struct trace_hand *s)
{
	const struct trace_capture_sink sink = {on_hardware, on_packet, on_packets_lost, s};

	if (s->capture)
		trace_capture_start(s->capture, &sink);
}
