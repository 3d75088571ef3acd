/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks as numbers. */
#ifndef TOCSIN_BASE_CLOCK_H
#define TOCSIN_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds. */
static inline uint64_t tocsin_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Since 1970. */
static inline uint64_t tocsin_realtime(void)
{
	return tocsin_clock(CLOCK_REALTIME);
}

/* Of a clock that only goes on; milliseconds. */
static inline int64_t tocsin_clock_ms(void)
{
	return (int64_t)(tocsin_clock(CLOCK_MONOTONIC) / 1000000);
}

#endif
