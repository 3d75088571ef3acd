// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin scan GUEST [PID] [--kernel] [--rules DIR] [--json]: the same scanners and the same verdict
 * as for a process that rings, over the processes of a guest and its kernel, with nothing of ours
 * in the guest.
 */
#include "scan/scan.h"
#include "cli/command.h"
#include "cli/guest.h"
#include "output/output.h"

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
	struct tocsin_process_list list;
	struct holder *holders; /* of struct cred, sorted by it */
	size_t holder_count;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t turn;
	size_t next, printed; /* index of the next process to take, and to print */
	int rc;               /* the first error: everybody stops */
	struct totals totals;
};

static int by_pid(const void *a, const void *b)
{
	const struct tocsin_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static const struct tocsin_process *find(const struct tocsin_process_list *list, int32_t pid)
{
	struct tocsin_process key = {.pid = pid};

	return bsearch(&key, list->rows, list->count, sizeof(key), by_pid);
}

/* Which process has which struct cred, by the address of that. */
struct holder {
	uint64_t cred, task;
	int32_t pid;
	bool program; /* not a thread of the kernel */
};

static int by_cred(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	if (x->cred != y->cred)
		return x->cred < y->cred ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int find_holders(struct scan *s)
{
	s->holders = calloc(s->list.count, sizeof(*s->holders));
	if (!s->holders)
		return -ENOMEM;
	for (size_t i = 0; i < s->list.count; i++) {
		const struct tocsin_process *p = &s->list.rows[i];

		if (p->confidence != TOCSIN_TORN && p->cred)
			s->holders[s->holder_count++] =
			    (struct holder){p->cred, p->task, p->pid, p->mm != 0};
	}
	qsort(s->holders, s->holder_count, sizeof(*s->holders), by_cred);
	return 0;
}

/* Another process with the same struct cred. */
static int32_t cred_sharer(const struct scan *s, const struct tocsin_process *p)
{
	struct holder key = {p->cred, p->task, p->pid, false};
	const struct holder *at, *end = s->holders + s->holder_count;
	uint64_t kernels;

	if (p->confidence == TOCSIN_TORN || !p->cred)
		return 0;
	if (!tocsin_kernel_symbol(s->k, "init_cred", &kernels) && p->cred == kernels && p->mm)
		return -1;
	at = bsearch(&key, s->holders, s->holder_count, sizeof(key), by_cred);
	if (!at)
		return 0;
	while (at > s->holders && at[-1].cred == p->cred)
		at--;
	for (; at < end && at->cred == p->cred; at++)
		if (at->task != p->task && (p->mm || at->program))
			return at->pid;
	return 0;
}

static int print(struct scan *s, const struct tocsin_process *p,
		 const struct tocsin_findings *findings, const struct tocsin_verdict *verdict)
{
	s->totals.subjects++;
	s->totals.verdicts[verdict->verdict]++;
	if (s->o->json)
		return tocsin_output_scan_json(stdout, p, findings, verdict);
	return tocsin_output_scan_text(stdout, p, findings, verdict);
}

/* Is it gone, or another program, by now? Then what could not be read of it says nothing. */
static bool has_ended(struct scan *s, const struct tocsin_process *p)
{
	struct tocsin_process *now = malloc(sizeof(*now));
	struct tocsin_error err = {0};
	int rc = now ? tocsin_process_by_pid(s->k, NULL, p->pid, now, &err) : 0;
	bool ended = rc == -ESRCH || (now && !rc && (now->task != p->task || now->mm != p->mm));

	free(now);
	return ended && p->confidence != TOCSIN_CONTRADICTED;
}

/* 0, 1: it has ended, or a negative errno. */
static int scan_process(struct scan *s, const struct tocsin_process *p,
			struct tocsin_findings *findings, struct tocsin_verdict *verdict)
{
	struct tocsin_scan_subject subject = {
	    .process = p, .parent = find(&s->list, p->ppid), .cred_sharer = cred_sharer(s, p)};
	struct tocsin_error err = {0};
	int rc;

	memset(findings, 0, sizeof(*findings));
	rc = tocsin_scan_process(s->k, &subject, &s->settings, findings, &err);
	if (rc == -ENOMEM || rc == -ENODEV)
		return rc;
	if (rc && !findings->unreadable[0])
		snprintf(findings->unreadable, sizeof(findings->unreadable), "%s",
			 err.code ? err.message : strerror(-rc));
	tocsin_verdict_decide(findings, verdict);
	return verdict->verdict == TOCSIN_VERDICT_INCONCLUSIVE && !s->o->pid && has_ended(s, p);
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
	while (!s->rc && s->next < s->list.count) {
		size_t mine = s->next++;
		int rc;

		pthread_mutex_unlock(&s->lock);
		rc = scan_process(s, &s->list.rows[mine], findings, &verdict);
		pthread_mutex_lock(&s->lock);
		while (s->printed != mine && !s->rc)
			pthread_cond_wait(&s->turn, &s->lock);
		if (!rc && !s->rc)
			rc = print(s, &s->list.rows[mine], findings, &verdict);
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
	const struct tocsin_process *p = find(&s->list, s->o->pid);
	struct tocsin_findings *findings;
	struct tocsin_verdict verdict;
	int rc;

	if (!p)
		return tocsin_error_set(err, -ESRCH, "no process %" PRId32, s->o->pid);
	findings = malloc(sizeof(*findings));
	if (!findings)
		return -ENOMEM;
	rc = scan_process(s, p, findings, &verdict);
	if (!rc)
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
	int rc = tocsin_process_list(s->k, &s->list, err);

	if (rc)
		return rc;
	qsort(s->list.rows, s->list.count, sizeof(*s->list.rows), by_pid);
	rc = find_holders(s);
	if (!rc && s->o->pid)
		rc = scan_one(s, err);
	else if (!rc && !s->o->kernel)
		rc = scan_processes(s);
	if (!rc && !s->o->pid)
		rc = scan_kernel(s);
	guest_warn(&s->list);
	free(s->holders);
	tocsin_process_list_free(&s->list);
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
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		printf("%-32s %-8s %-10s %-10s %s\n", "RULE", "SEVERITY", "CONFIDENCE", "TECHNIQUE",
		       "WHY");
		for (const struct tocsin_scan_rule *r = tocsin_scan_rules; r->name; r++)
			printf("%-32s %-8s %-10s %-10s %s\n", r->name,
			       tocsin_severity_name(r->severity),
			       tocsin_certainty_name(r->certainty), r->technique, r->why);
		return EXIT_DONE;
	}
	return guest_run(argc, argv, GUEST_PID | GUEST_SCAN, show);
}
