/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the formats share; private to dom0/output. */
#ifndef TOCSIN_OUTPUT_FORMATS_H
#define TOCSIN_OUTPUT_FORMATS_H

#include "output/output.h"

int tocsin_output_json(FILE *to, const struct tocsin_report *r);
int tocsin_output_text(FILE *to, const struct tocsin_report *r);

/* "ring", "verdict", "error", "loss" */
const char *tocsin_report_kind_name(enum tocsin_report_kind kind);

/*
 * Guest bytes to text that neither a terminal nor a JSON reader trips over: control characters,
 * bytes that are not well-formed UTF-8, and backslashes become \xNN. Cut to ret_size (at least 1),
 * never inside a character, always NUL-terminated; returns the length. 4 * size + 1 always fits.
 */
size_t tocsin_output_clean(const char *in, size_t size, char *ret, size_t ret_size);

#endif
