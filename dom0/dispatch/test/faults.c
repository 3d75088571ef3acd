/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <time.h>

/* 100 columns, as tools/faults prints it. */
#define ROW "# | %-42s | %-40s | %8s |\n"

const struct tocsin_tally *faults_tally(void)
{
	return &sim->shared->now;
}

double faults_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

int faults_make(void **state)
{
	sim_make(50);
	return 0;
}

int faults_end(void **state)
{
	sim_end();
	return 0;
}

/* One line of the table. since: 0: nothing was to recover from. */
void faults_row(const char *fault, const char *lost, double since)
{
	char took[32] = "-";

	if (since > 0)
		snprintf(took, sizeof(took), "%.0f ms", faults_clock() - since);
	print_message(ROW, fault, lost, took);
}

uint64_t faults_lost(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < TOCSIN_LOST_PLACES; i++)
		sum += faults_tally()->lost[i];
	return sum;
}

void faults_answered(uint32_t domid, unsigned int slot, uint32_t verdict)
{
	assert_int_equal(sim_slot(domid, slot)->answer.state, TOCSIN_STATE_DONE);
	if (verdict)
		assert_int_equal(sim_slot(domid, slot)->answer.verdict, verdict);
}

void faults_heading(void)
{
	print_message(ROW, "fault", "what is lost", "recovery");
}
