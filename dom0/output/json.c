/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One JSON object on one line per report; docs/schema.md names every member. 64-bit addresses are
 * strings in hexadecimal, because many readers keep numbers as doubles. A line is built whole and
 * written whole: no memory means an error, never half a report.
 */
#include "output/build.h"

static void put_uuid(struct builder b, const uint8_t u[16])
{
	char text[37];

	snprintf(text, sizeof(text),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
		 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
		 u[15]);
	put(b, "uuid", json_object_new_string(text));
}

static void put_trigger(struct builder top, const struct tocsin_record *r)
{
	struct builder b = open_object(top, "trigger");

	put_u64(b, "vcpu", r->vcpu);
	put_text(b, "operation", tocsin_operation_name(r->ecx));
	put_hex(b, "ecx", r->ecx);
	put_hex(b, "rdx", r->rdx);
	put_hex(b, "cr3", r->cr3);
	put_u64(b, "ticket", r->seq);
}

static void put_process(struct builder top, const char *key, const struct tocsin_process *p)
{
	if (p)
		tocsin_json_identity(open_object(top, key), p);
}

struct json_object *tocsin_json_finding(const struct tocsin_finding *f, bool *bad)
{
	struct builder b = {json_object_new_object(), bad};
	size_t n = f->evidence_size;

	put_text(b, "scanner", f->scanner);
	put_text(b, "rule", f->rule);
	put_text(b, "severity", tocsin_severity_name(f->severity));
	put_text(b, "confidence", tocsin_certainty_name(f->certainty));
	if (f->technique[0])
		put_text(b, "technique", f->technique);
	if (f->start || f->end) {
		put_hex(b, "start", f->start);
		put_hex(b, "end", f->end);
	}
	if (n)
		put_bytes(b, "evidence", f->evidence,
			  n < sizeof(f->evidence) ? n : sizeof(f->evidence));
	if (f->code[0])
		put_text(b, "code", f->code);
	put_text(b, "what", f->what);
	put_text(b, "why", f->why);
	return b.o;
}

static void put_findings(struct builder b, const struct tocsin_findings *f)
{
	struct json_object *list = json_object_new_array(), *row;
	struct builder seen;
	size_t i;

	for (i = 0; list && i < f->count && i < TOCSIN_FINDINGS_MAX; i++) {
		row = tocsin_json_finding(&f->rows[i], b.bad);
		if (!row || json_object_array_add(list, row)) {
			json_object_put(row);
			*b.bad = true;
			break;
		}
	}
	put(b, "findings", list);
	seen = open_object(b, "coverage");
	put_u64(seen, "findings_dropped", f->dropped);
	put_u64(seen, "pages_present", f->pages_present);
	put_u64(seen, "pages_read", f->pages_read);
	put_u64(seen, "pages_torn", f->pages_torn);
	put_u64(seen, "unknown", f->unknown);
	put_bool(seen, "truncated", f->truncated);
	put_text(seen, "unreadable", f->unreadable);
}

static void put_decision(struct builder b, const struct tocsin_verdict *verdict)
{
	struct builder v = open_object(b, "verdict");

	put_text(v, "name", tocsin_verdict_name(verdict->verdict));
	put_u64(v, "score", verdict->score);
	put(v, "text", bytes_text(verdict->text, strnlen(verdict->text, sizeof(verdict->text))));
}

static void put_verdict(struct builder b, const struct tocsin_report *r)
{
	struct builder v;

	put_process(b, "asker", r->asker);
	put_process(b, "target", r->target);
	if (r->verdict)
		put_decision(b, r->verdict);
	if (r->findings)
		put_findings(b, r->findings);
	put_bool(b, "answered", r->answered);
	if (r->coalesced)
		put_bool(b, "coalesced", true);
	if (r->slot_error)
		put_text(b, "slot_error", r->slot_error);
	v = open_object(b, "figures");
	put_u64(v, "bytes_read", r->bytes_read);
	put_u64(v, "pages_mapped", r->pages_mapped);
	put_u64(v, "duration_ns", r->duration);
}

static void put_report(struct builder b, const struct tocsin_report *r)
{
	struct builder domain;

	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "kind", tocsin_report_kind_name(r->kind));
	put_u64(b, "time", r->time);
	put_u64(b, "tsc", r->tsc);
	put_u64(b, "cpu", r->cpu);
	if (r->kind != TOCSIN_REPORT_LOSS) {
		domain = open_object(b, "domain");
		put_u64(domain, "id", r->record.domid);
		put(domain, "name", bytes_text(r->domain, strnlen(r->domain, sizeof(r->domain))));
		put_uuid(domain, r->domain_uuid);
		if (r->swept)
			put_bool(b, "swept", true);
		else
			put_trigger(b, &r->record);
	}
	if (r->kind == TOCSIN_REPORT_VERDICT || r->kind == TOCSIN_REPORT_ERROR)
		put_verdict(b, r);
	if (r->kind == TOCSIN_REPORT_LOSS)
		put_u64(b, "lost", r->lost);
	if (r->reason)
		put_text(b, "reason", r->reason);
}

int tocsin_output_json(FILE *to, const struct tocsin_report *r)
{
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};

	put_report(b, r);
	return write_line(to, b);
}

int tocsin_output_scan_json(FILE *to, const struct tocsin_process *p,
			    const struct tocsin_findings *findings,
			    const struct tocsin_verdict *verdict)
{
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};

	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "kind", "scan");
	put_text(b, "subject", p ? "process" : "kernel");
	put_process(b, "process", p);
	put_decision(b, verdict);
	put_findings(b, findings);
	return write_line(to, b);
}
