// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin replay FILE [--json]: what `xentrace -D -e 0x00082030 FILE` recorded, in time order, then
 * an account of what is missing. Needs no Xen. The events look as the daemon's reports do
 * (docs/schema.md).
 */
#include "cli/command.h"
#include "cli/fold.h"
#include "cli/ledger.h"
#include "output/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_event(const struct tocsin_output *output, const struct tocsin_event *e)
{
	struct tocsin_report r = {.tsc = e->tsc, .cpu = e->cpu, .record = e->record};

	r.kind = e->kind == TOCSIN_EVENT_TRIGGER ? TOCSIN_REPORT_RING : TOCSIN_REPORT_LOSS;
	if (e->kind == TOCSIN_EVENT_LOST) {
		r.lost = e->count;
		r.reason = "the trace buffer was full; records of all kinds";
	} else if (e->kind == TOCSIN_EVENT_MALFORMED) {
		r.lost = 1;
		r.reason = e->what;
	}
	return output->write(stdout, &r);
}

static void print_domain(const struct ledger_domain *d, bool json)
{
	printf(json ? "{\"schema\":1,\"kind\":\"account\",\"domid\":%u,\"triggers\":%" PRIu64
		      ",\"first\":%" PRIu32 ",\"last\":%" PRIu32 ",\"missing\":%" PRIu64
		      ",\"repeated\":%" PRIu64 "}\n"
		    : "domain %u: %" PRIu64 " triggers, seq %" PRIu32 " to %" PRIu32 ", %" PRIu64
		      " missing, %" PRIu64 " repeated\n",
	       d->domid, d->triggers, d->first, d->last, d->missing, d->repeated);
}

static void print_stats(const struct tocsin_capture_stats *s, bool json)
{
	printf(json ? "{\"schema\":1,\"kind\":\"account\",\"triggers\":%" PRIu64
		      ",\"calls\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"lost\":%" PRIu64
		      ",\"malformed\":%" PRIu64 ",\"foreign\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n"
		    : "total: %" PRIu64 " triggers, %" PRIu64 " traced calls, %" PRIu64
		      " gaps in tracing, %" PRIu64 " trace records lost, %" PRIu64
		      " malformed, %" PRIu64 " of other kinds, %" PRIu64 " bytes\n",
	       s->triggers, s->calls, s->gaps, s->lost, s->malformed, s->foreign, s->bytes);
}

/* Everything read, in order, and the account; whether anything is missing or wrong. */
static int report(struct ledger *l, const struct tocsin_capture_stats *stats, bool json)
{
	bool partial = stats->lost || stats->malformed;
	struct ledger_domain *domain;
	size_t domains;

	if (!json)
		fold_lines(0);
	if (ledger_sort(l) || ledger_domains(l, &domain, &domains)) {
		fputs("tocsin: out of memory\n", stderr);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < l->count; i++)
		if (print_event(tocsin_output_find(json ? "json" : "text"), &l->event[i]))
			break;
	for (size_t i = 0; i < domains; i++) {
		print_domain(&domain[i], json);
		partial = partial || domain[i].missing || domain[i].repeated;
	}
	print_stats(stats, json);
	free(domain);
	return partial ? EXIT_PARTIAL : EXIT_DONE;
}

int command_replay(int argc, char **argv)
{
	struct tocsin_capture_stats stats = {0};
	struct tocsin_error err = {0};
	struct ledger l = {0};
	const char *path = NULL;
	bool json = false;
	int rc, code;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			json = true;
		} else if (argv[i][0] == '-' || path) {
			fprintf(stderr, "tocsin replay: unexpected argument '%s'\n", argv[i]);
			return EXIT_USAGE;
		} else {
			path = argv[i];
		}
	}
	if (!path) {
		fputs("tocsin replay: which file?\n", stderr);
		return EXIT_USAGE;
	}
	rc = tocsin_trace_file_read(path, ledger_add, &l, &stats, &err);
	code = l.count || !rc ? report(&l, &stats, json) : EXIT_FAILED;
	ledger_free(&l);
	if (rc) {
		fprintf(stderr, "tocsin replay: %s: %s\n", path,
			err.message[0] ? err.message : strerror(-rc));
		return EXIT_FAILED;
	}
	if (!stats.bytes)
		fprintf(stderr, "tocsin replay: %s is empty: nothing was traced\n", path);
	return code;
}
