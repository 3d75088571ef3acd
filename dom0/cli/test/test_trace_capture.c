// SPDX-License-Identifier: GPL-2.0-or-later
/* Interfaces that come and go, and packets that are lost: what is captured, and what is a gap. */
#include "cli/trace_capture.h"

#include "provenance/flow.h"
#include "provenance/interface.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND 1000000000ull
#define BEGIN (1000 * SECOND)

/* ---- a kernel ---- */

struct tocsin_trace_interface {
	char name[TRACE_CAPTURE_NAME];
};

static unsigned int losses; /* gaps that were told */
static uint64_t lost;

static char sysfs[32];
static int refuse;           /* what opening returns */
static unsigned int opened;  /* and not closed */
static unsigned int dropped; /* that were not told yet */
static char gone[TRACE_CAPTURE_NAME];
static unsigned int packets; /* that each taking gives */

int tocsin_trace_interface_open(const char *name, struct tocsin_trace_interface **ret,
				struct tocsin_error *err)
{
	if (refuse)
		return tocsin_error_set(err, refuse, "%s", strerror(-refuse));
	*ret = calloc(1, sizeof(**ret));
	snprintf((*ret)->name, sizeof((*ret)->name), "%s", name);
	opened++;
	return 0;
}

void tocsin_trace_interface_close(struct tocsin_trace_interface *i)
{
	opened -= i != NULL;
	free(i);
}

/* Of a stranger at 10.0.0.9 to the guest at 10.0.0.5, whose card is 2:...:NUMBER. */
int tocsin_trace_interface_take(struct tocsin_trace_interface *i, unsigned int most,
				tocsin_trace_packet *give, void *context)
{
	uint8_t frame[14 + 20 + 8 + 5] = {2, [12] = 8, [14] = 0x45, [17] = 33, [23] = 17};
	int rc = 0;

	if (!strcmp(i->name, gone))
		return -ENODEV;
	memcpy(frame + 26, (uint8_t[]){10, 0, 0, 9, 10, 0, 0, 5, 0, 7, 0, 99}, 12);
	assert_true(packets <= most);
	for (unsigned int n = 0; n < packets && !rc; n++)
		rc = give(context, BEGIN + n, 1, frame, sizeof(frame));
	return rc ? rc : (int)packets;
}

uint64_t tocsin_trace_interface_dropped(struct tocsin_trace_interface *i)
{
	unsigned int n = dropped;

	dropped = 0;
	return n;
}

static void make_folder(const char *format, ...)
{
	char name[128], path[192];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s/%s", sysfs, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

/* An interface; device: of Xen's bus, or NULL. */
static void plug(const char *name, unsigned int index, const char *device)
{
	char path[192];
	FILE *f;

	make_folder("class/net/%s", name);
	snprintf(path, sizeof(path), "%s/class/net/%s/ifindex", sysfs, name);
	f = fopen(path, "w");
	fprintf(f, "%u\n", index);
	fclose(f);
	if (!device)
		return;
	make_folder("bus/xen-backend/devices/%s", device);
	make_folder("bus/xen-backend/devices/%s/net", device);
	make_folder("bus/xen-backend/devices/%s/net/%s", device, name);
}

static int unlink_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static void unplug(const char *folder)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", sysfs, folder);
	assert_int_equal(nftw(path, unlink_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static int set_up(void **state)
{
	strcpy(sysfs, "/tmp/tocsin-sys-XXXXXX");
	assert_non_null(mkdtemp(sysfs));
	make_folder("class");
	make_folder("class/net");
	make_folder("bus");
	make_folder("bus/xen-backend");
	make_folder("bus/xen-backend/devices");
	refuse = 0;
	dropped = packets = losses = 0;
	lost = 0;
	gone[0] = 0;
	return 0;
}

static int tear_down(void **state)
{
	unplug("");
	assert_int_equal(opened, 0);
	return 0;
}

/* ---- what is told ---- */

static char said[1024];

static void say_interface(void *context, const char *interface, bool captured, const char *why)
{
	size_t n = strlen(said);

	snprintf(said + n, sizeof(said) - n, "%s %s%s%s; ", interface, captured ? "on" : "off",
		 why[0] ? ": " : "", why);
}

/* What is made of the packets elsewhere. */
static struct tocsin_trace_flows *flows;

static int take(const struct tocsin_trace_event *e, void *context)
{
	size_t n = strlen(said);

	assert_int_equal(e->kind, TOCSIN_TRACE_FLOW);
	snprintf(said + n, sizeof(said) - n, "flow %u>%u %u/%u; ", e->socket->local_port,
		 e->socket->remote_port, (unsigned int)e->socket->bytes_sent,
		 (unsigned int)e->socket->bytes_received);
	return 0;
}

static void take_hardware(void *context, const uint8_t address[6])
{
	tocsin_trace_flows_hardware(flows, address);
}

static int take_packet(void *context, uint64_t time, int link, const uint8_t *bytes, size_t size)
{
	return tocsin_trace_flows_packet(flows, time, link, bytes, size);
}

static int take_gap(void *context, uint64_t since, uint64_t until, uint64_t count, const char *why)
{
	size_t n = strlen(said);

	losses++;
	lost += count;
	snprintf(said + n, sizeof(said) - n, "gap %d-%d %u %s; ", (int)(since / SECOND) - 1000,
		 (int)(until / SECOND) - 1000, (unsigned int)count, why);
	return 0;
}

static int hardware(void *context, uint32_t number, uint8_t ret[6])
{
	const uint8_t card[6] = {2, 0, 0, 0, 0, (uint8_t)number};

	if (number > 1)
		return -ENOENT;
	memcpy(ret, card, sizeof(card));
	return 0;
}

static struct trace_capture *c;

static int open_capture(const char *named, struct tocsin_error *err)
{
	const struct trace_capture_settings settings = {.domid = 3,
							.named = named,
							.sysfs = sysfs,
							.hardware = hardware,
							.tell = say_interface};

	said[0] = 0;
	return trace_capture_open(&settings, BEGIN, &c, err);
}

static void start(const char *expected)
{
	const struct tocsin_trace_flow_settings settings = {.guest = "g", .live = true};
	const struct trace_capture_sink sink = {take_hardware, take_packet, take_gap, NULL};

	assert_int_equal(open_capture(NULL, NULL), 0);
	assert_string_equal(said, expected);
	flows = tocsin_trace_flows_new(&settings, take, NULL);
	trace_capture_start(c, &sink);
}

static void at(unsigned int second, const char *expected)
{
	said[0] = 0;
	assert_int_equal(trace_capture_take(c, BEGIN + second * SECOND + 1), 0);
	assert_string_equal(said, expected);
}

static void end(unsigned int second, const char *expected)
{
	said[0] = 0;
	assert_int_equal(trace_capture_end(c, BEGIN + second * SECOND), 0);
	assert_int_equal(tocsin_trace_flows_end(flows), 0);
	assert_string_equal(said, expected);
	trace_capture_close(c);
	tocsin_trace_flows_free(flows);
}

static void a_domains_interfaces_are_found(void **state)
{
	struct trace_capture_found rows[TRACE_CAPTURE_MOST];

	plug("eth0", 1, NULL);
	plug("vif3.0", 2, "vif-3-0");
	plug("vif3.0-emu", 3, NULL);
	plug("shop-dmz", 4, "vif-3-1"); /* vifname= */
	plug("shop-dmz-emu", 5, NULL);
	plug("tap3.2", 6, NULL);
	plug("vif33.0", 7, "vif-33-0");
	plug("tap33.0", 8, NULL);
	plug("vif3.0x", 9, NULL);
	plug("xshop-dmz-emu", 10, NULL);
	make_folder("bus/xen-backend/devices/vif-3-4"); /* it is being made */
	make_folder("bus/xen-backend/devices/vbd-3-51712");
	assert_int_equal(trace_capture_find(sysfs, 3, rows), 5);
	assert_string_equal(rows[0].name, "shop-dmz");
	assert_int_equal(rows[0].number, 1);
	assert_string_equal(rows[1].name, "shop-dmz-emu");
	assert_int_equal(rows[1].number, 1);
	assert_string_equal(rows[2].name, "tap3.2");
	assert_int_equal(rows[2].number, 2);
	assert_string_equal(rows[3].name, "vif3.0");
	assert_string_equal(rows[4].name, "vif3.0-emu");
	assert_int_equal(trace_capture_find("/nowhere", 3, rows), 0);
	for (unsigned int i = 0; i < 2 * TRACE_CAPTURE_MOST; i++) {
		char name[16];

		snprintf(name, sizeof(name), "vif9.%u", i);
		plug(name, 100 + i, NULL);
	}
	assert_int_equal(trace_capture_find(sysfs, 9, rows), TRACE_CAPTURE_MOST);
}

/* Which end is the guest's its hardware address says. */
static void flows_are_told(void **state)
{
	plug("vif3.0", 2, "vif-3-0");
	start("vif3.0 on; ");
	packets = 2;
	at(0, "");
	end(1, "flow 99>7 0/20; "); /* and once more when it ended */
}

static void what_comes_later_was_not_captured_before(void **state)
{
	start("");
	assert_int_equal(trace_capture_count(c), 0);
	at(2, "");
	plug("vif3.0", 2, "vif-3-0");
	at(2, "");
	at(4, "vif3.0 on; gap 2-4 0 vif3.0: it is new; ");
	/* another one of the same name */
	unplug("class/net/vif3.0");
	unplug("bus/xen-backend/devices/vif-3-0");
	plug("vif3.0", 3, "vif-3-0");
	at(6, "vif3.0 off; vif3.0 on; gap 4-6 0 vif3.0: it is new; ");
	strcpy(gone, "vif3.0");
	unplug("class/net/vif3.0");
	unplug("bus/xen-backend/devices/vif-3-0");
	at(7, "vif3.0 off; ");
	at(8, "");
	end(9, "");
}

static void losses_are_counted(void **state)
{
	plug("vif3.0", 2, "vif-3-0");
	start("vif3.0 on; ");
	dropped = 5;
	at(0, "");
	at(2, "gap 0-2 5 vif3.0: packets were dropped; ");
	at(4, "");
	dropped = 6;
	said[0] = 0;
	assert_int_equal(trace_capture_end(c, BEGIN + 5 * SECOND), 0);
	assert_string_equal(said, "gap 4-5 6 vif3.0: packets were dropped; ");
	assert_int_equal(trace_capture_dropped(c), 11);
	assert_int_equal(losses, 2);
	assert_int_equal(lost, 11);
	trace_capture_close(c);
	tocsin_trace_flows_free(flows);
}

static void what_cannot_be_captured_is_a_gap(void **state)
{
	plug("vif3.0", 2, "vif-3-0");
	refuse = -EPERM;
	start("vif3.0 off: Operation not permitted; ");
	at(2, "");
	at(11, "gap 0-11 0 vif3.0: Operation not permitted; ");
	refuse = 0;
	at(13, "vif3.0 on; gap 11-13 0 vif3.0: it was not captured; ");
	end(14, "");
}

/* Of what is down nothing is missed. */
static void what_is_down_is_waited_for(void **state)
{
	plug("vif3.0", 2, "vif-3-0");
	refuse = -ENODEV;
	start("vif3.0 off: No such device; ");
	at(12, "");
	at(30, "");
	refuse = 0;
	at(32, "vif3.0 on; gap 30-32 0 vif3.0: it was not captured; ");
	end(33, "");
}

static void one_that_is_named_must_be_there(void **state)
{
	struct tocsin_error err = {0};

	plug("vif3.0", 2, "vif-3-0");
	assert_int_equal(open_capture("br0", &err), -ENODEV);
	assert_string_equal(err.message, "cannot capture br0: no such interface");
	err = (struct tocsin_error){0};
	assert_int_equal(open_capture("../net/vif3.0", &err), -ENODEV);
	assert_string_equal(err.message, "cannot capture ../net/vif3.0: no such interface");
	assert_int_equal(open_capture("vif3.0-and-much-more", NULL), -ENODEV);
	plug("br0", 4, NULL);
	refuse = -EPERM;
	err = (struct tocsin_error){0};
	assert_int_equal(open_capture("br0", &err), -ENODEV);
	assert_string_equal(err.message, "cannot capture br0: Operation not permitted");
	refuse = 0;
	assert_int_equal(open_capture("br0", &err), 0);
	assert_string_equal(said, "br0 on; ");
	trace_capture_close(c);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest all[] = {
	    TEST(a_domains_interfaces_are_found),           TEST(flows_are_told),
	    TEST(what_comes_later_was_not_captured_before), TEST(losses_are_counted),
	    TEST(what_cannot_be_captured_is_a_gap),         TEST(what_is_down_is_waited_for),
	    TEST(one_that_is_named_must_be_there),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
