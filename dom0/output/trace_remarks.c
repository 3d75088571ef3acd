// SPDX-License-Identifier: GPL-2.0-or-later
/* What an answer lacks. */
#include "output/formats.h"
#include "output/trace_view.h"

#include <inttypes.h>

#define MOST_GAPS 12 /* that are told singly */

static bool matters(const struct tocsin_told *t, const struct tocsin_trace_gap *gap)
{
	return gap->since <= t->answer->until && gap->until >= t->answer->since;
}

static void write_gap(FILE *to, const struct tocsin_told *t, const struct tocsin_trace_gap *gap)
{
	char text[CLEAN_SIZE];

	fputs("! ", to);
	tocsin_text_time(to, gap->since);
	fputs("to ", to);
	tocsin_text_time(to, gap->until);
	if (gap->lost)
		fprintf(to, "%" PRIu64 " events were lost", gap->lost);
	else
		fputs("events were lost, nobody knows how many", to);
	fprintf(
	    to, ": %s\n",
	    tocsin_text_clean(tocsin_provenance_text(t->graph, gap->why, NULL), CLEAN_SIZE, text));
}

static void write_gaps(FILE *to, const struct tocsin_told *t)
{
	const struct tocsin_trace_gap *gap;
	uint32_t count = 0;

	for (uint32_t i = 0; (gap = tocsin_provenance_gap(t->graph, i)); i++)
		if (matters(t, gap) && count++ < MOST_GAPS)
			write_gap(to, t, gap);
	if (count > MOST_GAPS)
		fprintf(to, "! and %" PRIu32 " more times in which events were lost\n",
			count - MOST_GAPS);
}

void tocsin_provenance_remarks(FILE *to, const struct tocsin_told *t)
{
	const struct tocsin_trace_answer *a = t->answer;

	if (a->gaps)
		write_gaps(to, t);
	if (a->sampled)
		fprintf(to, "! %s: what began and ended between two of them is not here\n",
			a->traced ? "what is marked as sampled is made of samples"
				  : "made of samples");
	if (a->unsure)
		fputs("! some of it could not be resolved: it is told as unsure, or with others as "
		      "one\n",
		      to);
	if (a->truncated)
		fputs("! there is more: ask for less, or allow more nodes\n", to);
}
