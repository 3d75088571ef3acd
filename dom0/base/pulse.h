/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who watches whether this process gets on (dispatch/pulse.h) sees it look into its guest. Work
 * that may take long without such a look, and that has bounds of its own, says so: a search by
 * libyara, whose rules are the operator's, and the decoding of a kernel.
 */
#ifndef TOCSIN_BASE_PULSE_H
#define TOCSIN_BASE_PULSE_H

#include <stdbool.h>

/* Pairs; they nest. */
void tocsin_pulse_pause(void);
void tocsin_pulse_resume(void);

/* Is any thread of this process at such work? Of use in a handler of signals, too. */
bool tocsin_pulse_paused(void);

#endif
