/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the formats share; private to dom0/output. */
#ifndef TOCSIN_OUTPUT_FORMATS_H
#define TOCSIN_OUTPUT_FORMATS_H

#include "output/output.h"

#include <string.h>

int tocsin_output_json(FILE *to, const struct tocsin_report *r);
int tocsin_output_text(FILE *to, const struct tocsin_report *r);

#define CLEAN_SIZE 512

/* Guest text of at most size bytes, up to its first NUL, cleaned and cut. Returns ret. */
static inline const char *tocsin_text_clean(const char *in, size_t size, char ret[CLEAN_SIZE])
{
	tocsin_output_clean(in, strnlen(in, size), ret, CLEAN_SIZE);
	return ret;
}

/* "2026-01-31T12:00:00.000Z " of nanoseconds since the epoch; false: 0, or no such time. */
bool tocsin_text_time(FILE *to, uint64_t time);

/* "2026-01-31 ", and "12:00:00.000", of nanoseconds since the epoch */
void tocsin_text_day(FILE *to, uint64_t time);
void tocsin_text_clock(FILE *to, uint64_t time);

/* "high memory.injected-elf (T1055)" */
void tocsin_text_rule(FILE *to, const struct tocsin_finding *f);

/* "ring", "verdict", "error", "loss" */
const char *tocsin_report_kind_name(enum tocsin_report_kind kind);

#endif
