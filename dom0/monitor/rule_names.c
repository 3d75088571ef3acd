// SPDX-License-Identifier: GPL-2.0-or-later
/* The words of rule files, in the order of the bits and enums that they stand for. */
#include "monitor/rule_internal.h"

#include <string.h>

/* As tocsin_socket_kind has them, without the 6: a rule means both families. */
const char *const tocsin_rule_protocols[] = {"tcp",     "udp",    "raw",   "ping",  "unix",
					     "netlink", "packet", "vsock", "other", NULL};

/* As tocsin_socket_state has them. */
const char *const tocsin_rule_states[] = {"ESTABLISHED", "SYN_SENT",  "SYN_RECV", "FIN_WAIT1",
					  "FIN_WAIT2",   "TIME_WAIT", "CLOSE",    "CLOSE_WAIT",
					  "LAST_ACK",    "LISTEN",    "CLOSING",  NULL};

const char *const tocsin_rule_directions[] = {"none", "in", "out", NULL};

const char *const tocsin_rule_placeholders[] = {
    "comm",     "exe",   "pid",    "uid",   "container", "other",  "local",
    "protocol", "count", "remote", "state", "interval",  "detail", NULL};

int tocsin_rule_name_index(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}
