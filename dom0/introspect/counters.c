// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel counts itself: how often something began, also what was over before anybody
 * looked. Sources: kernel/fork.c; include/net/snmp.h, where each processor has numbers of its own.
 */
#include "introspect/file.h"

#include <errno.h>
#include <string.h>

#define CPUS_MAX 8192
#define NAMESPACES_MAX 4096

struct counting {
	struct tocsin_kernel *k;
	const struct tocsin_file_layout *f;
	uint64_t offsets[CPUS_MAX]; /* of each processor's memory; 0: there is no such */
	uint32_t cpus;
	uint64_t active, passive;
};

static int read_offsets(struct counting *c)
{
	uint64_t possible[CPUS_MAX / 64];
	uint32_t count;

	if (tocsin_kernel_read(c->k, c->f->at_cpu_count, &count, sizeof(count)) || !count ||
	    count > CPUS_MAX ||
	    tocsin_kernel_read(c->k, c->f->at_cpus, possible, (count + 63) / 64 * 8) ||
	    tocsin_kernel_read(c->k, c->f->at_cpu_offsets, c->offsets, count * 8ull))
		return -EFAULT;
	for (uint32_t i = 0; i < count; i++)
		if (!(possible[i / 64] >> (i % 64) & 1))
			c->offsets[i] = 0;
	c->cpus = count;
	return 0;
}

static int add_namespace(struct counting *c, uint64_t net)
{
	uint64_t numbers, active, passive;

	if (tocsin_kernel_read_u64(c->k, net + c->f->net_tcp_mib, &numbers))
		return -EFAULT;
	for (uint32_t i = 0; i < c->cpus; i++) {
		uint64_t at = c->offsets[i] + numbers;

		if (!c->offsets[i])
			continue;
		if (tocsin_kernel_read_u64(c->k, at + c->f->active_opens * 8ull, &active) ||
		    tocsin_kernel_read_u64(c->k, at + c->f->passive_opens * 8ull, &passive))
			return -EFAULT;
		c->active += active;
		c->passive += passive;
	}
	return 0;
}

/* A network namespace that is being taken down counts no more. */
static int count_opens(struct counting *c, struct tocsin_counters *ret)
{
	const struct tocsin_file_layout *f = c->f;
	struct tocsin_addresses nets = {0};
	int rc;

	if (!f->at_nets || !f->at_cpus || !f->at_cpu_count || !f->at_cpu_offsets ||
	    f->net_list == TOCSIN_NO_MEMBER || f->net_tcp_mib == TOCSIN_NO_MEMBER ||
	    !f->active_opens || !f->passive_opens)
		return 0;
	rc = read_offsets(c);
	if (!rc)
		rc = tocsin_list_collect(c->k, f->at_nets, f->net_list, NAMESPACES_MAX, &nets);
	for (size_t i = 0; i < nets.count && !rc; i++)
		if (add_namespace(c, nets.at[i]) &&
		    tocsin_list_linked(c->k, nets.at[i] + f->net_list))
			rc = -EFAULT;
	if (!rc) {
		ret->opens_known = true;
		ret->active_opens = c->active;
		ret->passive_opens = c->passive;
	}
	tocsin_addresses_free(&nets);
	return rc;
}

int tocsin_counters_read(struct tocsin_kernel *k, struct tocsin_counters *ret,
			 struct tocsin_error *err)
{
	struct counting c = {.k = k};
	struct tocsin_counters counters = {0};
	int rc = tocsin_file_layout(k, &c.f, err);

	if (rc)
		return rc;
	if (c.f->at_forks) {
		if (tocsin_kernel_read_u64(k, c.f->at_forks, &counters.forks))
			return tocsin_error_at(err, -EFAULT, c.f->at_forks,
					       "the number of forks cannot be read");
		counters.forks_known = true;
	}
	rc = count_opens(&c, &counters);
	if (rc)
		return tocsin_error_set(err, rc, "the counters of TCP cannot be read: %s",
					strerror(-rc));
	*ret = counters;
	return 0;
}
