// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host.c against a shim of Xen's libraries: a hypervisor of some domains, each with an ID, a rate
 * and a number of views, that answers as Xen 4.17 does.
 */
#include "host/host.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xenctrl.h>
#include <xenstore.h>

#include <cmocka.h>

static struct shim {
	unsigned int domains; /* ids 0, 2, 4, ...; 0 and 4 are PV; 6 has no name */
	bool no_xen, no_xenstore, no_tocsin, no_altp2m, list_fails;
	uint64_t rate[512];
	unsigned int views, views_max;
	bool altp2m, no_option;
	uint16_t view;
	unsigned int rates_set;
	int param_errno;
	int64_t now_ms;
} xen;

static int refuse(int code)
{
	errno = code;
	return -1;
}

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild_logger,
				unsigned open_flags)
{
	errno = ENOENT;
	return xen.no_xen ? NULL : (xc_interface *)&xen;
}

int xc_interface_close(xc_interface *xch)
{
	return 0;
}

struct xs_handle *xs_open(unsigned long flags)
{
	errno = ECONNREFUSED;
	return xen.no_xenstore ? NULL : (struct xs_handle *)&xen;
}

void xs_close(struct xs_handle *xsh)
{
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
	char *name = NULL;
	unsigned int id, number;

	errno = ENOENT;
	if (sscanf(path, "/local/domain/0/backend/vif/%u/%u/mac", &id, &number) == 2)
		return number > 1 ? NULL : strdup(number ? "00:16:3e:00:00" : "00:16:3E:0a:00:ff");
	if (sscanf(path, "/local/domain/%u/name", &id) != 1 || id == 6)
		return NULL;
	if (asprintf(&name, "guest-%u", id) < 0)
		return NULL;
	*len = (unsigned int)strlen(name);
	return name;
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned int max,
			  xc_domaininfo_t *info)
{
	unsigned int n = 0;

	if (xen.list_fails)
		return refuse(EPERM);
	for (uint32_t id = (first + 1) / 2 * 2; id < xen.domains * 2 && n < max; id += 2) {
		memset(&info[n], 0, sizeof(*info));
		info[n].domain = (domid_t)id;
		info[n].flags = id == 0 || id == 4 ? 0 : XEN_DOMINF_hvm_guest;
		info[n].tot_pages = 256;
		info[n].nr_online_vcpus = 2;
		memset(info[n].handle, (int)id, sizeof(info[n].handle));
		n++;
	}
	return (int)n;
}

int xc_physinfo(xc_interface *xch, xc_physinfo_t *info)
{
	if (xen.list_fails)
		return refuse(EPERM);
	info->capabilities = xen.no_altp2m ? 0 : XEN_SYSCTL_PHYSCAP_hap;
	return 0;
}

int xc_hvm_param_get(xc_interface *handle, uint32_t dom, uint32_t param, uint64_t *value)
{
	if (xen.param_errno)
		return refuse(xen.param_errno);
	if (xen.no_tocsin || param != 39)
		return refuse(EINVAL);
	if (dom >= 512)
		return refuse(ESRCH);
	*value = xen.rate[dom];
	return 0;
}

int xc_hvm_param_set(xc_interface *handle, uint32_t dom, uint32_t param, uint64_t value)
{
	if (xen.no_tocsin || param != 39)
		return refuse(EINVAL);
	xen.rate[dom] = value;
	xen.rates_set++;
	return 0;
}

int xc_altp2m_get_domain_state(xc_interface *handle, uint32_t dom, bool *state)
{
	*state = xen.altp2m;
	return xen.no_option ? refuse(EOPNOTSUPP) : xen.no_altp2m ? refuse(EINVAL) : 0;
}

int xc_altp2m_set_domain_state(xc_interface *handle, uint32_t dom, bool state)
{
	if (xen.no_altp2m)
		return refuse(EINVAL);
	xen.altp2m = state;
	return 0;
}

int xc_altp2m_create_view(xc_interface *handle, uint32_t domid, xenmem_access_t access,
			  uint16_t *view_id)
{
	if (!xen.altp2m || xen.views == xen.views_max)
		return refuse(EINVAL);
	*view_id = (uint16_t)++xen.views;
	return 0;
}

int xc_altp2m_destroy_view(xc_interface *handle, uint32_t domid, uint16_t view_id)
{
	xen.views--;
	return 0;
}

int xc_altp2m_switch_to_view(xc_interface *handle, uint32_t domid, uint16_t view_id)
{
	if (view_id > xen.views)
		return refuse(EINVAL);
	xen.view = view_id;
	return 0;
}

int xc_altp2m_get_vcpu_p2m_idx(xc_interface *handle, uint32_t domid, uint32_t vcpuid,
			       uint16_t *view_id)
{
	*view_id = xen.view;
	return vcpuid < 2 ? 0 : refuse(EINVAL);
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	*ret = (struct timespec){xen.now_ms / 1000, xen.now_ms % 1000 * 1000000};
	return 0;
}

static struct tocsin_host *start(unsigned int domains)
{
	struct tocsin_host *h;

	xen = (struct shim){.domains = domains, .views_max = 9};
	assert_int_equal(tocsin_host_open(&h, NULL), 0);
	return h;
}

static void open_errors(void **state)
{
	struct tocsin_error err = {0};
	struct tocsin_host *h = NULL;

	xen = (struct shim){.no_xen = true};
	assert_int_equal(tocsin_host_open(&h, &err), -ENOENT);
	assert_non_null(strstr(err.message, "dom0"));
	tocsin_error_clear(&err);
	xen = (struct shim){.no_xenstore = true};
	assert_int_equal(tocsin_host_open(&h, &err), -ECONNREFUSED);
	assert_non_null(strstr(err.message, "xenstore"));
	assert_null(h);
}

static void without_xenstored_domains_have_no_names(void **state)
{
	struct tocsin_domain d;
	struct tocsin_host *h;

	xen = (struct shim){.no_xenstore = true, .domains = 2};
	assert_int_equal(tocsin_host_open_nameless(&h, NULL), 0);
	assert_int_equal(tocsin_host_domain(h, 2, &d, NULL), 0);
	assert_string_equal(d.name, "");
	assert_true(d.hvm);
	tocsin_host_close(h);
	xen.no_xen = true;
	assert_int_equal(tocsin_host_open_nameless(&h, NULL), -ENOENT);
}

/* More than one batch, none twice, dom0 not among them. */
static void lists_all(void **state)
{
	const unsigned int sizes[] = {1, 2, 63, 64, 65, 128, 129, 200};

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct tocsin_host *h = start(sizes[s]);
		struct tocsin_domain *list;
		size_t count;

		assert_int_equal(tocsin_host_list(h, &list, &count, NULL), 0);
		assert_int_equal(count, sizes[s] - 1);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(list[i].domid, 2 * (i + 1));
		free(list);
		tocsin_host_close(h);
	}
}

static void list_failure_is_not_empty(void **state)
{
	struct tocsin_host *h = start(3);
	struct tocsin_domain *list = NULL;
	struct tocsin_error err = {0};
	size_t count = 77;

	xen.list_fails = true;
	assert_int_equal(tocsin_host_list(h, &list, &count, &err), -EPERM);
	assert_int_equal(count, 77);
	assert_int_equal(err.code, -EPERM);
	tocsin_host_close(h);
}

static void hardware_addresses(void **state)
{
	static const uint8_t expected[6] = {0, 0x16, 0x3e, 10, 0, 0xff};
	struct tocsin_host *h;
	uint8_t address[6];

	assert_int_equal(tocsin_host_open(&h, NULL), 0);
	assert_int_equal(tocsin_host_hardware(h, 2, 0, address), 0);
	assert_memory_equal(address, expected, 6);
	assert_int_equal(tocsin_host_hardware(h, 2, 1, address), -EPROTO);
	assert_int_equal(tocsin_host_hardware(h, 2, 2, address), -ENOENT);
	tocsin_host_close(h);
}

static void finds(void **state)
{
	struct tocsin_host *h = start(100);
	struct tocsin_domain d = {.domid = 1};

	assert_int_equal(tocsin_host_find(h, "guest-180", &d, NULL), 0);
	assert_int_equal(d.domid, 180);
	assert_int_equal(d.memory, 1 << 20);
	assert_int_equal(d.vcpus, 2);
	assert_int_equal(d.uuid[15], 180);
	assert_true(d.hvm);
	assert_int_equal(tocsin_host_find(h, "4", &d, NULL), 0);
	assert_string_equal(d.name, "guest-4");
	assert_false(d.hvm);
	assert_int_equal(tocsin_host_find(h, "6", &d, NULL), 0);
	assert_string_equal(d.name, "");
	/* 5 is not there; Xen's list begins with 6 then */
	assert_int_equal(tocsin_host_find(h, "5", &d, NULL), -ESRCH);
	assert_int_equal(tocsin_host_find(h, "99999999999999999999", &d, NULL), -ESRCH);
	assert_int_equal(tocsin_host_find(h, "4294967298", &d, NULL), -ESRCH);
	assert_int_equal(tocsin_host_find(h, "nobody", &d, NULL), -ESRCH);
	assert_int_equal(tocsin_host_find(h, "", &d, NULL), -EINVAL);
	assert_int_equal(d.domid, 6);
	tocsin_host_close(h);
}

static void rates(void **state)
{
	struct tocsin_host *h = start(5);
	struct tocsin_error err = {0};
	struct tocsin_domain d;

	assert_int_equal(tocsin_host_set_rate(h, 2, 4000000000u, NULL), 0);
	assert_int_equal(tocsin_host_domain(h, 2, &d, NULL), 0);
	assert_true(d.rate == 4000000000);
	assert_int_equal(tocsin_host_set_rate(h, 4, 1, &err), -EINVAL);
	assert_non_null(strstr(err.message, "PV"));
	assert_int_equal(tocsin_host_set_rate(h, 3, 1, NULL), -ESRCH);
	xen.no_tocsin = true;
	tocsin_error_clear(&err);
	assert_int_equal(tocsin_host_set_rate(h, 2, 1, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.message, "install"));
	assert_int_equal(tocsin_host_domain(h, 2, &d, NULL), 0);
	assert_int_equal(d.rate, -1);
	tocsin_host_close(h);
}

static void views(void **state)
{
	uint16_t id[10] = {0};
	struct tocsin_host *h = start(5);

	assert_int_equal(tocsin_host_create_views(h, 2, 3, id, NULL), 0);
	assert_int_equal(id[0], 1);
	assert_int_equal(id[2], 3);
	assert_int_equal(id[3], 0);
	/* all or none */
	memset(id, 0, sizeof(id));
	assert_int_equal(tocsin_host_create_views(h, 2, 10, id, NULL), -EINVAL);
	assert_int_equal(xen.views, 3);
	assert_int_equal(id[0], 0);
	assert_int_equal(tocsin_host_create_views(h, 2, 0, id, NULL), -EINVAL);
	assert_int_equal(tocsin_host_create_views(h, 4, 1, id, NULL), -EINVAL);
	xen.altp2m = false;
	xen.no_altp2m = true;
	assert_int_equal(tocsin_host_create_views(h, 2, 1, id, NULL), -EINVAL);
	tocsin_host_close(h);
}

/* Each of the things that views need is named when it is missing. */
static void views_and_what_they_need(void **state)
{
	struct tocsin_host *h = start(5);
	struct tocsin_error err = {0};
	uint16_t id[2], view = 99;

	xen.no_option = true;
	assert_int_equal(tocsin_host_create_views(h, 2, 1, id, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.message, "booted with altp2m=1"));
	assert_non_null(strstr(err.message, "GRUB_CMDLINE_XEN_DEFAULT"));
	assert_non_null(strstr(err.message, "altp2m = \"mixed\""));
	tocsin_error_clear(&err);
	assert_int_equal(tocsin_host_switch_view(h, 2, 1, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.message, "booted with altp2m=1"));
	tocsin_error_clear(&err);
	assert_int_equal(tocsin_host_view(h, 2, 0, &view, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.message, "booted with altp2m=1"));
	xen.no_option = false;
	xen.no_altp2m = true;
	tocsin_error_clear(&err);
	assert_int_equal(tocsin_host_create_views(h, 2, 1, id, &err), -EINVAL);
	assert_null(strstr(err.message, "booted"));
	assert_non_null(strstr(err.message, "altp2m = \"mixed\""));
	xen.no_altp2m = false;
	tocsin_error_clear(&err);
	assert_int_equal(tocsin_host_switch_view(h, 2, 1, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.message, "--create"));
	assert_int_equal(view, 99);
	tocsin_host_close(h);
}

/* A live patch lets the guest switch views when the rate is set: again, if altp2m comes later. */
static void views_of_a_domain_with_a_rate(void **state)
{
	struct tocsin_host *h = start(5);
	struct tocsin_error err = {0};
	uint16_t id[2], view = 99;

	assert_int_equal(tocsin_host_create_views(h, 2, 1, id, NULL), 0);
	assert_int_equal(xen.rates_set, 0);
	assert_int_equal(tocsin_host_set_rate(h, 2, 7, NULL), 0);
	assert_int_equal(tocsin_host_create_views(h, 2, 1, id, NULL), 0);
	assert_int_equal(xen.rates_set, 2);
	assert_int_equal(xen.rate[2], 7);
	assert_int_equal(tocsin_host_switch_view(h, 2, 2, NULL), 0);
	assert_int_equal(tocsin_host_view(h, 2, 1, &view, NULL), 0);
	assert_int_equal(view, 2);
	assert_int_equal(tocsin_host_switch_view(h, 2, 3, &err), -EINVAL);
	assert_non_null(strstr(err.message, "no such view"));
	tocsin_error_clear(&err);
	assert_int_equal(tocsin_host_view(h, 2, 2, &view, &err), -EINVAL);
	assert_non_null(strstr(err.message, "no such vCPU"));
	tocsin_host_close(h);
}

static void told(struct tocsin_host *h, struct tocsin_presence *p, const char *words)
{
	const char *news = tocsin_host_presence(h, p);

	if (!words)
		assert_null(news);
	else
		assert_non_null(news && strstr(news, words) ? news : NULL);
}

static void what_goes_missing_is_told_once(void **state)
{
	struct tocsin_host *h = start(2);
	struct tocsin_presence p = {0};

	xen.now_ms = 0;
	told(h, &p, NULL);
	xen.no_tocsin = true;
	told(h, &p, NULL); /* it does not ask all the time */
	xen.now_ms = TOCSIN_PRESENCE_MS;
	told(h, &p, "taken out");
	xen.now_ms *= 2;
	told(h, &p, NULL);
	xen.no_tocsin = false;
	xen.now_ms *= 2;
	told(h, &p, "can ring again");
	xen.param_errno = EPERM;
	xen.now_ms *= 2;
	told(h, &p, "does not say");
	xen.now_ms *= 2;
	told(h, &p, NULL);
	p = (struct tocsin_presence){0};
	xen.param_errno = 0;
	xen.no_tocsin = true;
	told(h, &p, "without a reboot");
	tocsin_host_close(h);
}

static void second_level_tables(void **state)
{
	struct tocsin_host *h = start(1);
	struct tocsin_error err = {0};
	bool ept = false;

	assert_int_equal(tocsin_host_has_ept(h, &ept, &err), 0);
	assert_true(ept);
	xen.no_altp2m = true;
	assert_int_equal(tocsin_host_has_ept(h, &ept, &err), 0);
	assert_false(ept);
	xen.list_fails = true;
	assert_int_equal(tocsin_host_has_ept(h, &ept, &err), -EPERM);
	assert_non_null(strstr(err.message, "what the processor has"));
	tocsin_host_close(h);
}

int main(void)
{
	const struct CMUnitTest list[] = {
	    cmocka_unit_test(open_errors),
	    cmocka_unit_test(without_xenstored_domains_have_no_names),
	    cmocka_unit_test(lists_all),
	    cmocka_unit_test(list_failure_is_not_empty),
	    cmocka_unit_test(hardware_addresses),
	    cmocka_unit_test(finds),
	    cmocka_unit_test(rates),
	    cmocka_unit_test(views),
	    cmocka_unit_test(views_and_what_they_need),
	    cmocka_unit_test(views_of_a_domain_with_a_rate),
	    cmocka_unit_test(what_goes_missing_is_told_once),
	    cmocka_unit_test(second_level_tables),
	};

	return cmocka_run_group_tests_name("host", list, NULL, NULL);
}
