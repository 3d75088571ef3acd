// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin scan GUEST [PID] [--kernel] [--rules DIR] [--json]: the same scanners and the same verdict
 * as for a process that rings, over the processes of a guest and its kernel, with nothing of ours
 * in the guest.
 */
#include "cli/command.h"
#include "cli/fold.h"
#include "cli/guest.h"
#include "output/output.h"
#include "scan/sweep.h"

#include <tocsin/request.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_BYTES ((size_t)4 << 30) /* of a process, for rules */
#define WORKERS_MAX 64

struct totals {
	size_t subjects, ended, verdicts[TOCSIN_VERDICT_INCONCLUSIVE + 1];
};

/*
 * Workers take processes one after the other, and print in the same order: who is done before its
 * turn waits for it. So no more is held than one result for each worker.
 */
struct scan {
	struct tocsin_kernel *k;
	const struct guest_options *o;
	struct tocsin_scan_settings settings;
	struct tocsin_sweep sweep;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t turn;
	size_t next, printed; /* index of the next process to take, and to print */
	int rc;               /* the first error: everybody stops */
	struct totals totals;
};

static int print(struct scan *s, const struct tocsin_process *p,
		 const struct tocsin_findings *findings, const struct tocsin_verdict *verdict)
{
	s->totals.subjects++;
	s->totals.verdicts[verdict->verdict]++;
	if (s->o->json)
		return tocsin_output_scan_json(stdout, p, findings, verdict);
	return tocsin_output_scan_text(stdout, p, findings, verdict);
}

static int scan_kernel(struct scan *s)
{
	struct tocsin_findings *findings = calloc(1, sizeof(*findings));
	struct tocsin_verdict verdict;
	int rc = findings ? 0 : -ENOMEM;

	if (!rc) {
		tocsin_scan_kernel(s->k, findings);
		tocsin_verdict_decide(findings, &verdict);
		rc = print(s, NULL, findings, &verdict);
	}
	free(findings);
	return rc;
}

/* Take, scan, wait for the turn, print, until there is no more. */
static void *work(void *context)
{
	struct scan *s = context;
	struct tocsin_findings *findings = malloc(sizeof(*findings));
	struct tocsin_verdict verdict;

	pthread_mutex_lock(&s->lock);
	if (!findings && !s->rc)
		s->rc = -ENOMEM;
	while (!s->rc && s->next < s->sweep.list.count) {
		size_t mine = s->next++;
		int rc;

		pthread_mutex_unlock(&s->lock);
		rc = tocsin_sweep_process(&s->sweep, &s->sweep.list.rows[mine], findings, &verdict);
		pthread_mutex_lock(&s->lock);
		while (s->printed != mine && !s->rc)
			pthread_cond_wait(&s->turn, &s->lock);
		if (!rc && !s->rc)
			rc = print(s, &s->sweep.list.rows[mine], findings, &verdict);
		if (rc > 0)
			s->totals.ended++;
		if (rc < 0 && !s->rc)
			s->rc = rc;
		s->printed++;
		pthread_cond_broadcast(&s->turn);
	}
	pthread_mutex_unlock(&s->lock);
	free(findings);
	return NULL;
}

/* All processes, on all processors. */
static int scan_processes(struct scan *s)
{
	unsigned int processors = tocsin_scan_processors(), n = 0;
	pthread_t threads[WORKERS_MAX];

	while (n + 1 < processors && n < WORKERS_MAX && !pthread_create(&threads[n], NULL, work, s))
		n++;
	work(s); /* this thread too: there may be no other */
	while (n--)
		pthread_join(threads[n], NULL);
	return s->rc;
}

static int scan_one(struct scan *s, struct tocsin_error *err)
{
	const struct tocsin_process *p = tocsin_sweep_find(&s->sweep, s->o->pid);
	struct tocsin_findings *findings;
	struct tocsin_verdict verdict;
	int rc;

	if (!p)
		return tocsin_error_set(err, -ESRCH, "no process %" PRId32, s->o->pid);
	findings = malloc(sizeof(*findings));
	if (!findings)
		return -ENOMEM;
	/* Also if it has ended: it was asked for by its number. */
	rc = tocsin_sweep_process(&s->sweep, p, findings, &verdict);
	if (rc >= 0)
		rc = print(s, p, findings, &verdict);
	free(findings);
	return rc;
}

/* How the verdicts are spread; the exit code for the worst. */
static int conclude(const struct scan *s)
{
	const size_t *v = s->totals.verdicts;

	if (!s->o->json)
		printf("%zu scanned: %zu malicious, %zu suspicious, %zu inconclusive, %zu clean; "
		       "%zu ended meanwhile\n",
		       s->totals.subjects, v[TOCSIN_VERDICT_MALICIOUS],
		       v[TOCSIN_VERDICT_SUSPICIOUS], v[TOCSIN_VERDICT_INCONCLUSIVE],
		       v[TOCSIN_VERDICT_CLEAN], s->totals.ended);
	return v[TOCSIN_VERDICT_MALICIOUS]      ? EXIT_MALICIOUS
	       : v[TOCSIN_VERDICT_SUSPICIOUS]   ? EXIT_SUSPICIOUS
	       : v[TOCSIN_VERDICT_INCONCLUSIVE] ? EXIT_PARTIAL
						: EXIT_DONE;
}

static int scan_all(struct scan *s, struct tocsin_error *err)
{
	int rc = tocsin_sweep_open(&s->sweep, s->k, &s->settings, err);

	if (rc)
		return rc;
	if (!s->o->json)
		fold_lines(0);
	if (s->o->pid)
		rc = scan_one(s, err);
	else if (!s->o->kernel)
		rc = scan_processes(s);
	if (!rc && !s->o->pid)
		rc = scan_kernel(s);
	guest_warn(&s->sweep.list);
	tocsin_sweep_close(&s->sweep);
	return rc ? rc : conclude(s);
}

static void complain(const char *message, void *context)
{
	fprintf(stderr, "tocsin scan: rules are left out: %s\n", message);
}

static int show(struct tocsin_kernel *k, const struct guest_options *o, struct tocsin_error *err)
{
	const char *folders[] = {o->rules, NULL, NULL};
	struct scan s = {
	    .k = k,
	    .o = o,
	    .settings.limits = {.max_bytes = MAX_BYTES, .threads = tocsin_scan_processors()},
	    .lock = PTHREAD_MUTEX_INITIALIZER,
	    .turn = PTHREAD_COND_INITIALIZER};
	struct tocsin_rules *rules = NULL;
	size_t n = o->rules != NULL;
	int rc;

	if (!access(TOCSIN_RULES_DIR, F_OK)) /* where nothing is installed there are none */
		folders[n++] = TOCSIN_RULES_DIR;
	rc = n ? tocsin_rules_load(folders, complain, NULL, &rules, err) : 0;
	if (rc)
		return rc;
	s.settings.rules = rules;
	rc = scan_all(&s, err);
	if (rc == EXIT_DONE && rules && tocsin_rules_broken(rules))
		rc = EXIT_PARTIAL;
	tocsin_rules_free(rules);
	if (rc < 0 && !err->code)
		tocsin_error_set(err, rc, "the scan broke off: %s", strerror(-rc));
	return rc;
}

int command_scan(int argc, char **argv)
{
	for (int i = 1; argc > 2 && i < argc; i++) {
		if (!strcmp(argv[i], "--list")) {
			fputs("tocsin scan: --list goes with nothing else\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		fold_table("WHY", "%-32s %-8s %-10s %-10s ", "RULE", "SEVERITY", "CONFIDENCE",
			   "TECHNIQUE");
		for (const struct tocsin_scan_rule *r = tocsin_scan_rules; r->name; r++)
			printf("%-32s %-8s %-10s %-10s %s\n", r->name,
			       tocsin_severity_name(r->severity),
			       tocsin_certainty_name(r->certainty), r->technique, r->why);
		return EXIT_DONE;
	}
	return guest_run(argc, argv, GUEST_PID | GUEST_SCAN, show);
}
