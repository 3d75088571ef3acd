/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process of the tests here, whose memory is one array: made_up.c defines the functions of
 * introspect/ and memory/ that scanners read with.
 */
#ifndef TOCSIN_SCAN_TEST_MADE_UP_H
#define TOCSIN_SCAN_TEST_MADE_UP_H

#include "scan/scan.h"

#include <time.h>

#define BASE 0x10000ull
#define PAGES 520 /* two blocks of YARA and a little */

extern uint8_t ram[PAGES * TOCSIN_PAGE_SIZE];
extern bool absent[PAGES]; /* pages */
extern bool halves;        /* the second half of the memory lies before the first */
extern bool mapped;        /* memory need not be copied */
extern int walk_error, changes_after_read;
extern time_t clock_leaps;                 /* seconds from one look at the clock to the next */
extern uint8_t original[TOCSIN_PAGE_SIZE]; /* physical memory, behind ram */

extern struct tocsin_vma rows[3];
extern struct tocsin_vma_list vmas;
extern struct tocsin_process process;
extern struct tocsin_process_details details;
extern struct tocsin_file sockets[4];
extern struct tocsin_file_list files;
extern struct tocsin_copy copy_rows[2];
extern struct tocsin_copy_list copies; /* of the first row */
extern struct tocsin_findings findings;
extern struct tocsin_scan_target target;

/* Before each test: one row, of all the memory; the rest is empty. */
int made_up(void **state);

void scan(void);
/* Scan: of one rule, nothing was unreadable; then findings are empty. */
void expect_one(const char *rule, enum tocsin_severity severity);
void nothing(void);

/* pieces.c: rules of this text, in a file in dir that is gone afterwards. */
void write_rules(const char *dir, const char *text, struct tocsin_rules **ret);
void as_many_as_in_one_piece(void **state);

#endif
