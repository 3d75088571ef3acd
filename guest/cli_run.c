// SPDX-License-Identifier: MIT
/*
 * run: start a program and have it looked at, with all that it starts, at the moments that matter
 * (trace.h): each time the process itself rings, and stands still until the answer is there, so
 * that what was looked at is what it was at that moment. At every interval this program rings for
 * the first process besides, which runs on meanwhile. What to do about a verdict is the user's
 * policy.
 *
 * Where VMFUNC is not available, or is refused, the program is not started at all.
 */
#include "cli.h"
#include "trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define DEFAULT_INTERVAL_S 10u
#define MAX_INTERVAL_S 86400u
#define PAUSE_MS 500u

enum action { REPORT, PAUSE, KILL };

static const char *const actions[] = {"report", "pause", "kill"};

struct run {
	struct cli cli;
	enum action on[TOCSIN_VERDICT_INCONCLUSIVE + 1]; /* by verdict */
	unsigned long interval_s;
	int worst; /* exit code of the worst answer so far */
	bool killed;
};

/* Which of two exit codes to end with: a verdict against the program outweighs a failure to get
 * one, and that outweighs "clean". */
static int worse(int a, int b)
{
	static const int weight[] = {
	    [CLI_CLEAN] = 0,   [CLI_MALICIOUS] = 7,    [CLI_USAGE] = 1,      [CLI_UNAVAILABLE] = 5,
	    [CLI_REFUSED] = 4, [CLI_INCONCLUSIVE] = 2, [CLI_SUSPICIOUS] = 6, [CLI_FAILED] = 3,
	};

	return weight[a] >= weight[b] ? a : b;
}

static void act(struct run *run, pid_t pid, uint32_t verdict)
{
	enum action action = verdict <= TOCSIN_VERDICT_INCONCLUSIVE ? run->on[verdict] : REPORT;

	if (action == REPORT)
		return;
	/* It is not reaped yet, so the PID cannot have become another process's. */
	kill(pid, action == KILL ? SIGKILL : SIGSTOP);
	run->killed |= action == KILL;
	if (action == PAUSE)
		fprintf(stderr, "tocsin-guest: paused; kill -CONT %d lets it go on\n", (int)pid);
}

static void take(struct run *run, const char *when, pid_t pid, int r,
		 const struct tocsin_answer *answer, const uint8_t *nonce)
{
	if (r == -ESRCH) /* it ended meanwhile */
		return;
	if (r) {
		run->worst = worse(run->worst, cli_report_error(&run->cli, when, r));
		return;
	}
	run->worst = worse(run->worst, cli_report_answer(&run->cli, when, answer, nonce));
	if (answer->state == TOCSIN_STATE_DONE)
		act(run, pid, answer->verdict);
}

static void on_moment(const struct trace_stop *stop, void *context)
{
	uint8_t nonce[TOCSIN_NONCE_SIZE];
	struct tocsin_answer answer;
	struct run *run = context;
	int r;

	if (stop->place)
		r = remote_ring(stop->remote, stop->place, stop->regs, run->cli.timeout_ms, &answer,
				nonce);
	else
		r = tocsin_scan((uint32_t)stop->pid, run->cli.timeout_ms, &answer, nonce);
	take(run, trace_moment_name(stop->moment), stop->pid, r, &answer, nonce);
}

static void on_interval(pid_t pid, void *context)
{
	uint8_t nonce[TOCSIN_NONCE_SIZE];
	struct tocsin_answer answer;
	struct run *run = context;
	siginfo_t info = {0};
	int r = tocsin_scan((uint32_t)pid, run->cli.timeout_ms, &answer, nonce);

	/* Of one that has ended meanwhile only a verdict against it says something. */
	if (!waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid == pid &&
	    (r || answer.state != TOCSIN_STATE_DONE))
		return;
	take(run, "interval", pid, r, &answer, nonce);
}

static void on_end(pid_t pid, int status, void *context)
{
	const char *how = WIFSIGNALED(status) ? "signal" : "status";
	int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
	struct run *run = context;
	FILE *const to[] = {run->cli.log, run->cli.json ? stdout : NULL};

	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++)
		if (to[i])
			fprintf(to[i],
				"{\"at\":\"end\",\"exit\":%d,\"pid\":%d,\"%s\":%d,"
				"\"killed\":%s}\n",
				run->worst, (int)pid, how, number, run->killed ? "true" : "false");
	if (!run->cli.json)
		printf("end: pid %d, %s %d%s\n", (int)pid, how, number,
		       run->killed ? ", killed" : "");
}

/* "malicious=kill" */
static int parse_policy(struct run *run, const char *text)
{
	uint32_t verdict;

	for (verdict = TOCSIN_VERDICT_CLEAN; verdict <= TOCSIN_VERDICT_INCONCLUSIVE; verdict++) {
		const char *name = tocsin_verdict_name(verdict);
		size_t n = strlen(name);

		if (strncmp(text, name, n) || text[n] != '=')
			continue;
		for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
			if (strcmp(text + n + 1, actions[i]))
				continue;
			run->on[verdict] = (enum action)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Options of run. The command's place in argv, or -1 after a message. */
static int parse(struct run *run, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		} else if (!strcmp(argv[i], "--kill")) {
			run->on[TOCSIN_VERDICT_MALICIOUS] = KILL;
		} else if (!strcmp(argv[i], "--on") && i + 1 < argc) {
			if (parse_policy(run, argv[++i])) {
				cli_usage_error("not a policy such as malicious=kill: %s", argv[i]);
				return -1;
			}
		} else if (!strcmp(argv[i], "--log") && i + 1 < argc) {
			run->cli.log = fopen(argv[++i], "ae");
			if (!run->cli.log) {
				cli_usage_error("cannot open %s: %s", argv[i], strerror(errno));
				return -1;
			}
			setvbuf(run->cli.log, NULL, _IOLBF, 0);
		} else if (!strcmp(argv[i], "--interval") && i + 1 < argc) {
			if (cli_number(argv[++i], 1, MAX_INTERVAL_S, &run->interval_s)) {
				cli_usage_error("not an interval in seconds: %s", argv[i]);
				return -1;
			}
		} else {
			cli_usage_error("run: unknown option or missing value: %s", argv[i]);
			return -1;
		}
	}
	if (i < argc)
		return i;
	cli_usage_error("run: a program to run is missing");
	return -1;
}

int cli_run(const struct cli *cli, int argc, char **argv)
{
	struct run run = {.cli = *cli, .interval_s = DEFAULT_INTERVAL_S};
	struct trace_events events = {
	    .moment = on_moment, .interval = on_interval, .end = on_end, .pause_ms = PAUSE_MS};
	unsigned long skipped = 0;
	int at, r;

	at = parse(&run, argc, argv);
	if (at < 0)
		return CLI_USAGE;
	r = tocsin_ping(NULL);
	if (r)
		return cli_report_error(&run.cli, "run, program not started", r);
	signal(SIGCHLD, SIG_DFL); /* ignored, it would reap the child behind our back */
	events.context = &run;
	events.interval_s = (unsigned int)run.interval_s;
	r = trace_run(argv + at, &events, &skipped);
	if (skipped)
		fprintf(stderr,
			"tocsin-guest: %lu moments came less than %u ms after one like them "
			"and were not looked at\n",
			skipped, PAUSE_MS);
	if (run.cli.log)
		fclose(run.cli.log);
	if (!r)
		return run.worst;
	fprintf(stderr, "tocsin-guest: run: cannot start %s: %s\n", argv[at], strerror(-r));
	return CLI_FAILED;
}
