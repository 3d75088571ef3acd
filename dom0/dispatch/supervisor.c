/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A broker that dies is started anew, and finds what was pending in the state. Its workers end with
 * it, since what they would say nobody waits for; its writer writes what it has and ends then.
 *
 * All are children by fork alone, so that workers have the compiled rules in memory that they
 * share. That is also why nothing secret is here: what the supervisor holds, each of them could
 * read.
 */
#include "dispatch/supervisor.h"
#include "dispatch/broker.h"
#include "dispatch/child.h"
#include "dispatch/errand.h"
#include "dispatch/message.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BROKERS_MAX 10 /* that die within... */
#define BROKERS_SECONDS 60
#define WRITER_SECONDS 5 /* for the last writer to end */

struct child {
	struct child *next;
	pid_t pid;
	bool worker;
};

struct supervisor {
	struct tocsin_daemon_settings *s;
	struct tocsin_rules *rules;
	struct child *children; /* workers and writers */
	pid_t broker;
	int socket, signals;
	bool listening; /* the broker has said so once */
	bool stop;
	time_t died[BROKERS_MAX]; /* when, in a circle */
	size_t deaths;
	int code;
};

static uint8_t buffer[TOCSIN_MESSAGE_MAX];

static time_t seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void complain(const char *message, void *context)
{
	fprintf(stderr, "tocsind: rules are left out: %s\n", message);
}

static int load_rules(struct supervisor *v, struct tocsin_error *err)
{
	struct tocsin_rules *rules;
	int rc;

	if (!v->s->rule_folders[0])
		return 0;
	rc = tocsin_rules_load(v->s->rule_folders, complain, NULL, &rules, err);
	if (rc)
		return rc;
	tocsin_rules_free(v->rules);
	v->rules = rules;
	v->s->shared->rules = tocsin_rules_count(rules);
	v->s->worker.job.scan.rules = rules;
	return 0;
}

static void set_signals(struct supervisor *v)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	v->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* In a child. A terminal's interrupt is for the supervisor, which tells the broker. */
static void unset_signals(struct supervisor *v)
{
	sigset_t none;

	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close(v->signals);
}

static int start_broker(struct supervisor *v)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		unset_signals(v);
		close(ends[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "tocsin-broker");
		_exit(tocsin_broker_run(v->s, ends[1], v->listening));
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -errno;
	}
	v->broker = pid;
	v->socket = ends[0];
	return 0;
}

/* In the child. What others rely on is out of its reach before it sees a hostile byte: who takes it
 * over cannot change the accounts, neither of other guests nor of its own. */
static _Noreturn void run_child(struct supervisor *v, const struct tocsin_msg_start *m, int socket)
{
	if (munmap(v->s->shared, sizeof(*v->s->shared)))
		_exit(1);
	v->s->shared = NULL;
	unset_signals(v);
	signal(SIGTERM, SIG_IGN); /* they end when the broker wants it */
	if (m->domid == TOCSIN_START_WRITER)
		tocsin_writer_run(&v->s->writer, socket);
	if (m->errand)
		tocsin_errand_run(v->s, m, socket);
	tocsin_worker_run(v->s->backend, &v->s->worker, m->domid, m->uuid, socket);
}

static void start_child(struct supervisor *v, const struct tocsin_msg_start *m, int socket)
{
	struct child *c = malloc(sizeof(*c));
	struct tocsin_msg_start started = *m;
	int fd = -1;
	pid_t pid;

	fflush(NULL);
	pid = c ? fork() : -1;
	if (pid == 0)
		run_child(v, m, socket);
	if (pid > 0) {
		*c = (struct child){v->children, pid, m->domid != TOCSIN_START_WRITER};
		v->children = c;
		fd = tocsin_child_open(pid);
	} else {
		free(c);
	}
	started.pid = pid > 0 ? (uint32_t)pid : 0;
	tocsin_msg_send(v->socket, buffer,
			tocsin_msg_put_start(buffer, TOCSIN_MSG_STARTED, &started), fd, 0);
	if (fd >= 0)
		close(fd);
}

static void take_message(struct supervisor *v)
{
	struct tocsin_msg_start m;
	int fd;
	ssize_t n = tocsin_msg_receive(v->socket, buffer, &fd, MSG_DONTWAIT);
	int kind = n > 0 ? tocsin_msg_kind(buffer, (size_t)n) : 0;

	if (kind == TOCSIN_MSG_LISTENING)
		v->listening = true;
	else if (kind == TOCSIN_MSG_START && fd >= 0 &&
		 !tocsin_msg_get_start(buffer, (size_t)n, &m))
		start_child(v, &m, fd);
	if (fd >= 0)
		close(fd);
}

static void kill_workers(struct supervisor *v)
{
	for (const struct child *c = v->children; c; c = c->next)
		if (c->worker)
			kill(c->pid, SIGKILL);
}

/* Too many in too short a time: whatever it is, starting anew does not help. */
static bool is_hopeless(struct supervisor *v)
{
	time_t *oldest = &v->died[v->deaths++ % BROKERS_MAX], before = *oldest;

	*oldest = seconds();
	return v->deaths > BROKERS_MAX && *oldest - before < BROKERS_SECONDS;
}

static void broker_ended(struct supervisor *v, int status)
{
	v->broker = 0;
	close(v->socket);
	v->socket = -1;
	kill_workers(v);
	if (WIFEXITED(status) && (v->stop || !v->listening || !WEXITSTATUS(status))) {
		v->code = WEXITSTATUS(status);
		v->stop = true;
		return;
	}
	v->code = 1;
	if (WIFSIGNALED(status))
		fprintf(stderr, "tocsind: the broker died of signal %d\n", WTERMSIG(status));
	if (!v->listening || is_hopeless(v))
		v->stop = true;
	if (!v->stop && start_broker(v)) {
		fprintf(stderr, "tocsind: cannot start a broker: %s\n", strerror(errno));
		v->stop = true;
	}
}

/* By signal: the kernel's filter (31), a flaw (11, 6), or no memory (9, which the broker uses too).
 */
static void say_death(const struct child *c, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		fprintf(stderr, "tocsind: a %s, process %d, died of signal %d (%s)\n",
			c->worker ? "worker" : "writer", c->pid, WTERMSIG(status),
			strsignal(WTERMSIG(status)));
}

static void reap(struct supervisor *v)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == v->broker)
			broker_ended(v, status);
		for (struct child **at = &v->children; *at; at = &(*at)->next) {
			struct child *c = *at;

			if (c->pid != pid)
				continue;
			*at = c->next;
			say_death(c, status);
			free(c);
			break;
		}
	}
}

static void reload(struct supervisor *v)
{
	struct tocsin_msg_note note = {0};
	struct tocsin_error err = {0};

	/* A configuration with a mistake changes nothing at all. */
	if (v->s->setup && v->s->setup(v->s, &err)) {
		fprintf(stderr, "tocsind: the configuration stays as it was: %s\n", err.message);
		return;
	}
	if (load_rules(v, &err))
		fprintf(stderr, "tocsind: the rules stay as they were: %s\n", err.message);
	else if (v->rules)
		fprintf(stderr, "tocsind: %zu rules, %zu files left out\n",
			tocsin_rules_count(v->rules), tocsin_rules_broken(v->rules));
	tocsin_msg_send(v->socket, buffer, tocsin_msg_put_note(buffer, TOCSIN_MSG_RELOADED, &note),
			-1, 0);
}

static void take_signals(struct supervisor *v)
{
	struct signalfd_siginfo info;

	while (read(v->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) {
			reap(v);
		} else if (info.ssi_signo == SIGHUP) {
			reload(v);
		} else {
			v->stop = true;
			if (v->broker)
				kill(v->broker, SIGTERM);
		}
	}
}

static void loop(struct supervisor *v)
{
	struct pollfd fds[2] = {{.fd = v->signals, .events = POLLIN}};

	while (v->broker) {
		fds[1] = (struct pollfd){.fd = v->socket, .events = POLLIN};
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			take_message(v);
		if (fds[0].revents)
			take_signals(v);
		else if (fds[1].revents & POLLHUP)
			poll(NULL, 0, 1); /* its end is about to be told */
	}
}

/* What the last writer has is still to be written. */
static void wait_for_children(struct supervisor *v)
{
	time_t end = seconds() + WRITER_SECONDS;

	while (v->children && seconds() < end) {
		poll(NULL, 0, 2);
		reap(v);
	}
	while (v->children) {
		struct child *c = v->children;

		kill(c->pid, SIGKILL);
		waitpid(c->pid, NULL, 0);
		v->children = c->next;
		free(c);
	}
}

int tocsin_supervise(struct tocsin_daemon_settings *s)
{
	struct supervisor v = {.s = s, .socket = -1, .signals = -1};
	struct tocsin_error err = {0};
	int rc = 0;

	if (!s->shared) {
		s->shared = mmap(NULL, sizeof(*s->shared), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (s->shared == MAP_FAILED)
			rc = tocsin_error_set(&err, -ENOMEM, "no memory for counters");
	}
	if (!rc)
		rc = load_rules(&v, &err);
	set_signals(&v);
	if (!rc)
		rc = start_broker(&v);
	if (rc) {
		fprintf(stderr, "tocsind: %s\n", err.code ? err.message : strerror(-rc));
		tocsin_rules_free(v.rules);
		return 1;
	}
	loop(&v);
	wait_for_children(&v);
	close(v.signals);
	tocsin_rules_free(v.rules);
	return v.code;
}
