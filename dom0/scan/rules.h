/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compiled rules; private to dom0/scan. */
#ifndef TOCSIN_RULES_H
#define TOCSIN_RULES_H

#include "scan/scan.h"
#include "scan/sieve.h"

#include <yara.h>

struct tocsin_rules {
	YR_RULES *yara;
	size_t broken; /* files; folders without any */
	bool whole;    /* some need to see all memory with one scanner (yara.c) */
	bool parts; /* of those, some strings have parts, whose distance libyara takes in a block */
	bool entry; /* some ask for the entry point, which libyara looks for in what it scans */
	struct tocsin_sieve *sieve; /* NULL: not with these rules */
};

#endif
