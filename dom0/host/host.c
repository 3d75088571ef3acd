// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The toolstack's side of Xen.
 *
 * Why it exists: what a person calls a domain, and the few switches Tocsin has, are behind three
 * libraries whose errors (-1 and an errno that depends on the call) say little. Here they become
 * one struct and sentences.
 *
 * Invariants: nothing is kept but the two connections, so that no answer is older than its
 * question. A domain may vanish between two calls: then it is not found, or not listed.
 */
#include "host/host.h"
#include "base/clock.h"
#include "host/xc.h"
#include <tocsin/param.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xenctrl.h>
#include <xenstore.h>

#define BATCH 64u
#define DOMAINS_MAX 0x7ff0u /* DOMID_FIRST_RESERVED */

struct tocsin_host {
	xc_interface *xc;
	struct xs_handle *xs;
};

int tocsin_host_open_nameless(struct tocsin_host **ret, struct tocsin_error *err)
{
	struct tocsin_host *h = calloc(1, sizeof(*h));
	int rc;

	if (!h)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	rc = tocsin_xc_open(&h->xc, err);
	if (rc) {
		free(h);
		return rc;
	}
	*ret = h;
	return 0;
}

/* Never through the kernel's device: without xenstored, whoever asks there waits for ever. */
int tocsin_host_open(struct tocsin_host **ret, struct tocsin_error *err)
{
	struct tocsin_host *h = NULL;
	int rc = tocsin_host_open_nameless(&h, err);

	if (rc)
		return rc;
	h->xs = xs_open(XS_OPEN_SOCKETONLY);
	if (!h->xs) {
		rc = errno ? -errno : -EIO;
		tocsin_host_close(h);
		return tocsin_error_set(
		    err, rc, "cannot reach xenstore (%s): is xenstored running?", strerror(-rc));
	}
	*ret = h;
	return 0;
}

void tocsin_host_close(struct tocsin_host *h)
{
	if (!h)
		return;
	if (h->xs)
		xs_close(h->xs);
	xc_interface_close(h->xc);
	free(h);
}

/*
 * The hypervisor looks at a parameter's number before the domain's: one that does not know the
 * number answers EINVAL, one that does that there is no such domain. So no guest is needed.
 */
int tocsin_host_perceives(struct tocsin_host *h, bool *ret, struct tocsin_error *err)
{
	uint64_t value;
	int rc;

	errno = 0;
	if (!xc_hvm_param_get(h->xc, DOMID_INVALID, TOCSIN_HVM_PARAM_RATE, &value) ||
	    errno == ESRCH) {
		*ret = true;
		return 0;
	}
	if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) {
		*ret = false;
		return 0;
	}
	rc = errno ? -errno : -EIO;
	return tocsin_error_set(err, rc, "cannot ask the hypervisor whether it has Tocsin: %s",
				strerror(-rc));
}

const char *tocsin_host_presence(struct tocsin_host *h, struct tocsin_presence *p)
{
	enum { NEVER_ASKED, UNKNOWN, ABSENT, PRESENT } now;
	int last = p->last;
	int64_t now_ms = tocsin_clock_ms();
	bool perceives;

	if (last != NEVER_ASKED && now_ms < p->next_ms)
		return NULL;
	p->next_ms = now_ms + TOCSIN_PRESENCE_MS;
	if (tocsin_host_perceives(h, &perceives, NULL))
		now = UNKNOWN;
	else
		now = perceives ? PRESENT : ABSENT;
	p->last = (int)now;
	if (p->last == last)
		return NULL;
	switch (now) {
	case PRESENT:
		return last == NEVER_ASKED ? NULL
					   : "guests can ring again: the hypervisor has Tocsin; "
					     "those that may are switched on by `tocsin enable`";
	case ABSENT:
		return last == PRESENT ? "no guest can ring any more: Tocsin was taken out of the "
					 "hypervisor; `tocsin hypervisor install` puts it there "
					 "again, then `tocsin enable GUEST`"
				       : "no guest can ring: the running hypervisor has no Tocsin; "
					 "`tocsin hypervisor install` puts it there, without a "
					 "reboot";
	default:
		return "the hypervisor does not say whether guests can ring: `tocsin hypervisor "
		       "status` says why";
	}
}

int tocsin_host_has_ept(struct tocsin_host *h, bool *ret, struct tocsin_error *err)
{
	xc_physinfo_t info = {0};
	int rc;

	if (xc_physinfo(h->xc, &info)) {
		rc = errno ? -errno : -EIO;
		return tocsin_error_set(err, rc, "cannot ask Xen what the processor has: %s",
					strerror(-rc));
	}
	*ret = info.capabilities & XEN_SYSCTL_PHYSCAP_hap;
	return 0;
}

/* "" if xenstore has none, as of a domain that is being made or torn down, or is not there. */
static void read_name(struct tocsin_host *h, uint32_t domid, char *name, size_t size)
{
	char path[40];
	unsigned int length = 0;
	char *value = NULL;

	snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/name", domid);
	if (h->xs)
		value = xs_read(h->xs, XBT_NULL, path, &length);
	snprintf(name, size, "%s", value ? value : "");
	free(value);
}

int tocsin_host_hardware(struct tocsin_host *h, uint32_t domid, uint32_t number, uint8_t ret[6])
{
	unsigned int length = 0, b[6];
	char path[64], end, *value;
	int n;

	snprintf(path, sizeof(path), "/local/domain/0/backend/vif/%" PRIu32 "/%" PRIu32 "/mac",
		 domid, number);
	value = h->xs ? xs_read(h->xs, XBT_NULL, path, &length) : NULL;
	if (!value)
		return -ENOENT;
	n = sscanf(value, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end);
	free(value);
	if (n != 6)
		return -EPROTO;
	for (int i = 0; i < 6; i++)
		ret[i] = (uint8_t)b[i];
	return 0;
}

/* A hypervisor without the parameter answers EINVAL. */
static int read_rate(struct tocsin_host *h, const struct tocsin_domain *d, int64_t *ret)
{
	uint64_t value;

	if (!d->hvm || d->dying) {
		*ret = 0;
		return 0;
	}
	if (xc_hvm_param_get(h->xc, d->domid, TOCSIN_HVM_PARAM_RATE, &value)) {
		if (errno != EINVAL)
			return errno ? -errno : -EIO;
		*ret = -1;
		return 0;
	}
	if (value > UINT32_MAX)
		return -ERANGE;
	*ret = (int64_t)value;
	return 0;
}

static int fill(struct tocsin_host *h, const xc_domaininfo_t *info, struct tocsin_domain *ret)
{
	struct tocsin_domain d = {
	    .domid = info->domain,
	    .hvm = info->flags & XEN_DOMINF_hvm_guest,
	    .dying = info->flags & XEN_DOMINF_dying,
	    .vcpus = info->nr_online_vcpus,
	    .memory = (uint64_t)info->tot_pages << XC_PAGE_SHIFT,
	};
	int rc;

	_Static_assert(sizeof(d.uuid) == sizeof(info->handle), "a Xen handle is a UUID");
	memcpy(d.uuid, info->handle, sizeof(d.uuid));
	rc = read_rate(h, &d, &d.rate);
	if (rc)
		return rc;
	read_name(h, d.domid, d.name, sizeof(d.name));
	*ret = d;
	return 0;
}

int tocsin_host_domain(struct tocsin_host *h, uint32_t domid, struct tocsin_domain *ret,
		       struct tocsin_error *err)
{
	xc_domaininfo_t info;
	int n, rc;

	n = xc_domain_getinfolist(h->xc, domid, 1, &info);
	if (n < 0) {
		rc = errno ? -errno : -EIO;
		return tocsin_error_set(err, rc, "cannot ask for domain %" PRIu32 ": %s", domid,
					strerror(-rc));
	}
	if (n == 0 || info.domain != domid) /* the list begins with the next one there is */
		return tocsin_error_set(err, -ESRCH, "there is no domain %" PRIu32, domid);
	rc = fill(h, &info, ret);
	if (rc)
		return tocsin_error_set(err, rc, "cannot read the state of domain %" PRIu32 ": %s",
					domid, strerror(-rc));
	return 0;
}

static int append(struct tocsin_host *h, const xc_domaininfo_t *info, int n,
		  struct tocsin_domain *list, size_t *count, struct tocsin_error *err)
{
	for (int i = 0; i < n; i++) {
		int rc;

		if (info[i].domain == 0)
			continue;
		rc = fill(h, &info[i], &list[*count]);
		if (rc == -ESRCH) /* gone meanwhile */
			continue;
		if (rc)
			return tocsin_error_set(err, rc, "cannot read the state of domain %u: %s",
						info[i].domain, strerror(-rc));
		++*count;
	}
	return 0;
}

int tocsin_host_list(struct tocsin_host *h, struct tocsin_domain **ret, size_t *count,
		     struct tocsin_error *err)
{
	struct tocsin_domain *list = NULL, *grown;
	xc_domaininfo_t info[BATCH];
	uint32_t next = 0;
	size_t have = 0;
	int n, rc = 0;

	do {
		n = xc_domain_getinfolist(h->xc, next, BATCH, info);
		if (n < 0) {
			rc = errno ? -errno : -EIO;
			tocsin_error_set(err, rc, "cannot list the domains: %s", strerror(-rc));
			break;
		}
		grown = reallocarray(list, have + BATCH, sizeof(*list));
		if (!grown) {
			rc = tocsin_error_set(err, -ENOMEM, "out of memory");
			break;
		}
		list = grown;
		rc = append(h, info, n, list, &have, err);
		if (n > 0)
			next = info[n - 1].domain + 1u;
	} while (!rc && n == (int)BATCH && next < DOMAINS_MAX);
	if (rc) {
		free(list);
		return rc;
	}
	*ret = list;
	*count = have;
	return 0;
}

static int find_name(struct tocsin_host *h, const char *name, struct tocsin_domain *ret,
		     struct tocsin_error *err)
{
	struct tocsin_domain *list;
	size_t count;
	int rc = tocsin_host_list(h, &list, &count, err);

	if (rc)
		return rc;
	rc = -ESRCH;
	for (size_t i = 0; i < count && rc; i++) {
		if (!strcmp(list[i].name, name)) {
			*ret = list[i];
			rc = 0;
		}
	}
	free(list);
	return rc ? tocsin_error_set(err, rc, "there is no domain named '%s'", name) : 0;
}

/* As in xl: what is all digits is a number. */
int tocsin_host_find(struct tocsin_host *h, const char *name_or_id, struct tocsin_domain *ret,
		     struct tocsin_error *err)
{
	unsigned long id;

	if (!*name_or_id)
		return tocsin_error_set(err, -EINVAL, "a domain's name cannot be empty");
	if (name_or_id[strspn(name_or_id, "0123456789")])
		return find_name(h, name_or_id, ret, err);
	errno = 0;
	id = strtoul(name_or_id, NULL, 10);
	if (errno || id >= DOMAINS_MAX)
		return tocsin_error_set(err, -ESRCH, "there is no domain %s", name_or_id);
	return tocsin_host_domain(h, (uint32_t)id, ret, err);
}

static int need_hvm(const struct tocsin_domain *d, struct tocsin_error *err)
{
	if (d->hvm)
		return 0;
	return tocsin_error_set(
	    err, -EINVAL, "domain %" PRIu32 " is a PV domain: it has no EPT, so it has no VMFUNC",
	    d->domid);
}

int tocsin_host_set_rate(struct tocsin_host *h, uint32_t domid, uint32_t rate,
			 struct tocsin_error *err)
{
	struct tocsin_domain d;
	int rc = tocsin_host_domain(h, domid, &d, err);

	if (!rc)
		rc = need_hvm(&d, err);
	if (rc)
		return rc;
	if (d.rate < 0)
		return tocsin_error_set(err, -EOPNOTSUPP,
					"the running hypervisor has no Tocsin: `tocsin hypervisor "
					"install` puts it there, without a reboot");
	if (xc_hvm_param_set(h->xc, domid, TOCSIN_HVM_PARAM_RATE, rate)) {
		rc = errno ? -errno : -EIO;
		if (rc == -EOPNOTSUPP)
			return tocsin_error_set(err, rc,
						"domain %" PRIu32
						" has nested virtualisation or no "
						"EPT: it cannot have VM functions",
						domid);
		return tocsin_error_set(
		    err, rc, "cannot set the rate of domain %" PRIu32 " to %" PRIu32 ": %s", domid,
		    rate, strerror(-rc));
	}
	return 0;
}

/* Of a call about views that failed: what is missing, as far as Xen says so. */
static int views_error(uint32_t domid, const char *what, struct tocsin_error *err)
{
	int rc = errno ? -errno : -EIO;

	if (rc == -EOPNOTSUPP || rc == -ENOSYS)
		return tocsin_error_set(
		    err, -EOPNOTSUPP,
		    "cannot %s domain %" PRIu32 ": views need a Xen that was booted with altp2m=1 "
		    "(GRUB_CMDLINE_XEN_DEFAULT in /etc/default/grub, update-grub, reboot) and a "
		    "domain with altp2m = \"mixed\" in its configuration; triggers need neither",
		    what, domid);
	if (rc == -EINVAL)
		return tocsin_error_set(
		    err, rc,
		    "cannot %s domain %" PRIu32 ": it needs altp2m = \"mixed\" in its "
		    "configuration, from its start, and no nested virtualisation",
		    what, domid);
	return tocsin_error_set(err, rc, "cannot %s domain %" PRIu32 ": %s", what, domid,
				strerror(-rc));
}

/*
 * A rate that the domain has is set once more: a live patch looks at the domain then, and lets its
 * guest switch views.
 */
static int switch_altp2m(struct tocsin_host *h, const struct tocsin_domain *d,
			 struct tocsin_error *err)
{
	bool on = false;
	int rc;

	if (xc_altp2m_get_domain_state(h->xc, d->domid, &on))
		return views_error(d->domid, "switch altp2m on for", err);
	if (!on && xc_altp2m_set_domain_state(h->xc, d->domid, true))
		return views_error(d->domid, "switch altp2m on for", err);
	if (d->rate <= 0 || !xc_hvm_param_set(h->xc, d->domid, TOCSIN_HVM_PARAM_RATE, d->rate))
		return 0;
	rc = errno ? -errno : -EIO;
	return tocsin_error_set(err, rc, "cannot let domain %" PRIu32 " switch its views: %s",
				d->domid, strerror(-rc));
}

int tocsin_host_create_views(struct tocsin_host *h, uint32_t domid, unsigned int count,
			     uint16_t *ret, struct tocsin_error *err)
{
	uint16_t ids[512]; /* as many as an EPTP list can hold; Xen has fewer */
	struct tocsin_domain d;
	int rc;

	if (count == 0 || count > sizeof(ids) / sizeof(ids[0]))
		return tocsin_error_set(err, -EINVAL, "cannot create %u views", count);
	rc = tocsin_host_domain(h, domid, &d, err);
	if (!rc)
		rc = need_hvm(&d, err);
	if (!rc)
		rc = switch_altp2m(h, &d, err);
	if (rc)
		return rc;
	for (unsigned int i = 0; i < count; i++) {
		if (!xc_altp2m_create_view(h->xc, domid, XENMEM_access_default, &ids[i]))
			continue;
		rc = errno ? -errno : -EIO;
		for (unsigned int j = 0; j < i; j++)
			xc_altp2m_destroy_view(h->xc, domid, ids[j]);
		return tocsin_error_set(err, rc,
					"cannot create view %u of %u for domain %" PRIu32
					" (%s): none was created",
					i + 1, count, domid, strerror(-rc));
	}
	memcpy(ret, ids, count * sizeof(*ret));
	return 0;
}

static int need_views(struct tocsin_host *h, uint32_t domid, const char *what,
		      struct tocsin_error *err)
{
	bool on = false;

	if (xc_altp2m_get_domain_state(h->xc, domid, &on))
		return views_error(domid, what, err);
	if (on)
		return 0;
	return tocsin_error_set(err, -EOPNOTSUPP,
				"domain %" PRIu32 " has no views: `tocsin views %" PRIu32
				" --create N` makes some",
				domid, domid);
}

int tocsin_host_switch_view(struct tocsin_host *h, uint32_t domid, uint16_t view,
			    struct tocsin_error *err)
{
	int rc = need_views(h, domid, "switch the view of", err);

	if (rc || !xc_altp2m_switch_to_view(h->xc, domid, view))
		return rc;
	rc = errno ? -errno : -EIO;
	return tocsin_error_set(err, rc, "cannot switch domain %" PRIu32 " to view %u: %s", domid,
				view, rc == -EINVAL ? "it has no such view" : strerror(-rc));
}

int tocsin_host_view(struct tocsin_host *h, uint32_t domid, uint32_t vcpu, uint16_t *ret,
		     struct tocsin_error *err)
{
	int rc = need_views(h, domid, "tell the view of", err);

	if (rc || !xc_altp2m_get_vcpu_p2m_idx(h->xc, domid, vcpu, ret))
		return rc;
	rc = errno ? -errno : -EIO;
	return tocsin_error_set(err, rc, "cannot tell the view of vCPU %" PRIu32 ": %s", vcpu,
				rc == -EINVAL ? "there is no such vCPU" : strerror(-rc));
}
