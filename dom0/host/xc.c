// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/xc.h"

#include <errno.h>
#include <string.h>

/* The libraries' own messages would mix with ours on stderr. */
static void mute(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
		 const char *context, const char *format, va_list al)
{
}

static void mute_progress(struct xentoollog_logger *logger, const char *context,
			  const char *doing_what, int percent, unsigned long done,
			  unsigned long total)
{
}

static void mute_destroy(struct xentoollog_logger *logger)
{
}

static struct xentoollog_logger silent = {mute, mute_progress, mute_destroy};

int tocsin_xc_open(xc_interface **ret, struct tocsin_error *err)
{
	xc_interface *xc = xc_interface_open(&silent, &silent, 0);
	int rc;

	if (xc) {
		*ret = xc;
		return 0;
	}
	rc = errno ? -errno : -EIO;
	if (rc == -ENOENT || rc == -ENODEV || rc == -ENXIO)
		return tocsin_error_set(
		    err, rc,
		    "cannot reach the hypervisor: there is no /dev/xen/privcmd; "
		    "is this Xen's dom0, and its module xen-privcmd loaded?");
	return tocsin_error_set(err, rc,
				"cannot reach the hypervisor (%s): run this as root in Xen's dom0",
				strerror(-rc));
}
