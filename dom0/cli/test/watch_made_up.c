// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The live view over a guest that is made up, for test_watch_view.py: a real monitor samples it on
 * a thread of its own, as tocsin watch has it. Its texts are as hostile as they can be.
 *
 * watch_made_up [--sockets N] [--guests N] [--fail] [--gone] [--seconds N]
 * --fail: all samples but the first; --gone: the last guest is.
 */
#include "cli/watch_guest.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ull
#define EVIL "\033]0;OWNED\007\033[2J\033[31mRED\302\233 5m\b\r\n\016"

static size_t sockets = 3;
static bool fails, goes;
static _Atomic unsigned int samples;

const char *watch_guest_name(const struct guest_options *g)
{
	return g->domain;
}

/* ---- the guest ---- */

static uint64_t now(void *unused)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static int refresh(void *unused, struct tocsin_error *err)
{
	return samples++ && fails ? -EFAULT : 0;
}

static int tasks(void *unused, struct tocsin_task_list *ret, struct tocsin_error *err)
{
	ret->rows = calloc(3, sizeof(*ret->rows));
	if (!ret->rows)
		return -ENOMEM;
	for (size_t i = 0; i < 3; i++)
		ret->rows[i] = (struct tocsin_task){.task = 0x1000 + i * 16,
						    .mm = 0x2000 + i * 16,
						    .start_time = (i + 1) * SECOND,
						    .pid = (int32_t)i + 1};
	ret->count = 3;
	return 0;
}

static void fill_row(struct tocsin_view_row *row, size_t i)
{
	struct tocsin_socket *s = &row->socket;

	row->in_table = true;
	row->first = i;
	row->holders = 1;
	*s = (struct tocsin_socket){.sock = 0x10000 + i * 0x100,
				    .inode = i + 1,
				    .family = AF_INET,
				    .type = SOCK_STREAM,
				    .protocol = IPPROTO_TCP,
				    .state = TCP_ESTABLISHED,
				    .local = {10, 0, 0, 1},
				    .remote = {192, 0, 2, (uint8_t)i},
				    .local_port = (uint16_t)(10000 + i),
				    .remote_port = 443,
				    .counted = true,
				    .bytes_sent = 1000 * i * samples,
				    .bytes_received = 7};
	if (!i) { /* one listens */
		s->state = TCP_LISTEN;
		s->local_port = 8080;
		memset(s->remote, 0, sizeof(s->remote));
		s->remote_port = 0;
		s->counted = false;
	} else if (i == 1) { /* one has a name */
		s->family = AF_UNIX;
		s->state = TCP_LISTEN;
		s->protocol = 0;
		s->name_size = sizeof(EVIL) - 1;
		memcpy(s->name, EVIL, s->name_size);
		s->counted = false;
	}
}

static int view(void *unused, struct tocsin_view_memory *memory, struct tocsin_view *ret,
		struct tocsin_error *err)
{
	*ret = (struct tocsin_view){.count = sockets};
	ret->rows = calloc(sockets + 1, sizeof(*ret->rows));
	ret->holders.rows = calloc(sockets + 1, sizeof(*ret->holders.rows));
	if (!ret->rows || !ret->holders.rows) {
		tocsin_view_free(ret);
		return -ENOMEM;
	}
	for (size_t i = 0; i < sockets; i++) {
		int32_t pid = (int32_t)(i % 3) + 1;

		fill_row(&ret->rows[i], i);
		ret->holders.rows[i] =
		    (struct tocsin_holder){.sock = ret->rows[i].socket.sock,
					   .task = 0x1000 + ((uint64_t)pid - 1) * 16,
					   .pid = pid,
					   .tid = pid,
					   .fd = (int32_t)i};
	}
	ret->holders.count = sockets;
	return 0;
}

static int counters(void *unused, struct tocsin_counters *ret)
{
	*ret = (struct tocsin_counters){.forks_known = true, .forks = 1000 + samples * 2};
	return 0;
}

static int process(void *unused, int32_t pid, struct tocsin_process *ret, char container[65])
{
	static const char *const names[] = {"init", "web", "\033[31mevil\007"};
	static const char arguments[] = "/bin/evil\0" EVIL "\0\342\200\256back";

	if (pid < 1 || pid > 3)
		return -ESRCH;
	memset(ret, 0, sizeof(*ret));
	ret->pid = pid;
	ret->ppid = pid - 1;
	ret->task = 0x1000 + ((uint64_t)pid - 1) * 16;
	ret->mm = 0x2000 + ((uint64_t)pid - 1) * 16;
	ret->start_time = (uint64_t)pid * SECOND;
	ret->exe_id.deleted = pid == 3;
	snprintf(ret->comm, sizeof(ret->comm), "%s", names[pid - 1]);
	snprintf(ret->exe, sizeof(ret->exe), "/bin/%s", names[pid - 1]);
	if (pid == 3) {
		memcpy(ret->cmdline, arguments, sizeof(arguments));
		ret->cmdline_size = sizeof(arguments);
	}
	container[0] = 0;
	return 0;
}

static int no_socket(void *unused, uint64_t sock, struct tocsin_socket *ret)
{
	return -ESRCH;
}

/* ---- the watch ---- */

static int ignore(const struct tocsin_event *e, void *unused)
{
	return 0;
}

static void state_finding(struct watch *w)
{
	struct tocsin_finding f = {
	    .rule = "watch." EVIL, .severity = TOCSIN_SEVERITY_HIGH, .what = "it says " EVIL};
	struct tocsin_event_process p = {.pid = 3, .comm = EVIL};
	struct tocsin_event e = {.kind = TOCSIN_EVENT_FINDING,
				 .time = now(NULL),
				 .guest = "made-up",
				 .process = &p,
				 .finding = &f,
				 .detail = "malicious, score 80"};

	watch_view_finding(w, &e);
}

static bool is_ending(struct watch *w)
{
	bool ending;

	pthread_mutex_lock(&w->lock);
	ending = w->ending;
	pthread_mutex_unlock(&w->lock);
	return ending;
}

static void *sample_on(void *argument)
{
	struct watch_guest *g = argument;
	struct tocsin_monitor_source source = {.refresh = refresh,
					       .tasks = tasks,
					       .view = view,
					       .counters = counters,
					       .process = process,
					       .socket = no_socket,
					       .now = now,
					       .booted = now(NULL) - 60 * SECOND};
	struct tocsin_monitor *m;
	size_t events;

	if (tocsin_monitor_open("made-up", &source, NULL, ignore, NULL, &m, NULL))
		abort();
	while (!is_ending(g->watch)) {
		tocsin_monitor_sample(m, &events, NULL);
		watch_view_update(g, m);
		if (goes && g->name == &g->watch->options->guests[g->watch->options->count - 1])
			break;
		usleep(20000);
	}
	watch_view_update(g, NULL);
	tocsin_monitor_close(m);
	return NULL;
}

static void *wait_for_signal(void *argument)
{
	struct watch *w = argument;
	sigset_t signals;
	int signal;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigwait(&signals, &signal);
	pthread_mutex_lock(&w->lock);
	w->running = 0;
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void block_signals(void)
{
	static const int blocked[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGWINCH, SIGTSTP};
	sigset_t signals;

	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
		sigaddset(&signals, blocked[i]);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

static int run(struct watch *w)
{
	struct tocsin_error err = {0};
	int rc = watch_view_check(&err);

	if (rc) {
		fprintf(stderr, "watch_made_up: %s\n", err.message);
		return 1;
	}
	block_signals();
	pthread_mutex_init(&w->lock, NULL);
	w->running = 1;
	state_finding(w);
	watch_view_say(w, "made-up: said " EVIL);
	if (pthread_create(&w->signals, NULL, wait_for_signal, w))
		return 99;
	for (size_t i = 0; i < w->options->count; i++)
		if (pthread_create(&w->guests[i].thread, NULL, sample_on, &w->guests[i]))
			return 99;
	rc = watch_view_run(w, &err);
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < w->options->count; i++)
		pthread_join(w->guests[i].thread, NULL);
	pthread_kill(w->signals, SIGTERM); /* which it waits for, if it still does */
	pthread_join(w->signals, NULL);
	watch_view_close(w);
	return rc ? 1 : 0;
}

static void add_guests(struct watch *w, struct watch_options *o, size_t count)
{
	static char names[WATCH_GUESTS_MAX][64];

	w->options = o;
	o->view = true;
	o->count = count < WATCH_GUESTS_MAX ? count : WATCH_GUESTS_MAX;
	for (size_t i = 0; i < o->count; i++) {
		snprintf(names[i], sizeof(names[i]), "made-up-%zu%s", i, EVIL);
		o->guests[i].domain = names[i];
		w->guests[i].watch = w;
		w->guests[i].name = &o->guests[i];
	}
}

int main(int argc, char **argv)
{
	struct watch_options *o = calloc(1, sizeof(*o));
	struct watch *w = calloc(1, sizeof(*w));
	size_t guests = 1;
	int rc;

	if (!o || !w)
		return 99;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--fail"))
			fails = true;
		else if (!strcmp(argv[i], "--gone"))
			goes = true;
		else if (!strcmp(argv[i], "--sockets") && i + 1 < argc)
			sockets = strtoul(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--guests") && i + 1 < argc)
			guests = strtoul(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--seconds") && i + 1 < argc)
			o->seconds = strtoul(argv[++i], NULL, 10) * SECOND;
	}
	add_guests(w, o, guests);
	rc = run(w);
	free(w);
	free(o);
	return rc;
}
