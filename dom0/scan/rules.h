/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compiled rules; private to dom0/scan. */
#ifndef TOCSIN_RULES_H
#define TOCSIN_RULES_H

#include "scan/scan.h"

#include <yara.h>

struct tocsin_rules {
	YR_RULES *yara;
	size_t broken; /* files */
	bool whole;    /* some need to see all memory with one scanner (yara.c) */
};

#endif
