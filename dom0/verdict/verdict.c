/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From findings to a verdict. A pure function: no clock, no I/O, no state, so a recorded set of
 * findings always gives the verdict that was once given for it.
 *
 * The rule, in full: every finding has the points of its severity, of which the share of its
 * certainty counts. A rule counts at most RULE_REPEAT times, so that a thousand pages with the same
 * property do not add up to something that one such page is not. Points add up to a score of at
 * most 100, and thresholds turn the score into a verdict. Below "malicious" an essential part that
 * could not be read, or a bound that cut the scan short with nothing found, makes the verdict
 * "inconclusive": what was not seen is never reported as clean.
 */
#include "verdict/verdict.h"

#include <tocsin/request.h>

#include <stdio.h>
#include <string.h>

/* The weights. One finding of HIGH is suspicious by itself, two of it or one CRITICAL are
 * malicious; MEDIUM needs company of its kind; a repeated LOW stays clean (RULE_REPEAT). */
static const struct {
	const char *name;
	uint32_t points;
} severities[] = {
    [TOCSIN_SEVERITY_INFO] = {"info", 0},          [TOCSIN_SEVERITY_LOW] = {"low", 5},
    [TOCSIN_SEVERITY_MEDIUM] = {"medium", 20},     [TOCSIN_SEVERITY_HIGH] = {"high", 40},
    [TOCSIN_SEVERITY_CRITICAL] = {"critical", 80},
};

/* How much of the points counts, in hundredths. */
static const struct {
	const char *name;
	uint32_t share;
} certainties[] = {
    [TOCSIN_CERTAINTY_LOW] = {"low", 50},
    [TOCSIN_CERTAINTY_MEDIUM] = {"medium", 75},
    [TOCSIN_CERTAINTY_HIGH] = {"high", 100},
};

#define CERTAINTIES (sizeof(certainties) / sizeof(certainties[0]))
#define SEVERITIES (sizeof(severities) / sizeof(severities[0]))
#define RULE_REPEAT 2 /* findings of one rule and severity that count */
#define SCORE_SUSPICIOUS 30
#define SCORE_MALICIOUS 80
#define SCORE_MAX 100

static const char *const verdict_names[] = {
    [TOCSIN_VERDICT_NONE] = "none",
    [TOCSIN_VERDICT_CLEAN] = "clean",
    [TOCSIN_VERDICT_SUSPICIOUS] = "suspicious",
    [TOCSIN_VERDICT_MALICIOUS] = "malicious",
    [TOCSIN_VERDICT_INCONCLUSIVE] = "inconclusive",
};

struct tocsin_finding *tocsin_findings_add(struct tocsin_findings *f, const char *scanner,
					   const char *rule, enum tocsin_severity severity)
{
	struct tocsin_finding *row;

	if (f->count >= TOCSIN_FINDINGS_MAX) {
		f->dropped++;
		return NULL;
	}
	row = &f->rows[f->count++];
	memset(row, 0, sizeof(*row));
	snprintf(row->scanner, sizeof(row->scanner), "%s", scanner);
	row->severity = severity;
	row->certainty = TOCSIN_CERTAINTY_HIGH;
	snprintf(row->rule, sizeof(row->rule), "%s", rule);
	return row;
}

const char *tocsin_verdict_name(uint32_t verdict)
{
	if (verdict >= sizeof(verdict_names) / sizeof(verdict_names[0]))
		return "none";
	return verdict_names[verdict];
}

const char *tocsin_severity_name(enum tocsin_severity s)
{
	if ((size_t)s >= SEVERITIES)
		return "unknown";
	return severities[s].name;
}

const char *tocsin_certainty_name(enum tocsin_certainty c)
{
	if ((size_t)c >= CERTAINTIES)
		return "unknown";
	return certainties[c].name;
}

static uint32_t points(const struct tocsin_finding *row)
{
	if ((size_t)row->severity >= SEVERITIES || (size_t)row->certainty >= CERTAINTIES)
		return 0;
	return severities[row->severity].points * certainties[row->certainty].share / 100;
}

/* Whether row i repeats its rule too often to count once more. */
static bool repeats(const struct tocsin_findings *f, size_t i)
{
	size_t j, seen = 0;

	for (j = 0; j < i && seen < RULE_REPEAT; j++)
		seen += f->rows[j].severity == f->rows[i].severity &&
			!strcmp(f->rows[j].rule, f->rows[i].rule);
	return seen >= RULE_REPEAT;
}

/* The score, and the weightiest row (the first of equals; NULL: no rows) in top. */
static uint32_t score(const struct tocsin_findings *f, const struct tocsin_finding **top)
{
	uint32_t sum = 0;
	size_t i;

	*top = NULL;
	for (i = 0; i < f->count && i < TOCSIN_FINDINGS_MAX; i++) {
		const struct tocsin_finding *row = &f->rows[i];

		if (!*top || points(row) > points(*top))
			*top = row;
		if (sum < SCORE_MAX && !repeats(f, i))
			sum += points(row);
	}
	return sum < SCORE_MAX ? sum : SCORE_MAX;
}

/* A line fits text, NUL-padded, and holds only printable ASCII: rule names and reasons may quote
 * guest bytes, and the asker prints this to a terminal. */
static void say(struct tocsin_verdict *v, const char *head, const char *detail)
{
	size_t i, n;

	memset(v->text, 0, sizeof(v->text));
	n = (size_t)snprintf(v->text, sizeof(v->text), "%s%s", head, detail[0] ? ": " : "");
	for (i = 0; detail[i] && n < sizeof(v->text) - 1; i++)
		v->text[n++] = detail[i];
	for (i = 0; v->text[i]; i++)
		if (v->text[i] < 0x20 || v->text[i] > 0x7e)
			v->text[i] = '?';
}

void tocsin_verdict_decide(const struct tocsin_findings *f, struct tocsin_verdict *ret)
{
	const struct tocsin_finding *top;
	struct tocsin_verdict v = {0};
	bool blind = f->unreadable[0] != '\0';

	v.score = score(f, &top);
	if (v.score >= SCORE_MALICIOUS) {
		v.verdict = TOCSIN_VERDICT_MALICIOUS;
		say(&v, "malicious", top->rule);
	} else if (blind) {
		v.verdict = TOCSIN_VERDICT_INCONCLUSIVE;
		say(&v, "inconclusive", f->unreadable);
	} else if (v.score >= SCORE_SUSPICIOUS) {
		v.verdict = TOCSIN_VERDICT_SUSPICIOUS;
		say(&v, "suspicious", top->rule);
	} else if (f->truncated || f->dropped) {
		v.verdict = TOCSIN_VERDICT_INCONCLUSIVE;
		say(&v, "inconclusive", "a bound was reached before everything was seen");
	} else {
		v.verdict = TOCSIN_VERDICT_CLEAN;
		say(&v, "clean", "");
	}
	*ret = v;
}
