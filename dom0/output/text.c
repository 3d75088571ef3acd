/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same report for a person at a terminal: one line with the facts, then a line or two for
 * every finding. Guest bytes are cleaned, so that a process name cannot drive the terminal.
 */
#include "output/formats.h"

#include <tocsin/request.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

bool tocsin_text_time(FILE *to, uint64_t time)
{
	char text[64];
	time_t seconds = (time_t)(time / 1000000000u);
	struct tm tm;

	if (!time || !gmtime_r(&seconds, &tm) || !strftime(text, sizeof(text), "%FT%T", &tm))
		return false;
	fprintf(to, "%s.%03uZ ", text, (unsigned int)(time / 1000000u % 1000u));
	return true;
}

void tocsin_text_day(FILE *to, uint64_t time)
{
	time_t seconds = (time_t)(time / 1000000000u);
	char text[64];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%F ", &tm))
		fputs(text, to);
}

void tocsin_text_clock(FILE *to, uint64_t time)
{
	time_t seconds = (time_t)(time / 1000000000u);
	char text[64];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%T", &tm))
		fprintf(to, "%s.%03u", text, (unsigned int)(time / 1000000u % 1000u));
}

static void write_head(FILE *to, const struct tocsin_report *r)
{
	char text[CLEAN_SIZE];

	if (!tocsin_text_time(to, r->time))
		fprintf(to, "tsc %" PRIu64 " ", r->tsc);
	fprintf(to, "%s", tocsin_report_kind_name(r->kind));
	if (r->kind == TOCSIN_REPORT_LOSS)
		return;
	fprintf(to, " domain %u", r->record.domid);
	if (r->domain[0])
		fprintf(to, " (%s)", tocsin_text_clean(r->domain, sizeof(r->domain), text));
	if (r->swept)
		fputs(" swept", to);
	else
		fprintf(to, " ticket %" PRIu32, r->record.seq);
	if (r->kind == TOCSIN_REPORT_RING)
		fprintf(to, " vcpu %u %s rdx %#" PRIx64 " cr3 %#" PRIx64, r->record.vcpu,
			tocsin_operation_name(r->record.ecx), r->record.rdx, r->record.cr3);
}

static void write_process(FILE *to, const char *role, const struct tocsin_process *p)
{
	char text[CLEAN_SIZE];

	if (!p)
		return;
	fprintf(to, " %s %" PRId32 " (%s, uid %" PRIu32 ")", role, p->pid,
		tocsin_text_clean(p->comm, sizeof(p->comm), text), p->uid);
	if (p->exe[0])
		fprintf(to, " %s", tocsin_text_clean(p->exe, sizeof(p->exe), text));
}

void tocsin_text_rule(FILE *to, const struct tocsin_finding *f)
{
	char text[CLEAN_SIZE];

	fprintf(to, "%s %s", tocsin_severity_name(f->severity),
		tocsin_text_clean(f->rule, sizeof(f->rule), text));
	if (f->technique[0])
		fprintf(to, " (%s)", tocsin_text_clean(f->technique, sizeof(f->technique), text));
}

static void write_finding(FILE *to, const struct tocsin_finding *f)
{
	char text[CLEAN_SIZE];

	fputs("  ", to);
	tocsin_text_rule(to, f);
	if (f->start || f->end)
		fprintf(to, " at %#" PRIx64 "-%#" PRIx64, f->start, f->end);
	fprintf(to, ": %s\n", tocsin_text_clean(f->what, sizeof(f->what), text));
	if (f->code[0])
		fprintf(to, "    code: %s\n", tocsin_text_clean(f->code, sizeof(f->code), text));
	if (f->why[0])
		fprintf(to, "    %s\n", tocsin_text_clean(f->why, sizeof(f->why), text));
}

static void write_verdict(FILE *to, const struct tocsin_report *r)
{
	char text[CLEAN_SIZE];

	if (r->asker && r->target && r->asker->task != r->target->task)
		write_process(to, "asked by", r->asker);
	write_process(to, "process", r->target);
	if (r->verdict)
		fprintf(to, ": %s (score %" PRIu32 ")",
			tocsin_text_clean(r->verdict->text, sizeof(r->verdict->text), text),
			r->verdict->score);
	if (r->kind == TOCSIN_REPORT_VERDICT && !r->swept)
		fprintf(to, ", %s, %" PRIu64 " us", r->answered ? "answered" : "not answered",
			r->duration / 1000u);
	if (r->slot_error)
		fprintf(to, ", slot: %s", tocsin_text_clean(r->slot_error, CLEAN_SIZE, text));
}

static void write_findings(FILE *to, const struct tocsin_findings *f)
{
	for (size_t i = 0; i < f->count && i < TOCSIN_FINDINGS_MAX; i++)
		write_finding(to, &f->rows[i]);
	if (f->dropped)
		fprintf(to, "  and %zu more\n", f->dropped);
	if (f->unknown)
		fprintf(to,
			"  not looked at: %" PRIu64
			" parts that this kernel lacks, or has in no known "
			"layout\n",
			f->unknown);
}

int tocsin_output_scan_text(FILE *to, const struct tocsin_process *p,
			    const struct tocsin_findings *findings,
			    const struct tocsin_verdict *verdict)
{
	char text[CLEAN_SIZE];

	errno = 0;
	fprintf(to, "%-12s", tocsin_verdict_name(verdict->verdict));
	if (p)
		write_process(to, "process", p);
	else
		fputs(" kernel", to);
	if (verdict->verdict == TOCSIN_VERDICT_INCONCLUSIVE)
		fprintf(to, ": %s", tocsin_text_clean(verdict->text, sizeof(verdict->text), text));
	fprintf(to, " (score %" PRIu32 ")\n", verdict->score);
	write_findings(to, findings);
	return fflush(to) || ferror(to) ? errno ? -errno : -EIO : 0;
}

int tocsin_output_text(FILE *to, const struct tocsin_report *r)
{
	char text[CLEAN_SIZE];

	errno = 0;
	write_head(to, r);
	if (r->kind == TOCSIN_REPORT_VERDICT || r->kind == TOCSIN_REPORT_ERROR)
		write_verdict(to, r);
	if (r->kind == TOCSIN_REPORT_LOSS)
		fprintf(to, " of %" PRIu64 " records", r->lost);
	if (r->reason)
		fprintf(to, ": %s", tocsin_text_clean(r->reason, CLEAN_SIZE, text));
	fputc('\n', to);
	if (r->findings)
		write_findings(to, r->findings);
	if (fflush(to) || ferror(to))
		return errno ? -errno : -EIO;
	return 0;
}
