/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs here share: a clock, the best of some runs, a line of a table. */
#ifndef TOCSIN_BENCH_MEASURE_H
#define TOCSIN_BENCH_MEASURE_H

#include "tocsin.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RUNS 9

static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3; /* microseconds */
}

static inline void fail(const char *what, const struct tocsin_error *err)
{
	fprintf(stderr, "%s: %s\n", what, err->message);
	exit(1);
}

/* The best of some runs, in microseconds: what it takes when nothing else disturbs. */
static inline double best(void (*run)(void))
{
	double least = 1e18;

	for (int i = 0; i < RUNS; i++) {
		double begin = now(), took;

		run();
		took = now() - begin;
		least = took < least ? took : least;
	}
	return least;
}

static inline void row(const char *what, double value, const char *unit, double ceiling)
{
	if (ceiling > 0)
		printf("%-44s %10.3f %-6s %10.3f  %6.2f\n", what, value, unit, ceiling,
		       value / ceiling);
	else
		printf("%-44s %10.3f %-6s\n", what, value, unit);
}

#endif
