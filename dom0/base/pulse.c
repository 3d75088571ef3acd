/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/pulse.h"

#include <stdatomic.h>

static _Atomic int paused;

void tocsin_pulse_pause(void)
{
	atomic_fetch_add(&paused, 1);
}

void tocsin_pulse_resume(void)
{
	atomic_fetch_sub(&paused, 1);
}

bool tocsin_pulse_paused(void)
{
	return atomic_load(&paused) > 0;
}
