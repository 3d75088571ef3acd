/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of the tests of faults: a host of 50 guests for each, and the table of what was lost. */
#ifndef TOCSIN_DISPATCH_TEST_FAULTS_H
#define TOCSIN_DISPATCH_TEST_FAULTS_H

#include "sim.h"

#define FAULT(f) cmocka_unit_test_setup_teardown(f, faults_make, faults_end)

int faults_make(void **state);
int faults_end(void **state);

const struct tocsin_tally *faults_tally(void);
/* Triggers and reports, wherever. */
uint64_t faults_lost(void);
/* Milliseconds, since whenever. */
double faults_clock(void);
/* Demand that a slot has an answer: with this verdict, or with 0 any. */
void faults_answered(uint32_t domid, unsigned int slot, uint32_t verdict);

void faults_heading(void);
/* One line of the table. since: 0: nothing was to recover from. */
void faults_row(const char *fault, const char *lost, double since);

#endif
