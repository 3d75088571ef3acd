/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the subcommands that act on a domain share. Built with Xen only. */
#ifndef TOCSIN_CLI_DOMAIN_H
#define TOCSIN_CLI_DOMAIN_H

#include "host/host.h"

/* DOMAIN [OPTION N] in any order: ret_name is never NULL on success, ret_number untouched if the
 * option is absent. option NULL: none is known. -EINVAL, with the reason on stderr. */
int domain_arguments(int argc, char **argv, const char *option, const char **ret_name,
		     uint32_t *ret_number);

/* Connect and find; the reason of a failure goes to stderr after the subcommand's name. On success
 * the caller closes ret_host. */
int domain_open(const char *command, const char *name, struct tocsin_host **ret_host,
		struct tocsin_domain *ret);

/* After a domain was switched off: on stderr, which of its vCPUs are in a view that they can no
 * longer leave by themselves. */
void domain_tell_views(const char *command, struct tocsin_host *h, const struct tocsin_domain *d);

#endif
