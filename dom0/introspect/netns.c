// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The network namespaces there are, found in two ways, so that taking one off the kernel's list
 * hides no sockets: that list, and the namespaces that processes are in.
 */
#include "introspect/sockwalk.h"

#include <errno.h>

#define NAMESPACES_MAX 4096

/* Is it a namespace at all? Every one has a number. */
static bool is_net(struct tocsin_kernel *k, const struct tocsin_file_layout *f, uint64_t net)
{
	uint32_t number;

	return !tocsin_kernel_read(k, net + f->net_inum, &number, sizeof(number)) && number;
}

static int collect_of_processes(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
				const struct tocsin_file_layout *f, struct tocsin_addresses *ret)
{
	struct tocsin_addresses tasks = {0};
	uint64_t proxy, net, last = 0;
	int rc;

	if (f->task_nsproxy == TOCSIN_NO_MEMBER || f->nsproxy_net == TOCSIN_NO_MEMBER)
		return 0;
	rc = tocsin_task_collect(k, l, &tasks);
	if (rc == -E2BIG)
		rc = 0;
	for (size_t i = 0; i < tasks.count && !rc; i++) {
		/* One that has exited has none. */
		if (tocsin_kernel_read_u64(k, tasks.at[i] + f->task_nsproxy, &proxy) || !proxy ||
		    tocsin_kernel_read_u64(k, proxy + f->nsproxy_net, &net) || !net || net == last)
			continue;
		last = net;
		rc = tocsin_addresses_add(ret, net);
	}
	tocsin_addresses_free(&tasks);
	return rc;
}

int tocsin_net_collect(struct tocsin_kernel *k, const struct tocsin_process_layout *l,
		       const struct tocsin_file_layout *f, struct tocsin_addresses *ret,
		       size_t *torn)
{
	size_t kept = 0;
	int rc = 0;

	if (f->at_nets && f->net_list != TOCSIN_NO_MEMBER)
		rc = tocsin_list_collect(k, f->at_nets, f->net_list, NAMESPACES_MAX, ret);
	if (rc == -ENOMEM)
		return rc;
	*torn += rc != 0;
	rc = collect_of_processes(k, l, f, ret);
	if (rc == -ENOMEM)
		return rc;
	*torn += rc != 0;
	tocsin_addresses_unique(ret);
	for (size_t i = 0; i < ret->count && kept < NAMESPACES_MAX; i++) {
		if (is_net(k, f, ret->at[i]))
			ret->at[kept++] = ret->at[i];
		else
			++*torn; /* it is being taken down, or it is none */
	}
	*torn += kept == NAMESPACES_MAX && ret->count > kept;
	ret->count = kept;
	return 0;
}
