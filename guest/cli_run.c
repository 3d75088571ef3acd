// SPDX-License-Identifier: MIT
/*
 * run: start a program and ring for it, with its PID, while it runs.
 *
 * The first ring comes once exec() has succeeded, so that the program itself is looked at and not
 * the fork of this one; the next at every interval. None of them stops the program. The ring at
 * exit is made when the child has ended but is not yet reaped: its task and identity are still
 * there, its memory is not, so that ring can judge what the kernel still holds of a process, never
 * the code it ran last. What lives shorter than one scan is therefore seen in part or not at all.
 * Only the child is rung for, not what it starts.
 *
 * Where VMFUNC is not available, or is refused, the program is not started at all.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_INTERVAL_S 10u
#define MAX_INTERVAL_S 86400u

struct run {
	const struct cli *cli;
	pid_t pid;
	bool kill;
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

/* Fork and exec. 0 once exec() has succeeded; the error of fork() or exec() otherwise. */
static int start(char **argv, pid_t *ret)
{
	int fds[2], error = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0) {
		error = errno;
		close(fds[0]);
		close(fds[1]);
		return -error;
	}
	if (!pid) {
		execvp(argv[0], argv);
		error = errno;
		n = write(fds[1], &error, sizeof(error));
		_exit(n == sizeof(error) ? 127 : 126);
	}
	close(fds[1]);
	do
		n = read(fds[0], &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	close(fds[0]);
	if (n) {
		waitpid(pid, NULL, 0);
		return n == sizeof(error) ? -error : -EIO;
	}
	*ret = pid;
	return 0;
}

/* The exit code of one ring for the child. */
static int ring(struct run *run, const char *when)
{
	uint8_t nonce[TOCSIN_NONCE_SIZE];
	struct tocsin_answer answer;
	int r, code;

	r = tocsin_scan((uint32_t)run->pid, run->cli->timeout_ms, &answer, nonce);
	code = r ? cli_report_error(run->cli, when, r)
		 : cli_report_answer(run->cli, when, &answer, nonce);
	/* Not reaped yet, so the PID cannot have become another process's. */
	if (code == CLI_MALICIOUS && run->kill && !run->killed)
		run->killed = !kill(run->pid, SIGKILL);
	return code;
}

/* Has the child ended? It stays unreaped. */
static bool ended(const struct run *run)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG | WNOWAIT))
		return errno != EINTR;
	return info.si_pid == run->pid;
}

/* Wait for the interval, or the child's end. SIGCHLD is blocked, so none is lost in between. */
static void wait_interval(const struct run *run, const sigset_t *chld)
{
	struct timespec now, end, left;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += (time_t)run->interval_s;
	while (!ended(run)) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec ||
		    (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec))
			return;
		left.tv_sec = end.tv_sec - now.tv_sec;
		left.tv_nsec = end.tv_nsec - now.tv_nsec;
		if (left.tv_nsec < 0) {
			left.tv_sec--;
			left.tv_nsec += 1000000000L;
		}
		sigtimedwait(chld, NULL, &left);
	}
}

static void report_end(const struct run *run, int status)
{
	const char *how = WIFSIGNALED(status) ? "signal" : "status";
	int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);

	if (run->cli->json)
		printf("{\"at\":\"end\",\"exit\":%d,\"pid\":%d,\"%s\":%d,\"killed\":%s}\n",
		       run->worst, (int)run->pid, how, number, run->killed ? "true" : "false");
	else
		printf("end: pid %d, %s %d%s\n", (int)run->pid, how, number,
		       run->killed ? ", killed: malicious" : "");
}

static bool against(int code)
{
	return code == CLI_MALICIOUS || code == CLI_SUSPICIOUS;
}

static int watch(struct run *run, const sigset_t *chld)
{
	int status = 0, code;

	run->worst = ring(run, "start");
	for (wait_interval(run, chld); !ended(run); wait_interval(run, chld)) {
		code = ring(run, "interval");
		if (against(code) || !ended(run))
			run->worst = worse(run->worst, code);
	}
	/* Of a child that has ended, "no such process" or "no memory" says nothing bad: only a
	 * verdict against it counts. */
	if (!run->killed) {
		code = ring(run, "exit");
		if (against(code))
			run->worst = worse(run->worst, code);
	}
	while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
		;
	report_end(run, status);
	return run->worst;
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
			run->kill = true;
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
	struct run run = {.cli = cli, .interval_s = DEFAULT_INTERVAL_S};
	sigset_t chld, mask;
	int at, r;

	at = parse(&run, argc, argv);
	if (at < 0)
		return CLI_USAGE;
	r = tocsin_ping(NULL);
	if (r)
		return cli_report_error(cli, "run, program not started", r);
	signal(SIGCHLD, SIG_DFL); /* ignored, it would reap the child behind our back */
	r = start(argv + at, &run.pid);
	if (r) {
		fprintf(stderr, "tocsin-guest: run: cannot start %s: %s\n", argv[at], strerror(-r));
		return CLI_FAILED;
	}
	/* Ctrl-C ends the program, and this one reports how it ended. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &mask);
	return watch(&run, &chld);
}
