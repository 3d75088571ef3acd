// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uname and the clocks. The timekeeper lies in tk_core, behind a sequence counter of a size that
 * differs between kernels: where both of its clock readers name the same clocksource, there it is.
 */
#include "introspect/process.h"

#include <errno.h>
#include <string.h>

#define RETRIES 16
#define NANO 1000000000ll
#define SLACK 128 /* bytes that may lie before the timekeeper */

struct clocks {
	uint64_t seconds, nanoseconds;
	int64_t to_monotonic, to_monotonic_ns, boot_offset;
	uint64_t clock;
	uint32_t shift;
};

struct layout {
	uint32_t seconds, to_monotonic, boot_offset, nanoseconds, shift, clock, raw_clock, name;
};

static int find_layout(struct tocsin_kernel *k, struct layout *l)
{
	l->seconds = tocsin_member_or_none(k, "timekeeper", "xtime_sec");
	l->to_monotonic = tocsin_member_or_none(k, "timekeeper", "wall_to_monotonic");
	l->boot_offset = tocsin_member_or_none(k, "timekeeper", "offs_boot");
	l->nanoseconds = tocsin_member_or_none(k, "timekeeper", "tkr_mono.xtime_nsec");
	l->shift = tocsin_member_or_none(k, "timekeeper", "tkr_mono.shift");
	l->clock = tocsin_member_or_none(k, "timekeeper", "tkr_mono.clock");
	l->raw_clock = tocsin_member_or_none(k, "timekeeper", "tkr_raw.clock");
	l->name = tocsin_member_or_none(k, "clocksource", "name");
	for (const uint32_t *m = (uint32_t *)l; m < (uint32_t *)(l + 1); m++)
		if (*m == TOCSIN_NO_MEMBER)
			return -ENOTSUP;
	return 0;
}

static int find_timekeeper(struct tocsin_kernel *k, const struct layout *l, uint64_t *ret)
{
	uint64_t core, clock, raw;

	if (tocsin_kernel_symbol(k, "tk_core", &core))
		return -ENOTSUP;
	for (uint64_t at = core; at < core + SLACK; at += 8) {
		if (tocsin_kernel_read_u64(k, at + l->clock, &clock) ||
		    tocsin_kernel_read_u64(k, at + l->raw_clock, &raw))
			return -EFAULT;
		if (clock && clock == raw && clock >> 47 == UINT64_MAX >> 47) {
			*ret = at;
			return 0;
		}
	}
	return -ENOTSUP;
}

static int read_clocks(struct tocsin_kernel *k, const struct layout *l, uint64_t keeper,
		       struct clocks *c)
{
	memset(c, 0, sizeof(*c));
	return tocsin_kernel_read_u64(k, keeper + l->seconds, &c->seconds) ||
		       tocsin_kernel_read_u64(k, keeper + l->nanoseconds, &c->nanoseconds) ||
		       tocsin_kernel_read(k, keeper + l->to_monotonic, &c->to_monotonic, 16) ||
		       tocsin_kernel_read(k, keeper + l->boot_offset, &c->boot_offset, 8) ||
		       tocsin_kernel_read(k, keeper + l->shift, &c->shift, 4) ||
		       tocsin_kernel_read_u64(k, keeper + l->clock, &c->clock)
		   ? -EFAULT
		   : 0;
}

/* Two readings that agree, or nothing is said of the clocks. */
static void find_time(struct tocsin_kernel *k, struct tocsin_system *s)
{
	struct clocks c[2];
	struct layout l;
	uint64_t keeper, name;
	bool agree = false;

	if (find_layout(k, &l) || find_timekeeper(k, &l, &keeper) ||
	    read_clocks(k, &l, keeper, &c[0]))
		return;
	for (int i = 1; i < RETRIES && !agree; i++) {
		if (read_clocks(k, &l, keeper, &c[i & 1]))
			return;
		agree = !memcmp(&c[0], &c[1], sizeof(c[0]));
	}
	if (!agree || c->shift > 63 || c->seconds > INT64_MAX / NANO / 2 ||
	    c->to_monotonic > (int64_t)(INT64_MAX / NANO / 2) ||
	    c->to_monotonic < -(int64_t)(INT64_MAX / NANO / 2) || c->boot_offset < 0)
		return;
	s->now = (int64_t)c->seconds * NANO + (int64_t)((c->nanoseconds >> c->shift) % NANO);
	s->up = (uint64_t)s->now + (uint64_t)(c->to_monotonic * NANO) +
		(uint64_t)c->to_monotonic_ns + (uint64_t)c->boot_offset;
	s->clock_known = true;
	if (tocsin_kernel_read_u64(k, c->clock + l.name, &name))
		return;
	for (size_t i = 0; i < sizeof(s->clocksource) - 1; i++)
		if (tocsin_kernel_read(k, name + i, &s->clocksource[i], 1) || !s->clocksource[i])
			break;
}

int tocsin_system_read(struct tocsin_kernel *k, struct tocsin_system *ret, struct tocsin_error *err)
{
	static const char *const members[] = {"name.sysname", "name.nodename", "name.release",
					      "name.version", "name.machine",  "name.domainname"};
	struct tocsin_system s = {0};
	char *const to[] = {s.sysname, s.nodename, s.release, s.version, s.machine, s.domainname};
	uint64_t va;

	if (tocsin_kernel_symbol(k, "init_uts_ns", &va))
		return tocsin_error_set(err, -ENOTSUP, "the kernel has no init_uts_ns");
	for (int i = 0; i < 6; i++) {
		uint32_t at = tocsin_member_or_none(k, "uts_namespace", members[i]);

		if (at == TOCSIN_NO_MEMBER)
			return tocsin_error_set(err, -ENOTSUP, "no usable uts_namespace.%s",
						members[i]);
		if (tocsin_kernel_read(k, va + at, to[i], sizeof(s.sysname) - 1))
			return tocsin_error_at(err, -EFAULT, va + at, "uname cannot be read");
		memset(to[i] + strlen(to[i]), 0, sizeof(s.sysname) - strlen(to[i]));
	}
	find_time(k, &s);
	*ret = s;
	return 0;
}
