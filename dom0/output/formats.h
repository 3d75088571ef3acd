/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the formats share; private to dom0/output. */
#ifndef TOCSIN_OUTPUT_FORMATS_H
#define TOCSIN_OUTPUT_FORMATS_H

#include "output/output.h"

int tocsin_output_json(FILE *to, const struct tocsin_report *r);
int tocsin_output_text(FILE *to, const struct tocsin_report *r);

/* "ring", "verdict", "error", "loss" */
const char *tocsin_report_kind_name(enum tocsin_report_kind kind);

#endif
