// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How often a guest is sampled: as often as its doings and the share of a processor allow. Halved
 * at once when something happens, because more of it often follows; a quarter longer for each
 * sample in which nothing did. A ring is answered sooner, but not beyond the share either.
 */
#include "monitor/monitor.h"

void tocsin_pace_step(struct tocsin_pace *p, size_t events, uint64_t cost)
{
	uint64_t affordable = p->share > 0 ? (uint64_t)((double)cost / p->share) : 0;

	p->affordable = affordable;
	if (!p->period || events)
		p->period /= 2;
	else
		p->period += p->period / 4 + 1;
	if (p->period > p->most)
		p->period = p->most;
	if (p->period < p->least)
		p->period = p->least;
	if (p->period < affordable)
		p->period = affordable;
}
