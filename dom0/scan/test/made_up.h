/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process of the tests here, whose memory is one array. */
#ifndef TOCSIN_SCAN_TEST_MADE_UP_H
#define TOCSIN_SCAN_TEST_MADE_UP_H

#include "scan/scan.h"

#define BASE 0x10000ull
#define PAGES 520 /* two blocks of YARA and a little */

extern uint8_t ram[PAGES * TOCSIN_PAGE_SIZE];
extern bool absent[PAGES]; /* pages */
extern bool halves;        /* the second half of the memory lies before the first */
extern bool mapped;        /* memory need not be copied */
extern struct tocsin_vma rows[3];
extern struct tocsin_findings findings;
extern struct tocsin_scan_target target;

void scan(void);

/* Rules of this text, in a file in dir that is gone afterwards. */
void write_rules(const char *dir, const char *text, struct tocsin_rules **ret);

void as_many_as_in_one_piece(void **state);

/* core.c */
void core_of_a_process(void **state);
void core_has_bounds(void **state);
void core_on_a_full_disk(void **state);

#endif
