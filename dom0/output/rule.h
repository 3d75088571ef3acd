/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rule over events, as one JSON line of kind "rule" (docs/schema.md). */
#ifndef TOCSIN_OUTPUT_RULE_H
#define TOCSIN_OUTPUT_RULE_H

#include "monitor/rule.h"

#include <stdio.h>

/* 0, -ENOMEM, or a negative errno of writing. */
int tocsin_output_rule_json(FILE *to, const struct tocsin_watch_rule_info *rule);

#endif
