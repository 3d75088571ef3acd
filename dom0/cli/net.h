/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which sockets `tocsin net` is asked for. */
#ifndef TOCSIN_CLI_NET_H
#define TOCSIN_CLI_NET_H

#include "monitor/view.h"

struct net_filter {
	uint32_t tables;   /* 1 << TOCSIN_TABLE_...; 0: all, and those of other kinds */
	const char *state; /* NULL: any; else a name, in any case */
	bool listening;
	int32_t pid;   /* 0: any */
	bool has_port; /* at either end */
	uint16_t port;
	uint16_t family; /* of address; 0: any */
	uint8_t address[16];
	unsigned int prefix; /* bits of it */
	bool wide;           /* all columns of the table */
};

/*
 * The option argv[0] with its value: how many arguments it takes, 0 if it is none of these, -EINVAL
 * after saying what is wrong with it.
 */
int net_filter_option(char **argv, void *filter);

bool net_filter_takes(const struct net_filter *f, const struct tocsin_view *v,
		      const struct tocsin_view_row *row);

#endif
