// SPDX-License-Identifier: GPL-2.0-or-later
/* Checks of the hypervisor that runs, and of each guest. */
#include "cli/doctor.h"
#include "cli/hypervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Does this kernel run on Xen at all? */
static bool on_xen(const struct doctor *d)
{
	char path[PATH_MAX], type[16] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/hypervisor/type", d->places.sys);
	f = fopen(path, "re");
	if (f) {
		if (!fgets(type, sizeof(type), f))
			type[0] = '\0';
		fclose(f);
	}
	return !strncmp(type, "xen", 3);
}

static void say_no_xen(struct doctor *d, const struct tocsin_error *err)
{
	d->no_xen = true;
	if (on_xen(d))
		doctor_say(d, DOCTOR_FAIL, "hypervisor", "run it as root in dom0", "%s",
			   err->message);
	else
		doctor_say(d, DOCTOR_FAIL, "hypervisor",
			   "apt-get install xen-system-amd64, and boot \"Debian GNU/Linux, with "
			   "Xen hypervisor\"; what needs no Xen (--dump, --qemu, replay) works "
			   "without",
			   "this machine does not run on Xen");
	doctor_say(d, DOCTOR_SKIP, "guests", NULL, "not checked: no hypervisor answers");
}

static void check_version(struct doctor *d, const struct hypervisor_state *s)
{
	bool tried = !strncmp(s->xen.version, "4.17", 4);

	doctor_say(d, tried ? DOCTOR_PASS : DOCTOR_WARN, "hypervisor",
		   tried ? NULL : "use Xen 4.17, which Tocsin's hypervisor part is made for",
		   "Xen %s, build ID %s", s->xen.version, s->xen.build_id);
}

static void check_tocsin(struct doctor *d, const struct hypervisor_state *s)
{
	bool kept = hypervisor_is_kept(s->xen.build_id);

	switch (s->tocsin) {
	case HYPERVISOR_PATCHED:
		doctor_say(d, DOCTOR_PASS, "tocsin in Xen", NULL,
			   "this Xen was built with Tocsin's patches");
		break;
	case HYPERVISOR_LIVE:
		doctor_say(d, kept ? DOCTOR_PASS : DOCTOR_WARN, "tocsin in Xen",
			   kept ? NULL
				: "tocsin hypervisor install, and systemctl enable "
				  "tocsin-hypervisor",
			   "a stock Xen with Tocsin's live patch%s",
			   kept ? "" : ", which is not kept for the next boot");
		break;
	case HYPERVISOR_SILENT:
		doctor_say(d, DOCTOR_FAIL, "tocsin in Xen",
			   "tocsin hypervisor remove, then tocsin hypervisor install",
			   "the live patch is applied, but does not answer");
		break;
	default:
		doctor_say(d, DOCTOR_FAIL, "tocsin in Xen",
			   s->livepatching ? "tocsin hypervisor install: without a reboot"
					   : "boot Tocsin's own Xen (hypervisor/install)",
			   "a stock Xen%s: no guest can ring",
			   s->livepatching ? " without the live patch"
					   : " that takes no live patches");
	}
}

/* tocsind starts without it, and finds it when it comes; but names are in it. */
static void check_xenstored(struct doctor *d, const struct hypervisor_state *s)
{
	if (s->no_xenstored.code)
		doctor_say(
		    d, DOCTOR_FAIL, "xenstored",
		    "systemctl start xenstored, or /etc/init.d/xen start; a tocsind that runs "
		    "then finds it by itself",
		    "%s", s->no_xenstored.message);
	else
		doctor_say(d, DOCTOR_PASS, "xenstored", NULL, "it answers");
}

/* Triggers need no altp2m, so that it is off is no fault. */
static void check_altp2m(struct doctor *d, const struct hypervisor_state *s)
{
	doctor_say(d, DOCTOR_PASS, "altp2m", NULL, "%s",
		   !s->xen.altp2m ? "off: no views and no traces; triggers need none (altp2m=1 on "
				    "Xen's command line)"
		   : s->tocsin == HYPERVISOR_PATCHED
		       ? "on: views and traces are possible"
		       : "on: views are possible; traces take Tocsin's own Xen");
}

static void check_hap(struct doctor *d, const struct hypervisor_state *s)
{
	bool hap;
	struct tocsin_error err = {0};

	if (tocsin_host_has_ept(s->host, &hap, &err))
		doctor_say(d, DOCTOR_WARN, "EPT", "run it as root in dom0", "%s", err.message);
	else if (hap)
		doctor_say(d, DOCTOR_PASS, "EPT", NULL,
			   "HVM and PVH guests have second-level page tables");
	else
		doctor_say(d, DOCTOR_FAIL, "EPT",
			   "switch VT-x and EPT on in the firmware; take hap=0 off Xen's command "
			   "line",
			   "no second-level page tables, so no VMFUNC in any guest");
}

static void check_guest(struct doctor *d, const struct tocsin_domain *g)
{
	char check[96], remedy[160];

	snprintf(check, sizeof(check), "guest %s", g->name[0] ? g->name : "(no name)");
	snprintf(remedy, sizeof(remedy), "tocsin enable %" PRIu32, g->domid);
	if (!g->hvm)
		doctor_say(d, DOCTOR_WARN, check,
			   "run it as PVH (type = \"pvh\") to let its programs ring",
			   "domain %" PRIu32 " is PV: no EPT, so no VMFUNC and no scan", g->domid);
	else if (g->dying)
		doctor_say(d, DOCTOR_WARN, check, "see xl list, and who still maps its memory",
			   "domain %" PRIu32 " is dying", g->domid);
	else if (g->rate < 0)
		doctor_say(d, DOCTOR_SKIP, check, NULL,
			   "VMFUNC not checked: there is no Tocsin in Xen");
	else if (!g->rate)
		doctor_say(d, DOCTOR_PASS, check, remedy,
			   "domain %" PRIu32 " may not ring: VMFUNC as in a stock Xen", g->domid);
	else
		doctor_say(d, DOCTOR_PASS, check, NULL,
			   "domain %" PRIu32 " may ring %" PRId64 " times a second", g->domid,
			   g->rate);
}

void doctor_xen(struct doctor *d)
{
	struct hypervisor_options none = {0};
	struct hypervisor_state s;
	struct tocsin_error err = {0};

	if (hypervisor_survey(&none, &s, &err)) {
		say_no_xen(d, &err);
		return;
	}
	check_version(d, &s);
	check_tocsin(d, &s);
	check_hap(d, &s);
	check_altp2m(d, &s);
	check_xenstored(d, &s);
	for (size_t i = 0; i < s.domain_count; i++)
		check_guest(d, &s.domains[i]);
	if (!s.domain_count)
		doctor_say(d, DOCTOR_PASS, "guests", NULL, "there are none");
	hypervisor_state_free(&s);
}
