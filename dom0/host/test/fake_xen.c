/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake_xen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xenctrl.h>
#include <xenstore.h>

#define RATE_PARAM 39u

struct fake_xen fake_xen;
const unsigned char fake_build_id[20] = "\x15\x1b\x37\x3f\xd6\x4b\x32\x15\x93\xbf"
					"\x98\x7f\xd9\x23\xcd\x10\xda\xba\xda\xc4";

static const struct {
	const char *name;
	int *value;
} kept[] = {
    {"no_xen", &fake_xen.no_xen},
    {"no_xenstored", &fake_xen.no_xenstored},
    {"no_livepatching", &fake_xen.no_livepatching},
    {"altp2m", &fake_xen.altp2m},
    {"no_ept", &fake_xen.no_ept},
    {"patched", &fake_xen.patched},
    {"dead", &fake_xen.dead},
    {"state", &fake_xen.state},
    {"code", &fake_xen.code},
    {"polls", &fake_xen.polls},
    {"busy", &fake_xen.busy},
    {"other", &fake_xen.other},
    {"upload_errno", &fake_xen.upload_errno},
    {"apply_errno", &fake_xen.apply_errno},
    {"revert_errno", &fake_xen.revert_errno},
    {"list_errno", &fake_xen.list_errno},
    {"rate", &fake_xen.rate},
    {"rate_errno", &fake_xen.rate_errno},
    {"view", &fake_xen.view},
};

#define KEPT (sizeof(kept) / sizeof(kept[0]))

static int refuse(int code)
{
	errno = code;
	return -1;
}

static void load(void)
{
	const char *path = getenv("FAKE_XEN");
	FILE *f = path ? fopen(path, "re") : NULL;
	char name[32];
	int value;

	while (f && fscanf(f, "%31s %d", name, &value) == 2)
		for (size_t i = 0; i < KEPT; i++)
			if (!strcmp(kept[i].name, name))
				*kept[i].value = value;
	if (f)
		fclose(f);
}

static void save(void)
{
	const char *path = getenv("FAKE_XEN");
	FILE *f = path ? fopen(path, "we") : NULL;

	for (size_t i = 0; f && i < KEPT; i++)
		fprintf(f, "%s %d\n", kept[i].name, *kept[i].value);
	if (f)
		fclose(f);
}

/* Time passes only while somebody sleeps. */
static struct timespec fake_now;

int nanosleep(const struct timespec *duration, struct timespec *left)
{
	fake_now.tv_sec += duration->tv_sec + (fake_now.tv_nsec + duration->tv_nsec) / 1000000000;
	fake_now.tv_nsec = (fake_now.tv_nsec + duration->tv_nsec) % 1000000000;
	return 0;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	*ret = fake_now;
	return 0;
}

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild_logger,
				unsigned open_flags)
{
	load();
	errno = ENOENT;
	return fake_xen.no_xen ? NULL : (xc_interface *)&fake_xen;
}

int xc_interface_close(xc_interface *xch)
{
	save();
	return 0;
}

struct xs_handle *xs_open(unsigned long flags)
{
	errno = ECONNREFUSED;
	return fake_xen.no_xenstored ? NULL : (struct xs_handle *)&fake_xen;
}

void xs_close(struct xs_handle *xsh)
{
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
	char *name;

	errno = EPIPE;
	if (fake_xen.no_xenstored)
		return NULL;
	name = strdup(strstr(path, "/1/") ? "shop" : "old");
	*len = (unsigned int)strlen(name);
	return name;
}

int xc_version(xc_interface *xch, int cmd, void *arg)
{
	switch (cmd) {
	case XENVER_version:
		return 4 << 16 | 17;
	case XENVER_extraversion:
		strcpy(arg, ".7");
		return 0;
	case XENVER_commandline:
		strcpy(arg, fake_xen.altp2m ? "dom0_mem=1G altp2m=1 loglvl=all" : "dom0_mem=1G");
		return 0;
	case XENVER_build_id:
		if (((xen_build_id_t *)arg)->len < sizeof(fake_build_id))
			return refuse(ENOBUFS);
		memcpy(((xen_build_id_t *)arg)->buf, fake_build_id, sizeof(fake_build_id));
		return sizeof(fake_build_id);
	default:
		return refuse(ENOSYS);
	}
}

int xc_physinfo(xc_interface *xch, xc_physinfo_t *info)
{
	info->capabilities = fake_xen.no_ept ? 0 : XEN_SYSCTL_PHYSCAP_hap;
	return 0;
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned int max,
			  xc_domaininfo_t *info)
{
	unsigned int n = 0;

	for (uint32_t id = first; id < 3 && n < max; id++) {
		memset(&info[n], 0, sizeof(*info));
		info[n].domain = (domid_t)id;
		info[n++].flags = id == 1 ? XEN_DOMINF_hvm_guest : 0;
	}
	return (int)n;
}

static int param(uint32_t dom, uint32_t index)
{
	if (index != RATE_PARAM)
		return refuse(EINVAL);
	if (!fake_xen.patched && (fake_xen.state != 2 || fake_xen.dead))
		return refuse(EINVAL);
	if (dom > 2)
		return refuse(ESRCH);
	return dom == 1 ? 0 : refuse(EINVAL);
}

int xc_hvm_param_get(xc_interface *handle, uint32_t dom, uint32_t index, uint64_t *value)
{
	if (param(dom, index))
		return -1;
	*value = (uint64_t)fake_xen.rate;
	return 0;
}

int xc_hvm_param_set(xc_interface *handle, uint32_t dom, uint32_t index, uint64_t value)
{
	if (fake_xen.rate_errno)
		return refuse(fake_xen.rate_errno);
	if (param(dom, index))
		return -1;
	fake_xen.rate = (int)value;
	return 0;
}

/* Of the HVM guest, which has one vCPU; without `view` there is no altp2m in this Xen. */
int xc_altp2m_get_domain_state(xc_interface *handle, uint32_t dom, bool *state)
{
	*state = true;
	return dom == 1 && fake_xen.view ? 0 : refuse(EOPNOTSUPP);
}

int xc_altp2m_set_domain_state(xc_interface *handle, uint32_t dom, bool state)
{
	return refuse(EOPNOTSUPP);
}

int xc_altp2m_create_view(xc_interface *handle, uint32_t domid, xenmem_access_t access,
			  uint16_t *view_id)
{
	return refuse(EOPNOTSUPP);
}

int xc_altp2m_destroy_view(xc_interface *handle, uint32_t domid, uint16_t view_id)
{
	return refuse(EOPNOTSUPP);
}

int xc_altp2m_switch_to_view(xc_interface *handle, uint32_t domid, uint16_t view_id)
{
	return refuse(EOPNOTSUPP);
}

int xc_altp2m_get_vcpu_p2m_idx(xc_interface *handle, uint32_t domid, uint32_t vcpuid,
			       uint16_t *view_id)
{
	*view_id = (uint16_t)fake_xen.view;
	return vcpuid ? refuse(EINVAL) : 0;
}

/* 0, or refused. */
static int known(const char *name)
{
	if (fake_xen.no_livepatching)
		return refuse(ENOSYS);
	return fake_xen.state && !strcmp(name, "tocsin") ? 0 : refuse(ENOENT);
}

int xc_livepatch_upload(xc_interface *xch, char *name, unsigned char *payload, uint32_t size)
{
	if (fake_xen.no_livepatching)
		return refuse(ENOSYS);
	if (fake_xen.upload_errno)
		return refuse(fake_xen.upload_errno);
	if (fake_xen.state)
		return refuse(EEXIST);
	if (!memmem(payload, size, fake_build_id, sizeof(fake_build_id)))
		return refuse(EINVAL);
	fake_xen.state = 1;
	fake_xen.code = 0;
	return 0;
}

int xc_livepatch_get(xc_interface *xch, char *name, xen_livepatch_status_t *status)
{
	if (known(name))
		return -1;
	if (fake_xen.waiting) {
		*status = (xen_livepatch_status_t){(uint32_t)fake_xen.state, -EAGAIN};
		if (--fake_xen.waiting == 0 && !fake_xen.code)
			fake_xen.state = fake_xen.next_state;
		return 0;
	}
	*status = (xen_livepatch_status_t){(uint32_t)fake_xen.state, fake_xen.code};
	return 0;
}

static int begin(int state)
{
	if (fake_xen.waiting)
		return refuse(EBUSY);
	fake_xen.code = fake_xen.busy > 0 ? -EBUSY : 0;
	fake_xen.busy -= fake_xen.busy > 0;
	fake_xen.waiting = fake_xen.polls;
	fake_xen.next_state = state;
	if (!fake_xen.waiting && !fake_xen.code)
		fake_xen.state = state;
	return 0;
}

int xc_livepatch_apply(xc_interface *xch, char *name, uint32_t timeout, uint32_t flags)
{
	if (known(name))
		return -1;
	if (fake_xen.apply_errno)
		return refuse(fake_xen.apply_errno);
	return fake_xen.state == 1 ? begin(2) : 0;
}

int xc_livepatch_revert(xc_interface *xch, char *name, uint32_t timeout, uint32_t flags)
{
	if (known(name))
		return -1;
	if (fake_xen.revert_errno)
		return refuse(fake_xen.revert_errno);
	if (fake_xen.rate || fake_xen.other)
		return refuse(EBUSY);
	return fake_xen.state == 2 ? begin(1) : 0;
}

int xc_livepatch_unload(xc_interface *xch, char *name, uint32_t timeout, uint32_t flags)
{
	if (known(name))
		return -1;
	if (fake_xen.state == 2)
		return refuse(EINVAL);
	fake_xen.state = 0;
	return 0;
}

int xc_livepatch_list_get_sizes(xc_interface *xch, unsigned int *nr, uint32_t *name_total_size,
				uint32_t *metadata_total_size)
{
	if (fake_xen.no_livepatching || fake_xen.list_errno)
		return refuse(fake_xen.no_livepatching ? ENOSYS : fake_xen.list_errno);
	*nr = (fake_xen.state != 0) + (fake_xen.other != 0);
	*name_total_size = *nr * 7;
	*metadata_total_size = 0;
	return 0;
}

int xc_livepatch_list(xc_interface *xch, const unsigned int max, const unsigned int start,
		      struct xen_livepatch_status *info, char *name, uint32_t *len,
		      const uint32_t name_total_size, char *metadata, uint32_t *metadata_len,
		      const uint32_t metadata_total_size, unsigned int *done, unsigned int *left)
{
	*done = 0;
	*left = 0;
	if (fake_xen.state) {
		info[*done] = (xen_livepatch_status_t){(uint32_t)fake_xen.state, fake_xen.code};
		memcpy(name + *done * 7, "tocsin", 7);
		len[(*done)++] = fake_xen.list_lies ? 4000000000u : 7;
	}
	if (fake_xen.other) {
		info[*done] = (xen_livepatch_status_t){LIVEPATCH_STATE_APPLIED, 0};
		memcpy(name + *done * 7, "xsa123", 7);
		len[(*done)++] = 7;
	}
	return 0;
}
